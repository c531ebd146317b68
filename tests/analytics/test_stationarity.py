"""ADF against statsmodels, against exact arithmetic and against published results."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import stationarity
from analytics.model import LAG_METHODS, TRENDS
from analytics.stationarity import adf, fit_ou, half_life, hurst, rolling_adf


def _autoregression(steps: np.ndarray, b: float) -> np.ndarray:
    x = np.zeros(len(steps))
    for i in range(1, len(x)):
        x[i] = b * x[i - 1] + steps[i]
    return x


def _blips(steps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x = np.full(len(steps), 50.0)
    x[rng.integers(1, len(x), max(3, len(x) // 8))] += 0.1
    return x


Kind = Callable[[np.ndarray, np.random.Generator], np.ndarray]
KINDS: dict[str, Kind] = {
    "random walk": lambda e, rng: np.cumsum(e),
    "walk at a price of 60,000": lambda e, rng: 60_000.0 + 3.0 * np.cumsum(e),
    "autoregression": lambda e, rng: _autoregression(e, 0.9),
    "autoregression with trend": lambda e, rng: _autoregression(e, 0.8) + 0.05 * np.arange(len(e)),
    "seasonal": lambda e, rng: 10.0 * np.sin(np.arange(len(e)) * np.pi / 6.0) + e,
    "moving average": lambda e, rng: e - 0.8 * np.roll(e, 1),
    "noise": lambda e, rng: e,
    "near-constant": lambda e, rng: 10.0 + 1e-3 * e,
    "constant with blips": _blips,
    "walk in ticks": lambda e, rng: 100.0 + 0.5 * np.round(np.cumsum(0.4 * e)),
}


def _peer(x: np.ndarray, trend: str, max_lag: int | None, lag_method: str | None):
    from statsmodels.tsa.stattools import adfuller

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return adfuller(x, max_lag, trend, lag_method, result_object=True)


def _assert_equal_to_peer(x, trend: str, max_lag: int | None, lag_method: str | None) -> None:
    found = adf(x, trend=trend, max_lag=max_lag, lag_method=lag_method)
    expected = _peer(x, trend, max_lag, lag_method)
    assert found.used_lag == expected.lags
    assert found.n_obs == expected.nobs
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-8, rel=1e-8)
    assert found.pvalue == pytest.approx(expected.pvalue, abs=1e-8)
    assert found.critical_values == pytest.approx(expected.critical_values, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_adf_equals_statsmodels_on_a_hundred_series_of_each_kind(kind: str) -> None:
    rng = np.random.default_rng(sum(map(ord, kind)))
    for i in range(100):
        n = int(rng.integers(30, 220))
        x = KINDS[kind](rng.standard_normal(n), rng)
        lag_method = (*LAG_METHODS, None)[i % 4]
        max_lag = int(rng.integers(0, 9)) if lag_method is None or i % 8 > 5 else None
        _assert_equal_to_peer(x, TRENDS[(i // 4) % 4], max_lag, lag_method)


@pytest.mark.parametrize("n", [20, 99, 100, 101, 500, 1_600])
def test_the_default_lag_limit_is_schwerts_at_its_own_steps(n: int) -> None:
    x = np.cumsum(np.random.default_rng(n).standard_normal(n))
    _assert_equal_to_peer(x, "c", None, "aic")


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n", [13, 15, 17])
def test_adf_equals_statsmodels_where_rows_hardly_exceed_lags(n: int, trend: str) -> None:
    x = np.cumsum(np.random.default_rng(n).standard_normal(n))
    _assert_equal_to_peer(x, trend, None, "aic")


@pytest.mark.parametrize("n", [100, 250, 1_000])
def test_walks_are_called_stationary_as_often_as_the_level_says(n: int) -> None:
    walks = np.cumsum(np.random.default_rng(n).standard_normal((2_000, n)), axis=1)
    assert np.mean([adf(x).pvalue < 0.05 for x in walks]) == pytest.approx(0.05, abs=0.015)


def _solved(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    for i in range(len(table)):
        pivot = next(r for r in range(i, len(table)) if table[r][i])
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [value / table[i][i] for value in table[i]]
        for r in range(len(table)):
            if r != i:
                factor = table[r][i]
                table[r] = [a - factor * b for a, b in zip(table[r], table[i], strict=True)]
    return [row[-1] for row in table]


def exact_adf(x: np.ndarray, n_trend: int, lag: int) -> float:
    """The statistic for a fixed lag in rational arithmetic: no rounding but the last."""
    level = [Fraction(float(v)) for v in x]
    change = [b - a for a, b in pairwise(level)]
    design = [
        [
            level[t],
            *(change[t - j] for j in range(1, lag + 1)),
            *(Fraction(t) ** p for p in range(n_trend)),
        ]
        for t in range(lag, len(change))
    ]
    y, k = change[lag:], len(design[0])
    gram = [[sum(r[a] * r[b] for r in design) for b in range(k)] for a in range(k)]
    cross = [sum(r[a] * v for r, v in zip(design, y, strict=True)) for a in range(k)]
    beta = _solved(gram, cross)
    rss = sum(v * v for v in y) - sum(b * c for b, c in zip(beta, cross, strict=True))
    inverse = _solved(gram, [Fraction(int(a == 0)) for a in range(k)])[0]
    squared = beta[0] ** 2 / (rss / (len(y) - k) * inverse)
    return math.copysign(math.sqrt(squared), beta[0])


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize(
    "series",
    [
        lambda e: np.cumsum(e),
        lambda e: 1e9 + np.cumsum(e),
        lambda e: 1e9 + 1e-2 * e,
        lambda e: 60_000.0 + 1e-6 * np.cumsum(e),
        lambda e: 100.0 + 1e-6 * e,
        lambda e: 1e12 * np.cumsum(e),
        lambda e: 1e-9 * e,
        lambda e: 5_000.0 * np.arange(len(e)) + np.cumsum(e),
        lambda e: np.cumsum(np.cumsum(np.cumsum(e))),
        lambda e: np.sin(np.arange(len(e)) / 9.0) + 1e-5 * e,
    ],
)
def test_adf_is_exact_at_offsets_where_statsmodels_is_not(series, lag: int, trend: str) -> None:
    x = series(np.random.default_rng(5).standard_normal(40))
    exact = exact_adf(x, 0 if trend == "n" else len(trend), lag)
    found = adf(x, trend=trend, max_lag=lag, lag_method=None).statistic
    assert found == pytest.approx(exact, rel=2e-9, abs=1e-12)


def test_published_results_are_met(reference: Path) -> None:
    cases = json.loads((reference / "open_refs.json").read_text())["cases"]
    chosen = [case for case in cases if case["function"] == "adf"]
    assert len(chosen) == 6
    for case in chosen:
        params, tolerance = case["params"], case["tolerance"]
        method = params["autolag"] and params["autolag"].lower()
        found = adf(
            case["series"]["x"],
            trend=params["regression"],
            max_lag=params["maxlag"],
            lag_method=method,
        )
        figures = {
            "stat": found.statistic,
            "pvalue": found.pvalue,
            "usedlag": found.used_lag,
            "crit1": found.critical_values["1%"],
            "crit5": found.critical_values["5%"],
            "crit10": found.critical_values["10%"],
        }
        for key, value in case["expected"].items():
            assert figures[key] == pytest.approx(value, abs=tolerance[key]), case["name"]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-6, 0.25, 3.0, 1e6]),
    offset=st.sampled_from([0.0, -7.0, 1e4]),
    trend=st.sampled_from(["c", "ct", "ctt"]),
    lag_method=st.sampled_from([*LAG_METHODS, None]),
)
def test_level_and_unit_do_not_change_the_test(seed, scale, offset, trend, lag_method) -> None:
    x = np.cumsum(np.random.default_rng(seed).standard_normal(90))
    plain = adf(x, trend=trend, lag_method=lag_method)
    moved = adf((x + offset) * scale, trend=trend, lag_method=lag_method)
    assert moved.used_lag == plain.used_lag
    assert moved.statistic == pytest.approx(plain.statistic, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("power", [-900, -300, 300, 900])
def test_a_unit_of_any_size_gives_the_same_statistic(power: int) -> None:
    x = np.cumsum(np.random.default_rng(1).standard_normal(100))
    assert adf(np.ldexp(x, power)).statistic == pytest.approx(adf(x).statistic, rel=1e-10)


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize(
    "x",
    [
        0.1 * np.arange(200.0),
        1e4 + 0.1 * np.arange(200.0) ** 2,
        0.9 ** np.arange(100.0),
        np.arange(100.0) % 2.0,
        1e5 + np.sin(0.1 * np.arange(200.0)),
    ],
)
def test_a_series_without_noise_has_no_statistic_rather_than_a_wrong_one(x, trend: str) -> None:
    found = adf(x, trend=trend)
    assert math.isnan(found.statistic)
    assert math.isnan(found.pvalue)
    assert found.critical_values["5%"] < 0.0


def test_lags_that_repeat_one_another_are_left_out_as_a_pseudo_inverse_would() -> None:
    step = np.r_[np.zeros(50), np.ones(50)]
    for trend in TRENDS:
        for lag_method in ("aic", None):
            _assert_equal_to_peer(step, trend, None, lag_method)


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (np.full(50, 7.0), {}, "x is constant at 7"),
        (np.zeros(50), {}, "x is constant at 0"),
        ([1.0, 2.0, np.nan, 4.0] * 9, {}, "x is not finite at 9 of 36 values"),
        ([1.0, 2.0, np.inf, 4.0] * 9, {}, "x is not finite at 9 of 36 values"),
        (np.ones((9, 2)), {}, "x has 2 dimensions"),
        ([1.0, 2.0, 1.0], {}, "x has 3 values, expected at least 12"),
        (np.arange(30.0) ** 2 % 7, {"max_lag": 14}, "max_lag is 14, expected 0 to 13"),
        (np.arange(30.0) ** 2 % 7, {"max_lag": -1}, "max_lag is -1"),
        (np.arange(30.0) ** 2 % 7, {"max_lag": 2.5}, "max_lag is 2.5, expected a whole number"),
        (np.arange(30.0) ** 2 % 7, {"trend": "nc"}, "trend is 'nc', expected one of n, c, ct, ctt"),
        (np.arange(30.0) ** 2 % 7, {"lag_method": "hqic"}, "lag_method is 'hqic'"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_words(x, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        adf(x, **options)


def test_a_lag_method_may_be_written_in_capitals() -> None:
    x = np.cumsum(np.random.default_rng(11).standard_normal(80))
    assert adf(x, lag_method="BIC").statistic == adf(x, lag_method="bic").statistic


def test_statsmodels_is_not_imported_for_a_test() -> None:
    code = (
        "import sys, numpy as np\n"
        "from analytics import cointegration, stationarity\n"
        "x = np.cumsum(np.sin(np.arange(200.0) ** 2))\n"
        "stationarity.adf(x); cointegration.engle_granger(x, x + np.cos(np.arange(200.0) ** 3))\n"
        "print([m for m in ('statsmodels', 'scipy.stats') if m in sys.modules])"
    )
    root = Path(stationarity.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert run.stdout.strip() == "[]"


def test_a_rolling_line_is_the_test_of_each_window() -> None:
    x = np.cumsum(np.random.default_rng(2).standard_normal(300))
    for trend in TRENDS:
        for lag_method in (*LAG_METHODS, None):
            ends, pvalues = rolling_adf(x, 60, 24, trend=trend, lag_method=lag_method)
            assert ends.tolist() == list(range(59, 300, 24))
            for end, pvalue in zip(ends, pvalues, strict=True):
                window = x[end - 59 : end + 1]
                assert pvalue == adf(window, trend=trend, lag_method=lag_method).pvalue


def test_a_rolling_line_never_changes_its_past() -> None:
    x = np.cumsum(np.random.default_rng(3).standard_normal(200))
    ends, pvalues = rolling_adf(x, 50, 7)
    for k in (49, 50, 90, 137, 200):
        part_ends, part = rolling_adf(x[:k], 50, 7)
        np.testing.assert_array_equal(part_ends, ends[ends < k])
        np.testing.assert_array_equal(part, pvalues[ends < k])


def test_a_rolling_window_that_cannot_be_tested_is_nan_and_only_that() -> None:
    x = np.cumsum(np.random.default_rng(4).standard_normal(200))
    x[:50] = 5.0
    x[100] = np.nan
    ends, pvalues = rolling_adf(x, 40, 1)
    constant, gap = ends < 50, (ends >= 100) & (ends < 140)
    assert np.isnan(pvalues[constant | gap]).all()
    assert np.isfinite(pvalues[(ends >= 55) & ~gap]).all()


@pytest.mark.parametrize(
    ("window", "step", "words"),
    [(11, 1, "window is 11, expected at least 12"), (20, 0, "step is 0, expected at least 1")],
)
def test_a_rolling_window_out_of_range_is_refused(window: int, step: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rolling_adf(np.arange(50.0) ** 2 % 7, window, step)


def test_a_series_shorter_than_its_window_has_no_points() -> None:
    ends, pvalues = rolling_adf(np.arange(10.0), 20)
    assert len(ends) == len(pvalues) == 0


def test_half_life_is_minus_ln_two_over_lambda() -> None:
    x = 1e6 + _autoregression(np.random.default_rng(6).standard_normal(500), 0.95)
    design = np.column_stack([x[:-1] - 1e6, np.ones(499)])
    slope = np.linalg.lstsq(design, np.diff(x), rcond=None)[0][0]
    assert half_life(x) == pytest.approx(-math.log(2.0) / slope, rel=1e-9)
    assert 5.0 < half_life(x) < 35.0


def test_half_life_of_an_exact_halving_follows_its_definition() -> None:
    assert half_life(0.5 ** np.arange(20.0)) == pytest.approx(math.log(2.0) / 0.5, rel=1e-12)


@pytest.mark.parametrize(
    "x", [np.exp(0.1 * np.arange(50.0)), np.arange(50.0), np.full(50, 3.0), [1.0, 1.0, 2.0]]
)
def test_a_series_that_does_not_revert_has_no_half_life(x) -> None:
    assert half_life(x) is None


def test_hurst_is_the_slope_of_log_deviation_on_log_lag() -> None:
    x = 1e5 + np.cumsum(np.random.default_rng(7).standard_normal(700))
    lags = np.arange(2, 100)
    deviations = [np.std(x[lag:] - x[:-lag]) for lag in lags]
    expected = np.polyfit(np.log(lags), np.log(deviations), 1)[0]
    assert hurst(x) == pytest.approx(expected, rel=1e-10)
    assert hurst(x, max_lag=20) == pytest.approx(
        np.polyfit(np.log(lags[:18]), np.log(deviations[:18]), 1)[0], rel=1e-10
    )


def test_hurst_tells_noise_from_a_walk_from_a_trend() -> None:
    e = np.random.default_rng(8).standard_normal(20_000)
    assert hurst(e) < 0.05
    assert hurst(np.cumsum(e)) == pytest.approx(0.5, abs=0.05)
    assert hurst(np.cumsum(np.cumsum(e))) > 0.9


def test_hurst_of_a_line_or_a_constant_does_not_exist() -> None:
    assert math.isnan(hurst(np.full(200, 5.0)))
    assert math.isnan(hurst(0.1 * np.arange(200.0)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: hurst(np.arange(50.0)), "x has 50 values, expected at least 101"),
        (lambda: hurst(np.arange(50.0), 3), "max_lag is 3, expected at least 4"),
        (lambda: half_life([1.0, 2.0]), "x has 2 values, expected at least 3"),
        (lambda: half_life([1.0, np.nan, 2.0]), "x is not finite at 1 of 3"),
        (lambda: fit_ou([1.0, 2.0, 3.0], dt=0.0), "dt is 0.0, expected above 0"),
    ],
)
def test_a_reversion_out_of_range_is_refused_in_words(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_an_ou_process_is_found_again() -> None:
    theta, mu, sigma, dt = 4.0, 1e4, 2.5, 1.0 / 250.0
    b = math.exp(-theta * dt)
    shock = sigma * math.sqrt((1.0 - b * b) / (2.0 * theta))
    steps = shock * np.random.default_rng(9).standard_normal(200_000)
    fit = fit_ou(mu + _autoregression(steps, b), dt)
    assert fit.theta == pytest.approx(theta, rel=0.1)
    assert fit.mu == pytest.approx(mu, abs=0.1)
    assert fit.sigma == pytest.approx(sigma, rel=0.01)
    assert fit.half_life == pytest.approx(math.log(2.0) / fit.theta)


def test_where_no_ou_process_fits_the_figures_say_so() -> None:
    fit = fit_ou(np.exp(0.1 * np.arange(50.0)))
    assert fit.half_life is None
    assert math.isnan(fit.theta)
    assert math.isnan(fit.mu)
    assert fit.sigma > 0.0


@pytest.mark.parametrize(
    "function",
    [adf, half_life, lambda x: hurst(x, 20), fit_ou, lambda x: rolling_adf(x, 40, 10)],
)
def test_inputs_are_never_changed_and_pandas_agrees(function) -> None:
    x = np.cumsum(np.random.default_rng(10).standard_normal(120))
    before = x.copy()
    from_array = function(x)
    np.testing.assert_array_equal(x, before)
    index = pd.date_range("2024-01-01", periods=120, freq="s", tz="UTC")
    from_pandas, from_list = function(pd.Series(x, index)), function(x.tolist())
    strided = function(np.repeat(x, 2)[::2])
    for other in (from_pandas, from_list, strided):
        assert repr(getattr(other, "__dict__", other)) == repr(
            getattr(from_array, "__dict__", from_array)
        )
