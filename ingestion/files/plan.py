"""What the columns of a file are, told by their names and some of the rows: a `Plan`.

Nothing is read here but a sample. What a sample leaves open is asked (`QuestionOpen`), what it
contradicts is refused (`UploadError`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from ingestion.decode.symbols import proper_symbol, symbol_in_name
from ingestion.files.dumps import Dump, dump_of
from ingestion.files.errors import LEGAL, Answers, Choice, Question, QuestionOpen, UploadError
from ingestion.files.names import (
    NO_SYMBOLS,
    NO_TRADE_FILES,
    NO_TRADES,
    canonical,
    column_of,
    columns_of,
    currency_of_volume,
    is_quote_currency,
    levels_of,
    rank,
    symbol_and_field,
)
from ingestion.files.numbers import Style, floats, style_of
from ingestion.files.timeforms import ZONES, Reading, decided_order, form_of, is_rounded, times
from ingestion.files.timestep import is_regular

_OHLC = ("open", "high", "low", "close")
_SHOWN = 160
#: Letters of names in small letters that may be those of symbols.
_SHORT = 9
#: The range of a bar is not so many times the change from close to close.
_WIDE = 50

Cells = Sequence[str]


@dataclass(frozen=True)
class Group:
    """The columns of one symbol: meaning -> position. symbol: None where rows or names tell."""

    symbol: str | None
    parts: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """What the columns of a file are.

    width: cells of a row. time: the position of the times, and of a clock beside dates.
    symbol, venue, event: positions of columns that tell the symbol, the exchange, and what a row
    is. close_labels: whether times are those at which bars end. undecided: whether rows yet to
    come may tell day from month. notes: what was assumed, for the report.
    """

    kind: Literal["ticks", "bars"]
    width: int
    time: tuple[int, ...]
    groups: tuple[Group, ...]
    reading: Reading = Reading()
    style: Style = Style()
    symbol: int | None = None
    venue: int | None = None
    event: int | None = None
    close_labels: bool = False
    undecided: bool = False
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[int]:
        """The positions of the columns that are read, ascending."""
        found = {*self.time, *(at for group in self.groups for at in group.parts.values())}
        found |= {at for at in (self.symbol, self.venue, self.event) if at is not None}
        return sorted(found)

    def decided(self, dayfirst: bool) -> Plan:
        """The same, now that it is known whether the day stands first."""
        return replace(self, reading=replace(self.reading, dayfirst=dayfirst), undecided=False)


@dataclass(frozen=True)
class Sample:
    """The beginning of a table. names: levels of each column's name, none without a header.

    file: its name.
    """

    names: Sequence[tuple[str, ...]]
    rows: Sequence[Cells]
    file: str
    answers: Answers = field(default_factory=Answers)
    delimiter: str = ""

    def cells(self, position: int) -> list[str]:
        """The cells of a column that are not empty."""
        found = (row[position].strip() for row in self.rows if position < len(row))
        return [cell for cell in found if cell]


def plan_of(sample: Sample) -> Plan:
    """The plan of a table. Raises UploadError, and QuestionOpen, which is one."""
    cells = [cell for row in sample.rows[:200] for cell in row if form_of(cell) is None]
    style = style_of(cells, sample.delimiter)
    plan = _of_dump(sample, style) if not sample.names else _of_names(sample, style)
    return _with_order(_with_zone(plan, sample), sample)


# --- without a header -----------------------------------------------------------------------


def _of_dump(sample: Sample, style: Style) -> Plan:
    dump = dump_of(sample.rows, style)
    if dump is None:
        shown = ", ".join(sample.rows[0])[:_SHOWN]
        rounded = _rounded_words(sample.rows[0])
        raise UploadError(
            f"{len(sample.rows[0])} columns without a header: {shown}",
            rounded
            or "they are in the order of no known dump, and which column is the time, "
            "which the price and the size, or open, high, low and close, is not said",
            "write a header line above them, such as timestamp,price,size or "
            f"timestamp,open,high,low,close,volume; {LEGAL}",
        )
    if dump.refused:
        raise UploadError(
            f"these rows are {dump.refused} ({dump.source})",
            "a market is made of trades or bars",
            LEGAL,
        )
    parts = {name: at for at, name in enumerate(dump.meanings) if name not in ("_", "flag")}
    time = tuple(parts.pop(name) for name in ("time", "date", "clock") if name in parts)
    symbol = parts.pop("symbol", None)
    kind: Literal["ticks", "bars"] = "ticks" if "price" in parts else "bars"
    notes = _notes_of_dump(dump)
    width = len(dump.meanings)
    return Plan(kind, width, time, (Group(None, parts),), style=style, symbol=symbol, notes=notes)


def _notes_of_dump(dump: Dump) -> tuple[str, ...]:
    if dump.usual:
        return ()
    order = ", ".join(name for name in dump.meanings if name != "_")
    return (f"no header: read in the order of the columns of {dump.source} ({order})",)


# --- with a header --------------------------------------------------------------------------


def _of_names(sample: Sample, style: Style) -> Plan:
    names = [levels[0] for levels in sample.names]
    if all(len(levels) == 1 for levels in sample.names):
        refuse_names(names)
    time, close_labels = _time_columns(sample, names)
    grid = _grid(sample, time)
    if grid is not None:
        return Plan("bars", len(names), time, grid, style=style)
    found: dict[str, int] = {}
    for meaning in ("open", "high", "low", "close", "price", "vwap", "trades", "id", "closed"):
        at = _first_other(columns_of(names, meaning), time)
        if at is not None:
            found[meaning] = at
    _refuse_no_trades(sample, names, found)
    if "close" not in found and {"open", "high", "low", "price"} <= found.keys():
        found["close"] = found.pop("price")
    symbol = _symbol_column(sample, names, time)
    base = Plan("bars", len(names), time, (), style=style, symbol=symbol, close_labels=close_labels)
    base = replace(base, venue=_venue_column(sample, names))
    if set(_OHLC) <= found.keys():
        if _are_symbols(sample, names, found, style):
            return _wide(sample, base, names)
        return _ohlc(sample, base, names, found)
    return _ticks_or_closes(sample, base, names, found)


def refuse_names(names: Sequence[str]) -> None:
    """Raise UploadError for names of bars of which one is missing, or stands twice."""
    found = {name: columns_of(names, name) for name in (*_OHLC, "price")}
    missing = [name for name in _OHLC if not found[name]]
    if len(missing) == 1 and not (missing == ["close"] and found["price"]):
        raise UploadError(
            f"line 1: no column for {missing[0]}; found {_told(names)}",
            advice="expected timestamp, open, high, low, close and perhaps volume, symbol",
        )
    if missing:
        return
    for name in (names[found[meaning][0]].strip() for meaning in _OHLC):
        count = [one.strip() for one in names].count(name)
        if count > 1:
            raise UploadError(
                f"line 1: column {name!r} stands {count} times", advice="leave one of them"
            )


def _ohlc(sample: Sample, base: Plan, names: list[str], found: dict[str, int]) -> Plan:
    parts = {name: at for name, at in found.items() if name not in ("price", "id")}
    volume, notes = _volume(sample, names, base)
    if volume is not None:
        parts["volume"] = volume
    plan = replace(base, groups=(Group(None, parts),), notes=(*base.notes, *notes))
    _ask_for_symbols(sample, plan, names)
    return plan


def _ticks_or_closes(sample: Sample, base: Plan, names: list[str], found: dict[str, int]) -> Plan:
    price = found.get("price", found.get("close"))
    size, _ = _volume(sample, names, base, ticks=True)
    if size == price:
        size = None
    last = "price" not in found and price is not None and canonical(names[price]).startswith("last")
    if size is not None and (last or "price" in found) and _is_of_a_day(sample, size):
        raise UploadError(
            f"column {names[size]!r} hardly changes from row to row: it is the volume of 24 h, and "
            "the rows are tickers, no trades",
            advice=LEGAL,
        )
    if last and size is not None and not _are_steps(sample, base):
        found = {**found, "price": price}
    if price is not None and size is not None and "price" in found:
        parts = {"price": price, "size": size}
        if "id" in found and found["id"] not in (price, size):
            parts["id"] = found["id"]
        event = _first_other(columns_of(names, "event"), base.time)
        return replace(base, kind="ticks", groups=(Group(None, parts),), event=event)
    others = [at for at in _number_columns(sample, base) if at not in (price, size)]
    if price is not None and not [at for at in others if _may_be_symbol(names[at])]:
        if "price" in found and not _are_steps(sample, base):
            raise UploadError(
                f"prices only: the columns are {_told(names)}",
                "the size is missing, without which a price is no trade, and the times are not "
                "the even steps of closes",
                LEGAL,
            )
        parts = {"close": price} | ({"volume": size} if size is not None else {})
        plan = replace(base, groups=(Group(None, parts),))
        _ask_for_symbols(sample, plan, names)
        return plan
    return _wide(sample, base, names)


def _wide(sample: Sample, base: Plan, names: list[str]) -> Plan:
    """Closes, a column a symbol."""
    positions = [
        at for at in _number_columns(sample, base) if canonical(names[at]) not in NO_SYMBOLS
    ]
    symbols = {at: proper_symbol(names[at].strip()) for at in positions}
    if not positions or None in symbols.values():
        odd = [names[at] for at in positions if symbols[at] is None] or names
        raise UploadError(
            f"the columns are {_told(names)}",
            f"no column is known as a price: {_told(odd)} "
            f"{'is' if len(odd) == 1 else 'are'} neither price, close nor a symbol",
            f"expected timestamp with price and size, with open, high, low and close, or with a "
            f"column of closes a symbol; {LEGAL}",
        )
    plain = all(_may_be_symbol(names[at]) for at in positions)
    short = all(len(names[at].strip()) <= _SHORT for at in positions) and len(positions) > 1
    if not plain and not short and sample.answers.columns != "closes":
        raise UploadError(
            f"the columns are {_told(names)}",
            "none is known as a price, and their names are not those of symbols",
            f"expected timestamp with price and size, or with open, high, low and close; {LEGAL}",
        )
    if not plain and sample.answers.columns != "closes":
        told = _told([names[at] for at in positions])
        raise QuestionOpen(
            Question(
                "columns",
                f"the columns are {_told(names)}: are {told} symbols, and the columns their "
                "closes? No column is known as a price",
                (Choice("closes", "each is the closes of a symbol"),),
            )
        )
    groups = tuple(Group(symbols[at], {"close": at}) for at in positions)
    return replace(base, groups=groups, symbol=None, venue=None)


def _are_steps(sample: Sample, base: Plan) -> bool:
    """Whether times are the even steps of bars, and each is there once for a symbol."""
    moments = _sample_times(sample, base)
    cells = (
        [row[base.symbol] for row in sample.rows]
        if base.symbol is not None
        else [""] * len(moments)
    )
    once = len(set(zip(moments.tolist(), cells, strict=True))) * 10 > len(moments) * 9
    return once and is_regular(moments)


def _is_of_a_day(sample: Sample, position: int) -> bool:
    """Whether volumes are almost the same from row to row, as those of the last 24 h are."""
    volume = _column(sample, position)
    away = np.abs(np.diff(volume)) / np.maximum(volume[1:], 1e-12)
    return len(volume) > 9 and bool(0 < np.median(away) < 0.01)


def _may_be_symbol(name: str) -> bool:
    """Whether a name is written as symbols are: in capitals."""
    bare = name.strip()
    return proper_symbol(bare) is not None and not any(map(str.islower, bare)) and len(bare) <= 24


def _grid(sample: Sample, time: tuple[int, ...]) -> tuple[Group, ...] | None:
    """The columns of each symbol, where names hold both symbol and field."""
    groups: dict[str, dict[str, int]] = {}
    others = 0
    for at, levels in enumerate(sample.names):
        if at in time:
            continue
        told = [level for level in levels if level.strip()]
        if len(told) >= 2:
            found = symbol_and_field(told[0], told[1])
        elif told and rank(told[0], "quote") is None and not _is_known(told[0]):
            found = levels_of(told[0])
        else:
            found = None
        if found is None:
            others += 1
            continue
        symbol = proper_symbol(found[0])
        groups.setdefault(symbol or found[0], {}).setdefault(found[1], at)
    kept = []
    for symbol, parts in groups.items():
        close = parts.pop("adjclose", None)
        if "close" not in parts and close is not None:
            parts["close"] = close
        if "close" in parts:
            kept.append(Group(symbol, parts if set(_OHLC) <= parts.keys() else _closes(parts)))
    return tuple(kept) if kept and others <= len(groups) else None


def _closes(parts: dict[str, int]) -> dict[str, int]:
    return {name: at for name, at in parts.items() if name in ("close", "volume")}


def _is_known(name: str) -> bool:
    known = (*_OHLC, "volume", "trades", "vwap", "time", "closetime", "price", "size", "id")
    return any(rank(name, meaning) is not None for meaning in known)


# --- the parts ------------------------------------------------------------------------------


def _time_columns(sample: Sample, names: list[str]) -> tuple[tuple[int, ...], bool]:
    """Where the times stand, and whether they are those at which bars end."""
    candidates = [*columns_of(names, "time"), *columns_of(names, "closetime")]
    if "T" in names and "t" in names and "p" in names:  # a trade's time and id
        candidates = [names.index("T")]
    if all(column_of(names, name) is not None for name in _OHLC) and "id" in names:
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
            rounded = rounded or _rounded_words(cells)
        if not cells or sum(form is None for form in forms) * 2 > len(cells):
            continue
        form = next(form for form in forms if form is not None)
        known = at in candidates or at in unnamed
        if form.order == "clock" or (not known and form.order in ("serial", "epoch")):
            continue
        if not known and _is_known(names[at]):
            continue
        if all(len(cell) <= 10 for cell in cells) and form.order not in ("epoch", "serial"):
            clock = _clock_column(sample, names, at)
            if clock is not None:
                return (at, clock), False
        return (at,), rank(names[at], "time") is None and rank(names[at], "closetime") is not None
    found = f"the columns are {_told(names)}"
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
        cells = sample.cells(at)[:50]
        if at != date and cells and all(_is_clock(cell) for cell in cells):
            return at
    return None


def _is_clock(cell: str) -> bool:
    form = form_of(cell)
    return (form is not None and form.order == "clock") or re.fullmatch(
        r"\d{1,6}", cell
    ) is not None


def _rounded_words(cells: Sequence[str]) -> str:
    shown = next((cell for cell in cells if is_rounded(cell)), None)
    if shown is None:
        return ""
    return (
        f"the times were rounded to {shown} by a spreadsheet, which lost their last digits: "
        "export the file again, with that column as text"
    )


def _symbol_column(sample: Sample, names: list[str], time: tuple[int, ...]) -> int | None:
    """The column that names symbols. Raises QuestionOpen where two may."""
    asked = sample.answers.columns
    if asked is not None and asked in names:
        return names.index(asked)
    sure = [at for at in columns_of(names, "symbol") if at not in time and _are_names(sample, at)]
    maybe = [
        at for at in columns_of(names, "symbol_maybe") if at not in time and _are_names(sample, at)
    ]
    found = sure or maybe
    if len(found) > 1:
        distinct = {at: tuple(sample.cells(at)[:200]) for at in found}
        if len(set(distinct.values())) > 1 and any(len(set(c)) > 1 for c in distinct.values()):
            raise QuestionOpen(_which_column(sample, names, found))
    return found[0] if found else None


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


def _ask_for_symbols(sample: Sample, plan: Plan, names: list[str]) -> None:
    """Raise QuestionOpen where rows share a time and no column is known to tell them apart."""
    if plan.symbol is not None or sample.answers.symbol is not None:
        return
    moments = _sample_times(sample, plan)
    moments = moments[moments > 0]
    if len(moments) < 4 or len(np.unique(moments)) * 10 > len(moments) * 9:
        return
    read = {*plan.wanted}
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
    good = [cell for cell in cells if proper_symbol(cell.lstrip("'")) is not None]
    numbers = floats(pa.array(cells, pa.string()))[1]
    return (
        bool(cells)
        and len(good) * 2 >= len(cells)
        and (numbers.any() or len(set(cells)) < len(cells) / 2)
    )


def _venue_column(sample: Sample, names: list[str]) -> int | None:
    at = column_of(names, "venue")
    return at if at is not None and len(set(sample.cells(at))) > 1 else None


def _volume(
    sample: Sample, names: list[str], base: Plan, ticks: bool = False
) -> tuple[int | None, tuple[str, ...]]:
    """The column of the volume in the base currency, or of sizes, and what to say of it."""
    meanings = ("size", "volume") if ticks else ("volume", "size")
    found = [at for meaning in meanings for at in columns_of(names, meaning) if at not in base.time]
    quoted = columns_of(names, "quote")
    symbols = sample.cells(base.symbol)[:1] if base.symbol is not None else []
    symbol = proper_symbol(symbols[0]) if symbols else symbol_in_name(sample.file)
    for at, name in enumerate(names):
        currency = currency_of_volume(name)
        if currency is not None and at not in found:
            (quoted if is_quote_currency(currency, symbol) else found).append(at)
    found = [at for at in found if at not in quoted]
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


def _all_zero(sample: Sample, position: int) -> bool:
    return not np.nan_to_num(
        floats(pa.array(sample.cells(position), pa.string()), Style())[0]
    ).any()


def _not_turnover(sample: Sample, positions: list[int], price: int) -> list[int]:
    """Without a column that is price times another of them."""
    columns = {at: _column(sample, at) for at in (*positions, price)}
    for base in positions:
        expected = columns[base] * columns[price]
        for other in positions:
            near = np.isclose(columns[other], expected, rtol=0.02) & (expected > 0)
            if other != base and near.mean() > 0.9 and not np.allclose(columns[price], 1):
                return [base]
    return positions


def _column(sample: Sample, position: int) -> np.ndarray:
    cells = [row[position] if position < len(row) else "" for row in sample.rows]
    return floats(pa.array(cells, pa.string()), style_of(cells, sample.delimiter))[0]


def _number_columns(sample: Sample, base: Plan) -> list[int]:
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


def _are_symbols(sample: Sample, names: list[str], found: dict[str, int], style: Style) -> bool:
    """Whether columns called O, H, L and C are closes of those tickers: no bar is like that."""
    if not all(names[found[name]].strip() == name[0].upper() for name in _OHLC):
        return False
    opened, high, low, close = (_column(sample, found[name]) for name in _OHLC)
    wrong = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close))
    if wrong.mean() > 0.5:
        return True
    moved = float(np.median(np.abs(np.diff(close)))) if len(close) > 4 else 0.0
    return len(names) == 5 and moved > 0 and bool(np.median(high - low) > _WIDE * moved)


def _refuse_no_trades(sample: Sample, names: list[str], found: dict[str, int]) -> None:
    """Raise UploadError for rows that say of themselves that they are no trades and no bars."""
    said = [
        (name, NO_TRADES[canonical(name)])
        for at, name in enumerate(names)
        if canonical(name) in NO_TRADES and sample.cells(at)
    ]
    if "price" in found and columns_of(names, "size"):  # trades, with the quotes of their moment
        said = [(name, what) for name, what in said if not what.startswith("quotes")]
    bars = set(_OHLC) <= found.keys() and not any("bid" in canonical(name) for name, _ in said)
    told = NO_TRADE_FILES.search(sample.file)
    if said and not bars:
        raise UploadError(
            f"column {said[0][0]!r} tells that these rows are {said[0][1]}, no trades",
            "a market is made of trades or bars",
            LEGAL,
        )
    if told is not None and not bars:
        raise UploadError(
            f"the file's name says {told[0]!r}: such rows are no trades",
            "a market is made of trades or bars",
            "give the file another name if its rows are trades",
        )


def _first_other(positions: list[int], taken: tuple[int, ...]) -> int | None:
    return next((at for at in positions if at not in taken), None)


def _told(names: Sequence[str]) -> str:
    return ", ".join(name.strip() or "(no name)" for name in names)[:_SHOWN]


# --- what is open ---------------------------------------------------------------------------


def _sample_times(sample: Sample, plan: Plan) -> np.ndarray:
    joined = [" ".join(row[at].strip() for at in plan.time if at < len(row)) for row in sample.rows]
    reading = replace(plan.reading, dayfirst=bool(plan.reading.dayfirst))
    return times(pa.array(joined, pa.string()), reading)


def _with_zone(plan: Plan, sample: Sample) -> Plan:
    """The zone of times that name none: as answered, or as the header or the source tells."""
    cells = sample.cells(plan.time[0])[:20]
    forms = [form for form in map(form_of, cells) if form is not None]
    if not forms or forms[0].order == "epoch":
        return plan
    if sample.answers.timezone is not None:
        return replace(plan, reading=replace(plan.reading, zone=sample.answers.timezone))
    header = sample.names[plan.time[0]][-1] if sample.names else ""
    words = re.split(r"[^a-z]+", header.lower())
    for word, zone in ZONES.items():
        if word in words:
            return replace(plan, reading=replace(plan.reading, zone=zone))
    zoned = any(re.search(r"(Z|UTC|GMT|[+-]\d\d:?\d\d)$", cell) for cell in cells)
    if "local" in words and not zoned:
        choices = (Choice("UTC", "they are UTC"), Choice("America/New_York", "New York"))
        text = f"column {header!r} has local times and does not say of which zone: which is it?"
        raise QuestionOpen(Question("timezone", text, choices, free=True))
    source = _zone_of_source(sample, cells[0])
    if source is not None:
        zone, note = source
        return replace(plan, reading=replace(plan.reading, zone=zone), notes=(*plan.notes, note))
    return plan


def _zone_of_source(sample: Sample, cell: str) -> tuple[str | None, str] | None:
    """The zone and the note of sources whose clocks are not UTC."""
    if re.search(r"DAT_(ASCII|MT|NT|XLSX)|histdata", sample.file, re.IGNORECASE):
        words = "HistData's clock is EST without daylight saving: five hours were added for UTC"
        return ZONES["est"], words
    if not sample.names and re.fullmatch(r"\d{8} \d{6}", cell):
        return None, "the times name no time zone and were taken as UTC (timezone= says otherwise)"
    if sample.names and sample.names[0][0].startswith("<"):
        words = "MetaTrader writes its server's clock, which was taken as UTC (timezone= says else)"
        return None, words
    return None


def _with_order(plan: Plan, sample: Sample) -> Plan:
    """Whether the day stands first, told by an answer or by the rows of the sample."""
    cells = sample.cells(plan.time[0])
    if not any(form is not None and form.order == "dm?" for form in map(form_of, cells[:50])):
        return plan
    order = sample.answers.dayfirst
    if order is None:
        order = decided_order(cells)
    return plan.decided(order) if order is not None else replace(plan, undecided=True)


def order_question(cells: Sequence[str]) -> QuestionOpen:
    """The question which of two numbers is the day."""
    shown = cells[0] if cells else ""
    text = (
        f'"{shown[:40]}" is ambiguous: no row tells whether the day or the month stands first '
        "(dd/mm or mm/dd)"
    )
    choices = (Choice("true", "day first, dd/mm"), Choice("false", "month first, mm/dd"))
    return QuestionOpen(Question("dayfirst", text, choices))
