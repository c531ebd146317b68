"""Correlation: every symbol against every other, the pair's over time, and which leg leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import dash_bootstrap_components as dbc
import numpy as np
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from analytics.model import FloatArray, IntArray, NotReady
from dashapp import ids
from dashapp.figures.base import Figure, empty_figure
from dashapp.figures.correlation import (
    HEATMAPS,
    heatmap_figure,
    lead_lag_figure,
    rolling_correlation_figure,
)
from dashapp.services.analysis.cache import Correlations
from dashapp.services.runtime import Runtime
from dashapp.text.answers import correlation_answer
from dashapp.ui import polling
from dashapp.ui.clientside import clientside
from dashapp.ui.components import attributes, chart, segments
from dashapp.ui.pages.shared import NO_PAIR, limit_of, pair_key, snapshot_of, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.HEATMAP, ids.ROLLING_CORRELATION, ids.LEAD_LAG_CHART)
#: What the heatmap is of, and the name that a link has for it.
OF, LINKED = "heatmap-of", "heatmap"
_WORDS = {
    "correlation": "Correlation",
    "pvalue": "p-value",
    "half_life": "Half-life",
    "z": "z",
}


def layout(theme: str, held: Mapping[str, Any] | None = None) -> Component:
    """The heatmap beside the pair's rolling correlation and its lead and lag.

    held: what the heatmap is of at first.
    """
    blank = polling.empty_figures(CHARTS, theme)
    of = dbc.RadioItems(
        id=OF,
        options=[{"value": name, "label": words} for name, words in _WORDS.items()],
        value=(held or {}).get(LINKED, "correlation"),
        inline=True,
        labelClassName="heat-choice",
    )
    tools = html.Div(of, role="group", **attributes(aria_label="What the heatmap is of"))
    return html.Div(
        [
            chart(ids.HEATMAP, blank[ids.HEATMAP], "tall heat", tools=tools),
            html.Div(
                [
                    chart(ids.ROLLING_CORRELATION, blank[ids.ROLLING_CORRELATION], "half"),
                    chart(ids.LEAD_LAG_CHART, blank[ids.LEAD_LAG_CHART], "half"),
                ],
                className="stack",
            ),
        ],
        className="grid",
    )


def held_by(kept: str | None, search: str | None) -> Mapping[str, Any]:
    """What the heatmap of a page that opens is of: what the tab chose, or its link."""
    asked = kept or parse_qs((search or "").lstrip("?")).get(LINKED, [""])[-1]
    return {LINKED: asked if asked in HEATMAPS else "correlation"}


def _kind(tab: Tab) -> str:
    of = tab.options.get("of")
    return str(of) if of in HEATMAPS else "correlation"


def key(runtime: Runtime, tab: Tab) -> Any:
    """The whole market's version: every symbol stands in the heatmap."""
    market = runtime.markets.get(tab.view.market)
    return (market.version if market else None, pair_key(runtime, tab), runtime.kernels.ready)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The heatmap of the market, the pair's rolling correlation, and its lead and lag."""
    return {
        **await _heatmap(runtime, tab),
        ids.ROLLING_CORRELATION: await _rolling(runtime, tab),
        ids.LEAD_LAG_CHART: await _lead_lag(runtime, tab),
    }


async def _heatmap(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The market's pairs, grouped, and what their correlations say."""
    market, timeframe, limit = tab.view.market, tab.view.timeframe, limit_of(tab)
    table = await runtime.analysis.correlation(market, timeframe, limit, tab.until_ms)
    if isinstance(table, NotReady):
        words = waiting_for(runtime, tab, table)
        figure = empty_figure(words, tab.theme, ids.HEATMAP)
        return {ids.HEATMAP: figure, "answer": segments([(words, "muted")])}
    answer = segments(correlation_answer(table.symbols, table.matrix))
    symbols, matrix = await _matrix(runtime, tab, table)
    order = await runtime.analysis.order(market, timeframe, limit)
    symbols, matrix = _ordered(symbols, matrix, table.symbols, order)
    return {ids.HEATMAP: heatmap_figure(symbols, matrix, _kind(tab), **tab.look), "answer": answer}


async def _matrix(
    runtime: Runtime, tab: Tab, table: Correlations
) -> tuple[tuple[str, ...], FloatArray]:
    """The symbols and the matrix of what the heatmap is of."""
    kind = _kind(tab)
    if kind == "correlation" or tab.view.pair is None:
        return table.symbols, table.matrix
    tables = await runtime.analysis.pair_tables(tab.view.market, tab.view.pair)
    if isinstance(tables, NotReady):
        return table.symbols, np.full_like(table.matrix, np.nan)
    return tables.symbols, getattr(tables, kind)


def _ordered(
    symbols: tuple[str, ...],
    matrix: FloatArray,
    every: tuple[str, ...],
    order: IntArray | NotReady,
) -> tuple[tuple[str, ...], FloatArray]:
    """Symbols that move together side by side. order: of every symbol of the market."""
    if isinstance(order, NotReady) or len(order) != len(every):
        return symbols, matrix
    rank = {every[number]: place for place, number in enumerate(order.tolist())}
    places = sorted(range(len(symbols)), key=lambda at: rank.get(symbols[at], len(rank)))
    return tuple(symbols[at] for at in places), matrix[np.ix_(places, places)]


async def _rolling(runtime: Runtime, tab: Tab) -> Figure:
    """The pair's correlation over time."""
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot)
        return empty_figure(words, tab.theme, ids.ROLLING_CORRELATION)
    return rolling_correlation_figure(snapshot, **tab.look)


async def _lead_lag(runtime: Runtime, tab: Tab) -> Figure:
    """Which leg of the pair moves first, on ticks."""
    pair = tab.view.pair
    if pair is None:
        return empty_figure(NO_PAIR.reason, tab.theme, ids.LEAD_LAG_CHART)
    result = await runtime.analysis.lead_lag(tab.view.market, pair.y, pair.x, tab.until_ms)
    if isinstance(result, NotReady):
        return empty_figure(result.reason, tab.theme, ids.LEAD_LAG_CHART)
    return lead_lag_figure(result, (pair.y, pair.x), **tab.look)


PAGE = LivePage(
    path="/correlation",
    charts=CHARTS,
    key=key,
    render=render,
    options={"of": Input(OF, "value")},
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback; the link keeps what the heatmap is of. A click on a cell opens the
    pair: `clientside.js` sees to it.
    """
    polling.register(app, runtime, PAGE)
    clientside(app, "keepHeatmap", Output(ids.HEATMAP_OF, "data"), Input(OF, "value"))
