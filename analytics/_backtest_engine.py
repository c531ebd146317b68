"""The engine of the back-test: legs -> signals -> kernel -> ledger of trades.

What is meant by each step, and why, is in the docstring of `analytics.backtest`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from analytics._backtest_types import BacktestParams
from analytics.hedge import fit_hedge, hedge_path
from analytics.model import (
    TIMEFRAMES,
    Bars,
    BoolArray,
    FloatArray,
    IntArray,
    NotReady,
    PairParams,
)
from analytics.pair import align
from analytics.performance import periods_per_year
from analytics.rolling import rolling_zscore

_FOREVER = np.iinfo(np.int64).max


class Legs(NamedTuple):
    """The aligned bars of a pair. prices: rows open Y, open X, close Y, close X."""

    ts_ms: IntArray
    prices: FloatArray
    carried: BoolArray
    dropped: int


class Signals(NamedTuple):
    """What the rules see of the legs, and `start`, the first bar with a z-score."""

    legs: Legs
    hedge: FloatArray
    spread: FloatArray
    z: FloatArray
    start: int
    log_prices: bool
    periods_per_year: float
    note: str = ""


class Run(NamedTuple):
    """A simulated run: what the kernel wrote. reason: an index into EXIT_REASONS."""

    signals: Signals
    settings: BacktestParams
    position: IntArray
    reason: IntArray
    equity: FloatArray
    gross: FloatArray

    @property
    def returns(self) -> FloatArray:
        """Net return of each bar from the first z-score on."""
        equity = self.equity[self.signals.start :]
        return equity[1:] / equity[:-1] - 1.0


class Ledger(NamedTuple):
    """The trades of a run as columns. first, last: bars of the fills; see `Trade`."""

    first: IntArray
    last: IntArray
    side: IntArray
    reason: IntArray
    fills: FloatArray
    beta: FloatArray
    gross: FloatArray
    cost: FloatArray
    turnover: FloatArray

    @property
    def closed(self) -> BoolArray:
        return self.reason > 0


def pair_legs(y_bars: Bars, x_bars: Bars, params: PairParams) -> Legs:
    """The rows of `align` with both legs' opens; a leg without trades opens at its carried close.

    Rows without four finite prices above zero are left out and counted in `dropped`. Raises
    ValueError for bars of another timeframe than `params.timeframe`.
    """
    for name, bars in (("y", y_bars), ("x", x_bars)):
        if bars.timeframe != params.timeframe:
            raise ValueError(f"{name} has bars of {bars.timeframe}, expected {params.timeframe}")
    rows = align(y_bars, x_bars, params.limit, params.min_trades)
    prices = np.stack(
        [_opens(y_bars, rows.ts_ms, rows.y), _opens(x_bars, rows.ts_ms, rows.x), rows.y, rows.x]
    )
    good = (np.isfinite(prices) & (prices > 0)).all(axis=0)
    bad = int(good.size - good.sum())
    if bad:
        return Legs(rows.ts_ms[good], prices[:, good], rows.carried[good], rows.dropped + bad)
    return Legs(rows.ts_ms, prices, rows.carried, rows.dropped)


def _opens(bars: Bars, ts_ms: IntArray, closes: FloatArray) -> FloatArray:
    if not len(bars):
        return closes
    at = np.minimum(np.searchsorted(bars.ts_ms, ts_ms), len(bars) - 1)
    return np.where(bars.ts_ms[at] == ts_ms, bars.open[at], closes)


def make_signals(legs: Legs, params: PairParams, settings: BacktestParams) -> Signals | NotReady:
    """Hedge, spread and z-score as each bar's close knows them; NotReady with too few bars."""
    have = len(legs.ts_ms)
    need = settings.hedge_window + params.z_window + 1
    if have < need:
        return NotReady(f"needs {need} bars, has {have}", have, need)
    log_prices = params.price_space == "log"
    y, x = np.log(legs.prices[2:]) if log_prices else legs.prices[2:]
    beta, alpha, note = _known_hedge(y, x, params, settings)
    spread = y - beta * x - alpha
    spread[: settings.hedge_window] = np.nan
    z = rolling_zscore(spread, params.z_window)
    known = np.flatnonzero(np.isfinite(z))
    if not len(known):
        return NotReady("the spread does not vary, so it has no z-score", have, need)
    bar_ms = TIMEFRAMES[params.timeframe]
    share_of_bars = have * bar_ms / (legs.ts_ms[-1] - legs.ts_ms[0] + bar_ms)
    per_year = float(periods_per_year(params.timeframe) * share_of_bars)
    return Signals(legs, beta, spread, z, int(known[0]), log_prices, per_year, note)


def _known_hedge(
    y: FloatArray, x: FloatArray, params: PairParams, settings: BacktestParams
) -> tuple[FloatArray, FloatArray, str]:
    """Beta and alpha known before each bar, or one fit on all bars in-sample, and its note."""
    if settings.hedge_mode == "in-sample":
        fit = fit_hedge(y, x, params.hedge, params.intercept)
        return np.full(len(y), float(fit.beta)), np.full(len(y), float(fit.alpha)), fit.note
    method = "ols" if settings.hedge_mode == "rolling" else "kalman"
    path = hedge_path(y, x, method, settings.hedge_window, params.intercept)
    return _one_bar_later(path.beta), _one_bar_later(path.alpha), ""


def _one_bar_later(values: FloatArray) -> FloatArray:
    later = np.empty(len(values))
    later[0] = np.nan
    later[1:] = values[:-1]
    return later


def simulate(signals: Signals, settings: BacktestParams) -> Run:
    """Trade the signals by the rules."""
    n = len(signals.z)
    run = Run(signals, settings, *np.zeros((2, n), np.int8), *np.empty((2, n)))
    _trade(
        signals.z,
        signals.hedge,
        signals.legs.prices,
        signals.log_prices,
        (float(settings.entry_z), float(settings.exit_z), float(settings.stop_z or np.inf)),
        settings.max_bars or _FOREVER,
        settings.cost_rate,
        run.position,
        run.reason,
        run.equity,
        run.gross,
    )
    return run


@numba.njit(cache=True, nogil=True)
def _trade(z, hedge, prices, log_prices, levels, max_bars, rate, position, reason, equity, gross):
    """Fill position, reason of exit, equity and gross equity of each bar.

    At each bar: the order of the bar before fills at the open, the position is marked at the
    close, then z at the close gives the next order. y and x are the legs' values as shares
    of the gross exposure at entry, signed.
    """
    entry_z, exit_z, stop_z = levels
    side = order = exit_order = locked = first = 0
    net_base = gross_base = 1.0
    y = x = price_y = price_x = paid = 0.0
    for t in range(z.size):
        open_y, open_x, close_y, close_x = prices[0, t], prices[1, t], prices[2, t], prices[3, t]
        if exit_order != 0:
            gain = y * (open_y / price_y - 1.0) + x * (open_x / price_x - 1.0)
            paid += rate * (abs(y) * open_y / price_y + abs(x) * open_x / price_x)
            net_base *= 1.0 + gain - paid
            gross_base *= 1.0 + gain
            reason[t] = exit_order
            locked = 0 if exit_order == 1 else side
            side = exit_order = 0
        elif order != 0:
            side, order, first, paid = order, 0, t, rate
            price_y, price_x = open_y, open_x
            size_y = 1.0 if log_prices else open_y
            size_x = hedge[t - 1] if log_prices else hedge[t - 1] * open_x
            y = side * size_y / (size_y + abs(size_x))
            x = -side * size_x / (size_y + abs(size_x))
        gain = 0.0
        if side != 0:
            gain = y * (close_y / price_y - 1.0) + x * (close_x / price_x - 1.0)
        equity[t] = net_base * (1.0 + gain - paid) if side != 0 else net_base
        gross[t] = gross_base * (1.0 + gain)
        position[t] = side
        distance = -side * z[t]  # from the mean, counted on the side of entry
        if side != 0:
            if distance >= stop_z:
                exit_order = 2
            elif distance <= exit_z:
                exit_order = 1
            elif t - first + 1 >= max_bars:
                exit_order = 3
            continue
        if locked != 0 and -locked * z[t] <= exit_z:
            locked = 0
        if locked == 0 and entry_z <= abs(z[t]) < stop_z and np.isfinite(hedge[t]) and net_base > 0:
            order = -1 if z[t] > 0 else 1


def keep_ledger(run: Run) -> Ledger:
    """The trades of a run, an open one last, reckoned from its positions and exits."""
    prices, held = run.signals.legs.prices, run.position != 0
    first = np.flatnonzero(held & ~np.concatenate(([False], held[:-1])))
    last = np.flatnonzero(run.reason)
    exits = prices[:2, last]
    if len(last) < len(first):
        last = np.append(last, len(held) - 1)
        exits = np.column_stack((exits, prices[2:, -1]))
    fills = np.concatenate((prices[:2, first], exits))
    side, reason, beta = run.position[first], run.reason[last], run.signals.hedge[first - 1]
    size_y = np.ones(len(first)) if run.signals.log_prices else fills[0]
    size_x = beta if run.signals.log_prices else beta * fills[1]
    total = size_y + np.abs(size_x)
    y, x = side * size_y / total, -side * size_x / total
    grown_y, grown_x = fills[2] / fills[0], fills[3] / fills[1]
    gross = y * (grown_y - 1.0) + x * (grown_x - 1.0)
    sold = np.where(reason > 0, np.abs(y) * grown_y + np.abs(x) * grown_x, 0.0)
    turnover = 1.0 + sold
    cost = run.settings.cost_rate * turnover
    return Ledger(first, last, side, reason, fills, beta, gross, cost, turnover)
