"""Which column of a table is the time, the symbol, the exchange and the volume.

Told by names, and by cells where names do not tell. Raises QuestionOpen where two columns may
be meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from analytics.model import is_timeframe
from ingestion.decode.symbols import proper_symbol, symbol_in_name, word_set
from ingestion.files.errors import LEGAL, Choice, Question, QuestionOpen, UploadError
from ingestion.files.names import (
    OHLC,
    canonical,
    column_of,
    columns_of,
    currency_of_volume,
    is_held,
    is_quote_currency,
    rank,
)
from ingestion.files.numbers import Style, floats
from ingestion.files.plan import Plan, Sample
from ingestion.files.timeforms import form_of, is_rounded
from ingestion.files.timestep import is_regular

_SHOWN = 160
#: What the name of a volume says that counts more than one a unit.
_IN_BULK = re.compile(r"thousand|million|tausend|[(/ ](?:000s?|k|m|mln|mio)\.?\)", re.IGNORECASE)
#: What cells say that are no names: sides.
_NO_NAMES = frozenset(("buy", "sell", "bid", "ask"))
_NO_SHORT_NAMES = word_set(
    "b s buy sell bid ask long short maker taker trade market limit true false"
)
_TIMEFRAME = re.compile(
    r"\d+ ?(?:s|secs?|m|mins?|minutes?|h|hr|hours?|d|days?|w|mo)", re.IGNORECASE
)


def time_columns(sample: Sample, names: list[str]) -> tuple[tuple[int, ...], bool]:
    """Where the times stand, and whether they are those at which bars end."""
    candidates = [*columns_of(names, "time"), *columns_of(names, "closetime")]
    if "T" in names and "t" in names and "p" in names:  # a trade's time and id
        candidates = [names.index("T")]
    if all(column_of(names, name) is not None for name in OHLC) and "id" in names:
        candidates.append(names.index("id"))  # HTX names its bars by their time
    unnamed = [
        at
        for at, name in enumerate(names)
        if canonical(name) in ("", "index", "unnamed0", "indexlevel0")
    ]
    rounded = ""
    for at in [*candidates, *unnamed, *range(len(names))]:
        cells = sample.cells(at)[:50]
        forms = [form_of(cell) for cell in cells]
        if candidates and at in candidates:
            rounded = rounded or rounded_words(cells)
        if not cells or sum(form is None for form in forms) * 2 > len(cells):
            continue
        form = next(form for form in forms if form is not None)
        known = at in candidates or at in unnamed
        if form.order == "clock" or (not known and form.order in ("serial", "epoch")):
            continue
        if not known and is_known(names[at]):
            continue
        if all(len(cell) <= 10 for cell in cells) and form.order not in ("epoch", "serial"):
            clock = _clock_column(sample, names, at)
            if clock is not None:
                return (at, clock), False
        return (at,), rank(names[at], "time") is None and rank(names[at], "closetime") is not None
    found = f"the columns are {listed(names)}"
    if candidates:
        shown = ", ".join(sample.cells(candidates[0])[:2])
        found += f'; column {names[candidates[0]]!r} reads "{shown[:80]}"'
    raise UploadError(
        found,
        rounded or "no column of times between 2000 and 2100",
        f"expected a column such as timestamp or Date; {LEGAL}",
    )


def _clock_column(sample: Sample, names: list[str], date: int) -> int | None:
    """The column of a clock beside one of dates."""
    for at in columns_of(names, "clock"):
        cells = sample.cells(at)
        if at == date or not cells or not all(_is_clock(cell) for cell in cells[:50]):
            continue
        if any(re.fullmatch(r"\d\d?", cell) is None for cell in cells):
            return at
        if _are_hours(sample, names, at, date):
            return at
    return None


def _are_hours(sample: Sample, names: list[str], position: int, date: int) -> bool:
    """Whether numbers of one or two digits are hours, and no minutes.

    Minutes after midnight, as 930 is half past nine, reach 24 and more, but on a day that begins.
    """
    if any(canonical(name) in ("minute", "minutes") for name in names):
        return False
    if canonical(names[position]) == "hour":
        return True
    numbers = [int(cell) for cell in sample.cells(position)]
    return 0 < max(numbers) <= 23 and len(set(sample.cells(date))) > 1


def _is_clock(cell: str) -> bool:
    form = form_of(cell)
    return (form is not None and form.order == "clock") or re.fullmatch(
        r"\d{1,6}", cell
    ) is not None


def rounded_words(cells: Sequence[str]) -> str:
    shown = next((cell for cell in cells if is_rounded(cell)), None)
    if shown is None:
        return ""
    return (
        f"the times were rounded to {shown} by a spreadsheet, which lost their last digits: "
        "export the file again, with that column as text"
    )


def symbol_column(sample: Sample, names: list[str], time: tuple[int, ...]) -> int | None:
    """The column that names symbols. Raises QuestionOpen where two may."""
    asked = sample.answers.columns
    if asked is not None and asked in names:
        return names.index(asked)
    sure, maybe = (
        [
            at
            for at in columns_of(names, meaning)
            if at not in time and _are_names(sample, at) and not _are_words(sample, names, at)
        ]
        for meaning in ("symbol", "symbol_maybe")
    )
    maybe = [at for at in maybe if not _are_ids(sample, names, at)]
    found = sure or maybe
    if len(sure) > 1 and _go_together(sample, sure):
        return sure[0]
    if len(found) > 1:
        distinct = {at: tuple(sample.cells(at)[:200]) for at in found}
        if len(set(distinct.values())) > 1 and any(len(set(c)) > 1 for c in distinct.values()):
            raise QuestionOpen(_which_column(sample, names, found))
    return found[0] if found else None


def _are_ids(sample: Sample, names: list[str], position: int) -> bool:
    """Whether cells of a column with a name of one letter differ from row to row, as ids do."""
    cells = sample.cells(position)
    return len(names[position].strip()) == 1 and len(set(cells)) * 2 > len(cells)


def _are_words(sample: Sample, names: list[str], position: int) -> bool:
    """Whether a column with a name of one letter holds sides, kinds, counts or timeframes."""
    letter = names[position].strip().lower()
    if len(letter) != 1:
        return False
    words = {cell.lower() for cell in sample.cells(position)}
    few = all(re.fullmatch(r"\d{1,3}|\d*\.\d+", word) for word in words)
    if few or words <= _NO_SHORT_NAMES or any(map(_TIMEFRAME.fullmatch, words)):
        return True
    return letter != "s" and (
        bool(words & _NO_SHORT_NAMES) or any(len(re.findall(r"[^\W\d_]", one)) < 2 for one in words)
    )


def _go_together(sample: Sample, positions: list[int]) -> bool:
    """Whether columns name the same things, each in its own words, such as symbol and ISIN."""
    rows = [tuple(row[at].strip() for at in positions) for row in sample.rows]
    return all(len(set(rows)) == len({row[at] for row in rows}) for at in range(len(positions)))


def _which_column(sample: Sample, names: list[str], positions: list[int]) -> Question:
    choices = tuple(
        Choice(
            names[at], f"column {names[at]}: {', '.join(dict.fromkeys(sample.cells(at)[:50]))[:40]}"
        )
        for at in positions
    )
    return Question(
        "columns", "several rows have the same time: which column is the symbol?", choices
    )


def ask_for_symbols(sample: Sample, plan: Plan, names: list[str]) -> None:
    """Raise QuestionOpen where rows share a time and no column is known to tell them apart."""
    if plan.symbol is not None or sample.answers.symbol is not None:
        return
    moments = sample.times(plan)
    moments = moments[moments > 0]
    if len(moments) < 4 or len(np.unique(moments)) * 10 > len(moments) * 9:
        return
    read = {*plan.wanted} - {plan.venue}
    texts = [
        at
        for at in range(len(names))
        if at not in read and len(set(sample.cells(at))) > 1 and _are_names(sample, at)
    ]
    if texts:
        raise QuestionOpen(_which_column(sample, names, texts))


def _are_names(sample: Sample, position: int) -> bool:
    """Whether most cells of a column could be symbols and are no numbers."""
    cells = sample.cells(position)[:200]
    if {cell.lower() for cell in cells} <= _NO_NAMES or all(map(is_timeframe, cells)):
        return False
    good = [cell for cell in cells if proper_symbol(cell.lstrip("'")) is not None]
    numbers = floats(pa.array(cells, pa.string()))[1]
    return (
        bool(cells)
        and len(good) * 2 >= len(cells)
        and (bool(numbers.any()) or len(set(cells)) < len(cells) / 2)
    )


def _are_numbers(sample: Sample, position: int) -> bool:
    """Whether no cell of a column is anything but a number."""
    return not floats(pa.array(sample.cells(position), pa.string()), Style())[1].any()


def venue_column(sample: Sample, names: list[str]) -> int | None:
    at = column_of(names, "venue")
    return at if at is not None and len(set(sample.cells(at))) > 1 else None


def volume_column(
    sample: Sample, names: list[str], base: Plan, ticks: bool = False
) -> tuple[int | None, tuple[str, ...]]:
    """The column of the volume in the base currency, or of sizes, and what to say of it."""
    meanings = ("size", "volume") if ticks else ("volume", "size")
    taken = (*base.time, base.symbol)
    found = [at for meaning in meanings for at in columns_of(names, meaning) if at not in taken]
    found = _without_s(sample, names, found, ticks)
    quoted = columns_of(names, "quote")
    symbols = sample.cells(base.symbol)[:1] if base.symbol is not None else []
    symbol = proper_symbol(symbols[0]) if symbols else symbol_in_name(sample.file)
    for at, name in enumerate(names):
        currency = currency_of_volume(name)
        if currency is not None:
            (quoted if is_quote_currency(currency, symbol) else found).append(at)
    found = [at for at in dict.fromkeys(found) if at not in quoted]
    held = [] if ticks else [at for at in found if is_held(names[at], names)]
    found = [at for at in found if at not in held]
    if held and not found:
        return None, (held_words(names[held[0]]),)
    in_bulk = [names[at] for at in found if _IN_BULK.search(names[at])]
    found = [at for at in found if names[at] not in in_bulk]
    if in_bulk and not found:
        text = f"column {in_bulk[0]!r} counts thousands or millions"
        if ticks and columns_of(names, "price"):
            raise UploadError(text, "trades are read with their sizes as they are", LEGAL)
        return None, (f"{text}: not taken",)
    if (
        len(found) > 1
        and canonical(names[found[0]]) in ("vol", "volume")
        and _all_zero(sample, found[0])
    ):
        found = [at for at in found if not _all_zero(sample, at)] or found  # MetaTrader's VOL
    prices = [*columns_of(names, "price"), *columns_of(names, "close")]
    if len(found) > 1 and prices:
        found = _not_turnover(sample, found, prices[0])
    if found:
        return found[0], ()
    if quoted:
        return None, (f"column {names[quoted[0]]!r} is a volume in the quote currency: not taken",)
    return None, ()


def held_words(name: str) -> str:
    return f"column {name!r} counts what is held: not taken as volume"


def _without_s(sample: Sample, names: list[str], found: list[int], ticks: bool) -> list[int]:
    """Without a column called s, which is the size of a trade where no other column is."""
    others = [at for at in found if canonical(names[at]) != "s"]
    if others or not ticks:
        return others
    return [at for at in found if _are_numbers(sample, at)]


def _all_zero(sample: Sample, position: int) -> bool:
    return not np.nan_to_num(
        floats(pa.array(sample.cells(position), pa.string()), Style())[0]
    ).any()


def _not_turnover(sample: Sample, positions: list[int], price: int) -> list[int]:
    """Without a column that is price times another of them."""
    columns = {at: sample.floats(at) for at in (*positions, price)}
    for base in positions:
        expected = columns[base] * columns[price]
        for other in positions:
            near = np.isclose(columns[other], expected, rtol=0.02) & (expected > 0)
            if other != base and near.mean() > 0.9 and not np.allclose(columns[price], 1):
                return [base]
    return positions


def number_columns(sample: Sample, base: Plan) -> list[int]:
    """The columns of numbers that are neither time nor symbol."""
    taken = {*base.time, base.symbol, base.venue}
    found = []
    for at in range(base.width):
        cells = sample.cells(at)
        if at in taken or not cells or (sample.names and not sample.names[at][0].strip()):
            continue
        values, wrong = floats(pa.array(cells, pa.string()), base.style)
        if not wrong.any() and np.isfinite(values).any():
            found.append(at)
    return found


def are_steps(sample: Sample, base: Plan) -> bool:
    """Whether times are the even steps of bars, and each is there once for a symbol."""
    moments = sample.times(base)
    cells = (
        [row[base.symbol] for row in sample.rows]
        if base.symbol is not None
        else [""] * len(moments)
    )
    once = len(set(zip(moments.tolist(), cells, strict=True))) * 10 > len(moments) * 9
    return once and is_regular(moments)


def is_of_a_day(sample: Sample, position: int) -> bool:
    """Whether volumes are almost the same from row to row, as those of the last 24 h are."""
    if not sample.names or rank(sample.names[position][0], "volume") is None:
        return False
    volume = sample.floats(position)
    away = np.abs(np.diff(volume)) / np.maximum(volume[1:], 1e-12)
    return len(volume) > 9 and bool(0 < np.median(away) < 0.01)


def is_known(name: str) -> bool:
    known = (*OHLC, "volume", "trades", "vwap", "time", "closetime", "price", "size", "id")
    return any(rank(name, meaning) is not None for meaning in known)


def first_other(positions: list[int], taken: tuple[int, ...]) -> int | None:
    return next((at for at in positions if at not in taken), None)


def listed(names: Sequence[str]) -> str:
    return ", ".join(name.strip() or "(no name)" for name in names)[:_SHOWN]
