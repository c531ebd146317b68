"""Which trade ids have been seen: intervals, as exchanges number trades one by one."""

from __future__ import annotations

import numpy as np

from analytics.model import BoolArray, IntArray

#: Intervals kept; beyond that the oldest gap is taken for seen.
MAX_INTERVALS = 65_536


class SeenIds:
    """The ids of one symbol that have arrived, as sorted disjoint closed intervals.

    Ids that grow by one cost one interval however many they are; every gap costs one
    more. Past `max_intervals` the oldest gaps are closed: an id out of one of them would
    then count as seen.

    >>> seen = SeenIds()
    >>> seen.take(np.array([7, 8, 8, 5])).tolist()
    [True, True, False, True]
    >>> seen.take(np.array([6, 7])).tolist(), len(seen)
    ([True, False], 1)
    >>> seen.missing(3, 10)
    4
    """

    def __init__(self, max_intervals: int = MAX_INTERVALS) -> None:
        if max_intervals < 1:
            raise ValueError(f"max_intervals is {max_intervals}, expected at least 1")
        self._max = max_intervals
        self._starts = np.empty(0, np.int64)
        self._ends = np.empty(0, np.int64)
        self._count = 0

    def __len__(self) -> int:
        """How many intervals are held."""
        return self._count

    @property
    def newest(self) -> int:
        """The highest id seen, -1 for none."""
        return int(self._ends[self._count - 1]) if self._count else -1

    def follow(self, ids: IntArray) -> bool:
        """Mark `ids` as seen if they go on, one by one, where the highest seen ends; whether so."""
        if not self._count or not is_run(ids) or ids.item(0) != self.newest + 1:
            return False
        self._ends[self._count - 1] = ids.item(-1)
        return True

    def take(self, ids: IntArray) -> BoolArray:
        """Mark `ids` as seen; True for each that was new, a first of its kind in the batch."""
        if not len(ids):
            return np.zeros(0, np.bool_)
        steps = np.diff(ids)
        if ids[0] > self.newest and (steps > 0).all():
            self._extend(*_intervals(ids, steps))
            return np.ones(len(ids), np.bool_)
        return self._merge(ids)

    def holds(self, ids: IntArray) -> BoolArray:
        """Which of the ids have been seen; none is marked."""
        if not self._count:
            return np.zeros(len(ids), np.bool_)
        at = np.searchsorted(self._starts[: self._count], ids, side="right") - 1
        return (at >= 0) & (ids <= self._ends[np.maximum(at, 0)])

    def missing(self, first: int, last: int) -> int:
        """How many of the ids from first to last have not been seen."""
        starts, ends = self._starts[: self._count], self._ends[: self._count]
        begin = int(np.searchsorted(ends, first))
        stop = int(np.searchsorted(starts, last, side="right"))
        inside = np.minimum(ends[begin:stop], last) - np.maximum(starts[begin:stop], first) + 1
        return last - first + 1 - int(inside.sum())

    def _extend(self, starts: IntArray, ends: IntArray) -> None:
        """Add intervals that lie after all others."""
        if self._count and starts[0] == self._ends[self._count - 1] + 1:
            self._ends[self._count - 1] = ends[0]
            starts, ends = starts[1:], ends[1:]
        if not len(starts):
            return
        needed = self._count + len(starts)
        if needed > len(self._starts):
            size = max(2 * needed, 16)
            self._starts = np.concatenate((self._starts[: self._count], np.empty(size, np.int64)))
            self._ends = np.concatenate((self._ends[: self._count], np.empty(size, np.int64)))
        self._starts[self._count : needed] = starts
        self._ends[self._count : needed] = ends
        self._count = needed
        self._bound()

    def _merge(self, ids: IntArray) -> BoolArray:
        """The general case: ids in any order, seen before or not."""
        starts, ends = self._starts[: self._count], self._ends[: self._count]
        unique, first = np.unique(ids, return_index=True)
        new = ~self.holds(unique)
        fresh = np.zeros(len(ids), np.bool_)
        fresh[first[new]] = True
        if new.any():
            more_starts, more_ends = _intervals(unique[new], np.diff(unique[new]))
            starts = np.concatenate((starts, more_starts))
            order = np.argsort(starts, kind="stable")
            starts, ends = starts[order], np.concatenate((ends, more_ends))[order]
            apart = starts[1:] != ends[:-1] + 1
            self._starts = starts[np.r_[True, apart]]
            self._ends = ends[np.r_[apart, True]]
            self._count = len(self._starts)
            self._bound()
        return fresh

    def _bound(self) -> None:
        """Close the oldest gaps, a sixteenth of all at a time so that it is rarely done."""
        if self._count <= self._max:
            return
        closed = min(self._count - self._max + self._max // 16, self._count - 1)
        starts = self._starts[closed : self._count].copy()
        starts[0] = self._starts[0]
        self._starts, self._ends = starts, self._ends[closed : self._count].copy()
        self._count = len(starts)


def is_run(ids: IntArray) -> bool:
    """Whether each id is one more than the one before it. ids: at least one.

    >>> is_run(np.array([7, 8, 9])), is_run(np.array([7, 9])), is_run(np.array([7, 9, 8, 10]))
    (True, False, False)
    """
    if ids.item(-1) - ids.item(0) != len(ids) - 1:
        return False
    return len(ids) <= 2 or bool((ids[1:] > ids[:-1]).all())


def _intervals(ids: IntArray, steps: IntArray) -> tuple[IntArray, IntArray]:
    """Starts and ends of the runs of consecutive ids in an ascending array."""
    breaks = np.flatnonzero(steps != 1)
    if not len(breaks):
        return ids[:1], ids[-1:]
    return ids[np.r_[0, breaks + 1]], ids[np.r_[breaks, len(ids) - 1]]
