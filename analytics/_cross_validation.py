"""Combinatorially symmetric cross-validation on the sums of blocks of periods.

Public in `analytics.overfitting`. The Sharpe ratio of any choice of blocks follows from how many
periods each has, and from the sums of the returns in it and of their squares: of ten thousand
cells of a sweep no return a bar has to be kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from analytics._kernels.overfitting import best_of_past, sharpe_ratios
from analytics.arrays import whole
from analytics.model import FloatArray, IntArray, ParameterError, frozen

#: Choices of blocks are worked off in parts of so many figures, to bound memory.
_PART = 2_000_000
MOST_SPLITS = 20


@dataclass(frozen=True, eq=False)
class PboResult:
    """Probability of back-test overfitting.

    pbo: share of the choices in which the strategy that was best in one half of the periods is
    at or below the median in the other, 0 to 1. slope: of the chosen strategy's Sharpe ratio in
    the second half on that in the first, by least squares; NaN where the first does not vary.
    p_loss: share of the choices in which the chosen one lost in the second half. logits: of its
    relative rank there, shape (choices,), below 0 in the lower half.
    """

    pbo: float
    slope: float
    p_loss: float
    logits: FloatArray


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Returns of strategies in blocks of periods that follow one another.

    counts: periods of each, shape (blocks,); sums, squares: of the returns and of their squares,
    shape (strategies, blocks). The blocks are those of `block_ends`, so that they make up every
    division of the periods that `overfitting` knows.
    """

    counts: FloatArray
    sums: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, ends: IntArray, sums: FloatArray) -> BlockSums:
        """ends: of the blocks, in periods; sums: of both kinds, shape (strategies, blocks, 2)."""
        columns = (frozen(column, np.float64) for column in np.moveaxis(sums, 2, 0))
        return cls(np.diff(ends, prepend=0).astype(np.float64), *columns)

    def overfitting(self, n_splits: int) -> PboResult | None:
        """`probability_of_overfitting` of the returns; None of too few of either.

        Raises ValueError where n_splits is not even, or not from 2 to MOST_SPLITS.
        """
        n_splits = checked_splits(n_splits)
        periods = int(self.counts.sum())
        if len(self.sums) < 2 or periods < 2 * n_splits:
            return None
        starts = np.concatenate(([0], split_ends(periods, n_splits)[:-1]))
        places = np.searchsorted(np.cumsum(self.counts) - self.counts, starts)
        counts, sums, squares = (
            np.add.reduceat(part, places, axis=-1)
            for part in (self.counts, self.sums, self.squares)
        )
        return cross_validate(counts, np.zeros(len(sums)), sums.T, squares.T)


def checked_splits(n_splits: Any) -> int:
    """An even number of blocks. Raises ParameterError."""
    n_splits = whole("n_splits", n_splits, 2)
    if n_splits % 2 or n_splits > MOST_SPLITS:
        raise ParameterError("n_splits", n_splits, f"an even number from 2 to {MOST_SPLITS}")
    return n_splits


def split_ends(periods: int, n_splits: int) -> IntArray:
    """How many periods there are up to the end of each part, divided as equally as can be.

    >>> split_ends(11, 4)
    array([ 3,  6,  9, 11])
    """
    part, rest = divmod(periods, n_splits)
    number = np.arange(1, n_splits + 1)
    return number * part + np.minimum(number, rest)


def block_ends(periods: int) -> IntArray:
    """The ends of every part of every division into 2, 4 ... MOST_SPLITS: 73 at most.

    >>> block_ends(4).tolist(), len(block_ends(10_000))
    ([1, 2, 3, 4], 73)
    """
    divisions = [split_ends(periods, parts) for parts in range(2, MOST_SPLITS + 1, 2)]
    ends: IntArray = np.unique(np.concatenate(divisions))
    return ends[ends > 0]


def cross_validate(
    counts: FloatArray, centre: FloatArray, sums: FloatArray, squares: FloatArray
) -> PboResult:
    """What `probability_of_overfitting` says of blocks.

    counts: periods a block, shape (blocks,); centre: shape (k,); sums, squares: of the returns
    less the centre, a block and strategy, shape (blocks, k).
    """
    chosen = _choices(len(counts))
    half = len(chosen) // 2
    first, second, logits = np.empty((3, len(chosen)))
    part = max(1, _PART // len(centre))
    blocks = (counts, centre, np.ascontiguousarray(sums), np.ascontiguousarray(squares))
    for start in range(0, half, part):
        rows = slice(start, min(start + part, half))
        # The choices are in lexical order, so that the last is the complement of the first.
        others = slice(len(chosen) - rows.stop, len(chosen) - rows.start)
        here, there = _sharpe(chosen[rows], *blocks), _sharpe(chosen[others], *blocks)
        first[rows], second[rows], logits[rows] = best_of_past(here, there[::-1])
        first[others], second[others], logits[others] = best_of_past(there, here[::-1])
    return PboResult(
        pbo=float(np.mean(logits <= 0.0)),
        slope=_slope(first, second),
        p_loss=float(np.mean(second < 0.0)),
        logits=frozen(logits, np.float64),
    )


@lru_cache(maxsize=8)
def _choices(n_splits: int) -> FloatArray:
    """Every choice of half of the blocks as a row of ones and zeros."""
    halves = np.array(list(combinations(range(n_splits), n_splits // 2)))
    chosen = np.zeros((len(halves), n_splits))
    np.put_along_axis(chosen, halves, 1.0, axis=1)
    return frozen(chosen, np.float64)


def _sharpe(
    chosen: FloatArray,
    counts: FloatArray,
    centre: FloatArray,
    sums: FloatArray,
    squares: FloatArray,
) -> FloatArray:
    """Sharpe ratio (ddof 1) of each column over each choice of blocks, shape (choices, k)."""
    ratios: FloatArray = sharpe_ratios(chosen @ sums, chosen @ squares, chosen @ counts, centre)
    return ratios


def _slope(first: FloatArray, second: FloatArray) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    if np.count_nonzero(known) < 2:
        return math.nan
    near = first[known] - first[known].mean()
    length = float(near @ near)
    if not length > 1e-24 * max(1.0, float(first[known] @ first[known])):
        return math.nan
    return float(near @ (second[known] - second[known].mean())) / length
