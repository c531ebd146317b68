"""Bars of one symbol that came as bars: ascending, bounded, and cheap to follow."""

from __future__ import annotations

import numpy as np

from analytics.bars import MAX_BARS, aggregate
from analytics.model import BAR_COLUMNS, Bars, FloatArray, IntArray

#: Room for so many more bars, at least, when the columns grow.
_SMALLEST_ROOM = 64


class BarSeries:
    """Bars of one symbol that came as bars (an OHLC file), ascending and bounded.

    A bar at a time already held replaces it. The newest `max_bars` are kept. Bars that follow
    those held cost O(new bars); what was read before never changes.
    """

    def __init__(self, first: Bars, max_bars: int = MAX_BARS) -> None:
        self.max_bars = max_bars
        self._empty = first.tail(0)
        self._columns: dict[str, IntArray | FloatArray] = {}
        self._head, self._tail = 0, 0
        self._views: dict[str, Bars] = {}

    def __len__(self) -> int:
        return self._tail - self._head

    @property
    def base(self) -> Bars:
        """The bars as they came, read-only; kept until the next append."""
        own = self._empty.timeframe
        view = self._views.get(own)
        if view is None:
            held = slice(self._head, self._tail)
            view = self._empty
            if self._columns:
                view = view._of({name: column[held] for name, column in self._columns.items()})
            self._views[own] = view
        return view

    def append(self, bars: Bars) -> tuple[int, int]:
        """Merge a batch in any order of time; return how many were duplicate, and late.

        Duplicate: equal in every column to the bar held at its time, or to one before it
        in the batch. Late: older than the oldest bar held, when no more fit.

        Raises ValueError when they are of another timeframe.
        """
        if bars.timeframe != self._empty.timeframe:
            raise ValueError(f"bars are of {bars.timeframe}, expected {self._empty.timeframe}")
        if not len(bars):
            return 0, 0
        base = self.base
        newer = not len(base) or bars.ts_ms[0] > base.ts_ms[-1]
        if newer and bool((np.diff(bars.ts_ms) > 0).all()):
            self._follow(bars.tail(self.max_bars))
            return 0, 0
        late = np.zeros(len(bars), np.bool_)
        if len(base) >= self.max_bars:
            late = bars.ts_ms < base.ts_ms[0]
        both = Bars.concat([base, bars[~late]])
        both = both[np.argsort(both.ts_ms, kind="stable")]
        same_time = both.ts_ms[1:] == both.ts_ms[:-1]
        equal = same_time.copy()
        for name in BAR_COLUMNS[1:]:
            column = getattr(both, name)
            after, before = column[1:], column[:-1]
            equal &= (after == before) | ((after != after) & (before != before))  # NaN is NaN
        self._replace(both[np.flatnonzero(np.r_[~same_time, True])[-self.max_bars :]])
        return int(equal.sum()), int(late.sum())

    def keep(self, max_bars: int) -> None:
        """Keep the newest `max_bars` from now on, at least one, and give the rest's memory back."""
        self.max_bars = max(max_bars, 1)
        if len(self) > self.max_bars:
            self._replace(self.base.tail(self.max_bars))

    def bars(self, timeframe: str) -> Bars:
        """All bars at a timeframe; kept until the next append."""
        view = self._views.get(timeframe)
        if view is None:
            view = self._views[timeframe] = aggregate(self.base, timeframe)
        return view

    @property
    def nbytes(self) -> int:
        """Memory of the columns and of what was made of them."""
        columns = sum(column.nbytes for column in self._columns.values())
        own = self._empty.timeframe
        return columns + sum(view.nbytes for name, view in self._views.items() if name != own)

    def _replace(self, bars: Bars) -> None:
        self._columns = {}
        self._head = self._tail = 0
        self._follow(bars)

    def _follow(self, bars: Bars) -> None:
        """Take bars that all come after those held; the oldest give way to them."""
        over = len(self) + len(bars) - self.max_bars
        head = self._head + min(max(over, 0), len(self))
        room = len(self._columns["ts_ms"]) if self._columns else 0
        if self._tail + len(bars) > room:
            held = self._tail - head
            size = held + len(bars)
            size += max(size // 8, _SMALLEST_ROOM) if self._columns else 0
            grown = {}
            for name, dtype in Bars._dtypes.items():
                grown[name] = np.empty(size, dtype)
                if held:
                    grown[name][:held] = self._columns[name][head : self._tail]
            self._columns, head, self._tail = grown, 0, held
        for name, column in self._columns.items():
            column[self._tail : self._tail + len(bars)] = getattr(bars, name)
        self._head, self._tail = head, self._tail + len(bars)
        self._views.clear()
