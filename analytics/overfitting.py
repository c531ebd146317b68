"""How likely the best of many strategies is the best by chance.

Combinatorially symmetric cross-validation: the periods are cut into blocks, and every choice of
half of them is once the past, on which the strategy with the highest Sharpe ratio is chosen,
while the other half is the future in which it is ranked among all strategies. Where the chosen
one comes out in the lower half of the future as often as in the upper, choosing was worthless.

Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest
overfitting", J. Computational Finance 20(4).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics._cross_validation import (
    MOST_SPLITS,
    PboResult,
    checked_splits,
    cross_validate,
    split_ends,
)
from analytics.arrays import table
from analytics.model import FloatArray

__all__ = ["MOST_SPLITS", "PboResult", "probability_of_overfitting"]


def probability_of_overfitting(returns: Any, n_splits: int = 16) -> PboResult:
    """The probability that choosing the best of the columns overfits.

    returns: shape (n, k), periods by strategies, as fractions a period, complete; n at least
    2 n_splits, k at least 2. n_splits: the number of blocks, even, from 2 to 20; the periods
    are divided as equally as they can be. 16 give 12,870 choices. Measured by Sharpe ratio a
    period; a strategy that does not trade (no variation) has 0. Ratios that differ by 1e-10 or
    less tie, since that is what the same trades leave by rounding: they share the mean of their
    ranks, and of those that tie for the best the first is chosen. Deterministic.

    Raises ValueError for another shape or number of splits, or for NaN inside.

    >>> noise = np.sin(np.arange(3_000.0) ** 2).reshape(300, 10) / 100.0
    >>> luck = probability_of_overfitting(noise, n_splits=8)
    >>> noise[:, 3] += 0.01
    >>> probability_of_overfitting(noise, n_splits=8).pbo, luck.pbo > 0.0, len(luck.logits)
    (0.0, True, 70)
    """
    columns, n_splits = _checked(returns, n_splits)
    centre = columns.mean(axis=0)
    near = columns - centre
    ends = split_ends(len(columns), n_splits)
    counts = np.diff(ends, prepend=0).astype(np.float64)
    starts = ends - counts.astype(np.int64)
    sums, squares = (np.add.reduceat(part, starts, axis=0) for part in (near, near * near))
    return cross_validate(counts, centre, sums, squares)


def _checked(returns: Any, n_splits: Any) -> tuple[FloatArray, int]:
    columns = table("returns", returns)
    n_splits = checked_splits(n_splits)
    n, k = columns.shape
    if n < 2 * n_splits or k < 2:
        raise ValueError(
            f"returns has shape {columns.shape}, expected at least ({2 * n_splits}, 2)"
        )
    gaps = int(np.count_nonzero(~np.isfinite(columns)))
    if gaps:
        raise ValueError(f"returns is not finite at {gaps} places, expected at none")
    return columns, n_splits
