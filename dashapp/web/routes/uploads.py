"""Uploads over HTTP: a file in, how far it is, and an uploaded market out again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from dashapp.web.body_limits import UPLOAD_CAP
from dashapp.web.deps import Parameter, choice, flag, symbol, text
from dashapp.web.routing import ApiError, Call, Route, error, market_of, small
from ingestion.files.errors import Answers, QuestionOpen
from ingestion.files.reader import UploadError

MAX_UPLOADS = 4
#: Parameters that answer what a file leaves open.
_ANSWERS = ("dayfirst", "timezone", "columns", "replace")
#: A file of which nothing comes for so long is given up.
IDLE_S = 60.0

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def key(name: str, value: str) -> str:
    """A name that a client gives to its upload.

    >>> key("id", "a-1")
    'a-1'
    """
    if not _KEY.fullmatch(value):
        raise ValueError(f"{name} is {value[:40]!r}, expected 1 to 64 letters, digits, '_' or '-'")
    return value


async def upload(call: Call) -> Response:
    """A file as the body becomes a market, or is added to one, once it is whole."""
    if len(call.runtime.files.sessions) >= MAX_UPLOADS:
        words = f"{MAX_UPLOADS} files are being uploaded already, try again in a moment"
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, words)
    values = call.values
    if values["market"] is not None:
        market_of(call.runtime, values["market"])
    session = call.runtime.files.begin(
        values["name"],
        values["market"],
        values["symbol"],
        values["id"],
        encoding=values["encoding"],
        answers=Answers(**{name: values[name] for name in _ANSWERS}),
    )
    try:
        async for chunk in _body(call):
            await session.feed(chunk)
        market_id, report = await session.finish()
    except _TooLarge:
        limit = f"the file is larger than {UPLOAD_CAP // 1024**3} GiB"
        return error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit)
    except QuestionOpen as open_yet:
        await _drain(call)
        question = asdict(open_yet.question)
        return error(HTTPStatus.CONFLICT, str(open_yet), question=question, report=session.report)
    except UploadError as problem:
        await _drain(call)
        return error(HTTPStatus.BAD_REQUEST, str(problem), report=session.report)
    except ClientDisconnect:
        return error(HTTPStatus.BAD_REQUEST, "the upload was cancelled")
    except TimeoutError:
        words = f"nothing came for {IDLE_S:.0f} s: the upload was given up"
        return error(HTTPStatus.REQUEST_TIMEOUT, words)
    finally:
        session.abort()
    return small({"market": market_id, "report": report})


class _TooLarge(Exception):
    """More came than a file may have."""


async def _body(call: Call) -> AsyncIterator[bytes]:
    """The body's chunks. Raises _TooLarge, TimeoutError and ClientDisconnect."""
    stream = call.request.stream()
    size = 0
    while True:
        async with asyncio.timeout(IDLE_S):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        size += len(chunk)
        if size > UPLOAD_CAP:
            raise _TooLarge
        yield chunk


async def _drain(call: Call) -> None:
    """Let the client send the rest: cut off while it sends, it would never read the answer."""
    try:
        async for _ in _body(call):
            pass
    except (ClientDisconnect, RuntimeError, TimeoutError, _TooLarge):
        return


async def uploads(call: Call) -> Response:
    """The files on their way in."""
    found = call.runtime.files.sessions.items()
    return small({"uploads": [{"id": one, **session.progress} for one, session in found]})


async def delete_market(call: Call) -> Response:
    """Forget an uploaded market."""
    call.runtime.files.remove(call.market.id)
    return small({"deleted": call.request.path_params["market"]})


ROUTES = (
    Route(
        "POST",
        "/api/upload",
        upload,
        "A file of trades or bars becomes a market. A file that leaves something open answers 409 "
        "with the question; the parameter that it names answers it. The answer names the market and "
        "reports rows accepted, rejected (by reason, with the first line numbers), duplicate and "
        "late: together all rows. not_utf8 in the report is the first byte that is not UTF-8: its "
        "line and position, and how the line reads as Latin-1.",
        {
            "name": Parameter(text, text="the file's name, for its title"),
            "market": Parameter(text, None, "an uploaded market to add it to"),
            "symbol": Parameter(symbol, None, "for rows that name none"),
            "dayfirst": Parameter(flag, None, "whether 01/02 is the first of February"),
            "timezone": Parameter(text, None, "of times that name none: Europe/Berlin, +01:00"),
            "columns": Parameter(
                text, None, "the column of the symbols, or closes: each column is a symbol's"
            ),
            "replace": Parameter(flag, False, "whether rows may replace those of the same time"),
            "id": Parameter(key, None, "a name of your own, under which /api/uploads lists it"),
            "encoding": Parameter(
                choice("utf-8", "latin-1"), "utf-8", "of its text: utf-8, latin-1"
            ),
        },
        "the file, as it is",
    ),
    Route(
        "GET",
        "/api/uploads",
        uploads,
        "The files that are being uploaded: bytes, rows and rejected rows so far.",
    ),
    Route(
        "DELETE",
        "/api/markets/{market}",
        delete_market,
        "Forget an uploaded market.",
    ),
)
