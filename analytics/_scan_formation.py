"""Engle-Granger's tests of a scan, in blocks of pairs for any mapper, and their adjustment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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
    """Tests of pairs (i, j), a row a pair. pvalue: shape (p, 2), of i on j, then of j on i.
    second: whether the second is the better one; statistic, beta: of the better one, so that what
    comes from a cluster is not more than is needed. rows: in which both traded.
    """

    pvalue: FloatArray
    second: BoolArray
    statistic: FloatArray
    beta: FloatArray
    rows: CountArray


@dataclass(frozen=True, eq=False)
class Candidates:
    """Which pairs are tested: all of the symbols kept, or those of one cluster.

    clusters: of each symbol kept, None where all pairs are candidates. Sent to another process it
    is without its pairs, which are many: they are made there.
    """

    kept: IntArray
    clusters: IntArray | None

    @cached_property
    def pairs(self) -> CountArray:
        """Numbers of the symbols, shape (p, 2)."""
        if self.clusters is None:
            return all_pairs(self.kept)
        return pairs_inside(self.clusters, self.kept)

    def __reduce__(self) -> tuple[Any, ...]:
        """As it goes to another process."""
        return Candidates, (self.kept, self.clusters)


@dataclass(frozen=True, eq=False)
class PairTester:
    """Tests blocks of pairs. Can be sent to another process, once for all blocks.

    values: log closes of the formation, shape (m, n), those of complete rows about their mean.
    """

    candidates: Candidates
    values: FloatArray
    complete: BoolArray
    least: int
    method: int

    def __call__(self, block: slice) -> Tested:
        """The tests of a block of the pairs."""
        pairs = self.candidates.pairs[block]
        out = np.empty((len(pairs), 5))
        polys = kernel.trend_columns(self.values.shape[1], 0)
        scan.both_orders(self.values, self.complete, pairs, self.least, polys, self.method, out)
        self._look_again(pairs, out)
        statistic = out[:, [scan.FIRST_STATISTIC, scan.SECOND_STATISTIC]]
        rows = out[:, scan.ROWS].astype(np.int32)
        beta = out[:, [scan.FIRST_BETA, scan.SECOND_BETA]]
        pvalue = _pvalues(statistic, rows)
        second = _second_is_better(pvalue, statistic)
        return Tested(pvalue, second, chosen(statistic, second), chosen(beta, second), rows)

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


def _second_is_better(pvalue: FloatArray, statistic: FloatArray) -> BoolArray:
    """Whether a pair's second order is the better one; the first is of equals."""
    (first, other), (one, two) = pvalue.T, statistic.T
    better = (other < first) | ((other == first) & (two < one))
    better |= np.isnan(first) & ~np.isnan(other)
    return np.asarray(better, np.bool_)


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


def pair_tester(world: Universe, params: ScanParams, candidates: Candidates) -> PairTester:
    """The tester of a universe's candidates on its formation."""
    stretch = world.formation
    values = np.ascontiguousarray(world.logs[:, stretch.start : stretch.stop])
    complete = np.asarray(~np.isnan(values).any(axis=1) & (stretch.bars > 0), np.bool_)
    if complete.any():
        values[complete] -= values[complete].mean(axis=1, keepdims=True)
    least = least_rows(stretch, LEAST_FORMATION, params.min_traded / 2.0)
    return PairTester(candidates, values, complete, least, LAG_METHODS[params.bouncing])


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


def blocks(count: int) -> list[slice]:
    """So many pairs in blocks, whose results do not depend on how they are cut."""
    size = min(max(count // BLOCKS, LEAST_BLOCK), MOST_BLOCK)
    return [slice(start, start + size) for start in range(0, count, size)]


def run_tests(tester: PairTester, run_all: Mapper, progress: Callable[[float], None]) -> Tested:
    """Test all pairs, block by block."""
    count = len(tester.candidates.pairs)
    statistic, beta, pvalue = np.empty(count), np.empty(count), np.empty((count, 2))
    second, rows = np.empty(count, np.bool_), np.empty(count, np.int32)
    at = 0
    for part in run_all(tester, blocks(count)):
        done = slice(at, at + len(part.rows))
        pvalue[done], second[done], rows[done] = part.pvalue, part.second, part.rows
        statistic[done], beta[done] = part.statistic, part.beta
        at = done.stop
        progress(at / count)
    return Tested(pvalue, second, statistic, beta, rows)


@dataclass(frozen=True, eq=False)
class Formed:
    """The pairs in their better order, shape (p,): y, x and the figures of that order's test.

    kept_tests: how many tests of both orders the adjustment kept.
    """

    y: CountArray
    x: CountArray
    second: BoolArray
    statistic: FloatArray
    pvalue: FloatArray
    adjusted: FloatArray
    beta: FloatArray
    rows: CountArray
    kept_tests: int


def formed(pairs: CountArray, tests: Tested, rules: ScanParams) -> Formed:
    """Adjust all tests together, and take the better order of each pair, the first of equals."""
    adjusted = adjust_pvalues(tests.pvalue.ravel(), rules.correction).reshape(-1, 2)
    second = tests.second
    return Formed(
        y=chosen(pairs, second),
        x=chosen(pairs, ~second),
        second=second,
        statistic=tests.statistic,
        pvalue=chosen(tests.pvalue, second),
        adjusted=chosen(adjusted, second),
        beta=tests.beta,
        rows=tests.rows,
        kept_tests=int(np.count_nonzero(adjusted[np.isfinite(tests.statistic)] <= rules.q)),
    )


def chosen(columns: Any, second: BoolArray) -> Any:
    """Of two columns, shape (p, 2), the second where it is chosen, else the first."""
    return np.where(second, columns[:, 1], columns[:, 0])
