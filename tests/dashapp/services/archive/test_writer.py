"""The writer: what cannot be written waits, is told, and is written when it can be."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.model import Ticks
from dashapp.services.archive import errand, maintenance, write_queue
from dashapp.services.archive import writer as keeping
from dashapp.services.archive.write_queue import WriteQueue, coalesced
from dashapp.services.archive.writer import ArchiveWriter
from storage.archive.archive import Archive, ArchiveError, ArchiveInUse
from tests.waiting import until


def ticks(count: int, first_id: int = 0, symbol: str = "BTCUSDT") -> Ticks:
    ids = first_id + np.arange(count)
    rng = np.random.default_rng(first_id)
    return Ticks(symbol, 1_000 + ids, rng.uniform(1, 2, count), rng.uniform(1, 2, count), ids)


def stored_ids(archive: Archive, market: str = "live-x") -> list[int]:
    return [number for one in archive.ticks(market, "BTCUSDT") for number in one.trade_id.tolist()]


def torn() -> ArchiveError:
    """What an archive raises whose file is bad."""
    error = ArchiveError("a page is torn")
    error.damaged = True
    return error


def held_up(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, Event]:
    """Hold up what stores ticks: when it has begun, and what lets it go on."""
    begun, go_on = asyncio.Event(), Event()
    append, loop = archive.append, asyncio.get_running_loop()

    def store(arrivals):
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(60)
        return append(arrivals)

    monkeypatch.setattr(archive, "append", store)
    return begun, go_on


def torn_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ticks that are stored find the file bad, those after them do not."""
    append = archive.append

    def store(arrivals):
        monkeypatch.setattr(archive, "append", append)
        raise torn()

    monkeypatch.setattr(archive, "append", store)


class KeptAlerts:
    """Takes over what the archive kept, and counts how often it was asked for all it knows."""

    def __init__(self) -> None:
        self.restored = []
        self.handed_over = 0

    def restore(self, *kept) -> None:
        self.restored.append(kept)

    def keep_again(self) -> None:
        self.handed_over += 1


@asynccontextmanager
async def opened(place, keep_days: int = 0):
    writer, alerts = ArchiveWriter(keep_days), KeptAlerts()
    await writer.open(str(place), alerts, 100)
    writer.alerts = alerts
    try:
        yield writer
    finally:
        await writer.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "RETRY_S", 0.05)
    monkeypatch.setattr(keeping, "FLUSH_S", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sqlite"


# --- what waits ---------------------------------------------------------------------------


def test_the_oldest_ticks_make_room_and_are_counted():
    queue = WriteQueue(max_ticks=100)
    for number in range(15):
        queue.record("live-x", ticks(10, 10 * number))
    assert (queue.ticks, queue.lost_ticks) == (100, 50)
    chosen = queue.next_arrivals()
    assert chosen[0][1].trade_id[0] == 50
    queue.done(chosen)
    assert (queue.ticks, len(queue)) == (0, 0)


def test_ticks_that_were_let_go_while_they_were_written_are_not_taken_off_twice():
    queue = WriteQueue(max_ticks=30)
    for number in range(3):
        queue.record("live-x", ticks(10, 10 * number))
    writing = queue.next_arrivals()
    queue.record("live-x", ticks(10, 30))
    queue.done(writing)
    assert queue.ticks == 10
    assert [one[1].trade_id[0] for one in queue.next_arrivals()] == [30]


def test_writes_beyond_the_bound_are_lost_and_counted():
    queue = WriteQueue(max_writes=2)
    for _ in range(3):
        queue.keep(lambda archive: None)
    assert (len(queue.writes), queue.lost_writes) == (2, 1)


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


# --- the writer ------------------------------------------------------------------------------


async def test_a_tick_becomes_durable_without_being_asked(path, monkeypatch):
    monkeypatch.undo()
    async with opened(path) as writer:
        for number in range(3):
            writer.record("live-x", ticks(10, 10 * number))
            await until(lambda n=number: len(stored_ids(writer.archive)) == 10 * (n + 1))


async def test_rules_and_events_are_handed_over_when_the_archive_opens(path):
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.close()
    async with opened(path) as writer:
        assert writer.alerts.restored == [([{"id": "a"}], [], {}, [])]
        assert writer.words == ""


async def test_closing_writes_what_waits(path):
    async with opened(path) as writer:
        writer.record("live-x", ticks(50_000))
        writer.keep(lambda archive: archive.save_rule({"id": "a"}))
    archive = Archive.open(path)
    assert len(stored_ids(archive)) == 50_000
    assert archive.rules() == [{"id": "a"}]
    archive.close()


async def test_without_an_archive_nothing_waits():
    writer = ArchiveWriter()
    writer.record("live-x", ticks(10))
    writer.keep(lambda archive: archive.clear_events())
    await writer.flush()
    await writer.close()
    assert (len(writer.pending), writer.words, writer.keeps) == (0, "", False)


async def test_a_write_that_makes_no_sense_is_counted_and_holds_up_no_other(path, caplog):
    async with opened(path) as writer:
        writer.keep(lambda archive: archive.save_rule({"threshold": 2.0}))
        writer.keep(lambda archive: archive.save_rule({"id": "b"}))
        await writer.flush()
        assert writer.archive.rules() == [{"id": "b"}]
        assert writer.pending.lost_writes == 1
    assert "id is None, expected str" in caplog.text


async def test_a_write_that_comes_while_ticks_are_stored_is_written_after_them(path, monkeypatch):
    async with opened(path) as writer:
        await until(lambda: writer.archive is not None)
        loop, written, came, store = asyncio.get_running_loop(), [], Event(), Archive.append

        def keep() -> None:
            writer.keep(written.append)
            came.set()

        def storing(archive, arrivals) -> None:
            store(archive, arrivals)
            if not came.is_set():
                loop.call_soon_threadsafe(keep)
                came.wait()

        monkeypatch.setattr(Archive, "append", storing)
        writer.record("live-x", ticks(3))
        await until(lambda: written and not len(writer.pending))


async def test_ticks_wait_for_one_turn_of_the_loop_however_many_writes_come_first(
    path, monkeypatch
):
    """A busy loop comes to each turn late: a hundred of them are seconds that a kill would lose."""
    async with opened(path) as writer:
        await until(lambda: writer.archive is not None)
        errands, written = [], []
        send = writer._in_writer

        async def counted(work, archive) -> None:
            errands.append(len(writer.pending))
            await send(work, archive)

        monkeypatch.setattr(writer, "_in_writer", counted)
        for number in range(100):
            writer.keep(lambda archive, number=number: written.append(number))
        writer.record("live-x", ticks(3))
        await writer.flush()
        assert (errands, written) == ([101], list(range(100)))
        assert stored_ids(writer.archive) == [0, 1, 2]


async def test_what_comes_while_ticks_are_written_waits_for_the_next_round(path, monkeypatch):
    """Of hundreds of symbols some tick always comes meanwhile: the writer would never rest."""
    monkeypatch.setattr(keeping, "rest_after", lambda spent_s: 3_600.0)
    stored: list[int] = []
    async with opened(path) as writer:
        append = writer.archive.append

        def store(arrivals):
            loop.call_soon_threadsafe(writer.record, "live-x", ticks(1, 100 + len(stored)))
            stored.append(append(arrivals))
            return stored[-1]

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(writer.archive, "append", store)
        writer.record("live-x", ticks(5))
        await writer.flush()
        assert stored == [5]
        await until(lambda: writer.pending.ticks == 1)
        await writer.flush()
        assert stored == [5, 1]


async def test_a_flush_amid_a_write_waits_for_what_came_before_it(path, monkeypatch):
    monkeypatch.setattr(keeping, "rest_after", lambda spent_s: 3_600.0)
    async with opened(path) as writer:
        begun, go_on = held_up(writer.archive, monkeypatch)
        writer.record("live-x", ticks(5))
        first = asyncio.create_task(writer.flush())
        await begun.wait()
        writer.record("live-x", ticks(5, 5))
        second = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        go_on.set()
        await first
        await second
        assert stored_ids(writer.archive) == list(range(10))


async def test_a_flush_of_a_damaged_archive_waits_for_what_the_new_one_is_handed(path, monkeypatch):
    monkeypatch.setattr(keeping, "rest_after", lambda spent_s: 3_600.0)
    async with opened(path) as writer:
        torn_once(writer.archive, monkeypatch)
        writer.refill = lambda: writer.record("live-x", ticks(5))
        writer.record("live-x", ticks(2, 100))
        await writer.flush()
        assert writer.renewals == 1
        assert writer.pending.ticks == 0
        assert stored_ids(writer.archive) == [100, 101, *range(5)]


async def test_a_flush_amid_a_renewal_waits_for_what_the_new_archive_is_handed(path, monkeypatch):
    """Maintenance found the damage: what waits is forgotten, and comes again with the rest."""
    monkeypatch.setattr(keeping, "rest_after", lambda spent_s: 3_600.0)
    monkeypatch.setattr(write_queue, "AT_ONCE", 10)
    async with opened(path) as writer:

        def refill() -> None:
            writer.pending.forget("live-x")
            for number in range(30):
                writer.record("live-x", ticks(5, 5 * number))

        writer.refill = refill
        begun, go_on = held_up(writer.archive, monkeypatch)
        for number in range(10):
            writer.record("live-x", ticks(5, 5 * number))
        flush = asyncio.create_task(writer.flush())
        await begun.wait()
        renewal = asyncio.create_task(writer._renew(writer.alerts, "a page is torn", 0))
        await asyncio.sleep(0)
        go_on.set()
        await renewal
        await flush
        assert writer.pending.ticks == 0
        assert stored_ids(writer.archive) == list(range(150))


async def test_a_flush_that_waits_when_the_writer_closes_ends(path, monkeypatch):
    monkeypatch.setattr(keeping, "CLOSE_S", 0.0)
    go_on = Event()
    async with opened(path) as writer:
        monkeypatch.setattr(writer.archive, "append", lambda arrivals: go_on.wait(60))
        writer.record("live-x", ticks(5))
        flush = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        await writer.close()
        await flush
        go_on.set()


async def test_whatever_goes_wrong_with_a_new_archive_the_writer_goes_on(path, monkeypatch):
    async with opened(path) as writer:
        torn_once(writer.archive, monkeypatch)
        monkeypatch.setattr(writer, "refill", lambda: 1 / 0)
        writer.record("live-x", ticks(5))
        await until(lambda: writer.pending.ticks == 0)
        assert stored_ids(writer.archive) == list(range(5))


@pytest.mark.parametrize("spent_s", [0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.45])
def test_a_tick_that_just_missed_a_round_is_durable_within_a_second(spent_s):
    rest_s = keeping.rest_after(spent_s)
    assert 2 * spent_s + rest_s <= 0.9 + 1e-9
    assert 0 <= rest_s <= 0.5


def test_a_queue_is_past_a_mark_when_all_that_had_come_is_gone():
    queue = WriteQueue()
    queue.keep(lambda archive: None)
    queue.record("live-x", ticks(2))
    mark = queue.mark()
    queue.keep(lambda archive: None)
    queue.record("live-x", ticks(2, 2))
    queue.writes.popleft()
    assert not queue.is_past(mark)
    queue.done(queue.next_arrivals()[:1])
    assert queue.is_past(mark)
    assert len(queue) == 2


def test_an_errand_takes_some_writes_and_ticks_only_behind_the_last():
    pending = WriteQueue(max_writes=errand.MOST_WRITES + 1)
    written: list[int] = []
    for number in range(errand.MOST_WRITES + 1):
        pending.keep(lambda archive, number=number: written.append(number))
    pending.record("live-x", ticks(3))
    stored: list[object] = []
    archive = SimpleNamespace(append=stored.extend)
    for waits in (2, 0):  # the write that is left, and the ticks; then nothing
        one = errand.Errand(pending)
        one.run(archive)
        one.settle(pending)
        assert len(pending) == waits
        assert bool(stored) == (not waits)
    assert written == list(range(errand.MOST_WRITES + 1))
    assert pending.lost_writes == 0


async def test_a_write_that_cannot_be_done_now_keeps_its_place_and_those_before_are_done_once(
    path, monkeypatch
):
    async with opened(path) as writer:
        await until(lambda: writer.archive is not None)
        done, failing = [], True

        def second(archive) -> None:
            if failing:
                raise ArchiveError("the disk is full")
            done.append("second")

        writer.keep(lambda archive: done.append("first"))
        writer.keep(second)
        writer.keep(lambda archive: done.append("third"))
        writer.record("live-x", ticks(3))
        await until(lambda: writer.problem is not None)
        assert (done, stored_ids(writer.archive)) == (["first"], [])
        failing = False
        await until(lambda: not len(writer.pending))
        assert done == ["first", "second", "third"]
        assert stored_ids(writer.archive) == [0, 1, 2]


async def test_an_archive_that_is_locked_for_long_gets_all_of_it_later(path, monkeypatch):
    monkeypatch.setattr("storage.archive.file.BUSY_TIMEOUT_MS", 20)
    async with opened(path) as writer:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        writer.record("live-x", ticks(10))
        writer.keep(lambda archive: archive.save_rule({"id": "a"}))
        await until(lambda: writer.problem is not None)
        writer.record("live-x", ticks(10, 10))
        assert "database is locked, 20 ticks wait" in writer.words
        holder.execute("ROLLBACK")
        holder.close()
        await until(lambda: writer.problem is None)
        await writer.flush()
        assert stored_ids(writer.archive) == list(range(20))
        assert writer.archive.rules() == [{"id": "a"}]
        assert writer.words == ""


async def test_a_disk_that_fills_up_pauses_the_writer_and_room_lets_it_go_on(small_disk):
    async with opened(small_disk / "a.sqlite") as writer:
        number = 0
        while writer.problem is None:
            writer.record("live-x", ticks(5_000, number))
            number += 5_000
            await writer.flush()
        assert "full" in writer.words
        for _ in range(20):
            writer.record("live-x", ticks(1_000, number))
            number += 1_000
        await asyncio.sleep(0.2)
        assert "ticks wait" in writer.words
        await asyncio.to_thread(_enlarge, small_disk)
        await until(lambda: writer.problem is None)
        await writer.flush()
        assert stored_ids(writer.archive) == list(range(number))
        assert writer.pending.lost_ticks == 0


def _enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


async def test_an_archive_that_cannot_be_opened_at_first_is_opened_later(path):
    path.mkdir()
    async with opened(path) as writer:
        assert "cannot open the archive" in writer.words
        writer.record("live-x", ticks(10))
        await writer.flush()
        path.rmdir()
        await until(lambda: writer.archive is not None)
        await writer.flush()
        assert stored_ids(writer.archive) == list(range(10))
        assert writer.alerts.restored == [([], [], {}, [])]


async def test_damage_is_set_aside_while_it_runs_and_recording_goes_on(path, monkeypatch, caplog):
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.append_ticks("live-x", ticks(50_000))
    archive.close()
    content = bytearray(path.read_bytes())
    content[-8_192:] = bytes(8_192)
    path.write_bytes(content)
    monkeypatch.setattr("storage.archive.file.QUICK_BYTES", 0)
    async with opened(path) as writer:
        await until(lambda: writer.notice is not None)
        assert "was set aside as a.sqlite.corrupt-" in writer.words
        assert writer.alerts.handed_over == 1
        writer.record("live-x", ticks(10))
        await writer.flush()
        assert stored_ids(writer.archive) == list(range(10))
        assert writer.archive.rules() == [{"id": "a"}]
    assert "set aside" in caplog.text


async def test_an_archive_that_another_process_holds_is_refused_before_anything_starts(path):
    async with opened(path):
        with pytest.raises(ArchiveInUse):
            ArchiveWriter().reserve(str(path))
    reserved = ArchiveWriter()
    reserved.reserve(str(path))
    await reserved.open(str(path), KeptAlerts(), 1)
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
    async with opened(path, keep_days=30) as writer:
        await until(lambda: not writer.archive.contents())
        for number in range(130):
            writer.record("live-x", ticks(10, 10 * number))  # old by their own times
            await writer.flush()
        await asyncio.sleep(0.2)
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT count(*) FROM blocks").fetchone()[0] < 10
        connection.close()
        assert stored_ids(writer.archive) == list(range(1_300))
