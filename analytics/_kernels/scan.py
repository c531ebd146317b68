"""Compiled parts of a scan: Engle-Granger's tests of pairs in both orders, on the rows in which
both traded, and the z strategy of a frozen spread.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from analytics._kernels import adf as kernel
from analytics._kernels.engle_granger import COLLINEAR

#: Columns of `both_orders`: statistic and slope of each order, and the rows in which both traded.
FIRST_STATISTIC, FIRST_BETA, SECOND_STATISTIC, SECOND_BETA, ROWS = range(5)


@njit(nogil=True, cache=True, **kernel.BARE)
def _schwert(n):  # type: ignore[no-untyped-def]
    return min(math.ceil(12.0 * (n / 100.0) ** 0.25), n // 2 - 1)


@njit(nogil=True, cache=True, fastmath=kernel.FAST, error_model="numpy", **kernel.BARE)
def _square(row):  # type: ignore[no-untyped-def]
    """Take the mean out of `row` in place; the sum of squares left."""
    base, total = row[0], 0.0
    for i in range(row.size):
        row[i] -= base
        total += row[i]
    mean = total / row.size
    for i in range(row.size):
        row[i] -= mean
    return kernel.dot(row, row)


@njit(nogil=True, cache=True, fastmath=kernel.FAST, error_model="numpy", **kernel.BARE)
def _test(y, x, squares_y, squares_x, scratch, polys, method, out, at):  # type: ignore[no-untyped-def]
    """Put the statistic and the slope of y on x, both about 0, into out[at], out[at + 1]."""
    residual, changes, moments, factor, found = scratch
    n = y.size
    beta = kernel.dot(y, x) / squares_x
    out[at + 1] = beta
    rest = 0.0
    for i in range(n):
        residual[i] = y[i] - beta * x[i]
        rest += residual[i] * residual[i]
    if rest < (1.0 - COLLINEAR) * squares_y or rest == 0.0:
        out[at] = -np.inf
        return
    for i in range(n - 1):
        changes[i] = residual[i + 1] - residual[i]
    found[0] = np.nan
    level, diff = residual[:n], changes[: n - 1]
    kernel.solve(level, diff, polys, 0, _schwert(n), method, moments, factor, found)
    out[at] = found[0]


@njit(nogil=True, cache=True, error_model="numpy")
def both_orders(values, complete, pairs, least, polys, method, out):  # type: ignore[no-untyped-def]
    """Engle-Granger's statistic and slope of each pair of rows (i, j): i on j, then j on i.

    values: shape (m, n), NaN where a symbol did not trade; a row that is complete has its mean
    taken out. out: shape (pairs, 5), see FIRST_STATISTIC. A statistic is -inf for collinear
    legs, and NaN where the caller must look again; all but ROWS is NaN where fewer than `least`
    rows are common or a leg does not vary on them.
    """
    n = values.shape[1]
    lags = _schwert(n) + 2
    scratch = (
        np.empty(n), np.empty(n - 1), np.empty((lags, lags)), np.empty((lags, lags)), np.empty(3)
    )  # fmt: skip
    left, right = np.empty(n), np.empty(n)
    for p in range(len(pairs)):
        i, j = pairs[p, 0], pairs[p, 1]
        out[p, :4] = np.nan
        if complete[i] and complete[j]:
            y, x, rows = values[i], values[j], n
            squares_y, squares_x = kernel.dot(y, y), kernel.dot(x, x)
        else:
            rows = 0
            for t in range(n):
                if not (math.isnan(values[i, t]) or math.isnan(values[j, t])):
                    left[rows], right[rows] = values[i, t], values[j, t]
                    rows += 1
            y, x = left[:rows], right[:rows]
            squares_y, squares_x = 0.0, 0.0
            if rows >= least:
                squares_y, squares_x = _square(y), _square(x)
        out[p, ROWS] = rows
        if rows < least or not (squares_y > 0.0 and squares_x > 0.0):
            continue
        _test(y, x, squares_y, squares_x, scratch, polys, method, out[p], FIRST_STATISTIC)
        _test(x, y, squares_x, squares_y, scratch, polys, method, out[p], SECOND_STATISTIC)


@njit(nogil=True, cache=True, error_model="numpy")
def play_frozen(z, times, entry, leave, stop, funding):  # type: ignore[no-untyped-def]
    """The z strategy on closes: (gain in units of z, trades, funding paid while held).

    A signal at a row's close is filled at the close of the next; what is held at the end is
    closed there. After a stop nothing is entered until z is within `entry` again. times: of the
    rows, in bars. stop: inf for none. funding: of one bar long the spread.
    """
    gain, paid, trades = 0.0, 0.0, 0
    side, wanted, barred = 0, 0, False
    for t in range(z.size):
        if side != 0:
            gain += side * (z[t] - z[t - 1])
            paid += side * funding * (times[t] - times[t - 1])
        if wanted != side:
            if wanted != 0:
                trades += 1
            side = wanted
        if abs(z[t]) < entry:
            barred = False
        if side == 0:
            if not barred and entry <= abs(z[t]) < stop and t + 2 < z.size:
                wanted = -1 if z[t] > 0.0 else 1
        elif abs(z[t]) >= stop and side * z[t] < 0.0:
            wanted, barred = 0, True
        elif side * z[t] >= -leave:
            wanted = 0
    return gain, trades, paid


@njit(nogil=True, cache=True)
def crossings(deviation):  # type: ignore[no-untyped-def]
    """How often a series changes its sign; zeros are passed over."""
    count, before = 0, 0.0
    for value in deviation:
        if value != 0.0:
            if before * value < 0.0:
                count += 1
            before = value
    return count
