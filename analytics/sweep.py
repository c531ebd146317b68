"""A sweep: the back-test of a pair over a grid of two of its parameters.

What cells have in common is computed once: the hedged spread for each hedge window, the
z-score for each z window on it. The best cell of a grid is chosen with hindsight: its figure is
what the best of many tries earned on these bars, not what it will earn on others; see
`analytics.walkforward`. How much of it is luck say the deflated Sharpe ratio, with every cell
counted as a trial, and the probability of overfitting (`analytics.overfitting`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from analytics._backtest_engine import (
    NO_BLOCKS,
    Legs,
    make_signals,
    pair_legs,
    per_year,
    returns_of,
    simulate,
)
from analytics._backtest_figures import deflated, reckon, shape_of, track_record, trials_of
from analytics._backtest_types import BacktestParams, TrackRecord
from analytics._cross_validation import BlockSums, PboResult, block_ends
from analytics._kernels.backtest import SUMS
from analytics._sweep_work import Bench, Mapper, best_of, never, run_here
from analytics.grid import Grid
from analytics.model import Bars, FloatArray, IntArray, NotReady, PairParams, frozen

#: What a cell can show, see BacktestFigures; of all of them more is better.
METRICS: tuple[str, ...] = (
    "sharpe",
    "sortino",
    "net_return",
    "gross_return",
    "max_drawdown",
    "profit_factor",
    "hit_rate",
    "trades",
)


@dataclass(frozen=True)
class Choice:
    """A cell that was chosen in hindsight: by which measure, of how many cells, its value."""

    metric: str
    row: int
    column: int
    x_value: float
    y_value: float
    value: float
    cells: int


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A grid of figures. matrices: of each METRICS, shape (len(y_values), len(x_values)).

    A cell is NaN where its parameters are no legal set (an exit_z at or above entry_z), where
    they leave too few bars, where the figure is undefined (no trade), or where the sweep was
    cancelled before it. A cell that never traded has no drawdown, and one that closed no trade
    is never the best; a profit factor without a loss is infinite, above all others. done: legal
    cells that were computed. first_ms, last_ms, bars: the rows that every cell had.

    trial_variance: variance of the Sharpe ratios a bar of the cells that were computed, 0 for
    one that did not trade. deflated_sharpe: probability that the cell with the best Sharpe
    ratio has a true one above 0, with `done` trials; NaN where no cell has one. record: of that
    cell. blocks: the net returns a bar of the computed cells, by blocks of the bars from the
    first z-score of any cell on; a cell whose windows are longer rests until its own.
    sharpe_error: standard error of each cell's Sharpe ratio, annualised, of the matrices' shape.
    """

    grid: Grid
    matrices: dict[str, FloatArray]
    done: int
    cancelled: bool
    first_ms: int
    last_ms: int
    bars: int
    trial_variance: float = float("nan")
    deflated_sharpe: float = float("nan")
    record: TrackRecord | None = None
    blocks: BlockSums | None = None
    sharpe_error: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def in_sample(self) -> bool:
        """Whether the hedge was fitted on the bars that it trades."""
        return self.grid.settings.hedge_mode == "in-sample"

    def best(self, metric: str) -> tuple[int, int] | None:
        """Row and column of the best cell that closed a trade, the first of equals; None without.

        What a trade that is still open made so far is no result to be chosen by.
        """
        return best_of(self.matrices, metric)

    def choice(self, metric: str) -> Choice | None:
        """The best cell, see `best`, and the measure that made it the best; None without."""
        place = self.best(metric)
        if place is None:
            return None
        row, column = place
        value = float(self.matrices[metric][place])
        at = self.grid.x_values[column], self.grid.y_values[row]
        return Choice(metric, row, column, *at, value, self.done)

    def overfitting(self, n_splits: int = 16) -> PboResult | None:
        """Probability that choosing the cell with the best Sharpe ratio a bar overfits.

        n_splits: the number of blocks, even, from 2 to 20. Takes about a second for the largest
        grids. None with fewer than two cells or too few bars. Raises ValueError for another
        number of splits. See `analytics.overfitting.probability_of_overfitting`.
        """
        return None if self.blocks is None else self.blocks.overfitting(n_splits)

    def cell(self, row: int, column: int) -> tuple[PairParams, BacktestParams]:
        """The parameters of a cell, ready for `run_backtest`, which gives the cell's figures.

        Raises ValueError where they are no legal set.
        """
        return self.grid.cell(row, column)


def sweep(
    y_bars: Bars,
    x_bars: Bars,
    grid: Grid,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    run_all: Mapper = run_here,
) -> SweepResult | NotReady:
    """Back-test every cell of a grid (see `make_grid`) on the same bars.

    Each cell equals `run_backtest` with the parameters of `SweepResult.cell`; cells with
    longer windows therefore begin later. progress(done, cells) is called after each part of
    the work on the calling thread, cancelled() before each part, on the thread that does it.
    run_all: maps the work over threads, where the kernels let go of the interpreter, or over
    other processes and machines, to the same bits. NotReady where no cell has bars enough.
    Raises ValueError for bars of another timeframe than the pair's.

    >>> from analytics.grid import make_grid
    >>> t = np.arange(300)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> y, x = bars("Y", 200 + np.sin(t / 4) + 0.02 * t), bars("X", 100 + 0.01 * t)
    >>> pair = PairParams("Y", "X", "1m", z_window=40)
    >>> rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=60)
    >>> made = sweep(y, x, make_grid(pair, rules, "entry_z", [1.0, 1.2], "z_window", [30, 40]))
    >>> made.matrices["trades"].shape, made.done
    ((2, 2), 4)
    """
    legs = pair_legs(y_bars, x_bars, grid.params)
    before, ends = _blocks_of(legs, grid)
    bench = Bench(legs, grid, cancelled or never, before + ends)
    total = grid.shape[0] * grid.shape[1]
    sums = np.full((total, len(SUMS)), np.nan)
    blocks = np.empty((total, max(len(ends), 1), 2))
    absences, done = list[NotReady](), 0
    for part in run_all(bench.work, bench.parts):
        for cells, scored in part:
            done += len(cells)
            if isinstance(scored, NotReady):
                absences.append(scored)
            else:
                sums[cells], blocks[cells] = scored
        if progress is not None:
            progress(done, bench.cells)
    if absences and done == bench.cells and np.isnan(sums[:, 0]).all():
        return min(absences, key=lambda absence: absence.need)
    if not len(legs.ts_ms):
        return NotReady("cancelled", 0, 1)
    figures = reckon(sums, per_year(legs, grid.params, sums))
    result = SweepResult(
        grid=grid,
        matrices={name: frozen(figures[name].reshape(grid.shape), np.float64) for name in METRICS},
        done=done,
        cancelled=done < bench.cells,
        first_ms=int(legs.ts_ms[0]),
        last_ms=int(legs.ts_ms[-1]),
        bars=len(legs.ts_ms),
        sharpe_error=frozen(figures["sharpe_error"].reshape(grid.shape), np.float64),
    )
    computed = np.isfinite(sums[:, 0])
    return replace(
        result,
        **_luck(result, legs, sums),
        blocks=BlockSums.of(ends, blocks[computed]) if len(ends) else None,
    )


def _blocks_of(legs: Legs, grid: Grid) -> tuple[int, IntArray]:
    """The row of the first z-score of any cell, and the ends of the blocks of bars after it."""
    counted = np.flatnonzero(legs.counted)
    warm_up = min(hedge + min(windows) for hedge, windows in grid.groups.items())
    if len(counted) < warm_up:
        return 0, NO_BLOCKS
    first = int(counted[warm_up - 1])
    return first, block_ends(len(legs.ts_ms) - 1 - first)


def _luck(result: SweepResult, legs: Legs, sums: FloatArray) -> dict[str, Any]:
    """The deflated Sharpe ratio of the best cell by it, and what it is made of."""
    trials, variance = trials_of(sums)
    place = result.best("sharpe")
    if place is None:
        return {"trial_variance": variance}
    params, settings = result.cell(*place)
    signals = make_signals(legs, params, settings)
    assert not isinstance(signals, NotReady), "a cell without signals has no Sharpe ratio"
    run = simulate(signals, settings)
    shape = shape_of(returns_of(run))
    return {
        "trial_variance": variance,
        "deflated_sharpe": deflated(shape, trials, variance),
        "record": track_record(shape, float(per_year(legs, params, run.sums))),
    }
