"""When the rules of a back-test order: the next bar that enters, and the one that leaves.

On the z-score alone. Where cells of a sweep share levels those bars are written to a table.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from analytics.model import FloatArray

#: Levels of entry long and short, of exit and stop.
Levels = tuple[float, float, float, float]
#: Bars by number, as the tables of the next entries and exits hold them.
BarNumbers = npt.NDArray[np.int32]
#: The number of a bar: int64 when it is compiled, which is no int to a type checker.
Bar = Any

TARGET, STOP, TIME, GAP, RUIN = 1, 2, 3, 4, 5


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _enters(value: float, hedge: float, levels: Levels) -> bool:
    """Whether the close of a bar with this z-score orders an entry."""
    entry_long, entry_short, _, stop_z = levels
    far = entry_short <= value < stop_z or entry_long <= -value < stop_z
    return bool(far and np.isfinite(hedge))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def unlocked(z: FloatArray, t: int, locked: int, exit_z: float) -> Bar:
    """The first bar from t on that is back where a side that was stopped out is free again."""
    i, n = np.uint64(t), np.uint64(z.size)
    while i < n and not -locked * z[i] <= exit_z:
        i += np.uint64(1)
    return np.int64(i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def first_entry(z: FloatArray, hedge: FloatArray, t: int, levels: Levels) -> Bar:
    """The first bar from t on whose close orders an entry, z.size if there is none."""
    i, n = np.uint64(t), np.uint64(z.size)
    nearer = min(levels[0], levels[1])
    while i < n and not (abs(z[i]) >= nearer and _enters(z[i], hedge[i], levels)):
        i += np.uint64(1)
    return np.int64(i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_entries(z: FloatArray, hedge: FloatArray, levels: Levels, entries: BarNumbers) -> None:
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
def _leaves(distance: float, levels: Levels) -> bool:
    """Whether a close so far from the mean, on the side of entry, orders the exit."""
    return distance >= levels[3] or distance <= levels[2]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def first_exit(z: FloatArray, side: int, first: int, end: int, levels: Levels) -> Bar:
    """The first bar from `first` on whose close orders the exit of a position, `end` if none."""
    i, n = np.uint64(first), np.uint64(end)
    while i < n and not _leaves(-side * z[i], levels):
        i += np.uint64(1)
    return np.int64(i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def exit_order(signal: int, end: int, n: int, distance: float, levels: Levels) -> tuple[int, int]:
    """The bar from whose open on an exit fills, and why; n and 0 where it is held to the end.

    signal: the bar that orders it, at that distance; one from end on comes after a time stop.
    """
    last = min(signal + 1, end)
    if last >= n:
        return n, 0
    if signal >= end:
        return last, TIME
    return last, STOP if distance >= levels[3] else TARGET


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_exits(z: FloatArray, levels: Levels, exits: BarNumbers) -> None:
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
def same_entries(first: FloatArray, other: FloatArray) -> bool:
    """Whether two rows of cells enter at the same bars."""
    return bool(first[0] == other[0] and first[1] == other[1] and first[3] == other[3])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def same_exits(first: FloatArray, other: FloatArray) -> bool:
    """Whether two rows of cells leave at the same bars, but for their time stops."""
    return bool(first[2] == other[2] and first[3] == other[3])
