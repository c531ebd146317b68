"""Volume-weighted average price, sum(price * size) / sum(size), in quote currency.

A row counts when its price and its size are finite; a size below zero is a caller's
mistake. NaN stands where nothing was traded. All terms of the sums are positive, so
nothing cancels, and the result is good to some units in the last place.

Source: Berkowitz, Logue and Noser, "The total cost of transactions on the NYSE", The Journal
of Finance 43 (1988).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.arrays import two_series, whole
from analytics.model import FloatArray
from analytics.rolling import rolling_mean


def _traded(price: Any, size: Any) -> tuple[FloatArray, FloatArray]:
    """Turnover and volume of each row, both NaN where either was missing."""
    prices, sizes = two_series("price", price, "size", size, ties=True)
    if (sizes < 0).any():
        row = int(np.argmax(sizes < 0))
        raise ValueError(f"size is {sizes[row]} in row {row}, expected 0 or more")
    known = np.isfinite(prices) & np.isfinite(sizes)
    volume = np.where(known, sizes, np.nan)
    return np.where(known, prices, np.nan) * volume, volume


def _over(turnover: FloatArray, volume: FloatArray) -> FloatArray:
    """turnover / volume, NaN where the volume is not above zero."""
    return np.divide(turnover, volume, out=np.full(len(volume), np.nan), where=volume > 0)


def vwap(price: Any, size: Any) -> float:
    """Volume-weighted average of all rows; price and size of shape (n,).

    Rows without price or size are left out; NaN where no size is above zero. Raises
    ValueError where price and size are not equally long or a size is below zero.

    >>> vwap([100, 103], [2, 1])
    101.0
    """
    turnover, volume = _traded(price, size)
    total = np.nansum(volume)
    return float(np.nansum(turnover) / total) if total > 0 else float("nan")


def cumulative_vwap(price: Any, size: Any) -> FloatArray:
    """Volume-weighted average of all rows up to each, shape (n,).

    A row without price or size is NaN itself and counts for none of the later ones.
    Raises ValueError as `vwap` does.

    >>> cumulative_vwap([100, 103, None, 101], [2, 1, 1, 3])
    array([100., 101.,  nan, 101.])
    """
    turnover, volume = _traded(price, size)
    line = _over(np.nancumsum(turnover), np.nancumsum(volume))
    return np.where(np.isnan(volume), np.nan, line)


def rolling_vwap(price: Any, size: Any, window: int) -> FloatArray:
    """Volume-weighted average of the `window` rows that end at each, shape (n,).

    NaN until the first full window, in windows that hold a NaN and in windows in which
    nothing was traded. Raises ValueError as `vwap` does, and where window is below 1.

    >>> rolling_vwap([100, 103, 101], [2, 1, 3], 2)
    array([  nan, 101. , 101.5])
    """
    turnover, volume = _traded(price, size)
    window = whole("window", window, 1)
    return _over(rolling_mean(turnover, window), rolling_mean(volume, window))
