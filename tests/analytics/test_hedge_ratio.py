"""The hedge by ratio: of logarithms, and where no mean is there to divide by."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from analytics.hedge import compare_hedges, fit_hedge, hedge_path


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e6])
def test_a_mean_that_is_rounding_error_is_no_ratio_and_the_note_says_so(size):
    x = size * np.random.default_rng(0).standard_normal(500)
    x -= x.mean()
    y = 60_000.0 + x
    assert x.mean() != 0.0
    fit = fit_hedge(y, x, "ratio")
    assert math.isnan(fit.beta)
    assert re.fullmatch("the mean of x, .*, is rounding error against its size", fit.note)
    assert np.isnan(hedge_path(y, x, "ratio", 500).beta).all()
    held = hedge_path(y, x + 1e-3 * size, "ratio", 500).beta[-1]
    assert held == pytest.approx(fit_hedge(y, x + 1e-3 * size, "ratio").beta, rel=1e-9)


def log_legs(level: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of prices about `level`: Y twice X, and noise."""
    rng = np.random.default_rng(1)
    x = level * np.exp(np.cumsum(1e-3 * rng.standard_normal(300)))
    return np.log(2.0 * x * np.exp(1e-3 * rng.standard_normal(300))), np.log(x)


@pytest.mark.parametrize("level", [1.0, 0.05, 60_000.0])
def test_the_ratio_of_logarithms_is_a_slope_of_1_and_the_level_between_them(level):
    y, x = log_legs(level)
    fit = fit_hedge(y, x, "ratio", log=True)
    assert (fit.method, fit.beta, fit.note) == ("ratio", 1.0, "")
    assert fit.alpha == pytest.approx(float(np.mean(y - x)), rel=1e-12)
    assert fit.alpha == pytest.approx(math.log(2.0), abs=1e-3)
    assert fit.r_squared > 0.9
    assert fit_hedge(y, x, "ratio", intercept=False, log=True).alpha == 0.0


def test_the_path_of_a_logarithmic_ratio_is_the_fit_of_each_window():
    y, x = log_legs()
    y[100] = np.nan
    path = hedge_path(y, x, "ratio", 40, log=True)
    assert np.isnan(path.beta[:39]).all()
    assert np.isnan(path.beta[100:140]).all()
    for end in (39, 99, 140, 299):
        window = slice(end - 39, end + 1)
        assert path.beta[end] == 1.0
        fit = fit_hedge(y[window], x[window], "ratio", log=True)
        assert path.alpha[end] == pytest.approx(fit.alpha, rel=1e-12)
    assert (hedge_path(y, x, "ratio", 40, intercept=False, log=True).alpha[40:100] == 0.0).all()


def test_a_method_that_falls_back_in_logarithms_falls_back_to_their_ratio():
    y, x = log_legs()
    fit = fit_hedge(y, np.full(300, 0.5), "ols", log=True)
    assert (fit.method, fit.beta) == ("ratio", 1.0)
    assert fit.note == "ols: x hardly varies, fell back to the ratio of geometric means"
    fits, swapped = compare_hedges(y, x, swap="ratio", log=True)
    assert fits["ratio"].alpha == pytest.approx(-swapped.alpha, rel=1e-12)
    assert (fits["ratio"].beta, swapped.beta) == (1.0, 1.0)
    assert fits["ols"].beta == fit_hedge(y, x).beta
