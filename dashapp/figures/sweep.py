"""The charts of a sweep over two parameters, and of walking forward with them.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.model import TIMEFRAMES
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, line, message_in_the_middle, times, typed
from dashapp.figures.correlation import colour_bar, heat_cells
from dashapp.figures.marks import Label, edge_labels, edge_margin, note
from dashapp.figures.rows import rows_of
from dashapp.parameters.table import SWEPT
from dashapp.text.numbers import number, span_digits
from dashapp.theme import axis_title, rgba, tokens, x_axis
from dashapp.theme import y_axis as theme_y_axis

if TYPE_CHECKING:
    from analytics.grid import Grid
    from analytics.sweep import SweepResult
    from analytics.walkforward import WalkForward

#: Cells of a sweep carry their number up to this many.
MOST_NUMBERED = 200
#: Values named along an axis at most.
MOST_TICKS = 12
#: Words of a figure that a sweep shows, its decimals, and what it is multiplied with.
METRIC_WORDS: dict[str, tuple[str, int, float]] = {
    "sharpe": ("Sharpe", 1, 1.0),
    "sortino": ("Sortino", 1, 1.0),
    "net_return": ("Net return (%)", 2, 100.0),
    "gross_return": ("Gross return (%)", 2, 100.0),
    "max_drawdown": ("Max drawdown (%)", 2, 100.0),
    "profit_factor": ("Profit factor", 2, 1.0),
    "hit_rate": ("Hit rate (%)", 0, 100.0),
    "trades": ("Trades", 0, 1.0),
}


#: Up to this a cell loses, by the metric that a sweep shows.
_EVEN = {
    "sharpe": 0.0,
    "sortino": 0.0,
    "net_return": 0.0,
    "gross_return": 0.0,
    "profit_factor": 1.0,
}


def sweep_figure(
    result: SweepResult,
    metric: str = "sharpe",
    *,
    used: Mapping[str, float | None] | None = None,
    stale: bool = False,
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """One figure of the back-test over a grid of two parameters, coloured around zero.

    used: the parameters in use, by name; their cell is marked where the grid has it. stale:
    whether it is of other settings or older data than what stands beside it.
    """
    grid, words = result.grid, METRIC_WORDS[metric][0]
    cells, known = _cells(result, metric, theme)
    best = _earning(result, metric)
    annotations = [note(_verdict(metric, best, stale), theme)] if known else []
    if not known:
        annotations.append(message_in_the_middle("no cell has a trade", theme))
    frames = [] if best is None else [_frame(grid, best, tokens(theme)["text"])]
    place = _place_of(grid, used or {})
    if place is not None:
        frames.append(_frame(grid, place, tokens(theme)["accent"], "dot"))
    chart = figure(
        ids.SWEEP_HEATMAP,
        theme,
        cells,
        x=_grid_axis(x_axis(theme), grid.x_values, SWEPT[grid.x_name].title, theme),
        y=_grid_axis(theme_y_axis(theme), grid.y_values, SWEPT[grid.y_name].title, theme),
        uirevision=uirevision,
        shapes=frames,
        annotations=annotations,
        margin=(64, 56),
        hovermode="closest",
    )
    chart["layout"]["title"]["text"] = words
    return chart


def _cells(result: SweepResult, metric: str, theme: str) -> tuple[list[dict[str, Any]], bool]:
    """The cells of a metric, and whether any has a value. An infinite one is drawn as the
    largest and bears its sign.
    """
    grid, (words, digits, scale) = result.grid, METRIC_WORDS[metric]
    values = np.asarray(result.matrices[metric], np.float64) * scale
    finite = values[np.isfinite(values)]
    reach = (float(np.abs(finite).max()) if len(finite) else 0.0) or 1.0
    digits = 0 if reach >= 100 else digits
    errors = _errors(result, digits) if metric == "sharpe" else {}
    shared: dict[str, Any] = {
        "x": typed(np.array(grid.x_values, float)),
        "y": typed(np.array(grid.y_values, float)),
        "zmin": -reach,
        "zmax": reach,
        "colorbar": colour_bar(theme, ""),
        "hovertemplate": f"{SWEPT[grid.x_name].title} %{{x}}<br>"
        f"{SWEPT[grid.y_name].title} %{{y}}<br>{words} %{{text}}"
        f"{'%{customdata}' if errors else ''}<extra></extra>",
        **errors,
    }
    if values.size > MOST_NUMBERED:
        shared |= {"xgap": 0, "ygap": 0}
    else:
        shared["texttemplate"] = "%{text}"
    endless = values == np.inf
    drawn = np.where(endless, reach, values)
    texts = [["" if np.isnan(value) else number(value, digits) for value in row] for row in drawn]
    cells = heat_cells(drawn, shared, theme, np.where(endless, "∞", texts))
    return cells, bool(np.isfinite(drawn).any())


def _errors(result: SweepResult, digits: int) -> dict[str, Any]:
    """The standard error of each cell's Sharpe ratio, for its tooltip."""
    return {
        "customdata": [
            [f" ± {number(error, digits)}" if np.isfinite(error) else "" for error in row]
            for row in result.sharpe_error
        ]
    }


def _earning(result: SweepResult, metric: str) -> tuple[int, int] | None:
    """The best cell by a metric, None where none earns anything by it."""
    best = result.best(metric)
    if best is None or not result.matrices[metric][best] > _EVEN.get(metric, -np.inf):
        return None
    return best


def _lower(title: str) -> str:
    """The title of a metric within a sentence, without its unit; a name keeps its capital."""
    words = title.partition(" (")[0]
    return words if words in ("Sharpe", "Sortino") else f"{words[0].lower()}{words[1:]}"


def _verdict(metric: str, best: tuple[int, int] | None, stale: bool) -> str:
    """By which metric the framed cell was chosen, and when."""
    framed = f"framed: best by {_lower(METRIC_WORDS[metric][0])}, in hindsight"
    act = "stale: run again" if stale else "click to apply"
    return f"{framed if best else 'no cell earns anything'} · {act}"


def _grid_axis(
    base: dict[str, Any], values: Sequence[float], title: str, theme: str
) -> dict[str, Any]:
    """An axis over the values of a parameter, each named while they are few."""
    axis = {
        **base,
        "title": axis_title(title, theme),
        "hoverformat": ",.6~g",
        "showgrid": False,
        "showspikes": False,
        "ticklabelstandoff": 4,  # a frame around a cell at the edge lies over nothing
    }
    if len(values) > MOST_TICKS:
        return axis
    return {**axis, "tickmode": "array", "tickvals": list(values)}


def _place_of(grid: Grid, used: Mapping[str, float | None]) -> tuple[int, int] | None:
    """Row and column of the parameters in use, None where the grid does not have them."""
    places = []
    for name, values in ((grid.y_name, grid.y_values), (grid.x_name, grid.x_values)):
        value = used.get(name)
        if value is None or not np.isclose(values, value).any():
            return None
        hits = np.flatnonzero(np.isclose(values, value))
        places.append(int(hits[0]))
    return places[0], places[1]


def _frame(grid: Grid, place: tuple[int, int], colour: str, dash: str = "solid") -> dict[str, Any]:
    """A frame around a cell, which reaches half-way to its neighbours."""
    low_y, high_y = _edges(grid.y_values, place[0])
    low_x, high_x = _edges(grid.x_values, place[1])
    line = {"color": colour, "width": 2, "dash": dash}
    return {"type": "rect", "x0": low_x, "x1": high_x, "y0": low_y, "y1": high_y, "line": line}


def _edges(values: Sequence[float], place: int) -> tuple[float, float]:
    if len(values) == 1:
        return values[0] - 0.5, values[0] + 0.5
    steps = np.diff(values)
    before, after = steps[max(place - 1, 0)], steps[min(place, len(steps) - 1)]
    return values[place] - before / 2, values[place] + after / 2


def walk_figure(result: WalkForward, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Return after costs out of sample, beside that of the cell that was best with hindsight."""
    colours, step = tokens(theme), TIMEFRAMES[result.grid.params.timeframe]
    out, hindsight = (
        100.0 * (curve.equity - 1.0) for curve in (result.out_of_sample, result.in_sample)
    )
    rows = rows_of(result.ts_ms, (out, hindsight), step)
    ts, ends = times(rows.ts), range_of(out, hindsight, [0.0])
    digits = span_digits(*ends)
    labels = [
        Label(
            f"out of sample<br>{number(out[-1], digits, signed=True)}",
            float(out[-1]),
            colours["accent"],
            2,
            of="out of sample",
            words="out of sample<br>{}",
            digits=digits,
            signed=True,
        ),
        Label(
            f"hindsight<br>{number(hindsight[-1], digits, signed=True)}",
            float(hindsight[-1]),
            colours["muted"],
            2,
            False,
            "hindsight",
            "hindsight<br>{}",
            digits,
            True,
        ),
    ]
    starts = [fold.test_from_ms - step / 2 for fold in result.folds]
    choices = f"{len(starts)} choices by {_lower(METRIC_WORDS[result.metric][0])}"
    return figure(
        ids.WALK_CHART,
        theme,
        [
            line(ts, rows.columns[1], "hindsight", colours["muted"], width=1, dash="dot"),
            line(ts, rows.columns[0], "out of sample", colours["accent"]),
        ],
        x=time_axis(rows.ts, theme),
        y=value_axis("Return (%)", theme, ends, digits + 1, **zero_line(theme)),
        uirevision=uirevision,
        shapes=_new_choices(starts, theme),
        annotations=[
            note(f"{choices}, each at a thin line", theme),
            *edge_labels(labels, ends),
        ],
        margin=(64, edge_margin(labels)),
    )


def _new_choices(starts: Sequence[float], theme: str) -> list[dict[str, Any]]:
    """Where each test stretch begins: one path, however many they are."""
    if not starts:
        return []
    return [
        {
            "type": "path",
            "xref": "x",
            "yref": "paper",
            "path": "".join(f"M{at:.0f},0V1" for at in starts),
            "line": {"width": 1, "color": rgba(tokens(theme)["muted"], 0.35)},
            "layer": "below",
        }
    ]
