"""Requests that nobody meant: every parameter and every body, each in hundreds of wrong ways.

The routes and their parameters are those of the OpenAPI document, so that a new one is among them.
A small run of each is always made; the whole ones are `-m soak -s` and print their counts.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import multiprocessing
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from http import HTTPStatus
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from memory import resident_mb
from running_app import free_port

from dashapp.server import create_server
from dashapp.services.runtime import Runtime
from dashapp.services.scan.control import Scans
from dashapp.settings import Settings
from dashapp.web.connections import Connections, protocol_of
from dashapp.web.errors import ApiError
from dashapp.web.router import LONGEST_VALUE
from tests.dashapp.conftest import made_up_ticks, small_app
from tests.dashapp.ui.test_callback_values import STRANGE, places
from tests.garbage import nothing_left_in_cycles
from tests.nasty_texts import FRAMES, PIECES, nasty

#: Numbers, dates, paths and escapes that a query may hold, as they stand in it.
RAW = (
    *("", "0", "-0", "-1", "1.5", "1e400", "NaN", "-Infinity", "9" * 400, "0x1F", "1_000", "1,5"),
    *(
        "%2B1",
        "%00",
        "%ff%fe",
        "%ed%a0%80",
        "%C0%80",
        "%",
        "%zz",
        "%25%30%30",
        "+",
        "a&a=b",
        "&",
        "#",
    ),
    *("true", "null", "[]", "{}", "None", "../../etc/passwd", "..%2f..%2fetc", "%2e%2e%2f", "CON"),
    *("2024-02-30", "1970-01-01", "9223372036854775808", "-9223372036854775809", "1e18", "1e-320"),
    *(
        "demo",
        "BTCUSDT",
        "csv",
        "1s",
        "csv.zip",
        "csv.manifest.json",
        "all",
        "1&symbol=2",
        "%E2%80%AE",
    ),
)
LENGTHS = (1, 7, 64, 700, 4_000)
#: What stands in the address where it is right.
RIGHT = {
    **{"market": "demo", "symbol": "BTCUSDT", "y": "BTCUSDT", "x": "ETHUSDT", "ending": "csv"},
    **{"timeframe": "1s", "limit": "200", "id": "a-1", "name": "a", "source": "binance-spot"},
}
RULE = {"market": "demo", "metric": "price", "operator": ">", "threshold": 1.0, "symbol": "BTCUSDT"}
PAIR = {"y": "BTCUSDT", "x": "ETHUSDT", "z_window": 30}
#: A right body of each route that takes one.
BODIES: dict[str, Any] = {
    "POST /api/feed/start": {"source": "demo", "symbols": ["BTCUSDT"], "subscribe": "x"},
    "POST /api/alerts/rules": {
        **RULE,
        "hysteresis": 0,
        "webhook": "https://a.example/b",
        "id": "r",
    },
    "PUT /api/watchlist": {"market": "demo", "params": PAIR, "z_threshold": 2.0},
    "POST /api/watchlist/rules": {"rule": "r"},
    "PUT /api/views": {"name": "a", "link": "/analytics?y=A", "old_name": None},
    "POST /api/views/import": {"views": [{"name": "a", "link": "/", "saved_ms": 1}], "last": None},
    "PUT /api/views/last": {"link": "/analytics?y=A"},
    "POST /api/scans": {"market": "demo", "timeframe": "1s", "q": 0.05, "candidates": "all"},
    "POST /api/upload": '{"symbol":"A","ts":1723161256322,"price":5,"size":1}\n' * 3,
    "POST /api/replay/start": {"market": "demo", "speed": 60, "start_ms": 1_723_161_300_000},
    "POST /api/replay/speed": {"speed": 60},
    "POST /api/replay/seek": {"position_ms": 1_723_161_300_000},
    "POST /api/feed/stop": {},
    "POST /api/replay/pause": {},
    "POST /api/replay/play": {},
    "POST /api/replay/stop": {},
}
#: What no body may name here: it would be looked for in the network.
ELSEWHERE = ("://", "redis", "postgres")


def no_scan(*given: Any, **more: Any) -> None:
    raise ApiError(HTTPStatus.CONFLICT, "no scan here")


def secluded(port: int) -> Runtime:
    """A runtime with a small market that reaches no exchange."""
    nowhere = {"binance_ws": "ws://127.0.0.1:9", "binance_rest": "http://127.0.0.1:9"}
    runtime = Runtime(Settings(source="none", archive=None, port=port, **nowhere))
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        runtime.markets["demo"].append(made_up_ticks(symbol, seed=seed))
    runtime.kernels.ready = True
    return runtime


@pytest.fixture
async def whole(monkeypatch) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, which reaches no exchange and starts no scan."""
    runtime = secluded(8050)
    monkeypatch.setattr(Scans, "start", no_scan)
    transport = httpx.ASGITransport(create_server(runtime, runtime.settings, small_app))
    base = f"http://127.0.0.1:{runtime.settings.port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client
    await runtime.replays.stop()
    await runtime.feeds.stop()


def serve(port: int, log: str) -> None:
    """The same server behind a socket, for a process of its own."""
    logging.basicConfig(filename=log, level=logging.WARNING)
    Scans.start = no_scan  # type: ignore[method-assign]
    runtime = secluded(port)
    uvicorn.run(
        create_server(runtime, runtime.settings, small_app),
        port=port,
        log_config=None,
        access_log=False,
        http=protocol_of(Connections()),
    )


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[int, str, Path]]:
    """A process of the server: its id, its address and its log."""
    port, log = free_port(), tmp_path / "log"
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port, str(log)))
    server.start()
    assert server.pid is not None
    yield server.pid, f"http://127.0.0.1:{port}", log
    server.terminate()
    server.join()


def values() -> list[str]:
    """Three hundred values of a query, as they stand in it."""
    texts = [nasty(piece, length) for length, piece in product(LENGTHS, PIECES)]
    texts += [nasty(piece, 64, frame) for frame, piece in product(FRAMES[1:], PIECES)]
    return [*RAW, *(quote(text, safe="") for text in texts)][:300]


async def routes(client: httpx.AsyncClient) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Method, path and parameters of every route."""
    document = (await client.get("/api/openapi.json")).json()
    return (
        (method.upper(), path, operation.get("parameters", []))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )


def address(path: str, parameters: list[dict[str, Any]], changed: str, value: str) -> str:
    """The path with its query, all right but for one value."""
    query = []
    for row in parameters:
        name = row["name"]
        text = value if name == changed else RIGHT.get(name)
        if row["in"] == "path":
            path = path.replace(f"{{{name}}}", str(text))
        elif name == changed or row.get("required"):
            query.append(f"{name}={text}")
    return f"{path}?{'&'.join(query)}"


def check(answer: httpx.Response, asked: object) -> int:
    """An answer is data or a refusal in one line; its status."""
    assert answer.status_code < 500 or answer.status_code == 503, (asked, answer.text[:300])
    if answer.status_code >= 400 and answer.headers.get("content-type") == "application/json":
        assert "\n" not in answer.json()["error"], asked
    return answer.status_code


def failed(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged with a traceback."""
    return [record.getMessage() for record in caplog.records if record.exc_info]


async def ask_all(client: httpx.AsyncClient, nasty_values: list[str]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    for method, path, parameters in await routes(client):
        if method != "GET":
            continue
        urls = [
            address(path, parameters, row["name"], value)
            for row, value in product(parameters, nasty_values)
        ]
        right = address(path, parameters, "", "")
        urls += [f"{right}&{value}={'1' * (LONGEST_VALUE + 1)}" for value in nasty_values]
        for url in urls:
            try:
                answer = await client.get(url)
            except httpx.InvalidURL:
                continue  # no client sends it
            statuses[check(answer, url)] += 1
    return statuses


async def test_no_value_of_a_parameter_fails_inside(whole, caplog):
    statuses = await ask_all(whole, ["%0d%0aa", *random.Random(1).sample(values(), 11)])
    assert not failed(caplog)
    assert sum(statuses.values()) > 1_500
    assert statuses[400] > 1_000


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_three_hundred_values_of_each_parameter_fail_nowhere(whole, caplog):
    """Prints how many requests got which status."""
    statuses = await ask_all(whole, values())
    told = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    sys.stdout.write(f"\n{sum(statuses.values()):,} requests with GET: {told}\n")
    assert not failed(caplog)


def changed(body: Any, rng: random.Random) -> Any:
    """A document with one to three things in it changed, taken out, added or doubled."""
    made = copy.deepcopy(body)
    for _ in range(rng.randint(1, 3)):
        if not isinstance(made, dict | list) or rng.random() < 0.05:
            return copy.deepcopy(rng.choice(STRANGE))
        path = rng.choice([one for one in places(made) if one] or [()])
        if not path or rng.random() < 0.1:
            made = {**made, nasty(rng.choice(PIECES), 9): 1} if isinstance(made, dict) else [made]
            continue
        parent = made
        for step in path[:-1]:
            parent = parent[step]
        text = nasty(rng.choice(PIECES), rng.choice((1, 9, 300)), rng.choice(FRAMES))
        if rng.random() < 0.2 and isinstance(parent, dict):
            del parent[path[-1]]
        else:
            parent[path[-1]] = copy.deepcopy(rng.choice((text, *STRANGE)))
    return made


def malformed(body: Any, rng: random.Random) -> bytes:
    """A body of the same kind with what is wrong in it: in its values, or in its bytes."""
    if isinstance(body, str):
        text = bytearray(body.encode())
    elif rng.random() < 0.7:
        return json.dumps(changed(body, rng)).encode()
    else:
        text = bytearray(json.dumps(body).encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        piece = rng.choice((b"", b"\x00", b"\xff", b"[" * 500, b"NaN", b"1e999", b'"', b"{", b"\n"))
        text[at : at + rng.choice((0, 0, 1, 9))] = piece
    return bytes(text)


async def send_all(client: httpx.AsyncClient, count: int, seed: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    rng = random.Random(seed)
    takers = [
        (f"{method} {path}", address(path, parameters, "", ""))
        for method, path, parameters in await routes(client)
        if method in ("POST", "PUT")
    ]
    assert {name for name, _ in takers} == set(BODIES)
    for number in range(count):
        name, url = takers[number % len(takers)]
        content = malformed(BODIES[name], rng)
        if "feed" in name and any(word.encode() in content for word in ELSEWHERE):
            continue
        kind = rng.choice(("application/json", "application/json", "text/plain", ""))
        headers = {"content-type": kind} if kind else {}
        method = name.partition(" ")[0]
        answer = await client.request(method, url, content=content, headers=headers)
        statuses[check(answer, (name, content[:300]))] += 1
    return statuses


async def test_no_malformed_body_fails_inside(whole, caplog):
    statuses = await send_all(whole, 2_000, seed=3)
    assert not failed(caplog)
    assert statuses[400] > 1_000
    assert (await whole.get("/healthz")).status_code == 200


async def test_no_malformed_request_leaves_anything_to_the_garbage_collector(whole):
    few = ["%0d%0aa", "5", *random.Random(1).sample(values(), 2)]
    await ask_all(whole, few[:1])  # what the first request makes stays
    with nothing_left_in_cycles():
        await send_all(whole, 600, seed=6)
        await ask_all(whole, few)


@pytest.mark.soak
@pytest.mark.timeout(7_200)
async def test_a_hundred_thousand_malformed_bodies_fail_nowhere_and_leave_nothing(process):
    """Prints how many bodies got which status, and what they left in the server's memory: the
    client that sends them leaves garbage of its own, so it is another process.
    """
    pid, url, log = process
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        while True:
            with suppress(httpx.TransportError):
                await client.get("/healthz")
                break
            await asyncio.sleep(0.1)
        await send_all(client, 20_000, seed=4)  # markets, rules and views up to their limits
        before = resident_mb(pid)
        statuses = await send_all(client, 100_000, seed=5)
        grown = resident_mb(pid) - before
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
        sys.stdout.write(f"\n{sum(statuses.values()):,} bodies: {told}; memory {grown:+.1f} MB\n")
        assert (await client.get("/healthz")).status_code == 200
    assert "Traceback" not in log.read_text()
    assert grown <= 20.0
