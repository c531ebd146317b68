"""The charts of a back-test's equity: net and gross return, drawdown; `trades` draws its z.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.model import TIMEFRAMES
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, line, times
from dashapp.figures.marks import Label, edge_labels, edge_margin, note, shading
from dashapp.figures.pair import band
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import number, span_digits
from dashapp.text.pair import newest
from dashapp.text.states import NO_TRADES
from dashapp.theme import tokens

if TYPE_CHECKING:
    from analytics.backtest import BacktestResult


def _step(result: BacktestResult) -> int:
    return TIMEFRAMES[result.params.timeframe]


def equity_figure(result: BacktestResult, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Cumulative return after costs, and before them, in per cent of the start."""
    colours = tokens(theme)
    net, gross = 100.0 * (result.equity - 1.0), 100.0 * (result.gross_equity - 1.0)
    rows = rows_of(result.ts_ms, (net, gross), _step(result), result.carried)
    ts, ends = times(rows.ts), range_of(net, gross, [0.0])
    last, last_gross, digits = newest(net), newest(gross), span_digits(*ends)
    labels = [
        Label(
            f"net {number(last, digits, signed=True)}",
            last,
            colours["accent"],
            of="net",
            words="net {}",
            digits=digits,
            signed=True,
        ),
        Label(
            f"gross {number(last_gross, digits, signed=True)}",
            last_gross,
            colours["muted"],
            1,
            False,
            "gross",
            "gross {}",
            digits,
            True,
        ),
    ]
    data = [
        line(ts, rows.columns[1], "gross", colours["muted"], width=1),
        line(ts, rows.columns[0], "net", colours["accent"]),
    ]
    warning = colours["warn"] if result.in_sample else ""
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
            edge_margin(labels, *(f"gross {number(end, digits, signed=True)}" for end in ends)),
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
    labels = [Label(number(last, digits), last, colour, of="drawdown", digits=digits)]
    (drawn,) = rows.columns
    words = f"deepest {number(worst, digits)} %" if result.trades else NO_TRADES
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
        meta={"keep": [0]},
        shapes=shading(rows.stretches, theme),
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels, number(low, digits))),
    )
