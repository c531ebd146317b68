"""The half-life's interval: what it covers, when it is open, and what it is made of."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from scipy.signal import lfilter

from analytics._kernels.half_life import deviations
from analytics._kernels.half_life_table import DISTANCES, PROBABILITIES, QUANTILES, STEPS
from analytics.hedge import fit_hedge
from analytics.stationarity import half_life, half_life_interval


def autoregression(rng: np.random.Generator, n: int, half: float) -> np.ndarray:
    """Normal, stationary from its first value on; a random walk for an infinite half-life."""
    rho, shocks = 0.5 ** (1.0 / half), rng.standard_normal(n)
    shocks[0] /= math.sqrt(1.0 - rho * rho) if rho < 1.0 else 1.0
    return lfilter([1.0], [1.0, -rho], shocks)


def defined(half: float) -> float:
    """ln 2 / (1 - rho), as `half_life` has it, of a deviation that is halved in `half` bars."""
    return math.log(2.0) / (1.0 - 0.5 ** (1.0 / half))


def intervals(half: float, n: int, count: int, fitted: bool = False, confidence: float = 0.9):
    for seed in range(count):
        rng = np.random.default_rng((seed, n))
        x = autoregression(rng, n, half)
        if fitted:
            walk = np.cumsum(rng.standard_normal(n))
            fit = fit_hedge(3.0 * walk + x, walk)
            x = 3.0 * walk + x - fit.beta * walk - fit.alpha
        yield half_life_interval(x, confidence, fitted=fitted)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("half", [5.0, 20.0, 80.0])
def test_it_covers_the_truth_in_90_of_100(half, fitted):
    truth = defined(half)
    found = [low <= truth <= high for low, high in intervals(half, 1_000, 1_000, fitted)]
    assert np.mean(found) == pytest.approx(0.90, abs=0.02)


@pytest.mark.parametrize(
    ("half", "n"), [(0.6, 300), (1.36, 1_000), (2.0, 60), (8.0, 150), (40.0, 333), (150.0, 2_500)]
)
def test_it_covers_the_truth_at_other_lengths(half, n):
    truth = defined(half)
    found = [low <= truth <= high for low, high in intervals(half, n, 1_000)]
    assert np.mean(found) == pytest.approx(0.90, abs=0.025)


@pytest.mark.parametrize(("confidence", "share"), [(0.8, 0.8), (0.95, 0.95), (0.99, 0.99)])
def test_the_confidence_is_kept(confidence, share):
    truth = defined(20.0)
    found = [lo <= truth <= hi for lo, hi in intervals(20.0, 500, 1_000, confidence=confidence)]
    assert np.mean(found) == pytest.approx(share, abs=0.025)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("n", [100, 1_000])
def test_it_is_open_for_random_walks(n, fitted):
    found = [high == math.inf for _, high in intervals(math.inf, n, 1_000, fitted)]
    assert np.mean(found) == pytest.approx(0.95, abs=0.025)


def test_a_residual_taken_for_a_series_would_be_called_reverting_too_often():
    closed = 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        y, x = np.cumsum(rng.standard_normal((2, 300)), axis=1)
        fit = fit_hedge(y, x)
        closed += half_life_interval(y - fit.beta * x - fit.alpha).high < math.inf
    assert closed > 50


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.3, 0.6, 0.9, 0.98])
def test_the_point_estimate_lies_inside(rho):
    for seed in range(200):
        shocks = np.random.default_rng(seed).standard_normal(400)
        x = lfilter([1.0], [1.0, -rho], shocks)
        low, high = half_life_interval(x)
        assert low < half_life(x) <= high


def test_unit_and_level_do_not_change_it():
    x = autoregression(np.random.default_rng(1), 300, 10.0)
    low, high = half_life_interval(x)
    moved = half_life_interval(1e-3 * x + 60_000.0)
    assert moved == pytest.approx((low, high), rel=1e-6)


def test_more_confidence_is_a_wider_interval():
    x = autoregression(np.random.default_rng(2), 500, 15.0)
    found = [half_life_interval(x, confidence) for confidence in (0.8, 0.9, 0.95, 0.99)]
    assert found == sorted(found, key=lambda interval: -interval.low)
    assert all(a.high < b.high for a, b in pairwise(found))


def test_noise_has_a_half_life_of_next_to_nothing():
    low, high = half_life_interval(np.random.default_rng(3).standard_normal(1_000))
    assert low == 0.0
    assert math.log(2.0) <= high < 0.8
    swings = lfilter([1.0], [1.0, 0.5], np.random.default_rng(3).standard_normal(1_000))
    assert half_life_interval(swings) == (0.0, math.log(2.0))


def test_a_series_that_runs_away_has_none():
    assert half_life_interval(np.exp(0.1 * np.arange(60.0))) == (math.inf, math.inf)


def test_a_series_that_does_not_vary_has_no_interval():
    assert np.isnan(half_life_interval(np.full(50, 7.0))).all()


def test_the_table_is_complete_and_its_quantiles_rise():
    assert list(PROBABILITIES) == sorted(PROBABILITIES)
    for table in QUANTILES:
        assert len(table) == len(STEPS)
        for steps, rows in zip(STEPS, table, strict=True):
            assert len(rows) == sum(distance < 1.95 * steps for distance in DISTANCES)
            assert (np.diff(rows, axis=1) > 0.0).all()


@pytest.mark.parametrize("fitted", [False, True])
def test_the_table_is_what_its_simulation_gives(fitted):
    """One point of it, simulated with NumPy: 120 steps at a distance of 16."""
    steps, distance, runs = 120, 16.0, 20_000
    rng, rho = np.random.default_rng(4), 1.0 - 16.0 / 120
    shocks = rng.standard_normal((runs, steps + 1))
    shocks[:, 0] /= math.sqrt(1.0 - rho * rho)
    x = lfilter([1.0], [1.0, -rho], shocks, axis=1)
    if fitted:
        walk = np.cumsum(rng.standard_normal((runs, steps + 1)), axis=1)
        walk -= walk.mean(axis=1, keepdims=True)
        near = x - x.mean(axis=1, keepdims=True)
        slope = (walk * near).sum(axis=1) / (walk * walk).sum(axis=1)
        x = near - slope[:, None] * walk
    level, change = x[:, :-1] - x[:, :-1].mean(axis=1, keepdims=True), np.diff(x, axis=1)
    fitted_distance = -steps * (level * change).sum(axis=1) / (level * level).sum(axis=1)
    u = (fitted_distance - distance - (1.0 + 3.0 * rho)) / math.sqrt(distance * (1.0 + rho) + 10.0)
    row = QUANTILES[int(fitted)][STEPS.index(steps)][DISTANCES.index(16)]
    np.testing.assert_allclose(np.quantile(u, PROBABILITIES)[1:-1], row[1:-1], atol=0.06)


@pytest.mark.parametrize("steps", [30, 44, 400, 777])
def test_between_the_tables_lengths_the_surface_is_linear_in_one_over_the_steps(steps):
    below = max(i for i, length in enumerate(STEPS) if length <= steps)
    weight = (1 / STEPS[below] - 1 / steps) / (1 / STEPS[below] - 1 / STEPS[below + 1])
    for fitted in (False, True):
        for column in range(len(PROBABILITIES)):
            at, found = deviations(steps, fitted, column)
            rows = len(QUANTILES[fitted][below])
            short, long = (QUANTILES[fitted][below + i][:rows] for i in (0, 1))
            expected = [
                (1.0 - weight) * a[column] + weight * b[column]
                for a, b in zip(short, long, strict=True)
            ]
            assert found[::-1][:rows].tolist() == pytest.approx(expected)
            places = [1.0 / math.sqrt(distance + 10.0) for distance in DISTANCES[:rows]]
            assert at[::-1][:rows].tolist() == pytest.approx(places)


@pytest.mark.parametrize("steps", [1_000, 5_000, 10**6])
def test_beyond_the_table_the_surface_is_the_longest_and_runs_to_the_normal(steps):
    for column, probability in enumerate(PROBABILITIES):
        at, found = deviations(steps, False, column)
        assert found[1:].tolist() == [row[column] for row in QUANTILES[0][-1]][::-1]
        assert (at[0], found[0]) == (0.0, NormalDist().inv_cdf(probability))


@pytest.mark.parametrize(
    ("x", "confidence", "words"),
    [
        (np.arange(15.0), 0.9, "x has 15 values, expected at least 16"),
        (np.arange(30.0), 0.85, "confidence is 0.85, expected one of 0.8, 0.9, 0.95, 0.99"),
        (np.arange(30.0), "0.9", "confidence is '0.9', expected a number"),
        (np.r_[np.nan, np.arange(30.0)], 0.9, "x is not finite at 1 of 31"),
    ],
)
def test_what_has_no_interval_is_refused_by_name(x, confidence, words):
    with pytest.raises(ValueError, match=words):
        half_life_interval(x, confidence)
