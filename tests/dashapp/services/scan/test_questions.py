"""Which scans are the same question, and which are asked again."""

from __future__ import annotations

import numpy as np

from tests.dashapp.services.scan.test_scans import MADE, PARAMS, bars_of, market_of, scans_here


async def test_the_same_rules_at_another_timeframe_are_another_question():
    scans = scans_here(market_of())
    scans._process.gate.clear()
    first, other = scans.start("m", PARAMS, "1h"), scans.start("m", PARAMS, "4h")
    assert (first.state, other.state, other.timeframe) == ("cancelled", "running", "4h")
    await scans.stop()


async def test_a_scan_that_was_cancelled_is_not_done_again_at_the_next_closed_bar():
    market = market_of()
    scans = scans_here(market)
    scans._process.gate.clear()
    assert scans.cancel(scans.start("m", PARAMS, rescan=True).id)
    assert not scans.rescans("m")
    for symbol in MADE.names:
        market.append_bars(bars_of(symbol, np.array([100.0]), first=480))
    await scans.rescan_closed()
    assert scans.running("m") is None
