"""The back-test's compiled loops: from a z-score and prices to trades, equity and sums.

What is meant by each step, and why, is in the docstring of `analytics.backtest`. A flat
stretch is skipped to the next entry and a position is walked to its exit on the z-score alone,
so that the marks, which cost most, are reckoned for bars in a position only. Where cells of a
sweep enter, or leave, by the same levels, those bars are looked up in a table that they share.

What `play` calls for each trade has no branch around an array, or one loop and one return: of
others numba counts the references to their arrays, which takes as long as a trade.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from analytics.model import FloatArray

#: Levels of entry long and short, of exit and stop; or units and prices of two legs.
_Four = tuple[float, ...]
#: Bars by number, as the tables of the next entries and exits hold them.
_Bars = npt.NDArray[np.int32]
#: The number of a bar: int64 when it is compiled, which is no int to a type checker.
_Bar = Any

#: The rows of sums that `play` keeps of a run, from which `analytics._backtest_figures`
#: reckons every figure.
SUMS: tuple[str, ...] = (
    "net",
    "gross",
    "returns",
    "squares",
    "shortfalls",
    "drawdown",
    "gains",
    "losses",
    "wins",
    "closed",
    "held",
    "turnover",
    "exposed",
    "bars",
)
#: What `play` keeps of a trade: integers, then shares of the gross exposure at entry.
PLACES: tuple[str, ...] = ("first", "last", "side", "reason")
SHARES: tuple[str, ...] = ("gross", "cost", "turnover")

_NET, _GROSS, _RETURNS, _SQUARES, _SHORTFALLS, _DRAWDOWN = 0, 1, 2, 3, 4, 5
_GAINS, _LOSSES, _WINS, _CLOSED, _HELD, _TURNOVER, _EXPOSED, _BARS = 6, 7, 8, 9, 10, 11, 12, 13
_TARGET, _STOP, _TIME = 1, 2, 3


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _enters(value: float, hedge: float, levels: _Four) -> bool:
    """Whether the close of a bar with this z-score orders an entry."""
    entry_long, entry_short, _, stop_z = levels
    far = entry_short <= value < stop_z or entry_long <= -value < stop_z
    return far and np.isfinite(hedge)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _unlocked(z: FloatArray, t: int, locked: int, exit_z: float) -> _Bar:
    """The first bar from t on that is back where a side that was stopped out is free again."""
    i, n = np.uint64(t), np.uint64(z.size)
    while i < n and not -locked * z[i] <= exit_z:
        i += np.uint64(1)
    return np.int64(i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _first_entry(z: FloatArray, hedge: FloatArray, t: int, levels: _Four) -> _Bar:
    """The first bar from t on whose close orders an entry, z.size if there is none."""
    i, n = np.uint64(t), np.uint64(z.size)
    nearer = min(levels[0], levels[1])
    while i < n and not (abs(z[i]) >= nearer and _enters(z[i], hedge[i], levels)):
        i += np.uint64(1)
    return np.int64(i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill_entries(z: FloatArray, hedge: FloatArray, levels: _Four, entries: _Bars) -> None:
    """Write the next bar that orders an entry, from each bar on; shape (n + 1,)."""
    n = z.size
    following = n
    entries[n] = n
    for k in range(n):
        i = n - 1 - k
        if _enters(z[i], hedge[i], levels):
            following = i
        entries[i] = following


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leaves(distance: float, levels: _Four) -> bool:
    """Whether a close so far from the mean, on the side of entry, orders the exit."""
    return distance >= levels[3] or distance <= levels[2]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _first_exit(z: FloatArray, side: int, first: int, end: int, levels: _Four) -> _Bar:
    """The first bar from `first` on whose close orders the exit of a position, `end` if none."""
    i, n = np.uint64(first), np.uint64(end)
    while i < n and not _leaves(-side * z[i], levels):
        i += np.uint64(1)
    return np.int64(i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _filled(signal: int, end: int, n: int, distance: float, stop_z: float) -> tuple[int, int]:
    """The bar that fills an exit, and the reason; n and none where it is held to the end.

    signal: the bar that orders it, at that distance; one from end on comes after a time stop.
    """
    last = min(signal + 1, end)
    if last >= n:
        return n, 0
    if signal >= end:
        return last, _TIME
    return last, _STOP if distance >= stop_z else _TARGET


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill_exits(z: FloatArray, levels: _Four, exits: _Bars) -> None:
    """Write the next bar that orders an exit, long and short, from each bar on; shape (2, n)."""
    n = z.size
    of_long = of_short = n
    for k in range(n):
        i = n - 1 - k
        if _leaves(-z[i], levels):
            of_long = i
        if _leaves(z[i], levels):
            of_short = i
        exits[0, i], exits[1, i] = of_long, of_short


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _bought(side: int, hedge: float, at_y: float, at_x: float, log_prices: bool) -> _Four:
    """Units of each leg that a gross exposure of 1 buys, signed, and what they were bought at."""
    if log_prices:
        gross = 1.0 + abs(hedge)
        return side / gross / at_y, -side * hedge / gross / at_x, at_y, at_x
    gross = at_y + abs(hedge) * at_x
    return side / gross, -side * hedge / gross, at_y, at_x


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gain(legs: _Four, price_y: float, price_x: float) -> float:
    of_y, of_x, at_y, at_x = legs
    return of_y * (price_y - at_y) + of_x * (price_x - at_x)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mark(
    equity: FloatArray,
    close_y: FloatArray,
    close_x: FloatArray,
    first: int,
    last: int,
    legs: _Four,
    base: float,
    rate: float,
) -> None:
    """Fill the equity of a position at each close."""
    of_y, of_x, at_y, at_x = legs
    for i in range(np.uint64(first), np.uint64(last)):
        gain = of_y * (close_y[i] - at_y) + of_x * (close_x[i] - at_x)
        equity[i] = base * (1.0 - rate + gain)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "nnan"})
def _tally(
    equity: FloatArray, first: int, stop: int, before: float, sums: FloatArray
) -> tuple[float, float]:
    """Add up the returns of a position: plain, squared, and squared where below zero.

    Returns the lowest and the highest equity of it.
    """
    one = equity[first] / before - 1.0
    lost = min(one, 0.0)
    total, squares, shortfalls = one, one * one, lost * lost
    back = np.uint64(1)
    for i in range(np.uint64(first + 1), np.uint64(stop)):
        one = equity[i] / equity[i - back] - 1.0
        lost = one if one < 0.0 else 0.0
        total += one
        squares += one * one
        shortfalls += lost * lost
    low = high = equity[first]
    for i in range(np.uint64(first + 1), np.uint64(stop)):  # apart: the loop above is vectorised
        value = equity[i]
        low = value if value < low else low
        high = value if value > high else high
    sums[_RETURNS] += total
    sums[_SQUARES] += squares
    sums[_SHORTFALLS] += shortfalls
    return low, high


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fall(equity: FloatArray, first: int, stop: int, peak: float, sums: FloatArray) -> float:
    """The highest equity after the bars of a position; the deepest fall goes to the sums."""
    deepest = sums[_DRAWDOWN]
    floor = peak * (1.0 + deepest)
    for i in range(np.uint64(first), np.uint64(stop)):
        value = equity[i]
        if value > peak:
            peak = value
            floor = peak * (1.0 + deepest)
        elif value < floor:
            deepest = value / peak - 1.0
            floor = value
    sums[_DRAWDOWN] = deepest
    return peak


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _close(sums: FloatArray, bars: int, net: float) -> None:
    """Count a trade that is closed."""
    sums[_CLOSED] += 1.0
    sums[_HELD] += bars
    sums[_GAINS] += max(net, 0.0)
    sums[_LOSSES] -= min(net, 0.0)
    sums[_WINS] += net > 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def play(
    z: FloatArray,
    hedge: FloatArray,
    prices: tuple[FloatArray, ...],
    log_prices: bool,
    start: int,
    levels: _Four,
    max_bars: int,
    rate: float,
    sums: FloatArray,
    equity: FloatArray,
    lines: Any,
    tables: tuple[_Bars, _Bars],
) -> int:
    """Trade one set of rules and fill `sums` (see SUMS).

    prices: open Y, open X, close Y, close X. levels: |z| of an entry long and of one short
    (infinite for a side that is not traded), of the exit, of the stop. equity: shape (n,), room
    for the equity of a position. lines: None, or arrays that are filled for every bar, as
    equity then is: position, gross equity and drawdown of shape (n,), and the rows of PLACES
    and SHARES of each trade. tables: what `_fill_entries` and `_fill_exits` write, or empty.
    Returns how many trades there are, an open one included.
    """
    open_y, open_x, close_y, close_x = prices
    entries, exits = tables
    n = z.size
    base = gross_base = peak = net = gross = 1.0
    trades = locked = 0
    t = start
    sums[:] = 0.0
    if lines is not None:
        _flat(lines, equity, 0, start, 1.0, 1.0, 1.0)
    while True:
        signal: _Bar = n
        if base > 0.0:
            free = t if locked == 0 else _unlocked(z, t, locked, levels[2])
            if entries.size:
                signal = np.int64(entries[free])
            else:
                signal = _first_entry(z, hedge, free, levels)
        first = min(signal + 1, n)
        if lines is not None:
            _flat(lines, equity, t, first, base, gross_base, peak)
        if first >= n:
            break
        side = -1 if z[signal] > 0.0 else 1
        end = min(n, first + max_bars)
        if exits.size:
            leaving: _Bar = np.int64(exits[0 if side > 0 else 1, first])
        else:
            leaving = _first_exit(z, side, first, end, levels)
        last, reason = _filled(leaving, end, n, -side * z[min(leaving, n - 1)], levels[3])
        legs = _bought(side, float(hedge[signal]), open_y[first], open_x[first], log_prices)
        _mark(equity, close_y, close_x, first, last, legs, base, rate)
        if reason == 0:
            stop, traded = n, 1.0
            gain = _gain(legs, close_y[n - 1], close_x[n - 1])
            net = equity[n - 1]
        else:
            stop, gain = last + 1, _gain(legs, open_y[last], open_x[last])
            traded = 1.0 + abs(legs[0]) * open_y[last] + abs(legs[1]) * open_x[last]
            net = equity[last] = base * (1.0 + gain - rate * traded)
            _close(sums, last - first, gain - rate * traded)
            locked = 0 if reason == _TARGET else side
        gross = gross_base * (1.0 + gain)
        if lines is not None:
            _held(lines, equity, first, last, side, base, gross_base, rate, peak)
            places = (first, min(last, n - 1), side, reason)
            _note(lines, trades, places, (gain, rate * traded, traded))
        low, high = _tally(equity, first, stop, base, sums)
        high = max(high, peak)
        if low < high * (1.0 + sums[_DRAWDOWN]):  # a fall as deep may be in it
            high = _fall(equity, first, stop, peak, sums)
        peak = high
        sums[_TURNOVER] += traded
        sums[_EXPOSED] += last - first
        trades += 1
        t, base, gross_base = last, net, gross
    sums[_NET], sums[_GROSS], sums[_BARS] = net, gross, max(n - 1 - start, 0)
    return trades


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _held(
    lines: Any,
    equity: FloatArray,
    first: int,
    last: int,
    side: int,
    base: float,
    gross_base: float,
    rate: float,
    peak: float,
) -> None:
    """Fill the lines of a position."""
    for i in range(first, last):
        peak = max(peak, equity[i])
        lines[0][i] = side
        lines[1][i] = gross_base * (equity[i] / base + rate)
        lines[2][i] = equity[i] / peak - 1.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _flat(
    lines: Any,
    equity: FloatArray,
    t: int,
    stop: int,
    base: float,
    gross_base: float,
    peak: float,
) -> None:
    """Fill the lines of a stretch without a position."""
    equity[t:stop] = base
    lines[0][t:stop] = 0
    lines[1][t:stop] = gross_base
    lines[2][t:stop] = base / peak - 1.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _note(lines: Any, trade: int, places: _Four, shares: _Four) -> None:
    """Fill the columns of a trade."""
    for k in range(4):
        lines[3][k, trade] = places[k]
    for k in range(3):
        lines[4][k, trade] = shares[k]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def score(
    z: FloatArray,
    hedge: FloatArray,
    prices: tuple[FloatArray, ...],
    log_prices: bool,
    start: int,
    cells: FloatArray,
    sums: FloatArray,
) -> None:
    """Trade many sets of rules on the same signals: a row of `cells` and of `sums` each.

    cells: shape (k, 6): the four levels, max_bars, rate; see `play`. Those with the same levels
    of entry and stop, or of exit and stop, do best side by side.
    """
    n = z.size
    equity = np.empty(n)
    all_entries, all_exits = np.empty(n + 1, np.int32), np.empty((2, n), np.int32)
    no_entries, no_exits = np.empty(0, np.int32), np.empty((2, 0), np.int32)
    for k in range(cells.shape[0]):
        levels = (cells[k, 0], cells[k, 1], cells[k, 2], cells[k, 3])
        before = k > 0 and _same_entries(cells[k], cells[k - 1])
        after = k + 1 < cells.shape[0] and _same_entries(cells[k], cells[k + 1])
        if after and not before:
            _fill_entries(z, hedge, levels, all_entries)
        entries = all_entries if before or after else no_entries
        before = k > 0 and _same_exits(cells[k], cells[k - 1])
        after = k + 1 < cells.shape[0] and _same_exits(cells[k], cells[k + 1])
        if after and not before:
            _fill_exits(z, levels, all_exits)
        exits = all_exits if before or after else no_exits
        bars, rate, row = int(cells[k, 4]), cells[k, 5], sums[k]
        tables = (entries, exits)
        play(z, hedge, prices, log_prices, start, levels, bars, rate, row, equity, None, tables)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _same_entries(one: FloatArray, other: FloatArray) -> bool:
    """Whether two rows of cells enter at the same bars."""
    return one[0] == other[0] and one[1] == other[1] and one[3] == other[3]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _same_exits(one: FloatArray, other: FloatArray) -> bool:
    """Whether two rows of cells leave at the same bars, but for their time stops."""
    return one[2] == other[2] and one[3] == other[3]
