"""What stands beside a pair's snapshot: the legs' own unit roots, and their ticks' correlation.

They change little from bar to bar, so that they are made beside the snapshot, now and then. The
sources are those of the functions used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analytics.correlation import hayashi_yoshida
from analytics.model import FloatArray, PairSnapshot, Ticks, UnitRootResult
from analytics.stationarity import TEST_ROWS, adf

#: Newest ticks of a leg that the correlation on ticks, and lead and lag, are of.
MAX_TICKS = 20_000


@dataclass(frozen=True)
class PairEstimates:
    """What stands beside a pair's figures; None where there is none.

    adf_y, adf_x: of each leg's prices as they are measured, on the rows in which both traded.
    tick_correlation: Hayashi and Yoshida's, of the changes of the logarithms of the prices of
    the ticks as they came, the newest MAX_TICKS of each leg at most: about -1 to 1, and beyond
    where the ticks are few or bounce.
    """

    adf_y: UnitRootResult | None = None
    adf_x: UnitRootResult | None = None
    tick_correlation: float | None = None


def pair_estimates(
    snapshot: PairSnapshot, ticks: tuple[Ticks, Ticks] | None = None
) -> PairEstimates:
    """The estimates of a snapshot. ticks: of Y and of X, None where the market has none.

    What too few rows (below `analytics.stationarity.TEST_ROWS`, as for the spread's tests), or rows
    without variation, leave undefined is None.

    >>> from analytics.model import Bars, PairParams
    >>> from analytics.pair import analyze_pair
    >>> steps = np.cumsum(np.random.default_rng(0).standard_normal((2, 300)), axis=1)
    >>> times, size, trades = np.arange(300) * 1_000, np.ones(300), np.ones(300, np.int64)
    >>> legs = [Bars(s, "1s", times, *[c] * 4, size, trades, c) for s, c in zip("YX", 90 + steps)]
    >>> estimates = pair_estimates(analyze_pair(*legs, PairParams("Y", "X")))
    >>> round(estimates.adf_y.pvalue, 2), estimates.tick_correlation
    (0.84, None)
    """
    traded = ~snapshot.carried
    y, x = snapshot.price_y[traded], snapshot.price_x[traded]
    if snapshot.params.price_space == "log":
        y, x = np.log(y), np.log(x)
    return PairEstimates(_adf(y), _adf(x), None if ticks is None else _on_ticks(*ticks))


def _adf(prices: FloatArray) -> UnitRootResult | None:
    if len(prices) < TEST_ROWS:
        return None
    try:
        return adf(prices)
    except ValueError:  # constant
        return None


def _on_ticks(y: Ticks, x: Ticks) -> float | None:
    """Over the stretch that both have."""
    if not len(y) or not len(x):
        return None
    legs = [leg[np.argsort(leg.ts_ms, kind="stable")] for leg in (y, x)]
    start = max(int(leg.ts_ms[0]) for leg in legs)
    end = min(int(leg.ts_ms[-1]) for leg in legs)
    y, x = (leg[(leg.ts_ms >= start) & (leg.ts_ms <= end)] for leg in legs)
    if len(y) < 2 or len(x) < 2:
        return None
    result = hayashi_yoshida(y.ts_ms, np.log(y.price), x.ts_ms, np.log(x.price))
    return float(result.correlation) if math.isfinite(result.correlation) else None
