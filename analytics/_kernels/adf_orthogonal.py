"""The Dickey-Fuller regression by orthogonalisation, for windows the fast kernel leaves out.

Slower and more robust: columns are made orthogonal one after the other, twice each, so the
error grows with the condition number and not with its square, and a column that depends on
those before it is left out, as a pseudo-inverse would.
"""

from __future__ import annotations

import math

import numpy as np

from analytics._kernels import adf as kernel
from analytics.model import FloatArray

#: A column with less than this share of its length left is a combination of those before.
DEPENDENT = 1e-10


def _detrended(values: FloatArray, n_trend: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Trend columns (n_trend, n), and the level and its changes without their trend."""
    n = len(values)
    polys = kernel.trend_columns(n, n_trend)[:n_trend]
    level = values - values[0] if n_trend else values.copy()
    changes = np.diff(values)
    for poly in polys:
        slope = float(poly @ level) / float(poly @ poly)
        level = level - slope * poly
        changes = changes - slope * np.diff(poly)
    return polys, level, changes


class _Basis:
    """An orthonormal basis that grows by one column at a time."""

    def __init__(self, n_rows: int, most: int) -> None:
        self._columns = np.empty((most, n_rows))
        self.rank = 0

    def remove(self, vector: FloatArray) -> FloatArray:
        """What is left of `vector` outside the span."""
        basis = self._columns[: self.rank]
        for _ in range(2):
            vector = vector - basis.T @ (basis @ vector)
        return vector

    def add(self, column: FloatArray) -> FloatArray | None:
        """The new unit vector, or None where the column adds nothing."""
        rest = self.remove(column)
        length = float(np.linalg.norm(rest))
        if not length > DEPENDENT * float(np.linalg.norm(column)):
            return None
        self._columns[self.rank] = rest / length
        self.rank += 1
        return self._columns[self.rank - 1]


def _choose(
    polys: FloatArray, level: FloatArray, changes: FloatArray, max_lag: int, method: int
) -> int:
    """The lag order that the criterion prefers among those that add something.

    Values are below 1 in size, so that kernel.NOISE is what rounding leaves of a change.
    """
    m = len(changes)
    rows = m - max_lag
    basis = _Basis(rows, len(polys) + 1 + max_lag)
    for poly in polys:
        basis.add(poly[max_lag:m])
    basis.add(level[max_lag:m])
    rest = basis.remove(changes[max_lag:])
    first_rank = basis.rank
    orders, rss, scores = [0], [float(rest @ rest)], [0.0]
    for lag in range(1, max_lag + 1):
        unit = basis.add(changes[max_lag - lag : m - lag])
        if unit is None:
            continue
        score = float(unit @ rest)
        rest = basis.remove(rest - score * unit)
        orders.append(lag)
        rss.append(float(rest @ rest))
        scores.append(score)
    sums = np.maximum(rss, rows * kernel.NOISE**2)  # equal where nothing but rounding is left
    return orders[kernel.choose_lag.py_func(sums, np.array(scores), rows, first_rank, method)]


def adf_orthogonal(
    values: FloatArray, n_trend: int, max_lag: int, method: int
) -> tuple[float, int, int]:
    """(statistic, used_lag, n_obs) of one series; the statistic is NaN where it is undefined:
    the level depends on the other columns, or the residual is rounding.
    """
    if values.min() == values.max():
        return math.nan, max_lag, len(values) - 1 - max_lag
    exponent = math.frexp(float(np.abs(values).max()))[1]
    polys, level, changes = _detrended(np.ldexp(values, -exponent), n_trend)
    m, used = len(changes), max_lag
    if method != kernel.FIXED:
        used = _choose(polys, level, changes, max_lag, method)
    rows = m - used
    basis = _Basis(rows, n_trend + used + 1)
    for poly in polys:
        basis.add(poly[used:m])
    for lag in range(1, used + 1):
        basis.add(changes[used - lag : m - lag])
    unit = basis.add(level[used:m])
    freedom = rows - basis.rank
    if unit is None or freedom < 1:
        return math.nan, used, rows
    change = changes[used:]
    rest = basis.remove(change)
    rss = float(rest @ rest)
    if not rss > rows * kernel.NOISE**2:
        return math.nan, used, rows
    return float(unit @ change) / math.sqrt(rss / freedom), used, rows
