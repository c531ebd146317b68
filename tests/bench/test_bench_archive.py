"""The archive's rates: appending, loading a day, beside a row a tick and beside Parquet."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable

import numpy as np
import pytest

from analytics.model import Ticks
from dashapp.services.archive.write_queue import coalesced
from storage.archive.archive import Archive

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

SYMBOLS, PER_SYMBOL, BATCH = 10, 1_000_000, 65_536
DAY_MS = 86_400_000
START_MS = 1_723_161_600_000


def made(symbol: str, seed: int) -> Ticks:
    """A day's ticks of a symbol, with prices and sizes in the exchange's digits."""
    rng = np.random.default_rng(seed)
    times = START_MS + np.sort(rng.integers(0, DAY_MS, PER_SYMBOL))
    prices = np.round(60_000 + rng.normal(0, 0.5, PER_SYMBOL).cumsum(), 1)
    sizes = np.round(rng.exponential(0.05, PER_SYMBOL) + 0.001, 3)
    return Ticks(symbol, times, prices, sizes, 5_000_000_000 + np.arange(PER_SYMBOL))


def part(ticks: Ticks, start: int, stop: int) -> Ticks:
    held = (getattr(ticks, name)[start:stop] for name in ("ts_ms", "price", "size", "trade_id"))
    return Ticks(ticks.symbol, *held)


def seconds(work: Callable[[], object], times: int = 1) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def kind_of(place: str) -> str:
    return "PostgreSQL" if place.startswith("postgresql") else "SQLite"


def test_ten_million_ticks_are_appended_and_a_day_of_one_symbol_is_loaded(place, tmp_path):
    days = [made(f"S{number}", number) for number in range(SYMBOLS)]
    archive = Archive.open(place)

    def append() -> None:
        for start in range(0, PER_SYMBOL, BATCH):
            for ticks in days:
                archive.append_ticks("live-x", part(ticks, start, start + BATCH))

    appending = seconds(append)

    def load() -> None:
        rows = sum(map(len, archive.ticks("live-x", "S3", START_MS, START_MS + DAY_MS)))
        assert rows == PER_SYMBOL

    loading = seconds(load, 3)
    size = sum(one.bytes for one in archive.contents())
    listing = seconds(archive.contents, 3)
    archive.close()
    opening = seconds(lambda: Archive.open(place).close())
    rate = SYMBOLS * PER_SYMBOL / appending
    print(
        f"\n{kind_of(place)}: {rate / 1e6:.2f} M ticks/s appended, a day of one symbol "
        f"({PER_SYMBOL:,} ticks of 10 M) loaded in {loading:.2f} s, listed in "
        f"{listing * 1e3:.0f} ms, opened in {opening * 1e3:.0f} ms, {size / 1e7:.2f} bytes a tick; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def test_small_live_batches_are_appended_and_merged(place):
    """As the feed brings them: 40 symbols, of each 500 ticks a flush of a quarter second."""
    days = [made(f"S{number}", number) for number in range(4)]
    archive = Archive.open(place)
    count, flushes, merges = 500, 200, 0
    taken = 0.0
    for flush in range(flushes):
        arrivals = [
            (f"live-{market}", part(ticks, start, start + 50))
            for market in range(10)
            for ticks in days
            for start in range(count * flush, count * (flush + 1), 50)
        ]
        began = time.perf_counter()
        archive.append(coalesced(arrivals))
        if flush % 20 == 19:
            while archive.merge():
                merges += 1
        taken += time.perf_counter() - began
    rate = 40 * count * flushes / taken
    print(f"\n{kind_of(place)}: {rate / 1e3:.0f} k ticks/s in small batches, {merges} merges")
    archive.close()


def test_beside_a_row_a_tick_and_beside_parquet(tmp_path):
    ticks = made("S0", 0)
    archive = Archive.open(tmp_path / "a.sqlite")
    ours = seconds(lambda: archive.append_ticks("live-x", ticks))
    loading = seconds(lambda: list(archive.ticks("live-x", "S0")), 3)
    archive.close()
    rows = sqlite3.connect(tmp_path / "rows.sqlite")
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute("PRAGMA synchronous=NORMAL")
    rows.execute("CREATE TABLE t (symbol TEXT, ts_ms INTEGER, price REAL, size REAL, id INTEGER)")
    columns = [getattr(ticks, name).tolist() for name in ("ts_ms", "price", "size", "trade_id")]

    def insert() -> None:
        with rows:
            values = zip(["S0"] * PER_SYMBOL, *columns, strict=True)
            rows.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", values)

    inserting = seconds(insert)
    selecting = seconds(lambda: np.array(rows.execute("SELECT ts_ms, price FROM t").fetchall()))
    rows.close()
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    table = arrow.table(
        {name: getattr(ticks, name) for name in ("ts_ms", "price", "size", "trade_id")}
    )
    writing = seconds(lambda: parquet.write_table(table, tmp_path / "t.parquet"))
    reading = seconds(lambda: parquet.read_table(tmp_path / "t.parquet"), 3)
    print(
        f"\n1 M ticks written: blocks {ours:.2f} s, a row a tick {inserting:.2f} s "
        f"({inserting / ours:.0f}x), Parquet {writing:.2f} s; read: blocks {loading:.3f} s, rows "
        f"{selecting:.2f} s ({selecting / loading:.0f}x), Parquet {reading:.3f} s"
    )
