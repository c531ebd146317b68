"""What callers pass by mistake is refused by its name; odd but legal forms give equal numbers."""

from __future__ import annotations

import array
import decimal
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analytics.bounce import bounce, finest_without_bounce
from analytics.cointegration import engle_granger, johansen
from analytics.correlation import correlation_matrix, hayashi_yoshida, lead_lag, pearson
from analytics.dynamic_ols import dynamic_ols
from analytics.hedge import fit_hedge, hedge_path, hedge_stderr
from analytics.kalman import kalman_hedge
from analytics.model import HEDGE_METHODS
from analytics.performance import (
    annual_volatility,
    drawdown_duration,
    max_drawdown,
    sharpe,
    sharpe_stderr,
    sortino,
)
from analytics.rolling import rolling_corr, rolling_mean, rolling_ols, rolling_std, rolling_zscore
from analytics.spread import bands, spread, zscore
from analytics.stationarity import (
    adf,
    fit_ou,
    half_life,
    half_life_interval,
    hurst,
    rolling_adf,
)
from analytics.statistics import summarize
from analytics.vwap import cumulative_vwap, rolling_vwap, vwap

ROWS = 120
RNG = np.random.default_rng(0)
X = np.round(100 + np.cumsum(RNG.integers(-3, 4, ROWS))).astype(float)
Y = 2 * X + RNG.integers(-2, 3, ROWS)

TIMES = np.arange(0, 10 * ROWS, 10)

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "summarize": lambda y, x: summarize(y),
    "rolling_mean": lambda y, x: rolling_mean(y, 9),
    "rolling_std": lambda y, x: rolling_std(y, 9),
    "rolling_zscore": lambda y, x: rolling_zscore(y, 9),
    "rolling_corr": lambda y, x: rolling_corr(y, x, 9),
    "rolling_ols": lambda y, x: rolling_ols(y, x, 9),
    "fit_hedge": lambda y, x: [fit_hedge(y, x, method) for method in HEDGE_METHODS],
    "hedge_path": lambda y, x: [hedge_path(y, x, method, 20) for method in HEDGE_METHODS],
    "kalman_hedge": lambda y, x: kalman_hedge(y, x),
    "spread": lambda y, x: spread(y, x, 2.0, 1.0),
    "zscore": lambda y, x: zscore(y, 9),
    "bands": lambda y, x: bands(y, 9, 2.0),
    "adf": lambda y, x: adf(y),
    "rolling_adf": lambda y, x: rolling_adf(y, 50, 10),
    "half_life": lambda y, x: half_life(y),
    "hurst": lambda y, x: hurst(y, 20),
    "fit_ou": lambda y, x: fit_ou(y, 1.0),
    "engle_granger": lambda y, x: engle_granger(y, x),
    "vwap": lambda y, x: vwap(y, x),
    "cumulative_vwap": lambda y, x: cumulative_vwap(y, x),
    "rolling_vwap": lambda y, x: rolling_vwap(y, x, 9),
    "pearson": lambda y, x: pearson(y, x),
    "correlation_matrix": lambda y, x: correlation_matrix({"y": y, "x": x}),
    "sharpe": lambda y, x: sharpe(y, 252),
    "sortino": lambda y, x: sortino(y, 252, target=200.0),
    "annual_volatility": lambda y, x: annual_volatility(y, 252),
    "max_drawdown": lambda y, x: max_drawdown(y),
    "drawdown_duration": lambda y, x: drawdown_duration(y),
    "sharpe_stderr": lambda y, x: sharpe_stderr(y),
    "half_life_interval": lambda y, x: half_life_interval(y),
    "dynamic_ols": lambda y, x: dynamic_ols(y, x),
    "hedge_stderr": lambda y, x: hedge_stderr(y, x, pvalue=0.01),
    "hayashi_yoshida": lambda y, x: hayashi_yoshida(TIMES, y, TIMES, x),
    "lead_lag": lambda y, x: lead_lag(TIMES, y, TIMES, x, [-5, 0, 5]),
    "bounce": lambda y, x: bounce(y),
    "finest_without_bounce": lambda y, x: finest_without_bounce(y, "1s"),
}

FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "tuple": lambda v: tuple(v.tolist()),
    "int64": lambda v: v.astype(np.int64),
    "uint16": lambda v: v.astype(np.uint16),
    "float32": lambda v: v.astype(np.float32),
    "long double": lambda v: v.astype(np.longdouble),
    "big-endian": lambda v: v.astype(">f8"),
    "decimals": lambda v: [decimal.Decimal(int(one)) for one in v],
    "a column": lambda v: np.column_stack([v, v])[:, 0],
    "reversed twice": lambda v: v[::-1].copy()[::-1],
    "Int64": lambda v: pd.Series(v).astype("Int64"),
    "one label": lambda v: pd.Series(v, index=[0] * len(v)),
    "times": lambda v: pd.Series(v, pd.date_range("2020-01-01", periods=len(v), freq="s")),
    "Index": pd.Index,
    "masked": lambda v: np.ma.array(v, mask=False),
    "array.array": lambda v: array.array("d", v),
}

WRONG: dict[str, Any] = {
    "a table": np.ones((ROWS, 2)),
    "a frame": pd.DataFrame({"y": Y}),
    "a number": 5.0,
    "None": None,
    "a word": "abc",
    "words": ["a"] * ROWS,
    "complex": Y + 1j,
    "times": np.arange(ROWS).astype("datetime64[s]"),
    "a dict": {1: 2},
    "ragged": [[1, 2], [3]],
    "bytes": b"abc",
}


def leaves(value: Any) -> list[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return [leaf for one in fields(value) for leaf in leaves(getattr(value, one.name))]
    if isinstance(value, Mapping):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, (tuple, list)):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_numbers_in_any_form_give_the_same_result(name):
    call = CALLS[name]
    expected = leaves(call(Y, X))
    for form in FORMS.values():
        for got, wanted in zip(leaves(call(form(Y), form(X))), expected, strict=True):
            if isinstance(wanted, (str, type(None))):
                assert got == wanted
            else:
                np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_series_is_refused_in_words(name):
    for wrong in WRONG.values():
        with pytest.raises(ValueError, match=r"holds|dimensions|expected"):
            CALLS[name](wrong, X)


@pytest.mark.parametrize("window", [0, -1, True, 3.0, "3", None, float("nan"), np.float64(3)])
def test_a_window_is_a_whole_number_of_bars(window):
    for call in (
        lambda: rolling_mean(Y, window),
        lambda: rolling_corr(Y, X, window),
        lambda: rolling_vwap(Y, X, window),
        lambda: hedge_path(Y, X, "ols", window),
        lambda: bands(Y, window),
        lambda: rolling_adf(Y, window),
    ):
        with pytest.raises(ValueError, match="window is"):
            call()


def test_a_window_may_be_any_whole_number_and_longer_than_the_series():
    np.testing.assert_array_equal(rolling_mean(Y, np.uint8(9)), rolling_mean(Y, 9))
    assert np.isnan(rolling_zscore(Y, 10**9)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kalman_hedge(Y, X, delta="a"), "delta is 'a', expected a number"),
        (lambda: kalman_hedge(Y, X, delta=None), "delta is None, expected a number"),
        (lambda: kalman_hedge(Y, X, observation_var="1"), "observation_var is '1'"),
        (lambda: kalman_hedge(Y, X, initial_cov="x"), "initial_cov is 'x'"),
        (lambda: kalman_hedge(Y, X, initial_state="x"), "initial_state is 'x'"),
        (lambda: sortino(Y, 252, target="x"), "target is 'x', expected a number"),
        (lambda: sharpe(Y, "a"), "periods_per_year is 'a', expected a number"),
        (lambda: bands(Y, 9, k="a"), "k is 'a', expected a number"),
        (lambda: spread(Y, X, "a"), "beta is 'a', expected numbers"),
        (lambda: spread(Y, X, None), "beta is None, expected numbers"),
        (lambda: spread(Y, X, 1.0, "a"), "alpha is 'a', expected numbers"),
        (lambda: fit_ou(Y, dt="a"), "dt is 'a', expected a number"),
        (lambda: fit_ou(Y, dt=None), "dt is None, expected a number"),
        (lambda: adf(Y, lag_method=["aic"]), r"lag_method is \['aic'\], expected one of"),
        (lambda: fit_hedge(Y, np.empty((ROWS, 0))), "x has 0 columns, expected at least 1"),
        (lambda: johansen(np.column_stack([Y, X]), det_order="0"), "det_order is '0', expected"),
    ],
)
def test_a_setting_of_another_kind_is_refused_by_its_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
