"""The spread's distribution, against statsmodels, scipy and least squares window by window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.tsa.stattools import acf

from analytics.distribution import autocorrelation, normal_quantiles, slope_bands
from analytics.model import ParameterError

RNG = np.random.default_rng(11)
WALK = np.cumsum(RNG.standard_normal(500))


def test_the_autocorrelation_is_that_of_statsmodels():
    np.testing.assert_allclose(
        autocorrelation(WALK, 30), acf(WALK, nlags=30, fft=False), atol=1e-12
    )
    with_gap = np.insert(WALK, 100, np.nan)
    np.testing.assert_array_equal(autocorrelation(with_gap, 30), autocorrelation(WALK, 30))
    assert np.isnan(autocorrelation(np.ones(50), 3)).all()
    assert np.isnan(autocorrelation(WALK[:5], 9)[5:]).all()
    assert np.isnan(autocorrelation([], 3)).all()


def test_quantiles_of_a_normal_series_lie_on_the_line_and_rank_as_scipy_s():
    normal = RNG.standard_normal(4_000)
    pairs = normal_quantiles(normal)
    assert np.abs(pairs.normal - pairs.ordered)[200:-200].max() < 0.1
    assert np.corrcoef(pairs.normal, stats.probplot(normal)[0][0])[0, 1] > 0.99999
    assert len(normal_quantiles(np.ones(9)).normal) == 0
    assert len(normal_quantiles([]).normal) == 0


def test_the_bands_are_those_of_least_squares_in_each_window():
    x = 50_000 + np.cumsum(RNG.standard_normal(300))
    y = 1.7 * x + RNG.standard_normal(300)
    bands = slope_bands(y, x, 60)
    assert np.isnan(bands.beta[:59]).all()
    for end in (59, 140, 299):
        fit = stats.linregress(x[end - 59 : end + 1], y[end - 59 : end + 1])
        assert bands.beta[end] == pytest.approx(fit.slope, rel=1e-6)
        assert bands.stderr[end] == pytest.approx(fit.stderr, rel=1e-5)
    half = slope_bands(y[:200], x[:200], 60)
    np.testing.assert_allclose(half.beta, bands.beta[:200], rtol=1e-6)
    assert np.isnan(slope_bands(y[:10], x[:10], 60).beta).all()
    assert np.isnan(slope_bands(y[:90], np.full(90, 3.0), 60).beta).all()


def test_what_is_not_legal_is_refused_by_name():
    with pytest.raises(ParameterError, match="max_lag"):
        autocorrelation(WALK, 0)
    with pytest.raises(ParameterError, match="window"):
        slope_bands(WALK, WALK, 2)
    with pytest.raises(ValueError, match="x"):
        slope_bands(WALK, WALK[:9], 5)
