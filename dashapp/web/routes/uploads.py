"""Uploads: a file in, how far it is, and an uploaded market out again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic import AfterValidator
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from analytics.model import ParameterError
from dashapp.parameters.table import Parameter
from dashapp.web.answers import answer
from dashapp.web.body_limits import UPLOAD_CAP
from dashapp.web.deps import SYMBOL, MarketDep, RuntimeDep, market_of, read_as
from dashapp.web.errors import ApiError, refusal
from dashapp.web.models import Deleted, Uploaded, Uploads
from dashapp.web.router import Router
from ingestion.files.charset import Encoding
from ingestion.files.errors import Answers, QuestionOpen
from ingestion.files.reader import UploadError

router = Router(tags=["uploads"])

MAX_UPLOADS = 4
#: A file of which nothing comes for so long is given up.
IDLE_S = 60.0
#: Bytes that must come in that time, and seconds without them after which a file gives its place
#: to another.
LEAST_BYTES, PLACE_S = 16_384, 5.0

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ENCODING = Parameter(
    "encoding", "", "choice", "", choices=(("utf-8", "UTF-8"), ("latin-1", "Latin-1"))
)
_DAYFIRST = Parameter("dayfirst", "", "switch", "", optional=True)
_REPLACE = Parameter("replace", "", "switch", "")
_FILE = {
    "required": True,
    "description": "the file, as it is",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


def key(name: str, value: str) -> str:
    """A name that a client gives to its upload. Raises ParameterError.

    >>> key("id", "a-1")
    'a-1'
    """
    if not _KEY.fullmatch(value):
        raise ParameterError(name, value[:40], "1 to 64 letters, digits, '_' or '-'")
    return value


@router.post("/api/upload", response_model=Uploaded, openapi_extra={"requestBody": _FILE})
async def upload(
    request: Request,
    runtime: RuntimeDep,
    name: Annotated[str, Query(description="the file's name, for its title")],
    market: Annotated[str | None, Query(description="an uploaded market to add it to")] = None,
    symbol: Annotated[str | None, SYMBOL, Query(description="for rows that name none")] = None,
    id: Annotated[
        str | None,
        AfterValidator(partial(key, "id")),
        Query(description="a name of your own, under which /api/uploads lists it"),
    ] = None,
    encoding: Annotated[Encoding, read_as(_ENCODING), Query(description="of its text")] = "utf-8",
    dayfirst: Annotated[
        bool | None, read_as(_DAYFIRST), Query(description="whether 01/02 is in February")
    ] = None,
    timezone: Annotated[
        str | None, Query(description="of times that name none: Europe/Berlin, +01:00")
    ] = None,
    columns: Annotated[
        str | None, Query(description="the column of symbols; closes: each column is a symbol's")
    ] = None,
    replace: Annotated[
        bool, read_as(_REPLACE), Query(description="rows may replace those of the same time")
    ] = False,
    timeframe: Annotated[
        str | None, Query(description="the one that is read of bars of several: 1m, 4h, 1d")
    ] = None,
) -> Response:
    """A file of trades or bars becomes a market, once it is whole.

    A file that leaves something open is answered with 409 and the question; the parameter that
    the question names answers it.

    The report says how many rows were accepted, rejected (by reason, with the first line
    numbers), duplicate and late: together all rows. not_utf8 is the first byte that is not
    UTF-8: its line and position, and how the line reads as Latin-1.
    """
    if len(runtime.uploads.sessions) >= MAX_UPLOADS and not runtime.uploads.free_idle(PLACE_S):
        text = f"{MAX_UPLOADS} files are being uploaded already, try again in a moment"
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, text)
    if market is not None:
        market_of(runtime, market)
    answers = Answers(symbol, dayfirst, timezone, columns, replace, timeframe)
    session = runtime.uploads.begin(name, market, symbol, id, encoding=encoding, answers=answers)
    try:
        async for chunk in _body(request):
            await session.feed(chunk)
        market_id, report = await session.finish()
    except _TooLarge:
        text = f"the file is larger than {UPLOAD_CAP // 1024**3} GiB"
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
    except QuestionOpen as problem:
        await _drain(request)
        question = asdict(problem.question)
        return refusal(HTTPStatus.CONFLICT, str(problem), question=question, report=session.report)
    except UploadError as problem:
        await _drain(request)
        return refusal(HTTPStatus.BAD_REQUEST, str(problem), report=session.report)
    except ClientDisconnect:
        return refusal(HTTPStatus.BAD_REQUEST, "the upload was cancelled")
    except TimeoutError:
        text = f"nothing came for {IDLE_S:.0f} s: the upload was given up"
        return refusal(HTTPStatus.REQUEST_TIMEOUT, text)
    finally:
        session.abort()
    return answer({"market": market_id, "report": report})


@router.get("/api/uploads", response_model=Uploads)
async def uploads(runtime: RuntimeDep) -> Response:
    """The files that are being uploaded: bytes, rows and rejected rows so far."""
    sessions = runtime.uploads.sessions.items()
    return answer({"uploads": [{"id": key, **session.progress} for key, session in sessions]})


@router.delete("/api/markets/{market}", response_model=Deleted)
async def delete_market(runtime: RuntimeDep, market: MarketDep) -> Response:
    """Forget an uploaded market."""
    runtime.uploads.remove(market.id)
    return answer({"deleted": market.id})


class _TooLarge(Exception):
    """More came than a file may have."""


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body's chunks. Raises _TooLarge, TimeoutError and ClientDisconnect."""
    stream: Any = request.stream()
    loop = asyncio.get_running_loop()
    size, due, deadline = 0, 0, loop.time() + IDLE_S
    while True:
        async with asyncio.timeout_at(deadline):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        size += len(chunk)
        if size >= due:
            due, deadline = size + LEAST_BYTES, loop.time() + IDLE_S
        if size > UPLOAD_CAP:
            raise _TooLarge
        yield chunk


async def _drain(request: Request) -> None:
    """Let the client send the rest: cut off while it sends, it would never read the answer."""
    try:
        async for _ in _body(request):
            pass
    except (ClientDisconnect, RuntimeError, TimeoutError, _TooLarge):
        return
