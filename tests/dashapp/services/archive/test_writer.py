"""The keeper: what cannot be written waits, is told, and is written when it can be."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from analytics.model import Ticks
from dashapp.services.archive import maintenance
from dashapp.services.archive import writer as keeping
from dashapp.services.archive.write_queue import Pending, coalesced
from dashapp.services.archive.writer import Keeper
from storage.archive.archive import Archive, ArchiveInUse
from tests.waiting import until


def ticks(count: int, first_id: int = 0, symbol: str = "BTCUSDT") -> Ticks:
    ids = first_id + np.arange(count)
    rng = np.random.default_rng(first_id)
    return Ticks(symbol, 1_000 + ids, rng.uniform(1, 2, count), rng.uniform(1, 2, count), ids)


def stored_ids(archive: Archive, market: str = "live-x") -> list[int]:
    return [number for one in archive.ticks(market, "BTCUSDT") for number in one.trade_id.tolist()]


@asynccontextmanager
async def opened(place, keep_days: int = 0):
    made, restored = Keeper(keep_days), []
    await made.open(str(place), lambda *found: restored.append(found), 100)
    made.restored = restored
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "RETRY_S", 0.05)
    monkeypatch.setattr(keeping, "FLUSH_S", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sqlite"


# --- what waits ---------------------------------------------------------------------------


def test_the_oldest_ticks_make_room_and_are_counted():
    pending = Pending(max_ticks=100)
    for number in range(15):
        pending.record("live-x", ticks(10, 10 * number))
    assert (pending.ticks, pending.lost_ticks) == (100, 50)
    chosen = pending.next_arrivals()
    assert chosen[0][1].trade_id[0] == 50
    pending.done(chosen)
    assert (pending.ticks, len(pending)) == (0, 0)


def test_ticks_that_were_let_go_while_they_were_written_are_not_taken_off_twice():
    pending = Pending(max_ticks=30)
    for number in range(3):
        pending.record("live-x", ticks(10, 10 * number))
    writing = pending.next_arrivals()
    pending.record("live-x", ticks(10, 30))
    pending.done(writing)
    assert pending.ticks == 10
    assert [one[1].trade_id[0] for one in pending.next_arrivals()] == [30]


def test_writes_beyond_the_bound_are_lost_and_counted():
    pending = Pending(max_writes=2)
    for _ in range(3):
        pending.keep(lambda archive: None)
    assert (len(pending.writes), pending.lost_writes) == (2, 1)


def test_batches_become_one_a_symbol_and_never_across_a_new_numbering():
    arrivals = [
        ("a", ticks(2)),
        ("b", ticks(3)),
        ("a", ticks(2, 2)),
        ("a", ticks(5, symbol="ETHUSDT")),
        ("a", "BTCUSDT"),
        ("a", ticks(1)),
    ]
    made = [
        (market, what if isinstance(what, str) else len(what))
        for market, what in coalesced(arrivals)
    ]
    assert made == [("a", 4), ("a", "BTCUSDT"), ("b", 3), ("a", 5), ("a", 1)]


# --- the keeper ------------------------------------------------------------------------------


async def test_a_tick_becomes_durable_without_being_asked(path, monkeypatch):
    monkeypatch.undo()
    async with opened(path) as keeper:
        for number in range(3):
            keeper.record("live-x", ticks(10, 10 * number))
            await until(lambda n=number: len(stored_ids(keeper.archive)) == 10 * (n + 1))


async def test_rules_and_events_are_handed_over_when_the_archive_opens(path):
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.close()
    async with opened(path) as keeper:
        assert keeper.restored == [([{"id": "a"}], [], {}, [])]
        assert keeper.words == ""


async def test_closing_writes_what_waits(path):
    async with opened(path) as keeper:
        keeper.record("live-x", ticks(50_000))
        keeper.keep(lambda archive: archive.save_rule({"id": "a"}))
    archive = Archive.open(path)
    assert len(stored_ids(archive)) == 50_000
    assert archive.rules() == [{"id": "a"}]
    archive.close()


async def test_without_an_archive_nothing_waits():
    keeper = Keeper()
    keeper.record("live-x", ticks(10))
    keeper.keep(lambda archive: archive.clear_events())
    await keeper.flush()
    await keeper.close()
    assert (len(keeper.pending), keeper.words, keeper.keeps) == (0, "", False)


async def test_a_write_that_makes_no_sense_is_counted_and_holds_up_no_other(path, caplog):
    async with opened(path) as keeper:
        keeper.keep(lambda archive: archive.save_rule({"threshold": 2.0}))
        keeper.keep(lambda archive: archive.save_rule({"id": "b"}))
        await keeper.flush()
        assert keeper.archive.rules() == [{"id": "b"}]
        assert keeper.pending.lost_writes == 1
    assert "id is None, expected str" in caplog.text


async def test_an_archive_that_is_locked_for_long_gets_all_of_it_later(path, monkeypatch):
    monkeypatch.setattr("storage.archive.file.BUSY_TIMEOUT_MS", 20)
    async with opened(path) as keeper:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        keeper.record("live-x", ticks(10))
        keeper.keep(lambda archive: archive.save_rule({"id": "a"}))
        await until(lambda: keeper.problem is not None)
        keeper.record("live-x", ticks(10, 10))
        assert "database is locked, 20 ticks wait" in keeper.words
        holder.execute("ROLLBACK")
        holder.close()
        await until(lambda: keeper.problem is None)
        await keeper.flush()
        assert stored_ids(keeper.archive) == list(range(20))
        assert keeper.archive.rules() == [{"id": "a"}]
        assert keeper.words == ""


async def test_a_disk_that_fills_up_pauses_the_writer_and_room_lets_it_go_on(small_disk):
    async with opened(small_disk / "a.sqlite") as keeper:
        number = 0
        while keeper.problem is None:
            keeper.record("live-x", ticks(5_000, number))
            number += 5_000
            await keeper.flush()
        assert "full" in keeper.words
        for _ in range(20):
            keeper.record("live-x", ticks(1_000, number))
            number += 1_000
        await asyncio.sleep(0.2)
        assert "ticks wait" in keeper.words
        await asyncio.to_thread(_enlarge, small_disk)
        await until(lambda: keeper.problem is None)
        await keeper.flush()
        assert stored_ids(keeper.archive) == list(range(number))
        assert keeper.pending.lost_ticks == 0


def _enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


async def test_an_archive_that_cannot_be_opened_at_first_is_opened_later(path):
    path.mkdir()
    async with opened(path) as keeper:
        assert "cannot open the archive" in keeper.words
        keeper.record("live-x", ticks(10))
        await keeper.flush()
        path.rmdir()
        await until(lambda: keeper.archive is not None)
        await keeper.flush()
        assert stored_ids(keeper.archive) == list(range(10))
        assert keeper.restored == [([], [], {}, [])]


async def test_damage_is_set_aside_while_it_runs_and_recording_goes_on(path, monkeypatch, caplog):
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.append_ticks("live-x", ticks(50_000))
    archive.close()
    content = bytearray(path.read_bytes())
    content[-8_192:] = bytes(8_192)
    path.write_bytes(content)
    monkeypatch.setattr("storage.archive.file.QUICK_BYTES", 0)
    async with opened(path) as keeper:
        await until(lambda: keeper.notice is not None)
        assert "was set aside as a.sqlite.corrupt-" in keeper.words
        keeper.record("live-x", ticks(10))
        await keeper.flush()
        assert stored_ids(keeper.archive) == list(range(10))
        assert keeper.archive.rules() == [{"id": "a"}]
    assert "set aside" in caplog.text


async def test_an_archive_that_another_process_holds_is_refused_before_anything_starts(path):
    async with opened(path):
        with pytest.raises(ArchiveInUse):
            Keeper().reserve(str(path))
    reserved = Keeper()
    reserved.reserve(str(path))
    await reserved.open(str(path), lambda *_: None, 1)
    assert reserved.archive is not None
    await reserved.close()


async def test_small_batches_become_large_blocks_and_old_ticks_go(path, monkeypatch):
    monkeypatch.setattr(maintenance, "MERGE_S", 0.0)
    monkeypatch.setattr(maintenance, "PERIOD_S", 0.05)
    archive = Archive.open(path)
    archive.put_market("live-x", "Live: X")
    archive.append_ticks("live-x", ticks(10))
    archive.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE blocks SET stored_ms = 0")
    connection.commit()
    connection.close()
    async with opened(path, keep_days=30) as keeper:
        await until(lambda: not keeper.archive.contents())
        for number in range(130):
            keeper.record("live-x", ticks(10, 10 * number))  # old by their own times
            await keeper.flush()
        await asyncio.sleep(0.2)
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT count(*) FROM blocks").fetchone()[0] < 10
        connection.close()
        assert stored_ids(keeper.archive) == list(range(1_300))
