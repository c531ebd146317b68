"""Johansen's test against statsmodels and a plain computation, with a restricted constant too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
from statsmodels.tsa.coint_tables import c_sja, c_sjt
from statsmodels.tsa.vector_ar.vecm import VECM, coint_johansen

from analytics.cointegration import johansen


def walks(seed: int, n: int, k: int = 2) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).standard_normal((n, k)), axis=0)


def related(seed: int, n: int = 300) -> np.ndarray:
    """Two legs: y = 2 x + 30 + noise."""
    x = 50.0 + walks(seed, n, 1)[:, 0]
    return np.column_stack([2.0 * x + 30.0 + np.random.default_rng(-~seed).standard_normal(n), x])


def plain(data: np.ndarray, lag_diff: int, restricted: bool) -> np.ndarray:
    """Eigenvalues by the textbook: |l S11 - S10 S00^-1 S01| = 0, in columns that are given."""
    change = np.diff(data, axis=0)
    rows = range(lag_diff, len(change))
    level = np.array([[*data[t], 1.0] if restricted else [*data[t]] for t in rows])
    response = np.array([change[t] for t in rows])
    known = np.array(
        [
            [v for lag in range(1, lag_diff + 1) for v in change[t - lag]]
            + ([] if restricted else [1.0])
            for t in rows
        ]
    )
    if known.size:
        level = level - known @ np.linalg.lstsq(known, level, rcond=None)[0]
        response = response - known @ np.linalg.lstsq(known, response, rcond=None)[0]
    s00, s11, s01 = response.T @ response, level.T @ level, response.T @ level
    values = scipy.linalg.eigh(s01.T @ np.linalg.solve(s00, s01), s11, eigvals_only=True)
    return np.sort(values)[::-1][: data.shape[1]]


@pytest.mark.parametrize("det_order", [-1, 0, 1])
@pytest.mark.parametrize("lag_diff", [1, 2, 5])
@pytest.mark.parametrize("k", [2, 3, 6])
def test_it_equals_statsmodels(k, lag_diff, det_order):
    data = 100.0 + walks(k, 250, k)
    found, expected = (
        johansen(data, det_order=det_order, lag_diff=lag_diff),
        coint_johansen(data, det_order, lag_diff),
    )
    np.testing.assert_allclose(found.trace, np.real(expected.trace_stat), rtol=1e-8)
    np.testing.assert_allclose(found.max_eig, np.real(expected.max_eig_stat), rtol=1e-8)
    np.testing.assert_allclose(found.eigenvalues, np.real(expected.eig), rtol=1e-8)
    np.testing.assert_array_equal(found.trace_critical, expected.trace_stat_crit_vals)
    np.testing.assert_array_equal(found.max_eig_critical, expected.max_eig_stat_crit_vals)
    relation, other = found.eigenvectors[:, 0], np.real(expected.evec[:, 0])
    np.testing.assert_allclose(relation, other, rtol=1e-6)


@pytest.mark.parametrize("det_order", [-1, 0, 1, "rc"])
def test_every_result_is_real_by_type(det_order):
    found = johansen(walks(1, 120, 3), det_order=det_order)
    for name in ("trace", "max_eig", "eigenvalues", "eigenvectors", "trace_critical", "constants"):
        assert getattr(found, name).dtype == np.float64
    assert ((found.eigenvalues > 0.0) & (found.eigenvalues < 1.0)).all()


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("lag_diff", [0, 1, 4])
def test_it_equals_the_textbook(lag_diff, restricted):
    data = walks(3, 200, 3)
    found = johansen(data, det_order="rc" if restricted else 0, lag_diff=lag_diff)
    np.testing.assert_allclose(found.eigenvalues, plain(data, lag_diff, restricted), rtol=1e-8)
    rows = len(data) - 1 - lag_diff
    np.testing.assert_allclose(found.max_eig, -rows * np.log(1.0 - found.eigenvalues), rtol=1e-9)
    np.testing.assert_allclose(found.trace, np.cumsum(found.max_eig[::-1])[::-1], rtol=1e-12)


def test_a_restricted_constant_equals_the_likelihood_ratio_of_statsmodels():
    data = walks(4, 300, 3) + 20.0
    data[:, 0] = data[:, 1] + np.random.default_rng(4).standard_normal(300)
    found = johansen(data, det_order="rc", lag_diff=2)
    fits = [VECM(data, k_ar_diff=2, coint_rank=r, deterministic="ci").fit() for r in (1, 2)]
    assert found.max_eig[1] == pytest.approx(2.0 * (fits[1].llf - fits[0].llf), rel=1e-8)
    relation = found.eigenvectors[:, 0] / found.eigenvectors[0, 0]
    np.testing.assert_allclose(relation, fits[0].beta[:, 0], rtol=1e-6)
    constant = found.constants[0] / found.eigenvectors[0, 0]
    assert constant == pytest.approx(float(fits[0].det_coef_coint[0, 0]), rel=1e-6)


def test_a_relation_has_its_slope_and_constant():
    found = johansen(related(5, 2_000), det_order="rc")
    vector = found.eigenvectors[:, 0]
    assert found.rank("99%") == 1
    assert -vector[1] / vector[0] == pytest.approx(2.0, abs=0.02)
    assert -found.constants[0] / vector[0] == pytest.approx(30.0, abs=1.0)


def test_the_relations_have_levels_of_variance_1():
    data = related(6)
    found = johansen(data, det_order="rc", lag_diff=0)
    values = data[:-1] @ found.eigenvectors + found.constants
    np.testing.assert_allclose(np.mean(values**2, axis=0), 1.0, rtol=1e-9)


def test_critical_values_of_a_restricted_constant_are_those_published():
    two = johansen(walks(7, 100), det_order="rc")
    np.testing.assert_allclose(two.trace_critical[:, 1], [20.26184, 9.164546], atol=5e-5)
    np.testing.assert_allclose(two.max_eig_critical[:, 1], [15.89210, 9.164546], atol=5e-5)
    five = johansen(walks(7, 100, 5), det_order="rc")
    at_99 = [85.3364, 61.2669, 41.1950, 25.0781, 12.7607]
    np.testing.assert_allclose(five.trace_critical[:, 2], at_99, atol=5e-5)
    at_95 = [76.97277, 54.07904, 35.19275, 20.26184, 9.164546]
    np.testing.assert_allclose(five.trace_critical[:, 1], at_95, atol=5e-5)


@pytest.mark.parametrize("table", ["trace_critical", "max_eig_critical"])
def test_critical_values_of_a_restricted_constant_rise_with_level_and_number_of_series(table):
    values = getattr(johansen(walks(8, 100, 12), det_order="rc", lag_diff=0), table)
    assert values.shape == (12, 3)
    assert (np.diff(values, axis=1) > 0.0).all()
    assert (np.diff(values, axis=0) < 0.0).all()
    # They lie between those without a constant and those with one that is free to be a drift.
    without = (c_sjt if table == "trace_critical" else c_sja)(12, -1)
    assert (values[0] > without).all()


@pytest.mark.parametrize("n", [100, 250, 1_000])
def test_driftless_walks_are_called_related_as_often_as_the_level_says(n):
    tests = [johansen(walks(seed, n), det_order="rc") for seed in range(2_000)]
    by_trace = np.mean([test.rank() > 0 for test in tests])
    by_largest = np.mean([test.max_eig[0] > test.max_eig_critical[0, 1] for test in tests])
    assert by_trace == pytest.approx(0.05, abs=0.015)
    assert by_largest == pytest.approx(0.05, abs=0.015)


def test_a_free_constant_finds_relations_among_driftless_walks_too_often():
    found = [johansen(walks(seed, 250)).rank() > 0 for seed in range(500)]
    assert np.mean(found) > 0.08


@pytest.mark.parametrize(("n", "lag_diff"), [(30, 1), (50, 2), (100, 4)])
def test_the_small_sample_factor_holds_the_level_where_rows_are_few(n, lag_diff):
    tests = [johansen(walks(s, n), det_order="rc", lag_diff=lag_diff) for s in range(2_000)]
    assert tests[0].small_sample == (n - 1 - 3 * lag_diff) / (n - 1 - lag_diff)
    assert np.mean([test.rank() > 0 for test in tests]) > 0.065
    held = np.mean([test.rank(small_sample=True) > 0 for test in tests])
    assert held == pytest.approx(0.05, abs=0.015)


def test_a_high_level_costs_a_restricted_constant_no_digits():
    low = np.cumsum(np.random.default_rng(9).integers(-8, 9, (300, 2)), axis=0) / 16.0
    at_0, above = (johansen(data, det_order="rc") for data in (low, low + 2.0**30))
    np.testing.assert_allclose(above.trace, at_0.trace, rtol=1e-8)
    np.testing.assert_allclose(above.eigenvectors, at_0.eigenvectors, rtol=1e-6)


def test_the_fewest_rows_that_are_taken_give_numbers():
    for k in (2, 5, 12):
        for lag_diff in (0, 1, 3):
            need = k * (lag_diff + 2) + 2 + max(lag_diff, 1)
            data = walks(10, need, k)
            for det_order in (-1, 0, 1, "rc"):
                found = johansen(data, det_order=det_order, lag_diff=lag_diff)
                assert all(math.isfinite(value) for value in found.trace)
            with pytest.raises(ValueError, match=f"expected at least {need} for lag_diff"):
                johansen(data[1:], lag_diff=lag_diff)


@pytest.mark.parametrize("det_order", [2, "0", "ci", None, [0], np.zeros(2)])
def test_another_order_is_refused_with_those_that_there_are(det_order):
    with pytest.raises(ValueError, match=r"det_order is .*, expected one of -1, 0, 1, rc"):
        johansen(walks(11, 100), det_order=det_order)


def test_legs_that_are_multiples_of_one_another_are_refused():
    x = walks(12, 100, 1)[:, 0]
    with pytest.raises(ValueError, match="constant or collinear columns"):
        johansen(np.column_stack([3.0 * x, x]), det_order="rc")
