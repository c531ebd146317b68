"""The tear sheet over HTTP: the same figures as the back-test's JSON, of the bars that it names."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl

from analytics.backtest import BacktestParams
from analytics.model import Listing, PairParams
from dashapp.parameters.backtest import export_query
from dashapp.services.analysis.cache import hash_of
from dashapp.text.backtest import figure_rows
from tests.dashapp.web.test_api import refused

QUERY = {"y": "BTCUSDT", "x": "ETHUSDT", "entry_z": "1", "hedge_window": "150", "z_window": "40"}


def data_of(sheet: str) -> dict:
    return json.loads(re.search(r'id="tearsheet-data">(.*?)</script>', sheet, re.DOTALL)[1])


async def test_its_figures_are_those_of_the_json(client):
    backtest = (await client.get("/api/markets/demo/backtest", params=QUERY)).json()
    answer = await client.get("/export/demo/tearsheet.html", params=QUERY)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "demo_tearsheet_BTCUSDT_ETHUSDT_1s.html" in answer.headers["content-disposition"]
    data = data_of(answer.text)
    assert backtest["trades"]
    del backtest["series"]
    assert {name: data[name] for name in backtest} == backtest


async def test_the_hash_is_of_the_bars_that_were_traded(client, runtime):
    data = data_of((await client.get("/export/demo/tearsheet.html", params=QUERY)).text)
    params = PairParams("BTCUSDT", "ETHUSDT", z_window=40, hedge_window=150)
    y, x = runtime.analysis.legs("demo", params)
    assert data["sha256"] == hash_of(y, x) != hash_of(y, x[:-1])
    assert hash_of(x, y) != hash_of(y, x)


async def test_funding_stands_among_the_figures_where_the_market_has_it(client, runtime):
    path = "/export/demo/tearsheet.html"
    assert ">Funding<" not in (await client.get(path, params=QUERY)).text
    rates = {"BTCUSDT": 0.03, "ETHUSDT": 0.001}
    runtime.markets["demo"].listings = {leg: Listing(leg, funding_rate=rates[leg]) for leg in rates}
    sheet = (await client.get(path, params=QUERY)).text
    pair = PairParams("BTCUSDT", "ETHUSDT", z_window=40)
    rules = BacktestParams(entry_z=1.0, hedge_window=150)
    result, _ = await runtime.analysis.backtest_and_hash("demo", pair, rules)
    listings = runtime.markets["demo"].listings
    per_day = (listings["BTCUSDT"].funding_per_day, listings["ETHUSDT"].funding_per_day)
    (value,) = [row[1] for row in figure_rows(result, per_day) if row[0] == "Funding"]
    assert f">Funding</th><td class='n'>{value}</td>" in sheet


async def test_what_is_missing_is_said(client):
    words = await refused(
        client, 400, "/export/demo/tearsheet.html?y=BTCUSDT&x=ETHUSDT&hedge_window=900"
    )
    assert words == "needs 961 bars, has 600"
    assert "no symbol 'NOPE'" in await refused(
        client, 404, "/export/demo/tearsheet.html?y=NOPE&x=ETHUSDT"
    )


async def test_the_pages_link_makes_the_back_test_of_the_page(client):
    pair = PairParams("BTCUSDT", "ETHUSDT", z_window=40, lag_method=None)
    rules = BacktestParams(entry_z=1.0, stop_z=None, max_bars=30, hedge_window=150)
    query = export_query(pair, rules)
    data = data_of((await client.get(f"/export/demo/tearsheet.html?{query}")).text)
    assert data["settings"]["stop_z"] is None
    assert data["settings"]["max_bars"] == 30
    assert data["settings"]["hedge_window"] == 150
    assert data["params"]["hedge_window"] is None, "that of the pair, which is all in view"
    assert data["params"]["lag_method"] is None
    assert dict(parse_qsl(query))["y"] == "BTCUSDT"


async def test_the_strategy_has_a_window_of_its_own_or_that_of_the_pair(client):
    path = "/api/markets/demo/backtest?y=BTCUSDT&x=ETHUSDT&z_window=40"

    async def windows(query: str) -> tuple[int | None, int]:
        found = (await client.get(path + query)).json()
        return found["params"]["hedge_window"], found["settings"]["hedge_window"]

    assert await windows("") == (None, 200)
    assert await windows("&hedge_window=150") == (150, 150)
    assert await windows("&strategy_window=150") == (None, 150)
    assert await windows("&hedge_window=90&strategy_window=150") == (90, 150)
    words = await refused(client, 400, path + "&strategy_window=9")
    assert "strategy_window" in words
