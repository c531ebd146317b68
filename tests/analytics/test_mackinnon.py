"""The surfaces are data: they must be statsmodels' own, number for number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from statsmodels.tsa import adfvalues

from analytics import mackinnon
from analytics.model import TRENDS


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n_series", range(1, mackinnon.MAX_SERIES + 1))
def test_a_pvalue_equals_statsmodels_over_the_whole_axis(trend: str, n_series: int) -> None:
    for statistic in np.linspace(-30.0, 6.0, 145):
        expected = adfvalues.mackinnonp(statistic, trend, n_series)
        assert mackinnon.pvalue(float(statistic), trend, n_series) == pytest.approx(
            expected, abs=1e-14
        )


@pytest.mark.parametrize("trend", TRENDS)
def test_many_pvalues_are_those_taken_one_by_one(trend: str) -> None:
    statistics = np.array([-np.inf, *np.linspace(-30.0, 6.0, 50), np.inf, np.nan])
    one_by_one = [mackinnon.pvalue(float(s), trend, 2) for s in statistics]
    np.testing.assert_allclose(mackinnon.pvalues(statistics, trend, 2), one_by_one, atol=1e-15)


@pytest.mark.parametrize("trend", ["c", "ct", "ctt"])
@pytest.mark.parametrize("n_series", range(1, mackinnon.MAX_CRITICAL + 1))
@pytest.mark.parametrize("n_obs", [20, 100, 1_000, math.inf])
def test_critical_values_equal_statsmodels(trend: str, n_series: int, n_obs: float) -> None:
    expected = adfvalues.mackinnoncrit(n_series, trend, n_obs)
    found = list(mackinnon.critical_values(trend, n_series, n_obs).values())
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_critical_values_without_constant_exist_for_one_series_only() -> None:
    assert mackinnon.critical_values("n", 1, 100)["5%"] == pytest.approx(
        adfvalues.mackinnoncrit(1, "n", 100)[1], rel=1e-14
    )
    assert all(math.isnan(v) for v in mackinnon.critical_values("n", 2, 100).values())


def test_published_critical_values_are_met(reference: Path) -> None:
    cases = json.loads((reference / "open_refs.json").read_text())["cases"]
    for case in (c for c in cases if c["function"] == "mackinnon"):
        params = case["params"]
        found = mackinnon.critical_values(params["regression"], params["n"], params["nobs"])
        for key, level in (("crit1", "1%"), ("crit5", "5%"), ("crit10", "10%")):
            assert found[level] == pytest.approx(case["expected"][key], abs=case["tolerance"])


def test_nan_has_no_pvalue() -> None:
    assert math.isnan(mackinnon.pvalue(math.nan))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mackinnon.pvalue(-1.0, "cc"), "trend is 'cc'"),
        (lambda: mackinnon.pvalue(-1.0, "c", 7), "n_series is 7, expected 1 to 6"),
        (lambda: mackinnon.critical_values("c", 0), "n_series is 0"),
        (lambda: mackinnon.critical_values("c", 13), "n_series is 13, expected 1 to 12"),
        (lambda: mackinnon.critical_values("c", 1, 0), "n_obs is 0"),
    ],
)
def test_what_is_not_tabulated_is_refused_in_words(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
