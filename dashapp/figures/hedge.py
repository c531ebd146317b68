"""The charts of a pair's hedge ratio: the regression, and the ratio over time and by method."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot
from dashapp import ids
from dashapp.figures.axes import nice_range, range_of, time_axis, value_axis
from dashapp.figures.base import FINE_STEPS, Figure, figure, line, on_grid, safe, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, level, note, shading
from dashapp.figures.rows import rows_of
from dashapp.text.methods import shown_method
from dashapp.text.numbers import decimals, number, price, ratio, ratio_digits
from dashapp.text.pair import (
    METHOD_WORDS,
    bars_ago,
    bars_since_fit,
    each_bars_own,
    line_in_use,
    newest,
)
from dashapp.theme import rgba, tokens

#: A label's height as a share of the plot's, and the letters in a line of labels that share one.
LABEL_SHARE = 0.1
MOST_LETTERS = 16
WIDE = {"width": 2}
#: Methods whose fits have ticks; of the filter there is a line.
_TICKED = ("ols", "huber", "theil_sen", "tls", "ratio")


def scatter_figure(snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Y against X at each bar, older bars paler, with the line of the hedge that is in use."""
    colours, params = tokens(theme), snapshot.params
    x, y = snapshot.price_x, snapshot.price_y
    logs = params.price_space == "log"
    if logs:
        x, y = np.log(x), np.log(y)
    ages = np.arange(len(x) - 1, -1, -1, dtype=np.int32)
    x_ends, y_ends = range_of(x), range_of(y)
    digits = (5, 5) if logs else (decimals(newest(x)), decimals(newest(y)))
    ends = np.array(x_ends)
    beta, alpha = line_in_use(snapshot)
    corner = 1.0 if beta < 0 else 0.0  # the upper one that the line does not go through
    space = "log " if logs else ""
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": typed(x),
            "y": typed(y),
            "marker": _age_marker(ages, theme),
            "hovertemplate": "X %{x}<br>Y %{y}<br>%{marker.color:,} bars ago<extra></extra>",
        },
        line({"x": typed(ends)}, beta * ends + alpha, "hedge", colours["spread"], hoverinfo="skip"),
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
            note(_equation(snapshot), theme, x=corner, place="inside", colour=colours["spread"])
            | {"align": "right" if corner else "left"},
        ],
        margin=(64, 16),
        hovermode="closest",
    )


def _equation(snapshot: PairSnapshot) -> str:
    """The line in use, and what it is of; with the R² of the fit where it is today's."""
    params, fit = snapshot.params, snapshot.fit
    beta, alpha = line_in_use(snapshot)
    scale = 0.01 if params.price_space == "log" else newest(snapshot.price_y)
    sign = "−" if alpha < 0 else "+"
    offset = f" {sign} {price(abs(alpha), scale)}" if alpha else ""
    whose = METHOD_WORDS.get(fit.method, safe(fit.method))
    if each_bars_own(snapshot):
        name = METHOD_WORDS[params.hedge] if params.spread_mode == "rolling" else "Kalman"
        whose = f"{name}, of the bars before the newest"
    elif math.isclose(beta, float(fit.beta), rel_tol=1e-6):
        label = "R²" if params.intercept else "R² (uncentred)"
        whose = f"{whose}, {label} {number(fit.r_squared, 3)}"
    elif bars := bars_since_fit(snapshot):
        whose = f"{whose}, fitted {bars_ago(bars)}"
    return f"<b>Y = {ratio(beta)} X{offset}</b><br>{whose}"


def _price_axis(title: str, theme: str, ends: tuple[float, float], digits: int) -> dict[str, Any]:
    return value_axis(title, theme, ends, digits, showgrid=False, showspikes=True, nticks=5)


def _age_marker(ages: np.ndarray, theme: str) -> dict[str, Any]:
    """Points in the colour of the Y leg, from all of it now to next to none at the oldest."""
    colours = tokens(theme)
    return {
        "size": 4,
        "color": typed(ages),
        "cmin": 0,
        "cmax": max(len(ages) - 1, 1),
        "colorscale": [
            [0.0, colours["accent"]],
            [0.3, rgba(colours["accent"], 0.5)],
            [1.0, rgba(colours["muted"], 0.25)],
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
    pools = [path[np.isfinite(path)] for path in paths]
    ends = [_usual_ends(pool) for pool in pools if len(pool)]
    low, high = range_of(*ends, *([[beta]] if math.isfinite(beta) else []), pad=0.0)
    room = 0.15 * (high - low)
    return nice_range(low - room, high + room, 0.0)


def _usual_ends(values: FloatArray, share: float = 0.03) -> FloatArray:
    """The values that all but a share on either side lie within.

    >>> _usual_ends(np.arange(101.0)).tolist()
    [3.0, 97.0]
    """
    last = len(values) - 1
    places = [math.floor(share * last), math.ceil((1 - share) * last)]
    return np.partition(values, places)[places]


def hedge_path_figure(
    snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """The hedge ratio along the bars, by least squares and by a filter, the fit of each method on
    all its rows, and the ratio that is in use.
    """
    paths = (snapshot.path.beta, snapshot.kalman_path.beta)
    rows = rows_of(snapshot.ts_ms, paths, TIMEFRAMES[snapshot.params.timeframe], snapshot.carried)
    ts = times(rows.ts)
    beta = line_in_use(snapshot).beta
    ends = _path_range(paths, beta)
    colours = (tokens(theme)["accent"], tokens(theme)["z"])
    names = ("rolling", "Kalman path")
    hovers = (f"rolling OLS, {snapshot.path_rows:,} bars", "Kalman path")
    data = [
        line(ts, on_grid(values, FINE_STEPS), name, colour)
        for values, name, colour in zip(rows.columns, hovers, colours, strict=True)
    ]
    for values, name, colour in zip(rows.columns, names, colours, strict=True):
        data += _leaving(rows.ts, values, ends, name, colour)
    labels = [
        Label(
            f"{name}{between}{ratio(newest(path))}",
            newest(path),
            colour,
            1 + (between == "<br>"),
            of=hover,
            words=f"{name}{between}{{}}",
            digits=ratio_digits(beta),
        )
        for path, name, hover, colour, between in zip(
            paths, names, hovers, colours, (" ", "<br>"), strict=True
        )
    ]
    marks, method_labels = _method_marks(snapshot, ends, theme)
    labels += method_labels
    window = f"rolling {snapshot.path_rows:,} bars"
    if len(snapshot) < snapshot.path_rows:
        window = f"{window}, has {len(snapshot):,}"
    return figure(
        ids.HEDGE_PATH_CHART,
        theme,
        data,
        x=time_axis(rows.ts, theme),
        y=value_axis("β (Y per X)", theme, ends, ratio_digits(beta)),
        uirevision=uirevision,
        shapes=[*marks, *shading(rows.stretches, theme)],
        annotations=[note(window, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels, "Theil-Sen ↑", f"rolling {ratio(beta)}")),
    )


def _leaving(
    ts: FloatArray, values: FloatArray, ends: tuple[float, float], name: str, colour: str
) -> list[dict[str, Any]]:
    """A triangle at the edge of the axis wherever a line leaves it, with how far it goes.

    One trace also where it never does, so that the figure's structure stays the same.
    """
    side = (values > ends[1]).astype(np.int8) - (values < ends[0])
    starts = np.flatnonzero((side != 0) & (side != np.concatenate(([0], side[:-1]))))
    stops = np.flatnonzero((side != 0) & (side != np.concatenate((side[1:], [0])))) + 1
    reach = [
        float((np.max if side[first] > 0 else np.min)(values[first:last]))
        for first, last in zip(starts, stops, strict=True)
    ]
    up = side[starts] > 0
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": typed(ts[starts]),
            "y": typed(np.where(up, ends[1], ends[0])),
            "text": [f"{name} leaves the axis: {ratio(value)}" for value in reach],
            "name": f"{name} leaves the axis",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "symbol": np.where(up, "triangle-up", "triangle-down").tolist(),
                "size": 9,
                "color": colour,
            },
            "cliponaxis": False,
        }
    ]


def _method_marks(
    snapshot: PairSnapshot, ends: tuple[float, float], theme: str
) -> tuple[list[dict[str, Any]], list[Label]]:
    """A tick at the right edge for each method's fit, over the whole width for the line in use.

    Methods whose ticks are too near each other for a label each share one.
    """
    colours, shapes, labels = tokens(theme), [], []
    others: list[tuple[float, str]] = []
    chosen, used = shown_method(snapshot), line_in_use(snapshot).beta
    marks = [
        (METHOD_WORDS.get(method, safe(method)), used if method == chosen else float(fit.beta))
        for method, fit in snapshot.fits.items()
        if method in (chosen, *_TICKED)
    ]
    name = METHOD_WORDS.get(chosen or "", "in use")
    if chosen not in snapshot.fits:
        marks.append((name, used))
    for words, beta in marks:
        active = words == name
        if not math.isfinite(beta):
            continue
        if not ends[0] <= beta <= ends[1]:
            words = f"{words} {'↑' if beta > ends[1] else '↓'}"
        else:
            mark = level(
                beta, colours["text" if active else "muted"], "dash" if active else "solid"
            )
            shapes.append(mark if active else mark | {"x0": 0.97, "line": mark["line"] | WIDE})
        if active:
            labels.append(Label(words, beta, colours["text"]))
        else:
            others.append((min(max(beta, ends[0]), ends[1]), words))
    near = (ends[1] - ends[0]) * LABEL_SHARE
    for beta, words in _grouped(others, near):
        labels.append(Label(words, beta, colours["muted"], words.count("<br>") + 1, bold=False))
    return shapes, labels


def _grouped(named: Sequence[tuple[float, str]], near: float) -> list[tuple[float, str]]:
    """Names at values, those of values no more than `near` apart in one.

    >>> _grouped([(1.0, "OLS"), (9.0, "TLS"), (1.25, "Huber"), (1.5, "Theil-Sen")], 0.5)
    [(1.25, 'OLS, Huber,<br>Theil-Sen'), (9.0, 'TLS')]
    """
    groups: list[list[tuple[float, str]]] = []
    for value, name in sorted(named):
        if groups and value - groups[-1][0][0] <= near:
            groups[-1].append((value, name))
        else:
            groups.append([(value, name)])
    return [
        (
            sum(value for value, _ in group) / len(group),
            "<br>".join(textwrap.wrap(", ".join(name for _, name in group), MOST_LETTERS)),
        )
        for group in groups
    ]
