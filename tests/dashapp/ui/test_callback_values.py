"""Callback requests that no page sent: 400 in one line, whatever they hold."""

from __future__ import annotations

import copy
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Any

import httpx
import msgspec
import pytest

from analytics.model import PairParams
from dashapp.parameters.backtest import USUAL, as_held
from dashapp.parameters.pair import View
from dashapp.parameters.scan import as_held as scan_held
from dashapp.server import create_server
from dashapp.ui.app import ASSETS
from dashapp.ui.callback_values import _TABLE
from dashapp.ui.frame.parameters import link_of
from dashapp.ui.store_values import STORES
from ingestion.files.report import UploadReport
from tests.garbage import nothing_left_in_cycles

PAIR = PairParams("BTCUSDT", "ETHUSDT")
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, 1e300, "", "x", "1", "\x00", "{", "a" * 9_000),
    *([], [None], [[]], [{}], {}, {"a": 1}, {"id": {}}, {"data": []}, [{"data": {"id": 1}}]),
    *({"market": []}, {"held": {}}, {"held": []}, {"position": "x"}, {"row": "a", "column": None}),
    *({"sent": []}, {"key": 1}, {"sweep": {"number": "x"}}, {"sweep": "x"}, {"symbols": {}}),
    *({"symbols": [[]], "y": {}, "x": []}, {"toasted": 1, "sent": {}}, {"shapes": []}),
)
STORED: dict[str, Any] = {
    "view.data": link_of(View("demo", ("BTCUSDT", "ETHUSDT"), "1s", 2.0, PAIR)),
    "strategy.data": {"held": as_held(USUAL), "query": ""},
    "theme.data": "dark",
    "frozen.data": False,
    "focus.data": None,
    "known-symbols.data": {"market": "demo", "symbols": ["BTCUSDT"], "asked": None},
    "attention.data": {"hidden": False, "read": None},
    "frame-cursor.data": {"sent": {"dot": "live"}, "unread": 0, "toasted": [0, 0.0]},
    "feed-log-cursor.data": ["demo", 1, 1.5],
    "replay-seek-to.data": {"position": 1},
    "symbol-select.value": ["BTCUSDT"],
    "sweep-asked.data": 1,
    "walk-asked.data": 2,
    "sweep-state.data": {"theme": "dark", "sweep": {"number": 1}, "walk": None},
    "sweep-pick.data": {"row": 0, "column": 0},
    "rules-table.selectedRows": [{"id": "r", "market": "demo"}],
    "rules-table.cellValueChanged": [{"data": {"id": "r", "enabled": True}}],
    "archive-table.selectedRows": [{"market": "m", "symbol": "A", "title": "t", "kind": "ticks"}],
    "archive-table.rowData": [{"market": "m", "symbol": "A", "title": "t", "rows": 1}],
    "url.pathname": "/analytics",
    "url.search": "",
    "market-select.value": "demo",
    "leg-y.value": "BTCUSDT",
    "leg-x.value": "ETHUSDT",
    "replay-speed.value": "60",
    "replay-start-speed.value": "60",
    # As a drop comes back over HTTP: of a file with nothing wrong, and of a refused one.
    "upload-result.data": [
        {"name": "a.csv", "status": 200, "market": "m", "report": asdict(UploadReport("a.csv"))},
        {"name": "b.csv", "status": 400, "error": "no market data"},
    ],
    "source-kind.value": "demo",
    "rule-webhook.value": "",
    "not-here.data": {"y": "ABC"},
    "heeded.data": {
        "search": "",
        "focus": {"y": "ABC", "at": 1},
        "market": "replay",
        "data": "demo",
        "legs": ["BTCUSDT", "ETHUSDT"],
        "server": 1.5,
        "over": "market=demo&y=BTCUSDT&x=ETHUSDT",
    },
    "scan-rules.data": {"held": scan_held(), "query": ""},
    "scan-asked.data": "",
    "scan-filled.data": "demo",
    "pairs-command.data": {
        "action": "compare",
        "table": "scan-table",
        "id": "1",
        "beside": {"table": "watch-table", "id": "a"},
        "at": 1.0,
    },
    "pairs-seen.data": {
        "of": 1.0,
        "watch": 3,
        "scan": {"job": "", "version": 0, "theme": "dark", "every": False, "rules": [1, 2]},
        "told": {"reach": 7},
    },
    "compared-pairs.data": [["BTCUSDT", "ETHUSDT"], ["BTCUSDT", "SOLUSDT", 1.5, -2.0, "log"]],
    "remove-market-asked.data": "upload-1",
}


def sample(name: str) -> Any:
    if name in STORED:
        return STORED[name]
    if name in _TABLE:
        return _TABLE[name].control_value(_TABLE[name].default)
    return 1 if name.partition(".")[2].startswith("n_") else None


def body_of(output: str, callback: dict[str, Any]) -> dict[str, Any]:
    """The request of a page for a callback."""
    names = output.strip(".").split("...") if output.startswith("..") else [output]
    outputs = [{"id": name.partition(".")[0], "property": name.partition(".")[2]} for name in names]

    def given(one: dict[str, Any]) -> dict[str, Any]:
        return {**one, "value": sample(f"{one['id']}.{one['property']}")}

    inputs = [given(one) for one in callback["inputs"]]
    return {
        "output": output,
        "outputs": outputs if output.startswith("..") else outputs[0],
        "inputs": inputs,
        "changedPropIds": [f"{inputs[0]['id']}.{inputs[0]['property']}"],
        "state": [given(one) for one in callback["state"]],
    }


@pytest.fixture
async def bodies(runtime, settings) -> AsyncIterator[tuple[httpx.AsyncClient, list[Any]]]:
    """The whole product, and a request of each callback that runs on the server."""
    made = []

    def create(runtime, server):
        from dashapp.ui.app import create_app

        made.append(create_app(runtime, server))
        return made[0]

    transport = httpx.ASGITransport(create_server(runtime, settings, create))
    base = f"http://127.0.0.1:{settings.port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        found = [
            body_of(output, callback)
            for output, callback in made[0].callback_map.items()
            if "callback" in callback
        ]
        yield client, found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place within a document."""
    yield path
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for key, child in children:
        yield from places(child, (*path, key))


def mutated(body: dict[str, Any], rng: random.Random) -> Any:
    """The request with one to three things in it changed, taken out, or doubled."""
    changed = copy.deepcopy(body)
    for _ in range(rng.randint(1, 3)):
        path = rng.choice([one for one in places(changed) if one] or [()])
        if not path:
            return rng.choice(STRANGE)
        parent = changed
        for step in path[:-1]:
            parent = parent[step]
        act = rng.random()
        if act < 0.2 and isinstance(parent, dict):
            del parent[path[-1]]
        elif act < 0.3 and isinstance(parent, list):
            parent.insert(path[-1], copy.deepcopy(parent[path[-1]]))
        else:
            parent[path[-1]] = copy.deepcopy(rng.choice(STRANGE))
    return changed


_JSON = {"Content-Type": "application/json"}


async def post(client: httpx.AsyncClient, body: Any) -> httpx.Response:
    return await client.post(
        "/_dash-update-component",
        content=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers=_JSON,
    )


async def test_an_output_that_bears_its_hash_at_a_page_s_first_call_is_taken(bodies):
    client, found = bodies
    hashed = [body for body in found if "@" in body["output"] and isinstance(body["outputs"], dict)]
    assert hashed
    for body in hashed:
        full = body["output"].partition(".")[2]
        answer = await post(client, {**body, "outputs": {**body["outputs"], "property": full}})
        assert "has other outputs" not in answer.text


async def test_what_the_pages_send_is_taken(bodies, caplog):
    client, found = bodies
    assert len(found) >= 26
    for body in found:
        answer = await post(client, body)
        assert answer.status_code in (200, 204), (body["output"], answer.text[:300])
    assert not [record for record in caplog.records if record.exc_info]


async def hold(bodies, caplog, seed: int, count: int) -> None:
    client, found = bodies
    rng = random.Random(seed)
    for body in found:
        for _ in range(count):
            changed = mutated(body, rng)
            answer = await post(client, changed)
            assert answer.status_code in (200, 204, 400), (seed, changed, answer.text[:300])
            if answer.status_code == 400:
                assert answer.text
                assert "\n" not in answer.text
    failed = [record for record in caplog.records if record.exc_info]
    assert not failed, (seed, failed[0].getMessage(), failed[0].exc_info)


async def test_no_mutation_of_a_request_fails_inside(bodies, caplog):
    caplog.set_level(logging.INFO)
    await hold(bodies, caplog, 16, 12)


async def test_no_mutation_of_a_request_leaves_anything_to_the_garbage_collector(bodies, caplog):
    await hold(bodies, caplog, 16, 1)  # what the first request makes stays
    with nothing_left_in_cycles():
        await hold(bodies, caplog, 17, 4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
async def test_four_hundred_mutations_of_each_request_fail_nowhere(bodies, caplog, seed):
    await hold(bodies, caplog, seed, 100)


async def test_every_value_of_a_wrong_kind_is_told_what_is_legal(bodies):
    client, found = bodies
    body = next(one for one in found if one["inputs"][0]["id"] == "live-interval")
    body["inputs"][0]["value"] = {"a": 1}
    answer = await post(client, body)
    assert answer.status_code == 400
    words = "live-interval.n_intervals is {'a': 1}, expected a whole number of at least 0"
    assert answer.text == words


async def test_no_input_of_any_callback_takes_what_no_page_keeps(bodies):
    client, requests = bodies
    unjudged, seen = [], set()
    for body in requests:
        for part in ("inputs", "state"):
            for place, given in enumerate(body[part]):
                name = f"{given['id']}.{given['property']}"
                if name in seen:
                    continue
                seen.add(name)
                changed = copy.deepcopy(body)
                changed[part][place]["value"] = [[{}]]
                if (await post(client, changed)).status_code != 400:
                    unjudged.append(name)
    assert len(seen) > 60
    assert not unjudged


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source-symbols.value", 1),
        ("subscribe.value", True),
        ("compared-pairs.data", [["A"]]),
        ("compared-pairs.data", [["A", "B", "1.5", 0.0, "log"]]),
        ("remove-market-asked.data", 1),
        ("pairs-seen.data", {"of": 1.0}),
        ("pairs-command.data", {"action": "delete", "table": "watch-table"}),
        ("scan-rules.data", {"held": {}}),
        ("not-here.data", {"y": 1}),
        ("capital.value", []),
        ("scan-rescan.value", "x"),
    ],
)
async def test_the_stores_of_pages_hold_what_the_pages_keep(bodies, name, value):
    client, requests = bodies
    for body in requests:
        for part in ("inputs", "state"):
            for place, given in enumerate(body[part]):
                if f"{given['id']}.{given['property']}" != name:
                    continue
                changed = copy.deepcopy(body)
                changed[part][place]["value"] = value
                answer = await post(client, changed)
                assert answer.status_code == 400
                assert answer.text.startswith(f"{name} is ")
                return
    raise AssertionError(f"no callback takes {name}")


async def test_a_request_without_its_outputs_is_told_so(bodies):
    client, found = bodies
    for body in found:
        answer = await post(client, {**body, "outputs": []})
        assert (answer.status_code, answer.text) == (400, "this callback has other outputs")


def test_every_key_of_a_row_of_pairs_is_a_command_that_the_server_takes():
    keys = re.search(r"const KEYS = \{(.*?)\};", (ASSETS / "pairs.js").read_text())
    assert keys is not None
    actions = set(re.findall(r'"(\w+)"', keys.group(1)))
    assert actions == {"open", "arm", "watch", "compare"}
    for action in actions:
        command = {"action": action, "table": "scan-table", "id": "1"}
        msgspec.convert(command, STORES["pairs-command.data"])


@pytest.mark.parametrize("depth", [101, 960, 985, 2_000])
async def test_a_body_that_nests_deep_is_refused_before_anybody_reads_it(bodies, depth):
    client, _ = bodies
    nested = b"[" * depth + b"]" * depth
    body = b'{"output": "x", "outputs": [], "more": ' + nested + b"}"
    refused = await client.post("/_dash-update-component", content=body, headers=_JSON)
    assert refused.status_code == 400
    assert "nests more than 100 levels" in refused.text
