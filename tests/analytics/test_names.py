"""The public names that stay: where each function is, what it is called with, what it returns."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from analytics import cointegration, correlation, hedge, model, overfitting, statistics

#: Module and parameters, `*` before those by name only, with their defaults.
SIGNATURES = {
    "statistics": ["summarize(x)"],
    "rolling": [
        "rolling_mean(x, window)",
        "rolling_std(x, window, ddof=1)",
        "rolling_zscore(x, window)",
        "rolling_corr(x, y, window)",
        "rolling_ols(y, x, window)",
    ],
    "hedge": [
        "fit_hedge(y, x, method='ols', intercept=True)",
        "kalman_hedge(y, x, *, delta=0.0001, observation_var=0.001, initial_state=(0.0, 0.0), "
        "initial_cov=0.0)",
        "hedge_path(y, x, method, window, intercept=True)",
        "hedge_stderr(y, x)",
    ],
    "spread": [
        "spread(y, x, beta, alpha=0.0)",
        "zscore(spread, window)",
        "bands(spread, window, k)",
    ],
    "stationarity": [
        "adf(x, *, trend='c', max_lag=None, lag_method='aic')",
        "rolling_adf(x, window, step)",
        "half_life(x)",
        "half_life_interval(x, confidence=0.9)",
        "hurst(x, max_lag=100)",
        "fit_ou(x, dt)",
    ],
    "cointegration": [
        "engle_granger(y, x, *, trend='c', max_lag=None, lag_method='aic')",
        "johansen(data, *, det_order=0, lag_diff=1)",
    ],
    "vwap": [
        "vwap(price, size)",
        "cumulative_vwap(price, size)",
        "rolling_vwap(price, size, window)",
    ],
    "correlation": [
        "correlation_matrix(closes, on='returns')",
        "hayashi_yoshida(ts_y, y, ts_x, x, lag_ms=0)",
        "lead_lag(ts_y, y, ts_x, x, lags_ms)",
    ],
    "multiple": ["adjust_pvalues(p, method='by')"],
    "overfitting": ["probability_of_overfitting(returns, n_splits=16)"],
    "performance": [
        "sharpe(returns, periods_per_year, ddof=1)",
        "sortino(returns, periods_per_year)",
        "annual_volatility(returns, periods_per_year)",
        "max_drawdown(returns)",
        "drawdown_duration(returns)",
        "sharpe_stderr(returns)",
        "probabilistic_sharpe(sharpe, n, skew=0.0, kurtosis=3.0, benchmark=0.0)",
        "deflated_sharpe(sharpe, n, n_trials, variance_of_trials, skew=0.0, kurtosis=3.0)",
        "min_track_record(sharpe, benchmark=0.0, skew=0.0, kurtosis=3.0, confidence=0.95)",
        "profit_factor(returns)",
        "hit_rate(returns)",
    ],
    "bars": ["resample(ticks, timeframe)"],
    "pair": ["analyze_pair(y_bars, x_bars, params)"],
    "backtest": ["run_backtest(y_bars, x_bars, params, settings)"],
    "alerts": ["evaluate(rules, readings, state)"],
}
CASES = [(module, call) for module, calls in SIGNATURES.items() for call in calls]


@pytest.mark.parametrize(("module", "call"), CASES, ids=[call for _, call in CASES])
def test_a_public_function_is_where_it_was_with_the_parameters_it_had(module, call):
    """What comes after may be added, with a default; a default may be added to a parameter."""
    name = call.partition("(")[0]
    named: dict = {}
    exec(f"def {call}: pass", named)
    kept = list(inspect.signature(named[name]).parameters.values())
    found = inspect.signature(getattr(importlib.import_module(f"analytics.{module}"), name))
    now = list(found.parameters.values())
    for one, other in zip(kept, now[: len(kept)], strict=True):
        assert (one.name, one.kind) == (other.name, other.kind)
        assert one.default in (inspect.Parameter.empty, other.default)
    assert all(other.default is not inspect.Parameter.empty for other in now[len(kept) :])


WALK = np.cumsum(np.sin(np.arange(120.0) ** 2))
RESULTS = {
    "summarize": (lambda: statistics.summarize(WALK), "n mean std min max last skew kurtosis"),
    "fit_hedge": (
        lambda: hedge.fit_hedge(WALK + 1.0, WALK),
        "method beta alpha r_squared beta_stderr n note",
    ),
    "kalman_hedge": (
        lambda: hedge.kalman_hedge(WALK, WALK),
        "beta alpha innovation innovation_var",
    ),
    "hedge_path": (lambda: hedge.hedge_path(WALK, WALK, "ols", 20), "beta alpha"),
    "johansen": (
        lambda: cointegration.johansen(np.column_stack([WALK, np.cos(WALK)])),
        "trace max_eig trace_critical max_eig_critical eigenvalues eigenvectors",
    ),
    "hayashi_yoshida": (
        lambda: correlation.hayashi_yoshida(range(120), WALK, range(120), WALK),
        "covariance correlation",
    ),
    "probability_of_overfitting": (
        lambda: overfitting.probability_of_overfitting(WALK.reshape(40, 3), 4),
        "pbo slope p_loss logits",
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_has_the_fields_it_had(name):
    run, names = RESULTS[name]
    result = run()
    for field in names.split():
        assert getattr(result, field) is not None


@pytest.mark.parametrize("result", [model.UnitRootResult, model.CointegrationResult])
def test_a_test_of_a_unit_root_has_the_fields_it_had(result):
    names = {"statistic", "pvalue", "used_lag", "n_obs", "critical_values"}
    assert is_dataclass(result)
    assert names <= {field.name for field in fields(result)}
