"""Alerts: the rules that watch, what they caught, and where on the charts it was."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from analytics.alerts import METRICS, AlertRule
from analytics.model import NotReady
from dashapp import ids
from dashapp.figures.alerts import alert_spread_figure, alert_zscore_figure
from dashapp.services.alerts.engine import public_rule
from dashapp.services.alerts.history import Record
from dashapp.services.alerts.preview import Preview
from dashapp.services.runtime import Runtime
from dashapp.text.answers import alerts_answer
from dashapp.text.numbers import NONE, counted, utc_time
from dashapp.ui import polling
from dashapp.ui.components import (
    button,
    card,
    chart,
    download,
    number_column,
    segments,
    table,
    text_column,
)
from dashapp.ui.pages.alerts import form
from dashapp.ui.pages.shared import markers_of, pair_key, snapshot_of, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.ALERT_SPREAD_CHART, ids.ALERT_ZSCORE_CHART)
DELETE, CLEAR = "rule-delete", "alerts-clear"
COPY, COPIED = "rule-copy", "rule-copied"
DOWNLOAD = "download-alerts"
_MOST_ROWS = 1_000


def _rule_columns() -> list[dict[str, Any]]:
    return [
        text_column("what", "Rule", minWidth=270, flex=1, tooltipField="what"),
        text_column("market", "Market", width=90),
        text_column("when", "Evaluated", minWidth=140),
        number_column("cooldown_s", "Cooldown, s", minWidth=124),
        number_column("hysteresis", "Hysteresis", minWidth=118),
        text_column("webhook", "Webhook", minWidth=110, tooltipField="webhook"),
        text_column("state", "State", minWidth=190, tooltipField="state"),
        {
            "field": "enabled",
            "headerName": "Armed",
            "minWidth": 84,
            "editable": True,
            "cellRenderer": "agCheckboxCellRenderer",
            "cellEditor": "agCheckboxCellEditor",
        },
    ]


def _history_columns() -> list[dict[str, Any]]:
    return [
        text_column("time", "Bar (UTC)", minWidth=190),
        text_column("market", "Market", width=90),
        text_column("symbols", "Symbols", minWidth=160),
        text_column("metric", "Metric", minWidth=150),
        text_column("text", "What it said", minWidth=340, flex=1, tooltipField="text"),
        text_column("became", "What became of it", minWidth=210),
        number_column("bars", "Bars", ",", width=80),
        number_column("worst_z", "Furthest z", "+,.2f", width=110),
        number_column("worst_bps", "Worst bps", "+,.1f", width=110),
        number_column("net_bps", "Net bps", "+,.1f", width=100),
        text_column("delivery", "Webhook", minWidth=240, tooltipField="delivery"),
    ]


def _rule_tools() -> list[Component]:
    return [
        html.Span(id=COPIED, className="tone-muted", role="status"),
        button(COPY, "Copy selected to the watchlist"),
        button(DELETE, "Delete selected"),
    ]


def _history_tools() -> list[Component]:
    clear = dbc.Button("Clear", size="sm", color="secondary", outline=True)
    question = "Clear the whole history of alerts, of every market?"
    return [
        download(DOWNLOAD, "Download CSV", "/export/alerts.csv"),
        dcc.ConfirmDialogProvider(clear, id=CLEAR, message=question),
    ]


def layout(theme: str) -> Component:
    """The form, the annotated charts, the rules and the history."""
    blank = polling.empty_figures(CHARTS, theme)
    rules = table(ids.RULES_TABLE, _rule_columns(), height="12rem", selectable=True)
    history = table(ids.ALERTS_TABLE, _history_columns(), height="18rem")
    return html.Div(
        [
            form.layout(),
            chart(ids.ALERT_SPREAD_CHART, blank[ids.ALERT_SPREAD_CHART]),
            chart(ids.ALERT_ZSCORE_CHART, blank[ids.ALERT_ZSCORE_CHART]),
            card("Rules", rules, tools=_rule_tools(), extra="wide"),
            card("History", history, tools=_history_tools(), extra="wide"),
        ],
        className="grid",
    )


def rule_row(runtime: Runtime, rule: AlertRule) -> dict[str, Any]:
    """A row of the rules' table."""
    subject = " / ".join(rule.symbols) or "the whole feed"
    sign = "|" if rule.operator.startswith("abs") else ""
    label = METRICS[rule.metric].label
    state = "armed" if rule.enabled else "off"
    if rule.enabled and runtime.alerts.paused(rule.id):
        state = "paused: the feed is silent"
    elif rule.enabled and runtime.alerts.waiting(rule.id):
        state = f"waiting: {runtime.alerts.waiting(rule.id)}"
    return {
        "id": rule.id,
        "what": f"{subject}: {sign}{label}{sign} {rule.operator[-1]} {rule.threshold:,.10g}",
        "market": rule.market,
        "when": "on closed bars" if rule.on == "close" else "on every update",
        "cooldown_s": rule.cooldown_s,
        "hysteresis": rule.hysteresis,
        "webhook": public_rule(rule)["webhook"] or "",
        "state": state,
        "enabled": rule.enabled,
    }


def event_row(record: Record) -> dict[str, Any]:
    """A row of the history. Figures of an alert that is not over yet stand as of now."""
    event, outcome = record.event, record.outcome
    return {
        "id": event.id,
        "time": utc_time(event.ts_ms),
        "market": event.market,
        "symbols": " / ".join(event.symbols),
        "metric": METRICS[event.metric].label,
        "text": event.text,
        "bars": outcome and outcome.bars,
        "worst_z": outcome and _rounded(outcome.worst_z, 2),
        "worst_bps": outcome and _rounded(outcome.worst_bps, 1),
        "net_bps": outcome and _rounded(outcome.net_bps, 1),
        "became": became(record),
        "delivery": record.delivery,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    """As it is shown, so that no zero has a minus."""
    return None if value is None else round(value, digits) + 0.0


def became(record: Record) -> str:
    """What became of an alert, in words."""
    outcome = record.outcome
    if outcome is None and record.followed:
        return "too early"
    if outcome is None:
        return "not known: its data are gone" if record.suggests else NONE
    if outcome.bars is not None:
        return f"back to 0 after {counted(outcome.bars, 'bar')}"
    rest = "" if outcome.done else " so far" if record.followed else ", then its data went"
    return f"not back after {counted(outcome.followed, 'bar')}{rest}"


def _answer(runtime: Runtime) -> list[tuple[str, str]]:
    rules, newest = runtime.alerts.rules, runtime.alerts.history.newest_event
    return alerts_answer(
        armed=sum(rule.enabled for rule in rules),
        fired_today=runtime.alerts.history.fired_today,
        paused=sum(rule.enabled and runtime.alerts.paused(rule.id) for rule in rules),
        last=newest.text if newest else None,
    )


def key(runtime: Runtime, tab: Tab) -> Any:
    """The pair's version; rules that pause or wake count as well."""
    paused = tuple(runtime.alerts.paused(rule.id) for rule in runtime.alerts.rules)
    return (pair_key(runtime, tab), runtime.alerts.version, paused)


async def _rehearsal(runtime: Runtime, tab: Tab) -> Preview:
    """What the rule in the tab's form would have done; the form itself says what it lacks."""
    fields, _ = form.check(tab.view, tab.options)
    return Preview() if fields is None else await runtime.alerts.previews.of(fields)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """Charts with the alerts on them, the rules and the history."""
    tables = {
        "rules": [rule_row(runtime, rule) for rule in runtime.alerts.rules],
        "events": [event_row(record) for record in runtime.alerts.history.records()[:_MOST_ROWS]],
        "answer": segments(_answer(runtime)),
    }
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot)
        return {**polling.empty_page(PAGE, words, tab.theme), **tables, "preview": ""}
    rehearsal = await _rehearsal(runtime, tab)
    look = {**tab.look, "rehearsed": rehearsal.marks}
    events, threshold = markers_of(runtime, tab), tab.view.z_threshold
    return {
        **tables,
        "preview": rehearsal.words,
        ids.ALERT_SPREAD_CHART: alert_spread_figure(snapshot, events, **look),
        ids.ALERT_ZSCORE_CHART: alert_zscore_figure(snapshot, threshold, events, **look),
    }


PAGE = LivePage(
    path="/alerts",
    charts=CHARTS,
    key=key,
    render=render,
    values={
        "rules": Output(ids.RULES_TABLE, "rowData"),
        "events": Output(ids.ALERTS_TABLE, "rowData"),
        "preview": Output(form.PREVIEW, "children"),
    },
    options=form.FIELDS,
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the form and the tables' buttons."""
    polling.register(app, runtime, PAGE)
    form.register(app, runtime)
    _register_tables(app, runtime)


def copied_words(runtime: Runtime, rule_ids: list[str]) -> str:
    """Copy rules to every watched pair; what was done, in words."""
    if not rule_ids:
        return "select a rule first"
    if not len(runtime.watchlist):
        return "no pair is watched"
    told = []
    for rule_id in rule_ids:
        try:
            told.append(runtime.watchlist.copy_rule(rule_id).words)
        except (KeyError, ValueError) as error:
            told.append(str(error.args[0]))
    return "; ".join(dict.fromkeys(told))


def _register_tables(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        Output(ids.RULES_TABLE, "selectedRows"),
        Input(DELETE, "n_clicks"),
        State(ids.RULES_TABLE, "selectedRows"),
        prevent_initial_call=True,
    )
    async def delete(clicks: int | None, selected: list[Any] | None) -> list[Any]:
        for row in selected or []:
            runtime.alerts.delete_rule(row["id"])
        return []

    @app.callback(
        Output(COPIED, "children"),
        Input(COPY, "n_clicks"),
        State(ids.RULES_TABLE, "selectedRows"),
        prevent_initial_call=True,
    )
    async def copy(clicks: int | None, selected: list[Any] | None) -> str:
        return copied_words(runtime, [row["id"] for row in selected or []])

    @app.callback(
        Output(ids.RULES_TABLE, "cellValueChanged"),
        Input(ids.RULES_TABLE, "cellValueChanged"),
        prevent_initial_call=True,
    )
    async def arm(changes: list[Any] | None) -> Any:
        for change in changes or []:
            row = change["data"]
            if any(rule.id == row["id"] for rule in runtime.alerts.rules):
                runtime.alerts.set_enabled(row["id"], bool(row["enabled"]))
        return no_update

    @app.callback(
        Output(ids.ALERTS_TABLE, "selectedRows"),
        Input(CLEAR, "submit_n_clicks"),
        prevent_initial_call=True,
    )
    async def clear(clicks: int | None) -> list[Any]:
        if clicks:
            runtime.alerts.clear_events()
        return []
