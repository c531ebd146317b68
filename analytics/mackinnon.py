"""MacKinnon's distributions of unit-root and cointegration statistics, as data.

p-values follow MacKinnon (1994), "Approximate asymptotic distribution functions for
unit-root and cointegration tests", JBES 12(2); critical values follow MacKinnon (2010),
"Critical values for cointegration tests", Queen's Economics Working Paper 1227 (1996 for
trend "n"). A p-value for a finite number of observations is the asymptotic one, stretched so
that it is 1, 5 and 10 % at the critical values for that number (`pvalue`).

The coefficients are those of statsmodels.tsa.adfvalues, and a test holds them equal; they
stand here because importing that module takes more than a second and 100 MB, which the live
path must not pay.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, inf, isnan, nan, sqrt
from statistics import NormalDist

import numpy as np

from analytics._kernels.mackinnon import CRITICAL, P_SURFACE
from analytics.arrays import number, one_of
from analytics.model import TRENDS, FloatArray, ParameterError

#: The p-value surface ends here, and the table of critical values there.
MAX_SERIES = 6
MAX_CRITICAL = 12
LEVELS: tuple[str, ...] = ("1%", "5%", "10%")


def _check(trend: str, n_series: int, most: int = MAX_SERIES) -> None:
    one_of("trend", trend, TRENDS)
    if not 1 <= n_series <= most:
        raise ParameterError("n_series", n_series, f"1 to {most}")


#: Probits of LEVELS.
_PROBITS = tuple(NormalDist().inv_cdf(level) for level in (0.01, 0.05, 0.10))


def _polynomial(coefficients: tuple[float, ...], at: float) -> float:
    value = 0.0
    for coefficient in reversed(coefficients):
        value = value * at + coefficient
    return value


def _probit(statistic: float, trend: str, n_series: int) -> float:
    """The polynomial in the statistic whose normal distribution is the asymptotic p-value."""
    _, left_up_to, _, left, right = P_SURFACE[trend][n_series - 1]
    return _polynomial(left if statistic <= left_up_to else right, statistic)


def pvalue(statistic: float, trend: str = "c", n_series: int = 1, n_obs: float = inf) -> float:
    """MacKinnon's approximate p-value of an ADF or Engle-Granger statistic.

    The asymptotic one is the normal distribution of a polynomial in the statistic, one for the
    left tail and one for the rest. n_series: 1 for an ADF test, the number of series in the
    relation for a test of cointegration (2 to 6). n_obs: the number of observations, for which
    the polynomial is multiplied so that p is exactly 1, 5 and 10 % at the critical values of
    MacKinnon (2010): by what that takes there, linearly in the statistic between them, as at
    the nearest beyond, and by 1 above the median. Without such values (trend "n" of several
    series) p is the asymptotic one. NaN for NaN. Raises ValueError for an unknown trend or
    number, or n_obs below 1.

    >>> round(pvalue(-2.86, "c"), 3)
    0.05
    >>> round(pvalue(-3.34, "c", n_series=2), 3)
    0.049
    >>> least = critical_values("c", 2, n_obs=60)["5%"]
    >>> round(pvalue(least, "c", 2, n_obs=60), 6), round(pvalue(least, "c", 2), 4)
    (0.05, 0.0381)
    """
    _check(trend, n_series)
    statistic, n_obs = number("statistic", statistic), number("n_obs", n_obs)
    if isnan(statistic):
        return nan
    zero_below, _, one_above, _, _ = P_SURFACE[trend][n_series - 1]
    if statistic > one_above:
        return 1.0
    if statistic < zero_below:
        return 0.0
    argument = _probit(statistic, trend, n_series)
    if n_obs < inf and argument < 0.0:
        at, stretch = _stretch(trend, n_series, n_obs)
        argument *= float(np.interp(statistic, at, stretch))
    return 0.5 * erfc(-argument / sqrt(2.0))


def pvalues(
    statistics: FloatArray, trend: str = "c", n_series: int = 1, n_obs: float = inf
) -> FloatArray:
    """`pvalue` of each statistic, shape (m,). Raises ValueError as `pvalue` does.

    >>> pvalues(np.array([-2.86, np.nan, -np.inf])).round(3)
    array([0.05,  nan, 0.  ])
    """
    _check(trend, n_series)
    zero_below, left_up_to, one_above, left, right = P_SURFACE[trend][n_series - 1]
    at = np.clip(statistics, zero_below, min(one_above, 20.0))
    value = np.polynomial.polynomial.polyval
    argument = np.where(at <= left_up_to, value(at, left), value(at, right))
    if n_obs < inf:
        stretch = np.interp(at, *_stretch(trend, n_series, n_obs))
        argument = np.where(argument < 0.0, argument * stretch, argument)
    probabilities = 0.5 * np.array([erfc(number) for number in (argument / -sqrt(2.0)).tolist()])
    probabilities[statistics > one_above] = 1.0
    probabilities[statistics < zero_below] = 0.0
    return probabilities


@lru_cache(maxsize=4096)
def _critical(trend: str, n_series: int, n_obs: float) -> tuple[float, float, float]:
    if not n_obs >= 1:
        raise ParameterError("n_obs", n_obs, "at least 1")
    rows = CRITICAL[trend]
    if n_series > len(rows):
        return nan, nan, nan
    one, five, ten = (_polynomial(row, 1.0 / n_obs) for row in rows[n_series - 1])
    return one, five, ten


@lru_cache(maxsize=4096)
def _stretch(
    trend: str, n_series: int, n_obs: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Critical values for n_obs, and what multiplies the probit there to give their levels."""
    at = _critical(trend, n_series, n_obs)
    if isnan(at[0]):
        return (0.0,), (1.0,)
    probits = [_probit(statistic, trend, n_series) for statistic in at]
    return at, tuple(level / probit for level, probit in zip(_PROBITS, probits, strict=True))


def critical_values(trend: str = "c", n_series: int = 1, n_obs: float = inf) -> dict[str, float]:
    """MacKinnon's critical values at 1, 5 and 10 % for `n_obs` observations.

    b0 + b1 / n_obs + b2 / n_obs^2 + b3 / n_obs^3. n_series: 1 for an ADF test, up to 12. NaN
    for trend "n" and more than one series, where none were published. Raises
    ValueError for an unknown trend or number of series, or n_obs below 1.

    >>> round(critical_values("c", n_obs=1000)["5%"], 4)
    -2.8644
    """
    _check(trend, n_series, MAX_CRITICAL)
    return dict(zip(LEVELS, _critical(trend, n_series, n_obs), strict=True))
