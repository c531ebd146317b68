"""Why a connection failed, in words, and how long to leave the server alone.

`explain` is the one place that knows the errors of the network's libraries.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.frames import CloseCode

from analytics.model import Rejected
from ingestion.stream.subscribe import mask_message
from ingestion.url_guard import UrlRefusedError

Kind = Literal["transient", "silent", "blocked", "renewal"]

MAX_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True)
class Failure:
    """What went wrong. kind "blocked": only the user can mend it; it is retried slowly.

    "renewal": a planned change of connections, at once. at_least_s: the shortest wait.
    refused: the message that it was about, where we did not take it; it is to be counted.
    """

    words: str
    kind: Kind = "transient"
    at_least_s: float = 0.0
    refused: Rejected | None = None


class FeedError(Exception):
    """The errors of this package. failure: what they mean to a feed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


class StreamEnded(Exception):
    """A source gave all that it has: no failure, and nothing to wait for."""


#: What a connection may raise in the ordinary course of things.
NETWORK_ERRORS = (
    FeedError,
    UrlRefusedError,
    OSError,
    EOFError,
    WebSocketException,
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
)

_STATUS = {
    401: Failure("asks for a name and password (HTTP 401)", "blocked", 60.0),
    403: Failure(
        "refused (HTTP 403): the server forbids this address, by a firewall or by region",
        "blocked",
        300.0,
    ),
    404: Failure("nothing is at this path (HTTP 404)", "blocked", 30.0),
    418: Failure("banned for too many requests (HTTP 418)", "blocked", 60.0),
    429: Failure("too many requests (HTTP 429)", "transient", 60.0),
    451: Failure(
        "not offered in this region for legal reasons (HTTP 451)",
        "blocked",
        300.0,
    ),
}

#: What no waiting mends: a short Retry-After does not make it any better.
_FORBIDDEN = (403, 451)

_CLOSE_CODES = {
    1000: "closed by the server",
    1001: "the server goes away",
    1002: "protocol error",
    1003: "unsupported data",
    1006: "connection lost",
    1007: "invalid text",
    1008: "refused by the server's policy",
    1009: "message too big",
    1011: "server error",
    1012: "the server restarts",
    1013: "the server asks to try again later",
}


def explain(error: BaseException) -> Failure:
    """What an error of the network means.

    >>> explain(ConnectionRefusedError()).words
    'connection refused: nothing listens there'
    """
    if isinstance(error, FeedError):
        return error.failure
    if isinstance(error, InvalidStatus):
        headers = error.response.headers
        return explain_status(error.response.status_code, headers.get("Retry-After"))
    if isinstance(error, ConnectionClosed):
        return _explain_close(error)
    for cause in _causes(error):
        failure = _explain_cause(cause)
        if failure is not None:
            return failure
    if isinstance(error, UrlRefusedError):
        return Failure(str(error)[:200], "blocked", 300.0)
    if isinstance(error, InvalidHandshake):
        return Failure("no WebSocket answers there")
    if isinstance(error, (httpx.ProtocolError, httpx.DecodingError)):
        return Failure("connection failed: what answers there does not speak HTTP")
    return Failure(f"connection failed ({_plain(error)})")


def explain_status(status: int, retry_after: str | None, now: datetime | None = None) -> Failure:
    """What an HTTP status other than 2xx or 101 means. retry_after: the header's text.

    >>> explain_status(429, "7").at_least_s
    7.0
    """
    wait = _retry_after_s(retry_after, now)
    known = _STATUS.get(status)
    if known is None:
        if 300 <= status < 400:
            known = Failure(f"redirects (HTTP {status}), which is not followed", "blocked", 60.0)
        elif status >= 500:
            known = Failure(f"the server has trouble (HTTP {status})")
        else:
            known = Failure(f"no stream is there (HTTP {status})", "blocked", 60.0)
    if wait is None:
        return known
    words = f"{known.words}; it asks to wait {wait:.0f} s"
    if status in _FORBIDDEN:
        wait = max(wait, known.at_least_s)
    return Failure(words, known.kind, wait)


def _explain_close(error: ConnectionClosed) -> Failure:
    code = 1006 if error.rcvd is None else error.rcvd.code
    if error.rcvd is None and error.sent is not None:
        code = error.sent.code
    words = _CLOSE_CODES.get(code, "connection closed")
    reason = error.rcvd.reason if error.rcvd is not None else ""
    text = f"{words} ({code}{': ' + shown(reason) if reason else ''})"
    at_least_s = {1008: 60.0, 1013: 5.0}.get(code, 0.0)
    return Failure(text, "transient", at_least_s, _too_big(error))


def _too_big(error: ConnectionClosed) -> Rejected | None:
    """The message over the limit for which we closed the connection ourselves."""
    ours = error.sent if error.rcvd is None or not error.rcvd_then_sent else None
    if ours is None or ours.code != CloseCode.MESSAGE_TOO_BIG:
        return None
    return Rejected("message-too-big", shown(ours.reason))


def _explain_cause(cause: BaseException) -> Failure | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Failure(
            f"TLS: the certificate cannot be trusted ({cause.verify_message})", "blocked", 60.0
        )
    if isinstance(cause, ssl.SSLError):
        return Failure(f"TLS: {_plain(cause)}", "blocked", 60.0)
    if isinstance(cause, socket.gaierror):
        return Failure("the host's name cannot be found (DNS)")
    if isinstance(cause, ConnectionRefusedError):
        return Failure("connection refused: nothing listens there")
    if isinstance(cause, (TimeoutError, httpx.TimeoutException)):
        return Failure("no answer in time")
    if isinstance(cause, ConnectionResetError):
        return Failure("connection reset by the server")
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _retry_after_s(text: str | None, now: datetime | None) -> float | None:
    if not text:
        return None
    if text.strip().isdigit() and text.isascii():
        return min(float(text[:12]), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait, 0.0), MAX_RETRY_AFTER_S)


def _plain(error: BaseException) -> str:
    return shown(str(error) or type(error).__name__)


def shown(text: str) -> str:
    """A text from outside, printable, without secrets, of a line's length.

    >>> shown('no such key: {"apiKey":"abc"}\\n')
    'no such key: {"apiKey":"***"} '
    """
    return mask_message("".join(c if c.isprintable() else " " for c in text[:400]))[:160]
