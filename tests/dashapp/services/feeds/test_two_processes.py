"""One runtime ingests, another watches over Redis: the same bars in both."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest
import websockets

from analytics.model import BAR_COLUMNS
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from tests.redis_server import RedisServer
from tests.waiting import until

TICKS = 3_000


@pytest.fixture
def server(tmp_path):
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.kill()


@asynccontextmanager
async def stream():
    """A WebSocket server of ticks whose times are those of the recording."""
    rng = np.random.default_rng(2)
    lines = [
        json.dumps(
            {
                "symbol": ("BTCUSDT", "ETHUSDT")[number % 2],
                "ts": 1_723_161_256_000 + 97 * number,
                "price": round(100 + float(rng.normal()), 4),
                "size": round(float(rng.exponential()) + 0.001, 4),
            }
        )
        for number in range(TICKS)
    ]

    async def send(socket) -> None:
        for begin in range(0, TICKS, 100):
            await socket.send("\n".join(lines[begin : begin + 100]))
            await asyncio.sleep(0.05)
        await socket.wait_closed()

    async with websockets.serve(send, "127.0.0.1", 0) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def started(**options):
    runtime = Runtime(Settings(source="none", **options))
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


def accepted(runtime: Runtime) -> int:
    return runtime.markets["live"].counters.accepted


def assert_same_bars(one: Runtime, other: Runtime) -> None:
    first, second = one.markets["live"], other.markets["live"]
    assert sorted(first.symbols) == sorted(second.symbols) == ["BTCUSDT", "ETHUSDT"]
    for symbol in first.symbols:
        for timeframe in first.timeframes:
            bars = first.bars(symbol, timeframe), second.bars(symbol, timeframe)
            for name in BAR_COLUMNS:
                np.testing.assert_array_equal(*(getattr(held, name) for held in bars))


async def test_two_processes_over_redis_show_the_same_bars(server):
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(stream())
        ingests = await stack.enter_async_context(started(redis=server.url))
        early = await stack.enter_async_context(started())
        await early.feeds.start(server.url, ())
        await ingests.feeds.start(source, ())
        await until(lambda: accepted(ingests) == TICKS)
        late = await stack.enter_async_context(started())
        await late.feeds.start(server.url, ())
        await until(lambda: accepted(early) == accepted(late) == TICKS)
        for watcher in (early, late):
            assert_same_bars(ingests, watcher)
            assert watcher.markets["live"].counters.balanced
            assert watcher.markets.status("live").state == "live"
        assert ingests.feeds.trust("live")["redis"] == ""


async def test_the_server_goes_and_comes_back_while_the_feed_runs(server):
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(stream())
        ingests = await stack.enter_async_context(started(redis=server.url))
        watcher = await stack.enter_async_context(started())
        await watcher.feeds.start(server.url, ())
        await ingests.feeds.start(source, ())
        await until(lambda: accepted(watcher) > 200)
        server.kill()
        await until(lambda: "redis away" in ingests.feeds.trust("live")["redis"])
        await until(lambda: accepted(ingests) == TICKS)
        server.start()
        await until(lambda: accepted(watcher) == TICKS)
        assert_same_bars(ingests, watcher)
        await until(lambda: ingests.feeds.trust("live")["redis"] == "")


async def test_a_watcher_may_ask_for_an_address_where_nobody_is():
    pytest.importorskip("redis")
    async with started(redis="redis://ada:s3cret@127.0.0.1:1/0") as runtime:
        with pytest.raises(ValueError, match="no 'db' in a Redis URL"):
            await runtime.feeds.start("redis://127.0.0.1:1/0?db=1", ())
        await runtime.feeds.start("redis://ada:s3cret@127.0.0.1:1/0", ())
        await until(lambda: runtime.markets.status("live").state == "reconnecting")
        assert "s3cret" not in str(runtime.markets.status("live"))
        assert "s3cret" not in runtime.markets["live"].title
        assert "s3cret" not in str(runtime.feeds.events("live"))
