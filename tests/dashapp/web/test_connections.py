"""Connections of a real server: heads that are too large, and many that say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from dashapp.server import create_server
from dashapp.web import connections
from dashapp.web.connections import Connections, protocol_of
from tests.dashapp.conftest import small_app
from tests.dashapp.test_server import process
from tests.waiting import PATIENCE_S, until


@contextlib.asynccontextmanager
async def served(runtime, settings, held: Connections) -> AsyncIterator[int]:
    """The server on a free port."""
    app = create_server(runtime, settings, small_app)
    config = uvicorn.Config(
        app, port=0, http=protocol_of(held), ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


async def told(port: int, *pieces: bytes) -> bytes:
    """What the server answers to these bytes before it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass  # it has closed already
    answer = b""
    with contextlib.suppress(OSError):
        async with asyncio.timeout(PATIENCE_S):
            while got := await reader.read(65_536):
                answer += got
    writer.close()
    return answer


async def healthy(port: int, settings) -> bool:
    host = {"Host": f"127.0.0.1:{settings.port}"}
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        return (await client.get(f"http://127.0.0.1:{port}/healthz", headers=host)).is_success


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET / HTTP/1.1\r\n", b"X-Long: " + b"a" * 70_000),
        (b"GET / HTTP/1.1\r\n", *[b"X-Long: " + b"a" * 1_000 + b"\r\n"] * 70),
        (b"GET /" + b"a" * 70_000,),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n",),
        (b"GET / HTTP/1.1\r\nX-Long: ", *[b"a" * 65_536] * 300),
    ],
    ids=["one header", "many headers", "a path", "all at once", "20 MB"],
)
async def test_a_head_of_more_than_64_kb_is_answered_with_431(runtime, settings, pieces):
    held = Connections()
    async with served(runtime, settings, held) as port:
        answer = await told(port, *pieces)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
        await until(lambda: held.closed["head too large"] == 1)
        assert await healthy(port, settings)


async def test_an_ordinary_head_is_taken_and_so_is_the_next_on_the_same_connection(
    runtime, settings
):
    async with served(runtime, settings, Connections()) as port:
        request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX: %s\r\n" % (
            settings.port,
            b"a" * 30_000,
        )
        answer = await told(port, request + b"\r\n", request + b"Connection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
async def test_who_says_nothing_or_half_a_head_is_closed(runtime, settings, monkeypatch, said):
    monkeypatch.setattr(connections, "HEAD_S", 0.05)
    held = Connections()
    async with served(runtime, settings, held) as port:
        assert await told(port, said) == b""
        assert held.closed["no request in time"] == 1
        await until(lambda: not held.open)


async def test_idle_connections_give_way_and_lock_nobody_out(runtime, settings):
    held = Connections(most=20, most_of_address=10)
    async with served(runtime, settings, held) as port:
        writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(30)]
        await until(lambda: held.closed["idle, gave way"] == 20)
        assert held.open.total() == 10
        assert await healthy(port, settings)
        for writer in writers:
            writer.close()
        await until(lambda: not held.open)


async def test_a_flood_of_requests_ahead_of_their_answers_is_cut_off(runtime, settings):
    held = Connections()
    async with served(runtime, settings, held) as port:
        await told(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 1_000)
        assert held.closed["head too large"] == 1
        assert await healthy(port, settings)


async def test_a_file_that_stalls_gives_its_place_to_another(client, runtime, monkeypatch):
    from dashapp.web.routes import uploads

    begun = [runtime.uploads.begin(f"{n}.csv") for n in range(uploads.MAX_UPLOADS)]
    rows = "timestamp,open,high,low,close\n" + "".join(
        f"2024-08-08T00:{minute:02}:00Z,5,7,4,5\n" for minute in range(60)
    )
    refused = await client.post("/api/upload?name=KO.csv", content=rows)
    assert refused.status_code == 429
    monkeypatch.setattr(uploads, "PLACE_S", 0.0)
    assert (await client.post("/api/upload?name=KO.csv", content=rows)).status_code == 200
    assert len(runtime.uploads.sessions) == uploads.MAX_UPLOADS - 1
    for session in begun:
        session.abort()


async def test_dash_takes_no_callbacks_by_websocket(client):
    answer = await client.get("/_dash-ws-callback")
    assert answer.status_code == 403


@pytest.mark.soak
async def test_two_thousand_silent_connections_and_600_mb_of_heads_cost_30_mb():
    """Prints the slowest answer of /healthz, in ms, and the memory that it took, in MB."""
    with process() as (app, port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> bool:
                await client.get("/")
                return bool((await client.get("/api/status")).json()["kernels_ready"])

            while not await ready():  # noqa: ASYNC110
                await asyncio.sleep(0.5)
            await asyncio.sleep(8.0)  # what the start compiles after that
        before = memory_kb(app.pid)
        writers = []
        for number in range(2_000):
            source = (f"127.0.0.{2 + number % 5}", 0)
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
            if number % 2:
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
            writers.append(writer)
        heads = [
            asyncio.create_task(told(port, b"GET / HTTP/1.1\r\nX: ", *[b"a" * 1_000_000] * 200))
            for _ in range(3)
        ]
        slowest, most = 0.0, before
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
            for _ in range(100):
                began = time.perf_counter()
                assert (await client.get(f"http://127.0.0.1:{port}/healthz")).is_success
                slowest = max(slowest, time.perf_counter() - began)
                most = max(most, memory_kb(app.pid))
                await asyncio.sleep(0.02)
        await asyncio.gather(*heads)
        for writer in writers:
            writer.close()
    grown = (most - before) / 1024
    print(f"slowest /healthz {slowest * 1e3:.0f} ms, memory +{grown:.1f} MB")  # noqa: T201
    assert grown < 30


def memory_kb(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
