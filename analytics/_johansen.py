"""Johansen's tests of the number of cointegrating relations. Public in `analytics.cointegration`.

The statistics are functions of the canonical correlations between the changes and the levels
before them, both without what lagged changes explain. All come from the triangular factor of
one QR decomposition and the singular values of a small real matrix: they are real by type,
between 0 and 1, and a high price level costs no digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics._dickey_fuller import finite_series
from analytics._kernels.johansen import LARGEST_CRITICAL, TRACE_CRITICAL
from analytics.arrays import one_of, table, whole
from analytics.model import FloatArray

#: What det_order may be: none, a constant, a trend, a constant inside the relations alone.
DET_ORDERS: tuple[int | str, ...] = (-1, 0, 1, "rc")
MOST_SERIES = 12
LEVELS = ("90%", "95%", "99%")


@dataclass(frozen=True, eq=False)
class JohansenResult:
    """Johansen's test of k series. Row r of the critical values, shape (k, 3) for 90, 95 and
    99 %, belongs to the null "at most r relations", as do trace[r] and max_eig[r]; column r of
    eigenvectors is the r-th relation, scaled so that its levels have variance 1.

    constants: the constant inside each relation, shape (k,), for det_order "rc"; NaN for
    others. small_sample: what the statistics are multiplied by to allow for the lagged changes
    that were estimated, (T - k lag_diff) / T of T rows.
    """

    trace: FloatArray
    max_eig: FloatArray
    trace_critical: FloatArray
    max_eig_critical: FloatArray
    eigenvalues: FloatArray
    eigenvectors: FloatArray
    constants: FloatArray = field(default_factory=lambda: np.empty(0))
    small_sample: float = 1.0

    def rank(self, level: str = "95%", small_sample: bool = False) -> int:
        """Number of relations that the trace test finds at "90%", "95%" or "99%".

        small_sample: whether the statistics are multiplied by `small_sample` first.
        """
        one_of("level", level, LEVELS)
        trace = self.trace * (self.small_sample if small_sample else 1.0)
        rejected = trace > self.trace_critical[:, LEVELS.index(level)]
        return len(rejected) if rejected.all() else int(np.argmin(rejected))


@dataclass(frozen=True, eq=False)
class JohansenTest:
    """Johansen's test of a pair's legs. ts_ms: the newest bar it is of; rows: how many bars.

    result is None where there can be no test, and note says why.
    """

    ts_ms: int
    rows: int
    det_order: int | str
    lag_diff: int
    result: JohansenResult | None
    note: str = ""


def johansen(data: Any, *, det_order: int | str = 0, lag_diff: int = 1) -> JohansenResult:
    """Johansen's trace and maximum-eigenvalue tests of the number of cointegrating relations.

    data: shape (n, k), a column a series, k from 2 to 12, in any unit. det_order: -1 no
    deterministic term; 0 a constant, whose critical values hold for series that drift; 1 a
    linear trend, taken out beforehand; "rc" a constant restricted to the relations, for series
    that do not drift, as the prices of a pair seldom do. lag_diff: lagged changes in the model.

    Equal to statsmodels.tsa.vector_ar.vecm.coint_johansen for its orders -1, 0 and 1 and
    lag_diff of at least 1; without lags that takes the level after the change for the one
    before it, which is here. Critical values of MacKinnon, Haug and Michelis (1999), two legs
    with "rc" 20.26 and 9.16 at 95 % (trace); for "rc" those at 90 and 99 % are simulated where
    they were not published (`docs/scripts/johansen_critical.py`).

    Of driftless walks "rc" with one lag finds a relation at "95 %" in 4.4, 5.0 and 5.3 % for n
    of 1,000, 250 and 100, and in 9 % for 30, 6 % of them with `small_sample`; order 0 does in
    11 to 16 %.

    Raises ValueError for another shape, NaN inside, options out of range, too few rows, or
    series that are constant or collinear.

    Source: Johansen (1991), Econometrica 59(6); Johansen (1995), Likelihood-Based Inference in
    Cointegrated Vector Autoregressive Models, chapters 6 and 15; MacKinnon, Haug and Michelis
    (1999), J. Applied Econometrics 14(5). The small-sample factor after Reinsel and Ahn (1992),
    J. Time Series Analysis 13(4), who count one lag more.

    >>> walk = np.cumsum(np.sin(np.arange(300.0) ** 2))
    >>> pair = np.column_stack([walk + np.cos(np.arange(300.0) ** 3), walk])
    >>> test = johansen(pair, det_order="rc")
    >>> test.rank() >= 1, test.trace_critical.shape
    (True, (2, 3))
    >>> test.trace_critical[:, 1].round(2)
    array([20.26,  9.16])
    """
    columns = _checked(data, det_order, lag_diff)
    k = columns.shape[1]
    restricted = det_order == "rc"
    level = _without_trend(columns, det_order)
    before = np.column_stack([level, np.ones(len(level))]) if restricted else level
    eigenvalues, vectors = _canonical(np.diff(level, axis=0), before, det_order, lag_diff)
    rows = len(level) - 1 - lag_diff
    unexplained = -rows * np.log1p(-eigenvalues)
    return JohansenResult(
        trace=np.cumsum(unexplained[::-1])[::-1],
        max_eig=unexplained,
        trace_critical=np.array(TRACE_CRITICAL[det_order][k - 1 :: -1]),
        max_eig_critical=np.array(LARGEST_CRITICAL[det_order][k - 1 :: -1]),
        eigenvalues=eigenvalues,
        eigenvectors=vectors[:k],
        constants=(
            vectors[k] - columns.mean(axis=0) @ vectors[:k] if restricted else np.full(k, np.nan)
        ),
        small_sample=(rows - k * lag_diff) / rows,
    )


def _checked(data: Any, det_order: Any, lag_diff: Any) -> FloatArray:
    columns = table("data", data)
    k = columns.shape[1]
    if not 2 <= k <= MOST_SERIES:
        raise ValueError(f"data has shape {columns.shape}, expected (n, k) with k from 2 to 12")
    one_of("det_order", det_order, DET_ORDERS)
    lag_diff = whole("lag_diff", lag_diff, 0)
    need = k * (lag_diff + 2) + 2 + max(lag_diff, 1)
    if len(columns) < need:
        raise ValueError(
            f"data has {len(columns)} rows, expected at least {need} for lag_diff {lag_diff}"
        )
    for i, column in enumerate(columns.T):
        finite_series(f"data column {i}", column, 1)
    centred = _without_trend(columns, -1 if det_order == -1 else 0)
    sizes = np.sqrt((centred**2).sum(axis=0))
    if not (sizes > 0).all() or np.linalg.matrix_rank(centred / sizes) < k:
        raise ValueError("data has constant or collinear columns, expected independent ones")
    return columns


def _without_trend(columns: FloatArray, det_order: int | str) -> FloatArray:
    """The columns less their means, for order 1 also less their lines, for -1 as they are."""
    if det_order == -1:
        return columns
    centred = columns - columns.mean(axis=0)
    if det_order == 1:
        time = np.linspace(-1.0, 1.0, len(columns))
        centred = centred - np.outer(time, time @ centred / (time @ time))
    return centred


def _canonical(
    changes: FloatArray, before: FloatArray, det_order: int | str, lag_diff: int
) -> tuple[FloatArray, FloatArray]:
    """Squared canonical correlations, largest first, and the relations as columns (m, k).

    changes: shape (n - 1, k). before: the levels that stand before them, shape (n, m).
    """
    n, k = changes.shape
    rows, m = n - lag_diff, before.shape[1]
    explain = [changes[lag_diff - lag : n - lag] for lag in range(1, lag_diff + 1)]
    if det_order in (0, 1):
        explain.append(np.ones((rows, 1)))
    stacked = np.column_stack([*explain, before[lag_diff:-1], changes[lag_diff:]])
    first = stacked.shape[1] - m - k
    factor = _triangle(stacked)[first:, first:]
    levels, shared, alone = factor[:m, :m], factor[:m, m:], factor[m:, m:]
    scale = _triangle(np.vstack([shared, alone]))
    left, correlations, _ = np.linalg.svd(np.linalg.solve(scale.T, shared.T).T)
    vectors = np.linalg.solve(levels, left[:, :k]) * np.sqrt(rows)
    signs = np.sign(vectors[np.argmax(vectors != 0.0, axis=0), np.arange(k)])
    return np.minimum(correlations**2, 1.0 - np.finfo(np.float64).eps), vectors * signs


def _triangle(matrix: FloatArray) -> FloatArray:
    """The triangular factor of a QR decomposition."""
    return np.asarray(np.linalg.qr(matrix, mode="r"), dtype=np.float64)
