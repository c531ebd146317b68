"""The results that pages and scripts ask for, of markets by their id.

A result is kept (`results`) by all that decides it: the market and the parameters, which are
its subject, and the versions of the symbols that it reads.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.alignment import align
from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.correlation import LEAST_OBSERVATIONS, LeadLag, correlation_matrix, lead_lag
from analytics.estimates import MAX_TICKS
from analytics.model import (
    BAR_COLUMNS,
    Bars,
    FloatArray,
    IntArray,
    NotReady,
    PairParams,
    PairSnapshot,
    Ticks,
)
from analytics.pair import analyze_pair, snapshot_bars
from dashapp.services.analysis.pair_tables import PairTables, grouped_order, pair_tables
from dashapp.services.analysis.results import MAX_KEPT, Key, Results
from dashapp.services.analysis.summary import SymbolSummary, summarize_market
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from storage.market.market import Market

#: Seconds for which an order of the symbols, every pair's figures, and lags stand.
ORDER_S, TABLES_S, LAGS_S = 60.0, 5.0, 2.0
#: Every pair's figures of more symbols than these take seconds, and stand six times as long.
FEW_SYMBOLS, SLOWER = 12, 6
#: Of lead and lag, in ms.
LAGS_MS = tuple(range(-5_000, 5_001, 100))
COMPILING = NotReady("compiling the statistics, up to a minute on the first start")


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
    """Cached analyses of the markets, each by its id; KeyError in words for one that is not
    there, or has not the symbol. NotReady until the kernels are compiled.

    results: where they are kept. computed: how many were really computed, by kind.
    """

    def __init__(self, markets: Markets, kernels: Kernels, max_kept: int = MAX_KEPT) -> None:
        self.results = Results(max_kept)
        self.computed = self.results.computed
        self.drain_ms = self.results.drain_ms
        self._markets = markets
        self._kernels = kernels

    async def snapshot(
        self, market_id: str, params: PairParams, until_ms: int | None = None
    ) -> PairSnapshot | NotReady:
        """A pair's snapshot of the newest bars.

        until_ms: of those alone that opened no later, here and below; None for all.
        """
        market = self._markets.known(market_id)
        absent = self._absent(market, params)
        if absent is not None:
            return absent
        subject, versions = _of_pair(market, params, until_ms)
        y, x = legs(market, params, until_ms)
        return await self.results.get(
            "snapshot", subject, versions, lambda: analyze_pair(y, x, params)
        )

    def snapshot_key(self, market_id: str, params: PairParams) -> Key:
        """Changes when the snapshot of all bars would. Cheap; never raises."""
        market, ready = self._markets.get(market_id), self._kernels.ready
        if market is None or params.y not in market.symbols or params.x not in market.symbols:
            return (market_id, ready, params)
        return (*pair_key(market, params), ready)

    async def backtest(
        self,
        market_id: str,
        params: PairParams,
        settings: BacktestParams,
        until_ms: int | None = None,
    ) -> BacktestResult | NotReady:
        """A back-test on the newest bars."""
        market = self._markets.known(market_id)
        absent = self._absent(market, params)
        if absent is not None:
            return absent
        subject, versions = _of_pair(market, params, settings, until_ms)
        y, x = legs(market, params, until_ms)
        return await self.results.get(
            "backtest", subject, versions, lambda: run_backtest(y, x, params, settings)
        )

    async def backtest_and_hash(
        self, market_id: str, params: PairParams, settings: BacktestParams
    ) -> tuple[BacktestResult, str] | NotReady:
        """A back-test on the newest bars, and the SHA-256 of the bars that it is of."""
        market = self._markets.known(market_id)
        absent = self._absent(market, params)
        if absent is not None:
            return absent
        subject, versions = _of_pair(market, params, settings)
        y, x = legs(market, params)

        def compute() -> tuple[BacktestResult, str] | NotReady:
            result = run_backtest(y, x, params, settings)
            return result if isinstance(result, NotReady) else (result, hash_of(y, x))

        return await self.results.get("backtest and hash", subject, versions, compute)

    async def correlation(
        self, market_id: str, timeframe: str, limit: int, until_ms: int | None = None
    ) -> Correlations | NotReady:
        """Correlations of all symbols over the newest `limit` bar times."""
        market = self._markets.known(market_id)
        if not self._kernels.ready:
            return COMPILING
        symbols = market.symbols
        if len(symbols) < 2:
            return NotReady(f"needs 2 symbols, has {len(symbols)}", len(symbols), 2)
        bars = [newest_bars(market, symbol, timeframe, limit, until_ms) for symbol in symbols]
        subject = (market.serial, len(symbols), timeframe, limit, until_ms)
        versions = _versions(market)
        return await self.results.get(
            "correlation", subject, versions, lambda: _correlations(bars, limit)
        )

    async def order(self, market_id: str, timeframe: str, limit: int) -> IntArray | NotReady:
        """An order of a market's symbols in which those that move together stand together.

        Made anew every ORDER_S at most, so that no cell jumps at each bar.
        """
        market = self._markets.known(market_id)
        if not self._kernels.ready:
            return COMPILING
        turn = int(asyncio.get_running_loop().time() / ORDER_S)
        bars = [market.bars(symbol, timeframe, limit) for symbol in market.symbols]
        subject = (market.serial, market.symbols, timeframe, limit)
        return await self.results.get("order", subject, (turn,), lambda: _grouped(bars, limit))

    async def pair_tables(self, market_id: str, params: PairParams) -> PairTables | NotReady:
        """Tests and z-scores of every pair of a market, made anew now and then."""
        market = self._markets.known(market_id)
        if not self._kernels.ready:
            return COMPILING
        slower = SLOWER if len(market.symbols) > FEW_SYMBOLS else 1
        turn = int(asyncio.get_running_loop().time() / (TABLES_S * slower))
        count = _needed(params)
        bars = {symbol: market.bars(symbol, params.timeframe, count) for symbol in market.symbols}
        subject = (market.serial, market.symbols, params)
        return await self.results.get(
            "pair tables", subject, (turn,), lambda: pair_tables(bars, params)
        )

    async def lead_lag(
        self, market_id: str, y: str, x: str, until_ms: int | None = None
    ) -> LeadLag | NotReady:
        """Which of two symbols moves first, on their newest ticks; every LAGS_S at most."""
        market = self._markets.known(market_id)
        if not self._kernels.ready:
            return COMPILING
        if not {y, x} <= set(market.symbols) or not market.has_ticks:
            return NotReady(f"no ticks of both legs in {market.title}: lead and lag need them")
        turn = int(asyncio.get_running_loop().time() / LAGS_S)
        ticks = tuple(market.ticks(symbol, MAX_TICKS) for symbol in (y, x))
        subject = (market.serial, y, x, until_ms)
        return await self.results.get(
            "lead and lag", subject, (turn,), lambda: _lead_lag(ticks, until_ms)
        )

    async def summary(
        self, market_id: str, timeframe: str, limit: int
    ) -> list[SymbolSummary] | NotReady:
        """A row a symbol over its newest `limit` bars, in the order of the symbols."""
        market = self._markets.known(market_id)
        if not self._kernels.ready:
            return COMPILING
        bars = {symbol: market.bars(symbol, timeframe, limit) for symbol in market.symbols}
        subject = (market.serial, len(bars), timeframe, limit)
        return await self.results.get(
            "summary", subject, _versions(market), lambda: summarize_market(bars, limit)
        )

    def legs(self, market_id: str, params: PairParams) -> tuple[Bars, Bars]:
        """The bars of a pair's legs from which its rows in view come."""
        return legs(self._markets.known(market_id), params)

    def carried_share(self, market_id: str, params: PairParams) -> float | None:
        """Share of a pair's rows in view that a leg carries forward, None without any."""
        market = self._markets.get(market_id)
        if market is None or not {params.y, params.x} <= set(market.symbols):
            return None
        if params.timeframe not in market.timeframes:
            return None
        rows = align(*legs(market, params), params.limit, params.min_trades, params.min_volume)
        return float(rows.carried.mean()) if len(rows) else None

    def _absent(self, market: Market, params: PairParams) -> NotReady | None:
        """Why a pair cannot be analysed yet, though it will be; None where it can."""
        for leg in (params.y, params.x):
            if leg in market.coming and leg not in market.symbols:
                return NotReady(f"the replay has not come to {leg} yet")
        return None if self._kernels.ready else COMPILING


def pair_key(market: Market, params: PairParams) -> Key:
    """What a pair's results depend on: equal keys, equal results. Cheap.

    Raises KeyError, in words, for a symbol that the market does not have.
    """
    for leg in (params.y, params.x):
        if leg not in market.symbols:
            known = ", ".join(market.symbols) or "none yet"
            raise KeyError(f"market {market.id} has no symbol {leg!r}, only: {known}")
    return (market.serial, market.symbol_version(params.y), market.symbol_version(params.x), params)


def _of_pair(market: Market, params: PairParams, *more: Hashable) -> tuple[Key, Key]:
    """What a result of a pair is of, and of which data."""
    serial, version_y, version_x, _ = pair_key(market, params)
    return (serial, params, *more), (version_y, version_x)


def _versions(market: Market) -> Key:
    """Of which data a result of all symbols is."""
    return (market.symbols, *map(market.symbol_version, market.symbols))


def hash_of(*bars: Bars) -> str:
    """SHA-256 of bars: of each its symbol, its timeframe, then its columns in the order of
    BAR_COLUMNS, as little-endian numbers of 8 bytes.
    """
    digest = hashlib.sha256()
    for each in bars:
        digest.update(f"{each.symbol} {each.timeframe}\n".encode())
        for name in BAR_COLUMNS:
            column = getattr(each, name)
            digest.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def newest_bars(
    market: Market, symbol: str, timeframe: str, limit: int | None, until_ms: int | None = None
) -> Bars:
    """A symbol's newest bars; of those that opened no later than until_ms, where it is given."""
    if until_ms is None:
        return market.bars(symbol, timeframe, limit)
    bars = market.bars(symbol, timeframe)
    return bars[: int(np.searchsorted(bars.ts_ms, until_ms, side="right"))].tail(limit)


def legs(market: Market, params: PairParams, until_ms: int | None = None) -> tuple[Bars, Bars]:
    """The bars of both legs from which the newest `params.limit` aligned rows come."""
    count = _needed(params)
    y, x = (
        newest_bars(market, leg, params.timeframe, count, until_ms) for leg in (params.y, params.x)
    )
    return y, x


def _needed(params: PairParams) -> int | None:
    """Bars of each leg that a pair's rows come from, None for all.

    With those before them, on which rests what was known at the first of these rows.
    """
    return snapshot_bars(params)


def _grouped(legs: Sequence[Bars], limit: int) -> IntArray:
    """`grouped_order` of symbols by the returns of their newest bars."""
    table = _correlations(legs, limit)
    if isinstance(table, NotReady):
        return np.arange(len(legs))
    closes = _closes(legs, limit)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.diff(np.log(closes), axis=0)
    returns[~np.isfinite(returns)] = np.nan
    return grouped_order(table.matrix, returns)


def _lead_lag(ticks: tuple[Ticks, ...], until_ms: int | None) -> LeadLag | NotReady:
    """Of the logarithms of prices; over the stretch that both legs have."""
    y, x = ticks
    if not len(y) or not len(x):
        return NotReady("no ticks yet", 0, 1)
    since = max(int(y.ts_ms[0]), int(x.ts_ms[0]))
    parts: list[Any] = []
    for leg in (y, x):
        inside = leg.ts_ms >= since
        if until_ms is not None:
            inside &= leg.ts_ms <= until_ms
        order = np.argsort(leg.ts_ms[inside], kind="stable")  # a late tick stands where it came
        parts += [leg.ts_ms[inside][order], np.log(leg.price[inside][order])]
    ts_y, log_y, ts_x, log_x = parts
    return lead_lag(ts_y, log_y, ts_x, log_x, LAGS_MS)


def _closes(legs: Sequence[Bars], limit: int) -> FloatArray:
    """Closes at the newest `limit` times at which any symbol has a bar, a column a symbol."""
    times = np.unique(np.concatenate([bars.ts_ms for bars in legs]))[-limit:]
    closes = np.full((len(times), len(legs)), np.nan)
    for column, bars in enumerate(legs):
        inside = bars.ts_ms >= times[0]
        closes[np.searchsorted(times, bars.ts_ms[inside]), column] = bars.close[inside]
    return closes


def _correlations(legs: Sequence[Bars], limit: int) -> Correlations | NotReady:
    """Over the newest `limit` times at which any symbol has a bar; pairwise complete."""
    times = np.unique(np.concatenate([bars.ts_ms for bars in legs]))[-limit:]
    if len(times) < LEAST_OBSERVATIONS + 1:
        need = LEAST_OBSERVATIONS + 1
        return NotReady(f"needs {need} bars, has {len(times)}", len(times), need)
    closes = _closes(legs, limit)
    traded = np.isfinite(closes).astype(np.int64)
    return Correlations(
        timeframe=legs[0].timeframe,
        symbols=tuple(bars.symbol for bars in legs),
        matrix=correlation_matrix(closes),
        counts=np.maximum(traded.T @ traded - 1, 0),
        first_ts_ms=int(times[0]),
        last_ts_ms=int(times[-1]),
    )
