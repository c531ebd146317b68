"""The two ways in: a WebSocket, and an HTTP response that never ends.

A `Transport` is one connection. `read` hands over what came, in batches: it waits for the
first message, then gathers for a moment, so that decoding works on many at once while a
flood holds the socket back by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import httpx
from websockets.asyncio.client import connect

from ingestion.stream.dialogue import Dialogue, inflated
from ingestion.stream.failures import (
    NETWORK_ERRORS,
    Failure,
    FeedError,
    StreamEnded,
    explain_status,
)
from ingestion.stream.frames import MAX_BATCH_BYTES, MAX_MESSAGE, BulkConnection
from ingestion.stream.http_client import http_client
from ingestion.stream.keepalive import Keepalive
from ingestion.url_guard import at_address, check_url, resolve


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to open, without data until a ping, for its pong, to close, to gather a batch."""

    open_s: float = 10.0
    ping_s: float = 20.0
    pong_s: float = 60.0
    close_s: float = 0.5
    gather_s: float = 0.05


class Transport(Protocol):
    """One connection, opened once and closed once."""

    async def open(self) -> None:
        """Connect. Raises one of failures.NETWORK_ERRORS."""

    async def read(self, wait_s: float) -> list[bytes]:
        """What came, within wait_s; empty if nothing did. Raises like open; StreamEnded."""

    async def send(self, message: bytes) -> None:
        """Send a text message."""

    async def close(self) -> None:
        """Free everything, whatever state it is in, within Timeouts.close_s."""


#: How long a server may take to take what is sent to it.
SEND_S = 5.0
#: How much of a line that is too long is handed over, and what makes it no JSON.
TOLD = 120
TOO_LONG = f" ... (a line of more than {MAX_MESSAGE >> 20} MB)".encode()


class _Connect(connect):
    """Redirects are not followed: each would have to be checked anew."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketTransport:
    """A ws:// or wss:// stream: one message a frame. local: see `check_url`."""

    def __init__(self, url: str, timeouts: Timeouts = Timeouts(), local: bool = True) -> None:
        self._url = url
        self._local = local
        self._timeouts = timeouts
        self._socket: BulkConnection | None = None
        self._life: Keepalive | None = None

    async def open(self) -> None:
        checked = check_url(self._url, local=self._local)
        addresses = list(await resolve(checked))
        while addresses:
            try:
                self._socket = await self._connect(addresses.pop(0), checked.port)
            except OSError:
                if not addresses:
                    raise
            else:
                timeouts = self._timeouts
                self._life = Keepalive(self._socket.ping, timeouts.ping_s, timeouts.pong_s)
                return
        raise OSError("the host has no address")

    async def _connect(self, address: str, port: int) -> BulkConnection:
        timeouts = self._timeouts
        connection = await _Connect(
            self._url,
            create_connection=BulkConnection,
            host=address,
            port=port,
            proxy=None,
            max_size=MAX_MESSAGE,
            compression=None,  # a compressed frame costs twenty times a plain one
            open_timeout=timeouts.open_s,
            ping_interval=None,
            close_timeout=timeouts.close_s,
            logger=_wire_logger(),
        )
        assert isinstance(connection, BulkConnection)
        return connection

    async def read(self, wait_s: float) -> list[bytes]:
        assert self._socket is not None
        assert self._life is not None
        timeouts = self._timeouts
        messages = await self._socket.take(min(wait_s, timeouts.ping_s), timeouts.gather_s)
        if messages:
            self._life.heard()
        else:
            await self._life.check()
        return messages

    async def send(self, message: bytes) -> None:
        assert self._socket is not None
        await self._socket.send(message, text=True)

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()


class TalkingTransport:
    """A WebSocket that is told what it waits for, and answered when it asks who is there.

    What comes compressed is handed over as text.
    """

    def __init__(self, socket: WebSocketTransport, dialogue: Dialogue) -> None:
        self._socket = socket
        self._dialogue = dialogue

    async def open(self) -> None:
        await self._socket.open()
        await self._say(self._dialogue.opened(time.monotonic()))

    async def read(self, wait_s: float) -> list[bytes]:
        messages = [inflated(message) for message in await self._socket.read(wait_s)]
        await self._say(self._dialogue.due(time.monotonic(), messages))
        return messages

    async def send(self, message: bytes) -> None:
        await self._socket.send(message)

    async def _say(self, messages: list[bytes]) -> None:
        if messages:
            async with asyncio.timeout(SEND_S):
                for message in messages:
                    await self._socket.send(message)

    async def close(self) -> None:
        await self._socket.close()


class HttpTransport:
    """An http:// or https:// response that streams lines; server-sent events too.

    A response with a Content-Length is a file: when it has been read, the stream ended. A
    line that is too long is handed over cut, as one that nobody can read.
    """

    def __init__(self, url: str, timeouts: Timeouts = Timeouts(), local: bool = True) -> None:
        self._url = url
        self._local = local
        self._timeouts = timeouts
        self._client: httpx.AsyncClient | None = None
        self._response: httpx.Response | None = None
        self._chunks: Any = None
        self._pending: asyncio.Task[bytes] | None = None
        self._rest = b""
        self._passing_over = False
        self._ended = False
        self._broke: BaseException | None = None

    async def open(self) -> None:
        logging.getLogger("httpx").addFilter(_no_requests)
        timeout = httpx.Timeout(self._timeouts.open_s, read=None)
        self._client = await http_client(timeout)
        checked = check_url(self._url, local=self._local)
        addresses = list(await resolve(checked))
        while addresses and self._response is None:
            request = self._request(at_address(checked, addresses.pop(0)), checked.host)
            try:
                self._response = await self._client.send(request, stream=True)
            except httpx.ConnectError:
                if not addresses:
                    raise
        if self._response is None:
            raise OSError("the host has no address")
        self._check(self._response)
        self._chunks = self._response.aiter_raw()

    def _request(self, url: str, host: str) -> httpx.Request:
        assert self._client is not None
        parts = urlsplit(self._url)
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "Accept": "application/x-ndjson, text/event-stream, application/json, */*",
            "Accept-Encoding": "identity",
        }
        request = self._client.build_request(
            "GET", url, headers=headers, extensions={"sni_hostname": host}
        )
        if parts.username is not None:
            auth = httpx.BasicAuth(unquote(parts.username), unquote(parts.password or ""))
            request = next(auth.auth_flow(request))
        return request

    def _check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            raise FeedError(
                explain_status(response.status_code, response.headers.get("Retry-After"))
            )
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise FeedError(
                Failure("the server compresses the stream, though asked not to", "blocked", 60.0)
            )

    async def read(self, wait_s: float) -> list[bytes]:
        if self._broke is not None:
            raise self._broke
        if self._ended:
            assert self._response is not None
            if "Content-Length" in self._response.headers:
                raise StreamEnded("the server has sent all that it has")
            raise FeedError(Failure("the server ended the stream"))
        loop = asyncio.get_running_loop()
        lines: list[bytes] = []
        size, deadline = 0, loop.time() + wait_s
        while size < MAX_BATCH_BYTES and not self._ended:
            try:
                chunk = await self._chunk(max(0.0, deadline - loop.time()))
            except NETWORK_ERRORS as error:
                # What came before is handed over first, a torn line too: it is counted.
                self._broke, chunk = error, b""
                self._ended = True
            if chunk is None:
                break
            if not size:
                deadline = loop.time() + self._timeouts.gather_s
            size += len(chunk) + 1
            lines += self._lines(chunk)
        if self._broke is not None and not lines:
            raise self._broke
        return lines

    async def _chunk(self, wait_s: float) -> bytes | None:
        """The next chunk, b"" at the end; None if none comes in time (it stays awaited)."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(anext(self._chunks, b""))
        done, _ = await asyncio.wait({self._pending}, timeout=wait_s)
        if not done:
            return None
        chunk, self._pending = self._pending.result(), None
        self._ended = not chunk
        return chunk

    def _lines(self, chunk: bytes) -> list[bytes]:
        lines = (self._rest + (chunk or b"\n")).split(b"\n")
        self._rest = lines.pop()
        if self._passing_over and lines:
            del lines[0]
            self._passing_over = False
        if self._passing_over:
            self._rest = b""
        elif len(self._rest) > MAX_MESSAGE:
            lines.append(self._rest[:TOLD] + TOO_LONG)
            self._rest, self._passing_over = b"", True
        return [kept for line in lines if (kept := _without_event(line.strip()))]

    async def send(self, message: bytes) -> None:
        """HTTP takes no messages."""

    async def close(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait({self._pending}, timeout=self._timeouts.close_s)
            self._pending = None
        try:
            async with asyncio.timeout(self._timeouts.close_s):
                if self._response is not None:
                    await self._response.aclose()
                if self._client is not None:
                    await self._client.aclose()
        except (TimeoutError, httpx.HTTPError, OSError):
            logging.getLogger(__name__).info("the connection did not close cleanly")


def _without_event(line: bytes) -> bytes:
    """The data of a line of server-sent events; any other line as it is."""
    if line.startswith(b"data:"):
        return line[5:].lstrip()
    if line.startswith((b":", b"event:", b"id:", b"retry:")):
        return b""
    return line


def _wire_logger() -> logging.Logger:
    """The library logs requests at DEBUG, URL and all: from INFO on it may speak."""
    logger = logging.getLogger("ingestion.wire")
    logger.setLevel(logging.INFO)
    return logger


def _no_requests(record: logging.LogRecord) -> bool:
    """httpx logs every request's URL at INFO, tokens and all."""
    return record.levelno > logging.INFO
