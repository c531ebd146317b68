"""What `analytics.pair`, `analytics.readings` and the back-test share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics._kernels.adf import NOISE
from analytics._one_line import on_one_line
from analytics.alignment import Aligned
from analytics.correlation import LEAST_OBSERVATIONS, pearson
from analytics.model import BoolArray, FloatArray, IntArray, PairParams, frozen
from analytics.rolling import rolling_corr
from analytics.spread import spread

#: Rows below which no pair is analysed, whatever its windows.
MIN_ROWS = 30


@dataclass(frozen=True, eq=False)
class TradedRows:
    """The aligned rows in which both legs traded: what every statistic of levels rests on.

    price_y, price_x: closes; y, x: the same in the space of the analysis, prices or their
    logarithms; shape (n,) each. reach: the first row of the view that ends at each row. first:
    the first row in view. places: which of the aligned rows these are.
    """

    ts_ms: IntArray
    price_y: FloatArray
    price_x: FloatArray
    y: FloatArray
    x: FloatArray
    reach: IntArray
    first: int
    places: BoolArray

    def __len__(self) -> int:
        return len(self.ts_ms)

    @property
    def log(self) -> bool:
        """Whether y and x are logarithms."""
        return self.y is not self.price_y


def traded_rows(rows: Aligned, params: PairParams) -> TradedRows:
    """The rows in which both legs traded, and have prices in the space of the analysis.

    A view is the `params.limit` aligned rows that end at a row, carried ones among them.
    """
    places = ~rows.carried
    places &= np.isfinite(rows.y) & np.isfinite(rows.x)
    if params.price_space == "log":
        places &= (rows.y > 0.0) & (rows.x > 0.0)
    count, every = int(np.count_nonzero(places)), len(rows)
    at = np.arange(every) if count == every else np.flatnonzero(places)
    reach = at - (params.limit - 1)
    if count == every:
        ts_ms, price_y, price_x, first = rows.ts_ms, rows.y, rows.x, rows.start
        reach = np.maximum(reach, 0)
    else:
        ts_ms, price_y, price_x = rows.ts_ms[at], rows.y[at], rows.x[at]
        reach, first = np.searchsorted(at, reach), int(np.searchsorted(at, rows.start))
    price_y, price_x = frozen(price_y, np.float64), frozen(price_x, np.float64)
    y, x = price_y, price_x
    if params.price_space == "log":
        y, x = frozen(np.log(price_y), np.float64), frozen(np.log(price_x), np.float64)
    return TradedRows(ts_ms, price_y, price_x, y, x, reach, first, places)


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


def only_rounding(rows: TradedRows, part: slice, params: PairParams) -> bool:
    """Whether legs that lie on one line leave the pair's line nothing but rounding.

    `spread_of` sees it of a line through all rows; a filter's, and lines from row to row, leave
    last bits that look as if they moved. A line that is given may leave a share of X: that is
    the spread that was asked for.
    """
    return params.spread_mode != "locked" and on_one_line(rows.y[part], rows.x[part], rows.log)


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


def hold(values: FloatArray, places: BoolArray, before: float = np.nan) -> FloatArray:
    """Values at the rows that a mask of shape (n,) chooses, each until the next such row.

    before: the value until the first of them.

    >>> hold(np.array([1.0, 2.0]), np.array([False, True, False, True]))
    array([nan,  1.,  1.,  2.])
    """
    if len(values) == len(places):
        return values
    return np.concatenate(([before], values))[np.cumsum(places)]


def returns_of(closes: FloatArray) -> FloatArray:
    """Simple returns from row to row, shape (n - 1,). The difference of near prices is exact,
    where a ratio less 1 would lose ten digits of a tick's return.
    """
    return np.diff(closes) / closes[:-1]


def correlation_line(rows: TradedRows, params: PairParams, first: int, stop: int) -> FloatArray:
    """Rolling correlation at the rows first..stop-1, of returns between these rows or of prices."""
    of_returns = params.corr_on == "returns"
    begin = max(first - params.corr_window - of_returns + 1, 0)
    legs = rows.price_y[begin:stop], rows.price_x[begin:stop]
    line = np.full(stop - begin, np.nan)
    if stop - begin > of_returns:
        a, b = (returns_of(leg) for leg in legs) if of_returns else legs
        line[int(of_returns) :] = rolling_corr(a, b, params.corr_window, unit=float(of_returns))
    return line[first - begin :]


def correlation_of_view(rows: TradedRows, params: PairParams) -> float:
    """Correlation over all rows in view; NaN of too few."""
    legs = rows.price_y[rows.first :], rows.price_x[rows.first :]
    of_returns = params.corr_on == "returns"
    a, b = (returns_of(leg) for leg in legs) if of_returns else legs
    return pearson(a, b, unit=float(of_returns)) if len(a) >= LEAST_OBSERVATIONS else np.nan
