"""Analytics: the pair's spread, z-score, hedge ratio and tests, and what they say."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qs

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.backtest import BacktestParams
from analytics.bars import usual_step
from analytics.carry import Carry, reversion_funding
from analytics.cointegration import JohansenTest
from analytics.estimates import PairEstimates
from analytics.model import NotReady, PairSnapshot
from analytics.pair import break_even_z
from dashapp import ids
from dashapp.figures.pair import (
    adf_figure,
    hedge_path_figure,
    scatter_figure,
    spread_figure,
    zscore_figure,
)
from dashapp.parameters.numbers import parse_number
from dashapp.parameters.pair import View, from_dict, to_dict, to_query
from dashapp.services.alerts.arming import arm, z_rule
from dashapp.services.analysis.johansen import newest_ticks
from dashapp.services.funding import carry_of
from dashapp.services.runtime import Runtime
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.text.answers import pair_answer
from dashapp.text.methods import choice_words, method_rows
from dashapp.text.pair import BreakEven, line_in_use, newest, pair_figures
from dashapp.text.quantities import quantity_row
from dashapp.text.tests import leg_alone
from dashapp.ui import polling
from dashapp.ui.clicks import clicked
from dashapp.ui.clientside import clientside
from dashapp.ui.components import (
    button,
    card,
    chart,
    element,
    figures_table,
    known,
    scrolling,
    segments,
)
from dashapp.ui.pages.analytics import distribution
from dashapp.ui.pages.analytics.partial import snapshot_without_z
from dashapp.ui.pages.analytics.tables import johansen_part, methods_table
from dashapp.ui.pages.backtest.form import settings_of
from dashapp.ui.pages.pairs.watch import toggle
from dashapp.ui.pages.shared import (
    markers_of,
    pair_key,
    shorter,
    snapshot_of,
    waiting_for,
)
from dashapp.ui.polling import LivePage, Tab

CHARTS = (
    ids.SPREAD_CHART,
    ids.ZSCORE_CHART,
    ids.HEDGE_SCATTER,
    ids.HEDGE_PATH_CHART,
    ids.ADF_CHART,
)
ALERT_BUTTON = "alert-here"
WATCH_BUTTON = "watch-pair"
ALERT_MADE = "alert-made"
REHEARSED = "alert-rehearsed"
DAY_MS = 86_400_000
CAPITAL, USUAL_CAPITAL = "capital", 10_000.0
LOCK, HEDGE_NOW = "lock-hedge", "hedge-now"
LOCK_WORDS = {False: "Lock this hedge", True: "Unlock the hedge"}
LOCK_TITLE = "Measure the spread by the β and α in use from here on, as one who holds the position"


def held_by(kept: str | None, search: str | None) -> str:
    """The capital of a page that opens: what was typed in the tab, or its link's."""
    asked = kept or parse_qs((search or "").lstrip("?")).get(CAPITAL, [""])[-1]
    return asked if _positive(asked) else f"{USUAL_CAPITAL:g}"


def _positive(text: Any) -> float | None:
    """A number above 0 that was typed, None for anything else."""
    typed = parse_number(text)
    return typed if typed is not None and typed > 0 else None


def layout(theme: str, capital: str = f"{USUAL_CAPITAL:g}") -> Component:
    """Spread and z-score first; the hedge, the tests and the figures below. capital: as typed."""
    blank = polling.empty_figures(CHARTS, theme)
    alert = [
        html.Span(id=ALERT_MADE, className="tone-muted made", role="status"),
        _capital_field(capital),
        html.Span(id=REHEARSED, className="tone-muted rehearsed"),
        button(WATCH_BUTTON, "Watch", title="Put the pair on the watchlist, or take it off"),
        button(ALERT_BUTTON, "Alert at |z| > threshold"),
        dcc.Store(id=HEDGE_NOW),
        button(LOCK, LOCK_WORDS[False], title=LOCK_TITLE),
    ]
    return html.Div(
        [
            chart(ids.SPREAD_CHART, blank[ids.SPREAD_CHART]),
            chart(ids.ZSCORE_CHART, blank[ids.ZSCORE_CHART]),
            chart(ids.HEDGE_SCATTER, blank[ids.HEDGE_SCATTER], "third"),
            chart(ids.HEDGE_PATH_CHART, blank[ids.HEDGE_PATH_CHART], "third"),
            chart(ids.ADF_CHART, blank[ids.ADF_CHART], "third last"),
            card(
                "The pair in figures",
                scrolling(ids.PAIR_FIGURES, "The pair in figures"),
                tools=alert,
                extra="tables",
            ),
            html.Div([_methods_card(), _johansen_card()], className="stack tables"),
            *distribution.cards(theme),
        ],
        className="grid",
    )


def _methods_card() -> Component:
    words = html.P(id=ids.HEDGE_CHOICE, role="status")
    table = scrolling(ids.HEDGE_METHODS, "Hedge ratio by method")
    return card("Hedge ratio by method", [words, table])


def _johansen_card() -> Component:
    return card("Johansen's test", scrolling(ids.JOHANSEN, "Johansen's test"))


def _market_key(runtime: Runtime, tab: Tab) -> Any:
    """What tells the tab's body of data from others under the same name."""
    market = runtime.markets.get(tab.view.market)
    return (tab.view.market, market.serial if market else 0)


def tests_made(runtime: Runtime, tab: Tab) -> int:
    """How often the tab's pair was tested beside its snapshot."""
    pair = tab.view.pair
    return runtime.johansen.made(_market_key(runtime, tab), pair) if pair else 0


def tests_of(
    runtime: Runtime, tab: Tab, snapshot: PairSnapshot
) -> tuple[JohansenTest | None, PairEstimates | None]:
    """Johansen's test and the legs' own of the tab's pair, None while they are being made."""
    market, of = runtime.markets.get(tab.view.market), _market_key(runtime, tab)
    ticks = None if market is None else partial(newest_ticks, market, snapshot.params)
    test = runtime.johansen.latest(of, snapshot, ticks)
    return test, runtime.johansen.estimates(of, snapshot.params)


def key(runtime: Runtime, tab: Tab) -> Any:
    """That of the pair, and of what comes later: Johansen's test, the rule's rehearsal."""
    made = tests_made(runtime, tab)
    return (pair_key(runtime, tab), made, runtime.alerts.previews.version)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The page's figures for what the tab looks at."""
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot, *shorter(tab))
        without_z = await snapshot_without_z(runtime, tab, snapshot)
        if without_z is not None:
            return drawn(runtime, tab, without_z, words)
        sentence = element("P", words, className="tone-muted")
        tables = dict.fromkeys(("figures", "methods", "johansen"), sentence)
        empty = polling.empty_page(PAGE, words, tab.theme)
        return {**empty, "rehearsed": "", "choice": "", "hedge": None, **tables}
    return drawn(runtime, tab, snapshot)


def break_even(
    snapshot: PairSnapshot, settings: BacktestParams, carry: Carry | None = None
) -> BreakEven:
    """|z| from which a round trip pays, at the back-test's cost of a side and leg, and with the
    funding of a half-life where it is known.
    """
    cost_bps = settings.cost_bps + settings.slippage_bps
    bars, z = snapshot.half_life, newest(snapshot.z)
    if carry is None or bars is None or not math.isfinite(z):
        return BreakEven(break_even_z(snapshot, cost_bps), cost_bps)
    step_ms = usual_step(snapshot.traded_ms, snapshot.params.timeframe)
    funded = reversion_funding(carry, z, bars, step_ms)
    return BreakEven(break_even_z(snapshot, cost_bps, funded), cost_bps, funded=True)


def capital_of(text: Any) -> float:
    """The capital that was typed, the usual one where that is none above 0."""
    return _positive(text) or USUAL_CAPITAL


def _capital_field(capital: str) -> Component:
    """What both legs together may cost; the link keeps it."""
    control = dbc.Input(
        id=CAPITAL,
        type="text",
        inputmode="decimal",
        value=capital,
        size="sm",
        debounce=300,
        autocomplete="off",
    )
    return html.Label(["Capital", control], className="capital")


def hedge_now(snapshot: PairSnapshot, view: View) -> dict[str, Any]:
    """The hedge in use, for the button that locks it, whether it is locked, and of which view."""
    line = line_in_use(snapshot)
    locked = snapshot.params.spread_mode == "locked"
    hedge = {"beta": known(line.beta), "alpha": known(line.alpha), "locked": locked}
    return {**hedge, "of": _name_of(view)}


@lru_cache(64)
def _name_of(view: View) -> str:
    return to_query(to_dict(view))


def drawn(runtime: Runtime, tab: Tab, snapshot: PairSnapshot, missing: str = "") -> dict[str, Any]:
    """Every chart and figure of one snapshot. missing: why it has no z-score, in words."""
    threshold = tab.view.z_threshold
    market = runtime.markets.get(tab.view.market)
    carry = carry_of(market, snapshot)
    even = break_even(snapshot, settings_of(tab.options.get("strategy")), carry)
    look = tab.look
    markers = markers_of(runtime, tab)
    test, estimates = tests_of(runtime, tab, snapshot)
    alone = leg_alone(estimates, test)
    words, tone = choice_words(snapshot, threshold)
    rule = z_rule(tab.view.market, snapshot.params, threshold)
    listings = {} if market is None else market.listings
    lots = [listings.get(leg) for leg in (snapshot.params.y, snapshot.params.x)]
    return {
        ids.SPREAD_CHART: spread_figure(snapshot, markers=markers, **look),
        ids.ZSCORE_CHART: zscore_figure(
            snapshot,
            threshold,
            break_even=even,
            markers=markers,
            missing=missing,
            **look,
        ),
        ids.HEDGE_SCATTER: scatter_figure(snapshot, **look),
        ids.HEDGE_PATH_CHART: hedge_path_figure(snapshot, **look),
        ids.ADF_CHART: adf_figure(snapshot, **look),
        **distribution.drawn(snapshot, tab),
        "figures": figures_table(
            [
                *pair_figures(snapshot, threshold, even, test, estimates, carry),
                *quantity_row(snapshot, capital_of(tab.options.get("capital")), *lots),
            ]
        ),
        "methods": methods_table(method_rows(snapshot, threshold)),
        "choice": element("Span", words, className=f"tone-{tone}"),
        "johansen": johansen_part(test, alone, snapshot.engle_granger is not None),
        "hedge": hedge_now(snapshot, tab.view),
        "lock": LOCK_WORDS[snapshot.params.spread_mode == "locked"],
        "rehearsed": runtime.alerts.previews.recent(rule).words,
        "answer": segments(
            [(missing, "muted")] if missing else pair_answer(snapshot, threshold, even, alone)
        ),
    }


PAGE = LivePage(
    path="/analytics",
    charts=(*CHARTS, *distribution.CHARTS),
    key=key,
    render=render,
    values={
        "figures": Output(ids.PAIR_FIGURES, "children"),
        "methods": Output(ids.HEDGE_METHODS, "children"),
        "choice": Output(ids.HEDGE_CHOICE, "children"),
        "johansen": Output(ids.JOHANSEN, "children"),
        "rehearsed": Output(REHEARSED, "children"),
        "hedge": Output(HEDGE_NOW, "data"),
        "lock": Output(LOCK, "children"),
    },
    options={
        "strategy": Input(ids.STRATEGY, "data"),
        "capital": Input(CAPITAL, "value"),
        "distribution": Input(distribution.SHOW, "value"),
    },
    apart=lambda runtime, tab: {"lock": LOCK_WORDS[False]},
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, and the rule that is one click away."""
    polling.register(app, runtime, PAGE)
    distribution.register(app)
    clientside(app, "keepCapital", Output(ids.CAPITAL_KEPT, "data"), Input(CAPITAL, "value"))
    clientside(
        app,
        "lockHedge",
        Output(ids.FOCUS, "data", allow_duplicate=True),
        Input(LOCK, "n_clicks"),
        State(HEDGE_NOW, "data"),
        State(ids.VIEW, "data"),
        initial_call=False,
    )

    @app.callback(
        Output(ALERT_MADE, "children"),
        Input(ALERT_BUTTON, "n_clicks"),
        Input(WATCH_BUTTON, "n_clicks"),
        Input(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    async def on_this_pair(
        alert: int | None, watch: int | None, view: dict[str, Any] | None
    ) -> str:
        armed, watched = alert and clicked(ALERT_BUTTON), watch and clicked(WATCH_BUTTON)
        if not (clicked(ALERT_BUTTON) or clicked(WATCH_BUTTON)):
            raise PreventUpdate
        shown = from_dict(view or {})
        if shown.pair is None:
            return ""
        words = []  # one call may tell of both
        if armed:
            words.append(arm(runtime.alerts, shown.market, shown.pair, shown.z_threshold).words)
        if watched:
            pair = WatchedPair(shown.market, shown.pair, shown.z_threshold)
            words.append(toggle(runtime, pair))
        return " · ".join(words)
