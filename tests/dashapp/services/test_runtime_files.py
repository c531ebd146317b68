"""Files that the runtime takes in as markets."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from dataclasses import replace

import pytest

from analytics.model import (
    PairSnapshot,
)
from dashapp.services.runtime import Runtime
from dashapp.services.uploads.markets import MAX_UPLOAD_MARKETS
from dashapp.services.uploads.session import UploadSession
from ingestion.files.reader import UploadError
from tests.dashapp.services.quiet_runtime import (
    PAIR,
    QUIET,
    ohlc,
    started,
    uploaded,
)
from tests.waiting import until


def ndjson(rows: int, symbol: str = "BTCUSDT") -> bytes:
    line = '{{"symbol":"{}","ts":{},"price":{},"size":1}}\n'
    start = 1_723_161_240_000
    return "".join(line.format(symbol, start + 500 * i, 100 + i % 7) for i in range(rows)).encode()


async def test_a_page_begins_with_the_file_of_the_start_until_a_feed_is_started(tmp_path):
    path = tmp_path / "ticks.ndjson"
    path.write_bytes(ndjson(100))
    async with started(replace(QUIET, source=str(path))) as runtime:
        await until(lambda: runtime.default_market.startswith("upload-"))
        await runtime.feeds.start("demo", [])
        assert runtime.default_market == "demo"


async def test_a_market_that_is_taken_away_takes_the_files_that_join_it_along():
    runtime = Runtime(QUIET)
    market_id, _ = await uploaded(runtime, "a.ndjson", ndjson(100))
    joining = runtime.uploads.begin("more.ndjson", market=market_id)
    await joining.feed(ndjson(50))
    runtime.uploads.take_away(market_id, delete=False)
    with pytest.raises(UploadError, match="cancelled"):
        await joining.finish()
    assert market_id not in runtime.markets


async def test_the_file_that_is_idle_longest_gives_its_place_and_only_after_a_while():
    uploads = Runtime(QUIET).uploads
    first, stalled, last = (uploads.begin(f"{number}.csv", key=str(number)) for number in range(3))
    stalled._progress_s -= 100.0
    assert not uploads.free_idle(3_600.0)
    assert uploads.free_idle(50.0)
    assert list(uploads.sessions.values()) == [first, last]
    assert not uploads.free_idle(50.0)


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
    assert list(runtime.markets) == ["demo", "live", "demo-universe", market_id]
    assert len(market.symbols) == 4
    assert market.timeframes == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert market.title.endswith(" and 3 files")


async def test_nothing_is_seen_of_a_file_before_it_is_whole():
    runtime = Runtime(QUIET)
    session = runtime.uploads.begin("t.ndjson")
    await session.feed(ndjson(20_000))
    assert list(runtime.markets) == ["demo", "live", "demo-universe"]
    assert len(runtime.uploads.sessions) == 1
    session.abort()
    session.abort()
    assert len(runtime.uploads.sessions) == 0
    with pytest.raises(UploadError):
        await session.finish()
    assert list(runtime.markets) == ["demo", "live", "demo-universe"]


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
            began = time.thread_time()  # of this thread alone, whatever else the machine does
            await asyncio.sleep(0.005)
            pauses.append(time.thread_time() - began)

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
