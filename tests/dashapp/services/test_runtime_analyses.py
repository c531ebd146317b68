"""The analyses that the runtime keeps."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from cachetools import LRUCache

from analytics.backtest import BacktestParams
from analytics.model import (
    Bars,
    PairSnapshot,
)
from dashapp.services.analysis import cache, results
from dashapp.services.analysis.results import Busy, Results
from dashapp.services.runtime import Runtime
from tests.dashapp.services.quiet_runtime import (
    PAIR,
    QUIET,
)
from tests.waiting import PATIENCE_S


async def test_twenty_readers_cost_one_computation(runtime):
    results = await asyncio.gather(*(runtime.analysis.snapshot("demo", PAIR) for _ in range(20)))
    assert all(one is results[0] for one in results)
    assert await runtime.analysis.snapshot("demo", PAIR) is results[0]
    assert runtime.analysis.computed == {"snapshot": 1}


async def test_a_new_tick_of_a_leg_makes_a_new_snapshot_and_one_of_another_symbol_does_not(
    runtime, ticks_of
):
    first = await runtime.analysis.snapshot("demo", PAIR)
    key = runtime.analysis.snapshot_key("demo", PAIR)
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert runtime.analysis.snapshot_key("demo", PAIR) == key
    assert await runtime.analysis.snapshot("demo", PAIR) is first
    runtime.markets["demo"].append(ticks_of("ETHUSDT", 5, start_ms=1_723_200_000_000))
    assert runtime.analysis.snapshot_key("demo", PAIR) != key
    assert await runtime.analysis.snapshot("demo", PAIR) is not first


async def test_other_parameters_are_another_snapshot(runtime):
    one = await runtime.analysis.snapshot("demo", PAIR)
    other = await runtime.analysis.snapshot("demo", replace(PAIR, z_window=90))
    assert (one.params.z_window, other.params.z_window) == (60, 90)
    assert runtime.analysis.computed["snapshot"] == 2


async def test_a_market_made_anew_never_shows_the_old_ones_snapshot(runtime, ticks_of):
    live = runtime.markets["live"]
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        live.append(ticks_of(symbol, seed=seed))
    first = await runtime.analysis.snapshot("live", PAIR)
    again = type(live)("live", "Live", "live")
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        again.append(ticks_of(symbol, seed=seed + 5))
    runtime.markets["live"] = again
    second = await runtime.analysis.snapshot("live", PAIR)
    assert second.fit.beta != first.fit.beta


async def test_the_legs_handed_over_are_enough_for_the_rows_in_view(runtime):
    params = replace(PAIR, limit=100, z_window=30)
    snapshot = await runtime.analysis.snapshot("demo", params)
    demo = runtime.markets["demo"]
    whole = cache.analyze_pair(demo.bars("BTCUSDT", "1s"), demo.bars("ETHUSDT", "1s"), params)
    np.testing.assert_array_equal(snapshot.ts_ms, whole.ts_ms)
    np.testing.assert_array_equal(snapshot.z, whole.z)


async def test_the_result_that_nobody_asked_for_longest_gives_way(runtime):
    runtime.analysis.results._kept = LRUCache(3)

    async def ask(window: int) -> None:
        await runtime.analysis.snapshot("demo", replace(PAIR, z_window=window))

    for window in (50, 51, 52, 50, 53):
        await ask(window)
    assert runtime.analysis.computed["snapshot"] == 4
    assert len(runtime.analysis.results._kept) == 3
    await ask(50)
    assert runtime.analysis.computed["snapshot"] == 4, "it was asked for again before the last came"
    await ask(51)
    assert runtime.analysis.computed["snapshot"] == 5


async def test_an_error_reaches_everyone_who_waited_and_is_not_kept(runtime, monkeypatch):
    def fail(*_):
        time.sleep(0.05)
        raise ValueError("no such thing")

    with monkeypatch.context() as patched:
        patched.setattr(cache, "analyze_pair", fail)
        waiting = [runtime.analysis.snapshot("demo", PAIR) for _ in range(3)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(one) for one in results] == ["no such thing"] * 3
    assert isinstance(await runtime.analysis.snapshot("demo", PAIR), PairSnapshot)


async def test_a_reader_that_leaves_does_not_take_the_result_from_the_others(runtime):
    leaving = asyncio.create_task(runtime.analysis.snapshot("demo", PAIR))
    staying = asyncio.create_task(runtime.analysis.snapshot("demo", PAIR))
    await asyncio.sleep(0)
    leaving.cancel()
    assert isinstance(await staying, PairSnapshot)


class Crowd:
    """More requests than there are places: each computation ends when it is let."""

    def __init__(self, monkeypatch, places: int = 2) -> None:
        monkeypatch.setattr(results, "MAX_WAITING", places)
        self.results = Results()
        self.let = threading.Event()

    def ask(self, subject: int, version: int = 1):
        def compute():
            assert self.let.wait(PATIENCE_S)
            return (subject, version)

        return asyncio.create_task(self.results.get("number", (subject,), (version,), compute))


async def test_a_crowd_waits_in_line_and_none_is_refused(monkeypatch):
    crowd = Crowd(monkeypatch)
    tasks = [crowd.ask(subject) for subject in (*range(12), *range(12))]
    await asyncio.sleep(0)
    assert len(crowd.results._running) == 2
    crowd.let.set()
    made = await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)
    assert made == [(subject, 1) for subject in (*range(12), *range(12))]
    assert crowd.results.computed == {"number": 12}
    assert not crowd.results._running


async def test_who_comes_to_a_full_queue_gets_the_newest_kept_and_is_told(monkeypatch):
    crowd = Crowd(monkeypatch)
    crowd.let.set()
    assert await crowd.ask(7) == (7, 1)
    crowd.let.clear()
    full = [crowd.ask(subject) for subject in (1, 2)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(crowd.ask(7, version=2), PATIENCE_S) == (7, 1)
    assert crowd.results.older == 1
    crowd.let.set()
    await asyncio.gather(*full)
    assert await crowd.ask(7, version=2) == (7, 2)


async def test_a_line_has_an_end_and_who_leaves_it_frees_a_place(monkeypatch):
    monkeypatch.setattr(results, "MAX_IN_LINE", 1)
    crowd = Crowd(monkeypatch, places=1)
    first, leaving = crowd.ask(1), crowd.ask(2)
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="try again"):
        await crowd.ask(3)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    staying = crowd.ask(4)
    crowd.let.set()
    assert await asyncio.wait_for(asyncio.gather(first, staying), PATIENCE_S) == [(1, 1), (4, 1)]


async def test_an_unknown_market_or_symbol_is_told_in_words(runtime):
    with pytest.raises(KeyError, match="there is no market 'x', only: demo, live, demo-universe"):
        await runtime.analysis.snapshot("x", PAIR)
    with pytest.raises(KeyError, match="market demo has no symbol 'AAA', only: BTCUSDT"):
        await runtime.analysis.snapshot("demo", replace(PAIR, y="AAA"))
    assert runtime.analysis.snapshot_key("x", PAIR)
    assert runtime.feeds.trust("x") == {}
    assert runtime.markets.status("x").state == "stopped"


async def test_correlations_rest_on_bars_in_which_both_traded():
    runtime = Runtime(QUIET)
    runtime.kernels.ready = True
    rng = np.random.default_rng(3)
    base = np.cumsum(rng.normal(size=60)) + 100
    kept = {"A": np.arange(60), "B": np.arange(0, 60, 2), "C": np.arange(30, 60)}
    for name, rows in kept.items():
        close = base[rows] + rng.normal(0, 0.3, len(rows))
        flat = [close] * 4
        bars = Bars(name, "1m", rows * 60_000, *flat, np.ones(len(rows)), [-1] * len(rows), close)
        runtime.markets["live"].append_bars(bars)
        kept[name] = dict(zip(rows.tolist(), close.tolist(), strict=True))
    result = await runtime.analysis.correlation("live", "1m", 1_000)
    assert result.symbols == ("A", "B", "C")
    for i, one in enumerate("ABC"):
        for j, two in enumerate("ABC"):
            both = sorted(set(kept[one]) & set(kept[two]))
            a, b = (np.array([kept[name][row] for row in both]) for name in (one, two))
            expected = np.corrcoef(a[1:] / a[:-1] - 1, b[1:] / b[:-1] - 1)[0, 1]
            assert result.matrix[i, j] == pytest.approx(expected, abs=1e-12)
            assert result.counts[i, j] == len(both) - 1
    newest = await runtime.analysis.correlation("live", "1m", 10)
    assert newest.counts[0, 2] == 9


async def test_a_summary_is_computed_once_until_a_symbol_changes(runtime, ticks_of):
    first = await runtime.analysis.summary("demo", "1s", 100)
    assert [(one.symbol, one.bars) for one in first] == [("BTCUSDT", 100), ("ETHUSDT", 100)]
    assert await runtime.analysis.summary("demo", "1s", 100) is first
    assert runtime.analysis.computed == {"summary": 1}
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert len(await runtime.analysis.summary("demo", "1s", 100)) == 3
    assert await runtime.analysis.summary("live", "1s", 100) == []
    with pytest.raises(KeyError, match="there is no market 'x'"):
        await runtime.analysis.summary("x", "1s", 100)
    runtime.kernels.ready = False
    assert "compiling" in (await runtime.analysis.summary("demo", "1s", 100)).reason


async def test_one_symbol_has_no_correlations(runtime, ticks_of):
    runtime.markets["live"].append(ticks_of("BTCUSDT"))
    assert (
        await runtime.analysis.correlation("live", "1s", 100)
    ).reason == "needs 2 symbols, has 1"


async def test_a_back_test_is_computed_once(runtime):
    settings = BacktestParams(entry_z=1.5)
    first = await runtime.analysis.backtest("demo", PAIR, settings)
    assert await runtime.analysis.backtest("demo", PAIR, settings) is first
    assert runtime.analysis.computed == {"backtest": 1}
