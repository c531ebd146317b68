"""The form of a new alert rule: its fields and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.alerts import METRICS, check_rule, parse_rule
from analytics.model import ParameterError
from dashapp import ids
from dashapp.parameters.check import message, messages, read_all, sentence
from dashapp.parameters.pair import View, from_dict
from dashapp.parameters.table import ALERT, PAIR
from dashapp.services.alerts.webhook import check_webhook
from dashapp.services.runtime import Runtime
from dashapp.ui.clicks import clicked
from dashapp.ui.clientside import clientside
from dashapp.ui.components import button, card, parameter_control, parameter_field
from ingestion.url_guard import UrlRefusedError

METRIC, OPERATOR = ALERT["metric"].control, ALERT["operator"].control
ADD, SAYS, PREVIEW = "rule-add", "rule-says", "rule-preview"
NOTIFY = "notify-here"

#: The fields as callbacks take them, by the names of AlertRule.
FIELDS = {name: Input(row.control, "value") for name, row in ALERT.items()}
#: The fields that have room for a message under them.
_FIELDS = {name: row for name, row in ALERT.items() if row.kind != "switch"}
#: What is wrong with no field alone.
WHOLE = ""


def layout() -> Component:
    """The card with the form."""
    fields = [parameter_field(row, row.default) for row in _FIELDS.values()]
    says = html.Div(
        [
            parameter_control(ALERT["once"], ALERT["once"].default),
            html.Span(id=PREVIEW, className="tone-muted", role="status"),
            html.Span(id=SAYS, role="status"),
        ],
        className="tools",
    )
    add = dbc.Button("Add rule", id=ADD, size="sm", color="primary")
    notify = button(NOTIFY, "Allow browser notifications")
    return card(
        "New rule on the pair in view",
        [html.Div(fields, className="row-fields roomy"), says],
        tools=[notify, add],
        extra="wide",
    )


def check(
    view: View, raw: Mapping[str, Any], local: bool
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The rule that the form describes, as the alert engine takes it, or what is wrong with it.

    raw: what the controls hold, by the names of AlertRule. local: whether a webhook may go to
    loopback and private addresses. Returns (fields, {}) or (None, {field: message}); the field is
    WHOLE for what is wrong with none alone.
    """
    values, errors = read_all(ALERT.values(), raw)
    if errors:
        return None, messages(errors, ALERT)
    given = {name: value for name, value in values.items() if value is not None}
    fields = {"market": view.market, **given}
    subject = METRICS[values["metric"]].subject
    if subject == "pair" and view.pair is None:
        return None, {WHOLE: "this market has no pair to watch"}
    if subject == "pair" and view.pair is not None:
        fields["params"] = asdict(view.pair)
    elif subject == "symbol":
        fields["symbol"] = view.pair.y if view.pair else view.first
    try:
        check_rule(parse_rule({"id": "form", **fields}))
        if "webhook" in fields:
            check_webhook(fields["webhook"], local)
    except ParameterError as error:
        return None, _at_its_field(error)
    except UrlRefusedError as error:
        return None, {"webhook": str(error)}
    return fields, {}


def _at_its_field(error: ParameterError) -> dict[str, str]:
    return {error.field: message(error, ALERT)} if error.field in _FIELDS else {WHOLE: str(error)}


def operators_of(metric: str, chosen: str) -> tuple[list[dict[str, str]], str]:
    """The comparisons that a metric has, as the list shows them, and the one that stays chosen.

    >>> operators_of("feed_silent", "abs>")
    ([{'label': '>', 'value': '>'}], '>')
    """
    legal = METRICS[metric].operators
    choices = ALERT["operator"].choices
    options = [{"label": words, "value": name} for name, words in choices if name in legal]
    return options, chosen if chosen in legal else legal[0]


def register(app: Dash, runtime: Runtime) -> None:
    """The form's messages and its buttons."""
    clientside(
        app,
        "sameThreshold",
        Output(ALERT["threshold"].control, "value"),
        Input(ids.VIEW, "data"),
        Input(METRIC, "value"),
    )
    clientside(
        app,
        "askNotify",
        Output(NOTIFY, "children"),
        Output(NOTIFY, "disabled"),
        Input(NOTIFY, "n_clicks"),
    )

    @app.callback(
        Output(OPERATOR, "options"),
        Output(OPERATOR, "value"),
        Input(METRIC, "value"),
        State(OPERATOR, "value"),
    )
    async def offer(metric: str, chosen: str) -> Any:
        return operators_of(metric, chosen)

    @app.callback(
        output={
            "messages": {
                name: Output(f"{row.control}-message", "children") for name, row in _FIELDS.items()
            },
            "says": Output(SAYS, "children"),
            "tone": Output(SAYS, "className"),
        },
        inputs={
            "add": Input(ADD, "n_clicks"),
            "raw": FIELDS,
            "held": Input(ids.VIEW, "data"),
        },
    )
    async def form(
        add: int | None, raw: dict[str, Any], held: dict[str, Any] | None
    ) -> dict[str, Any]:
        if not held:
            raise PreventUpdate
        view, blank = from_dict(held), dict.fromkeys(_FIELDS, "")
        fields, errors = check(view, raw, runtime.settings.reaches_local)
        if fields is None:
            whole = errors.pop(WHOLE, "")
            return {"messages": {**blank, **errors}, "says": whole, "tone": "tone-down"}
        if not clicked(ADD) or not add:
            return {"messages": blank, "says": "", "tone": ""}
        try:
            rule = runtime.alerts.add_rule(fields)
        except ValueError as error:
            return {"messages": blank, "says": sentence(error, PAIR), "tone": "tone-down"}
        subject = " / ".join(rule.symbols) or rule.market
        return {"messages": blank, "says": f"armed: {subject}", "tone": "tone-up"}
