"""From the fitted slope of an AR(1) to the slopes it could have come from.

The quantiles of the fitted slope are a surface over the distance c = steps (1 - rho) from a
random walk and the number of steps, tabulated as a scaled deviation u(c, steps)
(`half_life_table`). Between table points u is interpolated linearly in 1 / sqrt(c + 10) and in
1 / steps; beyond the longest series that was simulated it is that one's, and beyond its largest
distance it runs towards the normal distribution, which it has in the limit.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numba import njit

from analytics._kernels.half_life_table import DISTANCES, PROBABILITIES, QUANTILES, STEPS
from analytics.model import FloatArray, frozen

_compiled = njit(nogil=True, cache=True, error_model="numpy")


@lru_cache(maxsize=256)
def deviations(steps: int, fitted: bool, column: int) -> tuple[FloatArray, FloatArray]:
    """1 / sqrt(c + 10) and u at the table's distances for so many steps, at least the fewest that
    it has; largest c first.

    column: which of PROBABILITIES. Starts with the normal distribution's, at infinite c.
    """
    tables = QUANTILES[int(fitted)]
    above = int(np.searchsorted(STEPS, steps, side="right"))
    if above == len(STEPS):
        quantiles = [row[column] for row in tables[-1]]
    else:
        short, long = STEPS[above - 1], STEPS[above]
        share = (1.0 / short - 1.0 / steps) / (1.0 / short - 1.0 / long)
        pairs = zip(tables[above - 1], tables[above], strict=False)  # the longer has more rows
        quantiles = [(1.0 - share) * a[column] + share * b[column] for a, b in pairs]
    at = [1.0 / math.sqrt(c + 10.0) for c in DISTANCES[: len(quantiles)]]
    if len(quantiles) == len(DISTANCES):
        at.append(0.0)
        quantiles.append(NormalDist().inv_cdf(PROBABILITIES[column]))
    return frozen(at[::-1], np.float64), frozen(quantiles[::-1], np.float64)


@_compiled
def _quantile(c, steps, at, quantiles):  # type: ignore[no-untyped-def]
    """Quantile of the fitted distance where the true one is c."""
    place = 1.0 / math.sqrt(c + 10.0)
    i = 1
    while i < at.size - 1 and at[i] < place:
        i += 1
    share = min(max((place - at[i - 1]) / (at[i] - at[i - 1]), 0.0), 1.0)
    u = quantiles[i - 1] + share * (quantiles[i] - quantiles[i - 1])
    return c + 4.0 - 3.0 * c / steps + u * math.sqrt(c * (2.0 - c / steps) + 10.0)


@_compiled
def true_distance(fitted, steps, at, quantiles):  # type: ignore[no-untyped-def]
    """The distance c whose quantile is the fitted one: 0 where none is so small, `steps` where
    none below it is so large.
    """
    low, high = 0.0, float(steps)
    if _quantile(low, steps, at, quantiles) >= fitted:
        return low
    if _quantile(high, steps, at, quantiles) <= fitted:
        return high
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _quantile(middle, steps, at, quantiles) < fitted:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
