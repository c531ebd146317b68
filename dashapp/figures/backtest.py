"""The charts of Backtest: equity, drawdown, z with its trades, the sweep.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.model import TIMEFRAMES, FloatArray
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import (
    Figure,
    figure,
    line,
    message_in_the_middle,
    times,
    typed,
)
from dashapp.figures.correlation import colour_bar, heat_cells
from dashapp.figures.marks import (
    Label,
    edge_labels,
    edge_margin,
    level,
    note,
    shading,
)
from dashapp.figures.pair import band, threshold_marks, z_line, z_range
from dashapp.figures.rows import rows_of
from dashapp.numerals import number, span_digits
from dashapp.theme import axis_title, rgba, tokens, x_axis
from dashapp.theme import y_axis as theme_y_axis
from dashapp.verdicts import newest

if TYPE_CHECKING:
    from analytics.backtest import BacktestResult, Trade
    from analytics.sweep import SweepResult

Z_CHART = "backtest-zscore-chart"
#: Trades marked at most, the newest ones.
MOST_TRADES = 400
#: Cells of a sweep carry their number up to this many.
MOST_NUMBERED = 200
AXIS_WORDS = {
    "entry_z": "Entry |z|",
    "exit_z": "Exit |z|",
    "stop_z": "Stop |z|",
    "max_bars": "Time stop (bars)",
    "cost_bps": "Cost (bps a side and leg)",
    "slippage_bps": "Slippage (bps)",
    "hedge_window": "Hedge window (bars)",
    "z_window": "z window (bars)",
}
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


def _step(result: BacktestResult) -> int:
    return TIMEFRAMES[result.params.timeframe]


def equity_figure(result: BacktestResult, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Cumulative return after costs, and before them, in per cent of the start."""
    chosen = tokens(theme)
    net, gross = 100.0 * (result.equity - 1.0), 100.0 * (result.gross_equity - 1.0)
    rows = rows_of(result.ts_ms, (net, gross), _step(result), result.carried)
    ts, ends = times(rows.ts), range_of(net, gross, [0.0])
    last, last_gross, digits = newest(net), newest(gross), span_digits(*ends)
    labels = [
        Label(f"net {number(last, digits, signed=True)}", last, chosen["accent"]),
        Label(
            f"gross {number(last_gross, digits, signed=True)}",
            last_gross,
            chosen["muted"],
            1,
            False,
        ),
    ]
    data = [
        line(ts, rows.columns[1], "gross", chosen["muted"], width=1),
        line(ts, rows.columns[0], "net", chosen["accent"]),
    ]
    warning = chosen["warn"] if result.in_sample else ""
    words = "in-sample: the hedge knew the future" if result.in_sample else "on gross exposure"
    return figure(
        ids.EQUITY_CHART,
        theme,
        data,
        x=time_axis(rows.ts, theme),
        y=value_axis("Return (%)", theme, ends, digits + 1, **zero_line(theme)),
        uirevision=uirevision,
        shapes=shading(rows.stretches, theme),
        annotations=[note(words, theme, colour=warning), *edge_labels(labels, ends)],
        margin=(
            64,
            edge_margin(labels, *(f"gross {number(one, digits, signed=True)}" for one in ends)),
        ),
    )


def drawdown_figure(result: BacktestResult, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """How far the equity is below its highest so far, in per cent."""
    colour = tokens(theme)["down"]
    fall = 100.0 * result.drawdown
    rows = rows_of(result.ts_ms, (fall,), _step(result), result.carried)
    low, _ = range_of(fall, [0.0])
    worst = float(np.nanmin(fall)) if np.isfinite(fall).any() else 0.0
    ends = (min(low, -0.01), 0.0)
    last, digits = newest(fall), span_digits(*ends)
    labels = [Label(number(last, digits), last, colour)]
    (drawn,) = rows.columns
    return figure(
        ids.DRAWDOWN_CHART,
        theme,
        [
            band(rows.ts, drawn, np.zeros(len(drawn)), colour),
            line(times(rows.ts), drawn, "drawdown", colour),
        ],
        x=time_axis(rows.ts, theme),
        y=value_axis("Drawdown (%)", theme, ends, digits + 1),
        uirevision=uirevision,
        shapes=shading(rows.stretches, theme),
        annotations=[note(f"deepest {number(worst, digits)} %", theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels, number(low, digits))),
    )


def _held(result: BacktestResult, theme: str) -> list[dict[str, Any]]:
    """The stretches in a trade: above zero those long the spread, below those short of it."""
    chosen, half = tokens(theme), _step(result) / 2
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": one.entry_ts_ms - half,
            "x1": one.exit_ts_ms + half,
            "y0": 0.0,
            "y1": 1.0,
            "fillcolor": rgba(chosen["up" if one.side > 0 else "down"], 0.1),
            "line": {"width": 0},
            "layer": "below",
        }
        for one in result.trades[-MOST_TRADES // 4 :]
    ]


def _trade_points(
    trades: Sequence[Trade], result: BacktestResult, theme: str
) -> list[dict[str, Any]]:
    """Entries as open circles, exits as filled ones, in the colour of the side."""
    chosen, made = tokens(theme), []
    closed = [one for one in trades if one.exit_reason != "open"]
    for side, colour, words in ((1, chosen["up"], "long"), (-1, chosen["down"], "short")):
        for name, symbol, chosen_trades in (
            ("entry", "circle-open", [one for one in trades if one.side == side]),
            ("exit", "circle", [one for one in closed if one.side == side]),
        ):
            if not chosen_trades:
                continue
            at_ms = [getattr(one, f"{name}_ts_ms") for one in chosen_trades]
            made.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": typed(np.array(at_ms, np.float64)),
                    "y": typed(_heights(at_ms, result)),
                    "text": [_trade_text(name, words, one) for one in chosen_trades],
                    "name": f"{name} {words}",
                    "hovertemplate": "%{text}<extra></extra>",
                    "marker": {
                        "symbol": symbol,
                        "size": 8,
                        "color": colour,
                        "line": {"width": 2, "color": colour},
                    },
                }
            )
    return made


def _heights(at_ms: Sequence[int], result: BacktestResult) -> FloatArray:
    """The z-score of the bars that trades filled in."""
    places = np.clip(np.searchsorted(result.ts_ms, at_ms), 0, len(result.ts_ms) - 1)
    return result.z[places]


def _trade_text(name: str, side: str, trade: Trade) -> str:
    if name == "entry":
        return f"enter {side} the spread at z {number(trade.entry_z, 2, signed=True)}"
    earned = number(trade.net * 1e4, 1, signed=True)
    return f"exit {side} ({trade.exit_reason}) after {trade.bars} bars: {earned} bps"


def backtest_z_figure(
    result: BacktestResult, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """The z-score with its entries, exits and the stretches in a trade."""
    chosen, settings = tokens(theme), result.settings
    rows = rows_of(result.ts_ms, (result.z,), _step(result))
    trace, labels = z_line(times(rows.ts), rows.columns[0], theme)
    entry, stop = settings.entry_z, settings.stop_z
    ends = z_range(rows.columns[0], entry)
    shapes, names = threshold_marks(entry, theme, ends, fill=False)
    labels += names
    if stop is not None and stop < ends[1]:
        shapes += [level(side * stop, chosen["warn"], "dot") for side in (1, -1)]
        labels += [
            Label(f"{side * stop:+g} stop".replace("-", "−"), side * stop, chosen["warn"], 1, False)
            for side in (1, -1)
        ]
    words = "open circle: entry, filled: exit"
    shown = result.trades[-MOST_TRADES:]
    if len(shown) < len(result.trades):
        words = f"the newest {len(shown)} of {len(result.trades)} trades"
    return figure(
        Z_CHART,
        theme,
        [trace, *_trade_points(shown, result, theme)],
        x=time_axis(rows.ts, theme),
        y=value_axis("z-score (σ)", theme, ends, 2, **zero_line(theme), hoverformat="+.2f"),
        uirevision=uirevision,
        shapes=[*shapes, *_held(result, theme)],
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )


def sweep_figure(result: SweepResult, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """One figure of the back-test over a grid of two parameters, coloured around zero."""
    words, digits, scale = METRIC_WORDS.get(result.metric, (result.metric, 2, 1.0))
    values = np.asarray(result.matrix, np.float64) * scale
    known = values[np.isfinite(values)]
    reach = float(np.abs(known).max()) if len(known) else 1.0
    reach = reach or 1.0
    columns, rows = ([f"{one:g}" for one in held] for held in (result.x_values, result.y_values))
    cells: dict[str, Any] = {
        "zmin": -reach,
        "zmax": reach,
        "colorbar": colour_bar(theme, ""),
        "customdata": [[[x, y] for x in columns] for y in rows],
        "hovertemplate": f"{AXIS_WORDS[result.x_name]} %{{customdata[0]}}<br>"
        f"{AXIS_WORDS[result.y_name]} %{{customdata[1]}}<br>{words} %{{z:,.{digits}f}}"
        "<extra></extra>",
    }
    if values.size <= MOST_NUMBERED:
        cells["texttemplate"] = f"%{{z:,.{digits}f}}"
    framed = _frame_of_the_best(result, theme)
    found = "best cell framed: found with hindsight" if framed else "no cell earns anything"
    annotations = [note(found, theme)] if len(known) else []
    if not len(known):
        annotations.append(message_in_the_middle("no cell has a trade yet", theme))
    axes = {
        "x": _grid_axis(x_axis(theme), columns, AXIS_WORDS[result.x_name], theme),
        "y": _grid_axis(theme_y_axis(theme), rows, AXIS_WORDS[result.y_name], theme),
    }
    made = figure(
        ids.SWEEP_HEATMAP,
        theme,
        heat_cells(values, cells, theme),
        x=axes["x"],
        y=axes["y"],
        uirevision=uirevision,
        shapes=framed,
        annotations=annotations,
        margin=(64, 56),
        hovermode="closest",
    )
    made["layout"]["title"]["text"] = words
    return made


def _grid_axis(base: dict[str, Any], ticks: list[str], title: str, theme: str) -> dict[str, Any]:
    return {
        **base,
        "title": axis_title(title, theme),
        "tickmode": "array",
        "tickvals": list(range(len(ticks))),
        "ticktext": ticks,
        "showgrid": False,
        "showspikes": False,
    }


def _frame_of_the_best(result: SweepResult, theme: str) -> list[dict[str, Any]]:
    """A frame around the best cell; none where even that one loses."""
    if result.best is None or result.matrix[result.best] <= _EVEN.get(result.metric, -np.inf):
        return []
    row, column = result.best
    return [
        {
            "type": "rect",
            "x0": column - 0.48,
            "x1": column + 0.48,
            "y0": row - 0.48,
            "y1": row + 0.48,
            "line": {"color": tokens(theme)["text"], "width": 2},
        }
    ]
