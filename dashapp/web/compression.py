"""Pages and what they poll are compressed for whoever is not on this machine."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware

from dashapp.settings import is_loopback
from dashapp.web.body_limits import CALLBACK_PATH, App, Receive, Scope, Send

#: Bytes below which an answer goes as it is, and zlib's level: the loop itself compresses.
LEAST_BYTES, LEVEL = 1_024, 1
#: Streams of rows are left alone: they are long, and curl rarely asks.
_PATHS = (CALLBACK_PATH, "/_dash-", "/assets/", "/api")


class Compressed:
    """ASGI middleware: gzip where the client takes it and is on another machine."""

    def __init__(self, app: App) -> None:
        self._plain = app
        self._gzip = GZipMiddleware(app, minimum_size=LEAST_BYTES, compresslevel=LEVEL)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        far = client is not None and not is_loopback(str(client[0]))
        path = scope.get("path", "")
        if far and scope["type"] == "http" and (path == "/" or path.startswith(_PATHS)):
            await self._gzip(scope, receive, send)  # type: ignore[arg-type]
        else:
            await self._plain(scope, receive, send)
