"""The timeframe of bars, told by the times between them."""

from __future__ import annotations

import numpy as np

from analytics.model import IntArray, timeframe_name
from ingestion.files.errors import (
    OneBarAlone,
    OtherTimeframe,
    UploadError,
    days_question,
    grids_question,
)
from ingestion.files.opening_times import HOUR_MS, OFF_GRID, Times, clock_step

DAY_MS = 86_400_000
#: So much later than the first bar of all a day may begin and still be the same one.
_LATER = 10 * HOUR_MS
#: Days of a calendar month on the mean, and steps from which one speaks of months.
_MONTH, _MONTHS = 30.44, 3
#: Days of the shortest month, and from how many off it steps are no whole months.
_SHORTEST, _UNEVEN = 28, 3
#: What a timeframe may be, as the end of a refusal.
_EVEN = "read are bars in even steps of a second or more, such as 1m, 1h, 1d or 7d"


def step_of(
    ts_ms: IntArray, known: int = 0, *, codes: IntArray | None = None, asked: int = 0
) -> int:
    """The length in ms of bars at these times: shape (n,), in any order.

    It is the greatest step that all times of a symbol have in common, and those of all symbols;
    bars of one symbol may begin at other minutes than those of another. Where few stand off the
    grid of the others, those do not count. Days of 23 and 25 hours are days. codes: the number of
    each bar's symbol, all of one if None. known: the step of other bars that these stand beside.
    asked: the one that was asked for, 0 for none. Raises UploadError where there is no such step
    of a second or more, as of months, or another one than is known; QuestionOpen where it is a day
    and most bars are further apart, and where symbols are too short to tell their own step.

    >>> minutes = np.array([0, 5, 10, 12, 13, 18]) * 60_000
    >>> step_of(minutes), step_of(minutes * 60)
    (60000, 3600000)
    >>> step_of(np.array([0, 60, 120, 30, 90, 150]) * 60_000, codes=np.array([0, 0, 0, 1, 1, 1]))
    3600000
    """
    times = Times.of_bars(ts_ms, codes)
    if known:
        return _as_known(times, known)
    step = _told_step(times, asked)
    if step == DAY_MS:
        days = _days_between(ts_ms)
        _refuse_months(days)
        if not asked and 2 * np.count_nonzero(days <= 1) < len(days):
            raise days_question(int(days.min()), int(days.max()), int(np.median(days)))
    return step


def _told_step(times: Times, wanted: int = 0) -> int:
    """The step that the symbols have, each on a grid of its own; else that of all times.

    wanted: which of the two it is where symbols are too short to tell.
    """
    if not len(times.steps):
        raise OneBarAlone(times.by_symbol())
    own = _own_step(times)
    try:
        shared = _common_step(np.unique(times.ts_ms))
    except UploadError:
        if not own or not times.told_apart(own):
            raise
        return own
    if own <= shared or times.told_apart(own):
        return max(own, shared)
    if wanted in (own, shared):
        return wanted
    raise grids_question(timeframe_name(own), timeframe_name(shared))


def _own_step(times: Times) -> int:
    """The greatest step that the times of each symbol have in common; 0 for none of whole seconds.

    One row in twenty of a symbol may stand off its grid, and one alone where nearly all steps are
    alike, as the last one does that bears the time of its download; bars of hours may keep to a
    clock.
    """
    steps = times.steps
    least, own = int(steps.min()), int(np.gcd.reduce(steps))
    if own < int(steps.max()) and (hours := clock_step(times)):
        return hours
    if own < least:
        _, _, held, rows = times.usual(least)
        if (rows - held <= rows // OFF_GRID).all():
            own = least
        elif _are_days(steps):
            own = int(np.gcd.reduce(_days(steps))) * DAY_MS
    if own < (usual := _usual_step(steps)):
        _, _, held, rows = times.usual(usual)
        if (rows - held <= np.maximum(1, rows // OFF_GRID)).all():
            own = usual
    return 0 if own % 1_000 else own


def _usual_step(steps: IntArray) -> int:
    """The step that nine in ten are; 0 where there is none."""
    found, counts = np.unique(steps, return_counts=True)
    most = int(np.argmax(counts))
    return int(found[most]) if counts[most] * 10 >= len(steps) * 9 else 0


def _common_step(moments: IntArray) -> int:
    """The greatest step that times have in common, whatever symbol they are of."""
    steps = np.diff(moments)
    least, common = int(steps.min()), int(np.gcd.reduce(steps))
    if common < least:
        common = _without_strays(moments, least, common)
    if common < least and _are_days(steps):
        return int(np.gcd.reduce(_days(steps))) * DAY_MS
    if common < 1_000 or common % 1_000:
        raise UploadError(
            f"the times are {least / 1_000:g} s apart, without an even step",
            _EVEN,
            "a file of trades needs a column for the size",
        )
    return common


def _as_known(times: Times, known: int) -> int:
    """The known step, where these times may be thin ones of it."""
    if not len(times.steps):
        return known
    own = _told_step(times, known)
    full = (len(times.steps) + times.symbols) * own * 5 >= 4 * int(times.steps.sum())
    if own % known or (own > known and (full or (known < DAY_MS and own % DAY_MS == 0))):
        raise OtherTimeframe(timeframe_name(own), timeframe_name(known))
    if known == DAY_MS:
        _refuse_months(_days_between(times.ts_ms))
    return known


def _without_strays(moments: IntArray, least: int, common: int) -> int:
    """The least step, where all but a few stand on its grid; else the common one."""
    off = np.count_nonzero(moments % least)
    return least if off and off <= max(1, len(moments) // OFF_GRID) else common


def _refuse_months(days: IntArray) -> None:
    """Raise UploadError where bars are months apart, or quarters or years."""
    away = np.abs(days - np.rint(days / _MONTH) * _MONTH)
    if len(days) >= _MONTHS and days.min() >= _SHORTEST and (away < _UNEVEN).all():
        raise UploadError(
            f"the times are {days.min()} to {days.max()} days apart, as those of months are, "
            "which have no even step",
            _EVEN,
            "export bars of days or of weeks",
        )


def _days_between(ts_ms: IntArray) -> IntArray:
    """Days from each of the days that bars are of to the next."""
    moments = np.unique(ts_ms)
    days: IntArray = np.diff(np.unique((moments - moments[0] + _LATER) // DAY_MS))
    return days


def _days(steps: IntArray) -> IntArray:
    """Steps in days, of 23 to 25 hours each."""
    return np.rint(steps / DAY_MS).astype(np.int64)


def _are_days(steps: IntArray) -> bool:
    """Whether steps are whole days, but for the hour of daylight saving."""
    away = np.abs((steps + DAY_MS // 2) % DAY_MS - DAY_MS // 2)
    return bool(steps.min() >= DAY_MS - HOUR_MS and (away <= HOUR_MS).all())


def is_regular(ts_ms: IntArray) -> bool:
    """Whether times are in even steps, as those of bars are.

    >>> is_regular(np.array([0, 60_000, 180_000])), is_regular(np.array([0, 61_234, 70_001]))
    (True, False)
    """
    moments = np.unique(ts_ms[ts_ms > 0]) if len(ts_ms) > 1 else ts_ms
    if len(moments) < 2:
        return False
    try:
        step = _told_step(Times.of_bars(moments))
    except UploadError:
        return False
    return len(moments) * step * 4 >= int(moments[-1] - moments[0])


def timeframe_of(ts_ms: IntArray, codes: IntArray | None = None) -> str:
    """The name of the timeframe of bars at these times. codes, errors: those of `step_of`.

    >>> timeframe_of(np.array([0, 60_000, 180_000]))
    '1m'
    """
    return timeframe_name(step_of(ts_ms, codes=codes))
