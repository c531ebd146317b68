"""Where the orders of a back-test fill: each leg at the open of its own next bar.

A leg that did not trade in a bar has no price there that anybody could have had, so its order
waits for the leg's next bar.
"""

from __future__ import annotations

from typing import Any

import numba

from analytics.model import BoolArray, FloatArray, IntArray

#: Rows in which Y and X enter, in which Y and X leave: int64 when it is compiled.
Places = tuple[Any, Any, Any, Any]
#: Units of each leg that a gross exposure of 1 buys, and the prices that they are sized at.
Units = tuple[float, float, float, float]
#: Open Y, open X, close Y, close X.
Prices = tuple[FloatArray, ...]

#: In place of a row: the leg is never held.
NEVER = -1
NEXT_Y, NEXT_X, NEXT_GAP = 0, 1, 2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def next_fills(carried: BoolArray, ts_ms: IntArray, longest_ms: int, table: IntArray) -> bool:
    """Write the next row from each on in which Y fills, in which X fills, and after a gap.

    carried: shape (2, n). A gap is a step in time above longest_ms. table: shape (3, n + 1);
    n stands for never. Returns whether any row differs from the next one in turn.
    """
    n = ts_ms.size
    table[:, n] = n
    waits = False
    for k in range(n):
        i = n - 1 - k
        for leg in range(2):
            table[leg, i] = table[leg, i + 1] if carried[leg, i] else i
            waits = waits or carried[leg, i]
        gap = i > 0 and ts_ms[i] - ts_ms[i - 1] > longest_ms
        table[NEXT_GAP, i] = i if gap else table[NEXT_GAP, i + 1]
        waits = waits or gap
    return waits


@numba.njit(cache=True, nogil=True, error_model="numpy")
def leg_fills(table: IntArray, first: int, ordered: int, n: int) -> tuple[Places, Any]:
    """Rows of entry and exit of each leg, and the row after the gap that closes them.

    An entry that has not filled before the exit is ordered never does, nor one that has not
    filled before the gap: what is held then is closed at the gap. The gap is n for none.
    """
    in_y, in_x = table[NEXT_Y, first], table[NEXT_X, first]
    out_y, out_x = table[NEXT_Y, ordered], table[NEXT_X, ordered]
    gap = table[NEXT_GAP, first]
    if in_y >= min(ordered, gap):
        in_y = out_y = NEVER
    if in_x >= min(ordered, gap):
        in_x = out_x = NEVER
    if gap >= n or gap > max(out_y, out_x):
        return (in_y, in_x, out_y, out_x), n
    return (in_y, in_x, min(out_y, gap), min(out_x, gap)), gap


@numba.njit(cache=True, nogil=True, error_model="numpy")
def cut_short(places: Places, row: int) -> Places:
    """Rows of entry and exit of legs that are closed at the last closes before a row."""
    in_y, in_x, out_y, out_x = places
    if in_y >= row:
        in_y = out_y = NEVER
    if in_x >= row:
        in_x = out_x = NEVER
    return in_y, in_x, min(out_y, row), min(out_x, row)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def together(places: Places, gap: int, n: int) -> bool:
    """Whether both legs of a position are held in the same bars, and no gap ends it."""
    return bool(places[0] == places[1] != NEVER and places[2] == places[3] and gap == n)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leg_mark(
    i: int, opens: FloatArray, closes: FloatArray, begin: int, stop: int, gap: int
) -> tuple[Any, Any, Any]:
    """Price that a leg has at the close of bar i, and that it was bought at; 0 unless bought.

    Past its exit the price is that of the exit: an open, or before a gap the last close.
    """
    if begin == NEVER or i < begin:
        return 0.0, 0.0, 0.0
    bought = opens[begin]
    if i < stop:
        return closes[i], bought, 0.0
    sold = closes[stop - 1] if stop == gap else opens[stop]
    return sold, bought, sold


@numba.njit(cache=True, nogil=True, error_model="numpy")
def apart(i: int, prices: Prices, units: Units, places: Places, gap: int) -> tuple[float, float]:
    """Gain, and what was traded until then, at the close of bar i, of legs that fill apart."""
    open_y, open_x, close_y, close_x = prices
    in_y, in_x, out_y, out_x = places
    of_y, of_x = units[0], units[1]
    now, bought, sold = _leg_mark(i, open_y, close_y, in_y, out_y, gap)
    gain, traded = of_y * (now - bought), abs(of_y) * (bought + sold)
    now, bought, sold = _leg_mark(i, open_x, close_x, in_x, out_x, gap)
    return gain + of_x * (now - bought), traded + abs(of_x) * (bought + sold)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def mark_apart(
    equity: FloatArray,
    prices: Prices,
    first: int,
    last: int,
    units: Units,
    places: Places,
    gap: int,
    base: float,
    rate: float,
) -> None:
    """Fill the equity of a position whose legs fill apart, at each close."""
    for i in range(first, last):
        gain, traded = apart(i, prices, units, places, gap)
        equity[i] = base * (1.0 + gain - rate * traded)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def gross_apart(
    gross: FloatArray,
    prices: Prices,
    first: int,
    last: int,
    units: Units,
    places: Places,
    gap: int,
    base: float,
) -> None:
    """Fill the equity before costs of a position at each close."""
    for i in range(first, last):
        gain, _ = apart(i, prices, units, places, gap)
        gross[i] = base * (1.0 + gain)
