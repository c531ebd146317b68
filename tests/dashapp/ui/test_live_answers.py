"""Live callbacks without Dash's dispatch: they say what Dash would, and equal ones say it once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

import httpx
import numpy as np
import pytest
from dash import Dash, Output

from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.server import create_server
from dashapp.ui import live_answers, polling
from dashapp.ui.app import create_app
from dashapp.ui.callback_values import Request
from dashapp.ui.components import figures_table
from dashapp.ui.pages.analytics import page as analytics
from dashapp.ui.pages.analytics.tables import methods_table
from dashapp.ui.pictures import Pictures, Step, plain
from dashapp.ui.polling import LivePage
from tests.dashapp.ui.test_callback_values import body_of, post
from tests.dashapp.ui.test_polling import tab_of

Product = tuple[httpx.AsyncClient, dict[str, Any], Dash]


@pytest.fixture
async def product(runtime, settings, monkeypatch) -> AsyncIterator[Product]:
    """The whole product, and the request of each live callback by its page's cursor."""
    monkeypatch.setattr("dashapp.ui.pictures.SHARED_S", float("inf"))
    made: list[Any] = []

    def create(runtime, server):
        made.append(create_app(runtime, server))
        return made[0]

    transport = httpx.ASGITransport(create_server(runtime, settings, create))
    base = f"http://127.0.0.1:{settings.port}"
    found = {}
    for output in live_answers._LIVE[made[0]]:
        body = body_of(output, made[0].callback_map[output])
        (cursor,) = (one for one in body["state"] if one["id"].startswith("cursor-"))
        cursor["value"] = None
        found[cursor["id"]] = body
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client, found, made[0]


def cursor_in(body: dict[str, Any]) -> dict[str, Any]:
    (cursor,) = (one for one in body["state"] if one["id"].startswith("cursor-"))
    return cursor


async def by_dash(client: httpx.AsyncClient, body: Any, monkeypatch: Any) -> httpx.Response:
    """What Dash itself answers."""
    with monkeypatch.context() as patch:
        patch.setattr(live_answers, "_LIVE", WeakKeyDictionary())
        return await post(client, body)


def further(runtime: Any, ticks_of: Any) -> None:
    market = runtime.markets.get("demo")
    last = int(market.ticks("BTCUSDT", 1).ts_ms[-1])
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market.append(ticks_of(symbol, seconds=5, start_ms=last + 1_000))


async def test_a_live_callback_says_what_dash_would_say(product, runtime, ticks_of, monkeypatch):
    """Whole figures, then what differs, then nothing, and arrays for one whose picture is gone."""
    client, bodies, _ = product
    assert len(bodies) >= 6, "every page has one"
    for cursor_id, body in bodies.items():
        whole = await post(client, body)
        assert whole.status_code == 200
        assert whole.json() == (await by_dash(client, body, monkeypatch)).json()
        cursor = whole.json()["response"][cursor_id]["data"]
        cursor_in(body)["value"] = cursor
        same = await post(client, body)
        assert (same.status_code, same.content) == (204, b"")
    monkeypatch.setattr("dashapp.ui.pictures.SHARED_S", -1.0)
    further(runtime, ticks_of)
    analytics_body = bodies[ids.cursor_of("/analytics")]
    held = cursor_in(analytics_body)["value"]
    newer = await post(client, analytics_body)
    monkeypatch.setattr("dashapp.ui.pictures.SHARED_S", float("inf"))
    for cursor in (held, {**held, "picture": "gone"}):
        cursor_in(analytics_body)["value"] = cursor
        told = (await post(client, analytics_body)).json()
        assert told == (await by_dash(client, analytics_body, monkeypatch)).json()
        chart = told["response"][ids.SPREAD_CHART]["figure"]
        assert ("parts" in chart) == (cursor is held)
    assert newer.json()["response"][ids.cursor_of("/analytics")]["data"]["from"] == held["picture"]


async def test_an_answer_is_json_that_no_browser_keeps(product):
    client, bodies, _ = product
    answer = await post(client, bodies[ids.cursor_of("/analytics")])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_product_answers_without_dash(product, monkeypatch):
    client, bodies, app = product
    body = bodies[ids.cursor_of("/analytics")]

    async def by_dash(*_, **__):
        raise AssertionError("Dash was asked")

    monkeypatch.setitem(app.callback_map[body["output"]], "callback", by_dash)
    assert ids.SPREAD_CHART in (await post(client, body)).json()["response"]


async def test_what_is_no_request_is_refused_before_it_is_answered(product):
    client, bodies, _ = product
    body = bodies[ids.cursor_of("/analytics")]
    for shapes in ({"x" * 65: "y"}, {"x": "y" * 65}, {str(n): "y" for n in range(33)}):
        cursor_in(body)["value"] = {"key": "a", "asked": "b", "shapes": shapes}
        refused = await post(client, body)
        assert refused.status_code == 400
        assert "\n" not in refused.text.strip()
    cursor_in(body)["value"] = None
    assert (await post(client, body | {"inputs": []})).status_code == 400


async def test_a_long_answer_is_not_kept_for_others(monkeypatch):
    step = Step({"chart": {"data": []}}, {}, {})

    async def next_step(given):
        return step

    outputs = {"chart": Output("chart", "figure"), "cursor": Output("cursor-x", "data")}
    live = live_answers.LiveCallback(outputs, next_step)
    monkeypatch.setattr(live_answers, "MOST_KEPT", 10)
    long = await live.answer({})
    assert step.body is None
    monkeypatch.setattr(live_answers, "MOST_KEPT", len(long.body))
    assert (await live.answer({})).body == long.body == step.body


async def test_a_number_that_is_none_goes_as_null():
    assert live_answers._encode({"x": [np.nan, np.float64(1.5)]}) == b'{"x":[null,1.5]}'


async def test_other_callbacks_go_on_to_dash(product, monkeypatch):
    client, bodies, _ = product
    body = bodies[ids.cursor_of("/analytics")]
    monkeypatch.setattr(live_answers, "read_request", lambda body: Request("other", []))
    assert (await post(client, body)).status_code == 200


async def test_a_step_is_written_once_for_all_who_make_it(product):
    _, bodies, app = product
    body = json.dumps(bodies[ids.cursor_of("/analytics")]).encode()
    answers = live_answers.live_answers(app)
    first, second = await answers(body), await answers(body)
    assert first.body is second.body


async def test_a_live_callback_that_fails_says_nothing_new(caplog):
    async def fails(given):
        raise ZeroDivisionError

    answer = await live_answers.LiveCallback({}, fails).answer({})
    assert json.loads(answer.body) == {"multi": True, "response": {}}
    assert "a callback failed" in caplog.text


async def test_viewers_who_come_while_a_picture_is_made_wait_for_it(runtime):
    made = 0

    async def render(runtime, tab):
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        return {ids.PRICE_CHART: empty_figure("as it is", "dark", ids.PRICE_CHART)}

    page, pictures = LivePage("/x", (ids.PRICE_CHART,), lambda *_: 1, render), Pictures()
    steps = await asyncio.gather(
        *(polling.next_step(runtime, page, tab_of(), None, pictures) for _ in range(5))
    )
    assert made == 1
    assert all(step is steps[0] for step in steps)


async def test_one_who_goes_away_leaves_the_others_their_picture(runtime):
    async def render(runtime, tab):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return {ids.PRICE_CHART: empty_figure("as it is", "dark", ids.PRICE_CHART)}

    page, pictures = LivePage("/x", (ids.PRICE_CHART,), lambda *_: 1, render), Pictures()
    one, other = (
        asyncio.create_task(polling.next_step(runtime, page, tab_of(), None, pictures))
        for _ in range(2)
    )
    await asyncio.sleep(0)
    one.cancel()
    assert (await other).charts


async def test_rows_that_say_the_same_are_the_same(runtime):
    parts = await analytics.render(runtime, tab_of())
    for name in ("figures", "methods"):
        body = plain(parts[name])["props"]["children"]
        assert body == parts[name]["props"]["children"]
    row = ("z-score", "1.20", "no trade", "muted")
    one, other = (plain(figures_table([row])) for _ in range(2))
    rows = [table["props"]["children"]["props"]["children"][0] for table in (one, other)]
    assert rows[0] is rows[1]
    assert methods_table([]) == plain(methods_table([]))


@pytest.mark.parametrize(
    ("address", "proxy", "asks"),
    [
        ("127.0.0.1", {}, 2),
        ("::1", {}, 2),
        ("192.0.2.7", {}, 0),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}, 0),
        ("127.0.0.1", {"forwarded": "for=192.0.2.7"}, 0),
    ],
)
async def test_pages_open_on_this_machine_are_counted(product, runtime, address, proxy, asks):
    client, bodies, _ = product
    client._transport.client = (address, 5_000)
    client.headers.update(proxy)
    load = runtime.analysis.results.load
    load._clock = lambda: load._second  # all of it within one second
    for path in ("/analytics", "/pairs"):
        assert (await post(client, bodies[ids.cursor_of(path)])).status_code in (200, 204)
    assert len(load._asks_here) == asks
