"""The line y = beta x + alpha by each method, on complete rows.

All of them see the rows about their means (without intercept: as they are), so that a
high price level costs no digits, and raise `Degenerate` where the rows decide no line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from analytics._kernels.huber import huber
from analytics._kernels.kalman import kalman_fit
from analytics._kernels.sums import (
    LEAST_MEAN,
    LEAST_VARIATION,
    about_mean,
    orthogonal_slope,
    project,
    square_left,
)
from analytics._kernels.theil_sen import median, median_slope
from analytics.model import FloatArray

#: A basket is ill-conditioned above this condition number of its scaled columns.
MOST_CONDITION = 1e10


class Degenerate(Exception):
    """The rows decide no line by this method; the message says why."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Complete rows, y of shape (n,) and x of shape (k, n), and both about their means.

    Without intercept the means are taken as 0 and near_y, near_x are y and x. What several
    methods need is computed once; `length` and `design` raise Degenerate.
    """

    y: FloatArray
    x: FloatArray
    intercept: bool
    mean_y: float
    mean_x: FloatArray
    near_y: FloatArray
    near_x: FloatArray

    @cached_property
    def total(self) -> float:
        """Sum of squares of near_y."""
        return float(self.near_y @ self.near_y)

    @cached_property
    def length(self) -> FloatArray:
        """Length of each leg of near_x, where all of them vary."""
        return _check_variation(self)

    @cached_property
    def design(self) -> _Design:
        return _design(self)

    def swapped(self) -> Rows:
        """The same rows with the one leg x in y's place and y in x's."""
        return Rows(
            self.x[0],
            self.y[None],
            self.intercept,
            float(self.mean_x[0]),
            np.array([self.mean_y]),
            self.near_x[0],
            self.near_y[None],
        )


class Line(NamedTuple):
    beta: FloatArray
    alpha: float
    stderr: FloatArray
    note: str = ""


class _Design(NamedTuple):
    """x as orthonormal rows (p, n), the constant last; slopes = back @ coefficients."""

    columns: FloatArray
    back: FloatArray


def r_squared(rows: Rows, line: Line) -> float:
    """1 - residual / total sum of squares, total about the mean if there is an intercept."""
    offset = line.alpha - rows.mean_y + rows.mean_x @ line.beta
    left = square_left(rows.near_y, rows.near_x, line.beta, offset)
    return 1.0 - left / rows.total if rows.total > 0 else float("nan")


def rows_of(y: FloatArray, x: FloatArray, intercept: bool) -> Rows:
    if not intercept:
        return Rows(y, x, intercept, 0.0, np.zeros(len(x)), y, x)
    mean_y, near_y = about_mean(y[None])
    mean_x, near_x = about_mean(x)
    near_y.flags.writeable = near_x.flags.writeable = False  # one type for the kernels
    return Rows(y, x, intercept, float(mean_y[0]), mean_x, near_y[0], near_x)


def _check_variation(rows: Rows) -> FloatArray:
    """Length of each leg of near_x; raises Degenerate where one hardly varies."""
    with np.errstate(over="ignore"):
        length = np.sqrt(np.add.reduce(rows.near_x * rows.near_x, axis=1))
    if not np.isfinite(length).all():
        raise Degenerate("squares of x are beyond the range of doubles")
    size = np.maximum.reduce(np.abs(rows.x), axis=1)
    if not (length > LEAST_VARIATION * math.sqrt(len(rows.y)) * size).all():
        raise Degenerate("x hardly varies")
    return length


def _design(rows: Rows) -> _Design:
    length = rows.length
    k, n = rows.near_x.shape
    columns = np.empty((k + rows.intercept, n))
    np.divide(rows.near_x, length[:, None], out=columns[:k])
    columns[k:] = 1.0 / math.sqrt(n)
    if k == 1:
        return _Design(columns, 1.0 / length[:, None])
    unit, factor = np.linalg.qr(columns[:k].T)
    condition = np.linalg.cond(factor) if n >= k else np.inf
    if not condition < MOST_CONDITION:
        raise Degenerate(f"the fit is ill-conditioned (condition number {condition:.0e})")
    columns[:k] = unit.T
    return _Design(columns, np.linalg.solve(factor, np.eye(k)) / length[:, None])


def _line(rows: Rows, design: _Design, coefficients: FloatArray, stderr: float) -> Line:
    """Back from the design's coordinates; stderr is that of a column of length 1."""
    beta = design.back @ coefficients[: len(rows.x)]
    level = rows.mean_y
    if rows.intercept:
        level += coefficients[-1] / math.sqrt(len(rows.y))
    alpha = float(level - rows.mean_x @ beta)
    back = design.back
    return Line(beta, alpha, stderr * np.sqrt(np.add.reduce(back * back, axis=1)))


def _ols(rows: Rows) -> Line:
    design = rows.design
    coefficients, left = project(rows.near_y, design.columns)
    freedom = len(rows.y) - len(design.columns)
    stderr = math.sqrt(left / freedom) if freedom > 0 else math.nan
    line = _line(rows, design, coefficients, stderr)
    return line if len(rows.x) == 1 else _sharpened(rows, design, line)


def _sharpened(rows: Rows, design: _Design, line: Line) -> Line:
    """A basket's line, corrected once by its residuals in extended precision.

    Where columns are nearly collinear the factors' own rounding shows in the slopes; the
    corrected seminormal equations take it out (Björck, Linear Algebra Appl. 88, 1987).
    """
    y, x = rows.y.astype(np.longdouble), rows.x.astype(np.longdouble)
    mean_y, mean_x = (y.mean(), x.mean(axis=1)) if rows.intercept else (0.0, 0.0 * x[:, 0])
    near = x - mean_x[:, None]
    slack = near @ (y - mean_y - line.beta @ near)
    beta = line.beta + design.back @ (design.back.T @ slack.astype(np.float64))
    if not np.isfinite(beta).all():
        return line
    return line._replace(beta=beta, alpha=float(mean_y - mean_x @ beta))


def _huber(rows: Rows) -> Line:
    design = rows.design
    fit = huber(rows.near_y, design.columns)
    line = _line(rows, design, fit.coefficients, fit.stderr)
    return line if fit.converged else line._replace(note="huber: the iteration did not settle")


def _theil_sen(rows: Rows) -> Line:
    y, x = rows.y, rows.x[0]
    if not rows.intercept:
        if not x.any():
            raise Degenerate("x is zero")
        return _unweighed(median(y[x != 0] / x[x != 0]), 0.0)
    _ = rows.length
    beta = median_slope(y, x)
    return _unweighed(beta, median(y) - beta * median(x))


def _tls(rows: Rows) -> Line:
    _ = rows.length
    near_y, near_x = rows.near_y, rows.near_x[0]
    beta = orthogonal_slope(near_x @ near_x, rows.total, near_x @ near_y)
    if not np.isfinite(beta):
        raise Degenerate("x and y do not vary together, the orthogonal line is vertical")
    return _unweighed(beta, rows.mean_y - float(beta) * float(rows.mean_x[0]))


def _kalman(rows: Rows) -> Line:
    _ = rows.length
    beta, alpha, stderr = kalman_fit(rows.y, rows.x[0], rows.intercept)
    return Line(np.array([beta]), alpha, np.array([stderr]))


def ratio_line(rows: Rows) -> Line:
    """mean(y) / mean(x); of a basket each leg stands against an equal share of y.

    NaN where mean(x) is 0 or rounding error against the size of x: no leg can be held by it.
    """
    k, mean_x = len(rows.x), rows.x.mean(axis=1)
    size = np.abs(rows.x).mean(axis=1)
    if not (np.abs(mean_x) > LEAST_MEAN * size).all():
        smallest = float(mean_x[int(np.argmin(np.abs(mean_x)))])
        note = (
            "the mean of x is 0"
            if smallest == 0.0
            else (f"the mean of x, {smallest:.0e}, is rounding error against its size")
        )
        return Line(np.full(k, np.nan), np.nan, np.full(k, np.nan), note)
    return Line(rows.y.mean() / (k * mean_x), 0.0, np.full(k, np.nan))


def log_ratio_line(rows: Rows) -> Line:
    """Of logarithms of prices: slope 1, of a basket 1 / k each, and the level that is left."""
    k = len(rows.x)
    beta = np.full(k, 1.0 / k)
    level = float(np.mean(rows.y - beta @ rows.x)) if rows.intercept else 0.0
    return Line(beta, level, np.full(k, np.nan))


def _unweighed(beta: Any, alpha: Any) -> Line:
    """The line of a method that gives no standard error."""
    return Line(np.array([float(beta)]), float(alpha), np.array([np.nan]))


METHODS: dict[str, Callable[[Rows], Line]] = {
    "ols": _ols,
    "huber": _huber,
    "theil_sen": _theil_sen,
    "tls": _tls,
    "kalman": _kalman,
    "ratio": ratio_line,
}
BASKET_METHODS = ("ols", "huber")
