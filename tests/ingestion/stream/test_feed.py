"""A feed of a stream: what it delivers, its start and stop, what it says."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl

import pytest
from websockets.asyncio.server import ServerConnection

from analytics.model import Rejected, Ticks
from ingestion.feed import (
    HttpFeed,
    StreamFeed,
    Timeouts,
    Timers,
)
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.failures import explain, explain_status
from tests.ingestion.stream.feed_server import (
    FAST,
    Taken,
    answer,
    arrived,
    dead_peer,
    hush,
    raw_server,
    running,
    server,
    talk,
    tick,
)
from tests.waiting import until


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
