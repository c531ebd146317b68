"""Back-test of mean reversion on the z-score of a pair's spread, bar by bar.

What is known when. The spread at bar t is y_t - beta_{t-1} x_t - alpha_{t-1}: it is measured
with the hedge that was known before the bar. A hedge fitted with the bar itself would be
pulled towards it and shrink the very residual that is to be traded (by its leverage in a
rolling fit, by the gain in a Kalman filter, whose innovation this spread is). z at t is that
spread against the mean and standard deviation of the `z_window` of them that end at t. A
signal at the close of bar N fills at the open of bar N + 1, so nothing looks ahead, in the
modes "rolling" and "kalman"; "in-sample" fits one hedge on all bars and is labelled so. The
first `hedge_window` bars are the hedge's warm-up in every mode, so modes compare.

When it trades. Flat: entry where entry_z <= |z| < stop_z, against the sign of z. In a
position, the first that is true: stop where z is at or beyond stop_z on the side of entry;
target where z has come to exit_z or past it, also when it jumped over it between two bars;
time where the position will have been held for max_bars at the next open. A bar either exits
or enters: a jump to the other side closes, and opens the other side a bar later at the
earliest. After a stop or a time stop there is no entry until z has come back to exit_z or
past it. Without a z only the time stop acts. A side that `sides` leaves out is not entered.

What it holds. Quantities are fixed at entry, with the hedge that the signal's spread was
measured with: side * 1 of Y and -side * beta of X in price space; in log space, where beta
is an elasticity, side * 1 of Y's money and -side * beta of X's. The whole equity is the
gross exposure |Y| + |beta X| at entry, so returns are on gross exposure and compound.
Commission and slippage are both charged in bps of each leg's turnover, at entry and exit.
"""

from __future__ import annotations

import numpy as np

from analytics._backtest_engine import Run, Signals, make_signals, pair_legs, simulate
from analytics._backtest_figures import figures_of
from analytics._backtest_types import (
    COST_RANGES,
    EXIT_REASONS,
    HEDGE_MODES,
    SIDES,
    WHOLE_RANGES,
    BacktestFigures,
    BacktestParams,
    BacktestResult,
    HedgeMode,
    Sides,
    Trade,
)
from analytics.model import Bars, FloatArray, HedgeFit, NotReady, PairParams, frozen
from analytics.rolling import rolling_std

__all__ = [
    "COST_RANGES",
    "EXIT_REASONS",
    "HEDGE_MODES",
    "SIDES",
    "WHOLE_RANGES",
    "BacktestFigures",
    "BacktestParams",
    "BacktestResult",
    "HedgeMode",
    "Sides",
    "Trade",
    "run_backtest",
]


def run_backtest(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    settings: BacktestParams,
    fit: HedgeFit | None = None,
) -> BacktestResult | NotReady:
    """Back-test the pair on the newest `params.limit` aligned rows; see the module's docstring.

    Of `params` it takes timeframe, price_space, intercept, z_window, min_trades, min_volume and
    limit, and the hedge method in the mode "in-sample". A carried leg fills at its carried
    close. fit: held in the mode "in-sample" instead of one on these bars; no other mode heeds
    it. NotReady with fewer than hedge_window + z_window + 1 rows. Raises ValueError for bars of
    another timeframe than `params.timeframe`.

    >>> t = np.arange(400)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> x = 100 + 0.01 * t
    >>> y = 2 * x + np.sin(t / 4)
    >>> params = PairParams("Y", "X", "1m", z_window=40)
    >>> rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=60, cost_bps=1.0)
    >>> result = run_backtest(bars("Y", y), bars("X", x), params, rules)
    >>> result.figures.trades, result.trades[0].exit_reason, result.label
    (23, 'target', 'rolling hedge over 60 bars, point in time')
    >>> run_backtest(bars("Y", y), bars("X", x), params, BacktestParams(hedge_window=500))
    NotReady(reason='needs 541 bars, has 400', have=400, need=541)
    """
    legs = pair_legs(y_bars, x_bars, params)
    signals = make_signals(legs, params, settings, fit)
    if isinstance(signals, NotReady):
        return signals
    run, hedged = simulate(signals, settings), signals.hedged
    break_even = _break_even_z(signals, params.z_window, settings.cost_rate)
    return BacktestResult(
        params=params,
        settings=settings,
        ts_ms=legs.ts_ms,
        equity=frozen(run.equity, np.float64),
        gross_equity=frozen(run.gross, np.float64),
        drawdown=frozen(run.drawdown, np.float64),
        position=frozen(run.position, np.int64),
        hedge=frozen(hedged.hedge, np.float64),
        spread=frozen(hedged.spread, np.float64),
        z=frozen(signals.z, np.float64),
        break_even_z=frozen(break_even, np.float64),
        carried=legs.carried,
        trades=_trades(run),
        figures=figures_of(run.sums, hedged.periods_per_year),
        periods_per_year=hedged.periods_per_year,
        rows_dropped=legs.dropped,
        fit=hedged.fit,
    )


def _trades(run: Run) -> tuple[Trade, ...]:
    ledger, hedged, z = run.ledger, run.signals.hedged, run.signals.z
    ts_ms, prices = hedged.legs.ts_ms, hedged.legs.prices
    closed = ledger.reason > 0
    exits = np.where(closed, prices[:2, ledger.last], prices[2:, ledger.last])
    columns = (
        ledger.side,
        ts_ms[ledger.first],
        ts_ms[ledger.last],
        z[ledger.first - 1],
        z[np.where(closed, ledger.last - 1, ledger.last)],
        np.where(closed, ledger.last - ledger.first, ledger.last - ledger.first + 1),
        *prices[:2, ledger.first],
        *exits,
        hedged.hedge[ledger.first - 1],
        ledger.gross,
        ledger.cost,
        ledger.gross - ledger.cost,
    )
    reasons = [EXIT_REASONS[reason] for reason in ledger.reason]
    return tuple(map(Trade, *(column.tolist() for column in columns), reasons))


def _break_even_z(signals: Signals, z_window: int, rate: float) -> FloatArray:
    """|z| sigma against the cost of both legs, in and out, per unit of Y at each close."""
    hedged = signals.hedged
    sigma = rolling_std(hedged.spread, z_window)
    beta = np.abs(hedged.hedge)
    _, _, y, x = hedged.legs.prices
    exposure = 1.0 + beta if hedged.log_prices else y + beta * x
    band = np.full(len(sigma), np.nan)
    return np.divide(2.0 * rate * exposure, sigma, out=band, where=sigma > 0)
