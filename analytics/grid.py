"""A grid over two parameters of a back-test: its axes, its legal cells, their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from analytics._backtest_engine import rules_of
from analytics._backtest_types import BacktestParams
from analytics.model import CountError, FloatArray, PairParams, ParameterError, SameValueError
from analytics.spread import check_reachable

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
#: The largest grid, in cells.
MAX_CELLS = 10_000
#: Cells by z window, all of one hedge window, as places in `Grid.rules`.
Windows = dict[int, list[int]]
#: Cells of one window that are reckoned in one go.
_SLICE = 125
_WHOLE = ("max_bars", "hedge_window", "z_window")
#: What a value of an axis is checked beside: it may be legal with another cell's threshold.
_ALONE: dict[str, dict[str, float | None]] = {
    "entry_z": {"exit_z": 0.0, "stop_z": None},
    "exit_z": {"entry_z": 100.0, "stop_z": None},
    "stop_z": {"entry_z": 1e-9, "exit_z": 0.0},
}


@dataclass(frozen=True, eq=False)
class Grid:
    """Two axes over the parameters of one back-test. A cell is (row of y, column of x)."""

    params: PairParams
    settings: BacktestParams
    x_name: str
    x_values: tuple[float, ...]
    y_name: str
    y_values: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.y_values), len(self.x_values)

    def cell(self, row: int, column: int) -> tuple[PairParams, BacktestParams]:
        """The parameters of a cell. Raises ValueError where they are no legal set.

        None is one with an entry_z that no z of its window reaches.
        """
        chosen: dict[str, Any] = {
            self.x_name: self.x_values[column],
            self.y_name: self.y_values[row],
        }
        window = {name: value for name, value in chosen.items() if name == "z_window"}
        rules = {name: value for name, value in chosen.items() if name != "z_window"}
        params, settings = replace(self.params, **window), replace(self.settings, **rules)
        check_reachable("entry_z", settings.entry_z, params.z_window)
        return params, settings

    def column(self, name: str) -> FloatArray:
        """The value of a parameter in each cell, row by row; infinite for none."""
        if name == self.x_name:
            return np.tile(np.array(self.x_values, float), len(self.y_values))
        if name == self.y_name:
            return np.repeat(np.array(self.y_values, float), len(self.x_values))
        value = getattr(self.params if name == "z_window" else self.settings, name)
        return np.full(len(self.x_values) * len(self.y_values), np.inf if value is None else value)

    def rules(self) -> FloatArray:
        """The rules of each cell as the kernel `score` takes them, shape (cells, 6)."""
        base = rules_of(self.settings)
        rules = np.tile(base, (len(self.x_values) * len(self.y_values), 1))
        entry = self.column("entry_z")
        for side in (0, 1):
            if np.isfinite(base[side]):
                rules[:, side] = entry
        rules[:, 2], rules[:, 3] = self.column("exit_z"), self.column("stop_z")
        if "max_bars" in (self.x_name, self.y_name):
            rules[:, 4] = self.column("max_bars")
        rules[:, 5] = (self.column("cost_bps") + self.column("slippage_bps")) / 10_000
        return rules

    @cached_property
    def groups(self) -> dict[int, Windows]:
        """The legal cells by hedge_window, then by z_window, those with equal entries together."""
        entry, stop = self.column("entry_z"), self.column("stop_z")
        hedge, window = self.column("hedge_window"), self.column("z_window")
        order = np.lexsort((stop, entry, window, hedge))
        legal = (self.column("exit_z") < entry) & (entry < stop)
        legal &= entry <= (window - 1.0) / np.sqrt(window)  # see `largest_z`
        cells = order[legal[order]]
        windows = np.stack((hedge[cells], window[cells]))
        new = np.flatnonzero((np.diff(windows, axis=1) != 0).any(axis=0)) + 1
        groups: dict[int, Windows] = {}
        for places in np.split(cells, new) if len(cells) else ():
            of_hedge = groups.setdefault(int(hedge[places[0]]), {})
            of_hedge[int(window[places[0]])] = places.tolist()
        return groups

    def parts(self) -> list[tuple[int, Windows]]:
        """The groups in parts of the work: hedge windows, or z windows of one, or its cells."""
        groups = self.groups
        if len(groups) > 1:
            return list(groups.items())
        ((hedge, windows),) = groups.items()
        return [
            (hedge, {window: cells[at : at + _SLICE]})
            for window, cells in windows.items()
            for at in range(0, len(cells), _SLICE)
        ]


def make_grid(
    params: PairParams,
    settings: BacktestParams,
    x_name: str,
    x_values: Sequence[float],
    y_name: str,
    y_values: Sequence[float],
) -> Grid:
    """The back-test of a pair over two of its parameters: axes that are legal, and a cell at least.

    Raises ParameterError, a ValueError, for axes that are equal or unknown, a value that no cell
    could have, more than MAX_CELLS cells, or where no cell is a legal set of parameters.

    >>> pair, rules = PairParams("Y", "X"), BacktestParams(stop_z=None)
    >>> grid = make_grid(pair, rules, "entry_z", [1.0, 1.5], "z_window", [30, 60, 90])
    >>> grid.shape, grid.cell(2, 0)[0].z_window, grid.cell(2, 0)[1].entry_z
    ((3, 2), 90, 1.0)
    """
    if x_name == y_name:
        raise SameValueError("y_name", y_name, "two parameters", "x_name")
    columns = _axis("x", x_name, x_values, params, settings)
    rows = _axis("y", y_name, y_values, params, settings)
    total = len(columns) * len(rows)
    if total > MAX_CELLS:
        raise CountError("the grid", total, f"at most {MAX_CELLS:,}", "cells")
    grid = Grid(params, settings, x_name, columns, y_name, rows)
    if not grid.groups:
        grid.cell(0, 0)  # says what is wrong with it
    return grid


def _axis(
    axis: str, name: str, values: Sequence[float], params: PairParams, settings: BacktestParams
) -> tuple[float, ...]:
    if name not in AXES:
        raise ParameterError(f"{axis}_name", name, f"one of {', '.join(AXES)}")
    if not 0 < len(values) <= MAX_CELLS:
        raise CountError(f"{axis}_values", len(values), f"1 to {MAX_CELLS:,}", "values")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    if name in _WHOLE:
        plain = [int(value) if float(value).is_integer() else value for value in plain]
    for value in plain:
        alone: dict[str, Any] = {**_ALONE.get(name, {}), name: value}
        if name == "z_window":
            replace(params, **alone)
        else:
            replace(settings, **alone)
    return tuple(plain)
