"""How fast a series comes back to its mean. Public in `analytics.stationarity`.

Everything stands on one regression, that of the change on the level before it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from analytics._dickey_fuller import finite_series
from analytics._kernels.half_life import deviations, true_distance
from analytics._kernels.half_life_table import PROBABILITIES
from analytics._kernels.sums import change_on_level
from analytics.arrays import number
from analytics.model import FloatArray, OUFit, ParameterError

_EPS = float(np.finfo(np.float64).eps)
#: Fewer values than these have no interval of the half-life.
LEAST_INTERVAL_ROWS = 16


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


class HalfLifeInterval(NamedTuple):
    """Ends of a confidence interval of the half-life, in bars: `high` is inf where it has none.

    See `half_life_interval` for what it covers, and how often.
    """

    low: float
    high: float


def half_life_interval(
    x: Any, confidence: float = 0.9, *, fitted: bool = False
) -> HalfLifeInterval:
    """Confidence interval of the half-life in bars, with equal tails.

    Of what: of ln 2 / (1 - rho), the half-life of x[t+1] = c + rho x[t] + e, as `half_life`
    estimates it. (The bars after which half of a deviation is gone, ln 0.5 / ln rho, are about
    0.35 fewer.) How: every rho is in it under which the fitted slope lies between its quantiles
    at (1 - confidence) / 2 from either end, which were simulated for this many normal shocks of
    one variance; so the bias of the slope, which makes reversion look faster than it is, does not
    shift it. The point lies within, but for 2 or 3 of 100 series next to a random walk, whose
    bias takes it below.

    Coverage: of many such series the interval of a share `confidence` holds the true half-life;
    at 0.9 of 89 to 91 in 100, measured for half-lives of 1 to 80 and n from 16 to 1,000. It says
    nothing of a series whose mean or speed changes, or that follows more than its last value.

    high is inf where rho = 1 is among them: at this confidence there is no upper end, since the
    series cannot be told from a random walk. That does not show that it is one: so end 95 of 100
    random walks at 0.9, and 64 of 100 series of n = 1,000 with a half-life of 80. low stays a
    lower end. low is 0 where rho may be 0 or less, high ln 2 where it must be, low inf where even
    a random walk returns more.

    x: shape (n,), at least 16 values. confidence: 0.8, 0.9, 0.95 or 0.99. fitted: whether x is
    what a regression on another series and a constant left, a spread whose hedge ratio was
    estimated on these rows; such a residual returns though the legs do not, and has quantiles of
    its own. NaN where x does not vary. Raises ValueError for another confidence, fewer values, or
    NaN inside.

    Source: Andrews (1993), "Exactly median-unbiased estimation of first order
    autoregressive/unit root models", Econometrica 61(1), by a table of simulated quantiles
    (`docs/scripts/half_life_quantiles.py`).

    >>> rng = np.random.default_rng(1)
    >>> x = [0.0]
    >>> for shock in rng.standard_normal(999):
    ...     x.append(0.5 ** (1 / 20) * x[-1] + shock)
    >>> interval = half_life_interval(x)
    >>> round(interval.low, 1), round(interval.high, 1)
    (16.8, 48.6)
    >>> half_life_interval(np.cumsum(rng.standard_normal(500))).high
    inf
    """
    values = finite_series("x", x, LEAST_INTERVAL_ROWS)
    tail = (1.0 - number("confidence", confidence)) / 2.0
    columns = [i for i, p in enumerate(PROBABILITIES) if abs(p - tail) < 1e-9]
    if not columns:
        raise ParameterError("confidence", confidence, "one of 0.8, 0.9, 0.95, 0.99")
    regression = _change_on_level(values)
    if regression is None:
        return HalfLifeInterval(math.nan, math.nan)
    steps, column = len(values) - 1, columns[0]
    distance = -regression.slope * steps
    ends = [
        true_distance(distance, steps, *deviations(steps, bool(fitted), end))
        for end in (column, len(PROBABILITIES) - 1 - column)
    ]
    low, high = (math.log(2.0) * steps / end if end > 0.0 else math.inf for end in ends)
    return HalfLifeInterval(low if ends[0] < steps else 0.0, high)


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
