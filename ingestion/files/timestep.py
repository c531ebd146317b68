"""The timeframe of bars, told by the times between them."""

from __future__ import annotations

import numpy as np

from analytics.model import IntArray, timeframe_name
from ingestion.files.errors import UploadError

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
#: Rows that may stand off the grid of the others: one, or one in twenty.
_OFF_GRID = 20


def step_of(ts_ms: IntArray, known: int = 0) -> int:
    """The length in ms of bars at these times, ascending within a symbol: shape (n,).

    It is the greatest step that all times have in common; where few stand off the grid of the
    others, those do not count. Days of 23 and 25 hours are days. known: the step of other bars
    that these stand beside. Raises UploadError where there is no such step of a second or more,
    or another one than is known.

    >>> minutes = np.array([0, 5, 10, 12, 13, 18]) * 60_000
    >>> step_of(minutes), step_of(minutes * 60)
    (60000, 3600000)
    """
    moments = np.unique(ts_ms)
    if known:
        return _as_known(moments, known)
    steps = np.diff(moments)
    if not len(steps):
        raise UploadError(
            "one bar alone tells no timeframe", advice="expected two bars or more of a symbol"
        )
    least, common = int(steps.min()), int(np.gcd.reduce(steps))
    if common < least:
        common = _without_strays(moments, least, common)
    if common < least and _are_days(steps):
        return DAY_MS
    if common < 1_000 or common % 1_000:
        raise UploadError(
            f"the times are {least / 1_000:g} s apart, without an even step",
            "bars of a second or more in even steps",
            "a file of trades needs a column for the size",
        )
    return common


def _as_known(moments: IntArray, known: int) -> int:
    """The known step, where these times may be thin ones of it."""
    if len(moments) < 2:
        return known
    own = step_of(moments)
    full = len(moments) * own * 5 >= 4 * int(moments[-1] - moments[0])
    if own % known or (own > known and full):
        raise UploadError(
            f"bars of {timeframe_name(own)} beside bars of {timeframe_name(known)}",
            advice="upload them one by one",
        )
    return known


def _without_strays(moments: IntArray, least: int, common: int) -> int:
    """The least step, where all but a few stand on its grid; else the common one."""
    off = np.count_nonzero(moments % least)
    return least if off and off <= max(1, len(moments) // _OFF_GRID) else common


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
        step = step_of(moments)
    except UploadError:
        return False
    return len(moments) * step * 4 >= int(moments[-1] - moments[0])


def timeframe_of(ts_ms: IntArray) -> str:
    """The name of the timeframe of bars at these times. Raises like `step_of`.

    >>> timeframe_of(np.array([0, 60_000, 180_000]))
    '1m'
    """
    return timeframe_name(step_of(ts_ms))
