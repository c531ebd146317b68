"""Back-test of mean reversion on the z-score of a pair's spread, bar by bar.

What it rests on. Rows are the times of either leg's bars. Hedge, spread and z-score are taken
of the rows that count: both legs traded, and the activity filter passes the row. On the other
rows there is no signal, but orders fill and positions are marked there.

What is known when. The spread at bar t is y_t - beta x_t - alpha with the hedge that was known
before the bar. A hedge fitted with the bar itself would be pulled towards it and shrink the
very residual that is to be traded (by its leverage in a rolling fit, by the gain in a Kalman
filter, whose innovation this spread is). z at t is that spread against the mean and standard
deviation of the `z_window` of them that end at t. Nothing looks ahead in the modes "rolling"
and "kalman"; "in-sample" fits one hedge on all bars and is labelled so. The first
`hedge_window` rows that count are the hedge's warm-up in every mode, so modes compare.

Where it fills. A signal at the close of bar N fills each leg at the open of the first later bar
in which that leg traded; until then the leg is not held. Whether the activity filter passes a
bar says nothing of it: nobody knows that at the bar's open. An entry that still waits when the
exit is ordered is cancelled. A position that is held over a gap, more than ten bars in which
neither leg traded, is closed at the legs' last closes before it, which shows in the account
from the first bar after it on, when the gap is known; an order does not outlive a gap.

When it trades. Flat: entry where entry_z <= |z| < stop_z, against the sign of z. In a
position, the first that is true: stop where z is at or beyond stop_z on the side of entry;
target where z has come to exit_z or past it, also when it jumped over it between two bars;
time where the position will have been held for max_bars at the next open. A bar either exits
or enters: a jump to the other side closes, and opens the other side a bar later at the
earliest. After a stop or a time stop there is no entry until z has come back to exit_z or
past it. Without a z only the time stop acts. A side that `sides` leaves out is not entered.

What it holds. Quantities are fixed at the first fill, with the hedge that the signal's spread
was measured with and the price at which a leg that waits last traded: side * 1 of Y and
-side * beta of X in price space; in log space, where beta is an elasticity, side * 1 of Y's
money and -side * beta of X's. The whole equity is the gross exposure |Y| + |beta X| at those
prices, so returns are on gross exposure and compound. Commission and slippage are both charged
in bps of each leg's turnover, at its entry and exit. At the first close that leaves nothing of
the equity the account is closed, at that close: nothing is traded after it, and the figures and
the record are of the bars until then.
"""

from __future__ import annotations

import math

import numpy as np

from analytics._backtest_engine import (
    Hedged,
    Run,
    Signals,
    make_signals,
    pair_legs,
    per_year,
    returns_of,
    simulate,
)
from analytics._backtest_figures import figures_of, shape_of, track_record
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
    TrackRecord,
    Trade,
)
from analytics._kernels.backtest import NEVER
from analytics._pair_parts import hold
from analytics.model import Bars, FloatArray, HedgeFit, IntArray, NotReady, PairParams, frozen

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
    "TrackRecord",
    "Trade",
    "run_backtest",
]

#: Exits at the last closes before a row: of a gap, or after the close that left nothing.
_AT_CLOSE = tuple(map(EXIT_REASONS.index, ("gap", "ruin")))


def run_backtest(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    settings: BacktestParams,
    fit: HedgeFit | None = None,
) -> BacktestResult | NotReady:
    """Back-test the pair on the newest `params.limit` rows; see the module's docstring.

    Of `params` it takes timeframe, price_space, intercept, z_window, min_trades, min_volume and
    limit, and the hedge method in the mode "in-sample". fit: held in the mode "in-sample"
    instead of one on these bars; no other mode heeds it. NotReady with fewer than hedge_window
    + z_window + 1 rows that count, for legs that lie on one line (multiples of one another, a leg
    that stands still), and where the spread has no z-score. Raises ValueError for bars of another
    timeframe than `params.timeframe`, and ParameterError for an entry_z that no z of the window
    reaches and for bars whose times fall or repeat.

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
    run, hedged, counted = simulate(signals, settings), signals.hedged, legs.counted
    yearly = float(per_year(legs, params, run.sums))
    trades = _trades(run)
    break_even = _break_even_z(signals, settings.cost_rate)
    spread, z, band = (
        frozen(hold(line[counted], counted), np.float64)
        for line in (hedged.spread, signals.z, break_even)
    )
    return BacktestResult(
        params=params,
        settings=settings,
        ts_ms=frozen(legs.ts_ms, np.int64),
        equity=frozen(run.equity, np.float64),
        gross_equity=frozen(run.gross, np.float64),
        drawdown=frozen(run.drawdown, np.float64),
        position=frozen(run.position, np.int64),
        hedge=frozen(hedged.hedge, np.float64),
        spread=spread,
        z=z,
        break_even_z=band,
        carried=frozen(legs.carried.any(axis=0), np.bool_),
        trades=trades,
        figures=figures_of(run.sums, yearly),
        periods_per_year=yearly,
        rows_dropped=legs.dropped + legs.unpriced,
        rows_unpriced=legs.unpriced,
        fit=hedged.fit,
        counted=frozen(counted, np.bool_),
        captured=_captured(run),
        record=track_record(shape_of(returns_of(run)), yearly),
    )


def _trades(run: Run) -> tuple[Trade, ...]:
    ledger, hedged = run.ledger, run.signals.hedged
    ts_ms, z = hedged.legs.ts_ms, run.signals.z
    z = hold(z[hedged.legs.counted], hedged.legs.counted)  # a time stop may come without one
    closed, at_close = ledger.reason > 0, np.isin(ledger.reason, _AT_CLOSE)
    decided = np.where(at_close, ledger.last, ledger.ordered) - 1
    (entry_y, entry_x), (exit_y, exit_x) = _entry_prices(run), _exit_prices(run)
    columns = (
        ledger.side,
        ts_ms[ledger.first],
        ts_ms[ledger.last - at_close],
        z[ledger.first - 1],
        z[np.where(closed, decided, ledger.last)],
        np.where(closed, ledger.last - ledger.first, ledger.last - ledger.first + 1),
        entry_y,
        entry_x,
        exit_y,
        exit_x,
        hedged.hedge[ledger.first - 1],
        ledger.gross,
        ledger.cost,
        ledger.gross - ledger.cost,
    )
    waits = (
        np.maximum(ledger.entry_y, ledger.entry_x) - ledger.first,
        np.where(closed & ~at_close, ledger.last - ledger.ordered, 0),
    )
    reasons = [EXIT_REASONS[reason] for reason in ledger.reason]
    values = (column.tolist() for column in columns)
    last = (column.tolist() for column in (*waits, _exposure(hedged, ledger.first)))
    return tuple(map(Trade, *values, reasons, *last))


def _exposure(hedged: Hedged, first: IntArray) -> FloatArray:
    """Gross exposure of a unit of Y, or in log space of a worth of one, entered at these rows."""
    beta = np.abs(hedged.hedge[first - 1])
    open_y, open_x = hedged.legs.prices[:2, first]
    return 1.0 + beta if hedged.log_prices else open_y + beta * open_x


def _entry_prices(run: Run) -> list[FloatArray]:
    """The opens at which each leg of each trade was entered; NaN for one that never was."""
    ledger, prices = run.ledger, run.signals.hedged.legs.prices
    return [
        np.where(rows == NEVER, np.nan, opens[rows])
        for rows, opens in zip((ledger.entry_y, ledger.entry_x), prices[:2], strict=True)
    ]


def _exit_prices(run: Run) -> list[FloatArray]:
    """The open at which each leg was left, or the close before a gap, or the last close."""
    ledger, prices = run.ledger, run.signals.hedged.legs.prices
    n, legs = prices.shape[1], list[FloatArray]()
    for leg, rows in enumerate((ledger.exit_y, ledger.exit_x)):
        opens, closes = prices[leg], prices[leg + 2]
        at_close = np.isin(ledger.reason, _AT_CLOSE) & (rows == ledger.last)
        left = np.where(at_close, closes[rows - 1], opens[np.minimum(rows, n - 1)])
        left = np.where(rows == n, closes[n - 1], left)
        legs.append(np.where(rows == NEVER, np.nan, left))
    return legs


def _captured(run: Run) -> float:
    """What the trades that reached their target earned of |z| sigma at their signal, before costs.

    Both summed over those trades, each per unit of its gross exposure.
    """
    ledger, signals = run.ledger, run.signals
    hedged = signals.hedged
    reached = ledger.reason == EXIT_REASONS.index("target")
    signal, exposure = ledger.first[reached] - 1, _exposure(hedged, ledger.first[reached])
    offered = float((np.abs(signals.z[signal]) * signals.sigma[signal] / exposure).sum())
    return float(ledger.gross[reached].sum()) / offered if offered > 0.0 else math.nan


def _break_even_z(signals: Signals, rate: float) -> FloatArray:
    """|z| sigma against the cost of both legs, in and out, per unit of Y at each close."""
    hedged, sigma = signals.hedged, signals.sigma
    beta = np.abs(hedged.hedge)
    _, _, y, x = hedged.legs.prices
    exposure = 1.0 + beta if hedged.log_prices else y + beta * x
    band = np.full(len(sigma), np.nan)
    return np.divide(2.0 * rate * exposure, sigma, out=band, where=sigma > 0)
