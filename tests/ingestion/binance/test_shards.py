"""Any number of symbols over connections of so many streams each, which fail alone."""

from __future__ import annotations

import itertools
import random
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ingestion.binance.shards import STAGGER, BinanceFeed
from ingestion.binance.wire import MAX_ADDRESS, VENUES, in_address, stream_name, stream_url
from tests.exchange import Exchange
from tests.ingestion.scenarios import PATIENT
from tests.waiting import until

CHINESE = "币安人生USDT"
POOL = (*(f"S{number:03}USDT" for number in range(34)), CHINESE)


class Taken:
    """A sink that keeps the ids of each symbol."""

    def __init__(self) -> None:
        self.ids: dict[str, list[int]] = {}

    def __call__(self, ticks: list, rejected: list) -> None:
        for batch in ticks:
            self.ids.setdefault(batch.symbol, []).extend(batch.trade_id.tolist())

    def forget(self) -> None:
        self.ids.clear()


@asynccontextmanager
async def fed(symbols=POOL, streams=10, rate=20.0, venue="binance-futures", **options):
    taken = Taken()
    async with Exchange(POOL, venue=venue, rate=rate) as exchange:
        options = {"base": exchange.ws, "timers": PATIENT, **options}
        feed = BinanceFeed(venue, taken, symbols, streams=streams, **options)
        feed.start()
        try:
            yield exchange, feed, taken
        finally:
            await feed.stop()


def streams_of(exchange: Exchange) -> list[int]:
    return sorted(map(len, exchange.subscribed))


async def test_symbols_are_spread_over_connections_and_all_of_them_come() -> None:
    async with fed() as (exchange, feed, taken):
        await until(lambda: set(taken.ids) == set(POOL))
        assert streams_of(exchange) == [8, 9, 9, 9]
        assert feed.status.state == "live"
        assert feed.status.connects == 4


async def test_one_connection_that_is_cut_touches_its_own_symbols_alone() -> None:
    async with fed() as (exchange, feed, taken):
        await until(lambda: set(taken.ids) == set(POOL))
        cut = exchange.connections[0]
        lost = exchange._wanted[cut]
        mine = {s for s in POOL if stream_name(VENUES["binance-futures"], s) in lost}
        assert len({id(shard) for shard in feed.shards if mine & set(shard.symbols)}) == 1
        taken.forget()
        cut.transport.abort()
        await until(lambda: feed.status.connects == 5 and set(taken.ids) == set(POOL))
        others = set(POOL) - mine
        for symbol in others:
            ids = taken.ids[symbol]
            assert ids == list(range(ids[0], ids[0] + len(ids))), symbol


async def test_a_connection_that_is_down_is_said_while_the_rest_is_live() -> None:
    async with fed(streams=20) as (_exchange, feed, taken):
        await until(lambda: set(taken.ids) == set(POOL))
        first = feed.shards[0]
        first._become_waiting("reconnecting", "connection lost", 9.0)
        assert feed.status.state == "live"
        assert "1 of 2 connections reconnecting: 18 symbols, connection lost" in feed.status.detail
        assert feed.state_of(first.symbols[0]) == "reconnecting"
        assert feed.state_of(feed.shards[1].symbols[0]) == "live"
        assert feed.state_of("XUSDT") == "stopped"


async def test_symbols_are_added_and_removed_while_it_runs() -> None:
    async with fed(POOL[:5], streams=10) as (exchange, feed, taken):
        await until(lambda: set(taken.ids) == set(POOL[:5]))
        await feed.set_symbols(POOL)
        await until(lambda: set(taken.ids) == set(POOL))
        assert len(feed.shards) == 4
        assert streams_of(exchange) == [5, 10, 10, 10]
        kept = [*feed.shards[1].symbols[:2], POOL[0]]
        await feed.set_symbols(kept)
        await until(lambda: streams_of(exchange) == [1, 2])
        assert set(feed.symbols) == set(kept)
        taken.forget()
        await until(lambda: set(taken.ids) == set(kept))


async def test_all_symbols_may_be_exchanged_for_others() -> None:
    async with fed(POOL[:2], streams=2) as (exchange, feed, taken):
        await until(lambda: set(taken.ids) == set(POOL[:2]))
        await feed.set_symbols(POOL[5:8])
        taken.forget()
        await until(lambda: set(taken.ids) == set(POOL[5:8]))
        await until(lambda: streams_of(exchange) == [1, 2])


@pytest.mark.parametrize("venue", ["binance-futures", "binance-spot"])
async def test_streams_that_do_not_fit_into_an_address_are_subscribed_to_within_the_limit(
    venue, monkeypatch
) -> None:
    monkeypatch.setattr("ingestion.binance.wire.MAX_ADDRESS", 160)
    async with fed(streams=200, venue=venue) as (exchange, _feed, taken):
        await until(lambda: set(taken.ids) == set(POOL))
        assert streams_of(exchange) == [len(POOL)]
        assert 0 < exchange.most_messages <= exchange.venue.messages - 2


def test_an_address_of_two_hundred_long_names_is_never_made() -> None:
    venue = VENUES["binance-futures"]
    names = [f"{CHINESE}{number}" for number in range(200)]
    first = in_address(venue, names)
    assert 0 < len(first) < 200
    assert len(stream_url(venue, first)) <= MAX_ADDRESS
    assert len(in_address(venue, names[:1])) == 1


def test_renewals_are_staggered() -> None:
    feed = BinanceFeed("binance-spot", print, POOL, streams=10, timers=replace(PATIENT))
    ages = [shard.timers.max_age_s for shard in feed.shards]
    assert sorted(ages, reverse=True) == ages
    apart = [before - after for before, after in itertools.pairwise(ages)]
    assert min(apart) >= 0.9 * STAGGER * PATIENT.max_age_s > 60.0


async def test_every_connection_is_renewed_without_a_missing_trade() -> None:
    young = replace(PATIENT, max_age_s=0.6, age_jitter=0.0, handover_s=0.05)
    gaps: list = []
    rng = random.Random(1)
    async with fed(streams=20, timers=young, rng=rng, on_gap=gaps.append) as (_, feed, taken):
        await until(lambda: feed.status.connects >= 6)
        await until(lambda: set(taken.ids) == set(POOL))
    assert gaps == []
    for ids in taken.ids.values():
        assert sorted(set(ids)) == list(range(min(ids), max(ids) + 1))


async def test_a_symbol_that_an_earlier_run_had_goes_on_wherever_it_is_put() -> None:
    gaps: list = []
    async with fed(POOL[:1], streams=1, rate=5.0, on_gap=gaps.append) as (exchange, feed, _taken):
        feed.resume(POOL[1], exchange.first_id - 3, 1)
        await feed.set_symbols(POOL[:2])
        await until(lambda: gaps)
        assert {gap.symbol for gap in gaps} == {POOL[1]}
