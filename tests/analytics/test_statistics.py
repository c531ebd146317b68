"""summarize, against exact rational arithmetic, SciPy and pandas."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.statistics import summarize


def exact_mean_std(values) -> tuple[float, float]:
    """Mean and ddof-1 standard deviation of the doubles as they are, rounded once."""
    rational = [Fraction(float(value)) for value in values]
    mean = sum(rational) / len(rational)
    variance = sum((value - mean) ** 2 for value in rational) / (len(rational) - 1)
    return float(mean), math.sqrt(variance)


LEVELS = {
    "returns": lambda rng: rng.normal(0, 1e-4, 500),
    "bitcoin": lambda rng: 60_000 * np.exp(np.cumsum(rng.normal(0, 1e-6, 500))),
    "offset 1e9": lambda rng: 1e9 + rng.normal(0, 1e-2, 500),
    "offset 1e15": lambda rng: 1e15 + rng.integers(0, 9, 500),
    "spike": lambda rng: np.r_[1e9, 1.0 + rng.normal(0, 1e-3, 499)],
}


@pytest.mark.parametrize("level", LEVELS)
def test_mean_and_std_are_exact_at_any_level(level):
    x = LEVELS[level](np.random.default_rng(7))
    mean, std = exact_mean_std(x)
    summary = summarize(x)
    assert summary.mean == pytest.approx(mean, rel=2.3e-16)
    assert summary.std == pytest.approx(std, rel=5e-15)


def test_nists_hardest_series_keeps_its_digits():
    # NumAcc4 of NIST's StRD: 10,000,000.2 followed by 500 pairs of .1 and .3.
    x = [10_000_000.2] + [10_000_000.1, 10_000_000.3] * 500
    summary = summarize(x)
    assert summary.mean == pytest.approx(10_000_000.2, rel=1e-14)
    assert summary.std == pytest.approx(0.1, rel=2e-8)  # the doubles themselves are that far off
    assert summary.std == pytest.approx(exact_mean_std(x)[1], rel=1e-15)


def test_shape_is_bias_corrected_as_in_pandas_and_scipy():
    x = np.random.default_rng(3).exponential(size=400)
    summary = summarize(x)
    assert summary.skew == pytest.approx(stats.skew(x, bias=False), rel=1e-12)
    assert summary.kurtosis == pytest.approx(stats.kurtosis(x, bias=False), rel=1e-12)
    assert summary.skew == pytest.approx(pd.Series(x).skew(), rel=1e-12)
    assert summary.kurtosis == pytest.approx(pd.Series(x).kurt(), rel=1e-12)


def test_shape_survives_a_high_level():
    grid = np.round(np.random.default_rng(3).exponential(size=400), 6) * 2.0**20 // 1
    low, high = summarize(grid), summarize(grid + 2.0**45)
    assert high.skew == pytest.approx(low.skew, rel=1e-12)
    assert high.kurtosis == pytest.approx(low.kurtosis, rel=1e-12)


def test_missing_values_are_left_out_and_counted():
    summary = summarize([np.nan, 2.0, np.inf, 4.0, None])
    assert (summary.n, summary.missing) == (2, 3)
    assert (summary.mean, summary.min, summary.max, summary.last) == (3.0, 2.0, 4.0, 4.0)


def test_too_few_values_give_nan_and_no_error():
    empty = summarize([])
    assert empty.n == 0
    assert math.isnan(empty.mean)
    assert math.isnan(empty.last)
    one = summarize([5.0])
    assert one.mean == one.last == 5.0
    assert math.isnan(one.std)
    assert math.isnan(summarize([1.0, 2.0]).skew)
    assert math.isnan(summarize([1.0, 2.0, 4.0]).kurtosis)


@pytest.mark.parametrize("value", [0.1, 0.01, 1 / 3, 60_000.01, 1e300])
@pytest.mark.parametrize("n", [2, 7, 1_000])
def test_a_constant_series_has_std_exactly_0_and_no_shape(value, n):
    summary = summarize(np.full(n, value))
    assert summary.std == 0.0
    assert math.isnan(summary.skew)
    assert math.isnan(summary.kurtosis)


def test_sums_beyond_the_doubles_are_nan_not_an_error():
    summary = summarize([1e308, 1e308, -1e308])
    assert summary.n == 3
    assert summary.max == 1e308
    assert math.isnan(summary.std)
    assert math.isnan(summarize([1.7e308, 1.7e308]).mean)


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=60))
def test_any_series_agrees_with_rational_arithmetic(values):
    mean, std = exact_mean_std(values)
    summary = summarize(values)
    assert summary.mean == pytest.approx(mean, rel=1e-15, abs=1e-300)
    assert summary.std == pytest.approx(std, rel=1e-12, abs=1e-150)
    assert summary.min <= summary.mean <= summary.max or summary.min == pytest.approx(summary.max)
