"""Two legs' bars on one clock: what `analytics.pair` and the back-test stand on.

Rows are the times of either leg's bars. A leg without a bar at a row carries its last close
forward: that price is shown, but nobody traded at it, so no statistic, test or fill rests on
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from analytics.model import (
    UNKNOWN_TRADES,
    Bars,
    BoolArray,
    FloatArray,
    IntArray,
    NotReady,
    ParameterError,
)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Two legs on one clock, shape (n,) each: closes, and whether either was carried forward.

    start: the first row in view; those before it are history, from which windows that end in
    view begin. dropped: rows that the activity filter left out of the stretch in view.
    """

    ts_ms: IntArray
    y: FloatArray
    x: FloatArray
    carried: BoolArray
    dropped: int
    start: int = 0

    def __len__(self) -> int:
        return len(self.ts_ms)


class MarketRows(NamedTuple):
    """Every row of a stretch, whatever the activity filter says of it: what fills rest on.

    places: each leg's newest bar at each row, shape (2, n). carried: that bar is older than
    the row, shape (2, n). active: the row passes the activity filter. dropped: rows that do
    not, as `align` counts them.
    """

    ts_ms: IntArray
    places: IntArray
    carried: BoolArray
    active: BoolArray
    dropped: int = 0


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


@numba.njit(cache=True, nogil=True)
def first_fall(ts_ms: IntArray) -> int:
    """The first row whose time is not after the one before it, 0 where all rise."""
    for i in range(1, len(ts_ms)):
        if ts_ms[i] <= ts_ms[i - 1]:
            return i
    return 0


def _check_times(name: str, bars: Bars) -> None:
    fall = first_fall(bars.ts_ms)
    if fall:
        pair = (int(bars.ts_ms[fall - 1]), int(bars.ts_ms[fall]))
        raise ParameterError(f"{name}.ts_ms", pair, "times that rise from bar to bar")


def shared_times(y: Bars, x: Bars) -> IntArray:
    """The times of `align`'s rows without limit and filter: of either leg, once both are there.

    Epoch ms, ascending, shape (n,). Raises ParameterError, a ValueError, for bars whose times
    fall or repeat, with the leg and the two times.

    >>> def bars(symbol, times):
    ...     ones = np.ones(len(times))
    ...     return Bars(symbol, "1s", times, ones, ones, ones, ones, ones, ones, ones)
    >>> shared_times(bars("A", [0, 1000, 3000]), bars("B", [1000, 2000])).tolist()
    [1000, 2000, 3000]
    """
    _check_times("y", y)
    _check_times("x", x)
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
    active = (bars.trades >= min_trades) | (bars.trades == UNKNOWN_TRADES)
    if min_volume > 0:
        active &= (bars.volume * bars.vwap >= min_volume) | ~_measured(bars)
    return active


def _measured(bars: Bars) -> BoolArray:
    """Which bars of a leg have a volume that is known."""
    known: BoolArray = np.logical_or.accumulate(bars.volume > 0)
    return (bars.trades != UNKNOWN_TRADES) | known


def unmeasured_notes(
    legs: Sequence[Bars], since_ms: int, min_trades: int = 0, min_volume: float = 0.0
) -> list[str]:
    """What of each leg the activity filter let pass since it is not known: a sentence each.

    legs: bars of each leg. since_ms: where the view begins, epoch ms. min_trades, min_volume:
    as `align` takes them, 0 for none.

    >>> five, none = [5.0, 5.0], [0.0, 0.0]
    >>> bars = Bars("KO", "1m", [0, 60_000], five, five, five, five, none, [-1, -1], five)
    >>> unmeasured_notes([bars], 0, min_volume=100.0)
    ['KO: the volume of 2 of 2 bars is not known, the activity filter lets them pass.']
    """
    notes: list[str] = []
    if not (min_trades or min_volume > 0):
        return notes
    for bars in legs:
        seen = bars.ts_ms >= since_ms
        unknown = {
            "volume": ~_measured(bars) if min_volume > 0 else np.zeros(len(bars), np.bool_),
            "number of trades": (bars.trades == UNKNOWN_TRADES) & (min_trades > 0),
        }
        for what, which in unknown.items():
            count = int(np.count_nonzero(which & seen))
            if count:
                verb = "them" if count > 1 else "it"
                notes.append(
                    f"{bars.symbol}: the {what} of {count:,} of {int(seen.sum()):,} bars is not "
                    f"known, the activity filter lets {verb} pass."
                )
    return notes


def not_enough(
    need: int, have: int, dropped: int = 0, carried: int = 0, unpriced: int = 0
) -> NotReady:
    """That rows are missing, and why: those that the activity filter dropped, those on which a
    leg carries a price, those without prices above zero.

    >>> not_enough(60, 0, 1844).reason
    'needs 60 bars, has 0, 1,844 dropped by the activity filter'
    >>> not_enough(60, 12, carried=30).reason
    'needs 60 bars, has 12 in which both legs traded, 30 in which one did not'
    >>> not_enough(60, 0, unpriced=700).reason
    'needs 60 bars, has 0, 700 left out whose prices are not all above 0'
    """
    reason = f"needs {need:,} bars, has {have:,}"
    if carried:
        reason += f" in which both legs traded, {carried:,} in which one did not"
    if dropped:
        reason += f", {dropped:,} dropped by the activity filter"
    if unpriced:
        reason += f", {unpriced:,} left out whose prices are not all above 0"
    return NotReady(reason, have, need)


def _check_legs(y: Bars, x: Bars, limit: int | None) -> None:
    if y.timeframe != x.timeframe:
        raise ValueError(f"x has bars of {x.timeframe}, expected {y.timeframe}, as y has")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}, expected at least 1")
    _check_times("y", y)
    _check_times("x", x)


def align(
    y: Bars,
    x: Bars,
    limit: int | None = None,
    min_trades: int = 0,
    min_volume: float = 0.0,
    history: int = 0,
) -> Aligned:
    """The newest `limit` rows (None: all) on which both legs have a price.

    Rows are the times of either leg's bars, from the later first bar on; a leg without a bar
    there carries its last close forward and the row is flagged. min_trades and min_volume
    above 0 leave out the rows on which either leg traded less often, or had less turnover
    (volume x VWAP, in quote currency), before the limit counts them; a carried row had
    neither, an unknown number of trades or volume passes. history: as many rows more stand
    before those of the limit, where there are any. Nothing looks ahead: a row depends on bars
    up to its own time only.

    Raises ValueError for legs of different timeframes, and ParameterError for bars whose
    times fall or repeat.

    >>> def bars(symbol, times, closes):
    ...     c = [float(close) for close in closes]
    ...     return Bars(symbol, "1s", times, c, c, c, c, c, [1] * len(c), c)
    >>> rows = align(bars("A", [0, 1000, 3000], [1, 2, 3]), bars("B", [1000, 2000], [10, 20]))
    >>> rows.ts_ms.tolist(), rows.y.tolist(), rows.x.tolist()
    ([1000, 2000, 3000], [2.0, 2.0, 3.0], [10.0, 20.0, 20.0])
    >>> rows.carried.tolist()
    [False, True, True]
    """
    _check_legs(y, x, limit)
    if not len(y) or not len(x):
        return Aligned(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.bool_), 0)
    filtered = min_trades > 0 or min_volume > 0
    if not filtered:
        most = len(y) + len(x) if limit is None else limit + history
        n = min(most, len(y), len(x))
        if _regular(y, x, n) and (n == most or n == len(y) == len(x)):
            times, none = y.ts_ms[len(y) - n :], np.zeros(n, np.bool_)
            closes = y.close[len(y) - n :], x.close[len(x) - n :]
            return Aligned(times, *closes, none, 0, max(n - (limit or n), 0))
        y, x = y.tail(most + 1), x.tail(most + 1)
    rows = _market_rows(y, x, min_trades, min_volume)
    first, dropped = _newest(rows.active, limit)
    oldest = max(first - history, 0)
    kept = np.flatnonzero(rows.active)[oldest:]
    at_y, at_x = rows.places[:, kept]
    carried = np.logical_or(*rows.carried[:, kept])
    return Aligned(rows.ts_ms[kept], y.close[at_y], x.close[at_x], carried, dropped, first - oldest)


def market_rows(
    y: Bars, x: Bars, limit: int, min_trades: int = 0, min_volume: float = 0.0
) -> MarketRows:
    """Every row since the first of the newest `limit` rows that pass the activity filter.

    As `align` finds them, those that the filter leaves out among them. Raises as `align`.

    >>> def bars(symbol, trades):
    ...     c = np.ones(len(trades))
    ...     return Bars(symbol, "1s", np.arange(len(c)) * 1000, c, c, c, c, c, trades, c)
    >>> rows = market_rows(bars("A", [9, 9, 1, 9]), bars("B", [9, 9, 9, 9]), 2, min_trades=5)
    >>> rows.ts_ms.tolist(), rows.active.tolist()
    ([1000, 2000, 3000], [True, False, True])
    """
    _check_legs(y, x, limit)
    if not len(y) or not len(x):
        none, flags = np.empty((2, 0), np.int64), np.empty((2, 0), np.bool_)
        return MarketRows(none[0], none, flags, flags[0])
    skipped = np.zeros((2, 1), np.int64)
    if not (min_trades > 0 or min_volume > 0):
        skipped[:, 0] = max(len(y) - limit - 1, 0), max(len(x) - limit - 1, 0)
        y, x = y.tail(limit + 1), x.tail(limit + 1)
    rows = _market_rows(y, x, min_trades, min_volume)
    first, dropped = _newest(rows.active, limit)
    begin = int(np.flatnonzero(rows.active)[first]) if rows.active.any() else len(rows.ts_ms)
    places, carried = rows.places[:, begin:] + skipped, rows.carried[:, begin:]
    return MarketRows(rows.ts_ms[begin:], places, carried, rows.active[begin:], dropped)


def _newest(active: BoolArray, limit: int | None) -> tuple[int, int]:
    """The first of the newest `limit` active rows, among those, and the others since then.

    What lies between it and the active row before it counts as well.
    """
    places = np.flatnonzero(active)
    first = 0 if limit is None else max(len(places) - limit, 0)
    begin = int(places[first - 1]) + 1 if first else 0
    return first, len(active) - begin - (len(places) - first)


def _market_rows(y: Bars, x: Bars, min_trades: int, min_volume: float) -> MarketRows:
    times, places = _rows(y.ts_ms, x.ts_ms)
    carried = np.stack((y.ts_ms[places[0]] != times, x.ts_ms[places[1]] != times))
    active = np.ones(len(times), np.bool_)
    if min_trades > 0 or min_volume > 0:
        active = _active(y, min_trades, min_volume)[places[0]]
        active &= _active(x, min_trades, min_volume)[places[1]]
        active &= ~carried.any(axis=0)
    return MarketRows(times, places, carried, active)
