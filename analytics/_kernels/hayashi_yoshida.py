"""Hayashi and Yoshida's covariance of two series that change at their own instants."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def overlapping_products(ts_y, y, ts_x, x, shift):  # type: ignore[no-untyped-def]
    """Sum of dy dx over all pairs of changes whose times overlap, x's times moved by `shift`.

    ts_y, ts_x: int64, rising strictly. The changes of x that overlap one change of y are
    neighbours and add up to a single difference, so that one pass over both is enough.
    """
    total = 0.0
    before, after = 0, 0  # of x: the last value at or before the start of dy, the first at its end
    for i in range(1, ts_y.size):
        start, stop = ts_y[i - 1] - shift, ts_y[i] - shift
        while before + 1 < ts_x.size and ts_x[before + 1] <= start:
            before += 1
        while after + 1 < ts_x.size and ts_x[after] < stop:
            after += 1
        if after > before:
            total += (y[i] - y[i - 1]) * (x[after] - x[before])
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def sum_of_squared_changes(x):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(1, x.size):
        step = x[i] - x[i - 1]
        total += step * step
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def last_of_each_time(ts, values):  # type: ignore[no-untyped-def]
    """Times without repetition, and the last value at each; ts must not fall."""
    times, kept = np.empty_like(ts), np.empty_like(values)
    count = 0
    for i in range(ts.size):
        if i + 1 == ts.size or ts[i + 1] != ts[i]:
            times[count], kept[count] = ts[i], values[i]
            count += 1
    return times[:count], kept[:count]
