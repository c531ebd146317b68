"""The writer of a file: stored beside its reading, seen when it is whole, gone when it is not."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.model import Bars, Ticks
from dashapp.services.archive import file_writer
from dashapp.services.archive.file_writer import FileWriter
from dashapp.services.runtime import Runtime
from storage.archive.archive import Archive, ArchiveError
from tests.dashapp.services.quiet_runtime import QUIET
from tests.waiting import until


@pytest.fixture
def archive(tmp_path: Path):
    opened = Archive.open(tmp_path / "a.sqlite")
    yield opened
    opened.close()


def ticks(count: int, first: int = 0) -> Ticks:
    times = 1_000 + first + np.arange(count)
    return Ticks("BTCUSDT", times, times / 10, np.ones(count), -np.ones(count))


def bars(count: int) -> Bars:
    times, ones = np.arange(count) * 60_000, np.ones(count)
    return Bars("ETHUSDT", "1m", times, ones, ones, ones, ones, ones, ones, ones)


def rows_of(archive: Archive) -> int:
    return sum(one.rows for one in archive.contents())


def test_a_file_is_seen_when_it_is_whole_and_not_before(archive, monkeypatch):
    monkeypatch.setattr(file_writer, "AT_ONCE", 100)
    writer = FileWriter(archive, "upload-1")
    for number in range(10):
        writer.take(ticks(60, 60 * number))
    assert archive.contents() == []
    writer.take(bars(5))
    writer.done("a.ndjson")
    assert [(one.kind, one.rows, one.title) for one in archive.contents()] == [
        ("ticks", 600, "a.ndjson"),
        ("bars", 5, "a.ndjson"),
    ]
    assert np.array_equal(
        np.concatenate([one.ts_ms for one in archive.ticks("upload-1", "BTCUSDT")]),
        1_000 + np.arange(600),
    )


def test_a_file_that_is_given_up_leaves_nothing(archive, monkeypatch):
    monkeypatch.setattr(file_writer, "AT_ONCE", 100)
    writer = FileWriter(archive, "upload-1")
    for number in range(5):
        writer.take(ticks(60, 60 * number))
    writer.drop()
    assert list(archive.ticks("upload-1", "BTCUSDT")) == []
    assert archive.markets() == []


def test_a_file_that_joins_needs_its_market_and_leaves_it_when_it_is_given_up(archive):
    orphan = FileWriter(archive, "upload-9", joins=True)
    orphan.take(ticks(10))
    orphan.done("b.csv")
    assert "no market upload-9" in orphan.problem
    archive.put_market("upload-1", "a.csv", "upload")
    archive.append_ticks("upload-1", ticks(10))
    joining = FileWriter(archive, "upload-1", joins=True)
    joining.take(ticks(5, 100))
    joining.drop()
    assert rows_of(archive) == 10
    joining = FileWriter(archive, "upload-1", joins=True)
    joining.take(ticks(5, 100))
    joining.done("a.csv and 1 file")
    assert (rows_of(archive), archive.markets()[0].title) == (15, "a.csv and 1 file")


def test_a_file_that_cannot_be_stored_is_in_memory_only_and_says_why(archive, monkeypatch, caplog):
    def full(*_):
        raise ArchiveError("the disk is full")

    writer = FileWriter(archive, "upload-1")
    monkeypatch.setattr(file_writer, "AT_ONCE", 10)
    writer.take(ticks(20))
    with monkeypatch.context() as broken:
        broken.setattr(archive, "append", full)
        writer.take(ticks(20, 100))
        writer._wait()
    writer.take(ticks(20, 200))
    writer.done("a.ndjson")
    assert writer.problem == "the disk is full"
    assert archive.contents() == []
    assert "the disk is full: the file of market upload-1 is in memory only" in caplog.text


async def test_what_is_kept_of_an_upload_goes_when_that_is_given_up(monkeypatch):
    runtime, dropped = Runtime(QUIET), threading.Event()
    writer = SimpleNamespace(drop=dropped.set)
    monkeypatch.setattr(runtime.recorder, "file", lambda market, joins: writer)
    session = runtime.uploads.begin("half.ndjson")
    await session.feed(b'{"symbol":"BTCUSDT"')
    session.abort()
    await until(dropped.is_set)
