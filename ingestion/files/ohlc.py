"""OHLC(V) CSV -> Bars: the header's names, the rows' checks, the timeframe from the steps.

Rows are held in columns, `HOLD` at most, and handed on sorted by time: a file of any
order and size is read in constant memory. Duplicates are seen within that many rows.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analytics.model import TIMEFRAMES, UNKNOWN_TRADES, Bars, BoolArray, FloatArray, Rejected
from ingestion.decode.fields import PRICE_END, SIZE_END, number
from ingestion.decode.symbols import MAX_SYMBOLS, proper_symbol
from ingestion.decode.times import parse_time
from ingestion.files.errors import UploadError
from ingestion.files.lines import refuse_long, worth_reading
from ingestion.files.report import HOPELESS, Tally

HOLD = 200_000

DELIMITERS = (",", ";", "\t")
COLUMNS = {
    # The first that a header has counts: a number before a text, an open time before others.
    "time": ["open_time", "timestamp", "ts", "unix", "time", "datetime", "date", "date_utc", "t"],
    "open": ["open", "o"],
    "high": ["high", "h"],
    "low": ["low", "l"],
    "close": ["close", "c", "last"],
    "volume": ["volume", "vol", "v", "base_volume"],
    "symbol": ["symbol", "pair", "instrument", "ticker"],
    "trades": ["trades", "count", "number_of_trades", "tradecount"],
}
REQUIRED = ("time", "open", "high", "low", "close")
#: The twelve columns of an exchange's kline file, which has no header.
KLINE_WIDTH = 12
KLINE = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5, "trades": 8}

_NUMBER = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
_DECIMAL_COMMA = re.compile(r"\s*\d+,\d+\s*", re.ASCII)
_NUMBERS = re.compile(rf"(?:{_NUMBER}\n)*+{_NUMBER}", re.ASCII)


class Header(NamedTuple):
    """Where each column stands. from_data: the file has no header line."""

    delimiter: str
    width: int
    columns: dict[str, int]
    from_data: bool = False


def read_header(line: str) -> Header | None:
    """The columns that a first line names, None if it is no header of OHLC.

    Raises UploadError where a column is missing or stands twice.

    >>> read_header("Open time,Open,High,Low,Close").columns["close"]
    4
    """
    delimiter = max(DELIMITERS, key=line.count)
    cells = split_row(line, delimiter) or []
    if len(cells) == KLINE_WIDTH and all(number(cell) is not None for cell in cells[:9]):
        return Header(delimiter, KLINE_WIDTH, KLINE, from_data=True)
    names = [re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_") for cell in cells]
    columns = {}
    for part, known in COLUMNS.items():
        found = next((name for name in known if name in names), None)
        if part == "volume" and found is None:
            found = next((name for name in names if name.startswith("volume")), None)
        if found is None:
            continue
        if names.count(found) > 1:
            raise UploadError(f"line 1: column {found!r} stands {names.count(found)} times")
        columns[part] = names.index(found)
    missing = [part for part in REQUIRED if part not in columns]
    if len(missing) > 3:
        return None
    if missing:
        raise UploadError(
            f"line 1: no column for {', '.join(missing)}; found {', '.join(names)[:160]}; "
            "expected timestamp, open, high, low, close and perhaps volume, symbol"
        )
    return Header(delimiter, len(cells), columns)


def split_row(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line, None where a quote is left open."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), None)
    except csv.Error:
        return None


class BarTable:
    """Rows in, sorted Bars out; every row is counted in the tally.

    symbol: of rows that name none. line: how many lines have been read, the header's with
    them.
    """

    def __init__(self, header: Header, symbol: str, tally: Tally, hold: int = HOLD) -> None:
        self.header = header
        self.tally = tally
        self.hold = hold
        self.line = 0
        self._default = symbol
        self._symbols: list[str] = []
        self._blocks: list[list[np.ndarray]] = []
        self._held = 0
        if "volume" not in header.columns:
            tally.notes.append("no volume column: every bar's volume is 0")

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return not self._held and not self.tally.accepted and self.tally.rows >= HOPELESS

    def scan(self, text: bytes, stop: int) -> list[Bars]:
        """The whole lines of text[:stop]."""
        lines = text[:stop].split(b"\n")[:-1]
        numbers = range(self.line + 1, self.line + 1 + len(lines))
        self.line += len(lines)
        return self.take(*worth_reading(lines, numbers, self.tally))

    def refuse_long(self, beginning: bytes) -> None:
        """The next line is too long; this is how it begins."""
        self.line += 1
        refuse_long(beginning, self.line, self.tally)

    def take(self, lines: Sequence[bytes], numbers: Sequence[int]) -> list[Bars]:
        """Read lines; the bars that became ready."""
        rows, where = self._split(lines, numbers)
        if rows:
            self._hold_good(rows, where)
        return self._flush() if self._held >= self.hold else []

    def finish(self) -> list[Bars]:
        """The bars that are left."""
        return self._flush() if self._held else []

    def _split(
        self, lines: Sequence[bytes], numbers: Sequence[int]
    ) -> tuple[list[list[str]], list[int]]:
        """Rows as wide as the header, and their line numbers."""
        rows, where = [], []
        for line, at in zip(lines, numbers, strict=True):
            try:
                text = line.decode()
            except UnicodeDecodeError:
                self.tally.look_for_bytes(line, at)
                self._reject("encoding", at, line)
                continue
            row = split_row(text.rstrip("\r"), self.header.delimiter)
            if row is None or len(row) != self.header.width:
                self._reject("columns" if row else "quote", at, line)
                continue
            rows.append(row)
            where.append(at)
        return rows, where

    def _hold_good(self, rows: list[list[str]], where: list[int]) -> None:
        at = self.header.columns
        cells = list(zip(*rows, strict=True))
        prices = [_floats(cells[at[part]]) for part in ("open", "high", "low", "close")]
        volume = _floats(cells[at["volume"]]) if "volume" in at else np.zeros(len(rows))
        times = [parse_time(cell.strip()) for cell in cells[at["time"]]]
        ts_ms = np.array([0 if time is None else time for time in times], dtype=np.int64)
        code = self._codes(cells[at["symbol"]]) if "symbol" in at else self._codes(None, len(rows))
        counts = _counts(cells[at["trades"]]) if "trades" in at else _unknown(len(rows))
        reasons = {
            "decimal-comma": self._decimal_commas(prices, [cells[at[one]] for one in REQUIRED[1:]]),
            "price": ~_within(prices, PRICE_END),
            "ohlc": ~_ordered(*prices),
            "volume": ~((volume >= 0) & (volume < SIZE_END)),
            "time": ts_ms == 0,
            "symbol": code == -1,
            "too-many-symbols": code == -2,
        }
        bad = np.zeros(len(rows), dtype=bool)
        for reason, mask in reasons.items():
            for position in np.flatnonzero(mask & ~bad):
                text = self.header.delimiter.join(rows[position])
                self._reject(reason, where[position], text.encode())
            bad |= mask
        lines = np.array(where, dtype=np.int64)
        self._blocks.append(
            [column[~bad] for column in (lines, code, ts_ms, counts, volume, *prices)]
        )
        self._held += int((~bad).sum())

    def _decimal_commas(
        self, prices: Sequence[FloatArray], cells: Sequence[Sequence[str]]
    ) -> BoolArray:
        """Rows in which a price is written with a comma."""
        bad = np.logical_or.reduce([np.isnan(price) for price in prices])
        for place in np.flatnonzero(bad).tolist():
            bad[place] = any(_DECIMAL_COMMA.fullmatch(column[place]) for column in cells)
        return bad

    def _codes(self, cells: Sequence[str] | None, rows: int = 0) -> np.ndarray:
        """The position of each row's symbol in `_symbols`; -1 none, -2 one too many."""
        if cells is None:
            if not self._symbols:
                self._symbols.append(self._default)
            return np.zeros(rows, dtype=np.int64)
        verdicts = {cell: self._code(cell) for cell in dict.fromkeys(cells)}
        return np.array([verdicts[cell] for cell in cells], dtype=np.int64)

    def _code(self, cell: str) -> int:
        symbol = proper_symbol(cell.strip())
        if symbol is None:
            return -1
        if symbol not in self._symbols:
            if len(self._symbols) >= MAX_SYMBOLS:
                return -2
            self._symbols.append(symbol)
        return self._symbols.index(symbol)

    def _flush(self) -> list[Bars]:
        columns = [np.concatenate(parts) for parts in zip(*self._blocks, strict=True)]
        self._blocks, self._held = [], 0
        lines, code, ts_ms = columns[:3]
        order = np.lexsort((lines, ts_ms, code))
        columns = [column[order] for column in columns]
        step = TIMEFRAMES[self._timeframe(columns[1], columns[2])]
        columns = self._without(columns, columns[2] % step != 0, "time-grid")
        code, ts_ms = columns[1], columns[2]
        again = np.zeros(len(code), dtype=bool)
        again[1:] = (code[1:] == code[:-1]) & (ts_ms[1:] == ts_ms[:-1])
        columns = self._without(columns, again, "duplicate-bar")
        return [self._bars(columns, code) for code in np.unique(columns[1])]

    def _timeframe(self, code: np.ndarray, ts_ms: np.ndarray) -> str:
        if self.tally.timeframe is None:
            same = code[1:] == code[:-1]
            self.tally.timeframe = timeframe_of(np.diff(ts_ms)[same])
        return self.tally.timeframe

    def _without(self, columns: list[np.ndarray], bad: BoolArray, reason: str) -> list[np.ndarray]:
        if not bad.any():
            return columns
        for line in np.sort(columns[0][bad]).tolist():
            self._reject(reason, line, b"")
        return [column[~bad] for column in columns]

    def _bars(self, columns: list[np.ndarray], code: int) -> Bars:
        mine = columns[1] == code
        ts_ms, trades, volume, opened, high, low, close = (column[mine] for column in columns[2:])
        bars = Bars(
            symbol=self._symbols[code],
            timeframe=self.tally.timeframe or "",
            ts_ms=ts_ms,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=volume,
            trades=trades,
            vwap=(high + low + close) / 3,
        )
        self.tally.accept(bars)
        return bars

    def _reject(self, reason: str, line: int, text: bytes) -> None:
        shown = text[:200].decode("utf-8", "replace")
        self.tally.reject([Rejected(reason, shown, line)])


def timeframe_of(steps: np.ndarray) -> str:
    """The timeframe of bars from the steps between their times in ms: the most frequent.

    >>> timeframe_of(np.array([60_000, 60_000, 120_000]))
    '1m'

    Raises UploadError where it is none that the product knows.
    """
    steps = steps[steps > 0]
    legal = ", ".join(TIMEFRAMES)
    if not len(steps):
        raise UploadError(f"one bar alone tells no timeframe; expected bars of {legal}")
    values, counts = np.unique(steps, return_counts=True)
    step = int(values[np.argmax(counts)])
    for name, length in TIMEFRAMES.items():
        if length == step:
            return name
    raise UploadError(f"bars are {_words(step)} apart, expected bars of {legal}")


def _words(step_ms: int) -> str:
    for length, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if step_ms % length == 0:
            return f"{step_ms // length} {unit}"
    return f"{step_ms} ms"


def _floats(cells: Sequence[str]) -> FloatArray:
    """Numbers, NaN for a cell that is none."""
    joined = "\n".join(cells)
    if len(joined) < 64 * len(cells) and _NUMBERS.fullmatch(joined):
        return np.array(list(map(float, cells)))
    read = (number(cell.strip()) for cell in cells)
    return np.array([np.nan if value is None else value for value in read])


def _counts(cells: Sequence[str]) -> np.ndarray:
    values = _floats(cells)
    known = (values >= 0) & (values < 1e15)
    return np.where(known, values, UNKNOWN_TRADES).astype(np.int64)


def _unknown(rows: int) -> np.ndarray:
    return np.full(rows, UNKNOWN_TRADES, dtype=np.int64)


def _within(prices: Sequence[FloatArray], end: float) -> BoolArray:
    return np.logical_and.reduce([(price > 0) & (price < end) for price in prices])


def _ordered(opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> BoolArray:
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    return (high >= top) & (low <= bottom)
