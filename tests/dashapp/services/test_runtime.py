"""The runtime: markets that never mix, one computation for many readers, alerts, files."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from cachetools import LRUCache

from analytics.alerts import AlertEvent
from analytics.backtest import BacktestParams
from analytics.model import (
    Bars,
    FeedStatus,
    Gap,
    NotReady,
    PairParams,
    PairSnapshot,
    Rejected,
    Ticks,
)
from dashapp.services.alerts import readings
from dashapp.services.alerts.engine import MAX_RULES
from dashapp.services.alerts.history import AlertHistory
from dashapp.services.analysis import cache
from dashapp.services.analysis.cache import Busy
from dashapp.services.periodic import ActivityLog
from dashapp.services.runtime import Runtime
from dashapp.services.uploads.markets import MAX_UPLOAD_MARKETS
from dashapp.services.uploads.session import UploadSession
from dashapp.settings import Settings
from ingestion.files.reader import UploadError
from storage.market.market import Market
from tests.waiting import PATIENCE_S, until

PAIR = PairParams("BTCUSDT", "ETHUSDT")
RULE = {
    "market": "demo",
    "metric": "z",
    "operator": "abs>",
    "threshold": 0.0,
    "params": {"y": "BTCUSDT", "x": "ETHUSDT"},
}
QUIET = Settings(source="none", archive=None)


@asynccontextmanager
async def started(settings: Settings = QUIET):
    made = Runtime(settings)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def say_live(runtime: Runtime) -> None:
    runtime.markets.status = lambda _: FeedStatus("test", "live")


# --- life -----------------------------------------------------------------------------


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


# --- the trust strip ------------------------------------------------------------------


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


# --- analyses ---------------------------------------------------------------------------


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
    runtime.analysis._kept = LRUCache(3)

    async def ask(window: int) -> None:
        await runtime.analysis.snapshot("demo", replace(PAIR, z_window=window))

    for window in (50, 51, 52, 50, 53):
        await ask(window)
    assert runtime.analysis.computed["snapshot"] == 4
    assert len(runtime.analysis._kept) == 3
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


async def test_too_many_computations_at_once_are_refused(runtime, monkeypatch):
    monkeypatch.setattr(cache, "MAX_WAITING", 2)
    tasks = [
        asyncio.create_task(runtime.analysis.snapshot("demo", replace(PAIR, z_window=window)))
        for window in (50, 51, 52)
    ]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, Busy) for one in results) == 1


async def test_an_unknown_market_or_symbol_is_told_in_words(runtime):
    with pytest.raises(KeyError, match="there is no market 'x', only: demo, live"):
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


# --- the feed ------------------------------------------------------------------------------


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


# --- files -----------------------------------------------------------------------------------


async def uploaded(runtime: Runtime, name: str, content: bytes, **options):
    session = runtime.uploads.begin(name, **options)
    await session.feed(content)
    return await session.finish()


def ndjson(rows: int, symbol: str = "BTCUSDT") -> bytes:
    line = '{{"symbol":"{}","ts":{},"price":{},"size":1}}\n'
    start = 1_723_161_240_000
    return "".join(line.format(symbol, start + 500 * i, 100 + i % 7) for i in range(rows)).encode()


def ohlc(rows: int, step_s: int = 60) -> bytes:
    start = 1_723_161_000
    body = "".join(f"{start + step_s * i},5,7,4,6,10\n" for i in range(rows))
    return ("timestamp,open,high,low,close,volume\n" + body).encode()


async def test_the_recorded_file_is_accounted_for_exactly(market_data):
    path = market_data / "ticks" / "ticks_2024-08-09T00-00-00.029Z.ndjson"
    async with started(replace(QUIET, source=str(path))) as runtime:
        await until(lambda: runtime.default_market.startswith("upload-"))
        market = runtime.markets[runtime.default_market]
        counters = market.counters
        assert counters.received == 35_389
        assert counters.balanced
        assert counters.accepted + counters.rejected_total == 35_389
        assert market.symbols == ("BTCUSDT", "ETHUSDT")
        await until(lambda: runtime.kernels.ready)
        assert isinstance(await runtime.analysis.snapshot(market.id, PAIR), PairSnapshot)


async def test_the_four_recorded_ohlc_files_make_one_market(market_data):
    runtime = Runtime(QUIET)
    market_id = None
    for path in sorted((market_data / "ohlc").glob("*.csv")):
        market_id, report = await uploaded(runtime, path.name, path.read_bytes(), market=market_id)
        assert report.rows == report.accepted
    market = runtime.markets[market_id]
    assert list(runtime.markets) == ["demo", "live", market_id]
    assert len(market.symbols) == 4
    assert market.timeframes == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert market.title.endswith(" and 3 files")


async def test_nothing_is_seen_of_a_file_before_it_is_whole():
    runtime = Runtime(QUIET)
    session = runtime.uploads.begin("t.ndjson")
    await session.feed(ndjson(20_000))
    assert list(runtime.markets) == ["demo", "live"]
    assert len(runtime.uploads.sessions) == 1
    session.abort()
    session.abort()
    assert len(runtime.uploads.sessions) == 0
    with pytest.raises(UploadError):
        await session.finish()
    assert list(runtime.markets) == ["demo", "live"]


async def test_a_file_that_joins_is_all_in_or_not_at_all():
    runtime = Runtime(QUIET)
    market_id, _ = await uploaded(runtime, "btcusd.csv", ohlc(50))
    market = runtime.markets[market_id]
    for name, content, words in [
        ("t.ndjson", ndjson(50), f"holds ticks, but market {market_id} was made of bars"),
        ("btcusd.csv", ohlc(50, step_s=300), f"has 5m bars, but market {market_id} was made of 1m"),
        ("solusd.csv", ohlc(50, step_s=300), f"has 5m bars, but market {market_id} was made of 1m"),
        ("ethusd.csv", b"no data\nat all\n", "which is no row and no header"),
    ]:
        before = (market.version, market.counters.received, market.title)
        session = runtime.uploads.begin(name, market=market_id)
        await session.feed(content)
        with pytest.raises(UploadError, match=words):
            await session.finish()
        session.abort()
        assert (market.version, market.counters.received, market.title) == before
    await uploaded(runtime, "ethusd.csv", ohlc(40), market=market_id)
    assert market.symbols == ("BTCUSD", "ETHUSD")
    assert len(runtime.uploads.sessions) == 0


async def test_an_upload_that_is_aborted_while_it_is_read_writes_nothing_into_the_market_it_joins():
    runtime = Runtime(QUIET)
    market_id, _ = await uploaded(runtime, "btcusd.csv", ohlc(50))
    market = runtime.markets[market_id]
    before = (market.version, market.counters.received)
    session = runtime.uploads.begin("ethusd.csv", market=market_id)
    reading, aborted = threading.Event(), threading.Event()
    feed = session._reader.feed

    def slow(*chunks: bytes):
        reading.set()
        assert aborted.wait(10)
        return feed(*chunks)

    session._reader.feed = slow
    await session.feed(ohlc(30_000))
    task = asyncio.create_task(session.finish())
    await asyncio.to_thread(reading.wait, 10)
    session.abort()
    aborted.set()
    with pytest.raises(UploadError, match="cancelled"):
        await task
    assert (market.version, market.counters.received) == before
    assert market.symbols == ("BTCUSD",)


async def test_the_report_says_what_was_stored(ticks_of):
    runtime = Runtime(QUIET)
    market_id, first = await uploaded(runtime, "btcusd.csv", ohlc(30))
    assert (first.rows, first.accepted, first.duplicate, first.late) == (30, 30, 0, 0)
    _, again = await uploaded(runtime, "btcusd.csv", ohlc(30), market=market_id)
    assert (again.rows, again.accepted, again.duplicate, again.late) == (30, 0, 30, 0)
    assert runtime.markets[market_id].counters.duplicate == 30
    many = b"".join(ndjson(2, f"S{number}") for number in range(1_006))
    _, report = await uploaded(runtime, "many.ndjson", many)
    assert (report.rows, report.accepted, sum(report.rejected.values())) == (2_012, 2_000, 12)


async def test_the_id_of_an_upload_is_not_that_of_another_one_before_a_restart():
    before = {(await uploaded(Runtime(QUIET), "btcusd.csv", ohlc(3)))[0] for _ in range(5)}
    assert len(before) == 5
    assert all(one.startswith("upload-") for one in before)


async def test_the_loop_is_free_while_a_file_is_read():
    runtime = Runtime(QUIET)
    await uploaded(runtime, "warm.ndjson", ndjson(100))
    content = ndjson(60_000) * 10
    pauses: deque[float] = deque()

    async def watch():
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            pauses.append(time.perf_counter() - began)

    watcher = asyncio.create_task(watch())
    await uploaded(runtime, "t.ndjson", content)
    watcher.cancel()
    assert len(pauses) > 3
    assert max(pauses) < 0.5


async def test_the_oldest_uploads_are_forgotten_and_the_log_says_so(caplog):
    runtime = Runtime(QUIET)
    with caplog.at_level(logging.INFO):
        made = [
            (await uploaded(runtime, "btcusd.csv", ohlc(3)))[0]
            for _ in range(MAX_UPLOAD_MARKETS + 2)
        ]
    uploads = [one for one in runtime.markets if one.startswith("upload-")]
    assert len(uploads) == MAX_UPLOAD_MARKETS
    assert uploads == made[2:]
    assert (
        f"market {made[1]} forgotten: the newest {MAX_UPLOAD_MARKETS} uploads stay" in caplog.text
    )


async def test_a_file_given_at_the_start_that_holds_nothing_leaves_the_app_running(
    tmp_path, caplog
):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n")
    async with started(replace(QUIET, source=str(path))) as runtime:
        await until(lambda: "did not start" in caplog.text)
        assert runtime.default_market == "live"
        assert len(runtime.uploads.sessions) == 0


def test_an_upload_session_says_how_far_it_is():
    session = Runtime(QUIET).uploads.begin("../x/<b>.csv")
    assert isinstance(session, UploadSession)
    assert session.bytes == 0
    assert session.report.rows == 0


# --- alerts -----------------------------------------------------------------------------------


async def test_a_rule_fires_once_while_its_condition_holds(runtime, ticks_of):
    say_live(runtime)
    rule = runtime.alerts.add_rule(RULE)
    events = await runtime.alerts.step()
    assert [one.rule_id for one in events] == [rule.id]
    assert await runtime.alerts.step() == []
    runtime.markets["demo"].append(ticks_of("ETHUSDT", 5, start_ms=1_723_161_840_000))
    assert await runtime.alerts.step() == []
    assert runtime.alerts.history.events("demo")[0].symbols == ("BTCUSDT", "ETHUSDT")
    assert runtime.alerts.history.events("live") == []
    assert runtime.alerts.history.newest_event == events[0]


async def test_rules_read_what_the_pages_show(runtime):
    say_live(runtime)
    for metric in ("z", "spread"):
        runtime.alerts.add_rule({**RULE, "metric": metric, "threshold": 0.0})
    events = await runtime.alerts.step()
    snapshot = await runtime.analysis.snapshot("demo", PAIR)
    assert [one.value for one in events] == pytest.approx([snapshot.z[-1], snapshot.spread[-1]])


async def test_a_rule_once_fired_is_switched_off_and_can_be_armed_again(runtime):
    say_live(runtime)
    rule = runtime.alerts.add_rule({**RULE, "once": True})
    assert len(await runtime.alerts.step()) == 1
    assert not runtime.alerts.rules[0].enabled
    assert runtime.alerts.set_enabled(rule.id, True).enabled
    with pytest.raises(KeyError, match="there is no alert rule 'x'"):
        runtime.alerts.set_enabled("x", True)


async def test_rules_on_closed_bars_wait_for_the_close(runtime, ticks_of):
    say_live(runtime)
    price = {"market": "demo", "metric": "price", "operator": ">", "symbol": "BTCUSDT"}
    runtime.alerts.add_rule({**price, "threshold": 1.0, "on": "close"})
    events = await runtime.alerts.step()
    newest = runtime.markets["demo"].bars("BTCUSDT", "1s").ts_ms[-1]
    assert len(events) == 1
    assert events[0].ts_ms < newest - 2_000


async def test_rules_pause_while_the_feed_is_silent_and_say_so(runtime):
    rule = runtime.alerts.add_rule(RULE)
    runtime.markets.status = lambda _: FeedStatus("test", "silent")
    assert await runtime.alerts.step() == []
    assert runtime.alerts.paused(rule.id)
    say_live(runtime)
    assert len(await runtime.alerts.step()) == 1
    assert not runtime.alerts.paused(rule.id)


async def test_silence_itself_can_be_a_rule(runtime, ticks_of):
    rule = {"market": "demo", "metric": "feed_silent", "operator": ">", "threshold": 5}
    runtime.alerts.add_rule(rule)
    assert await runtime.alerts.step() == [], "no feed is meant to run"
    runtime.markets.status = lambda _: FeedStatus("test", "silent")
    runtime.markets["demo"]._arrivals.last_s = time.monotonic() - 4
    assert await runtime.alerts.step() == []
    runtime.markets["demo"]._arrivals.last_s = time.monotonic() - 6
    assert len(await runtime.alerts.step()) == 1


async def test_a_rule_on_silence_in_a_market_without_a_feed_says_that_it_waits(runtime):
    rule = {"market": "demo", "metric": "feed_silent", "operator": ">", "threshold": 5}
    made = runtime.alerts.add_rule(rule)
    assert runtime.alerts.waiting(made.id) == ""
    runtime.markets["demo"].kind = "replay"
    assert runtime.alerts.waiting(made.id) == "market demo has no feed of its own"
    assert await runtime.alerts.step() == []


async def test_a_rule_whose_symbols_are_missing_waits_for_them(runtime, ticks_of):
    say_live(runtime)
    runtime.alerts.add_rule({**RULE, "params": {"y": "BTCUSDT", "x": "SOLUSDT"}})
    assert await runtime.alerts.step() == []
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert len(await runtime.alerts.step()) == 1


async def test_a_rule_that_lacks_a_symbol_is_not_read_until_it_is_there(
    runtime, ticks_of, monkeypatch
):
    say_live(runtime)
    rule = runtime.alerts.add_rule({**RULE, "params": {"y": "BTCUSDT", "x": "SOLUSDT"}})
    asked = []
    read = readings.pair_readings
    monkeypatch.setattr(readings, "pair_readings", lambda *of: asked.append(of) or read(*of))
    for start in range(3):
        runtime.markets["demo"].append(ticks_of("ADAUSDT", 1, start_ms=1_723_200_000_000 + start))
        await runtime.alerts.step()
    assert not asked
    assert runtime.alerts.waiting(rule.id) == "no symbol SOLUSDT yet"
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert runtime.alerts.waiting(rule.id) == ""
    await runtime.alerts.step()
    await runtime.alerts.step()
    assert len(asked) == 1
    assert runtime.alerts.waiting("no such rule") == ""


async def test_a_rule_that_has_too_few_bars_is_read_again_only_when_there_are_more(
    runtime, ticks_of, monkeypatch
):
    say_live(runtime)
    runtime.kernels.ready = False
    runtime.alerts.add_rule({**RULE, "params": {"y": "BTCUSDT", "x": "SOLUSDT"}})
    asked = []
    read = readings.pair_readings
    monkeypatch.setattr(readings, "pair_readings", lambda *of: asked.append(of) or read(*of))
    runtime.markets["demo"].append(ticks_of("SOLUSDT", 5, start_ms=1_723_161_830_000))
    for _ in range(3):
        assert await runtime.alerts.step() == []
        assert not asked, "the kernels are not compiled yet"
    runtime.kernels.ready = True
    for expected in (1, 1):
        assert await runtime.alerts.step() == []
        assert len(asked) == expected
    for seed, symbol in enumerate(("BTCUSDT", "SOLUSDT")):
        later = ticks_of(symbol, 500, start_ms=1_723_161_840_000, seed=seed)
        runtime.markets["demo"].append(later)
    assert len(await runtime.alerts.step()) == 1


async def test_a_rule_whose_market_is_gone_says_so(runtime):
    market_id, _ = await uploaded(runtime, "btcusd.csv", ohlc(3))
    price = {"metric": "price", "operator": ">", "threshold": 1.0, "symbol": "BTCUSD"}
    rule = runtime.alerts.add_rule({"market": market_id, **price})
    assert runtime.alerts.waiting(rule.id) == ""
    del runtime.markets[market_id]
    assert runtime.alerts.waiting(rule.id) == f"market {market_id} is gone"
    assert await runtime.alerts.step() == []


async def test_a_rule_on_a_timeframe_that_a_file_has_not_waits(runtime):
    content = [ohlc(80), ohlc(80)]
    market_id, _ = await uploaded(runtime, "btcusd.csv", content[0])
    await uploaded(runtime, "ethusd.csv", content[1], market=market_id)
    rule = runtime.alerts.add_rule(
        {**RULE, "market": market_id, "params": {"y": "BTCUSD", "x": "ETHUSD"}}
    )
    assert runtime.alerts.waiting(rule.id) == f"no 1s bars in market {market_id}"


async def test_a_closed_bar_rule_hears_a_live_market_made_anew_with_older_data(ticks_of):
    runtime = Runtime(QUIET)
    say_live(runtime)
    price = {"market": "live", "metric": "price", "operator": ">", "threshold": 70_000.0}
    runtime.alerts.add_rule({**price, "symbol": "BTCUSDT", "on": "close"})
    runtime.markets["live"].append(ticks_of("BTCUSDT", 60))
    assert await runtime.alerts.step() == []
    old = ticks_of("BTCUSDT", 60, start_ms=1_600_000_000_000)
    runtime.markets["live"] = Market("live", "Live", "live")
    runtime.markets["live"].append(replace(old, price=old.price + 50_000))
    assert runtime.markets["live"].version == 1
    assert len(await runtime.alerts.step()) == 1


async def test_a_chart_marks_the_alerts_of_its_own_parameters_and_legs(runtime, ticks_of):
    say_live(runtime)
    mine = runtime.alerts.add_rule(RULE)
    other = runtime.alerts.add_rule({**RULE, "params": {**RULE["params"], "z_window": 90}})
    for symbol in ("ETHUSDT", "SOLUSDT"):
        price = {"metric": "price", "operator": ">", "threshold": 1.0, "symbol": symbol}
        runtime.alerts.add_rule({"market": "demo", "id": symbol, **price})
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert len(await runtime.alerts.step()) == 4
    alerts = runtime.alerts
    assert {one.rule_id for one in alerts.history.events_of("demo", PAIR)} == {mine.id, "ETHUSDT"}
    alerts.delete_rule(mine.id)
    alerts.add_rule({**RULE, "id": other.id})
    assert {one.rule_id for one in alerts.history.events_of("demo", PAIR)} == {mine.id, "ETHUSDT"}
    wide = replace(PAIR, z_window=90)
    assert {one.rule_id for one in alerts.history.events_of("demo", wide)} == {other.id, "ETHUSDT"}
    assert alerts.history.events_of("live", PAIR) == []


def an_event(number: int, **fields) -> AlertEvent:
    given = {"market": "demo", "symbols": ("A", "B"), "metric": "z", "operator": ">"}
    shown = {"threshold": 1.0, "value": 2.0, "text": "z 2 > 1"}
    made = {"id": f"e{number}", "rule_id": "r", "ts_ms": number}
    return AlertEvent(**{**made, **given, **shown, **fields})


def test_what_fired_after_an_event_is_told_oldest_first():
    history = AlertHistory()
    assert (history.newest_event, history.since("e1"), history.since(None)) == (None, [], [])
    history.add([an_event(number) for number in range(5)], {}, {})
    assert history.newest_event.id == "e4"
    assert [one.id for one in history.since("e2")] == ["e3", "e4"]
    assert history.since("e4") == []
    assert len(history.since(None)) == 5, "a tab that opened before the first has seen none"
    assert len(history.since("long gone")) == 5
    assert history.clear() == 5
    assert history.since("e2") == []


def test_the_history_counts_what_fired_today_and_restores_what_was_kept(caplog):
    history, again = AlertHistory(), AlertHistory()
    today = [an_event(1, ts_ms=int(time.time() * 1_000)), an_event(2)]
    kept = [record.document() for record in history.add(today, {}, {})]
    assert history.fired_today == 1
    without = {name: value for name, value in kept[0].items() if name != "params"}
    again.restore([{"id": "half"}, {**kept[1], "params": {"y": "A", "x": "A"}}, without], {})
    assert again.events() == [today[0]]
    assert again.since(None) == [], "what an earlier run kept is not new"
    late = AlertHistory()
    late.add([an_event(7)], {}, {})
    late.restore(kept, {})
    assert [one.id for one in late.events()] == ["e7", "e1", "e2"]
    assert [one.id for one in late.since(None)] == ["e7"]
    assert caplog.text.count("cannot be used") == 2


async def test_the_engine_runs_by_itself_and_survives_a_failure(ticks_of, monkeypatch, caplog):
    monkeypatch.setattr("dashapp.services.alerts.engine.PERIOD_S", 0.02)
    async with started() as runtime:
        await until(lambda: runtime.kernels.ready)
        say_live(runtime)
        with monkeypatch.context() as broken:
            broken.setattr("dashapp.services.alerts.engine.evaluate", lambda *_: 1 / 0)
            runtime.alerts.add_rule(RULE)
            await until(lambda: "goes on" in caplog.text)
        for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
            runtime.markets["demo"].append(ticks_of(symbol, seed=seed))
        await until(lambda: len(runtime.alerts.history.events()) == 1)


async def test_rules_and_history_survive_a_restart(tmp_path, ticks_of):
    settings = replace(QUIET, archive=str(tmp_path / "kept.sqlite"))
    async with started(settings) as runtime:
        await until(lambda: runtime.kernels.ready)
        say_live(runtime)
        for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
            runtime.markets["demo"].append(ticks_of(symbol, seed=seed))
        kept = runtime.alerts.add_rule(RULE)
        gone = runtime.alerts.add_rule({**RULE, "threshold": 9.0})
        runtime.alerts.delete_rule(gone.id)
        await runtime.alerts.step()
        events = runtime.alerts.history.events()
    async with started(settings) as runtime:
        assert runtime.alerts.rules == (kept,)
        assert runtime.alerts.history.events() == events
        assert runtime.alerts.history.events_of("demo", PAIR) == events
        assert runtime.alerts.clear_events() == 1
    async with started(settings) as runtime:
        assert runtime.alerts.history.events() == []


async def test_an_archive_that_cannot_be_opened_is_said_and_nothing_else_stops(tmp_path, caplog):
    (tmp_path / "folder").mkdir()
    async with started(replace(QUIET, archive=str(tmp_path / "folder"))) as runtime:
        runtime.alerts.add_rule(RULE)
        assert len(runtime.alerts.rules) == 1
        assert "archive paused: cannot open" in runtime.feeds.trust("demo")["archive"]
    assert "what is new waits in memory" in caplog.text


async def test_a_damaged_archive_is_set_aside_and_the_log_says_where(tmp_path, caplog):
    path = tmp_path / "kept.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    async with started(replace(QUIET, archive=str(path))):
        assert "set aside" in caplog.text


async def test_the_number_of_rules_is_bounded(runtime):
    for number in range(MAX_RULES):
        runtime.alerts.add_rule({**RULE, "id": f"r{number}"})
    with pytest.raises(ValueError, match="200 rules already"):
        runtime.alerts.add_rule(RULE)
    runtime.alerts.add_rule({**RULE, "id": "r7", "threshold": 3.0})
    assert len(runtime.alerts.rules) == MAX_RULES


# --- the log -----------------------------------------------------------------------------------


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
