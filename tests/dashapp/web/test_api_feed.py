"""The HTTP interface: the feed is started and stopped."""

from __future__ import annotations

import pytest

from tests.dashapp.web.test_api import refused


async def test_the_feed_starts_and_stops_any_number_of_times(client, runtime):
    for _ in range(2):
        answer = await client.post("/api/feed/start", json={"source": "demo"})
        assert answer.json()["market"] == "demo"
    assert answer.json()["feed"]["state"] in ("connecting", "live")
    for _ in range(2):
        answer = await client.post("/api/feed/stop")
    assert answer.json()["feed"]["state"] == "stopped"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"source": 3}',
        b'{"source": "demo", "more": 1}',
        b'{"source": "/etc/passwd"}',
        b'{"source": "file:///etc/passwd"}',
        b'{"source": "http://169.254.169.254/latest"}',
        b'{"source": "binance-futures", "symbols": ["<b>"]}',
        b'{"source": "demo", "symbols": "BTCUSDT"}',
        b"\xff",
    ],
)
async def test_a_source_that_cannot_be_is_refused(client, runtime, body):
    before = runtime.markets.status("live")
    await refused(client, 400, "/api/feed/start", "POST", content=body)
    assert runtime.markets.status("live") == before
