"""Exports by URL: ticks and bars, in memory or archived, a pair's series, the summary, the
alerts of a market, the trades of a back-test.

What is exported is found here, its rows come from `export_rows`, and `export_stream` sends
them.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from http import HTTPStatus
from typing import Any

import numpy as np
from starlette.responses import Response, StreamingResponse

from analytics.backtest import Trade
from dashapp.services.alerts.history import Record
from dashapp.services.analysis.summary import row
from dashapp.services.archive.stored_rows import (
    Kept,
    Span,
    bars_of_archive,
    bars_of_market,
    kept_of,
    ticks_of_archive,
    ticks_of_market,
)
from dashapp.services.replay.sources import rows_in
from dashapp.web.deps import PAIR, TIMEFRAME, Parameter, choice, optional, symbol, whole
from dashapp.web.export_stream import Export, answer
from dashapp.web.routes.markets import (
    BACKTEST,
    PAIR_SERIES,
    backtest_of,
    legal_pair,
    legal_timeframe,
    pair_series,
)
from dashapp.web.routing import ApiError, Call, Route, market_of, ready
from storage.export.dataset import zipped_dataset
from storage.export.parquet import ParquetUnavailable
from storage.export.tables import Table, rows_table, series_table

_ANY = Parameter(optional(symbol), None, "of this symbol only")
_LIMIT = Parameter(whole(1, 1_000_000_000), None, "newest rows of each symbol; not of the archive")
_EPOCH = whole(0, 1 << 53)
_SPAN = {
    "start_ms": Parameter(_EPOCH, None, "rows from this time on, epoch ms"),
    "end_ms": Parameter(_EPOCH, None, "rows before this time, epoch ms"),
    "kept": Parameter(
        choice("memory", "archive"),
        None,
        "memory or archive; else whichever has more of a file, and memory for a live market",
    ),
}
_SUMMARY_LIMIT = Parameter(whole(2, 20_000), 1_000, "newest bars that the figures are of")
_SINCE = Parameter(_EPOCH, 0, "epoch ms")
_CSV = ("csv",)
_ALL_MARKETS = {"id": "all-markets", "title": "All markets", "kind": "all"}
_EVENT_COLUMNS = (
    "id",
    "ts_ms",
    "market",
    "symbols",
    "metric",
    "operator",
    "threshold",
    "value",
    "text",
)
#: What became of an alert, see `analytics.outcomes.Outcome`; empty where nothing is known.
_OUTCOME_COLUMNS = ("bars", "worst_z", "worst_bps", "net_bps", "followed", "done")


async def ticks(call: Call) -> Response:
    """The ticks that are kept, symbol by symbol."""
    span, kept = _span(call), await _kept(call)
    if kept is not None:
        if kept.kind != "ticks":
            raise _no_ticks(call)
        rows = ticks_of_archive(kept, _archived(call, kept), span)
        return await answer(call, _export(call, "ticks", kept), rows)
    market = call.market
    if not market.has_ticks:
        raise _no_ticks(call)
    rows = ticks_of_market(market, _chosen(call), call.values["limit"], span)
    return await answer(call, _export(call, "ticks"), rows)


async def bars(call: Call) -> Response:
    """The bars that are kept, or made of the ticks that are, symbol by symbol."""
    span, kept = _span(call), await _kept(call)
    if kept is not None:
        names, timeframe = _archived(call, kept), call.values["timeframe"]
        for name in names:
            kept.check(name, timeframe)
        rows = bars_of_archive(kept, names, timeframe, span)
        return await answer(call, _export(call, "bars", kept), rows)
    timeframe = legal_timeframe(call)
    rows = bars_of_market(call.market, _chosen(call), timeframe, call.values["limit"], span)
    return await answer(call, _export(call, "bars"), rows)


async def pair(call: Call) -> Response:
    """Every series of a pair, one row an aligned bar, and the fit that its spread is of."""
    snapshot = ready(await call.runtime.snapshot(call.market.id, legal_pair(call)))
    series, fit = pair_series(snapshot, call.market), snapshot.fit
    named = {name: series[name] for name in PAIR_SERIES if name != "ts_ms"}
    named["fit_beta"] = np.full(len(snapshot), float(fit.beta))
    named["fit_alpha"] = np.full(len(snapshot), float(fit.alpha))
    of_view = {
        "first_ts_ms": int(snapshot.ts_ms[0]),
        "last_ts_ms": int(snapshot.ts_ms[-1]),
        "rows": len(snapshot),
        "fit_method": fit.method,
        "fit_rows": fit.n,
    }
    export = _export(call, "pair", more=of_view)
    return await answer(call, export, [series_table(snapshot.ts_ms, named)])


async def summary(call: Call) -> Response:
    """The summary table: a row a symbol."""
    market, timeframe = call.market, legal_timeframe(call)
    summaries = ready(await call.runtime.summary(market.id, timeframe, call.values["limit"]))
    rows = [row(one) for one in summaries]
    if not rows:
        raise ApiError(HTTPStatus.NOT_FOUND, f"market {market.id} is empty")
    table = rows_table(list(rows[0]), [list(one.values()) for one in rows])
    return await answer(call, _export(call, "summary", forms=_CSV), [table])


async def alerts(call: Call) -> Response:
    """The alerts of a market, newest first, with what became of each."""
    table = _alerts_table(call, call.market.id)
    return await answer(call, _export(call, "alerts", forms=_CSV), [table])


async def all_alerts(call: Call) -> Response:
    """The alerts of all markets, of those that are gone as well, newest first."""
    export = Export("alerts", _ALL_MARKETS, dict(call.values), _CSV)
    return await answer(call, export, [_alerts_table(call, None)])


async def trades(call: Call) -> Response:
    """The trades of a back-test, oldest first."""
    result = await backtest_of(call)
    header = [one.name for one in fields(Trade)]
    table = rows_table(header, [list(asdict(one).values()) for one in result.trades])
    export = _export(call, "trades", more={"label": result.label}, forms=_CSV)
    return await answer(call, export, [table])


async def dataset(call: Call) -> Response:
    """The whole archive as a Parquet dataset, in a zip."""
    archive = call.runtime.recorder.writer.archive
    if archive is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "there is no archive: --archive is none, or not open")
    await call.runtime.recorder.writer.flush()
    try:
        pieces = zipped_dataset(archive)
    except ParquetUnavailable as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error)) from None
    headers = {"content-disposition": 'attachment; filename="spreadscope-dataset.zip"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def _alerts_table(call: Call, market: str | None) -> Table:
    records = call.runtime.alerts.history.records(market, call.values["since"])
    return rows_table((*_EVENT_COLUMNS, *_OUTCOME_COLUMNS, "delivery"), map(_alert_row, records))


def _alert_row(record: Record) -> list[Any]:
    cells = {name: getattr(record.event, name) for name in _EVENT_COLUMNS}
    cells["symbols"] = " / ".join(record.event.symbols)
    seen = record.outcome
    became = [getattr(seen, name, None) for name in _OUTCOME_COLUMNS]
    return [*cells.values(), *became, record.delivery]


def _no_ticks(call: Call) -> ApiError:
    name = call.request.path_params["market"]
    text = f"market {name} has no ticks: it was made of bars, or is empty"
    return ApiError(HTTPStatus.NOT_FOUND, text)


def _span(call: Call) -> Span:
    return Span(call.values["start_ms"], call.values["end_ms"])


async def _kept(call: Call) -> Kept | None:
    """The market in the archive, where that is what was asked for; None for the one in memory.

    Raises ApiError 404 where it is in neither.
    """
    name, wanted = call.request.path_params["market"], call.values["kept"]
    limit = call.values["limit"]
    market = call.runtime.market(name)
    if wanted == "memory" or (wanted is None and market is not None and not market.whole):
        return None
    kept = await kept_of(call.runtime.recorder, name)
    if wanted is None and market is not None:  # of a long file memory holds the newest rows
        return kept if kept and limit is None and kept.rows > rows_in(market) else None
    if kept is None and wanted is None:
        market_of(call.runtime, name)
    if kept is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"the archive holds no market {name!r}")
    if limit is not None:
        raise ValueError("limit is of what is in memory: give start_ms and end_ms here")
    return kept


def _archived(call: Call, kept: Kept) -> tuple[str, ...]:
    """The symbol asked for, or all of the archived market. Raises ApiError 404."""
    wanted = call.values["symbol"]
    try:
        return kept.symbols if wanted is None else (kept.of(wanted).symbol,)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None


def _chosen(call: Call) -> tuple[str, ...]:
    """The symbol asked for, or all of the market."""
    return call.market.symbols if call.values["symbol"] is None else (call.symbol(),)


def _export(
    call: Call,
    kind: str,
    kept: Kept | None = None,
    *,
    more: dict[str, Any] | None = None,
    forms: tuple[str, ...] | None = None,
) -> Export:
    """What is exported, as its name and its manifest tell it. more: beside the query's values."""
    if kept is not None:
        one = kept.held[0]
        market: dict[str, Any] = {"id": one.market, "title": kept.title, "kind": "archive"}
    else:
        body = call.market
        market = {"id": body.id, "title": body.title, "kind": body.kind, "version": body.version}
    parameters = {**call.values, **(more or {})}
    return Export(kind, market, parameters, **({"forms": forms} if forms else {}))


_OF_MARKET = "/export/{market}"
_ANY_FORM = "as csv, json or parquet"
ROUTES = (
    Route(
        "GET",
        f"{_OF_MARKET}/ticks.{{ending}}",
        ticks,
        f"The ticks kept, {_ANY_FORM}. Every export can also be had with .zip after its ending "
        "(the file and its manifest: parameters, versions, row count, SHA-256), or with "
        ".manifest.json (that alone).",
        {"symbol": _ANY, "limit": _LIMIT, **_SPAN},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/bars.{{ending}}",
        bars,
        f"The bars kept, {_ANY_FORM}; of the archive those that its ticks make. "
        "gap: trades of the bar are missing; of the archive that is not known.",
        {"symbol": _ANY, "timeframe": TIMEFRAME, "limit": _LIMIT, **_SPAN},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/pair.{{ending}}",
        pair,
        f"Every series of a pair, one row an aligned bar, {_ANY_FORM}. "
        "spread is price_y - fit_beta price_x - fit_alpha, of logarithms where price_space is "
        "log; rolling_ and kalman_ are the ratios as known at each bar.",
        PAIR,
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/summary.{{ending}}",
        summary,
        "The summary table, as csv.",
        {"timeframe": TIMEFRAME, "limit": _SUMMARY_LIMIT},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/alerts.{{ending}}",
        alerts,
        "The alerts that fired in a market, as csv, with what became of each: bars until z was "
        "back at 0, worst_z, worst_bps and net_bps so far, bars followed, whether that is done; "
        "delivery by webhook.",
        {"since": _SINCE},
    ),
    Route(
        "GET",
        "/export/alerts.{ending}",
        all_alerts,
        "The same of all markets, of those that are gone as well.",
        {"since": _SINCE},
    ),
    Route(
        "GET",
        "/export/archive/dataset.zip",
        dataset,
        "All ticks and bars of the archive as a Parquet dataset, partitioned by market, symbol "
        "and day, in a zip; python app.py --export-dataset FOLDER writes it into a folder.",
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/trades.{{ending}}",
        trades,
        "The trades of a back-test, as csv.",
        BACKTEST,
    ),
)
