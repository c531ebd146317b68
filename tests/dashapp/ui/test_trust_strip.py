"""The strip's state in words."""

from __future__ import annotations

import json

import pytest

from analytics.model import FeedStatus
from dashapp import ids
from dashapp.ui.frame.trust_strip import _status, known_symbols
from tests.dashapp.ui.test_callback_values import bodies, post  # noqa: F401


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (FeedStatus("x", "live"), "live"),
        (FeedStatus("x", "live", "no data for X"), "live · no data for X"),
        (FeedStatus("x", "reconnecting", "lost (1006)", 2.3), "reconnecting in 3 s · lost (1006)"),
        (FeedStatus("x", "failed", "HTTP 451", 299.2), "failed · HTTP 451 · tries again in 300 s"),
        (FeedStatus("x", "silent", "no data", 0.4), "silent · no data · tries again in 1 s"),
    ],
)
def test_a_state_is_told_with_its_reason_and_what_comes_next(status, words):
    assert _status(status) == words


async def test_what_a_market_knows_is_told_once_and_again_when_it_changes(bodies, runtime):  # noqa: F811
    client, requests = bodies
    (body,) = (one for one in requests if f"{ids.FRAME_CURSOR}.data" in one["output"])
    (market,) = (one for one in body["inputs"] if one["id"] == ids.MARKET)
    (cursor,) = (one for one in body["state"] if one["id"] == ids.FRAME_CURSOR)

    async def told() -> list:
        answer = json.loads((await post(client, body)).content)
        cursor["value"] = answer["response"][ids.FRAME_CURSOR]["data"]
        return [one["data"] for one in answer.get("sideUpdate", {}).values()]

    market["value"], cursor["value"] = "demo", None
    assert await told() == [known_symbols(runtime, "demo")]
    assert await told() == []
    runtime.markets["live"].title = "Another"
    assert await told() == [known_symbols(runtime, "demo")]
    market["value"] = "live"
    assert await told() == [known_symbols(runtime, "live")]
    assert await told() == []
