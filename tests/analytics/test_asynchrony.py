"""Hayashi and Yoshida's correlation against a double loop, and what it finds where bars fail."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analytics.correlation import hayashi_yoshida, lead_lag, pearson
from analytics.model import ParameterError


def ticks(seed: int, n: int, span_ms: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(span_ms, n, replace=False))
    return times, np.cumsum(rng.standard_normal(n))


def plain(ts_y, y, ts_x, x, lag: int = 0) -> tuple[float, float]:
    """Every pair of changes whose half-open intervals of time overlap, and each of them once."""
    total, of_y, of_x = 0.0, {}, {}
    for i in range(1, len(y)):
        for j in range(1, len(x)):
            start = max(ts_y[i - 1], ts_x[j - 1] + lag)
            if start < min(ts_y[i], ts_x[j] + lag):
                of_y[i], of_x[j] = y[i] - y[i - 1], x[j] - x[j - 1]
                total += of_y[i] * of_x[j]
    if min(len(of_y), len(of_x)) < 2:
        return math.nan, math.nan
    squares = [sum(change**2 for change in of.values()) for of in (of_y, of_x)]
    return total, total / math.sqrt(squares[0] * squares[1])


@pytest.mark.parametrize("lag", [0, 1, -700, 5_000, -45_000, 55_000, 200_000])
@pytest.mark.parametrize(("n", "m"), [(40, 40), (3, 200), (150, 20)])
def test_it_equals_a_double_loop(n, m, lag):
    for seed in range(5):
        y, x = ticks(seed, n), ticks(100 + seed, m, 90_000)
        found = hayashi_yoshida(*y, *x, lag_ms=lag)
        covariance, correlation = plain(*y, *x, lag)
        assert found.covariance == pytest.approx(covariance, rel=1e-9, abs=1e-9, nan_ok=True)
        assert found.correlation == pytest.approx(correlation, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("part", [slice(None), slice(-100, None), slice(0, 50), slice(400, 420)])
def test_a_part_of_a_path_correlates_with_the_whole_by_1(part):
    """Its squares were those of the whole path: 0.31 for the last tenth."""
    times, y = ticks(22, 1_000)
    for near in (y, 1e3 * np.exp(1e-9 * y)):
        assert hayashi_yoshida(times, near, times[part], near[part]).correlation == pytest.approx(1)
        assert hayashi_yoshida(times[part], near[part], times, near).correlation == pytest.approx(1)


def test_a_leg_that_only_moves_outside_the_common_span_has_no_correlation():
    times, y = ticks(23, 400)
    y[200:] = y[199]
    found = hayashi_yoshida(times, y, times[250:], np.cumsum(np.ones(150)))
    assert found.covariance == 0.0
    assert math.isnan(found.correlation)


def test_without_a_common_span_there_is_neither_a_correlation_nor_a_lag():
    (ts_y, y), (ts_x, x) = ticks(24, 50), ticks(25, 50)
    found = hayashi_yoshida(ts_y, y, ts_x + 60_000, x)
    assert math.isnan(found.covariance)
    assert math.isnan(found.correlation)
    apart = lead_lag(ts_y, y, ts_x + 60_000, x, [-20, 0, 20])
    assert apart.best_lag_ms is None
    assert np.isnan(apart.correlation).all()
    assert lead_lag(ts_y, y, ts_y + 100_000, y, [-100_000, 0]).best_lag_ms == -100_000


def test_a_lag_that_leaves_few_changes_is_never_best():
    """Two or three changes correlate by 1 and more by chance."""
    for seed in range(30):
        y, x = ticks(seed, 60), ticks(100 + seed, 60)
        lags = np.arange(-58_000, 58_001, 2_000)
        found = lead_lag(*y, *x, lags)
        assert abs(found.best_lag_ms) <= 34_000
        at = found.lags_ms == found.best_lag_ms
        assert found.best_correlation == found.correlation[at][0]


def test_on_shared_instants_it_is_the_correlation_of_changes_about_0():
    times, y = ticks(1, 300)
    x = np.cumsum(np.random.default_rng(2).standard_normal(300)) + 0.5 * y
    dy, dx = np.diff(y), np.diff(x)
    expected = float(dy @ dx) / math.sqrt(float(dy @ dy) * float(dx @ dx))
    assert hayashi_yoshida(times, y, times, x).correlation == pytest.approx(expected, rel=1e-12)


def one_path_traded_at_random(seed: int, seconds: int = 4_000, lag_ms: int = 0):
    """Two symbols of one log price, each traded once in every second; y lags by lag_ms."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.standard_normal(seconds * 1_000 + 10_000))
    ts_y, ts_x = 1_000 * np.arange(5, seconds + 5) + rng.integers(0, 1_000, (2, seconds))
    return ts_y, path[ts_y - lag_ms], ts_x, path[ts_x]


def test_one_path_traded_at_random_instants_correlates_by_1_where_bars_say_two_thirds():
    found, bars = [], []
    for seed in range(8):
        ts_y, y, ts_x, x = one_path_traded_at_random(seed)
        found.append(hayashi_yoshida(ts_y, y, ts_x, x).correlation)
        bars.append(pearson(np.diff(y), np.diff(x)))  # a trade a second is that second's close
    assert np.mean(found) == pytest.approx(1.0, abs=0.02)
    assert np.mean(bars) == pytest.approx(0.67, abs=0.02)


@pytest.mark.parametrize("lag_ms", [-3_000, -500, 0, 2_000])
def test_the_lag_of_the_largest_correlation_is_by_how_much_x_moves_first(lag_ms):
    data = one_path_traded_at_random(9, lag_ms=lag_ms)
    found = lead_lag(*data, np.arange(-5_000, 5_001, 250))
    assert found.best_lag_ms == lag_ms
    assert found.best_correlation == pytest.approx(1.0, abs=0.05)
    assert found.best_correlation == found.correlation[found.lags_ms == lag_ms][0]
    assert found.best_correlation == hayashi_yoshida(*data, lag_ms=lag_ms).correlation


def test_a_correlation_below_0_is_found_by_its_size():
    ts_y, y, ts_x, x = one_path_traded_at_random(10, lag_ms=1_000)
    found = lead_lag(ts_y, -y, ts_x, x, range(-2_000, 2_001, 500))
    assert (found.best_lag_ms, found.best_correlation < -0.9) == (1_000, True)


def test_equal_correlations_are_decided_for_the_lag_nearest_to_0():
    times, walk = np.arange(0, 26_000, 1_000), np.arange(26.0)
    for lags in ([-8_000, 1_000], [1_000, -8_000]):  # 16 and 25 steps in common
        found = lead_lag(times, walk, times - 1_000, walk, lags)
        assert found.correlation.tolist() == [1.0, 1.0]
        assert found.best_lag_ms == 1_000


def test_without_a_lag_there_is_no_best():
    y, x = ticks(11, 30), ticks(12, 30)
    found = lead_lag(*y, *x, [])
    assert (found.best_lag_ms, len(found.correlation)) == (None, 0)
    still = lead_lag(*y, x[0], np.full(30, 3.0), [0, 5])
    assert still.best_lag_ms is None
    assert np.isnan(still.correlation).all()


def test_of_trades_at_one_instant_the_last_counts():
    ts_y, y = ticks(13, 50)
    x = ticks(14, 50)
    repeated = np.repeat(ts_y, 3)
    noisy = np.repeat(y, 3) + np.tile([5.0, -7.0, 0.0], 50)
    assert hayashi_yoshida(repeated, noisy, *x) == hayashi_yoshida(ts_y, y, *x)


def test_too_few_changes_or_none_that_move_have_no_correlation():
    y = ticks(15, 50)
    assert math.isnan(hayashi_yoshida([1, 2], [1.0, 2.0], *y).correlation)
    flat = hayashi_yoshida(y[0], np.full(50, 7.0), *y)
    assert flat.covariance == 0.0
    assert math.isnan(flat.correlation)
    assert math.isnan(hayashi_yoshida([], [], *y).covariance)


def test_times_may_be_any_whole_numbers_and_epochs_lose_no_millisecond():
    (ts_y, y), (ts_x, x) = ticks(16, 200), ticks(17, 200)
    found, epoch = hayashi_yoshida(ts_y, y, ts_x, x), 1_700_000_000_000
    assert hayashi_yoshida(ts_y + epoch, y, ts_x + epoch, x) == found
    assert hayashi_yoshida((ts_y + epoch).tolist(), y, pd.Series(ts_x + epoch), x) == found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: {**a, "ts_y": a["ts_y"][::-1].copy()}, "ts_y falls at row 1, expected times"),
        (lambda a: {**a, "ts_x": a["ts_x"] + 0.5}, "ts_x holds no whole numbers"),
        (lambda a: {**a, "ts_x": a["ts_x"][1:]}, "ts_x has 29 values and x 30, expected as many"),
        (lambda a: {**a, "x": np.r_[np.nan, a["x"][1:]]}, "x is not finite at 1 of 30 values"),
        (lambda a: {**a, "lag_ms": 0.5}, "lag_ms is 0.5, expected a whole number of milliseconds"),
    ],
)
def test_what_is_no_path_is_refused_by_name(change, words):
    (ts_y, y), (ts_x, x) = ticks(18, 30), ticks(19, 30)
    with pytest.raises(ValueError, match=words):
        hayashi_yoshida(**change({"ts_y": ts_y, "y": y, "ts_x": ts_x, "x": x}))


def test_a_lag_is_a_whole_number_of_milliseconds():
    with pytest.raises(ValueError, match=r"lags_ms is 1.5, expected a whole number"):
        lead_lag(*ticks(20, 30), *ticks(21, 30), [0, 1.5])


@pytest.mark.parametrize("lag", [2**70, -(2**70), 2**53 + 1])
def test_a_lag_beyond_any_time_is_refused_by_name(lag):
    y, x = ticks(20, 30), ticks(21, 30)
    for name, call in (
        ("lag_ms", lambda: hayashi_yoshida(*y, *x, lag_ms=lag)),
        ("lags_ms", lambda: lead_lag(*y, *x, [0, lag])),
    ):
        with pytest.raises(ParameterError, match=r"expected a whole number .* up to 2\^53") as bad:
            call()
        assert (bad.value.field, bad.value.value) == (name, lag)
    assert math.isnan(hayashi_yoshida(*y, *x, lag_ms=2**53).correlation)


@pytest.mark.parametrize("lags", [5, None, np.array(5)])
def test_lags_are_a_sequence(lags):
    with pytest.raises(ParameterError, match="expected a sequence of whole numbers") as bad:
        lead_lag(*ticks(20, 30), *ticks(21, 30), lags)
    assert bad.value.field == "lags_ms"
