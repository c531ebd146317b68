"""The archive: rules and alerts outlive the process, whatever happens to the file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.archive import SCHEMA_VERSION, Archive, ArchiveError


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


def test_rules_survive_a_restart_in_the_order_they_were_saved(path: Path) -> None:
    first = Archive.open(path)
    for rule_id in ("b", "a", "c"):
        first.save_rule({"id": rule_id, "threshold": 2.0, "params": {"y": "A", "x": "B"}})
    first.close()
    again = Archive.open(path)
    assert [rule["id"] for rule in again.rules()] == ["b", "a", "c"]
    assert again.rules()[0]["params"] == {"y": "A", "x": "B"}
    assert again.warning is None
    again.close()


def test_saving_a_rule_again_replaces_it_in_its_place(archive: Archive) -> None:
    archive.save_rule({"id": "a", "threshold": 2.0})
    archive.save_rule({"id": "b", "threshold": 2.0})
    archive.save_rule({"id": "a", "threshold": 3.0})
    assert archive.rules() == [{"id": "a", "threshold": 3.0}, {"id": "b", "threshold": 2.0}]


def test_deleting_a_rule_says_whether_there_was_one(archive: Archive) -> None:
    archive.save_rule({"id": "a"})
    assert archive.delete_rule("a")
    assert not archive.delete_rule("a")
    assert archive.rules() == []


def test_the_newest_events_come_first_and_the_limit_keeps_them(archive: Archive) -> None:
    assert archive.add_events([event(n) for n in (3, 1, 2)]) == 3
    assert [e["id"] for e in archive.events()] == ["e3", "e2", "e1"]
    assert [e["id"] for e in archive.events(limit=2)] == ["e3", "e2"]
    assert archive.events(limit=0) == []


def test_events_are_filtered_by_market_and_time(archive: Archive) -> None:
    archive.add_events([event(1), event(2, "live"), event(3, "live")])
    assert [e["id"] for e in archive.events("live")] == ["e3", "e2"]
    assert [e["id"] for e in archive.events("live", since_ms=3_000)] == ["e3"]
    assert archive.events("upload-1") == []


def test_the_same_event_is_kept_once(archive: Archive) -> None:
    assert archive.add_events([event(1, value=2.5), event(1, value=9.9)]) == 1
    assert archive.add_events([event(1), event(2)]) == 1
    assert archive.events()[-1]["value"] == 2.5


def test_clearing_the_history_leaves_the_rules(archive: Archive) -> None:
    archive.save_rule({"id": "a"})
    archive.add_events([event(1), event(2)])
    assert archive.clear_events() == 2
    assert archive.events() == []
    assert len(archive.rules()) == 1


def test_nothing_of_a_batch_with_a_bad_event_is_kept(archive: Archive) -> None:
    with pytest.raises(ValueError, match="ts_ms is '5', expected int"):
        archive.add_events([event(1), {**event(2), "ts_ms": "5"}])
    with pytest.raises(ValueError, match="market is None, expected str"):
        archive.add_events([{"id": "e", "ts_ms": 1}])
    with pytest.raises(ValueError, match="not JSON compliant"):
        archive.add_events([event(3), event(4, value=float("nan"))])
    assert archive.events() == []


def test_a_rule_without_an_id_is_refused(archive: Archive) -> None:
    with pytest.raises(ValueError, match="id is None, expected str"):
        archive.save_rule({"threshold": 2.0})


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields=st.dictionaries(st.text(), plain, max_size=4), rule_id=st.text())
def test_any_json_comes_back_as_it_went_in(archive: Archive, fields: dict, rule_id: str) -> None:
    rule = {**fields, "id": rule_id}
    try:
        json.dumps(rule, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    archive.save_rule(rule)
    assert rule in archive.rules()
    archive.delete_rule(rule_id)
    assert archive.rules() == []


def test_closing_twice_is_harmless_and_a_closed_archive_says_so(path: Path) -> None:
    archive = Archive.open(path)
    archive.close()
    archive.close()
    for use in (archive.rules, archive.clear_events):
        with pytest.raises(ArchiveError, match=r"the archive spreadscope\.db is closed"):
            use()


def test_the_folder_is_made_where_there_is_none(tmp_path: Path) -> None:
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


def test_a_file_that_is_no_database_is_set_aside_and_not_deleted(path: Path) -> None:
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


def test_an_archive_of_another_version_is_set_aside_whole(path: Path) -> None:
    archive = Archive.open(path)
    archive.save_rule({"id": "kept"})
    archive.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    connection.close()
    archive = Archive.open(path)
    assert archive.rules() == []
    assert archive.warning is not None
    assert f"its schema version is 99, expected {SCHEMA_VERSION}" in archive.warning
    archive.close()
    (aside,) = set_aside(path, "foreign")
    connection = sqlite3.connect(aside)
    assert connection.execute("SELECT id FROM alert_rules").fetchall() == [("kept",)]
    connection.close()


def test_the_database_of_another_program_is_set_aside(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.commit()
    connection.close()
    archive = Archive.open(path)
    assert archive.warning is not None
    assert "not an archive of this program" in archive.warning
    archive.close()


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


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match=r"cannot open the archive a\.db: "):
        Archive.open(tmp_path / "file" / "a.db")


def test_a_locked_archive_is_an_error_and_is_not_set_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.archive_file.BUSY_TIMEOUT_MS", 50)
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


def test_threads_write_one_after_the_other_and_lose_nothing(archive: Archive) -> None:
    def work(offset: int) -> None:
        for number in range(20):
            archive.add_events([event(offset + number)])
            archive.events(limit=1)

    threads = [threading.Thread(target=work, args=(100 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archive.events()) == 80


async def test_it_can_be_used_from_an_event_loop(archive: Archive) -> None:
    await asyncio.gather(
        *(asyncio.to_thread(archive.add_events, [event(number)]) for number in range(10))
    )
    assert len(await asyncio.to_thread(archive.events)) == 10


WRITER = """
import sys
from storage.archive import Archive
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
