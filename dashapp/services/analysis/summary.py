"""A market's symbols in figures: the cards of Home, the table of Data and its export.

Pure: bars in, a row a symbol out. Returns are those between consecutive bars of the
symbol itself, so no carried-forward bar is in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.correlation import correlation_matrix
from analytics.model import TIMEFRAMES, Bars, FloatArray
from analytics.performance import annual_volatility, max_drawdown, sharpe
from analytics.stationarity import adf
from analytics.statistics import summarize
from analytics.vwap import vwap

YEAR_MS = 365 * 24 * 3_600_000
MIN_ADF_BARS = 30


@dataclass(frozen=True)
class SymbolSummary:
    """One symbol over the bars in view. Prices in quote currency; change, volatility and
    max_drawdown are fractions; volatility and sharpe are annual (365 x 24 h). NaN where
    there are too few bars.
    """

    symbol: str
    bars: int
    ts_ms: int
    first: float
    last: float
    change: float
    low: float
    high: float
    mean: float
    std: float
    volume: float
    vwap: float
    trades: int | None
    volatility: float
    sharpe: float
    max_drawdown: float
    correlation: float = math.nan
    adf_pvalue: float = math.nan
    closes: tuple[float, ...] = ()

    @property
    def verdict(self) -> str:
        """Whether the price itself looks stationary, in words.

        >>> SymbolSummary("A", 0, 0, *[math.nan] * 9, None, *[math.nan] * 3).verdict
        'not enough data'
        """
        if math.isnan(self.adf_pvalue):
            return "not enough data"
        word = "stationary" if self.adf_pvalue < 0.05 else "not stationary"
        return f"{word} (p = {self.adf_pvalue:.3f})"


def _returns(close: FloatArray) -> FloatArray:
    return close[1:] / close[:-1] - 1.0


def summarize_bars(bars: Bars) -> SymbolSummary:
    """One symbol's row without the figures that need the other symbols. Needs one bar."""
    close = bars.close
    returns = _returns(close)
    periods = YEAR_MS / TIMEFRAMES[bars.timeframe]
    stats = summarize(close)
    enough = len(returns) > 1
    counted = bars.trades[bars.trades >= 0]
    return SymbolSummary(
        symbol=bars.symbol,
        bars=len(bars),
        ts_ms=int(bars.ts_ms[-1]),
        first=float(bars.open[0]),
        last=float(close[-1]),
        change=float(close[-1] / bars.open[0] - 1.0),
        low=float(bars.low.min()),
        high=float(bars.high.max()),
        mean=stats.mean,
        std=stats.std,
        volume=float(bars.volume.sum()),
        vwap=float(vwap(bars.vwap, bars.volume)) if bars.volume.sum() > 0 else math.nan,
        trades=int(counted.sum()) if len(counted) else None,
        volatility=float(annual_volatility(returns, periods)) if enough else math.nan,
        sharpe=float(sharpe(returns, periods)) if enough else math.nan,
        max_drawdown=float(max_drawdown(returns)) if enough else math.nan,
    )


def closes_of(bars: Mapping[str, Bars]) -> FloatArray:
    """Closes on the union of all bar times, shape (n, k); NaN where a symbol did not trade."""
    times = np.unique(np.concatenate([one.ts_ms for one in bars.values()]))
    closes = np.full((len(times), len(bars)), np.nan)
    for column, one in enumerate(bars.values()):
        closes[np.searchsorted(times, one.ts_ms), column] = one.close
    return closes


def summarize_market(bars: Mapping[str, Bars]) -> list[SymbolSummary]:
    """A row a symbol, with its correlation of returns to the first symbol and its ADF test."""
    bars = {symbol: one for symbol, one in bars.items() if len(one)}
    if not bars:
        return []
    first = correlation_matrix(closes_of(bars))[0] if len(bars) > 1 else [1.0]
    rows = []
    for column, one in enumerate(bars.values()):
        plain = summarize_bars(one)
        pvalue = adf(one.close).pvalue if len(one) >= MIN_ADF_BARS and plain.std > 0 else math.nan
        rows.append(
            SymbolSummary(
                **{
                    **plain.__dict__,
                    "correlation": float(first[column]),
                    "adf_pvalue": pvalue,
                    "closes": tuple(one.close[-60:].tolist()),
                }
            )
        )
    return rows


def row(one: SymbolSummary) -> dict[str, Any]:
    """The row of the summary table and of its export."""
    names = ("symbol", "last", "change", "volume", "vwap", "correlation", "bars", "trades")
    made = {name: getattr(one, name) for name in names}
    clean = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in made.items()
    }
    return {**clean, "adf": one.verdict}
