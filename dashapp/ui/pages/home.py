"""Home: the market at a glance."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from analytics.model import Bars, NotReady, PairSnapshot
from dashapp import ids
from dashapp.figures.home import price_figure, volume_figure, vwap_figure
from dashapp.services.analysis.cache import newest_bars
from dashapp.services.analysis.summary import SymbolSummary, one_span, summarize_span
from dashapp.services.runtime import Runtime
from dashapp.text.alerts import today_words
from dashapp.text.answers import home_answer
from dashapp.text.backtest import ratio_text
from dashapp.text.numbers import compact, number, pct, price
from dashapp.text.pair import Segment
from dashapp.text.scan import found_words
from dashapp.text.watchlist import watch_words
from dashapp.ui import polling
from dashapp.ui.clientside import clientside
from dashapp.ui.components import chart, element, segments
from dashapp.ui.pages.pairs.scans import universe_of
from dashapp.ui.pages.shared import limit_of, snapshot_of
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.PRICE_CHART, ids.VOLUME_CHART, ids.VWAP_CHART)
PRICE_MODE = "price-mode"
#: Symbols shown while the header names none.
MOST_SYMBOLS = 4


def layout(theme: str) -> Component:
    """Prices over the whole width, volume and VWAP below, then a card a symbol."""
    blank = polling.empty_figures(CHARTS, theme)
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


def bars_in_view(runtime: Runtime, tab: Tab) -> dict[str, Bars]:
    """The newest bars of each symbol that the header names, those that have any."""
    market, timeframe = runtime.markets.get(tab.view.market), tab.view.timeframe
    if market is None or timeframe not in market.timeframes:
        return {}
    bars = {
        symbol: newest_bars(market, symbol, timeframe, limit_of(tab), tab.until_ms)
        for symbol in tab.view.symbols or market.symbols[:MOST_SYMBOLS]
        if symbol in market.symbols
    }
    return {symbol: symbol_bars for symbol, symbol_bars in bars.items() if len(symbol_bars)}


def legs_of(tab: Tab) -> tuple[str, str] | None:
    """The pair's legs, which keep their colours on every page."""
    return (tab.view.pair.y, tab.view.pair.x) if tab.view.pair else None


def key(runtime: Runtime, tab: Tab) -> Any:
    """The versions of the symbols shown."""
    market = runtime.markets.get(tab.view.market)
    if market is None:
        return None
    symbols = [symbol for symbol in tab.view.symbols or market.symbols if symbol in market.symbols]
    versions = (market.symbol_version(symbol) for symbol in symbols)
    job = runtime.scans.newest(universe_of(runtime, market.id) or market.id)
    beside = (str(runtime.watchlist.counts()), job and job.id)
    return (market.serial, runtime.alerts.version, runtime.kernels.ready, beside, *versions)


def symbol_card(summary: SymbolSummary) -> Component:
    """One symbol: its price, its statistics and what holding it would have done."""
    last, change = summary.last, summary.change
    figures = (
        ("Mean", price(summary.mean, last)),
        ("Std", price(summary.std, last)),
        ("Low", price(summary.low)),
        ("High", price(summary.high)),
        ("VWAP", price(summary.vwap)),
        ("Volume", compact(summary.volume)),
        ("Volatility", pct(summary.volatility, 0, signed=False)),
        ("Sharpe", ratio_text(summary.sharpe, summary.sharpe_error)),
        ("Drawdown", pct(summary.max_drawdown)),
        ("Bars", f"{summary.bars:,}"),
    )
    heading = [html.Span(summary.symbol), _change(change)]
    return html.Article(
        [html.H2(heading), html.Div(price(last), className="price"), html.Dl(_listed(figures))],
        className="card-box symbol-card",
    )


def _change(change: float) -> Component:
    """A change since the start of the span, with its arrow; muted where the symbol did not
    trade in it.
    """
    if not math.isfinite(change):
        return html.Span("no bar in the span", className="tone-muted")
    arrow, tone = ("▲", "up") if change >= 0 else ("▼", "down")
    return html.Span(f"{arrow} {pct(change)}", className=f"tone-{tone}")


def _listed(rows: Iterable[tuple[str, Any]]) -> list[Component]:
    """Labels and values as a description list has them."""
    return [part for label, value in rows for part in (html.Dt(label), html.Dd(value))]


def _watch_rows(runtime: Runtime, market_id: str) -> list[tuple[str, Any]]:
    """The watchlist and the newest scan in short, with the way to both."""
    scanned = universe_of(runtime, market_id) or market_id
    job = runtime.scans.newest(scanned)
    found: list[Segment] = [("nothing scanned yet", "muted")]
    if job is not None and job.result is not None:
        found = found_words(job.result, job.timeframe)[:2]
    link = dcc.Link("open Pairs", href="/pairs", className="pairs-link")
    return [
        ("Watchlist", element("Span", segments(watch_words(runtime.watchlist.counts())))),
        ("Last scan", element("Span", segments(found))),
        ("", link),
    ]


def _pair_rows(snapshot: PairSnapshot) -> list[tuple[str, Any]]:
    size = float(np.nanmean(np.abs(snapshot.spread[~snapshot.carried])))
    logs = snapshot.params.price_space == "log"
    unit = "" if logs else f" ({size / snapshot.price_y[-1] * 1e4:,.1f} bps)"
    return [
        ("Average |spread|", f"{price(size)}{unit}"),
        ("Correlation", number(snapshot.correlation, 2)),
    ]


def performance_card(
    snapshot: PairSnapshot | NotReady, alerts: Mapping[str, int], watched: Iterable[tuple[str, Any]]
) -> Component:
    """The pairs in short: the one in view, the market's alerts, the watchlist, the last scan."""
    if isinstance(snapshot, NotReady):
        title, rows = "Pairs", [("Pair in view", snapshot.reason)]
    else:
        title, rows = f"{snapshot.params.y} / {snapshot.params.x}", _pair_rows(snapshot)
    rows += [("Alerts", today_words(alerts)), *watched]
    return html.Article(
        [
            html.H2([html.Span("Performance"), html.Span(title, className="tone-muted")]),
            html.Dl(_listed(rows)),
        ],
        className="card-box symbol-card performance-card",
    )


async def _performance(runtime: Runtime, tab: Tab) -> list[Component]:
    """The card of the pairs, where the market has a pair."""
    if tab.view.pair is None:
        return []
    market = tab.view.market
    alerts = runtime.alerts.history.by_metric(market)
    return [performance_card(await snapshot_of(runtime, tab), alerts, _watch_rows(runtime, market))]


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The page's figures for what the tab looks at."""
    bars = bars_in_view(runtime, tab)
    if not bars:
        return {
            **polling.empty_page(PAGE, "no bars of these symbols in this timeframe", tab.theme),
            "cards": [],
        }
    limit = limit_of(tab)
    span = {name: part for name, part in one_span(bars, limit).items() if len(part)}
    summaries = await asyncio.to_thread(summarize_span, bars, limit)
    mode = tab.options.get("mode") or "lines"
    first, legs = next(iter(span.values())), legs_of(tab)
    return {
        ids.PRICE_CHART: price_figure(span, mode=mode, legs=legs, **tab.look),
        ids.VOLUME_CHART: volume_figure(first, **tab.look),
        ids.VWAP_CHART: vwap_figure(first, legs=legs, **tab.look),
        "cards": [*await _performance(runtime, tab), *map(symbol_card, summaries)],
        "answer": segments(home_answer({summary.symbol: summary for summary in summaries})),
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
    clientside(
        app,
        "keepMode",
        Output(PRICE_MODE, "className"),
        Input(PRICE_MODE, "value"),
        initial_call=False,
    )
