"""The rest of the HTTP interface: health, status, the feed, alerts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from statistics import median
from typing import Any

import msgspec
from starlette.responses import Response

from analytics.alerts import METRICS, AlertRule
from dashapp.about import versions
from dashapp.services.alerts.engine import AlertEngine, public_rule
from dashapp.services.alerts.history import MAX_EVENTS
from dashapp.settings import VERSION
from dashapp.web.deps import Parameter, text, whole
from dashapp.web.routing import ApiError, Call, Route, large, market_of, small

_EPOCH_END_MS = 1 << 53
_SUBJECTS = {"pair": "with params, a pair", "symbol": "with symbol", "market": "seconds"}
_METRIC_WORDS = "; ".join(
    f"{', '.join(name for name, one in METRICS.items() if one.subject == subject)} ({words})"
    for subject, words in _SUBJECTS.items()
)


class FeedStart(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /api/feed/start."""

    source: str
    symbols: list[str] = []


async def healthz(call: Call) -> Response:
    """200 while the process serves."""
    return small({"status": "ok"})


async def status(call: Call) -> Response:
    """Markets, feeds, the counters of the trust strip, versions, uptime."""
    runtime = call.runtime
    return small(
        {
            "name": "spreadscope",
            "version": VERSION,
            "versions": versions(),
            "uptime_s": time.monotonic() - runtime.started_s,
            "kernels_ready": runtime.kernels_ready,
            "default_market": runtime.default_market,
            "markets": {one: _market_status(call, one) for one in runtime.markets},
            "computed": dict(runtime.computed),
            "callback_ms": {
                path: _spread(list(spent)) for path, spent in runtime.callback_ms.items() if spent
            },
        }
    )


def _spread(spent_ms: list[float]) -> dict[str, float]:
    return {"n": len(spent_ms), "median": median(spent_ms), "max": max(spent_ms)}


def _market_status(call: Call, market_id: str) -> Mapping[str, Any]:
    market = market_of(call.runtime, market_id)
    return {
        "title": market.title,
        "kind": market.kind,
        "origin": market.origin,
        "version": market.version,
        "symbols": market.symbols,
        "timeframes": market.timeframes,
        "feed": call.runtime.feed_status(market_id),
        **call.runtime.trust(market_id),
    }


async def feed_start(call: Call) -> Response:
    """Stop the feed that runs and start another; without effect on the same one."""
    asked: FeedStart = await call.json(FeedStart)
    await call.runtime.start_feed(asked.source, asked.symbols)
    return _feed(call)


async def feed_stop(call: Call) -> Response:
    """Stop the feed; without effect where none runs."""
    await call.runtime.stop_feed()
    return _feed(call)


def _feed(call: Call) -> Response:
    market_id = call.runtime.feed_market
    return small({"market": market_id, "feed": call.runtime.feed_status(market_id)})


async def alerts(call: Call) -> Response:
    """What fired, newest first; of a market there is, or was when something fired in it."""
    market, history = call.values["market"], call.runtime.alerts.history
    found = history.records(market, call.values["since"])[: call.values["limit"]]
    if market is not None and not found and not history.events(market):
        market_of(call.runtime, market)
    return await large(lambda: {"alerts": [record.document() for record in found]})


async def rules(call: Call) -> Response:
    """The alert rules, each with what it does now."""
    engine = call.runtime.alerts
    return small({"rules": [_rule(engine, one) for one in engine.rules]})


def _rule(engine: AlertEngine, rule: AlertRule) -> dict[str, Any]:
    waiting, paused = engine.waiting(rule.id), engine.paused(rule.id)
    state = "waiting" if waiting else "paused" if paused else "armed"
    return {
        **public_rule(rule),
        "paused": paused,
        "state": state if rule.enabled else "off",
        "waits_for": waiting,
    }


async def add_rule(call: Call) -> Response:
    """Add a rule; the answer is the rule, with its id."""
    rule = call.runtime.alerts.add_rule(await call.json(dict))
    return small({"rule": public_rule(rule)})


async def delete_rule(call: Call) -> Response:
    """Delete a rule; its history stays."""
    rule_id = call.values["id"]
    if not call.runtime.alerts.delete_rule(rule_id):
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no alert rule {rule_id!r}")
    return small({"deleted": rule_id})


ROUTES = (
    Route("GET", "/healthz", healthz, "200 while the process serves."),
    Route(
        "GET",
        "/api/status",
        status,
        "Markets with their feed and the counters of the trust strip, versions, uptime.",
    ),
    Route(
        "POST",
        "/api/feed/start",
        feed_start,
        "Start a source: demo, binance-futures, binance-spot or a URL. The one that runs is "
        "stopped first.",
        body='{"source": "demo", "symbols": []}',
    ),
    Route("POST", "/api/feed/stop", feed_stop, "Stop the source that runs."),
    Route(
        "GET",
        "/api/alerts",
        alerts,
        "Alerts that fired, newest first.",
        {
            "market": Parameter(text, None, "of this market only"),
            "since": Parameter(whole(0, _EPOCH_END_MS), 0, "epoch ms"),
            "limit": Parameter(whole(1, MAX_EVENTS), 1_000, f"newest alerts, 1 to {MAX_EVENTS}"),
        },
    ),
    Route(
        "GET",
        "/api/alerts/rules",
        rules,
        "The alert rules. state: armed, off, paused (the feed is silent) or waiting; waits_for: "
        "what a waiting rule's market lacks, in words.",
    ),
    Route(
        "POST",
        "/api/alerts/rules",
        add_rule,
        f"Add an alert rule. metric: {_METRIC_WORDS}; operator: >, <, and for z, spread and "
        "correlation abs>, abs<. As you like: params (see /pair; y and x are required), "
        "hysteresis (how far the value must come back, in its own units, before the rule can "
        "fire anew), cooldown_s (seconds of market time), once (true, false), on (update, "
        "close: closed bars), enabled, webhook (an http:// or https:// URL that each alert is "
        "posted to as JSON, its id in the header Idempotency-Key as well), id (that of a rule "
        "that this one is to replace).",
        body='{"market": "demo", "metric": "z", "operator": "abs>", "threshold": 2.0, '
        '"params": {"y": "BTCUSDT", "x": "ETHUSDT"}, "cooldown_s": 60, "hysteresis": 0.5, '
        '"webhook": "https://example.org/alerts"}',
    ),
    Route(
        "DELETE",
        "/api/alerts/rules",
        delete_rule,
        "Delete an alert rule.",
        {"id": Parameter(text, text="as /api/alerts/rules lists it")},
    ),
)
