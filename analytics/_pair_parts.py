"""What `analytics.pair` and `analytics.readings` share: legs, spread, correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics._kernels.adf import NOISE
from analytics.alignment import Aligned
from analytics.correlation import LEAST_OBSERVATIONS, pearson
from analytics.model import BoolArray, FloatArray, PairParams
from analytics.rolling import rolling_corr
from analytics.spread import spread

#: Rows below which no pair is analysed, whatever its windows.
MIN_ROWS = 30
#: Why there is no z-score of legs that are multiples of one another.
MULTIPLES = "Y and X are multiples of one another, so their spread is nothing but rounding"


@dataclass(frozen=True, eq=False)
class Legs:
    """The legs in the space of the analysis: prices or their logarithms."""

    y: FloatArray
    x: FloatArray

    def newest(self, rows: int) -> Legs:
        return Legs(self.y[-rows:], self.x[-rows:])


def legs_of(rows: Aligned, price_space: str) -> Legs:
    if price_space == "log":
        return Legs(np.log(rows.y), np.log(rows.x))
    return Legs(rows.y, rows.x)


def spread_of(y: FloatArray, x: FloatArray, beta: float, alpha: float) -> FloatArray:
    """y - beta x - alpha, shape (n,); constant where it varies by nothing but rounding.

    Legs that are multiples of one another leave the last bits of their logarithms, of which
    no z and no test must be taken.
    """
    line = spread(y, x, beta, alpha)
    size = abs(float(y[-1])) + abs(beta) * abs(float(x[-1]))
    if float(line.max()) - float(line.min()) <= NOISE * size:
        return np.full(len(line), line[-1])
    return line


def are_multiples(y: FloatArray, x: FloatArray) -> bool:
    """Whether prices above zero, shape (n,), have one ratio but for their rounding.

    >>> prices = np.array([0.1, 0.2, 0.7])
    >>> bool(are_multiples(3.0 * prices, prices)), bool(are_multiples(prices + 1.0, prices))
    (True, False)
    """
    if not len(y):
        return False
    ratio = y / x
    low, high = float(ratio.min()), float(ratio.max())
    return high - low <= NOISE * abs(high)


def scatter(values: FloatArray, places: BoolArray) -> FloatArray:
    """Values at the rows that a mask of shape (n,) chooses, NaN elsewhere.

    >>> scatter(np.array([1.0, 2.0]), np.array([True, False, True]))
    array([ 1., nan,  2.])
    """
    if len(values) == len(places):
        return values
    rows = np.full(len(places), np.nan)
    rows[places] = values
    return rows


def hold(values: FloatArray, places: BoolArray) -> FloatArray:
    """Values at the rows that a mask of shape (n,) chooses, each until the next such row.

    NaN before the first of them.

    >>> hold(np.array([1.0, 2.0]), np.array([False, True, False, True]))
    array([nan,  1.,  1.,  2.])
    """
    if len(values) == len(places):
        return values
    return np.concatenate(([np.nan], values))[np.cumsum(places)]


def returns_of(closes: FloatArray) -> FloatArray:
    """Simple returns from row to row, shape (n - 1,). The difference of near prices is exact,
    where a ratio less 1 would lose ten digits of a tick's return.
    """
    return np.diff(closes) / closes[:-1]


def correlations(rows: Aligned, params: PairParams) -> tuple[FloatArray, float]:
    """Rolling correlation, NaN on carried rows where it is of returns, and that of the view."""
    line = np.full(len(rows), np.nan)
    at = np.arange(len(rows))
    a, b = rows.y, rows.x
    if params.corr_on == "returns":
        at = np.flatnonzero(~rows.carried)
        a, b = (returns_of(leg[at]) for leg in (a, b))
        at = at[1:]
    if len(at) >= params.corr_window:
        line[at] = rolling_corr(a, b, params.corr_window)
    if len(at) < LEAST_OBSERVATIONS:
        return line, np.nan
    return line, pearson(a, b)
