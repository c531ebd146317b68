"""The guard: how many requests at a time, whose guesses are forgotten, and sockets of nobody."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from dashapp.settings import Settings
from dashapp.web.guard import Guard, Policy
from dashapp.web.guesses import FREE, Guesses
from tests.dashapp.web.test_guard import HOST, echo

POLICY = Policy.of(Settings())


async def test_of_too_many_requests_at_a_time_health_alone_is_told():
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def application(scope, receive, send):
        if scope["path"] == "/slow":
            begun.set()
            await go_on.wait()
        await echo(scope, receive, send)

    transport = httpx.ASGITransport(Guard(application, POLICY, most=1))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        slow = asyncio.create_task(client.get("/slow"))
        await begun.wait()
        busy = await client.get("/")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        assert (await client.get("/healthz")).status_code == 200
        go_on.set()
        assert (await slow).status_code == 200
        assert (await client.get("/")).status_code == 200


async def test_a_request_that_fails_gives_its_place_back():
    async def application(scope, receive, send):
        if scope["path"] == "/fault":
            raise ZeroDivisionError
        await echo(scope, receive, send)

    transport = httpx.ASGITransport(Guard(application, POLICY, most=1))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/fault")
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::2"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)
def test_after_the_right_token_its_network_begins_anew(address, other):
    guesses = Guesses(lambda: 0.0)
    for _ in range(FREE - 1):
        guesses.wrong(address)
    guesses.right(address)
    for _ in range(FREE - 1):
        guesses.wrong(other)
    assert guesses.wait_s(address) == 0.0
    guesses.wrong(other)
    assert guesses.wait_s(address) == guesses.wait_s(other) == 1.0


@pytest.mark.parametrize(("origin", "reached"), [(None, False), (f"http://{HOST}", True)])
async def test_a_socket_that_names_no_origin_is_closed_at_any_path(origin, reached):
    seen = []

    async def application(scope, receive, send):
        seen.append("reached")

    async def send(message):
        seen.append(message["type"])

    given = {"host": HOST} | ({} if origin is None else {"origin": origin})
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "websocket", "path": "/any", "headers": raw}
    await Guard(application, POLICY)(scope, None, send)
    assert seen == (["reached"] if reached else ["websocket.close"])
