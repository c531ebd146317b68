"""Published results of other tools and certified tables, through the public functions."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics import performance
from analytics.cointegration import engle_granger, johansen
from analytics.correlation import correlation_matrix, pearson
from analytics.hedge import fit_hedge
from analytics.mackinnon import critical_values
from analytics.rolling import rolling_corr
from analytics.stationarity import adf
from analytics.statistics import summarize

_LAG_METHODS = {"AIC": "aic", "BIC": "bic", "t-stat": "t-stat", None: None}


def _cases() -> list[dict[str, Any]]:
    beside = Path(__file__).resolve().parents[3] / "shared" / "reference"
    file = Path(os.environ.get("REFERENCE_DIR", beside)) / "open_refs.json"
    return json.loads(file.read_text())["cases"] if file.is_file() else []


def mean_std(x) -> dict[str, Any]:
    summary = summarize(x)
    return {"mean": summary.mean, "std": summary.std}


def of_pearson(x, y) -> dict[str, Any]:
    by_all = [
        pearson(x, y),
        correlation_matrix(np.column_stack([x, y]), on="prices")[0, 1],
        rolling_corr(x, y, len(x))[-1],
    ]
    assert max(by_all) - min(by_all) < 1e-14
    return {"r": by_all[0]}


def of_ols(y, x, const) -> dict[str, Any]:
    """bse: of all coefficients in the certified case, of the slopes here."""
    fit = fit_hedge(y, x, "ols", intercept=const)
    constant = [fit.alpha] if const else []
    return {
        "alpha": fit.alpha,
        "beta": fit.beta,
        "r2": fit.r_squared,
        "bse": [*[None] * len(constant), *np.atleast_1d(fit.beta_stderr)],
        "params": [*constant, *np.atleast_1d(fit.beta)],
    }


def huber_rlm(y, x) -> dict[str, Any]:
    fit = fit_hedge(y, x, "huber")
    residual = np.asarray(y) - np.asarray(x) @ fit.beta - fit.alpha
    return {
        "params": [*fit.beta, fit.alpha],
        "scale": np.median(np.abs(residual)) / 0.6744897501960817,
    }


def of_theil_sen(y, x) -> dict[str, Any]:
    fit = fit_hedge(y, x, "theil_sen")
    joint = np.median(np.asarray(y) - fit.beta * np.asarray(x))
    return {"slope": fit.beta, "intercept": fit.alpha, "intercept_joint": joint}


def with_levels(result: Any) -> dict[str, Any]:
    levels = result.critical_values
    return {
        "stat": result.statistic,
        "pvalue": result.pvalue,
        "usedlag": result.used_lag,
        "crit1": levels["1%"],
        "crit5": levels["5%"],
        "crit10": levels["10%"],
    }


def of_adf(x, regression, maxlag, autolag) -> dict[str, Any]:
    method = _LAG_METHODS[autolag]
    return with_levels(adf(x, trend=regression, max_lag=maxlag, lag_method=method))


def of_engle_granger(y, x, trend, maxlag, autolag) -> dict[str, Any]:
    method = _LAG_METHODS[autolag]
    return with_levels(engle_granger(y, x, trend=trend, max_lag=maxlag, lag_method=method))


def of_johansen(x, det_order, k_ar_diff) -> dict[str, Any]:
    result = johansen(x, det_order=det_order, lag_diff=k_ar_diff)
    return {"trace": result.trace, "maxeig": result.max_eig}


def of_mackinnon(n, regression, nobs) -> dict[str, Any]:
    levels = critical_values(regression, n, nobs)
    return {"crit1": levels["1%"], "crit5": levels["5%"], "crit10": levels["10%"]}


FUNCTIONS = {
    "mean_std": mean_std,
    "pearson": of_pearson,
    "ols": of_ols,
    "huber_rlm": huber_rlm,
    "theil_sen": of_theil_sen,
    "adf": of_adf,
    "engle_granger": of_engle_granger,
    "johansen": of_johansen,
    "mackinnon": of_mackinnon,
    "sharpe": lambda r, periods, ddof: {"sharpe": performance.sharpe(r, periods, ddof)},
    "ann_vol": lambda r, periods, ddof: {"vol": performance.annual_volatility(r, periods, ddof)},
    "max_drawdown": lambda r: {"mdd": performance.max_drawdown(r)},
}
CASES = _cases()


def tolerance_of(case: dict[str, Any], key: str) -> dict[str, float]:
    """A number is absolute, {"rel": x} relative, another dict names keys."""
    tolerance = case["tolerance"]
    if isinstance(tolerance, dict) and "rel" not in tolerance:
        tolerance = tolerance[key]
    if isinstance(tolerance, dict):
        return {"rel": tolerance["rel"], "abs": 0.0}
    return {"rel": 0.0, "abs": tolerance}


def assert_close(got: Any, expected: Any, tolerance: dict[str, float]) -> None:
    if isinstance(expected, list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_close(one, other, tolerance)
    elif expected is None:
        assert math.isnan(got)
    elif got is not None:  # what no public function gives: an intercept's standard error
        assert got == pytest.approx(expected, **tolerance)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_published_result_comes_out_again(case):
    got = FUNCTIONS[case["function"]](**case["series"], **case["params"])
    for key, expected in case["expected"].items():
        assert_close(got[key], expected, tolerance_of(case, key))


def test_all_published_results_are_there(reference):
    assert len(CASES) == len(json.loads((reference / "open_refs.json").read_text())["cases"]) > 0
    assert {case["function"] for case in CASES} == set(FUNCTIONS)
