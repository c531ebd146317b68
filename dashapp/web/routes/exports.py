"""Exports by URL: ticks and bars, in memory or archived, a pair's series, the summary, the
alerts of a market, the trades of a back-test.

What is exported is found here, its rows come from `stored_rows`, and `export_stream` sends
them.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from http import HTTPStatus
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Path, Query
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from analytics.alerts import AlertEvent
from analytics.model import FloatArray, PairSnapshot
from analytics.outcomes import Outcome
from dashapp.parameters.table import Parameter
from dashapp.services.alerts.history import Record
from dashapp.services.analysis.summary import row
from dashapp.services.archive.stored_rows import (
    ArchivedMarket,
    Span,
    archived_market,
    bars_of_archive,
    bars_of_market,
    ticks_of_archive,
    ticks_of_market,
)
from dashapp.services.funding import funding_of
from dashapp.services.replay.sources import rows_in
from dashapp.services.runtime import Runtime
from dashapp.text.backtest import WordedTrade, worded_trades
from dashapp.web.deps import (
    EPOCH_END_MS,
    SYMBOL,
    BacktestQuery,
    MarketDep,
    PairQuery,
    RuntimeDep,
    Since,
    Timeframe,
    known_symbol,
    known_timeframe,
    looked_at_pair,
    market_of,
    read_as,
    ready,
    whole,
)
from dashapp.web.errors import ApiError
from dashapp.web.export_stream import FORMS, Export, send
from dashapp.web.router import Router
from dashapp.web.routes.markets import PAIR_SERIES, backtest_of, pair_series
from storage.export.dataset import zipped_dataset
from storage.export.parquet import ParquetUnavailable
from storage.export.tables import Table, rows_table, series_table
from storage.market.market import Market

_KEPT = Parameter(
    "kept", "", "choice", "", choices=(("memory", "in memory"), ("archive", "in the archive"))
)
_ALL_MARKETS = {"id": "all-markets", "title": "All markets", "kind": "all"}
_EVENT_COLUMNS = tuple(each.name for each in fields(AlertEvent) if each.name != "rule_id")
#: What became of an alert; empty where nothing is known.
_OUTCOME_COLUMNS = tuple(each.name for each in fields(Outcome))
FILE: dict[int | str, Any] = {
    200: {
        "description": "The file. Every export can also be had with .zip after its ending (the "
        "file and its manifest: parameters, versions, row count, SHA-256), or with "
        ".manifest.json (that alone).",
        "content": {media_type: {} for media_type, _ in FORMS.values()},
    }
}

_CSV = ("csv",)

router = Router(
    prefix="/export", tags=["exports"], default_response_class=StreamingResponse, responses=FILE
)
Ending = Annotated[str, Path(description=f"{', '.join(FORMS)}; the summary, alerts, trades: csv")]


class TicksQuery(BaseModel):
    """Which of the rows that are kept."""

    symbol: Annotated[str | None, SYMBOL, Query(description="of this symbol only")] = None
    limit: Annotated[
        int | None,
        whole("limit", 1, 1_000_000_000),
        Query(description="newest rows of each symbol; not of the archive"),
    ] = None
    start_ms: Annotated[
        int | None, whole("start_ms", 0, EPOCH_END_MS), Query(description="rows from this time on")
    ] = None
    end_ms: Annotated[
        int | None, whole("end_ms", 0, EPOCH_END_MS), Query(description="rows before this time")
    ] = None
    kept: Annotated[
        Literal["memory", "archive"] | None,
        read_as(_KEPT),
        Query(
            description="memory or archive; else whichever has more of a file, and memory for a "
            "live market"
        ),
    ] = None

    def span(self) -> Span:
        """The rows' times. Raises ValueError where the end is not after the start."""
        return Span(self.start_ms, self.end_ms)


class BarsQuery(TicksQuery):
    """The same of bars."""

    timeframe: Timeframe = "1s"


@router.get("/{market}/ticks.{ending}")
async def ticks(
    runtime: RuntimeDep, market: str, ending: Ending, query: Annotated[TicksQuery, Query()]
) -> Response:
    """The ticks kept, symbol by symbol, as csv, json or parquet."""
    span, kept = query.span(), await _kept(runtime, market, query)
    if kept is not None:
        if kept.kind != "ticks":
            raise _no_ticks(market)
        rows = ticks_of_archive(kept, _archived(kept, query.symbol), span)
        return await send(ending, Export("ticks", _about_kept(kept), query.model_dump()), rows)
    body = market_of(runtime, market)
    if not body.has_ticks:
        raise _no_ticks(market)
    rows = ticks_of_market(body, _symbols(body, query.symbol), query.limit, span)
    return await send(ending, Export("ticks", about(body), query.model_dump()), rows)


@router.get("/{market}/bars.{ending}")
async def bars(
    runtime: RuntimeDep, market: str, ending: Ending, query: Annotated[BarsQuery, Query()]
) -> Response:
    """The bars kept, symbol by symbol, as csv, json or parquet; of the archive those that its
    ticks make. gap: trades of the bar are missing, kline: it is the exchange's own; of the
    archive that is not known.
    """
    span, kept = query.span(), await _kept(runtime, market, query)
    timeframe, parameters = query.timeframe, query.model_dump()
    if kept is not None:
        names = _archived(kept, query.symbol)
        for name in names:
            kept.check(name, timeframe)
        rows = bars_of_archive(kept, names, timeframe, span)
        return await send(ending, Export("bars", _about_kept(kept), parameters), rows)
    body = market_of(runtime, market)
    known_timeframe(body, timeframe)
    rows = bars_of_market(body, _symbols(body, query.symbol), timeframe, query.limit, span)
    return await send(ending, Export("bars", about(body), parameters), rows)


@router.get("/{market}/pair.{ending}")
async def pair(
    runtime: RuntimeDep, market: MarketDep, ending: Ending, query: Annotated[PairQuery, Query()]
) -> Response:
    """Every series of a pair, one row an aligned bar, as csv, json or parquet.

    spread is price_y - fit_beta price_x - fit_alpha, of logarithms where price_space is log, and
    fit_z its z; on carried rows it stands as at the last row in which both legs traded. fit_beta
    and fit_alpha are today's fit, in the hedge modes rolling and kalman the line of each bar. z is
    by known_beta and known_alpha, and rolling_ and kalman_ are other ratios, all as known at each
    bar.
    """
    params = await looked_at_pair(runtime, market, query.pair())
    snapshot = ready(await runtime.analysis.snapshot(market.id, params))
    series, fit = pair_series(snapshot, market), snapshot.fit
    columns = {name: series[name] for name in PAIR_SERIES if name != "ts_ms"}
    columns["fit_beta"], columns["fit_alpha"] = spread_line(snapshot)
    parameters = {
        **query.values(),
        "first_ts_ms": int(snapshot.ts_ms[0]),
        "last_ts_ms": int(snapshot.ts_ms[-1]),
        "rows": len(snapshot),
        "fit_method": fit.method,
        "fit_rows": fit.n,
    }
    table = series_table(snapshot.ts_ms, columns)
    return await send(ending, Export("pair", about(market), parameters), [table])


@router.get("/{market}/summary.{ending}")
async def summary(
    runtime: RuntimeDep,
    market: MarketDep,
    ending: Ending,
    timeframe: Timeframe = "1s",
    limit: Annotated[
        int, whole("limit", 2, 20_000), Query(description="newest bars that the figures are of")
    ] = 1_000,
) -> Response:
    """The summary table, a row a symbol, as csv."""
    known_timeframe(market, timeframe)
    rows = [row(one) for one in ready(await runtime.analysis.summary(market.id, timeframe, limit))]
    if not rows:
        raise ApiError(HTTPStatus.NOT_FOUND, f"market {market.id} is empty")
    table = rows_table(list(rows[0]), [list(one.values()) for one in rows])
    parameters = {"timeframe": timeframe, "limit": limit}
    return await send(ending, Export("summary", about(market), parameters, _CSV), [table])


@router.get("/{market}/alerts.{ending}")
async def alerts(
    runtime: RuntimeDep, market: MarketDep, ending: Ending, since: Since = 0
) -> Response:
    """The alerts that fired in a market, newest first, as csv, with what became of each: bars
    until z was back at 0, worst_z, worst_bps and net_bps so far, bars followed, whether that is
    done; delivery by webhook.
    """
    export = Export("alerts", about(market), {"since": since}, _CSV)
    return await send(ending, export, [_alerts_table(runtime, market.id, since)])


@router.get("/alerts.{ending}")
async def all_alerts(runtime: RuntimeDep, ending: Ending, since: Since = 0) -> Response:
    """The same of all markets, of those that are gone as well."""
    export = Export("alerts", _ALL_MARKETS, {"since": since}, _CSV)
    return await send(ending, export, [_alerts_table(runtime, None, since)])


@router.get("/{market}/trades.{ending}")
async def trades(
    runtime: RuntimeDep,
    market: MarketDep,
    ending: Ending,
    query: Annotated[BacktestQuery, Query()],
) -> Response:
    """The trades of a back-test, oldest first, as csv. funding: what it would have cost a trade
    at the rates of now, as a share of gross exposure, not in net; empty where it is not known.
    """
    result = await backtest_of(runtime, market, query)
    funding = funding_of(market, result.params.y, result.params.x)
    header = [column.name for column in fields(WordedTrade)]
    rows = [list(asdict(trade).values()) for trade in worded_trades(result, funding)]
    table = rows_table(header, rows)
    parameters = {**query.values(), "label": result.label}
    return await send(ending, Export("trades", about(market), parameters, _CSV), [table])


@router.get("/archive/dataset.zip")
async def dataset(runtime: RuntimeDep) -> Response:
    """All ticks and bars of the archive as a Parquet dataset, partitioned by market, symbol and
    day, in a zip; python app.py --export-dataset FOLDER writes it into a folder.
    """
    archive = runtime.recorder.writer.archive
    if archive is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "there is no archive: --archive is none, or not open")
    await runtime.recorder.writer.flush()
    try:
        pieces = zipped_dataset(archive)
    except ParquetUnavailable as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error)) from None
    headers = {"content-disposition": 'attachment; filename="spreadscope-dataset.zip"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def spread_line(snapshot: PairSnapshot) -> tuple[FloatArray, FloatArray]:
    """beta and alpha that measure `snapshot.spread` at each row, shape (n,) each."""
    if snapshot.params.spread_mode in ("rolling", "kalman"):
        return snapshot.known.beta, snapshot.known.alpha
    fit, rows = snapshot.fit, len(snapshot)
    return np.full(rows, float(fit.beta)), np.full(rows, float(fit.alpha))


def _alerts_table(runtime: Runtime, market: str | None, since: int) -> Table:
    records = runtime.alerts.history.records(market, since)
    return rows_table((*_EVENT_COLUMNS, *_OUTCOME_COLUMNS, "delivery"), map(_alert_row, records))


def _alert_row(record: Record) -> list[Any]:
    cells = {name: getattr(record.event, name) for name in _EVENT_COLUMNS}
    cells["symbols"] = " / ".join(record.event.symbols)
    outcome = [getattr(record.outcome, name, None) for name in _OUTCOME_COLUMNS]
    return [*cells.values(), *outcome, record.delivery]


def _no_ticks(market: str) -> ApiError:
    text = f"market {market} has no ticks: it was made of bars, or is empty"
    return ApiError(HTTPStatus.NOT_FOUND, text)


async def _kept(runtime: Runtime, market: str, query: TicksQuery) -> ArchivedMarket | None:
    """The market in the archive, where that is what was asked for; None for the one in memory.

    Raises ApiError 404 where it is in neither.
    """
    body = runtime.markets.get(market)
    if query.kept == "memory" or (query.kept is None and body is not None and not body.whole):
        return None
    kept = await archived_market(runtime.recorder, market)
    if query.kept is None and body is not None:  # of a long file memory holds the newest rows
        return kept if kept and query.limit is None and kept.rows > rows_in(body) else None
    if kept is None and query.kept is None:
        market_of(runtime, market)
    if kept is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"the archive holds no market {market!r}")
    if query.limit is not None:
        raise ValueError("limit is of what is in memory: give start_ms and end_ms here")
    return kept


def _archived(kept: ArchivedMarket, symbol: str | None) -> tuple[str, ...]:
    """The symbol asked for, or all of the archived market. Raises ApiError 404."""
    try:
        return kept.symbols if symbol is None else (kept.of(symbol).symbol,)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None


def _symbols(market: Market, symbol: str | None) -> tuple[str, ...]:
    """The symbol asked for, or all of the market. Raises ApiError 404."""
    return market.symbols if symbol is None else (known_symbol(market, symbol),)


def about(market: Market) -> dict[str, Any]:
    """The market as a manifest names it."""
    return {
        "id": market.id,
        "title": market.title,
        "kind": market.kind,
        "version": market.version,
    }


def _about_kept(kept: ArchivedMarket) -> dict[str, Any]:
    return {"id": kept.series[0].market, "title": kept.title, "kind": "archive"}
