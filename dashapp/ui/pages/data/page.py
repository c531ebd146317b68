"""Data: files in, rows to look at, exports out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from analytics.model import UNKNOWN_TRADES, Bars, NotReady, Ticks
from dashapp import ids
from dashapp.parameters import link
from dashapp.parameters.pair import to_dict
from dashapp.parameters.table import PAIR
from dashapp.services.analysis.summary import SymbolSummary, one_span, row
from dashapp.services.runtime import Runtime
from dashapp.text.answers import data_answer
from dashapp.text.numbers import amount_decimals, decimals, utc_time
from dashapp.text.states import NO_BARS, NO_SYMBOLS
from dashapp.text.states import NO_TICKS as NO_TICKS_WORDS
from dashapp.ui import polling
from dashapp.ui.components import (
    BY_AMOUNT,
    BY_SIZE,
    attributes,
    button,
    card,
    download,
    number_column,
    segments,
    table,
    text_column,
)
from dashapp.ui.frame import replay_bar
from dashapp.ui.pages.data import archive, removal, upload_report
from dashapp.ui.pages.shared import limit_of
from dashapp.ui.polling import LivePage, Tab
from storage.market.market import Market

ROWS_SHOWN = 200
NO_TICKS, TICKS_BOX = "no-ticks", "ticks-box"


def _upload() -> Component:
    zone = html.Div(
        [
            html.Strong("Drop files here, or choose them"),
            html.Div(
                "trades or bars as CSV, JSON, NDJSON, Parquet or Feather, plain or packed; "
                "several files together make one market"
            ),
        ],
        id=ids.UPLOAD,
        className="upload-zone",
    )
    progress = html.Div(
        [
            html.Span(className="upload-words"),
            button("upload-cancel", "Cancel"),
            html.Progress(value="0", max="1", **attributes(aria_label="Upload")),
        ],
        id="upload-progress",
        className="upload-progress",
        hidden=True,
    )
    report = html.Div(id=ids.UPLOAD_REPORT, role="status", className="scroll-x")
    content = [zone, progress, report, removal.undo(), removal.dialog()]
    return card("Upload", content, tools=removal.button(), extra="wide")


_SUMMARY = (
    text_column("symbol", "Symbol", minWidth=130),
    number_column("last", "Last", BY_SIZE),
    number_column("change", "Change", "+.2%"),
    number_column("volume", "Volume", BY_AMOUNT, minWidth=130),
    number_column("vwap", "VWAP", BY_SIZE),
    number_column("correlation", "Correlation to first", ".3f", minWidth=150),
    text_column("adf", "ADF of the price", minWidth=196),
    number_column("bars", "Bars", ",", minWidth=84),
    number_column("trades", "Trades", ",", minWidth=84),
)
_TICKS = (
    text_column("time", "Time (UTC)", minWidth=190),
    number_column("price", "Price", BY_SIZE),
    number_column("size", "Size", BY_AMOUNT),
    number_column("trade_id", "Trade id"),
)
_BARS = (
    text_column("time", "Open time (UTC)", minWidth=190),
    *(number_column(name, name.capitalize(), BY_SIZE) for name in ("open", "high", "low", "close")),
    number_column("volume", "Volume", BY_AMOUNT),
    number_column("trades", "Trades", ","),
    number_column("vwap", "VWAP", BY_SIZE),
)


def layout(theme: str) -> Component:
    """Upload, the archive, the summary of every symbol, then raw bars and ticks of one."""
    summary = table(ids.SUMMARY_TABLE, _SUMMARY, row_id="symbol", height="16rem", empty=NO_SYMBOLS)
    summary_tools = [replay_bar.launcher(), download(ids.DOWNLOAD_SUMMARY, "Summary CSV")]
    bars_tools = [
        download(ids.DOWNLOAD_BARS, "Bars CSV"),
        download(ids.DOWNLOAD_ANALYTICS, "Pair analytics CSV"),
    ]
    ticks = [
        html.P(id=NO_TICKS, className="tone-muted"),
        html.Div(table(ids.TICKS_TABLE, _TICKS, empty=NO_TICKS_WORDS), id=TICKS_BOX),
    ]
    ticks_tools = [download(ids.DOWNLOAD_TICKS, "Ticks CSV")]
    bars = table(ids.BARS_TABLE, _BARS, empty=NO_BARS)
    return html.Div(
        [
            _upload(),
            archive.panel(),
            card("Every symbol of this market", summary, tools=summary_tools, extra="wide"),
            card("Newest bars of the Y leg", bars, tools=bars_tools, extra="wide"),
            card("Newest ticks of the Y leg", ticks, tools=ticks_tools, extra="wide"),
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
    rows = zip(*(column[::-1].tolist() for column in columns), strict=True)
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
        cells = dict(zip(names, values, strict=True))
        cells["trades"] = None if cells["trades"] == UNKNOWN_TRADES else cells["trades"]
        rows.append({"id": str(ts_ms), "time": utc_time(ts_ms), **shown, **cells})
    return rows


def links(tab: Tab, symbol: str | None, has_ticks: bool = True) -> dict[str, str | None]:
    """The addresses of the exports of what the tab looks at, None for what there is not."""
    base = f"/export/{quote(tab.view.market, safe='')}"
    bars = urlencode({"symbol": symbol, "timeframe": tab.view.timeframe})
    summary = urlencode({"timeframe": tab.view.timeframe, "limit": limit_of(tab)})
    if symbol is None:
        return dict.fromkeys(("to_ticks", "to_bars", "to_summary", "to_pair"))
    return {
        "to_ticks": f"{base}/ticks.csv?{urlencode({'symbol': symbol})}" if has_ticks else None,
        "to_bars": f"{base}/bars.csv?{bars}",
        "to_summary": f"{base}/summary.csv?{summary}",
        "to_pair": f"{base}/pair.csv?{pair_query(tab)}" if tab.view.pair is not None else None,
    }


def pair_query(tab: Tab) -> str:
    """The pair's parameters as the HTTP interface takes them."""
    return link.to_query(to_dict(tab.view), PAIR.values())


def key(runtime: Runtime, tab: Tab) -> Any:
    """The market's version: every symbol stands in the summary."""
    market = runtime.markets.get(tab.view.market)
    if market is None:
        return None
    gone = tuple(runtime.uploads.put_away)
    return (market.serial, market.version, market.counters.received, runtime.kernels.ready, gone)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The tables' rows and the exports' addresses."""
    market = runtime.markets.get(tab.view.market)
    timeframe, limit = tab.view.timeframe, limit_of(tab)
    symbol = tab.view.pair.y if tab.view.pair else tab.view.first
    if market is None or symbol not in market.symbols or timeframe not in market.timeframes:
        words = "no bars of the Y leg in this timeframe"
        return {
            "answer": segments([(words, "muted")]),
            "summary": [],
            "ticks": [],
            "no_ticks": "",
            "ticks_box": "",
            "bars": [],
            **links(tab, None),
            "fixed": market is None or market.kind != "upload",
            **removal.no_undo(runtime, tab),
        }
    bars = {name: market.bars(name, timeframe, limit) for name in market.symbols}
    summaries = await runtime.analysis.summary(tab.view.market, timeframe, limit)
    ticks = market.ticks(symbol, ROWS_SHOWN) if market.has_ticks else None
    return {
        "summary": [] if isinstance(summaries, NotReady) else summary_rows(summaries),
        "ticks": tick_rows(ticks) if ticks is not None else [],
        "no_ticks": "" if market.has_ticks else "this market was made of bars, it has no ticks",
        "ticks_box": "" if market.has_ticks else "collapsed",
        "bars": bar_rows(bars[symbol].tail(ROWS_SHOWN)),
        **links(tab, symbol, market.has_ticks),
        "fixed": market.kind != "upload",
        **removal.no_undo(runtime, tab),
        "answer": segments(_answer(market, bars, limit)),
    }


def summary_rows(summaries: Sequence[SymbolSummary]) -> list[dict[str, Any]]:
    """A row a symbol, with the decimals of its prices and of the column's amounts."""
    amounts = amount_decimals((summary.volume for summary in summaries), most=3)
    return [
        {**row(summary), "decimals": decimals(summary.last), "amount_decimals": amounts}
        for summary in summaries
    ]


def _answer(market: Market, held: Mapping[str, Bars], limit: int) -> list[tuple[str, str]]:
    """What the rows of the summary add up to: symbols, and their bars from the common start on."""
    span = one_span(held, limit)
    filled = [bars for bars in span.values() if len(bars)]
    if not filled:
        return data_answer(market.title, 0, (), 0.0)
    newest = max(int(bars.ts_ms[-1]) for bars in filled)
    oldest = min(int(bars.ts_ms[0]) for bars in filled)
    counters = market.counters
    return data_answer(
        market.title,
        ticks=counters.accepted if market.has_ticks else 0,
        bar_counts=[len(span[name]) for name, bars in held.items() if len(bars)],
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
        "no_undo": Output(ids.REMOVE_UNDO_BOX, "hidden"),
        "to_ticks": Output(ids.DOWNLOAD_TICKS, "href"),
        "to_bars": Output(ids.DOWNLOAD_BARS, "href"),
        "to_pair": Output(ids.DOWNLOAD_ANALYTICS, "href"),
        "to_summary": Output(ids.DOWNLOAD_SUMMARY, "href"),
    },
    apart=removal.no_undo,
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the upload's report and the removal of an uploaded market."""
    polling.register(app, runtime, PAGE)
    removal.register(app, runtime)
    archive.register(app, runtime)

    @app.callback(Output(ids.UPLOAD_REPORT, "children"), Input(ids.UPLOAD_RESULT, "data"))
    async def show_report(results: list[Any] | None) -> list[Component]:
        return upload_report.report(results or [])
