"""Alerts: what fired, and the rules."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from analytics.alerts import METRICS, AlertRule
from dashapp.services.alerts.engine import AlertEngine, public_rule
from dashapp.services.alerts.history import MAX_EVENTS
from dashapp.web.answers import answer, answer_in_thread
from dashapp.web.deps import PairQuery, RuntimeDep, Since, market_of, whole
from dashapp.web.errors import ApiError
from dashapp.web.models import AddedRule, Alerts, Deleted, Rules
from dashapp.web.router import Router

router = Router(prefix="/api/alerts", tags=["alerts"])

_SUBJECTS = {"pair": "with params, a pair", "symbol": "with symbol", "market": "seconds"}
_METRICS = "; ".join(
    f"{', '.join(name for name, metric in METRICS.items() if metric.subject == subject)} ({words})"
    for subject, words in _SUBJECTS.items()
)


class NewRule(BaseModel):
    """An alert rule, as the alert engine reads it. metric, operator and threshold are required,
    and params or symbol as the metric asks.
    """

    market: str
    metric: str = Field(description=_METRICS)
    operator: str = Field(description=">, <, and for z, spread and correlation abs>, abs<")
    threshold: float = Field(description="in the metric's own units")
    params: PairQuery | None = Field(None, description="a pair: y, x, and what differs")
    symbol: str | None = None
    hysteresis: float = Field(0, description="how far the value must come back to fire anew")
    cooldown_s: float = Field(0, description="seconds of market time")
    once: bool = False
    on: str = Field("update", description="update, or close: closed bars")
    enabled: bool = True
    webhook: str | None = Field(
        None,
        description="an http:// or https:// URL that each alert is posted to as JSON, its id in "
        "the header Idempotency-Key as well",
    )
    id: str | None = Field(None, description="that of a rule that this one is to replace")


#: The engine reads a rule and says what is wrong with it; here it is only described.
RuleBody = Annotated[
    dict[str, Any], BeforeValidator(lambda rule: rule, json_schema_input_type=NewRule)
]


@router.get("", response_model=Alerts)
async def fired(
    runtime: RuntimeDep,
    market: Annotated[str | None, Query(description="of this market only")] = None,
    since: Since = 0,
    limit: Annotated[
        int, whole("limit", 1, MAX_EVENTS), Query(description="newest alerts")
    ] = 1_000,
) -> Response:
    """Alerts that fired, newest first; of a market there is, or was when something fired in it."""
    history = runtime.alerts.history
    records = history.records(market, since)[:limit]
    if market is not None and not records and not history.events(market):
        market_of(runtime, market)
    return await answer_in_thread(lambda: {"alerts": [each.document() for each in records]})


@router.get("/rules", response_model=Rules)
async def rules(runtime: RuntimeDep) -> Response:
    """The alert rules, each with what it does now."""
    engine = runtime.alerts
    return answer({"rules": [_with_state(engine, rule) for rule in engine.rules]})


@router.post("/rules", response_model=AddedRule)
async def add_rule(runtime: RuntimeDep, rule: RuleBody) -> Response:
    """Add an alert rule; the answer is the rule, with its id."""
    return answer({"rule": public_rule(runtime.alerts.add_rule(rule))})


@router.delete("/rules", response_model=Deleted)
async def delete_rule(
    runtime: RuntimeDep, id: Annotated[str, Query(description="as GET lists it")]
) -> Response:
    """Delete an alert rule; what it caused stays in the history."""
    if not runtime.alerts.delete_rule(id):
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no alert rule {id!r}")
    return answer({"deleted": id})


def _with_state(engine: AlertEngine, rule: AlertRule) -> dict[str, Any]:
    waits_for, paused = engine.waiting(rule.id), engine.paused(rule.id)
    state = "waiting" if waits_for else "paused" if paused else "armed"
    return {
        **public_rule(rule),
        "paused": paused,
        "state": state if rule.enabled else "off",
        "waits_for": waits_for,
    }
