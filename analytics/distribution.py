"""How a series is spread out: autocorrelation, quantiles against the normal, bands of a slope."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from analytics.arrays import series, whole
from analytics.model import FloatArray
from analytics.rolling import rolling_comoments


class QuantilePairs(NamedTuple):
    """Ordered values, standardised, beside the normal quantiles of their ranks, shape (n,)."""

    normal: FloatArray
    ordered: FloatArray


class SlopeBands(NamedTuple):
    """A rolling slope and its standard error, shape (n,), NaN before a full window."""

    beta: FloatArray
    stderr: FloatArray


def autocorrelation(x: Any, max_lag: int = 40) -> FloatArray:
    """Autocorrelation of a series at lags 0 to max_lag, shape (max_lag + 1,), from -1 to 1.

    x: shape (n,), in any unit; NaN is left out and what is beside it joined. With the whole
    series' mean and variance at every lag (divisor n), as statsmodels' acf. NaN for lags that
    are not shorter than the series, and for a series that does not vary.
    Source: Box and Jenkins, Time Series Analysis (1976).

    Raises ParameterError, a ValueError, for a max_lag below 1 or an x of another shape.

    >>> autocorrelation([1.0, -1.0, 1.0, -1.0], 2).tolist()
    [1.0, -0.75, 0.5]
    """
    lags = whole("max_lag", max_lag, 1)
    values = series("x", x)
    values = values[np.isfinite(values)]
    correlations = np.full(lags + 1, np.nan)
    away = values - values.mean() if len(values) else values
    total = float(away @ away)
    if not total > 0.0:
        return correlations
    for lag in range(min(lags, len(away) - 1) + 1):
        correlations[lag] = float(away[lag:] @ away[: len(away) - lag]) / total
    return correlations


def normal_quantiles(x: Any) -> QuantilePairs:
    """A series in order beside the quantiles that a normal one of its length would have.

    x: shape (n,), in any unit; NaN is left out. Both columns are in standard deviations. Ranks
    become probabilities by (i - 3/8) / (n + 1/4). Source: Blom, Statistical Estimates and
    Transformed Beta-Variables (1958). Empty where fewer than two values differ.

    Raises ParameterError, a ValueError, for an x of another shape.

    >>> pairs = normal_quantiles([3.0, 1.0, 2.0])
    >>> pairs.ordered.tolist(), pairs.normal.round(2).tolist()
    ([-1.0, 0.0, 1.0], [-0.87, 0.0, 0.87])
    """
    values = series("x", x, ordered=False)
    values = np.sort(values[np.isfinite(values)])
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if not spread > 0.0:
        return QuantilePairs(np.empty(0), np.empty(0))
    ranks = np.arange(1, len(values) + 1)
    shares = ((ranks - 0.375) / (len(values) + 0.25)).tolist()
    normal = np.array([NormalDist().inv_cdf(share) for share in shares])
    return QuantilePairs(normal, (values - values.mean()) / spread)


def slope_bands(y: Any, x: Any, window: int) -> SlopeBands:
    """Slope of y on x with an intercept over the window that ends at each row, and its error.

    y, x: shape (n,), in one unit each, finite; the slope is in units of y to one of x. The
    standard error is that of independent residuals, too small where they are autocorrelated.
    Source: Greene, Econometric Analysis (2003), chapter 4. NaN before a full window and where x
    does not vary in it.

    Raises ParameterError, a ValueError, for a window below 3 or shapes that differ.

    >>> bands = slope_bands([1.0, 3.0, 5.0, 7.0], [0.0, 1.0, 2.0, 3.0], 3)
    >>> bands.beta.round(6).tolist(), bands.stderr.round(6).tolist()
    ([nan, nan, 2.0, 2.0], [nan, nan, 0.0, 0.0])
    """
    length = whole("window", window, 3)
    _, _, of_y, of_x, products = rolling_comoments(y, x, length)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = products / np.where(of_x > 0.0, of_x, np.nan)
        error = np.sqrt(np.maximum(of_y - slope * products, 0.0) / (length - 2) / of_x)
    return SlopeBands(slope, error)
