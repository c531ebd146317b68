"""The exchange's streams: symbols that change, shutdowns, renewals."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingestion.feed import (
    BinanceFeed,
    StreamFeed,
    Timers,
    make_feed,
)
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.failures import explain_status
from ingestion.stream.watchdog import WatchdogPolicy
from tests.ingestion.stream.feed_server import (
    FAST,
    Taken,
    hush,
    running,
    server,
    talk,
    tick,
)
from tests.waiting import until


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

    async def the_only_one(connection: ServerConnection) -> None:
        feed.base = "ws://127.0.0.1:1"  # before this connection is old enough for a successor
        await talk(connection)

    async with server(the_only_one) as url:
        feed = BinanceFeed("binance-spot", taken, ["BTCUSDT"], base=url, timers=timers)
        async with running(feed):
            await until(lambda: feed.status.state == "live")
            await asyncio.sleep(0.4)
            assert feed.status.state == "live"
            assert feed.status.connects == 1
