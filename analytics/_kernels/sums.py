"""Compiled sums that several statistics stand on, a pass or two over rows of shape (n,).

A snapshot makes them by the dozen; as NumPy expressions each would cost more in calls and
temporary arrays than in arithmetic. Only whole sums may be reordered for vector registers
(`_sum`, `dot`): a difference from a near value must stay one, or a high level costs digits.
Arguments are read-only arrays, so that each kernel is compiled once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from analytics._kernels.adf import BARE, FAST, ROUNDING, dot

#: x hardly varies where its standard deviation is below this share of its size: what is
#: left there is the rounding of its doubles.
LEAST_VARIATION = 1e-12
#: The mean of x is rounding where it is below this share of the mean of abs(x).
LEAST_MEAN = 1e-12

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
_compiled = njit(**_OPTIONS)
_part = njit(**_OPTIONS, **BARE)
_reordered_part = njit(**_OPTIONS, **BARE, fastmath=FAST)


@_reordered_part
def _sum(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@_part
def _take_mean(near):  # type: ignore[no-untyped-def]
    """Take the mean out of `near`, twice, so that its rounding goes too; returns it."""
    mean = _sum(near) / near.size
    for i in range(near.size):
        near[i] -= mean
    rest = _sum(near) / near.size
    for i in range(near.size):
        near[i] -= rest
    return mean + rest


@_compiled
def about_mean(rows):  # type: ignore[no-untyped-def]
    """Mean of each row of (k, n), and the rows without it, free of the mean's rounding."""
    means, near = np.empty(len(rows)), rows.copy()
    for r in range(len(rows)):
        means[r] = _take_mean(near[r])
    return means, near


@_compiled
def centre_and_size(values, centred):  # type: ignore[no-untyped-def]
    """Mean and standard deviation (ddof 0), or 0 and root mean square."""
    near = values.copy()
    mean = _take_mean(near) if centred else 0.0
    return mean, math.sqrt(dot(near, near) / near.size)


@_compiled
def correlation(x, y, unit):  # type: ignore[no-untyped-def]
    """Pearson's, NaN where either varies by no more than the rounding of its size, or of `unit`."""
    a, b = np.empty(x.size), np.empty(x.size)
    for i in range(x.size):
        a[i], b[i] = x[i] - x[0], y[i] - y[0]
    size_a = max(abs(x[0] + _take_mean(a)), unit)
    size_b = max(abs(y[0] + _take_mean(b)), unit)
    length_a, length_b = math.sqrt(dot(a, a)), math.sqrt(dot(b, b))
    noise = ROUNDING * math.sqrt(x.size)
    if not (length_a > noise * size_a and length_b > noise * size_b):
        return math.nan
    for i in range(x.size):
        a[i] /= length_a
        b[i] /= length_b
    return min(max(dot(a, b), -1.0), 1.0)


@_compiled
def square_left(y, rows, slopes, offset):  # type: ignore[no-untyped-def]
    """Sum of squares of y - slopes @ rows - offset; y (n,), rows (k, n), slopes (k,)."""
    left = np.empty(y.size)
    for i in range(y.size):
        left[i] = y[i] - offset
    for a in range(slopes.size):
        for i in range(y.size):
            left[i] -= slopes[a] * rows[a, i]
    return dot(left, left)


@_compiled
def project(y, columns):  # type: ignore[no-untyped-def]
    """Coefficients of y on orthonormal rows (p, n), refined once; residual sum of squares."""
    weights, step, residual = np.zeros(len(columns)), np.empty(len(columns)), y.copy()
    for _ in range(2):
        for a in range(len(columns)):
            step[a] = dot(columns[a], residual)
        for a in range(len(columns)):
            weights[a] += step[a]
            for i in range(y.size):
                residual[i] -= step[a] * columns[a, i]
    return weights, dot(residual, residual)


@_compiled
def newest_scores(y, x, betas, noise):  # type: ignore[no-untyped-def]
    """z of the newest row of y - beta x for each beta; NaN where the spread is rounding."""
    n = y.size
    last_y, last_x = y[n - 1], x[n - 1]
    scores, spread = np.full(betas.size, np.nan), np.empty(n)
    for b in range(betas.size):
        for i in range(n):
            spread[i] = (y[i] - last_y) - betas[b] * (x[i] - last_x)
        _take_mean(spread)
        deviation = math.sqrt(dot(spread, spread) / (n - 1))
        if deviation > noise * (abs(last_y) + abs(betas[b]) * abs(last_x)):
            scores[b] = spread[n - 1] / deviation
    return scores


@_compiled
def change_on_level(x):  # type: ignore[no-untyped-def]
    """The regression of x[t+1] - x[t] on x[t], both about their means, x about x[0] first.

    Returns the level's mean and sum of squares, slope, mean change, residual sum of squares.
    """
    m = x.size - 1
    level, change = np.empty(m), np.empty(m)
    for i in range(m):
        level[i], change[i] = x[i] - x[0], x[i + 1] - x[i]
    mean_level, mean_change = _take_mean(level), _take_mean(change)
    squares = dot(level, level)
    slope = dot(level, change) / squares
    for i in range(m):
        change[i] -= slope * level[i]
    return mean_level, squares, slope, mean_change, dot(change, change)


@_compiled
def orthogonal_slope(squares_x: float, squares_y: float, products: float) -> Any:
    """Slope of the first principal axis; NaN where it is vertical or there is none."""
    lead, cross = squares_y - squares_x, 2.0 * products
    root = math.hypot(lead, cross)
    over, under = (lead + root, cross) if lead > 0 else (cross, root - lead)
    return over / under if under != 0 else math.nan


@_compiled
def orthogonal_slopes(squares_x: Any, squares_y: Any, products: Any) -> Any:
    """That of each row of sums, shape (n,)."""
    slopes = np.empty(squares_x.size)
    for i in range(slopes.size):
        slopes[i] = orthogonal_slope(squares_x[i], squares_y[i], products[i])
    return slopes
