"""What a feed takes at most, and what it sends at most: both by the stand-in's account."""

from __future__ import annotations

import asyncio
import random

import pytest

from dashapp.services import startup
from dashapp.services.feeds.health import trust_of
from dashapp.text.trust import trust_figures
from ingestion.feed import BinanceFeed, Timers
from ingestion.stream.budget import Pace
from storage.market.market import Market
from tests.exchange import Exchange
from tests.exchange_faults import BIG_BYTES, BOMB_BYTES
from tests.ingestion.scenarios import PATIENT, SYMBOLS, Run, until
from tests.waiting import PATIENCE_S

POOL = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT")


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The first tick would compile for seconds."""
    startup.compile_market()


# --- messages that are too big --------------------------------------------------------------


@pytest.mark.parametrize(("fault", "size"), [("big", BIG_BYTES), ("bomb", BOMB_BYTES)])
async def test_a_message_over_the_limit_is_one_received_and_one_rejected(
    fault: str, size: int
) -> None:
    assert size > 1 << 20
    async with Exchange(SYMBOLS, rate=60) as exchange:
        made = Run(exchange, PATIENT, 0)
        try:
            await made.start()
            counters = made.market.counters
            for count in (1, 2):
                assert await until(lambda: made.state == "live", PATIENCE_S)
                await exchange.faults.strike(fault)
                assert await until(lambda n=count: counters.rejected["message-too-big"] == n)
            newest = {one: exchange.newest(one) for one in SYMBOLS}
            assert await until(lambda: made.caught_up(newest))
            assert counters.balanced
            assert counters.rejected_total == 2
            assert counters.received == counters.accepted + counters.duplicate + 2
            told = dict(trust_figures(trust_of(made.market, made.control.health)))
            (words,) = [text for text in told if text.startswith("rejected")]
            assert words.startswith("rejected 2 (last: message-too-big: frame ")
            assert told[words] == "warn"
        finally:
            await made.control.stop()


async def test_a_server_that_sends_nothing_but_such_messages_is_met_less_and_less_often() -> None:
    """Real sockets and the production policy; a fake clock takes the waits between."""
    now_s, market = 0.0, Market("live", "Live", "live")

    async def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        await asyncio.sleep(0)

    def sink(ticks: list, rejected: list) -> None:
        assert not ticks
        market.reject(rejected)

    async with Exchange(SYMBOLS, rate=0) as exchange:
        await exchange.faults.strike("onlybig")
        options = {"base": exchange.ws, "rng": random.Random(3), "sleep": sleep}
        feed = BinanceFeed("binance-futures", sink, SYMBOLS, clock=lambda: now_s, **options)
        feed.start()
        assert await until(lambda: now_s >= 300)
        assert any("message too big (1009" in sentence for _, sentence in feed.events)
        await feed.stop()
    counters = market.counters
    print(f"\nconnections in 5 minutes of a fake clock: {exchange.connects}")  # noqa: T201
    assert 10 <= exchange.connects <= 60
    assert counters.rejected["message-too-big"] == counters.received
    assert counters.received >= exchange.connects - 1, "one a connection, but for a last one"


# --- symbols that change quickly ------------------------------------------------------------


@pytest.mark.parametrize("venue", ["binance-spot", "binance-futures"])
async def test_fifty_quick_changes_of_symbols_stay_within_the_limit_and_the_last_wins(
    venue: str,
) -> None:
    """At the pace of a keyboard held down, then in a burst: the stand-in closes for more."""
    rng = random.Random(5)
    async with Exchange(POOL, venue=venue, rate=60) as exchange:
        seen: set[str] = set()

        def sink(ticks: list, rejected: list) -> None:
            seen.update(batch.symbol for batch in ticks)

        options = {"base": exchange.ws, "timers": Timers()}
        feed = BinanceFeed(venue, sink, POOL[:1], **options)
        feed.start()
        try:
            assert await until(lambda: feed.status.state == "live", PATIENCE_S)
            for number in range(50):
                chosen = rng.sample(POOL, rng.randint(1, len(POOL)))
                await feed.set_symbols(chosen)
                await asyncio.sleep(0.04 if number < 40 else 0)
            wanted = {f"{symbol.lower()}@aggTrade" for symbol in chosen}
            assert await until(lambda: exchange.subscribed == [wanted], PATIENCE_S)
            seen.clear()
            assert await until(lambda: seen == set(chosen), PATIENCE_S)
            assert (exchange.connects, feed.status.connects) == (1, 1)
            # The pace leaves room for a ping and a pong (wire.pace); a busy machine may bunch them.
            assert 0 < exchange.most_messages <= exchange.venue.messages
        finally:
            await feed.stop()


async def test_the_stand_in_closes_for_more_messages_than_the_limit() -> None:
    async with Exchange(POOL, venue="binance-spot", rate=0) as exchange:
        feed = BinanceFeed("binance-spot", lambda *_: None, POOL[:1], base=exchange.ws)
        feed.shards[0]._subscriptions._pace = Pace(messages=1_000)
        feed.start()
        try:
            assert await until(lambda: feed.status.connects == 1)
            for number in range(12):
                await feed.set_symbols([POOL[number % 2]])
                await asyncio.sleep(0.005)
            assert await until(lambda: "1008: Too many requests" in feed.status.detail)
        finally:
            await feed.stop()
