"""What can be shown of a pair whose bars are too few for its z window."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from analytics.model import NotReady, PairSnapshot
from dashapp.services.runtime import Runtime
from dashapp.ui.polling import Tab


async def snapshot_without_z(runtime: Runtime, tab: Tab, reason: NotReady) -> PairSnapshot | None:
    """The pair's snapshot with everything but its z-scores; None where there is none either.

    reason: why the whole one is not ready. The hedge, the tests and the correlation rest on all
    rows in view, not on the z window; what does rest on it is NaN.
    """
    pair = tab.view.pair
    if pair is None or not 0 < reason.have < pair.z_window:
        return None
    params = replace(pair, z_window=max(reason.have, 2))
    made = await runtime.analysis.snapshot(tab.view.market, params, tab.until_ms)
    if isinstance(made, NotReady):
        return None
    nothing = np.full(len(made), np.nan)
    nothing.flags.writeable = False
    return replace(
        made, params=pair, z=nothing, fit_z=nothing, mean=nothing, std=nothing,
        method_z={}, swapped=None, reading=made.reading._replace(mean=math.nan, std=math.nan),
    )  # fmt: skip
