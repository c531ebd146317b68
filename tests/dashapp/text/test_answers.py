"""The sentence at the head of each page: verdicts with figures, trades in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analytics.bounce import Bounce
from analytics.estimates import PairEstimates
from analytics.model import (
    CointegrationResult,
    HedgeFit,
    HedgePath,
    NotReady,
    PairParams,
    PairSnapshot,
    UnitRootResult,
)
from analytics.stationarity import HalfLifeInterval
from dashapp.text import answers
from dashapp.text.compare import compared_row
from dashapp.text.johansen import LEG_ALONE
from dashapp.text.pair import BreakEven, pair_figures
from dashapp.text.tests import NO_RELATION, leg_alone

ENGLE_GRANGER = "Engle-Granger (OLS on all bars in view)"
TONES = {"", "up", "down", "warn", "muted"}


def unit_root(pvalue):
    return UnitRootResult(-3.0, pvalue, 1, 79, {"5%": -2.9})


#: Legs that were tested and have a unit root each.
WALKS = PairEstimates(unit_root(0.7), unit_root(0.6), tick_correlation=0.91)


def snapshot(z: float = 2.31, **changes) -> PairSnapshot:
    count = 80
    rising = np.arange(count, dtype=np.float64)
    fit = HedgeFit("ols", 20.308, 7_900.0, 0.982, 0.031, count)
    path = HedgePath("ols", np.full(count, 20.3), np.zeros(count))
    usual = PairSnapshot(
        params=PairParams("BTCUSDT", "ETHUSDT"),
        ts_ms=1_723_161_256_000 + 1_000 * np.arange(count),
        price_y=61_800.0 + rising,
        price_x=2_650.0 + rising / 20,
        carried=np.zeros(count, bool),
        fit=fit,
        fits={"ols": fit},
        path=path,
        kalman_path=path,
        spread=np.full(count, 12.5),
        mean=np.full(count, 4.0),
        std=np.full(count, 3.7),
        z=np.full(count, z),
        corr=np.full(count, 0.91),
        adf_ts_ms=np.array([1_723_161_335_000]),
        adf_pvalue=np.array([0.012]),
        adf=UnitRootResult(-3.4, 0.004, 1, 78, {"5%": -2.9}),
        engle_granger=CointegrationResult(-3.6, 0.012, 1, 78, {"5%": -3.4}),
        correlation=0.91,
        half_life=41.2,
        hurst=0.31,
    )
    return replace(usual, **changes)


def verdict_of(rows, label):
    return next((value, verdict, tone) for name, value, verdict, tone in rows if name == label)


def test_a_rich_leg_is_a_short_in_words():
    line = answers.plain(answers.pair_answer(snapshot(2.31), 2.0, BreakEven(1.1, 2.0), False))
    assert line == (
        "z +2.31 · BTCUSDT rich · short BTCUSDT / long ETHUSDT · half-life 41 bars (41 s) · "
        "cointegrated p = 0.012 · needs |z| > 1.1 to pay costs (2 bps a side and leg)"
    )


def test_a_cheap_leg_is_a_long_in_words():
    parts = answers.pair_answer(snapshot(-2.5), 2.0)
    assert parts[:3] == [
        ("z −2.50", "up"),
        ("BTCUSDT cheap", "up"),
        ("long BTCUSDT / short ETHUSDT", "up"),
    ]


def test_inside_the_threshold_there_is_no_trade():
    parts = answers.pair_answer(snapshot(0.4), 2.0, BreakEven(1.1, 3.5))
    assert ("inside ±2: no trade", "muted") in parts
    assert ("needs |z| > 1.1 to pay costs (3.5 bps a side and leg)", "warn") in parts
    assert not any("short" in text for text, _ in parts)


def test_beyond_the_threshold_but_inside_costs_there_is_no_trade():
    for z in (2.31, -2.31):
        parts = answers.pair_answer(snapshot(z), 2.0, BreakEven(3.7, 2.0))
        line = "beyond ±2 but needs |z| > 3.7 to pay costs (2 bps a side and leg): no trade"
        assert parts[2] == (line, "warn")
        assert parts[0][1] == parts[1][1] == ""
        assert answers.plain(parts).count("to pay costs") == 1
        assert "short" not in answers.plain(parts)
        row = verdict_of(pair_figures(snapshot(z), 2.0, BreakEven(3.7, 2.0)), "z-score")
        assert row[1].endswith(line)
        assert row[2] == "warn"
    assert ("short BTCUSDT / long ETHUSDT", "down") in answers.pair_answer(
        snapshot(3.8), 2.0, BreakEven(3.7, 2.0)
    )


def test_a_pair_that_is_not_cointegrated_warns_and_takes_its_reversion_with_reserve():
    test = CointegrationResult(-1.6, 0.43, 1, 78, {"5%": -3.4})
    pair = snapshot(engle_granger=test)
    parts = answers.pair_answer(pair, 2.0, BreakEven(1.1, 2.0))
    assert ("short BTCUSDT / long ETHUSDT", "down") in parts
    assert ("not cointegrated p = 0.430", "warn") in parts
    assert ("half-life 41 bars (41 s), unreliable", "muted") in parts
    rows = pair_figures(replace(pair, half_life=30.0))
    assert verdict_of(rows, "Half-life")[1:] == ("unreliable: not cointegrated", "muted")
    assert verdict_of(rows, "Hurst exponent")[1:] == (
        "mean-reverting, unreliable: not cointegrated",
        "muted",
    )
    sure = pair_figures(snapshot(half_life=30.0), estimates=WALKS)
    assert verdict_of(sure, "Half-life")[1:] == ("", "")
    assert verdict_of(sure, "Hurst exponent")[1:] == ("mean-reverting", "up")


def test_a_half_life_says_that_it_counts_bars_in_which_both_legs_traded():
    """A time stop counts every bar."""
    carried = np.zeros(len(snapshot()), bool)
    carried[3] = True
    rows = pair_figures(snapshot(half_life=30.0, carried=carried), estimates=WALKS)
    assert verdict_of(rows, "Half-life")[1:] == ("of bars in which both legs traded", "")


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "mean-reverting"), (-0.01, "mean-reverting; below 0 by chance or by a cycle")],
)
def test_a_hurst_exponent_below_0_has_its_word(value, words):
    rows = pair_figures(snapshot(hurst=value), estimates=WALKS)
    assert verdict_of(rows, "Hurst exponent")[1] == words


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("ols", {"intercept": False}),
        ("ols", {"hedge_window": 40}),
        ("ols", {"trend": "ct"}),
        ("tls", {"hedge": "tls"}),
        ("ratio", {}),
    ],
)
def test_engle_granger_is_not_green_for_a_spread_that_it_did_not_test(method, changes):
    params = PairParams("BTCUSDT", "ETHUSDT", **changes)
    fit = replace(snapshot().fit, method=method)
    pair = snapshot(params=params, fit=fit)
    _, verdict, tone = verdict_of(pair_figures(pair, estimates=WALKS), ENGLE_GRANGER)
    assert verdict == "cointegrated (p = 0.012), of the OLS spread, not the one shown"
    assert tone == "muted"
    told = answers.pair_answer(pair, 2.0, alone=False)
    assert ("cointegrated p = 0.012 of the OLS spread", "muted") in told


def test_engle_granger_is_green_for_ols_on_all_bars_of_prices_or_logarithms():
    for changes in ({"price_space": "log"}, {"hedge_window": 80}):
        pair = snapshot(params=PairParams("BTCUSDT", "ETHUSDT", **changes))
        assert verdict_of(pair_figures(pair, estimates=WALKS), ENGLE_GRANGER)[2] == "up"


def test_a_half_life_on_the_clock_counts_the_gaps_between_bars():
    spaced = 1_723_161_256_000 + 3_000 * np.arange(80)
    pair = snapshot(half_life=20.0, ts_ms=spaced)
    assert ("half-life 20 bars (60 s)", "") in answers.pair_answer(pair, 2.0)
    assert verdict_of(pair_figures(pair), "Half-life")[0] == "20 bars (60 s)"


def test_r_squared_without_intercept_is_called_uncentred():
    rows = pair_figures(snapshot(params=PairParams("A", "B", intercept=False)))
    assert verdict_of(rows, "R² (uncentred)")[0] == "0.982"
    assert verdict_of(pair_figures(snapshot()), "R² of the fit")[0] == "0.982"


def test_what_is_not_known_is_said_and_never_a_number():
    lacks = {"half_life": None, "engle_granger": None, "no_z": "the spread stands still"}
    parts = answers.pair_answer(snapshot(float("nan"), **lacks), 2.0)
    assert answers.plain(parts) == (
        "z not known · the spread stands still · no half-life: the spread does not revert"
    )
    assert "nan" not in answers.plain(
        answers.pair_answer(snapshot(float("nan")), 2.0, BreakEven(math.nan, 2.0))
    )


def test_a_pair_that_is_not_ready_says_what_is_missing():
    missing = NotReady("needs 60 bars, has 12", 12, 60)
    assert answers.pair_answer(missing, 2.0) == [("needs 60 bars, has 12", "muted")]


def test_a_view_that_is_mostly_carried_forward_warns():
    carried = np.arange(80) % 2 == 0
    assert ("50 % carried forward", "warn") in answers.pair_answer(snapshot(carried=carried), 2.0)


def test_the_plain_adf_is_labelled_indicative_beside_engle_granger():
    rows = pair_figures(snapshot(), estimates=WALKS)
    assert verdict_of(rows, ENGLE_GRANGER) == ("−3.60", "cointegrated (p = 0.012)", "up")
    assert verdict_of(rows, "ADF of the spread") == (
        "−3.40",
        "stationary (indicative, p = 0.004)",
        "muted",
    )


def test_the_rows_of_a_pair_say_what_they_mean():
    rows = pair_figures(snapshot(half_life=60.0, hurst=0.62, notes=("a note",)), 2.0)
    assert verdict_of(rows, "z-score")[1] == "BTCUSDT rich · short BTCUSDT / long ETHUSDT"
    assert verdict_of(rows, "Hedge ratio (β)")[:2] == (
        "20.31",
        "no standard error: the residual is not stationary",
    )
    assert verdict_of(rows, "Half-life") == (
        "60 bars (60 s)",
        "longer than half of the view",
        "warn",
    )
    assert verdict_of(rows, "Hurst exponent") == ("0.62", "trending", "warn")
    assert verdict_of(rows, "Note")[1] == "a note"
    assert all(len(row) == 4 and row[3] in TONES for row in rows)


def test_beta_has_an_error_that_allows_for_autocorrelation_or_none():
    rows = pair_figures(snapshot(beta_stderr=0.4))
    assert verdict_of(rows, "Hedge ratio (β)")[1] == "± 0.4000 standard error (Newey-West)"


def test_a_half_life_has_its_interval_and_may_be_that_of_a_random_walk():
    rows = pair_figures(snapshot(half_life=18.0, half_life_interval=HalfLifeInterval(11.4, 27.1)))
    assert verdict_of(rows, "Half-life")[1:] == ("90 % interval 11 to 27 bars", "muted")
    rows = pair_figures(
        snapshot(half_life=18.0, half_life_interval=HalfLifeInterval(9.0, math.inf))
    )
    assert verdict_of(rows, "Half-life")[1:] == (
        "not distinguishable from a random walk (90 % interval from 9.0 bars)",
        "warn",
    )


def test_cointegrated_legs_of_which_one_is_stationary_are_no_evidence():
    alone = PairEstimates(unit_root(0.001), unit_root(0.6))
    rows = pair_figures(snapshot(), estimates=alone)
    words, tone = verdict_of(rows, ENGLE_GRANGER)[1:]
    assert words.endswith("but a leg looks stationary by itself: no evidence of a relation")
    assert tone == "warn"
    assert verdict_of(rows, "ADF of the legs (Y / X)")[1] == "BTCUSDT: stationary by itself"
    line = answers.pair_answer(snapshot(), 2.0, alone=True)
    assert (NO_RELATION, "warn") in line
    assert "cointegrated" not in answers.plain(line)
    rows = pair_figures(snapshot(), estimates=WALKS)
    assert verdict_of(rows, ENGLE_GRANGER)[2] == "up"
    assert verdict_of(rows, "ADF of the legs (Y / X)")[1] == "each leg has a unit root"
    assert verdict_of(rows, "Correlation on ticks")[0] == "+0.91"


def test_a_leg_that_bounces_warns_and_names_the_timeframe_without():
    bouncing = Bounce(0.5, 0.4, -0.3, 1_000)
    rows = pair_figures(snapshot(bounce_y=bouncing, bounce_x=None, bounce_free="1m"))
    assert verdict_of(rows, "Bid-ask bounce (Y / X)")[1:] == (
        "of the variance at 1s looks like bounce: free of it from 1m on",
        "warn",
    )


def test_a_fallback_of_the_hedge_stands_in_its_row():
    fit = HedgeFit("ratio", 23.3, 0.0, float("nan"), float("nan"), 80, "X hardly varies")
    rows = pair_figures(snapshot(fit=fit))
    assert verdict_of(rows, "Hedge ratio (β)") == ("23.30", "X hardly varies", "warn")


def test_rows_without_tests_show_a_dash():
    rows = pair_figures(snapshot(adf=None, engle_granger=None, half_life=None, hurst=None))
    for label in (ENGLE_GRANGER, "ADF of the spread", "Half-life", "Hurst exponent"):
        assert verdict_of(rows, label)[0] == "–"


@dataclass(frozen=True)
class Figures:
    last: float
    change: float
    vwap: float


def test_home_names_the_strongest_and_the_weakest():
    summaries = {
        "BTCUSDT": Figures(61_800.3, 0.0042, 61_700.0),
        "ETHUSDT": Figures(2_650.0, -0.012, 2_660.0),
        "SOLUSDT": Figures(142.3, 0.021, 140.0),
    }
    parts = answers.home_answer(summaries)
    assert answers.plain(parts) == (
        "BTCUSDT 61,800.30 · 2 of 3 up · strongest SOLUSDT +2.10 % · weakest ETHUSDT −1.20 % · "
        "2 of 3 above VWAP"
    )
    assert [tone for _, tone in parts] == ["", "", "up", "down", ""]
    rising = {**summaries, "ETHUSDT": Figures(2_650.0, 0.0025, 2_660.0)}
    assert "least up ETHUSDT +0.25 %" in answers.plain(answers.home_answer(rising))
    falling = {name: Figures(1.0, -each.change - 0.1, 1.0) for name, each in rising.items()}
    assert "least down ETHUSDT −10.25 %" in answers.plain(answers.home_answer(falling))


def test_home_counts_above_vwap_the_symbols_that_have_one():
    some = {"A": Figures(2.0, 0.01, 1.0), "B": Figures(2.0, 0.02, float("nan"))}
    assert answers.plain(answers.home_answer(some)).endswith("1 of 1 above VWAP")
    none = {name: Figures(2.0, each.change, float("nan")) for name, each in some.items()}
    assert "VWAP" not in answers.plain(answers.home_answer(none))


def test_home_with_one_symbol_and_with_none():
    alone = {"BTCUSDT": Figures(61_800.3, 0.0042, float("nan"))}
    assert answers.plain(answers.home_answer(alone)) == "BTCUSDT 61,800.30 · +0.42 %"
    assert answers.home_answer({}) == [("no prices yet", "muted")]


def test_correlation_names_the_most_and_the_least_correlated_pair():
    matrix = np.array([[1.0, -0.93, 0.4], [-0.93, 1.0, np.nan], [0.4, np.nan, 1.0]])
    line = answers.plain(answers.correlation_answer(["A", "B", "C"], matrix))
    assert line == (
        "most correlated A / B −0.93 · least correlated A / C +0.40 · 3 pairs · "
        "1 without: too few bars, or a symbol does not vary"
    )
    two = answers.correlation_answer(["A", "B"], matrix[:2, :2])
    assert answers.plain(two) == "A / B −0.93 · 1 pair"
    assert answers.correlation_answer(["A"], np.ones((1, 1)))[0][1] == "muted"


def test_alerts_are_counted():
    assert answers.alerts_answer(0, 0) == [("no rule armed", "muted"), ("0 fired today", "muted")]
    assert answers.plain(answers.alerts_answer(1, 0, waiting=2)) == (
        "1 rule armed · 2 waiting · 0 fired today"
    )
    line = answers.plain(answers.alerts_answer(2, 3, 1, "BTCUSDT / ETHUSDT |z| > 2"))
    assert line == (
        "2 rules armed · 1 paused: the feed is silent · 3 fired today · "
        "last: BTCUSDT / ETHUSDT |z| > 2"
    )


def test_a_market_says_what_it_holds():
    line = answers.plain(answers.data_answer("Live", 1_200, [160, 180], 180_000, 3))
    assert (
        line
        == "Live · 2 symbols · 1,200 ticks · 340 bars from a common start, 3.0 min · 3 rejected"
    )
    assert answers.data_answer("Live", 0, (), 0.0) == [("Live holds no data yet", "muted")]


@pytest.mark.parametrize("z", [3.0, -3.0, 0.0, float("nan")])
def test_no_sentence_uses_an_unknown_tone_or_an_exclamation_mark(z):
    for text, tone in answers.pair_answer(snapshot(z), 2.0, BreakEven(1.1, 2.0)):
        assert tone in TONES
        assert "!" not in text


ALONE = PairEstimates(unit_root(0.001), unit_root(0.6))


@pytest.mark.parametrize(
    ("estimates", "words", "tone"),
    [
        (None, "cointegrated (p = 0.012), testing the legs", "muted"),
        (ALONE, f"cointegrated (p = 0.012), {LEG_ALONE}: no evidence of a relation", "warn"),
        (WALKS, "cointegrated (p = 0.012)", "up"),
    ],
)
def test_the_head_the_figures_and_the_comparison_say_one_thing_of_a_relation(
    estimates, words, tone
):
    alone = leg_alone(estimates)
    rows = pair_figures(snapshot(half_life=30.0), estimates=estimates)
    assert verdict_of(rows, ENGLE_GRANGER)[1:] == (words, tone)
    compared = compared_row(snapshot(), 2.0, BreakEven(1.1, 2.0), alone)
    assert (compared.cells[4], compared.test_tone) == (words, tone)
    green = {text for text, of in answers.pair_answer(snapshot(), 2.0, alone=alone) if of == "up"}
    assert green == ({"cointegrated p = 0.012"} if tone == "up" else set())
    assert verdict_of(rows, "Hurst exponent")[2] == ("up" if tone == "up" else "muted")
    reserve = "unreliable: a leg looks stationary by itself"
    for label in ("Half-life", "Hurst exponent"):
        assert (reserve in verdict_of(rows, label)[1]) == (estimates is ALONE)


def test_until_the_legs_are_tested_the_head_is_neutral():
    head = answers.pair_answer(snapshot(), 2.0)
    assert ("cointegrated p = 0.012, testing the legs", "muted") in head
