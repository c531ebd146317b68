"""The closes that a scan is given: so many closed bars, though one is in progress."""

from __future__ import annotations

import numpy as np

from analytics.model import Ticks
from dashapp.services.scan.closes import closes_of
from storage.market.market import Market


async def test_the_bar_in_progress_takes_the_place_of_no_closed_one() -> None:
    market, times = Market("m", "M", "demo"), 30_000 * np.arange(20)
    market.append(Ticks("A", times, 5.0 + np.arange(20), np.ones(20), np.arange(20)))
    data = await closes_of(market, "1m", 5)
    assert data.ts_ms.tolist() == [60_000 * minute for minute in range(4, 9)]
    assert data.closes[:, 0].tolist() == [5.0 + 2 * minute + 1 for minute in range(4, 9)]
