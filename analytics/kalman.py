"""The hedge ratio as a state that wanders: a Kalman filter of y = beta x + alpha + noise.

State (beta, alpha) is a random walk whose steps have the covariance Vw = delta / (1 -
delta) I; y is observed with variance observation_var. With two states and one
observation the filter is a few lines of arithmetic a bar, written out in `_kalman`.

Source: Kalman (1960); in this form Chan, Algorithmic Trading (2013), chapter 3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from analytics._kernels.kalman import run_filter
from analytics.arrays import by_name, number, numbers, two_series
from analytics.model import FloatArray


class KalmanHedge(NamedTuple):
    """State after each bar, and the surprise that the bar was, shape (n,) each."""

    beta: FloatArray
    alpha: FloatArray
    innovation: FloatArray
    innovation_var: FloatArray


def _start(initial_state: Any, initial_cov: Any) -> FloatArray:
    """beta, alpha, Pbb, Pba, Paa before the first bar, checked."""
    state = ("beta", "alpha")
    mean = numbers("initial_state", by_name("initial_state", initial_state, state))
    if mean.shape != (2,) or not np.isfinite(mean).all():
        raise ValueError(f"initial_state is {initial_state}, expected (beta, alpha)")
    for axis in (0, 1):
        initial_cov = by_name("initial_cov", initial_cov, state, axis=axis)
    cov = numbers("initial_cov", initial_cov)
    if cov.shape == ():
        cov = cov * np.eye(2)
    if cov.shape != (2, 2) or not np.isfinite(cov).all() or cov[0, 1] != cov[1, 0]:
        raise ValueError(f"initial_cov is {initial_cov}, expected a number or a symmetric 2 x 2")
    if cov[0, 0] < 0 or cov[1, 1] < 0 or cov[0, 1] ** 2 > cov[0, 0] * cov[1, 1]:
        raise ValueError(f"initial_cov is {initial_cov}, expected no negative variance")
    return np.array([*mean, cov[0, 0], cov[0, 1], cov[1, 1]])


def _walk(delta: float, observation_var: float) -> float:
    """Variance of a step of the state, delta / (1 - delta)."""
    delta = number("delta", delta)
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}, expected a number between 0 and 1")
    if not 0 < number("observation_var", observation_var) < math.inf:
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
    start, noise = _start(initial_state, initial_cov), float(observation_var)
    run_filter(y, x, (0.0, 0.0, 1.0, 1.0), step, step, noise, start, rows)
    return KalmanHedge(*rows)
