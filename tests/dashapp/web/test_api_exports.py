"""The HTTP interface: exports of what the pages show."""

from __future__ import annotations

import json

import numpy as np
import pytest

from storage.market.market import Market
from tests.dashapp.web.test_api import PAIR, frame, refused


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
