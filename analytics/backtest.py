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
past it. Without a z only the time stop acts.

What it holds. Quantities are fixed at entry, with the hedge that the signal's spread was
measured with: side * 1 of Y and -side * beta of X in price space; in log space, where beta
is an elasticity, side * 1 of Y's money and -side * beta of X's. The whole equity is the
gross exposure |Y| + |beta X| at entry, so returns are on gross exposure and compound.
Commission and slippage are both charged in bps of each leg's turnover, at entry and exit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics import performance
from analytics._backtest_engine import (
    Ledger,
    Run,
    Signals,
    keep_ledger,
    make_signals,
    pair_legs,
    simulate,
)
from analytics._backtest_types import (
    EXIT_REASONS,
    HEDGE_MODES,
    BacktestFigures,
    BacktestParams,
    BacktestResult,
    HedgeMode,
    Trade,
)
from analytics.model import (
    BAR_COLUMNS,
    Bars,
    FloatArray,
    NotReady,
    PairParams,
    frozen,
)
from analytics.rolling import rolling_std

__all__ = [
    "EXIT_REASONS",
    "FIGURES",
    "HEDGE_MODES",
    "BacktestFigures",
    "BacktestParams",
    "BacktestResult",
    "ChangedValue",
    "HedgeMode",
    "LookAheadReport",
    "Trade",
    "check_look_ahead",
    "run_backtest",
]


def run_backtest(
    y_bars: Bars, x_bars: Bars, params: PairParams, settings: BacktestParams
) -> BacktestResult | NotReady:
    """Back-test the pair on the newest `params.limit` aligned rows; see the module's docstring.

    Of `params` it takes timeframe, price_space, intercept, z_window, min_trades and limit, and
    the hedge method in the mode "in-sample". A carried leg fills at its carried close.
    NotReady with fewer than hedge_window + z_window + 1 rows. Raises ValueError for bars of
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
    signals = make_signals(legs, params, settings)
    if isinstance(signals, NotReady):
        return signals
    run = simulate(signals, settings)
    ledger = keep_ledger(run)
    peak = np.maximum.accumulate(np.maximum(run.equity, 1.0))
    break_even = _break_even_z(signals, params.z_window, settings.cost_rate)
    return BacktestResult(
        params=params,
        settings=settings,
        ts_ms=legs.ts_ms,
        equity=frozen(run.equity, np.float64),
        gross_equity=frozen(run.gross, np.float64),
        drawdown=frozen(run.equity / peak - 1.0, np.float64),
        position=frozen(run.position, np.int64),
        hedge=frozen(signals.hedge, np.float64),
        spread=frozen(signals.spread, np.float64),
        z=frozen(signals.z, np.float64),
        break_even_z=frozen(break_even, np.float64),
        carried=legs.carried,
        trades=_trades(run, ledger),
        figures=BacktestFigures(**{name: of(run, ledger) for name, of in FIGURES.items()}),
        periods_per_year=signals.periods_per_year,
        rows_dropped=legs.dropped,
        note=signals.note,
    )


def _trades(run: Run, ledger: Ledger) -> tuple[Trade, ...]:
    ts_ms, z = run.signals.legs.ts_ms, run.signals.z
    signal = np.where(ledger.closed, ledger.last - 1, ledger.last)
    held = np.where(ledger.closed, ledger.last - ledger.first, ledger.last - ledger.first + 1)
    columns = (
        ledger.side,
        ts_ms[ledger.first],
        ts_ms[ledger.last],
        z[ledger.first - 1],
        z[signal],
        held,
        *ledger.fills,
        ledger.beta,
        ledger.gross,
        ledger.cost,
        ledger.gross - ledger.cost,
    )
    reasons = [EXIT_REASONS[reason] for reason in ledger.reason]
    return tuple(map(Trade, *(column.tolist() for column in columns), reasons))


def _break_even_z(signals: Signals, z_window: int, rate: float) -> FloatArray:
    """|z| sigma against the cost of both legs, in and out, per unit of Y at each close."""
    sigma = rolling_std(signals.spread, z_window)
    beta = np.abs(signals.hedge)
    _, _, y, x = signals.legs.prices
    exposure = 1.0 + beta if signals.log_prices else y + beta * x
    band = np.full(len(sigma), np.nan)
    return np.divide(2.0 * rate * exposure, sigma, out=band, where=sigma > 0)


def _closed_nets(ledger: Ledger) -> FloatArray:
    return (ledger.gross - ledger.cost)[ledger.closed]


def _average_holding(ledger: Ledger) -> float:
    held = (ledger.last - ledger.first)[ledger.closed]
    return float(held.mean()) if len(held) else float("nan")


def _cost_share(run: Run) -> float:
    gross, net = run.gross[-1] - 1.0, run.equity[-1] - 1.0
    return float(1.0 - net / gross) if gross > 0 else float("nan")


#: How each figure is reckoned; any of them can be the metric of a sweep.
FIGURES: dict[str, Callable[[Run, Ledger], Any]] = {
    "net_return": lambda run, _: float(run.equity[-1] - 1.0),
    "gross_return": lambda run, _: float(run.gross[-1] - 1.0),
    "sharpe": lambda run, _: performance.sharpe(run.returns, run.signals.periods_per_year),
    "sortino": lambda run, _: performance.sortino(run.returns, run.signals.periods_per_year),
    "max_drawdown": lambda run, _: performance.max_drawdown(run.returns),
    "profit_factor": lambda _, ledger: performance.profit_factor(_closed_nets(ledger)),
    "hit_rate": lambda _, ledger: performance.hit_rate(_closed_nets(ledger)),
    "trades": lambda _, ledger: int(ledger.closed.sum()),
    "average_holding_bars": lambda _, ledger: _average_holding(ledger),
    "turnover": lambda _, ledger: float(ledger.turnover.sum()),
    "exposure": lambda run, _: float((run.position[run.signals.start + 1 :] != 0).mean()),
    "cost_share": lambda run, _: _cost_share(run),
}


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A past value that later data changed: of which series, at which bar, known until when."""

    series: str
    ts_ms: int
    cut_ms: int
    known_then: float
    known_now: float


@dataclass(frozen=True)
class LookAheadReport:
    """What became of past values when the data was cut off at `cuts` (times of bars, ms).

    compared, changed: numbers of values. by_series: changed values of each series. first:
    the earliest few of them.
    """

    cuts: tuple[int, ...]
    compared: int
    changed: int
    by_series: dict[str, int]
    first: tuple[ChangedValue, ...]
    in_sample: bool

    @property
    def text(self) -> str:
        """The verdict in words."""
        what = f"{self.compared:,} past values recomputed at {len(self.cuts)} cuts"
        if not self.changed:
            return f"No look-ahead: {what}, none changed."
        series = ", ".join(f"{name} {count:,}" for name, count in self.by_series.items())
        why = " The hedge is in-sample: it knows all bars." if self.in_sample else ""
        return f"Look-ahead: {what}, {self.changed:,} changed ({series}).{why}"


_CHECKED = ("hedge", "spread", "z", "position", "equity", "gross_equity")
_SHOWN_CHANGES = 20


def check_look_ahead(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    settings: BacktestParams,
    cuts: int = 8,
    run: Callable[..., BacktestResult | NotReady] = run_backtest,
) -> LookAheadReport | NotReady:
    """Recompute on data cut off at `cuts` bars, and compare every past value to the last bit.

    The cuts are spread from the first bar with a z-score to the last bar but one; each run
    begins at the same bar. run: the back-test to check. A changed value is one that could not
    have been known at its own bar. Raises ValueError for cuts below 1.

    >>> t = np.arange(300)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> y, x = bars("Y", 200 + np.sin(t / 4) + 0.02 * t), bars("X", 100 + 0.01 * t)
    >>> rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=60)
    >>> report = check_look_ahead(y, x, PairParams("Y", "X", "1m", z_window=40), rules, cuts=2)
    >>> report.changed
    0
    """
    if cuts < 1:
        raise ValueError(f"cuts is {cuts}, expected at least 1")
    full = run(y_bars, x_bars, params, settings)
    if isinstance(full, NotReady):
        return full
    n = len(full.ts_ms)
    need = settings.hedge_window + params.z_window + 1
    if n <= need:
        return NotReady(f"needs {need + 1} bars, has {n}", n, need + 1)
    ends = np.unique(np.linspace(need, n - 1, cuts).astype(np.int64))
    changes: list[ChangedValue] = []
    counts: dict[str, int] = {}
    for end in ends:
        first_ms, last_ms = int(full.ts_ms[0]), int(full.ts_ms[end - 1])
        legs = (_between(bars, first_ms, last_ms) for bars in (y_bars, x_bars))
        for name, found in _changed(full, run(*legs, params, settings), int(end)).items():
            counts[name] = counts.get(name, 0) + len(found)
            changes += found[:_SHOWN_CHANGES]
    return LookAheadReport(
        cuts=tuple(full.ts_ms[ends - 1].tolist()),
        compared=int(ends.sum()) * len(_CHECKED),
        changed=sum(counts.values()),
        by_series=counts,
        first=tuple(sorted(changes, key=lambda change: change.ts_ms)[:_SHOWN_CHANGES]),
        in_sample=full.in_sample,
    )


def _between(bars: Bars, first_ms: int, last_ms: int) -> Bars:
    """The bars up to `last_ms`, from the one that is current at `first_ms` on."""
    start = max(int(np.searchsorted(bars.ts_ms, first_ms, side="right")) - 1, 0)
    stop = int(np.searchsorted(bars.ts_ms, last_ms, side="right"))
    columns = {name: getattr(bars, name)[start:stop] for name in BAR_COLUMNS}
    return Bars(bars.symbol, bars.timeframe, **columns)


def _changed(
    full: BacktestResult, cut: BacktestResult | NotReady, end: int
) -> dict[str, list[ChangedValue]]:
    """By series, the values of the first `end` bars that the cut run had otherwise."""
    cut_ms = int(full.ts_ms[end - 1])
    found = {}
    for name in _CHECKED:
        now = getattr(full, name)[:end]
        then = np.full(end, np.nan)
        if not isinstance(cut, NotReady) and np.array_equal(cut.ts_ms, full.ts_ms[:end]):
            then = getattr(cut, name)
        rows = np.flatnonzero((now != then) & ~(np.isnan(now) & np.isnan(then)))
        if len(rows):
            times = full.ts_ms[rows].tolist()
            pairs = zip(times, then[rows].tolist(), now[rows].tolist(), strict=True)
            found[name] = [ChangedValue(name, ts, cut_ms, a, b) for ts, a, b in pairs]
    return found
