"""The figures of back-tests from the sums of their runs, one run or ten thousand at once."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import NamedTuple

import numpy as np

from analytics._backtest_types import BacktestFigures, TrackRecord
from analytics._kernels.backtest import SUMS
from analytics.model import FloatArray
from analytics.performance import (
    deflated_sharpe,
    min_track_record,
    probabilistic_sharpe,
    sharpe,
    sharpe_stderr,
)

#: Returns whose variance is this share of their mean square, or less, do not vary.
_NO_VARIANCE = 1e-13
_COUNTS = ("trades", "fills_waited", "gap_exits")
_FIGURES = tuple(field.name for field in fields(BacktestFigures))


def reckon(sums: FloatArray, periods_per_year: float | FloatArray) -> dict[str, FloatArray]:
    """Every figure of BacktestFigures by name, of sums of shape (..., len(SUMS)); NaN undefined.

    Sharpe, Sortino and drawdown are those of `analytics.performance`, from the sums of the
    returns and of their powers. sharpe_error: standard error of sharpe, annualised as it is.
    periods_per_year: of all, or of each run.
    """
    of = dict(zip(SUMS, np.moveaxis(np.asarray(sums, np.float64), -1, 0), strict=True))
    n, closed = of["bars"], of["closed"]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = of["returns"] / n
        variance = (of["squares"] - of["returns"] * mean) / (n - 1.0)
        varies = (n > 1) & (variance > _NO_VARIANCE * of["squares"])
        falls = (n > 1) & (of["shortfalls"] > 0)
        yearly = np.sqrt(periods_per_year)
        gross, net = of["gross"] - 1.0, of["net"] - 1.0
        return {
            "net_return": net,
            "gross_return": gross,
            "sharpe": np.where(varies, mean / np.sqrt(variance) * yearly, np.nan),
            "sharpe_error": np.where(varies, _sharpe_error(of) * yearly, np.nan),
            "sortino": np.where(falls, mean / np.sqrt(of["shortfalls"] / n) * yearly, np.nan),
            "max_drawdown": np.where(of["turnover"] > 0, of["drawdown"], np.nan),
            "profit_factor": of["gains"] / of["losses"],  # infinite without a loss
            "hit_rate": of["wins"] / closed,
            "trades": closed,
            "average_holding_bars": of["held"] / closed,
            "turnover": of["turnover"],
            "exposure": of["exposed"] / n,
            "cost_share": np.where(gross > 0, 1.0 - net / gross, np.nan),
            "fills_waited": of["waits"],
            "average_wait_bars": of["waited"] / of["waits"],
            "gap_exits": of["gap_exits"],
        }


def _sharpe_error(of: dict[str, FloatArray]) -> FloatArray:
    """`analytics.performance.sharpe_stderr` a bar, from the sums of the returns' powers."""
    n = of["bars"]
    first, second, third, fourth = (
        of[name] / n for name in ("returns", "squares", "cubes", "fourths")
    )
    square = second - first * first
    skew = (third - first * (3.0 * second - 2.0 * first * first)) / square**1.5
    tails = fourth - first * (4.0 * third - first * (6.0 * second - 3.0 * first * first))
    ratio = first / np.sqrt(square * n / (n - 1.0))
    spread = 1.0 - skew * ratio + (tails / square**2 - 1.0) / 4.0 * ratio * ratio
    return np.sqrt(np.maximum(spread, 0.0) / (n - 1.0))


def figures_of(sums: FloatArray, periods_per_year: float) -> BacktestFigures:
    """The figures of one run."""
    reckoned = reckon(sums, periods_per_year)
    values = {name: float(reckoned[name]) for name in _FIGURES}
    counts = {name: int(values[name]) for name in _COUNTS}
    return BacktestFigures(**{**values, **counts})  # type: ignore[arg-type]


class Shape(NamedTuple):
    """Returns of some bars: how many, their Sharpe ratio a bar and its standard error, skew and
    kurtosis (3: normal).
    """

    n: int
    sharpe: float
    stderr: float
    skew: float
    kurtosis: float


def shape_of(returns: FloatArray) -> Shape:
    """NaN where the returns do not vary."""
    n, ratio = len(returns), sharpe(returns, 1.0)
    if not math.isfinite(ratio):
        return Shape(n, math.nan, math.nan, math.nan, math.nan)
    near = returns - returns.mean()
    unit = near / math.sqrt(float(np.mean(near**2)))
    skew = float(np.mean(unit**3))
    # Of two values it is 1 + skew^2, which rounding may miss: none have less.
    kurtosis = max(float(np.mean(unit**4)), 1.0 + skew * skew)
    return Shape(n, ratio, sharpe_stderr(returns), skew, kurtosis)


def track_record(shape: Shape, periods_per_year: float) -> TrackRecord:
    """What the Sharpe ratio of returns of a shape can be trusted."""
    n, ratio, error, skew, kurtosis = shape
    yearly = math.sqrt(periods_per_year)
    psr = min_bars = math.nan
    if math.isfinite(ratio):
        psr = probabilistic_sharpe(ratio, n, skew, kurtosis)
        side = math.copysign(1.0, ratio)
        min_bars = min_track_record(abs(ratio), 0.0, side * skew, kurtosis)
    return TrackRecord(n, ratio * yearly, error * yearly, psr, min_bars)


def trials_of(sums: FloatArray) -> tuple[int, float]:
    """How many cells were tried, and the variance of their Sharpe ratios a bar.

    sums: shape (cells, len(SUMS)), NaN for a cell that was not. One that did not trade has a
    ratio of 0; the variance of fewer than two is 0.
    """
    tried = sums[np.isfinite(sums[:, 0])]
    ratios = np.nan_to_num(reckon(tried, 1.0)["sharpe"])
    return len(tried), float(ratios.var(ddof=1)) if len(tried) > 1 else 0.0


def deflated(shape: Shape, trials: int, variance: float) -> float:
    """Deflated Sharpe ratio of returns of a shape, the best of some trials.

    NaN where the returns do not vary.
    """
    if not math.isfinite(shape.sharpe):
        return math.nan
    n, ratio, _, skew, kurtosis = shape
    return deflated_sharpe(ratio, n, trials, variance, skew, kurtosis)
