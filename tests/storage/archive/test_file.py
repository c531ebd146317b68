"""An archive in a file: whatever happens to the file, nothing is lost that was acknowledged."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from analytics.model import Ticks
from storage.archive.archive import SCHEMA_VERSION, Archive, ArchiveError, ArchiveInUse
from storage.archive.file import _engine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spreadscope.db"


@pytest.fixture
def archive(path: Path) -> Iterator[Archive]:
    opened = Archive.open(path)
    yield opened
    opened.close()


def event(number: int, market: str = "demo", **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "ts_ms": number * 1_000, "market": market, **more}


def delivery(of: str) -> dict[str, Any]:
    return {"id": of, "url": "http://localhost/", "body": "{}", "created_ms": 5, "tries": 0}


def test_the_folder_is_created_where_there_is_none(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "deep" / "er" / "a.db")
    archive.save_rule({"id": "a"})
    archive.close()
    assert (tmp_path / "deep" / "er" / "a.db").is_file()


def test_an_empty_file_is_set_aside_too(path: Path) -> None:
    path.touch()
    archive = Archive.open(path)
    assert archive.warning is not None
    assert "it is empty" in archive.warning
    assert archive.rules() == []
    assert len(set_aside(path)) == 1
    archive.close()


def set_aside(path: Path, why: str = "corrupt") -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.{why}-*"))


def test_a_file_that_is_not_a_database_is_set_aside_and_not_deleted(path: Path) -> None:
    content = b"hello, this is not a database\n" * 100
    path.write_bytes(content)
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    (aside,) = set_aside(path)
    assert aside.read_bytes() == content
    assert archive.warning is not None
    assert aside.name in archive.warning
    assert "file is not a database" in archive.warning
    archive.close()


@pytest.mark.parametrize("damage", ["header", "middle", "cut"])
def test_a_damaged_archive_is_set_aside(path: Path, damage: str) -> None:
    archive = Archive.open(path)
    archive.add_events([event(n, text="x" * 500) for n in range(200)])
    archive.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = bytes(100)
    elif damage == "middle":
        content[4096 : len(content) - 4096] = os.urandom(len(content) - 8192)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    archive = Archive.open(path)
    assert archive.events() == []
    (aside,) = set_aside(path)
    assert aside.read_bytes() == bytes(content)
    assert archive.warning is not None
    assert "damaged" in archive.warning
    archive.close()
    again = Archive.open(path)
    assert again.warning is None
    again.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_who_reads_while_an_archive_is_set_aside_does_not_keep_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    archive = Archive.open(path)
    if replaced:
        os.replace(shutil.copy(path, path.with_name("other")), path)
    lock = archive._store._file_lock
    release = lock.release

    def read_and_release() -> None:
        archive.contents()  # another thread, after the connections were closed
        release()

    monkeypatch.setattr(lock, "release", read_and_release)
    archive.begin_anew("it is damaged")
    monkeypatch.setattr(lock, "release", release)
    assert archive.append_ticks("live", ticks(10)) == 10
    reader = Archive.reader(path)
    assert [holding.market for holding in reader.contents()] == ["live"]
    reader.close()
    archive.close()


@pytest.mark.parametrize("version", ["0", "2", "4", "99", "one", None])
def test_an_archive_of_another_version_is_set_aside_unchanged(
    path: Path, version: str | None
) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "kept"})
    archive.append_ticks("live", ticks(10))
    archive.close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        if version is None:
            connection.execute("DELETE FROM meta")
        else:
            connection.execute("UPDATE meta SET value = ?", (version,))
    expected = f"its schema version is {version}, expected {SCHEMA_VERSION}"
    with pytest.raises(ArchiveError, match=expected):
        Archive.reader(path)
    content = path.read_bytes()
    archive = Archive.open(path)
    (aside,) = set_aside(path, "foreign")
    assert archive.warning == (
        f"the archive spreadscope.db could not be used: {expected}; "
        f"it was set aside as {aside.name} and a new one was begun"
    )
    assert aside.read_bytes() == content
    assert (archive.rules(), archive.contents()) == ([], [])
    assert archive.append_ticks("live", ticks(10)) == 10
    archive.close()


def test_an_archive_without_a_table_is_damaged_and_its_rules_are_copied(path: Path) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "kept"})
    archive.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE deliveries")
    archive = Archive.open(path)
    assert archive.warning is not None
    assert "it is damaged (tables are missing)" in archive.warning
    assert archive.rules() == [{"id": "kept"}]
    assert archive.deliveries() == []
    assert len(set_aside(path)) == 1
    archive.close()


def test_the_database_of_another_program_is_set_aside(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.commit()
    connection.close()
    archive = Archive.open(path)
    assert archive.warning is not None
    assert "not an archive of this program" in archive.warning
    archive.close()


def test_who_reads_while_the_file_is_away_makes_no_empty_one(path: Path) -> None:
    """As while a damaged file is set aside: the new one would be taken for what is there."""
    engine = _engine(path)
    with pytest.raises(sa.exc.OperationalError), engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM series")
    engine.dispose()
    assert not path.exists()


def test_two_files_set_aside_keep_two_names(path: Path) -> None:
    for _ in range(2):
        path.write_bytes(b"no database" * 100)
        Archive.open(path).close()
        path.unlink()
    assert len(set_aside(path)) == 2


def test_a_folder_in_the_place_of_the_file_is_an_error_and_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot open the archive"):
        Archive.open(tmp_path)
    assert tmp_path.is_dir()


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match=r"cannot open the archive a\.db: "):
        Archive.open(tmp_path / "file" / "a.db")


def test_a_locked_archive_is_an_error_and_is_not_set_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.archive.file.BUSY_TIMEOUT_MS", 50)
    archive = Archive.open(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(ArchiveError, match="database is locked"):
        archive.save_rule({"id": "a"})
    holder.execute("ROLLBACK")
    holder.close()
    archive.save_rule({"id": "a"})
    archive.close()
    assert set_aside(path) == []


def test_a_full_disk_is_an_error_and_the_archive_goes_on(archive: Archive) -> None:
    archive.add_events([event(1)])
    with archive._store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1")
        connection.commit()
    with pytest.raises(ArchiveError, match="full"):
        archive.add_events([event(n, text="x" * 5_000) for n in range(2, 50)])
    assert [e["id"] for e in archive.events()] == ["e1"]


def test_a_reader_elsewhere_does_not_block_the_writer(archive: Archive, path: Path) -> None:
    archive.add_events([event(1)])
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM alert_events").fetchone() == (1,)
    archive.add_events([event(2)])
    assert reader.execute("SELECT count(*) FROM alert_events").fetchone() == (1,)
    reader.close()
    assert len(archive.events()) == 2


WRITER = """
import sys
from storage.archive.archive import Archive
archive = Archive.open(sys.argv[1])
number = 0
while True:
    number += 1
    archive.add_events([{"id": f"e{number}", "ts_ms": number, "market": "demo"}])
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_a_killed_process_loses_nothing_that_was_acknowledged(path: Path) -> None:
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split()]
        process.wait()
        process.stdout.close()
        archive = Archive.open(path)
        assert archive.warning is None
        kept = {e["id"] for e in archive.events(limit=100_000)}
        assert {f"e{number}" for number in acknowledged} <= kept
        archive.clear_events()
        archive.close()


def ticks(count: int, first_id: int = 0) -> Ticks:
    ids = first_id + np.arange(count)
    rng = np.random.default_rng(first_id)
    return Ticks("BTCUSDT", 1_000 + ids, rng.uniform(1, 2, count), rng.uniform(1, 2, count), ids)


def stored_ids(archive: Archive) -> list[int]:
    return [
        number for rows in archive.ticks("live", "BTCUSDT") for number in rows.trade_id.tolist()
    ]


def test_a_second_writer_is_refused_and_changes_nothing(path: Path) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    with pytest.raises(ArchiveInUse, match="in use by another Spreadscope") as told:
        Archive.open(path)
    assert f"(process {os.getpid()})" in str(told.value)
    archive.save_rule({"id": "b"})
    archive.close()
    again = Archive.open(path)
    assert len(again.rules()) == 2
    again.close()


def test_journals_without_their_file_are_set_aside_and_never_applied(path: Path) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "old"})
    journal = path.with_name(f"{path.name}-wal")
    content = journal.read_bytes()
    archive.close()
    path.unlink()
    journal.write_bytes(content)
    archive = Archive.open(path)
    assert archive.rules() == []
    archive.close()
    assert len(list(path.parent.glob("*.orphan-*-wal"))) == 1


def test_rules_and_alerts_that_can_be_read_are_copied_to_the_new_file(path: Path) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.add_events([event(1)], deliveries=[delivery("e1")])
    archive.append_ticks("live", ticks(50_000))
    archive.close()
    content = bytearray(path.read_bytes())
    content[-8_192:] = bytes(8_192)
    path.write_bytes(content)
    archive = Archive.open(path)
    assert archive.warning is not None
    assert "with the 2 rules, alerts and views of the old one" in archive.warning
    assert archive.rules() == [{"id": "a"}]
    assert [event["id"] for event in archive.events()] == ["e1"]
    assert [row["id"] for row in archive.deliveries()] == ["e1"]
    assert archive.contents() == []
    archive.close()


def test_an_open_archive_that_a_thorough_check_finds_damaged_is_set_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.append_ticks("live", ticks(50_000))
    archive.close()
    content = bytearray(path.read_bytes())
    content[-8_192:] = bytes(8_192)
    path.write_bytes(content)
    monkeypatch.setattr("storage.archive.file.QUICK_BYTES", 0)
    archive = Archive.open(path)
    assert archive.warning is None
    problem = archive.problem()
    assert problem is not None
    assert "damaged" in problem
    assert len(set_aside(path)) == 0
    assert "set aside" in archive.begin_anew(problem)
    assert archive.append_ticks("live", ticks(10)) == 10
    assert archive.rules() == [{"id": "a"}]
    assert archive.problem() is None
    archive.close()
    (aside,) = set_aside(path)
    assert aside.read_bytes() == bytes(content)


def test_every_flipped_byte_of_a_file_is_noticed_or_harmless(path: Path) -> None:
    """Each open archive shows ticks that were stored, or none; it never shows others."""
    archive = Archive.open(path)
    archive.append_ticks("live", ticks(2_000))
    archive.close()
    good, rng = path.read_bytes(), np.random.default_rng(3)
    for place in rng.integers(0, len(good), 60).tolist():
        content = bytearray(good)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        archive = Archive.open(path)
        try:
            read = list(archive.ticks("live", "BTCUSDT"))
        except ArchiveError:
            read = []
        for rows in read:
            assert np.array_equal(rows.price, ticks(2_000).price)
        archive.close()
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()


def test_a_file_cut_at_any_place_opens_or_is_set_aside(path: Path) -> None:
    archive = Archive.open(path)
    archive.append_ticks("live", ticks(2_000))
    archive.close()
    good = path.read_bytes()
    for length in range(0, len(good), 3_500):
        path.write_bytes(good[:length])
        archive = Archive.open(path)
        if archive.warning is None:  # the last page is cut: the check sum of its block tells
            assert list(archive.ticks("live", "BTCUSDT")) == [], f"cut at {length}"
            assert archive.damage == (1, 2_000)
        assert archive.append_ticks("live", ticks(10, 5_000)) == 10
        archive.close()
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()


# --- the disk ------------------------------------------------------------------------------


def fill(path: Path) -> None:
    """Leave no room on a small disk."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(65_536))


def test_a_full_file_system_is_an_error_until_there_is_room(small_disk: Path) -> None:
    archive = Archive.open(small_disk / "a.sqlite")
    archive.append_ticks("live", ticks(10))
    filler = small_disk / "filler"
    fill(filler)
    stored = 10
    with pytest.raises(ArchiveError, match="full"):  # noqa: PT012
        while True:
            stored += archive.append_ticks("live", ticks(5_000, stored))
    filler.unlink()
    assert archive.append_ticks("live", ticks(5_000, stored)) == 5_000
    assert stored_ids(archive) == list(range(stored + 5_000))
    assert archive.problem() is None
    archive.close()


def test_a_read_only_file_system_is_an_error_until_it_is_writable(small_disk: Path) -> None:
    path = small_disk / "a.sqlite"
    archive = Archive.open(path)
    archive.save_rule({"id": "a"})
    archive.close()
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    with pytest.raises(ArchiveError, match="cannot open the archive"):
        Archive.open(path)
    subprocess.run([*remount[:2], "remount,rw", *remount[3:]], check=True)
    archive = Archive.open(path)
    assert archive.rules() == [{"id": "a"}]
    assert archive.warning is None
    archive.close()


def test_the_journal_is_moved_to_the_file_while_the_writer_goes_on(path: Path) -> None:
    archive = Archive.open(path)
    archive.append_ticks("live", ticks(5_000))
    before = path.stat().st_size
    archive.settle()
    assert path.stat().st_size > before
    assert archive.append_ticks("live", ticks(10_000)) == 5_000
    archive.close()
