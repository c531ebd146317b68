"""A live market with its past: full at once, joined exactly, and honest about what is missing."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from analytics.bars import resample
from analytics.model import Ticks
from dashapp.services.runtime import Runtime
from dashapp.services.universe import history as history_module
from dashapp.services.universe import live
from tests.dashapp.services.quiet_runtime import QUIET
from tests.exchange import Exchange
from tests.waiting import until

CHINESE = "币安人生USDT"
SYMBOLS = ("BTCUSDT", CHINESE)
EXACT = ("ts_ms", "open", "high", "low", "close", "volume", "trades")


@asynccontextmanager
async def traded(rate=30.0, past_s=7_000, past=3_000, **settings):
    """A runtime fed by a stand-in whose tape begins in the past; (exchange, runtime)."""
    async with Exchange(SYMBOLS, rate=0) as exchange:
        for symbol in SYMBOLS:
            exchange.fill_past(symbol, past_s, past)
        exchange._rate = rate
        exchange._task = asyncio.create_task(exchange._make_up())
        options = {"binance_ws": exchange.ws, "binance_rest": exchange.rest, "universe": 0}
        runtime = Runtime(replace(QUIET, **options | settings))
        await runtime.start()
        try:
            await runtime.feeds.start("binance-futures", SYMBOLS)
            yield exchange, runtime
        finally:
            await runtime.stop()


def tape_of(exchange: Exchange, symbol: str) -> Ticks:
    rows = exchange.tape[symbol]
    columns = ([row["T"] for row in rows], [float(row["p"]) for row in rows])
    return Ticks(symbol, *columns, [float(row["q"]) for row in rows], [row["a"] for row in rows])


def assert_equals_all_trades(
    exchange: Exchange, runtime: Runtime, symbol: str, timeframe: str
) -> None:
    got = runtime.markets["live"].bars(symbol, timeframe)
    want = resample(tape_of(exchange, symbol), timeframe)
    # Before the tape there is a made-up past, and of minutes no more than an hour is needed.
    first = max(int(got.ts_ms[0]), int(want.ts_ms[0]))
    got, want = got[got.ts_ms >= first], want[want.ts_ms >= first]
    assert len(want) >= {"1m": 60, "5m": 20, "1h": 2}[timeframe]
    for name in EXACT:
        equal = np.array_equal(getattr(got, name), getattr(want, name))
        assert equal or (name == "volume" and np.allclose(got.volume, want.volume, rtol=1e-14)), (
            symbol, timeframe, name, getattr(got, name)[-5:], getattr(want, name)[-5:],
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_bars_are_those_of_all_trades_at_whatever_moment_it_starts(seed, monkeypatch):
    await start_and_compare(seed, monkeypatch)


async def start_and_compare(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, let the minute close, and hold every bar against those of all trades."""
    monkeypatch.setattr(live, "SETTLE_MS", 0)
    monkeypatch.setattr(live, "PERIOD_S", 0.02)
    monkeypatch.setattr(history_module, "MARGIN_MS", 0)
    async with traded() as (exchange, runtime):
        market, history = runtime.markets["live"], runtime.feeds.history
        await until(lambda: all(len(market.ticks(s)) for s in SYMBOLS if s in market.symbols))
        await until(lambda: set(market.symbols) == set(SYMBOLS))
        for timeframe in ("5m", "1h"):
            runtime.look("live", SYMBOLS, timeframe, 500)
        await until(lambda: history.history.idle)
        # The minute in which the stream began closes: as if it had been long ago.
        now_ms = exchange.data.now_ms
        ahead = 61_000 + random.Random(seed).randrange(30_000)
        exchange.data.now_ms = lambda: now_ms() + ahead
        history.history._now_ms = exchange.data.now_ms
        await exchange.pause()
        await until(lambda: all(market.newest_id(s) == exchange.newest(s) for s in SYMBOLS))
        for symbol in SYMBOLS:
            history.history.settle(symbol, "1m")
        await until(lambda: history.history.idle)
        for symbol in SYMBOLS:
            for timeframe in ("1m", "5m", "1h"):
                assert_equals_all_trades(exchange, runtime, symbol, timeframe)
        assert market.counters.balanced
        assert market.counters.duplicate == 0
        assert market.gaps.open == 0


async def test_the_pair_that_is_chosen_is_filled_while_the_stream_goes_on():
    async with traded() as (exchange, runtime):
        market = runtime.markets["live"]
        exchange.requests.latency_s = (0.05, 0.2)
        runtime.look("live", SYMBOLS, "1m", 100)
        await runtime.filled("live", "BTCUSDT", "1m")
        await until(lambda: len(market.bars("BTCUSDT", "1m")) >= 99)
        marked = market.from_exchange(market.bars("BTCUSDT", "1m"))
        assert marked[0]
        accepted = market.counters.accepted
        await until(lambda: market.counters.accepted > accepted)


async def test_after_a_stop_ticks_are_whole_from_the_next_start_on():
    async with traded() as (_, runtime):
        market = runtime.markets["live"]
        await until(lambda: "BTCUSDT" in market.symbols and market.past("BTCUSDT").whole_ms)
        before = market.past("BTCUSDT").whole_ms
        await runtime.feeds.stop()
        await runtime.feeds.start("binance-futures", SYMBOLS)
        await until(lambda: market.past("BTCUSDT").whole_ms > before)


async def test_another_timeframe_of_what_is_looked_at_is_asked_for_too():
    async with traded() as (_, runtime):
        for timeframe in ("1h", "4h"):
            runtime.look("live", SYMBOLS[:1], timeframe, 100)
            assert runtime.feeds.history.history.known(SYMBOLS[0], timeframe) is not None


async def test_seconds_are_made_of_recent_trades_and_it_is_said_from_when():
    async with traded() as (exchange, runtime):
        market = runtime.markets["live"]
        await until(lambda: set(market.symbols) == set(SYMBOLS))
        runtime.look("live", SYMBOLS, "1s", 500)
        await until(lambda: market.counters.backfilled >= 2 * 2_990)
        past = market.past("BTCUSDT")
        begins = exchange.tape["BTCUSDT"][0]["T"]
        await until(lambda: past.whole_ms is not None and past.whole_ms <= begins + 60_000)
        words = runtime.feeds.history_words("live", SYMBOLS, "1s")
        assert "1s bars begin at" in words
        assert "made of trades" in words
        seconds = market.bars("BTCUSDT", "1s")
        want = resample(tape_of(exchange, "BTCUSDT"), "1s")
        assert np.isin(seconds.ts_ms[:-1], want.ts_ms).all()
        assert market.counters.balanced


@pytest.mark.parametrize("fault", ["rest403", "rest429", "rest500"])
async def test_the_stream_goes_on_where_requests_are_refused(fault, monkeypatch):
    monkeypatch.setattr(history_module, "RETRY_S", 0.05)
    async with traded() as (exchange, runtime):
        market = runtime.markets["live"]
        exchange.requests.mode = fault
        runtime.look("live", SYMBOLS, "15m", 500)
        await until(lambda: runtime.feeds.history_words("live", SYMBOLS, "15m"))
        assert "history" in runtime.feeds.history_words("live", SYMBOLS, "15m")
        accepted = market.counters.accepted
        await until(lambda: market.counters.accepted > accepted)
        assert runtime.markets.status("live").state == "live"


async def test_an_unknown_symbol_gets_a_sentence_with_the_nearest_names():
    async with traded() as (_, runtime):
        with pytest.raises(ValueError, match="no symbol BTCUSD: is BTCUSDT meant") as told:
            await runtime.feeds.start("binance-futures", ["BTCUSD"])
        assert "goes on" in str(told.value)
        await until(lambda: runtime.markets.status("live").state == "live")


async def test_a_symbol_that_does_not_trade_is_refused_with_its_status():
    async with traded() as (exchange, runtime):
        exchange.data.statuses["BTCUSDT"] = "BREAK"
        runtime.feeds.directory.of("binance-futures")._fresh_until_s.clear()
        with pytest.raises(ValueError, match="does not trade BTCUSDT now: its status is BREAK"):
            await runtime.feeds.start("binance-futures", ["BTCUSDT"])


async def test_a_start_is_possible_without_the_list():
    async with traded() as (exchange, runtime):
        await runtime.feeds.stop()
        exchange.requests.mode = "rest403"
        directory = runtime.feeds.directory.of("binance-futures")
        directory.listings.clear()
        directory._fresh_until_s.clear()
        await runtime.feeds.start("binance-futures", [CHINESE])
        await until(lambda: runtime.markets.status("live").state == "live")


async def test_the_archive_keeps_the_past_and_the_next_start_asks_for_what_is_missing(tmp_path):
    place = str(tmp_path / "archive.sqlite")
    async with traded(archive=place) as (_, runtime):
        history = runtime.feeds.history.history
        runtime.look("live", SYMBOLS, "1h", 500)
        await until(lambda: history.known(CHINESE, "1h") and history.idle)
        before = len(runtime.markets["live"].bars(CHINESE, "1h"))
        assert before >= 499
    async with Exchange(SYMBOLS, rate=20.0) as exchange:
        options = {"binance_ws": exchange.ws, "binance_rest": exchange.rest, "universe": 0}
        runtime = Runtime(replace(QUIET, **options, archive=place))
        await runtime.start()
        try:
            await runtime.feeds.start("binance-futures", SYMBOLS)
            kept = runtime.feeds.history.history._kept
            kept.key = kept_key(runtime)
            runtime.look("live", SYMBOLS, "1h", 500)
            history = runtime.feeds.history.history
            await until(lambda: history.known(CHINESE, "1h") and history.idle)
            assert len(runtime.markets["live"].bars(CHINESE, "1h")) >= before - 1
            asked = [path for path in exchange.requests.asked if "interval=1h" in path]
            assert asked
            assert all("limit=1" in path or "limit=2" in path for path in asked)
        finally:
            await runtime.stop()


def kept_key(runtime: Runtime) -> str:
    """The archive knows a stand-in by its address, which has another port each time."""
    (key,) = {
        holding.market
        for holding in runtime.recorder.writer.archive.contents()
        if holding.market.startswith("bars-")
    }
    return key


async def test_sources_that_take_turns_leave_no_task_behind():
    async with traded() as (_, runtime):
        feeds = runtime.feeds
        await until(lambda: runtime.markets.status("live").state == "live")
        names = {"history", "universe"}

        def working() -> int:
            return sum(task.get_name() in names for task in asyncio.all_tasks())

        count = working()
        assert count > 0
        for source in ("binance-spot", "binance-futures", "binance-spot"):
            await feeds.start(source, ["BTCUSDT"])
            assert working() == count
        await feeds.start("demo", ())
        assert working() == 0
        await feeds.start("binance-futures", ["BTCUSDT"])
        await feeds.stop()
        assert working() == 0
