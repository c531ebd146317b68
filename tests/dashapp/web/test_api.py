"""The HTTP interface: what scripts get, and the page that documents it."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from analytics.backtest import BacktestParams
from analytics.bars import resample
from analytics.correlation import hayashi_yoshida
from analytics.estimates import MAX_TICKS
from analytics.model import Gap, PairParams, Ticks
from storage.market.market import Market

PAIR = {"y": "BTCUSDT", "x": "ETHUSDT"}
RULE = {"market": "demo", "metric": "z", "operator": "abs>", "threshold": 2.0, "params": PAIR}
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


def frame(answer) -> pd.DataFrame:
    assert answer.status_code == 200, answer.text
    return pd.read_csv(io.StringIO(answer.text))


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


@pytest.mark.parametrize("hedge", ["ols", "huber"])
async def test_a_pairs_z_is_of_the_spread_mean_and_deviation_beside_it(client, hedge):
    pair = (await client.get("/api/markets/demo/pair", params={**PAIR, "hedge": hedge})).json()
    figures = pair["figures"]
    z = (figures["spread"] - figures["mean"]) / figures["std"]
    assert figures["z"] == pytest.approx(z, rel=1e-8)
    if hedge == "ols":
        assert figures["fitted_ms"] is None
    else:
        assert figures["fitted_ms"] in pair["series"]["ts_ms"]


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
    refused = await client.get("/api/markets/demo/pair", params=query)
    assert "multiples of one another" in refused.text
    given = {**query, "spread_mode": "locked", "beta": "2"}
    answer = await client.get("/api/markets/demo/pair", params=given)
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
