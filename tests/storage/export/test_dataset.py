"""The archive as a Parquet dataset, read by the engines that it is for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from analytics.bars import resample
from analytics.model import Bars, Ticks
from storage.archive.archive import Archive
from storage.export.dataset import MANIFEST, DatasetError, write_dataset, zipped_dataset

pytest.importorskip("pyarrow")

PROJECT = Path(__file__).resolve().parents[3]
DAY_MS = 86_400_000
START_MS = 1_723_075_200_000  # 2024-08-08
#: As the examples of the documentation call it.
MARKET = "live-binance-futures"


def ticks(symbol: str, count: int, start_ms: int) -> Ticks:
    """Three of other prices share each millisecond."""
    numbers = np.arange(count)
    ids = np.where(numbers % 3, numbers, -1) if symbol == "BTCUSDT" else numbers
    prices = 100 + 0.1 * (numbers * 37 % 101)
    return Ticks(symbol, start_ms + numbers // 3 * 2_100, prices, numbers + 1e-9 + 1, ids)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    archive = Archive.open(tmp_path_factory.mktemp("archive") / "kept.sqlite")
    archive.put_market(MARKET, "Live", "live")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        archive.append_ticks(MARKET, ticks(symbol, 5_000, START_MS + DAY_MS - 1_000_000))
    archive.put_market("twin", "The same day once more", "upload")
    archive.append_ticks("twin", ticks("BTCUSDT", 100, START_MS + DAY_MS - 1_000_000))
    archive.put_market("file", "A file", "upload")
    times, ones = START_MS + np.arange(30) * 60_000, np.ones(30)
    archive.append_bars("file", Bars("A", "1m", times, *[ones] * 5, np.full(30, -1), ones))
    yield archive
    archive.close()


@pytest.fixture(scope="module")
def folder(archive, tmp_path_factory):
    place = tmp_path_factory.mktemp("out") / "dataset"
    write_dataset(archive, place)
    return place


def stored(archive: Archive, symbol: str) -> Ticks:
    parts = list(archive.ticks(MARKET, symbol))
    names = ("ts_ms", "price", "size", "trade_id")
    return Ticks(
        symbol, *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )


def test_the_folders_name_market_symbol_and_day(folder):
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))
    assert files == [
        "bars/market=file/symbol=A/timeframe=1m/day=2024-08-08/part.parquet",
        "ticks/market=live-binance-futures/symbol=BTCUSDT/day=2024-08-08/part.parquet",
        "ticks/market=live-binance-futures/symbol=BTCUSDT/day=2024-08-09/part.parquet",
        "ticks/market=live-binance-futures/symbol=ETHUSDT/day=2024-08-08/part.parquet",
        "ticks/market=live-binance-futures/symbol=ETHUSDT/day=2024-08-09/part.parquet",
        "ticks/market=twin/symbol=BTCUSDT/day=2024-08-08/part.parquet",
    ]


def test_the_manifest_has_rows_size_and_hash_of_every_file(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["rows"] == 10_130
    assert len(manifest["files"]) == 6
    for entry in manifest["files"]:
        content = (folder / entry["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            entry["bytes"],
            entry["sha256"],
        )


def test_pyarrow_reads_the_rows_of_the_archive(archive, folder):
    dataset = pytest.importorskip("pyarrow.dataset")
    whole = dataset.dataset(folder / "ticks", format="parquet", partitioning="hive")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        wanted = (dataset.field("symbol") == symbol) & (dataset.field("market") == MARKET)
        rows = whole.to_table(filter=wanted, use_threads=False)
        expected = stored(archive, symbol)
        for name in ("ts_ms", "price", "size"):
            np.testing.assert_array_equal(rows[name].to_numpy(), getattr(expected, name))
        ids = rows["trade_id"].fill_null(-1).to_numpy()
        np.testing.assert_array_equal(ids, expected.trade_id)
        assert set(rows["market"].to_pylist()) == {MARKET}


def _example(engine: str, folder: Path) -> dict:
    """The example of the documentation, run as it stands there."""
    text = (PROJECT / "docs" / "datasets.md").read_text(encoding="utf-8")
    code = text.split(f"<!-- {engine} -->\n```python\n", 1)[1].split("```", 1)[0]
    names: dict = {}
    exec(compile(code.replace('"dataset', f'"{folder}'), engine, "exec"), names)
    return names


@pytest.mark.parametrize("engine", ["pyarrow", "duckdb", "polars", "dask"])
def test_the_examples_of_the_documentation_make_the_bars_that_the_app_makes(
    archive, folder, engine
):
    if not os.environ.get("SPREADSCOPE_REQUIRE_ALL"):
        pytest.importorskip(engine)
    bars = _example(engine, folder)["bars"]
    ticks_stored = stored(archive, "BTCUSDT")
    day = ticks_stored.ts_ms < START_MS + DAY_MS
    names = ("ts_ms", "price", "size", "trade_id")
    expected = resample(
        Ticks("BTCUSDT", *(getattr(ticks_stored, name)[day] for name in names)), "1m"
    )
    for name in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(np.asarray(bars[name], float), getattr(expected, name))
    np.testing.assert_allclose(np.asarray(bars["volume"], float), expected.volume, rtol=1e-12)


def test_the_zip_contains_the_same_files(archive, folder):
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(zipped_dataset(archive))))
    assert bundle.testzip() is None
    manifest = json.loads(bundle.read(MANIFEST))
    for entry in manifest["files"]:
        assert bundle.read(entry["path"]) == (folder / entry["path"]).read_bytes()
        assert hashlib.sha256(bundle.read(entry["path"])).hexdigest() == entry["sha256"]


def test_a_symbol_of_any_letters_is_one_folder(tmp_path):
    archive = Archive.open(tmp_path / "kept.sqlite")
    archive.put_market("file", "A file", "upload")
    archive.append_ticks("file", ticks("BTC/USD=X", 3, START_MS))
    (entry,) = write_dataset(archive, tmp_path / "dataset")["files"]
    archive.close()
    assert entry["path"] == "ticks/market=file/symbol=BTC%2FUSD%3DX/day=2024-08-08/part.parquet"


def test_an_earlier_dataset_is_replaced_and_nothing_else(archive, tmp_path):
    place = tmp_path / "dataset"
    write_dataset(archive, place)
    (place / "ticks" / "stale").mkdir()
    write_dataset(archive, place)
    assert not (place / "ticks" / "stale").exists()
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.png").write_bytes(b"meow")
    with pytest.raises(DatasetError, match="photos holds something other than a dataset"):
        write_dataset(archive, photos)
    with pytest.raises(DatasetError, match=r"cat\.png is a file, expected a folder"):
        write_dataset(archive, photos / "cat.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "photos"]


def test_a_cancelled_export_leaves_nothing_and_keeps_the_earlier_one(archive, tmp_path):
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    place = tmp_path / "dataset"
    with pytest.raises(DatasetError, match="cancelled"):
        write_dataset(archive, place, cancelled)
    assert list(tmp_path.iterdir()) == []
    write_dataset(archive, place)
    with pytest.raises(DatasetError, match="cancelled"):
        write_dataset(archive, place, cancelled)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]
    assert (place / MANIFEST).exists()


def run(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "app.py", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=240)


def test_the_command_writes_the_dataset_of_an_archive(tmp_path):
    kept = Archive.open(tmp_path / "kept.sqlite")
    kept.append_ticks(MARKET, ticks("BTCUSDT", 10, START_MS))
    out = str(tmp_path / "out")
    asked = ("--archive", str(tmp_path / "kept.sqlite"), "--export-dataset", out)
    busy = run(*asked)
    kept.close()
    assert busy.returncode == 2
    assert "/export/archive/dataset.zip" in busy.stderr
    done = run(*asked)
    assert (done.returncode, "10 rows in 1 files" in done.stderr) == (0, True), done.stderr
    refused = run("--archive", str(tmp_path / "none.sqlite"), "--export-dataset", out)
    assert (refused.returncode, "there is no archive at" in refused.stderr) == (2, True)
