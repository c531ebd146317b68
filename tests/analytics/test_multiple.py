"""Adjusted p-values against statsmodels, and what they promise on many true nulls."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from analytics.multiple import METHODS, adjust_pvalues

PEERS = {"by": "fdr_by", "bh": "fdr_bh", "bonferroni": "bonferroni"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("m", [1, 2, 7, 100, 5_000])
def test_it_equals_statsmodels(m, method):
    p = np.random.default_rng(m).random(m) ** 3
    np.testing.assert_allclose(
        adjust_pvalues(p, method), multipletests(p, method=PEERS[method])[1], rtol=1e-12
    )


@pytest.mark.parametrize("method", METHODS)
def test_equal_pvalues_zeros_and_ones_equal_statsmodels(method):
    p = np.array([0.0, 0.03, 0.03, 0.03, 1.0, 0.5, 0.5, 1e-300, 0.0])
    np.testing.assert_allclose(
        adjust_pvalues(p, method), multipletests(p, method=PEERS[method])[1], rtol=1e-12
    )


def test_the_example_of_benjamini_and_hochberg():
    """Their 1995 table of 15 p-values: at 0.05 Bonferroni rejects three and they reject four."""
    p = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240),
        *(0.4262, 0.5719, 0.6528, 0.7590, 1.0),
    ]
    assert np.count_nonzero(adjust_pvalues(p, "bonferroni") <= 0.05) == 3
    assert np.count_nonzero(adjust_pvalues(p, "bh") <= 0.05) == 4
    assert np.count_nonzero(adjust_pvalues(p, "by") <= 0.05) == 3


@pytest.mark.parametrize("method", METHODS)
def test_what_is_missing_stays_missing_and_is_not_counted(method):
    p = np.random.default_rng(0).random(50) / 20.0
    holed = np.insert(p, [0, 10, 50], np.nan)
    adjusted = adjust_pvalues(holed, method)
    np.testing.assert_array_equal(np.isnan(adjusted), np.isnan(holed))
    np.testing.assert_array_equal(adjusted[~np.isnan(holed)], adjust_pvalues(p, method))


def test_without_any_pvalue_there_is_none():
    assert adjust_pvalues([]).tolist() == []
    assert np.isnan(adjust_pvalues([np.nan, None])).all()


def test_the_order_is_that_of_the_tests():
    p = np.random.default_rng(1).random(30)
    order = np.random.default_rng(2).permutation(30)
    np.testing.assert_array_equal(adjust_pvalues(p)[order], adjust_pvalues(p[order]))


def test_among_tests_that_share_a_leg_true_nulls_are_rarely_rejected():
    """100 tests of one sample against many: Benjamini-Yekutieli bounds any dependence."""
    false = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shared = rng.standard_normal() * 0.9 + rng.standard_normal(100) * np.sqrt(0.19)
        p = np.array([0.5 * np.exp(-0.717 * z - 0.416 * z * z) if z > 0 else 0.5 for z in shared])
        false += bool((adjust_pvalues(p) <= 0.05).any())
    assert false / 200 < 0.05


@pytest.mark.parametrize(
    ("p", "method", "words"),
    [
        ([0.1, 1.2], "by", "p is 1.2, expected p-values from 0 to 1"),
        ([-0.1], "by", "p is -0.1, expected p-values from 0 to 1"),
        ([np.inf], "by", "p is inf, expected p-values from 0 to 1"),
        ([0.1], "holm", "method is 'holm', expected one of by, bh, bonferroni"),
        ([[0.1]], "by", "p has 2 dimensions, expected 1"),
    ],
)
def test_what_cannot_be_adjusted_is_refused_by_name(p, method, words):
    with pytest.raises(ValueError, match=words):
        adjust_pvalues(p, method)
