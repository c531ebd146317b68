"""CUSUM of squares: its path and bounds, how often it is left, and the breaks that it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from analytics._breaks import _exceeded, _supremum
from analytics.stationarity import cusum_squares


def spread(seed: int, n: int = 1_000, half: float = 5.0) -> np.ndarray:
    """A stationary AR(1) of variance 1 about 0."""
    rho, shocks = 0.5 ** (1.0 / half), np.random.default_rng(seed).standard_normal(n)
    shocks[0] /= math.sqrt(1.0 - rho * rho)
    return lfilter([1.0], [1.0, -rho], shocks) * math.sqrt(1.0 - rho * rho)


def test_the_path_is_the_share_of_the_squares_up_to_each_row():
    x = spread(1, 200)
    found = cusum_squares(x)
    near = x - x.mean()
    np.testing.assert_allclose(found.path, np.cumsum(near**2) / np.sum(near**2), rtol=1e-12)
    share = np.arange(1, 201) / 200
    assert found.row == np.argmax(np.abs(found.path - share))
    assert found.path[-1] == pytest.approx(1.0, abs=1e-12)


def test_the_bounds_are_left_just_where_the_pvalue_is_below_the_level():
    for seed in range(60):
        for level in (0.01, 0.05, 0.2):
            x = spread(seed, 300)
            x[150:] *= 1.0 + seed / 60.0
            found = cusum_squares(x, level=level)
            left = ((found.path < found.lower) | (found.path > found.upper)).any()
            assert left == (found.pvalue < level)


@pytest.mark.parametrize("statistic", [0.3, 0.6, 1.0, 1.36, 2.0])
def test_the_pvalue_is_kolmogorovs(statistic):
    assert _exceeded(statistic) == pytest.approx(stats.kstwobign.sf(statistic), rel=1e-9)


@pytest.mark.parametrize(("level", "bound"), [(0.1, 1.224), (0.05, 1.358), (0.01, 1.628)])
def test_the_bounds_are_those_of_a_brownian_bridge(level, bound):
    assert _supremum(level) == pytest.approx(bound, abs=5e-4)


@pytest.mark.parametrize("half", [0.1, 5.0, 20.0])
@pytest.mark.parametrize("mean", [None, 0.0])
def test_series_without_a_break_leave_the_bounds_as_often_as_the_level_says(half, mean):
    found = [cusum_squares(spread(seed, 1_000, half), mean=mean).pvalue for seed in range(500)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.025)


def test_short_series_without_a_break_seldom_leave_the_bounds():
    for half in (0.1, 5.0):
        found = [cusum_squares(spread(seed, 100, half)).pvalue < 0.05 for seed in range(400)]
        assert np.mean(found) < 0.08


def test_fat_tails_are_no_break():
    rng = np.random.default_rng(2)
    found = [cusum_squares(rng.standard_t(5, 500)).pvalue < 0.05 for _ in range(300)]
    assert np.mean(found) < 0.09


def test_a_variance_that_changes_is_found_and_where():
    rows = []
    for seed in range(30):
        x = spread(seed)
        x[600:] *= 2.5
        found = cusum_squares(x)
        assert found.pvalue < 0.05
        rows.append(found.row)
    assert np.median(rows) == pytest.approx(600, abs=25)


def test_a_level_that_shifts_is_a_break_about_a_frozen_mean():
    for seed in range(30):
        x = spread(seed, half=10.0)
        x[500:] += 4.0
        assert cusum_squares(x, mean=0.0).pvalue < 0.01


def test_unit_and_level_do_not_change_it():
    x = spread(3, 300)
    found, moved = cusum_squares(x), cusum_squares(1e-4 * x + 60_000.0)
    assert moved.statistic == pytest.approx(found.statistic, rel=1e-5)
    assert moved.row == found.row


def test_a_series_that_does_not_vary_has_no_test():
    found = cusum_squares(np.full(50, 7.0), mean=0.0)
    assert math.isnan(found.pvalue)
    assert np.isnan(found.path).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cusum_squares(np.arange(29.0)), "x has 29 values, expected at least 30"),
        (lambda: cusum_squares(np.arange(40.0), level=0), "level is 0, expected a number between"),
        (lambda: cusum_squares(np.arange(40.0), mean="a"), "mean is 'a', expected a number"),
        (lambda: cusum_squares(np.r_[np.inf, np.arange(40.0)]), "x is not finite at 1 of 41"),
    ],
)
def test_what_cannot_be_tested_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
