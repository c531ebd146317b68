"""Correlation: every symbol against every other, and the pair's over time."""

from __future__ import annotations

from typing import Any

from dash import Dash, html
from dash.development.base_component import Component

from analytics.model import NotReady
from dashapp import ids
from dashapp.figures.base import Figure, empty_figure
from dashapp.figures.correlation import heatmap_figure, rolling_correlation_figure
from dashapp.services.runtime import Runtime
from dashapp.text.answers import correlation_answer
from dashapp.ui import polling
from dashapp.ui.components import chart, segments
from dashapp.ui.pages.shared import limit_of, pair_key, snapshot_of, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.HEATMAP, ids.ROLLING_CORRELATION)


def layout(theme: str) -> Component:
    """The heatmap beside the rolling correlation of the pair."""
    blank = polling.empty_figures(CHARTS, theme)
    return html.Div(
        [
            chart(ids.HEATMAP, blank[ids.HEATMAP], "tall"),
            chart(ids.ROLLING_CORRELATION, blank[ids.ROLLING_CORRELATION], "tall"),
        ],
        className="grid",
    )


def key(runtime: Runtime, tab: Tab) -> Any:
    """The whole market's version: every symbol stands in the heatmap."""
    market = runtime.markets.get(tab.view.market)
    return (market.version if market else None, pair_key(runtime, tab), runtime.kernels.ready)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The heatmap of the market and the pair's rolling correlation."""
    return {**await _heatmap(runtime, tab), ids.ROLLING_CORRELATION: await _rolling(runtime, tab)}


async def _heatmap(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The market's correlations, and what they say."""
    timeframe = tab.view.timeframe
    table = await runtime.analysis.correlation(
        tab.view.market, timeframe, limit_of(tab), tab.until_ms
    )
    if isinstance(table, NotReady):
        words = waiting_for(runtime, tab, table)
        figure = empty_figure(words, tab.theme, ids.HEATMAP)
        return {ids.HEATMAP: figure, "answer": segments([(words, "muted")])}
    return {
        ids.HEATMAP: heatmap_figure(table.symbols, table.matrix, **tab.look),
        "answer": segments(correlation_answer(table.symbols, table.matrix)),
    }


async def _rolling(runtime: Runtime, tab: Tab) -> Figure:
    """The pair's correlation over time."""
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot)
        return empty_figure(words, tab.theme, ids.ROLLING_CORRELATION)
    return rolling_correlation_figure(snapshot, **tab.look)


PAGE = LivePage(path="/correlation", charts=CHARTS, key=key, render=render)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback. A click on a cell opens the pair: `clientside.js` sees to it."""
    polling.register(app, runtime, PAGE)
