"""Verdicts in words: the answer line of each page, the figures of a pair, the trust strip.

A sentence is a list of segments (text, tone): clauses that the page sets side by side,
each in its tone: "" plain, "up", "down", "warn" or "muted". `plain` joins them to text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analytics.model import NotReady, PairSnapshot
from dashapp.numerals import (
    NONE,
    SIGNIFICANT_P,
    bar_span,
    duration,
    number,
    p_value,
    pct,
    price,
    ratio,
)

Segment = tuple[str, str]
Row = tuple[str, str, str, str]

#: Share of carried-forward bars from which the answer line warns.
CARRIED_WARN = 0.2


class Stats(Protocol):
    """What a summary of a symbol must hold; storage's SymbolStats does."""

    @property
    def last(self) -> float: ...
    @property
    def first(self) -> float: ...
    @property
    def vwap(self) -> float: ...


def plain(segments: Iterable[Segment]) -> str:
    """The segments as one line of text.

    >>> plain([("z +2.31", "down"), ("BTCUSDT rich", "")])
    'z +2.31 · BTCUSDT rich'
    """
    return " · ".join(text for text, _ in segments)


def _last(values: npt.NDArray[np.float64]) -> float:
    return float(values[-1]) if len(values) else math.nan


def home_answer(stats: Mapping[str, Stats], quotes_of: Sequence[str] = ()) -> list[Segment]:
    """The market's summary: how many symbols, the strongest, the weakest, against VWAP.

    stats: symbol -> figures of the stretch in view. quotes_of: symbols shown with price.
    """
    moves = {s: one.last / one.first - 1 for s, one in stats.items() if one.first}
    moves = {symbol: move for symbol, move in moves.items() if math.isfinite(move)}
    if not moves:
        return [("no prices yet", "muted")]
    made: list[Segment] = [
        (f"{symbol} {price(stats[symbol].last)}", "") for symbol in quotes_of if symbol in moves
    ]
    rising = sum(move > 0 for move in moves.values())
    made.append((f"{rising} of {len(moves)} up", ""))
    best, worst = max(moves, key=moves.__getitem__), min(moves, key=moves.__getitem__)
    for words, symbol in (("strongest", best), ("weakest", worst)):
        tone = "up" if moves[symbol] > 0 else "down" if moves[symbol] < 0 else ""
        made.append((f"{words} {symbol} {pct(moves[symbol])}", tone))
        if len(moves) == 1:
            break
    above = sum(one.last > one.vwap for one in stats.values())
    made.append((f"{above} above VWAP", "muted"))
    return made


def _stance(snapshot: PairSnapshot, threshold: float) -> list[Segment]:
    """The z-score, which leg is rich, and the trade it asks for."""
    z, y, x = _last(snapshot.z), snapshot.params.y, snapshot.params.x
    if not math.isfinite(z):
        return [("z not known yet", "muted"), (_why_no_z(snapshot), "muted")]
    rich, beyond = ("rich" if z > 0 else "cheap"), abs(z) >= threshold
    tone = ("down" if z > 0 else "up") if beyond else ""
    made = [(f"z {number(z, 2, signed=True)}", tone), (f"{y} {rich}", tone)]
    if not beyond:
        return [*made, (f"inside ±{threshold:g}: no trade", "muted")]
    return [*made, (f"short {y} / long {x}" if z > 0 else f"long {y} / short {x}", tone)]


def _why_no_z(snapshot: PairSnapshot) -> str:
    rows, need = len(snapshot), snapshot.params.z_window
    if rows < need:
        return f"not enough data: {rows} of {need} bars"
    return "the spread does not move within its window"


def pair_answer(
    snapshot: PairSnapshot | NotReady, threshold: float, break_even: float | None = None
) -> list[Segment]:
    """The pair's finding, with the trade in words.

    threshold: |z| from which there is a trade. break_even: |z| below which a round trip
    does not pay its costs, None if not known.
    """
    if isinstance(snapshot, NotReady):
        return [(str(snapshot), "muted")]
    made = _stance(snapshot, threshold)
    if snapshot.half_life is None:
        made.append(("no half-life: the spread does not revert", "warn"))
    else:
        made.append((f"half-life {bar_span(snapshot.half_life, snapshot.params.timeframe)}", ""))
    test = snapshot.engle_granger
    if test is not None and math.isfinite(test.pvalue):
        firm = test.pvalue < SIGNIFICANT_P
        verdict = "cointegrated" if firm else "not cointegrated"
        made.append((f"{verdict} {p_value(test.pvalue)}", "up" if firm else "warn"))
    if break_even is not None and math.isfinite(break_even):
        under = abs(_last(snapshot.z)) < break_even
        made.append((f"break-even |z| {number(break_even, 1)}", "warn" if under else ""))
    if snapshot.carried_share >= CARRIED_WARN:
        made.append((f"{pct(snapshot.carried_share, 0, signed=False)} carried forward", "warn"))
    return made


def correlation_answer(symbols: Sequence[str], matrix: npt.NDArray[np.float64]) -> list[Segment]:
    """The tightest and the loosest pair of a correlation matrix (n, n)."""
    rows, columns = np.triu_indices(len(symbols), 1)
    values = np.asarray(matrix, dtype=np.float64)[rows, columns]
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return [("correlation needs two symbols with bars at the same times", "muted")]
    sizes = np.abs(values[known])

    def pair(index: int) -> str:
        names = f"{symbols[rows[index]]} / {symbols[columns[index]]}"
        return f"{names} {number(values[index], 2, signed=True)}"

    tight, loose = known[int(np.argmax(sizes))], known[int(np.argmin(sizes))]
    made: list[Segment] = [(f"tightest {pair(tight)}", "")]
    if loose != tight:
        made.append((f"loosest {pair(loose)}", "muted"))
    unit = "pair" if len(values) == 1 else "pairs"
    made.append((f"{len(known)} of {len(values)} {unit} known", "muted"))
    return made


def backtest_answer(
    *,
    net: float,
    sharpe: float,
    drawdown: float,
    trades: int,
    cost_share: float | None = None,
    in_sample: bool = False,
) -> list[Segment]:
    """The back-test's result: net return and drawdown as shares of 1 on gross exposure."""
    if trades == 0:
        return [("no trade: |z| never reached the entry", "muted")]
    tone = "up" if net > 0 else "down" if net < 0 else ""
    made: list[Segment] = [
        (f"net {pct(net)}", tone),
        (f"Sharpe {number(sharpe, 2)}", ""),
        (f"max drawdown {pct(-abs(drawdown))}", ""),
        (f"{trades:,} trade{'s' if trades != 1 else ''}", ""),
    ]
    if cost_share is not None and math.isfinite(cost_share):
        made.append((f"costs {pct(cost_share, 0, signed=False)} of gross", "muted"))
    if in_sample:
        made.append(("in-sample: the hedge knew the future", "warn"))
    return made


def alerts_answer(
    armed: int, fired_today: int, paused: int = 0, last: str | None = None
) -> list[Segment]:
    """How many rules are armed, how many alerts fired today, what fired last."""
    rules = f"{armed} rule{'s' if armed != 1 else ''} armed" if armed else "no rule armed"
    made: list[Segment] = [(rules, "" if armed else "muted")]
    made.append((f"{fired_today} fired today", "warn" if fired_today else "muted"))
    if paused:
        made.append((f"{paused} paused: the feed is silent", "warn"))
    if last:
        made.append((f"last: {last}", "muted"))
    return made


def data_answer(
    title: str, symbols: int, ticks: int, bar_count: int, span_ms: float, rejected: int = 0
) -> list[Segment]:
    """What a market holds: symbols, ticks, bars, over how long, and what it refused."""
    if not symbols:
        return [(f"{title} holds no data yet", "muted")]
    made: list[Segment] = [(f"{title}: {symbols} symbol{'s' if symbols != 1 else ''}", "")]
    if ticks:
        made.append((f"{ticks:,} ticks", ""))
    made.append((f"{bar_count:,} bars", ""))
    made.append((f"over {duration(span_ms)}", "muted"))
    if rejected:
        made.append((f"{rejected:,} rejected", "warn"))
    return made


# ---------------------------------------------------------------- the figures of a pair


def _hedge_rows(snapshot: PairSnapshot) -> list[Row]:
    fit, params = snapshot.fit, snapshot.params
    logs = params.price_space == "log"
    good = math.isfinite(fit.r_squared) and fit.r_squared >= 0.5
    error = "" if not math.isfinite(fit.beta_stderr) else f"± {ratio(fit.beta_stderr)} std error"
    if fit.note:
        error = fit.note
    alpha = number(fit.alpha, 4) if logs else price(fit.alpha, _last(snapshot.price_y))
    bars = f"{fit.n:,} bars"
    return [
        ("Hedge ratio (β)", ratio(fit.beta), error, "warn" if fit.note else "muted"),
        ("Intercept (α)", alpha, "" if params.intercept else "left out", "muted"),
        ("R² of the fit", number(fit.r_squared, 3), bars, "muted" if good else "warn"),
    ]


def _now_rows(snapshot: PairSnapshot, threshold: float) -> list[Row]:
    logs = snapshot.params.price_space == "log"
    size = 0.001 if logs else _last(snapshot.price_y)
    z, correlation = _last(snapshot.z), snapshot.correlation
    stance = plain(_stance(snapshot, threshold)[1:])
    tone = "" if not abs(z) >= threshold else "down" if z > 0 else "up"
    firm = "strong" if abs(correlation) >= 0.7 else "fair" if abs(correlation) >= 0.3 else "weak"
    known = math.isfinite(correlation)
    mean = price(_last(snapshot.mean), size, signed=True)
    sigma = f"mean {mean}, σ {price(_last(snapshot.std), size)}"
    basis = "of returns" if snapshot.params.corr_on == "returns" else "of prices"
    return [
        ("z-score", number(z, 2, signed=True), stance, tone),
        ("Spread", price(_last(snapshot.spread), size, signed=True), sigma, "muted"),
        (
            "Correlation",
            number(correlation, 2, signed=True),
            f"{firm}, {basis}" if known else "not known yet",
            "warn" if firm == "weak" else "",
        ),
    ]


def stationarity_verdict(pvalue: float | None) -> tuple[str, str]:
    """What an ADF p-value says of a spread, and its tone.

    >>> stationarity_verdict(0.0121)
    ('stationary (p = 0.012)', 'up')
    """
    if pvalue is None or not math.isfinite(pvalue):
        return "not enough data", "muted"
    if pvalue < SIGNIFICANT_P:
        return f"stationary ({p_value(pvalue)})", "up"
    return f"not shown stationary ({p_value(pvalue)})", "warn"


def _test_rows(snapshot: PairSnapshot) -> list[Row]:
    test, plain_adf = snapshot.engle_granger, snapshot.adf
    made: list[Row] = []
    if test is None:
        made.append(("Engle-Granger", NONE, "not enough data", "muted"))
    else:
        firm = test.pvalue < SIGNIFICANT_P
        words = f"{'cointegrated' if firm else 'not cointegrated'} ({p_value(test.pvalue)})"
        made.append(("Engle-Granger", number(test.statistic, 2), words, "up" if firm else "warn"))
    verdict, _ = stationarity_verdict(plain_adf.pvalue if plain_adf else None)
    statistic = number(plain_adf.statistic, 2) if plain_adf else NONE
    made.append(("ADF of the spread", statistic, f"indicative: {verdict}", "muted"))
    return made


def _reversion_rows(snapshot: PairSnapshot) -> list[Row]:
    half_life, hurst = snapshot.half_life, snapshot.hurst
    if half_life is None:
        life: Row = ("Half-life", NONE, "the spread does not revert", "warn")
    else:
        life = ("Half-life", bar_span(half_life, snapshot.params.timeframe), "", "")
        if half_life > len(snapshot) / 2:
            life = (life[0], life[1], "longer than half of the view", "warn")
    if hurst is None or not math.isfinite(hurst):
        return [life, ("Hurst exponent", NONE, "not enough data", "muted")]
    words = "mean-reverting" if hurst < 0.45 else "trending" if hurst > 0.55 else "random walk"
    return [life, ("Hurst exponent", number(hurst, 2), words, "up" if hurst < 0.45 else "warn")]


def _data_rows(snapshot: PairSnapshot) -> list[Row]:
    share, dropped = snapshot.carried_share, snapshot.rows_dropped
    tone = "warn" if share >= CARRIED_WARN else "muted"
    filtered = f"{dropped:,} dropped by the activity filter" if dropped else "none dropped"
    made: list[Row] = [
        ("Bars in view", f"{len(snapshot):,}", filtered, "warn" if dropped else "muted"),
        ("Carried forward", pct(share, 1, signed=False), "a leg did not trade", tone),
    ]
    made += [("Note", "", note, "warn") for note in snapshot.notes]
    return made


def pair_figures(snapshot: PairSnapshot, threshold: float = 2.0) -> list[Row]:
    """The figures of a pair as rows (label, value, verdict in words, tone).

    The plain ADF of an estimated spread is labelled indicative: its p-value is too small
    for a fitted beta; the verdict is Engle-Granger's.
    """
    return [
        *_now_rows(snapshot, threshold),
        *_hedge_rows(snapshot),
        *_test_rows(snapshot),
        *_reversion_rows(snapshot),
        *_data_rows(snapshot),
    ]


def hedge_rows(snapshot: PairSnapshot) -> list[dict[str, Any]]:
    """Every method's fit on the same rows, for a table: one dict a method."""
    return [
        {
            "method": name,
            "beta": ratio(fit.beta),
            "alpha": price(fit.alpha, 0.001 if snapshot.params.price_space == "log" else None),
            "r_squared": number(fit.r_squared, 3),
            "note": fit.note,
            "active": name == snapshot.params.hedge,
        }
        for name, fit in snapshot.fits.items()
    ]


# ---------------------------------------------------------------- the trust strip


def trust_figures(trust: Mapping[str, Any]) -> list[Segment]:
    """The strip's figures: rate, age of the last tick, lag, and every count of what was lost.

    trust: any of rate (ticks/s), age_s, lag_p50_ms, lag_p99_ms, gaps, backfilled,
    duplicate, late, dropped, rejected, last_rejected (a reason), carried_share. What is
    absent or None is left out.
    """

    def count(name: str, words: str) -> list[Segment]:
        value = trust.get(name)
        return [] if value is None else [(f"{words} {value:,}", "warn" if value else "")]

    made: list[Segment] = []
    if trust.get("rate") is not None:
        made.append((f"{trust['rate']:.0f} ticks/s", ""))
    if trust.get("age_s") is not None:
        age = trust["age_s"]
        made.append((f"last {age:.1f} s" if age < 60 else f"last {duration(age * 1e3)}", ""))
    if trust.get("lag_p50_ms") is not None and trust.get("lag_p99_ms") is not None:
        made.append((f"lag {trust['lag_p50_ms']:.0f}/{trust['lag_p99_ms']:.0f} ms", ""))
    made += count("gaps", "gaps")
    if trust.get("backfilled"):
        made.append((f"backfilled {trust['backfilled']:,}", ""))
    for name in ("duplicate", "late"):
        if trust.get(name):
            made.append((f"{name} {trust[name]:,}", ""))
    made += count("dropped", "dropped")
    rejected = count("rejected", "rejected")
    if trust.get("rejected") and trust.get("last_rejected"):
        rejected = [(f"{rejected[0][0]} (last: {trust['last_rejected']})", "warn")]
    made += rejected
    if trust.get("carried_share") is not None:
        made.append((f"carried {pct(trust['carried_share'], 0, signed=False)}", ""))
    return made
