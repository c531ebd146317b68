"""What a series of returns was worth: Sharpe, Sortino, volatility, drawdown, trades.

Returns are simple returns per period, as fractions (0.01 is one per cent), shape (n,); NaN
or an infinity is a period without a figure and is left out. Definitions are those of
empyrical (Quantopian), with a risk-free rate of 0. Where a ratio has nothing to divide by it
is NaN, and infinite only where that ranks it: a profit factor without a loss. Raises
ValueError where returns is no series of numbers.

How far a Sharpe ratio can be trusted (`analytics._sharpe`): its standard error, the probability
that it is above another, the same after the best of many was chosen, and the track record that
it takes. There Sharpe ratios are a period, not a year.

Source: Bacon, Practical Portfolio Performance Measurement and Attribution (2008).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analytics._sharpe import (
    deflated_sharpe,
    min_track_record,
    probabilistic_sharpe,
    sharpe_stderr,
)
from analytics.arrays import between, number, one_of, series, whole
from analytics.model import TIMEFRAMES, FloatArray, ParameterError, is_timeframe

__all__ = [
    "annual_volatility",
    "bars_per_year",
    "deflated_sharpe",
    "drawdown_duration",
    "hit_rate",
    "max_drawdown",
    "min_track_record",
    "periods_per_year",
    "probabilistic_sharpe",
    "profit_factor",
    "sharpe",
    "sharpe_stderr",
    "sortino",
]

#: Crypto trades 365 x 24 h.
_YEAR_MS = 365 * 24 * 3_600_000


def periods_per_year(timeframe: str) -> float:
    """Bars of a timeframe in a year that never closes.

    Raises ValueError where the timeframe is not one of the product's.

    >>> periods_per_year("1m")
    525600.0
    """
    if not is_timeframe(timeframe):
        one_of("timeframe", timeframe, tuple(TIMEFRAMES))
    return _YEAR_MS / TIMEFRAMES[timeframe]


def bars_per_year(ts_ms: Any, timeframe: str) -> float:
    """Bars in a year at the share of the timeframe's bars that are there.

    What annualises returns that go from one bar to the next where bars may be missing: half of
    the minutes have half of the bars a year. ts_ms: open times in epoch ms, rising, shape (n,).
    Raises ValueError without any of them, for times that fall or repeat, and for a timeframe that
    is not one of the product's.

    >>> bars_per_year([0, 60_000, 180_000], "1m")  # three of four
    394200.0
    """
    yearly, times = periods_per_year(timeframe), series("ts_ms", ts_ms)
    if not len(times):
        raise ValueError("ts_ms has 0 values, expected at least 1")
    falls = ~(np.diff(times) > 0)  # NaN rises neither
    if falls.any():
        row = int(np.argmax(falls)) + 1
        legal = f"a time after {times[row - 1]:.0f}, that of the bar before"
        raise ParameterError(f"ts_ms[{row}]", float(times[row]), legal)
    bar_ms = TIMEFRAMES[timeframe]
    return float(yearly * (len(times) * bar_ms / (times[-1] - times[0] + bar_ms)))


def _returns(returns: Any) -> FloatArray:
    values = series("returns", returns, ordered=False)
    return values[np.isfinite(values)]


def _yearly(periods: Any) -> float:
    return between("periods_per_year", periods, 0.0, math.inf)


def _deviation(values: FloatArray, ddof: int) -> float:
    """Standard deviation with ddof, NaN with fewer than two values."""
    ddof = whole("ddof", ddof, 0)
    if len(values) < 2 or len(values) <= ddof:
        return math.nan
    if values.min() == values.max():
        return 0.0  # rounding of the mean would leave a trace
    return float(np.std(values, ddof=ddof))


def sharpe(returns: Any, periods_per_year: float, ddof: int = 1) -> float:
    """Mean over standard deviation of the returns, times the root of periods_per_year.

    Without unit; NaN with fewer than two returns or where they do not vary. Raises ValueError
    where periods_per_year is not above 0. Source: Sharpe (1994).

    >>> round(sharpe([0.01, -0.02, 0.03, 0.02], 365), 4)
    8.8439
    """
    values, yearly = _returns(returns), _yearly(periods_per_year)
    deviation = _deviation(values, ddof)
    if not deviation > 0:
        return math.nan
    return float(values.mean()) / deviation * math.sqrt(yearly)


def sortino(returns: Any, periods_per_year: float, target: float = 0.0) -> float:
    """Mean excess over `target` per period against its downside deviation, annualised.

    The downside deviation is the root of the mean, over all periods, of the squared
    shortfall below target. NaN with fewer than two returns or without a shortfall.
    Raises ValueError as `sharpe` does. Source: Sortino and Price (1994).

    >>> round(sortino([0.01, -0.02, 0.03, 0.02], 365), 4)
    19.105
    """
    excess = _returns(returns) - number("target", target)
    yearly = _yearly(periods_per_year)
    if len(excess) < 2:
        return math.nan
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    return float(excess.mean()) / downside * math.sqrt(yearly) if downside > 0 else math.nan


def annual_volatility(returns: Any, periods_per_year: float, ddof: int = 1) -> float:
    """Standard deviation of the returns times the root of periods_per_year, a fraction.

    NaN with fewer than two returns. Raises ValueError as `sharpe` does.

    >>> round(annual_volatility([0.01, -0.02, 0.03, 0.02], 365), 4)
    0.4127
    """
    yearly = _yearly(periods_per_year)
    return _deviation(_returns(returns), ddof) * math.sqrt(yearly)


def max_drawdown(returns: Any) -> float:
    """Deepest fall of the compounded returns from an earlier peak, a fraction <= 0.

    The peak counts the start, before the first return. NaN for an empty series; a NaN
    inside leaves the equity where it was.

    >>> round(max_drawdown([0.1, -0.5, 0.2]), 4)
    -0.5
    """
    values = series("returns", returns, ties=True)
    return float(_underwater(values).min()) if len(values) else math.nan


def drawdown_duration(returns: Any) -> float:
    """Periods of the longest time that the compounded returns stay below an earlier peak.

    Counted from the first period below the peak to the last before it is reached again, or to
    the end; 0 where they never fall below. The peak counts the start, before the first return,
    and a NaN inside is a period without a return, as in `max_drawdown`. NaN for an empty series.
    Source: Bacon (2008), chapter 4.

    >>> drawdown_duration([0.1, -0.5, 0.2, 0.9, -0.1])
    2.0
    """
    values = series("returns", returns, ties=True)
    if len(values) == 0:
        return math.nan
    above = np.flatnonzero(np.concatenate((_underwater(values) >= 0.0, [True])))
    return float(np.diff(above).max() - 1)


def _underwater(values: FloatArray) -> FloatArray:
    """Where the compounded returns stand below their peak, a fraction <= 0; shape (n + 1,)."""
    growth = np.where(np.isfinite(values), 1.0 + values, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        equity = np.concatenate(([1.0], np.cumprod(growth)))
        return np.asarray(equity / np.maximum.accumulate(equity) - 1.0, dtype=np.float64)


def profit_factor(returns: Any) -> float:
    """What was gained over what was lost: sum of gains / -(sum of losses).

    returns: of trades or of periods, as fractions or in money. Infinite where something was
    gained and nothing lost, NaN where neither was.

    >>> profit_factor([3, -1, 2, -1]), profit_factor([3, 2])
    (2.5, inf)
    """
    values = _returns(returns)
    lost = -float(values[values < 0].sum())
    gained = float(values[values > 0].sum())
    if lost > 0:
        return gained / lost
    return math.inf if gained > 0 else math.nan


def hit_rate(returns: Any) -> float:
    """Share of the returns that are above 0, from 0 to 1; NaN for an empty series.

    >>> hit_rate([3, -1, 2, 0])
    0.5
    """
    values = _returns(returns)
    return float(np.mean(values > 0)) if len(values) else math.nan
