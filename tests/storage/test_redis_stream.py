"""Ticks over Redis: none lost, none twice, and a server that goes is nobody's trouble."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager

import numpy as np
import pytest

from analytics.model import Ticks
from ingestion.redis import RedisFeed, checked_redis, ticks_of
from storage import redis_stream
from storage.redis_stream import RedisPublisher
from tests.redis_server import RedisServer
from tests.waiting import until


@pytest.fixture
def server(tmp_path):
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.kill()


def ticks(symbol: str, first: int, count: int) -> Ticks:
    numbers = np.arange(first, first + count)
    times = 1_723_161_256_000 + numbers
    return Ticks(symbol, times, 0.1 * (numbers + 1), numbers + 0.5, numbers)


@asynccontextmanager
async def publishing(url: str):
    made = RedisPublisher(url)
    made.start()
    try:
        yield made
    finally:
        await made.close()


class Watcher:
    """A feed, and the ids of what it brought by symbol."""

    def __init__(self, url: str, symbols=()) -> None:
        self.got: dict[str, list[int]] = {}
        self.rejected: list = []
        self.restarted: list[str] = []
        self.feed = RedisFeed(url, self.take, symbols, on_restart=self.restarted.append)

    def take(self, batches, rejected) -> None:
        for batch in batches:
            self.got.setdefault(batch.symbol, []).extend(batch.trade_id.tolist())
        self.rejected += rejected

    def has(self, symbol: str, count: int) -> bool:
        return len(self.got.get(symbol, ())) >= count


@asynccontextmanager
async def watching(url: str, symbols=()):
    made = Watcher(url, symbols)
    made.feed.start()
    try:
        yield made
    finally:
        await made.feed.stop()


async def test_what_is_published_is_read_to_the_bit(server):
    async with publishing(server.url) as publisher, watching(server.url) as watcher:
        channel = publisher.channel("live-x")
        sent = ticks("BTCUSDT", 0, 1_000)
        seen: list[Ticks] = []
        watcher.feed._sink = lambda batches, rejected: seen.extend(batches)
        channel.take(sent)
        await until(lambda: sum(map(len, seen)) == 1_000)
        for name in ("ts_ms", "price", "size", "trade_id"):
            column = np.concatenate([getattr(one, name) for one in seen])
            np.testing.assert_array_equal(column, getattr(sent, name))
        assert watcher.feed.status.state == "live"
        assert publisher.words == ""


async def test_a_watcher_that_comes_later_reads_from_the_beginning(server):
    async with publishing(server.url) as publisher:
        channel = publisher.channel("live-x")
        for number in range(20):
            channel.take(ticks("BTCUSDT", 10 * number, 10))
            channel.take(ticks("ETHUSDT", 10 * number, 10))
        await until(lambda: publisher.waiting == 0)
    async with watching(server.url) as watcher, watching(server.url, ["ETHUSDT"]) as other:
        await until(lambda: watcher.has("BTCUSDT", 200) and watcher.has("ETHUSDT", 200))
        assert watcher.got == {name: list(range(200)) for name in ("BTCUSDT", "ETHUSDT")}
        await until(lambda: other.has("ETHUSDT", 200))
        assert list(other.got) == ["ETHUSDT"]


async def test_a_server_that_is_killed_and_comes_back_costs_no_tick_and_brings_none_twice(server):
    async with publishing(server.url) as publisher, watching(server.url) as watcher:
        channel = publisher.channel("live-x")
        sent = 0
        for round_number in range(3):
            for _ in range(30):
                channel.take(ticks("BTCUSDT", sent, 7))
                sent += 7
                await asyncio.sleep(0.005)
            if round_number < 2:
                server.kill()
                channel.take(ticks("BTCUSDT", sent, 7))
                sent += 7
                await until(lambda: publisher.problem is not None)
                assert "redis away" in publisher.words
                await until(lambda: watcher.feed.status.state == "reconnecting")
                server.start()
        await until(lambda: watcher.has("BTCUSDT", sent), 30)
        await asyncio.sleep(0.3)
        assert watcher.got["BTCUSDT"] == list(range(sent))
        assert (publisher.waiting, publisher.dropped) == (0, 0)
        assert publisher.words == ""


async def test_a_server_that_hangs_does_not_make_ticks_come_twice(server):
    async with publishing(server.url) as publisher, watching(server.url) as watcher:
        channel = publisher.channel("live-x")
        channel.take(ticks("BTCUSDT", 0, 5))
        await until(lambda: watcher.has("BTCUSDT", 5))
        server.hang()
        channel.take(ticks("BTCUSDT", 5, 5))
        await until(lambda: publisher.problem is not None)
        await asyncio.sleep(0.5)
        server.go_on()
        channel.take(ticks("BTCUSDT", 10, 5))
        await until(lambda: watcher.has("BTCUSDT", 15))
        await asyncio.sleep(0.5)
        assert watcher.got["BTCUSDT"] == list(range(15))


async def test_without_a_server_the_oldest_gives_way_and_is_counted(monkeypatch):
    pytest.importorskip("redis")
    monkeypatch.setattr(redis_stream, "MAX_WAITING", 100)
    async with publishing("redis://127.0.0.1:1/0") as publisher:
        channel = publisher.channel("live-x")
        for number in range(30):
            channel.take(ticks("BTCUSDT", 10 * number, 10))
        assert publisher.problem is None, "taking ticks asks no server"
        await until(lambda: publisher.problem is not None)
        assert publisher.dropped == 200
        assert "100 ticks wait, 200 ticks dropped" in publisher.words


class CountingDeque(deque):
    """A deque that counts what is taken from it."""

    taken = 0

    def popleft(self):
        self.taken += 1
        return super().popleft()


async def test_what_waits_is_joined_in_order_and_never_holds_the_loop():
    publisher = RedisPublisher("redis://127.0.0.1:1/0")
    publisher._queue = CountingDeque()
    one, two = publisher.channel("live-x"), publisher.channel("live-y")
    for number in range(40_000):
        one.take(ticks("BTCUSDT", number, 1))
        two.take(ticks("BTCUSDT", number, 1))
    got: dict[str, list[int]] = {}
    while publisher._queue:
        before = publisher._queue.taken
        batch = publisher._joined()
        assert publisher._queue.taken - before <= redis_stream.MAX_LOOK + 1
        assert publisher._queue.popleft() is batch
        got.setdefault(batch.stream, []).extend(batch.ticks.trade_id.tolist())
    assert list(got.values()) == [list(range(40_000))] * 2


async def test_a_gap_in_a_stream_and_new_numbers_are_told(server):
    async with publishing(server.url) as publisher, watching(server.url) as watcher:
        channel = publisher.channel("live-x")
        channel.take(ticks("BTCUSDT", 0, 5))
        await until(lambda: watcher.has("BTCUSDT", 5))
        publisher._sent["spreadscope:live-x:BTCUSDT"] += 40
        channel.take(ticks("BTCUSDT", 45, 5))
        await until(lambda: watcher.has("BTCUSDT", 10))
        said = " ".join(sentence for _, sentence in watcher.feed.events)
        assert "40 ticks of BTCUSDT were gone before they could be read" in said
        channel.renumber("BTCUSDT")
        channel.take(ticks("BTCUSDT", 0, 5))
        await until(lambda: watcher.has("BTCUSDT", 15))
        assert watcher.restarted == ["BTCUSDT"]


async def test_ticks_that_found_no_room_to_wait_are_missed_by_who_reads(server, monkeypatch):
    monkeypatch.setattr(redis_stream, "MAX_WAITING", 100)
    async with publishing(server.url) as publisher, watching(server.url) as watcher:
        channel = publisher.channel("live-x")
        channel.take(ticks("BTCUSDT", 0, 5))
        await until(lambda: watcher.has("BTCUSDT", 5))
        for number in range(30):
            channel.take(ticks("BTCUSDT", 5 + 10 * number, 10))
        await until(lambda: watcher.has("BTCUSDT", 105))
        said = " ".join(sentence for _, sentence in watcher.feed.events)
        assert "200 ticks of BTCUSDT were gone before they could be read" in said


async def test_two_sources_never_mix(server):
    async with publishing(server.url) as publisher:
        publisher.channel("live-old").take(ticks("BTCUSDT", 0, 5))
        await until(lambda: publisher.waiting == 0)
        await asyncio.sleep(0.01)
        publisher.channel("live-new").take(ticks("BTCUSDT", 100, 5))
        await until(lambda: publisher.waiting == 0)
        chosen = f"{server.url}?source=live-old"
        async with watching(server.url) as newest, watching(chosen) as old:
            await until(lambda: newest.has("BTCUSDT", 5) and old.has("BTCUSDT", 5))
            await asyncio.sleep(0.3)
            assert newest.got["BTCUSDT"] == list(range(100, 105))
            assert old.got["BTCUSDT"] == list(range(5))


async def test_an_entry_that_is_no_batch_is_rejected_and_the_rest_goes_on(server):
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(server.url)
    await client.xadd("spreadscope:live-x:BTCUSDT", {"price": b"abc"})
    await client.aclose()
    async with publishing(server.url) as publisher, watching(server.url) as watcher:
        publisher.channel("live-x").take(ticks("BTCUSDT", 0, 5))
        await until(lambda: watcher.has("BTCUSDT", 5))
        assert [one.reason for one in watcher.rejected] == ["schema"]


async def test_a_stream_is_capped(server, monkeypatch):
    import redis.asyncio

    # Written without the task that tries again: a loaded machine is no server that is away.
    monkeypatch.setattr(redis_stream, "TIMEOUT_S", 30.0)
    publisher = RedisPublisher(server.url, max_entries=100)
    channel = publisher.channel("live-x")
    for number in range(400):
        channel.take(ticks("BTCUSDT", number, 1))
        await publisher._write()
    client = redis.asyncio.Redis.from_url(server.url)
    assert 100 <= await client.xlen("spreadscope:live-x:BTCUSDT") < 300
    await client.aclose()
    await publisher.client.aclose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://", "expected redis://host:6379/0"),
        ("http://localhost", "expected redis://host:6379/0"),
        ("redis://localhost:0/0", "expected redis://host:6379/0"),
        ("redis://localhost/0?db=3", "there is no 'db' in a Redis URL, only source="),
    ],
)
def test_a_wrong_url_is_told_what_is_legal(url, words):
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        checked_redis(url)


def test_secrets_in_a_url_are_never_shown():
    feed = RedisFeed("redis://ada:s3cret@localhost:6379/0", lambda *_: None)
    assert "s3cret" not in feed.source + str(feed.status)
    with pytest.raises(ValueError) as refused:
        checked_redis("redis://ada:s3cret@/0")
    assert "s3cret" not in str(refused.value)


def test_columns_of_different_lengths_are_no_batch():
    eight = np.zeros(1).tobytes()
    fields = {b"ts_ms": eight, b"price": eight + eight, b"size": eight, b"trade_id": eight}
    with pytest.raises(ValueError):
        ticks_of("BTCUSDT", fields)


def test_an_entry_tells_how_many_trades_each_tick_holds_and_an_old_one_does_not():
    batch = Ticks("BTCUSDT", [1, 2], [5.0, 6.0], [1.0, 1.0], [7, 8], [1, 40])
    kinds = {"ts_ms": "<i8", "price": "<f8", "size": "<f8", "trade_id": "<i8", "trades": "<i4"}
    fields = {
        name.encode(): getattr(batch, name).astype(kind).tobytes() for name, kind in kinds.items()
    }
    assert ticks_of("BTCUSDT", fields).trades.tolist() == [1, 40]
    del fields[b"trades"]
    assert ticks_of("BTCUSDT", fields).trades.tolist() == [1, 1]
