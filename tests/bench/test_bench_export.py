"""The export of ten million archived ticks: memory of the server, speed, and the way back."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from analytics.model import Ticks
from storage.archive.archive import Archive

pytestmark = pytest.mark.bench

PROJECT = Path(__file__).resolve().parents[2]
ROWS = int(os.environ.get("BENCH_ROWS", 10_000_000))
MOST_MB = 100


def made_up(count: int, first: int) -> Ticks:
    rng = np.random.default_rng(first)
    times = 1_723_161_256_322 + 8 * (first + np.arange(count)) + rng.integers(0, 8, count)
    price = np.round(61_800 + np.cumsum(rng.normal(0, 0.2, count)), 1)
    size = np.round(rng.exponential(0.1, count) + 0.001, 3)
    return Ticks("BTCUSDT", np.sort(times), price, size, first + np.arange(count))


@pytest.fixture(scope="module")
def archived(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("archive") / "kept.sqlite"
    archive = Archive.open(place)
    archive.put_market("whole", "A long file", "upload")
    for first in range(0, ROWS, 65_536):
        archive.append_ticks("whole", made_up(min(65_536, ROWS - first), first))
    archive.close()
    return place


@pytest.fixture(scope="module")
def app(archived):
    port = 18_000 + os.getpid() % 10_000
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", f"{port}", "--archive", archived, "--source", "none"],
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if httpx.get(f"{url}/api/status", timeout=5).json()["kernels_ready"]:
                break
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    time.sleep(3)
    yield url, process.pid
    process.terminate()
    process.wait(10)


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1_024
    raise AssertionError("the process is gone")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", ["csv", "parquet", "json", "csv.zip"])
def test_ten_million_ticks_need_no_more_memory_than_few(app, form, tmp_path):
    url, pid = app
    base, most = resident_mb(pid), 0.0
    began, size = time.perf_counter(), 0
    with (
        open(tmp_path / "out", "wb") as file,
        httpx.stream("GET", f"{url}/export/whole/ticks.{form}", timeout=600) as answer,
    ):
        assert answer.status_code == 200
        for number, piece in enumerate(answer.iter_raw()):
            file.write(piece)
            size += len(piece)
            if number % 50 == 0:
                most = max(most, resident_mb(pid))
    spent = time.perf_counter() - began
    most = max(most, resident_mb(pid))
    print(
        f"\n{form}: {ROWS:,} rows, {size / 1e6:.0f} MB in {spent:.1f} s "
        f"({ROWS / spent / 1e3:.0f} k rows/s), server {base:.0f} MB + {most - base:.0f} MB"
    )
    assert most - base <= MOST_MB
    if form in ("csv", "parquet"):
        check(tmp_path / "out", form)


def check(path: Path, form: str) -> None:
    """Read back equal, column by column."""
    polars = pytest.importorskip("polars")
    read = polars.read_csv if form == "csv" else polars.read_parquet
    frame = read(io.BytesIO(path.read_bytes()))
    assert len(frame) == ROWS
    for first in range(0, ROWS, 65_536):
        expected = made_up(min(65_536, ROWS - first), first)
        part = frame.slice(first, len(expected))
        for name in ("ts_ms", "price", "size", "trade_id"):
            np.testing.assert_array_equal(part[name].to_numpy(), getattr(expected, name))
