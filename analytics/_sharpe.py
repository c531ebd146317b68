"""How far a Sharpe ratio can be trusted. Public in `analytics.performance`.

Every Sharpe ratio here is a period, mean over standard deviation of the returns, not annualised.
The estimate of n returns is about normal with variance (1 - skew SR + (kurtosis - 1) / 4 SR^2)
/ (n - 1), kurtosis 3 being the normal's (Mertens 2002).

Sources: Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", J. of Risk
15(2); Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio", J. of Portfolio Management
40(5).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from analytics.arrays import between, number, series, whole
from analytics.model import ParameterError

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
#: Returns of two values have a kurtosis of 1 + skew^2; their own moments miss it by rounding.
_ROUNDING = 1e-9
#: Returns, or trials, at most: beyond them a count is no float.
_MOST = 10**300


def _variance(sharpe: float, skew: float, kurtosis: float) -> float:
    """Variance of the estimate times n - 1; never negative where the moments are possible."""
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return variance if math.isnan(variance) else max(variance, 0.0)


def _moments(skew: Any, kurtosis: Any) -> tuple[float, float]:
    """Skew and kurtosis, checked: no returns have a kurtosis below 1 + skew^2 (Pearson 1916)."""
    lean, tails = number("skew", skew), number("kurtosis", kurtosis)
    if not math.isnan(tails):
        between("kurtosis", tails, 1.0, math.inf, closed=(True, False))
    least = 1.0 + lean * lean
    if tails < least * (1.0 - _ROUNDING):
        raise ParameterError("kurtosis", tails, f"at least 1 + skew^2, which is {least:.6g}")
    return lean, tails


def _count(name: str, value: Any, low: int) -> int:
    count = whole(name, value, low)
    if count > _MOST:
        raise ParameterError(name, count, f"a whole number from {low} to 1e300")
    return count


def sharpe_stderr(returns: Any) -> float:
    """Standard error of the Sharpe ratio of returns of shape (n,), a period, without unit.

    sqrt((1 - skew SR + (kurtosis - 1) / 4 SR^2) / (n - 1)) with SR = mean / std (ddof 1) and
    the moments' own skew and kurtosis (not excess). For a year multiply it by the root of the
    periods in one, as the ratio. Returns that follow one another are taken for independent. NaN
    with fewer than two returns or where they do not vary; NaN inside is left out. Raises
    ValueError where returns is no series of numbers. Source: Mertens (2002); Bailey and Lopez
    de Prado (2012).

    >>> round(sharpe_stderr([0.01, -0.02, 0.03, 0.02]), 4)
    0.6762
    """
    values = series("returns", returns, ordered=False)
    values = values[np.isfinite(values)]
    n = len(values)
    if n < 2 or values.min() == values.max():
        return math.nan
    near = values - values.mean()
    second = float(np.mean(near * near))
    if not second > 0.0:
        return math.nan
    unit = near / math.sqrt(second)
    square = unit * unit
    ratio = float(values.mean()) / math.sqrt(second * n / (n - 1))
    variance = _variance(ratio, float(np.mean(square * unit)), float(np.mean(square * square)))
    return math.sqrt(variance / (n - 1))


def probabilistic_sharpe(
    sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, 0 to 1.

    Normal distribution function of (SR - benchmark) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis
    - 1) / 4 SR^2). sharpe, benchmark: a period; n: how many returns, at least 2; kurtosis: 3 is
    the normal's. NaN for NaN. Raises ValueError for n below 2 or a kurtosis below 1 + skew^2,
    which no returns have. Source: Bailey and Lopez de Prado (2012), equation 11.

    >>> round(probabilistic_sharpe(0.036 / 0.079, 24, skew=-2.448, kurtosis=10.164), 3)
    0.913
    """
    ratio, least = number("sharpe", sharpe), number("benchmark", benchmark)
    n = _count("n", n, 2)
    variance = _variance(ratio, *_moments(skew, kurtosis))
    if math.isnan(variance) or math.isnan(least):
        return math.nan
    if not variance > 0.0:
        return 0.5 if ratio == least else float(ratio > least)
    return _NORMAL.cdf((ratio - least) * math.sqrt((n - 1) / variance))


def deflated_sharpe(
    sharpe: float,
    n: int,
    n_trials: int,
    variance_of_trials: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Probability that the best of many trials has a true Sharpe ratio above 0, 0 to 1.

    `probabilistic_sharpe` against the highest ratio that n_trials independent ones without skill
    reach on average, sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e))), g being Euler's constant
    and z the normal quantile. sharpe: that of the best, a period; variance_of_trials: V, of the
    trials' Sharpe ratios a period. One trial is compared with 0. NaN for NaN. Raises ValueError
    for n below 2, n_trials below 1, a negative variance, or as `probabilistic_sharpe` does.
    Source: Bailey and Lopez de Prado (2014), equations 1 and 2.

    >>> best, spread = 2.5 / 250**0.5, 0.5 / 250
    >>> round(deflated_sharpe(best, 1250, 100, spread, skew=-3.0, kurtosis=10.0), 3)
    0.9
    """
    n_trials = _count("n_trials", n_trials, 1)
    spread = number("variance_of_trials", variance_of_trials)
    if not math.isnan(spread):
        between("variance_of_trials", spread, 0.0, math.inf, closed=(True, False))
    luck = math.sqrt(spread) * _highest_of(n_trials)
    return probabilistic_sharpe(sharpe, n, skew, kurtosis, luck)


def _highest_of(n_trials: int) -> float:
    """About the mean of the highest of so many standard normal numbers."""
    if n_trials == 1:
        return 0.0
    usual = _NORMAL.inv_cdf(1.0 / n_trials)  # of the lower tail, where 1 - 1 / N would be 1
    rare = _NORMAL.inv_cdf(1.0 / (n_trials * math.e))
    return -((1.0 - _EULER) * usual + _EULER * rare)


def min_track_record(
    sharpe: float,
    benchmark: float = 0.0,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Periods of returns that it takes to tell a Sharpe ratio from `benchmark`.

    1 + (1 - skew SR + (kurtosis - 1) / 4 SR^2) (z / (SR - benchmark))^2 with z the normal
    quantile of `confidence`; a track record is long enough from that many periods on. sharpe,
    benchmark: a period. inf where sharpe is not above benchmark, NaN for NaN. Raises ValueError
    for a confidence that is not between 0.5 and 1, or as `probabilistic_sharpe` does. Source:
    Bailey and Lopez de Prado (2012), equation 13.

    >>> year = 252**0.5
    >>> round(min_track_record(2.0 / year, 1.0 / year) / 252, 2)
    2.73
    """
    ratio, least = number("sharpe", sharpe), number("benchmark", benchmark)
    between("confidence", confidence, 0.5, 1.0)
    variance = _variance(ratio, *_moments(skew, kurtosis))
    if math.isnan(variance) or math.isnan(least):
        return math.nan
    if not ratio > least:
        return math.inf
    length = _NORMAL.inv_cdf(confidence) / (ratio - least)
    return 1.0 + variance * (length * length)  # a power would raise where this is inf
