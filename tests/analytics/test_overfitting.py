"""The probability of overfitting against a plain loop over all choices of blocks."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from analytics.overfitting import probability_of_overfitting


def noise(seed: int, n: int = 320, k: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k)) * 0.01


def plain(
    returns: np.ndarray, n_splits: int, tie: float = 0.0
) -> tuple[float, float, float, np.ndarray]:
    """pbo, slope, p_loss and logits, choice by choice; ratios up to `tie` apart are equal."""
    blocks = np.array_split(np.arange(len(returns)), n_splits)
    first, second, logits = [], [], []
    for chosen in combinations(range(n_splits), n_splits // 2):
        rows = np.concatenate([blocks[b] for b in chosen])
        rest = np.concatenate([blocks[b] for b in range(n_splits) if b not in chosen])
        past, future = (ratios_of(returns[part]) for part in (rows, rest))
        best = 0
        for cell, ratio in enumerate(past):
            best = cell if ratio > past[best] + tie else best
        lower = np.count_nonzero(future < future[best] - tie)
        equal = np.count_nonzero(np.abs(future - future[best]) <= tie)
        share = (lower + (1 + equal) / 2) / (returns.shape[1] + 1)
        first.append(past[best])
        second.append(future[best])
        logits.append(math.log(share / (1.0 - share)))
    slope = np.polyfit(first, second, 1)[0] if np.ptp(first) > 0.0 else math.nan
    logits = np.array(logits)
    return float(np.mean(logits <= 0)), float(slope), float(np.mean(np.array(second) < 0)), logits


def ratios_of(returns: np.ndarray) -> np.ndarray:
    """Sharpe ratio a period of each column, 0 for one that rests."""
    deviation = returns.std(axis=0, ddof=1)
    rests = (returns == 0.0).all(axis=0)
    return np.where(rests, 0.0, returns.mean(axis=0) / np.where(rests, 1.0, deviation))


@pytest.mark.parametrize("n_splits", [2, 4, 6, 10])
@pytest.mark.parametrize("n", [320, 333])
def test_it_equals_a_plain_loop(n, n_splits):
    returns = noise(n_splits, n)
    returns[:, 2] += 0.0005
    found = probability_of_overfitting(returns, n_splits)
    pbo, slope, p_loss, logits = plain(returns, n_splits)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-12)
    assert (found.pbo, found.p_loss) == (pbo, p_loss)
    if n_splits > 2:  # two choices lie on a line
        assert found.slope == pytest.approx(slope, rel=1e-8)


def test_sixteen_blocks_give_every_choice_of_eight():
    found = probability_of_overfitting(noise(1))
    assert len(found.logits) == math.comb(16, 8) == 12_870
    assert found.pbo == probability_of_overfitting(noise(1)).pbo


def test_among_strategies_without_skill_the_best_is_the_best_by_chance():
    found = [probability_of_overfitting(noise(seed), 8) for seed in range(60)]
    assert np.mean([result.pbo for result in found]) == pytest.approx(0.5, abs=0.1)
    # What is high in one half of a sample is low in the other, so that the slope is below 0.
    assert np.mean([result.slope for result in found]) < -0.2


def test_one_strategy_with_skill_is_found_in_every_choice():
    returns = noise(2)
    returns[:, 5] += 0.01
    found = probability_of_overfitting(returns, 10)
    assert (found.pbo, found.p_loss) == (0.0, 0.0)
    assert (found.logits > 0.0).all()


def test_strategies_that_lose_lose_after_they_were_chosen():
    found = probability_of_overfitting(noise(3) - 0.01, 8)
    assert found.p_loss == 1.0


def test_many_strategies_in_parts_equal_few_at_once(monkeypatch):
    whole = probability_of_overfitting(noise(4), 10)
    monkeypatch.setattr("analytics._cross_validation._PART", 100)
    parts = probability_of_overfitting(noise(4), 10)
    np.testing.assert_array_equal(parts.logits, whole.logits)
    assert (parts.pbo, parts.slope, parts.p_loss) == (whole.pbo, whole.slope, whole.p_loss)


def test_strategies_that_tie_share_their_rank():
    returns = np.repeat(noise(5, k=1), 4, axis=1)
    found = probability_of_overfitting(returns, 4)
    np.testing.assert_allclose(found.logits, 0.0, atol=1e-12)
    assert found.pbo == 1.0


def test_the_same_trades_on_another_account_tie():
    # An account that made 2 % first has the same returns but for their last bits.
    returns = np.repeat(noise(9, k=3), 2, axis=1)
    equity = np.cumprod(1.0 + returns, axis=0) * ([1.0, 1.02] * 3)
    jittered = np.diff(equity, axis=0) / equity[:-1]
    assert (jittered[:, 0] != jittered[:, 1]).any()
    found = probability_of_overfitting(jittered, 8)
    once = probability_of_overfitting(np.repeat(jittered[:, ::2], 2, axis=1), 8)
    np.testing.assert_array_equal(found.logits, once.logits)


def test_a_strategy_that_never_trades_has_a_sharpe_of_0():
    returns = noise(6) - 0.01
    returns[:, 0] = 0.0
    found = probability_of_overfitting(returns, 6)
    assert (found.pbo, found.p_loss) == (0.0, 0.0)
    assert math.isnan(found.slope)


def test_a_strategy_that_rests_in_some_blocks_has_a_sharpe_of_0_there():
    returns = noise(8) - 0.01
    returns[160:, 0] = 0.0
    returns[:160, 0] = 0.0123
    returns[40, 0] = 0.0124
    found = probability_of_overfitting(returns, 4)
    assert found.pbo == 0.0
    assert np.isfinite(found.logits).all()


def test_a_drift_without_variation_is_no_rounding_accident():
    returns = noise(7)
    returns[:, 3] = 0.0123456789
    assert probability_of_overfitting(returns, 6).pbo == 0.0


@pytest.mark.parametrize(
    ("returns", "n_splits", "words"),
    [
        (noise(0), 7, "n_splits is 7, expected an even number from 2 to 20"),
        (noise(0), 22, "n_splits is 22, expected an even number"),
        (noise(0), 1, "n_splits is 1, expected at least 2"),
        (noise(0), 4.0, "n_splits is 4.0, expected a whole number"),
        (noise(0, n=31), 16, r"returns has shape \(31, 12\), expected at least \(32, 2\)"),
        (noise(0, k=1), 8, r"returns has shape \(320, 1\), expected at least \(16, 2\)"),
        (np.where(np.eye(320, 12) > 0, np.nan, 0.1), 8, "returns is not finite at 12 places"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(returns, n_splits, words):
    with pytest.raises(ValueError, match=words):
        probability_of_overfitting(returns, n_splits)
