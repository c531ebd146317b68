"""The form of a new alert rule: its fields and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.alerts import METRICS, parse_rule
from dashapp import ids
from dashapp.parameters.pair import View, from_dict
from dashapp.services.runtime import Runtime
from dashapp.ui.components import card, field, number, select
from dashapp.ui.pages.shared import clicked
from ingestion.url_guard import check_url

METRIC, OPERATOR, THRESHOLD = "rule-metric", "rule-operator", "rule-threshold"
HYSTERESIS, COOLDOWN, MOMENT = "rule-hysteresis", "rule-cooldown", "rule-moment"
ONCE, WEBHOOK = "rule-once", "rule-webhook"
ADD, SAYS, PREVIEW = "rule-add", "rule-says", "rule-preview"
NOTIFY = "notify-here"

_OPERATORS = (("abs>", "|value| >"), ("abs<", "|value| <"), (">", ">"), ("<", "<"))
_METRIC_WORDS = (
    ("z", "z-score of the pair"),
    ("spread", "Spread of the pair"),
    ("correlation", "Correlation of the pair"),
    ("adf_pvalue", "ADF p-value of the spread"),
    ("engle_granger_pvalue", "Engle-Granger p-value"),
    ("price", "Price of the Y leg"),
    ("volume", "Volume of the Y leg"),
    ("feed_silent", "Seconds without data"),
)
_MOMENTS = (("update", "On every update"), ("close", "On closed bars"))
_NUMBERS = {"threshold": "Threshold", "hysteresis": "Hysteresis", "cooldown_s": "Cooldown"}

#: The fields as callbacks take them, by the names of AlertRule.
FIELDS = {
    "metric": Input(METRIC, "value"),
    "operator": Input(OPERATOR, "value"),
    "threshold": Input(THRESHOLD, "value"),
    "hysteresis": Input(HYSTERESIS, "value"),
    "cooldown_s": Input(COOLDOWN, "value"),
    "on": Input(MOMENT, "value"),
    "once": Input(ONCE, "value"),
    "webhook": Input(WEBHOOK, "value"),
}
#: Where a message about a field stands.
_MESSAGES = {
    "operator": OPERATOR,
    "threshold": THRESHOLD,
    "hysteresis": HYSTERESIS,
    "cooldown_s": COOLDOWN,
    "on": MOMENT,
    "webhook": WEBHOOK,
}


def layout() -> Component:
    """The card with the form."""
    url = dbc.Input(
        id=WEBHOOK, type="text", value="", placeholder="https://…", debounce=300, size="sm",
        autocomplete="off",
    )  # fmt: skip
    fields = [
        field("When", select(METRIC, _METRIC_WORDS, "z"), METRIC),
        field("Is", select(OPERATOR, _OPERATORS, "abs>"), OPERATOR),
        field("Threshold", number(THRESHOLD, "2"), THRESHOLD),
        field("Hysteresis", number(HYSTERESIS, "0"), HYSTERESIS, hint="back by"),
        field("Cooldown", number(COOLDOWN, "60"), COOLDOWN, hint="s"),
        field("Evaluate", select(MOMENT, _MOMENTS, "update"), MOMENT),
        field("Webhook", url, WEBHOOK, hint="optional"),
    ]
    says = html.Div(
        [
            dbc.Switch(id=ONCE, label="Fire once only", value=False),
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
        [html.Div(fields, className="row-fields roomy"), says],
        tools=[notify, add],
        extra="wide",
    )


def rule_fields(view: View, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The rule that the form describes, as the alert engine takes it. Raises ValueError."""
    subject = METRICS[raw["metric"]].subject
    made: dict[str, Any] = {"market": view.market, **raw}
    for name in _NUMBERS:
        text = str(raw.get(name) or 0 if name == "hysteresis" else raw.get(name) or "")
        try:
            made[name] = float(text) if text.isascii() and "_" not in text else None
        except ValueError:
            made[name] = None
        if made[name] is None:
            raise ValueError(f"{name} is {text or 'empty'}, expected a number")
    made["webhook"] = (raw.get("webhook") or "").strip() or None
    if made["webhook"] is not None:
        _check_webhook(made["webhook"])
    if subject == "pair":
        if view.pair is None:
            raise ValueError("this market has no pair to watch")
        made["params"] = asdict(view.pair)
    elif subject == "symbol":
        made["symbol"] = view.pair.y if view.pair else view.first
    return made


def _check_webhook(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("webhook: expected an address that begins with http:// or https://")
    try:
        check_url(url)
    except ValueError as error:
        raise ValueError(f"webhook: {error}") from None


def operators_of(metric: str, chosen: str) -> tuple[list[dict[str, str]], str]:
    """The comparisons that a metric has, as the list shows them, and the one that stays chosen.

    >>> operators_of("feed_silent", "abs>")
    ([{'label': '>', 'value': '>'}], '>')
    """
    legal = METRICS[metric].operators
    options = [{"label": words, "value": one} for one, words in _OPERATORS if one in legal]
    return options, chosen if chosen in legal else legal[0]


def message_of(words: str) -> tuple[str, str]:
    """The field that a message is about, "" for the whole form, and the message.

    >>> message_of("cooldown_s is -1.0, expected a number from 0 to 31,536,000")[0]
    'cooldown_s'
    """
    name = words.split(" ", 1)[0].rstrip(":")
    if name not in _MESSAGES:
        return "", words
    label = _NUMBERS.get(name)
    return name, label + words.removeprefix(name) if label else words


def register(app: Dash, runtime: Runtime) -> None:
    """The form's messages and its buttons."""
    app.clientside_callback(
        ClientsideFunction("spreadscope", "askNotify"),
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
    async def offer(metric, chosen):
        return operators_of(metric, chosen)

    @app.callback(
        output={
            "messages": {
                name: Output(f"{one}-message", "children") for name, one in _MESSAGES.items()
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
    async def form(add, raw, held):
        if not held:
            raise PreventUpdate
        view, blank = from_dict(held), dict.fromkeys(_MESSAGES, "")
        try:
            fields = rule_fields(view, raw)
            if not clicked(ADD) or not add:
                parse_rule({"id": "form", **fields})
                return {"messages": blank, "says": "", "tone": ""}
            rule = runtime.alerts.add_rule(fields)
        except (ValueError, KeyError) as error:
            name, words = message_of(str(error.args[0]))
            shown = {**blank, name: words} if name else blank
            return {"messages": shown, "says": "" if name else words, "tone": "tone-down"}
        subject = " / ".join(rule.symbols) or rule.market
        return {"messages": blank, "says": f"armed: {subject}", "tone": "tone-up"}
