"""Does a series return to its mean, and how fast: ADF, half-life, Hurst, Ornstein-Uhlenbeck.

Every function takes a one-dimensional array or Series of finite numbers, never changes it,
and raises ValueError for NaN or infinity inside, naming how many.

Half-life and Ornstein-Uhlenbeck fit are in `analytics._reversion`.

Sources: of each test at its function; half-life and Hurst exponent as in Chan, Algorithmic
Trading (2013), chapter 2, the latter after Hurst, Trans. Am. Soc. Civil Engineers 116 (1951).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from analytics import mackinnon
from analytics._breaks import CusumSquares, cusum_squares
from analytics._dickey_fuller import (
    LEAST_ROWS,
    finite_series,
    lag_limit,
    level_statistic,
    long_enough,
    method_code,
    trend_terms,
    window_statistics,
)
from analytics._kernels import adf as kernel
from analytics._reversion import (
    HalfLifeInterval,
    MeanReversion,
    fit_ou,
    half_life,
    half_life_interval,
    mean_reversion,
)
from analytics.arrays import series, whole
from analytics.model import FloatArray, IntArray, UnitRootResult

__all__ = [
    "FEW_ROWS",
    "TEST_ROWS",
    "TOO_FEW_ROWS",
    "CusumSquares",
    "HalfLifeInterval",
    "MeanReversion",
    "adf",
    "cusum_squares",
    "fit_ou",
    "half_life",
    "half_life_interval",
    "hurst",
    "mean_reversion",
    "rolling_adf",
]

#: Rows in which both legs traded below which a pair has no test of levels: in fewer, ADF rejects
#: 9 to 13 % of random walks at "5 %", whatever the lags.
TEST_ROWS = 60
#: Rows below which a pair's tests allow for their number: BIC's lags, finite-sample p-values,
#: Johansen's small-sample factor.
FEW_ROWS = 500

#: Why so few rows have no test; takes their number.
TOO_FEW_ROWS = f"it needs {TEST_ROWS} rows in which both legs traded, has {{}}"


def adf(
    x: Any,
    *,
    trend: str = "c",
    max_lag: int | None = None,
    lag_method: str | None = "aic",
) -> UnitRootResult:
    """Augmented Dickey-Fuller test; the null is a unit root, a small p-value speaks against it.

    d[t] = rho x[t] + trend + sum of b[j] d[t-j], j = 1 .. p, with d[t] = x[t+1] - x[t]; the
    statistic is the t ratio of rho. x: shape (n,), any unit. trend: "n" nothing, "c" constant,
    "ct" constant and time, "ctt" and time squared. lag_method chooses p up to max_lag
    (Schwert's 12 (n/100)^(1/4) where None) on one common sample: "aic", "bic", "t-stat" (the
    last lag's |t| at least 1.645); None uses max_lag as it is. The chosen order is refitted on
    all the rows it leaves. Equal to statsmodels.tsa.stattools.adfuller, but for orders without
    a degree of freedom, which are never chosen here.

    The statistic and p-value are NaN where the regression leaves nothing but rounding (a
    straight line, a noiseless recursion): there is no test then. Raises ValueError for fewer
    than 12 values, which have no critical values, for a constant x, for NaN inside, and for
    max_lag above n // 2 - trend terms - 1.

    Source: Said and Dickey (1984); p-values MacKinnon (1994), critical values MacKinnon (2010).

    >>> noise = np.sin(np.arange(200.0) ** 2)
    >>> test = adf(noise)
    >>> test.pvalue < 0.01, test.statistic < test.critical_values["1%"]
    (True, True)
    >>> adf(np.cumsum(noise - noise.mean()), lag_method=None, max_lag=1).n_obs
    198
    """
    n_trend = trend_terms(trend)
    method = method_code(lag_method)
    values = long_enough("x", x, LEAST_ROWS)
    limit = lag_limit(len(values), n_trend, max_lag)
    statistic, used, n_obs = level_statistic(values, n_trend, limit, method)
    if math.isnan(statistic) and values.min() == values.max():
        raise ValueError(f"x is constant at {values[0]:g}, expected values that vary")
    return UnitRootResult(
        statistic=statistic,
        pvalue=mackinnon.pvalue(statistic, trend),
        used_lag=used,
        n_obs=n_obs,
        critical_values=mackinnon.critical_values(trend, 1, n_obs),
    )


def rolling_adf(
    x: Any,
    window: int,
    step: int = 1,
    *,
    trend: str = "c",
    max_lag: int | None = None,
    lag_method: str | None = "aic",
) -> tuple[IntArray, FloatArray]:
    """p-values of the ADF tests of the windows x[end - window + 1 .. end].

    Ends are window - 1, window - 1 + step, ..., so a value never changes when x grows. Returns
    (ends, p-values), both of shape (m,), empty where x is shorter than the window. A window
    with NaN inside, or constant, has NaN. Raises ValueError for window below 12 or step
    below 1.

    >>> ends, pvalues = rolling_adf(np.sin(np.arange(60.0) ** 2), 40, 10, lag_method="bic")
    >>> ends
    array([39, 49, 59])
    >>> bool((pvalues < 0.05).all())
    True
    """
    n_trend, method = trend_terms(trend), method_code(lag_method)
    values = series("x", x)
    window, step = whole("window", window, LEAST_ROWS), whole("step", step, 1)
    limit = lag_limit(window, n_trend, max_lag)
    ends = np.arange(window - 1, len(values), step, dtype=np.int64)
    if not len(ends):
        return ends, np.empty(0)
    statistics = window_statistics(values, window, step, n_trend, limit, method)
    return ends, mackinnon.pvalues(statistics, trend)


@njit(cache=True, nogil=True, fastmath=kernel.FAST)
def _lag_deviations(x, max_lag):  # type: ignore[no-untyped-def]
    """Standard deviation of x[l:] - x[:-l] for l = 2 .. max_lag - 1."""
    out = np.empty(max_lag - 2)
    for lag in range(2, max_lag):
        ahead, behind = x[lag:], x[: x.size - lag]
        count = ahead.size
        total, square = 0.0, 0.0
        for i in range(count):
            total += ahead[i] - behind[i]
        mean = total / count
        for i in range(count):
            rest = ahead[i] - behind[i] - mean
            square += rest * rest
        out[lag - 2] = math.sqrt(square / count)
    return out


def hurst(x: Any, max_lag: int = 100) -> float:
    """Hurst exponent: 0.5 for a random walk, below for a series that reverts, above for one
    that trends.

    The least-squares slope of log std(x[l:] - x[:-l]) on log l, l = 2 .. max_lag - 1 bars, with
    the population standard deviation; without unit. x: shape (n,), more than max_lag values.
    NaN where a difference does not vary. Raises ValueError for max_lag below 4, a shorter x,
    or NaN inside.

    >>> steps = np.sin(np.arange(500.0) ** 2)
    >>> round(hurst(np.cumsum(steps), max_lag=20), 1), hurst(np.arange(200.0))
    (0.5, nan)
    """
    max_lag = whole("max_lag", max_lag, 4)
    values = finite_series("x", x, max_lag + 1)
    deviations = _lag_deviations(values, max_lag)
    floor = kernel.NOISE * np.abs(values).max()
    if not deviations.min() > floor:
        return math.nan
    lags = np.log(np.arange(2.0, max_lag))
    lags -= lags.mean()
    return float(lags @ np.log(deviations)) / float(lags @ lags)
