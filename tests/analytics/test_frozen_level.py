"""The break test of a frozen level: its size under none, its power under a break; and MAIC."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics._dickey_fuller import residual_statistic
from analytics._frozen_level import frozen_level_pvalue
from analytics._kernels import adf as kernel
from tests.analytics.universes import reverting


def pvalues(seed: int, n: int, k: int, half_life: float, shift: float = 0.0) -> np.ndarray:
    """Of k fits of a walk with a reverting spread; the spread moves by `shift` deviations."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.standard_normal((n, k)), axis=0)
    spread = 100.0 * reverting(rng, n, k, half_life)
    split = n * 2 // 3
    spread[split:] += shift * spread[:split].std()
    found = []
    for leg, u in zip(x.T, spread.T, strict=True):
        beta, alpha = np.polyfit(leg[:split], u[:split], 1)
        rest = u - beta * leg - alpha
        found.append(frozen_level_pvalue(rest[:split], rest[split:]))
    return np.array(found)


@pytest.mark.parametrize(("n", "half_life"), [(720, 3.0), (2_160, 10.0)])
def test_a_level_that_holds_is_seldom_held_to_have_moved(n, half_life):
    found = pvalues(1, n, 400, half_life)
    assert (found < 0.05).mean() < 0.09
    assert (found < 0.01).mean() < 0.025


def test_a_level_that_moved_by_a_deviation_is_seen():
    assert (pvalues(2, 720, 100, 3.0, shift=2.0) < 0.01).mean() > 0.9


def test_a_residual_that_does_not_vary_has_no_test():
    assert math.isnan(frozen_level_pvalue(np.zeros(60), np.ones(30)))


def plain_maic(level: np.ndarray, most: int) -> int:
    """Ng and Perron's criterion by the letter of their equation 9, without a trend."""
    changes = np.diff(level)
    rows = len(changes) - most
    d, y = changes[most:], level[most:-1]
    best, lowest = 0, math.inf
    for k in range(most + 1):
        lags = [changes[most - j : len(changes) - j] for j in range(1, k + 1)]
        columns = np.column_stack([y, *lags])
        slopes, *_ = np.linalg.lstsq(columns, d, rcond=None)
        rest = d - columns @ slopes
        variance = rest @ rest / rows
        tau = slopes[0] ** 2 * (y @ y) / variance
        value = math.log(variance) + 2.0 * (tau + k) / rows
        if value < lowest:
            best, lowest = k, value
    return best


def test_the_modified_criterion_is_that_of_the_paper():
    rng = np.random.default_rng(3)
    chosen = set()
    for noise in (0.0, 0.5, 2.0):
        for _ in range(6):
            level = np.cumsum(rng.standard_normal(200)) + noise * rng.standard_normal(200)
            level -= level.mean()
            used = residual_statistic(level, 14, kernel.MAIC)[1]
            assert used == plain_maic(level, 14)
            chosen.add(used)
    assert len(chosen) > 3
