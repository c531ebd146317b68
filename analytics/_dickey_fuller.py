"""What the Dickey-Fuller tests share: checked options, and the way to the statistic.

The compiled kernel answers nearly always; where it declines, orthogonalisation does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analytics._kernels import adf as kernel
from analytics._kernels.adf_orthogonal import adf_orthogonal
from analytics.arrays import series, whole
from analytics.model import LAG_METHODS, TRENDS, FloatArray

#: Fewer values than these have no Dickey-Fuller test: what critical values there are for so
#: few observations is their response surface far outside the experiments behind it.
LEAST_ROWS = 12

_METHOD_CODES = {
    None: kernel.FIXED,
    "aic": kernel.AIC,
    "bic": kernel.BIC,
    "t-stat": kernel.T_STAT,
}


def finite_series(name: str, x: Any, at_least: int, *, ties: bool = False) -> FloatArray:
    """`x` as a read-only float64 vector of at least `at_least` finite numbers.

    ties: as `series` takes it. Raises ValueError for another shape, fewer values, NaN or infinity.

    >>> finite_series("x", [1, 2, 3], at_least=3)
    array([1., 2., 3.])
    """
    values = long_enough(name, x, at_least, ties=ties)
    _require_finite(name, values)
    return values


def long_enough(name: str, x: Any, at_least: int, *, ties: bool = False) -> FloatArray:
    """As `finite_series`, but for NaN and infinity, which pass."""
    values = series(name, x, ties=ties)
    if len(values) < at_least:
        raise ValueError(f"{name} has {len(values)} values, expected at least {at_least}")
    return values


def _require_finite(name: str, values: FloatArray) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        bad = len(values) - int(finite.sum())
        raise ValueError(f"{name} is not finite at {bad} of {len(values)} values, expected at none")


def trend_terms(trend: str) -> int:
    """How many deterministic terms a trend has: 0 for "n" to 3 for "ctt"."""
    if trend not in TRENDS:
        raise ValueError(f"trend is {trend!r}, expected one of {', '.join(TRENDS)}")
    return 0 if trend == "n" else len(trend)


def method_code(lag_method: str | None) -> int:
    """The kernel's number of a lag method, in letters of any case."""
    name = lag_method.lower() if isinstance(lag_method, str) else lag_method
    if not isinstance(name, (str, type(None))) or name not in _METHOD_CODES:
        raise ValueError(
            f"lag_method is {lag_method!r}, expected one of {', '.join(LAG_METHODS)} or None"
        )
    return _METHOD_CODES[name]


def lag_limit(n: int, n_trend: int, max_lag: int | None) -> int:
    """The highest lag order for `n` values: Schwert's 12 (n / 100)^(1/4), or `max_lag` checked."""
    most = n // 2 - n_trend - 1
    if most < 0:
        raise ValueError(f"x has {n} values, expected at least {2 * (n_trend + 1)} for this trend")
    if max_lag is None:
        return min(math.ceil(12.0 * (n / 100.0) ** 0.25), most)
    if whole("max_lag", max_lag, 0) > most:
        raise ValueError(f"max_lag is {max_lag}, expected 0 to {most} for {n} values")
    return int(max_lag)


def level_statistic(
    values: FloatArray, n_trend: int, max_lag: int, method: int
) -> tuple[float, int, int]:
    """(statistic, used_lag, n_obs) of one series; the statistic is NaN where it is undefined.

    The kernel finds no statistic where something is not finite, so that is looked for last.
    """
    n = len(values)
    polys = kernel.trend_columns(n, n_trend)
    rows = kernel.adf_windows(values, n, 1, polys, n_trend, max_lag, method)
    statistic, used, n_obs = rows[0].tolist()
    if math.isnan(statistic):
        _require_finite("x", values)
        return adf_orthogonal(values, n_trend, max_lag, method)
    return statistic, int(used), int(n_obs)


def window_statistics(
    values: FloatArray, window: int, step: int, n_trend: int, max_lag: int, method: int
) -> FloatArray:
    """The statistic of each window that starts at 0, step, ...; NaN where there is none."""
    polys = kernel.trend_columns(window, n_trend)
    statistics = kernel.adf_windows(values, window, step, polys, n_trend, max_lag, method)[:, 0]
    for i in np.flatnonzero(np.isnan(statistics)):
        part = values[i * step : i * step + window]
        if np.isfinite(part).all():
            statistics[i] = adf_orthogonal(part, n_trend, max_lag, method)[0]
    return statistics


def residual_statistic(residual: FloatArray, max_lag: int, method: int) -> tuple[float, int, int]:
    """(statistic, used_lag, n_obs) of the Dickey-Fuller regression without trend terms, for a
    residual whose distribution the caller knows; NaN where it is undefined.
    """
    return level_statistic(series("residual", residual), 0, max_lag, method)
