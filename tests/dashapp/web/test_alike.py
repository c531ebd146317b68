"""HTTP reads a parameter as the page's controls do: one value, or one refusal."""

from __future__ import annotations

import pytest

from analytics.model import ParameterError
from dashapp.parameters import backtest, pair

LEGS = {"y": "BTCUSDT", "x": "ETHUSDT"}
TEXTS = (
    "100", "1,000", "1e2", "100.0", " 100 ", "+100", "1_00", "１００", "0,5", "1,5", "10,00",
    "1.234,5", "nan", "Infinity", "-1", "1e-05", "2.5", "none", "true", "x" * 60,
)  # fmt: skip


async def answer(client, what: str, query: dict[str, str], group: str) -> dict:
    """The parameters that an answer says it is of, or its error."""
    got = await client.get(f"/api/markets/demo/{what}", params=query)
    assert got.status_code in (200, 400), got.text
    if got.status_code == 400 and "have" not in got.json():
        return {"error": got.json()["error"]}
    return got.json().get(group, {})


def expected(read, query: dict[str, str]) -> dict:
    try:
        return vars(read(query))
    except ParameterError as error:
        return {"error": str(error)}


@pytest.mark.parametrize("name", ["z_window", "min_volume", "intercept", "lag_method", "limit"])
async def test_a_pair_is_read_from_a_query_as_from_its_controls(client, name):
    for text in TEXTS:
        query = {**LEGS, name: text}
        got = await answer(client, "pair", query, "params")
        wanted = expected(pair.pair_params, query)
        assert got in (wanted, {}), text  # a window of more bars than there are has no answer
        assert ("error" in got) == ("error" in wanted), text


@pytest.mark.parametrize("name", ["entry_z", "max_bars", "cost_bps", "stop_z", "sides"])
async def test_rules_are_read_from_a_query_as_from_their_controls(client, name):
    for text in TEXTS:
        got = await answer(client, "backtest", {**LEGS, name: text}, "settings")
        wanted = expected(backtest.backtest_params, {name: text})
        assert got in (wanted, {}), text
        assert ("error" in got) == ("error" in wanted), text


async def test_a_pair_and_its_back_test_have_each_their_hedge_mode(client):
    query = {**LEGS, "spread_mode": "locked", "beta": "20.5", "hedge_mode": "kalman"}
    got = (await client.get("/api/markets/demo/backtest", params=query)).json()
    assert (got["params"]["spread_mode"], got["params"]["beta"]) == ("locked", 20.5)
    assert got["settings"]["hedge_mode"] == "kalman"
    del query["beta"]
    got = await client.get("/api/markets/demo/backtest", params=query)
    assert got.status_code == 400
    assert got.json()["error"].startswith("beta is missing, expected a number from")
