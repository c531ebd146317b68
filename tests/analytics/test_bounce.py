"""Roll's estimate finds the spread that was put in, and says where it matters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.bounce import LIMIT, bounce, finest_without_bounce, roll_spread


def traded(seed: int, n: int, spread: float, sigma: float = 0.01) -> np.ndarray:
    """Roll's model: a walk, and trades at random half a spread above and below it."""
    rng = np.random.default_rng(seed)
    value = 100.0 + sigma * np.cumsum(rng.standard_normal(n))
    return value + 0.5 * spread * rng.choice([-1.0, 1.0], n)


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.05])
def test_the_spread_that_was_put_in_is_found(spread):
    found = [roll_spread(traded(seed, 2_000, spread)) for seed in range(40)]
    assert np.mean(found) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.05])
def test_its_share_is_half_its_square_of_the_variance(spread):
    found = np.mean([bounce(traded(seed, 2_000, spread)).share for seed in range(40)])
    assert found == pytest.approx(0.5 * spread**2 / (0.5 * spread**2 + 0.01**2), rel=0.1)


def test_it_is_the_definition():
    prices = traded(1, 500, 0.02)
    change = np.diff(prices)
    covariance = float(change[1:] @ change[:-1]) / (len(change) - 1)
    found = bounce(prices)
    assert found.spread == pytest.approx(2.0 * math.sqrt(-covariance), rel=1e-12)
    assert found.share == pytest.approx(-2.0 * covariance / np.mean(change**2), rel=1e-12)
    assert found.n == 499


def test_a_walk_without_a_spread_hardly_ever_bounces():
    matters = [bounce(traded(seed, 1_000, 0.0)).matters() for seed in range(300)]
    assert np.mean(matters) < 0.06


def test_few_prices_that_bounce_by_chance_do_not_matter():
    found = [bounce(traded(seed, 40, 0.0)) for seed in range(300)]
    assert np.mean([one.share > LIMIT for one in found]) > 0.3
    assert np.mean([one.matters() for one in found]) < 0.08


def test_a_spread_as_large_as_the_moves_of_a_bar_matters():
    assert all(bounce(traded(seed, 1_000, 0.01)).matters() for seed in range(50))


def test_a_trend_does_not_bounce():
    found = bounce(100.0 + np.cumsum(np.abs(np.random.default_rng(2).standard_normal(200))))
    assert (found.spread, found.share, found.matters()) == (0.0, 0.0, False)


def test_prices_that_stand_still_have_no_bounce():
    found = bounce(np.full(50, 100.0))
    assert (found.spread, found.share, found.matters()) == (0.0, 0.0, False)
    assert math.isnan(found.autocorrelation)


def test_nothing_but_bounce_is_all_of_the_variance():
    found = bounce(100.0 + 0.25 * np.tile([1.0, -1.0], 100))
    assert found.share == 1.0
    assert finest_without_bounce(100.0 + 0.25 * np.tile([1.0, -1.0], 100), "1s") is None


def test_the_finest_free_timeframe_is_free_where_bars_are_made_of_the_same_trades():
    """At 1 s the share is 0.67: 18 s would be enough, and 1m is the finest listed one."""
    for seed in range(5):
        seconds = traded(seed, 120_000, 0.02)
        assert finest_without_bounce(seconds, "1s") == "1m"
        assert bounce(seconds[59::60]).share < 1.5 * LIMIT
        assert finest_without_bounce(seconds[59::60], "1m") == "1m"


@pytest.mark.parametrize(
    ("spread", "limit", "expected"),
    [(0.0265, 0.5, "5m"), (0.05, 0.5, "15m"), (0.02, 0.1, "1h"), (0.02, 0.5, "5m")],
)
def test_the_multiple_is_the_one_at_which_the_model_says_the_limit(spread, limit, expected):
    """Bars of 1m and sigma 0.01: b = spread^2 / 2 is at most the limit from b (1 - limit) /
    (limit sigma^2) minutes on: 3.5, 12.5, 18 and 2."""
    prices = traded(5, 40_000, spread)
    assert finest_without_bounce(prices, "1m", limit) == expected


def test_a_leg_without_bounce_keeps_its_timeframe():
    assert finest_without_bounce(traded(3, 1_000, 0.0), "1s") == "1s"


def test_a_stricter_limit_asks_for_a_coarser_timeframe():
    prices = traded(4, 5_000, 0.02)
    assert finest_without_bounce(prices, "1s", limit=0.01) == "5m"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bounce([1.0, 2.0, 3.0]), "prices has 3 values, expected at least 4"),
        (lambda: roll_spread([1.0, np.nan, 3.0, 1.0]), "prices is not finite at 1 of 4"),
        (lambda: finest_without_bounce([1.0] * 9, "hour"), "timeframe is 'hour', expected one of"),
        (lambda: finest_without_bounce([1.0] * 9, "1s", 1), "limit is 1, expected a number betw"),
    ],
)
def test_what_cannot_bounce_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
