"""The cache of results: equal questions share an answer, others never do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from analytics.backtest import BacktestParams
from analytics.model import NotReady, PairParams, PairSnapshot
from dashapp.services.analysis.cache import Analyses
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from storage.market.market import Market

PAIR = PairParams("BTCUSDT", "ETHUSDT", z_window=30, limit=300)
RULES = BacktestParams(hedge_window=60)


@pytest.fixture
def market(ticks_of) -> Market:
    made = Market("demo", "Demo", "demo")
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        made.append(ticks_of(symbol, seed=seed))
    return made


@pytest.fixture
def analyses(market) -> Analyses:
    kernels = Kernels()
    kernels.ready = True
    return Analyses(Markets(market), kernels)


def ends(market: Market) -> tuple[int, int]:
    """Two times at which bars opened, before the newest."""
    times = market.bars("BTCUSDT", "1s").ts_ms
    return int(times[-200]), int(times[-100])


async def test_a_snapshot_until_a_time_is_kept_apart_from_that_of_now(analyses, market):
    early, late = ends(market)
    newest = await analyses.snapshot("demo", PAIR)
    for until_ms in (early, late, early):
        frozen = await analyses.snapshot("demo", PAIR, until_ms)
        assert frozen.ts_ms[-1] == until_ms
    assert await analyses.snapshot("demo", PAIR) is newest
    assert newest.ts_ms[-1] > late
    assert analyses.computed == {"snapshot": 3}


async def test_a_back_test_until_a_time_is_kept_apart_from_that_of_now(analyses, market):
    early, _ = ends(market)
    newest = await analyses.backtest("demo", PAIR, RULES)
    frozen = await analyses.backtest("demo", PAIR, RULES, early)
    assert (frozen.ts_ms[-1], newest.ts_ms[-1] > early) == (early, True)
    assert await analyses.backtest("demo", PAIR, RULES) is newest


async def test_correlations_until_a_time_are_kept_apart_from_those_of_now(analyses, market):
    early, _ = ends(market)
    newest = await analyses.correlation("demo", "1s", 200)
    frozen = await analyses.correlation("demo", "1s", 200, early)
    assert (frozen.last_ts_ms, newest.last_ts_ms > early) == (early, True)
    assert await analyses.correlation("demo", "1s", 200) is newest


async def test_a_frozen_tab_sees_the_same_while_the_market_goes_on(analyses, market, ticks_of):
    until_ms = int(market.bars("BTCUSDT", "1s").ts_ms[-1])
    before = await analyses.snapshot("demo", PAIR, until_ms)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market.append(ticks_of(symbol, 30, start_ms=until_ms + 1_000))
    after = await analyses.snapshot("demo", PAIR, until_ms)
    assert after is not before, "the market has another version"
    np.testing.assert_array_equal(after.z, before.z)
    assert (await analyses.snapshot("demo", PAIR)).ts_ms[-1] > until_ms


async def test_what_gives_way_is_the_result_that_nobody_asked_for_longest(analyses, market):
    small = Analyses(Markets(market), analyses._kernels, max_kept=2)
    for window in (50, 51, 50, 52, 50):
        await small.snapshot("demo", replace(PAIR, z_window=window))
    assert small.computed == {"snapshot": 3}


async def test_a_pair_that_a_replay_has_not_come_to_yet_is_awaited(analyses, market):
    market.coming = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    answer = await analyses.snapshot("demo", replace(PAIR, x="SOLUSDT"))
    assert answer == NotReady("the replay has not come to SOLUSDT yet")
    answer = await analyses.backtest("demo", replace(PAIR, x="SOLUSDT"), BacktestParams())
    assert answer == NotReady("the replay has not come to SOLUSDT yet")
    with pytest.raises(KeyError, match="has no symbol 'ADAUSDT'"):
        await analyses.snapshot("demo", replace(PAIR, x="ADAUSDT"))
    assert isinstance(await analyses.snapshot("demo", PAIR), PairSnapshot)


async def test_until_the_kernels_are_compiled_there_is_nothing_but_the_reason(analyses):
    analyses._kernels.ready = False
    for answer in await asyncio.gather(
        analyses.snapshot("demo", PAIR),
        analyses.backtest("demo", PAIR, BacktestParams()),
        analyses.correlation("demo", "1s", 100),
        analyses.summary("demo", "1s", 100),
    ):
        assert isinstance(answer, NotReady)
        assert "compiling" in answer.reason
    assert not analyses.computed
    assert analyses.snapshot_key("demo", PAIR)[-1] is False
