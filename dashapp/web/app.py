"""The HTTP interface on a FastAPI server: the routers, the OpenAPI document, and its page.

An address under /api or /export that there is not gets an error in JSON, not Dash's index
page, which answers every other.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashapp.services.runtime import Runtime
from dashapp.settings import VERSION
from dashapp.web.answers import answer
from dashapp.web.errors import handle_errors, refusal
from dashapp.web.page import document_page
from dashapp.web.router import document_of
from dashapp.web.routes import (
    alerts,
    exports,
    feed,
    markets,
    metrics,
    replay,
    scans,
    status,
    symbols,
    tearsheet,
    uploads,
    views,
    watchlist,
)

_RESOURCES = (
    *(status, metrics, feed, symbols, alerts, watchlist, views, markets, scans, uploads, replay),
    *(tearsheet, exports),
)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_ABOUT = (
    "JSON unless an address ends otherwise; times are epoch milliseconds in UTC; a value that "
    'does not exist yet is null. Errors are {"error": "..."} with 400, 404, 408, 413 or 429; '
    "while there is not enough data, 400 also says have and need."
)


def mount(server: FastAPI, runtime: Runtime) -> None:
    """Put the interface on a server that has no route yet."""
    server.title, server.version, server.description = "Spreadscope", VERSION, _ABOUT
    server.state.runtime = runtime
    handle_errors(server)
    for resource in _RESOURCES:
        server.include_router(resource.router)
    server.state.documented_routes = list(server.routes)
    server.router.routes.append(views.OpenWhereLeft(runtime))
    _add(server, "/api/openapi.json", _openapi, ["GET", "HEAD"])
    _add(server, "/api", _page, ["GET", "HEAD"])
    for path in ("/api/{rest:path}", "/export/{rest:path}", "/export", "/healthz/{rest:path}"):
        _add(server, path, _nothing_here, _METHODS)


async def _openapi(request: Request) -> Response:
    return answer(await document_of(request.app))


async def _page(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return HTMLResponse(document_page(await document_of(request.app), base))


def _add(server: FastAPI, path: str, endpoint: Any, methods: list[str]) -> None:
    server.add_api_route(path, endpoint, methods=methods, include_in_schema=False)


async def _nothing_here(request: Request) -> Response:
    text = f"there is no {request.method} {request.url.path}; see /api"
    return refusal(HTTPStatus.NOT_FOUND, text)
