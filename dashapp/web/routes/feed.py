"""The feed: start a source, stop it."""

from __future__ import annotations

from starlette.responses import Response

from dashapp.services.runtime import Runtime
from dashapp.web.answers import answer
from dashapp.web.deps import RuntimeDep
from dashapp.web.json_types import Body
from dashapp.web.models import Feed
from dashapp.web.router import Router

router = Router(prefix="/api/feed", tags=["feed"])


class FeedStart(Body):
    """source: demo, binance-futures, binance-spot or a URL. symbols: of an exchange; of a URL
    the ones that are taken, and the name of trades that bear none. subscribe: sent to a
    WebSocket after connecting, a line a message; null for what is known of its host.
    """

    source: str
    symbols: list[str] = []
    subscribe: str | None = None


@router.post("/start", response_model=Feed)
async def start(runtime: RuntimeDep, asked: FeedStart) -> Response:
    """Start a source; the one that runs is stopped first. Nothing for the one that runs."""
    await runtime.feeds.start(asked.source, asked.symbols, asked.subscribe)
    return _feed(runtime)


@router.post("/stop", response_model=Feed)
async def stop(runtime: RuntimeDep) -> Response:
    """Stop the source that runs. What it brought stays."""
    await runtime.feeds.stop()
    return _feed(runtime)


def _feed(runtime: Runtime) -> Response:
    market = runtime.feeds.market_id
    return answer({"market": market, "feed": runtime.markets.status(market)})
