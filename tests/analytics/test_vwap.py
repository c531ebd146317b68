"""Volume-weighted average prices against rational arithmetic and plain definitions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.vwap import cumulative_vwap, rolling_vwap, vwap


def exact(price, size) -> float:
    pairs = [(Fraction(float(p)), Fraction(float(s))) for p, s in zip(price, size, strict=True)]
    return float(sum(p * s for p, s in pairs) / sum(s for _, s in pairs))


@pytest.fixture
def trades() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return 60_000 + np.cumsum(rng.normal(0, 0.05, 600)), rng.exponential(size=600)


def test_vwap_is_turnover_over_volume(trades):
    price, size = trades
    assert vwap(price, size) == pytest.approx(exact(price, size), rel=2e-15)


def test_cumulative_vwap_is_the_vwap_of_every_row_so_far(trades):
    price, size = trades
    line = cumulative_vwap(price, size)
    for k in (1, 2, 77, 600):
        assert line[k - 1] == pytest.approx(exact(price[:k], size[:k]), rel=1e-14)


def test_rolling_vwap_is_the_vwap_of_each_window(trades):
    price, size = trades
    line = rolling_vwap(price, size, 50)
    assert np.isnan(line[:49]).all()
    for stop in range(50, 601, 37):
        window = slice(stop - 50, stop)
        assert line[stop - 1] == pytest.approx(exact(price[window], size[window]), rel=1e-15)


def test_rolling_vwap_forgets_a_giant_trade_once_it_has_left():
    price, size = np.r_[100.0, 7e8, np.full(20, 101.0), 103.0], np.ones(23)
    size[1] = 1e12
    line = rolling_vwap(price, size, 4)
    assert line[-2] == pytest.approx(101.0, rel=1e-15)
    assert line[-1] == pytest.approx(101.5, rel=1e-15)


def test_rows_without_price_or_size_count_for_nothing():
    price, size = [100.0, np.nan, 103.0, 200.0], [2.0, 5.0, 1.0, np.nan]
    assert vwap(price, size) == 101.0
    np.testing.assert_array_equal(cumulative_vwap(price, size), [100.0, np.nan, 101.0, np.nan])
    np.testing.assert_array_equal(rolling_vwap(price, size, 1), [100.0, np.nan, 103.0, np.nan])
    assert np.isnan(rolling_vwap(price, size, 2)).all()


def test_where_nothing_was_traded_there_is_no_price():
    assert math.isnan(vwap([], []))
    assert math.isnan(vwap([1.0, 2.0], [0.0, 0.0]))
    assert cumulative_vwap([], []).shape == (0,)
    np.testing.assert_array_equal(cumulative_vwap([5.0, 6.0], [0.0, 1.0]), [np.nan, 6.0])
    line = rolling_vwap([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 3.0, 0.0, 0.0, 2.0], 2)
    np.testing.assert_array_equal(line, [np.nan, 1.75, 2.0, np.nan, 5.0])


@pytest.mark.parametrize("f", [vwap, cumulative_vwap, lambda p, s: rolling_vwap(p, s, 2)])
def test_a_callers_mistake_is_named(f):
    with pytest.raises(ValueError, match=r"size is -1.0 in row 1, expected 0 or more"):
        f([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(ValueError, match="price has 2 values and size 1, expected as many"):
        f([1.0, 2.0], [1.0])


def test_a_window_below_one_is_refused():
    with pytest.raises(ValueError, match="window is 0, expected at least 1"):
        rolling_vwap([1.0], [1.0], 0)


rows = st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)), min_size=1, max_size=50)


@given(rows)
def test_vwap_lies_between_the_lowest_and_the_highest_price(trades):
    price, size = np.array(trades).T
    assert vwap(price, size) == pytest.approx(exact(price, size), rel=1e-12)
    assert price.min() * (1 - 1e-12) <= vwap(price, size) <= price.max() * (1 + 1e-12)
