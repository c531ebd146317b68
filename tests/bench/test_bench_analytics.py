"""Rolling moments, Kalman, Huber and Theil-Sen against the named peer, in the same run.

Run with -m bench -s. A ratio is that of the best times of several calls; each test prints
its line before it judges it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from analytics.hedge import fit_hedge
from analytics.kalman import kalman_hedge
from analytics.rolling import rolling_corr, rolling_ols, rolling_zscore

pytestmark = pytest.mark.bench


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture
def ratio(capsys) -> Callable[..., float]:
    """ratio(what, ours, peer_name, peer, runs): how many times faster ours is; prints it."""

    def best(function: Callable[[], object], runs: int) -> float:
        function()  # compiles, fills caches
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        return min(times)

    def compare(
        what: str,
        ours: Callable[[], object],
        peer_name: str,
        peer: Callable[[], object],
        runs: int = 20,
    ) -> float:
        mine, theirs = best(ours, 300), best(peer, runs)
        with capsys.disabled():
            times = f"{mine * 1e6:,.0f} us against {theirs * 1e6:,.0f} us of {peer_name}"
            print(f"\n  {what}: {theirs / mine:,.0f}x ({times})", end="")
        return theirs / mine

    return compare


def legs(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = 60_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, n)))
    return 0.05 * x + rng.standard_t(3, n), x


def test_rolling_z_against_pandas(ratio):
    y, _ = legs(1_000)
    series = pd.Series(y)

    def peer():
        window = series.rolling(60)
        return (series - window.mean()) / window.std()

    assert ratio("rolling z, 1,000 bars", lambda: rolling_zscore(y, 60), "pandas", peer) >= 10


def test_rolling_correlation_against_pandas(ratio):
    y, x = legs(1_000)
    a, b = pd.Series(y), pd.Series(x)
    times = ratio(
        "rolling correlation, 1,000 bars",
        lambda: rolling_corr(y, x, 60),
        "pandas",
        lambda: a.rolling(60).corr(b),
    )
    assert times >= 3


def test_rolling_ols_against_statsmodels(ratio):
    from statsmodels.regression.rolling import RollingOLS

    y, x = legs(1_000)
    design = np.column_stack([x, np.ones(len(x))])
    times = ratio(
        "rolling OLS, 1,000 bars",
        lambda: rolling_ols(y, x, 60),
        "statsmodels' RollingOLS",
        lambda: RollingOLS(y, design, window=60).fit(params_only=True),
        runs=5,
    )
    assert times >= 100


def numpy_kalman(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The filter as it is usually written: 2 x 2 arrays, a bar at a time."""
    theta, p, walk = np.zeros(2), np.zeros((2, 2)), 1e-4 / (1 - 1e-4) * np.eye(2)
    states = np.empty((len(y), 2))
    for t in range(len(y)):
        if t:
            p = p + walk
        h = np.array([x[t], 1.0])
        variance = h @ p @ h + 1e-3
        gain = p @ h / variance
        theta = theta + gain * (y[t] - h @ theta)
        p = p - np.outer(gain, h) @ p
        states[t] = theta
    return states


def test_kalman_against_a_numpy_loop(ratio):
    y, x = legs(500)
    times = ratio(
        "Kalman, 500 bars",
        lambda: kalman_hedge(y, x),
        "a NumPy loop",
        lambda: numpy_kalman(y, x),
        runs=5,
    )
    assert times >= 100


def test_huber_against_statsmodels_rlm(ratio):
    import statsmodels.api as sm

    y, x = legs(500)
    design = sm.add_constant(x)
    times = ratio(
        "Huber, 500 bars",
        lambda: fit_hedge(y, x, "huber"),
        "statsmodels' RLM",
        lambda: sm.RLM(y, design).fit(),
        runs=5,
    )
    assert times >= 20


def test_theil_sen_against_scikit_learn(ratio):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is absent")
    y, x = legs(500)
    times = ratio(
        "Theil-Sen, 500 bars",
        lambda: fit_hedge(y, x, "theil_sen"),
        "scikit-learn's TheilSenRegressor",
        lambda: linear_model.TheilSenRegressor(random_state=0).fit(x[:, None], y),
        runs=1,
    )
    assert times >= 100


@pytest.mark.parametrize("n", [1_000, 5_000, 20_000])
def test_theil_sen_against_all_slopes(n, ratio):
    y, x = legs(n)
    few = min(n, 5_000)

    def peer():
        i, j = np.triu_indices(few, 1)
        return np.median((y[j] - y[i]) / (x[j] - x[i]))

    name = f"NumPy's median of all slopes of {few:,} bars"
    what = f"Theil-Sen, {n:,} bars"
    assert ratio(what, lambda: fit_hedge(y, x, "theil_sen"), name, peer, runs=1) >= 10
