"""The check for look-ahead: a back-test recomputed as it would have been known at the time.

At each of some cuts the data that came later is taken away and everything is computed anew:
as known at the close of the cut's bar, when every past value must be the same to the last bit;
and as known at its open, when the position held from that open and the hedge it is measured
with must be the same already. What is decided for that open nothing of the bar may decide, its
open neither, so the whole bar is scrambled: once as of one that opens low and falls without a
trade, once as of one that opens high and rises with many. What each leg of a position was entered
at and left at must be the same as well, or the open that was scrambled, since a leg may wait while
the other is held. So must the hedge that a position was entered with, and its size: its exposure,
and what a unit of it lost or gained in the bar that both legs filled in.

Cuts that are spread evenly find what leaks into every bar. What leaks into an order alone shows
only where one is decided, so there are cuts there too: at the bars at whose open a position was
entered or left, of each reason some, or was not though the bar before had signalled it, where a
look-ahead vetoed it.
Each is cut at the close of the bar of the signal, and at the open of the bar of the fill. Not told
is the size of a position whose legs fill in different bars, and one that changes while it is held.

The mode "in-sample" is a hedge that is declared to know all bars. The check holds that one fit
fixed and shows that nothing downstream of it looks ahead; beside that it tells what the fit
would have been at each cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from analytics._backtest_types import BacktestParams, BacktestResult, Trade
from analytics._kernels.account import bought, gain
from analytics.alignment import market_rows, not_enough
from analytics.backtest import run_backtest
from analytics.model import Bars, HedgeFit, IntArray, NotReady, PairParams

_AT_CLOSE = ("hedge", "spread", "z", "position", "equity", "gross_equity", "drawdown")
_AT_OPEN = ("hedge", "position")
#: What a bar that is to open may become: open, high, low, close and VWAP as shares of its open,
#: volume, trades.
_SCRAMBLES = (
    (0.5, 0.5, 0.15, 0.25, 0.35, 0.0, 0),
    (2.0, 6.0, 1.9, 4.0, 3.0, 1e12, 10**9),
)
_PRICES = ("open", "high", "low", "close", "vwap")
_ENTRIES = ("entry_y", "entry_x")
_EXITS = ("exit_y", "exit_x")
_COMPARED = (*_AT_CLOSE, *_ENTRIES, *_EXITS, "beta", "exposure", "size")
#: Rounding of a return, which is a difference of equities near to one another.
_ROUNDING = 1e-12
#: Why a position is left at an open.
_DECIDED = frozenset(("target", "stop", "time"))
_SHOWN_CHANGES = 20


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
    """What became of past values when the data was cut off at `cuts` (times of bars, ms, rising).

    compared, changed: numbers of values. by_series: changed values of each series. first:
    the earliest few of them. fit_beta, beta_at_cuts: the fit of the mode "in-sample" on all
    bars, and what it would have been at the cuts; None and empty in the other modes.
    """

    cuts: tuple[int, ...]
    compared: int
    changed: int
    by_series: dict[str, int]
    first: tuple[ChangedValue, ...]
    fit_beta: float | None = None
    beta_at_cuts: tuple[float, ...] = ()

    @property
    def in_sample(self) -> bool:
        """Whether the hedge was fitted on the bars that it trades."""
        return self.fit_beta is not None

    @property
    def text(self) -> str:
        """The verdict in words."""
        what = f"{self.compared:,} past values recomputed at {len(self.cuts)} cuts"
        if self.changed:
            series = ", ".join(f"{name} {count:,}" for name, count in self.by_series.items())
            return f"Look-ahead: {what}, {self.changed:,} changed ({series}). {self._fit}".rstrip()
        after = " after the fit" if self.in_sample else ""
        return f"No look-ahead{after}: {what}, none changed. {self._fit}".rstrip()

    @property
    def _fit(self) -> str:
        if self.fit_beta is None:
            return ""
        words = f"The fit itself is in-sample: β {self.fit_beta:.4g} knows all bars"
        if not self.beta_at_cuts:
            return f"{words}."
        low, high = min(self.beta_at_cuts), max(self.beta_at_cuts)
        return f"{words}; at the cuts it would have been {low:.4g} to {high:.4g}."


def check_look_ahead(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    settings: BacktestParams,
    cuts: int = 8,
    run: Callable[..., BacktestResult | NotReady] = run_backtest,
) -> LookAheadReport | NotReady:
    """Recompute on data that is cut off, and compare every past value to the last bit.

    cuts: how many are spread from the first bar with a z-score to the last bar but one. There
    are as many more at most at signals without an entry and without an exit, and half as many at
    entries and at exits, each at the bar of the signal and at that of the fill: 7 `cuts` bars in
    all at most where `cuts` is 8 or more. Exits are parted among the reasons that occur, one each
    at least. Each run begins at the same bar. run: the back-test to check, called as
    `run_backtest`. A changed value is one that could not have been known at its own bar. Raises
    ValueError for cuts below 1. Look-ahead bias is the second of the seven sins of back-testing in
    M. Lopez de Prado, Advances in Financial Machine Learning (2018), section 11.2.

    >>> t = np.arange(300)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> y, x = bars("Y", 200 + np.sin(t / 4) + 0.02 * t), bars("X", 100 + 0.01 * t)
    >>> pair = PairParams("Y", "X", "1m", z_window=40)
    >>> rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=60)
    >>> check_look_ahead(y, x, pair, rules, cuts=2).text
    'No look-ahead: 6,795 past values recomputed at 6 cuts, none changed.'
    """
    if cuts < 1:
        raise ValueError(f"cuts is {cuts}, expected at least 1")
    full = run(y_bars, x_bars, params, settings)
    if isinstance(full, NotReady):
        return full
    n, counted = len(full.ts_ms), np.flatnonzero(full.counted)
    need = settings.hedge_window + params.z_window + 1
    begin = max(int(counted[need - 1]), int(np.argmax(np.isfinite(full.z))) + 1) + 1
    begin += params.filtered  # a bar that is to open may fail the filter
    if begin >= n:
        filtered = full.rows_dropped - full.rows_unpriced
        return not_enough(need + 1, len(counted), filtered, full.rows_carried, full.rows_unpriced)
    even = np.unique(np.linspace(begin, n - 1, cuts).astype(np.int64))
    rows = _decided(full, settings, cuts)
    closed, opened = (
        np.union1d(even, ends[(ends >= begin) & (ends <= n)]) for ends in (rows, rows + 1)
    )
    if params.filtered:  # a bar after the newest that counts would be one more than the limit
        opened = opened[opened <= counted[-1] + 1]

    def again(legs: list[Bars], fit: HedgeFit | None = None) -> BacktestResult | NotReady:
        return run(*legs, params, settings, fit)

    legs = _from_first(full, (y_bars, x_bars))
    changes = _changes(full, legs, (closed, opened), again)
    betas: list[float] = []
    for end in even.tolist() if full.fit is not None else ():
        alone = again(_known_legs(full, legs, end))
        if isinstance(alone, BacktestResult) and alone.fit is not None:
            betas.append(float(alone.fit.beta))
    names = [change.series for change in changes]
    at_open = len(_SCRAMBLES) * len(_AT_OPEN)
    return LookAheadReport(
        cuts=tuple(full.ts_ms[np.union1d(closed, opened) - 1].tolist()),
        compared=int(closed.sum()) * len(_AT_CLOSE) + int(opened.sum()) * at_open,
        changed=len(changes),
        by_series={name: names.count(name) for name in _COMPARED if name in names},
        first=tuple(sorted(changes, key=lambda change: change.ts_ms)[:_SHOWN_CHANGES]),
        fit_beta=float(full.fit.beta) if full.fit is not None else None,
        beta_at_cuts=tuple(betas),
    )


def _changes(
    full: BacktestResult,
    legs: list[Bars],
    ends: tuple[IntArray, IntArray],
    again: Callable[..., BacktestResult | NotReady],
) -> list[ChangedValue]:
    """What changes where the data ends at the close of a bar, or at its open.

    ends: how many rows there are then, at the closes and at the opens.
    """
    closed, opened = ends
    changes: list[ChangedValue] = []
    for end in closed.tolist():
        cut = again(_known_legs(full, legs, end), full.fit)
        changes += _changed(full, cut, end, _AT_CLOSE)
    for end in opened.tolist():
        known = _known_legs(full, legs, end)
        for how in _SCRAMBLES:
            scrambled = [_to_open(bars, full.ts_ms[end - 1], how) for bars in known]
            cut = again(scrambled, full.fit)
            changes += _changed(full, cut, end, _AT_OPEN)
            if isinstance(cut, BacktestResult):
                changes += _changed_trades(full, cut, end, (known, scrambled))
    return changes


def _decided(full: BacktestResult, settings: BacktestParams, most: int) -> IntArray:
    """Bars at whose open a position was entered or left, or was not though signalled.

    Of each kind at most so many, of entries half, of exits half in all, of each reason some; spread
    evenly, of signals that follow one another the first.
    """
    held, size = full.position != 0, np.abs(full.z)
    stop = np.inf if settings.stop_z is None else settings.stop_z
    sided = np.ones(len(size), np.bool_)
    if settings.sides != "both":
        sided = full.z < 0.0 if settings.sides == "long" else full.z > 0.0
    signal = full.counted & sided & (size >= settings.entry_z) & (size < stop)
    missed = signal[:-1] & ~held[:-1] & ~held[1:]
    missed[1:] &= ~missed[:-1]
    away = -full.position * full.z  # how far z is still on the side at which it was entered
    leave = full.counted & held & ((away <= settings.exit_z) | (away >= stop))
    kept = leave[:-1] & (full.position[1:] == full.position[:-1])
    kept[1:] &= ~kept[:-1]
    half, left = (most + 1) // 2, _left(full)
    each = max(half // max(len(left), 1), 1)
    kinds = ((held[1:] & ~held[:-1], half), (missed, most), (kept, most))
    rows = [_spread(np.flatnonzero(kind) + 1, count) for kind, count in kinds]
    return np.unique(np.concatenate(rows + [_spread(exits, each) for exits in left]))


def _left(full: BacktestResult) -> list[IntArray]:
    """Bars from which on a position was no longer held, of each reason that occurs."""
    left: dict[str, list[int]] = {}
    for trade in full.trades:
        if trade.exit_reason != "open":
            row = _row(full, trade.exit_ts_ms) + (trade.exit_reason not in _DECIDED)
            left.setdefault(trade.exit_reason, []).append(row)
    return [np.array(rows) for rows in left.values()]


def _spread(rows: IntArray, most: int) -> IntArray:
    """Up to `most` of the rows, spread evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]


def _from_first(full: BacktestResult, legs: tuple[Bars, Bars]) -> list[Bars]:
    """The bars of both legs from those on that are current at the first row that was looked at."""
    params = full.params
    rows = market_rows(*legs, params.limit, params.min_trades, params.min_volume)
    starts = [np.searchsorted(bars.ts_ms, rows.ts_ms[0], side="right") - 1 for bars in legs]
    return [bars[max(int(start), 0) :] for bars, start in zip(legs, starts, strict=True)]


def _known_legs(full: BacktestResult, legs: list[Bars], end: int) -> list[Bars]:
    """The bars of both legs until the last of the first `end` rows."""
    last_ms = full.ts_ms[end - 1]
    return [bars[: int(np.searchsorted(bars.ts_ms, last_ms, side="right"))] for bars in legs]


def _to_open(bars: Bars, last_ms: int, scramble: tuple[float, ...]) -> Bars:
    """The bars as known when the one at `last_ms` is to open: of that one nothing."""
    if not len(bars) or bars.ts_ms[-1] != last_ms:
        return bars
    names = (*_PRICES, "volume", "trades")
    columns = {name: getattr(bars, name).copy() for name in names}
    for name, value in zip(names, scramble, strict=True):
        columns[name][-1] = value * bars.open[-1] if name in _PRICES else value
    return replace(bars, **columns)


def _changed(
    full: BacktestResult, cut: BacktestResult | NotReady, end: int, series: tuple[str, ...]
) -> list[ChangedValue]:
    """The values of the first `end` bars that the cut run had otherwise."""
    cut_ms = int(full.ts_ms[end - 1])
    changes = []
    for name in series:
        now = getattr(full, name)[:end]
        then = np.full(end, np.nan)
        if not isinstance(cut, NotReady) and np.array_equal(cut.ts_ms, full.ts_ms[:end]):
            then = getattr(cut, name)
        rows = np.flatnonzero((now != then) & ~(np.isnan(now) & np.isnan(then)))
        times = full.ts_ms[rows].tolist()
        pairs = zip(times, then[rows].tolist(), now[rows].tolist(), strict=True)
        changes += [ChangedValue(name, ts, cut_ms, a, b) for ts, a, b in pairs]
    return changes


def _changed_trades(
    full: BacktestResult, cut: BacktestResult, end: int, legs: tuple[list[Bars], list[Bars]]
) -> list[ChangedValue]:
    """What the cut run had otherwise of its newest trades: hedge, size, and what legs filled at.

    legs: of each leg the bars until the last, as they were and as they were scrambled.
    """
    opens = [(made.open[-1], was.open[-1]) for was, made in zip(*legs, strict=True)]
    cut_ms, changes = int(full.ts_ms[end - 1]), list[ChangedValue]()
    for then in cut.trades[-2:]:  # one may be left at the open at which the next is entered
        now = next((one for one in full.trades if one.entry_ts_ms == then.entry_ts_ms), None)
        if now is None:  # which the positions show
            continue
        entry = _row(full, now.entry_ts_ms)
        fills = [(_ENTRIES, entry + now.entry_wait < end)]
        if then.exit_ts_ms == now.exit_ts_ms and {then.exit_reason, now.exit_reason} <= _DECIDED:
            left = _row(full, now.exit_ts_ms) + now.exit_wait < end
            fills += [(_EXITS, left)] if left else []
        for names, filled in fills:
            changes += _changed_fill(then, now, names, filled, opens, cut_ms)
        sizes = [("beta", then.beta, now.beta)]
        if entry == end - 1 and all(bars.ts_ms[-1] == cut_ms for bars in legs[0]):
            share = 1.0 if full.params.price_space == "log" else opens[0][0] / opens[0][1]
            sizes += [("exposure", then.exposure, now.exposure * share)]
            sizes += _sizes(full, cut, now.side, legs)
        changes += [
            ChangedValue(name, now.entry_ts_ms, cut_ms, float(a), float(b))
            for name, a, b in sizes
            if a != b and not (np.isnan(a) and np.isnan(b))
        ]
    return changes


def _sizes(
    full: BacktestResult, cut: BacktestResult, side: int, legs: tuple[list[Bars], list[Bars]]
) -> list[tuple[str, float, float]]:
    """How many times the equity a position was that both legs entered at the cut's last bar, where
    the two runs differ: the bar's return over that of a gross exposure of 1.
    """
    if not np.array_equal(cut.ts_ms, full.ts_ms[: len(cut.ts_ms)]):
        return []
    row, log = len(cut.ts_ms) - 1, full.params.price_space == "log"
    returns, units = [], []
    for run, (y, x) in zip((full, cut), legs, strict=True):
        if not (run.equity[row - 1] > 0.0 and run.equity[row] > 0.0):  # a ruin is closed at once
            return []
        held = bought(side, float(full.hedge[row - 1]), float(y.open[-1]), float(x.open[-1]), log)
        returns.append(float(run.equity[row] / run.equity[row - 1]) - 1.0)
        units.append(gain(held, float(y.close[-1]), float(x.close[-1])) - full.settings.cost_rate)
    apart = abs(returns[1] * units[0] - returns[0] * units[1])
    if not all(units) or apart <= _ROUNDING * (abs(units[0]) + abs(units[1])):
        return []
    return [("size", returns[1] / units[1], returns[0] / units[0])]


def _row(full: BacktestResult, ts_ms: int) -> int:
    return int(np.searchsorted(full.ts_ms, ts_ms))


def _changed_fill(
    then: Trade,
    now: Trade,
    names: tuple[str, str],
    filled: bool,
    opens: list[tuple[float, float]],
    cut_ms: int,
) -> list[ChangedValue]:
    """The prices of a trade's legs that differ. filled: whether both legs filled until the cut."""
    changes = []
    for name, (scrambled, opened) in zip(names, opens, strict=True):
        a, b = float(getattr(then, name)), float(getattr(now, name))
        absent = np.isnan(a) and not (filled and np.isfinite(b))
        if (opened if a == scrambled else a) != b and not absent:
            changes.append(ChangedValue(name, then.entry_ts_ms, cut_ms, a, b))
    return changes
