"""Engle-Granger against statsmodels, exact arithmetic and Stata; Johansen against jplv7."""

from __future__ import annotations

import json
import math
import warnings
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics import mackinnon
from analytics.cointegration import engle_granger, engle_granger_batch, johansen
from analytics.model import LAG_METHODS, TRENDS


def _peer(y, x, trend: str, max_lag: int | None, lag_method: str | None):
    from statsmodels.tsa.stattools import coint

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return coint(y, x, trend=trend, maxlag=max_lag, autolag=lag_method)


def _pair(rng: np.random.Generator, n: int, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """A pair that is cointegrated, one that is not, one at crypto prices, one that trends."""
    walk, noise = np.cumsum(rng.standard_normal((2, n)), axis=1), rng.standard_normal(n)
    x = 50.0 + walk[0]
    if kind == 0:
        return 3.0 * x + 7.0 + noise, x
    if kind == 1:
        return 20.0 + walk[1], x
    if kind == 2:
        return 60_000.0 + 40.0 * walk[0] + 25.0 * noise, 3_000.0 + 2.0 * walk[0]
    return 0.3 * np.arange(n) + walk[0] + np.cumsum(0.2 * noise), x


def _assert_equal_to_peer(y, x, trend, max_lag, lag_method) -> None:
    found = engle_granger(y, x, trend=trend, max_lag=max_lag, lag_method=lag_method)
    statistic, pvalue, critical = _peer(y, x, trend, max_lag, lag_method)
    assert found.statistic == pytest.approx(statistic, abs=1e-8, rel=1e-8)
    n, n_series = len(y), 1 + (1 if np.ndim(x) == 1 else np.shape(x)[1])
    assert mackinnon.pvalue(found.statistic, trend, n_series) == pytest.approx(pvalue, abs=1e-8)
    n_obs = n - 1 if n < 250 else math.inf
    assert found.pvalue == mackinnon.pvalue(found.statistic, trend, n_series, n_obs)
    np.testing.assert_allclose(list(found.critical_values.values()), critical, atol=1e-10)


@pytest.mark.parametrize("kind", range(4))
def test_engle_granger_equals_statsmodels_on_125_pairs_of_each_kind(kind: int) -> None:
    rng = np.random.default_rng(kind)
    for i in range(125):
        y, x = _pair(rng, int(rng.integers(40, 220)), kind)
        lag_method = (*LAG_METHODS, None)[i % 4]
        max_lag = int(rng.integers(0, 9)) if lag_method is None or i % 8 > 5 else None
        _assert_equal_to_peer(y, x, TRENDS[(i // 4) % 4], max_lag, lag_method)


@pytest.mark.parametrize("kind", range(4))
def test_from_250_values_on_a_pvalue_equals_statsmodels(kind: int) -> None:
    rng = np.random.default_rng(100 + kind)
    for n, trend in zip((250, 251, 400, 700), TRENDS, strict=True):
        y, x = _pair(rng, n, kind)
        pvalue = _peer(y, x, trend, None, "aic")[1]
        assert engle_granger(y, x, trend=trend).pvalue == pytest.approx(pvalue, abs=1e-8)


@pytest.mark.parametrize("trend", ["c", "ct", "ctt"])
@pytest.mark.parametrize("n", [12, 60, 100, 249])
def test_below_250_values_a_pvalue_agrees_with_the_tests_own_critical_values(n, trend) -> None:
    for seed in range(60):
        y, x = np.cumsum(np.random.default_rng(seed).standard_normal((2, n)), axis=1)
        test = engle_granger(y, x, trend=trend)
        for level, least in test.critical_values.items():
            rejected = test.pvalue < float(level[:-1]) / 100.0
            assert rejected == (test.statistic < least)


@pytest.mark.parametrize("n", [100, 250, 1_000])
def test_unrelated_walks_are_called_related_as_often_as_the_level_says(n: int) -> None:
    found = []
    for seed in range(2_000):
        y, x = np.cumsum(np.random.default_rng(seed).standard_normal((2, n)), axis=1)
        found.append(engle_granger(y, x).pvalue < 0.05)
    assert np.mean(found) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("n", [30, 100])
def test_a_pvalue_of_short_walks_is_right_at_every_level(n: int) -> None:
    walks = np.cumsum(np.random.default_rng(n).standard_normal((n, 8_000)), axis=0)
    pairs = np.arange(8_000).reshape(-1, 2)
    pvalues = engle_granger_batch(walks, pairs, lag_method=None, max_lag=0).pvalue
    for level in (0.01, 0.05, 0.1, 0.2, 0.5, 0.8):
        share = float(np.mean(pvalues < level))
        assert share == pytest.approx(level, abs=3.5 * math.sqrt(level * (1.0 - level) / 4_000))


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("k", [2, 3, 5])
def test_a_basket_equals_statsmodels(k: int, trend: str) -> None:
    rng = np.random.default_rng(k)
    legs = 20.0 + np.cumsum(rng.standard_normal((150, k)), axis=0)
    y = legs @ rng.standard_normal(k) + rng.standard_normal(150)
    _assert_equal_to_peer(y, legs, trend, None, "aic")
    found = engle_granger(y, legs, trend=trend)
    time = np.arange(1.0, 151.0)
    design = np.column_stack([legs, *(time**p for p in range(0 if trend == "n" else len(trend)))])
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(found.beta, coefficients[:k], rtol=1e-8)
    assert found.alpha == pytest.approx(0.0 if trend == "n" else coefficients[k], rel=1e-6)


def _exact_residual(y: np.ndarray, x: np.ndarray) -> list[Fraction]:
    n = len(y)
    left, right = ([Fraction(float(v)) for v in leg] for leg in (y, x))
    mean_y, mean_x = sum(left) / n, sum(right) / n
    cross = sum((a - mean_y) * (b - mean_x) for a, b in zip(left, right, strict=True))
    beta = cross / sum((b - mean_x) ** 2 for b in right)
    return [a - mean_y - beta * (b - mean_x) for a, b in zip(left, right, strict=True)]


@pytest.mark.parametrize("offset", [0.0, 3_000.0, 1e9])
def test_engle_granger_is_exact_at_offsets_where_statsmodels_is_not(offset: float) -> None:
    rng = np.random.default_rng(1)
    x = offset + 0.01 * np.cumsum(rng.standard_normal(60))
    y = 20.0 * x + np.cumsum(0.05 * rng.standard_normal(60))
    level = _exact_residual(y, x)
    change = [b - a for a, b in pairwise(level)]
    square = sum(v * v for v in level[:-1])
    rho = sum(a * b for a, b in zip(level, change, strict=False)) / square
    rss = sum((d - rho * v) ** 2 for v, d in zip(level, change, strict=False))
    exact = math.copysign(math.sqrt(rho**2 / (rss / (len(change) - 1) / square)), rho)
    found = engle_granger(y, x, max_lag=0, lag_method=None)
    assert found.statistic == pytest.approx(exact, rel=1e-9)


def test_published_results_are_met(reference: Path) -> None:
    cases = json.loads((reference / "open_refs.json").read_text())["cases"]
    chosen = [case for case in cases if case["function"] == "engle_granger"]
    assert len(chosen) == 2
    for case in chosen:
        params, expected, tolerance = case["params"], case["expected"], case["tolerance"]
        found = engle_granger(
            case["series"]["y"],
            case["series"]["x"],
            trend=params["trend"],
            max_lag=params["maxlag"],
            lag_method=params["autolag"],
        )
        assert found.statistic == pytest.approx(expected["stat"], abs=tolerance["stat"])
        for key, level in (("crit1", "1%"), ("crit5", "5%"), ("crit10", "10%")):
            value = found.critical_values[level]
            assert value == pytest.approx(expected[key], abs=tolerance[key])


def test_collinear_legs_are_cointegrated_for_certain_as_in_statsmodels() -> None:
    x = np.cumsum(np.random.default_rng(2).standard_normal(100))
    found = engle_granger(2.0 * x + 1.0, x)
    assert (found.statistic, found.pvalue) == (-math.inf, 0.0)
    assert _peer(2.0 * x + 1.0, x, "c", None, "aic")[:2] == (-math.inf, 0.0)


def test_trend_n_has_no_critical_values() -> None:
    y, x = _pair(np.random.default_rng(3), 100, 0)
    found = engle_granger(y, x, trend="n")
    assert all(math.isnan(value) for value in found.critical_values.values())
    assert found.alpha == 0.0


WALK = np.cumsum(np.random.default_rng(4).standard_normal(100))


@pytest.mark.parametrize(
    ("y", "x", "options", "words"),
    [
        (WALK, np.full(100, 3.0), {}, "x does not vary about its trend"),
        (WALK, np.arange(100.0), {"trend": "ct"}, "x does not vary about its trend"),
        (np.full(100, 3.0), WALK, {}, "y is constant at 3"),
        (WALK, WALK[1:], {}, r"x has shape \(99, 1\), expected 100 rows"),
        (np.r_[WALK[:-1], np.nan], WALK, {}, "y is not finite at 1 of 100 values"),
        (WALK, np.r_[np.inf, WALK[1:]], {}, "x column 0 is not finite at 1 of 100"),
        (WALK, np.ones((100, 6)), {}, "x has 6 columns, expected 1 to 5"),
        (WALK, WALK**2, {"trend": "nc"}, "trend is 'nc'"),
        (WALK, WALK**2, {"lag_method": "f"}, "lag_method is 'f'"),
        (WALK, WALK**2, {"max_lag": 50}, "max_lag is 50, expected 0 to 49"),
        (WALK[:11], WALK[:11] ** 2, {"trend": "ctt"}, "y has 11 values, expected at least 12"),
        (WALK[:3], WALK[:3] ** 2, {}, "y has 3 values, expected at least 12"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_words(y, x, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        engle_granger(y, x, **options)


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("lag_method", [*LAG_METHODS, None])
def test_a_batch_is_each_pair_tested_alone(trend: str, lag_method: str | None) -> None:
    rng = np.random.default_rng(5)
    closes = 3_000.0 + np.cumsum(rng.standard_normal((160, 6)), axis=0)
    closes[:, 5] = 2.0 * closes[:, 0] + 5.0
    closes[:, 4] = 100.0 + closes[:, 1] + 0.1 * rng.standard_normal(160)
    tests = engle_granger_batch(closes, trend=trend, lag_method=lag_method)
    assert len(tests.pairs) == 15
    for (y, x), statistic, pvalue, used_lag, beta in zip(
        tests.pairs, tests.statistic, tests.pvalue, tests.used_lag, tests.beta, strict=True
    ):
        alone = engle_granger(closes[:, y], closes[:, x], trend=trend, lag_method=lag_method)
        assert statistic == pytest.approx(alone.statistic, rel=1e-9)
        assert pvalue == pytest.approx(alone.pvalue, abs=1e-10)
        assert (used_lag, beta) == (alone.used_lag, pytest.approx(alone.beta, rel=1e-12))


def test_a_batch_takes_the_pairs_it_is_given_in_their_order() -> None:
    closes = np.cumsum(np.random.default_rng(6).standard_normal((100, 3)), axis=0)
    tests = engle_granger_batch(closes, [(2, 0), (0, 2)])
    assert tests.pairs.tolist() == [[2, 0], [0, 2]]
    assert tests.statistic[0] == pytest.approx(
        engle_granger(closes[:, 2], closes[:, 0]).statistic, rel=1e-12
    )
    assert len(engle_granger_batch(closes, []).pvalue) == 0


@pytest.mark.parametrize(
    ("change", "pairs", "words"),
    [
        (lambda c: c.__setitem__((5, 1), np.nan), None, "closes column 1 is not finite"),
        (lambda c: c.__setitem__((slice(None), 2), 4.0), None, "closes column 2 does not vary"),
        (lambda c: None, [(0, 3)], "pairs names column 3, expected 0 to 2"),
    ],
)
def test_a_batch_refuses_what_it_cannot_test(change, pairs, words: str) -> None:
    closes = np.cumsum(np.random.default_rng(7).standard_normal((100, 3)), axis=0)
    change(closes)
    with pytest.raises(ValueError, match=words):
        engle_granger_batch(closes, pairs)


def test_johansen_meets_the_published_statistics(reference: Path) -> None:
    cases = json.loads((reference / "open_refs.json").read_text())["cases"]
    case = next(case for case in cases if case["function"] == "johansen")
    found = johansen(
        case["series"]["x"],
        det_order=case["params"]["det_order"],
        lag_diff=case["params"]["k_ar_diff"],
    )
    np.testing.assert_allclose(found.trace, case["expected"]["trace"], atol=case["tolerance"])
    np.testing.assert_allclose(found.max_eig, case["expected"]["maxeig"], atol=case["tolerance"])
    assert found.trace_critical.shape == found.max_eig_critical.shape == (8, 3)


@pytest.mark.parametrize("det_order", [0, 1])
def test_a_high_level_costs_johansen_no_digits(det_order: int) -> None:
    walks = np.cumsum(np.random.default_rng(3).integers(-8, 9, (2, 300)), axis=1) / 16.0
    low, high = walks.T, walks.T + 2.0**30
    at_0, above = (johansen(data, det_order=det_order) for data in (low, high))
    np.testing.assert_allclose(above.trace, at_0.trace, rtol=1e-11)
    np.testing.assert_allclose(above.eigenvectors, at_0.eigenvectors, rtol=1e-9)


def test_johansen_counts_the_relations_of_a_pair() -> None:
    y, x = _pair(np.random.default_rng(8), 400, 0)
    assert johansen(np.column_stack([y, x])).rank("99%") == 1
    apart = np.cumsum(np.random.default_rng(3).standard_normal((100, 300, 2)), axis=1)
    assert sum(johansen(walks).rank("99%") > 0 for walks in apart) < 6
    noise = np.random.default_rng(9).standard_normal((400, 2))
    assert johansen(noise).rank() == 2
    relation = johansen(np.column_stack([y, x])).eigenvectors[:, 0]
    assert -relation[1] / relation[0] == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (WALK, {}, r"data has shape \(100, 1\)"),
        (np.column_stack([WALK, WALK]), {}, "data has constant or collinear columns"),
        (np.column_stack([WALK, np.ones(100)]), {}, "data has constant or collinear columns"),
        (np.column_stack([WALK, WALK**2]), {"det_order": 2}, "det_order is 2"),
        (np.column_stack([WALK, WALK**2]), {"lag_diff": -1}, "lag_diff is -1, expected at least 0"),
        (
            np.column_stack([WALK, WALK**2])[:8],
            {},
            "data has 8 rows, expected at least 9",
        ),
        (np.column_stack([WALK, np.r_[np.nan, WALK[1:]]]), {}, "data column 1 is not finite"),
    ],
)
def test_johansen_refuses_what_it_cannot_test(data, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        johansen(data, **options)


def test_a_rank_is_asked_for_at_a_tabulated_level_only() -> None:
    y, x = _pair(np.random.default_rng(10), 200, 0)
    with pytest.raises(ValueError, match="level is '97%', expected one of 90%, 95%, 99%"):
        johansen(np.column_stack([y, x])).rank("97%")


def test_inputs_are_never_changed_and_pandas_agrees() -> None:
    y, x = _pair(np.random.default_rng(11), 120, 2)
    before = y.copy(), x.copy()
    alone = engle_granger(y, x)
    both = np.column_stack([y, x])
    relation, tests = johansen(both), engle_granger_batch(both)
    np.testing.assert_array_equal((y, x), before)
    np.testing.assert_array_equal(both, np.column_stack(before))
    index = pd.date_range("2024-01-01", periods=120, freq="s", tz="UTC")
    assert engle_granger(pd.Series(y, index), pd.Series(x, index)).__dict__ == alone.__dict__
    frame = pd.DataFrame(both, index, ["Y", "X"])
    np.testing.assert_array_equal(johansen(frame).trace, relation.trace)
    np.testing.assert_array_equal(engle_granger_batch(frame).pvalue, tests.pvalue)
