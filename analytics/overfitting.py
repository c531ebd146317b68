"""How likely the best of many strategies is the best by chance.

Combinatorially symmetric cross-validation: the periods are cut into blocks, and every choice of
half of them is once the past, on which the strategy with the highest Sharpe ratio is chosen,
while the other half is the future in which it is ranked among all strategies. Where the chosen
one comes out in the lower half of the future as often as in the upper, choosing was worthless.

Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest
overfitting", J. Computational Finance 20(4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from analytics._kernels.overfitting import best_of_past, sharpe_ratios
from analytics.arrays import table, whole
from analytics.model import FloatArray, ParameterError, frozen

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


def probability_of_overfitting(returns: Any, n_splits: int = 16) -> PboResult:
    """The probability that choosing the best of the columns overfits.

    returns: shape (n, k), periods by strategies, as fractions a period, complete; n at least
    2 n_splits, k at least 2. n_splits: the number of blocks, even, from 2 to 20; the periods
    are divided as equally as they can be. 16 give 12,870 choices. Measured by Sharpe ratio a
    period; a strategy that does not trade (no variation) has 0. Strategies that tie share the
    mean of their ranks; of those that tie for the best the first is chosen. Deterministic.

    Raises ValueError for another shape or number of splits, or for NaN inside.

    >>> noise = np.sin(np.arange(3_000.0) ** 2).reshape(300, 10) / 100.0
    >>> luck = probability_of_overfitting(noise, n_splits=8)
    >>> noise[:, 3] += 0.01
    >>> probability_of_overfitting(noise, n_splits=8).pbo, luck.pbo > 0.0, len(luck.logits)
    (0.0, True, 70)
    """
    columns, n_splits = _checked(returns, n_splits)
    blocks = _blocks(columns, n_splits)
    chosen = _choices(n_splits)
    half = len(chosen) // 2
    first, second, logits = np.empty((3, len(chosen)))
    part = max(1, _PART // columns.shape[1])
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


def _checked(returns: Any, n_splits: Any) -> tuple[FloatArray, int]:
    columns = table("returns", returns)
    n_splits = whole("n_splits", n_splits, 2)
    if n_splits % 2 or n_splits > MOST_SPLITS:
        raise ParameterError("n_splits", n_splits, f"an even number from 2 to {MOST_SPLITS}")
    n, k = columns.shape
    if n < 2 * n_splits or k < 2:
        raise ValueError(
            f"returns has shape {columns.shape}, expected at least ({2 * n_splits}, 2)"
        )
    gaps = int(np.count_nonzero(~np.isfinite(columns)))
    if gaps:
        raise ValueError(f"returns is not finite at {gaps} places, expected at none")
    return columns, n_splits


@lru_cache(maxsize=8)
def _choices(n_splits: int) -> FloatArray:
    """Every choice of half of the blocks as a row of ones and zeros."""
    halves = np.array(list(combinations(range(n_splits), n_splits // 2)))
    chosen = np.zeros((len(halves), n_splits))
    np.put_along_axis(chosen, halves, 1.0, axis=1)
    return frozen(chosen, np.float64)


def _blocks(
    columns: FloatArray, n_splits: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Rows a block, the columns' means, and sums and squares about them a block and column."""
    centre = columns.mean(axis=0)
    near = columns - centre
    starts = np.array([part[0] for part in np.array_split(np.arange(len(columns)), n_splits)])
    counts = np.diff(np.append(starts, len(columns))).astype(np.float64)
    return (
        counts,
        centre,
        np.add.reduceat(near, starts, axis=0),
        np.add.reduceat(near * near, starts, axis=0),
    )


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
