"""The readings of a market over HTTP: symbols, bars, ticks, pair, correlation, backtest."""

from __future__ import annotations

from dataclasses import asdict, fields
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from analytics.backtest import HEDGE_MODES, SIDES, BacktestParams, BacktestResult
from analytics.bars import usual_step
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
from dashapp.services.analysis.johansen import johansen_document, johansen_of
from dashapp.web.deps import (
    PAIR,
    TIMEFRAME,
    Parameter,
    choice,
    number,
    optional,
    pair_params,
    symbol,
    whole,
)
from dashapp.web.routing import ApiError, Call, Route, known_symbol, large, ready, small
from storage.market.gaps import touched_rows
from storage.market.market import Market

MAX_ROWS = 20_000
LIMIT = Parameter(whole(1, MAX_ROWS), 1_000, f"newest rows, 1 to {MAX_ROWS}")
SYMBOL = Parameter(symbol, text="as /symbols lists them")
#: The series of a pair's snapshot, one value an aligned bar, in the order of exports.
PAIR_SERIES = (
    "ts_ms",
    "price_y",
    "price_x",
    "carried",
    "gap",
    "spread",
    "mean",
    "std",
    "z",
    "corr",
    "rolling_beta",
    "rolling_alpha",
    "kalman_beta",
    "kalman_alpha",
)
#: The series of a back-test, one value a bar.
BACKTEST_SERIES = (
    "ts_ms",
    "equity",
    "gross_equity",
    "drawdown",
    "position",
    "hedge",
    "spread",
    "z",
    "break_even_z",
    "carried",
)

_SETTINGS = BacktestParams()
BACKTEST = {
    **PAIR,
    "entry_z": Parameter(number, _SETTINGS.entry_z, "|z| at which a position opens"),
    "exit_z": Parameter(number, _SETTINGS.exit_z, "|z| at which it closes"),
    "stop_z": Parameter(optional(number, "none"), _SETTINGS.stop_z, "|z| that stops it; none"),
    "max_bars": Parameter(
        optional(whole(1, MAX_ROWS), "none"), _SETTINGS.max_bars, "time stop in bars; none"
    ),
    "cost_bps": Parameter(number, _SETTINGS.cost_bps, "per side and leg"),
    "slippage_bps": Parameter(number, _SETTINGS.slippage_bps, "per side and leg"),
    "hedge_mode": Parameter(choice(*HEDGE_MODES), _SETTINGS.hedge_mode, ", ".join(HEDGE_MODES)),
    "sides": Parameter(choice(*SIDES), _SETTINGS.sides, "of the spread: " + ", ".join(SIDES)),
}


async def symbols(call: Call) -> Response:
    """The symbols of a market, in the order of their first tick, and its timeframes."""
    market = call.market
    return small({"market": market.id, "symbols": market.symbols, "timeframes": market.timeframes})


async def bars(call: Call) -> Response:
    """The newest bars of a symbol, oldest first, the one that still grows among them."""
    market, name = call.market, call.symbol()
    timeframe = legal_timeframe(call)
    held = market.bars(name, timeframe, call.values["limit"])
    head = {"market": market.id, "symbol": name, "timeframe": timeframe}
    gap = market.touched_by_gaps(held)
    return await large(lambda: {**head, "bars": bar_records(held, gap)})


async def ticks(call: Call) -> Response:
    """The newest ticks of a symbol, oldest first."""
    market, name = call.market, call.symbol()
    held = market.ticks(name, call.values["limit"])
    outlier = market.marks(name, call.values["limit"])
    head = {"market": market.id, "symbol": name}
    return await large(lambda: {**head, "ticks": tick_records(held, outlier)})


async def pair(call: Call) -> Response:
    """A pair's snapshot: every series and figure."""
    snapshot = ready(await call.runtime.snapshot(call.market.id, legal_pair(call)))
    series = pair_series(snapshot, call.market)
    return await large(lambda: {"market": call.market.id, **pair_document(snapshot, series)})


async def correlation(call: Call) -> Response:
    """The correlation of the returns of every two symbols of a market."""
    market = call.market
    timeframe = legal_timeframe(call)
    result = ready(await call.runtime.correlation(market.id, timeframe, call.values["limit"]))
    head = {each.name: getattr(result, each.name) for each in fields(result)}
    return small({"market": market.id, **head})


async def backtest(call: Call) -> Response:
    """The back-test of a pair: figures, trades and equity."""
    result = await backtest_of(call)
    return await large(lambda: {"market": call.market.id, **backtest_document(result)})


async def backtest_of(call: Call) -> BacktestResult:
    """The back-test that a query of BACKTEST asks for. Raises ApiError 400, 404."""
    params = legal_pair(call)
    chosen = {name: call.values[name] for name in call.values if name not in PAIR}
    if params.hedge_window is not None:
        chosen["hedge_window"] = params.hedge_window
    settings = BacktestParams(**chosen)
    result: BacktestResult = ready(await call.runtime.backtest(call.market.id, params, settings))
    return result


def legal_timeframe(call: Call) -> str:
    """The timeframe asked for, if the market has it. Raises ApiError 404."""
    asked: str = call.values["timeframe"]
    if asked not in call.market.timeframes and call.market.symbols:
        known = ", ".join(call.market.timeframes)
        text = f"market {call.market.id} has no {asked} bars, only: {known}"
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    return asked


def legal_pair(call: Call) -> Any:
    """The pair asked for. Raises ApiError 404 for a leg or timeframe the market lacks."""
    params = pair_params(call.values)
    for leg in (params.y, params.x):
        known_symbol(call.market, leg)
    legal_timeframe(call)
    return params


def bar_records(held: Bars, gap: BoolArray) -> list[dict[str, Any]]:
    """One record a bar; trades is None where the source does not count them.

    gap: shape (n,), which bars miss trades.
    """
    columns = [getattr(held, name).tolist() for name in BAR_COLUMNS]
    at = BAR_COLUMNS.index("trades")
    columns[at] = [None if count == UNKNOWN_TRADES else count for count in columns[at]]
    names = (*BAR_COLUMNS, "gap")
    rows = zip(*columns, gap.tolist(), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def tick_records(held: Ticks, outlier: BoolArray) -> list[dict[str, Any]]:
    """One record a tick; trade_id is None where the source gives none.

    outlier: shape (n,), which ticks are far off the prices before them.
    """
    ids = [None if one == NO_TRADE_ID else one for one in held.trade_id.tolist()]
    columns = (held.ts_ms.tolist(), held.price.tolist(), held.size.tolist(), ids, outlier.tolist())
    names = ("ts_ms", "price", "size", "trade_id", "outlier")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def pair_series(snapshot: PairSnapshot, market: Market) -> dict[str, Any]:
    """The series of a snapshot by the names of PAIR_SERIES, shape (n,) each."""
    params = snapshot.params
    spans = market.gap_spans((params.y, params.x))
    paths = {
        "gap": touched_rows(snapshot.ts_ms, TIMEFRAMES[params.timeframe], spans),
        "rolling_beta": snapshot.path.beta,
        "rolling_alpha": snapshot.path.alpha,
        "kalman_beta": snapshot.kalman_path.beta,
        "kalman_alpha": snapshot.kalman_path.alpha,
    }
    return {name: paths[name] if name in paths else getattr(snapshot, name) for name in PAIR_SERIES}


def pair_document(snapshot: PairSnapshot, series: dict[str, Any]) -> dict[str, Any]:
    """Everything of a snapshot, grouped as /api describes it; its series as `pair_series`.

    Johansen's test is made here, so this is for a worker thread.
    """
    low, high = snapshot.z_range
    test = johansen_of(snapshot)
    notes = [f"No Johansen test: {test.note}."] if test.result is None else []
    return {
        "params": asdict(snapshot.params),
        "fit": snapshot.fit,
        "fits": dict(snapshot.fits),
        "swapped": snapshot.swapped,
        "figures": {
            "bars": len(snapshot),
            "rows_dropped": snapshot.rows_dropped,
            "carried_share": snapshot.carried_share,
            "z": snapshot.z[-1],
            "z_by_method": dict(snapshot.method_z),
            "z_low": low,
            "z_high": high,
            "z_swapped": snapshot.swapped_z,
            "spread": snapshot.spread[-1],
            "mean": snapshot.mean[-1],
            "std": snapshot.std[-1],
            "correlation": snapshot.correlation,
            "half_life": snapshot.half_life,
            "half_life_ms": _on_the_clock(snapshot, snapshot.half_life),
            "hurst": snapshot.hurst,
            "ou": snapshot.ou,
            "adf": snapshot.adf,
            "engle_granger": snapshot.engle_granger,
            "johansen": johansen_document(test),
        },
        "path_rows": snapshot.path_rows,
        "series": series,
        "adf_line": {"ts_ms": snapshot.adf_ts_ms, "pvalue": snapshot.adf_pvalue},
        "notes": [*snapshot.notes, *notes],
    }


def _on_the_clock(snapshot: PairSnapshot, bars_: float | None) -> float | None:
    """A number of bars in ms, by the distance that the bars in view have."""
    if bars_ is None:
        return None
    return bars_ * usual_step(snapshot.ts_ms, snapshot.params.timeframe)


def backtest_document(result: BacktestResult) -> dict[str, Any]:
    """Everything of a back-test, grouped as /api describes it."""
    return {
        "params": asdict(result.params),
        "settings": asdict(result.settings),
        "label": result.label,
        "in_sample": result.in_sample,
        "periods_per_year": result.periods_per_year,
        "rows_dropped": result.rows_dropped,
        "figures": asdict(result.figures),
        "trades": [asdict(trade) for trade in result.trades],
        "series": {name: getattr(result, name) for name in BACKTEST_SERIES},
    }


_OF_MARKET = "/api/markets/{market}"
ROUTES = (
    Route("GET", f"{_OF_MARKET}/symbols", symbols, "Symbols and timeframes of a market."),
    Route(
        "GET",
        f"{_OF_MARKET}/bars",
        bars,
        "Bars of a symbol, oldest first: open time ts_ms (epoch ms, UTC), open, high, low, "
        "close, volume, trades, vwap; gap: trades of it are missing.",
        {"symbol": SYMBOL, "timeframe": TIMEFRAME, "limit": LIMIT},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/ticks",
        ticks,
        "Ticks of a symbol, oldest first: exchange time ts_ms, price, size, trade_id; outlier: off "
        "the median of the hundred before it by more than 20 %.",
        {"symbol": SYMBOL, "limit": LIMIT},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/pair",
        pair,
        "A pair's snapshot: params; fit, fits by method, and swapped, that of X on Y; figures: "
        "z, z_by_method with z_low and z_high, z_swapped (above 0 Y is rich), spread with its "
        "mean and std, correlation, half_life in bars and half_life_ms, hurst, ou (theta, mu, "
        "sigma and half_life, a bar as the unit of time), adf (of the spread, indicative), "
        "engle_granger, and johansen: a row a rank, critical values at 90, 95 and 99 %; "
        "path_rows: the window of the rolling hedge; series, one value an aligned bar: "
        + ", ".join(PAIR_SERIES)
        + "; adf_line: the rolling ADF p-value. A warm-up, or what cannot be known, is null.",
        PAIR,
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/correlation",
        correlation,
        "Correlation of returns between every two symbols, over bars in which both traded, "
        "and how many returns each rests on.",
        {"timeframe": TIMEFRAME, "limit": LIMIT},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/backtest",
        backtest,
        "The z-score strategy on a pair: settings, figures, trades; series, one value a bar: "
        + ", ".join(BACKTEST_SERIES)
        + ". A signal fills at the next bar's open. hedge_window is the rolling hedge's.",
        BACKTEST,
    ),
)
