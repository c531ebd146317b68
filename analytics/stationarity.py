"""Does a series return to its mean, and how fast: ADF, half-life, Hurst, Ornstein-Uhlenbeck.

Every function takes a one-dimensional array or Series of finite numbers, never changes it,
and raises ValueError for NaN or infinity inside, naming how many.

Sources: of each test at its function; half-life and Hurst exponent as in Chan, Algorithmic
Trading (2013), chapter 2, the latter after Hurst, Trans. Am. Soc. Civil Engineers 116 (1951).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from analytics import mackinnon
from analytics._dickey_fuller import (
    finite_series,
    lag_limit,
    level_statistic,
    long_enough,
    method_code,
    trend_terms,
    window_statistics,
)
from analytics._kernels import adf as kernel
from analytics._kernels.sums import change_on_level
from analytics.arrays import number, series, whole
from analytics.model import FloatArray, IntArray, OUFit, UnitRootResult

_EPS = float(np.finfo(np.float64).eps)


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
    straight line, a noiseless recursion): there is no test then. Raises ValueError for a
    constant x, for NaN inside, and for max_lag above n // 2 - trend terms - 1.

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
    values = long_enough("x", x, 2 * (n_trend + 1))
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
    with NaN inside, or constant, has NaN. Raises ValueError for window below 2 (trend terms
    + 1) or step below 1.

    >>> ends, pvalues = rolling_adf(np.sin(np.arange(60.0) ** 2), 40, 10, lag_method="bic")
    >>> ends
    array([39, 49, 59])
    >>> bool((pvalues < 0.05).all())
    True
    """
    n_trend, method = trend_terms(trend), method_code(lag_method)
    values = series("x", x)
    window, step = whole("window", window, 2 * (n_trend + 1)), whole("step", step, 1)
    limit = lag_limit(window, n_trend, max_lag)
    ends = np.arange(window - 1, len(values), step, dtype=np.int64)
    if not len(ends):
        return ends, np.empty(0)
    statistics = window_statistics(values, window, step, n_trend, limit, method)
    return ends, mackinnon.pvalues(statistics, trend)


class _Fitted(NamedTuple):
    """The regression of the change on the lagged level: mean level, slope, mean change, and
    the variance of the residuals (ddof 0)."""

    level: float
    slope: float
    change: float
    variance: float


def _change_on_level(values: FloatArray) -> _Fitted | None:
    """The regression of the change on the lagged level; None where the level does not vary."""
    level, squares, slope, change, rest = change_on_level(values)
    count = len(values) - 1
    if not squares > (count * _EPS * float(np.abs(values).max())) ** 2:
        return None
    return _Fitted(float(values[0]) + level, slope, change, rest / count)


def _half_life(fitted: _Fitted | None) -> float | None:
    return None if fitted is None or not fitted.slope < 0.0 else -math.log(2.0) / fitted.slope


def half_life(x: Any) -> float | None:
    """Bars in which half of a deviation is gone: -ln 2 / lambda.

    lambda is the slope of the change x[t+1] - x[t] on the level x[t], with intercept (Chan
    2013, "Algorithmic Trading", ch. 2). x: shape (n,), at least 3 values. None where lambda
    >= 0 (no reversion) or x does not vary. Raises ValueError for NaN inside or fewer values.

    >>> half_life([0.0, 1.0, 0.0, 1.0, 0.0])
    0.34657359027997264
    >>> half_life([1.0, 2.0, 3.0, 4.0]) is None
    True
    """
    return _half_life(_change_on_level(finite_series("x", x, 3)))


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


def fit_ou(x: Any, dt: float = 1.0) -> OUFit:
    """Maximum-likelihood Ornstein-Uhlenbeck parameters from samples `dt` apart.

    The exact discretisation x[t+1] = mu + b (x[t] - mu) + e has b = exp(-theta dt) and
    var(e) = sigma^2 (1 - b^2) / (2 theta). dt: in any unit of time, that of theta and half-life
    (`OUFit`). x: shape (n,), at least 3 values. Where b is not between 0 and 1 no OU process
    fits: theta and mu are NaN, half_life is None, sigma is that of the changes. Raises
    ValueError for dt not above 0, a shorter x, or NaN inside.

    Source: Tang and Chen (2009), "Parameter estimation and bias correction for diffusion
    processes", J. Econometrics 149(1).

    >>> fit = fit_ou([9.0, 5.0, 3.0, 2.0, 1.5], dt=60.0)
    >>> fit.mu, fit.half_life
    (1.0, 60.0)
    >>> fit_ou([1.0, 2.0, 3.0, 4.0]).half_life is None
    True
    """
    values = finite_series("x", x, 3)
    return _ou(values, _change_on_level(values), _positive_step(dt))


class MeanReversion(NamedTuple):
    """What the regression of the change on the level gives: half-life and OU fit."""

    half_life: float | None
    ou: OUFit


def mean_reversion(x: Any, dt: float = 1.0) -> MeanReversion:
    """`half_life` in samples and `fit_ou` for samples `dt` apart, from one regression.

    x: shape (n,), at least 3 values; half_life is in bars (samples), that of ou in the unit of
    dt. Raises ValueError as they do.

    >>> mean_reversion([9.0, 5.0, 3.0, 2.0, 1.5])[0], mean_reversion([0, 1, 2.0]).half_life
    (1.3862943611198906, None)
    """
    values = finite_series("x", x, 3)
    fitted = _change_on_level(values)
    return MeanReversion(_half_life(fitted), _ou(values, fitted, _positive_step(dt)))


def _positive_step(dt: float) -> float:
    step = number("dt", dt)
    if not 0.0 < step < math.inf:
        raise ValueError(f"dt is {dt}, expected above 0")
    return step


def _ou(values: FloatArray, fitted: _Fitted | None, dt: float) -> OUFit:
    if fitted is None or not -1.0 < fitted.slope < 0.0:
        sigma = float(np.diff(values).std()) / math.sqrt(dt)
        return OUFit(math.nan, math.nan, sigma, None)
    b = 1.0 + fitted.slope
    theta = -math.log1p(fitted.slope) / dt
    mu = fitted.level - fitted.change / fitted.slope
    sigma = math.sqrt(fitted.variance * 2.0 * theta / (1.0 - b * b))
    return OUFit(theta, mu, sigma, math.log(2.0) / theta)
