"""The hedge ratio as a state that wanders: a Kalman filter of y = beta x + alpha + noise.

State (beta, alpha) is a random walk whose steps have the covariance Vw = delta / (1 -
delta) I; y is observed with variance observation_var. With two states and one
observation the filter is six lines of arithmetic a bar, written out here.

Source: Kalman (1960); in this form Chan, Algorithmic Trading (2013), chapter 3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from analytics.arrays import two_series
from analytics.model import FloatArray


class KalmanHedge(NamedTuple):
    """State after each bar, and the surprise that the bar was, shape (n,) each."""

    beta: FloatArray
    alpha: FloatArray
    innovation: FloatArray
    innovation_var: FloatArray


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _filter(y, x, step_beta, step_alpha, noise, state, rows):
    """Run the filter over y and x; `state` holds beta, alpha, Pbb, Pba, Paa and is updated."""
    beta, alpha, pbb, pba, paa = state
    for i in range(y.size):
        if i > 0:
            pbb += step_beta
            paa += step_alpha
        if not (np.isfinite(y[i]) and np.isfinite(x[i])):
            rows[0, i] = rows[1, i] = rows[2, i] = rows[3, i] = np.nan
            continue
        surprise = y[i] - (beta * x[i] + alpha)
        gain_b = pbb * x[i] + pba  # P H', the gains times the innovation's variance
        gain_a = pba * x[i] + paa
        variance = gain_b * x[i] + gain_a + noise
        beta += gain_b / variance * surprise
        alpha += gain_a / variance * surprise
        pbb -= gain_b / variance * gain_b
        pba -= gain_b / variance * gain_a
        paa -= gain_a / variance * gain_a
        rows[0, i], rows[1, i], rows[2, i], rows[3, i] = beta, alpha, surprise, variance
    state[0], state[1], state[2], state[3], state[4] = beta, alpha, pbb, pba, paa


def _start(initial_state: Any, initial_cov: Any) -> FloatArray:
    """beta, alpha, Pbb, Pba, Paa before the first bar, checked."""
    mean = np.asarray(initial_state, dtype=float)
    if mean.shape != (2,) or not np.isfinite(mean).all():
        raise ValueError(f"initial_state is {initial_state}, expected (beta, alpha)")
    cov = np.asarray(initial_cov, dtype=float)
    if cov.shape == ():
        cov = cov * np.eye(2)
    if cov.shape != (2, 2) or not np.isfinite(cov).all() or cov[0, 1] != cov[1, 0]:
        raise ValueError(f"initial_cov is {initial_cov}, expected a number or a symmetric 2 x 2")
    if cov[0, 0] < 0 or cov[1, 1] < 0 or cov[0, 1] ** 2 > cov[0, 0] * cov[1, 1]:
        raise ValueError(f"initial_cov is {initial_cov}, expected no negative variance")
    return np.array([*mean, cov[0, 0], cov[0, 1], cov[1, 1]])


def _walk(delta: float, observation_var: float) -> float:
    """Variance of a step of the state, delta / (1 - delta)."""
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}, expected a number between 0 and 1")
    if not 0 < observation_var < math.inf:
        raise ValueError(f"observation_var is {observation_var}, expected a number above 0")
    return delta / (1.0 - delta)


def kalman_hedge(
    y: Any,
    x: Any,
    *,
    delta: float = 1e-4,
    observation_var: float = 1e-3,
    initial_state: Any = (0.0, 0.0),
    initial_cov: Any = 0.0,
) -> KalmanHedge:
    """Filter beta and alpha of y = beta x + alpha + noise, in the legs' own units.

    y, x: shape (n,). initial_state and initial_cov (a number, times I, or a 2 x 2
    matrix) are what is believed of (beta, alpha) at the first bar, before it is seen;
    every later bar first adds Vw. innovation is y less its prediction before the
    update, innovation_var the prediction's variance, beta and alpha the state after the
    update: all four are known at the close of their bar.

    A bar that lacks either price is NaN; the state waits there and grows less certain.
    Raises ValueError where y and x are not equally long or a setting is out of range.

    >>> beta, alpha, innovation, innovation_var = kalman_hedge([2, 4, 6], [1, 2, 3])
    >>> innovation.round(4), innovation_var.round(4)
    (array([2.    , 4.    , 4.1332]), array([0.001 , 0.0015, 0.0027]))
    """
    y, x = two_series("y", y, "x", x)
    step = _walk(delta, observation_var)
    rows = np.empty((4, len(y)))
    _filter(y, x, step, step, float(observation_var), _start(initial_state, initial_cov), rows)
    return KalmanHedge(*rows)


class _Scale(NamedTuple):
    """Where a pair's legs are centred, and what is 1 for the filter."""

    centre_y: float
    centre_x: float
    unit_y: float
    unit_x: float


def _scale(y: FloatArray, x: FloatArray, intercept: bool) -> _Scale:
    """y in its standard deviations, x to length 1, both about their means.

    Without intercept the origin stays where it is. x at length 1, not at variance 1, lets
    beta remember about 3 sqrt(n) bars instead of 3.
    """
    centre_y, centre_x = (float(y.mean()), float(x.mean())) if intercept else (0.0, 0.0)
    unit_y = math.sqrt(float(np.mean((y - centre_y) ** 2)))
    unit_x = math.sqrt(float(np.sum((x - centre_x) ** 2)))
    return _Scale(centre_y, centre_x, unit_y or 1.0, unit_x)


def _filter_scaled(
    y: FloatArray, x: FloatArray, scale: _Scale, n: int, intercept: bool
) -> tuple[FloatArray, FloatArray, float]:
    """beta and alpha in the legs' own units, and beta's last standard deviation."""
    step = _walk(1e-4, 1e-3)
    free = 1.0 if intercept else 0.0
    state = np.array([0.0, 0.0, float(n), 0.0, free])
    rows = np.empty((4, len(y)))
    legs = ((y - scale.centre_y) / scale.unit_y, (x - scale.centre_x) / scale.unit_x)
    for leg in legs:
        leg.flags.writeable = False  # one type for the kernel
    _filter(*legs, step, step * free, 1e-3, state, rows)
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
    beta, alpha, stderr = _filter_scaled(y, x, scale, len(y), intercept)
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
    moves = [_first_move(leg[rows], intercept) for leg in (y, x)]
    need = max(window, *(move + 1 for move in moves))
    if need <= len(rows):
        first = rows[:need]
        scale = _scale(y[first], x[first], intercept)
        beta, alpha, _ = _filter_scaled(y, x, scale, need, intercept)
        beta[: first[-1]] = alpha[: first[-1]] = np.nan
    return beta, alpha


def _first_move(values: FloatArray, intercept: bool) -> int:
    """Index of the first value apart from the first (without intercept: from 0), or n."""
    moved = values != (values[:1] if intercept else 0.0)
    return int(np.argmax(moved)) if moved.any() else len(values)
