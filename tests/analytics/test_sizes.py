"""Sizes of a pair's tests on few rows: at "5 %" they reject about 5 % of unrelated walks."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import Bars, PairParams
from analytics.pair import analyze_pair
from analytics.stationarity import FEW_ROWS, TEST_ROWS, adf


def walk(symbol: str, rng: np.random.Generator, bars: int, share: float = 1.0) -> Bars:
    """Bars of a random walk that trades in a share of the seconds, the first and the last too."""
    close = 100.0 * np.exp(np.cumsum(rng.standard_normal(bars)) * 1e-3)
    traded = rng.random(bars) < share
    traded[[0, -1]] = True
    times, close = np.flatnonzero(traded) * 1_000, close[traded]
    ones = np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


def snapshot(seed: int, bars: int, share: float = 1.0, **options: object):
    rng = np.random.default_rng(seed)
    params = PairParams("A", "B", z_window=30, adf_window=30, limit=bars, **options)
    return analyze_pair(walk("A", rng, bars), walk("B", rng, bars, share), params)


@pytest.mark.parametrize(("bars", "share"), [(100, 1.0), (100, 0.62), (250, 0.3)])
def test_on_few_rows_the_tests_reject_few_walks(bars: int, share: float) -> None:
    rejected: dict[str, list[bool]] = {"engle_granger": [], "adf": []}
    for seed in range(400):
        tests = snapshot(seed, bars, share, spread_mode="locked", beta=0.0, alpha=0.0)
        for name, found in rejected.items():
            if (test := getattr(tests, name)) is not None:
                found.append(test.pvalue < 0.05)
    for name, found in rejected.items():
        assert np.mean(found) < 0.085, name  # 5 % and three standard errors of 400


def test_fewer_rows_than_a_verdict_needs_have_no_test_and_say_so() -> None:
    few = snapshot(1, 150, 0.3)
    assert len(few) - few.rows_carried < TEST_ROWS
    assert few.adf is None
    assert few.engle_granger is None
    assert any("it needs 60 rows in which both legs traded" in note for note in few.notes)


def test_bic_chooses_the_lags_of_few_rows_alone() -> None:
    few, enough = snapshot(3, FEW_ROWS - 1), snapshot(3, FEW_ROWS)
    assert few.adf.statistic == adf(few.spread, lag_method="bic").statistic
    assert any("BIC" in note for note in few.notes)
    assert enough.adf.statistic == adf(enough.spread, lag_method="aic").statistic
    assert not any("BIC" in note for note in enough.notes)


def test_few_rows_take_the_p_value_of_their_own_critical_values() -> None:
    few, enough = snapshot(3, 100), snapshot(3, FEW_ROWS)
    critical = few.adf.critical_values["5%"]
    assert (few.adf.pvalue < 0.05) == (few.adf.statistic < critical)
    assert few.adf.pvalue > adf(few.spread, lag_method="bic").pvalue
    assert enough.adf.pvalue == adf(enough.spread).pvalue


def test_lags_that_the_user_chose_stay() -> None:
    chosen = snapshot(3, 100, lag_method="t-stat")
    assert chosen.adf.statistic == adf(chosen.spread, lag_method="t-stat").statistic
    assert not any("BIC" in note for note in chosen.notes)
