"""The seam of the exchange's bars and our own, over twenty starts at random instants.

python -m pytest tests/bench/test_bench_seam.py -m bench -s
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.dashapp.services.universe.test_live import start_and_compare

pytestmark = pytest.mark.bench
STARTS = 20


async def test_the_seam_of_twenty_starts(monkeypatch):
    """Bars at 1m, 5m and 1h equal those of all trades, none twice, none missing."""
    rng = random.Random(20)
    for number in range(STARTS):
        await asyncio.sleep(rng.uniform(0.0, 2.0))
        await start_and_compare(number, monkeypatch)
    print(f"\n{STARTS} starts: every bar of two symbols at 1m, 5m and 1h is that of all trades")
