"""Answers: their JSON, and that they are what the OpenAPI document says."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, deque
from types import MappingProxyType

import numpy as np
import pytest
from fastapi.routing import APIRoute

from analytics.cointegration import johansen
from analytics.model import FeedStatus, PairParams
from analytics.outcomes import Outcome
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.web.answers import encode
from dashapp.web.routes import (
    alerts,
    exports,
    feed,
    markets,
    replay,
    status,
    uploads,
    views,
    watchlist,
)
from tests.dashapp.web.test_api import CSV, PAIR, RULE

ROUTERS = (status, feed, alerts, watchlist, views, markets, uploads, replay, exports)
MODELS = {
    f"{method} {route.path}": route.response_model
    for module in ROUTERS
    for route in module.router.routes
    if isinstance(route, APIRoute) and route.response_model is not None
    for method in route.methods - {"HEAD"}
}

# --- JSON -----------------------------------------------------------------------------------

ODD_NUMBERS = [
    (np.float64(1.5), 1.5),
    (np.float32(0.5), 0.5),
    (np.longdouble(2.5), 2.5),
    (np.int64(-3), -3),
    (np.uint8(3), 3),
    (np.bool_(True), True),
    (float("nan"), None),
    (np.float64("-inf"), None),
    (np.complex128(1.5 + 0j), 1.5),
    (2.5 + 0j, 2.5),
    (1 + 1j, None),
    (complex("nan"), None),
    (np.str_("ols"), "ols"),
]


@pytest.mark.parametrize(("value", "expected"), ODD_NUMBERS)
def test_every_number_that_analytics_may_return_has_a_json_form(value, expected):
    assert json.loads(encode({"z": value})) == {"z": expected}
    assert json.loads(encode([value, np.array([value]), np.array(value)])) == [
        expected,
        [expected],
        expected,
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.zeros((2, 0)), [[], []]),
        (np.array([1, None, "a"], dtype=object), [1, None, "a"]),
        (MappingProxyType({"5%": np.float64(-2.9)}), {"5%": -2.9}),
        ({np.int64(3): 1}, {"3": 1}),
        (Counter(late=2), {"late": 2}),
        (deque([1, 2]), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (range(3), [0, 1, 2]),
        (frozenset({"a"}), ["a"]),
        (np.datetime64("NaT", "ms"), None),
        (10**30, 10**30),
    ],
)
def test_every_container_has_a_json_form(value, expected):
    assert json.loads(encode(value)) == expected


def odd(value, leaf):
    """A result with every number in it replaced."""
    if dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value)]
        return {name: odd(getattr(value, name), leaf) for name in names}
    if isinstance(value, np.ndarray):
        return np.full(value.shape, leaf)
    if isinstance(value, dict | MappingProxyType):
        return {name: odd(each, leaf) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [odd(each, leaf) for each in value]
    return leaf if isinstance(value, float | int | np.generic) else value


@pytest.mark.parametrize("leaf", [number for number, _ in ODD_NUMBERS])
def test_a_pair_whose_every_number_is_odd_has_a_json_form(pair_snapshot, leaf):
    json.loads(encode(odd(pair_snapshot, leaf)))
    legs = np.column_stack([pair_snapshot.price_y, pair_snapshot.price_x])
    json.loads(encode(odd(johansen(legs), leaf)))


async def test_a_pair_of_which_johansens_results_are_complex_is_answered(client, monkeypatch):
    def complex_results(snapshot):
        test = original(snapshot)
        columns = {
            each.name: getattr(test.result, each.name) for each in dataclasses.fields(test.result)
        }
        result = type(test.result)(**{name: column + 0j for name, column in columns.items()})
        monkeypatch.setattr(type(result), "rank", lambda self, level: 1)
        return dataclasses.replace(test, result=result)

    original = markets.johansen_of
    monkeypatch.setattr(markets, "johansen_of", complex_results)
    answer = await client.get("/api/markets/demo/pair", params=PAIR)
    assert answer.status_code == 200
    assert all(np.isreal(answer.json()["figures"]["johansen"]["eigenvalues"]))


# --- the OpenAPI document -------------------------------------------------------------------

WATCHED = WatchedPair("demo", PairParams(**PAIR), 2.0).id
CALLS = {
    "GET /healthz": {},
    "GET /api/status": {},
    "POST /api/feed/start": {"json": {"source": "demo"}},
    "POST /api/feed/stop": {},
    "GET /api/alerts": {},
    "POST /api/alerts/rules": {"json": RULE},
    "GET /api/alerts/rules": {},
    "DELETE /api/alerts/rules": {"params": {"id": "r1"}},
    "PUT /api/watchlist": {"json": {"market": "demo", "params": PAIR}},
    "GET /api/watchlist": {},
    "POST /api/watchlist/rules": {"json": {"rule": "r2"}},
    "DELETE /api/watchlist": {"params": {"id": WATCHED}},
    "PUT /api/views": {"json": {"name": "mine", "link": "/"}},
    "POST /api/views/import": {"json": {"views": []}},
    "PUT /api/views/last": {"json": {"link": "/data"}},
    "GET /api/views": {},
    "DELETE /api/views": {"params": {"name": "mine"}},
    "GET /api/markets/{market}/symbols": {},
    "GET /api/markets/{market}/bars": {"params": {"symbol": "BTCUSDT"}},
    "GET /api/markets/{market}/ticks": {"params": {"symbol": "BTCUSDT"}},
    "GET /api/markets/{market}/pair": {"params": PAIR},
    "GET /api/markets/{market}/correlation": {},
    "GET /api/markets/{market}/backtest": {"params": {**PAIR, "entry_z": 1.0}},
    "POST /api/upload": {"params": {"name": "btcusd.csv"}, "content": CSV},
    "GET /api/uploads": {},
    "GET /api/replay": {},
    "POST /api/replay/start": {"json": {"market": "demo"}},
    "POST /api/replay/pause": {},
    "POST /api/replay/play": {},
    "POST /api/replay/speed": {"json": {"speed": 60}},
    "POST /api/replay/seek": {"json": {"position_ms": 1_723_161_300_000}},
    "POST /api/replay/stop": {},
    "DELETE /api/markets/{market}": {},
}


@pytest.fixture
async def busy(client, runtime):
    """A client of a server where there is something of everything."""
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    for rule in ("r1", "r2"):
        runtime.alerts.add_rule({**RULE, "threshold": 0.0, "id": rule})
    await runtime.alerts.step()
    next(iter(runtime.alerts.history.records())).outcome = Outcome(7, -2.5, -3.25, 1.5, 7, True)
    runtime.callback_ms["/"] = deque([1.0, 2.0])
    session = runtime.uploads.begin("a.csv", key="mine")
    yield client
    session.abort()
    await runtime.replays.stop()
    await runtime.feeds.stop()


async def test_every_answer_is_what_the_openapi_document_says(busy):
    """In order: what is deleted and what is replayed must be there first."""
    assert set(CALLS) == set(MODELS)
    uploaded = ""
    for call, options in CALLS.items():
        method, path = call.split()
        market = uploaded if method == "DELETE" else "demo"
        answer = await busy.request(method, path.format(market=market), **options)
        assert answer.status_code == 200, (call, answer.text[:500])
        model = MODELS[call].model_validate_json(answer.content, strict=True)
        uploaded = getattr(model, "market", "") if call == "POST /api/upload" else uploaded


async def test_the_answers_hold_more_than_empty_lists(busy):
    assert (await busy.get("/api/alerts")).json()["alerts"][0]["outcome"]["done"] is True
    assert (await busy.get("/api/uploads")).json()["uploads"][0]["id"] == "mine"
    strategy = {**PAIR, "entry_z": 1.0}
    assert (await busy.get("/api/markets/demo/backtest", params=strategy)).json()["trades"]


async def test_a_refusal_is_described_as_it_is(client):
    document = (await client.get("/api/openapi.json")).json()
    pair = document["paths"]["/api/markets/{market}/pair"]["get"]
    assert set(pair["responses"]) == {"200", "4XX"}
    error = document["components"]["schemas"]["ErrorAnswer"]
    assert error["required"] == ["error"]


async def test_a_parameter_is_described_as_the_table_has_it(client):
    document = (await client.get("/api/openapi.json")).json()
    pair = document["paths"]["/api/markets/{market}/pair"]["get"]["parameters"]
    described = {each["name"]: each for each in pair}
    assert described["y"]["required"] is True
    assert described["z_window"]["schema"] == {
        "type": "integer",
        "minimum": 2,
        "maximum": 5_000,
        "default": 60,
        "title": "Z Window",
        "description": "bars of the z-score",
    }
    assert described["hedge"]["schema"]["enum"][0] == "ols"
    every, none = described["hedge_window"]["schema"]["anyOf"]
    assert (every["maximum"], none["enum"]) == (20_000, ["all", "none"])
