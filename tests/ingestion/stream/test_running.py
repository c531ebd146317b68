"""Start, stop and status: one way for every feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ingestion.feed import RedisFeed, SimulatorFeed, StreamFeed
from ingestion.stream.running import Running


def nothing(*_: object) -> None:
    """A sink that forgets."""


MAKERS: dict[str, Callable[[], Running]] = {
    "simulator": lambda: SimulatorFeed(nothing, history_s=1),
    "stream": lambda: StreamFeed("ws://127.0.0.1:1/", nothing),
    "redis": lambda: RedisFeed("redis://127.0.0.1:1/0", nothing),
}


@pytest.mark.parametrize("kind", MAKERS)
async def test_any_feed_starts_once_stops_once_and_starts_again(kind: str) -> None:
    if kind == "redis":
        pytest.importorskip("redis")
    feed = MAKERS[kind]()
    assert (feed.status.state, feed.status.retry_in_s) == ("stopped", None)
    await feed.stop()
    for _ in range(2):
        feed.start()
        task = feed._task
        feed.start()
        assert feed._task is task is not None
        assert feed.status.state == "connecting"
        await asyncio.sleep(0.05)
        await asyncio.gather(feed.stop(), feed.stop())
        assert task.done()
        assert (feed.status.state, feed.status.retry_in_s) == ("stopped", None)
    said = [sentence.partition(",")[0] for _, sentence in feed.events]
    assert [one for one in said if one in ("started", "stopped")] == ["started", "stopped"] * 2


@pytest.mark.parametrize("kind", ["stream", "redis"])
async def test_any_feed_of_the_network_says_when_it_tries_again(kind: str) -> None:
    if kind == "redis":
        pytest.importorskip("redis")
    feed = MAKERS[kind]()
    feed.start()
    async with asyncio.timeout(10):
        while feed.status.retry_in_s is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    status = feed.status
    assert status.state == "reconnecting"
    assert status.detail
    assert feed.events[-1][1].startswith("reconnecting in ")
    await feed.stop()
