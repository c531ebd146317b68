"""What every chart is made of: typed arrays, axes, lines, and telling two figures apart.

A figure is a plain dict {"data": [...], "layout": {...}}; its arrays are written when they are
sent. Its changing parts are arrays of `data`, shapes, annotations and the ranges of its axes;
everything else is structure.
While the structure is the one that the browser holds, only the arrays need to travel.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.model import FloatArray
from dashapp import ids
from dashapp.figures.axes import finite_ends, on_time
from dashapp.theme import TEXT_SIZE, TITLE_SIZE, chart_layout, tokens

Figure = dict[str, Any]

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
    ids.HISTOGRAM_CHART: "Spread, how often",
    ids.ACF_CHART: "Autocorrelation of the spread",
    ids.QQ_CHART: "Spread against a normal one",
    ids.STABILITY_CHART: "Hedge ratio, how sure",
    ids.HEATMAP: "Correlation of returns",
    ids.ROLLING_CORRELATION: "Rolling correlation",
    ids.LEAD_LAG_CHART: "Lead and lag on ticks",
    ids.SCAN_FUNNEL: "What each step kept",
    ids.PVALUE_HISTOGRAM: "All p-values",
    ids.EQUITY_CHART: "Equity",
    ids.DRAWDOWN_CHART: "Drawdown",
    "backtest-zscore-chart": "z-score and trades",
    ids.SWEEP_HEATMAP: "Sharpe",
    ids.WALK_CHART: "Out of sample, and with hindsight",
    ids.ALERT_SPREAD_CHART: "Spread and its alerts",
    ids.ALERT_ZSCORE_CHART: "z-score and its alerts",
}

_DTYPES = {"f": "f", "i": "i", "u": "u", "b": "u"}
_LONGEST_TEXT = 80
_MESSAGE_WIDTH = 40
#: Lists of `data` that belong to the structure: they never change with the data.
_STRUCTURAL_LISTS = frozenset({"colorscale"})
#: Numbers of a trace that move with its arrays.
_MOVING = frozenset({"x0", "dx", "cmax", "zmin", "zmax"})
_RANGES = frozenset({"range", "autorangeoptions"})
_MARKS = ("shapes", "annotations")


class Array:
    """Numbers of a figure, written as plotly.js reads them fastest when they are sent: their bytes
    in base 64. Most arrays never are, for only what differs travels (`figures.changes`).

    step: of which all of them are whole multiples, 0 where of none.
    """

    __slots__ = ("array", "step")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: npt.NDArray[Any], step: float = 0.0) -> None:
        self.array = array
        self.step = step

    def __eq__(self, other: object) -> bool:
        """Whether both are written alike: NaN is like NaN, 0.0 is not like -0.0."""
        if not isinstance(other, Array):
            return NotImplemented
        return same_bits(self.array, other.array)

    def to_plotly_json(self) -> dict[str, str]:
        """What is sent, as Dash and msgspec ask for it."""
        array = self.array
        spec = {
            "dtype": f"{_DTYPES[array.dtype.kind]}{array.dtype.itemsize}",
            "bdata": binascii.b2a_base64(array.data, newline=False).decode("ascii"),
        }
        if array.ndim == 2:
            spec["shape"] = f"{array.shape[0]}, {array.shape[1]}"
        return spec


def same_bits(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Whether two arrays are of one type and shape and hold the same bytes."""
    if one is other:
        return True
    alike = one.dtype == other.dtype and one.shape == other.shape
    return alike and one.tobytes() == other.tobytes()


class Area:
    """An array that the browser makes of the next trace by itself, and that is made here only where
    it has to be sent.

    of: the lines that it is made of by `make`.
    """

    __slots__ = ("_make", "of")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, of: Sequence[FloatArray], make: Callable[..., npt.ArrayLike]) -> None:
        self.of = tuple(of)
        self._make = make

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Area):
            return NotImplemented
        return all(map(same_bits, self.of, other.of))

    def to_plotly_json(self) -> dict[str, str]:
        """What is sent, as Dash and msgspec ask for it."""
        return typed(self._make(*self.of)).to_plotly_json()


def typed(values: npt.ArrayLike) -> Array:
    """An array of a figure. NaN draws as a gap.

    values: shape (n,) or (rows, columns), float64 or a smaller number; int64, which
    JavaScript has not, becomes float64.

    >>> typed(np.array([1.0])).to_plotly_json()
    {'dtype': 'f8', 'bdata': 'AAAAAAAA8D8='}
    """
    array = np.ascontiguousarray(values)
    if array.dtype.kind not in _DTYPES or array.dtype.str[2:] == "8":
        array = array.astype(np.float64, copy=False)
    return Array(array)


#: Steps of a grid in a line's extent, at least: of a line that a new fit moves as a whole, many
#: in a pixel; and of one whose rows stay but for their last bits.
GRID_STEPS, FINE_STEPS = 1 << 15, 1 << 34


def on_grid(values: npt.NDArray[np.floating[Any]], steps: int = GRID_STEPS) -> Array:
    """A line that moves a little as a whole: on a grid far finer than a pixel, so that it can
    travel as differences of one byte (`figures.changes`). NaN stays NaN.

    >>> on_grid(np.array([0.0, 0.50001, 1.0])) == typed(np.array([0.0, 0.5, 1.0]))
    True
    """
    ends = finite_ends([values])
    if ends is None or not ends[1] > ends[0]:
        return typed(values)
    step = 2.0 ** math.floor(math.log2(ends[1] - ends[0])) / steps
    return Array((np.rint(values / step) * step).astype(values.dtype, copy=False), step)


def safe(text: object, most: int = _LONGEST_TEXT) -> str:
    """Text from outside as a chart may show it: no markup, no control characters, not long.

    plotly.js honours links and styled spans in every label.

    >>> safe('<a href="https://x">BTC & ETH</a>', most=24)
    '&lt;a href="https://x"&gt;BTC…'
    """
    shown = "".join(letter for letter in str(text) if letter.isprintable())
    if len(shown) > most:
        shown = shown[: most - 1].rstrip() + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=2_048)
def wrapped(text: str, width: int = _MESSAGE_WIDTH, most_lines: int = 5) -> str:
    """Text from outside, `safe`, in lines of no more than `width` characters.

    >>> wrapped("BTCUSDT / ETHUSDT: |z| > 2", width=18)
    'BTCUSDT / ETHUSDT:<br>|z| &gt; 2'
    """
    lines = textwrap.wrap(text, width)[:most_lines]
    return "<br>".join(safe(line) for line in lines)


def times(ts: FloatArray) -> dict[str, Any]:
    """The x of a trace at times in epoch ms: its start and step where all are evenly spaced.

    >>> times(np.array([0.0, 1000.0, 2000.0]))
    {'x0': 0.0, 'dx': 1000.0}
    """
    if len(ts) > 1:
        step = float(ts[1] - ts[0])
        if step > 0 and (ts[1:] - ts[:-1] == step).all():
            return {"x0": float(ts[0]), "dx": step}
    return {"x": typed(ts)}


def line(
    x: Mapping[str, Any],
    values: npt.ArrayLike | Array,
    name: str,
    colour: str,
    **more: Any,
) -> dict[str, Any]:
    """A line through the values at x, as of `times`. Gaps stay gaps. more: other attributes.

    values: also as of `typed` or `on_grid`.

    The hover names it, which plotly.js leaves out by itself where a chart has one trace.
    """
    style = {"color": colour, "width": more.pop("width", LINE_WIDTH)}
    if "dash" in more:
        style["dash"] = more.pop("dash")
    return {
        "type": "scatter",
        "mode": "lines",
        **x,
        "y": values if isinstance(values, Array) else typed(values),
        "name": name,
        "line": style,
        "connectgaps": False,
        "hoverinfo": "all",
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
    if x.get("type") == "date" and "title" in x:
        layout = on_time(layout, x)
    return {"data": data, "layout": layout}


def message_in_the_middle(message: str, theme: str) -> dict[str, Any]:
    """A sentence in muted text in the middle of a plot, broken so that a phone shows it."""
    return {
        "text": wrapped(str(message)),
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
    return isinstance(value, list | Array | Area)


#: What may change in a figure of one structure: paths and values.
Arrays = list[tuple[list[str | int], Any]]


def _without_arrays(part: dict[str, Any], path: list[str | int], arrays: Arrays) -> dict[str, Any]:
    """A trace, or a part of it, without its arrays, which are added to `arrays`."""
    structure: dict[str, Any] = {}
    for name, value in part.items():
        if name in _MOVING or (name not in _STRUCTURAL_LISTS and _is_array(value)):
            arrays.append(([*path, name], value))
            structure[name] = None
        elif isinstance(value, dict):
            structure[name] = _without_arrays(value, [*path, name], arrays)
        else:
            structure[name] = value
    return structure


def _layout_without_arrays(layout: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    """A layout without its marks and ranges, which are added to `arrays`."""
    structure: dict[str, Any] = {}
    for name, value in layout.items():
        if name in _MARKS:
            arrays.append((["layout", name], value))
        elif name.startswith(("xaxis", "yaxis")):
            structure[name] = {key: None if key in _RANGES else value[key] for key in value}
            ranges = sorted(_RANGES.intersection(value))
            arrays += [(["layout", name, key], value[key]) for key in ranges]
        else:
            structure[name] = value
    return structure


def signature(structure: dict[str, Any]) -> str:
    """A short name of a structure: figures of one differ only in what travels as a Patch."""
    text = json.dumps(structure, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def taken_apart(chart: Figure) -> tuple[dict[str, Any], Arrays]:
    """The structure of a figure, which is all but its arrays, marks and ranges; and those.

    >>> structure, arrays = taken_apart(empty_figure("no data", "dark"))
    >>> len(signature(structure)), [path for path, _ in arrays]
    (24, [['layout', 'shapes'], ['layout', 'annotations']])
    """
    arrays: Arrays = []
    structure = {
        "data": [
            _without_arrays(trace, ["data", place], arrays)
            for place, trace in enumerate(chart["data"])
        ],
        "layout": _layout_without_arrays(chart["layout"], arrays),
    }
    return structure, arrays
