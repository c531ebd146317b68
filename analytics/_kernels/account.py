"""The account of a back-test: what a position holds, its equity bar by bar, and its sums."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from analytics._kernels.fills import Places, Units
from analytics.model import FloatArray, IntArray

#: The rows of sums that `play` keeps of a run, from which `analytics._backtest_figures`
#: computes every figure. end: the number of rows until its record ends: all, or those until
#: nothing was left.
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
    "waits",
    "waited",
    "gap_exits",
    "cubes",
    "fourths",
    "end",
)
#: What `play` keeps of a trade: rows, then shares of the gross exposure at entry. first, last:
#: from when to when it is held; ordered: the row from whose open on the exit may fill; entry_y
#: to exit_x: the row in which that leg fills, NEVER for a leg that is never held, the number of
#: rows for an exit that is still to come, and for a ruin at the last close.
PLACES: tuple[str, ...] = (
    "first",
    "last",
    "side",
    "reason",
    "ordered",
    "entry_y",
    "entry_x",
    "exit_y",
    "exit_x",
)
SHARES: tuple[str, ...] = ("gross", "cost", "turnover")

NET, GROSS, RETURNS, SQUARES, SHORTFALLS, DRAWDOWN = 0, 1, 2, 3, 4, 5
GAINS, LOSSES, WINS, CLOSED, HELD, TURNOVER, EXPOSED, BARS = 6, 7, 8, 9, 10, 11, 12, 13
WAITS, WAITED, GAPS, CUBES, FOURTHS, END = 14, 15, 16, 17, 18, 19


@numba.njit(cache=True, nogil=True, error_model="numpy")
def bought(side: int, hedge: float, at_y: float, at_x: float, log_prices: bool) -> Units:
    """Units of each leg that a gross exposure of 1 buys, signed, and what they were bought at."""
    if log_prices:
        gross = 1.0 + abs(hedge)
        return side / gross / at_y, -side * hedge / gross / at_x, at_y, at_x
    gross = at_y + abs(hedge) * at_x
    return side / gross, -side * hedge / gross, at_y, at_x


@numba.njit(cache=True, nogil=True, error_model="numpy")
def gain(units: Units, price_y: float, price_x: float) -> float:
    """What a position has gained at these prices, as a share of its gross exposure."""
    of_y, of_x, at_y, at_x = units
    return of_y * (price_y - at_y) + of_x * (price_x - at_x)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def mark(
    equity: FloatArray,
    close_y: FloatArray,
    close_x: FloatArray,
    first: int,
    last: int,
    units: Units,
    base: float,
    rate: float,
) -> None:
    """Fill the equity of a position at each close."""
    of_y, of_x, at_y, at_x = units
    for i in range(np.uint64(first), np.uint64(last)):
        gain = of_y * (close_y[i] - at_y) + of_x * (close_x[i] - at_x)
        equity[i] = base * (1.0 - rate + gain)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def tally(
    equity: FloatArray, first: int, stop: int, before: float, sums: FloatArray,
    ends: IntArray, room: FloatArray, block: int,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Add up the returns of a position: plain, squared, to the third and to the fourth power, and
    squared where below zero.

    The first two go to the sums of each block as well, a row of `room` each: `block` is the one
    that holds the row before, and one ends with each row of `ends`. Returns the lowest and the
    highest equity of the position, and the block of its last row. One order of the sums,
    whoever compiled this: a compiler that may choose it chooses by what it compiled before.
    """
    change = equity[first] / before - 1.0
    lost = min(change, 0.0)
    square = change * change
    total, squares, shortfalls = change, square, lost * lost
    cubes, fourths = square * change, square * square
    low = high = equity[first]
    back, at, last = np.uint64(1), first + 1, ends.size - 1
    while block < last and ends[block] < first:
        block += 1
    part, part_squares = total, squares
    while True:
        end = stop if block >= last else min(ends[block] + 1, stop)
        for i in range(np.uint64(at), np.uint64(end)):
            value = equity[i]
            change = value / equity[i - back] - 1.0
            lost = change if change < 0.0 else 0.0
            square = change * change
            total += change
            squares += square
            cubes += square * change
            fourths += square * square
            part += change
            part_squares += square
            shortfalls += lost * lost
            low = value if value < low else low
            high = value if value > high else high
        room[block, 0] += part
        room[block, 1] += part_squares
        if end >= stop:
            break
        block, at, part, part_squares = block + 1, end, 0.0, 0.0
    sums[RETURNS] += total
    sums[SQUARES] += squares
    sums[CUBES] += cubes
    sums[FOURTHS] += fourths
    sums[SHORTFALLS] += shortfalls
    return low, high, block


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fall(equity: FloatArray, first: int, stop: int, peak: float, sums: FloatArray) -> float:
    """The highest equity after the bars of a position; the deepest fall goes to the sums."""
    deepest = sums[DRAWDOWN]
    floor = peak * (1.0 + deepest)
    for i in range(np.uint64(first), np.uint64(stop)):
        value = equity[i]
        if value > peak:
            peak = value
            floor = peak * (1.0 + deepest)
        elif value < floor:
            deepest = value / peak - 1.0
            floor = value
    sums[DRAWDOWN] = deepest
    return peak


@numba.njit(cache=True, nogil=True, error_model="numpy")
def lost(equity: FloatArray, first: int) -> int:
    """The row after the first from `first` on at whose close nothing is left; there is one."""
    i = first
    while equity[i] > 0.0:
        i += 1
    return i + 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def close(sums: FloatArray, bars: int, net: float, by_gap: bool) -> None:
    """Count a trade that is closed."""
    sums[CLOSED] += 1.0
    sums[HELD] += bars
    sums[GAINS] += max(net, 0.0)
    sums[LOSSES] -= min(net, 0.0)
    sums[WINS] += net > 0.0
    sums[GAPS] += by_gap


@numba.njit(cache=True, nogil=True, error_model="numpy")
def wait(sums: FloatArray, places: Places, first: int, ordered: int, n: int, gap: int) -> None:
    """Count the fills that waited for their leg's next bar, and the bars they waited."""
    entry_y, entry_x, exit_y, exit_x = places
    for filled in (entry_y, entry_x):
        if filled > first:
            sums[WAITS] += 1.0
            sums[WAITED] += filled - first
    for filled in (exit_y, exit_x):
        if ordered < filled < n and filled != gap:
            sums[WAITS] += 1.0
            sums[WAITED] += filled - ordered


@numba.njit(cache=True, nogil=True, error_model="numpy")
def held(lines: Any, equity: FloatArray, first: int, last: int, side: int, peak: float) -> None:
    """Fill position and drawdown of a position."""
    for i in range(first, last):
        peak = max(peak, equity[i])
        lines[0][i] = side
        lines[2][i] = equity[i] / peak - 1.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def flat(
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
def note(
    lines: Any, trade: int, places: tuple[Any, ...], shares: tuple[float, float, float]
) -> None:
    """Fill the columns of a trade."""
    for k in range(9):
        lines[3][k, trade] = places[k]
    for k in range(3):
        lines[4][k, trade] = shares[k]
