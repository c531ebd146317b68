"""What every chart is made of: typed arrays, axes, lines, and telling two figures apart.

A figure is a plain dict {"data": [...], "layout": {...}}. Its changing parts are arrays
of `data`, shapes, annotations and the ranges of its axes; everything else is structure.
While the structure is the one that the browser holds, only the arrays need to travel.

Ranges are given as `autorangeoptions`, never as `range`: plotly.js keeps a user's zoom
(by `uirevision`) only while the figure itself leaves `range` alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.model import FloatArray
from dashapp import ids
from dashapp.theme import (
    TEXT_SIZE,
    TITLE_SIZE,
    axis_title,
    chart_layout,
    tokens,
    x_axis,
    y_axis,
)

Figure = dict[str, Any]

DAY_MS = 86_400_000
LINE_WIDTH = 1.5
TITLES: dict[str, str] = {
    ids.PRICE_CHART: "Price",
    ids.VOLUME_CHART: "Volume",
    ids.VWAP_CHART: "Price against VWAP",
    ids.SPREAD_CHART: "Spread",
    ids.ZSCORE_CHART: "z-score",
    ids.HEDGE_SCATTER: "Hedge regression",
    ids.HEDGE_PATH_CHART: "Hedge ratio (β)",
    ids.ADF_CHART: "ADF p-value",
    ids.HEATMAP: "Correlation of returns",
    ids.ROLLING_CORRELATION: "Rolling correlation",
    ids.EQUITY_CHART: "Equity",
    ids.DRAWDOWN_CHART: "Drawdown",
    "backtest-zscore-chart": "z-score and trades",
    ids.SWEEP_HEATMAP: "Parameter sweep",
    ids.ALERT_SPREAD_CHART: "Spread and its alerts",
    ids.ALERT_ZSCORE_CHART: "z-score and its alerts",
}

_DTYPES = {"f": "f", "i": "i", "u": "u", "b": "u"}
_LONGEST_TEXT = 80
_MESSAGE_WIDTH = 40
#: Lists of `data` that belong to the structure: they never change with the data.
_STRUCTURAL_LISTS = frozenset({"colorscale"})
_RANGES = frozenset({"range", "autorangeoptions"})
_MARKS = ("shapes", "annotations")


def typed(values: npt.ArrayLike) -> dict[str, str]:
    """An array as plotly.js reads it fastest: its bytes in base 64. NaN draws as a gap.

    values: shape (n,) or (rows, columns), float64 or a smaller number; int64, which
    JavaScript has not, becomes float64.

    >>> typed(np.array([1.0]))
    {'dtype': 'f8', 'bdata': 'AAAAAAAA8D8='}
    """
    array = np.ascontiguousarray(values)
    if array.dtype.kind not in _DTYPES or array.dtype.str[2:] == "8":
        array = array.astype(np.float64, copy=False)
    spec = {
        "dtype": f"{_DTYPES[array.dtype.kind]}{array.dtype.itemsize}",
        "bdata": base64.b64encode(array).decode("ascii"),
    }
    if array.ndim == 2:
        spec["shape"] = f"{array.shape[0]}, {array.shape[1]}"
    return spec


def safe(text: object, most: int = _LONGEST_TEXT) -> str:
    """Text from outside as a chart may show it: no markup, no control characters, not long.

    plotly.js honours links and styled spans in every label.

    >>> safe('<a href="https://x">BTC & ETH</a>', most=24)
    '&lt;a href="https://x"&gt;BTC…'
    """
    shown = "".join(one for one in str(text) if one.isprintable())
    if len(shown) > most:
        shown = shown[: most - 1].rstrip() + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
    span = high - low
    if not span > 1e-12 * max(abs(low), abs(high)):
        room = abs(low) * 0.02 or 1.0
        return low - room, low + room
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


def _days(first_ms: float, last_ms: float) -> str:
    """The day or days of a view, as its time axis names them."""
    first, last = (datetime.fromtimestamp(one / 1_000, UTC) for one in (first_ms, last_ms))
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
    """A time axis over exactly the bars in view. room_ms: more on either side, for bars."""
    axis = {**x_axis(theme), "type": "date", "hoverformat": "%Y-%m-%d %H:%M:%S"}
    if not len(ts):
        return {**axis, "title": axis_title("Time (UTC)", theme, 4), "autorangeoptions": {}}
    first, last = float(ts[0]) - room_ms, float(ts[-1]) + room_ms
    title = f"Time (UTC), {_days(float(ts[0]), float(ts[-1]))}"
    return {
        **axis,
        "title": axis_title(title, theme, 4),
        "tickformatstops": _tick_formats(last - first),
        "nticks": 4 if last - first < 300_000 else 5,
        "autorangeoptions": {"minallowed": first, "maxallowed": last} if last > first else {},
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


def line(
    ts: dict[str, str], values: npt.ArrayLike, name: str, colour: str, **more: Any
) -> dict[str, Any]:
    """A line through the values at the (typed) times. Gaps stay gaps. more: other attributes."""
    style = {"color": colour, "width": more.pop("width", LINE_WIDTH)}
    if "dash" in more:
        style["dash"] = more.pop("dash")
    return {
        "type": "scatter",
        "mode": "lines",
        "x": ts,
        "y": typed(values),
        "name": name,
        "line": style,
        "connectgaps": False,
        **more,
    }


def figure(
    chart_id: str,
    theme: str,
    data: list[dict[str, Any]],
    *,
    x: dict[str, Any],
    y: dict[str, Any],
    uirevision: str = "",
    shapes: Sequence[dict[str, Any]] = (),
    annotations: Sequence[dict[str, Any]] = (),
    margin: tuple[int, int] = (60, 60),
    **more: Any,
) -> Figure:
    """A chart under the title of its id. margin: px left and right; more: layout attributes."""
    title = {
        "text": TITLES.get(chart_id, ""),
        "font": {"size": TITLE_SIZE, "weight": 600, "color": tokens(theme)["text"]},
        "x": 0,
        "xanchor": "left",
        "xref": "container",
        "y": 1,
        "yanchor": "top",
        "yref": "container",
        "pad": {"l": 12, "t": 10},
    }
    layout = {
        **chart_layout(theme),
        "title": title,
        "uirevision": uirevision,
        "margin": {"l": margin[0], "r": margin[1], "t": 44, "b": 38, "pad": 0},
        "xaxis": x,
        "yaxis": y,
        "shapes": list(shapes),
        "annotations": list(annotations),
        **more,
    }
    return {"data": data, "layout": layout}


def message_in_the_middle(message: str, theme: str) -> dict[str, Any]:
    """A sentence in muted text in the middle of a plot, broken so that a phone shows it."""
    lines = textwrap.wrap(str(message), _MESSAGE_WIDTH)[:5]
    return {
        "text": "<br>".join(safe(one) for one in lines),
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "xanchor": "center",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": TEXT_SIZE + 2, "color": tokens(theme)["muted"]},
    }


def empty_figure(message: str, theme: str, chart_id: str = "") -> Figure:
    """A chart without data: its title, and what is missing and when it will be there."""
    hidden = {"visible": False, "fixedrange": True}
    return figure(
        chart_id,
        theme,
        [],
        x={**hidden},
        y={**hidden},
        annotations=[message_in_the_middle(message, theme)],
        margin=(16, 16),
        hovermode=False,
        dragmode=False,
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and "bdata" in value)


def _walk(value: dict[str, Any], path: tuple[str | int, ...], found: list[Any]) -> Any:
    """A trace (or a part of it) without its arrays, which are added to `found`."""
    kept: dict[str, Any] = {}
    for name, part in value.items():
        if name not in _STRUCTURAL_LISTS and _is_array(part):
            found.append(([*path, name], part))
            kept[name] = None
        elif isinstance(part, dict):
            kept[name] = _walk(part, (*path, name), found)
        else:
            kept[name] = part
    return kept


def _split(made: Figure) -> tuple[dict[str, Any], list[tuple[list[str | int], Any]]]:
    """What is structure, and the arrays with their paths."""
    found: list[tuple[list[str | int], Any]] = []
    data = [_walk(trace, ("data", place), found) for place, trace in enumerate(made["data"])]
    layout: dict[str, Any] = {}
    for name, part in made["layout"].items():
        if name in _MARKS:
            found.append((["layout", name], part))
        elif name.startswith(("xaxis", "yaxis")):
            layout[name] = {key: value for key, value in part.items() if key not in _RANGES}
            for key in sorted(_RANGES.intersection(part)):
                found.append((["layout", name, key], part[key]))
                layout[name][key] = None
        else:
            layout[name] = part
    return {"data": data, "layout": layout}, found


def structure(made: Figure) -> str:
    """A short signature of everything but a figure's arrays: data, shapes, annotations, ranges.

    Two figures of one structure differ only in what `arrays` lists.
    """
    kept, _ = _split(made)
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def arrays(made: Figure) -> list[tuple[list[str | int], Any]]:
    """What may change in a figure of one structure: (path, value), for a Patch.

    >>> [path for path, _ in arrays(empty_figure("no data", "dark"))]
    [['layout', 'shapes'], ['layout', 'annotations']]
    """
    return _split(made)[1]
