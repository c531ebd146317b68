"""A file on its way in: scanned and stored in two threads, whole or not at all."""

from __future__ import annotations

import asyncio
import gzip
import io
import time
import zipfile

import numpy as np
import pytest

from analytics.bars import resample
from analytics.model import Ticks
from dashapp.services.runtime import Runtime
from dashapp.services.startup import keep_freed_memory
from dashapp.services.uploads import session as uploads
from dashapp.services.uploads.markets import MAX_PUT_AWAY
from dashapp.services.uploads.session import UploadSession
from dashapp.settings import Settings
from dashapp.ui.pages.data import upload_report
from dashapp.web.routes import uploads as upload_routes
from ingestion.files.errors import Answers, QuestionOpen
from ingestion.files.reader import UploadError
from tests.waiting import until

QUIET = Settings(source="none", archive=None)
START_MS = 1_723_161_240_000


def ndjson(rows: int, symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")) -> bytes:
    line = '{{"symbol":"{}","ts":{},"price":{},"size":{}}}\n'
    return "".join(
        line.format(symbols[i % len(symbols)], START_MS + 70 * i, 100 + i % 97 / 8, 1 + i % 5)
        for i in range(rows)
    ).encode()


async def send_as(runtime: Runtime, name: str, content: bytes, **options):
    session = runtime.uploads.begin(name, **options)
    try:
        await session.feed(content)
        return await session.finish()
    finally:
        session.abort()


async def send(runtime: Runtime, content: bytes, chunk: int, **options):
    session = runtime.uploads.begin("file", **options)
    try:
        for start in range(0, len(content), chunk):
            await session.feed(content[start : start + chunk])
            await asyncio.sleep(0)
        return await session.finish()
    finally:
        session.abort()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(uploads, "BLOCK_BYTES", 5_000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
async def test_blocks_are_stored_in_their_order_and_none_is_lost(small_blocks, monkeypatch, pack):
    append = uploads._append

    def slow(market, batch):
        time.sleep(0.002)
        append(market, batch)

    monkeypatch.setattr(uploads, "_append", slow)
    runtime = Runtime(QUIET)
    market_id, report = await send(runtime, pack(ndjson(6_000)), 700)
    market = runtime.markets[market_id]
    assert (report.rows, report.accepted) == (6_000, 6_000)
    assert market.counters.balanced
    for offset, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        at = np.arange(offset, 6_000, 2)
        ticks = Ticks(
            symbol, START_MS + 70 * at, 100 + at % 97 / 8, 1.0 + at % 5, np.full(len(at), -1)
        )
        held = market.ticks(symbol)
        assert held.ts_ms.tolist() == ticks.ts_ms.tolist()
        assert held.price.tolist() == ticks.price.tolist()
        for timeframe in ("1s", "1m", "5m"):
            bars, expected = market.bars(symbol, timeframe), resample(ticks, timeframe)
            assert bars.ts_ms.tolist() == expected.ts_ms.tolist()
            assert bars.vwap.tolist() == expected.vwap.tolist()
            assert bars.volume.tolist() == expected.volume.tolist()


async def test_it_says_how_many_rows_came_and_were_rejected_while_it_is_read(small_blocks):
    runtime = Runtime(QUIET)
    session = runtime.uploads.begin("../<b>.ndjson", key="mine")
    content = ndjson(800) + b"{torn\n" * 3 + ndjson(800)
    await session.feed(content)
    for _ in range(500):
        if session.progress["rows"] >= 1_600:
            break
        await asyncio.sleep(0.01)
    expected = {"name": "<b>.ndjson", "bytes": len(content), "rejected": 3}
    assert expected.items() <= runtime.uploads.sessions["mine"].progress.items()
    with pytest.raises(ValueError, match="id is 'mine', which another file has"):
        runtime.uploads.begin("other", key="mine")
    session.abort()
    assert runtime.uploads.sessions == {}


async def test_a_file_that_turns_out_to_be_none_is_refused_at_a_later_block(small_blocks, caplog):
    runtime = Runtime(QUIET)
    with pytest.raises(UploadError, match="none of"):
        await send(runtime, b'{"message":"no tick"}\n' * 30_000, 3_000)
    await asyncio.sleep(0.05)
    assert list(runtime.markets) == ["demo", "live", "demo-universe"]
    assert "never retrieved" not in caplog.text


async def test_a_file_given_up_in_the_middle_leaves_no_task_behind(small_blocks):
    runtime = Runtime(QUIET)
    before = asyncio.all_tasks()
    session = runtime.uploads.begin("file")
    await session.feed(ndjson(3_000))
    await session.feed(ndjson(3_000))
    session.abort()
    for _ in range(100):
        if asyncio.all_tasks() == before:
            break
        await asyncio.sleep(0.02)
    assert asyncio.all_tasks() == before
    assert list(runtime.markets) == ["demo", "live", "demo-universe"]
    with pytest.raises(UploadError, match="cancelled"):
        await session.feed(b"more")


async def test_a_market_that_is_removed_takes_the_files_that_join_it_along():
    runtime = Runtime(QUIET)
    market_id, _ = await send(runtime, ndjson(100), 1 << 20)
    runtime._opened_file = market_id  # as of a file given at the start
    joining = runtime.uploads.begin("more", market=market_id)
    await joining.feed(ndjson(50))
    runtime.uploads.remove(market_id)
    assert market_id not in runtime.markets
    assert runtime.default_market in runtime.markets
    with pytest.raises(UploadError, match="cancelled"):
        await joining.finish()
    assert market_id not in runtime.markets
    with pytest.raises(ValueError, match="market is 'demo', expected one that was uploaded"):
        runtime.uploads.remove("demo")
    with pytest.raises(KeyError, match="there is no market"):
        runtime.uploads.remove(market_id)


async def test_the_title_of_a_market_of_several_files_keeps_its_first_name():
    runtime = Runtime(Settings(source="none"))
    market, titles = None, []
    for name in ("KO and PEP.ndjson", "b.ndjson", "c.ndjson"):
        market, _ = await send_as(runtime, name, ndjson(5), market=market)
        titles.append(runtime.markets[market].title)
    assert titles[1:] == ["KO and PEP.ndjson and 1 file", "KO and PEP.ndjson and 2 files"]


async def test_the_title_counts_on_after_a_removal_and_after_a_restart(tmp_path):
    kept = Settings(source="none", archive=str(tmp_path / "archive.db"))
    runtime = Runtime(kept)
    await runtime.start()
    market, _ = await send_as(runtime, "a.csv and 1 file", ndjson(5))
    await send_as(runtime, "b.ndjson", ndjson(5), market=market)
    runtime.uploads.take_away(market, delete=False)
    assert runtime.uploads.bring_back() is not None
    await send_as(runtime, "c.ndjson", ndjson(5), market=market)
    assert runtime.markets[market].title == "a.csv and 1 file and 2 files"
    await runtime.stop()
    again = Runtime(kept)
    await again.start()
    await until(lambda: market in again.markets)
    await send_as(again, "d.ndjson", ndjson(5), market=market)
    assert again.markets[market].title == "a.csv and 1 file and 3 files"
    await again.stop()


async def test_a_file_that_came_since_the_start_is_not_replaced_by_its_kept_copy(tmp_path):
    runtime = Runtime(Settings(source="none", archive=str(tmp_path / "archive.db")))
    await runtime.start()
    market, _ = await send_as(runtime, "a.csv", ndjson(5))
    fresh = runtime.markets[market]
    await runtime._revive()
    assert runtime.markets[market] is fresh
    await runtime.stop()


async def test_a_removed_market_can_be_brought_back_in_this_session():
    runtime = Runtime(QUIET)
    first, _ = await send(runtime, ndjson(100), 1 << 20)
    body = runtime.markets[first]
    forgotten = []
    runtime.recorder.forget = forgotten.append
    assert runtime.uploads.bring_back() is None
    runtime.uploads.take_away(first, delete=True)
    assert first not in runtime.markets
    assert runtime.uploads.leaving(first)
    assert runtime.uploads.bring_back() is body
    assert runtime.markets[first] is body
    assert not runtime.uploads.leaving(first)
    runtime.uploads.settle()
    assert forgotten == [], "what is back stays in the archive"
    runtime.uploads.take_away(first, delete=True)
    for _ in range(MAX_PUT_AWAY):
        other, _ = await send(runtime, ndjson(10), 1 << 20)
        runtime.uploads.take_away(other, delete=False)
    assert forgotten == [first], "one that makes room goes for good"
    runtime.uploads.settle()
    assert forgotten == [first]
    assert not runtime.uploads.put_away


def test_a_client_s_name_for_its_upload_is_plain():
    assert upload_routes.key("id", "tab-a_1") == "tab-a_1"
    for wrong in ("", "a b", "x" * 65, "<b>", "é"):
        with pytest.raises(ValueError, match=r"id is .* expected 1 to 64"):
            upload_routes.key("id", wrong)


def test_the_allocator_is_told_once_it_is_glibc_s():
    assert keep_freed_memory() in (True, False)


def test_a_report_names_reasons_in_words_and_lines():
    found = {
        "rows": 10,
        "accepted": 7,
        "rejected": {"price": 2, "json": 1},
        "first_lines": {"price": [3, 4], "json": [9]},
        "symbols": ["A"],
        "problem": "the gzip stream ends too early",
        "late": 0,
    }
    text = str(
        upload_report.report([{"name": "<b>", "report": found}, {"error": "no", "name": "x"}])
    )
    assert "Latin-1" not in text
    for words in ("10 rows, 7 taken, 3 rejected", "3, 4", "not JSON", "ends too early", "no"):
        assert words in text


def test_a_report_of_a_file_that_is_not_utf_8_shows_the_line_and_asks_once():
    found = {"line": 1_204, "position": 8, "byte": 246, "latin_1": "Zeit;Eröffnung"}
    results = [
        {"name": "a.csv", "error": "line 1204 is not", "report": {"not_utf8": found}},
        {"name": "b.csv", "report": {"rows": 1, "not_utf8": {**found, "line": 7_204}}},
    ]
    text = str(upload_report.report(results))
    for words in ("line 1204 is not", "line 7,204 is not UTF-8, its byte 8 is 0xF6", "Eröffnung"):
        assert words in text
    assert "line 1,204" not in text  # a refusal says it already
    assert text.count("Read as Latin-1") == 1


def test_a_question_stands_on_the_page_with_a_button_a_choice_and_a_field():
    question = {
        "parameter": "dayfirst",
        "text": "01/02 is ambiguous",
        "choices": [{"value": "true", "label": "day first"}, {"value": "false", "label": "month"}],
        "free": False,
    }
    zone = {"parameter": "timezone", "text": "which zone?", "choices": [], "free": True}
    results = [{"name": "a.csv", "error": "e", "question": question}]
    length = {**zone, "parameter": "timeframe", "text": "of which timeframe?"}
    results += [{"name": "b.csv", "error": "e", "question": one} for one in (zone, length)]
    text = str(upload_report.report(results))
    for words in ("01/02 is ambiguous", "day first", "data-parameter='dayfirst'", "Time zone"):
        assert words in text
    assert "Use this timeframe" in text
    assert text.count("upload-answer") >= 3


def test_a_file_whose_symbol_was_made_up_has_a_field_for_it():
    found = {"rows": 1, "accepted": 1, "symbols": ["PRICES"], "nameless": True, "replaced": 2}
    text = str(upload_report.report([{"name": "prices.csv", "report": found}]))
    assert "Use this symbol" in text
    assert "2 took the place of rows that were there" in text


def minutes(price: float) -> bytes:
    rows = [f"{START_MS + 60_000 * n},{price},{price},{price},{price},1" for n in range(20)]
    return "\n".join(["timestamp,open,high,low,close,volume", *rows]).encode()


async def test_bars_that_would_replace_others_are_asked_for_and_counted():
    runtime = Runtime(QUIET)
    market_id, _ = await send_as(runtime, "Binance_BTCUSDT_1m.csv", minutes(5))
    market = runtime.markets[market_id]
    again = {"market": market_id}
    with pytest.raises(QuestionOpen, match="already has 20 bars of BTCUSDT") as asked:
        await send_as(runtime, "Bybit_BTCUSDT_1m.csv", minutes(6), **again)
    assert asked.value.question.parameter == "replace"
    assert market.bars("BTCUSDT", "1m").close.tolist() == [5.0] * 20
    _, same = await send_as(runtime, "BTCUSDT.csv", minutes(5), **again)
    assert (same.accepted, same.duplicate, same.replaced) == (0, 20, 0)
    _, kept = await send_as(
        runtime, "Bybit_BTCUSDT_1m.csv", minutes(6), symbol="BYBIT:BTCUSDT", **again
    )
    assert kept.replaced == 0
    _, report = await send_as(
        runtime, "Bybit_BTCUSDT_1m.csv", minutes(6), answers=Answers(replace=True), **again
    )
    assert (report.accepted, report.replaced) == (20, 20)
    assert market.bars("BTCUSDT", "1m").close.tolist() == [6.0] * 20
    assert market.symbols == ("BTCUSDT", "BYBIT:BTCUSDT")


async def test_files_of_a_zip_that_would_replace_each_other_s_bars_are_asked_for():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("old/KO.csv", minutes(5))
        archive.writestr("new/KO.csv", minutes(6))
    runtime = Runtime(QUIET)
    with pytest.raises(QuestionOpen, match="already has 20 bars of KO"):
        await send_as(runtime, "prices.zip", packed.getvalue())
    answers = Answers(replace=True)
    _, report = await send_as(runtime, "prices.zip", packed.getvalue(), answers=answers)
    assert (report.rows, report.accepted, report.replaced) == (40, 40, 20)


class Beats:
    """How often the loop comes round while something else runs on it."""

    async def __aenter__(self) -> Beats:
        self.count = 0
        self._task = asyncio.create_task(self._beat())
        return self

    async def _beat(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)

    async def __aexit__(self, *raised: object) -> None:
        self._task.cancel()


async def test_the_loop_comes_round_while_a_large_file_joins_a_market(monkeypatch):
    runtime = Runtime(QUIET)
    market_id, _ = await send(runtime, ndjson(1_000), 1 << 20)
    seen, append = [], uploads._append
    async with Beats() as beats:

        def noted(market, batch):
            seen.append((beats.count, len(batch)))
            return append(market, batch)

        monkeypatch.setattr(uploads, "_append", noted)
        content = ndjson(100_000, ("SOLUSDT",))
        _, report = await send(runtime, content, 1 << 20, market=market_id)
    assert len({count for count, _ in seen}) == len(seen) >= 100_000 // uploads.AT_ONCE
    assert max(rows for _, rows in seen) == uploads.AT_ONCE
    assert (report.rows, report.accepted) == (100_000, 100_000)
    assert runtime.markets[market_id].counters.balanced


async def test_two_files_that_join_at_once_have_each_its_own_report():
    runtime = Runtime(QUIET)
    market_id, _ = await send(runtime, ndjson(100), 1 << 20)
    numbered = "".join(
        f'{{"symbol":"SOLUSDT","ts":{START_MS + i},"price":5,"size":1,"trade_id":{i % 15_000}}}\n'
        for i in range(20_000)
    )
    torn = ndjson(30_000, ("ADAUSDT",)) + b"{torn\n" * 7
    reports = await asyncio.gather(
        *(send(runtime, one, 1 << 20, market=market_id) for one in (numbered.encode(), torn))
    )
    first, second = (report for _, report in reports)
    assert (first.rows, first.accepted, first.duplicate) == (20_000, 15_000, 5_000)
    assert (second.rows, second.accepted, second.rejected) == (30_007, 30_000, {"json": 7})
    assert runtime.markets[market_id].counters.balanced


async def test_a_market_that_is_removed_while_what_joined_it_is_archived_does_not_come_back(
    monkeypatch,
):
    runtime = Runtime(QUIET)
    market_id, _ = await send(runtime, ndjson(100), 1 << 20)
    loop = asyncio.get_running_loop()

    def removed(session, taken):
        asyncio.run_coroutine_threadsafe(remove(), loop).result(5)

    async def remove():
        runtime.uploads.remove(market_id)

    monkeypatch.setattr(UploadSession, "_keep", removed)
    with pytest.raises(UploadError, match="cancelled"):
        await send(runtime, ndjson(50, ("SOLUSDT",)), 1 << 20, market=market_id)
    assert market_id not in runtime.markets
