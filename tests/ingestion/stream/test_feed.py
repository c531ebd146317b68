"""Feeds against servers of this process that behave well, badly, or not at all."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from analytics.model import Rejected, Ticks
from ingestion.feed import (
    BinanceFeed,
    Feed,
    HttpFeed,
    SimulatorFeed,
    StreamFeed,
    Timeouts,
    Timers,
    make_feed,
)
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.failures import explain, explain_status
from ingestion.stream.supervisor import Supervisor
from ingestion.stream.watchdog import WatchdogPolicy
from tests.waiting import PATIENCE_S, until

FAST = Timers(
    Timeouts(open_s=3.0, ping_s=0.15, close_s=0.1, gather_s=0.005),
    BackoffPolicy(floor_s=0.01, cap_s=0.05, stable_s=0.1),
    WatchdogPolicy(feed_s=1.0, symbol_s=60.0),
    handover_s=0.05,
)

Handler = Callable[[ServerConnection], Awaitable[None]]


class Taken:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.ticks: list[Ticks] = []
        self.rejected: list[Rejected] = []

    def __call__(self, ticks: list[Ticks], rejected: list[Rejected]) -> None:
        self.ticks += ticks
        self.rejected += rejected

    @property
    def count(self) -> int:
        return sum(map(len, self.ticks))

    @property
    def ids(self) -> list[int]:
        return [number for batch in self.ticks for number in batch.trade_id.tolist()]


def tick(number: int = 1, symbol: str = "BTCUSDT") -> str:
    return json.dumps(
        {"symbol": symbol, "ts": 1_723_161_256_322 + number, "price": 5, "size": 1, "id": number}
    )


async def talk(connection: ServerConnection) -> None:
    """Send a tick every 10 ms until the end."""
    number = 0
    while True:
        number += 1
        await connection.send(tick(number))
        await asyncio.sleep(0.01)


async def hush(connection: ServerConnection) -> None:
    await connection.wait_closed()


@asynccontextmanager
async def server(*handlers: Handler, port: int = 0) -> AsyncIterator[str]:
    """A WebSocket server: the first handler takes the first connection, the last the rest."""
    left = list(handlers)

    async def handle(connection: ServerConnection) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        with suppress(ConnectionClosed):
            await handler(connection)

    async with serve(handle, "127.0.0.1", port, close_timeout=0.1) as running:
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def raw_server(
    *handlers: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    request_ends: bytes = b"\r\n\r\n",
) -> AsyncIterator[int]:
    """A TCP server; handlers take turns like in `server`. Yields its port."""
    left = list(handlers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        try:
            await reader.readuntil(request_ends)
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def answer(text: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return handle


async def arrived(taken: Taken, count: int, patience: int = 500) -> None:
    """Wait for so many ticks; fail once none came for so many turns of the loop.

    Turns, of 20 ms at least, and not seconds: who sends shares the loop, and where others have
    the machine a single turn may take many seconds.
    """
    seen, left = -1, patience
    while taken.count < count:
        seen, left = (taken.count, patience) if taken.count > seen else (seen, left - 1)
        assert left, f"{seen} of {count} ticks came, then no more"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[Any]:
    feed.start()
    try:
        yield feed
    finally:
        await asyncio.wait_for(feed.stop(), PATIENCE_S)
        assert feed.status.state == "stopped"


# --- the ordinary course --------------------------------------------------------------------


async def test_ticks_flow_from_a_websocket_to_the_sink() -> None:
    taken = Taken()
    async with server(talk) as url, running(StreamFeed(url, taken, timers=FAST)) as feed:
        assert feed.status.state == "connecting"
        await until(lambda: taken.count >= 5)
        assert feed.status.state == "live"
        assert feed.status.connects == 1
        assert feed.status.retry_in_s is None
        assert taken.ids == list(range(1, taken.count + 1))


async def test_a_flood_is_delivered_whole_and_in_order() -> None:
    async def flood(connection: ServerConnection) -> None:
        for number in range(20_000):
            await connection.send(tick(number))
        await connection.wait_closed()

    taken = Taken()
    async with server(flood) as url, running(StreamFeed(url, taken)):
        await arrived(taken, 20_000)
    assert taken.ids == list(range(20_000))
    assert len(taken.ticks) < 2_000


async def test_what_was_sent_before_a_close_is_delivered() -> None:
    async def say_and_leave(connection: ServerConnection) -> None:
        for number in range(100):
            await connection.send(tick(number))

    taken = Taken()
    async with (
        server(say_and_leave, hush) as url,
        running(StreamFeed(url, taken, timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.connects == 2)
    assert taken.ids == list(range(100))


async def test_bad_messages_are_handed_on_and_do_not_end_the_connection() -> None:
    async def mixed(connection: ServerConnection) -> None:
        for message in ("nonsense", tick(1), b"\xff\x00", tick(2, "ETHUSDT"), '{"result":null}'):
            await connection.send(message)
        connection.transport.write(b"\x81\x02\xff\xfe")
        await talk(connection)

    taken = Taken()
    async with server(mixed) as url:
        feed = StreamFeed(url, taken, ["BTCUSDT"], timers=FAST)
        async with running(feed):
            await until(lambda: taken.count >= 3)
            assert feed.status.connects == 1
    reasons = sorted(refused.reason for refused in taken.rejected)
    assert reasons == ["control", "json", "json", "json", "unsubscribed"]
    assert {batch.symbol for batch in taken.ticks} == {"BTCUSDT"}


# --- faults ---------------------------------------------------------------------------------


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


async def dead_peer(connection: ServerConnection) -> None:
    connection.transport.pause_reading()
    await asyncio.sleep(1)


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
        assert any("no answer to pings: the connection is dead (1011)" in one for one in said)


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


# --- silence --------------------------------------------------------------------------------


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
        assert 'none is a trade (schema): {"greeting":"hello"}' in feed.status.detail


async def test_one_silent_symbol_forces_one_new_connection_and_is_named() -> None:
    timers = Timers(FAST.timeouts, FAST.backoff, WatchdogPolicy(feed_s=5, symbol_s=0.2))
    taken = Taken()
    async with server(talk) as url:
        feed = StreamFeed(url, taken, ["BTCUSDT", "ETHUSDT"], timers=timers)
        async with running(feed):
            await until(lambda: feed.status.connects == 2 and feed.status.state == "live")
            await asyncio.sleep(0.5)
            assert feed.status.connects == 2
            assert feed.status.detail == "no data for ETHUSDT"


# --- start, stop, switch --------------------------------------------------------------------


async def test_start_and_stop_are_idempotent() -> None:
    taken = Taken()
    async with server(talk) as url:
        feed = StreamFeed(url, taken, timers=FAST)
        await feed.stop()
        feed.start()
        feed.start()
        await until(lambda: taken.count)
        assert feed.status.connects == 1
        await asyncio.gather(feed.stop(), feed.stop())
        await feed.stop()
        assert feed.status.state == "stopped"
        feed.start()
        await until(lambda: feed.status.state == "live")
        await feed.stop()


async def test_no_tick_comes_after_a_stop() -> None:
    taken = Taken()
    async with server(talk) as url:
        feed = StreamFeed(url, taken, timers=FAST)
        for _ in range(5):
            feed.start()
            await until(lambda: feed.status.state == "live")
            await feed.stop()
            before = taken.count
            await asyncio.sleep(0.05)
            assert taken.count == before


async def test_hammering_start_and_stop_leaks_nothing() -> None:
    async with server(talk) as url:
        feed = StreamFeed(url, Taken(), timers=FAST)
        await asyncio.sleep(0)
        before = len(asyncio.all_tasks())
        for number in range(60):
            feed.start()
            await asyncio.sleep(0.002 * (number % 4))
            await feed.stop()
        await asyncio.sleep(0.2)
        gc.collect()
        assert len(asyncio.all_tasks()) <= before


@pytest.mark.parametrize("state", ["handshake", "waiting", "silent"])
async def test_a_stop_is_quick_in_every_state(state: str) -> None:
    async def stubborn(*_: object) -> None:
        await asyncio.sleep(3)

    slow = Timers(Timeouts(), BackoffPolicy(floor_s=20, cap_s=30))
    if state == "handshake":
        async with (
            raw_server(stubborn) as port,
            running(StreamFeed(f"ws://127.0.0.1:{port}/", Taken(), timers=slow)),
        ):
            await asyncio.sleep(0.05)
    elif state == "waiting":
        async with running(StreamFeed("ws://127.0.0.1:1/", Taken(), timers=slow)) as feed:
            await until(lambda: feed.status.state == "reconnecting")
    else:
        async with server(dead_peer) as url, running(StreamFeed(url, Taken(), timers=slow)) as feed:
            await until(lambda: feed.status.connects == 1)


async def test_a_start_during_a_stop_begins_anew() -> None:
    taken = Taken()
    async with server(talk) as url:
        feed = StreamFeed(url, taken, timers=FAST)
        feed.start()
        await until(lambda: taken.count)
        stopping = asyncio.create_task(feed.stop())
        await asyncio.sleep(0)
        feed.start()
        await stopping
        before = taken.count
        await until(lambda: taken.count > before + 3)
        assert feed.status.state == "live"
        await feed.stop()


async def test_a_sink_that_fails_is_logged_and_the_feed_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(ticks: list[Ticks], rejected: list[Rejected]) -> None:
        raise KeyError("sink")

    async with server(talk) as url, running(StreamFeed(url, fail, timers=FAST)) as feed:
        await until(lambda: feed.status.state == "failed")
        assert feed.status.detail == "internal error: KeyError"
        assert feed.status.retry_in_s is not None
    assert "Traceback" in caplog.text


# --- the exchange ---------------------------------------------------------------------------


def agg_trade(number: int, symbol: str = "BTCUSDT") -> str:
    data = {"e": "aggTrade", "E": 1_723_161_256_322, "a": number, "s": symbol, "p": "5", "q": "1"}
    data |= {"f": number, "l": number, "T": 1_723_161_256_322, "m": False}
    return json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": data})


async def test_the_exchange_is_asked_for_its_combined_streams() -> None:
    asked = []

    async def exchange(connection: ServerConnection) -> None:
        asked.append(connection.request.path)  # type: ignore[union-attr]
        for number in range(3):
            await connection.send(agg_trade(number))
        await connection.wait_closed()

    taken = Taken()
    async with server(exchange) as url:
        symbols = ["btcusdt", "ETHUSDT"]
        feed = make_feed("binance-futures", symbols, taken, binance_ws=url, timers=FAST)
        async with running(feed):
            await until(lambda: taken.count == 3)
        assert feed.status.source == "binance-futures"
    assert asked == ["/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade"]
    assert taken.ids == [0, 1, 2]


async def test_symbols_are_added_and_taken_off_while_it_runs() -> None:
    heard = []

    async def exchange(connection: ServerConnection) -> None:
        await connection.send(agg_trade(1))
        async for message in connection:
            assert isinstance(message, str)
            heard.append(json.loads(message))
            await connection.send('{"result":null,"id":1}')
            await connection.send(agg_trade(2, "SOLUSDT"))

    taken = Taken()
    async with server(exchange) as url:
        feed = BinanceFeed("binance-futures", taken, ["BTCUSDT"], base=url, timers=FAST)
        async with running(feed):
            await until(lambda: feed.status.state == "live")
            await feed.set_symbols(["SOLUSDT"])
            await until(lambda: taken.count == 3)
            assert feed.status.connects == 1
    assert [message["method"] for message in heard] == ["SUBSCRIBE", "UNSUBSCRIBE"]
    assert heard[0]["params"] == ["solusdt@aggTrade"]
    assert {batch.symbol for batch in taken.ticks} == {"BTCUSDT", "SOLUSDT"}


async def test_a_shutdown_that_is_announced_reconnects_at_once() -> None:
    async def going(connection: ServerConnection) -> None:
        await connection.send(agg_trade(1))
        await connection.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
        await connection.wait_closed()

    slow = Timers(FAST.timeouts, BackoffPolicy(floor_s=20, cap_s=30), FAST.watchdog)
    async with (
        server(going, talk) as url,
        running(StreamFeed(url, Taken(), timers=slow)) as feed,
    ):
        await until(lambda: feed.status.connects == 2 and feed.status.state == "live", 1)
        said = [sentence for _, sentence in feed.events]
        assert any(
            "reconnecting in 0.0 s: the server announced that it shuts down" in one for one in said
        )


async def test_a_shutdown_of_the_exchange_is_bridged_by_the_next_connection() -> None:
    later = iter(range(1, 10_000))

    async def going(connection: ServerConnection) -> None:
        await connection.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
        await asyncio.sleep(0.02)
        await connection.send(agg_trade(next(later)))
        await connection.wait_closed()

    async def staying(connection: ServerConnection) -> None:
        while True:
            await connection.send(agg_trade(next(later)))
            await asyncio.sleep(0.01)

    taken = Taken()
    async with server(going, staying) as url:
        feed = BinanceFeed("binance-spot", taken, ["BTCUSDT"], base=url, timers=FAST)
        async with running(feed):
            await until(lambda: taken.count > 10)
            assert feed.status.connects == 2
    assert sorted(taken.ids) == list(range(1, len(taken.ids) + 1))
    assert not any("reconnecting" in sentence for _, sentence in feed.events)


async def test_a_server_that_announces_shutdowns_for_ever_is_not_hammered() -> None:
    async def going(connection: ServerConnection) -> None:
        await connection.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
        await connection.wait_closed()

    slow = Timers(
        FAST.timeouts, BackoffPolicy(floor_s=20, cap_s=30), FAST.watchdog, handover_s=0.01
    )
    async with server(going) as url:
        feed = BinanceFeed("binance-spot", Taken(), ["BTCUSDT"], base=url, timers=slow)
        async with running(feed):
            await until(lambda: feed.status.retry_in_s)
            assert feed.status.connects == 2


async def test_a_connection_that_dies_once_its_successor_is_open_loses_nothing() -> None:
    async def dying(connection: ServerConnection) -> None:
        for number in range(1, 21):
            await connection.send(agg_trade(number))
            await asyncio.sleep(0.01)

    async def next_one(connection: ServerConnection) -> None:
        await connection.send(agg_trade(21))
        await connection.wait_closed()

    timers = Timers(FAST.timeouts, FAST.backoff, FAST.watchdog, max_age_s=0.05, handover_s=60.0)
    taken = Taken()
    async with server(dying, next_one, hush) as url:
        feed = BinanceFeed("binance-spot", taken, ["BTCUSDT"], base=url, timers=timers)
        async with running(feed):
            await until(lambda: taken.ids == list(range(1, 22)))
            assert not any("reconnecting" in sentence for _, sentence in feed.events)


@pytest.mark.parametrize("numbered", [True, False])
async def test_a_stream_is_renewed_by_overlap_once_its_ids_are_proven_and_else_left_alone(
    numbered: bool,
) -> None:
    async def numbering(connection: ServerConnection) -> None:
        for number in range(1, 2_000):
            trade = json.loads(tick(number))
            if not numbered:
                del trade["id"]
            await connection.send(json.dumps(trade))
            await asyncio.sleep(0.002)

    timers = Timers(FAST.timeouts, FAST.backoff, FAST.watchdog, max_age_s=0.1, handover_s=0.01)
    taken = Taken()
    async with server(numbering) as url, running(StreamFeed(url, taken, timers=timers)) as feed:
        await until(lambda: taken.count > 150)
        assert (feed.status.connects > 1) == numbered
        assert not any("reconnecting" in sentence for _, sentence in feed.events)


async def test_a_symbol_asked_for_while_the_connection_opens_is_asked_of_it() -> None:
    heard = []

    async def exchange(connection: ServerConnection) -> None:
        async for message in connection:
            heard.append(json.loads(message))

    async def slowly(connection: ServerConnection, request: Any) -> None:
        await feed.set_symbols(["BTCUSDT", "SOLUSDT"])

    async with serve(exchange, "127.0.0.1", 0, process_request=slowly) as running_server:
        base = f"ws://127.0.0.1:{running_server.sockets[0].getsockname()[1]}"
        feed = BinanceFeed("binance-futures", Taken(), ["BTCUSDT"], base=base, timers=FAST)
        async with running(feed):
            await until(lambda: heard)
    assert [(one["method"], one["params"]) for one in heard] == [
        ("SUBSCRIBE", ["solusdt@aggTrade"])
    ]


async def test_a_flood_of_errors_is_told_by_number() -> None:
    async def angry(connection: ServerConnection) -> None:
        for _ in range(3_000):
            await connection.send('{"error":{"code":2,"msg":"no"}}')
        await connection.send(tick())
        await connection.wait_closed()

    taken = Taken()
    async with server(angry) as url, running(StreamFeed(url, taken, timers=FAST)) as feed:
        await until(lambda: taken.count)
        said = [sentence for _, sentence in feed.events if "reports an error" in sentence]
        assert len(said) == 20
        assert said[-1].endswith("for 60 s no more of this kind is told")
        feed._spells["errors"].began_s -= 60
        feed._say_seldom("errors", "again")
        assert [sentence for _, sentence in feed.events][-2:] == [
            "errors: 2,980 more were not told",
            "again",
        ]
    assert len(taken.rejected) == 3_000


async def test_a_symbol_of_a_stream_that_falls_silent_is_named_without_a_new_connection() -> None:
    async def one_stops(connection: ServerConnection) -> None:
        await connection.send(tick(1, "ETHUSDT"))
        await talk(connection)

    timers = Timers(FAST.timeouts, FAST.backoff, WatchdogPolicy(feed_s=5, symbol_s=0.2))
    async with server(one_stops) as url, running(StreamFeed(url, Taken(), timers=timers)) as feed:
        await until(lambda: feed.status.detail == "no data for ETHUSDT")
        assert (feed.status.state, feed.status.connects) == ("live", 1)


def test_a_short_retry_after_does_not_hasten_what_is_forbidden() -> None:
    assert explain_status(451, "1").at_least_s == 300.0
    assert explain_status(403, "900").at_least_s == 900.0
    assert explain_status(418, "9").at_least_s == 9.0


async def test_a_connection_is_renewed_before_its_limit_without_a_missing_id() -> None:
    number = 0
    open_now = []

    async def clock() -> None:
        nonlocal number
        while True:
            number += 1
            for connection in list(open_now):
                await connection.send(agg_trade(number))
            await asyncio.sleep(0.005)

    async def exchange(connection: ServerConnection) -> None:
        open_now.append(connection)
        await connection.wait_closed()
        open_now.remove(connection)

    patient = WatchdogPolicy(feed_s=10, symbol_s=60)
    timers = Timers(FAST.timeouts, FAST.backoff, patient, max_age_s=0.3, handover_s=0.1)
    taken = Taken()
    ticking = asyncio.create_task(clock())
    async with server(exchange) as url:
        feed = BinanceFeed("binance-spot", taken, ["BTCUSDT"], base=url, timers=timers)
        async with running(feed):
            await until(lambda: feed.status.connects >= 4)
            assert feed.status.state == "live"
        ticking.cancel()
    ids = sorted(set(taken.ids))
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert not any("reconnecting" in sentence for _, sentence in feed.events)


async def test_a_connection_whose_successor_cannot_be_opened_is_kept() -> None:
    timers = Timers(FAST.timeouts, FAST.backoff, FAST.watchdog, max_age_s=0.1)
    taken = Taken()
    async with server(talk) as url:
        feed = BinanceFeed("binance-spot", taken, ["BTCUSDT"], base=url, timers=timers)
        async with running(feed):
            await until(lambda: feed.status.state == "live")
            feed.base = "ws://127.0.0.1:1"
            await asyncio.sleep(0.4)
            assert feed.status.state == "live"
            assert feed.status.connects == 1


# --- http -----------------------------------------------------------------------------------

STREAM = "HTTP/1.1 200 OK\nContent-Type: application/x-ndjson\nTransfer-Encoding: chunked\n\n"


def chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


async def test_lines_of_an_http_stream_are_read_however_they_are_cut() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        text = "\n".join((tick(1), "", "nonsense", tick(2))) + "\r\n"
        for start in range(0, len(text), 11):
            writer.write(chunk(text[start : start + 11]))
            await writer.drain()
        await asyncio.sleep(2)

    taken = Taken()
    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/t", taken, timers=FAST)) as feed,
    ):
        await until(lambda: taken.count == 2 and taken.rejected)
        assert feed.status.state == "live"
    assert [refused.reason for refused in taken.rejected] == ["json"]


async def test_server_sent_events_are_read() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        writer.write(chunk(f": hello\nevent: trade\nid: 7\ndata: {tick(1)}\n\nretry: 5\n"))
        await writer.drain()
        await asyncio.sleep(2)

    taken = Taken()
    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)),
    ):
        await until(lambda: taken.count == 1)
    assert not taken.rejected


async def test_an_http_stream_that_ends_is_opened_again() -> None:
    async def brief(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        writer.write(chunk(tick(1)) + b"0\r\n\r\n")
        await writer.drain()

    taken = Taken()
    async with (
        raw_server(brief) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.connects >= 3)
        said = [sentence for _, sentence in feed.events]
        assert any("the server ended the stream" in sentence for sentence in said)
    assert taken.count >= 2


async def test_a_response_of_known_length_is_read_once_and_the_feed_stops() -> None:
    body = tick(1) + "\n" + tick(2)
    response = f"HTTP/1.1 200 OK\nContent-Length: {len(body)}\n\n"
    served = []

    async def file(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(1)
        writer.write(response.replace("\n", "\r\n").encode() + body.encode())
        await writer.drain()

    taken = Taken()
    async with raw_server(file) as port:
        feed = HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)
        feed.start()
        await until(lambda: feed.status.state == "stopped")
        assert feed.status.detail == "the server has sent all that it has"
        await asyncio.sleep(0.1)
        await feed.stop()
    assert taken.ids == [1, 2]
    assert served == [1]


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        ("Content-Encoding: gzip\nTransfer-Encoding: chunked\n", chunk("x"), "compresses"),
        ("Transfer-Encoding: chunked\n", b"zz\r\n", "connection failed"),
    ],
)
async def test_http_streams_that_cannot_be_read_are_explained(
    head: str, body: bytes, words: str
) -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\n{head}\n".replace("\n", "\r\n").encode() + body)
        await writer.drain()
        await asyncio.sleep(0.5)

    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: any(words in sentence for _, sentence in feed.events))


async def test_a_line_that_is_too_long_is_counted_and_the_stream_goes_on() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        long = '{"x":"' + "x" * (3 << 20) + '"}'
        text = "\n".join((tick(1), long, tick(2), ""))
        writer.write(STREAM.replace("\n", "\r\n").encode() + chunk(text))
        await writer.drain()
        await asyncio.sleep(2)

    taken = Taken()
    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)) as feed,
    ):
        await until(lambda: taken.count == 2)
        assert feed.status.connects == 1
    assert taken.ids == [1, 2]
    (refused,) = taken.rejected
    assert refused.reason == "json"
    assert refused.sample.endswith("(a line of more than 1 MB)")


async def test_lines_before_an_http_stream_breaks_are_delivered_and_the_torn_one_is_counted() -> (
    None
):
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        writer.write(chunk(tick(1) + "\n" + tick(2) + "\n" + '{"symbol":"BTC'))
        await writer.drain()

    taken = Taken()
    async with (
        raw_server(stream, hush_http) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.connects == 2)
    assert taken.ids == [1, 2]
    assert [one.reason for one in taken.rejected] == ["json"]


async def hush_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM.replace("\n", "\r\n").encode())
    await asyncio.sleep(1)


async def test_a_silent_http_stream_is_found_out() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        await writer.drain()
        await asyncio.sleep(3)

    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.state == "silent")


# --- words and secrets ----------------------------------------------------------------------


def test_errors_are_explained_in_words() -> None:
    certificate = ssl.SSLCertVerificationError(1, "certificate verify failed")
    certificate.verify_message = "self-signed certificate"
    found = explain(certificate)
    assert found.words == "TLS: the certificate cannot be trusted (self-signed certificate)"
    assert (found.kind, found.at_least_s) == ("blocked", 60.0)
    assert explain(ConnectionResetError()).words == "connection reset by the server"
    assert explain(OSError(101, "Network is unreachable")).kind == "transient"
    assert explain_status(500, None).kind == "transient"
    assert explain_status(429, "Fri, 31 Dec 1999 23:59:59 GMT").at_least_s == 0
    assert explain_status(429, "soon").at_least_s == 60
    assert explain_status(418, "9" * 30).at_least_s == 86_400


async def test_secrets_of_a_url_reach_neither_log_nor_status(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    body = tick()
    text = f"HTTP/1.1 200 OK\nContent-Length: {len(body)}\n\n{body}"
    async with raw_server(answer(text)) as port:
        url = f"http://me:hunter2@127.0.0.1:{port}/?token=s3cret&listenKey=k3y"
        feed = HttpFeed(url, Taken(), timers=FAST)
        feed.start()
        await until(lambda: feed.status.state == "stopped")
    assert feed.status.source == f"http://***@127.0.0.1:{port}/?token=***&listenKey=***"
    for secret in ("hunter2", "s3cret", "k3y"):
        assert secret not in caplog.text


# --- the simulated market, and what is a source ---------------------------------------------


async def test_the_demo_hands_over_its_history_at_once_and_then_streams() -> None:
    taken = Taken()
    feed = SimulatorFeed(taken, history_s=60, every_s=0.01)
    async with running(feed):
        await until(lambda: taken.count)
        assert feed.status.state == "live"
        history = taken.count
        assert history > 500
        assert len({batch.symbol for batch in taken.ticks}) >= 4
        await until(lambda: taken.count > history)
    now_ms = time.time() * 1_000
    for batch in taken.ticks:
        assert now_ms - 70_000 < batch.ts_ms.min() <= batch.ts_ms.max() <= now_ms + 1


async def test_the_demo_goes_on_where_it_was_when_started_again() -> None:
    now_ms = 1_723_161_256_322
    taken = Taken()
    feed = SimulatorFeed(taken, ["BTCUSDT"], history_s=60, every_s=0.005, now_ms=lambda: now_ms)
    async with running(feed):
        await until(lambda: taken.count)
    before = taken.count
    now_ms -= 5_000
    async with running(feed):
        await asyncio.sleep(0.03)
        assert taken.count == before
        now_ms += 65_000
        await until(lambda: taken.count > before)
    assert len(set(taken.ids)) == taken.count
    assert {batch.symbol for batch in taken.ticks} == {"BTCUSDT"}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("demo", SimulatorFeed),
        ("Demo ", SimulatorFeed),
        ("binance-futures", BinanceFeed),
        ("binance-spot", BinanceFeed),
        ("ws://localhost:1/", StreamFeed),
        ("wss://example.org/x", StreamFeed),
        ("http://localhost/", HttpFeed),
        ("https://example.org/", HttpFeed),
        ("Binance", BinanceFeed),
        ("Binance spot", BinanceFeed),
        ("localhost:9000", StreamFeed),
        ("127.0.0.1:9000/ws", StreamFeed),
        ("stream.example.org/ws/btc", StreamFeed),
    ],
)
def test_the_source_decides_the_feed(source: str, kind: type) -> None:
    feed = make_feed(source, ["BTCUSDT"], Taken())
    assert isinstance(feed, kind)
    assert feed.status.state == "stopped"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("kraken", "expected demo, binance-futures, binance-spot"),
        ("", "expected demo"),
        ("file:///etc/passwd", "expected one of ws, wss, http, https"),
        ("ws://169.254.169.254/", "metadata"),
        ("ticks.ndjson", "is a file: drop it on the page"),
        ("/home/me/bars.csv.gz", "is a file: drop it on the page"),
    ],
)
def test_a_source_that_is_none_is_refused_in_words(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_feed(source, [], Taken())


def test_the_exchange_needs_a_symbol_and_symbols_have_names() -> None:
    with pytest.raises(ValueError, match="needs at least one symbol"):
        make_feed("binance-spot", [], Taken())
    with pytest.raises(ValueError, match="expected names like BTCUSDT"):
        make_feed("ws://localhost/", ["<b>"], Taken())
    with pytest.raises(ValueError, match="expected a ws:// or wss:// URL"):
        make_feed("binance-spot", ["BTCUSDT"], Taken(), binance_ws="http://localhost")


def test_a_feed_is_a_supervisor_with_production_timers_by_default() -> None:
    feed = make_feed("ws://localhost:1/", [], Taken())
    assert isinstance(feed, Supervisor)
    assert feed.timers.backoff == BackoffPolicy(0.5, 30.0)
    assert feed.timers.watchdog.feed_s <= 15
    assert feed.timers.max_age_s < 24 * 3_600
