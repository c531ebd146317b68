"""The filter of `kalman` in numba, and its run on scaled legs for the hedge ratio.

delta and observation_var mean something only against the legs' units. The hedge methods
therefore centre the legs and scale them first, so that the filter sees the same numbers
at a price of 0.05 and at 100,000; without intercept the origin stays where it is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from analytics._kernels.sums import centre_and_size
from analytics.model import FloatArray, IntArray, frozen

#: Variance of a step of the state and of an observation, in scaled units.
STEP = 1e-4 / (1.0 - 1e-4)
NOISE = 1e-3
#: Standard deviations of x that are 1 to the filter. They set how long beta remembers:
#: sqrt(NOISE / STEP) times as many bars, about 30; alpha remembers 3. Beta's prior has a
#: standard deviation of 1 in y's and x's own standard deviations.
REACH = 10.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def run_filter(
    y: FloatArray,
    x: FloatArray,
    scale: tuple[float, ...],
    step_beta: float,
    step_alpha: float,
    noise: float,
    state: FloatArray,
    rows: FloatArray,
) -> None:
    """Run the filter over y and x, moved and divided as `scale` says: centre of y and of x,
    unit of y and of x. `state` holds beta, alpha, Pbb, Pba, Paa and is updated.
    """
    centre_y, centre_x, unit_y, unit_x = scale
    beta, alpha, pbb, pba, paa = state
    for i in range(y.size):
        if i > 0:
            pbb += step_beta
            paa += step_alpha
        if not (np.isfinite(y[i]) and np.isfinite(x[i])):
            rows[0, i] = rows[1, i] = rows[2, i] = rows[3, i] = np.nan
            continue
        leg = (x[i] - centre_x) / unit_x
        surprise = (y[i] - centre_y) / unit_y - (beta * leg + alpha)
        gain_b = pbb * leg + pba  # P H', the gains times the innovation's variance
        gain_a = pba * leg + paa
        variance = gain_b * leg + gain_a + noise
        beta += gain_b / variance * surprise
        alpha += gain_a / variance * surprise
        pbb -= gain_b / variance * gain_b
        pba -= gain_b / variance * gain_a
        paa -= gain_a / variance * gain_a
        rows[0, i], rows[1, i], rows[2, i], rows[3, i] = beta, alpha, surprise, variance
    state[0], state[1], state[2], state[3], state[4] = beta, alpha, pbb, pba, paa


class _Scale(NamedTuple):
    """Where a pair's legs are centred, and what is 1 for the filter."""

    centre_y: float
    centre_x: float
    unit_y: float
    unit_x: float


def _scale(y: FloatArray, x: FloatArray, intercept: bool) -> _Scale:
    """y in its standard deviations, x in REACH of them, both about their means.

    Without intercept the root mean squares stand for the standard deviations.
    """
    centre_y, unit_y = centre_and_size(y, intercept)
    centre_x, unit_x = centre_and_size(x, intercept)
    return _Scale(centre_y, centre_x, unit_y or 1.0, REACH * unit_x)


def _filter_scaled(
    y: FloatArray, x: FloatArray, scale: _Scale, intercept: bool
) -> tuple[FloatArray, FloatArray, float]:
    """beta and alpha in the legs' own units, and beta's last standard deviation."""
    free = 1.0 if intercept else 0.0
    state = np.array([0.0, 0.0, REACH**2, 0.0, free])
    rows = np.empty((4, len(y)))
    run_filter(y, x, tuple(scale), STEP, STEP * free, NOISE, state, rows)
    ratio = scale.unit_y / scale.unit_x
    beta = rows[0] * ratio
    alpha = scale.centre_y + scale.unit_y * rows[1] - beta * scale.centre_x
    return beta, alpha, math.sqrt(max(state[2], 0.0)) * ratio


def kalman_fit(y: FloatArray, x: FloatArray, intercept: bool) -> tuple[float, float, float]:
    """beta, alpha and beta's standard error at the last bar, of legs scaled by all rows.

    y, x: complete, shape (n,), x not constant (without intercept: not zero).

    >>> [round(v, 2) for v in kalman_fit(np.arange(9.0) * 3 + 1, np.arange(9.0), True)]
    [3.0, 1.0, 0.04]
    """
    scale = _scale(y, x, intercept)
    beta, alpha, stderr = _filter_scaled(y, x, scale, intercept)
    return float(beta[-1]), float(alpha[-1]), stderr


def kalman_path(
    y: FloatArray, x: FloatArray, window: int, intercept: bool
) -> tuple[FloatArray, FloatArray]:
    """beta and alpha as known at each bar, of legs scaled by the first `window` rows.

    NaN before that window is full and, where a leg has not moved until then, until it
    does; nothing later than a bar decides what stands there.

    >>> kalman_path(np.arange(6.0) * 3 + 1, np.arange(6.0), 5, True)[0].round(2)
    array([nan, nan, nan, nan,  3.,  3.])
    """
    rows = np.flatnonzero(np.isfinite(y) & np.isfinite(x))
    beta, alpha = np.full((2, len(y)), np.nan)
    moves = [_first_move(leg, rows, window, intercept) for leg in (y, x)]
    need = max(window, *(move + 1 for move in moves))
    if need <= len(rows):
        first = rows[:need]
        scale = _scale(frozen(y[first], float), frozen(x[first], float), intercept)
        if scale.unit_x > 0.0:  # the squares of the smallest doubles are 0
            beta, alpha, _ = _filter_scaled(y, x, scale, intercept)
            beta[: first[-1]] = alpha[: first[-1]] = np.nan
    return beta, alpha


def _first_move(leg: FloatArray, rows: IntArray, window: int, intercept: bool) -> int:
    """Which of `rows` is the first with a value apart from the first one's (without
    intercept: from 0), or how many there are. Nearly always one of the first `window`.
    """
    for some in (rows[:window], rows):
        values = leg[some]
        moved = values != (values[:1] if intercept else 0.0)
        if moved.any():
            return int(np.argmax(moved))
    return len(rows)
