"""Compiled parts of dynamic least squares: the regression, the order, the long-run variance.

Columns stand as rows of one matrix: the constant, the level of x, its change, then the change
one later, one earlier, two later ... so that every order with as many leads as lags is the head
of the next, and one Cholesky factor of the Gram matrix has the residual sum of squares of all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from analytics._kernels.adf import BARE, dot

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
_compiled = njit(**_OPTIONS)
_part = njit(**_OPTIONS, **BARE)

#: A column with less than this share of its square left is a combination of those before.
PIVOT_FLOOR = 1e-10


@_part
def _fill_columns(y, x, leads, lags, columns):  # type: ignore[no-untyped-def]
    """Fill the columns over the rows t = lags + 1 .. n - leads - 1, y last."""
    rows, last = columns.shape[1], columns.shape[0] - 1
    first = lags + 1
    for i in range(rows):
        t = first + i
        columns[0, i], columns[1, i], columns[2, i] = 1.0, x[t], x[t] - x[t - 1]
        columns[last, i] = y[t]
    c = 3
    for shift in range(1, max(leads, lags) + 1):
        for side in (1, -1):
            if (side > 0 and shift <= leads) or (side < 0 and shift <= lags):
                for i in range(rows):
                    t = first + i + side * shift
                    columns[c, i] = x[t] - x[t - 1]
                c += 1


@_part
def _factored(columns, factor):  # type: ignore[no-untyped-def]
    """Cholesky factor of the columns' Gram matrix; False where one depends on those before."""
    size = columns.shape[0]
    for i in range(size):
        for j in range(i + 1):
            total = dot(columns[i], columns[j])
            square = total
            for c in range(j):
                total -= factor[i, c] * factor[j, c]
            if i > j:
                factor[i, j] = total / factor[j, j]
            elif i == size - 1:
                factor[i, i] = math.sqrt(max(total, 0.0))
            elif total > PIVOT_FLOOR * square:
                factor[i, i] = math.sqrt(total)
            else:
                return False
    return True


@_compiled
def chosen_order(y, x, most):  # type: ignore[no-untyped-def]
    """The number of leads, and of lags, that Schwarz's criterion prefers, all on one sample; -1
    where the columns are collinear.
    """
    columns = np.empty((4 + 2 * most, y.size - 2 * most - 1))
    factor = np.zeros((columns.shape[0], columns.shape[0]))
    _fill_columns(y, x, most, most, columns)
    if not _factored(columns, factor):
        return -1
    last, rows = columns.shape[0] - 1, columns.shape[1]
    rest = factor[last, last] ** 2
    best, lowest = most, math.inf
    for order in range(most, -1, -1):
        size = 3 + 2 * order
        value = math.log(rest / rows) + size * math.log(rows) / rows
        if value <= lowest:
            best, lowest = order, value
        rest += factor[last, size - 1] ** 2 + factor[last, size - 2] ** 2
    return best


@_part
def _solved(factor, right):  # type: ignore[no-untyped-def]
    """Solve L L' b = right in place, L the factor's head of right's size."""
    size = right.size
    for i in range(size):
        for c in range(i):
            right[i] -= factor[i, c] * right[c]
        right[i] /= factor[i, i]
    for i in range(size - 1, -1, -1):
        for c in range(i + 1, size):
            right[i] -= factor[c, i] * right[c]
        right[i] /= factor[i, i]


@_compiled
def dynamic_fit(y, x, leads, lags):  # type: ignore[no-untyped-def]
    """Coefficients, residuals, and the x row of (X'X)^-1 on the diagonal; empty residuals where
    the columns are collinear. Refined once by its own residuals.
    """
    columns = np.empty((4 + leads + lags, y.size - leads - lags - 1))
    size, rows = columns.shape[0] - 1, columns.shape[1]
    factor = np.zeros((size + 1, size + 1))
    _fill_columns(y, x, leads, lags, columns)
    estimates, step = np.zeros(size), np.empty(size)
    if not _factored(columns, factor):
        return estimates, np.empty(0), math.nan
    residual = columns[size].copy()
    for _ in range(2):
        for a in range(size):
            step[a] = dot(columns[a], residual)
        _solved(factor, step)
        for a in range(size):
            estimates[a] += step[a]
            for i in range(rows):
                residual[i] -= step[a] * columns[a, i]
    unit = np.zeros(size)
    unit[1] = 1.0
    _solved(factor, unit)
    return estimates, residual, unit[1]


@_part
def _autocovariance(v, lag):  # type: ignore[no-untyped-def]
    return dot(v[lag:], v[: v.size - lag]) / v.size


@_compiled
def long_run_variance(v, bandwidth):  # type: ignore[no-untyped-def]
    """Bartlett's estimate of Newey and West about 0, and its bandwidth: that of Newey and West
    (1994) where the one given is below 0.
    """
    n = v.size
    if bandwidth < 0.0:
        level, slope = _autocovariance(v, 0), 0.0
        for lag in range(1, min(math.ceil(4.0 * (n / 100.0) ** (2.0 / 9.0)), n - 1) + 1):
            covariance = 2.0 * _autocovariance(v, lag)
            level += covariance
            slope += lag * covariance
        bandwidth = min(1.1447 * ((slope / level) ** 2 * n) ** (1.0 / 3.0), n - 1.0)
    total = _autocovariance(v, 0)
    for lag in range(1, min(int(bandwidth), n - 1) + 1):
        total += 2.0 * (1.0 - lag / (bandwidth + 1.0)) * _autocovariance(v, lag)
    return total, bandwidth


@_compiled
def whitened(v, most):  # type: ignore[no-untyped-def]
    """v less what an AR(1) explains, and its coefficient: freed of its bias (Kendall 1954), at
    most `most` in size.
    """
    n = v.size
    rho = dot(v[1:], v[: n - 1]) / dot(v[: n - 1], v[: n - 1])
    rho = min(max(rho + (1.0 + 3.0 * rho) / n, -most), most)
    rest = np.empty(n - 1)
    for i in range(n - 1):
        rest[i] = v[i + 1] - rho * v[i]
    return rest, rho
