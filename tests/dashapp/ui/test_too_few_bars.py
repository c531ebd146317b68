"""A pair with fewer bars than its z window: all that rests on no z window is shown all the same."""

from __future__ import annotations

import math
from dataclasses import replace

from analytics.model import NotReady, PairParams
from dashapp.parameters.pair import View
from dashapp.ui.pages.analytics import page
from dashapp.ui.pages.analytics.partial import snapshot_without_z
from dashapp.ui.polling import Tab
from storage.market.market import Market

PAIR = PairParams("BTCUSDT", "ETHUSDT", z_window=200)


async def test_what_rests_on_the_z_window_is_nan_and_the_rest_is_that_of_the_bars(runtime):
    short = Market("short", "Short", "upload")
    for symbol in (PAIR.y, PAIR.x):
        short.append(runtime.markets["demo"].ticks(symbol, 200))
    runtime.markets["short"] = short
    tab = Tab(View("short", (), "1s", 2.0, PAIR), "dark", {})
    reason = await runtime.analysis.snapshot("short", PAIR)
    assert isinstance(reason, NotReady)
    made = await snapshot_without_z(runtime, tab, reason)
    whole = await runtime.analysis.snapshot("short", replace(PAIR, z_window=reason.have))
    assert made.params == PAIR
    assert made.fit == whole.fit
    assert made.reading.spread == whole.reading.spread
    assert math.isfinite(whole.reading.std)
    assert math.isnan(made.reading.mean)
    assert math.isnan(made.reading.std)
    for name in ("z", "fit_z", "mean", "std"):
        assert all(map(math.isnan, getattr(made, name)))
    assert (made.method_z, made.swapped) == ({}, None)
    parts = await page.render(runtime, tab)
    assert "needs 200 bars" in str(parts["choice"]) + str(parts["zscore-chart"])
