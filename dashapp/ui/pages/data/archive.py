"""The archive on the Data page: what outlives a restart, by market and symbol."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.services.runtime import Runtime
from dashapp.text.numbers import utc_time
from dashapp.text.states import ARCHIVE_EMPTY
from dashapp.ui.components import (
    attributes,
    button,
    card,
    dialog,
    number_column,
    table,
    text_column,
)
from dashapp.ui.pages.data import archive_export
from storage.archive.archive import ArchiveError, StoredSeries

INTERVAL = "archive-interval"
STATUS = "archive-status"
SAYS = "archive-says"
LOAD = "archive-load"
DELETE = "archive-delete"
ASKED = "archive-asked"
QUESTION = "archive-question"
DELETE_SYMBOL = "archive-delete-symbol"
DELETE_MARKET = "archive-delete-market"
KEEP = "archive-keep"
EVERY_MS = 5_000

_COLUMNS = [
    text_column("title", "Market", minWidth=200),
    text_column("symbol", "Symbol", minWidth=120),
    text_column("what", "Holds", minWidth=90),
    text_column("first", "From (UTC)", minWidth=170),
    text_column("last", "To (UTC)", minWidth=170),
    number_column("rows", "Rows", ","),
    number_column("mb", "MB", ",.2f"),
]


def _button(button_id: str, words: str, tone: str = "") -> Component:
    return button(button_id, words, className=tone)


def _tools() -> list[Component]:
    """What can be done with the selected row."""
    return [_button(LOAD, "Load as a market"), _button(DELETE, "Delete …")]


def _confirmation() -> Component:
    """The question before anything is deleted."""
    answers = [
        _button(KEEP, "Keep it"),
        _button(DELETE_SYMBOL, "Delete this symbol", "tone-down"),
        _button(DELETE_MARKET, "Delete the whole market", "tone-down"),
    ]
    words = dbc.ModalBody(html.P(id=QUESTION))
    return dialog(ASKED, "Delete from the archive?", words, answers, must_answer=True)


def panel() -> Component:
    """The card: how the archive does, what it holds, and what to do with it."""
    grid = table(ids.ARCHIVE_TABLE, _COLUMNS, height="14rem", single_row=True, empty=ARCHIVE_EMPTY)
    says = html.P(id=SAYS, role="status", **attributes(aria_live="polite"))
    return card(
        "Archive",
        [
            dcc.Interval(id=INTERVAL, interval=EVERY_MS),
            html.P(id=STATUS, className="tone-muted"),
            grid,
            says,
            archive_export.row(),
            _confirmation(),
        ],
        tools=_tools(),
        extra="wide",
    )


def holding_row(holding: StoredSeries) -> dict[str, Any]:
    """A row of the table; its id names what it holds."""
    what = holding.kind if holding.timeframe is None else f"{holding.timeframe} bars"
    return {
        "id": f"{holding.market}|{holding.symbol}|{what}",
        "market": holding.market,
        "title": holding.title,
        "symbol": holding.symbol,
        "what": what,
        "first": utc_time(holding.first_ts_ms // 1_000 * 1_000),
        "last": utc_time(holding.last_ts_ms // 1_000 * 1_000),
        "rows": holding.rows,
        "mb": holding.bytes / 1e6,
    }


def status_words(runtime: Runtime, holdings: list[StoredSeries]) -> tuple[str, str]:
    """How the archive does, and the tone of that."""
    keeper = runtime.recorder.writer
    if not keeper.keeps:
        return "nothing is kept: the app was started with --archive none", "muted"
    trouble = keeper.words
    where = "" if keeper.archive is None else keeper.archive.where
    if trouble:
        return f"{trouble} · {where}" if where else trouble, "warn"
    days = runtime.settings.keep_days
    span = (
        f"live ticks for {days} days from when they came, files until deleted"
        if days
        else "ticks for ever"
    )
    size = sum(holding.bytes for holding in holdings) / 1e6
    return f"{where} · {size:,.1f} MB · {span}; the simulated market is not kept", "muted"


def question(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """What would be deleted, in words."""
    by_symbol: Counter[str] = Counter()
    for other in rows:
        if other["market"] == row["market"]:
            by_symbol[other["symbol"]] += other["rows"]
    symbols, total = len(by_symbol), by_symbol.total()
    whole = f" The whole market is {symbols} symbols with {total:,} rows." if symbols > 1 else ""
    return (
        f"{row['symbol']} of {row['title']} has {by_symbol[row['symbol']]:,} rows here."
        f"{whole} What is deleted cannot be brought back."
    )


async def load(runtime: Runtime, row: dict[str, Any]) -> tuple[Any, str, str]:
    """Load the market of a row: where to look, what to say, and its tone."""
    try:
        market_id = await runtime.uploads.load_kept(row["market"])
    except (KeyError, ArchiveError) as error:
        return no_update, str(error.args[0]), "tone-down"
    return {"market": market_id, "at": time.time()}, f"{row['title']} is loaded", "tone-up"


async def delete(runtime: Runtime, row: dict[str, Any], whole: bool) -> tuple[str, str]:
    """Delete a row's symbol, or its whole market: what to say, and its tone."""
    symbol = None if whole else row["symbol"]
    try:
        count = await runtime.recorder.delete(row["market"], symbol)
    except ArchiveError as error:
        return str(error), "tone-down"
    what = row["title"] if whole else f"{row['symbol']} of {row['title']}"
    return f"{what} is deleted from the archive: {count:,} rows", "tone-up"


def register(app: Dash, runtime: Runtime) -> None:
    """The table, and what its buttons do."""
    _register_table(app, runtime)
    _register_buttons(app, runtime)
    archive_export.register(app, runtime)


def _register_table(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "rows": Output(ids.ARCHIVE_TABLE, "rowData"),
            "status": Output(STATUS, "children"),
            "tone": Output(STATUS, "className"),
        },
        inputs={"tick": Input(INTERVAL, "n_intervals"), "said": Input(SAYS, "children")},
        state={"shown": State(ids.ARCHIVE_TABLE, "rowData"), "words": State(STATUS, "children")},
    )
    async def show(
        tick: int | None,
        said: Any,
        shown: list[Any] | None,
        words: str | None,
    ) -> dict[str, Any]:
        holdings = await runtime.recorder.contents()
        kept = (one for one in holdings if not runtime.uploads.leaving(one.market))
        rows = [holding_row(holding) for holding in kept]
        text, tone = status_words(runtime, holdings)
        if rows == shown and text == words:
            raise PreventUpdate
        return {"rows": rows, "status": text, "tone": f"tone-{tone}"}


def _register_buttons(app: Dash, runtime: Runtime) -> None:
    selected = State(ids.ARCHIVE_TABLE, "selectedRows")

    @app.callback(
        output={"open": Output(ASKED, "is_open"), "question": Output(QUESTION, "children")},
        inputs={"clicks": _clicks(DELETE, KEEP, DELETE_SYMBOL, DELETE_MARKET)},
        state={"selected": selected, "rows": State(ids.ARCHIVE_TABLE, "rowData")},
        prevent_initial_call=True,
    )
    async def ask(
        clicks: dict[str, int | None], selected: list[Any] | None, rows: list[Any] | None
    ) -> dict[str, Any]:
        if ctx.triggered_id != DELETE or not clicks[DELETE] or not selected:
            return {"open": False, "question": no_update}
        return {"open": True, "question": question(selected[0], rows or [])}

    @app.callback(
        output={
            "says": Output(SAYS, "children"),
            "tone": Output(SAYS, "className"),
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "selected": Output(ids.ARCHIVE_TABLE, "selectedRows"),
        },
        inputs={"clicks": _clicks(LOAD, DELETE, DELETE_SYMBOL, DELETE_MARKET)},
        state={"selected": selected},
        prevent_initial_call=True,
    )
    async def act(clicks: dict[str, int | None], selected: list[Any] | None) -> dict[str, Any]:
        same = {"focus": no_update, "selected": no_update}
        if not any(clicks.values()):
            raise PreventUpdate
        if not selected:
            return {"says": "select a row of the table first", "tone": "tone-warn", **same}
        if ctx.triggered_id == DELETE:
            return {"says": "", "tone": "", **same}
        if ctx.triggered_id == LOAD:
            focus, says, tone = await load(runtime, selected[0])
            return {"says": says, "tone": tone, "focus": focus, "selected": no_update}
        says, tone = await delete(runtime, selected[0], ctx.triggered_id == DELETE_MARKET)
        return {"says": says, "tone": tone, "focus": no_update, "selected": []}


def _clicks(*buttons: str) -> dict[str, Input]:
    """The clicks on buttons, by their ids."""
    return {button_id: Input(button_id, "n_clicks") for button_id in buttons}
