"""Previews of rules beside live figures: recent ones stand, and few are remembered."""

from __future__ import annotations

import asyncio

from dashapp.services.alerts.preview import Preview, Previews
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels


async def test_rules_that_cannot_be_are_not_remembered_for_ever():
    previews = Previews(Markets(), Kernels())
    for number in range(2_000):
        assert previews.recent({"threshold": -number}) == Preview()
        await asyncio.sleep(0)
    assert len(previews._begun) <= 512
    assert len(previews._recent) == 0
    assert len(previews._tasks) <= 1


async def test_previews_in_the_background_come_one_at_a_time_with_a_rest_after_each(monkeypatch):
    previews, under_way, most, rests = Previews(Markets(), Kernels()), 0, 0, []
    sleep = asyncio.sleep

    async def of(fields):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await sleep(0)
        under_way -= 1
        return Preview(f"of {fields['threshold']}")

    async def rest(seconds):
        rests.append(seconds)
        await sleep(0)

    monkeypatch.setattr(previews, "of", of)
    monkeypatch.setattr("dashapp.services.alerts.preview.asyncio.sleep", rest)
    for _ in range(2):  # pages ask again before the first are there
        for number in range(50):
            previews.recent({"threshold": number})
    assert len(previews._tasks) == 50
    await asyncio.gather(*previews._tasks.values())
    assert (most, len(rests), previews.version) == (1, 50, 50)
    assert all(rest > 0.0 for rest in rests)


async def test_fifty_pages_have_their_previews_kept(monkeypatch):
    """With room for fewer, each refresh of each page would have its own computed anew."""
    previews, computed = Previews(Markets(), Kernels()), []

    async def of(fields):
        computed.append(fields)
        return Preview("once")

    monkeypatch.setattr(previews, "of", of)
    monkeypatch.setattr("dashapp.services.alerts.preview.REST", 0.0)
    for _ in range(3):
        for number in range(100):
            previews.recent({"threshold": number})
        await asyncio.gather(*previews._tasks.values())
    assert len(computed) == 100
