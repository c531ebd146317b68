"""Home: the market at a glance."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import ClientsideFunction, Dash, Input, Output, html
from dash.development.base_component import Component

from analytics.alerts import METRICS
from analytics.backtest import BacktestParams
from analytics.model import Bars, NotReady, PairSnapshot
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.figures.home import price_figure, volume_figure, vwap_figure
from dashapp.services.analysis.cache import newest_bars
from dashapp.services.analysis.ranking import Ranked, Ranking
from dashapp.services.analysis.summary import SymbolSummary, summarize_bars
from dashapp.services.runtime import Runtime
from dashapp.text.answers import home_answer
from dashapp.text.numbers import compact, number, pct, price
from dashapp.ui import polling
from dashapp.ui.components import chart, segments
from dashapp.ui.pages.shared import limit_of, snapshot_of
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.PRICE_CHART, ids.VOLUME_CHART, ids.VWAP_CHART)
PRICE_MODE = "price-mode"


def layout(theme: str) -> Component:
    """Prices over the whole width, volume and VWAP below, then a card a symbol."""
    blank = {one: empty_figure("waiting for the first bars", theme, one) for one in CHARTS}
    mode = dbc.RadioItems(
        id=PRICE_MODE,
        options=[{"value": "lines", "label": "Lines"}, {"value": "candles", "label": "Candles"}],
        value="lines",
        inline=True,
    )
    return html.Div(
        [
            chart(ids.PRICE_CHART, blank[ids.PRICE_CHART], "wide hero", tools=mode),
            chart(ids.VOLUME_CHART, blank[ids.VOLUME_CHART]),
            chart(ids.VWAP_CHART, blank[ids.VWAP_CHART]),
            html.Div(id=ids.SUMMARY_CARDS, className="wide cards"),
        ],
        className="grid",
    )


def shown(runtime: Runtime, tab: Tab) -> dict[str, Bars]:
    """The bars in view of the symbols that the header names."""
    body = runtime.market(tab.view.market)
    if body is None or tab.view.timeframe not in body.timeframes:
        return {}
    symbols = tab.view.symbols or body.symbols[:4]
    held = [
        newest_bars(body, one, tab.view.timeframe, limit_of(tab), tab.until_ms)
        for one in symbols
        if one in body.symbols
    ]
    return {bars.symbol: bars for bars in held if len(bars)}


def legs_of(tab: Tab) -> tuple[str, str] | None:
    """The pair's legs, which keep their colours on every page."""
    return (tab.view.pair.y, tab.view.pair.x) if tab.view.pair else None


def key(runtime: Runtime, tab: Tab) -> Any:
    """The versions of the symbols shown."""
    body = runtime.market(tab.view.market)
    if body is None:
        return None
    symbols = tab.view.symbols or body.symbols
    versions = (body.symbol_version(one) for one in symbols if one in body.symbols)
    return (body.serial, runtime.alerts.version, runtime.kernels_ready, *versions)


def symbol_card(one: SymbolSummary) -> Component:
    """One symbol: its price, its statistics and what holding it would have done."""
    tone = "up" if one.change >= 0 else "down"
    pairs = (
        ("Mean", price(one.mean, one.last)),
        ("Std", price(one.std, one.last)),
        ("Low", price(one.low)),
        ("High", price(one.high)),
        ("VWAP", price(one.vwap)),
        ("Volume", compact(one.volume)),
        ("Volatility", pct(one.volatility, 0, signed=False)),
        ("Sharpe", number(one.sharpe, 1)),
        ("Drawdown", pct(one.max_drawdown)),
        ("Bars", f"{one.bars:,}"),
    )
    arrow = "▲" if one.change >= 0 else "▼"
    return html.Article(
        [
            html.H2(
                [
                    html.Span(one.symbol),
                    html.Span(f"{arrow} {pct(one.change)}", className=f"tone-{tone}"),
                ]
            ),
            html.Div(price(one.last), className="price"),
            html.Dl([part for name, text in pairs for part in (html.Dt(name), html.Dd(text))]),
        ],
        className="card-box symbol-card",
    )


def _rank(one: Ranked) -> Component:
    tone = "up" if one.net_return >= 0 else "down"
    trades = f"{one.trades:,} trade{'' if one.trades == 1 else 's'}"
    return html.Span(
        [
            f"{one.y} / {one.x} ",
            html.Span(pct(one.net_return, 2), className=f"tone-{tone}"),
            html.Small(f" {trades}", className="tone-muted"),
        ]
    )


def _ranking_rows(ranking: Ranking | NotReady) -> list[tuple[str, Any]]:
    if isinstance(ranking, NotReady):
        return [("Best pair", ranking.reason)]
    if not ranking.pairs:
        return [("Best pair", f"none of {ranking.tested:,} traded")]
    rows = [("Best pair", _rank(ranking.pairs[0]))]
    if len(ranking.pairs) > 1:
        rows.append(("Worst pair", _rank(ranking.pairs[-1])))
    pairs = "pair" if ranking.tested == 1 else "pairs"
    of = f" of {ranking.possible:,}" if ranking.possible > ranking.tested else ""
    return [*rows, ("Tested", f"{ranking.tested:,}{of} {pairs}, after costs, in hindsight")]


def performance_card(
    snapshot: PairSnapshot | NotReady, ranking: Ranking | NotReady, alerts: Mapping[str, int]
) -> Component:
    """The market's pairs in short: the one in view, its alerts, the best and the worst."""
    title, rows = "Pairs", []
    if isinstance(snapshot, NotReady):
        rows.append(("Pair in view", snapshot.reason))
    else:
        pair = snapshot.params
        title = f"{pair.y} / {pair.x}"
        size = float(np.nanmean(np.abs(snapshot.spread)))
        unit = (
            "" if pair.price_space == "log" else f" ({size / snapshot.price_y[-1] * 1e4:,.1f} bps)"
        )
        rows.append(("Average |spread|", f"{price(size)}{unit}"))
        rows.append(("Correlation", number(snapshot.correlation, 2)))
    kinds = " · ".join(f"{METRICS[name].label} {count:,}" for name, count in alerts.items())
    rows.append(("Alerts", kinds or "none"))
    rows += _ranking_rows(ranking)
    listed = [part for name, text in rows for part in (html.Dt(name), html.Dd(text))]
    return html.Article(
        [
            html.H2([html.Span("Performance"), html.Span(title, className="tone-muted")]),
            html.Dl(listed),
        ],
        className="card-box symbol-card performance-card",
    )


async def _performance(runtime: Runtime, tab: Tab) -> list[Component]:
    """The card of the pairs, where the market has a pair."""
    pair = tab.view.pair
    if pair is None:
        return []
    snapshot = await snapshot_of(runtime, tab)
    ranking = await runtime.ranking(tab.view.market, pair, BacktestParams())
    return [performance_card(snapshot, ranking, runtime.alerts.history.by_metric(tab.view.market))]


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The page's figures for what the tab looks at."""
    bars = shown(runtime, tab)
    if not bars:
        return {**polling.empty_page(PAGE, "no bars yet: start a feed", tab.theme), "cards": []}
    look = {"theme": tab.theme, "uirevision": tab.uirevision}
    mode = tab.options.get("mode") or "lines"
    first = next(iter(bars.values()))
    summaries = await asyncio.to_thread(lambda: [summarize_bars(one) for one in bars.values()])
    return {
        ids.PRICE_CHART: price_figure(bars, mode=mode, legs=legs_of(tab), **look),
        ids.VOLUME_CHART: volume_figure(first, **look),
        ids.VWAP_CHART: vwap_figure(first, **look),
        "cards": [*await _performance(runtime, tab), *map(symbol_card, summaries)],
        "answer": segments(home_answer({one.symbol: one for one in summaries})),
    }


PAGE = LivePage(
    path="/",
    charts=CHARTS,
    key=key,
    render=render,
    values={"cards": Output(ids.SUMMARY_CARDS, "children")},
    options={"mode": Input(PRICE_MODE, "value")},
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback; the link keeps candles."""
    polling.register(app, runtime, PAGE)
    app.clientside_callback(
        ClientsideFunction("spreadscope", "keepMode"),
        Output(PRICE_MODE, "className"),
        Input(PRICE_MODE, "value"),
        prevent_initial_call=True,
    )
