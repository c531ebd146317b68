"""The HTTP interface: what wrong requests are told."""

from __future__ import annotations

import pytest

from tests.dashapp.web.test_api import PAIR, RULE, refused


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
