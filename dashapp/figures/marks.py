"""What stands on a chart beside its lines: shading, thresholds, notes, labels, alerts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from analytics.model import FloatArray, IntArray
from dashapp.figures.base import typed, wrapped
from dashapp.theme import TEXT_SIZE, rgba, tokens

#: Height that labels at the edge are kept apart for, in px: that of the plot on a phone.
_PLOT_HEIGHT = 150.0
_LABEL_HEIGHT = 15.0
#: Gaps of the feed: how strong, and how many.
GAP_ALPHA = 0.28
MOST_GAPS = 60


class Alert(Protocol):
    """What a chart shows of an alert; analytics.alerts.AlertEvent is one."""

    @property
    def ts_ms(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def operator(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def text(self) -> str: ...


def shading(stretches: FloatArray, theme: str, alpha: float = 0.1) -> list[dict[str, Any]]:
    """Gaps and carried-forward stretches, in warn at 10 %: one shape, however many they are.

    Each stretch is a box of its path over the height of the plot, so none needs to be joined
    with its neighbour across data that is good.
    """
    if not len(stretches):
        return []
    boxes = (f"M{first:.0f},0V1H{last:.0f}V0Z" for first, last in stretches.tolist())
    return [
        {
            "type": "path",
            "xref": "x",
            "yref": "paper",
            "path": "".join(boxes),
            "fillcolor": rgba(tokens(theme)["warn"], alpha),
            "line": {"width": 0},
            "layer": "below",
        }
    ]


def gap_marks(
    chart: dict[str, Any], spans: FloatArray, step_ms: float, theme: str
) -> dict[str, Any]:
    """A chart with the bars shaded that a gap of the feed touches; only over a time axis.

    spans: from-to in epoch ms, shape (n, 2). The newest MOST_GAPS in view are drawn.
    """
    axis = chart.get("layout", {}).get("xaxis", {})
    ends = axis.get("autorangeoptions") or {}
    if axis.get("type") != "date" or "minallowed" not in ends or not len(spans):
        return chart
    half = step_ms / 2
    opens = np.floor(spans / step_ms) * step_ms + (-half, half)
    inside = (opens[:, 1] > ends["minallowed"]) & (opens[:, 0] < ends["maxallowed"])
    drawn = np.clip(opens[inside][-MOST_GAPS:], ends["minallowed"], ends["maxallowed"])
    shapes = shading(drawn, theme, GAP_ALPHA)
    layout = {**chart["layout"], "shapes": [*chart["layout"].get("shapes", ()), *shapes]}
    return {**chart, "layout": layout}


def level(value: float, colour: str, dash: str = "dash", width: float = 1) -> dict[str, Any]:
    """A thin horizontal line over the whole plot."""
    return {
        "type": "line",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": colour, "width": width, "dash": dash},
        "layer": "above",
    }


def region(low: float, high: float, colour: str, alpha: float = 0.08) -> dict[str, Any]:
    """A horizontal band over the whole plot."""
    return {
        "type": "rect",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": low,
        "y1": high,
        "fillcolor": rgba(colour, alpha),
        "line": {"width": 0},
        "layer": "below",
    }


def note(
    text: str, theme: str, *, x: float = 1.0, y: float = 1.0, place: str = "above", colour: str = ""
) -> dict[str, Any]:
    """Small words at the right over the plot ("above"), or within it ("inside").

    text: as plotly.js reads it; make what is from outside `safe` first.
    """
    annotation: dict[str, Any] = {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": "right" if x > 0.5 else "left",
        "yanchor": "bottom" if (place == "above") == (y > 0.5) else "top",
        "showarrow": False,
        "font": {"size": TEXT_SIZE - 1, "color": colour or tokens(theme)["muted"]},
    }
    if place == "inside":
        surface = tokens(theme)["surface"]
        shift = 4 if x < 0.5 else -4
        annotation |= {"bgcolor": rgba(surface, 0.75), "borderpad": 2, "xshift": shift}
    return annotation


@dataclass(frozen=True)
class Label:
    """A line's words at the right edge, at the height of `value`. lines: how many rows it has.

    of: name of the trace that they are of, of whose newest value in sight the browser writes
    them anew (assets/sight.js): `words` with {} in its place, in `digits` decimals and, where
    it is `signed`, with its sign.
    """

    text: str
    value: float
    colour: str
    lines: int = 1
    bold: bool = True
    of: str = ""
    words: str = "{}"
    digits: int = 2
    signed: bool = False


def _spread_out(wanted: Sequence[float], heights: Sequence[float], room: float) -> list[float]:
    """Places (ascending) as near to the wanted ones as they fit without overlap in 0..room.

    Labels that would overlap stand as one block around the middle of what they want (pooling
    of adjacent violators); the blocks together stay in the room.
    """
    bottoms: list[float] = (np.cumsum(heights) - np.asarray(heights)).tolist()
    offsets = [bottom + height / 2 for bottom, height in zip(bottoms, heights, strict=True)]
    blocks: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=True):
        middle, count = place - offset, 1
        while blocks and blocks[-1][0] > middle:
            below, size = blocks.pop()
            middle = (middle * count + below * size) / (count + size)
            count += size
        blocks.append((middle, count))
    most = room - sum(heights)
    free = [min(max(middle, 0.0), most) for middle, count in blocks for _ in range(count)]
    return [start + offset for start, offset in zip(free, offsets, strict=True)]


def edge_labels(labels: Sequence[Label], ends: tuple[float, float]) -> list[dict[str, Any]]:
    """The labels at the right edge, pushed apart where they would overlap.

    ends: of the vertical axis; values beyond them stand at the edge. On a logarithmic axis
    both are logarithms to base 10, as plotly.js places annotations on it.
    """
    low, high = ends
    known = [label for label in labels if math.isfinite(label.value)]
    known.sort(key=lambda label: label.value)
    values = [min(max(label.value, low), high) for label in known]
    span = (high - low) or 1.0
    wanted = [(value - low) / span * _PLOT_HEIGHT for value in values]
    heights = [label.lines * _LABEL_HEIGHT for label in known]
    places = _spread_out(wanted, heights, max(_PLOT_HEIGHT, sum(heights)))
    return [
        {
            "text": f"<b>{label.text}</b>" if label.bold else label.text,
            "xref": "paper",
            "yref": "y",
            "x": 1,
            "y": value,
            "xanchor": "left",
            "yanchor": "middle",
            "align": "left",
            "xshift": 5,
            "yshift": round(place - want, 1),
            "showarrow": False,
            "font": {"size": TEXT_SIZE, "color": label.colour},
            "name": _edge_name(
                label.of, label.lines, label.bold, label.words, label.digits, label.signed
            ),
        }
        for label, value, want, place in zip(known, values, wanted, places, strict=True)
    ]


@lru_cache(512)
def _edge_name(of: str, lines: int, bold: bool, words: str, digits: int, signed: bool) -> str:
    """What tells the browser that an annotation is a label, how high, and of which trace."""
    told: dict[str, Any] = {"edge": of, "lines": lines}
    if of:
        told["words"] = f"<b>{words}</b>" if bold else words
        told |= {"digits": digits, "signed": signed}
    return json.dumps(told)


def edge_margin(labels: Sequence[Label], *widest: str) -> int:
    """Px that the labels at the right edge need.

    widest: the longest that their text may become, such as that of the ends of the axis, so
    that the plot keeps its width while values move.
    """
    texts = [*(label.text for label in labels), *widest]
    longest = max((len(line) for text in texts for line in text.split("<br>")), default=0)
    return min(max(60, 12 + math.ceil(longest * 8.2 / 8) * 8), 140)


def alert_markers(
    alerts: Sequence[Alert],
    ts_ms: IntArray,
    values: FloatArray,
    metric: str,
    theme: str,
    *,
    rehearsed: bool = False,
) -> list[dict[str, Any]]:
    """The alerts in view as triangles at their own time: up for above, down for below.

    rehearsed: these did not fire, a rule that is being written would have; they are hollow.

    ts_ms, values: the line that they stand on, shape (n,). An alert on `metric`, the line's
    own, stands at the value that it read, for the bar went on after it.
    """
    if not len(alerts) or not len(ts_ms):
        return []
    shown = [alert for alert in alerts if ts_ms[0] <= alert.ts_ms <= ts_ms[-1]]
    places = np.searchsorted(ts_ms, [alert.ts_ms for alert in shown], side="right") - 1
    heights = values[places] if len(shown) else np.empty(0)
    points = [
        (alert, float(alert.value if alert.metric == metric else height))
        for alert, height in zip(shown, heights, strict=True)
    ]
    points = [(alert, height) for alert, height in points if math.isfinite(height)]
    if not points:
        return []
    colour, shape = tokens(theme)["warn"], "-open" if rehearsed else ""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": typed(np.array([alert.ts_ms for alert, _ in points], np.float64)),
            "y": typed(np.array([height for _, height in points])),
            "text": [wrapped(alert.text) for alert, _ in points],
            "name": "would have fired" if rehearsed else "alert",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "symbol": [f"triangle-{_direction(alert)}{shape}" for alert, _ in points],
                "size": 11,
                "color": colour,
                "line": {"color": colour if rehearsed else tokens(theme)["surface"], "width": 1},
            },
            "cliponaxis": False,
        }
    ]


def _direction(alert: Alert) -> str:
    if alert.operator == "abs>":
        return "up" if alert.value >= 0 else "down"
    return "up" if alert.operator.endswith(">") else "down"
