"""Data: files in, rows to look at, exports out."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from analytics.model import UNKNOWN_TRADES, Bars, NotReady, Ticks
from dashapp import ids
from dashapp.parameters import link
from dashapp.parameters.pair import to_dict
from dashapp.parameters.table import PAIR
from dashapp.services.analysis.cache import serial
from dashapp.services.analysis.summary import row
from dashapp.services.runtime import Runtime
from dashapp.text.answers import data_answer
from dashapp.text.numbers import amount_decimals, decimals
from dashapp.ui import polling
from dashapp.ui.components import (
    BY_AMOUNT,
    BY_SIZE,
    attributes,
    card,
    download,
    number_column,
    segments,
    table,
    text_column,
)
from dashapp.ui.frame import replay_bar
from dashapp.ui.pages.data import archive, removal, upload_report
from dashapp.ui.pages.shared import limit_of, utc_time
from dashapp.ui.polling import LivePage, Tab

ROWS_SHOWN = 200
NO_TICKS, TICKS_BOX = "no-ticks", "ticks-box"


def _upload() -> Component:
    zone = html.Div(
        [
            html.Strong("Drop files here, or choose them"),
            html.Div("tick NDJSON, or OHLC(V) CSV; several CSV files together make one market"),
        ],
        id=ids.UPLOAD,
        className="upload-zone",
    )
    progress = html.Div(
        [
            html.Span(className="upload-words"),
            dbc.Button("Cancel", id="upload-cancel", size="sm", color="secondary", outline=True),
            html.Progress(value="0", max="1", **attributes(aria_label="Upload")),
        ],
        id="upload-progress",
        className="upload-progress",
        hidden=True,
    )
    report = html.Div(id=ids.UPLOAD_REPORT, role="status", className="scroll-x")
    held = [zone, progress, report, removal.dialog()]
    return card("Upload", held, tools=removal.button(), extra="wide")


def _exports() -> list[Component]:
    return [
        download(ids.DOWNLOAD_TICKS, "Ticks CSV"),
        download(ids.DOWNLOAD_BARS, "Bars CSV"),
        download(ids.DOWNLOAD_ANALYTICS, "Pair analytics CSV"),
    ]


def layout(theme: str) -> Component:
    """Upload, the summary of every symbol, then raw ticks and bars of one."""
    summary = [
        text_column("symbol", "Symbol", minWidth=130),
        number_column("last", "Last", BY_SIZE),
        number_column("change", "Change", "+.2%"),
        number_column("volume", "Volume", BY_AMOUNT, minWidth=130),
        number_column("vwap", "VWAP", BY_SIZE),
        number_column("correlation", "Correlation to first", ".3f", minWidth=150),
        text_column("adf", "ADF of the price", minWidth=196),
        number_column("bars", "Bars", ",", minWidth=84),
        number_column("trades", "Trades", ",", minWidth=84),
    ]
    ticks = [
        text_column("time", "Time (UTC)", minWidth=190),
        number_column("price", "Price", BY_SIZE),
        number_column("size", "Size", BY_AMOUNT),
        number_column("trade_id", "Trade id"),
    ]
    bars = [
        text_column("time", "Open time (UTC)", minWidth=190),
        *[
            number_column(name, name.capitalize(), BY_SIZE)
            for name in ("open", "high", "low", "close")
        ],
        number_column("volume", "Volume", BY_AMOUNT),
        number_column("trades", "Trades", ","),
        number_column("vwap", "VWAP", BY_SIZE),
    ]
    return html.Div(
        [
            _upload(),
            archive.panel(),
            card(
                "Every symbol of this market",
                table(ids.SUMMARY_TABLE, summary, row_id="symbol", height="16rem"),
                tools=[replay_bar.launcher(), download(ids.DOWNLOAD_SUMMARY, "Summary CSV")],
                extra="wide",
            ),
            card(
                "Newest bars of the Y leg",
                table(ids.BARS_TABLE, bars),
                tools=_exports()[1:],
                extra="wide",
            ),
            card(
                "Newest ticks of the Y leg",
                [
                    html.P(id=NO_TICKS, className="tone-muted"),
                    html.Div(table(ids.TICKS_TABLE, ticks), id=TICKS_BOX),
                ],
                tools=_exports()[:1],
                extra="wide",
            ),
        ],
        className="grid",
    )


def tick_rows(ticks: Ticks) -> list[dict[str, Any]]:
    """The newest ticks first; the id is the place in this table."""
    columns = (ticks.ts_ms, ticks.price, ticks.size, ticks.trade_id)
    shown = {
        "decimals": decimals(float(ticks.price[-1])) if len(ticks) else 0,
        "amount_decimals": amount_decimals(ticks.size),
    }
    rows = zip(*(one[::-1].tolist() for one in columns), strict=True)
    return [
        {
            "id": str(place),
            "time": utc_time(ts_ms),
            "price": price,
            "size": size,
            "trade_id": trade_id if trade_id >= 0 else None,
            **shown,
        }
        for place, (ts_ms, price, size, trade_id) in enumerate(rows)
    ]


def bar_rows(bars: Bars) -> list[dict[str, Any]]:
    """The newest bars first."""
    names = ("open", "high", "low", "close", "volume", "trades", "vwap")
    columns = [getattr(bars, name)[::-1].tolist() for name in names]
    shown = {
        "decimals": decimals(float(bars.close[-1])) if len(bars) else 0,
        "amount_decimals": amount_decimals(bars.volume),
    }
    rows = []
    for ts_ms, *values in zip(bars.ts_ms[::-1].tolist(), *columns, strict=True):
        made = dict(zip(names, values, strict=True))
        made["trades"] = None if made["trades"] == UNKNOWN_TRADES else made["trades"]
        rows.append({"id": str(ts_ms), "time": utc_time(ts_ms), **shown, **made})
    return rows


def links(tab: Tab, symbol: str | None, has_ticks: bool = True) -> dict[str, str | None]:
    """The addresses of the exports of what the tab looks at, None for what there is not."""
    base = f"/export/{quote(tab.view.market, safe='')}"
    bars = urlencode({"symbol": symbol, "timeframe": tab.view.timeframe})
    asked = {"timeframe": tab.view.timeframe, "limit": limit_of(tab)}
    if symbol is None:
        return dict.fromkeys(("to_ticks", "to_bars", "to_summary", "to_pair"))
    return {
        "to_ticks": f"{base}/ticks.csv?{urlencode({'symbol': symbol})}" if has_ticks else None,
        "to_bars": f"{base}/bars.csv?{bars}",
        "to_summary": f"{base}/summary.csv?{urlencode(asked)}",
        "to_pair": f"{base}/pair.csv?{pair_query(tab)}" if tab.view.pair is not None else None,
    }


def pair_query(tab: Tab) -> str:
    """The pair's parameters as the HTTP interface takes them."""
    return link.to_query(to_dict(tab.view), PAIR.values())


def key(runtime: Runtime, tab: Tab) -> Any:
    """The market's version: every symbol stands in the summary."""
    body = runtime.market(tab.view.market)
    if body is None:
        return None
    return (serial(body), body.version, body.counters.received, runtime.kernels_ready)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The tables' rows and the exports' addresses."""
    body = runtime.market(tab.view.market)
    symbol = tab.view.pair.y if tab.view.pair else tab.view.first
    if body is None or symbol not in body.symbols or tab.view.timeframe not in body.timeframes:
        words = "this market is empty: start a feed, or drop a file here"
        return {
            "answer": segments([(words, "muted")]),
            "summary": [],
            "ticks": [],
            "no_ticks": "",
            "ticks_box": "",
            "bars": [],
            **links(tab, None),
            "fixed": body is None or body.kind != "upload",
        }
    held = {one: body.bars(one, tab.view.timeframe, limit_of(tab)) for one in body.symbols}
    made = await runtime.summary(tab.view.market, tab.view.timeframe, limit_of(tab))
    summaries = [] if isinstance(made, NotReady) else made
    amounts = amount_decimals((one.volume for one in summaries), most=3)
    ticks = body.ticks(symbol, ROWS_SHOWN) if body.has_ticks else None
    return {
        "summary": [
            {**row(one), "decimals": decimals(one.last), "amount_decimals": amounts}
            for one in summaries
        ],
        "ticks": tick_rows(ticks) if ticks is not None else [],
        "no_ticks": "" if body.has_ticks else "this market was made of bars, it has no ticks",
        "ticks_box": "" if body.has_ticks else "collapsed",
        "bars": bar_rows(held[symbol].tail(ROWS_SHOWN)),
        **links(tab, symbol, body.has_ticks),
        "fixed": body.kind != "upload",
        "answer": segments(_answer(body, held)),
    }


def _answer(body: Any, held: dict[str, Bars]) -> list[tuple[str, str]]:
    filled = [bars for bars in held.values() if len(bars)]
    if not filled:
        return data_answer(body.title, 0, 0, 0, 0.0)
    newest = max(int(bars.ts_ms[-1]) for bars in filled)
    oldest = min(int(bars.ts_ms[0]) for bars in filled)
    counters = body.counters
    return data_answer(
        body.title,
        symbols=len(body.symbols),
        ticks=counters.accepted if body.has_ticks else 0,
        bar_count=sum(len(bars) for bars in filled),
        span_ms=newest - oldest,
        rejected=sum(counters.rejected.values()),
    )


PAGE = LivePage(
    path="/data",
    charts=(),
    key=key,
    render=render,
    values={
        "summary": Output(ids.SUMMARY_TABLE, "rowData"),
        "ticks": Output(ids.TICKS_TABLE, "rowData"),
        "no_ticks": Output(NO_TICKS, "children"),
        "ticks_box": Output(TICKS_BOX, "className"),
        "bars": Output(ids.BARS_TABLE, "rowData"),
        "fixed": Output(ids.REMOVE_BOX, "hidden"),
        "to_ticks": Output(ids.DOWNLOAD_TICKS, "href"),
        "to_bars": Output(ids.DOWNLOAD_BARS, "href"),
        "to_pair": Output(ids.DOWNLOAD_ANALYTICS, "href"),
        "to_summary": Output(ids.DOWNLOAD_SUMMARY, "href"),
    },
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the upload's report and the removal of an uploaded market."""
    polling.register(app, runtime, PAGE)
    removal.register(app, runtime)
    archive.register(app, runtime)

    @app.callback(Output(ids.UPLOAD_REPORT, "children"), Input(ids.UPLOAD_RESULT, "data"))
    async def show_report(results: list[Any] | None) -> list[Component]:
        return upload_report.report(results or [])
