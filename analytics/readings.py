"""What a rule reads of each closed bar: the value as it was known when that bar closed.

A snapshot has one hedge ratio for all rows in view, that of its newest bar; so a row of it
changes as bars come. A reading must not: it is the newest value of the snapshot that ends at
its own bar. So the readings of a burst, of a replay at any speed and of a file read at once
are those that each bar would have had by itself.
"""

from __future__ import annotations

import numpy as np

from analytics._alignment import Aligned, align
from analytics._pair_parts import MIN_ROWS, correlations, legs_of
from analytics.hedge import fit_hedge
from analytics.model import Bars, FloatArray, IntArray, PairParams
from analytics.rolling import rolling_moments
from analytics.spread import spread as spread_of
from analytics.stationarity import rolling_adf

#: What can be read of a pair, by the names of alert rules.
PAIR_METRICS = ("z", "spread", "correlation", "adf_pvalue")


def pair_readings(
    y: Bars, x: Bars, params: PairParams, metric: str, after_ms: int, until_ms: int
) -> tuple[IntArray, FloatArray]:
    """A metric of a pair at each aligned bar that opens after `after_ms`, up to `until_ms`.

    y, x: bars of the legs, from at least `params.limit` aligned rows before the first one
    asked for. metric: one of PAIR_METRICS. Returns times and values, shape (n,). A value is
    that of `analyze_pair` on the bars up to its own time (z, spread, corr of the last row, the
    last p-value of the ADF line), NaN where that is NotReady or has none. Raises ValueError
    for an unknown metric, or legs of different timeframes.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> steps = np.sin(np.arange(100.0) ** 2)
    >>> x = bars("B", 50.0 + np.cumsum(steps))
    >>> y = bars("A", 2.0 * x.close + steps)
    >>> times, z = pair_readings(y, x, PairParams("A", "B"), "z", 97_000, 99_000)
    >>> times.tolist(), z.round(2).tolist()
    ([98000, 99000], [-0.7, -1.36])
    """
    if metric not in PAIR_METRICS:
        raise ValueError(f"metric is {metric!r}, expected one of {', '.join(PAIR_METRICS)}")
    rows = align(y, x, None, params.min_trades)
    first, last = np.searchsorted(rows.ts_ms, (after_ms, until_ms), side="right").tolist()
    values = np.full(max(last - first, 0), np.nan)
    for place, end in enumerate(range(first + 1, last + 1)):
        view = _view(rows, max(end - params.limit, 0), end)
        if len(view) >= max(params.z_window, MIN_ROWS):
            values[place] = _newest(view, params, metric)
    return rows.ts_ms[first : max(first, last)], values


def _view(rows: Aligned, begin: int, end: int) -> Aligned:
    part = slice(begin, end)
    return Aligned(rows.ts_ms[part], rows.y[part], rows.x[part], rows.carried[part], 0)


def _newest(rows: Aligned, params: PairParams, metric: str) -> float:
    """The metric at the last of the rows, from these rows alone."""
    if metric == "correlation":
        return float(correlations(rows, params)[0][-1])
    legs = legs_of(rows, params.price_space)
    window = legs.newest(min(params.hedge_window or len(rows), len(rows)))
    fit = fit_hedge(window.y, window.x, params.hedge, params.intercept)
    spread = spread_of(legs.y, legs.x, fit.beta, fit.alpha)
    if metric == "spread":
        return float(spread[-1])
    if metric == "z":
        return float(rolling_moments(spread, params.z_window).zscore[-1])
    if len(spread) < params.adf_window:
        return np.nan
    newest = spread[-params.adf_window :]
    _, pvalues = rolling_adf(
        newest, params.adf_window, trend=params.trend, lag_method=params.lag_method
    )
    return float(pvalues[-1])
