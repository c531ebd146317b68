"""The work of a sweep: cells scored on signals that they share, in parts for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from analytics._backtest_engine import (
    NO_BLOCKS,
    Hedged,
    Legs,
    Signals,
    hedge_legs,
    market_of,
    score_spread,
    too_short,
)
from analytics._kernels.backtest import SUMS, score
from analytics.grid import Grid, Windows
from analytics.model import FloatArray, IntArray, NotReady

#: Runs a function on every item, in order: `map`, that of a pool of threads, or a cluster's. The
#: function may be sent to other processes: it changes nothing but by what it returns.
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def run_here(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """The mapper that uses the calling thread alone."""
    return map(function, items)


def never() -> bool:
    """What is done elsewhere is not cancelled there: nothing more of it is asked for."""
    return False


def best_of(figures: Mapping[str, FloatArray], metric: str) -> tuple[int, int] | None:
    """Place of the largest value of cells that closed a trade, the first of equals; None without.

    figures: by name, as `reckon` gives them, shape (rows, columns) each.
    """
    values = np.where(figures["trades"] > 0, figures[metric], np.nan)
    if np.isnan(values).all():
        return None
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    return int(row), int(column)


class Scored(NamedTuple):
    """Sums of cells, shape (k, len(SUMS)), and of their returns in blocks of bars.

    blocks: the sum of the returns and that of their squares, shape (k, blocks, 2).
    """

    sums: FloatArray
    blocks: FloatArray


def score_cells(signals: Signals, rules: FloatArray, ends: IntArray = NO_BLOCKS) -> Scored:
    """Score rules, shape (k, 6), on all bars. ends: the last row of each block of bars."""
    hedged = signals.hedged
    room = np.empty((len(rules), max(len(ends), 1), 2))
    scored = Scored(np.empty((len(rules), len(SUMS))), room)
    blocks = (ends, room)
    traded = (signals.z, hedged.hedge, signals.start)
    score(traded, market_of(hedged), rules, scored.sums, blocks)
    return scored


def score_part(
    signals: Signals, rules: FloatArray, start: int, stop: int, ends: IntArray = NO_BLOCKS
) -> Scored:
    """Score rules on bars start..stop-1. ends: of those bars."""
    rows = slice(start, stop)
    hedged = signals.hedged
    hedged = hedged._replace(legs=hedged.legs.part(start, stop), hedge=hedged.hedge[rows])
    part = Signals(hedged, signals.z[rows], signals.sigma[rows], 0)
    return score_cells(part, rules, ends)


#: Places of cells, and what they scored.
Score = tuple[list[int], Scored | NotReady]


class Bench:
    """The parts of a sweep's work, each of which is done by a thread of its own, if at all.

    parts: of the grid. cells: how many of them are legal. ends: the last row of each block
    of bars.
    """

    def __init__(
        self, legs: Legs, grid: Grid, cancelled: Callable[[], bool], ends: IntArray
    ) -> None:
        self._legs, self._grid, self._cancelled, self._ends = legs, grid, cancelled, ends
        self._rules, groups = grid.rules(), grid.groups
        self._hedged: dict[int, Hedged] = {}
        self._signals: dict[tuple[int, int], Signals | NotReady] = {}
        self.cells = sum(len(cells) for windows in groups.values() for cells in windows.values())
        self.parts = grid.parts()
        if len(groups) == 1:
            self._share(*next(iter(groups.items())))

    def __getstate__(self) -> dict[str, Any]:
        """As it goes to another process."""
        return {**vars(self), "_cancelled": never}

    def _share(self, hedge_window: int, windows: Windows) -> None:
        """Compute before the work is parted what all of it shares."""
        if self._short(hedge_window, min(windows)):
            return
        hedged = self._hedged[hedge_window] = self._hedge(hedge_window)
        if len(windows) == 1:
            (window,) = windows
            self._signals[hedge_window, window] = score_spread(hedged, window)

    def work(self, part: tuple[int, Windows]) -> list[Score]:
        """The sums of a part's cells; no more of them once the sweep is cancelled."""
        hedge_window, windows = part
        hedged, scores = self._hedged.get(hedge_window), list[Score]()
        for window, cells in windows.items():
            if self._cancelled():
                break
            signals = self._short(hedge_window, window) or self._signals.get((hedge_window, window))
            if signals is None:
                hedged = hedged or self._hedge(hedge_window)
                signals = score_spread(hedged, window)
            if isinstance(signals, NotReady):
                scores.append((cells, signals))
            else:
                scores.append((cells, score_cells(signals, self._rules[cells], self._ends)))
        return scores

    def _hedge(self, hedge_window: int) -> Hedged:
        settings = replace(self._grid.settings, hedge_window=hedge_window)
        return hedge_legs(self._legs, self._grid.params, settings)

    def _short(self, hedge_window: int, z_window: int) -> NotReady | None:
        return too_short(self._legs, hedge_window, z_window)
