"""Every fault by name, through the real feed, against the stand-in for the exchange.

The default run has one seed and fast timers; `-m soak` has five, with production timers.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from dashapp.services import startup
from ingestion.feed import BinanceFeed, StreamFeed, Timers
from ingestion.stream import transport
from ingestion.url_guard import CheckedUrl
from tests.exchange import Exchange
from tests.exchange_faults import NAMES, STRIKES, Faults
from tests.ingestion.scenarios import (
    FAST,
    PRODUCTION,
    SYMBOLS,
    UNDISTURBED,
    UNSEEN,
    Outcome,
    Run,
    run_all,
    until,
)

FAULTS = (*NAMES, *UNSEEN)
#: What a feed lives through without a new connection.
HARMLESS = ("badutf8", "dirty", "duplicate", "reorder", "flood", "stallpong", "outlier", *UNSEEN)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The first tick would compile for seconds, and no clock stands still for it."""
    startup.compile_market()


@pytest.fixture(scope="module", autouse=True)
def resolver() -> Iterator[None]:
    """The resolver knows no host while its exchange is struck by "dns"."""
    plain = transport.resolve

    async def resolve(checked: CheckedUrl) -> list[str]:
        if checked.port in Faults.nameless:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return await plain(checked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "resolve", resolve)
        yield


def told(outcomes: Sequence[Outcome], title: str) -> None:
    """Print the figures of the runs, and fail for what went wrong in any."""
    recoveries = np.array([one.recovery_s for one in outcomes])
    p95, most = np.percentile(recoveries, 95), recoveries.max()
    received, gaps = sum(one.received for one in outcomes), sum(one.gaps for one in outcomes)
    print(  # noqa: T201
        f"\n{title}: {len(outcomes)} runs of {len({one.fault for one in outcomes})} faults, "
        f"recovery p50 {np.median(recoveries):.2f} s, p95 {p95:.2f} s, max {most:.2f} s, "
        f"{gaps} gaps filled, {received:,} ticks accounted for"
    )
    wrong = [(one.fault, one.seed, one.wrong) for one in outcomes if one.wrong]
    assert not wrong


async def test_every_fault_is_survived_with_nothing_missing_and_an_exact_account() -> None:
    outcomes = await run_all(FAULTS, range(1), FAST, outage_s=0.3)
    told(outcomes, "fast timers")
    assert len(outcomes) == len(FAULTS) >= 30
    for one in outcomes:
        if one.fault not in HARMLESS and one.fault != "shutdown":
            assert one.gaps, f"{one.fault}: what was missed was seen as a gap"
        if one.fault in UNDISTURBED:
            assert (one.connects, one.gaps) == (1, 0), one.fault


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_every_fault_heals_in_time_with_production_timers() -> None:
    outcomes = await run_all(FAULTS, range(5), PRODUCTION, outage_s=2.0)
    told(outcomes, "production timers")
    recoveries = [one.recovery_s for one in outcomes]
    assert len(outcomes) >= 80
    assert np.percentile(recoveries, 95) <= 3.0
    assert max(recoveries) <= 10.0


async def silence_found_s(timers: Timers, seconds: float) -> tuple[float, str]:
    """Seconds from the last trade of a server that answers pings to the state "silent"."""
    async with Exchange(SYMBOLS, rate=60) as exchange:
        made = Run(exchange, timers, 0)
        try:
            await made.start()
            await exchange.faults.strike("stallpong")
            began = time.monotonic()
            assert await until(lambda: made.state == "silent", seconds)
            return time.monotonic() - began, made.markets.status("live").detail
        finally:
            await made.control.stop()


async def test_pongs_without_data_are_a_state_of_their_own() -> None:
    found, words = await silence_found_s(FAST, 3)
    assert found < 1.5 * FAST.watchdog.feed_s
    assert words.startswith("connected, but no data for")
    assert PRODUCTION.watchdog.feed_s <= 12.0, "with the production timers within 15 s"


@pytest.mark.soak
async def test_pongs_without_data_are_found_within_15_s_with_production_timers() -> None:
    found, words = await silence_found_s(PRODUCTION, 20)
    print(f"\nsilent stall found after {found:.1f} s: {words}")  # noqa: T201
    assert found <= 15.0


class Clock:
    """Seconds that pass only in the waits between attempts."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


async def connections_in_5_minutes(seed: int) -> int:
    clock, rng = Clock(), random.Random(seed)
    async with Exchange(SYMBOLS, rate=0) as exchange:
        await exchange.faults.strike("instantclose")
        options = {"base": exchange.ws, "rng": rng, "clock": clock, "sleep": clock.sleep}
        feed = BinanceFeed("binance-futures", lambda *_: None, SYMBOLS, **options)
        feed.start()
        assert await until(lambda: clock.now_s >= 300)
        await feed.stop()
        return exchange.connects


async def test_a_server_that_accepts_and_closes_is_met_at_most_60_times_in_5_minutes() -> None:
    """Real sockets and the production policy; a fake clock takes the waits between."""
    counts = [await connections_in_5_minutes(seed) for seed in range(5)]
    print(f"\nconnections in 5 minutes of a fake clock, accept and close: {counts}")  # noqa: T201
    assert max(counts) <= 60


async def test_the_wrong_route_is_acknowledged_and_its_silence_found_out() -> None:
    async with Exchange(SYMBOLS, rate=60) as exchange:
        url = f"{exchange.ws}/stream?streams=btcusdt@aggTrade"
        feed = StreamFeed(url, lambda *_: None, timers=FAST)
        feed.start()
        assert await until(lambda: feed.status.state == "silent")
        await feed.stop()


async def test_symbols_are_added_and_taken_off_without_a_gap() -> None:
    async with Exchange(SYMBOLS, rate=100) as exchange:
        made = Run(exchange, FAST, 0)
        try:
            await made.control.start("binance-futures", ["BTCUSDT"])
            assert await until(lambda: made.seen("BTCUSDT") > 1_050)
            await made.control.start("binance-futures", SYMBOLS)
            assert await until(lambda: made.seen("ETHUSDT") > 0)
            await made.control.start("binance-futures", ["BTCUSDT"])
            await asyncio.sleep(0.1)
            await made.control.start("binance-futures", SYMBOLS)
            behind = exchange.newest("ETHUSDT")
            assert await until(lambda: made.seen("ETHUSDT") > behind)
            assert made.market.gaps.total == 0
            assert exchange.connects == 1
        finally:
            await made.control.stop()


async def test_what_was_missed_while_stopped_is_a_gap_that_is_filled() -> None:
    async with Exchange(SYMBOLS, rate=100) as exchange:
        made = Run(exchange, FAST, 0)
        try:
            await made.start()
            await made.control.stop()
            await asyncio.sleep(0.2)
            await made.start()
            await made.settle()
            assert made.wrong == []
            assert made.market.gaps.total == 2
            assert made.market.counters.backfilled > 20
        finally:
            await made.control.stop()


async def test_a_fault_during_a_fault_loses_nothing() -> None:
    async with Exchange(SYMBOLS, rate=100) as exchange:
        made = Run(exchange, replace(FAST, max_age_s=0.4), 0)
        try:
            await made.start()
            for number in range(8):
                await exchange.faults.strike(STRIKES[number * 2])
                await asyncio.sleep(0.1)
            await exchange.faults.strike("refused")
            await asyncio.sleep(0.2)
            await exchange.faults.heal()
            newest = {one: exchange.newest(one) for one in SYMBOLS}
            assert await until(lambda: made.caught_up(newest))
            await made.settle()
            assert made.wrong == []
        finally:
            await made.control.stop()


async def test_a_server_that_comes_back_with_a_numbering_of_its_own_is_believed() -> None:
    async with Exchange(SYMBOLS, rate=100, first_id=50_000) as first:
        made = Run(first, FAST, 0)
        await made.start()
        port = first.port
    try:
        async with Exchange(SYMBOLS, rate=100, port=port):
            before = made.market.counters.accepted
            assert await until(lambda: made.market.counters.accepted > before + 100)
            said = [sentence for _, sentence in made.control.events("live")]
            assert "the source numbers the trades of BTCUSDT anew" in said
            assert made.market.counters.balanced
    finally:
        await made.control.stop()


async def test_trades_of_the_future_are_quarantined_and_leave_no_gap() -> None:
    async with Exchange(SYMBOLS, rate=100) as exchange:
        made = Run(exchange, FAST, 0)
        try:
            await made.start()
            late = exchange.make_up("BTCUSDT", 5)
            exchange.publish("BTCUSDT", [{**row, "T": row["T"] + 120_000} for row in late])
            counters = made.market.counters
            assert await until(lambda: counters.rejected["future"] == 5)
            newest = exchange.newest("BTCUSDT")
            assert await until(lambda: made.seen("BTCUSDT") > newest)
            assert (made.market.gaps.total, counters.balanced) == (0, True)
            assert counters.last_rejected.startswith("future: BTCUSDT at ")
            # The first second is a cut one, which is no bar.
            assert await until(lambda: len(made.market.bars("BTCUSDT", "1s")))
            assert made.market.bars("BTCUSDT", "1s").ts_ms[-1] < time.time() * 1_000 + 1_000
        finally:
            await made.control.stop()
