"""Axes: ranges that are calm, times in UTC, values in their unit.

Ranges that change with the data are given as `autorangeoptions`, not as `range`: plotly.js
keeps a user's zoom (by `uirevision`) only while the figure leaves `range` as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.model import FloatArray
from dashapp.theme import axis_title, tokens, x_axis, y_axis

DAY_MS = 86_400_000
#: The name of the note that says a time axis's unit and day.
TIME_TITLE = "time-axis-title"
_LABEL_HEIGHT = 14


def finite_ends(arrays_of: Iterable[npt.ArrayLike]) -> tuple[float, float] | None:
    """The lowest and highest finite value of all arrays, None if there is none."""
    low, high = math.inf, -math.inf
    for values in arrays_of:
        array = np.asarray(values, dtype=np.float64)
        if not array.size:
            continue
        first, last = float(np.fmin.reduce(array)), float(np.fmax.reduce(array))
        if not (math.isfinite(first) and math.isfinite(last)):
            array = array[np.isfinite(array)]
            if not array.size:
                continue
            first, last = float(array.min()), float(array.max())
        low, high = min(low, first), max(high, last)
    return (low, high) if low <= high else None


def nice_range(low: float, high: float, pad: float = 0.06) -> tuple[float, float]:
    """The range rounded outwards to steps of 1, 2 or 5, so that an axis rarely moves.

    pad: room on either side, as a share of the span.

    >>> nice_range(-1.83, 2.31), nice_range(5.0, 5.0)
    ((-2.2, 2.6), (4.9, 5.1))
    """
    span, largest = high - low, max(abs(low), abs(high))
    if not span > max(1e-12 * largest, 1e-300):  # less has no twentieth
        room = largest * 0.02 if largest > 1e-300 else 1.0
        return low - room, high + room
    rough = span / 20
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.96)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    bottom = math.floor((low - pad * span) / step) * step
    top = math.ceil((high + pad * span) / step) * step
    return round(bottom, digits), round(top, digits)


def range_of(*arrays_of: npt.ArrayLike, pad: float = 0.06) -> tuple[float, float]:
    """The rounded range of all finite values; (0, 1) if there is none."""
    ends = finite_ends(arrays_of)
    return nice_range(*ends, pad) if ends else (0.0, 1.0)


@lru_cache(256)
def _days(first_day: int, last_day: int) -> str:
    """The day or days of a view, as its time axis names them. Both in days since 1970.

    >>> _days(0, 0), _days(20_000, 20_001)
    ('1 Jan 1970', '4 Oct to 5 Oct 2024')
    """
    first, last = (
        datetime.fromtimestamp(day * DAY_MS // 1_000, UTC) for day in (first_day, last_day)
    )
    newest = f"{last.day} {last:%b %Y}"
    if first.date() == last.date():
        return newest
    oldest = f"{first.day} {first:%b}" + (f" {first.year}" if first.year != last.year else "")
    return f"{oldest} to {newest}"


def _tick_formats(span_ms: float) -> list[dict[str, Any]]:
    """How ticks are written by their distance; the day is said in the title of the axis."""
    hours = "%H:%M" if span_ms < 1.5 * DAY_MS else "%H:%M\n%-d %b"
    steps: tuple[tuple[Any, Any, str], ...] = (
        (None, 999, "%H:%M:%S.%L"),
        (1_000, 59_999, "%H:%M:%S"),
        (60_000, DAY_MS - 1, hours),
        (DAY_MS, "M1", "%-d %b"),
        ("M1", None, "%b %Y"),
    )
    return [{"dtickrange": [low, high], "value": value} for low, high, value in steps]


def time_axis(ts: FloatArray, theme: str, *, room_ms: float = 0.0) -> dict[str, Any]:
    """A time axis over exactly the bars in view. room_ms: more on either side, for bars.

    A chart gives it by `on_time`.
    """
    axis = {**x_axis(theme), "type": "date", "hoverformat": "%Y-%m-%d %H:%M:%S"}
    if not len(ts):
        return {**axis, "title": axis_title("Time (UTC)", theme, 4), "autorangeoptions": {}}
    first, last = float(ts[0]) - room_ms, float(ts[-1]) + room_ms
    title = f"Time (UTC), {_days(int(ts[0] // DAY_MS), int(ts[-1] // DAY_MS))}"
    return {
        **axis,
        "title": axis_title(title, theme, 4),
        "tickformatstops": _tick_formats(last - first),
        "nticks": 4 if last - first < 300_000 else 5,
        "autorangeoptions": {"minallowed": first, "maxallowed": last} if last > first else {},
    }


def on_time(layout: dict[str, Any], axis: dict[str, Any]) -> dict[str, Any]:
    """The layout with an axis of `time_axis`, its title a note in a margin of a fixed height.

    plotly.js measures every label of an axis that has a title, a margin of its own making or labels
    to hide at the edge, and keeps what it measured by the label's place: on a time axis that moves,
    all of them anew at every refresh.
    """
    title = axis["title"]
    lines = 2 if any("\n" in stop["value"] for stop in axis.get("tickformatstops", ())) else 1
    note = {
        "name": TIME_TITLE,
        "text": title["text"],
        "font": title["font"],
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0,
        "xanchor": "center",
        "yanchor": "top",
        "yshift": -6 - _LABEL_HEIGHT * lines,
        "showarrow": False,
    }
    others = [each for each in layout["annotations"] if each.get("name") != TIME_TITLE]
    margin = {**layout["margin"], "b": 24 + _LABEL_HEIGHT * lines}
    plain = {name: value for name, value in axis.items() if name != "title"}
    return {
        **layout,
        "xaxis": {**plain, "automargin": False, "ticklabeloverflow": "allow"},
        "annotations": [*others, note],
        "margin": margin,
    }


def value_axis(
    title: str, theme: str, ends: tuple[float, float], digits: int, **more: Any
) -> dict[str, Any]:
    """A vertical axis over `ends`; hovers show `digits` decimals."""
    return {
        **y_axis(theme),
        "title": axis_title(title, theme),
        "autorangeoptions": {"minallowed": ends[0], "maxallowed": ends[1]},
        "hoverformat": f",.{digits}f",
        "separatethousands": True,
        "exponentformat": "none",
        **more,
    }


def zero_line(theme: str) -> dict[str, Any]:
    """Attributes of an axis that marks its zero."""
    return {"zeroline": True, "zerolinecolor": tokens(theme)["border"], "zerolinewidth": 1}
