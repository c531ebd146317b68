"""The results that pages and scripts ask for: computed once, off the loop, read many times.

A result is kept by all that decides it: the market, the versions of the symbols it reads,
and the parameters. Equal requests that come while it is computed wait for the one that is
under way. At most WORKERS computations run at a time, at most MAX_WAITING wait.
"""

from __future__ import annotations

import asyncio
import itertools
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.alignment import align
from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.correlation import LEAST_OBSERVATIONS, correlation_matrix
from analytics.model import (
    BAR_COLUMNS,
    Bars,
    FloatArray,
    IntArray,
    NotReady,
    PairParams,
    PairSnapshot,
)
from analytics.pair import analyze_pair, snapshot_bars
from dashapp.services.analysis.ranking import Ranking, rank_pairs
from dashapp.services.analysis.summary import SymbolSummary, summarize_market
from storage.market.market import Market

WORKERS = 2
MAX_KEPT = 64
#: Seconds for which a ranking of all pairs stands: it is a look at minutes, not at ticks.
RANKING_S = 5.0
MAX_WAITING = 64
COMPILING = NotReady("compiling the statistics, a few seconds on the first start")


class Busy(ValueError):
    """Too many computations wait already; the caller may try again."""


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlation of returns between every two symbols of a market.

    matrix: shape (k, k), NaN where too few returns. counts: shape (k, k), the number of
    returns each rests on: between bars in which both symbols traded.
    """

    timeframe: str
    symbols: tuple[str, ...]
    matrix: FloatArray
    counts: IntArray
    first_ts_ms: int
    last_ts_ms: int


class Analyses:
    """Cached analyses of markets. computed: how many were really computed, by kind.

    ready: False until the kernels are compiled; until then every answer is NotReady.
    """

    def __init__(self) -> None:
        self.ready = False
        self.computed: Counter[str] = Counter()
        self._spent_ms: list[float] = []
        self._gate = asyncio.Semaphore(WORKERS)
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def snapshot(
        self, market: Market, params: PairParams, until_ms: int | None = None
    ) -> PairSnapshot | NotReady:
        """A pair's snapshot of the newest bars. Raises KeyError for an unknown symbol.

        until_ms: of those alone that opened no later, here and below; None for all.
        """
        if not self.ready:
            return COMPILING
        key = (*pair_key(market, params), until_ms)
        y, x = legs(market, params, until_ms)
        return await self._shared("snapshot", key, lambda: analyze_pair(y, x, params))

    async def backtest(
        self,
        market: Market,
        params: PairParams,
        settings: BacktestParams,
        until_ms: int | None = None,
    ) -> BacktestResult | NotReady:
        """A back-test on the newest bars. Raises KeyError for an unknown symbol."""
        if not self.ready:
            return COMPILING
        key = (*pair_key(market, params), settings, until_ms)
        y, x = legs(market, params, until_ms)
        return await self._shared("backtest", key, lambda: run_backtest(y, x, params, settings))

    async def correlation(
        self, market: Market, timeframe: str, limit: int, until_ms: int | None = None
    ) -> Correlations | NotReady:
        """Correlations of all symbols over the newest `limit` bar times."""
        if not self.ready:
            return COMPILING
        symbols = market.symbols
        if len(symbols) < 2:
            return NotReady(f"needs 2 symbols, has {len(symbols)}", len(symbols), 2)
        held = [newest_bars(market, symbol, timeframe, limit, until_ms) for symbol in symbols]
        key = (_market_key(market, timeframe, limit), until_ms)
        return await self._shared("correlation", key, lambda: _correlations(held, limit))

    async def summary(
        self, market: Market, timeframe: str, limit: int
    ) -> list[SymbolSummary] | NotReady:
        """A row a symbol over its newest `limit` bars, in the order of the symbols."""
        if not self.ready:
            return COMPILING
        held = {symbol: market.bars(symbol, timeframe, limit) for symbol in market.symbols}
        key = _market_key(market, timeframe, limit)
        return await self._shared("summary", key, lambda: summarize_market(held, limit))

    async def ranking(
        self, market: Market, params: PairParams, settings: BacktestParams
    ) -> Ranking | NotReady:
        """Every pair of a market back-tested alike, made anew every RANKING_S at most."""
        if not self.ready:
            return COMPILING
        turn = int(asyncio.get_running_loop().time() / RANKING_S)
        count = _needed(params)
        held = {one: market.bars(one, params.timeframe, count) for one in market.symbols}
        key = (market.id, serial(market), market.symbols, turn, params, settings)
        return await self._shared("ranking", key, lambda: rank_pairs(held, params, settings))

    def drain_ms(self) -> list[float]:
        """How long each computation took since the last call, in ms."""
        spent, self._spent_ms = self._spent_ms, []
        return spent

    async def _shared(self, kind: str, key: Hashable, compute: Callable[[], Any]) -> Any:
        key = (kind, key)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._running.get(key)
        if task is None:
            if len(self._running) >= MAX_WAITING:
                raise Busy(f"{MAX_WAITING} computations wait already, try again in a moment")
            task = asyncio.create_task(self._compute(kind, key, compute))
            task.add_done_callback(_retrieve)
            self._running[key] = task
        return await asyncio.shield(task)

    async def _compute(self, kind: str, key: Hashable, compute: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        try:
            async with self._gate:
                started = loop.time()
                result = await asyncio.to_thread(compute)
                self._spent_ms.append((loop.time() - started) * 1_000)
            self.computed[kind] += 1
            self._kept[key] = result
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return result
        finally:
            del self._running[key]


def pair_key(market: Market, params: PairParams) -> tuple[Hashable, ...]:
    """What a pair's results depend on: equal keys, equal results. Cheap.

    Raises KeyError, in words, for a symbol that the market does not have.
    """
    for leg in (params.y, params.x):
        if leg not in market.symbols:
            known = ", ".join(market.symbols) or "none yet"
            raise KeyError(f"market {market.id} has no symbol {leg!r}, only: {known}")
    versions = market.symbol_version(params.y), market.symbol_version(params.x)
    return (market.id, serial(market), *versions, params)


def _market_key(market: Market, timeframe: str, limit: int) -> tuple[Hashable, ...]:
    """What a result of all symbols depends on."""
    versions = tuple(map(market.symbol_version, market.symbols))
    return (market.id, serial(market), timeframe, limit, versions)


_serials: weakref.WeakKeyDictionary[Market, int] = weakref.WeakKeyDictionary()
_next_serial = itertools.count(1)


def serial(market: Market) -> int:
    """A number of this body of data: a market made anew under its old id has another."""
    if market not in _serials:
        _serials[market] = next(_next_serial)
    return _serials[market]


def newest_bars(
    market: Market, symbol: str, timeframe: str, limit: int | None, until_ms: int | None = None
) -> Bars:
    """A symbol's newest bars; of those that opened no later than until_ms, where it is given."""
    if until_ms is None:
        return market.bars(symbol, timeframe, limit)
    bars = market.bars(symbol, timeframe)
    count = int(np.searchsorted(bars.ts_ms, until_ms, side="right"))
    columns = {name: getattr(bars, name)[:count] for name in BAR_COLUMNS}
    return Bars(symbol, timeframe, **columns).tail(limit)


def carried_share(market: Market, params: PairParams) -> float | None:
    """Share of a pair's rows in view that a leg carries forward, None without any."""
    if not {params.y, params.x} <= set(market.symbols):
        return None
    if params.timeframe not in market.timeframes:
        return None
    rows = align(*legs(market, params), params.limit, params.min_trades, params.min_volume)
    return float(rows.carried.mean()) if len(rows) else None


def legs(market: Market, params: PairParams, until_ms: int | None = None) -> tuple[Bars, Bars]:
    """The bars of both legs from which the newest `params.limit` aligned rows come.

    And those before them, on which rests what was known at the first of these rows.
    """
    count = _needed(params)
    y, x = (
        newest_bars(market, leg, params.timeframe, count, until_ms) for leg in (params.y, params.x)
    )
    return y, x


def _needed(params: PairParams) -> int | None:
    """Bars of each leg that a pair's rows come from, None for all."""
    return snapshot_bars(params)


def _correlations(held: Sequence[Bars], limit: int) -> Correlations | NotReady:
    """Over the newest `limit` times at which any symbol has a bar; pairwise complete."""
    times = np.unique(np.concatenate([bars.ts_ms for bars in held]))[-limit:]
    if len(times) < LEAST_OBSERVATIONS + 1:
        need = LEAST_OBSERVATIONS + 1
        return NotReady(f"needs {need} bars, has {len(times)}", len(times), need)
    closes = np.full((len(times), len(held)), np.nan)
    for column, bars in enumerate(held):
        inside = bars.ts_ms >= times[0]
        closes[np.searchsorted(times, bars.ts_ms[inside]), column] = bars.close[inside]
    traded = np.isfinite(closes).astype(np.int64)
    return Correlations(
        timeframe=held[0].timeframe,
        symbols=tuple(bars.symbol for bars in held),
        matrix=correlation_matrix(closes),
        counts=np.maximum(traded.T @ traded - 1, 0),
        first_ts_ms=int(times[0]),
        last_ts_ms=int(times[-1]),
    )


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Whoever waited has the exception; with nobody left waiting it is not news either."""
    if not task.cancelled():
        task.exception()
