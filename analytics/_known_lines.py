"""The spread and its z-score as they were known at the close of each row.

What stands at a row depends on the rows of its own view alone: the `limit` aligned rows that
end there. Appending rows therefore changes nothing that stands at an earlier one. In the mode

view      the line is fitted by the pair's method on the newest hedge_window rows of that view
          (None: all), and the whole z window is measured with it. ols, tls and ratio are
          fitted at each row; huber, theil_sen and kalman, which take a pass over the window
          each, are fitted anew REFITS times a window, at times that the clock decides
rolling   each row is measured with the line of the hedge_window rows before it (None: PATH_ROWS)
kalman    the same by a Kalman filter over those rows: what is measured is its innovation
locked    every row is measured with the line that is given

Where the legs lie on one line in the rows on which the z of a row rests (see
`analytics._one_line`) there is none, but by a line that is given.

The row's own line in "rolling" and "kalman" is that of the rows before it, as in the back-test:
a line fitted with the row itself is pulled towards it and shrinks the spread to be judged.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from analytics._kernels.adf import ROUNDING
from analytics._kernels.known import (
    METHOD_CODES,
    kalman_lines,
    line_scores,
    moment_lines,
    readings_at,
    window_moments,
    window_scores,
)
from analytics._one_line import one_line_at
from analytics._pair_parts import MIN_ROWS, TradedRows, traded_rows
from analytics.alignment import Aligned, align, not_enough
from analytics.hedge import fit_hedge
from analytics.model import TIMEFRAMES, Bars, FloatArray, IntArray, NotReady, PairParams
from analytics.rolling import RollingMoments, rolling_moments

#: Window of the rolling hedge where the pair has none: the back-test's default.
PATH_ROWS = 200
#: A Kalman filter has forgotten what came before as many rows.
KALMAN_MOST = 500
#: Rows that carry a price, after a row in which both legs traded, whose view is not cut for them.
MOST_CARRIED = 60
#: How often a line that takes a pass over its window is fitted anew, a window.
REFITS = {"huber": 20, "kalman": 20, "theil_sen": 10}
#: Lines of windows that are kept, by the windows' contents: most of a view's stay as bars come.
_MOST_KEPT = 4_096

#: Two rows that are asked for are read in one go where they are at most so far apart.
_MOST_APART = 5

_Lines = tuple[FloatArray, FloatArray]
_fitted: dict[tuple[object, ...], tuple[float, float]] = {}


class Known(NamedTuple):
    """What was known at each of some rows, shape (k,): the line that measures it, spread, z."""

    beta: FloatArray
    alpha: FloatArray
    spread: FloatArray
    z: FloatArray


def hedge_rows(params: PairParams) -> int | None:
    """Rows that a line is fitted on; None for all in view."""
    if params.spread_mode == "kalman":
        return min(params.hedge_window or PATH_ROWS, KALMAN_MOST)
    return params.hedge_window or (PATH_ROWS if params.spread_mode == "rolling" else None)


def needed_rows(params: PairParams) -> int:
    """Rows in which both legs traded that a view must hold for a z-score."""
    before = (hedge_rows(params) or 0) if params.spread_mode in ("rolling", "kalman") else 0
    return max(params.z_window + before, MIN_ROWS)


def rows_before(params: PairParams) -> int:
    """Aligned rows before the first one that is read, on which what is known there rests.

    Its view, and where the method is fitted now and then the view of the row at which it was;
    and what a row rests on that carries the price of up to MOST_CARRIED rows earlier.
    """
    refits = REFITS.get("kalman" if params.spread_mode == "kalman" else params.hedge)
    return params.limit + MOST_CARRIED + (params.limit // refits + 1 if refits else 0)


def rows_in_view(
    y_bars: Bars, x_bars: Bars, params: PairParams
) -> tuple[Aligned, TradedRows] | NotReady:
    """The legs on one clock, and the rows of them in which both traded, with the rows before the
    view that its lines need; NotReady where the view holds too few for a z-score.

    Raises as `analytics.alignment.align`.
    """
    filters = params.min_trades, params.min_volume
    aligned = align(y_bars, x_bars, params.limit, *filters, history=rows_before(params))
    rows = traded_rows(aligned, params)
    have, need = len(rows) - rows.first, needed_rows(params)
    if have < need:
        return not_enough(need, have, aligned.dropped, len(aligned) - aligned.start - have)
    return aligned, rows


def known_lines(
    rows: TradedRows, params: PairParams, first: int, stop: int, alone: bool = False
) -> Known:
    """What was known at the rows first..stop-1; NaN where their view holds too few rows.

    alone: each row is computed for itself, so that it has the same bits whichever rows are asked
    for beside it; else windows slide, and a row's last digits depend on where they began.
    """
    window = params.z_window
    if params.spread_mode == "view":
        beta, alpha = _view_lines(rows, params, first, stop, alone)
        z = np.empty(stop - first)
        noise = (ROUNDING, float(rows.log))
        line_scores(rows.y[:stop], rows.x[:stop], beta, window, first, alone, noise, z)
        spread = rows.y[first:stop] - beta * rows.x[first:stop] - alpha
    else:
        low = max(first - window + 1, 0)
        beta, alpha = bar_lines(rows, params, low, stop, alone)
        y, x = rows.y[low:stop], rows.x[low:stop]
        spread = y - beta * x - alpha
        size = np.abs(y) + np.abs(beta * x) + rows.log
        if alone:
            z = np.empty(stop - first)
            window_scores(spread, size, window, first - low, ROUNDING, z)
        else:
            z = score(rolling_moments(spread, window), size)[first - low :]
        beta, alpha, spread = (line[first - low :] for line in (beta, alpha, spread))
    if params.spread_mode != "locked":
        rests = rests_on(rows, params, stop)
        z[one_line_at(rows.y[:stop], rows.x[:stop], rows.log, rests, first, alone)] = np.nan
    short = np.arange(first, stop) - rows.reach[first:stop] + 1 < needed_rows(params)
    if short.any():
        for line in (beta, alpha, spread, z):
            line[short] = np.nan
    return Known(beta, alpha, spread, z)


def known_at(rows: TradedRows, params: PairParams, ends: IntArray) -> tuple[FloatArray, FloatArray]:
    """z and beta of `known_lines` at the rows of some times, each `alone`, shape (k,) each.

    ends: ascending; NaN where no row has that time. The same bits, at a fifth of the cost where
    the line of the view follows from the moments of its window.
    """
    if params.spread_mode == "view" and params.hedge in METHOD_CODES:
        readings = np.empty((2, len(ends)))
        every = len(rows)
        starts, rests = _view_starts(rows, params, every), rests_on(rows, params, every)
        views = (rows.reach, starts, rests, needed_rows(params))
        line = (METHOD_CODES[params.hedge], params.intercept, rows.log)
        noise = (ROUNDING, float(rows.log))
        legs = (rows.ts_ms, ends, rows.y, rows.x)
        readings_at(*legs, views, line, params.z_window, noise, readings)
        return readings[0], readings[1]
    z, beta = np.empty((2, len(ends)))
    places = np.minimum(rows.ts_ms.searchsorted(ends), len(rows) - 1)
    for part in _runs(places):
        near = places[part]
        first = near.item(0)
        known = known_lines(rows, params, first, near.item(-1) + 1, alone=True)
        z[part], beta[part] = known.z[near - first], known.beta[near - first]
    absent = rows.ts_ms[places] != ends
    z[absent] = beta[absent] = np.nan
    return z, beta


def _runs(places: IntArray) -> list[slice]:
    """Which of some rows, ascending, are read in one go: those that are near one another."""
    apart = (b - a > _MOST_APART for a, b in pairwise(places.tolist()))
    edges = [0, *(place for place, far in enumerate(apart, 1) if far), len(places)]
    return [slice(*edge) for edge in pairwise(edges) if edge[0] < edge[1]]


def line_at(rows: TradedRows, params: PairParams, row: int) -> tuple[float, float]:
    """beta and alpha that measure the spread of a row, as it was known at its close."""
    known = known_lines(rows, params, row, row + 1, alone=True)
    return float(known.beta[0]), float(known.alpha[0])


def refits(params: PairParams) -> bool:
    """Whether the line of a pair is fitted now and then, and stands until the next fit."""
    return params.spread_mode == "view" and params.hedge in REFITS


def fitted_at(rows: TradedRows, params: PairParams) -> int | None:
    """The time of the row up to which the newest row's line was fitted; None if not `refits`."""
    if not refits(params):
        return None
    stop = len(rows)
    leader = _leaders(rows, params, _view_starts(rows, params, stop), stop - 1)
    return int(rows.ts_ms[leader[0]])


def score(moments: RollingMoments, size: FloatArray) -> FloatArray:
    """z-scores, NaN where the deviation is what rounding leaves of legs of a size."""
    with np.errstate(invalid="ignore"):
        return np.where(moments.std > ROUNDING * size, moments.zscore, np.nan)


def rests_on(rows: TradedRows, params: PairParams, stop: int) -> IntArray:
    """The first of the rows on which the z of each row up to `stop` rests, shape (stop,)."""
    window = params.z_window
    if params.spread_mode == "view":
        starts = _view_starts(rows, params, stop)
    else:
        starts, window = np.arange(stop), window + (hedge_rows(params) or 0)
    return np.maximum(np.minimum(starts, np.arange(stop) - window + 1), 0)


def _view_lines(rows: TradedRows, params: PairParams, first: int, stop: int, alone: bool) -> _Lines:
    """The line of the window that ends at each row, within its view."""
    return _window_lines(rows, params, _view_starts(rows, params, stop), first, alone)


def _view_starts(rows: TradedRows, params: PairParams, stop: int) -> IntArray:
    """The first row of the hedge's window that ends at each of the rows up to `stop`."""
    starts = rows.reach[:stop]
    if params.hedge_window is None:
        return starts
    return np.maximum(starts, np.arange(stop) - params.hedge_window + 1)


def bar_lines(rows: TradedRows, params: PairParams, first: int, stop: int, alone: bool) -> _Lines:
    """The line that measures each row: the given one, or that of the rows before it."""
    if params.spread_mode == "locked":
        given = (params.beta or 0.0, params.alpha or 0.0)
        beta, alpha = (np.full(stop - first, float(value)) for value in given)
        return beta, alpha
    window, before = hedge_rows(params) or 0, max(first - 1, 0)
    if params.spread_mode == "kalman":
        beta, alpha = np.empty((2, stop - 1 - before))
        legs = rows.y[: stop - 1], rows.x[: stop - 1]
        kalman_lines(*legs, window, params.intercept, before, beta, alpha)
    else:
        starts = np.maximum(np.arange(stop - 1) - window + 1, -1)
        beta, alpha = _window_lines(rows, params, starts, before, alone)
    missing = np.full(stop - first - len(beta), np.nan)
    return np.concatenate((missing, beta)), np.concatenate((missing, alpha))


def _window_lines(
    rows: TradedRows, params: PairParams, starts: IntArray, first: int, alone: bool
) -> _Lines:
    """The line of the rows starts[t]..t by the pair's method, for each t from `first` on.

    starts below 0: none. NaN where a window holds fewer than two rows.
    """
    stop = len(starts)
    if params.hedge in REFITS:
        return _refitted(rows, params, starts, first)
    moments = np.empty((5, stop - first))
    beta, alpha = np.empty((2, stop - first))
    window_moments(rows.y[:stop], rows.x[:stop], starts, first, alone, moments)
    method, kinds = METHOD_CODES[params.hedge], (params.intercept, rows.log)
    moment_lines(moments, starts, first, method, kinds, beta, alpha)
    return beta, alpha


def _refitted(rows: TradedRows, params: PairParams, starts: IntArray, first: int) -> _Lines:
    """Lines that are fitted anew now and then, and stand until the next.

    Each row looks back to the first row of its block of bars. Blocks are of 1, 2, 4 ... bars of
    the clock, the longest of which there are REFITS in the row's window.
    """
    beta, alpha = np.full((2, len(starts) - first), np.nan)
    leaders = _leaders(rows, params, starts, first)
    for leader in np.unique(leaders).tolist():
        begin, places = int(starts[leader]), leaders == leader
        if begin < 0 or leader - begin < 2:
            continue
        part = slice(begin, leader + 1)
        beta[places], alpha[places] = _fit(rows.y[part], rows.x[part], params, rows.log)
    return beta, alpha


def _leaders(rows: TradedRows, params: PairParams, starts: IntArray, first: int) -> IntArray:
    """The first row of the block of each row from `first` on."""
    stop, step = len(starts), TIMEFRAMES[params.timeframe]
    counts = np.arange(first, stop) - starts[first:] + 1
    counts[starts[first:] < 0] = 0
    bars = np.maximum(counts // REFITS[params.hedge], 1)
    block_ms = step * 2 ** np.floor(np.log2(bars)).astype(np.int64)
    ts_ms = rows.ts_ms[:stop]
    return np.searchsorted(ts_ms, ts_ms[first:] // block_ms * block_ms)


def _fit(y: FloatArray, x: FloatArray, params: PairParams, log: bool) -> tuple[float, float]:
    """`fit_hedge` of a window, or what it gave for the same window before."""
    options = (params.hedge, params.intercept, log)
    key = (*options, len(y), hash(y.tobytes()), hash(x.tobytes()))
    line = _fitted.get(key)
    if line is None:
        fit = fit_hedge(y, x, *options)
        line = (float(fit.beta), float(fit.alpha))
        if len(_fitted) >= _MOST_KEPT:
            _fitted.clear()
        _fitted[key] = line
    return line
