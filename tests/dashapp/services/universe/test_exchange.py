"""The universe of an exchange: chosen by turnover, with its past, kept by streams of bars."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np

from dashapp.services.runtime import Runtime
from dashapp.services.universe import exchange as module
from dashapp.services.universe.exchange import UNIVERSE
from dashapp.settings import ALL
from tests.dashapp.services.quiet_runtime import QUIET
from tests.exchange import Exchange
from tests.waiting import until

SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT", "OLDUSDT", "S1USDT", "S2USDT")


@asynccontextmanager
async def universe(monkeypatch, count=4, rate=20.0):
    monkeypatch.setattr(module, "HOURS_FIRST", 60)
    monkeypatch.setattr(module, "HOURS", 60)
    monkeypatch.setattr(module, "MINUTES", 100)
    monkeypatch.setattr(module, "PERIOD_S", 0.05)
    async with Exchange(SYMBOLS, rate=rate) as exchange:
        exchange.data.statuses["OLDUSDT"] = "SETTLING"
        exchange.data.funding["ETHUSDT"] = ("0.00020000", 4)
        options = {"binance_ws": exchange.ws, "binance_rest": exchange.rest, "universe": count}
        runtime = Runtime(replace(QUIET, **options))
        await runtime.start()
        try:
            await runtime.feeds.start("binance-futures", SYMBOLS[:2])
            yield exchange, runtime
        finally:
            await runtime.stop()


async def test_the_most_traded_symbols_come_with_their_hours_and_minutes(monkeypatch):
    async with universe(monkeypatch) as (_, runtime):
        market = runtime.markets[UNIVERSE]
        await until(lambda: len(market.symbols) == 4 and runtime.feeds.universe.history.idle)
        assert set(market.symbols) == {"BTCUSDT", "ETHUSDT", "币安人生USDT", "S1USDT"}
        assert market.timeframes == ("1m", "5m", "15m", "1h", "4h", "1d")
        hours = market.bars("币安人生USDT", "1h")
        assert len(hours) >= 58
        assert set(np.diff(hours.ts_ms)) == {3_600_000}
        assert market.counters.balanced
        assert market.from_exchange(hours).all()
        assert not runtime.feeds.trust(UNIVERSE)["simulated"]


async def test_turnover_and_funding_stand_beside_each_symbol(monkeypatch):
    async with universe(monkeypatch) as (_, runtime):
        market = runtime.markets[UNIVERSE]
        await until(lambda: market.listings.get("ETHUSDT") is not None)
        await until(lambda: market.listings["ETHUSDT"].funding_rate is not None)
        listing = market.listings["ETHUSDT"]
        assert listing.turnover == 5e9
        assert listing.funding_hours == 4.0
        assert listing.funding_per_day == 0.0002 * 6
        assert "OLDUSDT" not in market.listings


async def test_closed_bars_follow_by_stream(monkeypatch):
    async with universe(monkeypatch) as (exchange, runtime):
        market = runtime.markets[UNIVERSE]
        await until(lambda: runtime.feeds.universe.history.idle and len(market.symbols) == 4)
        await until(lambda: runtime.feeds.universe.status.state == "live")
        minute = exchange.data.now_ms() // 60_000 * 60_000
        exchange.close_bars("1m", minute, 60_000)
        await until(lambda: market.bars("BTCUSDT", "1m").ts_ms[-1] == minute)
        row = exchange.data.of_trades("BTCUSDT", minute, 60_000)
        assert market.bars("BTCUSDT", "1m").open[-1] == float(row[1])


async def test_all_of_them_or_none(monkeypatch):
    async with universe(monkeypatch, count=ALL) as (_, runtime):
        await until(lambda: len(runtime.markets[UNIVERSE].symbols) == 5)
    async with universe(monkeypatch, count=0) as (_, runtime):
        assert UNIVERSE not in runtime.markets


async def test_it_waits_for_an_exchange_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("dashapp.services.universe.directory.RETRY_S", 0.05)
    async with Exchange(SYMBOLS, rate=20.0) as exchange:
        exchange.requests.mode = "rest500"
        options = {"binance_ws": exchange.ws, "binance_rest": exchange.rest, "universe": 3}
        monkeypatch.setattr(module, "PERIOD_S", 0.05)
        runtime = Runtime(replace(QUIET, **options))
        await runtime.start()
        try:
            await runtime.feeds.start("binance-futures", SYMBOLS[:2])
            await until(lambda: runtime.markets.status("live").state == "live")
            assert "does not list its symbols" in runtime.markets.status(UNIVERSE).detail
            exchange.requests.mode = ""
            await until(lambda: len(runtime.markets[UNIVERSE].symbols) == 3)
        finally:
            await runtime.stop()
