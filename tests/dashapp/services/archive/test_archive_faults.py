"""The app with an archive that is damaged, foreign, held by another, or out of room."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from analytics.model import Ticks
from dashapp.services.archive.recorder import key_of
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from storage.archive.archive import Archive
from tests.exchange import Exchange
from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[4]
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@asynccontextmanager
async def streaming(path: Path, rate: float = 100.0):
    async with Exchange(SYMBOLS, rate=rate) as exchange:
        runtime = Runtime(
            Settings(
                source="binance-futures",
                symbols=SYMBOLS,
                archive=str(path),
                binance_ws=exchange.ws,
                binance_rest=exchange.rest,
                universe=0,
            )
        )
        await runtime.start()
        try:
            await until(lambda: runtime.markets["live"].rate() > 0)
            yield runtime, key_of("binance-futures", exchange.ws)
        finally:
            await runtime.stop()


def made(path: Path) -> bytearray:
    """A sound archive of some size, closed."""
    archive, ids = Archive.open(path), np.arange(50_000)
    archive.save_rule({"id": "r"})
    prices = np.random.default_rng(1).uniform(1, 2, len(ids))
    archive.append_ticks("live-x", Ticks("BTCUSDT", 1_000 + ids, prices, prices, ids))
    archive.close()
    return bytearray(path.read_bytes())


def _header(path: Path) -> None:
    content = made(path)
    content[:100] = bytes(100)
    path.write_bytes(content)


def _page(path: Path) -> None:
    content = made(path)
    content[-8_192:] = bytes(8_192)
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(made(path)[:30_000])


def _empty(path: Path) -> None:
    path.touch()


def _other_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.close()


def _other_version(path: Path) -> None:
    made(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99'")
    connection.commit()
    connection.close()


FAULTS = {
    "header": (_header, "corrupt"),
    "page": (_page, "corrupt"),
    "cut": (_cut, "corrupt"),
    "empty": (_empty, "corrupt"),
    "another program's": (_other_program, "foreign"),
    "another version's": (_other_version, "foreign"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_file_that_cannot_be_used_is_set_aside_and_live_data_flows(tmp_path, caplog, fault):
    path = tmp_path / "archive.sqlite"
    spoil, kind = FAULTS[fault]
    spoil(path)
    content = path.read_bytes()
    async with streaming(path) as (runtime, key):
        (aside,) = [one for one in tmp_path.glob(f"*.{kind}-*") if not one.name.endswith("-wal")]
        assert aside.read_bytes() == content
        told = runtime.feeds.trust("live")["archive"]
        assert aside.name in told
        assert aside.name in caplog.text
        archive = runtime.recorder.writer.archive
        await until(lambda: sum(one.rows for one in archive.contents() if one.market == key) > 50)


async def test_a_disk_that_fills_up_stops_neither_feed_nor_pages_and_heals(small_disk, caplog):
    caplog.set_level(logging.INFO)
    async with streaming(small_disk / "a.sqlite", rate=500.0) as (runtime, key):
        writer = runtime.recorder.writer
        filler = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
        deadline = time.monotonic() + 180
        while writer.problem is None:
            assert time.monotonic() < deadline
            try:
                while True:
                    os.write(filler, bytes(4_096))
            except OSError:
                await asyncio.sleep(0.02)
        assert "full" in runtime.feeds.trust("live")["archive"]
        count = runtime.markets["live"].counters.accepted
        await until(lambda: runtime.markets["live"].counters.accepted > count + 500)
        assert runtime.markets.status("live").state == "live"
        assert "ticks wait" in runtime.feeds.trust("live")["archive"]
        runtime.alerts.clear_events()
        os.ftruncate(filler, 0)
        os.close(filler)
        await until(lambda: writer.problem is None)
        assert runtime.feeds.trust("live")["archive"] == ""
        await runtime.feeds.stop()
        await writer.flush()
        live = runtime.markets["live"].ticks("BTCUSDT").trade_id
        stored = np.concatenate([one.trade_id for one in writer.archive.ticks(key, "BTCUSDT")])
        assert np.array_equal(np.sort(stored), np.sort(live))
    assert "can be written again" in caplog.text


def run(*options: str) -> list[str]:
    return [sys.executable, str(PROJECT / "app.py"), "--source", "none", "--port", "0", *options]


def test_a_second_instance_is_one_line_and_exit_code_2(tmp_path):
    place = ("--archive", str(tmp_path / "a.sqlite"))
    first = subprocess.Popen(run(*place), stderr=subprocess.PIPE, text=True)
    try:
        assert first.stderr is not None
        while " archive a.sqlite" not in first.stderr.readline():
            assert first.poll() is None
        second = subprocess.run(
            run(*place), capture_output=True, text=True, timeout=240, check=False
        )
        assert second.returncode == 2
        assert second.stderr.strip().splitlines() == [
            f"the archive {place[1]} is in use by another Spreadscope (process {first.pid}): "
            "stop it, or choose another with --archive"
        ]
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=20)
    assert first.returncode == 0


async def test_a_file_that_is_emptied_while_it_runs_costs_no_rule_and_no_market(tmp_path):
    path = tmp_path / "archive.sqlite"
    async with streaming(path) as (runtime, key):
        given = {"market": "live", "symbol": "BTCUSDT", "metric": "price"}
        rule = runtime.alerts.add_rule({**given, "operator": ">", "threshold": 1e9})
        writer = runtime.recorder.writer
        await until(lambda: writer.archive is not None and writer.archive.rules())
        await writer.flush()
        path.write_bytes(b"")
        path.with_name(f"{path.name}-wal").write_bytes(b"")
        await writer._renew(runtime.alerts, "it is empty", 0)
        await until(lambda: [one["id"] for one in writer.archive.rules()] == [rule.id])
        await until(lambda: [one.id for one in writer.archive.markets()] == [key])
