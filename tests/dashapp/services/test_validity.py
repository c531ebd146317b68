"""Nothing that cannot be enters a market, whatever source it comes from."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import product

import numpy as np
import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.model import BAR_COLUMNS
from dashapp.services.feeds.health import FeedHealth
from dashapp.services.feeds.sinks import MarketSink
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from ingestion.decode.rows import PRICE_END, SIZE_END
from ingestion.decode.times import END_MS, FIRST_MS
from ingestion.feed import SimulatorFeed
from ingestion.redis import RedisFeed
from storage.market.market import Market
from tests.waiting import until

NOW_MS = 1_723_161_240_000
TIMES = (NOW_MS, 0, -1, FIRST_MS - 1, END_MS, 1 << 62)
VALUES = (1.5, 0, -1, 1e12, 1e18, 1e300, "NaN", "Infinity", "-inf", "1e999", "", None, True)
HOSTILE = tuple(product(TIMES, VALUES, VALUES))
VALID = sum(
    time == NOW_MS and price == 1.5 and size in (1.5, 1e12) for time, price, size in HOSTILE
)


def lines() -> list[bytes]:
    fields = ("ts", "price", "size")
    return [
        json.dumps({"symbol": "X", "id": number, **dict(zip(fields, row, strict=True))}).encode()
        for number, row in enumerate(HOSTILE)
    ]


def assert_valid(market: Market) -> None:
    """Every tick and bar that the market holds can be, and all that came is accounted for."""
    assert market.symbols
    for symbol in market.symbols:
        ticks = market.ticks(symbol)
        assert ((ticks.ts_ms >= FIRST_MS) & (ticks.ts_ms < END_MS)).all()
        assert ((ticks.price > 0) & (ticks.price < PRICE_END)).all()
        assert ((ticks.size > 0) & (ticks.size < SIZE_END)).all()
        for timeframe in market.timeframes:
            bars = market.bars(symbol, timeframe)
            assert all(np.isfinite(getattr(bars, name)).all() for name in BAR_COLUMNS)
            assert (bars.low > 0).all()
            assert (bars.ts_ms >= FIRST_MS - FIRST_MS % 86_400_000).all()
    assert market.counters.balanced


@asynccontextmanager
async def stream(messages: list[bytes]):
    """A WebSocket server that sends these messages, and no more."""

    async def talk(connection) -> None:
        for message in messages:
            await connection.send(message.decode())
        await connection.wait_closed()

    async with websockets.serve(talk, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.fixture
def quiet() -> Runtime:
    return Runtime(Settings(source="none", archive=None))


async def test_a_feed(quiet):
    async with stream(lines()) as url:
        await quiet.feeds.start(url, ())
        market = quiet.markets["live"]
        await until(lambda: market.counters.received == len(HOSTILE))
        await quiet.feeds.stop()
    assert_valid(market)
    assert market.counters.accepted == VALID


async def test_a_file_of_ticks_and_its_replay(quiet):
    session = quiet.uploads.begin("hostile.ndjson")
    await session.feed(b"\n".join(lines()))
    market_id, _ = await session.finish()
    assert_valid(quiet.markets[market_id])
    assert quiet.markets[market_id].counters.accepted == VALID
    await quiet.replays.start(market_id, 1_000)
    await until(lambda: quiet.replays.state.state == "ended")
    assert_valid(quiet.markets["replay"])
    assert quiet.markets["replay"].counters.accepted == VALID


async def test_a_file_of_bars(quiet):
    rows = ["timestamp,open,high,low,close,volume"]
    values = ("1.5", "0", "-1", "1e12", "1e300", "nan", "inf", "")
    for number, price in enumerate(values * 2):
        rows.append(f"{NOW_MS + 60_000 * number},{price},2,1,1.5,{values[-number % 8]}")
    rows += [f"{time},1.5,2,1,1.5,1" for time in TIMES[1:]]
    rows += [f"{NOW_MS + 60_000 * number},1.5,2,1,1.5,1" for number in range(20, 40)]
    session = quiet.uploads.begin("x.csv")
    await session.feed("\n".join(rows).encode())
    market_id, _ = await session.finish()
    assert_valid(quiet.markets[market_id])


def test_redis():
    market = Market("live", "Live", "live")
    sink = MarketSink(market, FeedHealth(), lambda sentence: None)
    feed = RedisFeed("redis://127.0.0.1:1/0", sink.take_history)
    values = [float(value) for value in VALUES if isinstance(value, float | int | str) and value]
    rows = np.array(list(product(TIMES, values, values)))
    columns = {"ts_ms": rows[:, 0].astype("<i8"), "price": rows[:, 1], "size": rows[:, 2]}
    columns["trade_id"] = np.arange(len(rows), dtype="<i8")
    fields = {name.encode(): column.tobytes() for name, column in columns.items()}
    feed._deliver([(b"spreadscope:live-x:X", [(b"1-0", fields)])])
    assert_valid(market)
    assert market.counters.received == len(rows)
    assert set(market.counters.rejected) == {"time", "price", "size"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.sampled_from([-5, 0, 42, FIRST_MS, NOW_MS, END_MS, 1 << 60]))
def test_the_simulator_whatever_the_clock_says(seed, now_ms):
    market = Market("demo", "Demo", "demo")
    sink = MarketSink(market, FeedHealth(), lambda sentence: None)
    clock = iter(range(now_ms, now_ms + 10_000, 1_000))
    feed = SimulatorFeed(sink.take_history, seed=seed, history_s=120, now_ms=clock.__next__)
    for _ in range(5):
        feed._deliver(feed._next())
    assert_valid(market)
    assert not market.counters.rejected
