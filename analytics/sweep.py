"""A sweep: the back-test of a pair over a grid of two of its parameters.

What cells have in common is computed once: the hedged spread for each hedge window, the
z-score for each z window on it. The best cell of a grid is chosen with hindsight: its figure is
what the best of many tries earned on these bars, not what it will earn on others; see
`analytics.walkforward`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analytics._backtest_engine import pair_legs, per_year
from analytics._backtest_figures import reckon
from analytics._backtest_types import BacktestParams
from analytics._kernels.backtest import SUMS
from analytics._sweep_work import Bench, Mapper, best_of, run_here
from analytics.grid import Grid
from analytics.model import Bars, FloatArray, NotReady, PairParams, frozen

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


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A grid of figures. matrices: of each METRICS, shape (len(y_values), len(x_values)).

    A cell is NaN where its parameters are no legal set (an exit_z at or above entry_z), where
    they leave too few bars, where the figure is undefined (no trade), or where the sweep was
    cancelled before it. done: legal cells that were reckoned. first_ms, last_ms, bars: the
    rows that every cell had.
    """

    grid: Grid
    matrices: dict[str, FloatArray]
    done: int
    cancelled: bool
    first_ms: int
    last_ms: int
    bars: int

    @property
    def in_sample(self) -> bool:
        """Whether the hedge was fitted on the bars that it trades."""
        return self.grid.settings.hedge_mode == "in-sample"

    def best(self, metric: str) -> tuple[int, int] | None:
        """Row and column of the best cell, the first of equals; None where all are NaN."""
        return best_of(self.matrices[metric])

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
    run_all: maps the work over threads; the kernels let go of the interpreter. NotReady where
    no cell has bars enough. Raises ValueError for bars of another timeframe than the pair's.

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
    bench = Bench(legs, grid, cancelled or (lambda: False))
    rows, columns = grid.shape
    total = rows * columns
    sums, absences = np.full((total, len(SUMS)), np.nan), list[NotReady]()
    done = 0
    for part in run_all(bench.work, bench.parts):
        for cells, made in part:
            done += len(cells)
            if isinstance(made, NotReady):
                absences.append(made)
            else:
                sums[cells] = made
        if progress is not None:
            progress(done, bench.cells)
    if absences and done == bench.cells and np.isnan(sums[:, 0]).all():
        return min(absences, key=lambda absence: absence.need)
    if not len(legs.ts_ms):
        return NotReady("cancelled", 0, 1)
    figures = reckon(sums, per_year(legs, grid.params))
    return SweepResult(
        grid=grid,
        matrices={
            name: frozen(figures[name].reshape(rows, columns), np.float64) for name in METRICS
        },
        done=done,
        cancelled=done < bench.cells,
        first_ms=int(legs.ts_ms[0]),
        last_ms=int(legs.ts_ms[-1]),
        bars=len(legs.ts_ms),
    )
