"""pandas inputs whose indexes differ are joined on them, or refused by name; never ignored.

Held by every public function of two series, which are found by what they do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.analytics.test_laws import ROWS, SERIES, Legs, assert_same, leaves, prices, run


def indexed(legs: Legs, *indexes: Any) -> Legs:
    """y, x and size as Series with these indexes."""
    legs_of_it = (legs.y, legs.x, legs.size)
    y, x, size = (pd.Series(v, index=i) for v, i in zip(legs_of_it, indexes, strict=True))
    return Legs(y, x, size, legs.y_bars, legs.x_bars, legs.ticks)


#: Functions of series that go by a pandas index: those of two series, not of a table of them.
TABLES = {"correlation_matrix", "engle_granger_batch", "johansen", "probability_of_overfitting"}
#: These take times beside each series, so that two series need no common index.
TIMED = {"hayashi_yoshida", "lead_lag"}
JOINED = [name for name in SERIES if name.split(".")[1] not in TABLES | TIMED]


@pytest.mark.parametrize("name", JOINED)
def test_series_in_another_order_are_joined_on_their_labels(name):
    legs, order = prices(7, ROWS), np.random.default_rng(7).permutation(ROWS)
    labels = pd.date_range("2024-01-01", periods=ROWS, freq="s", tz="UTC")
    expected = run(name, indexed(legs, labels, labels, labels))
    shuffled = indexed(legs, labels, labels, labels)
    moved = Legs(shuffled.y, shuffled.x.iloc[order], shuffled.size.iloc[::-1], *(legs.y_bars,) * 3)
    assert_same(run(name, moved), expected)


@pytest.mark.parametrize("name", JOINED)
def test_series_that_share_some_labels_are_joined_on_those(name):
    legs, labels = prices(8, ROWS), np.arange(ROWS)
    two = uses_two_series(name)
    moved = indexed(legs, labels, labels + 40, labels + 40)
    common = Legs(legs.y[40:], legs.x[:-40], legs.size[:-40], *(legs.y_bars,) * 3)
    if two:
        assert_same(run(name, moved), run(name, common))


@pytest.mark.parametrize("name", JOINED)
def test_series_that_share_no_label_are_refused_by_name(name):
    legs, labels = prices(9, ROWS), np.arange(ROWS)
    if not uses_two_series(name):
        return
    for apart in (labels + ROWS, [f"bar {label}" for label in labels]):
        with pytest.raises(ValueError, match=r"(y|x|price) and (x|y|size) share no label"):
            run(name, indexed(legs, labels, apart, apart))
    with pytest.raises(ValueError, match=r"that of (x|y|size) repeats labels"):
        run(name, indexed(legs, labels, labels // 2, labels // 2))


def uses_two_series(name: str) -> bool:
    """Whether the result changes with the series that are not the first."""
    legs, other = prices(10, ROWS), prices(11, ROWS)
    mixed = Legs(legs.y, other.x, other.size, *(legs.y_bars,) * 3)
    before, after = leaves(run(name, legs)), leaves(run(name, mixed))
    try:
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a, b)
    except (AssertionError, ValueError):
        return True
    return False


def test_the_functions_of_two_series_are_found_by_what_they_do():
    found = {name.split(".")[1] for name in JOINED if uses_two_series(name)}
    assert found == {
        *("rolling_corr", "rolling_ols", "rolling_comoments", "vwap", "cumulative_vwap"),
        *("rolling_vwap", "pearson", "spread", "fit_hedge", "compare_hedges", "hedge_path"),
        "slope_bands",
        *("kalman_hedge", "engle_granger", "hedge_stderr", "dynamic_ols"),
    }
