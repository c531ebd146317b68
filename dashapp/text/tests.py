"""Verdicts on a pair's tests: cointegration, stationarity, reversion to the mean.

A row is (label, value, verdict in words, tone); tones are those of `dashapp.text.answers`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from analytics.bars import usual_step
from analytics.cointegration import JohansenTest
from analytics.correlation import LeadLag
from analytics.estimates import PairEstimates
from analytics.model import PairSnapshot
from analytics.stationarity import HalfLifeInterval
from dashapp.text.johansen import LEG_ALONE, LEGS_AWAITED, Row, johansen_row
from dashapp.text.numbers import NONE, SIGNIFICANT_P, bar_span, number, p_value, price

Segment = tuple[str, str]

ENGLE_GRANGER = "Engle-Granger (OLS on all bars in view)"
#: What the head of a page says where a leg looks stationary by itself: it has two lines.
NO_RELATION = "a leg is stationary: no relation shown"
#: Where Engle-Granger's own spread is not the one that is shown.
NOT_THE_OLS_SPREAD = "the OLS spread, which is tested, is not cointegrated"
#: Of the differences of logarithms, which are small: the decimals of this size.
LOG_SIZE = 0.001


def _verdict(pvalue: float | None, words: tuple[str, str, str]) -> tuple[str, str]:
    """The words for a p-value that rejects, that does not, and for none; with its tone."""
    rejects, keeps, unknown = words
    if pvalue is None or not math.isfinite(pvalue):
        return unknown, "muted"
    firm = pvalue < SIGNIFICANT_P
    return f"{rejects if firm else keeps} ({p_value(pvalue)})", "up" if firm else "warn"


def stationarity_verdict(pvalue: float | None) -> tuple[str, str]:
    """What an ADF p-value says of a series, and its tone.

    >>> stationarity_verdict(0.0121)
    ('stationary (p = 0.012)', 'up')
    """
    return _verdict(pvalue, ("stationary", "not stationary", "not enough data"))


def cointegration_verdict(pvalue: float | None) -> tuple[str, str]:
    """What an Engle-Granger p-value says of a pair, and its tone.

    >>> cointegration_verdict(0.43)
    ('not cointegrated (p = 0.430)', 'warn')
    """
    return _verdict(pvalue, ("cointegrated", "not cointegrated", "not tested"))


def shown_spread_tested(snapshot: PairSnapshot) -> bool:
    """Whether the residual that Engle-Granger tests is the spread that is shown.

    Its own regression is least squares with a constant on all bars in view.
    """
    params, rows = snapshot.params, len(snapshot)
    whole = params.hedge_window is None or params.hedge_window >= rows
    of_view = params.spread_mode == "view" and snapshot.fit.method == "ols"
    return of_view and params.intercept and params.trend == "c" and whole


def not_cointegrated(snapshot: PairSnapshot) -> bool:
    """Whether Engle-Granger tested the pair and does not reject."""
    test = snapshot.engle_granger
    return test is not None and test.pvalue >= SIGNIFICANT_P


def _unit_root(pvalue: float | None) -> bool | None:
    return None if pvalue is None or not math.isfinite(pvalue) else pvalue >= SIGNIFICANT_P


def legs_row(snapshot: PairSnapshot, estimates: PairEstimates | None) -> list[Row]:
    """The ADF tests of the legs themselves: cointegration is of legs that have a unit root."""
    if estimates is None or estimates.adf_y is None or estimates.adf_x is None:
        return []
    pvalues = (estimates.adf_y.pvalue, estimates.adf_x.pvalue)
    walks = [_unit_root(pvalue) for pvalue in pvalues]
    names = (snapshot.params.y, snapshot.params.x)
    alone = " and ".join(name for name, walk in zip(names, walks, strict=True) if walk is False)
    words = f"{alone}: stationary by itself" if alone else "each leg has a unit root"
    value = " / ".join(p_value(pvalue) for pvalue in pvalues)
    return [("ADF of the legs (Y / X)", value, words, "warn" if alone else "muted")]


def leg_alone(estimates: PairEstimates | None, johansen: JohansenTest | None = None) -> bool | None:
    """Whether a leg looks stationary by itself: a stationary combination then says nothing of a
    relation, since that leg is one already. None while the legs are being tested.

    >>> leg_alone(None) is None, leg_alone(PairEstimates())
    (True, False)
    """
    if johansen is not None and johansen.result is not None and johansen.result.rank() == 2:
        return True
    if estimates is None:
        return None
    legs = estimates.adf_y, estimates.adf_x
    return any(leg is not None and _unit_root(leg.pvalue) is False for leg in legs)


class Relation(NamedTuple):
    """What the tests say together of a relation between the legs: in a sentence, in few words for
    the head of a page ("" where nothing was tested), and its tone.
    """

    words: str
    brief: str
    tone: str


def relation_verdict(snapshot: PairSnapshot, alone: bool | None) -> Relation:
    """What a pair's tests say of a relation between its legs. alone: as `leg_alone`.

    Green is only what Engle-Granger finds in the spread that is shown, of legs that were tested and
    have a unit root each.
    """
    test = snapshot.engle_granger
    if test is None or not math.isfinite(test.pvalue):
        return Relation(cointegration_verdict(None)[0], "", "muted")
    words, tone = cointegration_verdict(test.pvalue)
    brief, shown = words.replace("(", "").rstrip(")"), shown_spread_tested(snapshot)
    if not shown:
        words = f"{words}, of the OLS spread, not the one shown"
        brief = f"{brief} of the OLS spread"
    if tone != "up":
        return Relation(words, brief, tone)
    if alone:
        return Relation(f"{words}, {LEG_ALONE}: no evidence of a relation", NO_RELATION, "warn")
    if alone is None:
        return Relation(f"{words}, {LEGS_AWAITED}", f"{brief}, {LEGS_AWAITED}", "muted")
    return Relation(words, brief, "up" if shown else "muted")


def reserve_words(snapshot: PairSnapshot, alone: bool | None) -> str:
    """Why what is said of the spread's reversion rests on nothing, in words; "" where it does not.

    alone: as `leg_alone`.
    """
    if not_cointegrated(snapshot):
        which = "not cointegrated" if shown_spread_tested(snapshot) else NOT_THE_OLS_SPREAD
        return f"unreliable: {which}"
    return "unreliable: a leg looks stationary by itself" if alone else ""


def half_life_brief(snapshot: PairSnapshot, alone: bool | None) -> Segment:
    """A half-life where there is no room for its interval, with what that says of it, and a tone.

    alone: as `leg_alone`.
    """
    if snapshot.half_life is None:
        return "none", "warn"
    span = half_life_span(snapshot)
    if reserve_words(snapshot, alone):
        return f"{span}, unreliable", "muted"
    interval = snapshot.half_life_interval
    if interval is not None and math.isinf(interval.high):
        return f"{span} or none", "warn"
    return span, ""


def cointegration_rows(
    snapshot: PairSnapshot,
    johansen: JohansenTest | None = None,
    estimates: PairEstimates | None = None,
) -> list[Row]:
    """Engle-Granger's test, the plain ADF beside it, which is indicative, the legs' own ADF
    tests, and Johansen's test."""
    test, indicative = snapshot.engle_granger, snapshot.adf
    alone = leg_alone(estimates, johansen)
    verdict, _, tone = relation_verdict(snapshot, alone)
    plain, _ = stationarity_verdict(indicative.pvalue if indicative else None)
    statistic = number(indicative.statistic, 2) if indicative else NONE
    return [
        (ENGLE_GRANGER, number(test.statistic, 2) if test else NONE, verdict, tone),
        ("ADF of the spread", statistic, plain.replace(" (", " (indicative, ", 1), "muted"),
        *legs_row(snapshot, estimates),
        johansen_row(johansen, alone, test is not None),
    ]


def reversion_rows(snapshot: PairSnapshot, alone: bool | None) -> list[Row]:
    """Half-life with its interval, Hurst exponent and the Ornstein-Uhlenbeck fit of the spread.

    alone: as `leg_alone`.
    """
    return [*_half_life_rows(snapshot, alone), *_ou_rows(snapshot, alone)]


def interval_words(interval: HalfLifeInterval | None) -> tuple[str, str]:
    """What the interval of a half-life says, and its tone; "" where there is none.

    >>> from analytics.stationarity import HalfLifeInterval
    >>> interval_words(HalfLifeInterval(11.42, 27.1))
    ('90 % interval 11 to 27 bars', 'muted')
    >>> interval_words(HalfLifeInterval(80.0, math.inf))[0]
    'not distinguishable from a random walk (90 % interval from 80 bars)'
    """
    if interval is None or math.isnan(interval.low):
        return "", ""
    digits = 0 if interval.low >= 10 else 1
    low = number(interval.low, digits)
    if math.isinf(interval.low):
        return "not distinguishable from a random walk", "warn"
    if math.isinf(interval.high):
        words = f"not distinguishable from a random walk (90 % interval from {low} bars)"
        return words, "warn"
    return f"90 % interval {low} to {number(interval.high, digits)} bars", "muted"


def _half_life_rows(snapshot: PairSnapshot, alone: bool | None) -> list[Row]:
    half_life, hurst = snapshot.half_life, snapshot.hurst
    reserve = reserve_words(snapshot, alone)
    if half_life is None:
        life: Row = ("Half-life", NONE, "the spread does not revert", "warn")
    else:
        long = half_life > len(snapshot) / 2
        within, tone = interval_words(snapshot.half_life_interval)
        tone = "warn" if long or tone == "warn" else _muted(reserve) or tone
        parts = ("longer than half of the view" if long else reserve, within, _counted(snapshot))
        words = "; ".join(part for part in parts if part)
        life = ("Half-life", half_life_span(snapshot), words, tone)
    if hurst is None or not math.isfinite(hurst):
        return [life, ("Hurst exponent", NONE, "not enough data", "muted")]
    words = "mean-reverting" if hurst < 0.45 else "trending" if hurst > 0.55 else "random walk"
    if hurst >= 0.45:
        return [life, ("Hurst exponent", number(hurst, 2), words, "warn")]
    sure = alone is False and snapshot.engle_granger is not None and not reserve
    words = f"{words}, {reserve}" if reserve else words
    words += "; below 0 by chance or by a cycle" if hurst < 0.0 else ""
    return [life, ("Hurst exponent", number(hurst, 2), words, "up" if sure else "muted")]


def _counted(snapshot: PairSnapshot) -> str:
    """Which bars a half-life counts where that is not all of them; a time stop counts all."""
    return "of bars in which both legs traded" if snapshot.rows_carried else ""


def _muted(reserve: str) -> str:
    return "muted" if reserve else ""


def half_life_span(snapshot: PairSnapshot) -> str:
    """The half-life in bars and, by the distance that bars in view have, on the clock."""
    timeframe = snapshot.params.timeframe
    step = usual_step(snapshot.traded_ms, timeframe)
    return bar_span(snapshot.half_life or 0.0, timeframe, step)


def spread_size(snapshot: PairSnapshot) -> float:
    """The size whose decimals the spread and its levels are shown with: that of Y's price, and
    less where its deviation would show as nothing but zeros.
    """
    if snapshot.params.price_space == "log":
        return LOG_SIZE
    size = float(snapshot.price_y[-1])
    sigma = float(snapshot.std[-1]) if len(snapshot.std) else math.nan
    return min(size, 1_000.0 * sigma) if sigma > 0.0 else size


def _ou_rows(snapshot: PairSnapshot, alone: bool | None) -> list[Row]:
    """dX = θ (μ − X) dt + σ dW with a bar as the unit of time."""
    fit, size = snapshot.ou, spread_size(snapshot)
    if fit is None or fit.half_life is None:
        leaps = fit is not None and snapshot.half_life is not None and snapshot.half_life < 1
        why = "the spread is back within a bar" if leaps else "the spread does not revert"
        words = f"no such process fits: {why}" if fit else "not enough data"
        return [("OU process", NONE, words, "muted" if leaps or not fit else "warn")]
    timeframe = snapshot.params.timeframe
    span = bar_span(fit.half_life, timeframe, usual_step(snapshot.traded_ms, timeframe))
    unsure = ", unreliable" if reserve_words(snapshot, alone) else ""
    away = float(snapshot.spread[-1]) - fit.mu
    lasting = fit.sigma / math.sqrt(2.0 * fit.theta)
    return [
        ("OU speed (θ)", f"{number(fit.theta, 4)} / bar", f"half-life {span}{unsure}", "muted"),
        (
            "OU level (μ)",
            price(fit.mu, size, signed=True),
            f"the spread is {price(away, size, signed=True)} from it",
            "muted",
        ),
        (
            "OU noise (σ)",
            f"{price(fit.sigma, size)} / √bar",
            f"in the long run ± {price(lasting, size)} around μ",
            "muted",
        ),
    ]


def beyond_one(correlation: float) -> str:
    """Why a correlation on ticks is beyond 1, which it is not in truth; "" where it is not.

    >>> beyond_one(1.03), beyond_one(-0.4)
    (' (beyond 1: few or noisy ticks)', '')
    """
    return " (beyond 1: few or noisy ticks)" if abs(correlation) > 1.0 else ""


def lead_lag_words(result: LeadLag, y: str, x: str) -> str:
    """Which leg moves first on ticks, by how much, and how firmly.

    >>> import numpy as np
    >>> lags = np.array([-100, 0, 100])
    >>> lead_lag_words(LeadLag(lags, np.array([0.1, 0.2, 0.6]), 100, 0.6), "A", "B")
    'B moves first, by 0.1 s: correlation +0.60, +0.20 without lag'
    """
    if result.best_lag_ms is None:
        return "no lag has a correlation yet"
    best = number(result.best_correlation, 2, signed=True) + beyond_one(result.best_correlation)
    if result.best_lag_ms == 0:
        return f"both move together: correlation {best}"
    first = x if result.best_lag_ms > 0 else y
    now = result.correlation[result.lags_ms == 0]
    known = len(now) > 0 and math.isfinite(now[0])
    beside = f", {number(float(now[0]), 2, signed=True)} without lag" if known else ""
    by = f"{abs(result.best_lag_ms) / 1_000:g} s"
    return f"{first} moves first, by {by}: correlation {best}{beside}"
