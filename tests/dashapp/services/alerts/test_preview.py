"""Previews of rules beside live figures: recent ones stand, and few are remembered."""

from __future__ import annotations

import asyncio

from dashapp.services.alerts.preview import Preview, Previews
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels


async def test_rules_that_cannot_be_are_not_remembered_for_ever():
    previews = Previews(Markets(), Kernels())
    for number in range(100):
        assert previews.recent({"threshold": -number}) == Preview()
        await asyncio.sleep(0)
    assert len(previews._begun) <= 32
    assert len(previews._recent) == 0
    assert len(previews._tasks) <= 1
