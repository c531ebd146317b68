"""The demo's universe: there from the start, made at the first look, and it goes on."""

from __future__ import annotations

import pytest

from dashapp.services.markets import Markets
from dashapp.services.universe import demo
from dashapp.services.universe.demo import DEMO_UNIVERSE, DemoUniverse
from ingestion.universe_simulator import HOUR_MS, SYMBOLS, UniverseSimulator
from tests.waiting import until

NOW_MS = 1_780_000_230_000


@pytest.fixture(autouse=True)
def few_bars(monkeypatch):
    """Days of what is months long."""
    monkeypatch.setattr("ingestion.universe_simulator._COARSE_STEPS", 2 * 288)
    monkeypatch.setattr("ingestion.universe_simulator._FINE_STEPS", 1_440)


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


async def test_it_is_empty_until_somebody_looks():
    markets = Markets()
    universe = DemoUniverse(markets, now_ms=Clock())
    market = markets[DEMO_UNIVERSE]
    assert market.simulated
    assert market.title == "Demo universe"
    assert market.symbols == ()
    assert market.coming == SYMBOLS
    assert markets.status(DEMO_UNIVERSE).state == "stopped"
    await universe.stop()


async def test_a_look_makes_it_whole_with_listings():
    markets = Markets()
    universe = DemoUniverse(markets, now_ms=Clock())
    universe.look()
    assert markets.status(DEMO_UNIVERSE).state == "connecting"
    market = await universe.ready()
    assert market is markets[DEMO_UNIVERSE]
    assert market.symbols == SYMBOLS
    assert market.timeframes == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert len(market.bars("BTCUSDT", "1h")) == 2 * 24 + 24
    assert market.bars("BTCUSDT", "1m").ts_ms[-1] == NOW_MS - NOW_MS % 60_000 - 60_000
    assert set(market.listings) == set(SYMBOLS)
    assert market.counters.balanced
    assert markets.status(DEMO_UNIVERSE).state == "live"
    await universe.stop()


async def test_bars_follow_as_they_close(monkeypatch):
    monkeypatch.setattr(demo, "_AFTER_CLOSE_S", -60.0)
    markets, clock = Markets(), Clock()
    universe = DemoUniverse(markets, now_ms=clock)
    market = await universe.ready()
    hours = len(market.bars("BTCUSDT", "1h"))
    clock.now_ms += HOUR_MS
    await until(lambda: len(market.bars("BTCUSDT", "1h")) == hours + 1)
    await until(lambda: market.bars(SYMBOLS[-1], "1m").ts_ms[-1] >= NOW_MS + HOUR_MS - 120_000)
    assert market.counters.balanced
    assert not market.counters.duplicate
    await universe.stop()


async def test_a_fault_is_said_and_nobody_waits_for_ever(monkeypatch):
    def broken(self, end_ms):
        raise ArithmeticError

    monkeypatch.setattr(UniverseSimulator, "history", broken)
    markets = Markets()
    universe = DemoUniverse(markets)
    with pytest.raises(RuntimeError, match="ArithmeticError"):
        await universe.ready()
    assert markets.status(DEMO_UNIVERSE).state == "failed"
    await universe.stop()
