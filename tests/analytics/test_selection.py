"""Clusters of symbols: those that belong together are found, and what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import CountError, ParameterError
from analytics.selection import cluster_symbols


def sectors(seed: int, sizes: tuple[int, ...], loners: int = 0, own: float = 0.3) -> np.ndarray:
    """Returns of symbols that follow a sector each, and of some that follow none."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((400, len(sizes)))
    belong = np.repeat(np.arange(len(sizes)), sizes)
    followers = factors[:, belong] + own * rng.standard_normal((400, len(belong)))
    return np.column_stack([followers, rng.standard_normal((400, loners))])


def test_symbols_of_one_sector_are_one_cluster():
    labels = cluster_symbols(sectors(1, (6, 5, 4)), n_components=3)
    assert labels.tolist() == [0] * 6 + [1] * 5 + [2] * 4


def test_the_unit_of_returns_does_not_matter():
    returns = sectors(2, (5, 5), loners=4)
    scaled = returns * np.geomspace(1e-6, 1e6, returns.shape[1])
    np.testing.assert_array_equal(cluster_symbols(returns), cluster_symbols(scaled))


def test_where_a_symbol_did_not_trade_it_says_nothing():
    returns = sectors(3, (6, 6))
    gaps = returns.copy()
    gaps[np.random.default_rng(4).random(gaps.shape) < 0.05] = np.nan
    labels = cluster_symbols(gaps, n_components=2)
    first, second = set(labels[:6].tolist()), set(labels[6:].tolist())
    assert not (first & second) - {-1}, "no cluster holds symbols of both sectors"
    assert (labels >= 0).sum() >= 8


def test_what_cannot_be_clustered_is_refused():
    returns = sectors(5, (3, 3))
    with pytest.raises(CountError, match="returns has 2 symbols, expected 3 or more"):
        cluster_symbols(returns[:, :2])
    with pytest.raises(CountError, match="returns has 29 rows, expected 30 or more"):
        cluster_symbols(returns[:29])
    with pytest.raises(ParameterError, match="min_samples is 1"):
        cluster_symbols(returns, min_samples=1)
    with pytest.raises(ParameterError, match="min_samples is 7, expected 2 to 6"):
        cluster_symbols(returns, min_samples=7)
    with pytest.raises(ParameterError, match="n_components is 0"):
        cluster_symbols(returns, n_components=0)
    still = returns.copy()
    still[:, 4] = 0.001
    with pytest.raises(ParameterError, match="values that vary in column 4"):
        cluster_symbols(still)
    still[0, 0] = np.inf
    with pytest.raises(ParameterError, match="returns is inf"):
        cluster_symbols(still)
