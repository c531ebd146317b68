"""Long runs: memory once everything is full, and sources started, stopped and switched.

A small run of each is always made; the long ones are `-m soak -s` and print their figures.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from analytics.model import NotReady, PairParams
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from ingestion.decode.decoder import Decoder
from storage.market.market import Market
from tests.exchange import Exchange
from tests.ingestion.scenarios import until

PAIR = PairParams("BTCUSDT", "ETHUSDT")
BATCH = 1_000
START_MS = 1_600_000_000_000


class Held(NamedTuple):
    """What the process holds on to."""

    tasks: int
    threads: int
    descriptors: int
    sockets: int


def held() -> Held:
    gc.collect()
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except OSError:
            continue  # that of the listing itself
    sockets = sum(link.startswith("socket:") for link in links)
    return Held(len(asyncio.all_tasks()), threading.active_count(), len(links), sockets)


def rss_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@asynccontextmanager
async def started(settings: Settings):
    runtime = Runtime(settings)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


# --- memory ---------------------------------------------------------------------------------


def batches(rng: Random) -> Iterator[list[bytes]]:
    """Frames of two symbols for ever, ten trades a second each, numbered one by one."""
    number, price = 0, 60_000.0
    while True:
        frames = []
        for _ in range(BATCH // 2):
            number += 1
            price *= 1 + rng.gauss(0, 1e-5)
            ts_ms = START_MS + 100 * number
            for symbol, scale in (("BTCUSDT", 1.0), ("ETHUSDT", 0.04)):
                frames.append(
                    b'{"e":"aggTrade","E":%d,"s":"%s","a":%d,"p":"%.2f","q":"0.5","T":%d,"m":true}'
                    % (ts_ms + 3, symbol.encode(), number, price * scale, ts_ms)
                )
        yield frames


async def take_in(
    runtime: Runtime, source: Iterator[list[bytes]], ticks: int, view_every: int
) -> None:
    """So many ticks the way they come live, and now and then a look at the pair."""
    market, decoder = runtime.markets["live"], Decoder()
    for done in range(0, ticks, BATCH):
        decoded = decoder.decode_lines(next(source))
        assert not decoded.rejected
        for batch in decoded.ticks:
            market.append(batch)
        if done % view_every == 0:
            snapshot = await runtime.analysis.snapshot("live", PAIR)
            assert not isinstance(snapshot, NotReady) or market.counters.accepted < 10 * BATCH
            market.bars("BTCUSDT", "1s", 500)
            market.ticks("ETHUSDT", 100)
            await asyncio.sleep(0)


def traced_mb() -> float:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 2**20


async def grow(
    capacity: int, max_bars: int, fill: int, ticks: int, view_every: int, measure=rss_mb
) -> str:
    """Fill a market, take in so many ticks more, and see what the process holds then."""
    async with started(Settings(source="none", archive=None)) as runtime:
        await until(lambda: runtime.kernels.ready)
        market = Market("live", "Live", "live", capacity=capacity, max_bars=max_bars)
        runtime.markets["live"] = market
        source = batches(Random(7))
        # The snapshots that are kept for readers fill up as well.
        await take_in(runtime, source, fill, fill // 80)
        assert all(len(market.ring(symbol)) == capacity for symbol in market.symbols)
        assert len(market.bars("BTCUSDT", "1s")) == max_bars
        before, mb_before, began = held(), measure(), time.perf_counter()
        await take_in(runtime, source, ticks, view_every)
        seconds, after, mb_after = time.perf_counter() - began, held(), measure()
        assert market.counters.balanced
        assert market.counters.accepted == fill + ticks
        assert all(len(market.ring(symbol)) == capacity for symbol in market.symbols)
        growth = mb_after / mb_before - 1
        assert growth <= 0.02, f"{mb_before:.1f} MB grew to {mb_after:.1f} MB"
        assert after == before
        return (
            f"{ticks:,} ticks after the ring was full, in {seconds:.0f} s: RSS {mb_before:.1f} to "
            f"{mb_after:.1f} MB ({growth:+.2%}); {after} as before"
        )


async def test_a_full_market_grows_no_more() -> None:
    tracemalloc.start()
    try:
        await grow(5_000, 500, fill=20_000, ticks=40_000, view_every=20_000, measure=traced_mb)
    finally:
        tracemalloc.stop()


@pytest.mark.soak
@pytest.mark.timeout(1_800)
async def test_four_million_ticks_after_the_ring_is_full() -> None:
    told = await grow(
        capacity=200_000, max_bars=20_000, fill=480_000, ticks=4_000_000, view_every=20_000
    )
    print(f"\n{told}")  # noqa: T201


# --- start, stop, switch ----------------------------------------------------------------------

FUTURES = ("FUTAUSDT", "FUTBUSDT")
STREAMED = ("URLUSDT",)


class Switching:
    """A runtime whose source is changed over and over. Sources share no symbol."""

    def __init__(self, runtime: Runtime, url: str, seed: int) -> None:
        self.runtime = runtime
        self.rng = Random(seed)
        self.sources = {"binance-futures": FUTURES, url: STREAMED, "demo": ()}
        self.left: deque[tuple[Market, int]] = deque(maxlen=400)
        self.starts = self.ticks = 0

    async def cycle(self) -> None:
        """Each source once, in any order, for a moment; then stop."""
        for source in self.rng.sample(list(self.sources), len(self.sources)):
            before = self.runtime.markets.get("live")
            await self.runtime.feeds.start(source, self.sources[source])
            self.starts += 1
            market = self.runtime.markets["demo" if source == "demo" else "live"]
            had = market.counters.accepted
            idle = [one for one in self.runtime.markets.values() if one is not market]
            rest = [one.counters.received for one in idle]
            if before is not None and self.runtime.markets["live"] is not before:
                self.left.append((before, before.counters.received))
            if self.rng.random() < 0.3:
                assert await until(lambda m=market, n=had: m.counters.accepted > n), source
            else:
                await asyncio.sleep(self.rng.uniform(0, 0.015))
            self.ticks += market.counters.accepted - had
            assert [one.counters.received for one in idle] == rest, source
            if source != "demo":
                assert set(market.symbols) <= set(self.sources[source])
        await self.runtime.feeds.stop()

    def came_late(self) -> int:
        """What old sources delivered after they were left."""
        return sum(market.counters.received - had for market, had in self.left)


async def switch(cycles: int, seed: int) -> str:
    async with (
        Exchange(FUTURES, rate=300) as exchange,
        Exchange(STREAMED, rate=300, first_id=7_000_000) as other,
        started(
            Settings(
                source="none",
                archive=None,
                binance_ws=exchange.ws,
                binance_rest=exchange.rest,
                universe=0,
            )
        ) as runtime,
    ):
        url = f"{other.ws}{other.venue.path}?streams=urlusdt@{other.venue.event}"
        switching = Switching(runtime, url, seed)
        await until(lambda: runtime.kernels.ready)
        # The threads that look names up are kept: let there be all that there may be.
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.02) for _ in range(40)))
        for _ in range(8):
            await switching.cycle()
        await until(lambda: not exchange.connections and not other.connections)
        before, began = held(), time.perf_counter()
        for _ in range(cycles):
            await switching.cycle()
        seconds = time.perf_counter() - began
        stopped = {id: one.counters.received for id, one in runtime.markets.items()}
        await until(lambda: not exchange.connections and not other.connections)
        await until(lambda: held() == before)
        after = held()
        assert {id: one.counters.received for id, one in runtime.markets.items()} == stopped
        assert switching.came_late() == 0
        assert after == before
        assert all(one.counters.balanced for one in runtime.markets.values())
        assert runtime.markets.status("live").state == "stopped"
        return (
            f"{cycles:,} cycles, {switching.starts:,} starts in {seconds:.0f} s, seed {seed}: "
            f"{switching.ticks:,} ticks, 0 of an old source, {after} as before"
        )


async def test_switching_sources_leaks_nothing_and_mixes_nothing() -> None:
    await switch(25, seed=7)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
async def test_a_thousand_starts_stops_and_switches() -> None:
    told = await switch(1_000, time.time_ns() % 10**6)
    print(f"\n{told}")  # noqa: T201
