"""Unconfirmed prices: one tick alone has made them, and no alert rests on them.

A reading that rests on such a tick is NaN, which neither fires a rule nor re-arms it; the
next tick, near it or back where the market was, confirms or refutes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.alerts import AlertRule, Reading
from analytics.model import TIMEFRAMES, Bars, BoolArray
from storage.market.market import Market
from storage.market.outliers import Outlier

#: Metrics that one close decides, or a short window of them. A volume has no price, and the
#: p-values rest on a hundred bars and more.
DOUBTED = ("price", "z", "spread", "correlation")


def resting(bars: Bars, lone: Sequence[Outlier]) -> BoolArray:
    """Which bars a lone outlier closed, shape (n,).

    >>> bars = Bars("X", "1s", [0, 1_000], *[[10.0, 15.0]] * 4, [1.0] * 2, [1] * 2, [1.0] * 2)
    >>> resting(bars, [Outlier(1_700, 15.0, 10.0)]).tolist()
    [False, True]
    """
    rests = np.zeros(len(bars), np.bool_)
    for outlier in lone:
        opened = outlier.ts_ms - outlier.ts_ms % TIMEFRAMES[bars.timeframe]
        at = int(np.searchsorted(bars.ts_ms, opened))
        if at < len(bars) and bars.ts_ms[at] == opened and bars.close[at] == outlier.price:
            rests[at] = True
    return rests


def certain(
    market: Market, rule: AlertRule, legs: Sequence[Bars], readings: list[Reading]
) -> list[Reading]:
    """The readings of a rule, NaN where a lone outlier made them.

    legs: the bars that they were read from. A close that is carried forward is doubted as
    long as it is; a correlation rests on every return of its window.
    """
    if rule.metric not in DOUBTED or not any(market.outliers.lone(leg.symbol) for leg in legs):
        return readings
    times = np.array([reading.ts_ms for reading in readings], np.int64)
    doubtful = np.zeros(len(readings), np.bool_)
    window = 1
    if rule.metric == "correlation" and rule.params is not None:
        window += rule.params.corr_window
    for leg in legs:
        counts = np.r_[0, np.cumsum(resting(leg, market.outliers.lone(leg.symbol)))]
        ends = np.searchsorted(leg.ts_ms, times, side="right")
        doubtful |= counts[ends] > counts[np.maximum(ends - window, 0)]
    return [
        replace(reading, value=math.nan) if doubt else reading
        for reading, doubt in zip(readings, doubtful.tolist(), strict=True)
    ]
