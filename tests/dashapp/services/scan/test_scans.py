"""Scans as the application runs them: in a process, one at a time, again at each closed bar."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import asynccontextmanager

import numpy as np
import pytest

from analytics.model import Bars, Listing, ParameterError
from analytics.scanner import FIELDS, ScanParams, scan_pairs
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from dashapp.services.scan import handover
from dashapp.services.scan.closes import Closes, closes_of
from dashapp.services.scan.control import MAX_RESULTS, Scans
from dashapp.services.scan.process import ScanProcess
from dashapp.services.scan.records import put_result
from storage.market.market import Market
from tests.analytics.universes import universe
from tests.dashapp.services.scan import workers
from tests.waiting import until

HOUR_MS = 3_600_000
START_MS = 480_000 * HOUR_MS
PARAMS = ScanParams(bars=480)
MADE = universe(11, 480, 8, planted=2, half_life=2.0)


def bars_of(symbol: str, closes: np.ndarray, first: int = 0) -> Bars:
    times = START_MS + HOUR_MS * np.arange(first, first + len(closes))
    known = ~np.isnan(closes)
    close, ones = closes[known], np.ones(int(known.sum()))
    trades = np.full(len(close), 5)
    return Bars(symbol, "1h", times[known], *[close] * 4, ones, trades, close)


def market_of(made=MADE, id: str = "m") -> Market:
    market = Market(id, id.title(), "universe")
    for symbol, closes in zip(made.names, made.closes.T, strict=True):
        market.append_bars(bars_of(symbol, closes))
    return market


@asynccontextmanager
async def scanning(*markets: Market, target=workers.works, writer=None, **options):
    process = ScanProcess(target)
    made = Scans(Markets(*markets), writer or ArchiveWriter(), process=process, **options)
    made.process = process
    try:
        yield made
    finally:
        await made.stop()


class InProcess:
    """Stands in for the worker process where the test is of something else."""

    def __init__(self) -> None:
        self.tasks = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, task, told):
        from dashapp.services.scan.worker import Report

        self.tasks.append(task)
        await self.gate.wait()
        data = Closes.take(task.closes)
        options = {"names": data.names, "params": task.params, "funding": data.funding}
        return Report("done", result=put_result(scan_pairs(data.closes, **options)))

    def close(self) -> None:
        """Nothing to close."""


def scans_here(*markets: Market, writer=None, **options) -> Scans:
    return Scans(Markets(*markets), writer or ArchiveWriter(), process=InProcess(), **options)


# --- the worker process --------------------------------------------------------------------


async def test_the_worker_process_gives_the_same_to_the_bit_at_a_low_priority():
    expected = scan_pairs(MADE.closes, names=MADE.names, params=PARAMS)
    assert expected.confirmed
    async with scanning(market_of()) as scans:
        job = scans.start("m", PARAMS)
        assert (job.state, scans.running("m")) == ("running", job)
        versions = [job.version]
        await until(lambda: versions.append(job.version) or not job.running)
        assert (job.state, job.error, job.progress) == ("done", None, 1.0)
        assert versions == sorted(set(versions)) or len(set(versions)) > 2
        for name in FIELDS:
            ours, theirs = (each.rows.column(name) for each in (job.result, expected))
            np.testing.assert_array_equal(ours, theirs, name)
        assert job.result.funnel == expected.funnel
        assert scans.newest("m") is scans.job(job.id) is job
        assert scans.running("m") is None
        assert os.getpriority(os.PRIO_PROCESS, scans.process.pid) > os.getpriority(
            os.PRIO_PROCESS, 0
        )
        assert (job.from_ms, job.split_ms, job.until_ms) == (
            START_MS,
            START_MS + 320 * HOUR_MS,
            START_MS + 479 * HOUR_MS,
        )


async def test_a_worker_that_dies_is_started_again_once_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SCAN_DIED", str(tmp_path / "died"))
    async with scanning(market_of(), target=workers.dies_once) as scans:
        job = scans.start("m", PARAMS)
        await job.wait()
        assert job.state == "done"
        assert job.notice == "the worker process died (signal 9) and was started again"


async def test_a_worker_that_dies_twice_ends_the_scan_alone():
    async with scanning(market_of(), target=workers.dies) as scans:
        job = scans.start("m", PARAMS)
        await job.wait()
        assert (job.state, job.result) == ("failed", None)
        assert job.error == "The worker process died (signal 9) twice: the scan was given up."
        assert scans.newest("m") is None


async def test_cancelling_ends_the_worker_and_what_comes_next_goes_on():
    async with scanning(market_of(), target=workers.never_ends) as scans:
        job = scans.start("m", PARAMS)
        await until(lambda: scans.process.pid is not None)
        assert scans.cancel(job.id)
        assert (job.state, scans.running("m")) == ("cancelled", None)
        assert not scans.cancel(job.id)
        await job.wait()
        await until(lambda: scans.process.pid is None)
        assert not scans.cancel("no-such-scan")


async def test_stopping_leaves_no_process():
    async with scanning(market_of(), target=workers.never_ends) as scans:
        job = scans.start("m", PARAMS)
        await until(lambda: scans.process.pid is not None)
        pid = scans.process.pid
    assert job.state == "cancelled"

    def gone() -> bool:
        try:
            return os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            return True

    await until(gone)


# --- asked, and asked again ----------------------------------------------------------------


async def test_the_same_question_is_one_scan_and_another_takes_its_place():
    scans = scans_here(market_of())
    scans._process.gate.clear()
    first = scans.start("m", PARAMS)
    assert scans.start("m", PARAMS) is first
    other = scans.start("m", ScanParams(bars=300))
    assert (first.state, other.state) == ("cancelled", "running")
    scans._process.gate.set()
    await other.wait()
    assert other.state == "done"
    assert scans.newest("m") is other


async def test_the_same_question_to_a_market_that_was_made_anew_is_another_scan():
    markets = Markets(market_of())
    scans = Scans(markets, ArchiveWriter(), process=InProcess())
    scans._process.gate.clear()
    first = scans.start("m", PARAMS)
    await until(lambda: scans._process.tasks)
    markets["m"] = Market("m", "M", "universe")
    markets["m"].append_bars(bars_of("A", MADE.closes[:, 0]))
    second = scans.start("m", PARAMS)
    assert (first.state, second.state) == ("cancelled", "running")
    scans._process.gate.set()
    await second.wait()
    assert second.result.funnel["symbols"] == 1
    await scans.stop()


async def test_one_scan_runs_at_a_time():
    scans = scans_here(market_of(), market_of(id="n"))
    scans._process.gate.clear()
    first, second = scans.start("m", PARAMS), scans.start("n", PARAMS)
    await until(lambda: second.step == "waiting for another scan" and scans._process.tasks)
    assert len(scans._process.tasks) == 1
    scans._process.gate.set()
    await asyncio.gather(first.wait(), second.wait())
    assert first.state == second.state == "done"


async def test_what_cannot_be_scanned_is_refused():
    scans = scans_here(market_of())
    with pytest.raises(KeyError, match="there is no market 'none'"):
        scans.start("none", PARAMS)
    with pytest.raises(ParameterError, match="timeframe is '1m', expected one of 1h"):
        scans.start("m", PARAMS, "1m")


async def test_an_empty_market_and_one_symbol_are_results_without_pairs():
    lone = Market("lone", "Lone", "universe")
    lone.append_bars(bars_of("A", MADE.closes[:, 0]))
    scans = scans_here(Market("m", "M", "universe"), lone)
    for market, symbols in (("m", 0), ("lone", 1)):
        job = scans.start(market, PARAMS)
        await job.wait()
        assert (job.state, job.result.funnel["symbols"], job.result.tested) == ("done", symbols, 0)


async def test_an_error_of_the_work_is_a_sentence(monkeypatch):
    scans = scans_here(market_of())

    async def broken(task, told):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(scans._process, "run", broken)
    job = scans.start("m", PARAMS)
    await job.wait()
    assert job.state == "failed"
    assert job.error == "An internal error (ZeroDivisionError) ended the scan: see the log."


# --- again at each closed bar --------------------------------------------------------------


async def test_a_market_is_scanned_again_at_each_closed_bar_until_told_otherwise():
    market = market_of()
    scans = scans_here(market)
    job = scans.start("m", PARAMS, rescan=True)
    await job.wait()
    await scans.rescan_closed()
    assert scans.running("m") is None, "no bar has closed since"
    for symbol in MADE.names:
        market.append_bars(bars_of(symbol, np.array([100.0]), first=480))
    await scans.rescan_closed()
    again = scans.running("m")
    assert again is not None
    assert again.params == PARAMS
    await again.wait()
    assert again.until_ms == job.until_ms + HOUR_MS
    assert [record.id for record in scans.history("m")] == [again.id, job.id]
    assert scans.rescans("m")
    scans.stop_rescanning("m")
    assert not again.rescan
    for symbol in MADE.names:
        market.append_bars(bars_of(symbol, np.array([100.0]), first=481))
    await scans.rescan_closed()
    assert scans.running("m") is None


async def test_a_market_that_was_made_anew_at_an_earlier_time_is_scanned_again_as_well():
    markets = Markets(market_of())
    scans = Scans(markets, ArchiveWriter(), process=InProcess())
    job = scans.start("m", PARAMS, rescan=True)
    await job.wait()
    markets["m"] = Market("m", "M", "universe")
    await scans.rescan_closed()
    assert scans.running("m") is None, "it has no bar yet"
    for stop, scanned in ((399, False), (400, True)):
        for symbol, closes in zip(MADE.names, MADE.closes.T, strict=True):
            markets["m"].append_bars(bars_of(symbol, closes[:stop]))
        await scans.rescan_closed()
        assert (scans.running("m") is not None) == scanned, "at the first bar that closes in it"
    again = scans.running("m")
    await again.wait()
    assert again.until_ms == START_MS + 399 * HOUR_MS
    await scans.rescan_closed()
    assert scans.running("m") is None, "no bar has closed since"
    await scans.stop()


async def test_a_market_made_anew_while_its_rescan_waits_for_its_turn_is_scanned_again():
    markets = Markets(market_of(), market_of(id="n"))
    scans = Scans(markets, ArchiveWriter(), process=InProcess())
    job = scans.start("m", PARAMS, rescan=True)
    await job.wait()
    for symbol, closes in zip(MADE.names, MADE.closes.T, strict=True):
        bars = bars_of(symbol, np.append(closes, closes[-1]))
        markets["m"].append_bars(bars[len(closes) :])
    scans._process.gate.clear()
    scans.start("n", PARAMS)
    await scans.rescan_closed()
    again = scans.running("m")
    assert again is not None
    made_anew(markets, 300)
    scans._process.gate.set()
    await again.wait()
    assert again.until_ms == START_MS + 299 * HOUR_MS
    made_anew(markets, 301, markets["m"])
    await scans.rescan_closed()
    assert scans.running("m") is not None, "a bar has closed"
    await scans.stop()


def made_anew(markets: Markets, stop: int, market: Market | None = None) -> None:
    """The market with its bars up to `stop`, in another body of data where none is given."""
    markets["m"] = market or Market("m", "M", "universe")
    for symbol, closes in zip(MADE.names, MADE.closes.T, strict=True):
        markets["m"].append_bars(bars_of(symbol, closes[:stop]))


async def test_a_rescan_that_fails_is_tried_again_at_the_next_closed_bar_and_no_sooner():
    market = market_of()

    async def absent(_market: str) -> None:
        raise OSError("the market is not there yet")

    scans = scans_here(market, ready=absent)
    first = scans.start("m", PARAMS, rescan=True)
    await first.wait()
    assert first.state == "failed"
    await scans.rescan_closed()
    again = scans.running("m")
    assert again is not None
    await again.wait()
    await scans.rescan_closed()
    assert scans.running("m") is None, "no bar has closed since"
    for symbol in MADE.names:
        market.append_bars(bars_of(symbol, np.array([100.0]), first=480))
    await scans.rescan_closed()
    last = scans.running("m")
    assert last is not None
    await last.wait()
    await scans.stop()


async def test_what_is_new_what_has_left_and_which_symbols_are_gone_is_said():
    market = market_of()
    markets = Markets(market)
    scans = Scans(markets, ArchiveWriter(), process=InProcess())
    first = scans.start("m", PARAMS)
    await first.wait()
    pairs = {frozenset((row.y, row.x)) for row in first.result.confirmed}
    assert (first.new, first.left) == ((), ())
    assert pairs == MADE.planted
    markets["m"] = Market("m", "M", "universe")
    for symbol, closes in zip(MADE.names[:-1], MADE.closes.T[:-1], strict=True):
        markets["m"].append_bars(bars_of(symbol, closes))
    second = scans.start("m", PARAMS)
    await second.wait()
    assert {frozenset(pair) for pair in second.left} == {frozenset(("S0", "S7"))}
    assert second.notice == "1 symbols of the scan before are gone: S7"
    markets["m"] = market
    third = scans.start("m", PARAMS)
    await third.wait()
    assert {frozenset(pair) for pair in third.new} == {frozenset(("S0", "S7"))}
    assert scans.history("m")[0].new == third.new


async def test_results_are_bounded_and_the_newest_of_a_market_stays():
    scans = scans_here(market_of())
    jobs = []
    for bars in range(300, 303 + MAX_RESULTS):
        job = scans.start("m", ScanParams(bars=bars))
        await job.wait()
        jobs.append(job)
    assert [job.result is None for job in jobs] == [True] * 3 + [False] * MAX_RESULTS
    assert jobs[0].state == "done"


async def test_a_result_that_stayed_as_the_newest_goes_when_another_is():
    names = [f"m{place}" for place in range(MAX_RESULTS + 1)]
    scans = scans_here(*(market_of(id=name) for name in names))
    jobs = [scans.start(name, ScanParams(bars=300)) for name in names]
    for job in jobs:
        await job.wait()
    assert all(job.result is not None for job in jobs)
    again = scans.start("m0", ScanParams(bars=301))
    await again.wait()
    assert again.result is not None
    assert jobs[0].result is None


# --- kept ----------------------------------------------------------------------------------


async def test_scans_outlive_the_program(tmp_path):
    class NoAlerts:
        def restore(self, *kept) -> None:
            """There are none."""

    async def open_archive(scans, writer):
        writer.shelves.append(scans)
        await writer.open(str(tmp_path / "kept.sqlite"), NoAlerts(), 10)

    writer = ArchiveWriter()
    scans = scans_here(market_of(), writer=writer)
    await open_archive(scans, writer)
    for bars in (300, 480):
        job = scans.start("m", ScanParams(bars=bars))
        await job.wait()
    await writer.flush()
    await writer.close()
    writer = ArchiveWriter()
    restored = scans_here(market_of(), writer=writer)
    await open_archive(restored, writer)
    kept = restored.newest("m")
    assert kept is not None
    assert (kept.id, kept.state, kept.params, kept.whole) == (job.id, "done", job.params, False)
    assert restored.history("m") == scans.history("m")
    count = job.result.rows.survivors
    assert len(kept.result.rows) == kept.result.rows.survivors == count > 0
    for name in FIELDS:
        ours, theirs = kept.result.rows.column(name), job.result.rows.column(name, 0, count)
        np.testing.assert_array_equal(ours, theirs, name)
    assert kept.result.funnel == job.result.funnel
    assert restored.job(job.id) is kept
    await writer.close()


async def test_a_scan_that_cannot_be_read_any_more_is_left_out(caplog):
    scans = scans_here(market_of())
    with caplog.at_level(logging.WARNING):
        scans.restore([{"record": {"id": "old"}, "result": None}])
    assert scans.newest("m") is None
    assert "cannot be read" in caplog.text


# --- closes --------------------------------------------------------------------------------


async def test_closes_are_of_closed_bars_in_which_a_symbol_traded():
    market = Market("m", "M", "universe")
    closes = MADE.closes[:100, :2].copy()
    closes[40, 1] = np.nan
    for column, symbol in enumerate(("A", "B")):
        market.append_bars(bars_of(symbol, closes[:, column]))
    dead = bars_of("A", closes[:1, 0], first=100)
    market.append_bars(Bars("A", "1h", dead.ts_ms, *[dead.close] * 4, [0.0], [0], dead.close))
    market.listings["A"] = Listing("A", funding_rate=3e-4, funding_hours=8.0)
    data = await closes_of(market, "1h", 60)
    assert data.names == ("A", "B")
    assert len(data.ts_ms) == 60
    assert data.ts_ms[-1] == START_MS + 100 * HOUR_MS
    np.testing.assert_array_equal(data.closes[:-1], closes[41:])
    assert np.isnan(data.closes[-1]).all(), "A did not trade in its last bar, B has none"
    np.testing.assert_allclose(data.turnover[:-1], closes[41:])
    np.testing.assert_allclose(data.funding, [3e-4 / 8.0, 0.0])


def test_a_handover_is_the_same_read_only_and_leaves_no_file():
    head = {"names": ["A", "="], "n": 3}
    arrays = {
        "a": np.arange(6.0).reshape(2, 3)[:, ::2],
        "none": np.empty((3, 0), np.int64),
        "b": np.arange(3, dtype=np.int8),
    }
    path = handover.put(head, arrays)
    assert os.stat(path).st_mode & 0o077 == 0
    taken, found = handover.take(path)
    assert taken == head
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
    assert not found["a"].flags.writeable
    assert not os.path.exists(path)
    with pytest.raises(OSError, match="No such file"):
        handover.take(path)


def test_a_handover_goes_to_the_folder_for_temporary_files_where_memory_is_short(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(handover, "_SHARED", tmp_path / "absent")
    monkeypatch.setattr(handover.tempfile, "gettempdir", lambda: str(tmp_path))
    path = handover.put({}, {"a": np.arange(3)})
    assert os.path.dirname(path) == str(tmp_path)
    np.testing.assert_array_equal(handover.take(path)[1]["a"], np.arange(3))


def test_what_a_killed_process_left_behind_is_swept_away(tmp_path, monkeypatch):
    monkeypatch.setattr(handover, "_SHARED", tmp_path)
    monkeypatch.setattr(handover.tempfile, "gettempdir", lambda: str(tmp_path / "none"))
    mine = handover.put({}, {})
    living = handover.put({}, {}, owner=os.getppid())
    dead = handover.put({}, {}, owner=2**22 + 1)
    other = tmp_path / f"{handover.PREFIX}x"
    other.touch()
    handover.sweep()
    kept = [os.path.exists(path) for path in (mine, living, dead, other)]
    assert kept == [False, True, False, True]


async def test_the_sweep_at_the_start_leaves_what_a_scan_that_has_begun_hands_over(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(handover, "_SHARED", tmp_path)
    monkeypatch.setattr(handover.tempfile, "gettempdir", lambda: str(tmp_path / "none"))
    # of a process that was killed, and had the number that this one has
    before = handover.put({}, {})
    os.utime(before, (0, 0))
    scans = scans_here(market_of())
    task = asyncio.create_task(scans.run())
    mine = handover.put({}, {})
    exists = os.path.exists
    try:
        await until(lambda: not exists(before))
        assert exists(mine)
    finally:
        task.cancel()
        await scans.stop()
    assert not exists(mine)
