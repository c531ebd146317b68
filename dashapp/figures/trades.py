"""The z-score of a back-test with its trades: entries, exits, positions, and the costs' band.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.model import TIMEFRAMES, FloatArray, PairParams
from dashapp.figures.axes import time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, times, typed, wrapped
from dashapp.figures.marks import Label, edge_labels, edge_margin, level, note
from dashapp.figures.pair import band, threshold_marks, z_line, z_range
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import number
from dashapp.text.pair import trade_sentence
from dashapp.theme import rgba, tokens

if TYPE_CHECKING:
    from analytics.backtest import BacktestResult, Trade

Z_CHART = "backtest-zscore-chart"
#: Trades marked at most, the newest ones.
MOST_TRADES = 400


def _step(result: BacktestResult) -> int:
    return TIMEFRAMES[result.params.timeframe]


def _held(result: BacktestResult, theme: str) -> list[dict[str, Any]]:
    """The stretches in a trade: above zero those long the spread, below those short of it."""
    colours, half = tokens(theme), _step(result) / 2
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": trade.entry_ts_ms - half,
            "x1": trade.exit_ts_ms + half,
            "y0": 0.0,
            "y1": 1.0,
            "fillcolor": rgba(colours["up" if trade.side > 0 else "down"], 0.1),
            "line": {"width": 0},
            "layer": "below",
        }
        for trade in result.trades[-MOST_TRADES // 4 :]
    ]


def _trade_points(
    trades: Sequence[Trade], result: BacktestResult, theme: str
) -> list[dict[str, Any]]:
    """Entries as open circles, exits as filled ones, in the colour of the side."""
    colours = tokens(theme)
    closed = [trade for trade in trades if trade.exit_reason != "open"]
    traces = []
    for side, colour in ((1, colours["up"]), (-1, colours["down"])):
        for moment, symbol, pool in (("entry", "circle-open", trades), ("exit", "circle", closed)):
            marked = [trade for trade in pool if trade.side == side]
            if marked:
                traces.append(_points(moment, symbol, colour, marked, result))
    return traces


def _points(
    moment: str, symbol: str, colour: str, trades: Sequence[Trade], result: BacktestResult
) -> dict[str, Any]:
    """The entries, or the exits, of trades of one side."""
    at_ms = [trade.entry_ts_ms if moment == "entry" else trade.exit_ts_ms for trade in trades]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": typed(np.array(at_ms, np.float64)),
        "y": typed(_heights(at_ms, result)),
        "text": [wrapped(_trade_text(moment, trade, result.params)) for trade in trades],
        "name": f"{moment} {'long' if trades[0].side > 0 else 'short'}",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "symbol": symbol,
            "size": 8,
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
    }


def _heights(at_ms: Sequence[int], result: BacktestResult) -> FloatArray:
    """The z-score of the bars that trades filled in."""
    places = np.clip(np.searchsorted(result.ts_ms, at_ms), 0, len(result.ts_ms) - 1)
    return result.z[places]


def _trade_text(moment: str, trade: Trade, params: PairParams) -> str:
    """What a hover says: the trade by its legs with its z, or with what it earned."""
    legs = trade_sentence(trade.side, trade.beta, params.y, params.x)
    if moment == "entry":
        return f"enter {legs} at z {number(trade.entry_z, 2, signed=True)}"
    earned = number(trade.net * 1e4, 1, signed=True)
    return f"exit {legs} by {trade.exit_reason} after {trade.bars} bars: {earned} bps"


def backtest_z_figure(
    result: BacktestResult, *, theme: str = "dark", uirevision: str = ""
) -> Figure:
    """The z-score with its entries, exits, the stretches in a trade, and the costs' band."""
    colours, settings = tokens(theme), result.settings
    rows = rows_of(result.ts_ms, (result.z, result.break_even_z), _step(result))
    z, even = rows.columns
    trace, labels = z_line(times(rows.ts), z, theme)
    entry, stop = settings.entry_z, settings.stop_z
    ends = z_range(z, entry)
    shapes, names = threshold_marks(entry, theme, ends, fill=False)
    labels += names
    if stop is not None and stop < ends[1]:
        shapes += [level(side * stop, colours["warn"], "dot") for side in (1, -1)]
        labels += [
            Label(
                f"{side * stop:+g} stop".replace("-", "−"), side * stop, colours["warn"], 1, False
            )
            for side in (1, -1)
        ]
    costs = np.minimum(even, ends[1])
    shown = result.trades[-MOST_TRADES:]
    words = "grey: within costs · ○ entry ● exit"
    if len(shown) < len(result.trades):
        words = f"the newest {len(shown)} of {len(result.trades):,} trades"
    return figure(
        Z_CHART,
        theme,
        [
            band(rows.ts, -costs, costs, colours["muted"]),
            trace,
            *_trade_points(shown, result, theme),
        ],
        x=time_axis(rows.ts, theme),
        y=value_axis("z-score (σ)", theme, ends, 2, **zero_line(theme), hoverformat="+.2f"),
        uirevision=uirevision,
        meta={"keep": [-entry, entry], "even": True},
        shapes=[*shapes, *_held(result, theme)],
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )
