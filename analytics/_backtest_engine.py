"""The engine of the back-test: legs -> hedged spread -> signals -> run.

What is meant by each step, and why, is in the docstring of `analytics.backtest`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics._backtest_types import BacktestParams
from analytics._kernels.backtest import PLACES, SHARES, SUMS, play
from analytics.alignment import not_enough
from analytics.hedge import fit_hedge, hedge_path
from analytics.model import (
    TIMEFRAMES,
    Bars,
    BoolArray,
    FloatArray,
    HedgeFit,
    IntArray,
    NotReady,
    PairParams,
)
from analytics.pair import align
from analytics.performance import periods_per_year
from analytics.rolling import rolling_zscore

#: Bars of a time stop that never comes.
_FOREVER = 1 << 62


class Legs(NamedTuple):
    """The aligned bars of a pair. prices: rows open Y, open X, close Y, close X."""

    ts_ms: IntArray
    prices: FloatArray
    carried: BoolArray
    dropped: int


class Hedged(NamedTuple):
    """The legs' spread as each bar's close knows it. fit: of the mode "in-sample", else None."""

    legs: Legs
    hedge: FloatArray
    spread: FloatArray
    log_prices: bool
    periods_per_year: float
    fit: HedgeFit | None = None


class Signals(NamedTuple):
    """What the rules see: the hedged spread, its z-score, and the first bar that has one."""

    hedged: Hedged
    z: FloatArray
    start: int


class Ledger(NamedTuple):
    """The trades of a run as columns, an open one last; see `Trade`.

    first, last: bars of the fills (of an open trade the last bar). reason: an index into
    EXIT_REASONS.
    """

    first: IntArray
    last: IntArray
    side: IntArray
    reason: IntArray
    gross: FloatArray
    cost: FloatArray
    turnover: FloatArray


class Run(NamedTuple):
    """A simulated run: what the kernel wrote. sums: see `analytics._kernels.backtest.SUMS`."""

    signals: Signals
    equity: FloatArray
    gross: FloatArray
    drawdown: FloatArray
    position: IntArray
    ledger: Ledger
    sums: FloatArray


def pair_legs(y_bars: Bars, x_bars: Bars, params: PairParams) -> Legs:
    """The rows of `align` with both legs' opens; a leg without trades opens at its carried close.

    Rows without four finite prices above zero are left out and counted in `dropped`. Raises
    ValueError for bars of another timeframe than `params.timeframe`.
    """
    for name, bars in (("y", y_bars), ("x", x_bars)):
        if bars.timeframe != params.timeframe:
            raise ValueError(f"{name} has bars of {bars.timeframe}, expected {params.timeframe}")
    rows = align(y_bars, x_bars, params.limit, params.min_trades, params.min_volume)
    prices = np.stack(
        [_opens(y_bars, rows.ts_ms, rows.y), _opens(x_bars, rows.ts_ms, rows.x), rows.y, rows.x]
    )
    good = (np.isfinite(prices) & (prices > 0)).all(axis=0)
    bad = int(good.size - good.sum())
    if bad:
        kept = np.ascontiguousarray(prices[:, good])
        return Legs(rows.ts_ms[good], kept, rows.carried[good], rows.dropped + bad)
    return Legs(rows.ts_ms, prices, rows.carried, rows.dropped)


def _opens(bars: Bars, ts_ms: IntArray, closes: FloatArray) -> FloatArray:
    if not len(bars):
        return closes
    at = np.minimum(np.searchsorted(bars.ts_ms, ts_ms), len(bars) - 1)
    return np.where(bars.ts_ms[at] == ts_ms, bars.open[at], closes)


def hedge_legs(
    legs: Legs, params: PairParams, settings: BacktestParams, fit: HedgeFit | None = None
) -> Hedged:
    """Hedge and spread as each bar's close knows them. fit: held in the mode "in-sample"."""
    log_prices = params.price_space == "log"
    y, x = np.log(legs.prices[2:]) if log_prices else legs.prices[2:]
    if settings.hedge_mode == "in-sample":
        fit = fit or fit_hedge(y, x, params.hedge, params.intercept)
        beta, alpha = np.full(len(y), float(fit.beta)), np.full(len(y), float(fit.alpha))
    else:
        method = "ols" if settings.hedge_mode == "rolling" else "kalman"
        path = hedge_path(y, x, method, settings.hedge_window, params.intercept)
        beta, alpha, fit = _one_bar_later(path.beta), _one_bar_later(path.alpha), None
    spread = y - beta * x - alpha
    spread[: settings.hedge_window] = np.nan
    return Hedged(legs, beta, spread, log_prices, per_year(legs, params), fit)


def per_year(legs: Legs, params: PairParams) -> float:
    """Rows in a year, at the share of the timeframe's bars that are there."""
    bar_ms = TIMEFRAMES[params.timeframe]
    share_of_bars = len(legs.ts_ms) * bar_ms / (legs.ts_ms[-1] - legs.ts_ms[0] + bar_ms)
    return float(periods_per_year(params.timeframe) * share_of_bars)


def _one_bar_later(values: FloatArray) -> FloatArray:
    later = np.empty(len(values))
    later[0] = np.nan
    later[1:] = values[:-1]
    return later


def too_short(legs: Legs, hedge_window: int, z_window: int) -> NotReady | None:
    """What is missing until a first trade can fill, None where nothing is."""
    need, have = hedge_window + z_window + 1, len(legs.ts_ms)
    return not_enough(need, have, legs.dropped) if have < need else None


def score_spread(hedged: Hedged, z_window: int) -> Signals | NotReady:
    """The z-score of a spread; NotReady where it has none."""
    z = rolling_zscore(hedged.spread, z_window)
    known = np.isfinite(z)
    if not known.any():
        have = len(z)
        return NotReady("the spread does not vary, so it has no z-score", have, have)
    return Signals(hedged, z, int(np.argmax(known)))


def make_signals(
    legs: Legs, params: PairParams, settings: BacktestParams, fit: HedgeFit | None = None
) -> Signals | NotReady:
    """Hedge, spread and z-score as each bar's close knows them; NotReady with too few bars."""
    short = too_short(legs, settings.hedge_window, params.z_window)
    if short is not None:
        return short
    return score_spread(hedge_legs(legs, params, settings, fit), params.z_window)


def rules_of(settings: BacktestParams) -> tuple[float, ...]:
    """The rules as the kernels take them: four levels, bars of the time stop, rate."""
    entry, never = float(settings.entry_z), float("inf")
    return (
        entry if settings.sides != "short" else never,
        entry if settings.sides != "long" else never,
        float(settings.exit_z),
        float(settings.stop_z or never),
        float(settings.max_bars or _FOREVER),
        settings.cost_rate,
    )


def prices_of(legs: Legs) -> tuple[FloatArray, ...]:
    """Open Y, open X, close Y, close X, each contiguous."""
    return tuple(np.ascontiguousarray(row) for row in legs.prices)


def simulate(signals: Signals, settings: BacktestParams) -> Run:
    """Trade the signals by the rules."""
    hedged, n = signals.hedged, len(signals.z)
    *levels, max_bars, rate = rules_of(settings)
    position, sums = np.empty(n, np.int8), np.empty(len(SUMS))
    equity, gross, drawdown = (np.empty(n) for _ in range(3))
    places = np.empty((len(PLACES), n // 2 + 1), np.int64)
    shares = np.empty((len(SHARES), n // 2 + 1))
    count = play(
        signals.z,
        hedged.hedge,
        prices_of(hedged.legs),
        hedged.log_prices,
        signals.start,
        tuple(levels),
        int(max_bars),
        rate,
        sums,
        equity,
        (position, gross, drawdown, places, shares),
        (np.empty(0, np.int32), np.empty((2, 0), np.int32)),
    )
    ledger = Ledger(*places[:, :count], *shares[:, :count])
    return Run(signals, equity, gross, drawdown, position.astype(np.int64), ledger, sums)
