"""A minute in which the archive is locked, or the process stands still: nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from dashapp.services.archive.recorder import key_of
from storage.archive.archive import Archive
from tests.dashapp.services.archive.test_archive_faults import SYMBOLS, streaming
from tests.dashapp.services.archive.test_kill import Run, address, connected, quiet  # noqa: F401
from tests.exchange import Exchange
from tests.waiting import PATIENCE_S, until


async def locked(path: Path, seconds: float) -> int:
    """Another process's lock for so long; the ticks that were stored after it."""
    async with streaming(path, rate=200.0) as (runtime, key):
        writer, market = runtime.recorder.writer, runtime.markets["live"]
        await until(lambda: writer.archive is not None)
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        count = market.counters.accepted
        await until(lambda: writer.problem is not None)
        assert "locked" in runtime.feeds.trust("live")["archive"]
        await asyncio.sleep(seconds)
        assert market.counters.accepted > count + 100 * seconds
        assert runtime.markets.status("live").state == "live"
        holder.execute("ROLLBACK")
        holder.close()
        await until(lambda: writer.problem is None)
        assert runtime.feeds.trust("live")["archive"] == ""
        await runtime.feeds.stop()
        await writer.flush()
        trust, stored = runtime.feeds.trust("live"), 0
        for symbol in SYMBOLS:
            ids = market.ticks(symbol).trade_id
            parts = [part.trade_id for part in writer.archive.ticks(key, symbol)]
            assert np.array_equal(np.sort(np.concatenate(parts)), np.sort(ids))
            stored += len(ids)
        assert_sums(trust)
        return stored


def assert_sums(trust: dict[str, Any]) -> None:
    kinds = ("accepted", "rejected", "duplicate", "late", "dropped")
    assert trust["received"] == sum(trust[kind] for kind in kinds), trust


async def stopped(path: Path, seconds: float) -> int:
    """The process stands still for so long; the ticks in the archive after that."""
    async with Exchange(SYMBOLS, rate=200.0) as exchange:
        run = Run(exchange, path)
        try:
            await connected(exchange, 1)
            where = await asyncio.to_thread(_served, path)
            async with httpx.AsyncClient(base_url=where, timeout=PATIENCE_S) as client:

                async def trust() -> dict[str, Any]:
                    status = (await client.get("/api/status")).json()
                    return dict(status["markets"]["live"])

                while (await trust())["accepted"] < 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                run.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                run.process.send_signal(signal.SIGCONT)
                behind = {symbol: exchange.newest(symbol) for symbol in SYMBOLS}
                while True:
                    told = await trust()
                    if not told["gaps_open"] and await _has(client, behind):
                        break
                    await asyncio.sleep(0.5)
                assert_sums(told)
            run.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(run.process.wait, 30) == 0
        finally:
            await asyncio.to_thread(run.kill)
        return await asyncio.to_thread(_check, path, exchange, behind)


def _served(path: Path) -> str:
    where = address(path.with_name("log"))
    assert where is not None
    return where


async def _has(client: httpx.AsyncClient, behind: dict[str, int]) -> bool:
    """Whether the market has the trades up to these ids."""
    for symbol, newest in behind.items():
        query = {"symbol": symbol, "limit": 1}
        rows = (await client.get("/api/markets/live/ticks", params=query)).json()["ticks"]
        if not rows or rows[-1]["trade_id"] < newest:
            return False
    return True


def _check(path: Path, exchange: Exchange, behind: dict[str, int]) -> int:
    """Every trade from the first to the one at which it went on is stored once, as it was sent."""
    archive, stored = Archive.open(path), 0
    assert archive.warning is None
    for symbol in SYMBOLS:
        parts = list(archive.ticks(key_of("binance-futures", exchange.ws), symbol))
        ids = np.concatenate([part.trade_id for part in parts])
        price = np.concatenate([part.price for part in parts])
        order = np.argsort(ids)
        assert np.array_equal(ids[order], np.arange(ids.min(), ids.max() + 1))
        assert ids.max() >= behind[symbol]
        sent = [float(exchange.tape[symbol][number - exchange.first_id]["p"]) for number in ids]
        assert np.array_equal(price, np.array(sent))
        stored += len(ids)
    archive.close()
    return stored


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_a_lock_of_a_minute_costs_no_tick(tmp_path):
    stored = await locked(tmp_path / "a.sqlite", 60.0)
    sys.stdout.write(f"\nlocked for 60 s: all of {stored:,} ticks stored, once\n")


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_a_minute_without_running_costs_no_trade(tmp_path, quiet):  # noqa: F811
    stored = await stopped(tmp_path / "a.sqlite", 60.0)
    sys.stdout.write(f"\nstopped for 60 s: all of {stored:,} trades stored, once\n")


async def test_a_moment_without_running_costs_no_trade(tmp_path, quiet):  # noqa: F811
    assert await stopped(tmp_path / "a.sqlite", 2.0) > 400
