"""Backtest: what the z-score strategy would have paid, after costs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.backtest import BacktestParams, BacktestResult, Trade
from analytics.lookahead import check_look_ahead
from analytics.model import NotReady, PairParams
from dashapp import ids
from dashapp.figures.backtest import drawdown_figure, equity_figure
from dashapp.figures.trades import Z_CHART, backtest_z_figure
from dashapp.parameters.backtest import export_query
from dashapp.parameters.pair import from_dict
from dashapp.parameters.table import BACKTEST, PAIR
from dashapp.services.analysis.grid_jobs import GridJobs
from dashapp.services.funding import funding_of
from dashapp.services.runtime import Runtime
from dashapp.text.backtest import answer_of, figure_rows
from dashapp.text.numbers import number, ratio, utc_time
from dashapp.text.pair import Segment, legs_warning, trade_sentence, trade_words
from dashapp.text.states import NO_TRADES
from dashapp.ui import polling
from dashapp.ui.clicks import clicked
from dashapp.ui.components import (
    button,
    card,
    chart,
    figures_table,
    known,
    number_column,
    row_detail,
    segments,
    table,
    text_column,
    time_column,
)
from dashapp.ui.pages.backtest import form, sweep, sweep_results
from dashapp.ui.pages.shared import NO_PAIR, pair_key, show_details, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.EQUITY_CHART, ids.DRAWDOWN_CHART, Z_CHART)
LOOK_AHEAD = "check-look-ahead"
LOOK_AHEAD_SAYS = "look-ahead-verdict"
TEAR_SHEET = "tear-sheet"
TRADE_DETAIL = "trade-detail"


def layout(theme: str, settings: Mapping[str, str] | None = None) -> Component:
    """Settings, equity, z with its trades, drawdown, figures, trades, sweep, walk-forward.

    settings: the texts of the settings' controls at first, None for the usual settings.
    """
    blank = polling.empty_figures(CHARTS, theme)
    trades = table(ids.TRADES_TABLE, _columns(), single_row=True, empty=NO_TRADES)
    check = [
        html.Span(id=LOOK_AHEAD_SAYS, role="status"),
        button(LOOK_AHEAD, "Check for look-ahead"),
        html.A(
            "Tear sheet",
            id=TEAR_SHEET,
            target="_blank",
            rel="noopener",
            title="This back-test as one file, for offline and for print",
            className="btn btn-sm btn-outline-secondary",
        ),
    ]
    return html.Div(
        [
            card(
                "Strategy",
                html.Div(form.fields(settings), className="row-fields strategy"),
                tools=check,
                extra="wide",
            ),
            chart(ids.EQUITY_CHART, blank[ids.EQUITY_CHART]),
            chart(Z_CHART, blank[Z_CHART]),
            chart(ids.DRAWDOWN_CHART, blank[ids.DRAWDOWN_CHART], "fill"),
            card("Results", html.Div(id=ids.BACKTEST_FIGURES, className="scroll-x")),
            card("Trades", [trades, row_detail(TRADE_DETAIL)], extra="wide"),
            *sweep.cards(theme),
        ],
        className="grid",
    )


def _columns() -> list[dict[str, Any]]:
    return [
        text_column("id", "No.", width=72, minWidth=64),
        time_column("from_ms", "Entry (UTC)"),
        number_column("net_bps", "Net bps", "+.2f", width=92, minWidth=88, **_signed()),
        text_column(
            "side",
            "Side",
            minWidth=232,
            flex=1,
            tooltipField="warning",
            cellClassRules={"tone-warn": "params.data.warning"},
        ),
        number_column("entry_z", "Entry z", "+.2f", width=84, minWidth=80),
        number_column("exit_z", "Exit z", "+.2f", width=84, minWidth=80),
        number_column("beta", "β", ".4~r", width=88, minWidth=84),
        number_column("bars", "Bars", ",", width=72, minWidth=68),
        text_column("reason", "Exit by", width=100, minWidth=92),
    ]


def _signed() -> dict[str, Any]:
    """A cell in the colour of its sign, which it bears as well."""
    return {"cellClassRules": {"tone-up": "params.value > 0", "tone-down": "params.value < 0"}}


def make_page(jobs: GridJobs) -> LivePage:
    """The page's live part, over the sweeps that this process runs."""

    def key(runtime: Runtime, tab: Tab) -> Any:
        return (pair_key(runtime, tab), str(sweep.seen(runtime, jobs, tab)))

    async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
        settings, told = form.used(tab.options["strategy"])
        result: BacktestResult | NotReady = NO_PAIR
        if tab.view.pair is not None:
            result = await runtime.analysis.backtest(
                tab.view.market, tab.view.pair, settings, tab.until_ms
            )
        if isinstance(result, NotReady):
            lower = (BACKTEST["hedge_window"].label, PAIR["z_window"].label)
            words = waiting_for(runtime, tab, result, *lower)
            parts = {**polling.empty_page(page, words, tab.theme), "figures": "", "trades": []}
        else:
            legs = result.params.y, result.params.x
            funding = funding_of(runtime.markets.get(tab.view.market), *legs)
            parts = _drawn(result, tab, funding, told)
            sweep.begin(runtime, jobs, tab)
        state = sweep.seen(runtime, jobs, tab)
        return parts if state == tab.options["state"] else {**parts, "state": state}

    options: dict[str, Any] = {
        "strategy": Input(ids.STRATEGY, "data"),
        **{name: Input(store, "data") for name, store in sweep.ASKED.items()},
        "state": State(sweep.STATE, "data"),
    }
    page = LivePage(
        path="/backtest",
        charts=CHARTS,
        key=key,
        render=render,
        values={
            "figures": Output(ids.BACKTEST_FIGURES, "children"),
            "trades": Output(ids.TRADES_TABLE, "rowData"),
            "state": Output(sweep.STATE, "data"),
        },
        options=options,
    )
    return page


def trade_row(place: int, trade: Trade, params: PairParams) -> dict[str, Any]:
    """A row of the trades' table; returns in bps of the gross exposure at entry."""
    return {
        "id": str(place),
        "side": trade_words(trade.side, trade.beta, params.y, params.x),
        "warning": legs_warning(trade.beta),
        "from_ms": trade.entry_ts_ms,
        "to_ms": trade.exit_ts_ms,
        "entry_z": known(trade.entry_z),
        "exit_z": known(trade.exit_z),
        "bars": trade.bars,
        "beta": known(trade.beta),
        "net_bps": known(trade.net * 1e4),
        "reason": "still open" if trade.exit_reason == "open" else trade.exit_reason,
        "details": _details(trade, params),
    }


def _details(trade: Trade, params: PairParams) -> list[list[str]]:
    """What is told of a trade that is chosen beside its row: label and words."""
    left = "still open" if trade.exit_reason == "open" else f"{utc_time(trade.exit_ts_ms)} UTC"
    return [
        ["Trade", trade_sentence(trade.side, trade.beta, params.y, params.x)],
        ["Entry", f"{utc_time(trade.entry_ts_ms)} UTC"],
        ["Exit", left],
        ["Gross", f"{number(trade.gross * 1e4, 2, signed=True)} bps"],
        ["Costs", f"{number(trade.cost * 1e4, 2)} bps"],
        [PAIR["hedge"].label, ratio(trade.beta)],
    ]


def _drawn(
    result: BacktestResult, tab: Tab, funding: tuple[float, float] | None, told: list[Segment]
) -> dict[str, Any]:
    """Every chart and figure of one back-test. told: what stands before its result at the head."""
    trades = enumerate(result.trades, 1)
    rows = [trade_row(place, trade, result.params) for place, trade in trades]
    return {
        ids.EQUITY_CHART: equity_figure(result, **tab.look),
        ids.DRAWDOWN_CHART: drawdown_figure(result, **tab.look),
        Z_CHART: backtest_z_figure(result, **tab.look),
        "figures": figures_table(figure_rows(result, funding)),
        "trades": rows[::-1],
        "answer": segments([*told, *answer_of(result)]),
    }


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the settings' form, the sweep's cards, the check for look-ahead."""
    jobs = runtime.grids
    polling.register(app, runtime, make_page(jobs))
    form.register(app)
    sweep_results.register(app, runtime, jobs)
    show_details(app, ids.TRADES_TABLE, TRADE_DETAIL)

    @app.callback(Output(TEAR_SHEET, "href"), Input(ids.VIEW, "data"), Input(ids.STRATEGY, "data"))
    async def tear_sheet_link(view: dict[str, Any] | None, strategy: dict[str, Any] | None) -> Any:
        shown = from_dict(view) if view else None
        if shown is None or shown.pair is None:
            return None
        query = export_query(shown.pair, form.settings_of(strategy))
        return f"/export/{quote(shown.market, safe='')}/tearsheet.html?{query}"

    @app.callback(
        output={
            "words": Output(LOOK_AHEAD_SAYS, "children"),
            "tone": Output(LOOK_AHEAD_SAYS, "className"),
        },
        inputs={
            "clicks": Input(LOOK_AHEAD, "n_clicks"),
            "view": Input(ids.VIEW, "data"),
            "strategy": Input(ids.STRATEGY, "data"),
        },
        running=[(Output(LOOK_AHEAD, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def look_ahead(
        clicks: int | None,
        view: dict[str, Any] | None,
        strategy: dict[str, Any] | None,
    ) -> dict[str, Any]:
        shown = from_dict(view or {})
        if not clicked(LOOK_AHEAD):  # what was said of another pair or strategy holds no more
            return {"words": "", "tone": "tone-muted"}
        if not clicks or shown.pair is None:
            raise PreventUpdate
        settings = form.settings_of(strategy)
        words, tone = await _look_ahead_words(runtime, shown.market, shown.pair, settings)
        return {"words": words, "tone": f"tone-{tone}"}


async def _look_ahead_words(
    runtime: Runtime, market: str, pair: PairParams, settings: BacktestParams
) -> tuple[str, str]:
    """What the check for look-ahead says, and its tone."""
    try:
        y, x = runtime.analysis.legs(market, pair)
        report = await asyncio.to_thread(check_look_ahead, y, x, pair, settings)
    except (ValueError, KeyError) as error:  # the market may be gone by now
        return str(error.args[0]), "down"
    if isinstance(report, NotReady):
        return report.reason, "muted"
    clean = "warn" if report.in_sample else "up"
    return report.text, "down" if report.changed else clean
