"""Which feed a source makes, and the simulated one."""

from __future__ import annotations

import asyncio
import time

import pytest

from ingestion.feed import (
    BinanceFeed,
    HttpFeed,
    SimulatorFeed,
    StreamFeed,
    make_feed,
)
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.supervisor import Supervisor
from tests.ingestion.stream.feed_server import (
    Taken,
    running,
)
from tests.waiting import until


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
