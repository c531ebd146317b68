"""Webhooks: delivered once the receiver takes them, never in anybody's way."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from dashapp.services.alerts.webhook import AT_ONCE, Progress, Webhooks
from tests.receiver import listening
from tests.waiting import PATIENCE_S

SOON = (0.01, 0.01, 0.01)


@pytest.fixture
async def listen():
    """Start a receiver: listen(answers, delay_s=)."""
    async with AsyncExitStack() as stack:

        async def start(*what, **more):
            return await stack.enter_async_context(listening(*what, **more))

        yield start


def delivering(waits_s=SOON) -> tuple[Webhooks, list[tuple[str, Progress]], asyncio.Event]:
    said: list[tuple[str, Progress]] = []
    ended = asyncio.Event()

    def told(of: str, progress: Progress) -> None:
        said.append((of, progress))
        if progress.state != "pending":
            ended.set()

    return Webhooks(told, waits_s), said, ended


def words(said: list[tuple[str, Progress]]) -> list[str]:
    return [progress.words for _, progress in said]


async def test_a_receiver_that_fails_twice_hears_of_the_alert_a_third_time_and_no_more(listen):
    receiver = await listen([500, 500, 200])
    hooks, said, ended = delivering()
    hooks.post(receiver.url, "e1", '{"text": "z +2.31"}')
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    await asyncio.sleep(0.1)
    assert [(one.method, one.text) for one in receiver.heard] == [
        ("POST", '{"text": "z +2.31"}')
    ] * 3
    assert words(said) == [
        "pending: HTTP 500",
        "pending after 2 tries: HTTP 500",
        "delivered after 3 tries",
    ]
    for post in receiver.heard:
        assert post.headers["idempotency-key"] == "e1"
        assert post.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "told", "tries"),
    [
        (204, "delivered", 1),
        (404, "given up: HTTP 404", 1),
        (302, "given up: HTTP 302", 1),
        (429, "given up after 4 tries: HTTP 429", 4),
        (503, "given up after 4 tries: HTTP 503", 4),
    ],
)
async def test_only_what_may_pass_is_tried_again_and_redirects_are_not_followed(
    listen, status, told, tries
):
    receiver = await listen([status])
    hooks, said, ended = delivering()
    hooks.post(receiver.url, "e1", "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert words(said)[-1] == told
    assert len(receiver.heard) == tries


@pytest.mark.parametrize(("made", "more"), [(0, 4), (2, 2), (3, 1), (4, 1), (99, 1)])
async def test_a_delivery_that_goes_on_has_the_patience_that_was_left(listen, made, more):
    receiver = await listen([500])
    hooks, said, ended = delivering()
    hooks.post(receiver.url, "e1", "{}", made)
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert len(receiver.heard) == more
    assert words(said)[-1] == "given up after 4 tries: HTTP 500"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://0.0.0.0/x",
        "http://metadata.google.internal/",
        f"http://{'a' * 64}.example/",
    ],
)
async def test_addresses_that_no_stream_has_are_refused_at_once(url):
    hooks, said, ended = delivering()
    hooks.post(url, "e1", "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert len(said) == 1
    assert words(said)[0].startswith("given up: ")
    assert "refused" in words(said)[0] or "looked up" in words(said)[0]


@pytest.mark.parametrize(
    ("given", "sent"),
    [("r 1:5:1", "r%201:5:1"), ("Ü/2:5:1", "%C3%9C/2:5:1"), ("5%:5:1", "5%25:5:1")],
)
async def test_an_id_of_any_text_can_be_a_header(listen, given, sent):
    receiver = await listen([200])
    hooks, _, ended = delivering()
    hooks.post(receiver.url, given, "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert receiver.heard[0].headers["idempotency-key"] == sent


async def test_nobody_listening_is_tried_again_and_told_in_words():
    hooks, said, ended = delivering((0.01,))
    hooks.post("http://127.0.0.1:1/hook", "e1", "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert [progress.state for _, progress in said] == ["pending", "given up"]
    assert words(said)[-1] == "given up after 2 tries: no connection (ConnectError)"


async def test_a_slow_receiver_holds_up_nobody_and_stopping_does_not_wait_for_it(listen):
    slow, quick = await listen([200], delay_s=600), await listen([200])
    hooks, said, ended = delivering()
    hooks.post(slow.url, "slow", "{}")
    hooks.post(quick.url, "quick", "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    await asyncio.wait_for(hooks.stop(), PATIENCE_S)
    assert said == [("quick", Progress("delivered", 1))]


async def test_a_crowd_for_a_receiver_that_is_dead_holds_up_no_other(listen):
    dead, quick = await listen([200], delay_s=30), await listen([200])
    hooks, said, ended = delivering()
    for number in range(40):
        hooks.post(dead.url, f"dead-{number}", "{}")
    hooks.post(quick.url, "quick", "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert said == [("quick", Progress("delivered", 1))]
    assert 0 < len(dead.heard) <= AT_ONCE
    await hooks.stop()


async def test_an_answer_that_comes_while_it_stops_counts_and_no_try_begins(listen, monkeypatch):
    monkeypatch.setattr(
        "dashapp.services.alerts.webhook.GRACE_S", 5.0
    )  # it ends with the last try anyway
    late, failing = await listen([200], delay_s=0.3), await listen([500])
    hooks, said, ended = delivering((30.0,))
    hooks.post(failing.url, "failing", "{}")
    for _ in range(500):
        if said:
            break
        await asyncio.sleep(0.01)
    hooks.post(late.url, "late", "{}")
    for _ in range(500):
        if late.heard:
            break
        await asyncio.sleep(0.01)
    assert not ended.is_set()
    await hooks.stop()
    assert said[-1] == ("late", Progress("delivered", 1))
    hooks.post(failing.url, "new", "{}")
    await asyncio.sleep(0.1)
    assert len(failing.heard) == 1


async def test_a_crowd_of_deliveries_is_bounded_and_counted(listen, monkeypatch):
    monkeypatch.setattr("dashapp.services.alerts.webhook.MAX_WAITING", 2)
    receiver = await listen([200], delay_s=30)
    hooks, said, _ = delivering()
    for number in range(3):
        hooks.post(receiver.url, f"e{number}", "{}")
    assert hooks.dropped == 1
    assert words(said) == ["given up: 2 others were under way"]
    await hooks.stop()


async def test_no_secret_of_a_url_reaches_the_log(listen, caplog):
    caplog.set_level("INFO")
    receiver = await listen([500])
    hooks, _, ended = delivering(())
    hooks.post(receiver.url, "e1", "{}")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert "did not take" in caplog.text
    assert "s3cret" not in caplog.text
