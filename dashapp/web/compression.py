"""Pages, files and what they poll are compressed for whoever is not on this machine.

Small answers are packed on the loop, larger ones in a worker thread; a file of scripts or styles is
packed once, and kept.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from typing import Any

from cachetools import LRUCache
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware

from dashapp.settings import is_loopback
from dashapp.web.body_limits import CALLBACK_PATH, App, Message, Receive, Scope, Send

#: Bytes below which an answer goes as it is, and from which the loop does not pack it itself: at
#: this size and level that takes it a fifth of a millisecond.
LEAST_BYTES, THREAD_BYTES = 1_024, 16_384
#: zlib's levels, for what is packed each time, and for what is packed once.
LEVEL, LEVEL_OF_FILES = 1, 6
#: Bytes of packed files that are kept.
KEPT_BYTES = 16 << 20
#: Files that are packed at once.
AT_ONCE = 2
#: Streams of rows are left alone: they are long, and curl rarely asks.
_PATHS = (CALLBACK_PATH, "/_dash-", "/api")
_FILES = ("/assets/", "/_dash-component-suites/")
_FILE_TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml")


class Compressed:
    """ASGI middleware: gzip where the client takes it and is on another machine."""

    def __init__(self, app: App) -> None:
        self._plain = app
        self._gzip = GZipMiddleware(
            app,  # type: ignore[arg-type]
            minimum_size=LEAST_BYTES,
            compresslevel=LEVEL,
            thread_minimum_size=THREAD_BYTES,
        )
        self._files = PackedFiles()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client, path = scope.get("client"), scope.get("path", "")
        if scope["type"] != "http" or client is None or is_loopback(str(client[0])):
            await self._plain(scope, receive, send)
        elif path.startswith(_FILES):
            if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
                send = _Packing(scope, send, self._files).send
            await self._plain(scope, receive, send)
        elif path == "/" or path.startswith(_PATHS):
            await self._gzip(scope, receive, send)  # type: ignore[arg-type]
        else:
            await self._plain(scope, receive, send)


class PackedFiles:
    """Files as they were packed, those asked for last; each is packed once at a time."""

    def __init__(self) -> None:
        self._kept: LRUCache[Any, bytes] = LRUCache(KEPT_BYTES, getsizeof=len)
        self._coming: dict[Any, asyncio.Task[bytes]] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    def kept(self, key: Any) -> bytes | None:
        """A file that was packed before, None where it was not or is not kept any more."""
        return self._kept.get(key)

    async def packed(self, key: Any, pieces: Sequence[bytes]) -> bytes:
        """A file, packed. key: what it is called, and what tells its versions apart."""
        kept, task = self.kept(key), self._coming.get(key)
        if kept is not None:  # it was packed while this one's pieces came
            return kept
        if task is None:
            task = asyncio.create_task(self._pack(pieces))
            self._coming[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)  # others may wait for it too

    async def _pack(self, pieces: Sequence[bytes]) -> bytes:
        async with self._gate:
            return await asyncio.to_thread(_pack, pieces)

    def _keep(self, key: Any, done: asyncio.Task[bytes]) -> None:
        del self._coming[key]
        if not done.cancelled() and done.exception() is None and len(done.result()) <= KEPT_BYTES:
            self._kept[key] = done.result()


def _pack(pieces: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(pieces), LEVEL_OF_FILES, mtime=0)


class _Packing:
    """One file on its way: held until it is whole, then packed."""

    def __init__(self, scope: Scope, send: Send, files: PackedFiles) -> None:
        self._path = scope["path"]
        self._send = send
        self._files = files
        self._start: Message | None = None
        self._key: Any = None
        self._packed: bytes | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    async def send(self, message: Message) -> None:
        """Take the application's next message."""
        if message["type"] == "http.response.start" and _can_be_packed(message):
            self._start = message
            headers = Headers(raw=list(message["headers"]))
            told = (headers.get(name) for name in ("etag", "last-modified", "content-length"))
            self._key = self._path, *told
            self._packed = self._files.kept(self._key)
        elif message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
        else:
            piece = message.get("body", b"")
            self._size += len(piece)
            if self._packed is None:
                self._pieces.append(piece)
            if not message.get("more_body", False):
                await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        headers.add_vary_header("Accept-Encoding")
        body = self._packed
        if body is None and self._size >= LEAST_BYTES:
            body = await self._files.packed(self._key, self._pieces)
        if body is None:
            body = b"".join(self._pieces)
        else:
            headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
            if "accept-ranges" in headers:  # a part of it would be a part of the plain file
                del headers["accept-ranges"]
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _can_be_packed(start: Message) -> bool:
    """Whether an answer is a whole file of text that is not packed yet."""
    headers = Headers(raw=list(start["headers"]))
    text = headers.get("content-type", "").startswith(_FILE_TYPES)
    return start["status"] == 200 and text and "content-encoding" not in headers
