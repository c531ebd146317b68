"""Write docs/files.md from the tables of ingestion/files: python docs/scripts/file_forms.py"""

from __future__ import annotations

from pathlib import Path

from ingestion.decode.reasons import REASONS
from ingestion.files.dumps import DUMPS
from ingestion.files.errors import LEGAL
from ingestion.files.json_shapes import SHAPES
from ingestion.files.names import NAMES
from ingestion.files.timeforms import FORMS
from ingestion.files.unpack import CONTAINERS, PACKERS
from ingestion.files.zones import SEVERAL

PAGE = Path(__file__).resolve().parents[1] / "files.md"

_TITLES = {
    "symbol_maybe": "symbol, where nothing above is there",
    "closetime": "time at which a bar ends",
    "clock": "clock beside a date",
    "event": "what a row is",
    "quote": "volume in the quote currency (not taken)",
    "closed": "whether a bar is closed",
}


def page() -> str:
    """The text of docs/files.md."""
    packed = sorted({name for name, _ in PACKERS.values()} | set(CONTAINERS.values()))
    parts = [
        "# Files that are read\n\n"
        "Made from the tables of `ingestion/files/` by `docs/scripts/file_forms.py`; a new form is "
        "a line there and its example. A file is recognised by its content, never by its ending: "
        f"{LEGAL.partition(' (')[0]}. Packed in: {', '.join(packed)}. A zip may hold several "
        "files.\n\n"
        "What a file leaves open is asked: on the page as a question with its answers, over HTTP "
        "as 409 with the question, whose parameter (`symbol`, `dayfirst`, `timezone`, `columns`, "
        "`timeframe`, `replace`, `encoding`) answers it.\n",
        "## Names of columns\n\nCase, blanks, marks and what stands in brackets are no part of a "
        "name, but for a time's zone and for the currency or the thousands of a volume. Where "
        "several of a meaning are there, the first of the list counts.\n\n"
        + _table(("meaning", "names"), [(_TITLES.get(k, k), v) for k, v in NAMES.items()]),
        "Beside these: a column of closes a symbol (`Date,KO,PEP`), names that hold both "
        "(`AAPL.Close`, `Close_AAPL`), and the headers of two and three lines that yfinance "
        "writes.\n",
        "## Times\n\n"
        + _table(("form", "example"), [(one.name, f"`{one.example}`") for one in FORMS]),
        "The zone of times counts where it stands behind them, in their column's name "
        "(`Time (ET)`), or in a column of its own (`timezone`, `tz`, `utc_offset`), by name or in "
        "hours with their sign (`+02:00`, `UTC-5`); one in a line above the table and that of "
        "`Time (Exchange)` are asked about, and so are letters that mean several zones "
        f"({', '.join(sorted(word.upper() for word in SEVERAL))}; EST in a file of Australia's "
        "exchange). All other times are UTC. Day and month in an order that no row tells are asked "
        "for. In the hour that a region's clock repeats, a step back between rows in order says "
        "which pass a row is of; where none does, the rows of that hour are rejected. Bars of "
        "several hours may keep to such a clock: in summer they open an hour earlier, UTC.\n",
        "## Rows without a header\n\n"
        + _table(
            ("source", "columns", "a row"),
            [
                (one.source + (f": refused, {one.refused}" if one.refused else ""),
                 one.columns.replace("_", "·"), f"`{one.example}`")
                for one in DUMPS
            ],
        ),
        "## Shapes of JSON\n\nBeside a value a line (NDJSON), with or without what a logger writes "
        "before it:\n\n"
        + "\n\n".join(f"- {name}:\n\n  ```json\n  {text}\n  ```" for name, text in SHAPES.items())
        + "\n",
        "## Files that are refused\n\nWhat would be wrong if it were taken: orders, quotes, "
        "books, liquidations, returns and changes; trades that have days alone; bars of months, "
        "which have no even step (other days of which most are missing are asked about); bars of "
        "one time with several prices, as where the symbol stands under a name that is not known; "
        "a column of times or prices that stands twice and differs; Heikin-Ashi bars alone, which "
        "are averages (beside plain bars they are left out); Databento's and LEAN's "
        "scaled prices. The sentence names the column or the line and what to do. How much is "
        "held, as the shares in a table of holdings, is no volume: it is left out, and said.\n",
        "## Why rows are rejected\n\n" + _table(("reason", "means"), list(REASONS.items())),
    ]  # fmt: skip
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("-" for _ in head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
