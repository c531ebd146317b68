"""Rows of a table -> Ticks or Bars, by a plan; every row is counted in the tally.

Rows come as cells (`Rows`), whatever file they were in. Bars are held, `HOLD` at most, and
handed on sorted by time: a file of any order and size is read in constant memory. Duplicates
are seen within that many rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.model import (
    NO_TRADE_ID,
    UNKNOWN_TRADES,
    Bars,
    BoolArray,
    FloatArray,
    IntArray,
    Rejected,
    Ticks,
)
from ingestion.decode.decoder import sample, trades_held
from ingestion.decode.kinds import LIQUIDATED, OTHER_KINDS
from ingestion.decode.rows import PRICE_END, SIZE_END
from ingestion.decode.symbols import proper_symbol
from ingestion.files.bar_hold import HOLD, BarHold
from ingestion.files.cells import Rows, together
from ingestion.files.clock_column import ClockColumn
from ingestion.files.folds import EITHER, RepeatedHours
from ingestion.files.names import OHLC
from ingestion.files.naming import Naming
from ingestion.files.numbers import floats, trade_ids
from ingestion.files.orders import OrderWatch
from ingestion.files.plan import Group, Plan
from ingestion.files.report import HOPELESS, Tally
from ingestion.files.time_reading import order_question
from ingestion.files.timeforms import NO_TIME, decided_order, order_matters, times
from ingestion.files.timeframe_column import TimeframeColumn

#: Rows that wait for one that tells day from month.
MAX_WAITING = 2_000_000
MAX_SYMBOLS = 1_000
_NO_TRADE_ROW = re.compile(
    rf"{OTHER_KINDS}|received|open|done|change|liquidat|order|snapshot|new|cancell?ed|replaced"
    "|rejected|expired|settlement|delivery|transfer|deposit|withdrawal|fee|interest|dividend",
    re.I,
)
#: Beside rows that are called trades these are none, where elsewhere they may tell a trade's side.
_QUOTE_ROW = re.compile(r"(?:best[ _]?)?(?:bid|ask|offer|quote)s?", re.I)
_NO_SYMBOL, _ONE_TOO_MANY = -1, -2


class Symbols:
    """The symbols of a file: the proper name of each, and its number in order of appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str | None) -> int:
        """The number of a proper name; of none, or of one too many, a number below 0."""
        if name is None:
            return _NO_SYMBOL
        found = self._numbers.get(name)
        if found is None:
            if len(self.names) >= MAX_SYMBOLS:
                return _ONE_TOO_MANY
            found = self._numbers[name] = len(self.names)
            self.names.append(name)
        return found


class Table:
    """Rows in, Ticks or Bars out. naming: gives the symbol of rows that name none.

    hold: how many bars are held.
    """

    def __init__(self, plan: Plan, naming: Naming, tally: Tally, hold: int = HOLD) -> None:
        self.plan = plan
        self.tally = tally
        self.symbols = Symbols()
        self._naming = naming
        self._waiting: list[Rows] = []
        self._order_matters = False
        self._timeframes = TimeframeColumn(plan.timeframe)
        self._clock = ClockColumn()
        self._hours: RepeatedHours | None = None
        self._orders = OrderWatch(plan.orders, plan.style)
        self._bars = BarHold(self.symbols.names, tally, hold, plan.close_labels, naming.timeframe)
        tally.notes.extend(plan.notes)
        parts = plan.groups[0].parts
        if plan.kind == "bars" and "volume" not in parts:
            tally.notes.append("no volume column: every bar's volume is unknown")
        if plan.kind == "bars" and "open" not in parts:
            tally.notes.append("closes alone: open, high and low are the close")

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return not self._bars.held and not self.tally.accepted and self.tally.rows >= HOPELESS

    def take(self, rows: Rows) -> list[Ticks | Bars]:
        """Read rows; what became ready."""
        if not len(rows):
            return []
        if self.plan.undecided and not self._decide(rows):
            return []
        rows = together([*self._waiting, rows])
        self._waiting = []
        rows = self._trades(rows)
        self._orders.look(rows)
        ts_ms = self._times(rows)
        reading = self.plan.reading
        if not reading.local:
            return self._read(rows, ts_ms)
        if self._hours is None:
            self._hours = RepeatedHours(reading.zone or "UTC", self.plan.kind == "bars")
        ready = list(self._hours.take(rows, ts_ms))
        return [batch for one in ready for batch in self._read(*one)]

    def _read(self, rows: Rows, ts_ms: IntArray) -> list[Ticks | Bars]:
        """Read rows whose times are known."""
        if self.plan.kind == "ticks":
            return list(self._ticks(rows, ts_ms))
        rows, ts_ms = self._of_one_timeframe(rows, ts_ms)
        out: list[Ticks | Bars] = []
        for group in self.plan.groups:
            out += self._bars.take(self._columns(rows, ts_ms, group))
        return out

    def finish(self) -> list[Ticks | Bars]:
        """The rows that are left."""
        out: list[Ticks | Bars] = []
        if self._timeframes.several:
            raise self._timeframes.question()
        if self._waiting:
            if self._order_matters:
                raise order_question(self._waiting[0].columns[self.plan.time[0]][:1].to_pylist())
            self.plan = self.plan.decided(dayfirst=True)
            waiting, self._waiting = self._waiting[-1], self._waiting[:-1]
            out += self.take(waiting)
            if self._timeframes.several:
                raise self._timeframes.question()
        self._orders.finish()
        for rows, ts_ms in self._hours.finish() if self._hours is not None else ():
            out += self._read(rows, ts_ms)
        out += self._bars.finish()
        return out

    def _decide(self, rows: Rows) -> bool:
        """Whether it is known by now which of day and month stands first; else rows wait."""
        texts = pc.unique(rows.columns[self.plan.time[0]]).to_pylist()
        order = decided_order(texts)
        if order is not None:
            self.plan = self.plan.decided(order)
            return True
        self._order_matters = self._order_matters or order_matters(texts)
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) > MAX_WAITING:
            raise order_question(texts)
        return False

    # --- what rows share -------------------------------------------------------------------

    def _trades(self, rows: Rows) -> Rows:
        """Without the rows that say of themselves that they are something else."""
        if self.plan.event is None:
            return rows
        words = pc.unique(rows.columns[self.plan.event].cast(pa.string())).to_pylist()
        others = [
            word
            for word in words
            if (word and _NO_TRADE_ROW.fullmatch(word))
            or _is_other(word)
            or (self.plan.trades_alone and word and _QUOTE_ROW.fullmatch(word))
        ]
        if self.plan.liquidated:
            others = [word for word in others if word.strip() != LIQUIDATED]
        if not others:
            return rows
        kind = rows.columns[self.plan.event].cast(pa.string())
        bad = pc.is_in(kind, value_set=pa.array(others, pa.string())).to_numpy(zero_copy_only=False)
        self._reject("event", rows, bad)
        return rows.where(~bad)

    def _times(self, rows: Rows) -> IntArray:
        first, *clock = self.plan.time
        column = rows.columns[first]
        if clock:
            column = self._clock.beside(column, rows.columns[clock[0]], int(rows.lines[0]))
        if self.plan.offset is not None:
            hours = pc.utf8_trim(rows.columns[self.plan.offset].cast(pa.string()), " ")
            hours = pc.if_else(pc.equal(hours, ""), "?", hours)  # no time: whose clock is not told
            if pa.types.is_timestamp(column.type):
                column = pc.strftime(column, format="%Y-%m-%d %H:%M:%S")
            column = pc.binary_join_element_wise(column.cast(pa.string()), hours, " ")
        return times(column, self.plan.reading)

    def _codes(self, rows: Rows, group: Group) -> IntArray:
        """The number of each row's symbol."""
        if self.plan.symbol is None:
            name = group.symbol or self._naming.of(self.plan.kind)
            return np.full(len(rows), self.symbols.number(name), np.int64)
        column = rows.columns[self.plan.symbol].cast(pa.string()).fill_null("")
        if self.plan.venue is not None:
            venue = rows.columns[self.plan.venue].cast(pa.string()).fill_null("")
            column = pc.binary_join_element_wise(venue, column, ":")
        encoded = column.dictionary_encode()
        names = [
            proper_symbol(name.strip().removeprefix("'")) for name in encoded.dictionary.to_pylist()
        ]
        numbers = np.array([self.symbols.number(name) for name in names] or [0], np.int64)
        codes: IntArray = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
        return codes

    def _reject(self, reason: str, rows: Rows, bad: BoolArray) -> None:
        for line in rows.lines[bad].tolist():
            self.tally.reject([Rejected(reason, sample(rows.text(line)), line)])

    def _checked(self, rows: Rows, reasons: dict[str, BoolArray]) -> BoolArray:
        """Which rows have no fault; each of the others is rejected for its first."""
        bad = np.zeros(len(rows), bool)
        for reason, mask in reasons.items():
            if mask.any():
                self._reject(reason, rows, mask & ~bad)
                bad |= mask
        return ~bad

    # --- ticks -------------------------------------------------------------------------------

    def _ticks(self, rows: Rows, ts_ms: IntArray) -> Iterator[Ticks]:
        (group,) = self.plan.groups
        price, _ = floats(rows.columns[group.parts["price"]], self.plan.style)
        if "signed" in group.parts:
            size = np.abs(floats(rows.columns[group.parts["signed"]], self.plan.style)[0])
        else:
            size, _ = floats(rows.columns[group.parts["size"]], self.plan.style)
        codes = self._codes(rows, group)
        good = self._checked(
            rows,
            {
                "zero-print": (price == 0) & (size == 0),
                "price": ~((price > 0) & (price < PRICE_END)),
                "size": ~((size > 0) & (size < SIZE_END)),
                "time": ts_ms == NO_TIME,
                "repeated-hour": ts_ms == EITHER,
                "symbol": codes == _NO_SYMBOL,
                "too-many-symbols": codes == _ONE_TOO_MANY,
            },
        )
        nothing = np.zeros(len(rows), np.int64)
        ids, first, last = (
            trade_ids(rows.columns[group.parts[name]]) if name in group.parts else missing
            for name, missing in (
                ("id", nothing + NO_TRADE_ID),
                ("first", nothing),
                ("last", nothing),
            )
        )
        if "trades" in group.parts:  # of an aggregate, as our own exports have it
            first, last = nothing + 1, _counts(rows, group.parts)
        columns: tuple[np.ndarray, ...] = (ts_ms, price, size, ids, trades_held(first, last))
        if not good.all():
            columns = tuple(column[good] for column in columns)
            codes = codes[good]
        for name, chosen in self._by_symbol(codes):
            ticks = Ticks(name, *(column[chosen] for column in columns))
            self.tally.accept(ticks)
            yield ticks

    def _by_symbol(self, codes: IntArray) -> Iterator[tuple[str, Any]]:
        """Each symbol in order of appearance, and which rows are of it."""
        if not len(codes):
            return
        if (codes == codes[0]).all():
            yield self.symbols.names[int(codes[0])], slice(None)
            return
        found, first = np.unique(codes, return_index=True)
        for code in found[np.argsort(first)].tolist():
            yield self.symbols.names[code], np.flatnonzero(codes == code)

    # --- bars --------------------------------------------------------------------------------

    def _columns(self, rows: Rows, ts_ms: IntArray, group: Group) -> list[np.ndarray]:
        """The good rows of a symbol's columns, as `BarHold.take` has them."""
        parts, style = group.parts, self.plan.style
        close, _ = floats(rows.columns[parts["close"]], style)
        if len(self.plan.groups) > 1:  # a symbol that has no close at a time has no bar then
            there = ~np.isnan(close)
            rows, ts_ms, close = rows.where(there), ts_ms[there], close[there]
        full = "open" in parts
        prices = [floats(rows.columns[parts[name]], style)[0] if full else close for name in OHLC]
        volume, wrong = (
            floats(rows.columns[parts["volume"]], style)
            if "volume" in parts
            else (np.full(len(rows), np.nan), np.zeros(len(rows), bool))
        )
        prices = self._bars.widened(prices)
        codes = self._codes(rows, group)
        good = self._checked(
            rows,
            {
                "unfinished-bar": _unfinished(rows, parts),
                "price": ~np.logical_and.reduce([(one > 0) & (one < PRICE_END) for one in prices]),
                "ohlc": ~_ordered(*prices),
                "volume": wrong | (volume < 0) | (volume >= SIZE_END),
                "time": ts_ms == NO_TIME,
                "repeated-hour": ts_ms == EITHER,
                "symbol": codes == _NO_SYMBOL,
                "too-many-symbols": codes == _ONE_TOO_MANY,
            },
        )
        counts = _counts(rows, parts)
        vwap = (
            floats(rows.columns[parts["vwap"]], style)[0]
            if "vwap" in parts
            else np.full(len(rows), np.nan)
        )
        columns = (rows.lines, codes, ts_ms, counts, volume, vwap, *prices)
        return [column[good] for column in columns]

    def _of_one_timeframe(self, rows: Rows, ts_ms: IntArray) -> tuple[Rows, IntArray]:
        """The rows of the timeframe that is read, where a column names several."""
        at = self.plan.groups[0].parts.get("timeframe")
        if at is None or not len(rows):
            return rows, ts_ms
        chosen = self._timeframes.take(rows.columns[at])
        self._bars.step = self._bars.step or self._timeframes.step
        if chosen.all():
            return rows, ts_ms
        if not self._timeframes.several:
            self._reject("timeframe", rows, ~chosen)
        return rows.where(chosen), ts_ms[chosen]


def _is_other(word: str | None) -> bool:
    return bool(word) and re.search(OTHER_KINDS, word, re.I) is not None  # type: ignore[arg-type]


def _unfinished(rows: Rows, parts: dict[str, int]) -> BoolArray:
    """Which bars say of themselves that they are still in progress."""
    if "closed" not in parts:
        return np.zeros(len(rows), bool)
    words = pc.utf8_lower(rows.columns[parts["closed"]].cast(pa.string()))
    open_yet = pc.is_in(words, value_set=pa.array(["0", "false"]))
    found: BoolArray = open_yet.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _counts(rows: Rows, parts: dict[str, int]) -> IntArray:
    if "trades" not in parts:
        return np.full(len(rows), UNKNOWN_TRADES, np.int64)
    values, _ = floats(rows.columns[parts["trades"]])
    known = (values >= 0) & (values < 1e15)
    return np.where(known, np.where(known, values, 0), UNKNOWN_TRADES).astype(np.int64)


def _ordered(opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> BoolArray:
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    return (high >= top) & (low <= bottom)
