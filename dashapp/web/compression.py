"""Answers to pages, packed for clients on other machines: on this one that costs time alone.

Files of scripts, exports and uploads pass as they are: large ones would hold the loop.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware

from dashapp.settings import is_loopback
from dashapp.web.body_limits import CALLBACK_PATH, App, Receive, Scope, Send

#: Bytes from which an answer is packed, and how hard: 400 kB in some 8 ms.
LEAST_BYTES, LEVEL = 1_000, 4


class Compression:
    """ASGI middleware around `app`; see the module."""

    def __init__(self, app: App) -> None:
        self._plain = app
        self._packed = GZipMiddleware(app, minimum_size=LEAST_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        far = client is not None and not is_loopback(client[0])
        packed = scope["type"] == "http" and scope["path"] == CALLBACK_PATH and far
        await (self._packed if packed else self._plain)(scope, receive, send)
