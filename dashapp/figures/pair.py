"""The charts of a pair: spread, z-score, regression, hedge ratio over time, ADF p-value.

Each takes a PairSnapshot. theme: "dark" or "light". uirevision: zoom and pan are kept
while it stays the same. markers: alerts of the pair, drawn at their own time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot
from dashapp import ids
from dashapp.figures.base import (
    Figure,
    figure,
    line,
    message_in_the_middle,
    nice_range,
    range_of,
    safe,
    time_axis,
    typed,
    value_axis,
)
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
from dashapp.numerals import decimals, number, price, quote, ratio
from dashapp.theme import rgba, tokens
from dashapp.verdicts import METHOD_WORDS, newest

SIGNIFICANT_P = 0.05
#: p-values below are drawn at this floor; the hover tells the true one.
P_FLOOR = 1e-4
_P_TICKS = (1e-4, 1e-3, 0.01, 0.05, 0.2, 1.0)
_BAND_SIGMAS = 2.0


def _rows(snapshot: PairSnapshot, *columns: FloatArray) -> Rows:
    step = TIMEFRAMES[snapshot.params.timeframe]
    return rows_of(snapshot.ts_ms, columns, step, snapshot.carried)


def spread_unit(snapshot: PairSnapshot) -> tuple[str, int]:
    """The unit of the spread, and the decimals it is shown with."""
    if snapshot.params.price_space == "log":
        return "log price", 5
    return quote(snapshot.params.y) or "price", decimals(newest(snapshot.price_y))


def band(ts: FloatArray, low: FloatArray, high: FloatArray, colour: str) -> dict[str, Any]:
    """The area between two lines, at 15 %, one closed shape for each stretch without a gap."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False))
    xs: list[FloatArray] = []
    ys: list[FloatArray] = []
    gap = np.array([np.nan])
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        xs += [ts[first:last], ts[first:last][::-1], gap]
        ys += [high[first:last], low[first:last][::-1], gap]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": typed(np.concatenate(xs[:-1]) if xs else np.empty(0)),
        "y": typed(np.concatenate(ys[:-1]) if ys else np.empty(0)),
        "fill": "toself",
        "fillcolor": rgba(colour, 0.15),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": "band",
    }


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
    low, high, ts = mean - sigmas, mean + sigmas, typed(rows.ts)
    ends = range_of(spread, low, high)
    hover = f"%{{y:,.{digits}f}} ± %{{customdata:,.{digits}f}}<extra></extra>"
    faint = rgba(colour, 0.8)
    data = [
        band(rows.ts, low, high, colour),
        line(
            ts,
            mean,
            "mean ± 2σ",
            faint,
            width=1,
            dash="dot",
            customdata=typed(sigmas),
            hovertemplate="mean " + hover,
        ),
        line(ts, spread, "spread", colour),
        *alert_markers(markers, snapshot.ts_ms, snapshot.spread, "spread", theme),
    ]
    last = newest(snapshot.spread)
    labels = [Label(number(last, digits, signed=True), last, colour)]
    words = f"mean ± 2σ, {snapshot.params.z_window} bars"
    return figure(
        chart_id,
        theme,
        data,
        x=time_axis(rows.ts, theme),
        y=value_axis(f"Spread ({unit})", theme, ends, digits),
        uirevision=uirevision,
        shapes=shading(rows.stretches, theme),
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )


def threshold_marks(
    threshold: float, theme: str, ends: tuple[float, float], *, fill: bool = True
) -> tuple[list[dict[str, Any]], list[Label]]:
    """Dashed lines at the thresholds with number and trade, the regions beyond them filled."""
    chosen = tokens(theme)
    beyond = max(abs(ends[0]), abs(ends[1]), threshold) * 4
    shapes = [level(threshold, chosen["down"]), level(-threshold, chosen["up"])]
    if fill:
        shapes.append(region(threshold, beyond, chosen["down"]))
        shapes.append(region(-beyond, -threshold, chosen["up"]))
    return shapes, [
        Label(f"+{threshold:g} short", threshold, chosen["down"], bold=False),
        Label(f"−{threshold:g} long", -threshold, chosen["up"], bold=False),
    ]


def z_range(z: FloatArray, *levels: float) -> tuple[float, float]:
    """A range with zero in its middle that holds every z and has room for each level's words."""
    low, high = range_of(z, pad=0.0)
    reach = max(abs(low) + 0.3, abs(high) + 0.3, *(abs(one) * 1.35 + 0.2 for one in levels))
    top = math.ceil(reach * 2) / 2
    return -top, top


def z_line(
    ts: dict[str, str], values: FloatArray, theme: str
) -> tuple[dict[str, Any], list[Label]]:
    """The line of z-scores and its label."""
    colour, last = tokens(theme)["z"], newest(values)
    made = line(ts, values, "z", colour, hovertemplate="z %{y:+.2f}<extra></extra>")
    return made, [Label(number(last, 2, signed=True), last, colour)]


def zscore_figure(
    snapshot: PairSnapshot,
    threshold: float = 2.0,
    *,
    theme: str = "dark",
    uirevision: str = "",
    break_even: float | None = None,
    markers: Sequence[Alert] = (),
    chart_id: str = ids.ZSCORE_CHART,
) -> Figure:
    """The z-score with its thresholds. Within break_even a round trip does not pay its costs."""
    rows = _rows(snapshot, snapshot.z)
    (z,) = rows.columns
    ends = z_range(z, threshold)
    trace, labels = z_line(typed(rows.ts), z, theme)
    shapes, names = threshold_marks(threshold, theme, ends)
    labels += names
    annotations: list[dict[str, Any]] = []
    words = f"{snapshot.params.z_window} bars"
    if break_even is not None and math.isfinite(break_even):
        shapes.insert(0, region(-break_even, break_even, tokens(theme)["muted"], 0.14))
        words = f"{words} · grey: within costs, |z| < {number(break_even, 1)}"
    if not np.isfinite(z).any():
        annotations.append(message_in_the_middle("the z-score is not known yet", theme))
    return figure(
        chart_id,
        theme,
        [trace, *alert_markers(markers, snapshot.ts_ms, snapshot.z, "z", theme)],
        x=time_axis(rows.ts, theme),
        y=value_axis("z-score (σ)", theme, ends, 2, zeroline=True, **_zero(theme)),
        uirevision=uirevision,
        shapes=[*shapes, *shading(rows.stretches, theme)],
        annotations=[note(safe(words), theme), *annotations, *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )


def _zero(theme: str) -> dict[str, Any]:
    return {"zerolinecolor": tokens(theme)["border"], "zerolinewidth": 1}


def scatter_figure(snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Y against X at each bar, older bars paler, with the regression line of the hedge."""
    chosen, params, fit = tokens(theme), snapshot.params, snapshot.fit
    x, y = snapshot.price_x, snapshot.price_y
    logs = params.price_space == "log"
    if logs:
        x, y = np.log(x), np.log(y)
    ages = np.arange(len(x) - 1, -1, -1, dtype=np.int32)
    x_ends, y_ends = range_of(x), range_of(y)
    digits = (5, 5) if logs else (decimals(newest(x)), decimals(newest(y)))
    ends = np.array(x_ends)
    beta, alpha = float(fit.beta), float(fit.alpha)
    sign = "−" if alpha < 0 else "+"
    offset = f" {sign} {price(abs(alpha), 0.01 if logs else newest(y))}" if alpha else ""
    words = (
        f"<b>Y = {ratio(beta)} X{offset}</b><br>"
        f"{METHOD_WORDS.get(fit.method, safe(fit.method))}, R² {number(fit.r_squared, 3)}"
    )
    space = "log " if logs else ""
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": typed(x),
            "y": typed(y),
            "marker": _age_marker(ages, theme),
            "hovertemplate": f"X %{{x:,.{digits[0]}f}}<br>Y %{{y:,.{digits[1]}f}}<br>"
            "%{marker.color:,} bars ago<extra></extra>",
        },
        line(typed(ends), beta * ends + alpha, "fit", chosen["spread"], hoverinfo="skip"),
        _newest_point(x, y, theme),
    ]
    return figure(
        ids.HEDGE_SCATTER,
        theme,
        data,
        x=_price_axis(f"X: {space}{safe(params.x, 20)}", theme, x_ends, digits[0]),
        y=value_axis(f"Y: {space}{safe(params.y, 20)}", theme, y_ends, digits[1], showspikes=True),
        uirevision=uirevision,
        annotations=[
            note("paler is older, ring is now", theme),
            note(words, theme, x=0.0, place="inside", colour=chosen["spread"]) | {"align": "left"},
        ],
        margin=(64, 16),
        hovermode="closest",
    )


def _price_axis(title: str, theme: str, ends: tuple[float, float], digits: int) -> dict[str, Any]:
    return value_axis(title, theme, ends, digits, showgrid=False, showspikes=True, nticks=5)


def _age_marker(ages: np.ndarray, theme: str) -> dict[str, Any]:
    """Points in the colour of the Y leg, from all of it now to next to none at the oldest."""
    chosen = tokens(theme)
    return {
        "size": 4,
        "color": typed(ages),
        "cmin": 0,
        "cmax": max(len(ages) - 1, 1),
        "colorscale": [
            [0.0, chosen["accent"]],
            [0.35, rgba(chosen["accent"], 0.6)],
            [1.0, rgba(chosen["muted"], 0.35)],
        ],
        "showscale": False,
    }


def _newest_point(x: FloatArray, y: FloatArray, theme: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": typed(x[-1:]),
        "y": typed(y[-1:]),
        "marker": {
            "size": 10,
            "symbol": "circle-open",
            "color": tokens(theme)["text"],
            "line": {"width": 2},
        },
        "hoverinfo": "skip",
    }


def _path_range(paths: Sequence[FloatArray], beta: float) -> tuple[float, float]:
    """The range of the paths without their first steps, which are wild, around the fit."""
    pools = [one[np.isfinite(one)] for one in paths]
    pools = [np.quantile(one, (0.03, 0.97)) for one in pools if len(one)]
    low, high = range_of(*pools, *([[beta]] if math.isfinite(beta) else []), pad=0.0)
    room = 0.15 * (high - low)
    return nice_range(low - room, high + room, 0.0)


def hedge_path_figure(
    snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """The hedge ratio as it was known at each bar, and the fit of each method on all rows."""
    chosen = tokens(theme)
    paths = (snapshot.path.beta, snapshot.kalman_path.beta)
    rows = _rows(snapshot, *paths)
    ts = typed(rows.ts)
    beta = float(snapshot.fit.beta)
    ends = _path_range(paths, beta)
    colours = (chosen["accent"], chosen["z"])
    digits = 6 - min(6, decimals(1 / max(abs(beta), 1e-9))) if math.isfinite(beta) else 4
    digits = max(digits, 4 - math.floor(math.log10(abs(beta)))) if beta else 4
    names = ("rolling", "Kalman")
    data = [
        line(ts, values, name, colour)
        for values, name, colour in zip(rows.columns, names, colours, strict=True)
    ]
    labels = [
        Label(f"{name}<br>{ratio(newest(path))}", newest(path), colour, lines=2)
        for path, name, colour in zip(paths, names, colours, strict=True)
    ]
    marks, method_labels = _method_marks(snapshot, ends, theme)
    labels += method_labels
    return figure(
        ids.HEDGE_PATH_CHART,
        theme,
        data,
        x=time_axis(rows.ts, theme),
        y=value_axis("β (Y per X)", theme, ends, digits),
        uirevision=uirevision,
        shapes=[*marks, *shading(rows.stretches, theme)],
        annotations=[note("ticks: each method on all bars", theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )


def _method_marks(
    snapshot: PairSnapshot, ends: tuple[float, float], theme: str
) -> tuple[list[dict[str, Any]], list[Label]]:
    """A tick at the right edge for each method's fit, over the whole width for the chosen one."""
    chosen, shapes, labels = tokens(theme), [], []
    for method, fit in snapshot.fits.items():
        beta, active = float(fit.beta), method == snapshot.params.hedge
        if not math.isfinite(beta) or (method == "kalman" and not active):
            continue
        colour = chosen["text"] if active else chosen["muted"]
        words = METHOD_WORDS.get(method, safe(method))
        if not ends[0] <= beta <= ends[1]:
            words = f"{words} {'↑' if beta > ends[1] else '↓'}"
        else:
            mark = level(beta, colour, "dash" if active else "solid", 1 if active else 2)
            shapes.append(mark if active else mark | {"x0": 0.97})
        labels.append(Label(words, beta, colour, bold=active))
    return shapes, labels


def adf_figure(snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """The p-value of the rolling ADF test on a logarithmic axis, against 0.05.

    Logarithmic, because what counts is whether p is 0.04 or 0.004, and a linear axis shows
    both as nothing. Values under P_FLOOR are drawn at it.
    """
    chosen = tokens(theme)
    step = TIMEFRAMES[snapshot.params.timeframe]
    rows = rows_of(snapshot.adf_ts_ms, (snapshot.adf_pvalue,), step)
    (p,) = rows.columns
    last = newest(snapshot.adf_pvalue)
    firm = last < SIGNIFICANT_P
    colour = chosen["text"]
    log_ends = (math.log10(P_FLOOR), 0.0)
    words = "< 0.001" if last < 0.001 else number(last, 3)
    labels = [Label(words, math.log10(max(last, P_FLOOR)) if last == last else math.nan, colour)]
    labels[0] = Label(words, labels[0].value, chosen["up"] if firm else chosen["warn"])
    drawn = line(
        typed(rows.ts),
        np.maximum(p, P_FLOOR),
        "p-value",
        colour,
        customdata=typed(p),
        hovertemplate="p %{customdata:.4f}<extra></extra>",
    )
    annotations = [note(f"of the spread, indicative, {snapshot.params.adf_window} bars", theme)]
    labels.append(Label("0.05", math.log10(SIGNIFICANT_P), chosen["up"], bold=False))
    annotations += edge_labels(labels, log_ends)
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
            region(P_FLOOR / 10, SIGNIFICANT_P, chosen["up"]),
            level(SIGNIFICANT_P, chosen["up"]),
            *shading(rows.stretches, theme),
        ],
        annotations=annotations,
        margin=(64, edge_margin(labels)),
    )


def _p_axis(theme: str) -> dict[str, Any]:
    made = value_axis("p-value (log scale)", theme, (0.0, 1.0), 4)
    del made["autorangeoptions"]
    made["range"] = [math.log10(P_FLOOR), 0.0]
    ticks = {"tickmode": "array", "tickvals": list(_P_TICKS)}
    return {**made, "type": "log", **ticks, "ticktext": [f"{one:g}" for one in _P_TICKS]}
