"""The compiled heart of the Dickey-Fuller tests: every lag order from one Gram matrix.

The regression of the change d[t] = x[t+1] - x[t] on (trend terms, level x[t], d[t-1] ..
d[t-L]) is solved for all orders 0 .. L at once. The Gram matrix of its columns follows from
its first row by the covariance recursion G[i+1, j+1] = G[i, j] + head - tail; one Cholesky
factor has the residual sum of squares of every nested order in its last row; the chosen
order is refitted on the longer sample by adding the rows that the lags had cost.

Before anything the level is centred or detrended: the statistic does not change, its digits
stay. A window whose pivots fall below PIVOT_FLOOR of their column, with NaN inside, or of
changes that are mere rounding, is left to the caller: squared condition numbers would cost
digits there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from analytics.model import FloatArray, frozen

#: Reassociation lets sums use vector registers; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "nsz"}
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}
#: Parts are never called from Python: without wrappers, and inlined where they are called
#: once, all compiles in two thirds of the time.
BARE: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_part = njit(**_OPTIONS, **BARE, cache=True)
_inlined = njit(**_OPTIONS, inline="always")

#: Codes of the lag methods.
FIXED, AIC, BIC, T_STAT, MAIC = 0, 1, 2, 3, 4

PIVOT_FLOOR = 1e-5
#: Changes below this share of the level, 16 units in the last place, are rounding.
NOISE = 16.0 * float(np.finfo(np.float64).eps)
#: A standard deviation of at most this share of the values' size is what rounding leaves.
ROUNDING = 4.0 * NOISE
#: The 95 % point of the normal distribution: the last lag is kept above it.
T_STOP = 1.6448536269514722


@lru_cache(maxsize=32)
def trend_columns(n: int, n_trend: int) -> FloatArray:
    """Rows 1, t and t^2 over n points, centred so that they are orthogonal, read-only.

    Shape (n_trend, n), with one row at least, so that kernels see one type.
    """
    time = np.arange(1.0 - n, n, 2.0) / max(n - 1.0, 1.0)
    columns = [np.ones(n), time, time * time - (n + 1.0) / (3.0 * max(n - 1.0, 1.0))]
    return frozen(np.array(columns[: max(n_trend, 1)]), np.float64)


@_inlined
def _load(x, polys, n_trend, level, diff):  # type: ignore[no-untyped-def]
    """Fill `level` and `diff` without their trend; False where the changes are rounding."""
    n = level.size
    base, total = x[0], 0.0
    for i in range(n):
        total += x[i] - base
    offset = total / n if n_trend > 0 else -base
    for i in range(n):
        level[i] = x[i] - base - offset
    for i in range(n - 1):
        diff[i] = x[i + 1] - x[i]
    for power in range(1, n_trend):
        poly = polys[power]
        cross, square = 0.0, 0.0
        for i in range(n):
            cross += poly[i] * level[i]
            square += poly[i] * poly[i]
        slope = cross / square
        for i in range(n):
            level[i] -= slope * poly[i]
        for i in range(n - 1):
            diff[i] -= slope * (poly[i + 1] - poly[i])
    energy = 0.0
    for i in range(n - 1):
        energy += diff[i] * diff[i]
    floor = NOISE * (abs(base) + abs(total / n))
    return energy > n * floor * floor


@_part
def dot(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@_part
def _autocovariances(diff, lags, out):  # type: ignore[no-untyped-def]
    """Fill out[j] with the sum of d[t] d[t - j] over t = lags .. m - 1, four lags a pass."""
    rows = diff.size - lags
    change = diff[lags:]
    j = 0
    while j + 4 <= lags + 1:
        a, b = diff[lags - j :], diff[lags - j - 1 :]
        c, d = diff[lags - j - 2 :], diff[lags - j - 3 :]
        at_a, at_b, at_c, at_d = 0.0, 0.0, 0.0, 0.0
        for i in range(rows):
            now = change[i]
            at_a += now * a[i]
            at_b += now * b[i]
            at_c += now * c[i]
            at_d += now * d[i]
        out[j], out[j + 1], out[j + 2], out[j + 3] = at_a, at_b, at_c, at_d
        j += 4
    while j <= lags:
        out[j] = dot(change, diff[lags - j : lags - j + rows])
        j += 1


@_inlined
def _fill_moments(level, diff, polys, n_trend, lags, moments):  # type: ignore[no-untyped-def]
    """Lower triangle of the Gram matrix of the columns over the rows t = lags .. m - 1.

    Columns: the trends 0 .. k - 1, the level k, and d[t - j] at k + 1 + j, j = 0 .. lags. A sum
    of f(t) d[t - j - 1] is that of f(t + 1) d[t - j], less its last row, and a first one more.
    """
    m, k = diff.size, n_trend
    own, width = n_trend + 1, 2.0 / m
    change, start = diff[lags:], level[lags:m]
    for a in range(k):
        for b in range(a + 1):
            moments[a, b] = dot(polys[a, lags:m], polys[b, lags:m])
        moments[k, a] = dot(polys[a, lags:m], start)
        moments[own, a] = dot(polys[a, lags:m], change)
    moments[k, k] = dot(start, start)
    moments[own, k] = dot(start, change)
    _autocovariances(diff, lags, moments[own:, own])
    for j in range(lags):
        now, after = own + j, own + j + 1
        head, tail = diff[lags - 1 - j], diff[m - 1 - j]
        for a in range(k):
            moments[after, a] = moments[now, a] + polys[a, lags] * head - polys[a, m] * tail
        if k > 1:
            moments[after, 1] += width * moments[now, 0]
        if k > 2:
            moments[after, 2] += width * (2.0 * moments[now, 1] + width * moments[now, 0])
        moved = moments[now, k] + moments[now, own]
        moments[after, k] = moved + level[lags] * head - level[m] * tail
        for i in range(j + 1):
            edge = head * diff[lags - 1 - i] - tail * diff[m - 1 - i]
            moments[after, own + i + 1] = moments[now, own + i] + edge


@_inlined
def _add_rows(level, diff, polys, n_trend, used, lags, moments):  # type: ignore[no-untyped-def]
    """Add the rows t = used .. lags - 1 to the moments of the lags up to `used`."""
    size = n_trend + 2 + used
    row = np.empty(size)
    for t in range(used, lags):
        for a in range(n_trend):
            row[a] = polys[a, t]
        row[n_trend] = level[t]
        for j in range(used + 1):
            row[n_trend + 1 + j] = diff[t - j]
        for a in range(size):
            for b in range(a + 1):
                moments[a, b] += row[a] * row[b]


@_part
def _factor(moments, order, size, factor):  # type: ignore[no-untyped-def]
    """Cholesky factor of the columns in this order, with the inverse of its diagonal on the
    diagonal; False where a pivot is too small.
    """
    for i in range(size):
        row = factor[i]
        for j in range(i):
            a, b = order[i], order[j]
            total = moments[a, b] if a > b else moments[b, a]
            other = factor[j]
            for c in range(j):
                total -= row[c] * other[c]
            row[j] = total * other[j]
        square = moments[order[i], order[i]]
        pivot = square
        for c in range(i):
            pivot -= row[c] * row[c]
        if not pivot > PIVOT_FLOOR * square:
            return False
        row[i] = 1.0 / math.sqrt(pivot)
    return True


@_inlined
def choose_lag(rss, score, n_rows, first_columns, method):  # type: ignore[no-untyped-def]
    """The order that the criterion prefers; the smaller of equals, as statsmodels does.

    rss[p]: residual sum of squares of order p; score[p]: the last column's share of it, so
    that its t ratio is score / sqrt(rss / df). Orders without a degree of freedom are left out.
    """
    best, lowest = 0, math.inf
    for p in range(rss.size):
        columns = first_columns + p
        if n_rows - columns < 1:
            break
        if method == T_STAT:
            if abs(score[p]) >= T_STOP * math.sqrt(rss[p] / (n_rows - columns)):
                best = p
            continue
        penalty = 2.0 if method == AIC else math.log(n_rows)
        value = n_rows * math.log(rss[p] / n_rows) + penalty * columns
        if value < lowest:
            best, lowest = p, value
    return best


@_part
def _modified(factor, k, rss, n_rows, out):  # type: ignore[no-untyped-def]
    """Fill `out` with Ng and Perron's modified AIC of each order.

    Its penalty counts, beside the lags, b^2 sum x[t]^2 / s^2, b being the slope on the level and
    x what the trend leaves of it: so large where lags too few let a bouncing walk look as if it
    reverted that the criterion goes on to more. Solves L' b = the factor's last row, order by
    order; Source: Ng and Perron (2001), Econometrica 69(6), equation 9.
    """
    last = rss.size + k
    square = 1.0 / factor[k, k] ** 2
    slopes = np.empty(rss.size)
    for p in range(rss.size):
        for i in range(p, -1, -1):
            slope = factor[last, k + i]
            for c in range(i + 1, p + 1):
                slope -= factor[k + c, k + i] * slopes[c]
            slopes[i] = slope * factor[k + i, k + i]
        variance = rss[p] / n_rows
        out[p] = math.log(variance) + 2.0 * (slopes[0] ** 2 * square / variance + p) / n_rows


@_inlined
def solve(level, diff, polys, n_trend, max_lag, method, moments, factor, out):  # type: ignore[no-untyped-def]
    """Fill `out` with (statistic, used_lag, n_obs), or leave it where pivots are too small."""
    m, k = diff.size, n_trend
    size, used = k + max_lag + 2, max_lag
    order = np.empty(size, np.int64)
    _fill_moments(level, diff, polys, k, max_lag, moments)
    if method != FIXED:
        for c in range(size - 1):
            order[c] = c if c <= k else c + 1
        order[size - 1] = k + 1
        if not _factor(moments, order, size, factor):
            return
        score = factor[size - 1, k : size - 1]
        rss = np.empty(max_lag + 1)
        rest = 1.0 / factor[size - 1, size - 1] ** 2
        for p in range(max_lag, -1, -1):
            rss[p] = rest
            rest += score[p] * score[p]
        if method == MAIC:
            criterion = np.empty(max_lag + 1)
            _modified(factor, k, rss, m - max_lag, criterion)
            used = int(np.argmin(criterion))
        else:
            used = choose_lag(rss, score, m - max_lag, k + 1, method)
        _add_rows(level, diff, polys, k, used, max_lag, moments)
        size = k + used + 2
    for c in range(size - 2):
        order[c] = c if c < k else c + 2
    order[size - 2], order[size - 1] = k, k + 1
    freedom = m - used - size + 1
    if freedom < 1 or not _factor(moments, order, size, factor):
        return
    out[0] = factor[size - 1, size - 2] * factor[size - 1, size - 1] * math.sqrt(freedom)
    out[1], out[2] = used, m - used


@njit(**_OPTIONS, cache=True)
def adf_windows(x, window, step, polys, n_trend, max_lag, method):  # type: ignore[no-untyped-def]
    """ADF tests of the windows of `x` that start at 0, step, 2 step, ...

    polys: `trend_columns(window, n_trend)`. Returns (statistic, used_lag, n_obs) a row, shape
    (windows, 3); the statistic is NaN where the window is left to the caller.
    """
    out = np.empty(((x.size - window) // step + 1, 3))
    level, diff = np.empty(window), np.empty(window - 1)
    columns = n_trend + max_lag + 2
    moments, factor = np.empty((columns, columns)), np.empty((columns, columns))
    for w in range(out.shape[0]):
        out[w, 0] = np.nan
        if _load(x[w * step : w * step + window], polys, n_trend, level, diff):
            solve(level, diff, polys, n_trend, max_lag, method, moments, factor, out[w])
    return out
