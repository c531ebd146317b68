"""Backtest: what the z-score strategy would have paid, after costs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.backtest import BacktestResult, Trade
from analytics.bars import usual_step
from analytics.lookahead import check_look_ahead
from analytics.model import NotReady, PairParams
from dashapp import ids
from dashapp.figures.backtest import drawdown_figure, equity_figure
from dashapp.figures.base import empty_figure
from dashapp.figures.trades import Z_CHART, backtest_z_figure
from dashapp.parameters.pair import from_dict
from dashapp.services.analysis.grid_jobs import GridJobs
from dashapp.services.runtime import Runtime
from dashapp.text.answers import backtest_answer, cost_words
from dashapp.text.numbers import NONE, bar_span, pct
from dashapp.text.numbers import number as digits
from dashapp.text.pair import newest
from dashapp.ui import polling
from dashapp.ui.components import (
    card,
    chart,
    figures_table,
    number_column,
    segments,
    table,
    text_column,
)
from dashapp.ui.pages.backtest import form, sweep, sweep_results
from dashapp.ui.pages.shared import NO_PAIR, clicked, pair_key, utc_time, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.EQUITY_CHART, ids.DRAWDOWN_CHART, Z_CHART)
LOOK_AHEAD = "check-look-ahead"
LOOK_AHEAD_SAYS = "look-ahead-verdict"


def layout(theme: str, held: Mapping[str, str] | None = None) -> Component:
    """Settings, equity, z with its trades, drawdown, figures, trades, sweep, walk-forward.

    held: what the settings' controls hold at first, None for the usual settings.
    """
    blank = {one: empty_figure("waiting for the first bars", theme, one) for one in CHARTS}
    check = [
        html.Span(id=LOOK_AHEAD_SAYS, role="status"),
        dbc.Button(
            "Check for look-ahead", id=LOOK_AHEAD, size="sm", color="secondary", outline=True
        ),
    ]
    return html.Div(
        [
            card(
                "Strategy",
                html.Div(form.fields(held), className="row-fields strategy"),
                tools=check,
                extra="wide",
            ),
            chart(ids.EQUITY_CHART, blank[ids.EQUITY_CHART]),
            chart(Z_CHART, blank[Z_CHART]),
            chart(ids.DRAWDOWN_CHART, blank[ids.DRAWDOWN_CHART], "fill"),
            card("Results", html.Div(id=ids.BACKTEST_FIGURES, className="scroll-x")),
            card("Trades", table(ids.TRADES_TABLE, _columns()), extra="wide"),
            *sweep.cards(theme),
        ],
        className="grid",
    )


def _columns() -> list[dict[str, Any]]:
    return [
        text_column("id", "No.", width=72, minWidth=64),
        text_column("side", "Side", minWidth=250),
        text_column("entry_time", "Entry (UTC)", minWidth=170),
        text_column("exit_time", "Exit (UTC)", minWidth=170),
        number_column("net_bps", "Net bps", "+.2f", **_signed()),
        number_column("gross_bps", "Gross bps", "+.2f", minWidth=108),
        number_column("cost_bps", "Cost bps", ".2f"),
        number_column("bars", "Bars", ",", minWidth=76),
        text_column("reason", "Exit by"),
        number_column("entry_z", "Entry z", "+.2f"),
        number_column("exit_z", "Exit z", "+.2f"),
        number_column("beta", "β", ".4f"),
    ]


def _signed() -> dict[str, Any]:
    """A cell in the colour of its sign, which it bears as well."""
    return {"cellClassRules": {"tone-up": "params.value > 0", "tone-down": "params.value < 0"}}


def make_page(jobs: GridJobs) -> LivePage:
    """The page's live part, over the sweeps that this process runs."""

    def key(runtime: Runtime, tab: Tab) -> Any:
        return (pair_key(runtime, tab), str(sweep.seen(runtime, jobs, tab)))

    async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
        settings = form.settings_of(tab.options["strategy"])
        result: BacktestResult | NotReady = NO_PAIR
        if tab.view.pair is not None:
            result = await runtime.backtest(tab.view.market, tab.view.pair, settings, tab.until_ms)
        if isinstance(result, NotReady):
            words = waiting_for(runtime, tab, result)
            made = {**polling.empty_page(page, words, tab.theme), "figures": "", "trades": []}
        else:
            made = _drawn(result, tab)
            sweep.begin(runtime, jobs, tab)
        state = sweep.seen(runtime, jobs, tab)
        return made if state == tab.options["state"] else {**made, "state": state}

    options: dict[str, Any] = {
        "strategy": Input(ids.STRATEGY, "data"),
        "asked": Input(sweep.ASKED, "data"),
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


def _answer_of(result: BacktestResult) -> list[tuple[str, str]]:
    figures = result.figures
    return backtest_answer(
        net=figures.net_return,
        sharpe=figures.sharpe,
        drawdown=figures.max_drawdown,
        trades=figures.trades,
        cost_share=figures.cost_share,
        in_sample=result.in_sample,
        break_even=newest(result.break_even_z),
        entry=result.settings.entry_z,
        span_ms=float(result.ts_ms[-1] - result.ts_ms[0]),
    )


def figure_rows(result: BacktestResult) -> list[tuple[str, str, str, str]]:
    """The result's figures: label, value, words, tone."""
    one = result.figures
    tone = "up" if one.net_return > 0 else "down" if one.net_return < 0 else ""
    timeframe = result.params.timeframe
    step = usual_step(result.ts_ms, timeframe)
    held = bar_span(one.average_holding_bars, timeframe, step) if one.trades else NONE
    dropped = f"{result.rows_dropped:,} rows dropped" if result.rows_dropped else ""
    return [
        ("Net return", pct(one.net_return), "on gross exposure, after costs", tone),
        ("Gross return", pct(one.gross_return), "before costs", "muted"),
        ("Sharpe", digits(one.sharpe, 2), "annual, 365 × 24 h", "muted"),
        ("Sortino", digits(one.sortino, 2), "annual, 365 × 24 h", "muted"),
        ("Max drawdown", pct(one.max_drawdown), "", ""),
        ("Profit factor", digits(one.profit_factor, 2), "gains over losses", "muted"),
        (
            "Hit rate",
            pct(one.hit_rate, 0, signed=False),
            f"of {one.trades:,} closed trades",
            "muted",
        ),
        ("Average holding", held, "", ""),
        ("Turnover", f"{digits(one.turnover, 1)} ×", "of the equity, both legs", "muted"),
        ("Exposure", pct(one.exposure, 0, signed=False), "of the bars", "muted"),
        (
            "Costs",
            pct(one.net_return - one.gross_return),
            cost_words(one.cost_share) or "no gross profit to take from",
            "muted",
        ),
        ("Hedge", "", result.label, "warn" if result.in_sample else "muted"),
        ("Bars", f"{len(result.ts_ms):,}", dropped, "muted"),
    ]


def trade_row(place: int, trade: Trade, params: PairParams) -> dict[str, Any]:
    """A row of the trades' table; returns in bps of the gross exposure at entry."""
    long, short = (params.y, params.x) if trade.side > 0 else (params.x, params.y)
    return {
        "id": str(place),
        "side": f"long {long} / short {short}",
        "entry_time": utc_time(trade.entry_ts_ms),
        "exit_time": "" if trade.exit_reason == "open" else utc_time(trade.exit_ts_ms),
        "entry_z": _finite(trade.entry_z),
        "exit_z": _finite(trade.exit_z),
        "bars": trade.bars,
        "beta": _finite(trade.beta),
        "gross_bps": _finite(trade.gross * 1e4),
        "cost_bps": _finite(trade.cost * 1e4),
        "net_bps": _finite(trade.net * 1e4),
        "reason": "still open" if trade.exit_reason == "open" else trade.exit_reason,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _drawn(result: Any, tab: Tab) -> dict[str, Any]:
    look = {"theme": tab.theme, "uirevision": tab.uirevision}
    rows = [trade_row(place, one, result.params) for place, one in enumerate(result.trades, 1)]
    return {
        ids.EQUITY_CHART: equity_figure(result, **look),
        ids.DRAWDOWN_CHART: drawdown_figure(result, **look),
        Z_CHART: backtest_z_figure(result, **look),
        "figures": figures_table(figure_rows(result)),
        "trades": rows[::-1],
        "answer": segments(_answer_of(result)),
    }


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the settings' form, the sweep's cards, the check for look-ahead."""
    jobs = GridJobs()
    polling.register(app, runtime, make_page(jobs))
    form.register(app)
    sweep_results.register(app, runtime, jobs)

    @app.callback(
        output={
            "words": Output(LOOK_AHEAD_SAYS, "children"),
            "tone": Output(LOOK_AHEAD_SAYS, "className"),
        },
        inputs={
            "clicks": Input(LOOK_AHEAD, "n_clicks"),
            "held": Input(ids.VIEW, "data"),
            "strategy": Input(ids.STRATEGY, "data"),
        },
        running=[(Output(LOOK_AHEAD, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def look_ahead(
        clicks: int | None,
        held: dict[str, Any] | None,
        strategy: dict[str, Any] | None,
    ) -> dict[str, Any]:
        view = from_dict(held or {})
        if not clicks or not clicked(LOOK_AHEAD) or view.pair is None:
            raise PreventUpdate
        try:
            y, x = runtime.legs(view.market, view.pair)
            settings = form.settings_of(strategy)
            report = await asyncio.to_thread(check_look_ahead, y, x, view.pair, settings)
        except ValueError as error:
            return {"words": str(error), "tone": "tone-down"}
        if isinstance(report, NotReady):
            return {"words": report.reason, "tone": "tone-muted"}
        clean = "tone-warn" if report.in_sample else "tone-up"
        return {"words": report.text, "tone": "tone-down" if report.changed else clean}
