"""The charts of a pair: spread, z-score, ADF p-value; `hedge` draws the two of its ratio.

Each takes a PairSnapshot. theme: "dark" or "light". uirevision: zoom and pan are kept
while it stays the same. markers: alerts of the pair, drawn at their own time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import (
    FINE_STEPS,
    GRID_STEPS,
    Area,
    Array,
    Figure,
    figure,
    line,
    message_in_the_middle,
    on_grid,
    safe,
    times,
    typed,
)
from dashapp.figures.hedge import hedge_path_figure, scatter_figure
from dashapp.figures.marks import (
    Alert,
    Label,
    alert_markers,
    edge_labels,
    edge_margin,
    level,
    note,
    region,
    shading,
)
from dashapp.figures.rows import Rows, rows_of
from dashapp.text.numbers import SIGNIFICANT_P, decimals, number, quote
from dashapp.text.pair import BreakEven, newest
from dashapp.text.tests import spread_size
from dashapp.theme import rgba, tokens

__all__ = [
    "adf_figure",
    "band",
    "hedge_path_figure",
    "scatter_figure",
    "spread_figure",
    "spread_unit",
    "threshold_marks",
    "z_line",
    "z_range",
    "zscore_figure",
]

#: p-values below are drawn at this floor; the hover tells the true one.
P_FLOOR = 1e-4
_P_TICKS = (1e-4, 1e-3, 0.01, 0.05, 0.2, 1.0)
#: Upper end of the p-value axis as a logarithm: a little over 1, so that a line at 1 shows.
_P_TOP = 0.12
_BAND_SIGMAS = 2.0
#: Which line the spread is measured from, by the pair's hedge mode.
_LINES = {
    "view": "today's fit",
    "locked": "the locked hedge",
    "rolling": "each bar's own hedge",
    "kalman": "each bar's own hedge",
}


def _rows(snapshot: PairSnapshot, *columns: FloatArray) -> Rows:
    step = TIMEFRAMES[snapshot.params.timeframe]
    return rows_of(snapshot.ts_ms, columns, step, snapshot.carried)


def spread_unit(snapshot: PairSnapshot) -> tuple[str, int]:
    """The unit of the spread, and the decimals it is shown with."""
    if snapshot.params.price_space == "log":
        return "log price", 5
    return quote(snapshot.params.y) or "price", decimals(spread_size(snapshot))


def band(ts: FloatArray, low: FloatArray, high: FloatArray, colour: str) -> dict[str, Any]:
    """The area between two lines, at 15 %, one closed shape for each stretch without a gap.

    Heights travel in single precision: an area needs no more.
    """
    return _area(typed(_along(ts, low, high)), typed(_around(low, high)), colour)


def _band_of_mean(
    ts: FloatArray, mean: FloatArray, sigmas: FloatArray, colour: str
) -> dict[str, Any]:
    """`band` of a mean and its 2σ, which the browser makes of the next trace where it has the mean
    already (assets/changes.js).
    """
    x = Area((ts, mean, sigmas), lambda ts, mean, sigmas: _along(ts, mean - sigmas, mean + sigmas))
    y = Area((mean, sigmas), lambda mean, sigmas: _around(mean - sigmas, mean + sigmas))
    return _area(x, y, colour)


def _area(x: Array | Area, y: Array | Area, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "fill": "toself",
        "fillcolor": rgba(colour, 0.15),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": "band",
    }


def _along(ts: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """The times of a band's outline: there on the upper line, back on the lower."""
    return _outline(ts, ts, low, high)


def _around(low: FloatArray, high: FloatArray) -> npt.NDArray[np.float32]:
    """The heights of a band's outline."""
    return _outline(high, low, low, high).astype(np.float32)


def _outline(there: FloatArray, back: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Values there and back over each stretch in which both lines are known, NaN between two."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False))
    parts: list[FloatArray] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        parts += [there[first:last], back[first:last][::-1], np.array([np.nan])]
    return np.concatenate(parts[:-1]) if parts else np.empty(0)


def spread_figure(
    snapshot: PairSnapshot,
    *,
    theme: str = "dark",
    uirevision: str = "",
    markers: Sequence[Alert] = (),
    chart_id: str = ids.SPREAD_CHART,
) -> Figure:
    """The spread with its rolling mean and the band of two standard deviations around it."""
    colour = tokens(theme)["spread"]
    unit, digits = spread_unit(snapshot)
    rows = _rows(snapshot, snapshot.spread, snapshot.mean, snapshot.std * _BAND_SIGMAS)
    spread, mean, sigmas = rows.columns
    ts = times(rows.ts)
    ends = range_of(spread, mean - sigmas, mean + sigmas)
    hover = f"%{{y}} ± %{{customdata:,.{digits}f}}<extra></extra>"
    faint = rgba(colour, 0.8)
    moves = snapshot.params.spread_mode == "view"
    drawn = partial(on_grid, steps=GRID_STEPS if moves else FINE_STEPS)
    data = [
        _band_of_mean(rows.ts, mean, sigmas, colour),
        line(
            ts,
            drawn(mean),
            "mean ± 2σ",
            faint,
            width=1,
            dash="dot",
            customdata=drawn(sigmas.astype(np.float32)),
            hovertemplate="mean " + hover,
        ),
        line(ts, drawn(spread), "spread", colour),
        *alert_markers(markers, snapshot.ts_ms, snapshot.spread, "spread", theme),
    ]
    last = newest(snapshot.spread)
    labels = [
        Label(
            number(last, digits, signed=True), last, colour, of="spread", digits=digits, signed=True
        )
    ]
    words = f"{_LINES[snapshot.params.spread_mode]} · mean ± 2σ, {snapshot.params.z_window} bars"
    return figure(
        chart_id,
        theme,
        data,
        x=time_axis(rows.ts, theme),
        y=value_axis(f"Spread ({unit})", theme, ends, digits),
        uirevision=uirevision,
        shapes=shading(rows.stretches, theme),
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels, *(number(end, digits, signed=True) for end in ends))),
    )


def threshold_marks(
    threshold: float, theme: str, ends: tuple[float, float], *, fill: bool = True
) -> tuple[list[dict[str, Any]], list[Label]]:
    """Dashed lines at the thresholds with number and trade, the regions beyond them filled."""
    colours = tokens(theme)
    beyond = max(abs(ends[0]), abs(ends[1]), threshold) * 4
    shapes = []
    if fill:
        shapes.append(region(threshold, beyond, colours["down"]))
        shapes.append(region(-beyond, -threshold, colours["up"]))
    shapes += [level(threshold, colours["down"]), level(-threshold, colours["up"])]
    return shapes, [
        Label(f"+{threshold:g} short", threshold, colours["down"], bold=False),
        Label(f"−{threshold:g} long", -threshold, colours["up"], bold=False),
    ]


def z_range(z: FloatArray, *levels: float) -> tuple[float, float]:
    """A range with zero in its middle that holds every z and has room for each level's words."""
    low, high = range_of(z, pad=0.0)
    reach = max(abs(low) + 0.3, abs(high) + 0.3, *(abs(value) * 1.35 + 0.2 for value in levels))
    top = math.ceil(reach * 2) / 2
    return -top, top


def z_line(
    x: Mapping[str, Any], values: FloatArray, theme: str
) -> tuple[dict[str, Any], list[Label]]:
    """The line of z-scores and its label."""
    colour, last = tokens(theme)["z"], newest(values)
    return line(x, on_grid(values, FINE_STEPS), "z", colour), [
        Label(number(last, 2, signed=True), last, colour, of="z", signed=True)
    ]


def todays_fit(snapshot: PairSnapshot) -> FloatArray | None:
    """The z-scores of today's fit, None where they are those that were known."""
    moves = snapshot.params.spread_mode == "view" and len(snapshot.fit_z) == len(snapshot)
    return snapshot.fit_z if moves else None


def todays_fit_line(
    x: Mapping[str, Any], values: FloatArray, theme: str
) -> tuple[dict[str, Any], list[Label]]:
    """The faint line of the z-scores that today's fit gives to the past, and its label."""
    colours, last = tokens(theme), newest(values)
    words = f"today's fit<br>{number(last, 2, signed=True)}"
    trace = line(x, on_grid(values), "z of today's fit", rgba(colours["z"], 0.4), width=1)
    return trace, [
        Label(
            words,
            last,
            colours["muted"],
            2,
            False,
            "z of today's fit",
            "today's fit<br>{}",
            2,
            True,
        )
    ]


def zscore_figure(
    snapshot: PairSnapshot,
    threshold: float = 2.0,
    *,
    theme: str = "dark",
    uirevision: str = "",
    break_even: BreakEven | None = None,
    markers: Sequence[Alert] = (),
    missing: str = "",
    with_fit: bool = True,
    chart_id: str = ids.ZSCORE_CHART,
) -> Figure:
    """The z-score, as it was known at each bar's close, with its thresholds.

    with_fit: the z-scores that today's fit gives to the past are faint behind it. Within
    break_even a round trip does not pay its costs. missing: why no z-score is known, in words.
    """
    today = todays_fit(snapshot)
    fit = today if with_fit else None
    rows = _rows(snapshot, snapshot.z, *([] if fit is None else [fit]))
    z, *faint = rows.columns
    ts, ends = times(rows.ts), z_range(np.concatenate(rows.columns), threshold)
    trace, labels = z_line(ts, z, theme)
    then = "" if today is None else "as known then, "
    traces, words = [trace], f"{then}{snapshot.params.z_window} bars"
    for values in faint:
        behind, names = todays_fit_line(ts, values, theme)
        traces, labels = [behind, *traces], [*labels, *names]
    shapes, names = threshold_marks(threshold, theme, ends)
    labels += names
    annotations: list[dict[str, Any]] = []
    if break_even is not None and 0.0 < break_even.z < math.inf:
        even = break_even.z
        shapes.insert(0, region(-even, even, tokens(theme)["muted"], 0.14))
        words = f"{words} · grey: costs"
    if not np.isfinite(z).any():
        annotations.append(message_in_the_middle(missing or "the z-score is not known yet", theme))
    return figure(
        chart_id,
        theme,
        [*traces, *alert_markers(markers, snapshot.ts_ms, snapshot.z, "z", theme)],
        x=time_axis(rows.ts, theme),
        y=value_axis("z-score (σ)", theme, ends, 2, **zero_line(theme), hoverformat="+.2f"),
        uirevision=uirevision,
        meta={"keep": [-threshold, threshold], "even": True},
        shapes=[*shapes, *shading(rows.stretches, theme)],
        annotations=[note(safe(words), theme), *annotations, *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )


def adf_figure(snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """The p-value of the rolling ADF test on a logarithmic axis, against 0.05.

    In neutral colours: the spread was fitted to look stationary, so that the test is indicative.
    Logarithmic, because what counts is whether p is 0.04 or 0.004, and a linear axis shows
    both as nothing. Values under P_FLOOR are drawn at it.
    """
    colours = tokens(theme)
    step = TIMEFRAMES[snapshot.params.timeframe]
    at_ms, values = snapshot.adf_ts_ms, snapshot.adf_pvalue
    if not len(at_ms):
        at_ms, values = snapshot.ts_ms[[0, -1]], np.full(2, np.nan)
    rows = rows_of(at_ms, (values,), step)
    (p,) = rows.columns
    labels = _p_labels(newest(snapshot.adf_pvalue), theme)
    drawn = line(
        times(rows.ts),
        np.maximum(p, P_FLOOR).astype(np.float32),
        "p-value",
        colours["text"],
        customdata=typed(p.astype(np.float32)),
        hovertemplate="p %{customdata:.4f}<extra></extra>",
    )
    annotations = [note(f"of the spread, indicative, {snapshot.params.adf_window} bars", theme)]
    annotations += edge_labels(labels, (math.log10(P_FLOOR), _P_TOP))
    if not np.isfinite(p).any():
        missing = f"needs {snapshot.params.adf_window} bars, has {len(snapshot)}"
        annotations.append(message_in_the_middle(missing, theme))
    return figure(
        ids.ADF_CHART,
        theme,
        [drawn],
        x=time_axis(snapshot.ts_ms.astype(np.float64), theme),
        y=_p_axis(theme),
        uirevision=uirevision,
        shapes=[
            region(P_FLOOR / 10, SIGNIFICANT_P, colours["muted"]),
            level(SIGNIFICANT_P, colours["muted"]),
            *shading(rows.stretches, theme),
        ],
        annotations=annotations,
        margin=(64, edge_margin(labels, "< 0.001")),
    )


def _p_labels(last: float, theme: str) -> list[Label]:
    """The newest p-value, and the level it is held against."""
    colours = tokens(theme)
    words = "< 0.001" if last < 0.001 else number(last, 3)
    height = math.log10(max(last, P_FLOOR)) if math.isfinite(last) else math.nan
    return [
        Label(words, height, colours["text"], of="p-value", digits=3),
        Label("0.05", math.log10(SIGNIFICANT_P), colours["muted"], bold=False),
    ]


def _p_axis(theme: str) -> dict[str, Any]:
    axis = value_axis("p-value (log scale)", theme, (0.0, 1.0), 4)
    del axis["autorangeoptions"]
    return {
        **axis,
        "type": "log",
        "range": [math.log10(P_FLOOR), _P_TOP],
        "tickmode": "array",
        "tickvals": list(_P_TICKS),
        "ticktext": [f"{p:g}" for p in _P_TICKS],
    }
