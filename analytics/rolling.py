"""Moments over a sliding window: mean, standard deviation, z-score, correlation, OLS.

Sums slide in O(1) a bar. What keeps them exact at a price of 60,000 with steps of 0.01,
where plain sums of squares lose every digit, is that

* values enter as differences from an anchor, which is a value of the window itself, so
  that the differences of near values have no rounding error at all;
* sums carry their own rounding errors along (Knuth's TwoSum, Neumaier's summation);
* the anchor is set anew and the sums are taken directly now and then, and at once when
  the mean has drifted 4 standard deviations from the anchor, or the sum of squares has
  fallen to a millionth of its peak (a spike has left the window).

Every function takes series of shape (n,) and returns arrays of shape (n,): NaN until the
first full window, and in every window that holds a NaN or an infinity. Nothing after a
bar is looked at: f(x[:k]) == f(x)[:k] to the last bit.

Sources: Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The
American Statistician 37 (1983); Neumaier, ZAMM 54 (1974); Knuth, The Art of Computer
Programming 2, section 4.2.2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from analytics._kernels.adf import ROUNDING
from analytics.arrays import between, series, two_series, whole
from analytics.model import FloatArray

#: Compensated sums of x, y, xx, yy and xy, each before its error.
_Sums = tuple[float, float, float, float, float, float, float, float, float, float]

_DRIFT = 16.0  # squared drift of the mean from the anchor, in variances
_FALL = 1e-6  # of the sum of squares against its peak since the anchor was set


class RollingMoments(NamedTuple):
    """Mean, standard deviation (ddof 1) and z-score of each window, shape (n,) each."""

    mean: FloatArray
    std: FloatArray
    zscore: FloatArray


class RollingOls(NamedTuple):
    """Slope and intercept of each window's regression, shape (n,) each."""

    beta: FloatArray
    alpha: FloatArray


class Comoments(NamedTuple):
    """Of each window: means, and sums of squares and products about them, shape (n,)."""

    mean_x: FloatArray
    mean_y: FloatArray
    squares_x: FloatArray
    squares_y: FloatArray
    products: FloatArray


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add(total: float, error: float, value: float) -> tuple[float, float]:
    """TwoSum: total + value, with its rounding error added to `error`."""
    new = total + value
    rest = new - total
    return new, error + ((total - (new - rest)) + (value - rest))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sound(total: float, squares: float, peak: float, window: int) -> bool:
    """Whether sums about the present anchor still hold their digits."""
    drift = total * total
    return (squares * window - drift) * _DRIFT >= drift and squares >= _FALL * peak


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _nearest_to_mean(x: FloatArray, start: int, stop: int) -> float:
    """The value of x[start:stop] nearest to their mean: the anchor of exact differences."""
    first = best = x[start]
    mean = 0.0
    for i in range(start, stop):
        mean += x[i] - first
    mean /= stop - start
    distance = abs(mean)
    for i in range(start, stop):
        gap = abs(x[i] - first - mean)
        if gap < distance:
            distance = gap
            best = x[i]
    return best


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _slide_one(
    x: FloatArray,
    window: int,
    mean: FloatArray,
    squares: FloatArray,
    zscore: FloatArray,
) -> None:
    """Fill mean, sum of squared deviations and z-score of every full window of x."""
    clean = 0  # values without a gap that end at this bar
    age = period = max(4 * window, 512)
    c = s = s_err = q = q_err = peak = 0.0
    for i in range(x.size):
        mean[i] = squares[i] = zscore[i] = np.nan
        clean = clean + 1 if np.isfinite(x[i]) else 0
        if clean < window:
            age = period
            continue
        age += 1
        if age < period:
            new, old = x[i] - c, x[i - window] - c
            s, s_err = _add(s, s_err, new)
            s, s_err = _add(s, s_err, -old)
            q, q_err = _add(q, q_err, new * new)
            q, q_err = _add(q, q_err, -(old * old))
            peak = max(peak, q)
        if age >= period or not _sound(s, q, peak, window):
            c = _nearest_to_mean(x, i - window + 1, i + 1)
            s = s_err = q = q_err = 0.0
            for j in range(i - window + 1, i + 1):
                s, s_err = _add(s, s_err, x[j] - c)
                q, q_err = _add(q, q_err, (x[j] - c) * (x[j] - c))
            peak = q
            age = 0
        mean[i], squares[i], zscore[i] = c, q + q_err, s + s_err
    _finish_one(x, window, mean, squares, zscore)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _finish_one(
    x: FloatArray,
    window: int,
    mean: FloatArray,
    squares: FloatArray,
    zscore: FloatArray,
) -> None:
    """Turn anchors, sums of squares and sums into the moments, in place."""
    freedom = 1.0 / max(window - 1, 1)
    for i in range(x.size):
        anchor, offset = mean[i], zscore[i] / window
        spread = squares[i] - window * offset * offset
        spread = 0.0 if spread < 0.0 else spread
        score = (x[i] - anchor - offset) / np.sqrt(spread * freedom)
        mean[i] = anchor + offset
        squares[i] = spread if spread < np.inf else np.nan
        zscore[i] = score if 0.0 < spread < np.inf else np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_point(sums: _Sums, dx: float, dy: float, sign: float) -> _Sums:
    """Add `sign` times the point (dx, dy) to the sums of x, y, xx, yy and xy."""
    x, x_err, y, y_err, xx, xx_err, yy, yy_err, xy, xy_err = sums
    x, x_err = _add(x, x_err, sign * dx)
    y, y_err = _add(y, y_err, sign * dy)
    xx, xx_err = _add(xx, xx_err, sign * (dx * dx))
    yy, yy_err = _add(yy, yy_err, sign * (dy * dy))
    xy, xy_err = _add(xy, xy_err, sign * (dx * dy))
    return x, x_err, y, y_err, xx, xx_err, yy, yy_err, xy, xy_err


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _slide_two(
    x: FloatArray,
    y: FloatArray,
    window: int,
    means: FloatArray,
    squares: FloatArray,
    products: FloatArray,
) -> None:
    """Fill the joint moments of every full window: x in row 0, y in row 1."""
    empty = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    sums = empty
    clean = 0
    age = period = max(4 * window, 512)
    cx = cy = peak_x = peak_y = 0.0
    for i in range(x.size):
        means[0, i] = means[1, i] = squares[0, i] = squares[1, i] = products[i] = np.nan
        clean = clean + 1 if np.isfinite(x[i]) and np.isfinite(y[i]) else 0
        if clean < window:
            age = period
            continue
        age += 1
        if age < period:
            sums = _add_point(sums, x[i] - cx, y[i] - cy, 1.0)
            sums = _add_point(sums, x[i - window] - cx, y[i - window] - cy, -1.0)
            peak_x, peak_y = max(peak_x, sums[4]), max(peak_y, sums[6])
        if age >= period or not (
            _sound(sums[0], sums[4], peak_x, window) and _sound(sums[2], sums[6], peak_y, window)
        ):
            first = i - window + 1
            cx, cy = _nearest_to_mean(x, first, i + 1), _nearest_to_mean(y, first, i + 1)
            sums = empty
            for j in range(first, i + 1):
                sums = _add_point(sums, x[j] - cx, y[j] - cy, 1.0)
            peak_x, peak_y = sums[4], sums[6]
            age = 0
        mx, my = (sums[0] + sums[1]) / window, (sums[2] + sums[3]) / window
        qx = sums[4] + sums[5] - window * mx * mx
        qy = sums[6] + sums[7] - window * my * my
        if np.isfinite(qx) and np.isfinite(qy):
            means[0, i], means[1, i] = cx + mx, cy + my
            squares[0, i], squares[1, i] = max(qx, 0.0), max(qy, 0.0)
            products[i] = sums[8] + sums[9] - window * mx * my


def _one(x: Any, window: Any, low: int) -> FloatArray:
    """Rows mean, sum of squared deviations, z-score."""
    values, window = series("x", x), whole("window", window, low)
    rows = np.empty((3, len(values)))
    _slide_one(values, window, rows[0], rows[1], rows[2])
    return rows


def _ratio(over: FloatArray, under: FloatArray) -> FloatArray:
    """over / under, NaN where `under` is not above zero."""
    return np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0)


def rolling_mean(x: Any, window: int) -> FloatArray:
    """Mean of the `window` values that end at each bar, in the units of x.

    Raises ValueError where x is no series of numbers or window is below 1.

    >>> rolling_mean([1, 2, 3, 5], 2)
    array([nan, 1.5, 2.5, 4. ])
    """
    return _one(x, window, 1)[0]


def rolling_std(x: Any, window: int, ddof: int = 1) -> FloatArray:
    """Standard deviation of the `window` values that end at each bar, in the units of x.

    The sum of squared deviations is divided by window - ddof; a constant window gives
    exactly 0. Raises ValueError where window is not above ddof.

    >>> rolling_std([1, 3, 3, 3], 2)
    array([       nan, 1.41421356, 0.        , 0.        ])
    """
    ddof = whole("ddof", ddof, 0)
    window = whole("window", window, ddof + 1)
    return np.sqrt(_one(x, window, 1)[1] / (window - ddof))


def rolling_zscore(x: Any, window: int) -> FloatArray:
    """(x - mean) / std of the window that ends at each bar, ddof 1, without unit.

    NaN, never an infinity, where the window is constant. Raises ValueError where window
    is below 2.

    >>> rolling_zscore([1, 2, 3, 3], 3)
    array([       nan,        nan, 1.        , 0.57735027])
    """
    return _one(x, window, 2)[2]


def rolling_moments(x: Any, window: int) -> RollingMoments:
    """Mean, standard deviation and z-score of each window, in one pass.

    Equal to `rolling_mean`, `rolling_std` (ddof 1) and `rolling_zscore`. Raises ValueError
    where window is below 2.

    >>> rolling_moments([1, 2, 3, 3], 3).std.round(4)
    array([   nan,    nan, 1.    , 0.5774])
    """
    mean, squares, zscore = _one(x, window, 2)
    return RollingMoments(mean, np.sqrt(squares / (window - 1)), zscore)


def rolling_comoments(x: Any, y: Any, window: int) -> Comoments:
    """Means, and sums of squared and multiplied deviations, of two series' windows.

    The common ground of correlation and regression. Raises ValueError where x and y are
    not equally long or window is below 1.

    >>> rolling_comoments([1, 2, 4], [2, 4, 8], 2).products
    array([nan,  1.,  4.])
    """
    x, y = two_series("x", x, "y", y)
    rows = np.empty((5, len(x)))
    _slide_two(x, y, whole("window", window, 1), rows[0:2], rows[2:4], rows[4])
    return Comoments(*rows)


def rolling_corr(x: Any, y: Any, window: int, *, unit: float = 0.0) -> FloatArray:
    """Pearson's correlation of the windows of x and y that end at each bar, -1 to 1.

    NaN where either window is constant: where its standard deviation is within 64 units in the
    last place of its mean, or of `unit`, the size of what the values were computed from (1 for
    returns, 0: of themselves). Raises ValueError where x and y are not equally long, window is
    below 2 or unit is not at least 0.

    >>> rolling_corr([1, 2, 3, 3], [5, 7, 9, 4], 3).round(4)
    array([    nan,     nan,  1.    , -0.1147])
    """
    window = whole("window", window, 2)
    unit = between("unit", unit, 0.0, np.inf, closed=(True, False))
    moments = rolling_comoments(x, y, window)
    lengths = np.sqrt(moments.squares_x), np.sqrt(moments.squares_y)
    scale, noise = lengths[0] * lengths[1], ROUNDING * np.sqrt(window)
    for length, mean in zip(lengths, (moments.mean_x, moments.mean_y), strict=True):
        scale[length <= noise * np.maximum(np.abs(mean), unit)] = 0.0
    return np.clip(_ratio(moments.products, scale), -1.0, 1.0)


def rolling_ols(y: Any, x: Any, window: int, intercept: bool = True) -> RollingOls:
    """Least squares of y on x over the window that ends at each bar.

    beta is in units of y per unit of x, alpha in units of y. Without intercept alpha is
    0 and the line goes through the origin. NaN where x is constant in the window (without
    intercept: where it is zero). Raises ValueError where y and x are not equally long or
    window is below 2.

    >>> beta, alpha = rolling_ols([5, 7, 9, 10], [1, 2, 3, 3], 3)
    >>> beta, alpha
    (array([nan, nan, 2. , 2.5]), array([nan, nan,  3.,  2.]))
    """
    y, x = two_series("y", y, "x", x)
    mean_x, mean_y, squares, _, products = rolling_comoments(x, y, whole("window", window, 2))
    if not intercept:
        squares = squares + window * mean_x * mean_x
        products = products + window * mean_x * mean_y
    beta = _ratio(products, squares)
    alpha = mean_y - beta * mean_x if intercept else np.where(np.isnan(beta), np.nan, 0.0)
    return RollingOls(beta, alpha)
