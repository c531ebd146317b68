"""Request bodies, bounded and checked before the application sees them.

A body that the application would hold in memory anyway is read here whole, counted as it
comes, within a time; an upload is left to stream. A Dash callback request that does not
have the shape Dash relies on is told so, instead of failing inside Dash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
#: Why a body is no callback request; None for one that is.
CallbackCheck = Callable[[bytes], str | None]

BODY_CAP = 4 * 1024**2
BODY_TIMEOUT_S = 20.0
UPLOAD_CAP = 4 * 1024**3
UPLOAD_PATH = "/api/upload"
CALLBACK_PATH = "/_dash-update-component"
_CLOSE: tuple[Header, ...] = ((b"connection", b"close"),)


@dataclass(frozen=True)
class Refusal:
    """An answer given instead of the application's."""

    status: HTTPStatus
    text: str
    headers: tuple[Header, ...] = ()


def declared_too_large(path: str, content_length: str | None) -> Refusal | None:
    """Why the length that a request declares is refused, if it is.

    >>> declared_too_large("/api/feed/start", "5000000").text
    'the body is larger than 4 MiB'
    """
    cap = UPLOAD_CAP if path == UPLOAD_PATH else BODY_CAP
    length = content_length or "0"
    if not (length.isascii() and length.isdigit() and len(length) <= 19):
        return Refusal(HTTPStatus.BAD_REQUEST, "Content-Length is no number", _CLOSE)
    return None if int(length) <= cap else _too_large(cap)


async def buffered(receive: Receive) -> tuple[Receive, Refusal | None]:
    """A receive that gives the whole body at once, or why the body is refused."""
    body, refusal = await _within_time(receive)
    return given_again(body, receive), refusal


async def callback_request(
    content_type: str | None, receive: Receive, check: CallbackCheck | None
) -> tuple[Receive, Refusal | None]:
    """The same for a Dash callback request, whose body must be one."""
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        return receive, Refusal(HTTPStatus.BAD_REQUEST, "expected application/json", _CLOSE)
    body, refusal = await _within_time(receive)
    wrong = None if refusal is not None or check is None else check(body)
    if wrong is not None:
        refusal = Refusal(HTTPStatus.BAD_REQUEST, wrong)
    return given_again(body, receive), refusal


async def _within_time(receive: Receive) -> tuple[bytes, Refusal | None]:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _read(receive)
    except TimeoutError:
        text = f"the body did not arrive within {BODY_TIMEOUT_S:.0f} s"
        return b"", Refusal(HTTPStatus.REQUEST_TIMEOUT, text, _CLOSE)


def _too_large(cap: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is larger than {cap // 1024**2} MiB",
        _CLOSE,
    )


async def _read(receive: Receive) -> tuple[bytes, Refusal | None]:
    """The whole body, counted as it comes: a declared length proves nothing."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"", Refusal(HTTPStatus.BAD_REQUEST, "the client went away", _CLOSE)
        piece = message.get("body", b"")
        size += len(piece)
        if size > BODY_CAP:
            return b"", _too_large(BODY_CAP)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces), None


def given_again(body: bytes, receive: Receive) -> Receive:
    """A receive that gives a body that was read, whole, and then what comes after it."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
