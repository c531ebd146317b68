"""The figures of back-tests from the sums of their runs, one run or ten thousand at once."""

from __future__ import annotations

import numpy as np

from analytics._backtest_types import BacktestFigures
from analytics._kernels.backtest import SUMS
from analytics.model import FloatArray

#: Returns whose variance is this share of their mean square, or less, do not vary.
_NO_VARIANCE = 1e-13
_COUNTS = ("trades", "fills_waited", "gap_exits")


def reckon(sums: FloatArray, periods_per_year: float) -> dict[str, FloatArray]:
    """Every figure of BacktestFigures by name, of sums of shape (..., len(SUMS)); NaN undefined.

    Sharpe, Sortino and drawdown are those of `analytics.performance`, from the sums of the
    returns and of their squares.
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


def figures_of(sums: FloatArray, periods_per_year: float) -> BacktestFigures:
    """The figures of one run."""
    values = {name: float(value) for name, value in reckon(sums, periods_per_year).items()}
    counts = {name: int(values[name]) for name in _COUNTS}
    return BacktestFigures(**{**values, **counts})  # type: ignore[arg-type]
