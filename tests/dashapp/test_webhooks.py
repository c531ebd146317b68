"""Webhooks: delivered once the receiver takes them, never in anybody's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from dashapp.webhooks import Webhooks

SOON = (0.01, 0.01, 0.01)


class Receiver:
    """An HTTP server on a free port that answers as it is told."""

    def __init__(self, answers: list[int], delay_s: float = 0.0) -> None:
        self.answers, self.delay_s = answers, delay_s
        self.heard: list[tuple[str, dict]] = []
        self.headers: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1])
            for line in head.splitlines()
            if line.lower().startswith("content-length")
        )
        document = json.loads(await reader.readexactly(length))
        self.headers.append(head)
        self.heard.append((head.split()[0], document))
        await asyncio.sleep(self.delay_s)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        extra = "Location: http://169.254.169.254/\r\n" if status == 302 else ""
        writer.write(
            f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def listen() -> AsyncIterator:
    """Start a receiver: its URL."""
    servers = []

    async def start(receiver: Receiver) -> str:
        server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=s3cret"

    yield start
    for server in servers:
        server.close()


def delivering(waits_s=SOON) -> tuple[Webhooks, list[tuple[str, str, bool]], asyncio.Event]:
    said: list[tuple[str, str, bool]] = []
    ended = asyncio.Event()

    def told(of: str, words: str, final: bool) -> None:
        said.append((of, words, final))
        if final:
            ended.set()

    return Webhooks(told, waits_s), said, ended


async def test_a_receiver_that_fails_twice_hears_of_the_alert_a_third_time_and_no_more(listen):
    receiver = Receiver([500, 500, 200])
    url = await listen(receiver)
    hooks, said, ended = delivering()
    hooks.post(url, "e1", {"text": "z +2.31"})
    await asyncio.wait_for(ended.wait(), 5)
    await asyncio.sleep(0.1)
    assert receiver.heard == [("POST", {"text": "z +2.31"})] * 3
    assert [words for _, words, _ in said] == [
        "trying again: HTTP 500",
        "trying again: HTTP 500",
        "delivered at try 3",
    ]
    assert all("X-Spreadscope-Delivery: e1".lower() in head.lower() for head in receiver.headers)


@pytest.mark.parametrize(
    ("status", "words", "tries"),
    [
        (204, "delivered", 1),
        (404, "failed: HTTP 404", 1),
        (302, "failed: HTTP 302", 1),
        (429, "failed: HTTP 429", 4),
        (503, "failed: HTTP 503", 4),
    ],
)
async def test_only_what_may_pass_is_tried_again_and_redirects_are_not_followed(
    listen, status, words, tries
):
    receiver = Receiver([status])
    hooks, said, ended = delivering()
    hooks.post(await listen(receiver), "e1", {})
    await asyncio.wait_for(ended.wait(), 5)
    assert said[-1] == ("e1", words, True)
    assert len(receiver.heard) == tries


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://0.0.0.0/x", "http://metadata.google.internal/"]
)
async def test_addresses_that_no_stream_has_are_refused_at_once(url):
    hooks, said, ended = delivering()
    hooks.post(url, "e1", {})
    await asyncio.wait_for(ended.wait(), 5)
    assert len(said) == 1
    assert said[0][1].startswith("failed: ")
    assert "refused" in said[0][1]


async def test_nobody_listening_is_tried_again_and_told_in_words():
    hooks, said, ended = delivering((0.01,))
    hooks.post("http://127.0.0.1:1/hook", "e1", {})
    await asyncio.wait_for(ended.wait(), 5)
    assert [final for *_, final in said] == [False, True]
    assert said[-1][1] == "failed: no connection (ConnectError)"


async def test_a_slow_receiver_holds_up_nobody_and_stopping_gives_up(listen):
    slow = await listen(Receiver([200], delay_s=30))
    quick = Receiver([200])
    hooks, said, ended = delivering()
    hooks.post(slow, "slow", {})
    hooks.post(await listen(quick), "quick", {})
    await asyncio.wait_for(ended.wait(), 2)
    assert said == [("quick", "delivered", True)]
    await asyncio.wait_for(hooks.stop(), 1)


async def test_a_crowd_of_deliveries_is_bounded_and_counted(listen, monkeypatch):
    monkeypatch.setattr("dashapp.webhooks.MAX_WAITING", 2)
    url = await listen(Receiver([200], delay_s=30))
    hooks, said, _ = delivering()
    for number in range(3):
        hooks.post(url, f"e{number}", {})
    assert hooks.dropped == 1
    assert said == [("e2", "not sent: 2 deliveries wait", True)]
    await hooks.stop()


async def test_no_secret_of_a_url_reaches_the_log(listen, caplog):
    caplog.set_level("INFO")
    hooks, _, ended = delivering(())
    hooks.post(await listen(Receiver([500])), "e1", {})
    await asyncio.wait_for(ended.wait(), 5)
    assert "did not take" in caplog.text
    assert "s3cret" not in caplog.text
