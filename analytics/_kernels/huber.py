"""Huber's M-estimator as MASS::rlm of R computes it: t = 1.345, MAD scale at each step.

Iteratively reweighted least squares, started at least squares, in the coordinates of an
orthonormal design, so that the weighted normal equations stay well conditioned whatever
the legs' scales. MASS stops at a change of 1e-4 in the residuals; this goes on until
nothing moves. Scale is median(|residual|) over the normal's third quartile, 0.67449, which
MASS rounds to 0.6745.

Source: Huber, Robust Statistics (1981); Venables and Ripley, Modern Applied Statistics
with S (2002), section 6.5, and its function rlm.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from analytics._kernels.adf import BARE
from analytics.model import FloatArray

_TUNING = 1.345
_MAD = 0.6744897501960817  # the normal distribution's third quartile
_MOST_STEPS = 500

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
_part = numba.njit(**_OPTIONS, **BARE)
_reordered_part = numba.njit(**_OPTIONS, **BARE, fastmath={"reassoc"})


class HuberFit(NamedTuple):
    """Coefficients in the design's coordinates; stderr: of a column of length 1."""

    coefficients: FloatArray
    scale: float
    stderr: float
    converged: bool


@_part
def _lower_middle(values: FloatArray, k: int) -> float:
    """Put the k-th smallest of `values` at k, smaller ones before it (Hoare's select)."""
    left, right = 0, values.size - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            right = j
        elif k >= i:
            left = i
        else:
            break
    return values[k]


@_part
def _median_size(residual: FloatArray, work: FloatArray) -> float:
    """Median of |residual|; `work` is scratch of the same size."""
    n = residual.size
    for i in range(n):
        work[i] = abs(residual[i])
    middle = _lower_middle(work, n // 2)
    if n % 2:
        return middle
    below = work[0]
    for i in range(1, n // 2):
        below = max(below, work[i])
    return 0.5 * (below + middle)


@_part
def _solve(matrix: FloatArray, vector: FloatArray) -> bool:
    """Solve matrix d = vector in place by Cholesky's factors; False where it is singular."""
    p = vector.size
    for j in range(p):
        for k in range(j):
            matrix[j, j] -= matrix[j, k] * matrix[j, k]
        if not matrix[j, j] > 1e-14:
            return False
        matrix[j, j] = np.sqrt(matrix[j, j])
        for i in range(j + 1, p):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] /= matrix[j, j]
    for i in range(p):
        for k in range(i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i]
    for i in range(p - 1, -1, -1):
        for k in range(i + 1, p):
            vector[i] -= matrix[k, i] * vector[k]
        vector[i] /= matrix[i, i]
    return True


@_reordered_part
def _normal_equations(
    columns: FloatArray,
    weights: FloatArray,
    residual: FloatArray,
    matrix: FloatArray,
    vector: FloatArray,
) -> None:
    """matrix = columns W columns', its lower half; vector = columns W residual."""
    p, n = columns.shape
    for a in range(p):
        total = 0.0
        for i in range(n):
            total += weights[i] * columns[a, i] * residual[i]
        vector[a] = total
        for b in range(a + 1):
            total = 0.0
            for i in range(n):
                total += weights[i] * columns[a, i] * columns[b, i]
            matrix[a, b] = total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reweight(
    columns: FloatArray, coefficients: FloatArray, residual: FloatArray, steps: int
) -> tuple[float, bool]:
    """Iterate in place; columns (p, n) orthonormal. Returns scale, and whether it stood still."""
    p, n = columns.shape
    work, weights = np.empty(n), np.empty(n)
    matrix, move = np.empty((p, p)), np.empty(p)
    scale = 0.0
    for _ in range(steps):
        scale = _median_size(residual, work) / _MAD
        limit = _TUNING * scale
        squares = 0.0
        for i in range(n):
            size = abs(residual[i])
            weights[i] = limit / size if size > limit else 1.0
            squares += size * size
        _normal_equations(columns, weights, residual, matrix, move)
        if not scale > 0.0 or not _solve(matrix, move):
            return scale, scale == 0.0
        moved = reach = 0.0
        for a in range(p):
            moved += move[a] * move[a]
            coefficients[a] += move[a]
            reach += coefficients[a] * coefficients[a]
            for i in range(n):
                residual[i] -= move[a] * columns[a, i]
        if moved <= 1e-20 * squares + 1e-31 * reach:
            return _median_size(residual, work) / _MAD, True
    return scale, False


def huber(y: FloatArray, columns: FloatArray) -> HuberFit:
    """Fit y, shape (n,), on orthonormal rows `columns`, shape (p, n), n >= p.

    stderr is MASS's, by Huber's correction of 1981, equation 6.5.
    """
    coefficients = columns @ y
    residual = y - coefficients @ columns
    scale, converged = _reweight(columns, coefficients, residual, _MOST_STEPS)
    p, n = columns.shape
    if not scale > 0.0 or n <= p:
        return HuberFit(coefficients, scale, math.nan, converged)
    pulled = np.minimum(np.abs(residual), _TUNING * scale)
    share = np.count_nonzero(pulled < _TUNING * scale) / n
    correction = 1.0 + p * share * (1.0 - share) / ((n - 1) * share**2)
    stderr = math.sqrt(pulled @ pulled / (n - p)) * correction / share
    return HuberFit(coefficients, float(scale), stderr, converged)
