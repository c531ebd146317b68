"""What an exchange lists: its symbols with turnover, funding and sizes."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from dashapp.web.answers import answer_in_thread
from dashapp.web.deps import RuntimeDep
from dashapp.web.errors import ApiError
from dashapp.web.models import ExchangeSymbols
from dashapp.web.router import Router
from ingestion.binance.listings import by_turnover
from ingestion.binance.wire import VENUES

router = Router(prefix="/api/symbols", tags=["symbols"])


@router.get("", response_model=ExchangeSymbols)
async def symbols(runtime: RuntimeDep, source: str = "binance-futures") -> Response:
    """The symbols that an exchange trades now, the most traded first."""
    if source not in VENUES:
        text = f"source is {source[:60]!r}, expected one of {', '.join(VENUES)}"
        raise ApiError(HTTPStatus.BAD_REQUEST, text)
    exchange = runtime.feeds.directory.of(source)
    if exchange is None:
        text = f"{source} cannot be asked for its symbols: --binance-rest is not given"
        raise ApiError(HTTPStatus.BAD_REQUEST, text)
    await exchange.refresh()
    listings, problem = exchange.listings, exchange.problem
    return await answer_in_thread(
        lambda: {
            "source": source,
            "problem": problem,
            "symbols": [vars(one) for one in by_turnover(listings)],
        }
    )
