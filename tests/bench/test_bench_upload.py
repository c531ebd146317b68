"""A file of ticks from the POST to its bars, against readers that only read; -m bench -s.

The app is the real one, in a process of its own; the client sends the file by sendfile, so
that it costs little beside what is measured. The peers are one process a run, on the same
two cores, one after the other; `ROWS=10000000` in the environment makes the run of record.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from memory import resident_mb
from running_app import App, start, stop

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

PEERS = Path(__file__).with_name("upload_peers.py")
ROWS = int(os.environ.get("ROWS", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
#: json.loads, DataFrame and resample are timed on so many rows, and taken as many times more.
BASELINE_ROWS = 1_000_000
SYMBOLS = (("BTCUSDT", 103_512.3, 1), ("ETHUSDT", 3_421.55, 2), ("SOLUSDT", 188.42, 2))
#: Every so many lines one is no tick.
BAD_EVERY = 100_003


def write_ticks(path: Path, rows: int) -> int:
    """A file in the collector's schema; how many of its rows are to be rejected."""
    rng = np.random.default_rng(5)
    bad = 0
    began = 1_762_214_400_000
    level = np.zeros(len(SYMBOLS))
    with path.open("w", buffering=1 << 22) as file:
        for start_row in range(0, rows, 200_000):
            count = min(200_000, rows - start_row)
            times = began + np.cumsum(rng.integers(0, 17, count))
            began = int(times[-1])
            codes = rng.choice(len(SYMBOLS), count, p=(0.5, 0.3, 0.2)).tolist()
            texts = np.datetime_as_string(times.astype("datetime64[ms]")).tolist()
            moves = rng.normal(0, 1e-5, count).cumsum()
            sizes = (rng.integers(1, 5_000, count) / 1_000).tolist()
            lines = []
            for number, (code, text, move, size) in enumerate(
                zip(codes, texts, moves.tolist(), sizes, strict=True), start_row
            ):
                symbol, base, places = SYMBOLS[code]
                price = round(base * float(np.exp(level[code] + move)), places)
                if number % BAD_EVERY == BAD_EVERY - 1:
                    bad, price = bad + 1, -price
                lines.append(
                    f'{{"symbol":"{symbol}","ts":"{text}Z","price":{price!r},"size":{size!r}}}\n'
                )
            file.write("".join(lines))
            level += moves[-1]
    return bad


def peer(name: str, path: Path) -> float:
    """Seconds that a peer takes."""
    ended = subprocess.run(
        [sys.executable, str(PEERS), name, str(path)], capture_output=True, text=True, check=True
    )
    return float(json.loads(ended.stdout)["s"])


def write_dump(path: Path, rows: int, form: str) -> None:
    """A headerless CSV of trades of one symbol: the exchange's own dump, or time, price, size with
    times in ms or as ISO 8601.
    """
    rng = np.random.default_rng(6)
    began, level = 1_762_214_400_000, 0.0
    with path.open("wb") as file:
        for first in range(0, rows, 500_000):
            count = min(500_000, rows - first)
            times = began + np.cumsum(rng.integers(0, 17, count))
            moves = level + rng.normal(0, 1e-5, count).cumsum()
            began, level = int(times[-1]), float(moves[-1])
            price = np.round(93_576 * np.exp(moves), 1)
            size = np.round(rng.integers(1, 5_000, count) / 1_000, 3)
            when = np.datetime_as_string(times.astype("datetime64[ms]")) if form == "iso" else times
            columns = [when, price, size]
            if form == "dump":
                ids = 5_812_345_678 + first + np.arange(count)
                flags = rng.random(count) < 0.5
                columns = [ids, price, size, np.round(price * size, 4), times, flags]
            table = pa.table(columns, names=[f"{at}" for at in range(len(columns))])
            options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
            pa.csv.write_csv(table, file, options)


def post(app: App, path: Path) -> tuple[float, dict[str, Any]]:
    """Send a file; seconds until the answer, and the answer."""
    port = int(app.url.rpartition(":")[2])
    head = (
        f"POST /api/upload?name={path.name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Length: {path.stat().st_size}\r\nConnection: close\r\n\r\n"
    )
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as client, path.open("rb") as file:
        client.sendall(head.encode())
        client.sendfile(file)
        answer = b""
        while piece := client.recv(1 << 16):
            answer += piece
    spent = time.perf_counter() - began
    return spent, json.loads(answer.partition(b"\r\n\r\n")[2])


class Watch:
    """The memory of the app in MB, and how long its pages' callbacks would wait, meanwhile."""

    def __init__(self, app: App) -> None:
        self.pid = app.process.pid
        self.base = self.peak = resident_mb(self.pid)
        self.slowest = 0.0
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._memory),
            threading.Thread(target=self._ask, args=(app,)),
        ]

    def _memory(self) -> None:
        while not self._ended.wait(0.02):
            self.peak = max(self.peak, resident_mb(self.pid))

    def _ask(self, app: App) -> None:
        with httpx.Client() as client:
            while not self._ended.wait(0.05):
                began = time.perf_counter()
                client.get(app.url + "/healthz", timeout=10)
                self.slowest = max(self.slowest, time.perf_counter() - began)

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def quiet_app():
    app = start("--source", "none")
    while not app.status()["kernels_ready"]:
        time.sleep(0.2)
    time.sleep(8)  # what is compiled behind the statistics
    yield app
    stop(app)


def test_a_file_is_bars_sooner_than_a_reader_has_read_it(quiet_app, tmp_path, capsys):
    path = tmp_path / "ticks.ndjson"
    bad = write_ticks(path, ROWS)
    part = tmp_path / "part.ndjson"
    with path.open("rb") as whole, part.open("wb") as first:
        first.writelines(line for _, line in zip(range(BASELINE_ROWS), whole, strict=False))
    best, peak, slowest = float("inf"), 0.0, 0.0
    peers = {"polars": float("inf"), "duckdb": float("inf")}
    for _ in range(ROUNDS):
        with Watch(quiet_app) as watch:
            spent, answer = post(quiet_app, path)
        report = answer["report"]
        assert (report["rows"], report["rejected"]) == (ROWS, {"price": bad})
        assert report["accepted"] == ROWS - bad
        lines = [BAD_EVERY * number for number in range(1, bad + 1)][:5]
        assert report["first_lines"] == {"price": lines}
        httpx.delete(f"{quiet_app.url}/api/markets/{answer['market']}").raise_for_status()
        best, slowest = min(best, spent), max(slowest, watch.slowest)
        peak = max(peak, watch.peak - watch.base)
        for name in peers:
            peers[name] = min(peers[name], peer(name, path))
    rows = min(ROWS, BASELINE_ROWS)
    plain = peer("pandas", part) * (ROWS / rows)
    path.unlink()
    with capsys.disabled():
        print(
            f"\n  {ROWS:,} rows, POST to bars {best:.2f} s; json.loads + DataFrame + resample "
            f"{plain:.1f} s ({plain / best:.0f}x, from {rows:,} rows); Polars reads in "
            f"{peers['polars']:.2f} s, DuckDB in {peers['duckdb']:.2f} s; memory +{peak:.0f} MB; "
            f"the slowest other answer {slowest * 1e3:.0f} ms; load {os.getloadavg()[0]:.1f}"
        )
    assert plain / best >= 3
    assert peak <= 150


def remove(app: App, answer: dict[str, Any]) -> None:
    httpx.delete(f"{app.url}/api/markets/{answer['market']}").raise_for_status()


@pytest.mark.parametrize("form", ["dump", "ms", "iso"])
def test_a_headerless_csv_is_bars_against_pandas(quiet_app, tmp_path, capsys, form):
    path = tmp_path / f"BTCUSDT-{form}.csv"
    write_dump(path, ROWS, form)
    best, peer_best, peak, slowest = float("inf"), float("inf"), 0.0, 0.0
    for _ in range(ROUNDS):
        with Watch(quiet_app) as watch:
            spent, answer = post(quiet_app, path)
        assert answer["report"]["accepted"] == ROWS
        remove(quiet_app, answer)
        best, slowest = min(best, spent), max(slowest, watch.slowest)
        peak = max(peak, watch.peak - watch.base)
        peer_best = min(peer_best, peer("pandas_csv", path))
    megabytes = path.stat().st_size / 1e6
    path.unlink()
    with capsys.disabled():
        print(
            f"\n  {form}: {ROWS:,} rows, {megabytes:.0f} MB, POST to bars {best:.2f} s; pandas "
            f"read_csv + resample {peer_best:.2f} s ({peer_best / best:.1f}x); memory "
            f"+{peak:.0f} MB; the slowest other answer {slowest * 1e3:.0f} ms; "
            f"load {os.getloadavg()[0]:.1f}"
        )
    assert peak <= 150


def files_of_each_kind(folder: Path) -> list[Path]:
    """The same ticks as NDJSON and JSON, the same dump as CSV, gz, zip and Parquet."""
    lines, dump = folder / "ticks.ndjson", folder / "BTCUSDT.csv"
    write_ticks(lines, ROWS)
    write_dump(dump, ROWS, "dump")
    whole, packed = folder / "ticks.json", folder / "BTCUSDT-1.csv.gz"
    with lines.open("rb") as file, whole.open("wb") as out:
        out.write(b"[\n" + next(file).rstrip())
        out.writelines(b",\n" + line.rstrip() for line in file)
        out.write(b"]\n")
    with dump.open("rb") as file, gzip.open(packed, "wb", compresslevel=1) as out:
        shutil.copyfileobj(file, out, 1 << 20)
    wrapped = folder / "BTCUSDT-2.zip"
    with zipfile.ZipFile(wrapped, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(dump, "BTCUSDT-trades.csv")
    columns = folder / "BTCUSDT.parquet"
    names = ["id", "price", "size", "quote", "time", "flag"]
    table = pa.csv.read_csv(dump, pa.csv.ReadOptions(column_names=names))
    pa.parquet.write_table(table.select(["time", "price", "size", "id"]), columns)
    return [lines, whole, dump, packed, wrapped, columns, *unlike(folder, lines, dump)]


def unlike(folder: Path, lines: Path, dump: Path) -> list[Path]:
    """The same where no line is like its neighbours: what is read line by line."""
    shapes, damaged = folder / "shapes.ndjson", folder / "BTCUSDT-damaged.csv"
    with lines.open("rb") as file, shapes.open("wb") as out:
        out.writelines(
            line.replace(b"}", b',"note":"%s"}' % (b"\\n" * (number % 3)))
            for number, line in enumerate(file)
        )
    with dump.open("rb") as file, damaged.open("wb") as out:
        out.writelines(b"x" * (number % 10 == 9) + line for number, line in enumerate(file))
    return [shapes, damaged]


def worst_lag_ms(app: App) -> tuple[float, float]:
    """The loop's longest lag since it was asked before, and the 99th percentile."""
    text = app.get("/metrics").text
    found = dict(re.findall(r'loop_lag_ms{quantile="([\d.]+)"} ([\d.e-]+)', text))
    return float(found["1"]), float(found["0.99"])


@pytest.fixture
def watched_app():
    app = start("--source", "none", program=str(Path(__file__).with_name("watched_app.py")))
    while not app.status()["kernels_ready"]:
        time.sleep(0.2)
    time.sleep(8)
    yield app
    stop(app)


def test_no_file_holds_the_loop(watched_app, tmp_path, capsys):
    worst_lag_ms(watched_app)
    time.sleep(3)
    told = [("nothing", 0.0, *worst_lag_ms(watched_app))]
    for path in files_of_each_kind(tmp_path):
        worst = []
        for _ in range(ROUNDS):
            time.sleep(0.5)
            worst_lag_ms(watched_app)  # what was before is forgotten
            spent, answer = post(watched_app, path)
            worst.append((*worst_lag_ms(watched_app), spent))
            remove(watched_app, answer)
        lag, often, spent = min(worst)
        told.append((path.name, spent, lag, often))
        assert answer["report"]["rows"] == ROWS
    with capsys.disabled():
        print(f"\n  {ROWS:,} rows; the loop's longest lag, the best of {ROUNDS} rounds:")
        for name, spent, lag, often in told:
            print(f"  {name:16} {spent:5.2f} s   longest {lag:5.1f} ms, 99 % {often:4.1f} ms")
        print(f"  load {os.getloadavg()[0]:.1f}")
