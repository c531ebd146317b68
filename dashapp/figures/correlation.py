"""The charts of Correlation: every symbol against every other, and a pair's over time.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot
from dashapp import ids
from dashapp.figures.axes import finite_ends, nice_range, range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, line, message_in_the_middle, safe, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, note, shading
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import number
from dashapp.text.pair import newest
from dashapp.text.tests import lead_lag_words
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

if TYPE_CHECKING:
    from analytics.correlation import LeadLag

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
    *,
    upper: bool = False,
) -> list[dict[str, Any]]:
    """A heatmap as two traces on one scale: the cells for black numbers, those for white ones.

    plotly.js writes all numbers of a trace in one colour, and its own choice for each cell
    falls short of a contrast of 4.5 in the middle of the scale. values: shape (rows, columns),
    NaN for a cell that stays empty. shared: attributes of both, zmin and zmax among them.
    texts: what stands in the cells and hovers as %{text}, of the same shape. upper: by the upper
    half of the scale alone, for figures that have one direction. Numbers of few columns have one
    size in both, a smaller one on a narrow page (style.css).
    """
    size = {"size": TEXT_SIZE - 1} if values.shape[1] <= MOST_OF_ONE_SIZE else {}
    shares = (values - shared["zmin"]) / (shared["zmax"] - shared["zmin"])
    scale: list[list[Any]] = [list(stop) for stop in DIVERGING[theme]]
    if upper:
        shares = 0.5 + 0.5 * shares
        scale = [[2.0 * place - 1.0, colour] for place, colour in scale if place >= 0.5]
    dark = luminance_of_scale(shares, theme) < BLACK_OR_WHITE
    return [
        {
            "type": "heatmap",
            "z": typed(np.where(mask, values, np.nan)),
            "colorscale": scale,
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


@dataclass(frozen=True)
class _Kind:
    """What a heatmap shows: its title and word, the ends of its scale, and the scale's marks.

    place: where on the scale a value stands; text: how it is written. upper: by one direction.
    """

    title: str
    word: str
    ends: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    place: Callable[[FloatArray], FloatArray]
    text: Callable[[float], str]
    upper: bool = True


def _as_it_is(values: FloatArray) -> FloatArray:
    return values


def _minus_log(values: FloatArray) -> FloatArray:
    """Minus the power of ten: the smaller the value, the higher it stands."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.log10(values)


#: What the heatmap of all pairs can show, by the name that a link has for it.
HEATMAPS: dict[str, _Kind] = {
    "correlation": _Kind(
        "Correlation of returns",
        "correlation",
        (-1.0, 1.0),
        ((-1, "−1"), (-0.5, "−0.5"), (0, "0"), (0.5, "0.5"), (1, "1")),
        _as_it_is,
        lambda value: number(value, 2),
        upper=False,
    ),
    "pvalue": _Kind(
        "Engle-Granger p-value",
        "p",
        (0.0, 4.0),
        ((0, "1"), (-math.log10(0.05), "0.05"), (2, "0.01"), (3, "0.001"), (4, "1e-4")),
        _minus_log,
        lambda value: f"{value:.2f}" if value >= 0.01 else f"{value:.0e}",
    ),
    "half_life": _Kind(
        "Half-life (bars)",
        "half-life, bars",
        (-3.0, 0.0),
        ((-3, "1000"), (-2, "100"), (-1, "10"), (0, "1")),
        _minus_log,
        lambda value: number(value, 0 if value >= 10 else 1),
    ),
    "z": _Kind(
        "z-score now",
        "z",
        (-4.0, 4.0),
        ((-4, "−4"), (-2, "−2"), (0, "0"), (2, "2"), (4, "4")),
        _as_it_is,
        lambda value: number(value, 1, signed=True),
        upper=False,
    ),
}


def heatmap_figure(
    symbols: Sequence[str],
    matrix: npt.NDArray[np.float64],
    kind: str = "correlation",
    *,
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """Every symbol against every other. kind: what of, one of HEATMAPS.

    matrix: shape (n, n), a row a Y leg, NaN where not known. A point's y and x, and its
    customdata, are the pair that a click opens.
    """
    shown = HEATMAPS[kind]
    values = np.asarray(matrix, np.float64)
    names = [str(symbol) for symbol in symbols]
    low, high = shown.ends
    cells: dict[str, Any] = {
        "x": names,
        "y": names,
        "customdata": [[[y, x] for x in names] for y in names],
        "zmin": low,
        "zmax": high,
        "colorbar": colour_bar(theme, "", [place for place, _ in shown.ticks]),
        "hovertemplate": f"%{{y}} / %{{x}}<br>{shown.word} %{{text}}<extra></extra>",
    }
    cells["colorbar"]["ticktext"] = [text for _, text in shown.ticks]
    if len(names) <= MOST_NUMBERED:
        cells["texttemplate"] = "%{text}"
    texts = np.array(
        [["" if math.isnan(value) else shown.text(value) for value in row] for row in values],
        dtype=object,
    ).astype(str)
    places = np.clip(shown.place(values), low, high)
    chart = figure(
        ids.HEATMAP,
        theme,
        heat_cells(places, cells, theme, texts, upper=shown.upper),
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
    chart["layout"]["title"]["text"] = shown.title
    return chart


def lead_lag_figure(
    result: LeadLag,
    legs: tuple[str, str],
    *,
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """Correlation on ticks by lag; above 0 X moves first. legs: Y and X."""
    colours = tokens(theme)
    lags, values = result.lags_ms / 1_000.0, result.correlation
    ends = range_of(values, [0.0])
    marks = []
    if result.best_lag_ms is not None:
        at = result.best_lag_ms / 1_000.0
        stroke = {"color": colours["accent"], "width": 1, "dash": "dash"}
        marks.append({"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1})
        marks[0]["line"] = stroke
    words = safe(lead_lag_words(result, *legs), 72)
    return figure(
        ids.LEAD_LAG_CHART,
        theme,
        [line({"x": typed(lags)}, values, "correlation", colours["accent"])],
        x={
            **x_axis(theme),
            "title": axis_title("Lag (s): above 0, X moves first", theme),
            "autorangeoptions": {"minallowed": float(lags[0]), "maxallowed": float(lags[-1])},
            "ticksuffix": " s",
        },
        y=value_axis("Correlation on ticks", theme, ends, 2, **zero_line(theme)),
        uirevision=uirevision,
        shapes=marks,
        annotations=[note(words, theme)],
        margin=(64, 24),
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
