"""History by the exchange's bars: backwards, in order of looks, within the weight, resumable."""

from __future__ import annotations

from contextlib import asynccontextmanager

import numpy as np
import pytest

from analytics.model import Bars
from dashapp.services.universe import history as module
from dashapp.services.universe.directory import Exchange as Side
from dashapp.services.universe.history import History
from ingestion.binance.rest import Rest
from tests import exchange_rest
from tests.exchange import Exchange
from tests.waiting import until

HOUR_MS = 3_600_000


class Taken:
    """Takes bars, and what is said of them."""

    def __init__(self) -> None:
        self.pages: list[Bars] = []
        self.bars: dict[tuple[str, str], dict[int, float]] = {}

    def __call__(self, bars: Bars, from_ms: int, final_ms: int) -> None:
        self.pages.append(bars)
        held = self.bars.setdefault((bars.symbol, bars.timeframe), {})
        held |= dict(zip(bars.ts_ms.tolist(), bars.close.tolist(), strict=True))

    def times(self, symbol: str, timeframe: str) -> list[int]:
        return sorted(self.bars.get((symbol, timeframe), {}))


class Kept:
    """The archive's side, in memory."""

    def __init__(self) -> None:
        self.bars: dict[tuple[str, str], dict[int, Bars]] = {}
        self.loads = self.pieces = 0

    async def load(self, symbol: str, timeframe: str, from_ms: int) -> Bars | None:
        self.loads += 1
        held = self.bars.get((symbol, timeframe), {})
        rows = [held[at] for at in sorted(held) if at >= from_ms]
        return Bars.concat(rows) if rows else None

    def keep(self, bars: Bars) -> None:
        self.pieces += 1
        held = self.bars.setdefault((bars.symbol, bars.timeframe), {})
        held |= {int(bars.ts_ms[at]): bars[at : at + 1] for at in range(len(bars))}


@asynccontextmanager
async def filling(symbols=("BTCUSDT", "ETHUSDT"), venue="binance-futures", kept=None, rate=0):
    async with Exchange(symbols, venue=venue, rate=rate) as exchange:
        rest = Rest(exchange.venue, exchange.rest, timeout_s=5.0)
        taken = Taken()
        history = History(Side(exchange.venue, rest), taken, kept)
        history.start()
        try:
            yield exchange, history, taken
        finally:
            await history.stop()
            await rest.close()


async def test_the_bars_in_view_come_in_one_request_a_symbol():
    async with filling() as (exchange, history, taken):
        history.want(["BTCUSDT", "ETHUSDT"], "1m", 1_000)
        await until(lambda: history.idle)
        for symbol in ("BTCUSDT", "ETHUSDT"):
            times = taken.times(symbol, "1m")
            assert len(times) >= 999
            assert set(np.diff(times)) == {60_000}
        assert len([path for path in exchange.requests.asked if "klines" in path]) <= 4


async def test_older_bars_come_backwards_and_what_is_there_is_not_asked_for_again():
    async with filling() as (exchange, history, taken):
        history.want(["BTCUSDT"], "1h", 100)
        await until(lambda: history.idle)
        asked = len(exchange.requests.asked)
        history.want(["BTCUSDT"], "1h", 100)
        assert history.idle
        history.want(["BTCUSDT"], "1h", 2_500)
        await until(lambda: history.idle)
        times = taken.times("BTCUSDT", "1h")
        assert len(times) >= 2_499
        assert set(np.diff(times)) == {HOUR_MS}
        assert len(exchange.requests.asked) - asked <= 5


async def test_no_more_than_180_days_are_asked_for():
    async with filling() as (_, history, taken):
        history.want(["BTCUSDT"], "1d", 20_000)
        await until(lambda: history.idle)
        assert 179 <= len(taken.times("BTCUSDT", "1d")) <= 182


async def test_seconds_come_of_spot_alone():
    async with filling() as (exchange, history, _):
        history.want(["BTCUSDT"], "1s", 100)
        assert history.idle
        assert exchange.requests.asked == []
    async with filling(venue="binance-spot") as (_, history, taken):
        history.want(["BTCUSDT"], "1s", 100)
        await until(lambda: history.idle)
        assert len(taken.times("BTCUSDT", "1s")) >= 99


async def test_what_is_looked_at_comes_before_what_waits(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 1)
    symbols = [f"S{number}USDT" for number in range(30)]
    async with filling(symbols) as (_, history, taken):
        asked: list[str] = []
        get = history.exchange.rest.get

        def noted(path: str, *rest: float):
            asked.append(path)
            return get(path, *rest)

        monkeypatch.setattr(history.exchange.rest, "get", noted)
        history.want(symbols, "1h", 50, urgent=False)
        history.want(symbols[-1:], "1h", 50)
        await until(lambda: history.idle)
        # Its own connection answers when it may: that it is asked for at once is what counts.
        assert any(f"symbol={symbols[-1]}&" in path for path in asked[:2])
        assert {bars.symbol for bars in taken.pages} == set(symbols)


async def test_a_second_start_asks_only_for_what_is_missing():
    kept = Kept()
    async with filling(kept=kept) as (_, history, _taken):
        history.want(["BTCUSDT"], "1h", 720)
        await until(lambda: history.idle)
    assert len(kept.bars["BTCUSDT", "1h"]) >= 718
    newest = max(kept.bars["BTCUSDT", "1h"])
    for at in (newest, newest - HOUR_MS):
        del kept.bars["BTCUSDT", "1h"][at]
    async with filling(kept=kept) as (exchange, history, taken):
        history.want(["BTCUSDT"], "1h", 720)
        await until(lambda: history.idle)
        (asked,) = [path for path in exchange.requests.asked if "klines" in path]
        assert f"startTime={newest - HOUR_MS}&" in asked
        assert exchange.requests.used_weight == 1
        assert len(taken.times("BTCUSDT", "1h")) >= 719


@pytest.mark.parametrize("fault", ["rest429", "rest500", "restbroken", "restdown", "rest418"])
async def test_a_refusal_is_said_and_tried_again(fault, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    async with filling() as (exchange, history, taken):
        exchange.requests.mode = fault
        history.want(["BTCUSDT"], "1m", 50)
        await until(lambda: history.words)
        assert "history" in history.words
        exchange.requests.mode = ""
        if fault == "restbroken":  # an answer that is none is not asked for again at once
            history.settle("BTCUSDT", "1m")
        await until(lambda: len(taken.times("BTCUSDT", "1m")) >= 49)
        await until(lambda: history.idle)
        assert history.words == ""


async def test_after_a_wait_that_the_exchange_asks_for_nobody_asks_sooner():
    async with filling() as (exchange, history, _):
        exchange.requests.mode = "rest429"
        history.want(["BTCUSDT"], "1m", 50)
        await until(lambda: exchange.requests.asked)
        await until(lambda: history.exchange.rest.wait_s > 0)
        exchange.requests.mode = ""
        history.want(["ETHUSDT"], "1m", 50)
        await until(lambda: history.idle)
        first, *others = exchange.requests.asked_s
        assert min(others) - first >= 0.99


async def test_the_weight_stays_within_the_budget_and_a_look_finds_room(monkeypatch):
    symbols = [f"S{number:03}USDT" for number in range(120)]
    async with filling(symbols) as (exchange, history, taken):
        history.exchange.rest._budget.limit = 100
        history.want(symbols, "1h", 50, urgent=False)
        await until(lambda: exchange.requests.used_weight >= 80)
        history.want(["S119USDT"], "1m", 50)
        await until(lambda: taken.times("S119USDT", "1m"))
        assert exchange.requests.used_weight <= 100


async def test_the_count_of_the_exchange_holds_until_its_minute_ends(monkeypatch):
    monkeypatch.setattr(exchange_rest, "formatdate", lambda usegmt: "Mon, 30 Nov 2026 06:34:50 GMT")
    async with Exchange(["BTCUSDT"], rate=0) as exchange:
        rest = Rest(exchange.venue, exchange.rest, clock=lambda: 100.0)
        exchange.requests.used_weight = exchange.requests.most_weight = 2_300  # by others here
        await rest.get("/fapi/v1/premiumIndex", 10)
        await rest.close()
        assert rest.budget_wait_s(10) == 11.0


async def test_what_came_is_kept_in_one_piece():
    kept = Kept()
    async with filling(kept=kept) as (_, history, taken):
        history.want(["BTCUSDT"], "1h", 1_200, urgent=False)
        await until(lambda: history.idle)
    assert len(taken.pages) == 3
    assert kept.pieces == 1
    assert len(kept.bars["BTCUSDT", "1h"]) >= 1_198


async def test_a_bar_that_has_closed_is_settled():
    async with filling() as (exchange, history, _taken):
        now_ms = [1_780_000_000_000 // HOUR_MS * HOUR_MS + 1_800_000]
        exchange.data.now_ms = lambda: now_ms[0]
        history._now_ms = lambda: now_ms[0]
        history.want(["BTCUSDT"], "1h", 10)
        await until(lambda: history.idle)
        final = history.known("BTCUSDT", "1h").final_ms
        assert final == now_ms[0] - 1_800_000
        now_ms[0] += HOUR_MS
        history.settle("BTCUSDT", "1h")
        await until(lambda: history.idle)
        assert history.known("BTCUSDT", "1h").final_ms == final + HOUR_MS
        assert f"startTime={final}&" in exchange.requests.asked[-1]
