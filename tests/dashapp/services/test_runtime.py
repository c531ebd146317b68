"""The runtime: its life, its log, and the feed it runs."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from analytics.backtest import BacktestParams
from analytics.model import (
    Gap,
    NotReady,
    PairParams,
    PairSnapshot,
    Rejected,
    Ticks,
)
from dashapp.services.periodic import ActivityLog
from dashapp.services.runtime import Runtime
from tests.dashapp.services.quiet_runtime import (
    PAIR,
    QUIET,
    started,
)
from tests.waiting import PATIENCE_S, until


async def test_the_demo_starts_with_half_an_hour_of_history_and_goes_on():
    async with started(replace(QUIET, source="demo")) as runtime:
        demo = runtime.markets["demo"]
        await until(lambda: len(demo.symbols) >= 4)
        span_ms = np.ptp(demo.bars(demo.symbols[0], "1m").ts_ms)
        assert 28 * 60_000 <= span_ms <= 31 * 60_000
        assert demo.rate() < 500, "history is no burst of ticks"
        version = demo.version
        await until(lambda: demo.version > version)
        assert runtime.markets.status("demo").state == "live"
        assert runtime.feeds.trust("demo")["simulated"]
        assert runtime.default_market == "demo"
        await until(lambda: runtime.kernels.ready)
        snapshot = await runtime.analysis.snapshot("demo", PairParams(*demo.symbols[:2]))
        assert isinstance(snapshot, PairSnapshot)


async def test_start_and_stop_leave_no_task_behind(monkeypatch):
    monkeypatch.setattr(
        "dashapp.services.startup.compile_market", lambda: time.sleep(0.5)
    )  # as on a busy machine
    before = len(asyncio.all_tasks())
    for _ in range(3):
        async with started(replace(QUIET, source="demo")):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == before


async def test_stop_is_quick_while_the_kernels_still_compile(monkeypatch):
    compiling, end = threading.Event(), threading.Event()

    def compile_until_told(_: object) -> None:
        compiling.set()
        end.wait(PATIENCE_S)

    monkeypatch.setattr("dashapp.services.startup.compile_statistics", compile_until_told)
    runtime = Runtime(QUIET)
    await runtime.start()
    await until(compiling.is_set)
    await runtime.stop()  # it does not wait for the thread, which goes on
    assert not end.is_set()
    end.set()


async def test_until_the_kernels_are_ready_every_analysis_says_so(runtime):
    runtime.kernels.ready = False
    assert not runtime.kernels.ready
    for result in (
        await runtime.analysis.snapshot("demo", PAIR),
        await runtime.analysis.correlation("demo", "1s", 100),
        await runtime.analysis.backtest("demo", PAIR, BacktestParams()),
    ):
        assert isinstance(result, NotReady)
        assert "compiling" in result.reason
    assert not runtime.analysis.computed


async def test_redis_without_its_library_is_said_in_one_line(caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with caplog.at_level(logging.WARNING):
        async with started(replace(QUIET, redis="redis://localhost")):
            pass
    assert [one.message for one in caplog.records if "redis" in one.message] == [
        "Redis needs its library: pip install redis; nothing is published"
    ]


def test_the_strip_s_figures_tell_gaps_and_what_filled_them(runtime, ticks_of):
    market, ticks = runtime.markets["live"], ticks_of("BTCUSDT", 60)
    ids = ticks.trade_id
    market.append(ticks[ids < ids[40]])
    market.note_gap(Gap("BTCUSDT", int(ids[40]), int(ids[59]), *ticks.ts_ms[[39, 60]].tolist()))
    market.append(ticks[ids >= ids[60]])
    trust = runtime.feeds.trust("live")
    assert (trust["gaps"], trust["gaps_open"], trust["missing"]) == (1, 1, 20)
    market.fill(ticks[(ids >= ids[40]) & (ids < ids[60])])
    trust = runtime.feeds.trust("live")
    assert (trust["gaps"], trust["gaps_open"], trust["backfilled"]) == (1, 0, 20)


def test_a_clock_that_is_behind_the_exchange_is_shown(runtime):
    runtime.feeds.health.lags_ms.extend([-3_100.0, -3_000.0, -2_900.0])
    assert runtime.feeds.trust("live")["skew_ms"] == 3_000.0
    runtime.feeds.health.lags_ms.extend([20.0] * 10)
    assert runtime.feeds.trust("live")["skew_ms"] is None


async def test_the_share_of_carried_rows_is_that_of_the_pair_in_view(runtime):
    assert runtime.analysis.carried_share("demo", PAIR) == 0.0
    assert runtime.analysis.carried_share("demo", replace(PAIR, y="NONE")) is None
    assert runtime.analysis.carried_share("nowhere", PAIR) is None
    snapshot = await runtime.analysis.snapshot("demo", PAIR)
    assert runtime.analysis.carried_share("demo", PAIR) == snapshot.carried_share


async def test_what_happens_to_a_feed_can_be_read():
    assert Runtime(QUIET).feeds.events("live") == []
    async with started(replace(QUIET, source="demo")) as runtime:
        await until(lambda: runtime.feeds.events("demo"))
        at_s, sentence = runtime.feeds.events("demo")[0]
        assert abs(time.time() - at_s) < 60
        assert sentence == "started, with 1800 s of history"


async def test_starting_the_feed_that_runs_changes_nothing():
    async with started() as runtime:
        await runtime.feeds.start("demo", [])
        feed = runtime.feeds._running
        await asyncio.gather(*(runtime.feeds.start("demo", ["BTCUSDT"]) for _ in range(5)))
        assert runtime.feeds._running is feed
        await asyncio.gather(*(runtime.feeds.stop() for _ in range(5)))
        assert runtime.markets.status("demo").state == "stopped"


async def test_hammering_start_and_stop_leaks_nothing():
    async with started() as runtime:
        await asyncio.sleep(0.1)
        before = len(asyncio.all_tasks())
        for _ in range(30):
            await runtime.feeds.start("demo", [])
            await runtime.feeds.start("ws://127.0.0.1:9/", [])
            await runtime.feeds.stop()
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= before


async def test_the_demo_keeps_its_market_over_a_pause():
    async with started() as runtime:
        await runtime.feeds.start("demo", [])
        demo = runtime.markets["demo"]
        await until(lambda: demo.version > 7)
        await runtime.feeds.stop()
        accepted = demo.counters.accepted
        await runtime.feeds.start("demo", [])
        await until(lambda: demo.counters.accepted > accepted)
        assert runtime.markets["demo"] is demo
        assert demo.counters.duplicate == 0
        assert demo.counters.balanced


async def test_a_new_source_has_a_new_live_market_and_the_old_one_still_says_nothing(ticks_of):
    async with started() as runtime:
        await runtime.feeds.start("ws://127.0.0.1:9/a", [])
        old_market, old_feed = runtime.markets["live"], runtime.feeds._running
        await runtime.feeds.start("ws://127.0.0.1:9/b?token=secret", [])
        new_market = runtime.markets["live"]
        assert new_market is not old_market
        assert "secret" not in new_market.title
        old_feed._sink([ticks_of("BTCUSDT")], [])
        assert new_market.symbols == ()
        await runtime.feeds.stop()
        await runtime.feeds.start("ws://127.0.0.1:9/b?token=secret", [])
        assert runtime.markets["live"] is new_market


async def test_a_source_that_cannot_be_leaves_the_running_one_alone():
    async with started() as runtime:
        await runtime.feeds.start("demo", [])
        for source, symbols in [
            ("", []),
            ("nothing", []),
            ("/etc/passwd", []),
            ("ftp://host/", []),
            ("http://169.254.169.254/", []),
            ("binance-spot", ["<b>"]),
        ]:
            with pytest.raises(ValueError, match=r"; Demo goes on$"):
                await runtime.feeds.start(source, symbols)
            assert runtime.markets.status("demo").state in ("connecting", "live")
            assert runtime.feeds.market_id == "demo"


async def test_the_strip_accounts_for_everything_a_live_feed_delivers(ticks_of):
    async with started() as runtime:
        await runtime.feeds.start("ws://127.0.0.1:9/", [])
        sink = runtime.feeds._running._sink
        now_ms = int(time.time() * 1_000)
        batch = ticks_of("BTCUSDT", 10, start_ms=now_ms - 10_100)
        sink([batch, batch], [Rejected("json", "{oops"), Rejected("price", "-1")])
        trust = runtime.feeds.trust("live")
        assert trust["received"] == 42
        assert (trust["accepted"], trust["duplicate"], trust["rejected"]) == (20, 20, 2)
        assert trust["rejected_by_reason"] == {"json": 1, "price": 1}
        assert trust["last_rejected"] == "price: -1"
        assert 0 <= trust["age_s"] < 1
        assert 500 < trust["lag_p50_ms"] < 1_500
        assert runtime.feeds.trust("demo")["lag_p50_ms"] is None


async def test_gaps_of_a_source_without_ids_are_not_known(ticks_of):
    async with started() as runtime:
        await runtime.feeds.start("ws://127.0.0.1:9/", [])
        assert runtime.feeds.trust("live")["numbered"]
        batch = ticks_of("BTCUSDT", 3)
        bare = Ticks(batch.symbol, batch.ts_ms, batch.price, batch.size, [-1] * len(batch))
        runtime.feeds._running._sink([bare], [])
        assert not runtime.feeds.trust("live")["numbered"]
        runtime.feeds._running._sink([batch], [])
        assert runtime.feeds.trust("live")["numbered"]


async def test_an_address_that_a_page_shows_masked_starts_the_source_itself():
    async with started() as runtime:
        await runtime.feeds.start("ws://127.0.0.1:9/a?token=hush", [])
        shown = runtime.markets.status("live").source
        assert shown == "ws://127.0.0.1:9/a?token=***"
        market = runtime.markets.get("live")
        await runtime.feeds.stop()
        await runtime.feeds.start(shown, [])
        assert runtime.markets.get("live") is market


async def test_data_flow_and_analytics_are_told_in_sentences(runtime, caplog):
    await runtime.analysis.snapshot("demo", PAIR)
    log = ActivityLog(runtime.markets, runtime.analysis)
    with caplog.at_level(logging.INFO):
        await log.step()
        await log.step()
    lines = [one.message for one in caplog.records if one.name == "dashapp.services.periodic"]
    assert len(lines) == 2, "nothing new, no line"
    assert "2400 accepted and 0 rejected" in lines[0]
    assert lines[1].startswith("analytics: 1 computed, median ")


def test_a_look_counts_for_the_symbols_that_are_looked_at(runtime):
    runtime.look("demo", ("ETHUSDT",), "1s", 10)
    runtime.look("nowhere", ("BTCUSDT",), "1s", 10)
    assert list(runtime.markets["demo"].looked_s) == ["ETHUSDT"]
