"""The first stage of Engle-Granger's test, and the compiled test of many pairs at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from analytics._kernels import adf as kernel
from analytics.model import BoolArray, FloatArray

#: R squared from which the legs count as collinear, as in statsmodels: 1 - 100 sqrt(eps).
COLLINEAR = 1.0 - 100.0 * math.sqrt(float(np.finfo(np.float64).eps))


class Detrended(NamedTuple):
    """Series as rows (k, n) without their trend; of each, the trend at time 0, the sum of
    squares left, that about the mean (about 0 without a constant), and whether the series
    holds more than its trend and rounding.
    """

    rows: FloatArray
    at_zero: FloatArray
    squares: FloatArray
    totals: FloatArray
    varies: BoolArray


@njit(nogil=True, cache=True, error_model="numpy")
def _detrend(rows, polys, n_trend, at_zero, squares, totals):  # type: ignore[no-untyped-def]
    """Take the trend out of `rows` in place and fill the rest, all but `at_zero` from zeros."""
    n = rows.shape[1]
    start = -(n + 1.0) / (n - 1.0)
    first = (1.0, start, start * start - (n + 1.0) / (3.0 * (n - 1.0)))
    for r in range(len(rows)):
        row = rows[r]
        for i in range(n):
            row[i] -= at_zero[r]
        totals[r] = squares[r] = kernel.dot(row, row)
        for power in range(n_trend):
            poly = polys[power]
            slope = kernel.dot(row, poly) / kernel.dot(poly, poly)
            for i in range(n):
                row[i] -= slope * poly[i]
            at_zero[r] += slope * first[power]
            squares[r] = kernel.dot(row, row)
            if power == 0:
                totals[r] = squares[r]


def detrended(series_rows: FloatArray, n_trend: int) -> Detrended:
    """Take a trend of `n_trend` terms, over time 1 .. n, out of each row."""
    k, n = series_rows.shape
    rows = np.array(series_rows, order="C")
    at_zero = rows[:, 0].copy() if n_trend else np.zeros(k)
    squares, totals = np.empty((2, k))
    _detrend(rows, kernel.trend_columns(n, n_trend), n_trend, at_zero, squares, totals)
    floor = kernel.NOISE * np.maximum(series_rows.max(axis=1), -series_rows.min(axis=1))
    return Detrended(rows, at_zero, squares, totals, squares > n * floor * floor)


@dataclass(frozen=True, eq=False)
class FirstStage:
    beta: FloatArray
    alpha: float
    residual: FloatArray
    r_squared: float


def first_stage(y: FloatArray, x: FloatArray, n_trend: int) -> FirstStage:
    """Least squares of y on the columns of x and the trend, after all are detrended.

    Raises ValueError where y is constant or a column of x is nothing but its trend.
    """
    rows, at_zero, squares, totals, varies = detrended(np.vstack([y, x.T]), n_trend)
    if not varies[1:].all():
        raise ValueError("x does not vary about its trend, expected values that do")
    if not totals[0] > 0.0:
        raise ValueError(f"y is constant at {y[0]:g}, expected values that vary")
    left, legs = rows[0], rows[1:]
    if len(legs) == 1:
        beta = (legs @ left) / squares[1:]
    else:
        sizes = np.sqrt(squares[1:])
        beta = np.linalg.lstsq((legs / sizes[:, None]).T, left, rcond=None)[0] / sizes
    residual = left - beta @ legs
    alpha = float(at_zero[0] - beta @ at_zero[1:])
    return FirstStage(beta, alpha, residual, 1.0 - float(residual @ residual) / totals[0])


@njit(nogil=True, cache=True, fastmath=kernel.FAST, error_model="numpy")
def pair_statistics(rows, squares, totals, polys, pairs, max_lag, method):  # type: ignore[no-untyped-def]
    """(statistic, used_lag, n_obs, beta) of each pair of detrended rows, shape (p, 4).

    The statistic is -inf for collinear pairs and NaN where the caller must look again.
    """
    n, columns = rows.shape[1], max_lag + 2
    out = np.full((len(pairs), 4), np.nan)
    residual, changes = np.empty(n), np.empty(n - 1)
    moments, factor = np.empty((columns, columns)), np.empty((columns, columns))
    for p in range(len(pairs)):
        y, x = rows[pairs[p, 0]], rows[pairs[p, 1]]
        beta = kernel.dot(y, x) / squares[pairs[p, 1]]
        rest = 0.0
        for i in range(n):
            residual[i] = y[i] - beta * x[i]
            rest += residual[i] * residual[i]
        for i in range(n - 1):
            changes[i] = residual[i + 1] - residual[i]
        out[p, 3] = beta
        if rest < (1.0 - COLLINEAR) * totals[pairs[p, 0]] or rest == 0.0:
            out[p, 0], out[p, 1] = -np.inf, 0.0
        else:
            kernel.solve(residual, changes, polys, 0, max_lag, method, moments, factor, out[p])
    return out
