"""Do series share a stochastic trend: Engle-Granger's and Johansen's tests of cointegration.

Series may be in any unit: statistics and p-values do not depend on it, slopes are in units of y
per unit of x. Sources: Engle and Granger (1987), Johansen (1991), MacKinnon (1994, 2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from analytics import mackinnon
from analytics._dickey_fuller import (
    finite_series,
    lag_limit,
    method_code,
    residual_statistic,
    trend_terms,
)
from analytics._kernels import adf as kernel
from analytics._kernels.engle_granger import COLLINEAR, detrended, first_stage, pair_statistics
from analytics.arrays import table, whole
from analytics.model import CointegrationResult, FloatArray, IntArray


def _legs(x: Any, n: int) -> FloatArray:
    """The regressors as columns (n, k), checked."""
    columns = table("x", x)
    if len(columns) != n:
        raise ValueError(f"x has shape {columns.shape}, expected {n} rows, as y has")
    if not 1 <= columns.shape[1] < mackinnon.MAX_SERIES:
        raise ValueError(
            f"x has {columns.shape[1]} columns, expected 1 to {mackinnon.MAX_SERIES - 1}"
        )
    for i, column in enumerate(columns.T):
        finite_series(f"x column {i}", column, 1)
    return columns


def engle_granger(
    y: Any,
    x: Any,
    *,
    trend: str = "c",
    max_lag: int | None = None,
    lag_method: str | None = "aic",
) -> CointegrationResult:
    """Engle-Granger's test; the null is that y and x are not cointegrated.

    The residual of y on x and the trend is tested for a unit root without deterministic
    terms, against distributions that allow for its having been estimated. y: shape (n,); x:
    shape (n,), or (n, k) for a basket of k up to 5. trend, max_lag, lag_method: as in
    `analytics.stationarity.adf`. Equal to statsmodels.tsa.stattools.coint: critical values for
    n - 1 observations, NaN for trend "n". beta: the slope, an array (k,) for a basket; alpha:
    the constant, 0.0 for trend "n" (time counts from 1).

    Where y and x are collinear (R squared within 1.5e-6 of one) the statistic is -inf and the
    p-value 0, as in statsmodels. Raises ValueError for constant legs, NaN inside, unequal
    lengths, or max_lag above n // 2 - 1.

    Source: Engle and Granger (1987), Econometrica 55(2); MacKinnon (1994, 2010).

    >>> walk = np.cumsum(np.sin(np.arange(300.0) ** 2))
    >>> noise = np.cos(np.arange(300.0) ** 3)
    >>> test = engle_granger(2.0 * walk + 5.0 + noise, walk)
    >>> round(test.beta, 1), test.pvalue < 0.01
    (2.0, True)
    """
    n_trend, method = trend_terms(trend), method_code(lag_method)
    left = finite_series("y", y, 4)
    legs = _legs(x, len(left))
    limit = lag_limit(len(left), 0, max_lag)
    if len(left) <= legs.shape[1] + n_trend + 1:
        raise ValueError(f"y has {len(left)} values, expected more than the terms of the fit")
    fit = first_stage(left, legs, n_trend)
    statistic, used, n_obs = -math.inf, 0, len(left) - 1
    if fit.r_squared < COLLINEAR:
        statistic, used, n_obs = residual_statistic(fit.residual, limit, method)
    n_series = legs.shape[1] + 1
    return CointegrationResult(
        statistic=statistic,
        pvalue=mackinnon.pvalue(statistic, trend, n_series),
        used_lag=used,
        n_obs=n_obs,
        critical_values=mackinnon.critical_values(trend, n_series, len(left) - 1),
        beta=float(fit.beta[0]) if np.ndim(x) == 1 else fit.beta,  # type: ignore[arg-type]
        alpha=fit.alpha,
    )


@dataclass(frozen=True, eq=False)
class PairTests:
    """Engle-Granger's tests of many pairs, one row a pair.

    pairs: columns of (y, x), shape (p, 2); statistic, pvalue, used_lag, beta: shape (p,), as
    in `engle_granger`.
    """

    pairs: IntArray
    statistic: FloatArray
    pvalue: FloatArray
    used_lag: IntArray
    beta: FloatArray


def engle_granger_batch(
    closes: Any,
    pairs: Any = None,
    *,
    trend: str = "c",
    max_lag: int | None = None,
    lag_method: str | None = "aic",
) -> PairTests:
    """Engle-Granger's tests of many pairs of columns, as `engle_granger` gives one by one.

    closes: shape (n, m), complete, a column a symbol. pairs: (y, x) column numbers, shape
    (p, 2); every pair i < j where None. What belongs to one symbol is computed once. Releases
    the GIL: several threads may each take a part of the pairs. Raises ValueError as
    `engle_granger` does, for any column.

    >>> walk = np.cumsum(np.sin(np.arange(300.0) ** 2))
    >>> noise = np.cos(np.arange(300.0) ** 3)
    >>> tests = engle_granger_batch(np.column_stack([walk, 3.0 * walk + noise, noise]))
    >>> tests.pairs.tolist(), (tests.pvalue < 0.01).tolist()
    ([[0, 1], [0, 2], [1, 2]], [True, False, False])
    """
    n_trend, method = trend_terms(trend), method_code(lag_method)
    columns = table("closes", closes)
    n, m = columns.shape
    for i, column in enumerate(columns.T):
        finite_series(f"closes column {i}", column, 4 + n_trend)
    chosen = np.array(list(combinations(range(m), 2)) if pairs is None else pairs, dtype=np.int64)
    chosen = chosen.reshape(-1, 2)
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < m):
        raise ValueError(f"pairs names column {chosen.max()}, expected 0 to {m - 1}")
    limit = lag_limit(n, 0, max_lag)
    rows, _, squares, totals, varies = detrended(np.ascontiguousarray(columns.T), n_trend)
    if not varies.all():
        raise ValueError(
            f"closes column {int(np.argmin(varies))} does not vary about its trend, "
            "expected values that do"
        )
    polys = kernel.trend_columns(n, 0)
    found = pair_statistics(rows, squares, totals, polys, chosen, limit, method)
    for p in np.flatnonzero(np.isnan(found[:, 0])):
        y, x = chosen[p]
        residual = rows[y] - found[p, 3] * rows[x]
        found[p, :3] = residual_statistic(residual, limit, method)
    statistic = found[:, 0]
    return PairTests(
        pairs=chosen,
        statistic=statistic,
        pvalue=mackinnon.pvalues(statistic, trend, 2),
        used_lag=found[:, 1].astype(np.int64),
        beta=found[:, 3],
    )


@dataclass(frozen=True, eq=False)
class JohansenResult:
    """Johansen's test of k series. Row r of the critical values, shape (k, 3) for 90, 95 and
    99 %, belongs to the null "at most r relations", as do trace[r] and max_eig[r]; column r of
    eigenvectors is the r-th relation.
    """

    trace: FloatArray
    max_eig: FloatArray
    trace_critical: FloatArray
    max_eig_critical: FloatArray
    eigenvalues: FloatArray
    eigenvectors: FloatArray

    def rank(self, level: str = "95%") -> int:
        """Number of relations that the trace test finds at "90%", "95%" or "99%"."""
        levels = ("90%", "95%", "99%")
        if level not in levels:
            raise ValueError(f"level is {level!r}, expected one of {', '.join(levels)}")
        rejected = self.trace > self.trace_critical[:, levels.index(level)]
        return len(rejected) if rejected.all() else int(np.argmin(rejected))


@dataclass(frozen=True, eq=False)
class JohansenTest:
    """Johansen's test of a pair's legs. ts_ms: the newest bar it is of; rows: how many bars.

    result is None where there can be no test, and note says why.
    """

    ts_ms: int
    rows: int
    det_order: int
    lag_diff: int
    result: JohansenResult | None
    note: str = ""


def johansen(data: Any, *, det_order: int = 0, lag_diff: int = 1) -> JohansenResult:
    """Johansen's trace and maximum-eigenvalue tests of the number of cointegrating relations.

    data: shape (n, k), a column a series, k from 2 to 12. det_order: -1 no deterministic
    term, 0 constant, 1 linear trend. lag_diff: lagged differences in the model. Computed by
    statsmodels.tsa.vector_ar.vecm.coint_johansen, which is imported at the first call (about
    a second); critical values of MacKinnon, Haug and Michelis (1996).

    Raises ValueError for another shape, NaN inside, options out of range, too few rows, or
    series that are constant or collinear.

    Source: Johansen (1991), Econometrica 59(6).

    >>> walk = np.cumsum(np.sin(np.arange(300.0) ** 2))
    >>> pair = np.column_stack([walk + np.cos(np.arange(300.0) ** 3), walk])
    >>> test = johansen(pair)
    >>> test.rank() >= 1, test.trace_critical.shape
    (True, (2, 3))
    """
    columns = table("data", data)
    if not 2 <= columns.shape[1] <= 12:
        raise ValueError(f"data has shape {columns.shape}, expected (n, k) with k from 2 to 12")
    if det_order not in (-1, 0, 1):
        raise ValueError(f"det_order is {det_order!r}, expected -1, 0 or 1")
    lag_diff = whole("lag_diff", lag_diff, 0)
    need = columns.shape[1] * (lag_diff + 2) + 3
    if len(columns) < need:
        raise ValueError(
            f"data has {len(columns)} rows, expected at least {need} for lag_diff {lag_diff}"
        )
    for i, column in enumerate(columns.T):
        finite_series(f"data column {i}", column, 1)
    centred = columns - columns.mean(axis=0) if det_order >= 0 else columns
    sizes = np.sqrt((centred**2).sum(axis=0))
    if not (sizes > 0).all() or np.linalg.matrix_rank(centred / sizes) < columns.shape[1]:
        raise ValueError("data has constant or collinear columns, expected independent ones")
    from statsmodels.tsa.vector_ar.vecm import coint_johansen

    result = coint_johansen(centred, det_order, lag_diff)
    return JohansenResult(
        trace=result.trace_stat,
        max_eig=result.max_eig_stat,
        trace_critical=result.trace_stat_crit_vals,
        max_eig_critical=result.max_eig_stat_crit_vals,
        eigenvalues=result.eig,
        eigenvectors=result.evec,
    )
