"""Lines and z-scores as they were known at each row: windows that slide in O(1) a row.

What is known at a row is measured with the line that was fitted up to it, so that at each row
another line lies through the same window. Sums of the legs and of their products about values
of the window give every line's spread its mean and deviation without walking the window again.
They carry their rounding along and are taken anew when they have lost digits, as in
`analytics.rolling`: now and then, so that all rows together cost O(n). With `alone` they are
taken anew at each row, which then has the same bits whichever rows are asked for beside it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from analytics._kernels.adf import NOISE as LAST_BITS
from analytics._kernels.kalman import NOISE, REACH, STEP, run_filter
from analytics._kernels.sums import (
    LEAST_MEAN,
    LEAST_VARIATION,
    centre_and_size,
    orthogonal_slope,
)
from analytics.model import BoolArray, FloatArray, IntArray
from analytics.rolling import _add_point, _sound

#: A spread whose deviation is this share of Y's price, or less, is rounding: that of prices in
#: single precision is up to 6e-8, and a tick of a price is seldom below 1e-6 of it.
LEAST_SPREAD = 1e-6
#: Of the squares that a spread's variance is the difference of: what must be left of them.
_LEFT = 1e-6

#: Methods whose line follows from the moments of a window.
OLS, TLS, RATIO = range(3)
METHOD_CODES = {"ols": OLS, "tls": TLS, "ratio": RATIO}

_Sums = tuple[float, float, float, float, float, float, float, float, float, float]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _nearest(y: FloatArray, x: FloatArray, slope: float, begin: int, stop: int) -> Any:
    """The row of begin..stop-1 at which y - slope x is nearest to its mean there."""
    base_y, base_x = y[begin], x[begin]
    mean = 0.0
    for i in range(begin, stop):
        mean += (y[i] - base_y) - slope * (x[i] - base_x)
    mean /= stop - begin
    best, distance = begin, abs(mean)
    for i in range(begin, stop):
        gap = abs((y[i] - base_y) - slope * (x[i] - base_x) - mean)
        if gap < distance:
            best, distance = i, gap
    return best


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sums(
    y: FloatArray, x: FloatArray, anchor: tuple[Any, Any], slope: float, begin: int, stop: int
) -> _Sums:
    """Sums of u, v and their products over begin..stop-1, about an anchor, with no error yet.

    u: y - slope x; v: x, both less the anchor's.
    """
    u_all = v_all = uu = vv = uv = 0.0
    for i in range(begin, stop):
        v = x[i] - anchor[1]
        u = (y[i] - anchor[0]) - slope * v
        u_all += u
        v_all += v
        uu += u * u
        vv += v * v
        uv += u * v
    return u_all, 0.0, v_all, 0.0, uu, 0.0, vv, 0.0, uv, 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def window_moments(
    y: FloatArray, x: FloatArray, starts: IntArray, first: int, alone: bool, moments: FloatArray
) -> None:
    """Means, and sums of squares and products about them, of the window of each row from first.

    starts: the first row of the window that ends at each row, ascending; below 0 for none.
    moments: filled, shape (5, n - first): means of y and x, squares of y and x, products.
    """
    sums: _Sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    anchor, begin, age, peak_y, peak_x = (0.0, 0.0), 0, -1, 0.0, 0.0
    for t in range(first, y.size):
        k, start = t - first, starts[t]
        window = t - start + 1
        if start < 0 or window < 2:
            moments[:, k] = np.nan
            age = -1
            continue
        good = not alone and 0 <= age < max(4 * window, 512)
        if good:
            age += 1
            sums = _add_point(sums, y[t] - anchor[0], x[t] - anchor[1], 1.0)
            for i in range(begin, start):
                sums = _add_point(sums, y[i] - anchor[0], x[i] - anchor[1], -1.0)
            peak_y, peak_x = max(peak_y, sums[4]), max(peak_x, sums[6])
            good = _sound(sums[0], sums[4], peak_y, window)
            good = good and _sound(sums[2], sums[6], peak_x, window)
        if not good:
            at_y, at_x = _nearest(y, x, 0.0, start, t + 1), _nearest(x, y, 0.0, start, t + 1)
            anchor, age = (y[at_y], x[at_x]), 0
            sums = _sums(y, x, anchor, 0.0, start, t + 1)
            peak_y, peak_x = sums[4], sums[6]
        begin = start
        mean_y, mean_x = (sums[0] + sums[1]) / window, (sums[2] + sums[3]) / window
        moments[0, k], moments[1, k] = anchor[0] + mean_y, anchor[1] + mean_x
        moments[2, k] = max(sums[4] + sums[5] - window * mean_y * mean_y, 0.0)
        moments[3, k] = max(sums[6] + sums[7] - window * mean_x * mean_x, 0.0)
        moments[4, k] = sums[8] + sums[9] - window * mean_y * mean_x


@numba.njit(cache=True, nogil=True, error_model="numpy")
def moment_lines(
    moments: FloatArray,
    starts: IntArray,
    first: int,
    method: int,
    kinds: tuple[bool, bool],
    beta: FloatArray,
    alpha: FloatArray,
) -> None:
    """The line of each window by a method of METHOD_CODES, as `analytics.hedge.fit_hedge` has it.

    moments: of `window_moments`, with its starts and first. kinds: whether the line has an
    intercept, and whether the legs are logarithms. beta, alpha: filled, shape (n - first,).
    """
    intercept, log = kinds
    for k in range(beta.size):
        mean_y, mean_x, squares_y, squares_x, products = moments[:, k]
        count = first + k - starts[first + k] + 1
        size = abs(mean_x) + np.sqrt(squares_x / count)
        varies = squares_x > count * (LEAST_VARIATION * mean_x) ** 2
        if not intercept:
            squares_y += count * mean_y * mean_y
            squares_x += count * mean_x * mean_x
            products += count * mean_y * mean_x
            varies = squares_x > 0.0
        slope = np.nan
        if varies and method == OLS:
            slope = products / squares_x
        elif varies and method == TLS:
            slope = orthogonal_slope(squares_x, squares_y, products)
        if np.isfinite(slope):
            beta[k] = slope
            alpha[k] = mean_y - slope * mean_x if intercept else 0.0
        elif log:
            beta[k] = 1.0 + 0.0 * mean_y
            alpha[k] = mean_y - mean_x if intercept else 0.0
        else:
            beta[k] = mean_y / mean_x if abs(mean_x) > LEAST_MEAN * size else np.nan
            alpha[k] = 0.0 * mean_y


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _on_one_line(moments: FloatArray, k: int, count: int, log: bool) -> bool:
    """Whether the legs of a window lie on one line but for LEAST_SPREAD, or one is still."""
    mean_y, mean_x, squares_y, squares_x, products = moments[:, k]
    still_y, still_x = LAST_BITS * (abs(mean_y) + log), LAST_BITS * (abs(mean_x) + log)
    if not (squares_y > count * still_y * still_y and squares_x > count * still_x * still_x):
        return True
    least = LEAST_SPREAD * (1.0 if log else abs(mean_y))
    return bool(not squares_y - products / squares_x * products >= count * least * least)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def one_line_windows(
    moments: FloatArray, starts: IntArray, first: int, log: bool, alike: BoolArray
) -> None:
    """Whether the legs of the window of each row from `first` on lie on one line.

    moments: of `window_moments`, with its starts and first. log: whether the legs are logarithms.
    alike: filled, shape (n - first,); True for a window of fewer than two rows as well.
    """
    for k in range(alike.size):
        alike[k] = _on_one_line(moments, k, first + k - starts[first + k] + 1, log)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _squares(sums: _Sums, shift: float, window: int) -> tuple[Any, Any, Any]:
    """Mean of u - shift v, sum of squares about it, and the size of what that is left of."""
    u, v = sums[0] + sums[1], sums[2] + sums[3]
    uu, vv, uv = sums[4] + sums[5], sums[6] + sums[7], sums[8] + sums[9]
    mean = (u - shift * v) / window
    squares = uu - 2.0 * shift * uv + shift * shift * vv - window * mean * mean
    return mean, squares, uu + shift * shift * vv


@numba.njit(cache=True, nogil=True, error_model="numpy")
def line_scores(
    y: FloatArray,
    x: FloatArray,
    beta: FloatArray,
    window: int,
    first: int,
    alone: bool,
    noise: tuple[float, float],
    scores: FloatArray,
) -> None:
    """z of each row from `first` on in the window that ends there, by that row's own line.

    beta: slopes of the rows from `first` on. noise: a deviation of at most the first times (|y|
    + |beta x| + the second) is rounding: no z. scores: filled, shape (n - first,).
    """
    sums: _Sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    anchor, slope, age = (0.0, 0.0), 0.0, -1
    period = 0 if alone else max(4 * window, 512)
    for t in range(first, y.size):
        k, begin, now = t - first, t - window + 1, beta[t - first]
        scores[k] = np.nan
        if begin < 0 or not np.isfinite(now):
            age = -1
            continue
        mean = squares = size = 0.0
        if 0 <= age < period:
            age += 1
            for i, sign in ((t, 1.0), (begin - 1, -1.0)):
                v = x[i] - anchor[1]
                sums = _add_point(sums, (y[i] - anchor[0]) - slope * v, v, sign)
            mean, squares, size = _squares(sums, now - slope, window)
        if not squares > _LEFT * size:
            at = _nearest(y, x, now, begin, t + 1)
            anchor, slope, age = (y[at], x[at]), now, 0
            sums = _sums(y, x, anchor, slope, begin, t + 1)
            mean, squares, size = _squares(sums, 0.0, window)
        floor = noise[0] * (abs(y[t]) + abs(now * x[t]) + noise[1])
        deviation = np.sqrt(max(squares, 0.0) / (window - 1))
        if deviation > floor:
            v = x[t] - anchor[1]
            scores[k] = ((y[t] - anchor[0]) - slope * v - (now - slope) * v - mean) / deviation


@numba.njit(cache=True, nogil=True, error_model="numpy")
def readings_at(
    times: IntArray,
    ends: IntArray,
    y: FloatArray,
    x: FloatArray,
    views: tuple[IntArray, IntArray, IntArray, int],
    line: tuple[int, bool, bool],
    window: int,
    noise: tuple[float, float],
    readings: FloatArray,
) -> None:
    """z and slope at rows of some times, each as the kernels above have it `alone`.

    times: of the rows, ascending; ends: those that are asked for. views: the first row of the
    view that ends at each row, the first of its line's window, the first that its z rests on,
    and the rows that a view needs. No z of legs that lie on one line there.
    line: method and kinds of `moment_lines`; window and noise: of `line_scores`. readings:
    filled, shape (2, k); NaN where no row has a time, and where its view is too short.
    """
    moments, alpha = np.empty((5, 1)), np.empty(1)
    reach, starts, rests, needed = views
    for k in range(ends.size):
        row = np.searchsorted(times, ends[k])
        if row == times.size or times[row] != ends[k] or row - reach[row] + 1 < needed:
            readings[:, k] = np.nan
            continue
        stop = row + 1
        z, slope = readings[0, k : k + 1], readings[1, k : k + 1]
        window_moments(y[:stop], x[:stop], starts, row, True, moments)
        moment_lines(moments, starts, row, line[0], (line[1], line[2]), slope, alpha)
        line_scores(y[:stop], x[:stop], slope, window, row, True, noise, z)
        if rests[row] != starts[row]:
            window_moments(y[:stop], x[:stop], rests, row, True, moments)
        if _on_one_line(moments, 0, stop - rests[row], line[2]):
            readings[0, k] = np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def window_scores(
    spread: FloatArray, size: FloatArray, window: int, first: int, noise: float, scores: FloatArray
) -> None:
    """z of each row of a spread from `first` on, of its own window alone.

    noise: a deviation of at most so much of `size` is rounding: no z. scores: filled, shape
    (n - first,).
    """
    for t in range(first, spread.size):
        k, begin = t - first, t - window + 1
        scores[k] = np.nan
        if begin < 0 or not np.isfinite(spread[begin : t + 1]).all():
            continue
        base = spread[_nearest(spread, spread, 0.0, begin, t + 1)]
        total = squares = 0.0
        for i in range(begin, t + 1):
            total += spread[i] - base
            squares += (spread[i] - base) * (spread[i] - base)
        mean = total / window
        deviation = np.sqrt(max(squares - window * mean * mean, 0.0) / (window - 1))
        if deviation > noise * size[t]:
            scores[k] = (spread[t] - base - mean) / deviation


@numba.njit(cache=True, nogil=True, error_model="numpy")
def kalman_lines(
    y: FloatArray,
    x: FloatArray,
    window: int,
    intercept: bool,
    first: int,
    beta: FloatArray,
    alpha: FloatArray,
) -> None:
    """Last state of the filter over the `window` rows that end at each row from `first` on.

    As `analytics._kernels.kalman.kalman_fit` of these rows, so that no row before them counts.
    beta, alpha: filled, shape (n - first,); NaN before a full window and where x stands still.
    """
    free = 1.0 if intercept else 0.0
    rows, state = np.empty((4, window)), np.empty(5)
    for t in range(first, y.size):
        k, begin = t - first, t - window + 1
        beta[k] = alpha[k] = np.nan
        if begin < 0:
            continue
        part_y, part_x = y[begin : t + 1], x[begin : t + 1]
        centre_y, unit_y = centre_and_size(part_y, intercept)
        centre_x, size_x = centre_and_size(part_x, intercept)
        unit_x = REACH * size_x
        if not size_x > 1e-12 * abs(x[t]):
            continue
        if unit_y == 0.0:
            unit_y = 1.0
        state[0], state[1], state[2], state[3], state[4] = 0.0, 0.0, REACH**2, 0.0, free
        scale = (centre_y, centre_x, unit_y, unit_x)
        run_filter(part_y, part_x, scale, STEP, STEP * free, NOISE, state, rows)
        beta[k] = state[0] * unit_y / unit_x
        alpha[k] = centre_y + unit_y * state[1] - beta[k] * centre_x
