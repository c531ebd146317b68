"""Walk-forward: choose the rules on one stretch of bars, trade them on the next, and roll on.

The bars after the longest warm-up of the grid are parted into folds: `train_bars` on which
every cell of the grid is scored and the best is chosen, then `test_bars` that follow, on which
only the chosen cell is traded; the next fold begins test_bars later. What was earned on the
test stretches, one after the other, is the out-of-sample curve: no bar of it had a part in the
choice that traded it. Beside it stands the in-sample curve: the one cell that with hindsight
was best on the very bars that it is shown on. The difference is what hindsight is worth.

How far each curve's Sharpe ratio can be trusted: `Curve.record` takes it for the only one that
was tried; `Curve.deflated_sharpe` holds it against the highest that as many cells without skill
reach on these bars (Bailey and Lopez de Prado 2014). That is what the in-sample curve's cell is,
and more than has to be asked of the out-of-sample curve, whose cells no test bar chose.

Every test stretch begins flat; what is still open at its end is closed at its last close, at
cost. A hedge of the mode "in-sample" is fitted on the fold's training bars, held on its test
bars, and so is out of sample there; for the in-sample curve it is fitted on all bars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from analytics._backtest_engine import (
    NO_BLOCKS,
    Legs,
    Run,
    Signals,
    hedge_legs,
    pair_legs,
    score_spread,
    simulate,
)
from analytics._backtest_figures import deflated, reckon, shape_of, track_record, trials_of
from analytics._backtest_types import BacktestParams
from analytics._cross_validation import BlockSums, block_ends
from analytics._kernels import account
from analytics._kernels.account import SUMS, bought
from analytics._sweep_work import Mapper, Scored, best_of, never, run_here, score_part
from analytics._walkforward_types import Curve, Fold, WalkForward
from analytics.alignment import not_enough
from analytics.grid import Grid, Windows
from analytics.model import (
    Bars,
    FloatArray,
    HedgeFit,
    NotReady,
    ParameterError,
    frozen,
)
from analytics.performance import bars_per_year, max_drawdown

__all__ = ["CHOICES", "LEAST_TEST", "LEAST_TRAIN", "Curve", "Fold", "WalkForward", "walk_forward"]

#: Figures by which a cell may be chosen: those that make little of luck in few trades.
CHOICES: tuple[str, ...] = ("sharpe", "sortino", "net_return", "max_drawdown", "profit_factor")
LEAST_TRAIN, LEAST_TEST = 30, 10
#: Sums that are of every bar's equity.
_OF_RETURNS = (
    account.RETURNS,
    account.SQUARES,
    account.CUBES,
    account.FOURTHS,
    account.SHORTFALLS,
    account.DRAWDOWN,
)


class _Stretch(NamedTuple):
    """Rows of a fold: trained on start..middle-1, tested on middle..stop-1."""

    start: int
    middle: int
    stop: int


def walk_forward(
    y_bars: Bars,
    x_bars: Bars,
    grid: Grid,
    *,
    train_bars: int,
    test_bars: int,
    metric: str = "sharpe",
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    run_all: Mapper = run_here,
) -> WalkForward | NotReady:
    """Choose on `train_bars`, trade the next `test_bars`, roll on by test_bars; see the module.

    The newest stretch may be shorter. grid, progress and run_all: as in `sweep`. NotReady where
    the bars do not fill a warm-up, a training stretch and a test bar, where no cell has a z-score
    (legs on one line), and where it was cancelled.
    Raises ValueError as `sweep` does, for a metric that is none of CHOICES, and for stretches
    that are too short. Source: R. Pardo, The Evaluation and Optimization of Trading
    Strategies, 2nd edition (2008), chapter 11.

    >>> from analytics.grid import make_grid
    >>> from analytics.model import PairParams
    >>> t = np.arange(300)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> y, x = bars("Y", 200 + np.sin(t / 4) + 0.02 * t), bars("X", 100 + 0.01 * t)
    >>> pair = PairParams("Y", "X", "1m", z_window=40)
    >>> rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=60)
    >>> grid = make_grid(pair, rules, "entry_z", [1.0, 1.2], "exit_z", [0.0, 0.5])
    >>> made = walk_forward(y, x, grid, train_bars=100, test_bars=50)
    >>> len(made.folds), len(made.out_of_sample.equity), made.folds[0].test_from_ms
    (2, 100, 12000000)
    """
    if metric not in CHOICES:
        raise ParameterError("metric", metric, f"one of {', '.join(CHOICES)}")
    for name, value, low in (
        ("train_bars", train_bars, LEAST_TRAIN),
        ("test_bars", test_bars, LEAST_TEST),
    ):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < low:
            raise ParameterError(name, value, f"a whole number of at least {low}")
    train_bars, test_bars = int(train_bars), int(test_bars)
    legs = pair_legs(y_bars, x_bars, grid.params)
    have, groups = len(legs.ts_ms), grid.groups
    warm_up = max(hedge + max(windows) for hedge, windows in groups.items())
    counted = np.flatnonzero(legs.counted)
    begin = int(counted[warm_up]) if len(counted) > warm_up else have  # from here every z is known
    need = (begin if begin < have else warm_up) + train_bars + test_bars
    if have < need or begin == have:
        return not_enough(need, min(have, len(counted)), legs.dropped, unpriced=legs.unpriced)
    middles = range(begin + train_bars, have, test_bars)
    walk = _Walk(
        legs, grid, [_Stretch(at - train_bars, at, min(at + test_bars, have)) for at in middles]
    )
    parts = grid.parts()
    for done, scored in enumerate(run_all(_Scorer(walk, cancelled or never), parts), 1):
        if cancelled is not None and cancelled():  # parts from here on are empty
            return NotReady("cancelled", 0, len(parts))
        walk.take(scored)
        if progress is not None:
            progress(done, len(parts))
    return walk.result(metric, train_bars, test_bars)


#: Places of cells, what they scored with hindsight, or why they have no z-score, and on each
#: fold's training bars.
_Scores = tuple[list[int], Scored | NotReady, FloatArray]


class _Scorer:
    """The work on a part of the grid; none once it is cancelled."""

    def __init__(self, walk: _Walk, cancelled: Callable[[], bool]) -> None:
        self._walk, self._cancelled = walk, cancelled

    def __call__(self, part: tuple[int, Windows]) -> list[_Scores]:
        windows = part[1].items()
        return [self._walk.score(*each) for each in windows if not self._cancelled()]

    def __getstate__(self) -> dict[str, Any]:
        """As it goes to another process."""
        return {"_walk": self._walk, "_cancelled": never}


class _Walk:
    """The scores of every cell on every fold, and what follows from them."""

    def __init__(self, legs: Legs, grid: Grid, stretches: list[_Stretch]) -> None:
        self._legs, self._grid, self._stretches = legs, grid, stretches
        self._rules = grid.rules()
        self._fits = [self._fit(stretch.start, stretch.middle) for stretch in stretches]
        self._all_bars = self._fit(0, len(legs.ts_ms))
        shape = (len(self._rules), len(SUMS))
        self._trained = np.full((len(stretches), *shape), np.nan)
        self._hindsight = np.full(shape, np.nan)
        self._absences = list[NotReady]()
        self._ends = block_ends(stretches[-1].stop - stretches[0].middle)
        self._blocks = np.empty((len(self._rules), len(self._ends), 2))

    def take(self, scored: list[_Scores]) -> None:
        """Take in what was scored of a part."""
        for cells, hindsight, trained in scored:
            if isinstance(hindsight, NotReady):
                self._absences.append(hindsight)
            else:
                self._hindsight[cells], self._blocks[cells] = hindsight
            self._trained[:, cells] = trained

    def _fit(self, start: int, stop: int) -> HedgeFit | None:
        """The fit of the mode "in-sample" on a stretch of rows; None in the other modes."""
        if self._grid.settings.hedge_mode != "in-sample":
            return None
        rows = self._legs.part(start, stop)
        return hedge_legs(rows, self._grid.params, self._grid.settings).fit

    def score(self, z_window: int, cells: list[int]) -> _Scores:
        """The sums of cells that share a z window: with hindsight, and on each fold's training."""
        settings = self._grid.cell(*divmod(cells[0], self._grid.shape[1]))[1]
        rules = self._rules[cells]
        signals = self._signals(settings, z_window, self._all_bars)
        first, last = self._stretches[0].middle, self._stretches[-1].stop
        hindsight: Scored | NotReady
        if isinstance(signals, NotReady):
            hindsight = signals
        else:
            hindsight = score_part(signals, rules, first - 1, last, self._ends)
        trained = np.full((len(self._stretches), len(cells), len(SUMS)), np.nan)
        for fold, stretch in enumerate(self._stretches):
            fit = self._fits[fold]
            known = signals if fit is None else self._signals(settings, z_window, fit)
            if not isinstance(known, NotReady):
                trained[fold] = score_part(known, rules, stretch.start, stretch.middle).sums
        return cells, hindsight, trained

    def _signals(
        self, settings: BacktestParams, z_window: int, fit: HedgeFit | None
    ) -> Signals | NotReady:
        return score_spread(hedge_legs(self._legs, self._grid.params, settings, fit), z_window)

    def result(self, metric: str, train_bars: int, test_bars: int) -> WalkForward | NotReady:
        """The choices, the two curves, and the folds in figures; NotReady where no cell has a z."""
        if self._absences and np.isnan(self._hindsight[:, 0]).all():
            return self._absences[0]
        folds = [self._fold(number, metric) for number in range(len(self._stretches))]
        first, last = self._stretches[0].middle, self._stretches[-1].stop
        place = self._best(self._hindsight, metric)
        alone = None if place is None else self._run(place, self._all_bars, first, last)
        curve = _joined([equity for equity, _ in folds])
        flat = np.ones(last - first)
        trials, variance = trials_of(self._hindsight)
        return WalkForward(
            grid=self._grid,
            metric=metric,
            train_bars=train_bars,
            test_bars=test_bars,
            ts_ms=frozen(self._legs.ts_ms[first:last], np.int64),
            out_of_sample=self._curve(curve, trials, variance),
            in_sample=self._curve(flat if alone is None else _closed(alone)[0], trials, variance),
            hindsight=None if place is None else self._values(place),
            folds=tuple(fold for _, fold in folds),
            trials=trials,
            trial_variance=variance,
            blocks=BlockSums.of(self._ends, self._blocks[np.isfinite(self._hindsight[:, 0])]),
        )

    def _fold(self, number: int, metric: str) -> tuple[FloatArray, Fold]:
        stretch, ts_ms = self._stretches[number], self._legs.ts_ms
        place = self._best(self._trained[number], metric)
        equity = np.ones(stretch.stop - stretch.middle)
        tested = trained = (np.nan, np.nan)
        x_value, y_value = (None, None) if place is None else self._values(place)
        if place is not None:
            run = self._run(place, self._fits[number], stretch.middle, stretch.stop)
            equity, sums = _closed(run)
            trained = self._figure(self._trained[number, place], metric, stretch.start + 1)
            tested = self._figure(sums, metric, stretch.middle)
        return equity, Fold(
            train_from_ms=int(ts_ms[stretch.start]),
            train_to_ms=int(ts_ms[stretch.middle - 1]),
            test_from_ms=int(ts_ms[stretch.middle]),
            test_to_ms=int(ts_ms[stretch.stop - 1]),
            x_value=x_value,
            y_value=y_value,
            trained=trained[0],
            tested=tested[0],
            net=float(equity[-1] - 1.0),
            trained_error=trained[1],
            tested_error=tested[1],
        )

    def _best(self, sums: FloatArray, metric: str) -> int | None:
        best = best_of(reckon(sums[None], 1.0), metric)
        return None if best is None else best[1]

    def _per_year(self, first: int, bars: int) -> float:
        """Rows in a year, of `bars` rows from `first` on, which annualises their returns."""
        ts_ms = self._legs.ts_ms[first : first + max(bars, 1)]
        return bars_per_year(ts_ms, self._grid.params.timeframe)

    def _figure(self, sums: FloatArray, metric: str, first: int) -> tuple[float, float]:
        """The metric of the rows from `first` on and, of a Sharpe ratio, its standard error."""
        reckoned = reckon(sums, self._per_year(first, int(sums[account.BARS])))
        error = reckoned["sharpe_error"] if metric == "sharpe" else np.nan
        return float(reckoned[metric]), float(error)

    def _values(self, place: int) -> tuple[float, float]:
        row, column = divmod(place, self._grid.shape[1])
        return self._grid.x_values[column], self._grid.y_values[row]

    def _run(self, place: int, fit: HedgeFit | None, first: int, stop: int) -> Run:
        """Trade a cell on first..stop-1; the close before `first` gives the first order."""
        params, settings = self._grid.cell(*divmod(place, self._grid.shape[1]))
        signals = self._signals(settings, params.z_window, fit)
        assert not isinstance(signals, NotReady), "a cell that was chosen has signals"
        rows, hedged = slice(first - 1, stop), signals.hedged
        part = self._legs.part(first - 1, stop)
        hedged = hedged._replace(
            legs=part,
            hedge=hedged.hedge[rows],
            spread=hedged.spread[rows],
            size=hedged.size[rows],
        )
        return simulate(Signals(hedged, signals.z[rows], signals.sigma[rows], 0), settings)

    def _curve(self, equity: FloatArray, trials: int, variance: float) -> Curve:
        before = np.concatenate(([1.0], equity[:-1]))
        solvent = before > 0.0
        returns = (equity - before)[solvent] / before[solvent]
        shape = shape_of(returns)
        yearly = self._per_year(self._stretches[0].middle, len(returns))
        record = track_record(shape, yearly)
        return Curve(
            equity=frozen(equity, np.float64),
            net_return=float(equity[-1] - 1.0),
            sharpe=record.sharpe,
            max_drawdown=max_drawdown(returns) if returns.any() else np.nan,
            record=record,
            deflated_sharpe=deflated(shape, trials, variance),
        )


def _joined(folds: list[FloatArray]) -> FloatArray:
    """The equity of folds, each from 1.0 on, one after another; who lost everything rests."""
    base, parts = 1.0, list[FloatArray]()
    for equity in folds:
        parts.append(base * equity if base > 0.0 else np.full(len(equity), base))
        base = float(parts[-1][-1])
    return np.concatenate(parts)


def _closed(run: Run) -> tuple[FloatArray, FloatArray]:
    """Equity of a run without its first bar, and its sums; what is open at its end is closed,
    at cost.
    """
    equity, sums, ledger = run.equity[1:].copy(), run.sums.copy(), run.ledger
    if len(ledger.reason) and ledger.reason[-1] == 0:
        first, hedged = int(ledger.first[-1]), run.signals.hedged
        open_y, open_x, *closes = hedged.legs.prices
        hedge, sizes = hedged.hedge[first - 1], (open_y[first], open_x[first])
        units = bought(int(ledger.side[-1]), float(hedge), *sizes, hedged.log_prices)
        leaves = ledger.exit_y[-1], ledger.exit_x[-1]
        traded = sum(
            abs(unit) * close[-1]
            for unit, close, exit_row in zip(units[:2], closes, leaves, strict=True)
            if exit_row == len(close)
        )
        cost = ledger.cost[-1] / ledger.turnover[-1] * traded
        equity[-1] -= run.equity[first - 1] * cost
        net = ledger.gross[-1] - ledger.cost[-1] - cost
        account.close(sums, len(run.equity) - first, net, False)
        sums[account.NET] = equity[-1]
        sums[account.TURNOVER] += traded
        sums[list(_OF_RETURNS)] = 0.0
        account.tally(equity, 0, len(equity), 1.0, sums, NO_BLOCKS, np.zeros((1, 2)), 0)
        account.fall(equity, 0, len(equity), 1.0, sums)
    return equity, sums
