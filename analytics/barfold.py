"""The kernel that folds ticks into bars, one tick after the other in order of arrival.

Bars are the columns [HEAD, TAIL) of two arrays: whole numbers, of shape (INT_ROWS,
capacity), and floats, of shape (FLOAT_ROWS, capacity). They ascend by SLOT, the time at
which a bar opens, and columns are free on both sides, so that a bar can be put in at
either end without moving the others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.model import BoolArray, FloatArray, IntArray

# Rows of the kernel's two state arrays; a column is a bar.
SLOT, FIRST, LAST, TRADES = range(4)
OPEN, HIGH, LOW, CLOSE, VOLUME, VOLUME_ERROR, SHIFT, EXCESS, EXCESS_ERROR = range(9)
INT_ROWS, FLOAT_ROWS = 4, 9
# Fields of the cursor that the kernel moves.
HEAD, TAIL, LATE, AMENDED, EVICTED = range(5)

NO_ROOM = -1


@njit(cache=True)
def first_unusable(price: FloatArray, size: FloatArray) -> int:
    """Index of the first price or size that is not finite and above zero, or -1."""
    for i in range(len(price)):
        if not (0.0 < price[i] < np.inf and 0.0 < size[i] < np.inf):
            return i
    return -1


@njit(cache=True)
def _find(slot: int, ints: IntArray, head: int, tail: int) -> int:
    """Column in [head, tail] of the first bar that is not before `slot`."""
    if head == tail or slot > ints[SLOT, tail - 1]:
        return tail
    low, high = head, tail - 1
    while low < high:
        middle = (low + high) // 2
        if ints[SLOT, middle] < slot:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _insert(place: int, max_bars: int, ints: IntArray, floats: FloatArray, cursor: IntArray) -> int:
    """Make room for a bar before column `place` and return where; NO_ROOM: grow first."""
    head, tail, capacity = cursor[HEAD], cursor[TAIL], ints.shape[1]
    full = tail - head >= max_bars
    if tail == capacity and (place == tail or (head == 0 and not full)):
        return NO_ROOM
    if full:  # the oldest bar goes, and its column is free
        head += 1
        cursor[EVICTED] += 1
    if place == tail:
        tail += 1
    elif head > 0 and (place - head < tail - place or tail == capacity):
        for column in range(head, place):
            ints[:, column - 1] = ints[:, column]
            floats[:, column - 1] = floats[:, column]
        head -= 1
        place -= 1
    else:
        for column in range(tail, place, -1):
            ints[:, column] = ints[:, column - 1]
            floats[:, column] = floats[:, column - 1]
        tail += 1
    cursor[HEAD], cursor[TAIL] = head, tail
    return place


@njit(cache=True)
def _add(floats: FloatArray, row: int, column: int, value: float) -> None:
    """Add to a compensated sum: its total in `row`, its running error in the next."""
    total = floats[row, column]
    grown = total + value
    if abs(total) >= abs(value):
        floats[row + 1, column] += (total - grown) + value
    else:
        floats[row + 1, column] += (value - grown) + total
    floats[row, column] = grown


@njit(cache=True)
def _start(
    ts: int, slot: int, price: float, column: int, ints: IntArray, floats: FloatArray
) -> None:
    """Begin a bar with nothing in it yet but its first tick's time and price."""
    ints[:, column] = ts
    ints[SLOT, column] = slot
    ints[TRADES, column] = 0
    floats[:, column] = 0.0
    floats[OPEN : CLOSE + 1, column] = price
    floats[SHIFT, column] = price


@njit(cache=True)
def fold(
    ts_ms: IntArray,
    price: FloatArray,
    size: FloatArray,
    begin: int,
    length_ms: int,
    max_bars: int,
    ints: IntArray,
    floats: FloatArray,
    cursor: IntArray,
    refused: BoolArray,
) -> int:
    """Fold ticks[begin:] into the bars; return the first tick not folded for want of room."""
    for i in range(begin, len(ts_ms)):
        ts, paid = ts_ms[i], price[i]
        slot = ts - ts % length_ms
        bar = _find(slot, ints, cursor[HEAD], cursor[TAIL])
        if bar == cursor[TAIL] or ints[SLOT, bar] != slot:
            if bar == cursor[HEAD] and cursor[TAIL] - bar >= max_bars:
                cursor[LATE] += 1
                refused[i] = True
                continue
            bar = _insert(bar, max_bars, ints, floats, cursor)
            if bar == NO_ROOM:
                return i
            _start(ts, slot, paid, bar, ints, floats)
        if bar < cursor[TAIL] - 1:
            cursor[AMENDED] += 1
        if ts < ints[FIRST, bar]:
            ints[FIRST, bar] = ts
            floats[OPEN, bar] = paid
        if ts >= ints[LAST, bar]:
            ints[LAST, bar] = ts
            floats[CLOSE, bar] = paid
        floats[HIGH, bar] = max(floats[HIGH, bar], paid)
        floats[LOW, bar] = min(floats[LOW, bar], paid)
        ints[TRADES, bar] += 1
        _add(floats, VOLUME, bar, size[i])
        _add(floats, EXCESS, bar, size[i] * (paid - floats[SHIFT, bar]))
    return len(ts_ms)
