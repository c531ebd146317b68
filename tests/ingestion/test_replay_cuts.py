"""The recorded files over a real socket that is cut at 20 random places."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from analytics.model import TIMEFRAMES, Bars
from dashapp.services import startup
from ingestion.decode.decoder import Decoder
from storage.market.market import Market
from tests.exchange import Exchange, Row, recorded_frames, trades_of
from tests.ingestion.scenarios import FAST, SYMBOLS, Run, until

CUTS = 20
CHUNK = 100
EXACT = ("ts_ms", "open", "high", "low", "close", "trades")


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    startup.compile_market()


def recordings(market_data: Path, venue: str) -> list[tuple[str, Row]]:
    """Both symbols' frames of a venue, in the order of their receipt."""
    prefix = "usdm" if venue == "binance-futures" else "spot"
    names = (f"{prefix}_{symbol}_20240808.trade.log.gz" for symbol in ("btcusdt", "ethusdt"))
    return recorded_frames(*(market_data / "ticks" / name for name in names))


@asynccontextmanager
async def feeding(venue: str, source: str) -> AsyncIterator[Run]:
    """The real feed, started before the recording begins."""
    async with Exchange(SYMBOLS, venue=venue, rate=0, first_id=1) as exchange:
        made = Run(exchange, FAST, 7)
        try:
            await made.control.start(source.replace("HOST", exchange.ws), SYMBOLS)
            assert await until(lambda: exchange.connections)
            yield made
        finally:
            await made.control.stop()


async def keep_pace(made: Run, published: int) -> None:
    """Wait for the feed, as long as it is connected: a live exchange is no flood."""
    counters = made.market.counters
    while made.exchange.connections and published - counters.received > 10 * CHUNK:
        before = counters.received
        await asyncio.sleep(0.003)
        if counters.received == before:  # what was cut off never comes
            await asyncio.sleep(0.01)
            return


async def play(made: Run, count: int, publish, seed: int) -> int:
    """Publish everything, chunk by chunk, with cuts; how many there were."""
    rng = random.Random(seed)
    chunks = range(0, count, CHUNK)
    cuts = set(rng.sample(range(len(chunks) // 50 + 1, len(chunks) - 5), CUTS))
    deaf, done = 0, 0
    for number, start in enumerate(chunks):
        if number in cuts:
            # In the middle of the chunk: half of it is on its way, or gone.
            middle = start + rng.randrange(1, CHUNK)
            publish(start, middle)
            made.exchange.cut()
            publish(middle, start + CHUNK)
            deaf, done = rng.randrange(0, 3), done + 1
        else:
            publish(start, start + CHUNK)
            if deaf:
                deaf -= 1
            else:
                assert await until(lambda: made.exchange.connections)
        await asyncio.sleep(0)
        await keep_pace(made, start)
    return done


def same(ours: Bars, theirs: Bars) -> bool:
    """Whether bars are those of an uncut run; sums in another order may round otherwise."""
    exact = all(np.array_equal(getattr(ours, one), getattr(theirs, one)) for one in EXACT)
    sums = ((ours.volume, theirs.volume), (ours.vwap, theirs.vwap))
    return exact and all(np.allclose(one, other, rtol=1e-12, atol=0) for one, other in sums)


def uncut(frames: Sequence[str]) -> Market:
    market = Market("uncut", "Uncut", "live")
    for batch in Decoder().decode_lines(frames).ticks:
        market.append(batch)
    return market


@pytest.mark.parametrize("venue", ["binance-futures", "binance-spot"])
async def test_with_backfill_every_trade_is_there_once_and_the_bars_are_those_of_an_uncut_run(
    market_data: Path, venue: str
) -> None:
    trades = list(trades_of(recordings(market_data, venue)))
    async with feeding(venue, venue) as made:
        exchange, market = made.exchange, made.market

        def publish(start: int, stop: int) -> None:
            for symbol in SYMBOLS:
                rows = [row for name, row in trades[start:stop] if name == symbol]
                exchange.publish(symbol, rows)

        assert await play(made, len(trades), publish, seed=33) == CUTS
        await made.settle()
        assert made.wrong == []
        frames = [exchange.frame(one, row) for one in SYMBOLS for row in exchange.tape[one]]
        whole, counters = uncut(frames), market.counters
        assert counters.accepted == len(trades) == whole.counters.accepted
        assert counters.received == counters.accepted + counters.duplicate
        assert market.gaps.total >= CUTS
        for symbol in SYMBOLS:
            ids = np.sort(market.ticks(symbol).trade_id)
            assert np.array_equal(ids, np.arange(1, len(exchange.tape[symbol]) + 1))
            for timeframe in TIMEFRAMES:
                ours = market.bars(symbol, timeframe)
                theirs = whole.bars(symbol, timeframe)
                cut = len(theirs) - len(ours)  # a bar that began before the feed is none of its
                assert cut in (0, 1)
                assert same(ours, theirs[cut:]), (symbol, timeframe)
                assert not market.touched_by_gaps(ours).any()
        print(  # noqa: T201
            f"\n{venue}: {len(trades):,} trades, {CUTS} cuts, {market.gaps.total} gaps, "
            f"{counters.backfilled:,} backfilled, 0 missing, bars equal"
        )


@pytest.mark.parametrize("venue", ["binance-futures", "binance-spot"])
async def test_without_backfill_the_gaps_are_counted_and_the_bars_they_touch_flagged(
    market_data: Path, venue: str
) -> None:
    frames = recordings(market_data, venue)
    path = "market/" if venue == "binance-futures" else ""
    source = f"HOST/{path}stream?streams=btcusdt@trade/ethusdt@trade"
    async with feeding(venue, source) as made:
        exchange, market = made.exchange, made.market

        def publish(start: int, stop: int) -> None:
            for symbol in SYMBOLS:
                verbatim = [frame for frame, data in frames[start:stop] if data["s"] == symbol]
                exchange.send(f"{symbol.lower()}@trade", verbatim)

        assert await play(made, len(frames), publish, seed=33) == CUTS
        newest = {one: max(data["t"] for _, data in frames if data["s"] == one) for one in SYMBOLS}
        assert await until(lambda: all(made.seen(one) == newest[one] for one in SYMBOLS))
        counters, ledger = market.counters, market.gaps
        assert counters.balanced
        assert 0 < ledger.total == ledger.open <= 2 * CUTS
        assert counters.accepted + counters.rejected_total + ledger.missing == len(frames)
        flagged = check_flags(market, uncut([frame for frame, _ in frames]))
        print(  # noqa: T201
            f"\n{venue}: {len(frames):,} frames, {CUTS} cuts, {ledger.total} gaps, "
            f"{ledger.missing:,} missing, {counters.rejected_total} prints that are no trades, "
            f"{flagged} bars of 1s flagged"
        )


def check_flags(market: Market, whole: Market) -> int:
    """Every bar that differs from the uncut run is flagged; how many of 1s are."""
    flagged = 0
    for symbol in SYMBOLS:
        for timeframe in TIMEFRAMES:
            ours, theirs = market.bars(symbol, timeframe), whole.bars(symbol, timeframe)
            flags = market.touched_by_gaps(ours)
            flagged += int(flags.sum()) if timeframe == "1s" else 0
            places = np.searchsorted(theirs.ts_ms, ours.ts_ms)
            assert np.array_equal(theirs.ts_ms[places], ours.ts_ms)
            differs = np.zeros(len(ours), np.bool_)
            for one in EXACT:
                differs |= getattr(ours, one) != getattr(theirs, one)[places]
            assert not (differs & ~flags).any(), (symbol, timeframe)
            lost = np.setdiff1d(theirs.ts_ms, ours.ts_ms)
            spans = market.gaps.spans([symbol])
            inside = (lost[:, None] + TIMEFRAMES[timeframe] > spans[:, 0]) & (
                lost[:, None] <= spans[:, 1]
            )
            assert inside.any(axis=1).all(), "a bar that is wholly missing lies in a gap"
    return flagged
