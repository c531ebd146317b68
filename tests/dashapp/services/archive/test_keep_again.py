"""What an archive that is begun anew is handed of the watchlist and of the scans."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from analytics.model import PairParams
from dashapp.services.watchlist.pair import WatchedPair
from storage.archive.archive import Archive
from tests.dashapp.services.scan.test_scans import PARAMS, market_of, scans_here


@pytest.fixture
def archive(tmp_path: Path):
    opened = Archive.open(tmp_path / "anew.sqlite")
    yield opened
    opened.close()


async def test_every_watched_pair(archive: Archive, runtime, monkeypatch) -> None:
    pairs = [PairParams("BTCUSDT", "ETHUSDT", z_window=window) for window in (60, 90)]
    put = [runtime.watchlist.put(WatchedPair("demo", pair, 2.5)) for pair in pairs]
    writes: list[Callable[[Archive], object]] = []
    monkeypatch.setattr(runtime.recorder.writer, "keep", writes.append)
    runtime.watchlist.keep_again()
    for write in writes:
        write(archive)
    assert archive.watched() == [pair.document() for pair in put]


async def test_the_newest_scan_of_each_market(archive: Archive) -> None:
    writes: list[Callable[[Archive], object]] = []
    markets = (market_of(), market_of(id="n"))
    scans = scans_here(*markets, writer=SimpleNamespace(keep=writes.append))
    jobs = [scans.start(market.id, PARAMS) for market in markets]
    for job in jobs:
        await job.wait()
    writes.clear()
    scans.keep_again()
    for write in writes:
        write(archive)
    kept = archive.scans(10)
    assert {row["record"]["id"] for row in kept} == {job.id for job in jobs}
    assert all(row["result"] for row in kept)
