"""Volume-weighted average price, sum(price * size) / sum(size), in quote currency.

Prices enter as differences from the first one, so that the result holds its digits at
any price. A row counts when its price and its size are finite; a size below zero is a
caller's mistake. NaN stands where nothing was traded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.arrays import two_series, whole
from analytics.model import FloatArray
from analytics.rolling import rolling_mean


def _shifted(price: Any, size: Any) -> tuple[float, FloatArray, FloatArray]:
    """First price, turnover of the price's distance from it, and size; NaN where missing."""
    prices, sizes = two_series("price", price, "size", size)
    if len(sizes) and np.fmin.reduce(sizes) < 0:
        row = int(np.argmax(sizes < 0))
        raise ValueError(f"size is {sizes[row]} in row {row}, expected 0 or more")
    known = np.isfinite(prices) & np.isfinite(sizes)
    first = float(prices[np.argmax(known)]) if known.any() else np.nan
    sizes = np.where(known, sizes, np.nan)
    return first, np.where(known, prices - first, np.nan) * sizes, sizes


def _over(first: float, turnover: FloatArray, size: FloatArray) -> FloatArray:
    """first + turnover / size, NaN where the size is not above zero."""
    empty = np.full(len(size), np.nan)
    return first + np.divide(turnover, size, out=empty, where=size > 0)


def vwap(price: Any, size: Any) -> float:
    """Volume-weighted average of all rows; price and size of shape (n,).

    Rows without price or size are left out; NaN where no size is above zero. Raises
    ValueError where price and size are not equally long or a size is below zero.

    >>> vwap([100, 103], [2, 1])
    101.0
    """
    first, turnover, size_ = _shifted(price, size)
    total = np.nansum(size_)
    return first + float(np.nansum(turnover) / total) if total > 0 else float("nan")


def cumulative_vwap(price: Any, size: Any) -> FloatArray:
    """Volume-weighted average of all rows up to each, shape (n,).

    A row without price or size is NaN itself and counts for none of the later ones.
    Raises ValueError as `vwap` does.

    >>> cumulative_vwap([100, 103, None, 101], [2, 1, 1, 3])
    array([100., 101.,  nan, 101.])
    """
    first, turnover, size_ = _shifted(price, size)
    totals = np.nancumsum(turnover), np.nancumsum(size_)
    return np.where(np.isnan(size_), np.nan, _over(first, *totals))


def rolling_vwap(price: Any, size: Any, window: int) -> FloatArray:
    """Volume-weighted average of the `window` rows that end at each, shape (n,).

    NaN until the first full window, in windows that hold a NaN and in windows in which
    nothing was traded. Raises ValueError as `vwap` does, and where window is below 1.

    >>> rolling_vwap([100, 103, 101], [2, 1, 3], 2)
    array([  nan, 101. , 101.5])
    """
    first, turnover, size_ = _shifted(price, size)
    window = whole("window", window, 1)
    return _over(first, rolling_mean(turnover, window), rolling_mean(size_, window))
