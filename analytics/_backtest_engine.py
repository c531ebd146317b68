"""The engine of the back-test: legs -> hedged spread -> signals -> run.

What is meant by each step, and why, is in the docstring of `analytics.backtest`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics._backtest_types import BacktestParams
from analytics._kernels.account import BARS, END
from analytics._kernels.backtest import PLACES, SHARES, SUMS, next_fills, play
from analytics._known_lines import score
from analytics._one_line import one_line_at, why_no_spread
from analytics._pair_parts import scatter
from analytics.alignment import market_rows, not_enough
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
from analytics.performance import periods_per_year
from analytics.rolling import rolling_moments
from analytics.spread import check_reachable

#: Bars of a time stop that never comes.
_FOREVER = float(1 << 62)
#: A gap is a stretch of more bars than these in which neither leg traded.
LONGEST_GAP = 10
#: The bars are not parted into blocks.
NO_BLOCKS: IntArray = np.empty(0, np.int64)
_NO_FILLS = np.empty((3, 0), np.int64)


class Legs(NamedTuple):
    """The bars of a pair on one clock.

    prices: rows open Y, open X, close Y, close X, shape (4, n). carried: that leg did not
    trade in the bar, shape (2, n). counted: statistics rest on the row: both legs traded, and
    the activity filter passes it. fills: see `analytics._kernels.fills.next_fills`. dropped: rows
    that the filter leaves out; unpriced: rows that are not here, for want of prices above zero.
    """

    ts_ms: IntArray
    prices: FloatArray
    carried: BoolArray
    counted: BoolArray
    fills: IntArray
    bar_ms: int
    dropped: int
    unpriced: int

    def part(self, start: int, stop: int) -> Legs:
        """The rows start..stop-1; what is left out stays that of the whole."""
        rows = slice(start, stop)
        return make_legs(
            self.ts_ms[rows],
            np.ascontiguousarray(self.prices[:, rows]),
            self.carried[:, rows],
            self.counted[rows],
            self.bar_ms,
            self.dropped,
            self.unpriced,
        )


class Hedged(NamedTuple):
    """The legs' spread as each bar's close knows it, NaN on rows that do not count.

    hedge: as known before each bar, on every row. size: |Y| + |beta X|, of which the rounding
    of the spread is a share (of logarithms 1 more, the rounding of a price). fit: of the mode
    "in-sample", else None. y, x: the legs on the rows that count, as the hedge takes them.
    window: rows of the hedge.
    """

    legs: Legs
    hedge: FloatArray
    spread: FloatArray
    size: FloatArray
    log_prices: bool
    fit: HedgeFit | None = None
    y: FloatArray = np.empty(0)
    x: FloatArray = np.empty(0)
    window: int = 0


class Signals(NamedTuple):
    """What the rules see: the hedged spread, its z-score, and the first bar that has one.

    sigma: standard deviation of the spread over the window that ends at each bar.
    """

    hedged: Hedged
    z: FloatArray
    sigma: FloatArray
    start: int


class Ledger(NamedTuple):
    """The trades of a run as columns, an open one last; see `Trade` and PLACES.

    reason: an index into EXIT_REASONS.
    """

    first: IntArray
    last: IntArray
    side: IntArray
    reason: IntArray
    ordered: IntArray
    entry_y: IntArray
    entry_x: IntArray
    exit_y: IntArray
    exit_x: IntArray
    gross: FloatArray
    cost: FloatArray
    turnover: FloatArray


class Run(NamedTuple):
    """A simulated run: what the kernel wrote. sums: see `analytics._kernels.account.SUMS`."""

    signals: Signals
    equity: FloatArray
    gross: FloatArray
    drawdown: FloatArray
    position: IntArray
    ledger: Ledger
    sums: FloatArray


def make_legs(
    ts_ms: IntArray,
    prices: FloatArray,
    carried: BoolArray,
    counted: BoolArray,
    bar_ms: int,
    dropped: int = 0,
    unpriced: int = 0,
) -> Legs:
    """Legs with the table of where their orders fill."""
    table = np.empty((3, len(ts_ms) + 1), np.int64)
    longest = (LONGEST_GAP + 1) * bar_ms
    waits = next_fills(np.ascontiguousarray(carried), np.ascontiguousarray(ts_ms), longest, table)
    fills = table if waits else _NO_FILLS
    return Legs(ts_ms, prices, carried, counted, fills, bar_ms, dropped, unpriced)


def pair_legs(y_bars: Bars, x_bars: Bars, params: PairParams) -> Legs:
    """Every row since the first of the newest `params.limit` that pass the activity filter.

    Rows without four finite prices above zero are left out and counted in `unpriced`. Raises
    ValueError for bars of another timeframe than `params.timeframe`.
    """
    for name, bars in (("y", y_bars), ("x", x_bars)):
        if bars.timeframe != params.timeframe:
            raise ValueError(f"{name} has bars of {bars.timeframe}, expected {params.timeframe}")
    rows = market_rows(y_bars, x_bars, params.limit, params.min_trades, params.min_volume)
    closes = [bars.close[at] for bars, at in zip((y_bars, x_bars), rows.places, strict=True)]
    opens = [
        np.where(carried, close, bars.open[at])
        for bars, at, carried, close in zip(
            (y_bars, x_bars), rows.places, rows.carried, closes, strict=True
        )
    ]
    prices = np.stack((*opens, *closes))
    counted = rows.active & ~rows.carried.any(axis=0)
    good = (np.isfinite(prices) & (prices > 0)).all(axis=0)
    ts_ms, carried, bad = rows.ts_ms, rows.carried, int(good.size - good.sum())
    if bad:
        ts_ms, carried, counted = ts_ms[good], carried[:, good], counted[good]
        prices = np.ascontiguousarray(prices[:, good])
    bar_ms = TIMEFRAMES[params.timeframe]
    return make_legs(ts_ms, prices, carried, counted, bar_ms, rows.dropped, bad)


def hedge_legs(
    legs: Legs, params: PairParams, settings: BacktestParams, fit: HedgeFit | None = None
) -> Hedged:
    """Hedge and spread as each bar's close knows them. fit: held in the mode "in-sample"."""
    log_prices, counted = params.price_space == "log", legs.counted
    closes = np.ascontiguousarray(legs.prices[2:, counted])
    y, x = np.log(closes) if log_prices else closes
    if settings.hedge_mode == "in-sample":
        fit = fit or fit_hedge(y, x, params.hedge, params.intercept, log_prices)
        hedge, level = (np.full(len(counted), float(value)) for value in (fit.beta, fit.alpha))
    else:
        method = "ols" if settings.hedge_mode == "rolling" else "kalman"
        path = hedge_path(y, x, method, settings.hedge_window, params.intercept)
        hedge, level = (_known_before(line, counted) for line in path)
        fit = None
    beta = hedge[counted]
    spread, size = y - beta * x - level[counted], np.abs(y) + np.abs(beta * x) + log_prices
    spread[: settings.hedge_window] = np.nan
    spread, size = (scatter(column, counted) for column in (spread, size))
    return Hedged(legs, hedge, spread, size, log_prices, fit, y, x, settings.hedge_window)


def per_year(legs: Legs, params: PairParams, sums: FloatArray) -> FloatArray:
    """Rows in a year, at the share of the timeframe's bars that are there, of a record's rows.

    sums: as the kernel writes them, shape (..., len(SUMS)): of the rows whose returns are
    annualised; what is missing before and after them does not count. See
    `analytics.performance.bars_per_year`.
    """
    bars, end = (np.nan_to_num(sums[..., place]).astype(np.int64) for place in (BARS, END))
    count = np.maximum(bars, 1)
    span = legs.ts_ms[end - 1] - legs.ts_ms[end - count] + legs.bar_ms
    return np.asarray(periods_per_year(params.timeframe) * (count * legs.bar_ms / span))


def _known_before(values: FloatArray, counted: BoolArray) -> FloatArray:
    """The value of the last row that counts before each row, NaN where there is none."""
    seen: IntArray = np.cumsum(counted) - counted
    return np.concatenate(([np.nan], values))[seen]


def too_short(legs: Legs, hedge_window: int, z_window: int) -> NotReady | None:
    """What is missing until a first trade can fill, None where nothing is."""
    need, have = hedge_window + z_window + 1, int(np.count_nonzero(legs.counted))
    if have >= need:
        return None
    carried = int(legs.carried.any(axis=0).sum())
    return not_enough(need, have, legs.dropped, carried, legs.unpriced)


def score_spread(hedged: Hedged, z_window: int) -> Signals | NotReady:
    """The z-score of a spread, of the rows that count; NotReady where it has none.

    A row has none where the legs lie on one line in the rows of its hedge and its window.
    """
    counted, have = hedged.legs.counted, len(hedged.y)
    moments = rolling_moments(np.ascontiguousarray(hedged.spread[counted]), z_window)
    scores = score(moments, hedged.size[counted])
    starts = np.maximum(np.arange(have) - (hedged.window + z_window) + 1, 0)
    scores[one_line_at(hedged.y, hedged.x, hedged.log_prices, starts, 0)] = np.nan
    z = scatter(scores, counted)
    known = np.isfinite(z)
    if not known.any():
        closes = hedged.legs.prices[2, counted], hedged.legs.prices[3, counted]
        return NotReady(why_no_spread(closes, hedged.log_prices), have, have)
    return Signals(hedged, z, scatter(moments.std, counted), int(np.argmax(known)))


def make_signals(
    legs: Legs, params: PairParams, settings: BacktestParams, fit: HedgeFit | None = None
) -> Signals | NotReady:
    """Hedge, spread and z-score as each bar's close knows them; NotReady with too few bars.

    Raises ParameterError for an entry_z that no z of this window reaches.
    """
    check_reachable("entry_z", settings.entry_z, params.z_window)
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


def market_of(hedged: Hedged) -> tuple[tuple[FloatArray, ...], IntArray, bool]:
    """Prices and fills as the kernels take them, each row contiguous."""
    legs = hedged.legs
    prices = tuple(np.ascontiguousarray(row) for row in legs.prices)
    return prices, legs.fills, hedged.log_prices


def simulate(signals: Signals, settings: BacktestParams) -> Run:
    """Trade the signals by the rules."""
    hedged, n = signals.hedged, len(signals.z)
    position, sums = np.empty(n, np.int8), np.empty(len(SUMS))
    equity, gross, drawdown = (np.empty(n) for _ in range(3))
    places = np.empty((len(PLACES), n // 2 + 1), np.int64)
    shares = np.empty((len(SHARES), n // 2 + 1))
    count = play(
        (signals.z, hedged.hedge, signals.start),
        market_of(hedged),
        np.array(rules_of(settings)),
        sums,
        equity,
        (position, gross, drawdown, places, shares),
        (np.empty(0, np.int32), np.empty((2, 0), np.int32)),
        (NO_BLOCKS, np.empty((1, 2))),
    )
    ledger = Ledger(*places[:, :count], *shares[:, :count])
    return Run(signals, equity, gross, drawdown, position.astype(np.int64), ledger, sums)


def returns_of(run: Run) -> FloatArray:
    """Net returns a bar, from the first z-score on; none from the bar on that lost everything."""
    equity = run.equity[run.signals.start :]
    solvent = equity[:-1] > 0.0
    return np.diff(equity)[solvent] / equity[:-1][solvent]
