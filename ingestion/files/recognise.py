"""What a table is, told by its names and some of its rows: trades, bars, closes a column.

Nothing is read here but a sample. What a sample leaves open is asked (`QuestionOpen`), what it
contradicts is refused (`UploadError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from ingestion.decode.symbols import proper_symbol
from ingestion.files.columns import (
    are_steps,
    ask_for_symbols,
    first_other,
    held_words,
    is_known,
    is_of_a_day,
    listed,
    number_columns,
    rounded_words,
    symbol_column,
    time_columns,
    venue_column,
    volume_column,
)
from ingestion.files.dumps import Dump, dump_of
from ingestion.files.errors import (
    LEGAL,
    Choice,
    Question,
    QuestionOpen,
    UploadError,
    refuse_analysis,
)
from ingestion.files.names import (
    LEFT_OUT,
    OHLC,
    canonical,
    columns_of,
    is_held,
    is_indicator,
    levels_of,
    rank,
    symbol_and_field,
)
from ingestion.files.numbers import Style, style_of
from ingestion.files.orders import order_columns, refuse_unfilled
from ingestion.files.plan import Group, Plan, Sample
from ingestion.files.refusals import (
    are_closes_of_days,
    often_below_zero,
    refuse_below_zero,
    refuse_no_trades,
    refuse_twins,
    without_averages,
)
from ingestion.files.time_reading import with_order, with_zone
from ingestion.files.timeforms import form_of

_SHOWN = 160
#: Names of the number of trades that a tick holds, as our own exports and OKX write it.
HELD = ("trades", "count")
#: Letters of names in small letters that may be those of symbols.
_SHORT = 9
#: The range of a bar is not so many times the change from close to close.
_WIDE = 50


def plan_of(sample: Sample) -> Plan:
    """The plan of a table. Raises UploadError, and QuestionOpen, which is one."""
    refuse_analysis(name for levels in sample.names for name in levels)
    cells = [cell for row in sample.rows[:200] for cell in row if form_of(cell) is None]
    style = style_of(cells, sample.delimiter)
    plan = _of_dump(sample, style) if not sample.names else _of_names(sample, style)
    plan = replace(plan, timeframe=sample.answers.timeframe)
    return with_order(with_zone(plan, sample), sample)


def _of_dump(sample: Sample, style: Style) -> Plan:
    dump = dump_of(sample.rows, style, sample.file)
    if dump is None:
        shown = ", ".join(sample.rows[0])[:_SHOWN]
        rounded = rounded_words(sample.rows[0])
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


def _of_names(sample: Sample, style: Style) -> Plan:
    sample = without_averages(sample)
    names = [levels[0] for levels in sample.names]
    if all(len(levels) == 1 for levels in sample.names):
        refuse_names(names)
    time, close_labels = time_columns(sample, names)
    grid = _grid(sample, time)
    if grid is not None:
        return Plan("bars", len(names), time, grid, style=style)
    found: dict[str, int] = {}
    for meaning in (
        "open",
        "high",
        "low",
        "close",
        "price",
        "vwap",
        "trades",
        "id",
        "closed",
        "timeframe",
    ):
        at = first_other(columns_of(names, meaning), time)
        if at is not None:
            found[meaning] = at
    prices = [found[name] for name in (*OHLC, "price") if name in found]
    refuse_twins(sample, (*time, *prices), names)
    refuse_no_trades(sample, names, found, time)
    if "close" not in found and {"open", "high", "low", "price"} <= found.keys():
        found["close"] = found.pop("price")
    symbol = symbol_column(sample, names, time)
    base = Plan("bars", len(names), time, (), style=style, symbol=symbol, close_labels=close_labels)
    venue = venue_column(sample, names)
    base = replace(base, venue=venue if venue != symbol else None)
    if set(OHLC) <= found.keys():
        if are_symbols(sample, names, found, style):
            return _wide(sample, base, names)
        return _ohlc(sample, base, names, found)
    return _ticks_or_closes(sample, base, names, found)


def refuse_names(names: Sequence[str]) -> None:
    """Raise UploadError for names of bars of which one is missing, or stands twice."""
    found = {name: columns_of(names, name) for name in (*OHLC, "price")}
    missing = [name for name in OHLC if not found[name]]
    if len(missing) == 1 and not (missing == ["close"] and found["price"]):
        raise UploadError(
            f"line 1: no column for {missing[0]}; found {listed(names)}",
            advice="expected timestamp, open, high, low, close and perhaps volume, symbol",
        )
    if missing:
        return
    for name in (names[found[meaning][0]].strip() for meaning in OHLC):
        count = [one.strip() for one in names].count(name)
        if count > 1:
            raise UploadError(
                f"line 1: column {name!r} stands {count} times", advice="leave one of them"
            )


def _ohlc(sample: Sample, base: Plan, names: list[str], found: dict[str, int]) -> Plan:
    parts = {name: at for name, at in found.items() if name not in ("price", "id")}
    volume, notes = volume_column(sample, names, base)
    if volume is not None:
        parts["volume"] = volume
    plan = replace(base, groups=(Group(None, parts),), notes=(*base.notes, *notes))
    ask_for_symbols(sample, plan, names)
    return plan


def _ticks_or_closes(sample: Sample, base: Plan, names: list[str], found: dict[str, int]) -> Plan:
    price = found.get("price", found.get("close"))
    size, _ = volume_column(sample, names, base, ticks=True)
    if size == price:
        size = None
    last = "price" not in found and price is not None and canonical(names[price]).startswith("last")
    if size is not None and (last or "price" in found) and is_of_a_day(sample, size):
        raise UploadError(
            f"column {names[size]!r} hardly changes from row to row: it is the volume of 24 h, and "
            "the rows are tickers, no trades",
            advice=LEGAL,
        )
    if last and price is not None and size is not None and not are_steps(sample, base):
        found = {**found, "price": price}
    if price is not None and size is not None and "price" in found:
        parts = {"price": price, "size": size}
        if "id" in found and found["id"] not in (price, size):
            parts["id"] = found["id"]
        for name in ("first", "last"):  # of the trades that an aggregate holds
            at = first_other(columns_of(names, name), (*base.time, *parts.values()))
            if at is not None:
                parts[name] = at
        held = [at for at in columns_of(names, "trades") if canonical(names[at]) in HELD]
        if not {"first", "last"} <= parts.keys() and held and held[0] not in parts.values():
            parts["trades"] = held[0]
        event = first_other(columns_of(names, "event"), base.time)
        if is_signed(names):
            parts["signed"] = parts.pop("size")
        else:
            refuse_below_zero(sample, [size], names)
        refuse_unfilled(sample, names, size)
        said = set(sample.cells(event)) if event is not None else set()
        plan = replace(
            base,
            kind="ticks",
            groups=(Group(None, parts),),
            event=event,
            trades_alone="trade" in map(str.lower, said),
            liquidated="LIMIT" in said,
            orders=order_columns(names, size),
        )
        if is_signed(names) or not are_closes_of_days(sample, plan, names):
            return plan
    others = [at for at in number_columns(sample, base) if at not in (price, size)]
    if price is not None and not [at for at in others if may_be_symbol(names[at])]:
        if "price" in found and size is None and not are_steps(sample, base):
            raise UploadError(
                f"prices only: the columns are {listed(names)}",
                "the size is missing, without which a price is no trade, and the times are not "
                "the even steps of closes",
                LEGAL,
            )
        refuse_below_zero(sample, [price], names)
        parts, notes = {"close": price}, base.notes
        if size is not None and is_held(names[size], names):
            notes = (*notes, held_words(names[size]))
        elif size is not None:
            parts["volume"] = size
        plan = replace(base, groups=(Group(None, parts),), notes=notes)
        ask_for_symbols(sample, plan, names)
        return plan
    return _wide(sample, base, names)


def is_signed(names: Sequence[str]) -> bool:
    """Whether sizes are below 0 where the taker sold: trades of Gate's futures.

    >>> is_signed(["id", "create_time", "contract", "size", "price"]), is_signed(["size"])
    (True, False)
    """
    return {"createtime", "contract", "size"} <= {canonical(name) for name in names}


def _wide(sample: Sample, base: Plan, names: list[str]) -> Plan:
    """Closes, a column a symbol."""
    numbered = number_columns(sample, base)
    positions = [at for at in numbered if not is_indicator(names[at])]
    symbols = {at: proper_symbol(names[at].strip()) for at in positions}
    if not positions or None in symbols.values():
        odd = [names[at] for at in positions if symbols[at] is None] or names
        raise UploadError(
            f"the columns are {listed(names)}",
            f"no column is known as a price: {listed(odd)} "
            f"{'is' if len(odd) == 1 else 'are'} neither price, close nor a symbol",
            f"expected timestamp with price and size, with open, high, low and close, or with a "
            f"column of closes a symbol; {LEGAL}",
        )
    plain = all(may_be_symbol(names[at]) for at in positions)
    short = all(len(names[at].strip()) <= _SHORT for at in positions) and len(positions) > 1
    if not plain and not short and sample.answers.columns != "closes":
        raise UploadError(
            f"the columns are {listed(names)}",
            "none is known as a price, and their names are not those of symbols",
            f"expected timestamp with price and size, or with open, high, low and close; {LEGAL}",
        )
    if not plain and sample.answers.columns != "closes":
        told = listed([names[at] for at in positions])
        raise QuestionOpen(
            Question(
                "columns",
                f"the columns are {listed(names)}: are {told} symbols, and the columns their "
                "closes? No column is known as a price",
                (Choice("closes", "each is the closes of a symbol"),),
            )
        )
    names_rows = base.symbol is not None and _names_rows(sample, base, names[base.symbol])
    if base.symbol is not None and names_rows and sample.answers.columns != "closes":
        raise UploadError(
            f"the columns are {listed(names)}",
            f"column {names[base.symbol]!r} names the symbols, and no column is known as the price",
            f"expected timestamp, symbol and price or close; {LEGAL}",
        )
    kept = [at for at in positions if not often_below_zero(sample, at)]
    if not kept:
        refuse_below_zero(sample, positions, names)
    left_out = {
        at: f"column {names[at]!r} is below 0 in many rows, as no price is: left out"
        for at in positions
        if at not in kept
    }
    for at in numbered:
        if is_indicator(names[at]):
            left_out[at] = f"column {names[at]!r} is named as an indicator: left out"
    groups = tuple(Group(symbols[at], {"close": at}) for at in kept)
    notes = (*base.notes, *(left_out[at] for at in sorted(left_out)))
    return replace(base, groups=groups, symbol=None, venue=None, notes=notes)


def _names_rows(sample: Sample, base: Plan, name: str) -> bool:
    """Whether a column tells the symbol of each row: by its name, or as it tells rows apart."""
    times = [tuple(row[at] for at in base.time) for row in sample.rows]
    several = base.symbol is not None and len(set(sample.cells(base.symbol))) > 1
    return several or len(set(times)) < len(times) or rank(name, "symbol") is not None


def may_be_symbol(name: str) -> bool:
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
        if told == [LEFT_OUT]:
            continue
        if len(told) >= 2:
            found = symbol_and_field(told[0], told[1])
        elif told and rank(told[0], "quote") is None and not is_known(told[0]):
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
            kept.append(Group(symbol, parts if set(OHLC) <= parts.keys() else _closes(parts)))
    return tuple(kept) if kept and others <= len(groups) else None


def _closes(parts: dict[str, int]) -> dict[str, int]:
    return {name: at for name, at in parts.items() if name in ("close", "volume")}


def are_symbols(sample: Sample, names: list[str], found: dict[str, int], style: Style) -> bool:
    """Whether columns called O, H, L and C are closes of those tickers: no bar is like that."""
    if not all(names[found[name]].strip() == name[0].upper() for name in OHLC):
        return False
    opened, high, low, close = (sample.floats(found[name]) for name in OHLC)
    wrong = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close))
    if wrong.mean() > 0.5:
        return True
    moved = float(np.median(np.abs(np.diff(close)))) if len(close) > 4 else 0.0
    return len(names) == 5 and moved > 0 and bool(np.median(high - low) > _WIDE * moved)
