"""The form of a new alert rule: its fields, its messages, and its rehearsal on the data in view."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, ctx, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.alerts import METRICS, AlertRule, describe, parse_rule, would_have_fired
from analytics.model import TIMEFRAMES
from dashapp import ids
from dashapp.alert_readings import rehearsal
from dashapp.components import card, field, number, select
from dashapp.runtime import Runtime
from dashapp.view import View, from_dict
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
    "webhook": WEBHOOK,
}
_MOST_KEPT = 32


def layout() -> Component:
    """The card with the form."""
    url = dbc.Input(
        id=WEBHOOK, type="text", value="", placeholder="https://…", debounce=300, size="sm",
        autocomplete="off",
    )  # fmt: skip
    fields = [
        field("When", select(METRIC, _METRIC_WORDS, "z"), METRIC),
        field("Is", select(OPERATOR, _OPERATORS, "abs>"), OPERATOR),
        field("Threshold", number(THRESHOLD, 2.0), THRESHOLD),
        field("Hysteresis", number(HYSTERESIS, 0), HYSTERESIS, hint="back by"),
        field("Cooldown", number(COOLDOWN, 60), COOLDOWN, hint="s"),
        field("Evaluate", select(MOMENT, _MOMENTS, "update"), MOMENT),
        field("Webhook", url, WEBHOOK, hint="optional"),
        html.Div(dbc.Switch(id=ONCE, label="Fire once only", value=False), className="field low"),
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
    try:
        checked = check_url(url)
    except ValueError as error:
        raise ValueError(f"webhook: {error}") from None
    if not checked.scheme.startswith("http"):
        raise ValueError(f"webhook is a {checked.scheme} address, expected http or https")


def message_of(words: str) -> tuple[str, str]:
    """The field that a message is about, "" for the whole form, and the message.

    >>> message_of("cooldown_s is -1.0, expected a number from 0 to 3.1536e+07")[0]
    'cooldown_s'
    """
    name = words.split(" ", 1)[0].rstrip(":")
    if name not in _MESSAGES:
        return "", words
    label = _NUMBERS.get(name)
    return name, label + words.removeprefix(name) if label else words


@dataclass(frozen=True)
class Mark:
    """A place where a rule would have fired, as a chart marks it."""

    ts_ms: int
    metric: str
    operator: str
    value: float
    text: str


@dataclass(frozen=True)
class Rehearsal:
    """What a rule would have done in the data in view: in words, and where."""

    words: str = ""
    marks: tuple[Mark, ...] = ()


class Rehearsals:
    """Rehearsals of rules in forms, made anew when a bar has begun since."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._kept: OrderedDict[Any, Rehearsal] = OrderedDict()

    async def of(self, view: View, raw: Mapping[str, Any]) -> Rehearsal:
        """The rehearsal of the rule that a form describes; an empty one for none."""
        market = self._runtime.market(view.market)
        if market is None or not self._runtime.kernels_ready:
            return Rehearsal()
        try:
            rule = parse_rule({"id": "rehearsal", **rule_fields(view, raw)})
        except (ValueError, KeyError):
            return Rehearsal()
        length = TIMEFRAMES[rule.params.timeframe if rule.params else market.timeframes[0]]
        known = [one for one in rule.symbols if one in market.symbols]
        newest = max((market.stats(one).ts_ms // length for one in known), default=0)
        key = (market.id, rule, newest)
        if key not in self._kept:
            read = rehearsal(market, rule)
            self._kept[key] = await asyncio.to_thread(lambda: _rehearsed(rule, *read()))
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


def _rehearsed(rule: AlertRule, ts_ms: Any, values: Any) -> Rehearsal:
    if not len(ts_ms):
        return Rehearsal()
    hits = would_have_fired(rule, ts_ms, values)
    times = "once" if len(hits) == 1 else f"{len(hits):,} times"
    marks = tuple(
        Mark(
            int(ts_ms[at]), rule.metric, rule.operator, float(values[at]), _words(rule, values[at])
        )
        for at in hits.tolist()
    )
    return Rehearsal(f"it would have fired {times} in the {len(ts_ms):,} bars in view", marks)


def _words(rule: AlertRule, value: float) -> str:
    return f"would have fired: {describe(rule, float(value))}"


def register(app: Dash, runtime: Runtime) -> None:
    """The form's messages and its button."""

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
            if ctx.triggered_id != ADD or not add:
                parse_rule({"id": "form", **fields})
                return {"messages": blank, "says": "", "tone": ""}
            rule = runtime.alerts.add_rule(fields)
        except (ValueError, KeyError) as error:
            name, words = message_of(str(error.args[0]))
            shown = {**blank, name: words} if name else blank
            return {"messages": shown, "says": "" if name else words, "tone": "tone-down"}
        subject = " / ".join(rule.symbols) or rule.market
        return {"messages": blank, "says": f"armed: {subject}", "tone": "tone-up"}
