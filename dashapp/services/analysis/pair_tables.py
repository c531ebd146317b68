"""Every pair of a market side by side: tests and z-scores, and an order that groups symbols.

Pure: bars in, matrices out. Rows are the Y legs, columns the X legs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from analytics.model import Bars, FloatArray, IntArray, NotReady, PairParams
from analytics.readings import pair_readings
from analytics.selection import cluster_symbols
from analytics.standing import pair_standing
from dashapp.parameters.hedge import for_legs

#: Symbols whose pairs are all read; of more the first in their order.
MOST_SYMBOLS = 64
#: Fewer symbols than these are not told apart into clusters.
LEAST_CLUSTERED = 8
LEAST_RETURNS = 60


@dataclass(frozen=True, eq=False)
class PairTables:
    """Figures of every pair, shape (k, k) each, NaN where not known and on the diagonal.

    pvalue: of Engle-Granger's test over the rows in view. half_life: in bars. z: at the newest
    bar, as it was known at its close.
    """

    symbols: tuple[str, ...]
    pvalue: FloatArray
    half_life: FloatArray
    z: FloatArray


def pair_tables(bars: Mapping[str, Bars], params: PairParams) -> PairTables | NotReady:
    """Every pair of these symbols with the parameters of `params`, each leg as Y and as X.

    A locked hedge is of its own pair alone: the others have theirs fitted.

    NotReady with fewer than two symbols.
    """
    symbols = tuple(symbol for symbol, leg in bars.items() if len(leg))[:MOST_SYMBOLS]
    k = len(symbols)
    if k < 2:
        return NotReady(f"needs 2 symbols, has {k}", k, 2)
    pvalue, half_life, z = np.full((3, k, k), np.nan)
    for i, j in itertools.permutations(range(k), 2):
        y, x = bars[symbols[i]], bars[symbols[j]]
        pair = for_legs(params, symbols[i], symbols[j])
        standing = pair_standing(y, x, pair, 0.0)
        if isinstance(standing, NotReady):
            continue
        half_life[i, j] = np.nan if standing.half_life is None else standing.half_life
        newest = [int(max(y.ts_ms[-1], x.ts_ms[-1]))]
        read = pair_readings(y, x, pair, ("z", "engle_granger_pvalue"), newest)
        z[i, j], pvalue[i, j] = read["z"][0], read["engle_granger_pvalue"][0]
    return PairTables(symbols, pvalue, half_life, z)


def grouped_order(matrix: FloatArray, returns: FloatArray) -> IntArray:
    """An order of the symbols in which those that move together stand together, shape (k,).

    matrix: their correlations, shape (k, k), NaN where not known. returns: shape (n, k), NaN
    where a symbol did not trade. Clusters (`analytics.selection`) stay together, the largest
    first and what is in none last; within each the order is that of the leaves of a tree on the
    distance sqrt((1 - r) / 2), average linkage, with near leaves side by side.

    >>> r = np.array([[1.0, 0.1, 0.9], [0.1, 1.0, 0.2], [0.9, 0.2, 1.0]])
    >>> sorted(grouped_order(r, np.zeros((0, 3)))[[0, 1]].tolist())
    [0, 2]
    """
    k = len(matrix)
    if k < 3:
        return np.arange(k)
    distance = np.sqrt(np.clip(1.0 - np.nan_to_num(matrix), 0.0, 2.0) / 2.0)
    np.fill_diagonal(distance, 0.0)
    flat = squareform(0.5 * (distance + distance.T), checks=False)
    leaves = leaves_list(optimal_leaf_ordering(linkage(flat, "average"), flat))
    if leaves.tolist().index(0) > k // 2:
        leaves = leaves[::-1]  # either way is the same tree: the first symbol stands early
    labels = _clusters(returns, k)
    sizes = {label: int(np.count_nonzero(labels == label)) for label in labels.tolist()}
    rank = {int(symbol): place for place, symbol in enumerate(leaves)}

    def place_of(symbol: int) -> tuple[bool, int, int, int]:
        label = int(labels[symbol])
        return (label < 0, -sizes[label], label, rank[symbol])

    return np.array(sorted(range(k), key=place_of), np.int64)


def _clusters(returns: FloatArray, k: int) -> IntArray:
    """The cluster of each symbol; all in one where there is too little to tell them apart."""
    if k < LEAST_CLUSTERED or len(returns) < LEAST_RETURNS:
        return np.zeros(k, np.int64)
    try:
        return cluster_symbols(returns)
    except ValueError:  # a symbol that does not vary
        return np.zeros(k, np.int64)
