"""The tables of the Alerts page: the rules with what became of their alerts, and the history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from analytics.alerts import METRICS, AlertRule
from analytics.model import PairParams, ParameterError
from dashapp import ids
from dashapp.parameters.check import message, read
from dashapp.parameters.pair import own_words
from dashapp.parameters.table import ALERT
from dashapp.services.alerts.engine import public_rule
from dashapp.services.alerts.history import Record, RuleTotals
from dashapp.services.alerts.readings import never_fires
from dashapp.services.runtime import Runtime
from dashapp.text.alerts import became, condition_words
from dashapp.text.numbers import utc_time
from dashapp.text.states import NO_ALERTS, NO_RULES, SELECT_RULE
from dashapp.ui.clicks import clicked
from dashapp.ui.components import (
    WRAPPED,
    button,
    card,
    download,
    height_of,
    number_column,
    row_detail,
    table,
    text_column,
    time_column,
)
from dashapp.ui.pages.shared import show_details

DELETE, CLEAR, SNOOZE = "rule-delete", "alerts-clear", "rule-snooze"
COPY, COPIED = "rule-copy", "rule-copied"
SAYS = "rules-say"
DOWNLOAD = "download-alerts"
HISTORY_DETAIL = "alert-detail"
SNOOZE_S = 3_600.0
_MOST_ROWS = 1_000
#: Columns of the rules that are changed where they stand: the field of AlertRule.
_EDITED = ("threshold", "cooldown_s")


def _rule_columns() -> list[dict[str, Any]]:
    edited: dict[str, Any] = {"editable": True, "cellClass": "figures editable"}
    return [
        text_column("what", "Rule", minWidth=204, flex=2, tooltipField="more", **WRAPPED),
        number_column("threshold", "Threshold", width=110, minWidth=108, **edited),
        {
            "field": "enabled",
            "headerName": "Armed",
            "width": 88,
            "minWidth": 84,
            "editable": True,
            "cellRenderer": "agCheckboxCellRenderer",
            "cellEditor": "agCheckboxCellEditor",
        },
        text_column("state", "State", minWidth=112, flex=1, tooltipField="state", **WRAPPED),
        number_column("alerts", "Alerts", ",", width=76, minWidth=72),
        number_column("hit_rate", "Hit rate", ".0%", width=76, minWidth=72),
        number_column("mean_net", "Mean net bps", "+,.1f", width=100, minWidth=96),
        number_column("worst", "Max adverse bps", "+,.1f", width=122, minWidth=118),
        text_column("market", "Market", width=92, minWidth=80, tooltipField="market"),
        number_column("cooldown_s", "Cooldown s", width=106, minWidth=102, **edited),
    ]


def _history_columns() -> list[dict[str, Any]]:
    return [
        time_column("from_ms", "Bar (UTC)", year=True),
        text_column("symbols", "Symbols", width=158, minWidth=156),
        text_column("text", "Signal", width=300, minWidth=230, tooltipField="text", **WRAPPED),
        text_column("became", "Outcome", width=186, minWidth=156, tooltipField="became"),
        number_column("net_bps", "Net bps", "+,.1f", width=88, minWidth=84),
        number_column("bars", "Bars", ",", width=68, minWidth=64),
        number_column("worst_z", "Max adverse z", "+,.2f", width=108, minWidth=104),
        number_column("worst_bps", "Max adverse bps", "+,.1f", width=122, minWidth=118),
    ]


def cards() -> list[Component]:
    """The rules and the history, each with its buttons."""
    rules = table(ids.RULES_TABLE, _rule_columns(), height="86px", selectable=True, empty=NO_RULES)
    history = table(
        ids.ALERTS_TABLE, _history_columns(), height="18rem", single_row=True, empty=NO_ALERTS
    )
    shown = [history, row_detail(HISTORY_DETAIL)]
    says = html.Span(id=SAYS, role="status", className="tone-muted")
    rule_tools = [
        says,
        html.Span(id=COPIED, className="tone-muted", role="status"),
        button(COPY, "Copy selected to the watchlist"),
        button(SNOOZE, "Snooze 1 h"),
        button(DELETE, "Delete selected"),
    ]
    return [
        card("Rules", rules, tools=rule_tools, extra="wide"),
        card("History", shown, tools=_history_tools(), extra="wide"),
    ]


def _history_tools() -> list[Component]:
    clear = dbc.Button("Clear", size="sm", color="secondary", outline=True)
    question = "Clear the whole history of alerts, of every market?"
    return [
        download(DOWNLOAD, "Download CSV", "/export/alerts.csv"),
        dcc.ConfirmDialogProvider(clear, id=CLEAR, message=question),
    ]


def state_words(runtime: Runtime, rule: AlertRule) -> str:
    """What a rule does now, in words."""
    if not rule.enabled:
        return "off"
    if runtime.alerts.snoozed(rule):
        until = datetime.fromtimestamp(rule.snoozed_until_ms / 1_000, UTC)
        return f"snoozed until {until:%H:%M} UTC"
    if runtime.alerts.paused(rule.id):
        return "paused: the feed is silent"
    never = never_fires(rule)
    if never:
        return never
    waits = runtime.alerts.waiting(rule.id)
    return f"waiting: {waits}" if waits else "armed"


def rule_row(runtime: Runtime, rule: AlertRule) -> dict[str, Any]:
    """A row of the rules' table."""
    subject = " / ".join(rule.symbols) or "the whole feed"
    when = "on closed bars" if rule.on == "close" else "on every update"
    back = f", re-armed when back by {rule.hysteresis:g}" if rule.hysteresis else ""
    hook = public_rule(rule)["webhook"]
    own = _own(rule.params)
    totals = runtime.alerts.history.totals().get(rule.id, RuleTotals())
    return {
        "id": rule.id,
        "what": f"{subject}: {condition_words(rule, threshold=False)}{own}",
        "more": f"{when}{back}{f', webhook {hook}' if hook else ''}{own}",
        "market": market_title(runtime, rule.market),
        "threshold": rule.threshold,
        "cooldown_s": rule.cooldown_s,
        "state": state_words(runtime, rule),
        "enabled": rule.enabled,
        "alerts": totals.alerts,
        "hit_rate": totals.hit_rate,
        "mean_net": _rounded(totals.mean_net_bps, 1),
        "worst": _rounded(totals.worst_bps, 1),
    }


def _own(params: PairParams | None) -> str:
    """What a pair has of its own, behind its name or its alert; "" where all is usual."""
    words = "" if params is None else own_words(params)
    return f" · {words}" if words else ""


def market_title(runtime: Runtime, market_id: str) -> str:
    """What the page calls a market; its id where it is gone."""
    market = runtime.markets.get(market_id)
    return market_id if market is None else market.title


def event_row(runtime: Runtime, record: Record) -> dict[str, Any]:
    """A row of the history. Figures of an alert that is not over yet stand as of now."""
    event, outcome = record.event, record.outcome
    return {
        "id": event.id,
        "from_ms": event.ts_ms,
        "symbols": " / ".join(event.symbols),
        "text": f"{event.text}{_own(record.params)}",
        "bars": outcome and outcome.bars,
        "worst_z": outcome and _rounded(outcome.worst_z, 2),
        "worst_bps": outcome and _rounded(outcome.worst_bps, 1),
        "net_bps": outcome and _rounded(outcome.net_bps, 1),
        "became": became(record.outcome, record.followed, record.suggests),
        "details": [
            ["Signal", f"{event.text}{_own(record.params)}"],
            ["Bar", f"{utc_time(event.ts_ms)} UTC"],
            ["Market", market_title(runtime, event.market)],
            ["Metric", METRICS[event.metric].label],
            ["Webhook", record.delivery or "none"],
        ],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    """As it is shown, so that no zero has a minus."""
    return None if value is None else round(value, digits) + 0.0


def _lines(row: Mapping[str, Any]) -> int:
    """How many lines a rule takes in its table, whose narrow columns are wrapped."""
    return max(-(-len(row["state"]) // 16), -(-len(row["what"]) // 28), 1)


def rows(runtime: Runtime) -> dict[str, Any]:
    """The rows of both tables, and how tall that of the rules is."""
    records = runtime.alerts.history.records()[:_MOST_ROWS]
    rules = [rule_row(runtime, rule) for rule in runtime.alerts.rules]
    return {
        "rules": rules,
        "rules_height": height_of(sum(map(_lines, rules))),
        "events": [event_row(runtime, record) for record in records],
    }


def edited(runtime: Runtime, row: dict[str, Any]) -> str:
    """Do to a rule what its row says now; what is wrong with it, in words, "" for nothing."""
    rule = next((one for one in runtime.alerts.rules if one.id == row["id"]), None)
    if rule is None:
        return ""
    try:
        given = {name: read(ALERT[name], row[name]) for name in _EDITED}
        if any(given[name] != getattr(rule, name) for name in _EDITED):
            rule = runtime.alerts.edit_rule(rule.id, given)
        if bool(row["enabled"]) != rule.enabled:
            runtime.alerts.set_enabled(rule.id, bool(row["enabled"]))
    except ParameterError as error:
        return f"{ALERT[error.field].label if error.field in ALERT else error.field}: " + message(
            error, ALERT
        )
    except ValueError as error:
        return str(error)
    return ""


def register(app: Dash, runtime: Runtime) -> None:
    """What is done in the tables and by their buttons."""
    show_details(app, ids.ALERTS_TABLE, HISTORY_DETAIL)

    @app.callback(
        Output(ids.RULES_TABLE, "selectedRows"),
        Output(SAYS, "children"),
        Input(DELETE, "n_clicks"),
        Input(SNOOZE, "n_clicks"),
        State(ids.RULES_TABLE, "selectedRows"),
        prevent_initial_call=True,
    )
    async def delete_or_snooze(
        deletes: int | None, snoozes: int | None, selected: list[Any] | None
    ) -> tuple[list[Any], str]:
        known = {rule.id for rule in runtime.alerts.rules}
        for row in selected or []:
            if deletes and clicked(DELETE):
                runtime.alerts.delete_rule(row["id"])
            elif snoozes and row["id"] in known:
                runtime.alerts.snooze(row["id"], SNOOZE_S)
        return [], "" if selected else SELECT_RULE

    @app.callback(
        Output(COPIED, "children"),
        Input(COPY, "n_clicks"),
        State(ids.RULES_TABLE, "selectedRows"),
        prevent_initial_call=True,
    )
    async def copy(clicks: int | None, selected: list[Any] | None) -> str:
        return copied_words(runtime, [row["id"] for row in selected or []])

    @app.callback(
        Output(SAYS, "children", allow_duplicate=True),
        Output(ids.RULES_TABLE, "rowData", allow_duplicate=True),
        Input(ids.RULES_TABLE, "cellValueChanged"),
        prevent_initial_call=True,
    )
    async def change(changes: list[Any] | None) -> Any:
        words = [edited(runtime, one["data"]) for one in changes or []]
        wrong = "; ".join(filter(None, words))
        return wrong, rows(runtime)["rules"] if wrong else no_update

    @app.callback(
        Output(ids.ALERTS_TABLE, "selectedRows"),
        Input(CLEAR, "submit_n_clicks"),
        prevent_initial_call=True,
    )
    async def clear(clicks: int | None) -> list[Any]:
        if clicks:
            runtime.alerts.clear_events()
        return []


def copied_words(runtime: Runtime, rule_ids: list[str]) -> str:
    """Copy rules to every watched pair; what was done, in words."""
    if not rule_ids:
        return SELECT_RULE
    if not len(runtime.watchlist):
        return "no pair is watched"
    told = []
    for rule_id in rule_ids:
        try:
            told.append(runtime.watchlist.copy_rule(rule_id).words)
        except (KeyError, ValueError) as error:
            told.append(str(error.args[0]))
    return "; ".join(dict.fromkeys(told))
