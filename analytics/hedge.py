"""The hedge ratio: how much X offsets one Y, by six methods, and as it was at each bar.

y = beta x + alpha + residual. The methods differ in what they call a good line:

ols        least squares: the smallest sum of squared residuals of y
huber      robust regression, R's MASS::rlm with Huber's t = 1.345 (Huber 1981)
theil_sen  median of all pairwise slopes, alpha = median(y) - beta median(x) (Sen 1968)
tls        orthogonal regression: the smallest sum of squared distances from the line,
           alike in y and x (Adcock 1878; Golub and Van Loan 1980)
kalman     last state of a Kalman filter with a wandering beta and alpha (`kalman`)
ratio      mean(y) / mean(x), alpha 0: what money-neutral legs hold; of logarithms of
           prices beta 1 and alpha = mean(y - x), the logarithm of such a ratio

Without intercept alpha is 0 and each method's line goes through the origin; Theil-Sen's
slope then is the median of y / x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from analytics._hedge_lines import (
    BASKET_METHODS,
    METHODS,
    Degenerate,
    Line,
    Rows,
    log_ratio_line,
    r_squared,
    ratio_line,
    rows_of,
)
from analytics._kernels.kalman import kalman_path
from analytics._kernels.sums import LEAST_MEAN, orthogonal_slopes
from analytics.arrays import aligned, dimensions, one_of, series, table, two_series, whole
from analytics.dynamic_ols import hedge_stderr
from analytics.kalman import KalmanHedge, kalman_hedge
from analytics.model import HEDGE_METHODS, FloatArray, HedgeFit, HedgePath
from analytics.rolling import rolling_comoments, rolling_mean, rolling_ols

__all__ = [
    "HedgeChoices",
    "HedgeFit",
    "HedgePath",
    "KalmanHedge",
    "compare_hedges",
    "fit_hedge",
    "hedge_path",
    "hedge_stderr",
    "kalman_hedge",
]


def _complete(y: FloatArray, x: FloatArray, intercept: bool) -> tuple[Rows, str]:
    """The rows that have every price, and a note of those that have not."""
    if len(y) != x.shape[1]:
        raise ValueError(f"y has {len(y)} values and x {x.shape[1]}, expected as many")
    known = np.isfinite(y) & np.logical_and.reduce(np.isfinite(x), axis=0)
    n, need = int(np.count_nonzero(known)), max(len(x) + intercept, 2)
    if n < need:
        raise ValueError(f"y and x have {n} complete rows, expected at least {need}")
    if n == len(y):
        return rows_of(y, x, intercept), ""
    left = len(y) - n
    note = f"{left} {'row' if left == 1 else 'rows'} without a price left out"
    return rows_of(y[known], x[:, known], intercept), note


def _fit(
    rows: Rows, method: str, note: str = "", *, basket: bool = False, log: bool = False
) -> HedgeFit:
    notes = [note]
    ratio = log_ratio_line if log else ratio_line
    try:
        line = ratio(rows) if method == "ratio" else METHODS[method](rows)
    except Degenerate as reason:
        line = ratio(rows)
        means = "the ratio of geometric means" if log else "the ratio of means"
        notes.append(f"{method}: {reason}, fell back to {means}")
        method = "ratio"
    notes.append(line.note)
    return HedgeFit(
        method=method,
        beta=line.beta if basket else float(line.beta[0]),
        alpha=float(line.alpha),
        r_squared=r_squared(rows, line),
        beta_stderr=line.stderr if basket else float(line.stderr[0]),
        n=len(rows.y),
        note="; ".join(filter(None, notes)),
    )


def fit_hedge(
    y: Any, x: Any, method: str = "ols", intercept: bool = True, log: bool = False
) -> HedgeFit:
    """Fit y = beta x + alpha on all rows; see the module for the methods.

    y: shape (n,). x: shape (n,), or (n, k), a basket of k legs, for "ols" and "huber":
    beta and beta_stderr are floats, or arrays of shape (k,). beta is in units of y per
    unit of x, alpha in units of y. r_squared is 1 - SSR / SST on these rows for every
    method, about the mean with an intercept and about 0 without; it is negative where
    the mean alone would do better. beta_stderr assumes independent residuals, which those of
    a pair are not (`hedge_stderr` allows for them), and is NaN for the methods that have none
    (theil_sen, tls, ratio) and without degrees of freedom.

    log: whether y and x are logarithms of prices, which decides what "ratio" is. Of prices
    it is NaN, with a note, where mean(x) is rounding error against the size of x.

    Rows without a price are left out: n counts the others and note says so. Where x
    hardly varies or the legs are collinear there is no line, and the result is that of
    "ratio" with a note that says why. pandas objects whose indexes differ are joined on
    them. Raises ValueError where the method is unknown or takes no basket, lengths differ,
    or fewer complete rows than coefficients remain.

    >>> fit = fit_hedge([3, 5, 7.2, 9], [1, 2, 3, 4])
    >>> round(fit.beta, 3), round(fit.alpha, 3), fit.n
    (2.02, 1.0, 4)
    >>> fit_hedge([3, 5, 7], [2, 2, 2]).note
    'ols: x hardly varies, fell back to the ratio of means'
    >>> fit = fit_hedge(np.log([20, 44, 60]), np.log([10, 22, 30]), "ratio", log=True)
    >>> fit.beta, round(float(np.exp(fit.alpha)), 6)
    (1.0, 2.0)
    """
    one_of("method", method, HEDGE_METHODS)
    basket = dimensions("x", x) == 2
    y, x = aligned(("y", "x"), (y, x))
    legs = table("x", x)
    if not legs.shape[1]:
        raise ValueError("x has 0 columns, expected at least 1")
    if basket and method not in BASKET_METHODS:
        raise ValueError(
            f"method is {method!r}, expected {' or '.join(BASKET_METHODS)} where x is a basket"
        )
    rows, note = _complete(series("y", y), np.ascontiguousarray(legs.T), bool(intercept))
    return _fit(rows, method, note, basket=basket, log=bool(log))


class HedgeChoices(NamedTuple):
    """Fits of the same rows: by method, and of x on y by one of them."""

    fits: dict[str, HedgeFit]
    swapped: HedgeFit


def compare_hedges(
    y: Any,
    x: Any,
    intercept: bool = True,
    *,
    methods: Iterable[str] = HEDGE_METHODS,
    swap: str = "ols",
    log: bool = False,
) -> HedgeChoices:
    """Fit y on x by each of `methods`, and x on y by the method `swap`.

    y, x: shape (n,). Each fit equals that of `fit_hedge`; what the methods share (means,
    lengths, the orthonormal design) is computed once. swapped has y and x in each other's
    place: its beta is in units of x per unit of y. log: as in `fit_hedge`. Raises ValueError
    as that does.

    >>> fits, swapped = compare_hedges([3, 5, 7.2, 9], [1, 2, 3, 4], methods=("ols", "tls"))
    >>> {name: round(fit.beta, 3) for name, fit in fits.items()}, round(1 / swapped.beta, 3)
    ({'ols': 2.02, 'tls': 2.022}, 2.023)
    """
    y, x = two_series("y", y, "x", x)
    rows, note = _complete(y, x[None], bool(intercept))
    methods = tuple(methods)
    for method in (*methods, swap):
        one_of("method", method, HEDGE_METHODS)
    fits = {method: _fit(rows, method, note, log=log) for method in methods}
    return HedgeChoices(fits, _fit(rows.swapped(), swap, note, log=log))


def _windows(
    y: FloatArray, x: FloatArray, fit: Callable[[Rows], Line], window: int, intercept: bool
) -> tuple[FloatArray, FloatArray]:
    """Fit every window that is complete, one after the other."""
    beta, alpha = np.full((2, len(y)), np.nan)
    gaps = np.concatenate(([0], np.cumsum(~(np.isfinite(y) & np.isfinite(x)))))
    for stop in range(window, len(y) + 1):
        start = stop - window
        if gaps[stop] != gaps[start]:
            continue
        try:
            line = fit(rows_of(y[start:stop], x[None, start:stop], intercept))
        except Degenerate:
            continue
        beta[stop - 1], alpha[stop - 1] = line.beta[0], line.alpha
    return beta, alpha


def hedge_path(
    y: Any, x: Any, method: str, window: int, intercept: bool = True, log: bool = False
) -> HedgePath:
    """beta and alpha as they were known at the close of each bar, shape (n,) each.

    Each bar has the fit of the `window` rows that end there, as `fit_hedge` would give
    it; NaN before the first full window, in windows that lack a price, and where there
    is no line. "kalman" instead runs one filter from the first bar on, of legs scaled by
    the first `window` rows that have both prices; it skips bars without a price. ols,
    tls, ratio and kalman take O(n); huber and theil_sen fit each window anew, about 0.1
    ms each. log: as in `fit_hedge`. Raises ValueError where the method is unknown, lengths
    differ or window is below 2.

    >>> hedge_path([3, 5, 8, 9], [1, 2, 3, 4], "ols", 3).beta
    array([nan, nan, 2.5, 2. ])
    """
    one_of("method", method, HEDGE_METHODS)
    y, x = two_series("y", y, "x", x)
    window = whole("window", window, 2)
    if method == "ols":
        beta, alpha = rolling_ols(y, x, window, intercept)
    elif method == "kalman":
        beta, alpha = kalman_path(y, x, window, intercept)
    elif method == "tls":
        beta, alpha = _tls_path(y, x, window, intercept)
    elif method == "ratio":
        beta, alpha = _log_ratio_path(y, x, window, intercept) if log else _ratio_path(y, x, window)
    else:
        beta, alpha = _windows(y, x, METHODS[method], window, bool(intercept))
    return HedgePath(method, beta, alpha)


def _tls_path(
    y: FloatArray, x: FloatArray, window: int, intercept: bool
) -> tuple[FloatArray, FloatArray]:
    mean_x, mean_y, squares_x, squares_y, products = rolling_comoments(x, y, window)
    if not intercept:
        squares_x = squares_x + window * mean_x**2
        squares_y = squares_y + window * mean_y**2
        products = products + window * mean_x * mean_y
    beta = orthogonal_slopes(squares_x, squares_y, products)
    return beta, mean_y - beta * mean_x if intercept else 0.0 * beta


def _ratio_path(y: FloatArray, x: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    mean_y, mean_x, size = (rolling_mean(leg, window) for leg in (y, x, np.abs(x)))
    beta = np.divide(
        mean_y,
        mean_x,
        out=np.full(len(y), np.nan),
        where=np.abs(mean_x) > LEAST_MEAN * size,
    )
    return beta, 0.0 * beta


def _log_ratio_path(
    y: FloatArray, x: FloatArray, window: int, intercept: bool
) -> tuple[FloatArray, FloatArray]:
    level = rolling_mean(y - x, window)
    return level * 0.0 + 1.0, level if intercept else 0.0 * level
