"""Exports: spans, the archive, manifests and zips."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from analytics.alerts import AlertEvent
from analytics.bars import resample
from analytics.model import TIMEFRAMES, Bars, Listing, Ticks
from dashapp.text.numbers import pct
from storage.archive.archive import Archive
from storage.market.market import Market
from tests.dashapp.conftest import START_MS, made_up_ticks

DAY_MS = 86_400_000


def rows_of(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.fixture
def archived(runtime, tmp_path):
    """Two days of ticks of two symbols, and bars of one, in the runtime's archive."""
    archive = Archive.open(tmp_path / "kept.sqlite")
    archive.put_market("live-x", "Live: X", "live")
    archive.put_market("file", "A file", "upload")
    kept = []
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        for day in range(2):
            ticks = made_up_ticks(symbol, 600, START_MS + day * DAY_MS, seed)
            archive.append_ticks("live-x", ticks)
            kept.append(ticks)
    times = START_MS // 60_000 * 60_000 + np.arange(100) * 60_000
    ones = np.ones(100)
    archive.append_bars("file", Bars("A", "1m", times, *[ones] * 5, np.full(100, -1), ones))
    runtime.recorder.writer.archive = archive
    yield kept
    runtime.recorder.writer.archive = None
    archive.close()


async def test_the_dataset_holds_what_is_written_at_its_asking(
    client, runtime, archived, monkeypatch
):
    archive = runtime.recorder.writer.archive

    async def flush():
        archive.append_ticks("live-x", made_up_ticks("LATEUSDT", 5, START_MS, 9))

    monkeypatch.setattr(runtime.recorder.writer, "flush", flush)
    answer = await client.get("/export/archive/dataset.zip")
    assert answer.status_code == 200
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert any("LATEUSDT" in name for name in names)


async def test_a_span_of_a_market_in_memory(client):
    span = {"symbol": "BTCUSDT", "start_ms": START_MS + 1_000, "end_ms": START_MS + 3_000}
    rows = rows_of(await client.get("/export/demo/ticks.csv", params=span))
    assert [int(row["ts_ms"]) - START_MS for row in rows] == [1_000, 1_500, 2_000, 2_500]
    rows = rows_of(await client.get("/export/demo/bars.csv", params=span))
    assert [int(row["ts_ms"]) - START_MS for row in rows] == [1_000, 2_000]
    nothing = {**span, "start_ms": 5, "end_ms": 6}
    for kind in ("ticks", "bars"):
        answer = await client.get(f"/export/demo/{kind}.csv", params=nothing)
        assert answer.text.startswith("time,ts_ms,symbol")
        assert rows_of(answer) == []


async def test_archived_ticks_are_exported_as_they_were_stored(client, archived):
    rows = rows_of(await client.get("/export/live-x/ticks.csv", params={"symbol": "ETHUSDT"}))
    expected = [one for one in archived if one.symbol == "ETHUSDT"]
    for name, read in (("ts_ms", int), ("price", float), ("size", float), ("trade_id", int)):
        column = np.concatenate([getattr(one, name) for one in expected])
        np.testing.assert_array_equal([read(row[name]) for row in rows], column)
    span = {"start_ms": START_MS + DAY_MS, "end_ms": START_MS + DAY_MS + 1_000}
    rows = rows_of(await client.get("/export/live-x/ticks.csv", params=span))
    assert [row["symbol"] for row in rows] == ["BTCUSDT"] * 2 + ["ETHUSDT"] * 2


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
async def test_bars_of_archived_ticks_are_those_of_all_ticks_at_once(client, archived, timeframe):
    asked = {"symbol": "BTCUSDT", "timeframe": timeframe}
    rows = rows_of(await client.get("/export/live-x/bars.csv", params=asked))
    mine = [one for one in archived if one.symbol == "BTCUSDT"]
    names = ("ts_ms", "price", "size", "trade_id")
    whole = Ticks("BTCUSDT", *(np.concatenate([getattr(o, n) for o in mine]) for n in names))
    bars = resample(whole, timeframe)
    for name in ("ts_ms", "open", "high", "low", "close", "volume", "vwap"):
        np.testing.assert_array_equal([float(row[name]) for row in rows], getattr(bars, name))
    span = {"start_ms": START_MS + 500, "end_ms": START_MS + 120_000}
    rows = rows_of(await client.get("/export/live-x/bars.csv", params={**asked, **span}))
    inside = (bars.ts_ms >= START_MS + 500) & (bars.ts_ms < START_MS + 120_000)
    assert [int(row["ts_ms"]) for row in rows] == bars.ts_ms[inside].tolist()
    assert [float(row["volume"]) for row in rows] == bars.volume[inside].tolist(), "whole bars"


async def test_archived_bars_are_exported_and_joined_to_coarser_ones(client, archived):
    rows = rows_of(await client.get("/export/file/bars.csv", params={"timeframe": "1m"}))
    assert len(rows) == 100
    assert {row["trades"] for row in rows} == {""}
    rows = rows_of(await client.get("/export/file/bars.csv", params={"timeframe": "5m"}))
    assert sum(float(row["volume"]) for row in rows) == 100


async def test_a_file_that_memory_holds_in_part_is_exported_whole(client, runtime, archived):
    short = runtime.markets["file"] = Market("file", "A file", "upload")
    ones = np.ones(1)
    short.append_bars(Bars("A", "1m", [START_MS // 60_000 * 60_000], *[ones] * 5, [-1], ones))
    asked = {"timeframe": "1m"}
    assert len(rows_of(await client.get("/export/file/bars.csv", params=asked))) == 100
    for more in ({"kept": "memory"}, {"limit": 5}):
        rows = rows_of(await client.get("/export/file/bars.csv", params={**asked, **more}))
        assert len(rows) == 1


@pytest.mark.parametrize(
    ("path", "params", "status", "words"),
    [
        ("nowhere/ticks.csv", {}, 404, "there is no market 'nowhere'"),
        ("nowhere/ticks.csv", {"kept": "archive"}, 404, "the archive holds no market 'nowhere'"),
        ("live-x/ticks.csv", {"kept": "memory"}, 404, "there is no market 'live-x'"),
        ("live-x/ticks.csv", {"symbol": "SOLUSDT"}, 404, "the archive has no 'SOLUSDT'"),
        ("live-x/ticks.csv", {"limit": 5}, 400, "limit is of what is in memory"),
        ("live-x/ticks.csv", {"start_ms": 9, "end_ms": 9}, 400, "end_ms is 9, expected later"),
        ("file/ticks.csv", {}, 404, "market file has no ticks"),
        ("file/bars.csv", {"timeframe": "1s"}, 400, "expected 1m or a multiple of it"),
        ("demo/ticks.csv.gz", {}, 404, "ticks can be had as csv, json, parquet"),
        ("demo/ticks.xlsx", {}, 404, "ticks can be had as csv, json, parquet"),
        ("demo/alerts.parquet", {}, 404, "alerts can be had as csv,"),
    ],
)
async def test_what_cannot_be_exported_is_said(client, archived, path, params, status, words):
    answer = await client.get(f"/export/{path}", params=params)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]


async def test_alerts_are_exported_from_a_time_on(client, runtime):
    said = ("r", "demo", ("BTCUSDT",), "price", ">", 1.0, 2.0, "price 2 > 1")
    rule, market, *rest = said
    events = [AlertEvent(f"e{ts_ms}", rule, ts_ms, market, *rest) for ts_ms in (1_000, 2_000)]
    runtime.alerts.history.add(events, {}, {})
    for path in ("/export/demo/alerts.csv", "/export/alerts.csv"):
        for since, ids in ((0, ["e2000", "e1000"]), (1_001, ["e2000"]), (2_001, [])):
            rows = rows_of(await client.get(path, params={"since": since}))
            assert [row["id"] for row in rows] == ids


async def test_a_zip_holds_the_file_and_its_manifest(client):
    asked = {"symbol": "BTCUSDT"}
    answer = await client.get("/export/demo/ticks.csv.zip", params=asked)
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="demo_ticks_BTCUSDT.csv.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        assert made.testzip() is None
        name, side = made.namelist()
        file, manifest = made.read(name), json.loads(made.read(side))
    assert len(answer.content) < len(file) / 2
    assert (name, side) == ("demo_ticks_BTCUSDT.csv", "demo_ticks_BTCUSDT.csv.manifest.json")
    assert manifest["sha256"] == hashlib.sha256(file).hexdigest()
    assert manifest["bytes"] == len(file)
    assert manifest["rows"] == file.count(b"\n") - 1 == 1_200
    assert manifest["columns"] == ["time", "ts_ms", "symbol", "price", "size", "trade_id", "trades"]
    assert manifest["parameters"]["symbol"] == "BTCUSDT"
    assert manifest["market"]["id"] == "demo"
    assert set(manifest["versions"]) >= {"python", "numpy", "numba"}
    plain = await client.get("/export/demo/ticks.csv", params=asked)
    assert plain.content == file


@pytest.mark.parametrize("kind", ["ticks", "bars", "pair"])
@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
async def test_the_manifest_alone_is_that_of_the_file(client, kind, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    asked = {"y": "BTCUSDT", "x": "ETHUSDT", "z_window": 30} if kind == "pair" else {}
    file = await client.get(f"/export/demo/{kind}.{form}", params=asked)
    answer = await client.get(f"/export/demo/{kind}.{form}.manifest.json", params=asked)
    manifest, told = answer.json(), answer.headers["x-spreadscope-parameters"]
    assert told == file.headers["x-spreadscope-parameters"]
    assert manifest["sha256"] == hashlib.sha256(file.content).hexdigest()
    assert manifest["format"] == form
    if kind == "pair":
        assert manifest["parameters"]["z_window"] == 30
        assert manifest["parameters"]["fit_method"] == "ols"


async def test_the_trades_of_a_backtest(client):
    asked = {"y": "BTCUSDT", "x": "ETHUSDT", "entry_z": 1.0, "z_window": 30}
    rows = rows_of(await client.get("/export/demo/trades.csv", params=asked))
    whole = (await client.get("/api/markets/demo/backtest", params=asked)).json()
    assert len(rows) == len(whole["trades"]) > 0
    assert list(rows[0]) == list(whole["trades"][0])
    assert float(rows[0]["net"]) == whole["trades"][0]["net"]
    first = whole["trades"][0]
    opposite = (
        "long BTCUSDT / short ETHUSDT" if first["side"] > 0 else "short BTCUSDT / long ETHUSDT"
    )
    assert rows[0]["legs"] == first["legs"] == opposite


async def test_funding_of_the_trades_is_the_page_s_where_the_market_has_it(client, runtime):
    asked = {"y": "BTCUSDT", "x": "ETHUSDT", "entry_z": 1.0, "z_window": 30}
    trades, backtest = "/export/demo/trades.csv", "/api/markets/demo/backtest"
    whole = (await client.get(backtest, params=asked)).json()
    assert whole["funding"] is None
    assert {trade["funding"] for trade in whole["trades"]} == {None}
    assert {row["funding"] for row in rows_of(await client.get(trades, params=asked))} == {""}

    rates = {"BTCUSDT": 0.03, "ETHUSDT": 0.001}
    runtime.markets["demo"].listings = {leg: Listing(leg, funding_rate=rates[leg]) for leg in rates}
    whole = (await client.get(backtest, params=asked)).json()
    each = [trade["funding"] for trade in whole["trades"]]
    rows = rows_of(await client.get(trades, params=asked))
    assert [float(row["funding"]) for row in rows] == each
    assert whole["funding"] == pytest.approx(sum(each), rel=1e-12) != 0.0
    sheet = (await client.get("/export/demo/tearsheet.html", params=asked)).text
    assert f">Funding</th><td class='n'>{pct(-whole['funding'])}</td>" in sheet


async def test_parquet_without_its_library_is_a_sentence(client, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    answer = await client.get("/export/demo/ticks.parquet")
    assert answer.status_code == 404
    assert "pip install pyarrow" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "ending"),
    [("pair.csv", "csv"), ("pair.csv.zip", "csv.zip"), ("tearsheet.html", "html")],
)
async def test_a_files_name_stays_short_whatever_its_symbols_are_called(
    client, runtime, path, ending
):
    y, x = "Y/" + "\u4e2d" * 62, "X:" + "LONG.NAME" * 6
    for seed, symbol in enumerate((y, x)):
        ticks = made_up_ticks("BTCUSDT", seed=seed)
        runtime.markets["demo"].append(replace(ticks, symbol=symbol))
    answer = await client.get(f"/export/demo/{path}", params={"y": y, "x": x})
    assert answer.status_code == 200, answer.text
    name = re.search(r'filename="(.*)"', answer.headers["content-disposition"])[1]
    assert re.fullmatch(rf"demo_[A-Za-z0-9_.-]{{95}}\.{re.escape(ending)}", name)
    if path.endswith(".zip"):
        assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist()[0] == name[: -len(".zip")]
