"""The HTTP interface: what scripts get, and what wrong requests are told."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from analytics.alerts import METRICS, AlertRule
from analytics.backtest import BacktestParams
from analytics.bars import resample
from analytics.correlation import hayashi_yoshida
from analytics.estimates import MAX_TICKS
from analytics.model import FeedStatus, Gap, PairParams, Ticks
from analytics.outcomes import Outcome
from dashapp.web.routes import uploads
from storage.market.market import Market

PAIR = {"y": "BTCUSDT", "x": "ETHUSDT"}
PAIR_NAMES = tuple(each.name for each in fields(PairParams))
RULE_NAMES = (
    *(each.name for each in fields(BacktestParams) if each.name != "hedge_window"),
    "strategy_window",
)
ANSWER_NAMES = ("dayfirst", "timezone", "columns", "replace", "timeframe")
SCAN_ROWS = ("rows", "verdict", "offset", "limit")
SPAN_NAMES = ("start_ms", "end_ms", "kept")
CSV = "timestamp,open,high,low,close,volume\n" + "".join(
    f"2024-08-08T{hour:02}:{minute:02}:00Z,{5 + minute % 3},7,4,{5 + minute % 2},10\n"
    for hour in range(2)
    for minute in range(60)
)


async def refused(client, status: int, url: str, method: str = "GET", **options) -> str:
    answer = await client.request(method, url, **options)
    assert answer.status_code == status, answer.text[:1_000]
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert isinstance(body["error"], str)
    return body["error"]


# --- readings ------------------------------------------------------------------------


async def test_health_and_status_are_told(client):
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    status = (await client.get("/api/status")).json()
    demo = status["markets"]["demo"]
    assert demo["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert demo["accepted"] == demo["received"] == 2_400
    assert demo["feed"]["state"] == "stopped"
    assert status["versions"]["dash"]
    assert status["uptime_s"] >= 0
    assert status["computed"] == {}


async def test_symbols_come_with_the_timeframes(client):
    answer = (await client.get("/api/markets/demo/symbols")).json()
    assert answer["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert answer["timeframes"] == ["1s", "1m", "5m", "15m", "1h", "4h", "1d"]


@pytest.mark.parametrize("timeframe", ["1s", "1m", "5m"])
async def test_bars_equal_those_resampled_from_the_ticks(client, ticks_of, timeframe):
    query = {"symbol": "BTCUSDT", "timeframe": timeframe, "limit": 20_000}
    answer = (await client.get("/api/markets/demo/bars", params=query)).json()
    assert (answer["symbol"], answer["timeframe"]) == ("BTCUSDT", timeframe)
    got = pd.DataFrame(answer["bars"])
    expected = resample(ticks_of("BTCUSDT", seed=0), timeframe)
    assert not got.pop("gap").any()
    assert not got.pop("kline").any()
    for name in got.columns:
        np.testing.assert_array_equal(got[name], getattr(expected, name))


async def test_what_a_gap_touches_is_flagged_in_bars_exports_and_pairs(client, runtime):
    market = runtime.markets["demo"]
    last = market.ticks("BTCUSDT", 1)
    at, number = int(last.ts_ms[-1]), int(last.trade_id[-1])
    market.note_gap(Gap("BTCUSDT", number + 1, number + 9, at - 2_500, at))
    query = {"symbol": "BTCUSDT", "timeframe": "1s", "limit": 10}
    bars = (await client.get("/api/markets/demo/bars", params=query)).json()["bars"]
    assert [one["gap"] for one in bars] == [False] * 7 + [True] * 3
    assert frame(await client.get("/export/demo/bars.csv", params=query)).gap.tolist() == [
        one["gap"] for one in bars
    ]
    other = await client.get("/api/markets/demo/bars", params={**query, "symbol": "ETHUSDT"})
    assert not any(one["gap"] for one in other.json()["bars"])
    pair = (await client.get("/api/markets/demo/pair", params=PAIR)).json()
    assert pair["series"]["gap"][-4:] == [False, True, True, True]
    assert frame(await client.get("/export/demo/pair.csv", params=PAIR)).gap.sum() == 3


async def test_a_pair_has_the_correlation_on_its_ticks(client, runtime):
    figures = (await client.get("/api/markets/demo/pair", params=PAIR)).json()["figures"]
    ticks = [runtime.markets["demo"].ticks(PAIR[leg], MAX_TICKS) for leg in ("y", "x")]
    y, x = ticks
    expected = hayashi_yoshida(y.ts_ms, np.log(y.price), x.ts_ms, np.log(x.price)).correlation
    assert figures["estimates"]["tick_correlation"] == pytest.approx(expected)


async def test_an_outlier_is_flagged_among_the_ticks(client, runtime):
    market = runtime.markets["demo"]
    last = market.ticks("BTCUSDT", 1)
    jumped = Ticks("BTCUSDT", last.ts_ms + 5, last.price * 1.3, last.size, last.trade_id + 1)
    market.append(jumped)
    query = {"symbol": "BTCUSDT", "limit": 3}
    ticks = (await client.get("/api/markets/demo/ticks", params=query)).json()["ticks"]
    assert [one["outlier"] for one in ticks] == [False, False, True]
    status = (await client.get("/api/status")).json()["markets"]["demo"]
    assert status["outliers"] == 1


async def test_the_limit_gives_the_newest_rows(client):
    query = {"symbol": "ethusdt", "limit": 3}
    bars = (await client.get("/api/markets/demo/bars", params=query)).json()["bars"]
    ticks = (await client.get("/api/markets/demo/ticks", params=query)).json()["ticks"]
    assert len(bars) == len(ticks) == 3
    assert [one["ts_ms"] for one in ticks] == sorted(one["ts_ms"] for one in ticks)
    assert set(ticks[0]) == {"ts_ms", "price", "size", "trade_id", "trades", "outlier"}
    assert bars[-1]["close"] == ticks[-1]["price"]


async def test_a_pair_gives_every_series_and_figure_with_null_in_the_warm_up(client):
    answer = await client.get("/api/markets/demo/pair", params={**PAIR, "z_window": 50})
    assert "NaN" not in answer.text
    pair = answer.json()
    assert pair["params"]["z_window"] == 50
    assert pair["fit"]["method"] == "ols"
    assert set(pair["fits"]) >= {"ols", "huber", "tls", "kalman"}
    series = pd.DataFrame(pair["series"])
    assert len(series) == 600
    assert series.z[:49].isna().all()
    assert series.z[49:].notna().all()
    assert pair["series"]["z"][0] is None
    assert pair["figures"]["z"] == pair["series"]["z"][-1]
    assert pair["figures"]["engle_granger"]["pvalue"] < 0.05
    assert len(pair["adf_line"]["ts_ms"]) == len(pair["adf_line"]["pvalue"])


async def test_a_half_life_on_the_clock_takes_the_usual_distance_of_bars(client, runtime):
    demo, slow = runtime.markets["demo"], Market("slow", "Slow", "upload")
    for symbol in demo.symbols:
        ticks = demo.ticks(symbol, 10_000)
        first = ticks.ts_ms[0]  # two ticks a second become one bar every three
        slow.append(replace(ticks, ts_ms=first + 6 * (ticks.ts_ms - first)))
    runtime.markets["slow"] = slow
    figures = (await client.get("/api/markets/slow/pair", params=PAIR)).json()["figures"]
    assert figures["half_life_ms"] == pytest.approx(3_000 * figures["half_life"])


async def test_a_pair_tells_every_method_the_swapped_legs_ou_and_johansen(client):
    pair = (await client.get("/api/markets/demo/pair", params=PAIR)).json()
    figures = pair["figures"]
    assert set(figures["z_by_method"]) == set(pair["fits"])
    assert figures["z_by_method"]["ols"] == figures["z"]
    assert figures["z_low"] == min(figures["z_by_method"].values())
    assert figures["z_high"] == max(figures["z_by_method"].values())
    assert pair["swapped"]["beta"] == pytest.approx(1 / pair["fit"]["beta"], rel=0.5)
    assert figures["z_swapped"] == pytest.approx(figures["z"], abs=1.0)
    assert figures["half_life_ms"] == pytest.approx(1_000 * figures["half_life"])
    assert set(figures["ou"]) == {"theta", "mu", "sigma", "half_life"}
    assert np.shape(figures["johansen"]["trace_critical"]) == (2, 3)
    assert figures["johansen"]["rows"] == 600
    assert figures["johansen"]["rank"]["95%"] in (0, 1, 2)
    assert pair["path_rows"] == 200
    assert pair["fits"]["tls"]["beta_stderr"] is None, "NaN is null"


async def test_legs_that_have_no_johansen_test_say_so_in_the_notes(client, runtime, ticks_of):
    market = runtime.markets.get("demo")
    copied = ticks_of("BTCUSDT", seed=0)
    market.append(replace(copied, symbol="TWIN"))
    query = {"y": "BTCUSDT", "x": "TWIN"}
    answer = await client.get("/api/markets/demo/pair", params=query)
    assert "NaN" not in answer.text
    pair = answer.json()
    assert pair["figures"]["johansen"] is None
    assert any(note.startswith("No Johansen test: ") for note in pair["notes"])


async def test_every_parameter_of_a_pair_is_taken(client):
    query = {
        **PAIR,
        "timeframe": "1s",
        "hedge": "tls",
        "z_window": "30",
        "corr_window": "20",
        "hedge_window": "100",
        "price_space": "log",
        "intercept": "false",
        "corr_on": "prices",
        "trend": "ct",
        "lag_method": "fixed",
        "adf_window": "90",
        "min_trades": "1",
        "min_volume": "12.5",
        "limit": "200",
    }
    params = (await client.get("/api/markets/demo/pair", params=query)).json()["params"]
    assert params["lag_method"] is None
    assert params["intercept"] is False
    assert (params["hedge"], params["hedge_window"], params["limit"]) == ("tls", 100, 200)
    assert (params["min_trades"], params["min_volume"]) == (1, 12.5)


async def test_correlation_names_symbols_and_how_much_it_rests_on(client):
    answer = (await client.get("/api/markets/demo/correlation")).json()
    assert answer["symbols"] == ["BTCUSDT", "ETHUSDT"]
    matrix = np.array(answer["matrix"])
    assert matrix.shape == (2, 2)
    assert matrix[0, 0] == 1.0
    assert answer["counts"][0][1] == 599


async def test_a_back_test_gives_figures_trades_and_equity(client):
    query = {**PAIR, "entry_z": 1.5, "exit_z": 0.2, "stop_z": "none", "cost_bps": 0}
    answer = (await client.get("/api/markets/demo/backtest", params=query)).json()
    assert answer["settings"]["entry_z"] == 1.5
    assert answer["settings"]["stop_z"] is None
    assert answer["figures"]["trades"] == len(
        [one for one in answer["trades"] if one["exit_reason"] != "open"]
    )
    assert len(answer["series"]["equity"]) == len(answer["series"]["ts_ms"])


async def test_ticks_without_ids_have_none(client, runtime):
    upload = '{"symbol":"BTCUSDT","ts":"2024-08-08T23:54:16.322Z","price":1.5,"size":2}'
    market = (await client.post("/api/upload?name=t.ndjson", content=upload)).json()["market"]
    url = f"/api/markets/{market}/ticks?symbol=BTCUSDT"
    assert (await client.get(url)).json()["ticks"][0]["trade_id"] is None


# --- what wrong requests are told -------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "symbol is missing"),
        ("symbol=BTCUSDT&limit=0", "limit is '0', expected a whole number from 1 to 20000"),
        ("symbol=BTCUSDT&limit=20001", "limit is '20001'"),
        ("symbol=BTCUSDT&limit=1e5", "limit is '1e5'"),
        ("symbol=BTCUSDT&limit=1.5", "limit is '1.5'"),
        ("symbol=BTCUSDT&limit=1_000", "limit is '1_000'"),
        ("symbol=BTCUSDT&limit=0,5", "limit is '0,5', which has a decimal comma: write 0.5"),
        ("symbol=BTCUSDT&limit=" + "9" * 30, "limit is '999"),
        ("symbol=BTCUSDT&timeframe=2x", "timeframe is '2x', expected one of 1s, 1m, 5m, 15m"),
        ("symbol=BTCUSDT&limit=" + "9" * 5_000, "limit is '" + "9" * 40 + "...', expected a whole"),
        ("symbol=BTCUSDT&limit=-" + "9" * 5_000, "limit is '-999"),
        ("symbol=BTCUSDT&limit=2&limit=3", "limit is given more than once, expected one value"),
        ("symbol=&symbol=BTCUSDT", "symbol is given more than once"),
        ("symbol=BTCUSDT&lim=3", "there is no parameter 'lim' here, expected only: symbol,"),
    ],
)
async def test_a_wrong_query_is_told_what_is_legal(client, query, words):
    assert (await refused(client, 400, f"/api/markets/demo/bars?{query}")).startswith(words)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x": "BTCUSDT"}, "y and x are both BTCUSDT"),
        ({"z_window": "1"}, "z_window is '1', expected a whole number from 2 to 5000"),
        ({"hedge": "magic"}, "hedge is 'magic', expected one of ols"),
        ({"intercept": "maybe"}, "intercept is 'maybe', expected true or false"),
        ({"price_space": "cube"}, "price_space is 'cube'"),
        ({"trend": "up"}, "trend is 'up'"),
        ({"lag_method": "guess"}, "lag_method is 'guess'"),
        ({"entry_z": "2"}, "there is no parameter 'entry_z' here"),
    ],
)
async def test_a_wrong_parameter_of_a_pair_is_named(client, changed, words):
    query = {**PAIR, **changed}
    assert words in await refused(client, 400, "/api/markets/demo/pair", params=query)


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "x", "٢"])
async def test_a_number_must_be_finite_and_plain(client, text):
    query = {**PAIR, "entry_z": text}
    words = await refused(client, 400, "/api/markets/demo/backtest", params=query)
    assert words == f"entry_z is {text!r}, expected a number"


async def test_not_enough_data_says_how_much_is_missing(client, runtime, ticks_of):
    for symbol in ("AAA", "BBB"):
        runtime.markets["live"].append(ticks_of(symbol, seconds=12))
    answer = await client.get("/api/markets/live/pair?y=AAA&x=BBB")
    assert answer.status_code == 400
    assert answer.json() == {"error": "needs 60 bars, has 12", "have": 12, "need": 60}


async def test_statistics_that_are_not_compiled_yet_say_so(client, runtime):
    runtime.kernels.ready = False
    for name in ("pair?y=BTCUSDT&x=ETHUSDT", "correlation", "backtest?y=BTCUSDT&x=ETHUSDT"):
        assert "compiling" in await refused(client, 400, f"/api/markets/demo/{name}")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "/api/markets/nowhere/symbols",
            "there is no market 'nowhere', only: demo, live, demo-universe",
        ),
        ("/api/markets/demo/ticks?symbol=NONE", "market demo has no symbol 'NONE'"),
        ("/api/markets/demo/pair?y=BTCUSDT&x=NONE", "market demo has no symbol 'NONE'"),
        ("/api/markets/demo", "there is no GET /api/markets/demo; see /api"),
        ("/api/nothing", "there is no GET /api/nothing; see /api"),
        ("/api/", "there is no GET /api/; see /api"),
        ("/export", "there is no GET /export; see /api"),
        ("/export/demo/secrets.csv", "there is no GET /export/demo/secrets.csv; see /api"),
        ("/export/demo/..%2f..%2fapp.py", "there is no GET /export/demo/../../app.py"),
    ],
)
async def test_what_there_is_not_is_404_in_json(client, url, words):
    assert words in await refused(client, 404, url)


async def test_a_wrong_method_is_404_in_json(client):
    assert "POST /api/status" in await refused(client, 404, "/api/status", "POST")
    assert "GET /api/upload" in await refused(client, 404, "/api/upload")


async def test_head_answers_as_get_does(client):
    for path in ("/api", "/api/status", "/healthz", "/export/demo/summary.csv"):
        answer = await client.head(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == (await client.get(path)).headers["content-type"]


async def test_any_other_address_is_the_page(client):
    for path in ("/", "/analytics", "/no/such/page"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "text/html" in answer.headers["content-type"]


# --- uploads -------------------------------------------------------------------------------


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


# --- the feed --------------------------------------------------------------------------------


async def test_the_feed_starts_and_stops_any_number_of_times(client, runtime):
    for _ in range(2):
        answer = await client.post("/api/feed/start", json={"source": "demo"})
        assert answer.json()["market"] == "demo"
    assert answer.json()["feed"]["state"] in ("connecting", "live")
    for _ in range(2):
        answer = await client.post("/api/feed/stop")
    assert answer.json()["feed"]["state"] == "stopped"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"source": 3}',
        b'{"source": "demo", "more": 1}',
        b'{"source": "/etc/passwd"}',
        b'{"source": "file:///etc/passwd"}',
        b'{"source": "http://169.254.169.254/latest"}',
        b'{"source": "binance-futures", "symbols": ["<b>"]}',
        b'{"source": "demo", "symbols": "BTCUSDT"}',
        b"\xff",
    ],
)
async def test_a_source_that_cannot_be_is_refused(client, runtime, body):
    before = runtime.markets.status("live")
    await refused(client, 400, "/api/feed/start", "POST", content=body)
    assert runtime.markets.status("live") == before


# --- alerts -----------------------------------------------------------------------------------

RULE = {"market": "demo", "metric": "z", "operator": "abs>", "threshold": 2.0, "params": PAIR}


async def test_rules_are_added_listed_and_deleted(client):
    added = (await client.post("/api/alerts/rules", json=RULE)).json()["rule"]
    assert added["params"]["z_window"] == 60
    listed = (await client.get("/api/alerts/rules")).json()["rules"]
    assert [one["id"] for one in listed] == [added["id"]]
    assert listed[0]["paused"] is False
    assert (listed[0]["state"], listed[0]["waits_for"]) == ("armed", "")
    url = f"/api/alerts/rules?id={added['id']}"
    assert (await client.delete(url)).json() == {"deleted": added["id"]}
    await refused(client, 404, url, "DELETE")
    await refused(client, 400, "/api/alerts/rules", "DELETE")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"metric": "mood"}, "metric is 'mood'"),
        ({"threshold": "2"}, "threshold is '2'"),
        ({"market": "nowhere"}, "market is 'nowhere'"),
        ({"params": {"y": "A", "x": "A"}}, "y and x are both A"),
        ({"formula": "1+1"}, "rule has 'formula'"),
    ],
)
async def test_a_wrong_rule_is_refused_by_its_field(client, changed, words):
    body = {**RULE, **changed}
    assert words in await refused(client, 400, "/api/alerts/rules", "POST", json=body)


async def test_what_fired_can_be_asked_for_by_market_and_time(client, runtime):
    runtime.alerts.add_rule({**RULE, "threshold": 0.0})
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    await runtime.alerts.step()
    fired = (await client.get("/api/alerts?market=demo")).json()["alerts"]
    assert len(fired) == 1
    assert fired[0]["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert (await client.get("/api/alerts?market=live")).json() == {"alerts": []}
    later = f"/api/alerts?since={fired[0]['ts_ms'] + 1}"
    assert (await client.get(later)).json() == {"alerts": []}
    table = (await client.get("/export/demo/alerts.csv")).text.splitlines()
    assert len(table) == 2
    assert "BTCUSDT / ETHUSDT" in table[1]
    assert len((await client.get("/export/live/alerts.csv")).text.splitlines()) == 1
    everywhere = await client.get("/export/alerts.csv")
    assert everywhere.text.splitlines() == table
    assert "all-markets_alerts.csv" in everywhere.headers["content-disposition"]
    assert (await client.get("/export/alerts.parquet")).status_code == 404


async def test_the_export_of_alerts_tells_what_became_of_each(client, runtime):
    runtime.alerts.add_rule({**RULE, "threshold": 0.0})
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    await runtime.alerts.step()
    record = runtime.alerts.history.records()[0]
    record.outcome = Outcome(7, -2.5, -3.25, 1.5, 7, True)
    record.delivery = "delivered at try 3"
    table = io.StringIO((await client.get("/export/demo/alerts.csv")).text)
    row = next(csv.DictReader(table))
    assert [row[one] for one in ("bars", "worst_z", "worst_bps", "net_bps", "delivery")] == [
        "7",
        "-2.5",
        "-3.25",
        "1.5",
        "delivered at try 3",
    ]
    record.outcome = None
    table = io.StringIO((await client.get("/export/demo/alerts.csv")).text)
    assert next(csv.DictReader(table))["net_bps"] == ""


async def test_the_documentation_names_every_field_of_a_rule_and_every_metric(client):
    words = (await client.get("/api")).text
    for one in (*METRICS, *(field.name for field in fields(AlertRule))):
        assert one == "created_ms" or one in words


async def test_the_newest_alerts_are_given_up_to_a_limit_and_of_markets_there_are(client, runtime):
    for symbol in ("BTCUSDT", "ETHUSDT"):
        watched = {"metric": "price", "operator": ">", "threshold": 1.0, "symbol": symbol}
        runtime.alerts.add_rule({"market": "demo", **watched})
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    fired = await runtime.alerts.step()
    newest = (await client.get("/api/alerts?limit=1")).json()["alerts"]
    assert [one["id"] for one in newest] == [fired[-1].id]
    await refused(client, 400, "/api/alerts?limit=0")
    await refused(client, 400, "/api/alerts?limit=10001")
    words = await refused(client, 404, "/api/alerts?market=nowhere")
    assert words == "there is no market 'nowhere', only: demo, live, demo-universe"
    del runtime.markets["demo"]
    assert len((await client.get("/api/alerts?market=demo")).json()["alerts"]) == 2, "history stays"
    later = await client.get("/api/alerts?market=demo&since=4000000000000")
    assert later.json() == {"alerts": []}


async def test_a_rule_that_cannot_be_evaluated_says_what_it_waits_for(client, runtime):
    for body in (RULE, {**RULE, "params": {"y": "BTCUSDT", "x": "NOSUCH"}}):
        assert (await client.post("/api/alerts/rules", json=body)).status_code == 200
    runtime.alerts.set_enabled(runtime.alerts.rules[0].id, False)
    listed = (await client.get("/api/alerts/rules")).json()["rules"]
    told = [(one["state"], one["waits_for"]) for one in listed]
    assert told == [("off", ""), ("waiting", "no symbol NOSUCH yet")]
    del runtime.markets["demo"]
    listed = (await client.get("/api/alerts/rules")).json()["rules"]
    assert listed[1]["waits_for"] == "market demo is gone"


async def test_windows_that_no_view_can_hold_are_refused_wherever_a_pair_is_asked_for(client):
    words = (
        "hedge_window is 5000, expected at most 940, since the z window needs 60 more of limit "
        "(1000)"
    )
    pair = {**PAIR, "spread_mode": "rolling", "hedge_window": 5_000}
    query = "&".join(f"{name}={value}" for name, value in pair.items())
    for path in ("/api/markets/demo/pair", "/export/demo/pair.csv"):
        assert await refused(client, 400, f"{path}?{query}") == words
    rule = {**RULE, "params": pair}
    assert await refused(client, 400, "/api/alerts/rules", "POST", json=rule) == words
    watched = {"market": "demo", "params": pair}
    assert await refused(client, 400, "/api/watchlist", "PUT", json=watched) == words


# --- exports -----------------------------------------------------------------------------------


def frame(answer) -> pd.DataFrame:
    assert answer.status_code == 200, answer.text
    return pd.read_csv(io.StringIO(answer.text))


async def test_exported_ticks_and_bars_are_those_of_the_market(client, ticks_of):
    ticks = frame(await client.get("/export/demo/ticks.csv?symbol=BTCUSDT"))
    expected = ticks_of("BTCUSDT", seed=0)
    np.testing.assert_array_equal(ticks.price, expected.price)
    np.testing.assert_array_equal(ticks.ts_ms, expected.ts_ms)
    bars = frame(await client.get("/export/demo/bars.csv?timeframe=1m"))
    assert set(bars.symbol) == {"BTCUSDT", "ETHUSDT"}
    assert len(bars) == 20


async def test_an_exported_pair_has_one_row_a_bar(client):
    answer = await client.get("/export/demo/pair.csv", params=PAIR)
    pair = frame(answer)
    assert len(pair) == 600
    assert pair.z.isna().sum() == 59
    assert {"spread", "rolling_beta", "kalman_beta", "carried"} <= set(pair.columns)
    assert not {"beta", "alpha"} & set(pair.columns)
    told = json.loads(answer.headers["x-spreadscope-parameters"])
    assert told["hedge"] == "ols"
    assert told["hedge_window"] is None
    assert (told["first_ts_ms"], told["last_ts_ms"]) == (pair.ts_ms.min(), pair.ts_ms.max())
    name = 'attachment; filename="demo_pair_BTCUSDT_ETHUSDT_1s.csv"'
    assert answer.headers["content-disposition"] == name


@pytest.mark.parametrize("changed", [{}, {"hedge_window": 100}, {"price_space": "log"}])
async def test_the_spread_of_an_exported_pair_can_be_reckoned_again(client, changed):
    answer = await client.get("/export/demo/pair.csv", params={**PAIR, **changed})
    pair = frame(answer)
    assert pair.fit_beta.nunique() == pair.fit_alpha.nunique() == 1
    y, x = pair.price_y, pair.price_x
    if "price_space" in changed:
        y, x = np.log(y), np.log(x)
    np.testing.assert_allclose(y - pair.fit_beta * x - pair.fit_alpha, pair.spread, atol=1e-8)
    told = json.loads(answer.headers["x-spreadscope-parameters"])
    window = told["z_window"]
    rolled = pair.spread.rolling(window)
    np.testing.assert_allclose((pair.spread - rolled.mean()) / rolled.std(), pair.fit_z, atol=1e-6)
    for at in (window - 1, 300, 599):
        known = (y - pair.known_beta[at] * x - pair.known_alpha[at])[at - window + 1 : at + 1]
        assert pair.z[at] == pytest.approx((known.iloc[-1] - known.mean()) / known.std())


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize(
    "mode",
    [
        {"spread_mode": "view", "hedge": "huber"},
        {"spread_mode": "rolling", "hedge_window": 100},
        {"spread_mode": "kalman"},
        {"spread_mode": "locked", "beta": 1.5, "alpha": 3.0},
    ],
    ids=lambda mode: mode["spread_mode"],
)
async def test_an_exported_spread_is_that_of_the_line_beside_it_in_every_hedge_mode(
    client, runtime, mode, space
):
    market = runtime.markets["demo"]
    ticks = market.ticks("ETHUSDT", 1_000)
    quiet = (ticks.ts_ms // 1_000) % 7 != 3  # seconds in which one leg does not trade
    other = Market("gaps", "gaps", "upload")
    other.append(market.ticks("BTCUSDT", 1_000))
    other.append(ticks[quiet])
    runtime.markets["gaps"] = other
    asked = {**PAIR, **mode, "price_space": space, "z_window": 30}
    pair = frame(await client.get("/export/gaps/pair.csv", params=asked))
    assert pair.carried.any()
    traded = pair[~pair.carried]
    y, x = traded.price_y, traded.price_x
    if space == "log":
        y, x = np.log(y), np.log(x)
    again = y - traded.fit_beta * x - traded.fit_alpha
    assert again.notna().sum() > 100
    np.testing.assert_allclose(again, traded.spread, rtol=1e-9, atol=1e-9 * np.abs(y).max())


@pytest.mark.parametrize("kind", ["ticks", "bars", "summary", "alerts"])
async def test_every_export_tells_its_parameters_in_a_header(client, kind):
    answer = await client.get(f"/export/demo/{kind}.csv")
    told = json.loads(answer.headers["x-spreadscope-parameters"])
    assert (told["market"], told["export"]) == ("demo", kind)
    assert answer.headers["content-disposition"].count("None") == 0


async def test_the_api_names_the_rolling_path_as_the_export_does(client):
    series = (await client.get("/api/markets/demo/pair", params=PAIR)).json()["series"]
    assert {"rolling_beta", "rolling_alpha", "kalman_beta", "kalman_alpha"} <= set(series)
    assert not {"beta", "alpha"} & set(series)


async def test_the_summary_is_exported_with_a_row_a_symbol(client):
    assert list(frame(await client.get("/export/demo/summary.csv")).symbol) == [
        "BTCUSDT",
        "ETHUSDT",
    ]


async def test_the_exported_summary_is_the_one_that_the_pages_show(client, runtime):
    shown = await runtime.analysis.summary("demo", "1s", 1_000)
    assert len(frame(await client.get("/export/demo/summary.csv"))) == len(shown) == 2
    assert runtime.analysis.computed == {"summary": 1}
    runtime.kernels.ready = False
    assert "compiling" in await refused(client, 400, "/export/demo/summary.csv")


async def test_json_is_exported_too_and_other_endings_are_not(client):
    rows = (await client.get("/export/demo/bars.json?symbol=BTCUSDT&limit=5")).json()
    assert len(rows) == 5
    for url in ("/export/demo/summary.json", "/export/demo/ticks.xlsx"):
        assert "can be had as" in await refused(client, 404, url)


async def test_an_export_of_nothing_says_so(client):
    for url in ("/export/live/ticks.csv", "/export/live/summary.csv"):
        await refused(client, 404, url)
    await refused(client, 404, "/export/nowhere/bars.csv")


# --- the page that documents it -------------------------------------------------------------------


#: Every route, and the parameters of its query.
ROUTES = {
    "GET /healthz": (),
    "GET /api/status": (),
    "GET /metrics": (),
    "GET /api/symbols": ("source",),
    "POST /api/feed/start": (),
    "POST /api/feed/stop": (),
    "GET /api/alerts": ("market", "since", "limit"),
    "GET /api/alerts/rules": (),
    "POST /api/alerts/rules": (),
    "DELETE /api/alerts/rules": ("id",),
    "GET /api/watchlist": (),
    "PUT /api/watchlist": (),
    "DELETE /api/watchlist": ("id",),
    "POST /api/watchlist/rules": (),
    "GET /api/views": (),
    "PUT /api/views": (),
    "DELETE /api/views": ("name",),
    "POST /api/views/import": (),
    "PUT /api/views/last": (),
    "POST /api/upload": ("name", "market", "symbol", "id", "encoding", *ANSWER_NAMES),
    "GET /api/uploads": (),
    "DELETE /api/markets/{market}": (),
    "GET /api/replay": (),
    "POST /api/replay/start": (),
    "POST /api/replay/pause": (),
    "POST /api/replay/play": (),
    "POST /api/replay/speed": (),
    "POST /api/replay/seek": (),
    "POST /api/replay/stop": (),
    "GET /api/markets/{market}/symbols": (),
    "GET /api/markets/{market}/bars": ("symbol", "timeframe", "limit"),
    "GET /api/markets/{market}/ticks": ("symbol", "limit"),
    "GET /api/markets/{market}/pair": PAIR_NAMES,
    "GET /api/markets/{market}/correlation": ("timeframe", "limit"),
    "GET /api/markets/{market}/backtest": (*PAIR_NAMES, *RULE_NAMES),
    "POST /api/scans": (),
    "GET /api/scans": ("market",),
    "GET /api/scans/{id}": SCAN_ROWS,
    "DELETE /api/scans/{id}": (),
    "GET /api/markets/{market}/scan": SCAN_ROWS,
    "GET /export/{market}/scan.{ending}": ("rows",),
    "GET /export/{market}/ticks.{ending}": ("symbol", "limit", *SPAN_NAMES),
    "GET /export/{market}/bars.{ending}": ("symbol", "timeframe", "limit", *SPAN_NAMES),
    "GET /export/{market}/pair.{ending}": PAIR_NAMES,
    "GET /export/{market}/summary.{ending}": ("timeframe", "limit"),
    "GET /export/{market}/alerts.{ending}": ("since",),
    "GET /export/alerts.{ending}": ("since",),
    "GET /export/archive/dataset.zip": (),
    "GET /export/{market}/trades.{ending}": (*PAIR_NAMES, *RULE_NAMES),
    "GET /export/{market}/tearsheet.html": (*PAIR_NAMES, *RULE_NAMES),
}


async def test_the_documentation_names_every_route_and_parameter(client):
    answer = await client.get("/api")
    assert "text/html" in answer.headers["content-type"]
    assert "<script" not in answer.text
    for route, parameters in ROUTES.items():
        assert f"<h3>{route}</h3>" in answer.text
        for name in parameters:
            assert f"<code>{name}</code>" in answer.text


async def test_the_openapi_document_has_every_route_and_parameter_and_no_other(client):
    document = (await client.get("/api/openapi.json")).json()
    queries = {
        f"{method.upper()} {path}": {
            each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
        }
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert queries == {route: set(parameters) for route, parameters in ROUTES.items()}


async def test_no_description_of_the_server_is_generated(client):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "swagger" not in (await client.get(path)).text.lower()
        assert '"openapi"' not in (await client.get(path)).text
