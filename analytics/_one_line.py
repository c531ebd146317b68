"""Legs that lie on one line, whose spread is nothing but rounding whatever hedges them.

Y = 3X, 3X + c, 500 - X, X cubed in logarithms, a leg that stands still: what a hedge leaves of
them is rounding, or a share of X by a line that misses. Neither is a spread that comes back, so
there is no z-score of it. Legs count as such where what the best line leaves of Y deviates by no
more than 1e-6 of Y's price, a hundredth of a basis point (`analytics._kernels.known.LEAST_SPREAD`):
that takes in the rounding of feeds that send single precision, and nothing that anybody could
trade. A spread that is small beside Y's own moves, as of a coin in spot and futures, is one.
"""

from __future__ import annotations

import numpy as np

from analytics._kernels.adf import NOISE
from analytics._kernels.known import one_line_windows, window_moments
from analytics.model import BoolArray, FloatArray, IntArray

#: Why there is no z-score of legs that are multiples of one another, or lie on another line.
MULTIPLES = "Y and X are multiples of one another, so their spread is nothing but rounding"
ONE_LINE = "Y and X lie on one line, so their spread is nothing but rounding"
#: Why there is none of legs of which one stands still; {}: its name.
STILL = "{} does not vary, so there is nothing to hedge"
NO_SPREAD = "the spread does not vary, so it has no z-score"


def one_line_at(
    y: FloatArray, x: FloatArray, log: bool, starts: IntArray, first: int, alone: bool = False
) -> BoolArray:
    """Whether the legs lie on one line in the window of each row from `first` on.

    y, x: shape (n,), logarithms of prices where `log`. starts: the first row of the window that
    ends at each row, ascending, shape (n,). alone: each row by itself, to the same bits whichever
    rows are asked for. True for a window of fewer than two rows as well.

    >>> x = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    >>> y = np.array([5.0, 8.0, 14.0, 26.0, 49.0])  # 3x + 2, but for the last
    >>> one_line_at(y, x, False, np.array([0, 0, 0, 1, 2]), first=1)
    array([ True,  True,  True, False])
    """
    moments = np.empty((5, len(y) - first))
    window_moments(y, x, starts, first, alone, moments)
    alike = np.empty(len(y) - first, np.bool_)
    one_line_windows(moments, starts, first, log, alike)
    return alike


def on_one_line(y: FloatArray, x: FloatArray, log: bool) -> bool:
    """Whether all rows of the legs lie on one line."""
    if not len(y):
        return False
    return bool(one_line_at(y, x, log, np.zeros(len(y), np.int64), len(y) - 1)[0])


def why_no_spread(prices: tuple[FloatArray, FloatArray], log: bool) -> str:
    """Why legs have no z-score. prices: those of Y and X, above zero where `log`.

    >>> x = np.array([0.1, 0.2, 0.7])
    >>> why_no_spread((3.0 * x, x), log=False) == MULTIPLES
    True
    >>> why_no_spread((3.0 * x + 2.0, x), log=False)
    'Y and X lie on one line, so their spread is nothing but rounding'
    >>> why_no_spread((x, np.full(3, 5.0)), log=False)
    'X does not vary, so there is nothing to hedge'
    """
    if _are_multiples(*prices):
        return MULTIPLES
    for name, leg in zip("YX", prices, strict=True):
        if leg.max() - leg.min() <= NOISE * abs(leg[-1]):
            return STILL.format(name)
    y, x = np.log(prices) if log else prices
    return ONE_LINE if on_one_line(y, x, log) else NO_SPREAD


def _are_multiples(y: FloatArray, x: FloatArray) -> bool:
    """Whether prices have one ratio but for their rounding."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = y / x
    low, high = float(ratio.min()), float(ratio.max())
    return high - low <= NOISE * abs(high)
