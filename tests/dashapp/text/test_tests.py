"""What the tests of a pair say: Johansen's verdict, the OU fit, both in words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analytics.cointegration import CointegrationResult, JohansenResult, JohansenTest
from analytics.correlation import LeadLag
from analytics.estimates import pair_estimates
from analytics.model import Bars, OUFit, PairParams
from analytics.pair import analyze_pair
from analytics.stationarity import HalfLifeInterval
from dashapp.services.analysis.johansen import johansen_of
from dashapp.text import johansen, tests
from dashapp.text.pair import pair_figures
from dashapp.ui.pages.analytics.tables import johansen_part

CRITICAL = np.array([[13.4, 15.5, 19.9], [2.7, 3.8, 6.6]])
AT = 1_723_161_256_000


def made_test(trace, max_eig, note: str = "") -> JohansenTest:
    eigen = np.array([0.02, 0.01])
    result = JohansenResult(
        np.array(trace), np.array(max_eig), CRITICAL, CRITICAL, eigen, np.eye(2)
    )
    return JohansenTest(AT, 900, 0, 1, result, note)


@pytest.mark.parametrize(
    ("trace", "max_eig", "words", "tone"),
    [
        ((10.0, 1.0), (9.0, 1.0), "not cointegrated: no relation", "warn"),
        ((16.0, 1.0), (16.0, 1.0), "cointegrated: one relation", "up"),
        ((30.0, 7.0), (20.0, 7.0), "no unit root: each leg looks stationary by itself", "warn"),
        (
            (16.0, 1.0),
            (15.0, 1.0),
            "cointegrated: one relation; the maximum eigenvalue finds 0",
            "warn",
        ),
    ],
)
def test_johansens_verdict_follows_its_rank(trace, max_eig, words, tone):
    assert johansen.johansen_verdict(made_test(trace, max_eig), alone=False) == (words, tone)


def test_one_relation_beside_a_leg_that_is_stationary_by_itself_is_no_finding():
    found, none = made_test((16.0, 1.0), (16.0, 1.0)), made_test((10.0, 1.0), (9.0, 1.0))
    words = "cointegrated: one relation, but a leg looks stationary by itself"
    assert johansen.johansen_verdict(found, alone=True) == (words, "warn")
    assert f"{words} (95 %)" in str(johansen_part(found, alone=True))
    awaited = ("cointegrated: one relation, testing the legs", "muted")
    assert johansen.johansen_verdict(found, alone=None) == awaited
    assert johansen.johansen_verdict(none, alone=True) == johansen.johansen_verdict(
        none, alone=False
    )


def test_a_test_to_come_and_none_at_all_are_said():
    assert johansen.johansen_verdict(None, alone=None) == ("is being computed", "muted")
    none = JohansenTest(AT, 900, 0, 1, None, "data has constant columns")
    assert johansen.johansen_verdict(none, alone=None)[0] == "no test: data has constant columns"
    assert johansen.johansen_table(none) == []


def test_every_rank_stands_against_its_critical_values():
    rows = johansen.johansen_table(made_test((16.0, 1.0), (20.0, 3.0)))
    assert rows == [
        ("Trace, r = 0", "16.00", "13.40", "15.50", "19.90", "95 %"),
        ("Trace, r ≤ 1", "1.00", "2.70", "3.80", "6.60", ""),
        ("Max. eig., r = 0", "20.00", "13.40", "15.50", "19.90", "99 %"),
        ("Max. eig., r ≤ 1", "3.00", "2.70", "3.80", "6.60", "90 %"),
    ]


def test_the_card_says_which_bars_the_test_is_of():
    untested = johansen_part(made_test((16.0, 1.0), (16.0, 1.0)), alone=False, tested=False)
    assert "of legs that Engle-Granger cannot test (95 %)" in str(untested)
    shown = str(johansen_part(made_test((16.0, 1.0), (16.0, 1.0)), alone=False))
    assert "of 900 bars up to 2024-08-08 23:54:16 UTC, with a constant" in shown
    assert "cointegrated: one relation (95 %)" in shown


def rows_of(snapshot, test=None) -> dict:
    return {row[0]: row[1:] for row in pair_figures(snapshot, johansen=test)}


def test_johansen_has_a_row_among_the_figures(pair_snapshot):
    value, words, _ = rows_of(pair_snapshot, made_test((16.0, 1.0), (16.0, 1.0)))[johansen.JOHANSEN]
    assert (value, words) == ("16.00", "cointegrated: one relation, testing the legs")
    assert rows_of(pair_snapshot)[johansen.JOHANSEN][0] == "–"


def test_the_ou_fit_is_told_in_bars_and_on_the_clock(pair_snapshot):
    spread = np.append(pair_snapshot.spread[:-1], 7.0)
    snapshot = replace(pair_snapshot, spread=spread, ou=OUFit(0.02, 4.0, 2.0, 34.66))
    rows = rows_of(snapshot)
    assert rows["OU speed (θ)"][:2] == ("0.0200 / bar", "half-life 35 bars (35 s)")
    assert rows["OU level (μ)"][:2] == ("+4.00", "the spread is +3.00 from it")
    assert rows["OU noise (σ)"][:2] == ("2.00 / √bar", "in the long run ± 10.00 around μ")


def test_without_reversion_there_is_no_ou_process(pair_snapshot):
    nan = float("nan")
    rows = rows_of(replace(pair_snapshot, half_life=None, ou=OUFit(nan, nan, 1.0, None)))
    assert rows["OU process"] == (
        "–",
        "no such process fits: the spread does not revert",
        "warn",
    )
    assert rows_of(replace(pair_snapshot, ou=None))["OU process"][1] == "not enough data"


def test_a_spread_that_is_back_within_a_bar_is_not_said_never_to_revert(pair_snapshot):
    nan = float("nan")
    rows = rows_of(replace(pair_snapshot, half_life=0.7, ou=OUFit(nan, nan, 1.0, None)))
    assert rows["OU process"][1:] == (
        "no such process fits: the spread is back within a bar",
        "muted",
    )


def test_legs_on_a_line_but_for_their_cents_have_one_story():
    """Y is 3X to a cent: Engle-Granger cannot test it, and nothing is green beside that."""
    rng = np.random.default_rng(1)
    x = np.round(100.0 + np.cumsum(rng.normal(0, 0.1, 500)), 2)
    y = np.round(3.0 * x, 2) + np.where(rng.random(500) < 0.02, 0.01, 0.0)
    times, ones = 60_000 * np.arange(500), np.ones(500)
    legs = [Bars(name, "1m", times, *[p] * 4, ones, ones, p) for name, p in (("Y", y), ("X", x))]
    snapshot = analyze_pair(*legs, PairParams("Y", "X", "1m", limit=500))
    assert snapshot.engle_granger is None
    rows = pair_figures(
        snapshot, johansen=johansen_of(snapshot), estimates=pair_estimates(snapshot)
    )
    assert "up" not in [tone for *_, tone in rows]
    told = {label: (value, words) for label, value, words, _ in rows}
    assert told["Spread"][1] == "mean 0.0000, σ 0.0013"
    assert told["Hedge ratio (β)"][1] == "no standard error: the residual was not tested"
    assert told[johansen.JOHANSEN][1].endswith(", of legs that Engle-Granger cannot test")
    assert told["OU process"][1].endswith("the spread is back within a bar")
    words = "beside X too little is left of Y to be tested, R² is within 1.5e-6 of 1."
    assert f"No Engle-Granger test: {words}" in [words for _, _, words, _ in rows]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("view", "unreliable: not cointegrated"),
        ("kalman", "unreliable: the OLS spread, which is tested, is not cointegrated"),
    ],
)
def test_a_reserve_names_the_spread_that_was_tested(pair_snapshot, mode, words):
    test = CointegrationResult(-1.6, 0.43, 1, 78, {"5%": -3.4})
    params = replace(pair_snapshot.params, spread_mode=mode)
    snapshot = replace(pair_snapshot, engle_granger=test, params=params)
    assert tests.reserve_words(snapshot, False) == words


@pytest.mark.parametrize(
    ("changes", "alone", "brief"),
    [
        ({}, False, ("41 bars (41 s)", "")),
        ({"half_life_interval": HalfLifeInterval(30.0, 60.0)}, False, ("41 bars (41 s)", "")),
        (
            {"half_life_interval": HalfLifeInterval(30.0, math.inf)},
            False,
            ("41 bars (41 s) or none", "warn"),
        ),
        ({}, True, ("41 bars (41 s), unreliable", "muted")),
        ({"half_life": None}, False, ("none", "warn")),
    ],
)
def test_a_half_life_in_brief_says_what_its_row_says(pair_snapshot, changes, alone, brief):
    snapshot = replace(pair_snapshot, **{"half_life": 41.0, "engle_granger": None, **changes})
    assert tests.half_life_brief(snapshot, alone) == brief


def test_a_correlation_without_lag_is_said_where_there_is_one():
    lags, nan = np.array([0, 100]), float("nan")
    words = tests.lead_lag_words(LeadLag(lags, np.array([nan, 0.6]), 100, 0.6), "A", "B")
    assert words == "B moves first, by 0.1 s: correlation +0.60"
