"""Alerts: the rules that watch, what they caught, and where on the charts it was."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.alerts import METRICS, AlertRule, parse_rule, would_have_fired
from analytics.model import NotReady, PairParams, PairSnapshot
from dashapp import ids, live
from dashapp.components import (
    card,
    chart,
    download,
    field,
    number,
    number_column,
    segments,
    select,
    table,
    text_column,
)
from dashapp.figures.alerts import alert_spread_figure, alert_zscore_figure
from dashapp.figures.base import empty_figure
from dashapp.live import LivePage, Tab
from dashapp.pages.shared import markers_of, pair_key, snapshot_of, utc_time, waiting_for
from dashapp.runtime import Runtime
from dashapp.view import View, from_dict
from dashapp.words import alerts_answer

CHARTS = (ids.ALERT_SPREAD_CHART, ids.ALERT_ZSCORE_CHART)
METRIC, OPERATOR, THRESHOLD = "rule-metric", "rule-operator", "rule-threshold"
COOLDOWN, MOMENT, ONCE = "rule-cooldown", "rule-moment", "rule-once"
ADD, SAYS, PREVIEW, DELETE, CLEAR = (
    "rule-add",
    "rule-says",
    "rule-preview",
    "rule-delete",
    "alerts-clear",
)
DOWNLOAD = "download-alerts"
NOTIFY = "notify-here"
_OPERATORS = (("abs>", "|value| >"), ("abs<", "|value| <"), (">", ">"), ("<", "<"))
_METRIC_WORDS = (
    ("z", "z-score of the pair"),
    ("spread", "Spread of the pair"),
    ("correlation", "Correlation of the pair"),
    ("adf_pvalue", "ADF p-value of the pair"),
    ("price", "Price of the Y leg"),
    ("volume", "Volume of the Y leg"),
    ("feed_silent", "Seconds without data"),
)


def _form() -> Component:
    fields = [
        field("When", select(METRIC, _METRIC_WORDS, "z"), METRIC),
        field("Is", select(OPERATOR, _OPERATORS, "abs>"), OPERATOR),
        field("Threshold", number(THRESHOLD, 2.0), THRESHOLD),
        field("Cooldown", number(COOLDOWN, 60), COOLDOWN, hint="s"),
        field(
            "Evaluate",
            select(MOMENT, (("update", "On every update"), ("close", "On closed bars")), "update"),
            MOMENT,
        ),
        html.Div(dbc.Switch(id=ONCE, label="Fire once only", value=False), className="field"),
    ]
    says = html.Div(
        [
            html.Span(id=PREVIEW, className="tone-muted", role="status"),
            html.Span(id=SAYS, role="status"),
        ],
        className="tools",
    )
    add = dbc.Button("Add rule", id=ADD, size="sm", color="primary")
    notify = dbc.Button(
        "Allow browser notifications", id=NOTIFY, size="sm", color="secondary", outline=True
    )
    return card(
        "New rule on the pair in view",
        [html.Div(fields, className="row-fields"), says],
        tools=[notify, add],
        extra="wide",
    )


def layout(theme: str) -> Component:
    """The form, the annotated charts, the rules and the history."""
    blank = {one: empty_figure("waiting for the first bars", theme, one) for one in CHARTS}
    rules = [
        text_column("what", "Rule", minWidth=260),
        text_column("market", "Market"),
        text_column("when", "Evaluated"),
        number_column("cooldown_s", "Cooldown, s"),
        text_column("state", "State"),
        {
            "field": "enabled",
            "headerName": "Armed",
            "editable": True,
            "cellRenderer": "agCheckboxCellRenderer",
            "cellEditor": "agCheckboxCellEditor",
        },
    ]
    history = [
        text_column("time", "Bar (UTC)", minWidth=170),
        text_column("market", "Market"),
        text_column("symbols", "Symbols", minWidth=160),
        text_column("metric", "Metric"),
        number_column("value", "Value", "+,.4~f"),
        number_column("threshold", "Threshold", ",.4~f"),
        text_column("text", "What it said", minWidth=320, flex=1),
    ]
    return html.Div(
        [
            _form(),
            chart(ids.ALERT_SPREAD_CHART, blank[ids.ALERT_SPREAD_CHART]),
            chart(ids.ALERT_ZSCORE_CHART, blank[ids.ALERT_ZSCORE_CHART]),
            card(
                "Rules",
                table(ids.RULES_TABLE, rules, height="14rem", selectable=True),
                tools=dbc.Button(
                    "Delete selected", id=DELETE, size="sm", color="secondary", outline=True
                ),
                extra="wide",
            ),
            card(
                "History",
                table(ids.ALERTS_TABLE, history),
                tools=[
                    download(DOWNLOAD, "Download CSV"),
                    dbc.Button("Clear", id=CLEAR, size="sm", color="secondary", outline=True),
                ],
                extra="wide",
            ),
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
        "what": f"{subject}: {sign}{label}{sign} {rule.operator[-1]} {rule.threshold:g}",
        "market": rule.market,
        "when": "on closed bars" if rule.on == "close" else "on every update",
        "cooldown_s": rule.cooldown_s,
        "state": state,
        "enabled": rule.enabled,
    }


def event_row(event: Any) -> dict[str, Any]:
    """A row of the history."""
    return {
        "id": event.id,
        "time": utc_time(event.ts_ms),
        "market": event.market,
        "symbols": " / ".join(event.symbols),
        "metric": METRICS[event.metric].label,
        "value": event.value,
        "threshold": event.threshold,
        "text": event.text,
    }


def _answer(runtime: Runtime) -> list[tuple[str, str]]:
    rules, events = runtime.alerts.rules, runtime.alerts.events()
    midnight = int(time.time() // 86_400) * 86_400_000
    return alerts_answer(
        armed=sum(rule.enabled for rule in rules),
        fired_today=sum(event.ts_ms >= midnight for event in events),
        paused=sum(rule.enabled and runtime.alerts.paused(rule.id) for rule in rules),
        last=events[0].text if events else None,
    )


def key(runtime: Runtime, tab: Tab) -> Any:
    """The pair's version; rules that pause or wake count as well."""
    paused = tuple(runtime.alerts.paused(rule.id) for rule in runtime.alerts.rules)
    return (pair_key(runtime, tab), runtime.alerts.version, paused)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """Charts with the alerts on them, the rules and the history."""
    made: dict[str, Any] = {
        "rules": [rule_row(runtime, rule) for rule in runtime.alerts.rules],
        "events": [event_row(event) for event in runtime.alerts.events()[:1_000]],
        "export": f"/export/{tab.view.market}/alerts.csv",
        "answer": segments(_answer(runtime)),
    }
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot)
        return {**live.empty_page(PAGE, words, tab.theme), **made}
    look = {"theme": tab.theme, "uirevision": tab.uirevision}
    events = markers_of(runtime, tab)
    threshold = tab.view.z_threshold
    made[ids.ALERT_SPREAD_CHART] = alert_spread_figure(snapshot, events, **look)
    made[ids.ALERT_ZSCORE_CHART] = alert_zscore_figure(snapshot, threshold, events, **look)
    return made


PAGE = LivePage(
    path="/alerts",
    charts=CHARTS,
    key=key,
    render=render,
    values={
        "rules": Output(ids.RULES_TABLE, "rowData"),
        "events": Output(ids.ALERTS_TABLE, "rowData"),
        "export": Output(DOWNLOAD, "href"),
    },
)

_FORM = {
    "metric": Input(METRIC, "value"),
    "operator": Input(OPERATOR, "value"),
    "threshold": Input(THRESHOLD, "value"),
    "cooldown_s": Input(COOLDOWN, "value"),
    "on": Input(MOMENT, "value"),
    "once": Input(ONCE, "value"),
}


def rule_fields(view: View, raw: dict[str, Any]) -> dict[str, Any]:
    """The rule that the form describes, as the alert engine takes it. Raises ValueError."""
    subject = METRICS[raw["metric"]].subject
    made: dict[str, Any] = {"market": view.market, **raw}
    for name in ("threshold", "cooldown_s"):
        try:
            made[name] = float(raw[name])
        except (TypeError, ValueError):
            label = "Threshold" if name == "threshold" else "Cooldown"
            raise ValueError(f"{label} is {raw[name] or 'empty'}, expected a number") from None
    if subject == "pair":
        if view.pair is None:
            raise ValueError("this market has no pair to watch")
        made["params"] = asdict(view.pair)
    elif subject == "symbol":
        made["symbol"] = view.pair.y if view.pair else view.first
    return made


def _series(rule: AlertRule, snapshot: PairSnapshot) -> tuple[Any, Any] | None:
    held = {
        "z": (snapshot.ts_ms, snapshot.z),
        "spread": (snapshot.ts_ms, snapshot.spread),
        "correlation": (snapshot.ts_ms, snapshot.corr),
        "adf_pvalue": (snapshot.adf_ts_ms, snapshot.adf_pvalue),
        "price": (snapshot.ts_ms, snapshot.price_y),
    }
    return held.get(rule.metric)


async def preview(runtime: Runtime, view: View, raw: dict[str, Any]) -> str:
    """How often the rule would have fired in the data in view, in words."""
    rule = parse_rule({"id": "preview", **rule_fields(view, raw)})
    params: PairParams | None = view.pair
    snapshot = await runtime.snapshot(view.market, params) if params else None
    if snapshot is None or isinstance(snapshot, NotReady):
        return ""
    series = _series(rule, snapshot)
    if series is None:
        return ""
    count = len(would_have_fired(rule, *series))
    times = "once" if count == 1 else f"{count} times"
    return f"it would have fired {times} in the {len(series[0]):,} bars in view"


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the form and the tables' buttons."""
    live.register(app, runtime, PAGE)
    _register_form(app, runtime)
    _register_tables(app, runtime)


def _register_form(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "preview": Output(PREVIEW, "children"),
            "says": Output(SAYS, "children"),
            "tone": Output(SAYS, "className"),
        },
        inputs={
            "add": Input(ADD, "n_clicks"),
            "raw": _FORM,
            "held": Input(ids.VIEW, "data"),
        },
    )
    async def form(add, raw, held):
        if not held:
            raise PreventUpdate
        view = from_dict(held)
        try:
            if ctx.triggered_id == ADD and add:
                rule = runtime.alerts.add_rule(rule_fields(view, raw))
                subject = " / ".join(rule.symbols) or rule.market
                return {"preview": no_update, "says": f"armed: {subject}", "tone": "tone-up"}
            return {"preview": await preview(runtime, view, raw), "says": "", "tone": ""}
        except (ValueError, KeyError) as error:
            return {"preview": "", "says": str(error.args[0]), "tone": "tone-down"}


def _register_tables(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output=Output(ids.RULES_TABLE, "selectedRows"),
        inputs={"clicks": Input(DELETE, "n_clicks")},
        state={"rows": State(ids.RULES_TABLE, "selectedRows")},
        prevent_initial_call=True,
    )
    async def delete(clicks, rows):
        for row in rows or []:
            runtime.alerts.delete_rule(row["id"])
        return []

    @app.callback(
        Output(ids.RULES_TABLE, "cellValueChanged"),
        Input(ids.RULES_TABLE, "cellValueChanged"),
        prevent_initial_call=True,
    )
    async def arm(changes):
        for change in changes or []:
            row = change["data"]
            if any(rule.id == row["id"] for rule in runtime.alerts.rules):
                runtime.alerts.set_enabled(row["id"], bool(row["enabled"]))
        return no_update

    @app.callback(
        Output(ids.ALERTS_TABLE, "selectedRows"),
        Input(CLEAR, "n_clicks"),
        prevent_initial_call=True,
    )
    async def clear(clicks):
        if clicks:
            runtime.alerts.clear_events()
        return []
