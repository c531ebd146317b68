"""The kernel that folds ticks into bars, one tick after the other in order of arrival.

A bar is a column of `ints`, of shape (INT_ROWS, capacity), and of `floats`, of shape
(FLOAT_ROWS, capacity), wherever it was first put. `order`, of shape (2, capacity), tells
in its columns [HEAD, TAIL) when each bar opens, ascending, and in which column it is; there
is room on both sides, so that a bar may come first, last or between at little cost.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics._columns import CountArray
from analytics.model import BoolArray, FloatArray, IntArray

# Rows of the arrays.
SLOT, PLACE = range(2)
FIRST, LAST, TRADES, FIRST_ID, LAST_ID = range(5)
OPEN, HIGH, LOW, CLOSE, VOLUME, VOLUME_ERROR, SHIFT, EXCESS, EXCESS_ERROR = range(9)
INT_ROWS, FLOAT_ROWS = 5, 9
# Fields of the cursor: what the kernel moves, and the two figures that it is given.
HEAD, TAIL, USED, LATE, AMENDED, LENGTH_MS, MAX_BARS = range(7)
CURSOR_FIELDS = 7

_NO_ROOM = -1


@njit(cache=True, nogil=True)
def _find(slot: int, order: IntArray, head: int, tail: int) -> int:
    """Position in [head, tail] of the first bar that does not open before `slot`."""
    if head == tail or slot > order[SLOT, tail - 1]:
        return tail
    if slot == order[SLOT, tail - 1]:
        return tail - 1
    low, high = head, tail - 1
    while low < high:
        middle = (low + high) // 2
        if order[SLOT, middle] < slot:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _insert(at: int, slot: int, order: IntArray, cursor: IntArray) -> int:
    """Open a bar before position `at` and return its position; _NO_ROOM: grow first."""
    head, tail, capacity = cursor[HEAD], cursor[TAIL], order.shape[1]
    full = tail - head >= cursor[MAX_BARS]
    if not full and cursor[USED] == capacity:
        return _NO_ROOM
    # The shorter side gives way. Rather than move the longer one, ask for room in the middle.
    leftwards = at - head < tail - at
    if (leftwards and head == 0 and not full) or (not leftwards and tail == capacity):
        return _NO_ROOM
    if full:  # the oldest bar goes, and the new one takes its column
        place = order[PLACE, head]
        head += 1
    else:
        place = cursor[USED]
        cursor[USED] += 1
    if leftwards:
        head -= 1
        at -= 1
        for position in range(head, at):
            order[SLOT, position] = order[SLOT, position + 1]
            order[PLACE, position] = order[PLACE, position + 1]
    else:
        for position in range(tail, at, -1):
            order[SLOT, position] = order[SLOT, position - 1]
            order[PLACE, position] = order[PLACE, position - 1]
        tail += 1
    order[SLOT, at] = slot
    order[PLACE, at] = place
    cursor[HEAD], cursor[TAIL] = head, tail
    return at


@njit(cache=True, nogil=True)
def _start(
    ts: int, price: float, number: int, bar: int, ints: IntArray, floats: FloatArray
) -> None:
    """Begin a bar with nothing in it yet but its first tick's time, price and id."""
    ints[FIRST, bar] = ts
    ints[LAST, bar] = ts
    ints[FIRST_ID, bar] = number
    ints[LAST_ID, bar] = number
    ints[TRADES, bar] = 0
    for row in range(FLOAT_ROWS):
        floats[row, bar] = price if row <= CLOSE or row == SHIFT else 0.0


@njit(cache=True, nogil=True)
def _sum(total: float, error: float, value: float) -> tuple[float, float]:
    """A compensated sum and its running error, with one value more."""
    grown = total + value
    if abs(total) >= abs(value):
        return grown, error + ((total - grown) + value)
    return grown, error + ((value - grown) + total)


@njit(cache=True, nogil=True)
def _trade(
    ts_ms: IntArray,
    price: FloatArray,
    size: FloatArray,
    trade_id: IntArray,
    counts: CountArray,
    i: int,
    slot: int,
    length: int,
    bar: int,
    ints: IntArray,
    floats: FloatArray,
) -> int:
    """Take ticks from i on into their bar, one at least, and return the first that is not of it.

    Within a ms the id decides, where there are ids.
    """
    first, last, first_id = ints[FIRST, bar], ints[LAST, bar], ints[FIRST_ID, bar]
    last_id, trades = ints[LAST_ID, bar], ints[TRADES, bar]
    high, low = floats[HIGH, bar], floats[LOW, bar]
    volume, volume_error = floats[VOLUME, bar], floats[VOLUME_ERROR, bar]
    excess, excess_error = floats[EXCESS, bar], floats[EXCESS_ERROR, bar]
    shift = floats[SHIFT, bar]
    while i < len(ts_ms) and slot <= ts_ms[i] < slot + length:
        ts, paid, number = ts_ms[i], price[i], trade_id[i]
        if ts < first or (ts == first and 0 <= number < first_id):
            first, first_id, floats[OPEN, bar] = ts, number, paid
        if ts > last or (ts == last and not 0 <= number < last_id):
            last, last_id, floats[CLOSE, bar] = ts, number, paid
        high, low = max(high, paid), min(low, paid)
        trades += counts[i]
        volume, volume_error = _sum(volume, volume_error, size[i])
        excess, excess_error = _sum(excess, excess_error, size[i] * (paid - shift))
        i += 1
    ints[FIRST, bar], ints[LAST, bar], ints[FIRST_ID, bar] = first, last, first_id
    ints[LAST_ID, bar], ints[TRADES, bar] = last_id, trades
    floats[HIGH, bar], floats[LOW, bar] = high, low
    floats[VOLUME, bar], floats[VOLUME_ERROR, bar] = volume, volume_error
    floats[EXCESS, bar], floats[EXCESS_ERROR, bar] = excess, excess_error
    return i


@njit(cache=True)
def _fold(
    ts_ms: IntArray,
    price: FloatArray,
    size: FloatArray,
    trade_id: IntArray,
    counts: CountArray,
    begin: int,
    order: IntArray,
    ints: IntArray,
    floats: FloatArray,
    cursor: IntArray,
    refused: BoolArray,
) -> int:
    """Fold ticks[begin:] into the bars and return how far that went.

    counts: how many trades each tick holds.

    It stops early where a bar needs room that there is not; to be called again from there.
    With begin 0 and a price or size that is not finite and above zero, at i, nothing is
    done and -1 - i returned. Late ticks are marked in `refused`.
    """
    if begin == 0:
        for i in range(len(ts_ms)):
            if not (0.0 < price[i] < np.inf and 0.0 < size[i] < np.inf):
                return -1 - i
    length = cursor[LENGTH_MS]
    i = begin
    while i < len(ts_ms):
        slot = ts_ms[i] - ts_ms[i] % length
        at = _find(slot, order, cursor[HEAD], cursor[TAIL])
        if at == cursor[TAIL] or order[SLOT, at] != slot:
            if at == cursor[HEAD] and cursor[TAIL] - at >= cursor[MAX_BARS]:
                cursor[LATE] += 1
                refused[i] = True
                i += 1
                continue
            at = _insert(at, slot, order, cursor)
            if at == _NO_ROOM:
                return i
            _start(ts_ms[i], price[i], trade_id[i], order[PLACE, at], ints, floats)
        bar, before = order[PLACE, at], i
        i = _trade(ts_ms, price, size, trade_id, counts, i, slot, length, bar, ints, floats)
        if at < cursor[TAIL] - 1:
            cursor[AMENDED] += i - before
    return len(ts_ms)


@njit(cache=True, nogil=True)
def fold(*ticks_and_bars):  # type: ignore[no-untyped-def]
    """`_fold`, beside which other threads run."""
    return _fold(*ticks_and_bars)


@njit(cache=True)
def fold_few(*ticks_and_bars):  # type: ignore[no-untyped-def]
    """`_fold` of so few ticks that it takes microseconds: a thread that gave way for these would
    wait for milliseconds to go on, at each symbol's ticks anew.
    """
    return _fold(*ticks_and_bars)
