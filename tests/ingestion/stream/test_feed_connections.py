"""What a connection may do to a feed: faults, refusals, silence."""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection

from ingestion.feed import (
    StreamFeed,
    Timers,
    make_feed,
)
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.watchdog import WatchdogPolicy
from tests.ingestion.stream.feed_server import (
    FAST,
    Handler,
    Taken,
    answer,
    dead_peer,
    hush,
    raw_server,
    running,
    server,
    talk,
    tick,
)
from tests.waiting import until


def closing(code: int) -> Handler:
    async def close(connection: ServerConnection) -> None:
        await connection.send(tick())
        await connection.close(code, "as told")

    return close


async def aborting(connection: ServerConnection) -> None:
    await connection.send(tick())
    connection.transport.abort()


async def oversized(connection: ServerConnection) -> None:
    await connection.send("x" * (2 << 20))
    await connection.wait_closed()


async def broken_frames(connection: ServerConnection) -> None:
    connection.transport.write(b"\xf3\x7fgarbage")
    await connection.wait_closed()


async def half_a_frame(connection: ServerConnection) -> None:
    connection.transport.write(b"\x81\x7e\x01\x00half")
    connection.transport.close()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (closing(1000), "closed by the server (1000: as told)"),
        (closing(1001), "the server goes away (1001: as told)"),
        (closing(1011), "server error (1011: as told)"),
        (closing(1012), "the server restarts (1012: as told)"),
        (closing(4321), "connection closed (4321: as told)"),
        (aborting, "connection lost (1006)"),
        (half_a_frame, "connection lost (1006)"),
        (oversized, "message too big (1009)"),
        (broken_frames, "protocol error (1002)"),
        (hush, "connected, but no data for 1 s"),
    ],
)
async def test_the_feed_outlives_a_fault_and_says_what_it_was(fault: Handler, words: str) -> None:
    taken = Taken()
    async with server(fault, talk) as url, running(StreamFeed(url, taken, timers=FAST)) as feed:
        await until(lambda: feed.status.connects == 2 and feed.status.state == "live")
        said = [sentence for _, sentence in feed.events]
        assert any(f"s: {words}" in sentence for sentence in said), said
        assert "data flows" in said


async def test_a_dead_connection_is_found_by_its_pings() -> None:
    patient = Timers(FAST.timeouts, FAST.backoff, WatchdogPolicy(feed_s=5))
    async with (
        server(dead_peer, talk) as url,
        running(StreamFeed(url, Taken(), timers=patient)) as feed,
    ):
        await until(lambda: feed.status.connects == 2)
        said = [sentence for _, sentence in feed.events]
        assert any("no answer to pings: the connection is dead" in one for one in said)


@pytest.mark.parametrize(
    "response",
    [
        "HTTP/1.1 503 Service Unavailable\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n"
        "Sec-WebSocket-Accept: bm90IHRoZSBrZXk=\n\n",
        "SSH-2.0-OpenSSH_9.2\n\n",
        "",
    ],
)
async def test_a_failed_handshake_is_tried_again(response: str) -> None:
    async with (
        raw_server(answer(response)) as port,
        running(StreamFeed(f"ws://127.0.0.1:{port}/", Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: any("reconnecting in" in said for _, said in feed.events))
        assert feed.status.state in ("reconnecting", "connecting", "failed")
        assert feed.status.connects == 0


async def test_a_handshake_without_an_answer_is_given_up() -> None:
    async def sleep(*_: object) -> None:
        await asyncio.sleep(5)

    hasty = replace(FAST, timeouts=replace(FAST.timeouts, open_s=0.3))

    async with (
        raw_server(sleep) as port,
        running(StreamFeed(f"ws://127.0.0.1:{port}/", Taken(), timers=hasty)) as feed,
    ):
        await until(lambda: feed.status.detail == "no answer in time")


@pytest.mark.parametrize(
    ("status", "header", "state", "words", "at_least_s"),
    [
        (403, "", "failed", "the server forbids this address", 300),
        (451, "", "failed", "not offered in this region", 300),
        (418, "Retry-After: 120\n", "failed", "banned for too many requests", 120),
        (418, "", "failed", "banned for too many requests", 60),
        (429, "Retry-After: 7\n", "reconnecting", "it asks to wait 7 s", 7),
        (429, "", "reconnecting", "too many requests (HTTP 429)", 60),
        (404, "", "failed", "nothing is at this path", 30),
        (401, "", "failed", "asks for a name and password", 60),
        (302, "Location: ws://127.0.0.1:1/\n", "failed", "which is not followed", 60),
    ],
)
@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_refusal_is_explained_and_obeyed(
    scheme: str, status: int, header: str, state: str, words: str, at_least_s: float
) -> None:
    response = f"HTTP/1.1 {status} No\n{header}Content-Length: 0\nConnection: close\n\n"
    async with raw_server(answer(response)) as port:
        feed = make_feed(f"{scheme}://127.0.0.1:{port}/", [], Taken(), timers=FAST)
        async with running(feed):
            await until(lambda: feed.status.retry_in_s is not None)
            found = feed.status
            assert found.state == state
            assert words in found.detail
            assert found.retry_in_s is not None
            assert at_least_s - 1 < found.retry_in_s < at_least_s + 1


async def test_a_redirect_is_never_followed() -> None:
    reached = []

    async def target(connection: ServerConnection) -> None:
        reached.append(connection)

    async with server(target) as url:
        elsewhere = answer(f"HTTP/1.1 307 Go\nLocation: {url}\nContent-Length: 0\n\n")
        async with raw_server(elsewhere) as port:
            for scheme in ("ws", "http"):
                feed = make_feed(f"{scheme}://127.0.0.1:{port}/", [], Taken(), timers=FAST)
                async with running(feed):
                    await until(lambda feed=feed: feed.status.state == "failed")
    assert not reached


async def test_a_policy_close_is_left_alone_for_a_minute() -> None:
    async with (
        server(closing(1008)) as url,
        running(StreamFeed(url, Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: (feed.status.retry_in_s or 0) > 55)
        assert feed.status.detail == "refused by the server's policy (1008: as told)"


async def test_a_port_where_nothing_listens_is_named_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for scheme in ("ws", "http"):
        feed = make_feed(f"{scheme}://localhost:{port}/", [], Taken(), timers=FAST)
        async with running(feed):
            await until(lambda feed=feed: "connection refused" in feed.status.detail)


async def test_tls_to_a_server_without_it_is_the_user_s_to_mend() -> None:
    # A TLS hello names its version in its second byte.
    async with raw_server(answer("no tls here\n\n"), request_ends=b"\x03") as port:
        for scheme in ("wss", "https"):
            feed = make_feed(f"{scheme}://127.0.0.1:{port}/", [], Taken(), timers=FAST)
            async with running(feed):
                await until(lambda feed=feed: feed.status.state == "failed")
                assert feed.status.detail.startswith("TLS: ")
                assert (feed.status.retry_in_s or 0) > 55


async def test_a_name_that_does_not_resolve_is_named_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    async with running(StreamFeed("ws://no-such-host.invalid/", Taken(), timers=FAST)) as feed:
        await until(lambda: feed.status.detail == "the host's name cannot be found (DNS)")
        assert feed.status.state in ("reconnecting", "connecting")


async def test_a_server_that_comes_back_is_found_again() -> None:
    taken = Taken()
    async with server(talk) as url:
        feed = StreamFeed(url, taken, timers=FAST)
        feed.start()
        await until(lambda: taken.count)
    await until(lambda: feed.status.state in ("reconnecting", "connecting"))
    before = taken.count
    async with server(talk, port=int(url.rsplit(":", 1)[1].strip("/"))):
        await until(lambda: taken.count > before)
        assert feed.status.state == "live"
        await feed.stop()


async def test_a_server_that_accepts_and_closes_is_not_hammered() -> None:
    production = Timers(FAST.timeouts, BackoffPolicy(), FAST.watchdog)
    connections = []

    async def leave(connection: ServerConnection) -> None:
        connections.append(connection)

    async with server(leave) as url, running(StreamFeed(url, Taken(), timers=production)) as feed:
        await asyncio.sleep(1.2)
        assert 1 <= len(connections) <= 3
        await until(lambda: feed.status.state == "reconnecting")


async def test_the_backoff_is_forgotten_only_after_stable_data() -> None:
    async def brief(connection: ServerConnection) -> None:
        await connection.send(tick())

    async def steady(connection: ServerConnection) -> None:
        async with asyncio.timeout(0.3):
            await talk(connection)

    async with server(brief, brief, brief, steady, hush) as url:
        feed = StreamFeed(url, Taken(), timers=FAST, rng=random.Random(1))
        async with running(feed):
            await until(lambda: feed.status.connects == 4)
            assert feed._backoff.failures == 3
            await until(lambda: feed.status.connects == 5)
            assert feed._backoff.failures == 1


async def test_a_start_by_hand_forgets_the_failures_before_it() -> None:
    feed = StreamFeed("ws://127.0.0.1:1/", Taken(), timers=FAST)
    feed.start()
    await until(lambda: feed._backoff.failures >= 3)
    await feed.stop()
    feed.start()
    assert feed._backoff.failures == 0
    await feed.stop()


async def test_silences_are_forgotten_once_data_is_stable() -> None:
    async with (
        server(hush, hush, talk) as url,
        running(StreamFeed(url, Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: feed._silences == 2)
        await until(lambda: feed.status.state == "live")
        await until(lambda: feed._silences == 0)


async def test_a_silent_connection_is_a_state_of_its_own_until_data_flows() -> None:
    taken = Taken()
    states = []

    async def late(connection: ServerConnection) -> None:
        await asyncio.sleep(0.2)
        await talk(connection)

    async with server(hush, late) as url, running(StreamFeed(url, taken, timers=FAST)) as feed:
        while feed.status.state != "live":
            states.append(feed.status.state)
            await asyncio.sleep(0.01)
        first = states.index("silent")
        assert set(states[:first]) == {"connecting"}
        assert set(states[first:]) == {"silent"}
        assert feed.status.connects == 2


async def test_a_live_feed_that_falls_silent_is_found_out() -> None:
    async def stall(connection: ServerConnection) -> None:
        for number in range(5):
            await connection.send(tick(number))
        await connection.wait_closed()

    async with server(stall) as url, running(StreamFeed(url, Taken(), timers=FAST)) as feed:
        await until(lambda: feed.status.state == "live")
        await until(lambda: feed.status.state == "silent")
        assert "connected, but no data for" in feed.status.detail


async def test_messages_that_are_no_trades_are_quoted() -> None:
    async def greet(connection: ServerConnection) -> None:
        await connection.send('{"greeting":"hello"}')
        await connection.wait_closed()

    async with server(greet) as url, running(StreamFeed(url, Taken(), timers=FAST)) as feed:
        await until(lambda: feed.status.state == "silent")
        assert 'none is a trade (no time, price or size in it): {"greeting"' in feed.status.detail


async def test_a_silent_symbol_that_is_no_longer_asked_for_is_not_missed() -> None:
    timers = Timers(FAST.timeouts, FAST.backoff, WatchdogPolicy(feed_s=5, symbol_s=0.2))
    async with server(talk) as url:
        taken = Taken()
        feed = StreamFeed(url, taken, ["BTCUSDT", "ETHUSDT"], timers=timers)
        async with running(feed):
            await until(lambda: feed.status.detail == "no data for ETHUSDT")
            count = taken.count
            await feed.set_symbols(["BTCUSDT"])
            await until(lambda: taken.count > count + 20)
            await until(lambda: (feed.status.state, feed.status.detail) == ("live", ""))


async def test_one_silent_symbol_forces_one_new_connection_and_is_named() -> None:
    timers = Timers(FAST.timeouts, FAST.backoff, WatchdogPolicy(feed_s=30, symbol_s=1))
    taken = Taken()
    async with server(talk) as url:
        feed = StreamFeed(url, taken, ["BTCUSDT", "ETHUSDT"], timers=timers)
        async with running(feed):
            await until(lambda: feed.status.connects == 2 and feed.status.state == "live")
            await until(lambda: feed.status.detail == "no data for ETHUSDT")
            count = taken.count
            await until(lambda: taken.count > count + 200)
            assert feed.status.connects == 2
