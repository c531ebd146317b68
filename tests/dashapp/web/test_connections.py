"""Connections of a real server: heads that are too large, and many that say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from dashapp.server import create_server
from dashapp.web import connections
from dashapp.web.connections import Connections, protocol_of
from tests.dashapp.conftest import small_app
from tests.dashapp.test_server import PROJECT, process
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


async def test_a_body_may_come_later_than_a_head_must(runtime, settings, monkeypatch):
    held = Connections()
    async with served(runtime, settings, held) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /api/upload?name=a.csv HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 2"
        writer.write(head % settings.port + b"\r\n\r\n")
        await until(lambda: held.open and not held._idle)
        monkeypatch.setattr(connections, "HEAD_S", 0.05)
        assert await told(port, b"") == b"", "the time of a head is over"
        assert held.closed["no request in time"] == 1
        writer.write(b"x\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()


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


class Silent:
    """A connection of which only the end is looked at."""

    def __init__(self, held: Connections, address: str) -> None:
        self.held, self.address, self.ended = held, address, False

    def end(self) -> None:
        self.ended = True
        self.held.gone(self, self.address)


def come(held: Connections, address: str) -> Silent | None:
    """A connection that is admitted, and waits."""
    made = Silent(held, address) if held.admit(address) else None
    if made is not None:
        held.idle(made, address)
    return made


def test_the_longest_idle_of_an_address_gives_way_and_nobody_else_is_looked_at():
    class Unseen(OrderedDict):
        def __iter__(self):
            raise AssertionError("all that are idle were walked through")

        items = keys = values = __iter__

    held = Connections(most=1_000, most_of_address=3)
    others = [come(held, f"10.0.0.{number}") for number in range(200)]
    mine = [come(held, "10.1.1.1") for _ in range(3)]
    held._idle = Unseen(held._idle)
    come(held, "10.1.1.1")
    assert [one.ended for one in mine] == [True, False, False]
    assert not any(one.ended for one in others)


def test_what_is_counted_of_connections_is_what_there_is():
    rng, held = random.Random(7), Connections(most=40, most_of_address=15)
    alive: list[Silent] = []
    for _ in range(5_000):
        act = rng.random()
        if act < 0.5:
            made = come(held, f"10.0.0.{rng.randrange(5)}")
            alive += [made] if made else []
        elif alive:
            one = rng.choice(alive)
            if act < 0.7:
                held.busy(one)
            elif act < 0.9:
                held.idle(one, one.address)
            else:
                one.end()
        alive = [one for one in alive if not one.ended]
        assert held._count == held.open.total() == len(alive) <= 40
        assert max(held.open.values(), default=0) <= 15
        idle = {one for waiting in held._idle_of.values() for one in waiting}
        assert idle == set(held._idle) <= set(alive)
        assert all(held._idle_of.values())


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
    """Prints the slowest answer of /healthz, the processor's time and the memory that it took."""
    with process() as (app, port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> bool:
                await client.get("/")
                return bool((await client.get("/api/status")).json()["kernels_ready"])

            while not await ready():  # noqa: ASYNC110
                await asyncio.sleep(0.5)
            await asyncio.sleep(8.0)  # what the start compiles after that
        before = memory_kb(app.pid)
        spent_s, slowest, most = cpu_s(app.pid), 0.0, before
        crowd = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.crowd", str(port), "2000", "3"),
            cwd=PROJECT,
            stdin=asyncio.subprocess.PIPE,
        )
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
            for _ in range(200):
                began = time.perf_counter()
                assert (await client.get(f"http://127.0.0.1:{port}/healthz")).is_success
                slowest = max(slowest, time.perf_counter() - began)
                most = max(most, memory_kb(app.pid))
                await asyncio.sleep(0.02)
        spent_s = cpu_s(app.pid) - spent_s
        crowd.kill()
        await crowd.wait()
    grown = (most - before) / 1024
    told = f"slowest /healthz {slowest * 1e3:.0f} ms, of the processor {spent_s:.2f} s"
    print(f"{told}, memory +{grown:.1f} MB")  # noqa: T201
    assert grown < 30


def cpu_s(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
