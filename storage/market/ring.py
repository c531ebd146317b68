"""The ring of the newest ticks of a symbol: columns in, read-only copies out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics.model import TICK_COLUMNS, BoolArray, Ticks

#: Ticks kept per symbol unless told otherwise.
CAPACITY = 200_000

_SMALLEST = 1_024
_DTYPES = (np.int64, np.float64, np.float64, np.int64, np.int32, np.bool_)
_OF_TICKS, _OF_MARKS = slice(5), slice(5, 6)


class Tick(NamedTuple):
    """One trade, in plain Python numbers."""

    ts_ms: int
    price: float
    size: float
    trade_id: int
    trades: int = 1


class TickRing:
    """The newest `capacity` ticks of one symbol, in order of arrival.

    Its columns grow as they fill, up to `capacity`; after that a batch overwrites the
    oldest ticks. A batch of k ticks costs O(k), without a loop in Python.

    symbol: that of the first batch. dropped: ticks overwritten so far.

    >>> ring = TickRing(capacity=3)
    >>> ring.append(Ticks("BTCUSDT", [1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0], [1.0] * 4, [-1] * 4))
    >>> len(ring), ring.dropped, ring.last.price, ring.view(2).price.tolist()
    (3, 1, 4.0, [3.0, 4.0])
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}, expected at least 1")
        self.capacity = capacity
        self.symbol = ""
        self.dropped = 0
        self._columns = _allocate(0)
        self._start = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, ticks: Ticks, marks: BoolArray | None = None) -> None:
        """Take a batch in; ValueError when it is of another symbol.

        marks: which of its ticks are marked, None for none.
        """
        if self.symbol and ticks.symbol != self.symbol:
            raise ValueError(f"ticks are of {ticks.symbol}, expected {self.symbol}")
        self.symbol = ticks.symbol
        count = len(ticks)
        skipped = max(count - self.capacity, 0)
        arriving = count - skipped
        self._reserve(self._count + arriving)
        size = len(self._columns[0])
        overwritten = max(self._count + arriving - size, 0)
        begin = (self._start + self._count) % size if size else 0
        before_wrap = min(arriving, size - begin)
        arrived = [getattr(ticks, name) for name in TICK_COLUMNS]
        if before_wrap == count:  # as nearly always: one piece, and all of it
            place = slice(begin, begin + count)
            for column, values in zip(self._columns, [*arrived, marks], strict=True):
                column[place] = False if values is None else values
        else:
            arrived.append(np.zeros(count, np.bool_) if marks is None else marks)
            for column, values in zip(self._columns, arrived, strict=True):
                values = values[skipped:]
                column[begin : begin + before_wrap] = values[:before_wrap]
                column[: arriving - before_wrap] = values[before_wrap:]
        self._start = (self._start + overwritten) % size if size else 0
        self._count += arriving - overwritten
        self.dropped += skipped + overwritten

    def _reserve(self, needed: int) -> None:
        """Let the columns hold `needed` ticks, or `capacity` of them if that is fewer."""
        size = len(self._columns[0])
        if needed <= size or size == self.capacity:
            return
        grown = _allocate(min(max(needed, 2 * size, _SMALLEST), self.capacity))
        # Nothing is overwritten before the columns are full-grown, so they start at 0.
        for new, old in zip(grown, self._columns, strict=True):
            new[: self._count] = old[: self._count]
        self._columns = grown

    @property
    def nbytes(self) -> int:
        """Memory that the ticks take."""
        return sum(column.nbytes for column in self._columns)

    def keep(self, capacity: int) -> None:
        """Keep the newest `capacity` ticks from now on, and give the others' memory back."""
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}, expected at least 1")
        kept = self._read(capacity, slice(None))
        self.dropped += self._count - len(kept[0])
        self.capacity = capacity
        self._columns = _allocate(min(max(len(kept[0]), _SMALLEST), capacity))
        for column, values in zip(self._columns, kept, strict=True):
            column[: len(values)] = values
        self._start, self._count = 0, len(kept[0])

    def _read(self, limit: int | None, columns: slice = _OF_TICKS) -> list[np.ndarray]:
        count = self._count if limit is None else min(max(limit, 0), self._count)
        size = max(len(self._columns[0]), 1)
        begin = (self._start + self._count - count) % size
        before_wrap = min(count, size - begin)
        read = []
        for column in self._columns[columns]:
            values = np.empty(count, column.dtype)
            values[:before_wrap] = column[begin : begin + before_wrap]
            values[before_wrap:] = column[: count - before_wrap]
            values.flags.writeable = False
            read.append(values)
        return read

    def view(self, limit: int | None = None) -> Ticks:
        """The newest `limit` ticks (None: all) in order of arrival: a copy, read-only."""
        return Ticks(self.symbol, *self._read(limit))

    def marks(self, limit: int | None = None) -> BoolArray:
        """Which of the ticks that `view` gives are marked: a copy, read-only."""
        (marks,) = self._read(limit, _OF_MARKS)
        return marks

    @property
    def last(self) -> Tick | None:
        """The tick that arrived last, or None while there is none."""
        if not self._count:
            return None
        at = (self._start + self._count - 1) % len(self._columns[0])
        return Tick(*(column[at].item() for column in self._columns[_OF_TICKS]))


class Rings(dict[str, TickRing]):
    """The rings of a market, by symbol.

    Its bar book reads them here: if it knew the market, the two would hold each other, and the
    memory of a market that is let go would wait for the garbage collector.
    """

    def newest(self, symbol: str, count: int) -> Ticks:
        """So many of a symbol's newest ticks."""
        return self[symbol].view(count)


def _allocate(size: int) -> list[np.ndarray]:
    return [np.empty(size, dtype) for dtype in _DTYPES]
