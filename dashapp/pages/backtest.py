"""Backtest: what the z-score strategy would have paid, after costs."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.backtest import BacktestParams, BacktestResult, Trade, check_look_ahead
from analytics.model import NotReady, PairParams
from dashapp import ids, live
from dashapp.components import (
    attributes,
    card,
    chart,
    field,
    figures_table,
    number,
    number_column,
    segments,
    select,
    table,
    text_column,
)
from dashapp.figures.backtest import (
    backtest_z_figure,
    drawdown_figure,
    equity_figure,
    sweep_figure,
)
from dashapp.figures.base import empty_figure
from dashapp.live import LivePage, Tab
from dashapp.numerals import NONE, bar_span, pct, usual_step
from dashapp.numerals import number as digits
from dashapp.pages.shared import NO_PAIR, pair_key, utc_time, waiting_for
from dashapp.runtime import Runtime
from dashapp.sweeps import SWEEPS, SweepJob, SweepJobs
from dashapp.view import from_dict
from dashapp.words import backtest_answer, cost_words

Z_CHART = "backtest-zscore-chart"
CHARTS = (ids.EQUITY_CHART, ids.DRAWDOWN_CHART, Z_CHART, ids.SWEEP_HEATMAP)
MESSAGE = "backtest-message"
LOOK_AHEAD = "check-look-ahead"
LOOK_AHEAD_SAYS = "look-ahead-verdict"
SWEEP_KIND, SWEEP_RUN, SWEEP_CANCEL = "sweep-kind", "sweep-run", "sweep-cancel"
SWEEP_PROGRESS, SWEEP_SAYS, SWEEP_ASKED = "sweep-progress", "sweep-says", "sweep-asked"

_USUAL = BacktestParams()
#: name -> (control id, label, hint, kind)
SETTINGS: dict[str, tuple[str, str, str, str]] = {
    "entry_z": ("entry-z", "Entry |z|", "", "number"),
    "exit_z": ("exit-z", "Exit |z|", "", "number"),
    "stop_z": ("stop-z", "Stop |z|", "empty: none", "optional"),
    "max_bars": ("max-bars", "Time stop", "bars", "whole"),
    "cost_bps": ("cost-bps", "Cost", "bps, side and leg", "number"),
    "slippage_bps": ("slippage-bps", "Slippage", "bps", "number"),
    "hedge_window": ("backtest-hedge-window", "Hedge window", "bars", "whole"),
}
HEDGE_MODE = "hedge-mode"
_MODES = (
    ("rolling", "Rolling OLS"),
    ("kalman", "Kalman"),
    ("in-sample", "Fixed, in-sample"),
)


def layout(theme: str) -> Component:
    """Settings, figures, equity and drawdown, z with its trades, the trades, the sweep."""
    blank = {one: empty_figure("waiting for the first bars", theme, one) for one in CHARTS}
    fields = [
        field(label, number(control, getattr(_USUAL, name)), control, hint=hint)
        for name, (control, label, hint, _) in SETTINGS.items()
    ]
    fields.append(field("Hedge", select(HEDGE_MODE, _MODES, _USUAL.hedge_mode), HEDGE_MODE))
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
                [
                    html.Div(fields, className="row-fields"),
                    html.Div(id=MESSAGE, className="field-message", role="alert"),
                ],
                tools=check,
                extra="wide",
            ),
            chart(ids.EQUITY_CHART, blank[ids.EQUITY_CHART]),
            chart(Z_CHART, blank[Z_CHART]),
            chart(ids.DRAWDOWN_CHART, blank[ids.DRAWDOWN_CHART]),
            card("Results", html.Div(id=ids.BACKTEST_FIGURES, className="scroll-x")),
            card("Trades", table(ids.TRADES_TABLE, _columns()), extra="wide"),
            _sweep_card(theme),
            dcc.Store(id=SWEEP_ASKED),
        ],
        className="grid",
    )


def _columns() -> list[dict[str, Any]]:
    return [
        text_column("id", "No.", width=72),
        text_column("side", "Side", minWidth=250),
        text_column("entry_time", "Entry (UTC)", minWidth=170),
        text_column("exit_time", "Exit (UTC)", minWidth=170),
        number_column("entry_z", "Entry z", "+.2f"),
        number_column("exit_z", "Exit z", "+.2f"),
        number_column("bars", "Bars", ","),
        number_column("beta", "β", ".4f"),
        number_column("gross_bps", "Gross bps", "+.2f"),
        number_column("cost_bps", "Cost bps", ".2f"),
        number_column("net_bps", "Net bps", "+.2f"),
        text_column("reason", "Exit by"),
    ]


def _sweep_card(theme: str) -> Component:
    tools = [
        html.Label("Sweep", htmlFor=SWEEP_KIND, className="visually-hidden"),
        select(SWEEP_KIND, [(name, one.title) for name, one in SWEEPS.items()], "exit"),
        dbc.Button("Run", id=SWEEP_RUN, size="sm", color="primary"),
        dbc.Button(
            "Cancel", id=SWEEP_CANCEL, size="sm", color="secondary", outline=True, disabled=True
        ),
    ]
    body = html.Div(
        [
            html.Progress(
                id=SWEEP_PROGRESS,
                value="0",
                max="100",
                className="sweep-progress",
                **attributes(aria_label="Progress of the sweep"),
            ),
            html.Div(id=SWEEP_SAYS, className="tone-muted", role="status"),
            chart(
                ids.SWEEP_HEATMAP,
                empty_figure("waiting for the first bars", theme, ids.SWEEP_HEATMAP),
                "bare",
            ),
        ]
    )
    return card("Parameter sweep: Sharpe after costs", body, tools=tools, extra="wide")


def settings_of(raw: dict[str, Any]) -> BacktestParams:
    """The back-test's settings from what the controls hold. Raises ValueError by field."""
    values: dict[str, Any] = {"hedge_mode": raw["hedge_mode"]}
    for name, (_, label, _, kind) in SETTINGS.items():
        text = str(raw[name] if raw[name] is not None else "").strip()
        if not text and (kind == "optional" or name == "max_bars"):
            values[name] = None
            continue
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{label} is {text or 'empty'}, expected a number") from None
        values[name] = int(number) if kind == "whole" and number.is_integer() else number
    return BacktestParams(**values)


def _question(tab: Tab, settings: BacktestParams) -> Any:
    return (tab.view.market, tab.view.pair, settings, tab.options["sweep"])


def _job(runtime: Runtime, jobs: SweepJobs, tab: Tab, settings: BacktestParams) -> SweepJob | None:
    """The sweep for this question; the first to ask starts it."""
    key = _question(tab, settings)
    job = jobs.get(key)
    if job is None and tab.view.pair is not None and runtime.kernels_ready:
        job = SweepJob(SWEEPS[tab.options["sweep"]])
        y, x = runtime.legs(tab.view.market, tab.view.pair)
        job.start(y, x, tab.view.pair, settings)
        jobs.add(key, job)
    return job


def _sweep_part(job: SweepJob | None, tab: Tab) -> dict[str, Any]:
    if job is None:
        blank = empty_figure("waiting for enough bars", tab.theme, ids.SWEEP_HEATMAP)
        return {ids.SWEEP_HEATMAP: blank, "sweep_says": "", "progress": "0", "idle": True}
    made: dict[str, Any] = {
        "sweep_says": job.words,
        "progress": str(round(100 * job.done / job.kind.cells)),
        "idle": not job.running,
    }
    if job.result is not None:
        made[ids.SWEEP_HEATMAP] = sweep_figure(job.result, theme=tab.theme)
    elif not job.running:
        made[ids.SWEEP_HEATMAP] = empty_figure(job.words, tab.theme, ids.SWEEP_HEATMAP)
    return made


def make_page(jobs: SweepJobs) -> LivePage:
    """The page's live part, over the sweeps that this process runs."""

    def key(runtime: Runtime, tab: Tab) -> Any:
        try:
            job = jobs.get(_question(tab, settings_of(dict(tab.options))))
        except ValueError:
            job = None
        return (pair_key(runtime, tab), job and (id(job), job.version, job.running))

    async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
        try:
            settings = settings_of(dict(tab.options))
        except ValueError as error:
            return {"message": str(error)}
        if tab.view.pair is None:
            result: Any = NO_PAIR
        else:
            result = await runtime.backtest(tab.view.market, tab.view.pair, settings, tab.until_ms)
        if isinstance(result, NotReady):
            words = waiting_for(runtime, tab, result)
            return {
                **live.empty_page(page, words, tab.theme),
                "figures": "",
                "trades": [],
                "message": "",
                "idle": True,
            }
        return {**_drawn(result, tab), **_sweep_part(_job(runtime, jobs, tab, settings), tab)}

    page = LivePage(
        path="/backtest",
        charts=CHARTS,
        key=key,
        render=render,
        values={
            "figures": Output(ids.BACKTEST_FIGURES, "children"),
            "trades": Output(ids.TRADES_TABLE, "rowData"),
            "message": Output(MESSAGE, "children"),
            "sweep_says": Output(SWEEP_SAYS, "children"),
            "progress": Output(SWEEP_PROGRESS, "value"),
            "idle": Output(SWEEP_CANCEL, "disabled"),
        },
        options={
            **{name: Input(control, "value") for name, (control, *_) in SETTINGS.items()},
            "hedge_mode": Input(HEDGE_MODE, "value"),
            "sweep": Input(SWEEP_KIND, "value"),
            "asked": Input(SWEEP_ASKED, "data"),
        },
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
        ("Costs", "", cost_words(one.cost_share) or "no gross profit to take from", "muted"),
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
        "message": "",
        "answer": segments(_answer_of(result)),
    }


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the sweep's buttons and the check for look-ahead."""
    jobs = SweepJobs()
    live.register(app, runtime, make_page(jobs))
    raw = {name: State(control, "value") for name, (control, *_) in SETTINGS.items()}
    raw = {**raw, "hedge_mode": State(HEDGE_MODE, "value"), "sweep": State(SWEEP_KIND, "value")}

    @app.callback(
        output=Output(SWEEP_ASKED, "data"),
        inputs={"run": Input(SWEEP_RUN, "n_clicks"), "cancel": Input(SWEEP_CANCEL, "n_clicks")},
        state={"raw": raw, "held": State(ids.VIEW, "data")},
        prevent_initial_call=True,
    )
    async def steer(run, cancel, raw, held):
        if not (run or cancel):
            raise PreventUpdate
        tab = Tab(from_dict(held or {}), "dark", raw)
        try:
            settings = settings_of(raw)
        except ValueError as error:  # the live callback says so at the fields
            raise PreventUpdate from error
        job = jobs.get(_question(tab, settings))
        if ctx.triggered_id == SWEEP_CANCEL:
            if job is not None:
                job.cancel()
        else:
            jobs.forget(_question(tab, settings))
        return [run, cancel]

    @app.callback(
        output={
            "words": Output(LOOK_AHEAD_SAYS, "children"),
            "tone": Output(LOOK_AHEAD_SAYS, "className"),
        },
        inputs={"clicks": Input(LOOK_AHEAD, "n_clicks")},
        state={"raw": raw, "held": State(ids.VIEW, "data")},
        running=[(Output(LOOK_AHEAD, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def look_ahead(clicks, raw, held):
        view = from_dict(held or {})
        if not clicks or view.pair is None:
            raise PreventUpdate
        try:
            y, x = runtime.legs(view.market, view.pair)
            report = await asyncio.to_thread(check_look_ahead, y, x, view.pair, settings_of(raw))
        except ValueError as error:
            return {"words": str(error), "tone": "tone-down"}
        if isinstance(report, NotReady):
            return {"words": report.reason, "tone": "tone-muted"}
        return {"words": report.text, "tone": "tone-down" if report.changed else "tone-up"}
