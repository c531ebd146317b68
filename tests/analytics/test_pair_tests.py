"""What a pair's tests rest on: no rounding, and a fit's quantiles only where there was a fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from analytics._one_line import ONE_LINE
from analytics._pair_parts import traded_rows
from analytics._pair_tests import NO_INTERVAL, pair_tests
from analytics.alignment import align
from analytics.model import Bars, PairParams, PairSnapshot
from analytics.pair import analyze_pair, break_even_z
from analytics.readings import pair_readings
from analytics.standing import pair_standing
from analytics.stationarity import half_life_interval


def bars(symbol: str, close: np.ndarray) -> Bars:
    times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


def pair(seed: int = 0, alpha: float = 0.0, rho: float = 0.9) -> tuple[Bars, Bars]:
    """Y = 3 X + alpha + an AR(1) of 300 rows; X is a walk that starts at 50."""
    rng = np.random.default_rng(seed)
    x = 50.0 + 0.5 * np.cumsum(rng.standard_normal(300))
    spread = lfilter([1.0], [1.0, -rho], 0.2 * rng.standard_normal(300))
    return bars("Y", alpha + 3.0 * x + spread), bars("X", x)


def analyzed(legs: tuple[Bars, Bars], **options) -> PairSnapshot:
    snapshot = analyze_pair(*legs, PairParams("Y", "X", **options))
    assert isinstance(snapshot, PairSnapshot)
    return snapshot


@pytest.mark.parametrize(
    ("method", "fitted"),
    [("ols", True), ("huber", True), ("theil_sen", True), ("tls", True), ("kalman", False)],
)
def test_only_a_regressions_residual_has_the_quantiles_of_one(method, fitted):
    snapshot = analyzed(pair(), hedge=method)
    interval = half_life_interval(snapshot.spread, fitted=fitted)
    assert snapshot.half_life_interval == interval
    assert interval != half_life_interval(snapshot.spread, fitted=not fitted)


def test_a_line_that_fell_back_to_the_ratio_is_no_regression():
    # X stands still where the line is fitted, and moved before.
    (y, x), n = pair(), 300
    still = bars("X", np.where(np.arange(n) < n - 60, x.close, x.close[n - 60]))
    snapshot = analyzed((y, still), hedge_window=40)
    assert snapshot.fit.method == "ratio"
    assert snapshot.half_life_interval is None, "it goes through the origin"
    assert NO_INTERVAL in snapshot.notes


def test_the_ratio_of_logarithms_leaves_a_spread_about_a_constant():
    snapshot = analyzed(pair(), hedge="ratio", price_space="log")
    assert snapshot.half_life_interval == half_life_interval(snapshot.spread)
    assert analyzed(pair(), hedge="ratio").half_life_interval is None


def test_a_line_that_is_given_needs_no_intercept():
    snapshot = analyzed(pair(), spread_mode="locked", beta=3.0, intercept=False)
    assert snapshot.half_life_interval == half_life_interval(snapshot.spread)
    assert NO_INTERVAL not in snapshot.notes


@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
def test_about_a_line_through_the_origin_there_is_no_interval(mode):
    options = {"spread_mode": mode, "hedge_window": 60}
    without = analyzed(pair(alpha=5.0), intercept=False, **options)
    assert without.half_life is not None
    assert without.half_life_interval is None
    assert NO_INTERVAL in without.notes
    having = analyzed(pair(alpha=5.0), **options)
    assert having.half_life_interval is not None
    assert NO_INTERVAL not in having.notes


def test_through_the_origin_an_interval_would_miss_the_half_life_of_the_relation():
    """Of 100 pairs with a constant, the interval of the spread that a line without one leaves."""
    truth, covered = math.log(2.0) / (1.0 - 0.9), {True: 0, False: 0}
    for seed in range(100):
        legs = pair(seed, alpha=20.0)
        for intercept in covered:
            snapshot = analyzed(legs, intercept=intercept)
            low, high = half_life_interval(snapshot.spread, fitted=intercept)
            covered[intercept] += low <= truth <= high
    assert covered[True] > 80
    assert covered[False] < 60


@pytest.mark.parametrize("known", range(10))
def test_a_few_rows_with_a_spread_have_no_tests_instead_of_an_error(known):
    """As where the filter leaves the newest rows alone a view that is long enough."""
    params = PairParams("Y", "X", spread_mode="rolling", hedge_window=100)
    rows = traded_rows(align(*pair(), 300), params)
    spread = np.full(len(rows), np.nan)
    spread[len(rows) - known :] = np.random.default_rng(1).standard_normal(known)
    tests = pair_tests(rows, spread, params, "ols")
    assert tests.adf is None
    assert (tests.hurst is not None) == (known >= 8)
    assert any("No " in note for note in tests.notes)


def multiples(rows: int = 500) -> tuple[Bars, Bars]:
    x = 10.0 + 0.01 * np.cumsum(np.random.default_rng(0).standard_normal(rows))
    return bars("Y", 3.0 * x), bars("X", x)


@pytest.mark.parametrize("hedge", ["ols", "kalman", "ratio"])
@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
def test_of_legs_that_are_multiples_now_nothing_is_said_of_their_last_bits(mode, space, hedge):
    (y, x), n = multiples(), 500
    apart = np.where(np.arange(n) < 230, 0.02 * np.random.default_rng(1).standard_normal(n), 0.0)
    legs, options = (bars("Y", y.close + apart), x), {"spread_mode": mode, "price_space": space}
    options |= {"hedge": hedge, "hedge_window": 60, "z_window": 30}
    snapshot = analyzed(legs, limit=300, adf_window=100, **options)
    assert np.isfinite(snapshot.z).any()
    assert np.isnan(snapshot.z[-100:]).all()
    assert math.isnan(break_even_z(snapshot, 2.0))
    read = pair_readings(*legs, snapshot.params, ["z", "adf_pvalue"], snapshot.ts_ms[-1:])
    assert np.isnan(read["z"]).all()
    assert np.isnan(read["adf_pvalue"]).all()


def test_where_a_view_is_on_one_line_but_no_window_is_there_are_no_tests():
    rng = np.random.default_rng(2)
    x = np.exp(np.linspace(0.0, 4.0, 500) + 1e-4 * rng.standard_normal(500).cumsum())
    legs = bars("Y", 3.0 * x + 1.5e-5 * rng.standard_normal(500)), bars("X", x)
    snapshot = analyzed(legs, limit=500, hedge_window=30, z_window=20)
    assert np.isfinite(snapshot.z[30:100]).all()
    for name in ("adf", "engle_granger", "half_life", "half_life_interval", "ou", "hurst"):
        assert getattr(snapshot, name) is None, name
    assert f"No tests: {ONE_LINE}." in snapshot.notes


def test_a_given_line_may_leave_a_spread_of_legs_that_are_multiples():
    legs, options = multiples(), {"spread_mode": "locked", "limit": 300}
    share = analyzed(legs, beta=2.0, **options)  # leaves X itself
    assert share.half_life == pair_standing(*legs, share.params, 2.0).half_life
    assert share.adf is not None
    for space, beta in (("price", 3.0), ("log", 1.0)):
        still = analyzed(legs, beta=beta, price_space=space, **options)
        assert still.half_life is still.adf is None
        assert math.isnan(break_even_z(still, 2.0))
        assert math.isnan(pair_standing(*legs, still.params, 2.0).break_even)
