"""Engle-Granger's tests of a scan, in blocks of pairs for any mapper, and their adjustment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analytics import mackinnon
from analytics._columns import CountArray
from analytics._dickey_fuller import lag_limit, residual_statistic
from analytics._kernels import adf as kernel
from analytics._kernels import scan
from analytics._scan_types import ScanParams
from analytics._scan_universe import LEAST_FORMATION, Universe, least_rows
from analytics._sweep_work import Mapper
from analytics.cointegration import ASYMPTOTIC_ROWS
from analytics.model import BoolArray, FloatArray, IntArray, ParameterError
from analytics.multiple import adjust_pvalues

#: Pairs of a block: between these, and about so many blocks.
LEAST_BLOCK, MOST_BLOCK, BLOCKS = 250, 10_000, 64
#: More symbols than these would have more pairs than a machine's memory holds.
MOST_SYMBOLS = 3_000
#: Lags of legs that bounce are chosen by the criterion that stands it.
LAG_METHODS = {"leave": kernel.AIC, "maic": kernel.MAIC}


class Tested(NamedTuple):
    """Tests of pairs (i, j), one row a pair: i on j, then j on i. rows: in which both traded."""

    statistic: FloatArray
    beta: FloatArray
    pvalue: FloatArray
    rows: CountArray


@dataclass(frozen=True, eq=False)
class PairTester:
    """Tests blocks of pairs. Can be sent to another process.

    values: log closes of the formation, shape (m, n), those of complete rows about their mean.
    """

    values: FloatArray
    complete: BoolArray
    least: int
    method: int

    def __call__(self, pairs: CountArray) -> Tested:
        """The tests of pairs, shape (p, 2)."""
        out = np.empty((len(pairs), 5))
        polys = kernel.trend_columns(self.values.shape[1], 0)
        scan.both_orders(self.values, self.complete, pairs, self.least, polys, self.method, out)
        self._look_again(pairs, out)
        statistic = out[:, [scan.FIRST_STATISTIC, scan.SECOND_STATISTIC]]
        rows = out[:, scan.ROWS].astype(np.int32)
        beta = out[:, [scan.FIRST_BETA, scan.SECOND_BETA]]
        return Tested(statistic, beta, _pvalues(statistic, rows), rows)

    def _look_again(self, pairs: CountArray, out: FloatArray) -> None:
        """Orthogonalise where the kernel declined."""
        for first in (scan.FIRST_STATISTIC, scan.SECOND_STATISTIC):
            declined = np.isnan(out[:, first]) & ~np.isnan(out[:, first + 1])
            for p in np.flatnonzero(declined):
                order = pairs[p] if first == scan.FIRST_STATISTIC else pairs[p, ::-1]
                y, x = self.values[order]
                common = ~(np.isnan(y) | np.isnan(x))
                y, x = y[common] - y[common].mean(), x[common] - x[common].mean()
                limit = lag_limit(len(y), 0, None)
                result = residual_statistic(y - out[p, first + 1] * x, limit, self.method)
                out[p, first] = result[0]


def _pvalues(statistic: FloatArray, rows: CountArray) -> FloatArray:
    """MacKinnon's p-values, of short samples by their own critical values."""
    pvalues = np.full(statistic.shape, np.nan)
    known = ~np.isnan(statistic).all(axis=1)
    for n in np.unique(np.minimum(rows[known], ASYMPTOTIC_ROWS)).tolist():
        which = known & (np.minimum(rows, ASYMPTOTIC_ROWS) == n)
        n_obs = n - 1 if n < ASYMPTOTIC_ROWS else math.inf
        flat = mackinnon.pvalues(statistic[which].ravel(), "c", 2, n_obs)
        pvalues[which] = flat.reshape(-1, 2)
    return pvalues


def pair_tester(world: Universe, params: ScanParams) -> PairTester:
    """The tester of a universe's formation."""
    stretch = world.formation
    values = np.ascontiguousarray(world.logs[:, stretch.start : stretch.stop])
    complete = np.asarray(~np.isnan(values).any(axis=1) & (stretch.bars > 0), np.bool_)
    if complete.any():
        values[complete] -= values[complete].mean(axis=1, keepdims=True)
    least = least_rows(stretch, LEAST_FORMATION, params.min_traded / 2.0)
    return PairTester(values, complete, least, LAG_METHODS[params.bouncing])


def all_pairs(kept: IntArray) -> CountArray:
    """Every pair of the numbers, shape (p, 2)."""
    if len(kept) > MOST_SYMBOLS:
        raise ParameterError("closes", f"{len(kept):,} symbols", f"{MOST_SYMBOLS:,} at most")
    m, symbols = len(kept), kept.astype(np.int32)
    pairs = np.empty((m * (m - 1) // 2, 2), np.int32)
    at = 0
    for i in range(m - 1):
        stop = at + m - 1 - i
        pairs[at:stop, 0], pairs[at:stop, 1] = symbols[i], symbols[i + 1 :]
        at = stop
    return pairs


def pairs_inside(clusters: IntArray, kept: IntArray) -> CountArray:
    """Every pair of one cluster, shape (p, 2), in the order of `all_pairs`."""
    parts = [all_pairs(kept[clusters == label]) for label in np.unique(clusters[clusters >= 0])]
    pairs: CountArray = np.concatenate(parts) if parts else np.empty((0, 2), np.int32)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def blocks(pairs: CountArray) -> list[CountArray]:
    """The pairs in blocks, whose results do not depend on how they are cut."""
    size = min(max(len(pairs) // BLOCKS, LEAST_BLOCK), MOST_BLOCK)
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def run_tests(
    tester: PairTester, pairs: CountArray, run_all: Mapper, progress: Callable[[float], None]
) -> Tested:
    """Test all pairs, block by block."""
    count = len(pairs)
    statistic, beta, pvalue = (np.empty((count, 2)) for _ in range(3))
    rows = np.empty(count, np.int32)
    at = 0
    for part in run_all(tester, blocks(pairs)):
        stop = at + len(part.rows)
        statistic[at:stop], beta[at:stop], pvalue[at:stop], rows[at:stop] = part
        at = stop
        progress(at / count)
    return Tested(statistic, beta, pvalue, rows)


@dataclass(frozen=True, eq=False)
class Formed:
    """The pairs in their better order, shape (p,): y, x and the figures of that order's test."""

    y: CountArray
    x: CountArray
    second: BoolArray
    statistic: FloatArray
    pvalue: FloatArray
    adjusted: FloatArray
    beta: FloatArray
    rows: CountArray


def formed(pairs: CountArray, tests: Tested, correction: str) -> Formed:
    """Adjust all tests together, and take the better order of each pair, the first of equals."""
    adjusted = adjust_pvalues(tests.pvalue.ravel(), correction).reshape(-1, 2)
    better = tests.pvalue[:, 1] < tests.pvalue[:, 0]
    better |= (tests.pvalue[:, 1] == tests.pvalue[:, 0]) & (
        tests.statistic[:, 1] < tests.statistic[:, 0]
    )
    better |= np.isnan(tests.pvalue[:, 0]) & ~np.isnan(tests.pvalue[:, 1])

    def chosen(columns: FloatArray) -> FloatArray:
        return np.where(better, columns[:, 1], columns[:, 0])

    return Formed(
        y=np.where(better, pairs[:, 1], pairs[:, 0]),
        x=np.where(better, pairs[:, 0], pairs[:, 1]),
        second=better,
        statistic=chosen(tests.statistic),
        pvalue=chosen(tests.pvalue),
        adjusted=chosen(adjusted),
        beta=chosen(tests.beta),
        rows=tests.rows,
    )
