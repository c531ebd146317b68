"""The routers of the HTTP interface: FastAPI's, with a strict query and a body that is JSON.

A query holds what the OpenAPI document declares, each parameter once; an empty value counts
as absent. A body is JSON whatever its Content-Type says, so that `curl -d` will do. A GET
route answers HEAD too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from dashapp.services.analysis.results import Busy
from dashapp.web.errors import refusal
from dashapp.web.models import ErrorAnswer

#: Characters of a query parameter, at most.
LONGEST_VALUE = 8_192

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class JsonRequest(Request):
    """A request whose body is strict JSON: no NaN, no halves of characters."""

    async def json(self) -> Any:
        try:
            return msgspec.json.decode(await self.body())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPException(400, f"the body is wrong: {error}") from None


class ApiRoute(APIRoute):
    """A route that reads its query strictly and words what the services refuse."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            try:
                return await handle(await _strict(request, self.path_format))
            except Busy as busy:
                return refusal(HTTPStatus.TOO_MANY_REQUESTS, str(busy))
            except ValueError as wrong:
                return refusal(HTTPStatus.BAD_REQUEST, str(wrong))

        return handle_strictly

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        head_of_get = scope.get("method") == "HEAD" and "GET" in (self.methods or ())
        return (Match.FULL if match == Match.PARTIAL and head_of_get else match), child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await super().handle({**scope, "method": method}, receive, send)


class Router(APIRouter):
    """The router of one resource."""

    def __init__(self, *, responses: Mapping[int | str, Any] = {}, **options: Any) -> None:
        described: dict[int | str, Any] = {"4XX": {"model": ErrorAnswer}, **responses}
        super().__init__(route_class=ApiRoute, responses=described, **options)


async def document_of(server: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the interface, built in a worker thread when it is first asked for.

    Of the routes that the server had when the interface was mounted: Dash's come later.
    """
    if server.openapi_schema is None:
        server.openapi_schema = await asyncio.to_thread(
            get_openapi,
            title=server.title,
            version=server.version,
            description=server.description,
            routes=server.state.documented_routes,
        )
    return server.openapi_schema


async def _strict(request: Request, path: str) -> JsonRequest:
    """The request as it is documented. Raises ValueError for any other query."""
    query = request.query_params.multi_items()
    if query:
        operation = (await document_of(request.app))["paths"][path][request.method.lower()]
        _check_names([name for name, _ in query], operation.get("parameters", ()))
    for name, value in query:
        if len(value) > LONGEST_VALUE:
            count = f"{len(value):,} characters, expected at most {LONGEST_VALUE:,}"
            raise ValueError(f"{name} has {count}")
    present = urlencode([(name, value) for name, value in query if value])
    headers = [header for header in request.scope["headers"] if header[0] != b"content-type"]
    headers.append((b"content-type", b"application/json"))
    scope = {**request.scope, "query_string": present.encode(), "headers": headers}
    return JsonRequest(scope, request.receive)


def _check_names(names: list[str], parameters: list[dict[str, Any]]) -> None:
    declared = [each["name"] for each in parameters if each["in"] == "query"]
    for at, name in enumerate(names):
        if name not in declared:
            legal = ", ".join(declared) or "none"
            raise ValueError(f"there is no parameter {name[:40]!r} here, expected only: {legal}")
        if name in names[:at]:
            raise ValueError(f"{name} is given more than once, expected one value")
