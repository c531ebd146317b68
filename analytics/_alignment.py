"""Two legs' bars on one clock: what `analytics.pair` and the back-test stand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.model import UNKNOWN_TRADES, Bars, BoolArray, FloatArray, IntArray


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


def _union(a: IntArray, b: IntArray) -> IntArray:
    """The times in either of two ascending arrays, each once, ascending."""
    if np.array_equal(a, b):
        return a
    both = np.concatenate([a, b])
    both.sort(kind="stable")  # merges the two runs
    return both[np.concatenate([[True], both[1:] != both[:-1]])]


def _at(bars: Bars, times: IntArray) -> tuple[IntArray, BoolArray]:
    """Row of the newest bar at or before each time, and whether it is older."""
    rows = np.searchsorted(bars.ts_ms, times, side="right") - 1
    return rows, bars.ts_ms[rows] != times


def _regular(bars: Bars, times: IntArray) -> bool:
    """Whether the leg's newest bars are at just these times, as of two busy legs they are."""
    return np.array_equal(bars.ts_ms[len(bars) - len(times) :], times)


def _active(bars: Bars, rows: IntArray, carried: BoolArray, min_trades: int) -> BoolArray:
    """Whether the leg traded often enough on each row; a carried row had no trade."""
    trades = bars.trades[rows]
    return ~carried & ((trades == UNKNOWN_TRADES) | (trades >= min_trades))


def align(y: Bars, x: Bars, limit: int | None = None, min_trades: int = 0) -> Aligned:
    """The newest `limit` rows (None: all) on which both legs have a price.

    Rows are the times of either leg's bars, from the later first bar on; a leg without a bar
    there carries its last close forward and the row is flagged. min_trades above 0 leaves out
    the rows on which either leg traded less often, before the limit counts them; a carried
    row had 0 trades, an unknown number of trades passes. Nothing looks ahead: a row depends
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
    keep = None if limit is None or min_trades > 0 else -limit
    times = _union(y.ts_ms[keep:], x.ts_ms[keep:])
    times = times[np.searchsorted(times, max(y.ts_ms[0], x.ts_ms[0])) :]
    if keep is not None:
        times = times[keep:]
    if min_trades <= 0 and _regular(y, times) and _regular(x, times):
        n = len(times)
        return Aligned(
            times, y.close[len(y) - n :], x.close[len(x) - n :], np.zeros(n, np.bool_), 0
        )
    rows_y, carried_y = _at(y, times)
    rows_x, carried_x = _at(x, times)
    carried = carried_y | carried_x
    kept = np.arange(len(times))
    if min_trades > 0:
        active = _active(y, rows_y, carried_y, min_trades) & _active(
            x, rows_x, carried_x, min_trades
        )
        kept = np.flatnonzero(active)
    first = max(len(kept) - limit, 0) if limit is not None else 0
    start = int(kept[first - 1]) + 1 if first else 0
    kept = kept[first:]
    return Aligned(
        times[kept],
        y.close[rows_y[kept]],
        x.close[rows_x[kept]],
        carried[kept],
        dropped=len(times) - start - len(kept) if min_trades > 0 else 0,
    )
