"""The hour that a clock repeats at the end of summer time: which of the two a row is of.

Local times are read as if their clock still ran on summer time. Where rows go on in order, a step
back within that hour, or one ahead in a file whose newest row stands first, says where the second
pass begins. Where no row says so, the rows of the hour have no time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from analytics.model import BoolArray, IntArray
from ingestion.files.cells import Rows, together
from ingestion.files.timeforms import NO_TIME

#: Stands for a time of which nothing tells whether it is of the first or the second pass.
EITHER = -2
#: Rows of one such hour that are held until one tells, and steps the other way that are no news.
MAX_HELD = 1_000_000
_JITTER_MS = 1_000
#: Of so many rows in ten at least, the times must go on in order.
_IN_ORDER = 9


@lru_cache(maxsize=64)
def repeated(zone: str) -> tuple[IntArray, IntArray]:
    """When a zone's clock is put back, as epoch ms, and by how many ms, from 2000 to 2100.

    >>> ends, length = repeated("Europe/Berlin")
    >>> str(ends[25].astype("datetime64[ms]")), int(length[25])
    ('2025-10-26T01:00:00.000', 3600000)
    >>> len(repeated("-05:00")[0])
    0
    """
    days = pd.date_range("1999-12-31", "2100-01-02", freq="D")
    before = _offsets(days, zone)
    ends, lengths = [], []
    for at in np.flatnonzero(np.diff(before) < 0).tolist():
        moments = pd.date_range(days[at], days[at + 1], freq="15min")
        offsets = _offsets(moments, zone)
        for step in np.flatnonzero(np.diff(offsets) < 0).tolist():
            ends.append(int(moments[step + 1].timestamp()) * 1_000)
            lengths.append(int(offsets[step] - offsets[step + 1]))
    return np.array(ends, np.int64), np.array(lengths, np.int64)


def _offsets(moments: pd.DatetimeIndex, zone: str) -> IntArray:
    local = moments.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local - moments).astype("timedelta64[ms]").astype(np.int64)


class RepeatedHours:
    """Rows in, with their times on summer time; rows out with those that they are of.

    zone: of the clock. bars: whether rows are bars, of which no two have one time.
    Rows at the end that are within such an hour are held until those behind them have come.

    >>> hours = RepeatedHours("Europe/Berlin", bars=True)
    >>> seconds = np.array([-1800, 0, 1800, 0, 1800, 7200]) + 1761436800
    >>> ((_, found),) = hours.take(Rows({}, np.arange(6)), seconds * 1000)
    >>> (np.diff(found) // 1000).tolist()
    [1800, 1800, 1800, 1800, 1800]
    """

    def __init__(self, zone: str, bars: bool) -> None:
        self._ends, self._lengths = repeated(zone)
        self._bars = bars
        self._held: list[tuple[Rows, IntArray]] = []

    def take(self, rows: Rows, ts_ms: IntArray) -> Iterator[tuple[Rows, IntArray]]:
        """The rows that are ready, with their times; EITHER where nothing tells."""
        within = self._within(ts_ms)
        if within.any() or self._held:
            self._held.append((rows, ts_ms))
            many = sum(len(one) for one, _ in self._held) > MAX_HELD
            if not len(within) or (within[-1] and not many):
                return
            rows, ts_ms = self._together()
            ts_ms = self._told(ts_ms)
        yield rows, ts_ms

    def finish(self) -> Iterator[tuple[Rows, IntArray]]:
        """The rows that are held."""
        if self._held:
            rows, ts_ms = self._together()
            yield rows, self._told(ts_ms)

    def _together(self) -> tuple[Rows, IntArray]:
        held, self._held = self._held, []
        return together([rows for rows, _ in held]), np.concatenate([ts_ms for _, ts_ms in held])

    def _within(self, ts_ms: IntArray) -> BoolArray:
        """Which times are of an hour that is repeated."""
        at = np.searchsorted(self._ends, ts_ms, "right")
        known = at < len(self._ends)
        at = np.where(known, at, 0)
        if not len(self._ends):
            return np.zeros(len(ts_ms), bool)
        within: BoolArray = known & (ts_ms >= self._ends[at] - self._lengths[at])
        return within

    def _told(self, ts_ms: IntArray) -> IntArray:
        """The times, each of the pass that it is of."""
        read = ts_ms != NO_TIME  # a row that cannot be read tells nothing, and parts no hour
        known = ts_ms[read]
        within = self._within(known)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], within, [False])).astype(np.int8)))
        out = known.copy()
        orderly = _are_in_order(known, within)
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            hour = known[begin:end]
            if not orderly:
                out[begin:end] = EITHER
                continue
            before = int(known[begin - 1]) if begin else None
            after = int(known[end]) if end < len(known) else None
            out[begin:end] = self._parted(hour, before, after)
        whole = ts_ms.copy()
        whole[read] = out
        return whole

    def _parted(self, hour: IntArray, before: int | None, after: int | None) -> IntArray:
        """The rows of one hour; before, after: the times around them, None for none."""
        length = int(self._lengths[np.searchsorted(self._ends, hour[0], "right")])
        nothing = np.full(len(hour), EITHER, np.int64)
        ascends = _ascends(hour, before, after)
        if ascends is None:
            return nothing
        steps = np.diff(hour) if ascends else -np.diff(hour)
        turns = np.flatnonzero(steps < -_JITTER_MS)
        if not len(turns) and self._bars and len(hour) == 2 and hour[0] == hour[1]:
            turns = np.array([0])  # bars of an hour each
        if len(turns) != 1:
            return nothing
        second = np.arange(len(hour)) > turns[0]
        return hour + length * (second if ascends else ~second)


def _are_in_order(ts_ms: IntArray, within: BoolArray) -> bool:
    """Whether rows outside of repeated hours go on in one order, with few exceptions."""
    steps = np.diff(ts_ms)[~(within[1:] & within[:-1])]
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    return max(up, down) * 10 >= (up + down) * _IN_ORDER


def _ascends(hour: IntArray, before: int | None, after: int | None) -> bool | None:
    """Whether rows go on in the order of time, or against it; None where they do neither."""
    told = {
        *([before < hour[0]] if before is not None else []),
        *([hour[-1] < after] if after is not None else []),
    }
    if not told:
        steps = np.sign(np.diff(hour)).astype(np.int64)
        told = {bool(steps.sum() > 0)} if steps.sum() else set()
    return bool(told.pop()) if len(told) == 1 else None
