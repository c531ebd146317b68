"""The spread, its z-score and its bands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.rolling import rolling_zscore
from analytics.spread import bands, spread, zscore


def test_the_spread_is_y_less_beta_x_less_alpha():
    np.testing.assert_array_equal(spread([10.0, 12.0], [4.0, 5.0], 2.0), [2.0, 2.0])
    np.testing.assert_array_equal(spread([10.0, 12.0], [4.0, 5.0], 2.0, 1.5), [0.5, 0.5])


def test_beta_and_alpha_may_change_from_bar_to_bar():
    y, x = np.array([10.0, 12.0, 14.0]), np.array([4.0, 5.0, 6.0])
    beta, alpha = np.array([np.nan, 2.0, 1.0]), np.array([np.nan, 0.0, 1.0])
    np.testing.assert_array_equal(spread(y, x, beta, alpha), [np.nan, 2.0, 7.0])


def test_a_basket_has_a_beta_a_leg():
    y, x = [10.0, 20.0], [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(spread(y, x, [2.0, 3.0], 1.0), [1.0, 1.0])
    frame = pd.DataFrame(x, columns=["a", "b"])
    np.testing.assert_array_equal(spread(y, frame, [2.0, 3.0], 1.0), [1.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0], [1.0, 2.0], 1.0), "y has 1 values and x 2, expected as many"),
        (([1.0], [1.0], [1.0, 2.0]), r"beta has shape \(2,\), expected a number or \(1,\)"),
        (([1.0], [[1.0, 2.0]], 1.0), r"beta has shape \(\), expected \(2,\)"),
        (([1.0], [1.0], 1.0, [1.0, 2.0]), r"alpha has shape \(2,\), expected a number or \(1,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        spread(*arguments)


def test_zscore_is_the_rolling_zscore():
    values = np.cumsum(np.random.default_rng(1).normal(size=200))
    np.testing.assert_array_equal(zscore(values, 30), rolling_zscore(values, 30))


def test_bands_stand_k_standard_deviations_around_the_mean():
    values = pd.Series(np.cumsum(np.random.default_rng(2).normal(size=200)))
    rolling = values.rolling(25)
    mean, lower, upper = bands(values, 25, k=1.5)
    np.testing.assert_allclose(mean, rolling.mean(), rtol=1e-12)
    np.testing.assert_allclose(lower, rolling.mean() - 1.5 * rolling.std(), rtol=1e-10)
    np.testing.assert_allclose(upper, rolling.mean() + 1.5 * rolling.std(), rtol=1e-10)
    assert bands(values, 25).upper[-1] == pytest.approx(
        (rolling.mean() + 2 * rolling.std()).iloc[-1]
    )


def test_z_is_above_k_exactly_where_the_spread_is_above_its_band():
    values = np.cumsum(np.random.default_rng(3).normal(size=500))
    line = bands(values, 40, k=1.0)
    z = zscore(values, 40)
    np.testing.assert_array_equal(values[39:] > line.upper[39:], z[39:] > 1.0)


@pytest.mark.parametrize("k", [0.0, -2.0, np.nan, np.inf])
def test_k_must_be_a_number_above_zero(k):
    with pytest.raises(ValueError, match=r"k is .*, expected a number above 0"):
        bands([1.0, 2.0, 3.0], 2, k)
