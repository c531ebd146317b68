"""Rehearsals that are shown beside live figures: recent ones stand, and few are remembered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from dashapp.services.alerts import preview
from dashapp.services.alerts.preview import Rehearsal, Rehearsals

SOURCE = SimpleNamespace(kernels_ready=True, market=lambda _: None)


async def test_rules_that_cannot_be_are_not_remembered_for_ever(monkeypatch):
    monkeypatch.setattr(preview, "RECENT_S", 0.0)
    held = Rehearsals(SOURCE)
    for number in range(100):
        assert held.recent({"threshold": -number}) == Rehearsal()
        await asyncio.sleep(0)
    assert len(held._begun_s) <= 1
