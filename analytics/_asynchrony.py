"""Correlation of values that change at their own instants. Public in `analytics.correlation`.

On a grid of bars the closes of two symbols stand at different instants, and what moved between
them is lost: Pearson's correlation of returns falls towards 0 as the bars shrink (Epps 1979).
Hayashi and Yoshida's estimate multiplies every pair of changes whose times overlap and needs no
grid; shifted by a lag it tells which symbol moves first.

Sources: Epps (1979), J. American Statistical Association 74; Hayashi and Yoshida (2005),
Bernoulli 11(2); Hoffmann, Rosenbaum and Yoshida (2013), Bernoulli 19(2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics._kernels.hayashi_yoshida import (
    last_of_each_time,
    overlapping_products,
    sum_of_squared_changes,
)
from analytics.arrays import aligned, series
from analytics.model import FloatArray, IntArray, ParameterError, frozen

#: Fewer changes than these of either series say nothing of a correlation.
LEAST_CHANGES = 2


@dataclass(frozen=True)
class HyResult:
    """Of the changes of two series: covariance, summed over the whole stretch, in the product of
    their units, and correlation, without unit; NaN with fewer than two changes of either, or
    none that is not 0.

    The correlation is an estimate that may lie beyond 1 by its own error.
    """

    covariance: float
    correlation: float


@dataclass(frozen=True, eq=False)
class LeadLag:
    """Correlation by lag, shape (m,) each, in the order the lags were given.

    best_lag_ms, best_correlation: where it is largest in size; above 0 X moves first, by so
    many milliseconds. None and NaN where no lag has a correlation.
    """

    lags_ms: IntArray
    correlation: FloatArray
    best_lag_ms: int | None
    best_correlation: float


@dataclass(frozen=True, eq=False)
class _Path:
    times: IntArray
    values: FloatArray
    squares: float


def _path(name: str, ts: Any, values: Any) -> _Path:
    """Values on times that rise strictly: of several at one instant the last."""
    times_name = f"ts_{name}"
    ts, values = aligned((times_name, name), (ts, values))
    numbers, times = series(name, values), _times(times_name, ts)
    if len(times) != len(numbers):
        raise ValueError(
            f"{times_name} has {len(times)} values and {name} {len(numbers)}, expected as many"
        )
    bad = int(np.count_nonzero(~np.isfinite(numbers)))
    if bad:
        raise ValueError(
            f"{name} is not finite at {bad} of {len(numbers)} values, expected at none"
        )
    if (times[1:] < times[:-1]).any():
        row = int(np.argmax(times[1:] < times[:-1])) + 1
        raise ValueError(f"{times_name} falls at row {row}, expected times that do not")
    times, numbers = last_of_each_time(times, numbers)
    times.flags.writeable = numbers.flags.writeable = False  # one type for the kernels
    return _Path(times, numbers, float(sum_of_squared_changes(numbers)))


def _times(name: str, ts: Any) -> IntArray:
    if isinstance(ts, np.ndarray) and ts.dtype == np.int64 and ts.ndim == 1:
        return frozen(ts, np.int64)
    values = series(name, ts)
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise ValueError(f"{name} holds no whole numbers, expected epoch milliseconds")
    return frozen(values, np.int64)


def _lag(name: str, lag: Any) -> int:
    if isinstance(lag, bool) or not isinstance(lag, (int, np.integer)):
        raise ParameterError(name, lag, "a whole number of milliseconds")
    return int(lag)


def _estimate(y: _Path, x: _Path, lag_ms: int) -> HyResult:
    if min(len(y.times), len(x.times)) <= LEAST_CHANGES:
        return HyResult(math.nan, math.nan)
    covariance = float(overlapping_products(y.times, y.values, x.times, x.values, lag_ms))
    size = math.sqrt(y.squares) * math.sqrt(x.squares)
    return HyResult(covariance, covariance / size if size > 0.0 else math.nan)


def hayashi_yoshida(ts_y: Any, y: Any, ts_x: Any, x: Any, lag_ms: int = 0) -> HyResult:
    """Covariance and correlation of the changes of two series on their own instants.

    sum of dy dx over all pairs of changes whose times overlap, over the root of (sum of dy^2
    sum of dx^2). ts_y, ts_x: epoch ms, whole numbers that do not fall, shape (n,) and (m,); y,
    x: the values there, logarithms of prices for correlation of returns, shape (n,) and (m,).
    Of several values at one instant the last counts. lag_ms: x's times are moved later by so
    much, that is y is compared with where x was lag_ms before. O(n + m).

    Bid-ask bounce adds to the squares and so lowers the correlation. Raises ValueError where
    times fall or are no whole numbers, lengths differ, or values are not finite.

    Source: Hayashi and Yoshida (2005), "On covariance estimation of non-synchronously observed
    diffusion processes", Bernoulli 11(2).

    >>> result = hayashi_yoshida([0, 2_000, 4_000], [0, 2, 1], [0, 1_000, 4_000], [0, 1, 1])
    >>> result.covariance, round(result.correlation, 3)
    (2.0, 0.894)
    """
    return _estimate(_path("y", ts_y, y), _path("x", ts_x, x), _lag("lag_ms", lag_ms))


def lead_lag(ts_y: Any, y: Any, ts_x: Any, x: Any, lags_ms: Any) -> LeadLag:
    """Hayashi and Yoshida's correlation at each lag, and the lag at which it is largest in size.

    ts_y, y, ts_x, x: as in `hayashi_yoshida`. lags_ms: whole numbers, shape (m,); at a lag above
    0 y is compared with where x was so many milliseconds before, so that the largest
    correlation lies above 0 where X moves first. Of equal ones the lag nearest to 0 is best.
    O(n) a lag. Raises ValueError as `hayashi_yoshida` does, or for lags that are no whole
    numbers.

    Source: Hoffmann, Rosenbaum and Yoshida (2013), "Estimation of the lead-lag parameter from
    non-synchronous data", Bernoulli 19(2).

    >>> times = np.arange(0, 60_000, 1_000)
    >>> walk = np.cumsum(np.sin(np.arange(60.0) ** 2))
    >>> lead_lag(times + 2_000, walk, times, walk, range(-3_000, 4_000, 1_000)).best_lag_ms
    2000
    """
    paths = _path("y", ts_y, y), _path("x", ts_x, x)
    lags = np.array([_lag("lags_ms", lag) for lag in lags_ms], dtype=np.int64)
    correlation = np.array([_estimate(*paths, int(lag)).correlation for lag in lags])
    size = np.abs(correlation)
    if not len(lags) or np.isnan(size).all():
        return LeadLag(lags, correlation.astype(np.float64), None, math.nan)
    best = np.flatnonzero(size == np.nanmax(size))
    at = int(best[np.argmin(np.abs(lags[best]))])
    return LeadLag(lags, correlation, int(lags[at]), float(correlation[at]))
