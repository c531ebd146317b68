"""An uploaded market can be removed by hand: from this session alone, or from the archive too.

A question says what goes and what stays; what was removed can be brought back while the app runs.
"""

from __future__ import annotations

import time
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.services.archive.recorder import LIVE
from dashapp.services.runtime import Runtime
from dashapp.text.files import removed_words, what_goes
from dashapp.ui import components
from dashapp.ui.polling import Tab
from storage.market.market import Market


def button() -> Component:
    """The button, hidden while the market in view was not uploaded."""
    return html.Div(
        components.button(ids.REMOVE, "Remove this market …"),
        id=ids.REMOVE_BOX,
        hidden=True,
    )


def dialog() -> Component:
    """The question."""
    answers = [
        components.button(ids.REMOVE_KEEP, "Keep it"),
        components.button(ids.REMOVE_FORGET, "Forget here"),
        dbc.Button("Delete from the archive", id=ids.REMOVE_DELETE, size="sm", color="danger"),
    ]
    words = dbc.ModalBody(id=ids.REMOVE_WORDS)
    title = "Remove this market?"
    asked = dcc.Store(id=ids.REMOVE_ASKED)  # about which market, whatever comes into view meanwhile
    question = components.dialog(ids.REMOVE_DIALOG, title, words, answers, must_answer=True)
    return html.Div([asked, question])


def undo() -> Component:
    """What was removed, and the way back."""
    return html.Div(
        [
            html.Span(id=ids.REMOVE_SAYS, role="status"),
            html.Div(
                components.button(ids.REMOVE_UNDO, "Undo the removal"),
                id=ids.REMOVE_UNDO_BOX,
                hidden=True,
            ),
        ],
        className="tools undo",
    )


def kept_in_archive(runtime: Runtime, market: Market) -> bool:
    """Whether the archive has a copy of a file's market, which can be deleted with it."""
    kept = runtime.recorder.writer.archive is not None and market.kept_as != ""
    return kept and not market.id.startswith(LIVE)


def no_undo(runtime: Runtime, tab: Tab) -> dict[str, bool]:
    """Whether the way back is hidden, as a page's value."""
    return {"no_undo": not runtime.uploads.put_away}


def question(runtime: Runtime, market: Market) -> str:
    """What goes and what stays, in words."""
    kept = kept_in_archive(runtime, market)
    of_live = market.id.startswith(LIVE)
    return what_goes(market.title, market.symbols, market.counters.accepted, kept, of_live)


def register(app: Dash, runtime: Runtime) -> None:
    """Ask, remove, and bring back."""
    _register_question(app, runtime)
    _register_removal(app, runtime)

    @app.callback(
        output={
            "says": Output(ids.REMOVE_SAYS, "children", allow_duplicate=True),
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
        },
        inputs={"clicks": Input(ids.REMOVE_UNDO, "n_clicks")},
        prevent_initial_call=True,
    )
    async def bring_back(clicks: int | None) -> dict[str, Any]:
        if not clicks:
            raise PreventUpdate
        market = runtime.uploads.bring_back()
        if market is None:
            return {"says": "there is nothing to undo", "focus": no_update}
        focus = {"market": market.id, "at": time.time()}
        return {"says": f"{market.title} is back", "focus": focus}


def _register_question(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "open": Output(ids.REMOVE_DIALOG, "is_open"),
            "words": Output(ids.REMOVE_WORDS, "children"),
            "nowhere": Output(ids.REMOVE_DELETE, "disabled"),
            "asked": Output(ids.REMOVE_ASKED, "data"),
        },
        inputs={
            "remove": Input(ids.REMOVE, "n_clicks"),
            "keep": Input(ids.REMOVE_KEEP, "n_clicks"),
        },
        state={"market": State(ids.MARKET, "value"), "shown": State(ids.REMOVE_DIALOG, "is_open")},
        prevent_initial_call=True,
    )
    async def ask(
        remove: int | None,
        keep: int | None,
        market: str | None,
        shown: bool | None,
    ) -> dict[str, Any]:
        if not remove and not keep:
            raise PreventUpdate  # the page has just been shown
        uploaded = runtime.markets.get(market or "")
        if shown or uploaded is None or uploaded.kind != "upload":
            return {"open": False, "words": "", "nowhere": True, "asked": None}
        return {
            "open": True,
            "words": question(runtime, uploaded),
            "nowhere": not kept_in_archive(runtime, uploaded),
            "asked": uploaded.id,
        }


def _register_removal(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "open": Output(ids.REMOVE_DIALOG, "is_open", allow_duplicate=True),
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "says": Output(ids.REMOVE_SAYS, "children", allow_duplicate=True),
            "report": Output(ids.UPLOAD_REPORT, "children", allow_duplicate=True),
        },
        inputs={
            "forget": Input(ids.REMOVE_FORGET, "n_clicks"),
            "delete": Input(ids.REMOVE_DELETE, "n_clicks"),
        },
        state={"market": State(ids.REMOVE_ASKED, "data")},
        prevent_initial_call=True,
    )
    async def remove(forget: int | None, delete: int | None, market: str | None) -> dict[str, Any]:
        if not forget and not delete:
            raise PreventUpdate
        uploaded = runtime.markets.get(market or "")
        if uploaded is None or uploaded.kind != "upload":
            return {"open": False, "focus": no_update, "says": "", "report": ""}
        kept = kept_in_archive(runtime, uploaded)
        deleted = kept and ctx.triggered_id == ids.REMOVE_DELETE
        runtime.uploads.take_away(uploaded.id, deleted)
        words = removed_words(uploaded.title, kept, deleted)
        focus = {"market": runtime.default_market, "at": time.time()}
        return {"open": False, "focus": focus, "says": words, "report": ""}
