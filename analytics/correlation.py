"""Pearson's correlation: of two series, and of all symbols against each other.

r = sum(dx dy) / sqrt(sum(dx^2) sum(dy^2)), dx and dy about the means, without unit. Values
are centred before anything is multiplied, so that a high price level costs no digits.

Correlation of values that change at instants of their own, and which moves first, is in
`analytics._asynchrony`.

Source: Pearson, Proc. Royal Society 58 (1895).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analytics._asynchrony import HyResult, LeadLag, hayashi_yoshida, lead_lag
from analytics._kernels.adf import ROUNDING
from analytics._kernels.sums import correlation
from analytics.arrays import between, index_of, series, table, two_series
from analytics.model import BoolArray, FloatArray, frozen

__all__ = [
    "HyResult",
    "LeadLag",
    "correlation_matrix",
    "hayashi_yoshida",
    "lead_lag",
    "pearson",
]

#: Fewer observations than these say nothing of a correlation.
LEAST_OBSERVATIONS = 3


def _unit(columns: FloatArray, unit: float) -> FloatArray:
    """Columns centred and scaled to length 1; NaN where a column varies by rounding alone.

    Centring starts at the first row: a constant column then is exactly 0.
    """
    centred = columns - columns[0]
    mean = centred.mean(axis=0)
    centred = centred - mean
    length = np.sqrt(np.sum(centred * centred, axis=0))
    size = np.maximum(np.abs(columns[0] + mean), unit)
    varies = length > ROUNDING * np.sqrt(len(columns)) * size
    return np.divide(centred, length, out=np.full(columns.shape, np.nan), where=varies)


def _returns(closes: FloatArray) -> FloatArray:
    """Simple returns from row to row, shape (n - 1, k); NaN from a close of 0."""
    before = closes[:-1]
    change = np.diff(closes, axis=0)
    return np.divide(change, before, out=np.full(change.shape, np.nan), where=before != 0)


def _columns_correlation(closes: FloatArray, on: str) -> FloatArray:
    """Correlation of complete columns, shape (k, k)."""
    observations = _returns(closes) if on == "returns" and len(closes) else closes
    observations = observations[np.isfinite(observations).all(axis=1)]
    if len(observations) < LEAST_OBSERVATIONS:
        return np.full((closes.shape[1],) * 2, np.nan)
    unit = _unit(observations, float(on == "returns"))
    return np.clip(unit.T @ unit, -1.0, 1.0)


def pearson(x: Any, y: Any, *, unit: float = 0.0) -> float:
    """Correlation of two series of shape (n,), -1 to 1, over the rows that have both.

    NaN with fewer than 3 such rows or where either series does not vary: where its standard
    deviation is within 64 units in the last place of its mean, or of `unit`, the size of what
    the values were computed from. It is 1 for returns, which have the rounding of prices near
    one another and not of their own size. Raises ValueError where x and y are not equally long,
    or where unit is not at least 0.

    >>> round(pearson([1, 2, 3, None], [2, 4, 5, 9]), 4)
    0.982
    >>> steady = 100 * 1.0001 ** np.arange(90)
    >>> pearson(np.diff(steady) / steady[:-1], np.sin(np.arange(89)), unit=1)
    nan
    """
    unit = between("unit", unit, 0.0, np.inf, closed=(True, False))
    x, y = two_series("x", x, "y", y)
    known = np.isfinite(x) & np.isfinite(y)
    if not known.all():
        x, y = x[known], y[known]
    if len(x) < LEAST_OBSERVATIONS:
        return float("nan")
    return float(correlation(frozen(x, np.float64), frozen(y, np.float64), unit))


def correlation_matrix(closes: Any, on: str = "returns") -> FloatArray:
    """Correlation of every symbol with every other, shape (k, k), in the columns' order.

    closes: an array of shape (n, k), a DataFrame with a column a symbol, or a mapping
    of symbol to closes of shape (n,), all on the same bars, or pandas Series each with its
    own index, of which each pair takes the labels that both have. NaN marks a bar on which
    a symbol did not trade: it is for the caller not to carry closes forward here.

    on: "returns", simple returns, or "prices". Each pair takes the bars on which both
    its symbols traded (pairwise complete), and returns go from one such bar to the next,
    as in the pair's own analysis. NaN with fewer than 3 observations or no variation but
    rounding, as in `pearson`.
    Raises ValueError where `on` is neither or the shapes do not fit.

    >>> correlation_matrix({"A": [1, 2, 3, 5], "B": [2, 4, 6, 9]}, on="prices").round(3)
    array([[1.   , 0.997],
           [0.997, 1.   ]])
    """
    if on not in ("returns", "prices"):
        raise ValueError(f"on is {on!r}, expected returns or prices")
    columns = _closes(closes)
    known = np.isfinite(columns)
    matrix = _columns_correlation(columns, on) if known.all() else _pairwise(columns, known, on)
    diagonal = np.diagonal(matrix)
    np.fill_diagonal(matrix, np.where(np.isnan(diagonal), np.nan, 1.0))
    return matrix


def _closes(closes: Any) -> FloatArray:
    if not isinstance(closes, Mapping):
        return table("closes", closes)
    names = [str(name) for name in closes]
    values = _on_all_labels(list(closes.values()))
    columns = [series(name, column) for name, column in zip(names, values, strict=True)]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(
            f"closes has columns of {sorted({len(column) for column in columns})} rows, "
            "expected as many in each"
        )
    return np.column_stack(columns) if columns else np.empty((0, 0))


def _on_all_labels(columns: list[Any]) -> list[Any]:
    """The columns on all labels that any of them has, in order, where their indexes differ."""
    indexes = [index_of(column) for column in columns]
    known = [index for index in indexes if index is not None]
    if all(index.equals(known[0]) for index in known[1:]):
        return columns
    if len(known) < len(columns) or not all(index.is_unique for index in known):
        raise ValueError(
            "closes has columns of different indexes, expected one index, "
            "or indexes that repeat no label in every column"
        )
    labels = known[0]
    for index in known[1:]:
        labels = labels.union(index)
    return [column.reindex(labels) for column in columns]


def _pairwise(closes: FloatArray, known: BoolArray, on: str) -> FloatArray:
    """The matrix pair by pair, each over the rows that both of its columns have."""
    k = closes.shape[1]
    matrix = np.full((k, k), np.nan)
    for i in range(k):
        for j in range(i, k):
            rows = closes[known[:, i] & known[:, j]]
            corner = _columns_correlation(rows[:, [i, j]], on)[0, 1]
            matrix[i, j] = matrix[j, i] = corner
    return matrix
