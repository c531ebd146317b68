"""Dynamic least squares against arch and a plain computation; when an error is shown at all."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

from analytics.dynamic_ols import DynamicFit, dynamic_ols, hedge_stderr
from analytics.hedge import fit_hedge


def pair(seed: int, n: int, rho: float = 0.8, slope: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """x a walk at 500, y = slope x + 7 + an AR(1)."""
    rng = np.random.default_rng(seed)
    x = 500.0 + np.cumsum(rng.standard_normal(n))
    return slope * x + 7.0 + lfilter([1.0], [1.0, -rho], rng.standard_normal(n)), x


def plain(y: np.ndarray, x: np.ndarray, leads: int, lags: int) -> tuple[float, float, float]:
    """beta, standard error and bandwidth with matrices, Bartlett's weights in a loop."""
    n, change = len(y), np.diff(x)
    rows = range(lags + 1, n - leads)
    shifts = range(-lags, leads + 1)
    design = np.array([[x[t], 1.0, *(change[t - 1 + s] for s in shifts)] for t in rows])
    design[:, 0] -= 500.0
    response = y[lags + 1 : n - leads]
    found = np.linalg.lstsq(design, response, rcond=None)[0]
    e, size = response - design @ found, len(design)
    covariance = [float(e[lag:] @ e[: size - lag]) / size for lag in range(size)]
    few = math.ceil(4.0 * (size / 100.0) ** (2.0 / 9.0))
    level = covariance[0] + 2.0 * sum(covariance[1 : few + 1])
    slope = 2.0 * sum(lag * covariance[lag] for lag in range(1, few + 1))
    bandwidth = 1.1447 * ((slope / level) ** 2 * size) ** (1.0 / 3.0)
    weights = [1.0 - lag / (bandwidth + 1.0) for lag in range(1, int(bandwidth) + 1)]
    both = 2.0 * sum(w * c for w, c in zip(weights, covariance[1:], strict=False))
    variance = covariance[0] + both
    return found[0], math.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0]), bandwidth


@pytest.mark.parametrize("n", [40, 250, 1_000])
@pytest.mark.parametrize(("leads", "lags"), [(0, 0), (2, 1), (1, 4), (3, 3)])
def test_it_equals_the_plain_computation(n, leads, lags):
    y, x = pair(n, n)
    fit = dynamic_ols(y, x, leads=leads, lags=lags, prewhiten=False)
    beta, stderr, bandwidth = plain(y, x, leads, lags)
    assert fit.beta == pytest.approx(beta, rel=1e-10)
    assert fit.stderr == pytest.approx(stderr, rel=1e-8)
    assert fit.bandwidth == pytest.approx(bandwidth, rel=1e-8)
    assert (fit.leads, fit.lags, fit.n) == (leads, lags, n - leads - lags - 1)


#: Of arch 8.0's DynamicOLS(y, x, leads=2, lags=1).fit(): params, standard error, bandwidth.
ARCH = [
    (0, 2.0293236248997695, 1.9698257887212485, 0.012808113312058058, 6.301148256431031),
    (1, 2.005877063314153, 4.51900435654048, 0.008600940271390712, 4.790964974649709),
    (2, 1.9990077253810952, 4.991892549036184, 0.017872398043605773, 4.251840300588675),
]


@pytest.mark.parametrize(("seed", "beta", "alpha", "stderr", "bandwidth"), ARCH)
def test_it_equals_what_arch_found(seed, beta, alpha, stderr, bandwidth):
    rng = np.random.default_rng(seed)
    x, u = 100.0 + np.cumsum(rng.standard_normal(300)), rng.standard_normal(300)
    y = 2.0 * x + 5.0 + u + 0.5 * np.r_[0.0, u[:-1]]
    fit = dynamic_ols(y, x, leads=2, lags=1, prewhiten=False)
    expected = DynamicFit(beta, alpha, stderr, 2, 1, bandwidth, 0.0, 296)
    for name in DynamicFit.__dataclass_fields__:
        assert getattr(fit, name) == pytest.approx(getattr(expected, name), rel=1e-8)


@pytest.mark.parametrize("seed", range(12))
def test_it_equals_arch_where_that_is_installed(seed):
    cointegration = pytest.importorskip("arch.unitroot.cointegration", reason="arch is absent")
    y, x = pair(seed, 60 + 70 * seed, rho=0.08 * seed)
    most = math.ceil(4.0 * (len(y) / 100.0) ** 0.25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cointegration.DynamicOLS(y, x, common=True, max_lag=most, max_lead=most)
        chosen, fixed = model.fit(), cointegration.DynamicOLS(y, x, leads=1, lags=2)
        narrow = fixed.fit(bandwidth=7.5)
    fit = dynamic_ols(y, x, prewhiten=False)
    assert (fit.leads, fit.lags) == (chosen.leads, chosen.lags)
    assert fit.stderr == pytest.approx(chosen.std_errors.iloc[0], rel=1e-8)
    assert fit.beta == pytest.approx(chosen.params.iloc[0], rel=1e-10)
    fit = dynamic_ols(y, x, leads=1, lags=2, bandwidth=7.5, prewhiten=False)
    assert fit.stderr == pytest.approx(narrow.std_errors.iloc[0], rel=1e-8)


def test_taking_an_autoregression_out_first_puts_it_back_afterwards():
    y, x = pair(3, 5_000, rho=0.9)
    fit = dynamic_ols(y, x)
    assert fit.persistence == pytest.approx(0.9, abs=0.02)
    assert dynamic_ols(y, x, prewhiten=False).persistence == 0.0
    # The long-run variance of an AR(1) is that of its shocks over (1 - rho)^2.
    level = np.sqrt(float(np.sum((x - x.mean()) ** 2)))
    assert fit.stderr * level == pytest.approx(1.0 / (1.0 - 0.9), rel=0.15)


def test_the_autoregression_is_freed_of_its_bias_and_bounded():
    for rho, n in ((0.3, 80), (0.8, 200), (0.999, 400)):
        y, x = pair(8, n, rho=rho)
        fit = dynamic_ols(y, x, leads=1, lags=1)
        change, rows = np.diff(x), range(2, n - 1)
        shifts = (-1, 0, 1)
        design = np.array([[x[t] - 500.0, 1.0, *(change[t - 1 + s] for s in shifts)] for t in rows])
        e = y[2 : n - 1] - design @ np.linalg.lstsq(design, y[2 : n - 1], rcond=None)[0]
        raw = float(e[1:] @ e[:-1]) / float(e[:-1] @ e[:-1])
        assert fit.persistence == pytest.approx(min(raw + (1.0 + 3.0 * raw) / len(e), 0.99))


def test_an_interval_of_the_slope_covers_it_where_least_squares_own_does_not():
    covered, naive = [], []
    for seed in range(300):
        y, x = pair(seed, 1_000, rho=0.5 ** (1 / 20))
        fit, line = dynamic_ols(y, x), fit_hedge(y, x)
        covered.append(abs(fit.beta - 2.0) < 1.96 * fit.stderr)
        naive.append(abs(line.beta - 2.0) < 1.96 * line.beta_stderr)
    assert np.mean(covered) > 0.90
    assert np.mean(naive) < 0.35


def test_unrelated_walks_have_no_error_of_their_slope():
    shown, naive = [], []
    for seed in range(400):
        y, x = np.cumsum(np.random.default_rng(seed).standard_normal((2, 300)), axis=1)
        shown.append(hedge_stderr(y, x) is not None)
        fit = fit_hedge(y, x)
        naive.append(abs(fit.beta) > 1.96 * fit.beta_stderr)
    assert np.mean(shown) < 0.09
    assert np.mean(naive) > 0.8


def test_the_error_is_that_of_dynamic_least_squares_where_there_is_one():
    y, x = pair(4, 500)
    stderr = dynamic_ols(y, x).stderr
    assert hedge_stderr(y, x) == hedge_stderr(y, x, pvalue=0.049) == stderr
    assert hedge_stderr(y, x, pvalue=0.051) is None
    assert hedge_stderr(y, x, pvalue=0.051, threshold=0.1) == stderr
    assert hedge_stderr(y, x, pvalue=math.nan) is None


def test_a_residual_of_rounding_has_no_error():
    x = 500.0 + np.cumsum(np.random.default_rng(5).standard_normal(300))
    assert math.isnan(dynamic_ols(3.0 * x, x).stderr)
    assert hedge_stderr(3.0 * x, x) is None


def test_units_go_with_the_legs_and_a_high_level_costs_no_digits():
    y, x = pair(6, 400)
    fit = dynamic_ols(y, x)
    moved = dynamic_ols(1e3 * y + 1e9, x - 500.0)
    assert moved.beta == pytest.approx(1e3 * fit.beta, rel=1e-6)
    assert moved.stderr == pytest.approx(1e3 * fit.stderr, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda y, x: dynamic_ols(y[:19], x[:19]), "y has 19 values, expected at least 20"),
        (lambda y, x: dynamic_ols(y, x[1:]), "y has 100 values and x 99, expected as many"),
        (lambda y, x: dynamic_ols(np.r_[np.nan, y[1:]], x), "y is not finite at 1 of 100"),
        (lambda y, x: dynamic_ols(y, np.full(100, 3.0)), "x and its changes are collinear"),
        (lambda y, x: dynamic_ols(y, x, leads=2), "leads is 2 and lags None, expected both"),
        (lambda y, x: dynamic_ols(y, x, leads=40, lags=40), "expected at most 45 together"),
        (lambda y, x: dynamic_ols(y, x, leads=-1, lags=0), "leads is -1, expected at least 0"),
        (lambda y, x: dynamic_ols(y, x, bandwidth=-1), "bandwidth is -1, expected a number from 0"),
        (lambda y, x: hedge_stderr(y, x, threshold=5), "threshold is 5, expected a number between"),
        (lambda y, x: hedge_stderr(y, x, pvalue="0.01"), "pvalue is '0.01', expected a number"),
    ],
)
def test_what_cannot_be_fitted_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call(*pair(7, 100))
