"""Rolling moments against long double, rational arithmetic and other libraries."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from analytics.rolling import (
    rolling_comoments,
    rolling_corr,
    rolling_mean,
    rolling_ols,
    rolling_std,
    rolling_zscore,
)

WINDOWS = (20, 60, 200, 500)
N = 3_000


class Truth(NamedTuple):
    mean: np.ndarray
    std: np.ndarray
    z: np.ndarray
    corr: np.ndarray
    beta: np.ndarray
    alpha: np.ndarray


def long_double(y: np.ndarray, x: np.ndarray, window: int) -> Truth:
    """Each window on its own, two passes in extended precision; of x but for the slope."""
    wide_x, wide_y = (sliding_window_view(leg.astype(np.longdouble), window) for leg in (x, y))
    mean_x, mean_y = wide_x.mean(axis=1), wide_y.mean(axis=1)
    dx, dy = wide_x - mean_x[:, None], wide_y - mean_y[:, None]
    dx -= dx.mean(axis=1)[:, None]
    dy -= dy.mean(axis=1)[:, None]
    sxx, syy, sxy = (dx * dx).sum(axis=1), (dy * dy).sum(axis=1), (dx * dy).sum(axis=1)
    std = np.sqrt(sxx / (window - 1))
    beta = sxy / sxx
    return Truth(
        mean_x, std, dx[:, -1] / std, sxy / np.sqrt(sxx * syy), beta, mean_y - beta * mean_x
    )


def bitcoin(rng) -> tuple[np.ndarray, np.ndarray]:
    steps = rng.normal(0, 1e-6, (2, N))
    steps[0] += 0.6 * steps[1]
    y, x = np.array([[3_000.0], [60_000.0]]) * np.exp(np.cumsum(steps, axis=1))
    return y, x


def bitcoin_in_ticks(rng) -> tuple[np.ndarray, np.ndarray]:
    y, x = bitcoin(rng)
    return np.round(y, 3), np.round(x, 2)


def offset(rng) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(0, 1e-2, N)
    return 1e9 + 0.5 * x + rng.normal(0, 1e-2, N), 1e9 + x


def spike(rng) -> tuple[np.ndarray, np.ndarray]:
    x = 1.0 + rng.normal(0, 1e-2, N)
    y = 0.5 * x + rng.normal(0, 1e-2, N)
    x[700], y[1_500] = 1e9, 1e9
    return y, x


SERIES = {f.__name__: f for f in (bitcoin, bitcoin_in_ticks, offset, spike)}


def worst(got: np.ndarray, truth: np.ndarray, least: float = 0.0) -> float:
    """Largest relative error; `least` keeps a truth near 0 from counting as infinite."""
    got = got[len(got) - len(truth) :]
    return float(np.max(np.abs(got - truth) / np.maximum(np.abs(truth), least)))


@pytest.fixture(params=SERIES)
def legs(request) -> tuple[np.ndarray, np.ndarray]:
    return SERIES[request.param](np.random.default_rng(11))


@pytest.mark.parametrize("window", WINDOWS)
def test_every_moment_has_ten_digits_in_every_window(legs, window):
    y, x = legs
    truth = long_double(y, x, window)
    assert worst(rolling_mean(x, window), truth.mean) < 2.3e-16
    assert worst(rolling_std(x, window), truth.std) < 1e-13
    assert worst(rolling_zscore(x, window), truth.z, 1e-3) < 1e-11
    assert worst(rolling_corr(x, y, window), truth.corr, 1e-3) < 1e-11
    beta, alpha = rolling_ols(y, x, window)
    assert worst(beta, truth.beta, 1e-3) < 1e-10
    level = np.maximum(np.abs(y[window - 1 :]), np.abs(truth.beta * truth.mean))
    assert np.max(np.abs(alpha[window - 1 :] - truth.alpha) / level) < 1e-10


@pytest.mark.parametrize("window", [20, 60, 500])
def test_at_least_as_exact_as_pandas_bottleneck_and_polars(legs, window):
    y, x = legs
    truth = long_double(y, x, window)
    line = pd.Series(x).rolling(window)
    peers = [
        (line.mean().to_numpy(), line.std().to_numpy(), line.corr(pd.Series(y)).to_numpy()),
        *other_libraries(x, window),
    ]
    ours = rolling_mean(x, window), rolling_std(x, window), rolling_corr(x, y, window)
    for k, name in enumerate(("mean", "std", "corr")):
        error = worst(ours[k], getattr(truth, name), 1e-3)
        best = min(worst(peer[k], getattr(truth, name), 1e-3) for peer in peers if len(peer) > k)
        assert error <= max(best, 1e-15), name


def other_libraries(x: np.ndarray, window: int) -> list[tuple[np.ndarray, ...]]:
    """Mean and std of those that are installed."""
    peers = []
    try:
        import bottleneck

        peers.append((bottleneck.move_mean(x, window), bottleneck.move_std(x, window, ddof=1)))
    except ImportError:
        pass
    try:
        import polars

        line = polars.Series(x)
        peers.append((line.rolling_mean(window).to_numpy(), line.rolling_std(window).to_numpy()))
    except ImportError:
        pass
    return peers


def test_sampled_windows_agree_with_rational_arithmetic(legs):
    y, x = legs
    window = 60
    std, corr = rolling_std(x, window), rolling_corr(x, y, window)
    beta = rolling_ols(y, x, window).beta
    for stop in range(window, N + 1, 97):
        xs = [Fraction(v) for v in x[stop - window : stop]]
        ys = [Fraction(v) for v in y[stop - window : stop]]
        mean_x, mean_y = sum(xs) / window, sum(ys) / window
        sxx = sum((v - mean_x) ** 2 for v in xs)
        syy = sum((v - mean_y) ** 2 for v in ys)
        sxy = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True))
        at = stop - 1
        assert std[at] == pytest.approx(math.sqrt(sxx / (window - 1)), rel=1e-14)
        true_corr = float(sxy) / math.sqrt(sxx) / math.sqrt(syy)
        assert corr[at] == pytest.approx(true_corr, rel=1e-11, abs=1e-14)
        assert beta[at] == pytest.approx(float(sxy / sxx), rel=1e-11, abs=1e-13)


def test_no_value_before_the_first_full_window():
    x, y = np.arange(10.0), np.arange(10.0) ** 2
    outputs = [
        rolling_mean(x, 4),
        rolling_std(x, 4),
        rolling_zscore(x, 4),
        rolling_corr(x, y, 4),
        *rolling_ols(y, x, 4),
        *rolling_comoments(x, y, 4),
    ]
    for values in outputs:
        assert np.isnan(values[:3]).all()
        assert np.isfinite(values[3:]).all()


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_window_longer_than_the_series_gives_nan_throughout(n):
    x = np.arange(float(n))
    for values in (rolling_mean(x, 5), rolling_zscore(x, 5), rolling_corr(x, x, 5)):
        assert values.shape == (n,)
        assert np.isnan(values).all()


@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_a_gap_blanks_the_windows_that_hold_it_and_no_others(gap):
    rng = np.random.default_rng(2)
    x, y = 60_000 + np.cumsum(rng.normal(size=(2, 400)), axis=1)
    clean = rolling_zscore(x, 30), rolling_corr(x, y, 30), rolling_ols(y, x, 30).alpha
    holed = x.copy()
    holed[100] = gap
    after = rolling_zscore(holed, 30), rolling_corr(holed, y, 30), rolling_ols(y, holed, 30).alpha
    for before, now in zip(clean, after, strict=True):
        assert np.isnan(now[100:130]).all()
        np.testing.assert_array_equal(now[:100], before[:100])
        np.testing.assert_allclose(now[130:], before[130:], rtol=1e-9)


def test_a_gap_in_either_leg_counts():
    x = np.random.default_rng(4).normal(size=50)
    y = x.copy()
    y[20] = np.nan
    assert np.isnan(rolling_corr(x, y, 10)[20:30]).all()
    assert rolling_corr(x, y, 10)[30] == pytest.approx(1.0, rel=1e-15)


@pytest.mark.parametrize("level", [0.0, 0.1, 1 / 3, 60_000.01, 1e9 + 0.3, -7e-9])
def test_a_constant_window_has_std_0_and_no_z_score_correlation_or_slope(level):
    rng = np.random.default_rng(5)
    x = np.r_[rng.normal(level, 1.0, 50), np.full(40, level), rng.normal(level, 1.0, 50)]
    y = rng.normal(size=140)
    still = slice(50 + 10 - 1, 90)
    assert (rolling_std(x, 10)[still] == 0.0).all()
    assert (rolling_mean(x, 10)[still] == level).all()
    for values in (rolling_zscore(x, 10), rolling_corr(x, y, 10), *rolling_ols(y, x, 10)):
        assert np.isnan(values[still]).all()
        assert np.isfinite(np.delete(values, np.r_[:9, still])).all()
    assert (rolling_ols(x, y, 10).beta[still] == 0.0).all()


def test_no_output_is_ever_infinite():
    x = np.r_[np.zeros(20), 1e-300, np.zeros(20), 1e308, -1e308, np.zeros(20)]
    for values in (rolling_mean(x, 5), rolling_std(x, 5), rolling_zscore(x, 5)):
        assert not np.isinf(values).any()
    assert (rolling_std(x, 5)[-10:] == 0.0).all()


def test_perfectly_related_windows_correlate_at_one_and_never_beyond():
    x = np.cumsum(np.random.default_rng(6).normal(size=500)) * 1e-3 + 60_000
    assert rolling_corr(x, 3 * x - 2, 20)[19:].max() <= 1.0
    np.testing.assert_allclose(rolling_corr(x, -x, 20)[19:], -1.0, rtol=1e-12)


def test_ddof_divides_by_what_is_left():
    x = np.random.default_rng(8).normal(size=100)
    np.testing.assert_allclose(
        rolling_std(x, 7, ddof=0), pd.Series(x).rolling(7).std(ddof=0), rtol=1e-12
    )
    assert rolling_std(x, 1, ddof=0)[5] == 0.0


def test_without_intercept_the_line_goes_through_the_origin():
    rng = np.random.default_rng(9)
    x = 100 + rng.normal(size=80)
    y = 2 * x + rng.normal(size=80)
    beta, alpha = rolling_ols(y, x, 25, intercept=False)
    windows = sliding_window_view(x, 25), sliding_window_view(y, 25)
    expected = (windows[0] * windows[1]).sum(axis=1) / (windows[0] ** 2).sum(axis=1)
    np.testing.assert_allclose(beta[24:], expected, rtol=1e-13)
    assert (alpha[24:] == 0.0).all()
    assert np.isnan(alpha[:24]).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: rolling_mean(x, 0), "window is 0, expected at least 1"),
        (lambda x: rolling_std(x, 1), "window is 1, expected at least 2"),
        (lambda x: rolling_std(x, 3, ddof=3), "window is 3, expected at least 4"),
        (lambda x: rolling_std(x, 3, ddof=-1), "ddof is -1, expected at least 0"),
        (lambda x: rolling_zscore(x, 1), "window is 1, expected at least 2"),
        (lambda x: rolling_zscore(x, 2.5), "window is 2.5, expected a whole number"),
        (lambda x: rolling_corr(x, x[1:], 3), "x has 9 values and y 8, expected as many"),
        (lambda x: rolling_ols(x, x, 1), "window is 1, expected at least 2"),
        (lambda x: rolling_ols(x[1:], x, 3), "y has 8 values and x 9, expected as many"),
    ],
)
def test_a_callers_mistake_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(np.arange(9.0))


steps = st.lists(
    st.sampled_from([0.0, 0.0, 0.01, -0.01, 1.0, -5.0, 1e4, -1e4, np.nan]), min_size=1, max_size=300
)


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(2, 30), st.sampled_from([0.05, 1.0, 60_000.0, 1e9]))
def test_jumps_ties_and_gaps_in_any_order_leave_every_window_exact(jumps, window, level):
    x = level + np.nancumsum(jumps)
    x[np.isnan(jumps)] = np.nan
    mean, std, z = rolling_mean(x, window), rolling_std(x, window), rolling_zscore(x, window)
    for stop in range(window, len(x) + 1):
        inside = x[stop - window : stop]
        at = stop - 1
        if np.isnan(inside).any():
            assert math.isnan(mean[at])
            assert math.isnan(std[at])
            continue
        near = inside - inside[-1]  # exact or nearly: the values are close together
        true_std = float(np.std(near.astype(np.longdouble), ddof=1))
        assert mean[at] == pytest.approx(inside[-1] + near.mean(), rel=1e-13, abs=1e-9)
        assert std[at] == pytest.approx(true_std, rel=1e-11, abs=1e-11 * abs(near).max())
        assert math.isnan(z[at]) == (inside == inside[0]).all()
