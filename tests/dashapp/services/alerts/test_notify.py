"""Alerts by Apprise: behind the same guard, retries and outbox as webhooks."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from analytics.alerts import parse_rule
from dashapp.services.alerts.notify import check_notification, notify
from dashapp.services.alerts.webhook import Progress, Webhooks
from ingestion.url_guard import UrlRefusedError, mask_url
from tests.receiver import listening
from tests.waiting import PATIENCE_S

pytest.importorskip("apprise")
BODY = json.dumps({"text": "z is +2.31", "id": "e1"})


async def test_a_service_hears_the_alerts_sentence_once_it_takes_it():
    told: list[Progress] = []
    ended = asyncio.Event()

    def hear(_: str, progress: Progress) -> None:
        told.append(progress)
        if progress.state != "pending":
            ended.set()

    async with listening([500, 200]) as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        Webhooks(hear, (0.01,)).post(f"json://127.0.0.1:{port}/", "e1", BODY)
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
        assert [one.document["message"] for one in receiver.heard] == ["z is +2.31"] * 2
    assert [one.state for one in told] == ["pending", "delivered"]


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", False), ("0.0.0.0", True), ("0", True), ("localhost", False)]
)
async def test_no_service_is_reached_at_a_refused_address(host, local):
    async with listening([200]) as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        assert await notify(f"json://{host}:{port}/", BODY, local) == (
            "its address is refused",
            False,
        )
        assert receiver.heard == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("local", [True, False])
async def test_no_datagram_leaves_for_a_refused_address(host, local):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        url = f"rsyslog://{host}:{receiver.getsockname()[1]}/"
        result = await notify(url, BODY, local)
        assert result == (("", False) if local else ("its address is refused", False))
        if local:
            assert b"2.31" in receiver.recv(9_000)
        else:
            with pytest.raises(BlockingIOError):
                receiver.recv(9_000)


@pytest.mark.parametrize(
    "url", ["ftp://k@host/", "file:///etc/passwd", "dbus://x", "tgram://", "a b"]
)
def test_what_is_no_service_is_refused_in_words(url):
    with pytest.raises(UrlRefusedError, match="webhook"):
        check_notification(url)


def test_a_rule_takes_an_address_of_apprise_and_shows_none_of_it():
    basic = {"id": "r", "market": "demo", "metric": "price", "operator": ">", "threshold": 1.0}
    rule = parse_rule({**basic, "symbol": "A", "webhook": "tgram://123:secret/456"})
    assert mask_url(rule.webhook) == "tgram://***"
