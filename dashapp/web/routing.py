"""What the routes of the HTTP interface share: a call, its errors, and JSON.

A route is a value: method, path, parameters, words for the documentation page, and the
function that answers. `endpoint` turns it into what FastAPI calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from analytics.model import NotReady
from dashapp.services.analysis.cache import Busy
from dashapp.services.runtime import Runtime
from dashapp.web.deps import Parameters, read_query
from storage.market.market import Market


class ApiError(Exception):
    """An answer other than 200. more: fields beside "error"."""

    def __init__(self, status: HTTPStatus, text: str, **more: Any) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.more = more


@dataclass(frozen=True)
class Call:
    """One request to a route: the path's parts and the query's values, read and checked."""

    runtime: Runtime
    request: Request
    values: Mapping[str, Any]

    @property
    def market(self) -> Market:
        """The market that the path names. Raises ApiError 404."""
        return market_of(self.runtime, self.request.path_params["market"])

    def symbol(self, name: str = "symbol") -> str:
        """The symbol in a parameter. Raises ApiError 404 where the market has none such."""
        return known_symbol(self.market, self.values[name])

    async def json(self, kind: type) -> Any:
        """The body, which must have the shape of `kind`. Raises ApiError 400."""
        try:
            return msgspec.json.decode(await self.request.body(), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"the body is wrong: {error}") from None


@dataclass(frozen=True)
class Route:
    """One address of the interface."""

    method: str
    path: str
    answer: Callable[[Call], Awaitable[Response]]
    text: str
    parameters: Parameters = field(default_factory=dict)
    body: str = ""


def market_of(runtime: Runtime, market_id: str) -> Market:
    """The market of this id. Raises ApiError 404."""
    try:
        return runtime.markets.known(market_id)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None


def known_symbol(market: Market, symbol: str) -> str:
    """The symbol, if the market has it. Raises ApiError 404."""
    if symbol not in market.symbols:
        known = ", ".join(market.symbols) or "none yet"
        raise ApiError(
            HTTPStatus.NOT_FOUND, f"market {market.id} has no symbol {symbol!r}, only: {known}"
        )
    return symbol


def ready(result: Any) -> Any:
    """The result, unless it is a NotReady. Raises ApiError 400 with how much is missing."""
    if isinstance(result, NotReady):
        raise ApiError(HTTPStatus.BAD_REQUEST, result.reason, have=result.have, need=result.need)
    return result


def encode(value: Any) -> bytes:
    """JSON: NaN and infinities as null, arrays as lists, dataclasses as objects.

    >>> encode({"z": np.array([np.nan, 1.5])})
    b'{"z":[null,1.5]}'
    """
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def small(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON answer that costs less to write than to hand to a thread."""
    return Response(encode(value), int(status), media_type="application/json")


async def large(make: Callable[[], Any]) -> Response:
    """A JSON answer of many rows, made and written in a worker thread."""
    body = await asyncio.to_thread(lambda: encode(make()))
    return Response(body, media_type="application/json")


def error(status: HTTPStatus, text: str, **more: Any) -> Response:
    """{"error": text}, with what else is worth knowing."""
    return small({"error": text, **more}, status)


def endpoint(runtime: Runtime, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """What FastAPI calls for a route: read the query, answer, and word what is wrong."""

    async def answered(request: Request) -> Response:
        try:
            values = read_query(request.query_params.multi_items(), route.parameters)
            return await route.answer(Call(runtime, request, values))
        except ApiError as refused:
            return error(refused.status, refused.text, **refused.more)
        except Busy as full:
            return error(HTTPStatus.TOO_MANY_REQUESTS, str(full))
        except ValueError as wrong:
            return error(HTTPStatus.BAD_REQUEST, str(wrong))

    return answered
