"""No alert fires on a single outlier tick; the tick after it settles the matter."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest

from analytics.alerts import AlertRule, Reading
from analytics.model import Bars, FeedStatus, PairParams, Ticks
from dashapp.services.alerts.unconfirmed import certain
from dashapp.services.runtime import Runtime
from storage.market.market import Market
from storage.market.outliers import Outlier, Outliers


@pytest.fixture
def live(runtime: Runtime, ticks_of: Callable[..., Ticks], monkeypatch) -> Market:
    """A live market of a pair that ticks, with nothing unusual yet."""
    market = Market("live", "Live", "live")
    runtime.markets["live"] = market
    running = FeedStatus("ws://127.0.0.1", "live")
    monkeypatch.setattr(runtime.markets, "status", lambda market_id: running)
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        market.append(ticks_of(symbol, seed=seed))
    return market


def tick(market: Market, symbol: str, price: float, after_ms: int) -> None:
    newest = market.ticks(symbol, 1)
    at, number = int(newest.ts_ms[-1]) + after_ms, int(newest.trade_id[-1]) + 1
    market.append(Ticks(symbol, [at], [price], [1.0], [number]))


RULES = {
    "price": {"metric": "price", "operator": ">", "threshold": 75_000, "symbol": "BTCUSDT"},
    "z": {
        "metric": "z",
        "operator": "abs>",
        "threshold": 5.0,
        "params": {"y": "BTCUSDT", "x": "ETHUSDT"},
    },
    "spread": {
        "metric": "spread",
        "operator": "abs>",
        "threshold": 3_000.0,
        "params": {"y": "BTCUSDT", "x": "ETHUSDT"},
    },
}


@pytest.mark.parametrize("metric", RULES)
async def test_one_outlier_fires_nothing_and_the_next_one_does(runtime, live, metric):
    runtime.alerts.add_rule({"market": "live", **RULES[metric]})
    tick(live, "ETHUSDT", float(live.ticks("ETHUSDT", 1).price[-1]), 1_000)
    assert await runtime.alerts.step() == []
    tick(live, "BTCUSDT", 90_000.0, 1_000)
    assert live.counters.outliers == 1
    assert await runtime.alerts.step() == [], "one tick alone"
    tick(live, "BTCUSDT", 90_001.0, 10)
    assert len(await runtime.alerts.step()) == 1, "the market is there"


@pytest.mark.parametrize("metric", RULES)
async def test_a_bad_print_at_the_end_of_a_bar_never_fires_not_even_when_it_closes(
    runtime, live, metric
):
    runtime.alerts.add_rule({"market": "live", "on": "close", **RULES[metric]})
    usual = float(live.ticks("BTCUSDT", 1).price[-1])
    tick(live, "BTCUSDT", 90_000.0, 1_000)
    for _ in range(6):
        tick(live, "BTCUSDT", usual, 1_000)
        tick(live, "ETHUSDT", float(live.ticks("ETHUSDT", 1).price[-1]), 1_000)
        assert await runtime.alerts.step() == []
    assert live.bars("BTCUSDT", "1s").close.max() == 90_000.0, "it is in its bar all the same"


async def test_without_doubt_the_same_rules_fire(runtime, live, monkeypatch):
    """The tests above can fail."""
    monkeypatch.setattr(Outliers, "lone", lambda self, symbol: ())
    for rule in RULES.values():
        runtime.alerts.add_rule({"market": "live", **rule})
    tick(live, "ETHUSDT", float(live.ticks("ETHUSDT", 1).price[-1]), 1_000)
    tick(live, "BTCUSDT", 90_000.0, 1_000)
    assert len(await runtime.alerts.step()) == len(RULES)


async def test_a_price_that_is_carried_forward_is_doubted_as_long_as_it_is(runtime, live):
    runtime.alerts.add_rule({"market": "live", **RULES["z"]})
    tick(live, "BTCUSDT", 90_000.0, 1_000)
    for _ in range(3):
        tick(live, "ETHUSDT", float(live.ticks("ETHUSDT", 1).price[-1]), 1_000)
        assert await runtime.alerts.step() == []


async def test_the_log_and_the_strip_tell_an_outlier(ticks_of, runtime):
    await runtime.feeds.start("ws://127.0.0.1:9/", [])
    feed = runtime.feeds._running
    now_ms = int(time.time() * 1_000)
    feed._sink([ticks_of("BTCUSDT", 30, start_ms=now_ms - 40_000)], [])
    feed._sink([Ticks("BTCUSDT", [now_ms], [90_000.0], [1.0], [-1])], [])
    feed._sink([Ticks("BTCUSDT", [now_ms], [90_001.0], [1.0], [-1])], [])
    said = [words for _, words in runtime.feeds.events("live") if words.startswith("outlier")]
    assert len(said) == 1, "the first of many"
    assert said[0].startswith("outlier: BTCUSDT at 90000 is +50 % off the median")
    assert runtime.feeds.trust("live")["outliers"] == 2
    await runtime.feeds.stop()


CLOSE = [10.0, 15.0, *[10.0] * 9]
ON_CORRELATION = AlertRule(
    "r",
    "live",
    "correlation",
    ">",
    0.5,
    params=PairParams("X", "Y", corr_window=5),
)


def legs_of(close: list[float]) -> tuple[Bars, Bars]:
    ones = np.ones(len(close))
    times = 1_000 * np.arange(len(close))
    return tuple(
        Bars(symbol, "1s", times, *[np.array(close)] * 4, ones, ones, ones) for symbol in "XY"
    )


def test_a_correlation_is_doubted_while_any_return_of_its_window_rests_on_the_print():
    """Five returns are those between six closes: the print's own return is the first of them."""
    market = Market("live", "Live", "live")
    market.outliers.lone = lambda symbol: (Outlier(1_500, 15.0, 10.0),) if symbol == "X" else ()
    legs = legs_of(CLOSE)
    readings = [Reading("key", int(ts_ms), 0.9) for ts_ms in legs[0].ts_ms]
    doubted = [math.isnan(one.value) for one in certain(market, ON_CORRELATION, legs, readings)]
    assert doubted == [False, *[True] * 6, *[False] * 4]
