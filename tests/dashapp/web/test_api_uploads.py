"""The HTTP interface: files become markets, and markets of files are deleted."""

from __future__ import annotations

import asyncio
import re

import pytest

from dashapp.web.routes import uploads
from tests.dashapp.web.test_api import CSV, refused


async def test_an_uploaded_file_becomes_a_market(client, runtime):
    answer = await client.post("/api/upload?name=coinbase_btcusd_1m.csv", content=CSV)
    body = answer.json()
    report = body["report"]
    assert (report["rows"], report["accepted"], report["rejected"]) == (120, 120, {})
    assert report["symbols"] == ["BTCUSD"]
    symbols = (await client.get(f"/api/markets/{body['market']}/symbols")).json()
    assert symbols["timeframes"] == ["1m", "5m", "15m", "1h", "4h", "1d"]
    query = "symbol=BTCUSD&timeframe=1m"
    bars = (await client.get(f"/api/markets/{body['market']}/bars?{query}")).json()["bars"]
    assert len(bars) == 120
    assert bars[0]["trades"] is None
    assert "1s" in await refused(
        client, 404, f"/api/markets/{body['market']}/bars?symbol=BTCUSD&timeframe=1s"
    )


async def test_several_files_can_make_one_market(client):
    first = (await client.post("/api/upload?name=a_btcusd.csv", content=CSV)).json()["market"]
    url = f"/api/upload?name=a_ethusd.csv&market={first}"
    assert (await client.post(url, content=CSV)).json()["market"] == first
    status = (await client.get("/api/status")).json()["markets"][first]
    assert status["symbols"] == ["BTCUSD", "ETHUSD"]
    assert status["title"] == "a_btcusd.csv and 1 file"


async def test_rows_that_are_refused_are_counted_with_their_lines(client):
    content = CSV + "2024-08-09T00:00:00Z,5,x,4,5,1\n2024-08-09T00:01:00Z,-5,7,-6,5,1\n"
    answer = (await client.post("/api/upload?name=btcusd.csv", content=content)).json()
    report = answer["report"]
    assert report["rows"] == 122
    assert report["accepted"] == 120
    assert sum(report["rejected"].values()) == 2
    lines = [line for found in report["first_lines"].values() for line in found]
    assert sorted(lines) == [122, 123]
    market = (await client.get("/api/status")).json()["markets"][answer["market"]]
    assert market["received"] == 122
    assert market["rejected"] == 2


async def test_rows_that_the_market_had_already_are_reported_as_duplicates(client):
    content = "\n".join(CSV.splitlines()[:31])
    first = (await client.post("/api/upload?name=btcusd.csv", content=content)).json()
    assert (first["report"]["accepted"], first["report"]["duplicate"]) == (30, 0)
    url = f"/api/upload?name=btcusd.csv&market={first['market']}"
    longer = "\n".join(CSV.splitlines()[:33]) + "\n2024-08-09T00:00:00Z,5,x,4,5,1\n"
    for body, expected in ((content, (30, 0, 30, 0)), (longer, (33, 2, 30, 1))):
        report = (await client.post(url, content=body)).json()["report"]
        assert report["late"] == 0
        refused_rows = sum(report["rejected"].values())
        assert (report["rows"], report["accepted"], report["duplicate"], refused_rows) == expected


async def test_a_latin_1_file_says_where_it_is_and_is_read_as_such_when_that_is_asked(client):
    header, first, *rest = CSV.splitlines()
    text = "\n".join([f"{header},Währung", f"{first},Zürich", *(f"{row},Genf" for row in rest)])
    content = text.encode("latin-1")
    answer = await client.post("/api/upload?name=btcusd.csv", content=content)
    assert answer.status_code == 400
    found = answer.json()["report"]["not_utf8"]
    assert (found["line"], found["byte"]) == (1, 0xE4)
    assert "Währung" in found["latin_1"]
    url = "/api/upload?name=btcusd.csv&encoding=latin-1"
    report = (await client.post(url, content=content)).json()["report"]
    assert (report["accepted"], report["not_utf8"]) == (120, None)
    assert "read as Latin-1, as asked" in report["notes"]
    url = url.replace("latin-1", "utf-7")
    words = await refused(client, 400, url, "POST", content=content)
    assert words == "encoding is 'utf-7', expected one of utf-8, latin-1"


async def test_ticks_that_come_twice_in_one_file_are_reported_as_duplicates(client):
    line = '{"symbol":"BTCUSDT","ts":1723161240000,"price":5,"size":1,"trade_id":7}\n'
    report = (await client.post("/api/upload?name=t.ndjson", content=line * 3)).json()["report"]
    assert (report["rows"], report["accepted"], report["duplicate"]) == (3, 1, 2)


@pytest.mark.parametrize("body", [b"", b"dear diary,\nno ticks today\n", b"\x89PNG\r\n\x1a\n" * 9])
async def test_a_file_that_is_no_market_data_makes_no_market(client, runtime, body):
    before = dict(runtime.markets)
    answer = await client.post("/api/upload?name=notes.txt", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert runtime.markets == before
    assert len(runtime.uploads.sessions) == 0


async def test_an_upload_cannot_join_the_live_market(client):
    words = await refused(client, 400, "/api/upload?name=a.csv&market=live", "POST", content=CSV)
    assert words == "market is 'live', expected one that was uploaded"
    await refused(client, 404, "/api/upload?name=a.csv&market=upload-9", "POST", content=CSV)


async def test_too_many_uploads_at_once_are_told_to_wait(client, runtime, monkeypatch):
    monkeypatch.setattr(uploads, "PLACE_S", 600.0)  # none gives its place up meanwhile
    for _ in range(uploads.MAX_UPLOADS):
        runtime.uploads.begin("a.csv")
    await refused(client, 429, "/api/upload?name=a.csv", "POST", content=CSV)


async def test_a_file_of_which_nothing_comes_is_given_up(client, runtime, monkeypatch):
    monkeypatch.setattr(uploads, "IDLE_S", 0.1)

    async def stalled():
        yield CSV[:200].encode()
        await asyncio.sleep(1)

    answer = await client.post("/api/upload?name=a.csv", content=stalled())
    assert answer.status_code == 408
    assert "nothing came for" in answer.json()["error"]
    assert len(runtime.uploads.sessions) == 0


async def test_the_files_on_their_way_in_are_listed(client, runtime):
    session = runtime.uploads.begin("a.csv", key="mine")
    listed = (await client.get("/api/uploads")).json()["uploads"]
    assert listed == [{"id": "mine", "name": "a.csv", "bytes": 0, "rows": 0, "rejected": 0}]
    await refused(client, 400, "/api/upload?name=a.csv&id=mine", "POST", content=CSV)
    await refused(client, 400, "/api/upload?name=a.csv&id=a%20b", "POST", content=CSV)
    session.abort()


async def test_an_uploaded_market_can_be_deleted_and_no_other(client):
    market = (await client.post("/api/upload?name=btcusd.csv", content=CSV)).json()["market"]
    assert (await client.delete(f"/api/markets/{market}")).json() == {"deleted": market}
    await refused(client, 404, f"/api/markets/{market}", "DELETE")
    words = await refused(client, 400, "/api/markets/demo", "DELETE")
    assert words == "market is 'demo', expected one that was uploaded"


async def test_a_hostile_name_is_only_a_title(client):
    name = "../../etc/<img src=x>.csv" + "x" * 300
    market = (await client.post("/api/upload", params={"name": name}, content=CSV)).json()["market"]
    title = (await client.get("/api/status")).json()["markets"][market]["title"]
    assert re.fullmatch(r"upload-[0-9a-f]{6}-\d+", market)
    assert len(title) <= 80
    assert "/" not in title
