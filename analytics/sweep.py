"""A sweep: the back-test of a pair over a grid of two of its parameters.

The best cell of a grid is chosen with hindsight: its figure is what the best of many tries
earned on these bars, not what it will earn on others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics._backtest_engine import (
    Legs,
    Signals,
    keep_ledger,
    make_signals,
    pair_legs,
    simulate,
)
from analytics.backtest import FIGURES, BacktestParams
from analytics.model import Bars, FloatArray, NotReady, PairParams, frozen

#: What can lie on an axis: the thresholds and windows of the back-test, and the pair's z_window.
AXES: tuple[str, ...] = (
    "entry_z",
    "exit_z",
    "stop_z",
    "max_bars",
    "cost_bps",
    "slippage_bps",
    "hedge_window",
    "z_window",
)
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
#: The largest grid, in cells.
MAX_CELLS = 10_000
_WINDOWS = ("hedge_window", "z_window")
_WHOLE = ("max_bars", *_WINDOWS)


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A grid of one figure. matrix: shape (len(y_values), len(x_values)), NaN where undefined.

    A cell is NaN where its parameters are no legal set (an exit_z at or above entry_z), where
    they leave too few bars, where the figure is undefined (no trade), or where the sweep was
    cancelled before it. done: cells reckoned. in_sample: see `BacktestResult.in_sample`.
    """

    params: PairParams
    settings: BacktestParams
    x_name: str
    x_values: tuple[float, ...]
    y_name: str
    y_values: tuple[float, ...]
    metric: str
    matrix: FloatArray
    done: int
    cancelled: bool
    in_sample: bool

    @property
    def best(self) -> tuple[int, int] | None:
        """Row and column of the best cell, the first of equals; None where all are NaN."""
        if np.isnan(self.matrix).all():
            return None
        row, column = np.unravel_index(np.nanargmax(self.matrix), self.matrix.shape)
        return int(row), int(column)

    def cell(self, row: int, column: int) -> tuple[PairParams, BacktestParams]:
        """The parameters of a cell, ready for `run_backtest`, which gives the cell's figure.

        Raises ValueError where they are no legal set.
        """
        chosen = {self.x_name: self.x_values[column], self.y_name: self.y_values[row]}
        return _with(self.params, self.settings, chosen)


def _with(
    params: PairParams, settings: BacktestParams, chosen: dict[str, float]
) -> tuple[PairParams, BacktestParams]:
    of_pair = {name: value for name, value in chosen.items() if name == "z_window"}
    of_rules = {name: value for name, value in chosen.items() if name != "z_window"}
    return replace(params, **of_pair), replace(settings, **of_rules)  # type: ignore[arg-type]


def _axis(axis: str, name: str, values: Sequence[float]) -> tuple[float, ...]:
    if name not in AXES:
        raise ValueError(f"{axis}_name is {name!r}, expected one of {', '.join(AXES)}")
    if not len(values):
        raise ValueError(f"{axis}_values is empty, expected at least one value")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    if name in _WHOLE:
        plain = [int(value) if float(value).is_integer() else value for value in plain]
    return tuple(plain)


class _Bench:
    """Back-tests of cells on the same legs; signals are kept while their windows last."""

    def __init__(self, legs: Legs, metric: str) -> None:
        self._legs = legs
        self._metric = metric
        self._windows = (0, 0)
        self._signals: Signals | NotReady = NotReady("nothing asked yet")
        self.ready = 0
        self.least: NotReady | None = None

    def figure(self, params: PairParams, settings: BacktestParams) -> float:
        windows = (params.z_window, settings.hedge_window)
        if windows != self._windows:
            self._windows = windows
            self._signals = make_signals(self._legs, params, settings)
        if isinstance(self._signals, NotReady):
            if self.least is None or self._signals.need < self.least.need:
                self.least = self._signals
            return float("nan")
        self.ready += 1
        run = simulate(self._signals, settings)
        return float(FIGURES[self._metric](run, keep_ledger(run)))


def _order(rows: int, columns: int, x_name: str) -> Iterator[tuple[int, int]]:
    """Cells with the window, which costs most to change, changing most slowly."""
    if x_name in _WINDOWS:
        return ((row, column) for column in range(columns) for row in range(rows))
    return ((row, column) for row in range(rows) for column in range(columns))


def sweep(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    settings: BacktestParams,
    x_name: str,
    x_values: Sequence[float],
    y_name: str,
    y_values: Sequence[float],
    metric: str = "sharpe",
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SweepResult | NotReady:
    """Back-test every combination of two parameters on the same bars.

    Each cell equals `run_backtest` with the parameters of `SweepResult.cell`; cells with
    longer windows therefore begin later. progress(done, total) is called after each cell,
    cancelled() before each; both on the calling thread. NotReady where no cell has bars
    enough. Raises ValueError for axes that are equal or unknown, an unknown metric, more than
    MAX_CELLS cells, or where no cell is a legal set of parameters.

    >>> t = np.arange(300)
    >>> def bars(symbol, closes):
    ...     return Bars(symbol, "1m", t * 60_000, *[closes] * 4, t + 1, t + 1, closes)
    >>> y, x = bars("Y", 200 + np.sin(t / 4) + 0.02 * t), bars("X", 100 + 0.01 * t)
    >>> pair = PairParams("Y", "X", "1m", z_window=40)
    >>> rules = BacktestParams(stop_z=None, hedge_window=60)
    >>> made = sweep(y, x, pair, rules, "entry_z", [1.0, 1.2], "z_window", [30, 40], "trades")
    >>> made.matrix.shape, made.done
    ((2, 2), 4)
    """
    columns, rows = _axis("x", x_name, x_values), _axis("y", y_name, y_values)
    total = len(columns) * len(rows)
    if x_name == y_name:
        raise ValueError(f"x_name and y_name are both {x_name}, expected two parameters")
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}, expected one of {', '.join(METRICS)}")
    if total > MAX_CELLS:
        raise ValueError(f"the grid has {total:,} cells, expected at most {MAX_CELLS:,}")
    bench = _Bench(pair_legs(y_bars, x_bars, params), metric)
    matrix = np.full((len(rows), len(columns)), np.nan)
    done, stopped, illegal = 0, False, None
    for row, column in _order(len(rows), len(columns), x_name):
        stopped = cancelled is not None and cancelled()
        if stopped:
            break
        try:
            cell = _with(params, settings, {x_name: columns[column], y_name: rows[row]})
        except ValueError as error:
            illegal = error
        else:
            matrix[row, column] = bench.figure(*cell)
        done += 1
        if progress is not None:
            progress(done, total)
    if not stopped and not bench.ready:
        if bench.least is not None:
            return bench.least
        raise illegal or ValueError("no cell of the grid is a legal set of parameters")
    return SweepResult(
        params=params,
        settings=settings,
        x_name=x_name,
        x_values=columns,
        y_name=y_name,
        y_values=rows,
        metric=metric,
        matrix=frozen(matrix, np.float64),
        done=done,
        cancelled=stopped,
        in_sample=settings.hedge_mode == "in-sample",
    )
