"""The z-score of a back-test with its trades: entries, exits, positions, and the costs' band.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.model import TIMEFRAMES, FloatArray
from dashapp.figures.axes import time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, level, note
from dashapp.figures.pair import band, threshold_marks, z_line, z_range
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import number
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
    """The z-score with its entries, exits, the stretches in a trade, and the costs' band."""
    chosen, settings = tokens(theme), result.settings
    rows = rows_of(result.ts_ms, (result.z, result.break_even_z), _step(result))
    z, even = rows.columns
    trace, labels = z_line(times(rows.ts), z, theme)
    entry, stop = settings.entry_z, settings.stop_z
    ends = z_range(z, entry)
    shapes, names = threshold_marks(entry, theme, ends, fill=False)
    labels += names
    if stop is not None and stop < ends[1]:
        shapes += [level(side * stop, chosen["warn"], "dot") for side in (1, -1)]
        labels += [
            Label(f"{side * stop:+g} stop".replace("-", "−"), side * stop, chosen["warn"], 1, False)
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
            band(rows.ts, -costs, costs, chosen["muted"]),
            trace,
            *_trade_points(shown, result, theme),
        ],
        x=time_axis(rows.ts, theme),
        y=value_axis("z-score (σ)", theme, ends, 2, **zero_line(theme), hoverformat="+.2f"),
        uirevision=uirevision,
        shapes=[*shapes, *_held(result, theme)],
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels)),
    )
