"""Scans over HTTP: started, watched, read, cancelled and exported."""

from __future__ import annotations

import io
import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from analytics.scanner import FIELDS, ScanParams
from dashapp.services.scan.control import Scans
from tests.dashapp.services.scan.test_scans import MADE, InProcess, market_of
from tests.dashapp.web.test_api import refused

ASKED = {"market": "m", "bars": 480, "cost_bps": 1.0}


@pytest.fixture
def scans(runtime) -> Scans:
    """Scans of a market with planted pairs, done in the test's own process."""
    runtime.markets["m"] = market_of()
    runtime.scans = Scans(runtime.markets, runtime.recorder.writer, process=InProcess())
    return runtime.scans


async def scanned(client, scans, **more) -> dict:
    job = (await client.post("/api/scans", json={**ASKED, **more})).json()
    await scans.job(job["id"]).wait()
    return (await client.get(f"/api/scans/{job['id']}")).json()


async def test_a_scan_is_started_watched_and_read(client, scans):
    scans._process.gate.clear()
    job = (await client.post("/api/scans", json=ASKED)).json()
    assert (job["state"], job["result"], job["params"]["cost_bps"]) == ("running", None, 1.0)
    assert set(job["params"]) == {field.name for field in fields(ScanParams)}
    assert (await client.post("/api/scans", json=ASKED)).json()["id"] == job["id"]
    history = (await client.get("/api/scans", params={"market": "m"})).json()
    assert (history["running"], history["scans"]) == (job["id"], [])
    scans._process.gate.set()
    await scans.job(job["id"]).wait()
    done = (await client.get(f"/api/scans/{job['id']}")).json()
    assert (done["state"], done["progress"], done["error"]) == ("done", 1.0, None)
    result = done["result"]
    assert result["tested"] == 56 == sum(result["pvalue_counts"])
    assert result["survivors"] == len(result["rows"]) < result["rows_total"] == 28
    assert set(result["rows"][0]) == set(FIELDS)
    confirmed = [row for row in result["rows"] if row["verdict"] == "confirmed"]
    assert {frozenset((row["y"], row["x"])) for row in confirmed} == MADE.planted
    assert result["formation"] == {"start": 0, "stop": 320}
    newest = (await client.get("/api/markets/m/scan")).json()
    assert newest["id"] == job["id"]
    history = (await client.get("/api/scans", params={"market": "m"})).json()
    assert history["running"] is None
    assert [len(each["confirmed"]) for each in history["scans"]] == [2]


async def test_all_rows_and_those_of_a_verdict_come_in_pages(client, scans):
    job = await scanned(client, scans)
    url = f"/api/scans/{job['id']}"
    whole = (await client.get(url, params={"rows": "all"})).json()["result"]["rows"]
    assert len(whole) == 28
    page = {"rows": "all", "offset": 5, "limit": 7}
    assert (await client.get(url, params=page)).json()["result"]["rows"] == whole[5:12]
    chosen = {"verdict": "not significant"}
    rows = (await client.get(url, params=chosen)).json()["result"]["rows"]
    assert rows == [row for row in whole if row["verdict"] == "not significant"]
    assert rows[0]["confirm_pvalue"] is None, "NaN is null"


async def test_a_scan_is_cancelled_and_not_done_again(client, scans):
    scans._process.gate.clear()
    job = (await client.post("/api/scans", json={**ASKED, "rescan": True})).json()
    assert job["rescan"]
    answer = await client.delete(f"/api/scans/{job['id']}")
    assert answer.json() == {"deleted": job["id"]}
    assert (await client.get(f"/api/scans/{job['id']}")).json()["state"] == "cancelled"
    assert not scans.rescans("m")
    assert (await client.delete(f"/api/scans/{job['id']}")).status_code == 200
    scans._process.gate.set()
    done = await scanned(client, scans, rescan=True)
    assert scans.rescans("m")
    await client.delete(f"/api/scans/{done['id']}")
    assert not scans.rescans("m"), "one that has ended is not done again"


async def test_what_is_wrong_is_said(client, scans):
    assert "no market 'none'" in await refused(
        client, 404, "/api/scans", "POST", json={"market": "none"}
    )
    wrong = {**ASKED, "q": 2.0}
    assert "q is 2.0, expected" in await refused(client, 400, "/api/scans", "POST", json=wrong)
    wrong = {**ASKED, "timeframe": "1m"}
    assert "timeframe is '1m'" in await refused(client, 400, "/api/scans", "POST", json=wrong)
    wrong = {**ASKED, "colour": "red"}
    assert "colour" in await refused(client, 400, "/api/scans", "POST", json=wrong)
    assert "there is no scan 'x'" in await refused(client, 404, "/api/scans/x")
    assert "there is no scan 'x'" in await refused(client, 404, "/api/scans/x", "DELETE")
    for url in ("/api/markets/m/scan", "/export/m/scan.csv"):
        assert "no scan of market m is done" in await refused(client, 404, url)


async def test_the_export_says_how_to_make_it_again(client, scans):
    job = await scanned(client, scans)
    answer = await client.get("/export/m/scan.csv")
    frame = pd.read_csv(io.StringIO(answer.text))
    assert list(frame.columns) == list(FIELDS)
    assert len(frame) == job["result"]["survivors"]
    np.testing.assert_array_equal(frame.y, [row["y"] for row in job["result"]["rows"]])
    np.testing.assert_allclose(frame.pvalue, [row["pvalue"] for row in job["result"]["rows"]])
    whole = await client.get("/export/m/scan.parquet", params={"rows": "all"})
    assert len(pd.read_parquet(io.BytesIO(whole.content))) == 28
    records = json.loads((await client.get("/export/m/scan.json")).text)
    assert len(records) == len(frame)
    manifest = (await client.get("/export/m/scan.csv.manifest.json")).json()
    assert manifest["parameters"]["scan"] == job["id"]
    assert manifest["parameters"]["q"] == 0.05
    assert manifest["parameters"]["funnel"] == job["result"]["funnel"]
    assert manifest["rows"] == len(frame)


async def test_an_export_without_survivors_has_its_header(client, scans):
    await scanned(client, scans, bars=90)
    answer = await client.get("/export/m/scan.csv")
    assert answer.text.strip() == ",".join(FIELDS)
