"""Correlations against NumPy, pandas and rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from analytics.correlation import correlation_matrix, pearson
from analytics.model import Bars, PairParams
from analytics.pair import analyze_pair
from analytics.rolling import rolling_corr


def bars(symbol: str, close: np.ndarray) -> Bars:
    times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


def exact(x, y) -> float:
    xs, ys = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    sxy = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True))
    sxx = sum((a - mean_x) ** 2 for a in xs)
    syy = sum((b - mean_y) ** 2 for b in ys)
    return float(sxy) / math.sqrt(sxx) / math.sqrt(syy)


@pytest.fixture
def closes() -> np.ndarray:
    rng = np.random.default_rng(1)
    common = rng.normal(0, 1e-3, (500, 1))
    return 100 * np.exp(np.cumsum(common + rng.normal(0, 1e-3, (500, 4)), axis=0))


def test_complete_closes_correlate_as_in_pandas(closes):
    frame = pd.DataFrame(closes)
    np.testing.assert_allclose(
        correlation_matrix(closes), frame.pct_change().corr(), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(correlation_matrix(closes, on="prices"), frame.corr(), rtol=1e-12)


def test_the_matrix_is_symmetric_with_a_diagonal_of_ones(closes):
    holed = closes.copy()
    holed[::7, 1] = np.nan
    for table in (closes, holed):
        matrix = correlation_matrix(table)
        np.testing.assert_array_equal(matrix, matrix.T)
        np.testing.assert_array_equal(np.diagonal(matrix), 1.0)
        assert (np.abs(matrix) <= 1.0).all()


def test_each_pair_takes_the_bars_on_which_both_traded(closes):
    holed = closes.copy()
    holed[[3, 4, 90], 0] = np.nan
    holed[200:300, 2] = np.nan
    matrix = correlation_matrix(holed)
    for i, j in ((0, 1), (0, 2), (1, 3)):
        both = pd.DataFrame(holed[:, [i, j]]).dropna()
        expected = both.pct_change().corr().iloc[0, 1]
        assert matrix[i, j] == pytest.approx(expected, rel=1e-12)
    prices = correlation_matrix(holed, on="prices")
    np.testing.assert_allclose(prices, pd.DataFrame(holed).corr(), rtol=1e-12)


def test_a_carried_close_would_change_the_answer_and_is_kept_out():
    y = np.array([100.0, 101.0, 101.0, 103.0, 102.0, 104.0])
    x = np.array([50.0, 50.6, 51.0, 51.4, 51.2, 52.1])
    carried = y.copy()
    carried[2] = np.nan
    kept = [0, 1, 3, 4, 5]
    expected = np.corrcoef(np.diff(y[kept]) / y[kept][:-1], np.diff(x[kept]) / x[kept][:-1])[0, 1]
    assert correlation_matrix({"Y": carried, "X": x})[0, 1] == pytest.approx(expected, rel=1e-12)


def test_arrays_frames_and_mappings_say_the_same(closes):
    names = list("abcd")
    matrix = correlation_matrix(closes)
    np.testing.assert_array_equal(correlation_matrix(pd.DataFrame(closes, columns=names)), matrix)
    mapping = {name: closes[:, k] for k, name in enumerate(names)}
    np.testing.assert_array_equal(correlation_matrix(mapping), matrix)


def test_a_high_price_level_costs_no_digits():
    rng = np.random.default_rng(2)
    x = 1e9 + rng.normal(0, 1e-2, 300)
    y = 1e9 + 0.3 * (x - 1e9) + rng.normal(0, 1e-2, 300)
    assert pearson(x, y) == pytest.approx(exact(x, y), rel=1e-12)
    matrix = correlation_matrix(np.column_stack([x, y]), on="prices")
    assert matrix[0, 1] == pytest.approx(exact(x, y), rel=1e-12)


def test_a_symbol_that_does_not_move_correlates_with_nothing():
    closes = np.column_stack([np.full(9, 0.1), np.arange(1.0, 10.0), np.arange(9.0) ** 2 + 1])
    for on in ("returns", "prices"):
        matrix = correlation_matrix(closes, on)
        assert np.isnan(matrix[0]).all()
        assert np.isfinite(matrix[1:, 1:]).all()


STEADY = 100.0 * 1.01 ** np.arange(300.0), 50.0 * 1.005 ** np.arange(300.0)
SLOW = 100.0 * 1.0001 ** np.arange(300.0), 60_000.0 * np.exp(-3e-7 * np.arange(300.0))


def returns(closes: np.ndarray) -> np.ndarray:
    return np.diff(closes) / closes[:-1]


@pytest.mark.parametrize("closes", [STEADY, SLOW])
@pytest.mark.parametrize("walk", [False, True])
def test_returns_that_are_constant_but_for_rounding_correlate_with_nothing(closes, walk):
    """The rounding of closes correlated by 0.12, and with no leg that moves by anything else."""
    moving = 100.0 + np.cumsum(np.random.default_rng(3).standard_normal(300))
    y, x = closes[0], moving if walk else closes[1]
    assert np.isnan(correlation_matrix({"Y": y, "X": x})[0, 1])
    assert math.isnan(pearson(returns(y), returns(x), unit=1.0))
    assert np.isnan(rolling_corr(returns(y), returns(x), 60, unit=1.0)).all()
    snapshot = analyze_pair(bars("Y", y), bars("X", x), PairParams("Y", "X"))
    assert math.isnan(snapshot.correlation)
    assert np.isnan(snapshot.corr).all()
    prices = correlation_matrix({"Y": y, "X": x}, on="prices")
    assert np.isfinite(prices).all()


def test_values_that_are_constant_but_for_their_own_rounding_correlate_with_nothing():
    y, x = (returns(closes) for closes in STEADY)
    assert math.isnan(pearson(y, x))
    assert np.isnan(rolling_corr(y, x, 60)).all()
    moving = np.random.default_rng(4).standard_normal(299)
    for scale in (1e-100, 1.0, 1e100):
        noise = scale * (1.0 + 2e-16 * (np.arange(299) % 3))
        assert noise.min() < noise.max()
        assert math.isnan(pearson(noise, moving))
        assert math.isnan(pearson(moving, noise))
        assert np.isnan(rolling_corr(noise, moving, 60)).all()
        assert pearson(scale * moving, moving) == pytest.approx(1.0)


def test_returns_of_single_ticks_are_no_rounding():
    ticks = np.random.default_rng(5).integers(-1, 2, (2, 300)).cumsum(axis=1) / 100.0 + 100_000.0
    y, x = (returns(leg) for leg in ticks)
    assert pearson(y, x, unit=1.0) == pearson(y, x) == pytest.approx(exact(y, x), rel=1e-9)
    found = rolling_corr(y, x, 60, unit=1.0)
    np.testing.assert_array_equal(found, rolling_corr(y, x, 60))
    assert np.isfinite(found[59:]).all()


@pytest.mark.parametrize("unit", [-1.0, math.nan, math.inf, "a"])
def test_a_unit_is_a_number_from_0(unit):
    for call in (
        lambda: pearson([1, 2, 3], [1, 3, 2], unit=unit),
        lambda: rolling_corr([1, 2, 3], [1, 3, 2], 3, unit=unit),
    ):
        with pytest.raises(ValueError, match=r"unit is .*, expected a number"):
            call()


def test_too_few_bars_in_common_give_nan():
    a = [1.0, 2.0, np.nan, np.nan, 3.0, 4.0]
    b = [np.nan, 2.0, 5.0, 4.0, 3.0, np.nan]
    assert math.isnan(correlation_matrix([*zip(a, b, strict=True)], on="prices")[0, 1])
    assert correlation_matrix(np.empty((0, 3))).shape == (3, 3)
    assert correlation_matrix({}).shape == (0, 0)
    assert math.isnan(pearson([1.0, 2.0], [2.0, 1.0]))


def test_pearson_leaves_out_rows_that_lack_a_value():
    x, y = [1.0, 2.0, np.nan, 4.0, 7.0], [2.0, 1.0, 9.0, np.inf, 5.0]
    assert pearson(x, y) == pytest.approx(np.corrcoef([1.0, 2.0, 7.0], [2.0, 1.0, 5.0])[0, 1])


def test_a_callers_mistake_is_named():
    with pytest.raises(ValueError, match="on is 'logs', expected returns or prices"):
        correlation_matrix([[1.0, 2.0]], on="logs")
    with pytest.raises(ValueError, match="closes has columns of"):
        correlation_matrix({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(ValueError, match="x has 1 values and y 2, expected as many"):
        pearson([1.0], [1.0, 2.0])


def test_columns_of_different_indexes_are_compared_on_the_labels_that_both_have():
    labels = pd.date_range("2024-01-01", periods=80, freq="min", tz="UTC")
    rng = np.random.default_rng(5)
    a, b, c = (pd.Series(100.0 + np.cumsum(rng.standard_normal(80)), labels) for _ in range(3))
    moved = {"a": a, "b": b.iloc[::-1], "c": c.iloc[20:]}
    found = correlation_matrix(moved)
    assert found[0, 1] == pytest.approx(correlation_matrix({"a": a, "b": b})[0, 1], rel=1e-12)
    late = {"a": a.iloc[20:], "c": c.iloc[20:]}
    assert found[0, 2] == pytest.approx(correlation_matrix(late)[0, 1], rel=1e-12)
    apart = {"a": a, "b": b.set_axis(labels + pd.Timedelta("1D"))}
    assert np.isnan(correlation_matrix(apart)[0, 1])


def test_columns_that_cannot_be_joined_are_refused_by_name():
    a = pd.Series([1.0, 2.0, 3.0], index=[1, 2, 3])
    for other in (pd.Series([1.0, 2.0, 3.0], index=[1, 1, 2]), [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="closes has columns of different indexes"):
            correlation_matrix({"a": a, "b": other, "c": a.iloc[::-1]})
