"""What open pages ask twice a second, answered before the routes: see `dashapp.ui.live_answers`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from dashapp.settings import is_loopback
from dashapp.web.body_limits import CALLBACK_PATH, App, Receive, Scope, Send, given_again

#: What a proxy says of whom it asks for.
_FORWARDED = (b"x-forwarded-for", b"forwarded")


class Body(Protocol):
    """An answer's body; empty where there is nothing new."""

    body: bytes


class LiveAnswers:
    """ASGI middleware within the guard, which lets no body through that is no callback request.

    answer: answers a body; None for one that is another callback's. asked_here: called for each
    of them that comes from this machine.
    """

    def __init__(
        self,
        app: App,
        answer: Callable[[bytes], Awaitable[Body | None]],
        asked_here: Callable[[], None],
    ) -> None:
        self._app = app
        self._answer = answer
        self._asked_here = asked_here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != CALLBACK_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = (await receive()).get("body", b"")  # whole, as the guard gives it
        answer = await self._answer(body)
        if answer is None:
            await self._app(scope, given_again(body, receive), send)
            return
        if _is_here(scope):
            self._asked_here()
        if answer.body:
            await send(
                {"type": "http.response.start", "status": 200, "headers": _head(answer.body)}
            )
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})


def _is_here(scope: Scope) -> bool:
    """Whether a request comes from this machine, and not by a proxy on it."""
    client = scope.get("client")
    forwarded = any(name in _FORWARDED for name, _ in scope["headers"])
    return client is not None and is_loopback(str(client[0])) and not forwarded


def _head(body: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
