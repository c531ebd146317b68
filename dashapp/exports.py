"""Exports by URL: ticks, bars, a pair's series, the summary and the alerts of a market.

The rows are written in a worker thread and streamed. What an export was made from stands in
its file name and, in full, in the header X-Spreadscope-Parameters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import numpy as np
from starlette.responses import Response, StreamingResponse

from analytics.alerts import AlertEvent
from dashapp.calls import ApiError, Call, Route, ready
from dashapp.query import PAIR, TIMEFRAME, Parameter, optional, symbol, whole
from dashapp.resources import PAIR_SERIES, legal_pair, legal_timeframe, pair_series
from dashapp.summary import row
from storage.export import (
    ParquetUnavailable,
    Table,
    bars_table,
    csv_rows,
    json_rows,
    parquet_rows,
    rows_table,
    series_table,
    ticks_table,
)

Write = Callable[[Iterable[Table]], Iterator[bytes]]

_ENDINGS: dict[str, tuple[str, Write]] = {
    "csv": ("text/csv; charset=utf-8", csv_rows),
    "json": ("application/json", json_rows),
    "parquet": ("application/vnd.apache.parquet", parquet_rows),
}
_ANY = Parameter(optional(symbol), None, "of this symbol only")
_LIMIT = Parameter(whole(1, 1_000_000_000), None, "newest rows of each symbol")
_SUMMARY_LIMIT = Parameter(whole(2, 20_000), 1_000, "newest bars that the figures are of")
_SINCE = Parameter(whole(0, 1 << 53), 0, "epoch ms")
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


async def ticks(call: Call) -> Response:
    """The ticks that are kept, symbol by symbol."""
    market, limit = call.market, call.values["limit"]
    if not market.has_ticks:
        text = f"market {market.id} has no ticks: it was made of bars, or is empty"
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    held = [market.ticks(name, limit) for name in _chosen(call)]
    return _stream(call, "ticks", map(ticks_table, held))


async def bars(call: Call) -> Response:
    """The bars that are kept, symbol by symbol."""
    market, timeframe = call.market, legal_timeframe(call)
    held = [market.bars(name, timeframe, call.values["limit"]) for name in _chosen(call)]
    gaps = [market.touched_by_gaps(one) for one in held]
    return _stream(call, "bars", map(bars_table, held, gaps))


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
    return _stream(call, "pair", [series_table(snapshot.ts_ms, named)], of_view)


async def summary(call: Call) -> Response:
    """The summary table: a row a symbol."""
    market, timeframe = call.market, legal_timeframe(call)
    summaries = ready(await call.runtime.summary(market.id, timeframe, call.values["limit"]))
    rows = [row(one) for one in summaries]
    if not rows:
        raise ApiError(HTTPStatus.NOT_FOUND, f"market {market.id} is empty")
    return _stream(
        call, "summary", [rows_table(list(rows[0]), [list(one.values()) for one in rows])]
    )


async def alerts(call: Call) -> Response:
    """The alerts of a market, newest first."""
    events = call.runtime.alerts.events(call.market.id, call.values["since"])
    return _stream(call, "alerts", [rows_table(_EVENT_COLUMNS, map(_event_row, events))])


def _event_row(event: AlertEvent) -> list[Any]:
    cells = {name: getattr(event, name) for name in _EVENT_COLUMNS}
    return list({**cells, "symbols": " / ".join(event.symbols)}.values())


def _chosen(call: Call) -> tuple[str, ...]:
    """The symbol asked for, or all of the market."""
    return call.market.symbols if call.values["symbol"] is None else (call.symbol(),)


def _stream(
    call: Call, kind: str, tables: Iterable[Table], more: Mapping[str, Any] | None = None
) -> Response:
    """The tables in the form that the address ends in. Raises ApiError 404 for another one.

    more: what the header tells beside the parameters of the query, of which null is none.
    """
    ending = call.request.path_params["ending"]
    legal = _FORMS[kind]
    if ending not in legal:
        text = f"{kind} can be had as {', '.join(legal)}, not as {ending}"
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    media_type, write = _ENDINGS[ending]
    try:
        pieces = write(tables)
    except ParquetUnavailable as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error)) from None
    parameters = {"market": call.market.id, "export": kind, **call.values, **(more or {})}
    headers = {
        "content-disposition": f'attachment; filename="{_file_name(parameters, ending)}"',
        "x-spreadscope-parameters": json.dumps(parameters),
    }
    return StreamingResponse(pieces, media_type=media_type, headers=headers)


def _file_name(parameters: Mapping[str, Any], ending: str) -> str:
    """A name that says what is in it, of letters that every system takes.

    >>> _file_name({"market": "demo", "export": "bars", "symbol": "BTCUSDT"}, "csv")
    'demo_bars_BTCUSDT.csv'
    """
    told = ("market", "export", "symbol", "y", "x", "timeframe")
    name = "_".join(str(parameters[part]) for part in told if parameters.get(part) is not None)
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:100] + f".{ending}"


_FORMS = {
    "ticks": ("csv", "json", "parquet"),
    "bars": ("csv", "json", "parquet"),
    "pair": ("csv", "json", "parquet"),
    "summary": ("csv",),
    "alerts": ("csv",),
}
_OF_MARKET = "/export/{market}"
ROUTES = (
    Route(
        "GET",
        f"{_OF_MARKET}/ticks.{{ending}}",
        ticks,
        "The ticks kept, as csv, json or parquet.",
        {"symbol": _ANY, "limit": _LIMIT},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/bars.{{ending}}",
        bars,
        "The bars kept, as csv, json or parquet. gap: trades of the bar are missing.",
        {"symbol": _ANY, "timeframe": TIMEFRAME, "limit": _LIMIT},
    ),
    Route(
        "GET",
        f"{_OF_MARKET}/pair.{{ending}}",
        pair,
        "Every series of a pair, one row an aligned bar, as csv, json or parquet. "
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
        "The alerts that fired in a market, as csv.",
        {"since": _SINCE},
    ),
)
