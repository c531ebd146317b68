"""A market's symbols in figures: the cards of Home, the table of Data and its export.

Pure: bars in, a row a symbol out. Symbols are compared over one span, which begins at the same
bar for all of them. Returns are those between consecutive bars of the symbol itself, so no
carried-forward bar is in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.correlation import correlation_matrix
from analytics.model import TIMEFRAMES, Bars, FloatArray
from analytics.performance import (
    annual_volatility,
    bars_per_year,
    max_drawdown,
    sharpe,
    sharpe_stderr,
)
from analytics.stationarity import adf
from analytics.statistics import summarize
from analytics.vwap import vwap
from dashapp.text.tests import stationarity_verdict

MIN_ADF_BARS = 30
#: Parts of the view in which the start of a comparison moves on.
VIEW_PARTS = 10


@dataclass(frozen=True)
class SymbolSummary:
    """One symbol over the bars in view. Prices in quote currency; change, volatility and
    max_drawdown are fractions; volatility, sharpe and its standard error sharpe_error are annual
    (365 x 24 h), by the bars that are there in a year, since returns go from one to the next.
    NaN where there are too few bars; without any bar in the span, `last` and `ts_ms` are of the
    newest bar before it.
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
    sharpe_error: float
    max_drawdown: float
    correlation: float = math.nan
    adf_pvalue: float = math.nan


def common_start_ms(bars: Mapping[str, Bars], limit: int) -> int | None:
    """The open time from which on symbols are compared; None where none has a bar.

    It is the latest of the symbols' first bars. Where that symbol has as many bars as the view
    takes, so that its first bar moves on with each new one, the start is rounded up to a tenth
    of the view, and stays until the view has moved on by that much.

    bars: symbol -> its newest bars, `limit` at most.

    >>> ones = [np.ones(100)] * 5
    >>> rolled = Bars("A", "1s", 1_000 * np.arange(3, 103), *ones, np.ones(100), np.ones(100))
    >>> common_start_ms({"A": rolled}, 100), common_start_ms({"A": rolled}, 200)
    (10000, 3000)
    """
    held = [symbol_bars for symbol_bars in bars.values() if len(symbol_bars)]
    if not held:
        return None
    latest = max(held, key=lambda symbol_bars: int(symbol_bars.ts_ms[0]))
    start_ms = int(latest.ts_ms[0])
    if len(latest) < limit:
        return start_ms
    step_ms = max(limit // VIEW_PARTS, 1) * TIMEFRAMES[latest.timeframe]
    return -(-start_ms // step_ms) * step_ms


def one_span(bars: Mapping[str, Bars], limit: int) -> dict[str, Bars]:
    """The bars of each symbol from their common start on; a symbol alone keeps all of its own.

    bars, limit: see `common_start_ms`. A symbol that has no bar since then stays, without bars.
    """
    start_ms = common_start_ms(bars, limit)
    if start_ms is None or len(bars) < 2:
        return dict(bars)
    return {
        symbol: symbol_bars.tail(int(np.count_nonzero(symbol_bars.ts_ms >= start_ms)))
        for symbol, symbol_bars in bars.items()
    }


def _returns(close: FloatArray) -> FloatArray:
    return close[1:] / close[:-1] - 1.0


def summarize_bars(bars: Bars) -> SymbolSummary:
    """One symbol's row without the figures that need the other symbols. Needs one bar."""
    close = bars.close
    returns = _returns(close)
    periods = bars_per_year(bars.ts_ms, bars.timeframe)
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
        sharpe_error=sharpe_stderr(returns) * math.sqrt(periods),
        max_drawdown=float(max_drawdown(returns)) if enough else math.nan,
    )


def _without_bars(before: Bars) -> SymbolSummary:
    """The row of a symbol that did not trade in the span: its last price before it."""
    nan = math.nan
    return SymbolSummary(
        symbol=before.symbol,
        bars=0,
        ts_ms=int(before.ts_ms[-1]),
        first=nan,
        last=float(before.close[-1]),
        change=nan,
        low=nan,
        high=nan,
        mean=nan,
        std=nan,
        volume=0.0,
        vwap=nan,
        trades=None,
        volatility=nan,
        sharpe=nan,
        sharpe_error=nan,
        max_drawdown=nan,
    )


def summarize_span(bars: Mapping[str, Bars], limit: int) -> list[SymbolSummary]:
    """A row a symbol over the span that all of them share: see `one_span`."""
    span = one_span(bars, limit)
    return [
        summarize_bars(span[symbol]) if len(span[symbol]) else _without_bars(symbol_bars)
        for symbol, symbol_bars in bars.items()
        if len(symbol_bars)
    ]


def closes_of(bars: Mapping[str, Bars]) -> FloatArray:
    """Closes on the union of all bar times, shape (n, k); NaN where a symbol did not trade."""
    times = np.unique(np.concatenate([symbol_bars.ts_ms for symbol_bars in bars.values()]))
    closes = np.full((len(times), len(bars)), np.nan)
    for column, symbol_bars in enumerate(bars.values()):
        closes[np.searchsorted(times, symbol_bars.ts_ms), column] = symbol_bars.close
    return closes


def summarize_market(bars: Mapping[str, Bars], limit: int) -> list[SymbolSummary]:
    """A row a symbol over the span that all of them share, with its correlation of returns to
    the first symbol and its ADF test. bars, limit: see `one_span`.
    """
    bars = {symbol: symbol_bars for symbol, symbol_bars in bars.items() if len(symbol_bars)}
    if not bars:
        return []
    span = one_span(bars, limit)
    correlations = correlation_matrix(closes_of(span))[0] if len(bars) > 1 else [1.0]
    return [
        replace(
            summary,
            correlation=float(correlation),
            adf_pvalue=_adf_pvalue(symbol_bars, summary.std),
        )
        for summary, correlation, symbol_bars in zip(
            summarize_span(bars, limit), correlations, span.values(), strict=True
        )
    ]


def _adf_pvalue(bars: Bars, std: float) -> float:
    """The p-value of the closes' ADF test, NaN where they are too few or do not vary."""
    return adf(bars.close).pvalue if len(bars) >= MIN_ADF_BARS and std > 0 else math.nan


def row(summary: SymbolSummary) -> dict[str, Any]:
    """The row of the summary table and of its export."""
    names = ("symbol", "last", "change", "volume", "vwap", "correlation", "bars", "trades")
    values = {name: getattr(summary, name) for name in names}
    known = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
    still = summary.bars >= MIN_ADF_BARS and summary.std == 0.0
    adf_words = "does not vary" if still else stationarity_verdict(summary.adf_pvalue)[0]
    return {**known, "adf": adf_words}
