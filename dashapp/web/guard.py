"""The guard: the outermost ASGI layer, through which every request comes in and goes out.

It answers only to the server's own names (DNS rebinding), refuses what other sites send
(cross-site posts and sockets), asks for the token where one is set, bounds request bodies,
and puts the security headers on every answer. It knows no dash and no route but the few
paths named here and in `body_limits`.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.datastructures import Headers

from dashapp.settings import LOOPBACK_NAMES, Settings, is_loopback
from dashapp.web.body_limits import (
    CALLBACK_PATH,
    UPLOAD_PATH,
    App,
    CallbackCheck,
    Header,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    buffered,
    callback_request,
    declared_too_large,
)
from dashapp.web.guesses import Guesses

#: Requests at a time; of more only health is told.
MOST_REQUESTS = 500
#: Dash's way of callbacks that no page here uses.
SOCKET_PATH = "/_dash-ws-callback"
#: The one path that needs no token: it says that the process serves, and nothing else.
OPEN_PATH = "/healthz"
_JSON_PATHS = ("/api/", "/export/", "/healthz")
#: What a browser may keep: files that carry a fingerprint or a validator.
_STORED_PATHS = ("/assets/", "/_dash-component-suites/", "/_favicon.ico")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True)
class Policy:
    """What the guard holds to. hosts: names with port, None for any (a token is then set)."""

    hosts: frozenset[str] | None
    token: str | None = None
    script_hashes: tuple[str, ...] = ()
    cookie: str = "spreadscope"

    @classmethod
    def of(cls, settings: Settings, script_hashes: Iterable[str] = ()) -> Policy:
        """The policy of these settings.

        >>> sorted(Policy.of(Settings(port=8050)).hosts)
        ['127.0.0.1:8050', '[::1]:8050', 'localhost:8050']
        """
        hosts = None
        if not settings.listens_everywhere:
            names = {settings.host, *(LOOPBACK_NAMES if is_loopback(settings.host) else ())}
            bracketed = (f"[{name}]" if ":" in name else name for name in names)
            hosts = frozenset(f"{name}:{settings.port}".lower() for name in bracketed)
        cookie = f"spreadscope_{settings.port}"  # browsers share cookies between ports
        return cls(hosts, settings.token, tuple(script_hashes), cookie)


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """The policy's text: scripts from here alone, inline ones by their hash.

    >>> content_security_policy(["'sha256-x'"]).split("; ")[1]
    "script-src 'self' 'sha256-x'"
    """
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *script_hashes)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "object-src 'none'",
        )
    )


class Guard:
    """ASGI middleware around `app`; see the module.

    callback_check: says why a body is no callback request, which is then answered with 400
    instead of failing inside.
    """

    def __init__(
        self,
        app: App,
        policy: Policy,
        callback_check: CallbackCheck | None = None,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_REQUESTS,
    ) -> None:
        self.app = app
        self.policy = policy
        self._callback_check = callback_check
        self._guesses = Guesses(clock)
        self._running = 0
        self._most = most
        self._security_headers = _security_headers(policy.script_hashes)
        # Not the token itself: what a browser keeps must not open the server elsewhere.
        key = (policy.token or "").encode()
        self._pass = hmac.new(key, b"spreadscope cookie", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        path, headers = scope["path"], Headers(scope=scope)
        refusal = self._other_host(headers) or _other_site(scope, headers)
        refusal = refusal or declared_too_large(path, headers.get("content-length"))
        cookie = None
        if refusal is None and self.policy.token is not None:
            scope, cookie, refusal = self._admitted(scope, headers)
        if refusal is None and path == SOCKET_PATH:
            refusal = Refusal(HTTPStatus.FORBIDDEN, "this server takes no callbacks by WebSocket")
        if scope["type"] == "websocket":
            await (_close(send) if refusal else self.app(scope, receive, send))
            return
        if refusal is None and path != OPEN_PATH and self._running >= self._most:
            refusal = _BUSY
        send = self._with_headers(path, cookie, send)
        if refusal is None and path == CALLBACK_PATH and scope["method"] == "POST":
            kind = headers.get("content-type")
            receive, refusal = await callback_request(kind, receive, self._callback_check)
        elif refusal is None and path != UPLOAD_PATH and _has_body(headers):
            receive, refusal = await buffered(receive)
        if refusal is not None:
            await _answer(path, refusal, send)
            return
        self._running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._running -= 1

    def _other_host(self, headers: Headers) -> Refusal | None:
        given = headers.getlist("host")
        match = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
        hosts = self.policy.hosts
        if match and (hosts is None or f"{match[1]}{match[2] or ':80'}" in hosts):
            return None
        names = f": {', '.join(sorted(hosts))}" if hosts else ""
        text = f"this server answers only to its own names{names}"
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, text)

    def _admitted(self, scope: Scope, headers: Headers) -> tuple[Scope, str | None, Refusal | None]:
        """The scope without the token in its query, the cookie to set, or why not."""
        raw = scope.get("query_string", b"").decode("latin-1")
        query = parse_qsl(raw, keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        if given:
            rest = urlencode([pair for pair in query if pair[0] != "token"])
            scope = {**scope, "query_string": rest.encode()}
        wait_s = 0.0
        known = _same(_cookie(headers, self.policy.cookie), self._pass)
        for token in given or _bearer(headers):
            wait_s, right = self._tried(_address(scope), token, known)
            if right and given:
                cookie = f"{self.policy.cookie}={self._pass}; Path=/; HttpOnly; SameSite=Strict"
                return scope, cookie, _redirect(scope)
            known = known or right
        if known or scope["path"] == OPEN_PATH:
            return scope, None, None
        return scope, None, _too_many(wait_s) if wait_s else _NO_TOKEN

    def _tried(self, address: str, token: str, known: bool) -> tuple[float, bool]:
        """Seconds to wait, and whether a token is right; while there is a wait it is not looked at.

        known: a browser that bears the cookie guesses nothing.
        """
        wait_s = self._guesses.wait_s(address)
        right = not wait_s and self._is_token(token)
        if right:
            self._guesses.right(address)
        elif not wait_s and not known:
            self._guesses.wrong(address)
            wait_s = self._guesses.wait_s(address)
        return wait_s, right

    def _is_token(self, given: str) -> bool:
        return _same(given, self.policy.token or "")

    def _with_headers(self, path: str, cookie: str | None, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                names = {name.lower() for name, _ in own}
                own += [header for header in self._security_headers if header[0] not in names]
                if b"cache-control" not in names and not path.startswith(_STORED_PATHS):
                    own.append((b"cache-control", b"no-store"))
                if cookie is not None:
                    own.append((b"set-cookie", cookie.encode()))
                message = {**message, "headers": own}
            await send(message)

        return wrapped


def _address(scope: Scope) -> str:
    """Where a request comes from; "" for a client without an address."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _bearer(headers: Headers) -> list[str]:
    scheme, _, token = (headers.get("authorization") or "").partition(" ")
    return [token.strip()] if scheme.lower() == "bearer" else []


_BUSY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too many requests at a time: try again in a moment",
    ((b"retry-after", b"1"),),
)
_NO_TOKEN = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "a token is required: add ?token=... or send Authorization: Bearer ...",
    ((b"www-authenticate", b"Bearer"),),
)


def _too_many(wait_s: float) -> Refusal:
    seconds = str(math.ceil(wait_s))
    text = f"too many wrong tokens came from here: try again in {seconds} s"
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text, ((b"retry-after", seconds.encode()),))


def _cookie(headers: Headers, name: str) -> str:
    lines = headers.getlist("cookie")
    cookies = (part.strip().partition("=") for line in lines for part in line.split(";"))
    return next((value for key, _, value in cookies if key == name), "")


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or bool(headers.get("transfer-encoding"))


def _security_headers(script_hashes: Iterable[str]) -> tuple[Header, ...]:
    return (
        (b"content-security-policy", content_security_policy(script_hashes).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )


def _other_site(scope: Scope, headers: Headers) -> Refusal | None:
    """Refuse what a page of another origin sends; a client without a page names none."""
    if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
        return None
    origins = headers.getlist("origin")
    foreign = headers.get("sec-fetch-site") not in (None, "same-origin", "none")
    foreign |= scope["type"] == "websocket" and not origins
    foreign |= any(not _same_host(origin, headers.get("host")) for origin in origins)
    if not foreign:
        return None
    return Refusal(HTTPStatus.FORBIDDEN, "another site may not send this request")


def _same_host(origin: str, host: str | None) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == (host or "").lower()


def _same(given: str, expected: str) -> bool:
    """Equal, in a time that does not tell how far; an empty value equals nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def _redirect(scope: Scope) -> Refusal | None:
    """For a page: the same address without the token, so that no bar or log keeps it."""
    page = scope["type"] == "http" and scope["method"] == "GET"
    if not page or scope["path"].startswith(_JSON_PATHS):
        return None
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    location = b"/" + raw.lstrip(b"/") + (b"?" + query if query else b"")
    return Refusal(HTTPStatus.SEE_OTHER, "", ((b"location", location),))


async def _answer(path: str, refusal: Refusal, send: Send) -> None:
    as_json = path.startswith(_JSON_PATHS)
    kind = b"application/json" if as_json else b"text/plain; charset=utf-8"
    body = msgspec.json.encode({"error": refusal.text}) if as_json else refusal.text.encode()
    size = str(len(body)).encode()
    headers = [(b"content-type", kind), (b"content-length", size), *refusal.headers]
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _close(send: Send) -> None:
    """Before the socket is accepted: the client sees HTTP 403."""
    await send({"type": "websocket.close", "code": 1008})
