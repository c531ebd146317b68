"""The compiled heart of the Dickey-Fuller tests: every lag order from one Gram matrix.

The regression of the change d[t] = x[t+1] - x[t] on (trend terms, level x[t], d[t-1] ..
d[t-L]) is solved for all orders 0 .. L at once. The Gram matrix of its columns follows from
its first row by the covariance recursion G[i+1, j+1] = G[i, j] + head - tail; one Cholesky
factor has the residual sum of squares of every nested order in its last row; the chosen
order is refitted on the longer sample by adding the rows that the lags had cost.

Before anything the level is centred or detrended (the statistic does not change) and scaled
by a power of two. A window whose pivots fall below PIVOT_FLOOR of their column is left to
the caller: squared condition numbers would cost digits there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Reassociation lets sums use vector registers; NaN and infinity keep their meaning.
_FAST = {"reassoc", "contract", "nsz"}

#: Codes of the lag methods.
FIXED, AIC, BIC, T_STAT = 0, 1, 2, 3
#: Codes of a window's outcome.
OK, ILL_CONDITIONED, NOT_FINITE, CONSTANT, ROUNDING = 0, 1, 2, 3, 4

PIVOT_FLOOR = 1e-5
#: A series that varies by less than this many units in the last place is rounding noise.
NOISE_ULPS = 16.0
#: The 95 % point of the normal distribution: the last lag is kept above it.
T_STOP = 1.6448536269514722


@njit(cache=True, nogil=True, fastmath=_FAST)
def _load(x, first, polys, n_trend, level, diff):  # type: ignore[no-untyped-def]
    """Fill `level` (centred or detrended, scaled) and `diff` from one window of `x`."""
    n = level.size
    base = x[first]
    low, high, total = base, base, 0.0
    for i in range(n):
        value = x[first + i]
        low, high = min(low, value), max(high, value)
        total += value - base
    if not math.isfinite(total):
        return NOT_FINITE
    if low == high:
        return CONSTANT
    scale = 2.0 ** -math.frexp(high - low)[1]
    noise = NOISE_ULPS * 2.220446049250313e-16 * max(abs(low), abs(high)) * scale
    offset = total / n if n_trend > 0 else -base
    for i in range(n):
        level[i] = (x[first + i] - base - offset) * scale
    for i in range(n - 1):
        diff[i] = (x[first + i + 1] - x[first + i]) * scale
    for power in range(1, n_trend):
        cross, square = 0.0, 0.0
        for i in range(n):
            cross += polys[power, i] * level[i]
            square += polys[power, i] * polys[power, i]
        slope = cross / square
        for i in range(n):
            level[i] -= slope * polys[power, i]
        for i in range(n - 1):
            diff[i] -= slope * (polys[power, i + 1] - polys[power, i])
    size = (high - low) * scale
    if n_trend > 0:
        size = 0.0
        for i in range(n):
            size = max(size, abs(level[i]))
    return OK if size > noise else ROUNDING


@njit(cache=True, nogil=True, fastmath=_FAST)
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def _fill_gram(level, diff, polys, n_trend, lags, gram):  # type: ignore[no-untyped-def]
    """Lower triangle of the Gram matrix of (trends, level, lags 1.., d) over rows lags..m-1.

    Lag 0, which is d itself, has the last row; the row of lag j is n_trend + j.
    """
    m = diff.size
    k, last = n_trend, n_trend + lags + 1
    change, start = diff[lags:], level[lags:m]
    for a in range(k):
        for b in range(a + 1):
            gram[a, b] = _dot(polys[a, lags:m], polys[b, lags:m])
        gram[k, a] = _dot(polys[a, lags:m], start)
    for j in range(lags + 1):
        row = last if j == 0 else k + j
        lagged = diff[lags - j : m - j]
        gram[last, row] = _dot(change, lagged)
        for a in range(k):
            gram[row, a] = _dot(polys[a, lags:m], lagged)
    for j in range(1, lags + 1):
        before = gram[last, last if j == 1 else k + j - 1]
        for i in range(1, j + 1):
            after = before + diff[lags - i] * diff[lags - j] - diff[m - i] * diff[m - j]
            before = gram[k + j - 1, k + i] if i < j else 0.0
            gram[k + j, k + i] = after
    gram[k, k] = _dot(start, start)
    cross = _dot(start, change)
    gram[last, k] = cross
    for j in range(lags):
        cross += gram[last, last if j == 0 else k + j]
        cross += level[lags] * diff[lags - 1 - j] - level[m] * diff[m - 1 - j]
        gram[k + 1 + j, k] = cross


@njit(cache=True, nogil=True, fastmath=_FAST)
def _factor(gram, size, factor):  # type: ignore[no-untyped-def]
    """Cholesky factor of the leading `size` block; False where a pivot is too small."""
    for i in range(size):
        for j in range(i):
            total = gram[i, j]
            for c in range(j):
                total -= factor[i, c] * factor[j, c]
            factor[i, j] = total / factor[j, j]
        pivot = gram[i, i]
        for c in range(i):
            pivot -= factor[i, c] * factor[i, c]
        if not pivot > PIVOT_FLOOR * gram[i, i]:
            return False
        factor[i, i] = math.sqrt(pivot)
    return True


@njit(cache=True, nogil=True, fastmath=_FAST)
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


@njit(cache=True, nogil=True, fastmath=_FAST)
def _refit(level, diff, polys, n_trend, lags, used, gram, final):  # type: ignore[no-untyped-def]
    """Gram matrix of (trends, lags 1..used, level, d) over the longer sample, rows used..m-1."""
    k, last = n_trend, n_trend + lags + 1
    size = k + used + 2
    source = np.empty(size, np.int64)
    for c in range(size):
        source[c] = c if c < k else c + 1
    source[size - 2], source[size - 1] = k, last
    for a in range(size):
        for b in range(a + 1):
            high, low = max(source[a], source[b]), min(source[a], source[b])
            final[a, b] = gram[high, low]
    row = np.empty(size)
    for t in range(used, lags):
        for a in range(k):
            row[a] = polys[a, t]
        for j in range(1, used + 1):
            row[k + j - 1] = diff[t - j]
        row[size - 2], row[size - 1] = level[t], diff[t]
        for a in range(size):
            for b in range(a + 1):
                final[a, b] += row[a] * row[b]
    return size


@njit(cache=True, nogil=True)
def trend_columns(n, n_trend):  # type: ignore[no-untyped-def]
    """Rows 1, t and t^2, centred on the window so that they are orthogonal over it."""
    polys = np.ones((max(n_trend, 1), n))
    if n_trend > 1:
        for i in range(n):
            polys[1, i] = (2.0 * i - (n - 1)) / (n - 1)
    if n_trend > 2:
        mean = (n + 1.0) / (3.0 * (n - 1))
        for i in range(n):
            polys[2, i] = polys[1, i] * polys[1, i] - mean
    return polys


@njit(cache=True, nogil=True, fastmath=_FAST)
def adf_windows(x, window, step, n_trend, max_lag, method):  # type: ignore[no-untyped-def]
    """ADF tests of the windows of `x` that start at 0, step, 2 step, ...

    Returns (statistic, used_lag, n_obs, outcome) a row, shape (windows, 4); the first three
    count only where the outcome is OK.
    """
    count = (x.size - window) // step + 1
    out = np.zeros((count, 4))
    k, m = n_trend, window - 1
    last = k + max_lag + 1
    level, diff = np.empty(window), np.empty(m)
    gram, final = np.empty((last + 1, last + 1)), np.empty((last + 1, last + 1))
    factor = np.empty((last + 1, last + 1))
    rss, score = np.empty(max_lag + 1), np.empty(max_lag + 1)
    polys = trend_columns(window, n_trend)
    for w in range(count):
        outcome = _load(x, w * step, polys, k, level, diff)
        out[w, 3] = outcome
        if outcome != OK:
            continue
        out[w, 3] = ILL_CONDITIONED
        _fill_gram(level, diff, polys, k, max_lag, gram)
        used = max_lag
        if method != FIXED:
            if not _factor(gram, last + 1, factor):
                continue
            rest = factor[last, last] ** 2
            for p in range(max_lag, -1, -1):
                rss[p], score[p] = rest, factor[last, k + p]
                rest += score[p] ** 2
            used = choose_lag(rss, score, m - max_lag, k + 1, method)
        size = _refit(level, diff, polys, k, max_lag, used, gram, final)
        if not _factor(final, size, factor) or m - used - size + 1 < 1:
            continue
        error = factor[size - 1, size - 1] / math.sqrt(m - used - size + 1)
        out[w, 0] = factor[size - 1, size - 2] / error
        out[w, 1], out[w, 2], out[w, 3] = used, m - used, OK
    return out
