"""The check for look-ahead: a back-test recomputed as it would have been known at the time.

At each of some cuts the data that came later is taken away and everything is computed anew:
as known at the close of the cut's bar, when every past value must be the same to the last bit;
and as known at its open, when the position held from that open and the hedge it is measured
with must be the same already. At the open nothing of the bar is known but its open, so its
high, low, close, volume, trades and VWAP are scrambled: once as of a dead bar, once as of a
wild one.

The mode "in-sample" is a hedge that is declared to know all bars. The check holds that one fit
fixed and shows that nothing downstream of it looks ahead; beside that it tells what the fit
would have been at each cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from analytics._backtest_types import BacktestParams, BacktestResult
from analytics.alignment import not_enough
from analytics.backtest import run_backtest
from analytics.model import Bars, NotReady, PairParams

_AT_CLOSE = ("hedge", "spread", "z", "position", "equity", "gross_equity", "drawdown")
_AT_OPEN = ("hedge", "position")
#: What a bar that has only opened may become: high, low, close and VWAP as shares of its open,
#: volume, trades.
_SCRAMBLES = ((1.0, 1.0, 1.0, 1.0, 0.0, 0), (3.0, 0.2, 2.0, 1.5, 1e12, 10**9))
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
    """What became of past values when the data was cut off at `cuts` (times of bars, ms).

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
    """Recompute on data cut off at `cuts` bars, and compare every past value to the last bit.

    The cuts are spread from the first bar with a z-score to the last bar but one; each run
    begins at the same bar. run: the back-test to check, called as `run_backtest`. A changed
    value is one that could not have been known at its own bar. Raises ValueError for cuts
    below 1. Look-ahead bias is the second of the seven sins of back-testing in M. Lopez de
    Prado, Advances in Financial Machine Learning (2018), section 11.2.

    >>> t = np.arange(300)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> y, x = bars("Y", 200 + np.sin(t / 4) + 0.02 * t), bars("X", 100 + 0.01 * t)
    >>> pair = PairParams("Y", "X", "1m", z_window=40)
    >>> rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=60)
    >>> check_look_ahead(y, x, pair, rules, cuts=2).text
    'No look-ahead: 4,400 past values recomputed at 2 cuts, none changed.'
    """
    if cuts < 1:
        raise ValueError(f"cuts is {cuts}, expected at least 1")
    full = run(y_bars, x_bars, params, settings)
    if isinstance(full, NotReady):
        return full
    n, counted = len(full.ts_ms), np.flatnonzero(full.counted)
    need = settings.hedge_window + params.z_window + 1
    begin = max(int(counted[need - 1]), int(np.argmax(np.isfinite(full.z)))) + 1
    begin += params.filtered  # a bar that has only opened may fail the filter
    if begin >= n:
        filtered = full.rows_dropped - full.rows_unpriced
        return not_enough(need + 1, len(counted), filtered, full.rows_carried, full.rows_unpriced)
    ends = np.unique(np.linspace(begin, n - 1, cuts).astype(np.int64))
    changes: list[ChangedValue] = []
    betas: list[float] = []
    for end in ends.tolist():
        legs = [_until(bars, full.ts_ms[0], full.ts_ms[end - 1]) for bars in (y_bars, x_bars)]
        opened = [
            [_only_opened(bars, full.ts_ms[end - 1], how) for bars in legs] for how in _SCRAMBLES
        ]
        for known, series in ((legs, _AT_CLOSE), *((leg, _AT_OPEN) for leg in opened)):
            cut = run(*known, params, settings, full.fit)
            changes += _changed(full, cut, end, series)
        if full.fit is not None:
            alone = run(*legs, params, settings)
            if isinstance(alone, BacktestResult) and alone.fit is not None:
                betas.append(float(alone.fit.beta))
    names = [change.series for change in changes]
    return LookAheadReport(
        cuts=tuple(full.ts_ms[ends - 1].tolist()),
        compared=int(ends.sum()) * (len(_AT_CLOSE) + len(_SCRAMBLES) * len(_AT_OPEN)),
        changed=len(changes),
        by_series={name: names.count(name) for name in _AT_CLOSE if name in names},
        first=tuple(sorted(changes, key=lambda change: change.ts_ms)[:_SHOWN_CHANGES]),
        fit_beta=float(full.fit.beta) if full.fit is not None else None,
        beta_at_cuts=tuple(betas),
    )


def _until(bars: Bars, first_ms: int, last_ms: int) -> Bars:
    """The bars up to `last_ms`, from the one that is current at `first_ms` on."""
    start = max(int(np.searchsorted(bars.ts_ms, first_ms, side="right")) - 1, 0)
    stop = int(np.searchsorted(bars.ts_ms, last_ms, side="right"))
    return bars[start:stop]


def _only_opened(bars: Bars, last_ms: int, scramble: tuple[float, ...]) -> Bars:
    """The bars as known when the one at `last_ms` opens: of that one the open alone."""
    if not len(bars) or bars.ts_ms[-1] != last_ms:
        return bars
    names = ("high", "low", "close", "vwap", "volume", "trades")
    columns = {name: getattr(bars, name).copy() for name in names}
    for name, value in zip(names, scramble, strict=True):
        share = name in ("high", "low", "close", "vwap")
        columns[name][-1] = value * bars.open[-1] if share else value
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
