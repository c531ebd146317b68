"""The routers of the HTTP interface: FastAPI's, with a strict query and a body that is JSON.

A query holds what the OpenAPI document declares, each parameter once; an empty value counts
as absent. A body is JSON whatever its Content-Type says, so that `curl -d` will do. A GET
route answers HEAD too.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from dashapp.services.analysis.cache import Busy
from dashapp.web.errors import refusal
from dashapp.web.models import ErrorAnswer

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
                return await handle(_strict(request, self))
            except Busy as busy:
                return refusal(HTTPStatus.TOO_MANY_REQUESTS, str(busy))
            except ValueError as wrong:
                return refusal(HTTPStatus.BAD_REQUEST, str(wrong))

        return handle_strictly


class Router(APIRouter):
    """The router of one resource."""

    def __init__(self, *, responses: Mapping[int | str, Any] = {}, **options: Any) -> None:
        described: dict[int | str, Any] = {"4XX": {"model": ErrorAnswer}, **responses}
        super().__init__(route_class=ApiRoute, responses=described, **options)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().add_api_route(path, endpoint, **options)
        if "GET" in (options.get("methods") or ()):
            hidden = {**options, "methods": ["HEAD"], "include_in_schema": False}
            super().add_api_route(path, endpoint, **hidden)


def _strict(request: Request, route: APIRoute) -> JsonRequest:
    """The request as it is documented. Raises ValueError for any other query."""
    query = request.query_params.multi_items()
    declared = _declared(request, route) if query else []
    names: set[str] = set()
    for name, _ in query:
        if name not in declared:
            legal = ", ".join(declared) or "none"
            raise ValueError(f"there is no parameter {name!r} here, expected only: {legal}")
        if name in names:
            raise ValueError(f"{name} is given more than once, expected one value")
        names.add(name)
    present = urlencode([(name, value) for name, value in query if value])
    headers = [header for header in request.scope["headers"] if header[0] != b"content-type"]
    headers.append((b"content-type", b"application/json"))
    scope = {**request.scope, "query_string": present.encode(), "headers": headers}
    return JsonRequest(scope, request.receive)


def _declared(request: Request, route: APIRoute) -> list[str]:
    """The names of a route's query parameters, as the OpenAPI document has them."""
    method = "get" if request.method == "HEAD" else request.method.lower()
    operation = request.app.state.openapi["paths"][route.path_format][method]
    return [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
