"""How requests are read: the query, the body, HEAD, and whose errors are worded."""

from __future__ import annotations

import httpx
import pytest

from dashapp.server import create_server
from dashapp.settings import Settings
from tests.dashapp.conftest import small_app
from tests.dashapp.web.test_api import PAIR, RULE, refused

BARS = "/api/markets/demo/bars?symbol=BTCUSDT"

# --- the query --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["500", "5e2", "+500", "500.0", "%20500"])
async def test_a_number_is_read_as_the_controls_read_it(client, limit):
    assert len((await client.get(f"{BARS}&limit={limit}")).json()["bars"]) == 500


@pytest.mark.parametrize("thousand", ["1,000", "1e3", "1000"])
async def test_groups_of_digits_are_one_number(client, thousand):
    query = {**PAIR, "limit": thousand, "max_bars": thousand, "cost_bps": thousand}
    answer = (await client.get("/api/markets/demo/backtest", params=query)).json()
    assert answer["params"]["limit"] == answer["settings"]["max_bars"] == 1_000
    assert answer["settings"]["cost_bps"] == 1_000.0


async def test_a_decimal_comma_is_refused_by_name(client):
    query = {**PAIR, "entry_z": "1,5"}
    words = await refused(client, 400, "/api/markets/demo/backtest", params=query)
    assert words == "entry_z is '1,5', which has a decimal comma: write 1.5"


async def test_an_empty_value_counts_as_absent(client):
    whole = (await client.get(BARS)).json()
    assert (await client.get(f"{BARS}&limit=&timeframe=")).json() == whole
    query = {**PAIR, "hedge_window": "", "stop_z": ""}
    answer = (await client.get("/api/markets/demo/backtest", params=query)).json()
    assert (answer["params"]["hedge_window"], answer["settings"]["stop_z"]) == (None, 4.0)
    assert await refused(client, 400, "/api/markets/demo/bars?symbol=") == "symbol is missing"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/healthz"), ("GET", "/api/status"), ("POST", "/api/feed/stop"), ("HEAD", "/healthz")],
)
async def test_a_route_without_parameters_refuses_any(client, method, path):
    answer = await client.request(method, f"{path}?verbose=1")
    assert answer.status_code == 400
    if method != "HEAD":
        words = "there is no parameter 'verbose' here, expected only: none"
        assert answer.json() == {"error": words}


async def test_the_hedge_window_of_a_pair_is_its_back_tests_too(client):
    url = "/api/markets/demo/backtest"
    given = (await client.get(url, params={**PAIR, "hedge_window": 150})).json()
    assert (given["params"]["hedge_window"], given["settings"]["hedge_window"]) == (150, 150)
    absent = (await client.get(url, params=PAIR)).json()
    assert (absent["params"]["hedge_window"], absent["settings"]["hedge_window"]) == (None, 200)


async def test_rules_that_do_not_go_together_are_refused(client):
    query = {**PAIR, "entry_z": "2", "exit_z": "3"}
    words = await refused(client, 400, "/api/markets/demo/backtest", params=query)
    assert words.startswith("exit_z is 3.0, expected from 0 to below entry_z")


# --- the body -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, "application/json", "application/x-www-form-urlencoded"])
async def test_a_body_is_json_whatever_it_is_called(client, kind):
    headers = {} if kind is None else {"content-type": kind}
    body = b'{"market": "demo", "speed": 60}'
    answer = await client.post("/api/replay/start", content=body, headers=headers)
    assert answer.json()["replay"]["speed"] == 60
    await client.post("/api/replay/stop")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is wrong: it is missing"),
        (b"[]", "the body is wrong: it is [], expected an object"),
        (b"{}", "the body is wrong: source is missing"),
        (b'{"source": 3}', "the body is wrong: source is 3, expected text"),
        (b'{"source": "demo", "more": 1}', "the body is wrong: there is no field 'more'"),
        (b'{"source": "demo", "symbols": "A"}', "symbols is 'A', expected a list"),
        (b'{"source": "demo", "symbols": [1]}', "symbols.0 is 1, expected text"),
        (b'{"source": NaN}', "the body is wrong: JSON is malformed"),
        (b"{", "the body is wrong: "),
        (b"[" * 100_000, "the body is wrong: "),
        (b'{"source": "\xff"}', "the body is wrong: "),
        (b'{"source": "\\ud800"}', "the body is wrong: "),
    ],
)
async def test_a_wrong_body_names_its_field(client, body, words):
    assert words in await refused(client, 400, "/api/feed/start", "POST", content=body)


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "NaN", "-1"])
async def test_a_number_that_cannot_be_is_refused_in_every_body(client, number):
    rule = b'{"market": "demo", "metric": "z", "operator": "abs>", "threshold": %s}'
    for path, body in (
        ("/api/alerts/rules", rule % number.encode()),
        ("/api/replay/speed", b'{"speed": %s}' % number.encode()),
        ("/api/replay/start", b'{"market": "demo", "start_ms": 0, "speed": %s}' % number.encode()),
    ):
        await refused(client, 400, path, "POST", content=body)


@pytest.mark.parametrize("body", [[], 3, "z", None])
async def test_a_rule_is_an_object(client, body):
    await refused(client, 400, "/api/alerts/rules", "POST", json=body)


async def test_an_alert_rule_may_hold_a_pair_and_only_that(client):
    body = {**RULE, "params": {**PAIR, "z_window": 90}}
    rule = (await client.post("/api/alerts/rules", json=body)).json()["rule"]
    assert rule["params"]["z_window"] == 90
    body["params"]["z_windows"] = 1
    words = await refused(client, 400, "/api/alerts/rules", "POST", json=body)
    assert words.startswith("params has 'z_windows', expected only y, x")


# --- what is around the routes ------------------------------------------------------------------


async def test_head_answers_every_get_without_a_body_of_its_own(client):
    for path in (BARS, "/api/openapi.json", "/export/demo/bars.csv"):
        got = await client.head(path)
        assert got.status_code == 200, path
        assert "content-type" in got.headers
    assert (await client.head("/api/markets/nowhere/symbols")).status_code == 404


async def test_who_uses_a_wrong_method_is_told_the_right_one(client):
    for method, path in (("DELETE", "/healthz"), ("OPTIONS", "/api/status")):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers.get("allow")) == (405, "GET"), path
        assert answer.json() == {"error": "Method Not Allowed"}


async def test_errors_of_other_routes_stay_errors(runtime, settings):
    async def fault():
        raise ValueError("a fault of a page is no answer of the interface")

    def create_app(runtime, server):
        server.add_api_route("/fault", fault)
        return small_app(runtime, server)

    transport = httpx.ASGITransport(create_server(runtime, settings, create_app))
    base = f"http://127.0.0.1:{settings.port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        with pytest.raises(ValueError, match="a fault of a page"):
            await client.get("/fault")
        assert "/fault" not in (await client.get("/api/openapi.json")).json()["paths"]


async def test_the_documentation_needs_the_token_too(runtime):
    settings = Settings(source="none", archive=None, token="s3cret")
    transport = httpx.ASGITransport(create_server(runtime, settings, small_app))
    base = f"http://127.0.0.1:{settings.port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        for path in ("/api", "/api/openapi.json"):
            assert (await client.get(path)).status_code == 401
            known = {"authorization": "Bearer s3cret"}
            assert (await client.get(path, headers=known)).status_code == 200
