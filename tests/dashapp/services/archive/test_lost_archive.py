"""An archive that is deleted, replaced, moved or linked while the app runs; a clock that jumps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from analytics.model import Ticks
from dashapp.services.archive.maintenance import DAY_MS
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from storage.archive.archive import Archive, ArchiveInUse, store_at
from storage.market.market import Market
from tests.waiting import until

NOW_MS = time.time_ns() // 1_000_000
KEY = "live-test"


def some_ticks(first: int, count: int = 5) -> Ticks:
    ids = list(range(first, first + count))
    times = [NOW_MS - 10_000 + one for one in ids]
    return Ticks("BTCUSDT", times, [7.0] * count, [1.0] * count, ids)


@pytest.fixture
async def running(tmp_path):
    """A runtime with an archive, whose live market holds five ticks that are kept."""
    runtime = Runtime(Settings(source="none", archive=str(tmp_path / "a.sqlite")))
    await runtime.start()
    await until(lambda: runtime.recorder.writer.archive is not None)
    runtime.markets["live"] = market = Market("live", "Live: test", "live", kept_as=KEY)
    market.append(some_ticks(1))
    writer = runtime.recorder.writer
    writer.keep(lambda archive: archive.put_market(KEY, "Live: test"))
    writer.record(KEY, some_ticks(1))
    await writer.flush()
    yield runtime, tmp_path / "a.sqlite"
    await runtime.stop()


def ids_in(path) -> list[int]:
    reader = Archive.reader(path)
    try:
        return [int(one) for rows in reader.ticks(KEY, "BTCUSDT") for one in rows.trade_id]
    finally:
        reader.close()


async def anew(runtime, path) -> None:
    """The strip says so, and the new file has what memory holds, once."""
    writer = runtime.recorder.writer
    await until(lambda: writer.notice is not None)
    assert "was lost while it was open" in writer.words
    writer.record(KEY, some_ticks(6))
    await until(lambda: not len(writer.pending))
    await writer.flush()
    assert ids_in(path) == list(range(1, 11))


async def test_a_deleted_archive_is_said_and_begun_anew_from_memory(running):
    runtime, path = running
    for name in path.parent.glob("a.sqlite*"):
        if not name.name.endswith(".lock"):
            name.unlink()
    await anew(runtime, path)
    assert "deleted or moved away" in runtime.recorder.writer.words


async def test_a_new_archive_gets_every_numbering_that_memory_holds(running):
    runtime, path = running
    live, writer = runtime.markets["live"], runtime.recorder.writer
    live.forget_ids("BTCUSDT")
    times, ids = [NOW_MS + one for one in range(5)], list(range(1, 6))
    live.append(Ticks("BTCUSDT", times, [7.0] * 5, [1.0] * 5, ids))
    path.unlink()
    await until(lambda: writer.notice is not None)
    await until(lambda: not len(writer.pending))
    await writer.flush()
    assert ids_in(path) == [*ids, *ids]


async def test_a_new_archive_tells_a_numbering_that_shares_no_id_with_the_one_before(running):
    runtime, path = running
    live, writer = Market("live", "Live: test", "live", kept_as=KEY), runtime.recorder.writer
    runtime.markets["live"] = live
    live.append(some_ticks(100))
    live.forget_ids("BTCUSDT")
    live.append(some_ticks(1))
    path.unlink()
    await until(lambda: writer.notice is not None)
    await until(lambda: not len(writer.pending))
    writer.record(KEY, some_ticks(98))  # the new numbering comes to where the old one was
    await writer.flush()
    assert ids_in(path) == [*range(100, 105), *range(1, 6), *range(98, 103)]


async def test_a_market_of_several_files_still_knows_how_many(running):
    runtime, path = running
    market = Market("upload-1", "a.csv and 1 file", "upload", kept_as="upload-1")
    market.made_of = ("a.csv", 2)
    runtime.uploads.add(market)
    path.unlink()
    await anew(runtime, path)
    reader = Archive.reader(path)
    try:
        assert reader.files("upload-1") == ("a.csv", 2)
    finally:
        reader.close()


async def test_a_moved_archive_stays_where_it_was_moved_to(running, tmp_path):
    runtime, path = running
    path.rename(tmp_path / "moved.sqlite")
    await anew(runtime, path)


async def test_a_file_put_in_its_place_is_set_aside_not_written_to(running, tmp_path):
    runtime, path = running
    other = tmp_path / "other"
    other.write_text("somebody's own file")
    shutil.move(other, path)
    await anew(runtime, path)
    (aside,) = (one for one in tmp_path.glob("a.sqlite.replaced-*") if one.suffix.endswith("Z"))
    assert aside.read_text() == "somebody's own file"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_the_lock_is_of_the_file_whatever_it_is_called(tmp_path, link):
    path, other = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    Archive.open(path).close()
    link(path, other)
    code = (
        "import sys\nfrom storage.archive.archive import Archive\n"
        "Archive.open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "open\n"
        for name in (path, other):
            with pytest.raises(ArchiveInUse):
                store_at(name).hold()
    finally:
        holder.communicate("")
    store = store_at(other)
    store.hold()
    store.close()


def test_archive_journal_and_lock_are_the_owners_alone(tmp_path):
    path = tmp_path / "a.sqlite"
    Archive.open(path).close()
    path.chmod(0o644)
    archive = Archive.open(path)
    archive.save_rule({"id": "r"})
    modes = {name.name: name.stat().st_mode & 0o777 for name in tmp_path.glob("a.sqlite*")}
    archive.close()
    assert set(modes.values()) == {0o600}, modes
    assert len(modes) >= 3


async def test_what_still_waits_to_be_written_is_deleted_with_its_market(running):
    runtime, path = running
    runtime.recorder.writer.record(KEY, some_ticks(6))
    assert await runtime.recorder.delete(KEY, None) == 10
    await runtime.recorder.writer.flush()
    assert ids_in(path) == []


async def test_a_clock_that_jumped_ahead_prunes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.sqlite"
    archive = Archive.open(path)
    archive.put_market(KEY, "Live: test")
    archive.append_ticks(KEY, some_ticks(1))
    archive.close()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 40 * DAY_MS * 1_000_000)
    runtime = Runtime(Settings(source="none", archive=str(path), keep_days=30))
    pruned = []
    prune = Archive.prune
    monkeypatch.setattr(
        Archive, "prune", lambda self, before_ms: pruned.append(before_ms) or prune(self, before_ms)
    )
    await runtime.start()
    await until(lambda: pruned)
    await runtime.stop()
    assert pruned[0] < NOW_MS - 29 * DAY_MS
    assert ids_in(path) == [1, 2, 3, 4, 5]
