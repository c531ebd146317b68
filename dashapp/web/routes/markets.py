"""The readings of a market: symbols, bars, ticks, pair, correlation, back-test."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel
from starlette.responses import Response

from analytics.backtest import BacktestResult
from analytics.bars import usual_step
from analytics.estimates import pair_estimates
from analytics.model import (
    BAR_COLUMNS,
    NO_TRADE_ID,
    TIMEFRAMES,
    UNKNOWN_TRADES,
    Bars,
    BoolArray,
    PairSnapshot,
    Ticks,
)
from dashapp.services.analysis.johansen import johansen_document, johansen_of, newest_ticks
from dashapp.services.funding import funding_of
from dashapp.services.runtime import Runtime
from dashapp.text.backtest import funding_cost, worded_trades
from dashapp.web import models
from dashapp.web.answers import answer, answer_in_thread
from dashapp.web.deps import (
    BacktestQuery,
    Limit,
    MarketDep,
    PairQuery,
    RuntimeDep,
    Symbol,
    Timeframe,
    known_symbol,
    known_timeframe,
    look,
    looked_at_pair,
    ready,
)
from dashapp.web.router import Router
from storage.market.gaps import touched_rows
from storage.market.market import Market

router = Router(prefix="/api/markets/{market}", tags=["markets"])

#: The series of a pair, one value an aligned bar, and of a back-test, in the order of exports.
PAIR_SERIES = tuple(models.PairSeries.model_fields)
BACKTEST_SERIES = tuple(models.BacktestSeries.model_fields)


@router.get("/symbols", response_model=models.Symbols)
async def symbols(market: MarketDep) -> Response:
    """Symbols and timeframes of a market."""
    return answer({"market": market.id, "symbols": market.symbols, "timeframes": market.timeframes})


@router.get("/bars", response_model=models.MarketBars)
async def bars(
    runtime: RuntimeDep,
    market: MarketDep,
    symbol: Symbol,
    timeframe: Timeframe = "1s",
    limit: Limit = 1_000,
) -> Response:
    """The newest bars of a symbol, oldest first, the one that still grows among them."""
    known_timeframe(market, timeframe)
    known_symbol(market, symbol)
    await look(runtime, market, (symbol,), timeframe, limit)
    newest = market.bars(symbol, timeframe, limit)
    gap, klines = market.touched_by_gaps(newest), market.from_exchange(newest)
    head = {"market": market.id, "symbol": symbol, "timeframe": timeframe}
    return await answer_in_thread(lambda: {**head, "bars": bar_records(newest, gap, klines)})


@router.get("/ticks", response_model=models.MarketTicks)
async def ticks(market: MarketDep, symbol: Symbol, limit: Limit = 1_000) -> Response:
    """The newest ticks of a symbol, oldest first."""
    newest = market.ticks(known_symbol(market, symbol), limit)
    outlier = market.marks(symbol, limit)
    head = {"market": market.id, "symbol": symbol}
    return await answer_in_thread(lambda: {**head, "ticks": tick_records(newest, outlier)})


@router.get("/pair", response_model=models.Pair)
async def pair(
    runtime: RuntimeDep, market: MarketDep, query: Annotated[PairQuery, Query()]
) -> Response:
    """A pair's snapshot: every series and figure."""
    params = await looked_at_pair(runtime, market, query.pair())
    snapshot = ready(await runtime.analysis.snapshot(market.id, params))
    series, ticks = pair_series(snapshot, market), newest_ticks(market, snapshot.params)
    return await answer_in_thread(
        lambda: {"market": market.id, **pair_document(snapshot, series, ticks)}
    )


@router.get("/correlation", response_model=models.Correlation)
async def correlation(
    runtime: RuntimeDep, market: MarketDep, timeframe: Timeframe = "1s", limit: Limit = 1_000
) -> Response:
    """The correlation of the returns of every two symbols of a market."""
    known_timeframe(market, timeframe)
    result = ready(await runtime.analysis.correlation(market.id, timeframe, limit))
    return answer({"market": market.id, **vars(result)})


@router.get("/backtest", response_model=models.Backtest)
async def backtest(
    runtime: RuntimeDep, market: MarketDep, query: Annotated[BacktestQuery, Query()]
) -> Response:
    """The back-test of the z-score strategy on a pair: figures, trades and equity."""
    result = await backtest_of(runtime, market, query)
    funding = funding_of(market, result.params.y, result.params.x)
    head = {"market": market.id}
    return await answer_in_thread(lambda: {**head, **backtest_document(result, funding)})


async def backtest_of(runtime: Runtime, market: Market, query: BacktestQuery) -> BacktestResult:
    """The back-test that a query asks for. Raises ApiError 400, 404."""
    params = await looked_at_pair(runtime, market, query.pair())
    result: BacktestResult = ready(
        await runtime.analysis.backtest(market.id, params, query.rules())
    )
    return result


def bar_records(bars: Bars, gap: BoolArray, kline: BoolArray) -> list[dict[str, Any]]:
    """One record a bar; trades is None where the source does not count them.

    gap: shape (n,), which bars miss trades. kline: which are the exchange's own.
    """
    columns = [getattr(bars, name).tolist() for name in BAR_COLUMNS]
    at = BAR_COLUMNS.index("trades")
    columns[at] = [None if count == UNKNOWN_TRADES else count for count in columns[at]]
    names = (*BAR_COLUMNS, "gap", "kline")
    rows = zip(*columns, gap.tolist(), kline.tolist(), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def tick_records(ticks: Ticks, outlier: BoolArray) -> list[dict[str, Any]]:
    """One record a tick; trade_id is None where the source gives none.

    outlier: shape (n,), which ticks are far off the prices before them.
    """
    ids = [None if number == NO_TRADE_ID else number for number in ticks.trade_id.tolist()]
    columns = (ticks.ts_ms.tolist(), ticks.price.tolist(), ticks.size.tolist(), ids)
    names = ("ts_ms", "price", "size", "trade_id", "trades", "outlier")
    rows = zip(*columns, ticks.trades.tolist(), outlier.tolist(), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def pair_series(snapshot: PairSnapshot, market: Market) -> dict[str, Any]:
    """The series of a snapshot by the names of PAIR_SERIES, shape (n,) each."""
    params = snapshot.params
    spans = market.gaps.spans((params.y, params.x))
    paths = {
        "gap": touched_rows(snapshot.ts_ms, TIMEFRAMES[params.timeframe], spans),
        "rolling_beta": snapshot.path.beta,
        "rolling_alpha": snapshot.path.alpha,
        "kalman_beta": snapshot.kalman_path.beta,
        "kalman_alpha": snapshot.kalman_path.alpha,
        "known_beta": snapshot.known.beta,
        "known_alpha": snapshot.known.alpha,
    }
    return {name: paths[name] if name in paths else getattr(snapshot, name) for name in PAIR_SERIES}


def pair_document(
    snapshot: PairSnapshot, series: dict[str, Any], ticks: tuple[Ticks, Ticks] | None
) -> dict[str, Any]:
    """Everything of a snapshot, grouped as `models.Pair`; its series as `pair_series`, ticks as
    `newest_ticks`.

    Johansen's test is made here, so this is for a worker thread.
    """
    johansen, estimates = johansen_of(snapshot), pair_estimates(snapshot, ticks)
    notes = [f"No Johansen test: {johansen.note}."] if johansen.result is None else []
    return {
        **_attributes(snapshot, models.Pair),
        "figures": {
            **_figures(snapshot),
            "johansen": johansen_document(johansen),
            "estimates": estimates,
        },
        "series": series,
        "adf_line": {"ts_ms": snapshot.adf_ts_ms, "pvalue": snapshot.adf_pvalue},
        "notes": [*snapshot.notes, *notes],
    }


def _figures(snapshot: PairSnapshot) -> dict[str, Any]:
    low, high = snapshot.z_range
    half_life = snapshot.half_life
    step_ms = usual_step(snapshot.traded_ms, snapshot.params.timeframe)
    return {
        **_attributes(snapshot, models.PairFigures),
        "z": snapshot.z[-1],
        **snapshot.reading._asdict(),
        "bars": len(snapshot),
        "z_by_method": snapshot.method_z,
        "z_low": low,
        "z_high": high,
        "z_swapped": snapshot.swapped_z,
        "half_life_ms": None if half_life is None else half_life * step_ms,
    }


def backtest_document(
    result: BacktestResult, funding: tuple[float, float] | None
) -> dict[str, Any]:
    """Everything of a back-test, grouped as `models.Backtest`. funding: as `funding_of`."""
    return {
        **_attributes(result, models.Backtest),
        "funding": funding_cost(result, result.trades, funding),
        "trades": worded_trades(result, funding),
        "series": {name: getattr(result, name) for name in BACKTEST_SERIES},
    }


def _attributes(result: object, model: type[BaseModel]) -> dict[str, Any]:
    """What a result has by the names of a model's fields."""
    return {name: getattr(result, name) for name in model.model_fields if hasattr(result, name)}
