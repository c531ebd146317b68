"""The closes of a market as a scan takes them: a row a closed bar, a column a symbol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.model import TIMEFRAMES, Bars, FloatArray, IntArray, ParameterError
from dashapp.services.alerts.closed_bars import closed_until_ms
from dashapp.services.scan import handover
from storage.market.market import Market

#: Seconds for which the loop is held before others get their turn.
TURN_S = 0.005
_DAY_MS = 86_400_000


@dataclass(frozen=True, eq=False)
class Closes:
    """What a scan is given. closes, turnover: shape (n, m), NaN where a symbol did not trade.
    ts_ms: opening times of the rows, shape (n,). funding: of a bar, shape (m,).
    """

    names: tuple[str, ...]
    ts_ms: IntArray
    closes: FloatArray
    turnover: FloatArray
    funding: FloatArray

    def put(self) -> str:
        """Hand them over to another process; the path. Raises OSError."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return handover.put({"names": list(self.names)}, arrays)

    @classmethod
    def take(cls, path: str) -> Closes:
        """What was handed over. Raises OSError."""
        head, arrays = handover.take(path)
        return cls(tuple(head["names"]), **arrays)


_ARRAYS = ("ts_ms", "closes", "turnover", "funding")


def check_timeframe(market: Market, timeframe: str) -> None:
    """Raise ParameterError where a market does not have a timeframe."""
    if timeframe not in market.timeframes:
        known = ", ".join(market.timeframes)
        raise ParameterError("timeframe", timeframe, f"one of {known}, which {market.title} has")


async def closed_ms(market: Market, timeframe: str) -> int:
    """Bars of any symbol that open up to this time are closed. The loop is never held for long:
    figures of a symbol with many bars take a while after each change of it.
    """
    began = time.perf_counter()
    for symbol in market.symbols:
        market.stats(symbol)
        began = await _turn(began)
    return closed_until_ms(market, market.symbols, timeframe)


async def _turn(began: float) -> float:
    """Let others have the loop where it was held since `began`; since when it is held."""
    if time.perf_counter() - began > TURN_S:
        await asyncio.sleep(0)
        return time.perf_counter()
    return began


async def closes_of(market: Market, timeframe: str, bars: int) -> Closes:
    """The newest closed bars of every symbol. The loop is never held for long."""
    until_ms = await closed_ms(market, timeframe)
    symbols = market.symbols
    legs: list[Bars] = []
    began = time.perf_counter()
    for symbol in symbols:
        legs.append(market.bars(symbol, timeframe, bars + 1))
        began = await _turn(began)
    funding = np.array([_funding(market, symbol, timeframe) for symbol in symbols])
    return await asyncio.to_thread(_table, symbols, legs, until_ms, bars, funding)


def _funding(market: Market, symbol: str, timeframe: str) -> float:
    """What a bar long costs, as a share of the position; 0 where nothing is known of it."""
    listing = market.listings.get(symbol)
    daily = None if listing is None else listing.funding_per_day
    return 0.0 if daily is None else daily * TIMEFRAMES[timeframe] / _DAY_MS


def _table(
    symbols: tuple[str, ...], legs: Sequence[Bars], until_ms: int, bars: int, funding: FloatArray
) -> Closes:
    """The legs on their common rows: every time at which one of them has a closed bar."""
    closed = [leg[leg.ts_ms <= until_ms] for leg in legs]
    times = [leg.ts_ms for leg in closed]
    rows = np.unique(np.concatenate(times))[-bars:] if times else np.empty(0, np.int64)
    closes, turnover = np.full((2, len(rows), len(symbols)), np.nan)
    for column, leg in enumerate(closed):
        leg = leg[(leg.ts_ms >= rows[0]) & (leg.trades != 0)] if len(rows) else leg
        at = np.searchsorted(rows, leg.ts_ms)
        closes[at, column] = leg.close
        turnover[at, column] = leg.volume * leg.vwap
    return Closes(symbols, rows, closes, turnover, funding)
