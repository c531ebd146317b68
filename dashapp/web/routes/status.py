"""Whether the process serves, and how its markets and feeds are."""

from __future__ import annotations

import time
from collections.abc import Iterable
from statistics import median
from typing import Any

from starlette.responses import Response

from dashapp.about import versions
from dashapp.services.runtime import Runtime
from dashapp.settings import VERSION
from dashapp.web.answers import answer
from dashapp.web.deps import RuntimeDep
from dashapp.web.models import Health, Status
from dashapp.web.router import Router
from storage.market.market import Market

router = Router(tags=["status"])


@router.get("/healthz", response_model=Health)
async def health() -> Response:
    """200 while the process serves; needs no token."""
    return answer({"status": "ok"})


@router.get("/api/status", response_model=Status)
async def status(runtime: RuntimeDep) -> Response:
    """Markets with their feed and the counters of the trust strip, versions, uptime."""
    return answer(
        {
            "name": "spreadscope",
            "version": VERSION,
            "versions": versions(),
            "uptime_s": time.monotonic() - runtime.started_s,
            "kernels_ready": runtime.kernels.ready,
            "default_market": runtime.default_market,
            "markets": {name: _status_of(runtime, each) for name, each in runtime.markets.items()},
            "computed": dict(runtime.analysis.computed),
            "callback_ms": {
                path: _times(spent) for path, spent in runtime.callback_ms.items() if spent
            },
        }
    )


def _times(spent_ms: Iterable[float]) -> dict[str, float]:
    times = list(spent_ms)
    return {"n": len(times), "median": median(times), "max": max(times)}


def _status_of(runtime: Runtime, market: Market) -> dict[str, Any]:
    return {
        "title": market.title,
        "kind": market.kind,
        "origin": market.origin,
        "version": market.version,
        "symbols": market.symbols,
        "timeframes": market.timeframes,
        "feed": runtime.markets.status(market.id),
        **runtime.feeds.trust(market.id),
    }
