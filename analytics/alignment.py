"""Two legs' bars on one clock: what `analytics.pair` and the back-test stand on."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from analytics.model import UNKNOWN_TRADES, Bars, BoolArray, FloatArray, IntArray, NotReady


@dataclass(frozen=True, eq=False)
class Aligned:
    """Two legs on one clock, shape (n,) each: closes, and whether either was carried forward.

    dropped: rows that the activity filter left out of the stretch in view.
    """

    ts_ms: IntArray
    y: FloatArray
    x: FloatArray
    carried: BoolArray
    dropped: int

    def __len__(self) -> int:
        return len(self.ts_ms)


@numba.njit(cache=True, nogil=True)
def _merge(a: IntArray, b: IntArray, times: IntArray, at: IntArray) -> int:
    """The times of either leg from the later first one on, and each leg's newest row there.

    a, b: ascending. times, at[0], at[1]: filled from the front; how many rows there are.
    """
    i = j = 0
    start = max(a[0], b[0])
    while i + 1 < len(a) and a[i + 1] <= start:
        i += 1
    while j + 1 < len(b) and b[j + 1] <= start:
        j += 1
    now, count = start, 0
    while True:
        times[count], at[0, count], at[1, count] = now, i, j
        count += 1
        more_a, more_b = i + 1 < len(a), j + 1 < len(b)
        if not more_a and not more_b:
            return count
        if not more_b or (more_a and a[i + 1] < b[j + 1]):
            i += 1
            now = a[i]
        else:
            if more_a and a[i + 1] == b[j + 1]:
                i += 1
            j += 1
            now = b[j]


def _rows(a: IntArray, b: IntArray) -> tuple[IntArray, IntArray]:
    """Times and rows as `_merge` finds them, shapes (n,) and (2, n)."""
    times, at = np.empty(len(a) + len(b), np.int64), np.empty((2, len(a) + len(b)), np.int64)
    count = _merge(a, b, times, at)
    return times[:count], at[:, :count]


def shared_times(y: Bars, x: Bars) -> IntArray:
    """The times of `align`'s rows without limit and filter: of either leg, once both are there."""
    if not len(y) or not len(x):
        return np.empty(0, np.int64)
    return _rows(y.ts_ms, x.ts_ms)[0]


def _regular(y: Bars, x: Bars, rows: int) -> bool:
    """Whether the newest bars of both legs are at the same times, as of busy legs they are."""
    a, b = y.ts_ms[len(y) - rows :], x.ts_ms[len(x) - rows :]
    return a[0] == b[0] and bool((a == b).all())


def _active(bars: Bars, min_trades: int, min_volume: float) -> BoolArray:
    """Whether each bar of a leg had as many trades, and as much turnover, as asked for.

    A source that counts no trades gives no volume either until its first bar with one. A bar
    without turnover has no vwap that could be asked.
    """
    counted = bars.trades != UNKNOWN_TRADES
    active = (bars.trades >= min_trades) | ~counted
    if min_volume > 0:
        measured = counted | np.logical_or.accumulate(bars.volume > 0)
        active &= (bars.volume * bars.vwap >= min_volume) | ~measured
    return active


def not_enough(need: int, have: int, dropped: int = 0) -> NotReady:
    """That rows are missing, and how many the activity filter left out.

    >>> not_enough(60, 0, 1844).reason
    'needs 60 bars, has 0, 1,844 dropped by the activity filter'
    """
    filtered = f", {dropped:,} dropped by the activity filter" if dropped else ""
    return NotReady(f"needs {need:,} bars, has {have:,}{filtered}", have, need)


def align(
    y: Bars, x: Bars, limit: int | None = None, min_trades: int = 0, min_volume: float = 0.0
) -> Aligned:
    """The newest `limit` rows (None: all) on which both legs have a price.

    Rows are the times of either leg's bars, from the later first bar on; a leg without a bar
    there carries its last close forward and the row is flagged. min_trades and min_volume
    above 0 leave out the rows on which either leg traded less often, or had less turnover
    (volume x VWAP, in quote currency), before the limit counts them; a carried row had
    neither, an unknown number of trades or volume passes. Nothing looks ahead: a row depends
    on bars up to its own time only. Raises ValueError for legs of different timeframes.

    >>> def bars(symbol, times, closes):
    ...     c = [float(close) for close in closes]
    ...     return Bars(symbol, "1s", times, c, c, c, c, c, [1] * len(c), c)
    >>> rows = align(bars("A", [0, 1000, 3000], [1, 2, 3]), bars("B", [1000, 2000], [10, 20]))
    >>> rows.ts_ms.tolist(), rows.y.tolist(), rows.x.tolist()
    ([1000, 2000, 3000], [2.0, 2.0, 3.0], [10.0, 20.0, 20.0])
    >>> rows.carried.tolist()
    [False, True, True]
    """
    if y.timeframe != x.timeframe:
        raise ValueError(f"x has bars of {x.timeframe}, expected {y.timeframe}, as y has")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}, expected at least 1")
    if not len(y) or not len(x):
        return Aligned(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.bool_), 0)
    filtered = min_trades > 0 or min_volume > 0
    if not filtered and limit is not None:
        n = min(limit, len(y), len(x))
        if _regular(y, x, n) and (n == limit or n == len(y) == len(x)):
            times, none = y.ts_ms[len(y) - n :], np.zeros(n, np.bool_)
            return Aligned(times, y.close[len(y) - n :], x.close[len(x) - n :], none, 0)
        y, x = y.tail(limit + 1), x.tail(limit + 1)
    times, (rows_y, rows_x) = _rows(y.ts_ms, x.ts_ms)
    carried_y, carried_x = y.ts_ms[rows_y] != times, x.ts_ms[rows_x] != times
    kept: slice | IntArray = slice(None) if limit is None else slice(-limit, None)
    dropped = 0
    if filtered:
        active = _active(y, min_trades, min_volume)[rows_y]
        active &= _active(x, min_trades, min_volume)[rows_x]
        found = np.flatnonzero(active & ~carried_y & ~carried_x)
        first = max(len(found) - limit, 0) if limit is not None else 0
        start = int(found[first - 1]) + 1 if first else 0
        kept = found[first:]
        dropped = len(times) - start - len(found[first:])
    rows_y, rows_x = rows_y[kept], rows_x[kept]
    carried = (carried_y | carried_x)[kept]
    return Aligned(times[kept], y.close[rows_y], x.close[rows_x], carried, dropped)
