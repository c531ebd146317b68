"""Correlation: every symbol against every other, and the pair's over time."""

from __future__ import annotations

from typing import Any

from dash import Dash, html
from dash.development.base_component import Component

from analytics.model import NotReady
from dashapp import ids
from dashapp.figures.base import empty_figure
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
    blank = {one: empty_figure("waiting for the first bars", theme, one) for one in CHARTS}
    return html.Div(
        [
            chart(ids.HEATMAP, blank[ids.HEATMAP], "tall"),
            chart(ids.ROLLING_CORRELATION, blank[ids.ROLLING_CORRELATION], "tall"),
        ],
        className="grid",
    )


def key(runtime: Runtime, tab: Tab) -> Any:
    """The whole market's version: every symbol stands in the heatmap."""
    body = runtime.market(tab.view.market)
    return (body.version if body else None, pair_key(runtime, tab), runtime.kernels_ready)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The heatmap of the market and the pair's rolling correlation."""
    look = {"theme": tab.theme, "uirevision": tab.uirevision}
    timeframe = tab.view.timeframe
    made: dict[str, Any] = {}
    table = await runtime.correlation(tab.view.market, timeframe, limit_of(tab), tab.until_ms)
    if isinstance(table, NotReady):
        words = waiting_for(runtime, tab, table)
        made[ids.HEATMAP] = empty_figure(words, tab.theme, ids.HEATMAP)
        made["answer"] = segments([(words, "muted")])
    else:
        made[ids.HEATMAP] = heatmap_figure(table.symbols, table.matrix, **look)
        made["answer"] = segments(correlation_answer(table.symbols, table.matrix))
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot)
        made[ids.ROLLING_CORRELATION] = empty_figure(words, tab.theme, ids.ROLLING_CORRELATION)
    else:
        made[ids.ROLLING_CORRELATION] = rolling_correlation_figure(snapshot, **look)
    return made


PAGE = LivePage(path="/correlation", charts=CHARTS, key=key, render=render)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback. A click on a cell opens the pair: `clientside.js` sees to it."""
    polling.register(app, runtime, PAGE)
