"""What comes back from the archive: all of it, under the numbering that it had."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager

import numpy as np
import pytest

from analytics.model import Bars, Ticks
from dashapp.services.archive.recorder import Recorder
from dashapp.services.archive.restore import Restorer
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from storage.archive.archive import Archive
from storage.market.market import Market


def trades(ts_ms: int, count: int = 100, first_id: int = 0) -> Ticks:
    ids = np.arange(first_id, first_id + count)
    return Ticks("X", ts_ms + 10 * np.arange(count), np.full(count, 5.0), np.ones(count), ids)


@asynccontextmanager
async def archived(tmp_path):
    """An archive in which a source numbered its trades anew, and a file."""
    path = tmp_path / "a.sqlite"
    archive = Archive.open(path)
    archive.put_market("live-x", "Live: X", "live")
    archive.append([("live-x", trades(1_000_000)), ("live-x", "X"), ("live-x", trades(2_000_000))])
    archive.put_market("file", "A file", "upload")
    times, ones = np.arange(40) * 60_000, np.ones(40)
    archive.append_bars("file", Bars("Y", "1m", times, *[ones] * 5, np.ones(40, int), ones))
    archive.close()
    writer, revived = ArchiveWriter(), []
    writer.archive = Archive.open(path)
    try:
        yield Restorer(writer, revived.append), revived
    finally:
        writer.archive.close()


def assert_both_numberings(market: Market) -> None:
    assert market.counters.accepted == 200
    assert market.counters.duplicate == 0
    ticks = market.ticks("X")
    assert ticks.trade_id.tolist() == [*range(100), *range(100)]
    assert ticks.ts_ms.tolist() == [
        *trades(1_000_000).ts_ms.tolist(),
        *trades(2_000_000).ts_ms.tolist(),
    ]


async def test_a_market_that_is_loaded_has_the_trades_of_every_numbering(tmp_path):
    async with archived(tmp_path) as (restorer, _):
        market = await restorer.load("live-x")
    assert_both_numberings(market)
    assert (market.id, market.title, market.kept_as) == ("live-x", "Live: X, as kept", "live-x")


async def test_a_live_market_that_is_revived_has_the_trades_of_every_numbering(tmp_path):
    market = Market("live", "Live: X", "live", kept_as="live-x")
    async with archived(tmp_path) as (restorer, revived):
        await restorer.revive(market)
        assert_both_numberings(market)
        assert revived == [market]
        await restorer.revive(market)
        assert market.counters.received == 200, "it is there already"
    assert market.append(trades(2_000_000)).trade_id.tolist() == [], "ids of now are known"


async def test_what_still_waited_to_be_written_comes_back_too(tmp_path, monkeypatch):
    market = Market("live", "Live: X", "live", kept_as="live-x")
    async with archived(tmp_path) as (restorer, _):
        writer = restorer._writer

        async def flush() -> None:
            writer.archive.append_ticks("live-x", trades(3_000_000, 5, 500))

        monkeypatch.setattr(writer, "flush", flush)
        await restorer.revive(market)
    assert market.newest_id("X") == 504


async def test_the_newest_live_market_comes_back_only_while_no_source_feeds_it(tmp_path):
    fed = Market("live", "Live: Y", "live", kept_as="live-y")
    idle = Market("live", "Live", "live")
    async with archived(tmp_path) as (restorer, _):
        await restorer.revive_newest(fed)
        assert (fed.title, fed.symbols) == ("Live: Y", ())
        await restorer.revive_newest(idle)
    assert_both_numberings(idle)
    assert (idle.title, idle.kept_as) == ("Live: X", "live-x")


async def test_a_file_that_is_there_already_does_not_come_back(tmp_path):
    async with archived(tmp_path) as (restorer, revived):
        assert [market async for market in restorer.uploads(16, {"file"})] == []
    assert revived == []


async def test_a_file_that_comes_while_its_copy_is_read_is_not_replaced_by_it(tmp_path):
    class Known:
        def __init__(self) -> None:
            self.asked = 0

        def __contains__(self, market_id: object) -> bool:
            self.asked += 1
            return self.asked > 1

    async with archived(tmp_path) as (restorer, revived):
        assert [market async for market in restorer.uploads(16, Known())] == []
    assert revived == []


async def test_files_come_back_whole(tmp_path):
    async with archived(tmp_path) as (restorer, revived):
        (market,) = [market async for market in restorer.uploads(16)]
    assert revived == [market]
    assert (market.id, market.kept_as, market.origin, market.whole) == (
        "file",
        "file",
        "bars",
        True,
    )
    assert len(market.bars("Y", "1m")) == 40


async def test_without_an_archive_nothing_comes_back():
    writer = ArchiveWriter()
    restorer, market = Restorer(writer, pytest.fail), Market("live", "Live", "live", kept_as="a")
    await restorer.revive(market)
    await restorer.revive_newest(market)
    assert [market async for market in restorer.uploads(16)] == []
    assert market.symbols == ()
    assert await Recorder(writer, Markets(market)).contents() == []


async def test_a_market_that_is_recorded_is_named_again_when_it_was_deleted(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    async with archived(tmp_path) as (restorer, _):
        writer = restorer._writer
        live = Market("live", "Live: X", "live", kept_as="live-x")
        recorder = Recorder(writer, Markets(live))
        assert await recorder.delete("live-x", None) == 200
        assert await recorder.delete("file", None) == 40
        assert [market.id for market in writer.archive.markets()] == ["live-x"]
