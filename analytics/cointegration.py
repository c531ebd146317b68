"""Do series share a stochastic trend: Engle-Granger's and Johansen's tests of cointegration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics import _adf_kernel as kernel
from analytics import mackinnon
from analytics.arrays import table
from analytics.model import CointegrationResult, FloatArray
from analytics.stationarity import (
    finite_series,
    lag_limit,
    method_code,
    residual_test,
    trend_terms,
)

#: R squared from which the legs count as collinear, as in statsmodels: 1 - 100 sqrt(eps).
COLLINEAR = 1.0 - 100.0 * math.sqrt(float(np.finfo(np.float64).eps))


def _legs(x: npt.ArrayLike, n: int) -> FloatArray:
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


def _alpha(residual_trend: FloatArray, n: int, n_trend: int) -> float:
    """The constant of a trend given by coefficients on the kernel's centred columns, in terms
    of time 1 .. n: its value at time 0.
    """
    if n_trend == 0:
        return 0.0
    at_zero = -(n + 1.0) / (n - 1.0)
    terms = [1.0, at_zero, at_zero * at_zero - (n + 1.0) / (3.0 * (n - 1.0))]
    return float(residual_trend @ terms[:n_trend])


@dataclass(frozen=True, eq=False)
class _FirstStage:
    beta: FloatArray
    alpha: float
    residual: FloatArray
    r_squared: float


def _first_stage(y: FloatArray, x: FloatArray, n_trend: int) -> _FirstStage:
    """Least squares of y on the columns of x and the trend, after both are detrended."""
    n = len(y)
    polys = kernel.trend_columns(n, n_trend)[:n_trend]
    weights = (polys**2).sum(axis=1)[:, None]
    both = np.column_stack([y, x])
    base = both[0] if n_trend else np.zeros(both.shape[1])
    rest = both - base
    trend = np.zeros((n_trend, both.shape[1]))
    for _ in range(2 if n_trend else 0):
        step = (polys @ rest) / weights
        rest -= polys.T @ step
        trend += step
    trend[:1] += base
    left, legs = rest[:, 0], rest[:, 1:]
    sizes = np.sqrt((legs**2).sum(axis=0))
    floor = kernel.NOISE_ULPS * np.finfo(np.float64).eps * np.abs(x).max(axis=0) * math.sqrt(n)
    if not (sizes > floor).all():
        raise ValueError("x does not vary about its trend, expected values that do")
    if x.shape[1] == 1:
        unit = legs[:, 0] / sizes[0]
        beta = np.array([float(unit @ left) / sizes[0]])
    else:
        beta = np.linalg.lstsq(legs / sizes, left, rcond=None)[0] / sizes
    residual = left - legs @ beta
    alpha = _alpha(trend[:, 0] - trend[:, 1:] @ beta, n, n_trend)
    total = float(left @ left) if n_trend < 2 else float(((y - y.mean()) ** 2).sum())
    if not total > 0.0:
        raise ValueError(f"y is constant at {y[0]:g}, expected values that vary")
    return _FirstStage(beta, alpha, residual, 1.0 - float(residual @ residual) / total)


def engle_granger(
    y: npt.ArrayLike,
    x: npt.ArrayLike,
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
    fit = _first_stage(left, legs, n_trend)
    statistic, used, n_obs = -math.inf, 0, len(left) - 1
    if fit.r_squared < COLLINEAR:
        statistic, used, n_obs = residual_test(fit.residual, limit, method)
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


def johansen(data: npt.ArrayLike, *, det_order: int = 0, lag_diff: int = 1) -> JohansenResult:
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
        raise ValueError(f"det_order is {det_order}, expected -1, 0 or 1")
    need = columns.shape[1] * (lag_diff + 2) + 3
    if lag_diff < 0 or len(columns) < need:
        raise ValueError(
            f"data has {len(columns)} rows for lag_diff {lag_diff}, expected at least {need} "
            "and lag_diff from 0"
        )
    for i, column in enumerate(columns.T):
        finite_series(f"data column {i}", column, 1)
    centred = columns - columns.mean(axis=0) if det_order >= 0 else columns
    sizes = np.sqrt((centred**2).sum(axis=0))
    if not (sizes > 0).all() or np.linalg.matrix_rank(centred / sizes) < columns.shape[1]:
        raise ValueError("data has constant or collinear columns, expected independent ones")
    from statsmodels.tsa.vector_ar.vecm import coint_johansen

    result = coint_johansen(columns, det_order, lag_diff)
    return JohansenResult(
        trace=result.trace_stat,
        max_eig=result.max_eig_stat,
        trace_critical=result.trace_stat_crit_vals,
        max_eig_critical=result.max_eig_stat_crit_vals,
        eigenvalues=result.eig,
        eigenvectors=result.evec,
    )
