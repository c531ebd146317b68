"""Hedge ratios by every method, against other libraries and independent definitions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics._kernels import theil_sen
from analytics.hedge import fit_hedge, hedge_path
from analytics.model import HEDGE_METHODS

WINDOWED = [method for method in HEDGE_METHODS if method != "kalman"]


def legs(seed: int, n: int = 300, noise: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = 100 + np.cumsum(rng.normal(0, 0.3, n))
    return 1.5 * x + 10 + noise * rng.standard_t(3, n), x


def all_slopes(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    i, j = np.triu_indices(len(x), 1)
    run = x[j] - x[i]
    return (y[j] - y[i])[run != 0] / run[run != 0]


# Least squares


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("k", [1, 4])
def test_ols_agrees_with_statsmodels(intercept, k):
    rng = np.random.default_rng(k)
    x = 50 + np.cumsum(rng.normal(size=(200, k)), axis=0)
    y = x @ np.arange(1.0, k + 1) + 5 + rng.normal(size=200)
    fit = fit_hedge(y, x, intercept=intercept)
    peer = sm.OLS(y, np.column_stack([x, np.ones(200)]) if intercept else x).fit()
    np.testing.assert_allclose(fit.beta, peer.params[:k], rtol=1e-9)
    np.testing.assert_allclose(fit.beta_stderr, peer.bse[:k], rtol=1e-9)
    assert fit.alpha == pytest.approx(peer.params[k] if intercept else 0.0, rel=1e-8)
    assert fit.r_squared == pytest.approx(peer.rsquared, rel=1e-12)
    assert (fit.method, fit.n, fit.note) == ("ols", 200, "")


@pytest.mark.parametrize("level", [0.0, 60_000.0, 1e9])
def test_ols_is_exact_at_any_price_level(level):
    rng = np.random.default_rng(2)
    x = level + rng.normal(0, 1e-2, 120)
    y = level + 0.7 * (x - level) + rng.normal(0, 1e-2, 120)
    xs, ys = [Fraction(v) for v in x], [Fraction(v) for v in y]
    mean_x, mean_y = sum(xs) / 120, sum(ys) / 120
    sxx = sum((v - mean_x) ** 2 for v in xs)
    syy = sum((v - mean_y) ** 2 for v in ys)
    sxy = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True))
    fit = fit_hedge(y, x)
    assert fit.beta == pytest.approx(float(sxy / sxx), rel=1e-13)
    alpha = float(mean_y - sxy / sxx * mean_x)
    assert fit.alpha == pytest.approx(alpha, rel=1e-13, abs=1e-15 * level + 1e-13)
    assert fit.r_squared == pytest.approx(float(sxy**2 / sxx / syy), rel=1e-11)


def test_one_leg_gives_floats_and_a_basket_gives_arrays():
    y, x = legs(3)
    single, basket = fit_hedge(y, x), fit_hedge(y, x[:, None])
    assert isinstance(single.beta, float)
    assert isinstance(single.beta_stderr, float)
    assert basket.beta.shape == basket.beta_stderr.shape == (1,)
    assert basket.beta[0] == single.beta
    frame = pd.DataFrame({"a": x, "b": x**2})
    assert fit_hedge(y, frame).beta.shape == (2,)


def test_a_line_through_as_many_rows_as_coefficients_has_no_standard_error():
    fit = fit_hedge([3.0, 5.0], [1.0, 2.0])
    assert (fit.beta, fit.alpha) == pytest.approx((2.0, 1.0))
    assert math.isnan(fit.beta_stderr)


# Huber


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_huber_settles_where_statsmodels_rlm_does(intercept, k):
    rng = np.random.default_rng(10 + k)
    x = 20 + np.cumsum(rng.normal(size=(250, k)), axis=0)
    y = x @ np.linspace(1, 2, k) + 3 + rng.standard_t(2, 250)
    fit = fit_hedge(y, x, "huber", intercept)
    design = np.column_stack([x, np.ones(250)]) if intercept else x
    peer = sm.RLM(y, design, M=sm.robust.norms.HuberT(1.345)).fit(tol=1e-14, maxiter=1_000)
    np.testing.assert_allclose(fit.beta, peer.params[:k], rtol=1e-8)
    np.testing.assert_allclose(fit.beta_stderr, peer.bse[:k], rtol=1e-3)  # ddof of one variance
    assert fit.alpha == pytest.approx(peer.params[k] if intercept else 0.0, rel=1e-7)


def test_huber_hardly_hears_outliers():
    y, x = legs(4, noise=0.05)
    wild = y.copy()
    wild[::25] += 40.0
    assert abs(fit_hedge(wild, x, "huber").beta - 1.5) < 0.01
    assert abs(fit_hedge(wild, x, "ols").beta - 1.5) > 0.01


def test_huber_of_an_exact_line_is_that_line():
    x = np.r_[np.arange(30.0), 7.0]
    y = 2 * x + 3
    y[-1] = 500.0
    fit = fit_hedge(y, x, "huber")
    assert (fit.beta, fit.alpha) == pytest.approx((2.0, 3.0), rel=1e-6)
    exact = fit_hedge(2 * x + 3, x, "huber")
    assert (exact.beta, exact.alpha) == pytest.approx((2.0, 3.0), rel=1e-12)


# Theil-Sen


@pytest.mark.parametrize("n", [2, 3, 50, 201, 202, 700, 2_500])
@pytest.mark.parametrize("kind", ["prices", "ticks", "coarse ticks", "white", "1e9", "line"])
def test_theil_sen_is_the_median_of_all_slopes_to_the_last_bit(kind, n):
    y, x = legs(n, n)
    rng = np.random.default_rng(n)
    y, x = {
        "prices": (y, x),
        "ticks": (np.round(y, 1), np.round(x, 1)),
        "coarse ticks": (np.round(y), np.round(x)),
        "white": tuple(rng.normal(size=(2, n))),
        "1e9": (1e9 + rng.normal(0, 1e-2, n), 1e9 + np.round(rng.normal(0, 1e-2, n), 3)),
        "line": (-0.05 * x + 3, x),
    }[kind]
    x = np.r_[x[0] - 1.0, x[1:]] if x.min() == x.max() else x
    fit = fit_hedge(y, x, "theil_sen")
    assert fit.beta == np.median(all_slopes(y, x))
    assert fit.alpha == np.median(y) - fit.beta * np.median(x)


small = st.integers(-4, 4).map(float)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(small, small), min_size=2, max_size=40))
def test_theil_sen_survives_ties_of_every_kind(points):
    y, x = np.array(points).T
    if x.min() == x.max():
        return
    assert fit_hedge(y, x, "theil_sen").beta == np.median(all_slopes(y, x))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.05, 0.003]), st.integers(220, 600))
def test_theil_sen_finds_the_median_among_thousands_of_tied_slopes(seed, tick, n):
    y, x = legs(seed, n)
    y, x = np.round(y / tick) * tick, np.round(x / tick) * tick
    assert fit_hedge(y, x, "theil_sen").beta == np.median(all_slopes(y, x))


@pytest.fixture
def met(monkeypatch) -> list[int]:
    """How many pairs each search for the median slope met on its way."""
    counts: list[int] = []
    meet = theil_sen._meet

    def note(*given):
        told = meet(*given)
        counts.append(told[3])
        return told

    monkeypatch.setattr(theil_sen, "_meet", note)
    return counts


@pytest.mark.parametrize("tick", [1e-9, 0.01])
def test_theil_sen_meets_few_of_the_two_million_pairs(met, tick):
    for seed in range(20):
        y, x = legs(seed, 2_000)
        fit_hedge(np.round(y / tick) * tick, np.round(x / tick) * tick, "theil_sen")
    assert len(met) < 30, "most are found at once"
    assert np.median(met) < 3_000


def test_theil_sen_takes_no_secant_where_half_of_the_slopes_are_one(met):
    steps = np.arange(2_000.0)
    fit_hedge(np.where(steps < 0.7071 * 2_000, steps, -steps), steps, "theil_sen")
    assert sum(met) < 3_000


def test_theil_sen_without_intercept_is_the_median_ratio():
    y, x = legs(5)
    fit = fit_hedge(y, x, "theil_sen", intercept=False)
    assert (fit.beta, fit.alpha) == (np.median(y / x), 0.0)


# Orthogonal regression, Kalman, ratio


@pytest.mark.parametrize("intercept", [True, False])
def test_tls_is_the_first_principal_axis(intercept):
    y, x = legs(6)
    shift = (x.mean(), y.mean()) if intercept else (0.0, 0.0)
    _, _, axes = np.linalg.svd(np.column_stack([x - shift[0], y - shift[1]]))
    fit = fit_hedge(y, x, "tls", intercept)
    assert fit.beta == pytest.approx(axes[0, 1] / axes[0, 0], rel=1e-11)
    assert fit.alpha == pytest.approx(shift[1] - fit.beta * shift[0], rel=1e-9, abs=1e-12)


def test_tls_treats_the_legs_alike():
    y, x = legs(7)
    assert fit_hedge(y, x, "tls").beta * fit_hedge(x, y, "tls").beta == pytest.approx(1.0)
    assert fit_hedge(-y, x, "tls").beta == pytest.approx(-fit_hedge(y, x, "tls").beta)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("level", [0.05, 1.0, 100_000.0])
def test_kalman_behaves_alike_at_any_price(level, intercept):
    y, x = legs(8)
    plain = fit_hedge(y, x, "kalman", intercept)
    scaled = fit_hedge(level * y, level * x, "kalman", intercept)
    assert scaled.beta == pytest.approx(plain.beta, rel=1e-9)
    assert scaled.alpha == pytest.approx(level * plain.alpha, rel=1e-8)
    assert scaled.beta_stderr == pytest.approx(plain.beta_stderr, rel=1e-9)
    one_leg = fit_hedge(y, level * x, "kalman", intercept)
    assert one_leg.beta == pytest.approx(plain.beta / level, rel=1e-9)


def test_kalman_finds_a_steady_ratio_and_follows_a_changing_one():
    rng = np.random.default_rng(9)
    x = 100 + np.cumsum(rng.normal(0, 0.5, 600))
    steady = 1.5 * x + 10 + rng.normal(0, 0.1, 600)
    assert fit_hedge(steady, x, "kalman").beta == pytest.approx(1.5, rel=0.02)
    beta = np.r_[np.full(300, 1.0), np.full(300, 2.0)]
    turning = 100 + np.cumsum(beta * np.diff(x, prepend=x[0])) + rng.normal(0, 0.05, 600)
    assert fit_hedge(turning, x, "kalman").beta > 1.6
    assert fit_hedge(turning, x, "ols").beta < 1.6
    path = hedge_path(turning, x, "kalman", 60).beta
    assert path[300] == pytest.approx(1.0, rel=0.05)
    assert path[-1] == pytest.approx(2.0, rel=0.05)


def test_ratio_is_that_of_the_means_so_the_spread_averages_zero():
    y, x = legs(11)
    fit = fit_hedge(y, x, "ratio")
    assert (fit.beta, fit.alpha) == (pytest.approx(y.mean() / x.mean()), 0.0)
    assert abs((y - fit.beta * x).mean()) < 1e-10
    assert math.isnan(fit.beta_stderr)


@pytest.mark.parametrize("method", HEDGE_METHODS)
def test_r_squared_is_one_less_the_residual_share(method):
    y, x = legs(12)
    for intercept in (True, False):
        fit = fit_hedge(y, x, method, intercept)
        total = np.sum((y - y.mean()) ** 2) if intercept else np.sum(y**2)
        residual = np.sum((y - fit.beta * x - fit.alpha) ** 2)
        assert fit.r_squared == pytest.approx(1 - residual / total, rel=1e-8)
        if not intercept:
            assert fit.alpha == 0.0


# What is not there, or decides nothing


@pytest.mark.parametrize("method", ["ols", "huber", "theil_sen", "tls", "kalman"])
@pytest.mark.parametrize("x", [np.full(50, 100.0), np.full(50, 0.1), 1e9 + 1e-7 * np.arange(50)])
def test_where_x_hardly_varies_the_ratio_stands_in_and_says_so(method, x):
    y = 200.0 + np.random.default_rng(1).normal(size=50)
    fit = fit_hedge(y, x, method)
    assert fit.method == "ratio"
    assert fit.note == f"{method}: x hardly varies, fell back to the ratio of means"
    assert (fit.beta, fit.alpha) == (pytest.approx(y.mean() / x.mean()), 0.0)


@pytest.mark.parametrize("method", ["ols", "huber", "theil_sen", "tls", "kalman"])
def test_prices_whose_squares_overflow_give_no_false_line(method):
    y, x = legs(23, 50)
    fit = fit_hedge(y, x * 1e200, method)
    assert fit.method == "ratio"
    assert "beyond the range of doubles" in fit.note
    assert fit.beta == pytest.approx(y.mean() / x.mean() / 1e200)


def test_a_price_that_moves_by_a_millionth_is_no_constant():
    rng = np.random.default_rng(1)
    x = 60_000 * (1 + 1e-6 * np.cumsum(rng.normal(size=60)))
    fit = fit_hedge(0.5 * x + rng.normal(0, 1e-3, 60), x)
    assert (fit.method, fit.note) == ("ols", "")


@pytest.mark.parametrize("method", ["ols", "huber"])
def test_a_collinear_basket_falls_back_to_equal_shares(method):
    y, x = legs(13)
    fit = fit_hedge(y, np.column_stack([x, 2 * x]), method)
    assert fit.method == "ratio"
    assert "ill-conditioned" in fit.note
    np.testing.assert_allclose(fit.beta, y.mean() / (2 * np.array([x.mean(), 2 * x.mean()])))


def test_an_orthogonal_line_that_would_be_vertical_falls_back():
    fit = fit_hedge([1.0, 3.0, 1.0, 3.0], [1.0, 1.1, 1.1, 1.0], "tls")
    assert fit.method == "ratio"
    assert "vertical" in fit.note


def test_without_a_mean_there_is_not_even_a_ratio():
    fit = fit_hedge([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0], "ratio")
    assert math.isnan(fit.beta)
    assert fit.note == "the mean of x is 0"


@pytest.mark.parametrize("method", HEDGE_METHODS)
def test_rows_without_a_price_are_left_out_and_counted(method):
    y, x = legs(14)
    holed_y, holed_x = y.copy(), x.copy()
    holed_y[3], holed_x[[7, 8]] = np.nan, np.inf
    kept = np.delete(np.arange(300), [3, 7, 8])
    fit, expected = fit_hedge(holed_y, holed_x, method), fit_hedge(y[kept], x[kept], method)
    assert (fit.beta, fit.alpha, fit.n) == (expected.beta, expected.alpha, 297)
    assert fit.note == "3 rows without a price left out"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, 2.0], [1.0, 2.0], "ridge"), "method is 'ridge', expected one of ols, huber, the"),
        (([1.0, 2.0], [1.0, 2.0, 3.0]), "y has 2 values and x 3, expected as many"),
        (([1.0, np.nan], [1.0, 2.0]), "y and x have 1 complete rows, expected at least 2"),
        (([1.0, 2.0], [[1.0, 2.0], [2.0, 9.0]]), "2 complete rows, expected at least 3"),
        (([1.0, 2.0], [[1.0], [2.0]], "tls"), "method is 'tls', expected ols or huber"),
        (([], []), "0 complete rows, expected at least 2"),
    ],
)
def test_a_callers_mistake_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        fit_hedge(*arguments)


# The path


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("method", WINDOWED)
def test_each_bar_of_a_path_has_the_fit_of_its_window(method, intercept):
    y, x = legs(15, 90)
    path = hedge_path(y, x, method, 30, intercept)
    assert np.isnan(path.beta[:29]).all()
    assert np.isnan(path.alpha[:29]).all()
    for stop in range(30, 91, 7):
        fit = fit_hedge(y[stop - 30 : stop], x[stop - 30 : stop], method, intercept)
        assert path.beta[stop - 1] == pytest.approx(fit.beta, rel=1e-9)
        assert path.alpha[stop - 1] == pytest.approx(fit.alpha, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("method", HEDGE_METHODS)
def test_a_path_knows_nothing_of_later_bars(method):
    y, x = legs(16, 120)
    y[50] = np.nan
    whole = hedge_path(y, x, method, 25)
    for k in (0, 24, 25, 60, 119):
        part = hedge_path(y[:k], x[:k], method, 25)
        np.testing.assert_array_equal(part.beta, whole.beta[:k])
        np.testing.assert_array_equal(part.alpha, whole.alpha[:k])


@pytest.mark.parametrize("method", WINDOWED)
def test_a_gap_blanks_the_windows_that_hold_it(method):
    y, x = legs(17, 80)
    x[40] = np.nan
    beta, alpha = hedge_path(y, x, method, 20)
    np.testing.assert_array_equal(np.isnan(beta), np.isnan(alpha))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(beta)), [*range(19), *range(40, 60)])


@pytest.mark.parametrize("method", ["ols", "huber", "theil_sen", "tls"])
def test_a_path_has_no_value_where_x_stands_still(method):
    y, x = legs(18, 80)
    x[20:60] = x[20]
    beta = hedge_path(y, x, method, 15).beta
    assert np.isnan(beta[34:60]).all()
    assert np.isfinite(beta[60:]).all()


def test_a_kalman_path_starts_once_both_legs_have_moved():
    y, x = legs(19, 200)
    x[:40] = x[40]
    beta = hedge_path(y, x, "kalman", 20).beta
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(beta)), range(41))
    still = hedge_path(y[:30], np.full(30, 5.0), "kalman", 10)
    assert np.isnan(still.beta).all()


@pytest.mark.parametrize("intercept", [True, False])
def test_a_kalman_path_does_not_depend_on_the_units(intercept):
    y, x = legs(20)
    plain = hedge_path(y, x, "kalman", 50, intercept)
    other = hedge_path(1e5 * y, 0.05 * x, "kalman", 50, intercept)
    np.testing.assert_allclose(other.beta, plain.beta * 2e6, rtol=1e-8)


def test_a_kalman_path_skips_bars_without_a_price():
    y, x = legs(21)
    y[100] = np.nan
    beta = hedge_path(y, x, "kalman", 50).beta
    assert np.isnan(beta[100])
    assert np.isfinite(beta[101:]).all()
    assert beta[101] == pytest.approx(beta[99], rel=0.05)


def test_a_path_unpacks_and_names_its_method():
    y, x = legs(22, 40)
    path = hedge_path(y, x, "tls", 10)
    beta, alpha = path
    assert path.method == "tls"
    assert beta is path.beta
    assert alpha is path.alpha


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0], [1.0], "lasso", 5), "method is 'lasso', expected one of ols"),
        (([1.0], [1.0, 2.0], "ols", 5), "y has 1 values and x 2, expected as many"),
        (([1.0], [1.0], "huber", 1), "window is 1, expected at least 2"),
    ],
)
def test_a_mistake_in_a_path_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        hedge_path(*arguments)


@pytest.mark.parametrize("noise", [0.0, 1.0, 100.0, 10_000.0])
def test_a_polynomial_of_fifth_degree_keeps_nine_digits_of_every_slope(noise):
    """NIST's Wampler1, 3, 4 and 5: all coefficients are 1 whatever the noise."""
    x = np.arange(21.0)
    powers = np.column_stack([x**k for k in range(1, 6)])
    half = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048]
    left = np.array([*half, 2048, *half[::-1]], dtype=float)
    fit = fit_hedge(1.0 + powers.sum(axis=1) + noise * left, powers, "ols")
    np.testing.assert_allclose([fit.alpha, *fit.beta], 1.0, rtol=1e-9)
