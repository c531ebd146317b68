"""How many times faster than the named peer, in the same run; run with -m bench -s.

A ratio compares the best of several runs of each, so that a busy machine slows both. Each
test prints its line before it judges it. arch is measured where it is installed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from analytics.cointegration import engle_granger, engle_granger_batch
from analytics.model import LAG_METHODS, Bars, PairParams
from analytics.pair import analyze_pair
from analytics.stationarity import adf, half_life, hurst, rolling_adf

pytestmark = pytest.mark.bench


@pytest.fixture(autouse=True)
def _one_blas_thread():
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def seconds(function: Callable[[], object], runs: int) -> float:
    """The best time of `runs` calls, after one that compiles and fills caches."""
    function()
    best = np.inf
    for _ in range(runs):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def say(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():
        print(f"\n  {words}", end="")


def walk(n: int, seed: int = 0) -> np.ndarray:
    return 100.0 + np.cumsum(np.random.default_rng(seed).standard_normal(n))


def pair(n: int) -> tuple[np.ndarray, np.ndarray]:
    x = walk(n)
    return 2.0 * x + walk(n, 1), x


@pytest.mark.parametrize(("n", "times"), [(200, 300), (1_000, 700), (5_000, 1_500)])
def test_adf_against_statsmodels(n: int, times: float, capsys) -> None:
    from statsmodels.tsa.stattools import adfuller

    x = walk(n)
    ours = seconds(lambda: adf(x), 400)
    theirs = seconds(lambda: adfuller(x, result_object=False), 7)
    say(capsys, f"adf n={n}: {ours * 1e6:.1f} us, statsmodels {theirs * 1e3:.2f} ms, "
        f"{theirs / ours:.0f} times (wanted {times})")  # fmt: skip
    assert theirs / ours >= times


def test_adf_against_arch(capsys) -> None:
    unitroot = pytest.importorskip("arch.unitroot", reason="arch is absent")
    x = walk(1_000)
    ours = seconds(lambda: adf(x), 400)
    theirs = seconds(lambda: unitroot.ADF(x, method="aic").pvalue, 15)
    say(capsys, f"adf n=1000: {ours * 1e6:.1f} us, arch {theirs * 1e3:.2f} ms, "
        f"{theirs / ours:.0f} times (wanted 150)")  # fmt: skip
    assert theirs / ours >= 150


def batch_seconds(pairs: int) -> float:
    """Seconds a pair, over `pairs` pairs of 100 walks of 1,000 bars, on one core."""
    rng = np.random.default_rng(2)
    closes = 100.0 + np.cumsum(rng.standard_normal((1_000, 100)), axis=0)
    assert len(engle_granger_batch(closes).pairs) == pairs
    return seconds(lambda: engle_granger_batch(closes), 7) / pairs


def test_many_pairs_against_statsmodels(capsys) -> None:
    from statsmodels.tsa.stattools import coint

    y, x = pair(1_000)
    ours = batch_seconds(4_950)
    theirs = seconds(lambda: coint(y, x), 5)
    say(capsys, f"4,950 Engle-Granger tests: {1 / ours:,.0f} pairs/s, statsmodels "
        f"{1 / theirs:.0f}, {theirs / ours:.0f} times (wanted 1500)")  # fmt: skip
    assert theirs / ours >= 1_500


def test_many_pairs_against_arch(capsys) -> None:
    unitroot = pytest.importorskip("arch.unitroot", reason="arch is absent")
    y, x = pair(1_000)
    ours = batch_seconds(4_950)
    theirs = seconds(lambda: unitroot.engle_granger(y, x).pvalue, 5)
    say(capsys, f"4,950 Engle-Granger tests: arch {1 / theirs:.0f} pairs/s, "
        f"{theirs / ours:.0f} times (wanted 400)")  # fmt: skip
    assert theirs / ours >= 400


def test_adf_equals_statsmodels_on_long_series_too() -> None:
    from statsmodels.tsa.stattools import adfuller

    rng = np.random.default_rng(3)
    for i in range(48):
        n = (1_000, 2_500)[i % 2]
        steps = rng.standard_normal(n)
        x = 60_000.0 + np.cumsum(steps) if i % 3 else steps + 5.0 * np.sin(np.arange(n) / 7.0)
        trend = ("n", "c", "ct", "ctt")[i % 4]
        lag_method = (*LAG_METHODS, None)[(i // 4) % 4]
        found = adf(x, trend=trend, lag_method=lag_method)
        expected = adfuller(x, regression=trend, autolag=lag_method, result_object=True)
        assert found.used_lag == expected.lags
        assert found.statistic == pytest.approx(expected.statistic, abs=1e-8, rel=1e-8)
        assert found.pvalue == pytest.approx(expected.pvalue, abs=1e-8)


def bars(symbol: str, close: np.ndarray) -> Bars:
    n = len(close)
    ones = np.ones(n)
    counts = np.ones(n, np.int64)
    return Bars(symbol, "1s", np.arange(n) * 1_000, *[close] * 4, ones, counts, close)


@pytest.mark.parametrize("hedge", ["ols", "huber"])
def test_a_whole_snapshot_of_a_thousand_bars(hedge: str, capsys) -> None:
    y, x = pair(1_000)
    legs = bars("Y", y), bars("X", x)
    params = PairParams("Y", "X", hedge=hedge)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        analyze_pair(*legs, params)
        times.append(time.perf_counter() - start)
    best, median = 1e3 * min(times), 1e3 * float(np.median(times))
    say(capsys, f"snapshot, 1,000 bars, {hedge}: median {median:.2f} ms, best {best:.2f} ms")


def test_the_cost_of_a_snapshot_does_not_grow_with_the_bars_behind_it(capsys) -> None:
    params = PairParams("Y", "X")
    costs = {}
    for n in (1_000, 20_000):
        y, x = pair(n)
        legs = bars("Y", y), bars("X", x)
        costs[n] = seconds(lambda legs=legs: analyze_pair(*legs, params), 100)
    say(capsys, f"snapshot of the newest 1,000 of 20,000 bars: {costs[20_000] / costs[1_000]:.2f} "
        "times that of 1,000")  # fmt: skip
    assert costs[20_000] <= 2 * costs[1_000]


def test_the_parts_of_a_snapshot(capsys) -> None:
    y, x = pair(1_000)
    spread = y - 2.0 * x
    parts: dict[str, Callable[[], object]] = {
        "adf": lambda: adf(spread),
        "engle_granger": lambda: engle_granger(y, x),
        "rolling_adf, 111 windows of 120": lambda: rolling_adf(spread, 120, 8),
        "half_life": lambda: half_life(spread),
        "hurst": lambda: hurst(spread),
    }
    for name, part in parts.items():
        say(capsys, f"{name}: {seconds(part, 200) * 1e6:.0f} us")
