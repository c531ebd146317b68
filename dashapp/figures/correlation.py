"""The charts of Correlation: every symbol against every other, and a pair's over time.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot
from dashapp import ids
from dashapp.figures.axes import finite_ends, nice_range, time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, line, message_in_the_middle, safe, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, note, shading
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import number
from dashapp.text.pair import newest
from dashapp.theme import (
    BLACK_OR_WHITE,
    DIVERGING,
    TEXT_SIZE,
    axis_title,
    luminance_of_scale,
    tokens,
    x_axis,
)
from dashapp.theme import y_axis as theme_y_axis

#: Cells carry their number up to this many symbols.
MOST_NUMBERED = 12
#: Columns up to which the numbers have one size: they fit on a phone.
MOST_OF_ONE_SIZE = 9
_LONGEST_NAME = 12
_CORRELATION_ENDS = (-1.05, 1.05)
#: The least stretch of correlations that an axis shows.
LEAST_SPAN = 0.2


def colour_bar(theme: str, title: str, ticks: Sequence[float] | None = None) -> dict[str, Any]:
    """A thin colour bar at the right, without outline."""
    muted = tokens(theme)["muted"]
    bar: dict[str, Any] = {
        "thickness": 10,
        "outlinewidth": 0,
        "xpad": 6,
        "ypad": 0,
        "len": 1.0,
        "tickfont": {"size": TEXT_SIZE - 1, "color": muted},
        "title": {"text": title, "font": {"size": TEXT_SIZE - 1, "color": muted}, "side": "right"},
    }
    if ticks is not None:
        bar |= {"tickmode": "array", "tickvals": list(ticks)}
    return bar


def heat_cells(
    values: npt.NDArray[np.float64],
    shared: dict[str, Any],
    theme: str,
    texts: npt.NDArray[np.str_] | None = None,
) -> list[dict[str, Any]]:
    """A heatmap as two traces on one scale: the cells for black numbers, those for white ones.

    plotly.js writes all numbers of a trace in one colour, and its own choice for each cell
    falls short of a contrast of 4.5 in the middle of the scale. values: shape (rows, columns),
    NaN for a cell that stays empty. shared: attributes of both, zmin and zmax among them.
    texts: what stands in the cells and hovers as %{text}, of the same shape. Numbers of few
    columns have one size in both, a smaller one on a narrow page (style.css).
    """
    size = {"size": TEXT_SIZE - 1} if values.shape[1] <= MOST_OF_ONE_SIZE else {}
    shares = (values - shared["zmin"]) / (shared["zmax"] - shared["zmin"])
    dark = luminance_of_scale(shares, theme) < BLACK_OR_WHITE
    return [
        {
            "type": "heatmap",
            "z": typed(np.where(mask, values, np.nan)),
            "colorscale": [list(stop) for stop in DIVERGING[theme]],
            "xgap": 2,
            "ygap": 2,
            "hoverongaps": False,
            "textfont": {"color": colour, **size},
            **shared,
            **({} if texts is None else {"text": np.where(mask, texts, "").tolist()}),
            "showscale": place == 0,
        }
        for place, (mask, colour) in enumerate(((~dark, "#000000"), (dark, "#ffffff")))
    ]


def _symbol_axis(base: dict[str, Any], symbols: Sequence[str]) -> dict[str, Any]:
    """An axis of symbols, long names cut; every one has its tick while there are few."""
    short = {
        symbol: safe(symbol, _LONGEST_NAME) for symbol in symbols if len(symbol) > _LONGEST_NAME
    }
    axis = {
        **{key: value for key, value in base.items() if key not in ("tickangle", "nticks")},
        "type": "category",
        "labelalias": short,
        "showgrid": False,
        "showspikes": False,
    }
    return axis | {"dtick": 1} if len(symbols) <= MOST_NUMBERED else axis


def heatmap_figure(
    symbols: Sequence[str],
    matrix: npt.NDArray[np.float64],
    *,
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """Every symbol against every other, coloured from -1 to 1.

    matrix: shape (n, n), NaN where not known. A point's y and x, and its customdata, are the
    pair that a click opens.
    """
    values = np.asarray(matrix, np.float64)
    names = [str(symbol) for symbol in symbols]
    cells: dict[str, Any] = {
        "x": names,
        "y": names,
        "customdata": [[[y, x] for x in names] for y in names],
        "zmin": -1,
        "zmax": 1,
        "colorbar": colour_bar(theme, "", (-1, -0.5, 0, 0.5, 1)),
        "hovertemplate": "%{y} / %{x}<br>correlation %{z:+.3f}<extra></extra>",
    }
    if len(names) <= MOST_NUMBERED:
        cells["texttemplate"] = "%{z:.2f}"
    return figure(
        ids.HEATMAP,
        theme,
        heat_cells(values, cells, theme),
        x={**_symbol_axis(x_axis(theme), names), "title": axis_title("X leg", theme)},
        y={
            **_symbol_axis(theme_y_axis(theme), names),
            "title": axis_title("Y leg", theme),
            "autorange": "reversed",
        },
        uirevision=uirevision,
        annotations=[note("a click opens the pair", theme)],
        margin=(72, 56),
        hovermode="closest",
    )


def correlation_rows(snapshot: PairSnapshot) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """The rows that a correlation of returns has a value on: carried-forward ones have none."""
    if snapshot.params.corr_on == "prices" or snapshot.carried.all():
        return snapshot.ts_ms, snapshot.corr
    return snapshot.ts_ms[~snapshot.carried], snapshot.corr[~snapshot.carried]


def _ends(values: FloatArray) -> tuple[float, float]:
    """The part of the axis from -1 to 1 that the values take, no narrower than LEAST_SPAN."""
    found = finite_ends([values])
    if found is None:
        return _CORRELATION_ENDS
    middle, reach = sum(found) / 2, max(found[1] - found[0], LEAST_SPAN) / 2
    low, high = nice_range(middle - reach, middle + reach)
    return max(low, _CORRELATION_ENDS[0]), min(high, _CORRELATION_ENDS[1])


def rolling_correlation_figure(
    snapshot: PairSnapshot, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """The rolling correlation of the pair, over the part of -1 to 1 that it takes."""
    colours, params = tokens(theme), snapshot.params
    step = TIMEFRAMES[params.timeframe]
    whole = rows_of(snapshot.ts_ms, (), step, snapshot.carried)
    at_ms, values = correlation_rows(snapshot)
    rows = rows_of(at_ms, (values,), step)
    last = newest(values)
    labels = [
        Label(number(last, 2, signed=True), last, colours["accent"], of="correlation", signed=True)
    ]
    ends = _ends(values)
    legs = f"{safe(params.y, 16)} and {safe(params.x, 16)}"
    words = f"{legs}: {params.corr_on}, {params.corr_window} bars"
    annotations = [note(words, theme), *edge_labels(labels, ends)]
    if not np.isfinite(values).any():
        missing = f"needs {params.corr_window} bars in which both legs traded, has {len(values)}"
        annotations.append(message_in_the_middle(missing, theme))
    return figure(
        ids.ROLLING_CORRELATION,
        theme,
        [line(times(rows.ts), rows.columns[0], "correlation", colours["accent"])],
        x=time_axis(whole.ts, theme),
        y=value_axis("Correlation (of −1 to 1)", theme, ends, 2, **zero_line(theme)),
        uirevision=uirevision,
        shapes=shading(whole.stretches, theme),
        annotations=annotations,
        margin=(64, edge_margin(labels, "+0.00")),
    )
