"""The tear sheet of a back-test, one HTML file."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.responses import HTMLResponse, Response

from dashapp.about import versions
from dashapp.figures.tearsheet.document import TearSheet, tear_sheet
from dashapp.services.funding import funding_of
from dashapp.settings import VERSION
from dashapp.web.answers import encode
from dashapp.web.deps import BacktestQuery, MarketDep, RuntimeDep, looked_at_pair, ready
from dashapp.web.router import Router
from dashapp.web.routes.markets import backtest_document

_FILE: dict[int | str, Any] = {
    200: {
        "description": "One HTML file that needs nothing beside it.",
        "content": {"text/html": {}},
    }
}

router = Router(
    prefix="/export", tags=["exports"], default_response_class=HTMLResponse, responses=_FILE
)


@router.get("/{market}/tearsheet.html")
async def tearsheet(
    runtime: RuntimeDep, market: MarketDep, query: Annotated[BacktestQuery, Query()]
) -> Response:
    """The tear sheet of a back-test: figures, equity, drawdowns, P&L by month and hour, trades,
    excursions, parameters, versions, and the hash of the bars. It opens offline and prints on
    A4; its JSON (tearsheet-data) is that of the back-test without its series.
    """
    params = await looked_at_pair(runtime, market, query.pair())
    found = await runtime.analysis.backtest_and_hash(market.id, params, query.rules())
    result, sha256 = ready(found)
    funding = funding_of(market, params.y, params.x)
    about = {"id": market.id, "title": market.title, "kind": market.kind}

    def build() -> bytes:
        document = backtest_document(result, funding)
        del document["series"]
        plain = msgspec.json.decode(encode({"market": market.id, **document}))
        made_at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        all_versions = {"spreadscope": VERSION, **versions()}
        sheet = TearSheet(result, plain, about, sha256, all_versions, made_at, funding)
        return tear_sheet(sheet).encode()

    words = "_".join((market.id, "tearsheet", params.y, params.x, params.timeframe))
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", words)[:100] + ".html"
    headers = {"content-disposition": f'inline; filename="{name}"'}
    return HTMLResponse(await asyncio.to_thread(build), headers=headers)
