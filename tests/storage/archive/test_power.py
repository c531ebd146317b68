"""Should the power fail: rules and alerts are on the disk when their call returns, ticks soon
after, and a journal that ends anywhere is an archive that opens with what came before.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from analytics.model import Bars, Ticks
from storage.archive import file
from storage.archive.archive import Archive, store_at
from storage.archive.kept import KeptByHand

RULE = {"id": "r1", "threshold": 2.0}
ALERT = {"id": "a1", "ts_ms": 5, "market": "live"}
FULL, NORMAL = 2, 1


def ticks(first: int, count: int = 50) -> Ticks:
    ids = first + np.arange(count)
    return Ticks("BTCUSDT", 1_000 + ids, np.full(count, 5.0), np.full(count, 1.0), ids)


def bars() -> Bars:
    one = np.ones(1)
    return Bars("BTCUSDT", "1m", np.array([60_000]), *[one] * 5, np.ones(1, int), one)


#: Every call that writes, and how safe what it wrote is when it returns.
WRITES: dict[str, tuple[Callable[[Archive], object], int]] = {
    "save_rule": (lambda archive: archive.save_rule(RULE), FULL),
    "delete_rule": (lambda archive: archive.delete_rule("r1"), FULL),
    "add_events": (lambda archive: archive.add_events([ALERT], {"r1": {"armed": False}}), FULL),
    "update_event": (lambda archive: archive.update_event({**ALERT, "bars": 3}), FULL),
    "end_delivery": (lambda archive: archive.end_delivery("d1", {**ALERT, "sent": True}), FULL),
    "count_tries": (lambda archive: archive.count_tries("d1", 2), NORMAL),
    "clear_events": (lambda archive: archive.clear_events(), FULL),
    "save_views": (lambda archive: archive.save_views({"mine": {"z": 2}}), FULL),
    "rename_view": (lambda archive: archive.rename_view("mine", "yours"), FULL),
    "set_last_link": (lambda archive: archive.set_last_link("/analytics"), NORMAL),
    "delete_view": (lambda archive: archive.delete_view("mine"), FULL),
    "save_watched": (lambda archive: archive.save_watched({"id": "w1"}), FULL),
    "delete_watched": (lambda archive: archive.delete_watched("w1"), FULL),
    "save_scan": (
        lambda archive: archive.save_scan({"id": "s1", "market": "demo"}, None, 5),
        FULL,
    ),
    "delete": (lambda archive: archive.delete("live"), FULL),
    "prune": (lambda archive: archive.prune(1), FULL),
    "append": (lambda archive: archive.append([("live", ticks(0))]), NORMAL),
    "append_ticks": (lambda archive: archive.append_ticks("live", ticks(0)), NORMAL),
    "append_bars": (lambda archive: archive.append_bars("file", bars()), NORMAL),
    "append_readings": (
        lambda archive: archive.append_readings("live", {}, [{"ts_ms": 1}]),
        NORMAL,
    ),
    "put_market": (lambda archive: archive.put_market("live", "Live"), NORMAL),
    "merge": (lambda archive: archive.merge(), NORMAL),
}


@pytest.fixture
def levels(place: str):
    """An archive in each kind of database, and how durable each of its commits was to be."""
    store, seen = store_at(place), []

    @sa.event.listens_for(store.engine, "commit")
    def note(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes"):
            driver = connection.connection.cursor()
            if store.engine.dialect.name == "sqlite":
                driver.execute("PRAGMA synchronous")
                seen.append(driver.fetchone()[0])
            else:
                driver.execute("SHOW synchronous_commit")
                seen.append({"on": FULL, "off": NORMAL}[driver.fetchone()[0]])

    archive = Archive.open(store)
    seen.clear()
    yield archive, seen
    archive.close()


@pytest.mark.parametrize("name", WRITES)
def test_rules_alerts_and_views_are_synced_at_each_commit_and_ticks_are_not(levels, name):
    archive, seen = levels
    write, level = WRITES[name]
    archive.append_ticks("live", ticks(900))  # a level must not stay behind on a connection
    archive.save_rule({"id": "r0"})
    seen.clear()
    write(archive)
    assert seen == [level]


def test_every_method_that_writes_is_in_the_table_above():
    reading = {"open", "reader", "ticks", "numbered_ticks", "bars", "contents", "markets"}
    reading |= {"rules", "rule_states", "events", "saved_views", "readings", "deliveries"}
    reading |= {"last_link", "newest_ms", "watched", "scans", "files"}
    calls = {**vars(KeptByHand), **vars(Archive)}
    own = {name for name in calls if not name.startswith("_")}
    assert own - reading == set(WRITES)


def written(folder: Path) -> tuple[Path, list[int], Callable[[], None]]:
    """An archive as it is while a process writes it; the journal's length after each write."""
    archive = Archive.open(folder / "a.sqlite")
    journal = folder / "a.sqlite-wal"
    ends = []
    for number in range(6):
        if number == 3:
            archive.save_rule(RULE)
        else:
            archive.append_ticks("live", ticks(50 * number))
        ends.append(journal.stat().st_size)
    assert ends == sorted(ends)
    return folder / "a.sqlite", ends, archive.close


@pytest.mark.parametrize("tail", ["gone", "zeros", "noise"])
def test_a_journal_that_ends_anywhere_is_an_archive_with_everything_before(tmp_path, tail):
    path, ends, close = written(tmp_path)
    content = path.with_name("a.sqlite-wal").read_bytes()
    rng = np.random.default_rng(1)
    cuts = [0, *(end + away for end in ends for away in (-4_000, -1, 0)), len(content) // 3]
    for number, cut in enumerate(cuts):
        copy = tmp_path / f"copy-{number}.sqlite"
        shutil.copy(path, copy)
        lost = len(content) - cut
        rest = {"gone": b"", "zeros": bytes(lost), "noise": rng.bytes(lost)}[tail]
        copy.with_name(f"{copy.name}-wal").write_bytes(content[:cut] + rest)
        reopened = Archive.open(copy)
        whole = [place for place, end in enumerate(ends) if end <= cut]
        assert reopened.warning is None
        assert reopened.problem() is None
        assert reopened.rules() == ([RULE] if 3 in whole else [])
        parts = [rows.trade_id for rows in reopened.ticks("live", "BTCUSDT")]
        ids = np.concatenate(parts).tolist() if parts else []
        assert ids == [50 * place + at for place in whole if place != 3 for at in range(50)]
        reopened.close()
    close()


def test_the_name_of_a_new_archive_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(file.os, "fsync", lambda number: synced.append(number))
    Archive.open(tmp_path / "new.sqlite").close()
    assert len(synced) == 1
    Archive.open(tmp_path / "new.sqlite").close()
    assert len(synced) == 1
