"""The charts of how a pair's spread is spread out, and of how sure its hedge ratio is.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same. All of them
rest on the rows in which both legs traded.
"""

from __future__ import annotations

import math

import numpy as np

from analytics.distribution import autocorrelation, normal_quantiles, slope_bands
from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, empty_figure, figure, line, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, note, region
from dashapp.figures.pair import band, spread_unit
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import number, ratio, ratio_digits
from dashapp.theme import rgba, tokens

BINS = 40
LAGS = 40
#: Points of the quantile chart at most, evenly among the ranks.
MOST_POINTS = 400
#: Standard errors on either side of the hedge ratio.
ERRORS = 2.0


def _spread(snapshot: PairSnapshot) -> FloatArray:
    """The spread at the rows in which both legs traded."""
    return snapshot.spread[~snapshot.carried]


def histogram_figure(
    snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """How often the spread was where, beside the normal curve of its mean and deviation."""
    colours, values = tokens(theme), _spread(snapshot)
    counts, edges = np.histogram(values, BINS)
    middles, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    mean, std = float(values.mean()), float(values.std(ddof=1))
    if not std > 0.0:
        return empty_figure("the spread does not vary", theme, ids.HISTOGRAM_CHART)
    curve = np.exp(-((middles - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))
    unit, digits = spread_unit(snapshot)
    bars = {
        "type": "bar",
        "x": typed(middles),
        "y": typed(counts.astype(np.float64)),
        "name": "bars",
        "marker": {"color": rgba(colours["spread"], 0.6), "line": {"width": 0}},
    }
    normal = line({"x": typed(middles)}, curve * width * len(values), "normal", colours["muted"])
    high = float(max(counts.max(), (curve * width * len(values)).max())) * 1.08
    return figure(
        ids.HISTOGRAM_CHART,
        theme,
        [bars, normal],
        x=value_axis(f"Spread ({unit})", theme, (edges[0], edges[-1]), digits, showgrid=False),
        y=value_axis("Bars", theme, (0.0, high), 0),
        uirevision=uirevision,
        annotations=[note(f"{len(values):,} bars, grey: normal", theme)],
        margin=(64, 16),
        bargap=0.05,
    )


def acf_figure(snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """How much of the spread is left after so many bars; inside the band it may be nothing."""
    colours, values = tokens(theme), _spread(snapshot)
    left = autocorrelation(values, LAGS)
    bound = 1.96 / math.sqrt(max(len(values), 1))
    bars = {
        "type": "bar",
        "x0": 0,
        "dx": 1,
        "y": typed(left),
        "name": "autocorrelation",
        "width": 0.5,
        "marker": {"color": colours["spread"], "line": {"width": 0}},
    }
    ends = range_of(left, [0.0, 1.0])
    return figure(
        ids.ACF_CHART,
        theme,
        [bars],
        x=value_axis("Lag (bars)", theme, (-0.5, LAGS + 0.5), 0, showgrid=False),
        y=value_axis("Autocorrelation", theme, ends, 2, **zero_line(theme)),
        uirevision=uirevision,
        shapes=[region(-bound, bound, colours["muted"], 0.2)],
        annotations=[note("grey: what chance gives", theme)],
        margin=(64, 16),
    )


def qq_figure(snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Ordered spreads against the quantiles of a normal one: fat tails leave the line."""
    colours, pairs = tokens(theme), normal_quantiles(_spread(snapshot))
    if not len(pairs.normal):
        return empty_figure("the spread does not vary", theme, ids.QQ_CHART)
    chosen = np.unique(np.linspace(0, len(pairs.normal) - 1, MOST_POINTS).astype(np.int64))
    normal, ordered = pairs.normal[chosen], pairs.ordered[chosen]
    ends = range_of(normal, ordered)
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": typed(normal),
        "y": typed(ordered),
        "name": "spread",
        "marker": {"size": 4, "color": colours["spread"]},
        "hovertemplate": "normal %{x} σ, spread %{y} σ<extra></extra>",
    }
    same = line(
        {"x": typed(np.array(ends))}, np.array(ends), "normal", colours["muted"], hoverinfo="skip"
    )
    return figure(
        ids.QQ_CHART,
        theme,
        [same, points],
        x=value_axis("Normal (σ)", theme, range_of(normal), 2, showgrid=False),
        y=value_axis("Spread (σ)", theme, ends, 2),
        uirevision=uirevision,
        annotations=[note("on the line: as normal", theme)],
        margin=(64, 16),
        hovermode="closest",
    )


def stability_figure(
    snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """The rolling hedge ratio with two standard errors on either side."""
    colours, traded = tokens(theme), ~snapshot.carried
    y, x = snapshot.price_y[traded], snapshot.price_x[traded]
    if snapshot.params.price_space == "log":
        y, x = np.log(y), np.log(x)
    window = snapshot.path_rows
    bands = slope_bands(y, x, window)
    if not np.isfinite(bands.beta).any():
        words = f"needs {window:,} bars, has {len(y):,}: lower Hedge window"
        return empty_figure(words, theme, ids.STABILITY_CHART)
    columns = (bands.beta, ERRORS * bands.stderr)
    rows = rows_of(snapshot.ts_ms[traded], columns, TIMEFRAMES[snapshot.params.timeframe])
    beta, error = rows.columns
    ends, last = range_of(beta - error, beta + error), float(bands.beta[-1])
    digits = ratio_digits(last)
    labels = [Label(ratio(last), last, colours["accent"], of="β", digits=digits)]
    words = f"rolling OLS, {window:,} bars, ± {number(ERRORS, 0)} standard errors"
    return figure(
        ids.STABILITY_CHART,
        theme,
        [
            band(rows.ts, beta - error, beta + error, colours["accent"]),
            line(times(rows.ts), beta, "β", colours["accent"]),
        ],
        x=time_axis(rows.ts, theme),
        y=value_axis("β (Y per X)", theme, ends, digits),
        uirevision=uirevision,
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels, *map(ratio, ends))),
    )
