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
#: The longest lag: a float still holds each whole number up to it, and no time overflows by it.
_LONGEST_MS = 2**53


@dataclass(frozen=True)
class HyResult:
    """Of the changes of two series: covariance, summed over the span that both have, in the product
    of their units, and correlation, without unit; NaN with fewer than two changes of either in
    that span. The correlation is NaN, too, where all of them are 0.

    The correlation is an estimate that may lie beyond 1 by its own error.
    """

    covariance: float
    correlation: float


@dataclass(frozen=True, eq=False)
class LeadLag:
    """Correlation by lag, shape (m,) each, in the order the lags were given.

    best_lag_ms, best_correlation: where it is largest in size; above 0 X moves first, by so
    many milliseconds. Lags that leave less than half of the most changes in common say too
    little to be best. None and NaN where no lag has a correlation.
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
    numbers, times = series(name, values, ties=True), _times(times_name, ts)
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
    values = series(name, ts, ties=True)
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise ValueError(f"{name} holds no whole numbers, expected epoch milliseconds")
    return frozen(values, np.int64)


def _lag(name: str, lag: Any) -> int:
    if isinstance(lag, bool) or not isinstance(lag, (int, np.integer)):
        raise ParameterError(name, lag, "a whole number of milliseconds")
    if abs(int(lag)) > _LONGEST_MS:
        raise ParameterError(name, lag, "a whole number of milliseconds up to 2^53 in size")
    return int(lag)


def _lags(name: str, lags: Any) -> IntArray:
    try:
        given = list(lags)
    except TypeError:
        raise ParameterError(name, lags, "a sequence of whole numbers of milliseconds") from None
    return np.array([_lag(name, lag) for lag in given], dtype=np.int64)


def _shared(path: _Path, start: int, stop: int) -> tuple[int, float]:
    """How many changes of a path reach into the times from start to stop, and their squares."""
    times, values = path.times, path.values
    first = max(int(np.searchsorted(times, start, side="right")), 1)
    last = min(int(np.searchsorted(times, stop, side="left")), len(times) - 1)
    if last < first:
        return 0, 0.0
    outside = float(sum_of_squared_changes(values[:first]))
    outside += float(sum_of_squared_changes(values[last:]))
    if outside <= 0.5 * path.squares:  # so that the difference keeps its digits
        return last - first + 1, path.squares - outside
    return last - first + 1, float(sum_of_squared_changes(values[first - 1 : last + 1]))


def _estimate(y: _Path, x: _Path, lag_ms: int) -> tuple[HyResult, int]:
    """The estimate at a lag, and the changes of the leg with fewer that it rests on."""
    nothing = HyResult(math.nan, math.nan)
    if min(len(y.times), len(x.times)) <= LEAST_CHANGES:
        return nothing, 0
    start = max(int(y.times[0]), int(x.times[0]) + lag_ms)
    stop = min(int(y.times[-1]), int(x.times[-1]) + lag_ms)
    if start >= stop:
        return nothing, 0
    of_y, squares_y = _shared(y, start, stop)
    of_x, squares_x = _shared(x, start - lag_ms, stop - lag_ms)
    if min(of_y, of_x) < LEAST_CHANGES:
        return nothing, min(of_y, of_x)
    covariance = float(overlapping_products(y.times, y.values, x.times, x.values, lag_ms))
    size = math.sqrt(squares_y) * math.sqrt(squares_x)
    correlation = covariance / size if size > 0.0 else math.nan
    return HyResult(covariance, correlation), min(of_y, of_x)


def hayashi_yoshida(ts_y: Any, y: Any, ts_x: Any, x: Any, lag_ms: int = 0) -> HyResult:
    """Covariance and correlation of the changes of two series on their own instants.

    sum of dy dx over all pairs of changes whose times overlap, over the root of (sum of dy^2
    sum of dx^2), of the changes that overlap any of the other series. ts_y, ts_x: epoch ms,
    whole numbers that do not fall, shape (n,) and (m,); y, x: the values there, logarithms of
    prices for correlation of returns, shape (n,) and (m,). Of several values at one instant the
    last counts. lag_ms: x's times are moved later by so much, that is y is compared with where x
    was lag_ms before. O(n + m).

    Bid-ask bounce adds to the squares and so lowers the correlation. NaN where the two have no
    span in common. Raises ValueError where times fall or are no whole numbers, lengths differ,
    values are not finite, or the lag is no whole number up to 2^53 in size.

    Source: Hayashi and Yoshida (2005), "On covariance estimation of non-synchronously observed
    diffusion processes", Bernoulli 11(2).

    >>> result = hayashi_yoshida([0, 2_000, 4_000], [0, 2, 1], [0, 1_000, 4_000], [0, 1, 1])
    >>> result.covariance, round(result.correlation, 3)
    (2.0, 0.894)
    """
    return _estimate(_path("y", ts_y, y), _path("x", ts_x, x), _lag("lag_ms", lag_ms))[0]


def lead_lag(ts_y: Any, y: Any, ts_x: Any, x: Any, lags_ms: Any) -> LeadLag:
    """Hayashi and Yoshida's correlation at each lag, and the lag at which it is largest in size.

    ts_y, y, ts_x, x: as in `hayashi_yoshida`. lags_ms: whole numbers, shape (m,); at a lag above
    0 y is compared with where x was so many milliseconds before, so that the largest
    correlation lies above 0 where X moves first. Of equal ones the lag nearest to 0 is best.
    O(n) a lag. Raises ValueError as `hayashi_yoshida` does, or for lags that are no sequence of
    such numbers.

    Source: Hoffmann, Rosenbaum and Yoshida (2013), "Estimation of the lead-lag parameter from
    non-synchronous data", Bernoulli 19(2).

    >>> times = np.arange(0, 60_000, 1_000)
    >>> walk = np.cumsum(np.sin(np.arange(60.0) ** 2))
    >>> lead_lag(times + 2_000, walk, times, walk, range(-3_000, 4_000, 1_000)).best_lag_ms
    2000
    """
    paths = _path("y", ts_y, y), _path("x", ts_x, x)
    lags = _lags("lags_ms", lags_ms)
    found = [_estimate(*paths, lag) for lag in lags.tolist()]
    correlation = np.array([result.correlation for result, _ in found], dtype=np.float64)
    changes = np.array([count for _, count in found], dtype=np.int64)
    size = np.abs(correlation)
    if len(lags):
        size[changes < 0.5 * changes.max()] = np.nan
    if np.isnan(size).all():
        return LeadLag(lags, correlation, None, math.nan)
    best = np.flatnonzero(size == np.nanmax(size))
    at = int(best[np.argmin(np.abs(lags[best]))])
    return LeadLag(lags, correlation, int(lags[at]), float(correlation[at]))
