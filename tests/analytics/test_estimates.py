"""What stands beside a snapshot: the legs' own tests, and the correlation of their ticks."""

from __future__ import annotations

import numpy as np

from analytics.correlation import hayashi_yoshida
from analytics.estimates import pair_estimates
from analytics.model import Bars, PairParams, Ticks
from analytics.pair import analyze_pair
from analytics.stationarity import adf


def snapshot_of(y, x, params=None, x_times=None):
    times = np.arange(len(y)) * 1_000
    legs = []
    for symbol, close, at in (("Y", y, times), ("X", x, times if x_times is None else x_times)):
        size = np.ones(len(at))
        legs.append(Bars(symbol, "1s", at, *[close] * 4, size, np.ones(len(at), np.int64), close))
    return analyze_pair(*legs, params or PairParams("Y", "X"))


def walks(n=400, seed=0):
    return 100.0 + np.cumsum(np.random.default_rng(seed).normal(0, 0.1, (2, n)), axis=1)


def test_the_legs_are_tested_on_the_rows_in_which_both_traded():
    y, x = walks()
    kept = np.arange(400) % 3 != 1
    estimates = pair_estimates(snapshot_of(y, x[kept], x_times=np.flatnonzero(kept) * 1_000))
    assert estimates.adf_y.statistic == adf(y[kept]).statistic
    assert estimates.adf_x.pvalue == adf(x[kept]).pvalue


def test_a_leg_of_few_rows_is_not_tested_as_its_spread_is_not():
    params = PairParams("Y", "X", z_window=10)
    for rows in (59, 60):
        y, x = walks(rows)
        snapshot = snapshot_of(y, x, params)
        estimates = pair_estimates(snapshot)
        tested = (estimates.adf_y is not None, estimates.adf_x is not None)
        assert tested == (snapshot.adf is not None,) * 2 == (rows == 60,) * 2


def test_in_logarithms_the_legs_are_tested_as_logarithms():
    y, x = walks()
    estimates = pair_estimates(snapshot_of(y, x, PairParams("Y", "X", price_space="log")))
    assert estimates.adf_y.statistic == adf(np.log(y)).statistic


def test_the_correlation_of_ticks_is_of_the_stretch_that_both_have():
    rng = np.random.default_rng(1)
    path = np.cumsum(rng.normal(0, 1e-3, 4_000))
    at_y, at_x = (np.sort(rng.choice(4_000, 900, replace=False)) for _ in range(2))
    at_x = at_x[at_x > 1_000]

    def ticks(symbol, at):
        price = 100.0 * np.exp(path[at])
        return Ticks(symbol, at * 1_000, price, np.ones(len(at)), np.full(len(at), -1))

    legs = ticks("Y", at_y), ticks("X", at_x)
    correlation = pair_estimates(snapshot_of(*walks()), legs).tick_correlation
    start, end = max(at_y[0], at_x[0]), min(at_y[-1], at_x[-1])
    inside = [at[(at >= start) & (at <= end)] for at in (at_y, at_x)]
    columns = [part for at in inside for part in (at * 1_000, path[at])]
    assert np.isclose(correlation, hayashi_yoshida(*columns).correlation)
    assert correlation > 0.8


def test_without_ticks_there_is_no_correlation_of_them():
    empty = Ticks("Y", *(np.empty(0, kind) for kind in (np.int64, float, float, np.int64)))
    snapshot = snapshot_of(*walks())
    assert pair_estimates(snapshot).tick_correlation is None
    assert pair_estimates(snapshot, (empty, empty)).tick_correlation is None
