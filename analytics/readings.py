"""What alert rules read of a pair: one metric at given bars, each as it was known then.

The same figures as `analytics.pair.analyze_pair` has at its newest bar, without the rest of
the snapshot: a hundredth of its cost, so that hundreds of rules can be read at each update.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics._pair_parts import MIN_ROWS, Legs, legs_of, returns_of, spread_of
from analytics.alignment import Aligned, align, shared_times
from analytics.cointegration import engle_granger
from analytics.hedge import fit_hedge
from analytics.model import Bars, FloatArray, IntArray, PairParams
from analytics.rolling import rolling_corr, rolling_moments
from analytics.stationarity import rolling_adf

#: Least variation against the size of the values at which plain sums are as good as any.
_SHORT_WAY = 1e-7


@dataclass(frozen=True, eq=False)
class _View:
    """The rows that end at one bar: closes, the legs in the space of the analysis, flags."""

    params: PairParams
    closes: tuple[FloatArray, FloatArray]
    y: FloatArray
    x: FloatArray
    carried: npt.NDArray[np.bool_]

    @cached_property
    def line(self) -> tuple[float, float]:
        """beta and alpha as the snapshot has them."""
        return hedge_line(self.y, self.x, self.params)

    @cached_property
    def _spread(self) -> FloatArray:
        return spread_of(self.y, self.x, *self.line)

    def spread(self, rows: int) -> FloatArray:
        """The newest rows of the spread."""
        return self._spread[-rows:]


def hedge_line(y: FloatArray, x: FloatArray, params: PairParams) -> tuple[float, float]:
    """beta and alpha by the pair's method on its newest hedge_window rows (None: all).

    y, x: shape (n,), in the space of the analysis. The line that `analyze_pair` has.

    >>> x = np.arange(100.0)
    >>> hedge_line(2.0 * x + 5.0, x, PairParams("A", "B"))
    (2.0, 5.0)
    """
    rows = min(params.hedge_window or len(y), len(y))
    y, x = y[-rows:], x[-rows:]
    line = _least_squares(y, x) if params.hedge == "ols" and params.intercept else None
    if line is not None:
        return line
    fit = fit_hedge(y, x, params.hedge, params.intercept)
    return fit.beta, fit.alpha


def _least_squares(y: FloatArray, x: FloatArray) -> tuple[float, float] | None:
    """beta and alpha by the short way; None where the rows ask for the careful one."""
    mean_y, mean_x = float(np.add.reduce(y)) / len(y), float(np.add.reduce(x)) / len(x)
    near = x - mean_x
    squares = float(near @ near)
    if not squares > len(x) * (_SHORT_WAY * mean_x) ** 2:
        return None
    beta = float(near @ (y - mean_y)) / squares
    return (beta, mean_y - beta * mean_x) if math.isfinite(beta) else None


def _z(view: _View) -> float:
    window = view.spread(view.params.z_window)
    near = window - np.add.reduce(window) / len(window)
    near -= np.add.reduce(near) / len(near)
    squares, last = float(near @ near), float(near[-1])
    if not squares > len(near) * (_SHORT_WAY * float(np.abs(window).max())) ** 2:
        return float(rolling_moments(window, len(window)).zscore[-1])
    return last / math.sqrt(squares / (len(near) - 1))


def _correlation(view: _View) -> float:
    window, (y, x) = view.params.corr_window, view.closes
    if view.params.corr_on == "prices":
        a, b = y[-window:], x[-window:]
    elif view.carried[-1]:
        return np.nan
    else:
        at = np.flatnonzero(~view.carried)[-(window + 1) :]
        a, b = (returns_of(leg[at]) for leg in (y, x))
    return float(rolling_corr(a, b, window)[-1]) if len(a) == window else np.nan


def _adf_pvalue(view: _View) -> float:
    window = view.params.adf_window
    if len(view.y) < window:
        return np.nan
    options: dict[str, Any] = {"trend": view.params.trend, "lag_method": view.params.lag_method}
    _, pvalues = rolling_adf(view.spread(window), window, 1, **options)
    return float(pvalues[-1])


def _engle_granger_pvalue(view: _View) -> float:
    options: dict[str, Any] = {"trend": view.params.trend, "lag_method": view.params.lag_method}
    try:
        test = engle_granger(view.y, view.x, **options)
    except ValueError:  # a constant leg, too few rows: no such test
        return np.nan
    return test.pvalue if math.isfinite(test.statistic) else np.nan  # else collinear: no test


_READ: dict[str, Callable[[_View], float]] = {
    "z": _z,
    "spread": lambda view: float(view.spread(1)[-1]),
    "correlation": _correlation,
    "adf_pvalue": _adf_pvalue,
    "engle_granger_pvalue": _engle_granger_pvalue,
    "hedge_ratio": lambda view: view.line[0],
}
#: The metrics of a pair that can be read.
PAIR_METRICS: tuple[str, ...] = tuple(_READ)


def pair_readings(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    metrics: Collection[str],
    ends_ms: npt.ArrayLike,
) -> dict[str, FloatArray]:
    """Metrics of a pair at bars, each from the rows up to that bar and no later ones.

    metrics: any of z, spread, correlation, adf_pvalue (of the newest adf_window rows of the
    spread), engle_granger_pvalue (of the legs over the rows in view) and hedge_ratio. ends_ms:
    open times of aligned bars, shape (k,). The answer's arrays have shape (k,); NaN where no
    row has that time (the activity filter left it out), before max(z_window, 30) rows and
    wherever the figure itself is not defined. Give the legs' bars from params.limit rows
    before the first end on, or all there are. Raises ValueError for an unknown metric.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> steps = np.sin(np.arange(100.0) ** 2)
    >>> x = bars("B", 50.0 + np.cumsum(steps))
    >>> y = bars("A", 2.0 * x.close + steps)
    >>> read = pair_readings(y, x, PairParams("A", "B"), ["z"], [58_000, 99_000])
    >>> read["z"].round(3).tolist()  # the first has 59 rows, 60 are needed
    [nan, -1.358]
    """
    for metric in metrics:
        if metric not in PAIR_METRICS:
            raise ValueError(f"metric is {metric!r}, expected one of {', '.join(PAIR_METRICS)}")
    ends = np.atleast_1d(np.asarray(ends_ms, dtype=np.int64))
    made = {metric: np.full(len(ends), np.nan) for metric in metrics}
    if not len(ends):
        return made
    span = (int(ends.min()), int(ends.max()))
    before = None if params.filtered else params.limit
    y, x = (_stretch(bars, span, before) for bars in (y_bars, x_bars))
    rows = align(y, x, None, params.min_trades, params.min_volume)
    legs = legs_of(rows, params.price_space)
    for index, end in enumerate(ends.tolist()):
        stop = int(rows.ts_ms.searchsorted(end, side="right"))
        start = max(stop - params.limit, 0)
        known = stop > 0 and rows.ts_ms[stop - 1] == end
        if not known or stop - start < max(params.z_window, MIN_ROWS):
            continue
        view = _view(rows, legs, params, slice(start, stop))
        for metric in metrics:
            made[metric][index] = _READ[metric](view)
    return made


def _stretch(bars: Bars, span: tuple[int, int], before: int | None) -> Bars:
    """The bars of a span of times, and as many `before` it (None: all)."""
    first = last = int(bars.ts_ms.searchsorted(span[0], side="right"))
    if span[1] != span[0]:
        last = int(bars.ts_ms.searchsorted(span[1], side="right"))
    start = 0 if before is None else max(first - before - 1, 0)
    return bars[start:last]


def _view(rows: Aligned, legs: Legs, params: PairParams, part: slice) -> _View:
    closes = (rows.y[part], rows.x[part])
    return _View(params, closes, legs.y[part], legs.x[part], rows.carried[part])


def readings_between(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    metrics: Collection[str],
    after_ms: int,
    until_ms: int,
) -> tuple[IntArray, dict[str, FloatArray]]:
    """Times and values of `pair_readings` at every bar of either leg within a span, shape (k,).

    The bars that open after `after_ms`, up to `until_ms`, from the later leg's first bar on.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> x = 50.0 + np.sin(np.arange(100.0))
    >>> pair = PairParams("A", "B")
    >>> readings_between(bars("A", 2 * x), bars("B", x), pair, ["correlation"], 97_000, 99_000)
    (array([98000, 99000]), {'correlation': array([1., 1.])})
    """
    times = shared_times(y_bars, x_bars)
    times = times[(times > after_ms) & (times <= until_ms)]
    return times, pair_readings(y_bars, x_bars, params, metrics, times)
