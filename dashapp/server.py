"""The server: FastAPI with the HTTP interface and Dash on it, run by uvicorn in this process.

`create_server` puts the application together; `serve` binds the port, runs it until SIGINT
or SIGTERM and returns the process's exit code. `Dash.run` is never called: on this backend
it starts a second process.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from logging.handlers import QueueHandler
from typing import TYPE_CHECKING, Any, TextIO

import uvicorn
from cachetools import LRUCache
from dash.exceptions import DependencyException
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from dashapp.services.runtime import Runtime
from dashapp.services.startup import begin_workers, keep_freed_memory
from dashapp.settings import Settings, UsageError
from dashapp.ui.callback_values import request_check
from dashapp.ui.live_answers import live_answers
from dashapp.web import app as http
from dashapp.web.compression import Compressed
from dashapp.web.connections import Connections, protocol_of
from dashapp.web.errors import refusal
from dashapp.web.guard import Guard, Policy
from dashapp.web.live_answers import LiveAnswers
from ingestion.url_guard import mask_url
from storage.archive.archive import ArchiveInUse

if TYPE_CHECKING:
    from dash import Dash

logger = logging.getLogger(__name__)

CreateApp = Callable[[Runtime, FastAPI], "Dash"]

#: Seconds that open requests get to end after SIGINT or SIGTERM, then they are cancelled.
GRACE_S = 1
#: Seconds after the server's end at which the process leaves whatever still runs in it.
LAST_EXIT_S = 1.5
#: Seconds between two lines of one kind in the log that anybody may cause.
SELDOM_S = 60.0
#: Sentences of the log that wait to be written, before more are left out.
MOST_WAITING = 10_000
#: Seconds that the end of the process waits for them.
WRITTEN_S = 1.0
#: Seconds after the first signal at which the process leaves, wherever its shutdown is.
DEADLINE_S = 4.5


def create_server(
    runtime: Runtime, settings: Settings, create_app: CreateApp | None = None
) -> Guard:
    """The ASGI application: the guard around FastAPI, which carries the HTTP interface and
    Dash. Its lifespan starts and stops `runtime`. create_app: makes the Dash app, the
    product's own by default.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        begin_workers()
        await runtime.start()
        try:
            yield
        finally:
            await runtime.stop()

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    http.mount(server, runtime)  # before Dash, whose last route answers every GET with a page
    app = (create_app or _product)(runtime, server)
    server.add_exception_handler(DependencyException, _no_such_file)
    # Dash does the first on its first request for "/", so that a link to another page would
    # get an index without the stylesheets and scripts of assets/; the second when it starts.
    backend: Any = app.backend
    backend.websocket_capability = False  # pages would open a socket that nothing uses
    app._setup_server()
    backend._setup_catchall()
    _put_first(server, "_dash-update-component")
    policy = Policy.of(settings, app.csp_hashes())
    load = runtime.analysis.results.load
    answering = Compressed(LiveAnswers(server, live_answers(app), load.asked_here))
    return Guard(answering, policy, request_check(app))


def _put_first(server: FastAPI, path: str) -> None:
    """Try the route that every open page asks twice a second before all others."""
    routes = server.router.routes
    routes.sort(key=lambda route: getattr(route, "path", "").lstrip("/") != path)


async def _no_such_file(request: Request, raised: Exception) -> Response:
    """A script of a package that Dash does not serve, or that is not in it."""
    return refusal(HTTPStatus.NOT_FOUND, "there is no such file")


def _product(runtime: Runtime, server: FastAPI) -> Dash:
    from dashapp.ui.app import create_app

    return create_app(runtime, server)


def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; the exit code. Raises UsageError if it cannot listen."""
    configure_logging(settings.log_level)
    keep_freed_memory()
    listener = bind(settings.host, settings.port)
    settings = replace(settings, port=listener.getsockname()[1])
    runtime = Runtime(settings)
    try:
        runtime.recorder.writer.reserve(settings.archive)
    except ArchiveInUse as held:
        raise UsageError(f"{held}: stop it, or choose another with --archive") from None
    config = uvicorn.Config(
        create_server(runtime, settings),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        http=protocol_of(Connections()),
        ws="none",
    )
    logger.info("serving %s from the source %s", _address(settings), mask_url(settings.source))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        code = runner.run(_run(_Server(config), listener))
    logger.info("stopped")
    return code


def configure_logging(level: str) -> None:
    """Sentences to stderr, from our own packages; libraries speak up from warnings on."""
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=[_handler()],
        force=True,
    )
    chatty = ("uvicorn", "uvicorn.error", "httpx", "httpcore", "websockets", "asyncio", "numba")
    for name in chatty:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(Seldom())
    logging.getLogger("dashapp.ui.polling").addFilter(Seldom(whole=True))


def _handler() -> logging.Handler:
    """What writes the log; to nowhere where the process has no stderr."""
    try:
        return _Waiting(sys.stderr)
    except (AttributeError, OSError):
        return logging.StreamHandler()


class _Waiting(QueueHandler):
    """A thread writes what waits here: a terminal that holds its output, or a pipe that nobody
    reads, stops what is written and nothing else. What finds no room is left out and counted.
    """

    def __init__(self, stream: TextIO) -> None:
        # Of the queues the one that a signal's handler may add to amid another's adding.
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        super().__init__(self._waiting)
        self._left_out = 0
        # A file of its own: the end of the process waits for one of Python's that is written to.
        self._file = os.fdopen(os.dup(stream.fileno()), "w", 1, stream.encoding, stream.errors)
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def _write(self) -> None:
        for record in iter(self._waiting.get, None):
            left_out, self._left_out = self._left_out, 0
            with contextlib.suppress(OSError):
                self._file.write(f"{record.msg}\n")
                if left_out:
                    self._file.write(f"{left_out:,} lines of the log were left out\n")

    def enqueue(self, record: logging.LogRecord | None) -> None:
        if record is None or self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(record)
        else:
            self._left_out += 1

    def close(self) -> None:
        """Wait until what was logged is written, or cannot be."""
        self.enqueue(None)
        self._writer.join(WRITTEN_S)
        super().close()


class Seldom(logging.Filter):
    """Lets a message of one kind through once a minute: anybody may cause it, at any rate.

    whole: messages that differ in any word are of two kinds, and tracebacks are no exception.
    """

    def __init__(self, whole: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self._said: LRUCache[str, float] = LRUCache(100)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        text = record.getMessage() if self._whole else f"{record.msg}"
        kind, now = text[:200], time.monotonic()
        told_s = self._said.get(kind, -SELDOM_S)
        if (record.exc_info and not self._whole) or now - told_s >= SELDOM_S:
            self._said[kind] = now
            return True
        return False


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on host and port. Raises UsageError where that cannot be.

    It listens at once: two sockets may share an address until one of them does.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # "localhost" may name ::1 first, where a browser that was told 127.0.0.1 finds nobody.
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host is {host}, which cannot be resolved: {error.strerror}") from None
    try:
        if os.name == "posix":  # elsewhere it would let a second server take the port over
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno in _IN_USE:
            raise UsageError(f"port {port} is in use: choose another with --port") from None
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return listener


_IN_USE = (errno.EADDRINUSE, 10048)  # the second is Windows's own


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


class _Server(uvicorn.Server):
    """uvicorn, but a signal that was obeyed is not raised again: the exit code is ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Requests that are cut off now are cut off on purpose; uvicorn would log a traceback
        # for each.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        if not self.should_exit:
            _leave_after(DEADLINE_S, 0)
            logger.info("%s: stopping", signal.Signals(sig).name)
        super().handle_exit(sig, frame)


async def _run(server: uvicorn.Server, listener: socket.socket) -> int:
    await server.serve(sockets=[listener])
    code = 0 if server.started else 1
    # A worker thread in a long computation cannot be stopped, and Python would wait for it.
    _leave_after(LAST_EXIT_S, code)
    return code


def _leave_after(seconds: float, code: int) -> None:
    """Leave the process then, unless it ended by itself."""
    timer = threading.Timer(seconds, _leave, (code,))
    timer.daemon = True
    timer.start()


def _leave(code: int) -> None:
    logger.info("stopped, leaving what did not end in time")
    logging.shutdown()
    os._exit(code)
