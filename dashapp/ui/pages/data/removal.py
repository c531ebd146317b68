"""An uploaded market can be removed by hand: a button, and a question before it is done."""

from __future__ import annotations

import time
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.services.runtime import Runtime
from dashapp.ui import components


def button() -> Component:
    """The button, hidden while the market in view was not uploaded."""
    return html.Div(
        components.button(ids.REMOVE, "Remove this market"),
        id=ids.REMOVE_BOX,
        hidden=True,
    )


def dialog() -> Component:
    """The question."""
    answers = [
        dbc.Button("Keep it", id=ids.REMOVE_KEEP, color="secondary", outline=True),
        dbc.Button("Remove", id=ids.REMOVE_CONFIRM, color="danger"),
    ]
    words = dbc.ModalBody(id=ids.REMOVE_WORDS)
    return components.dialog(ids.REMOVE_DIALOG, "Remove this market", words, answers)


def register(app: Dash, runtime: Runtime) -> None:
    """Ask, and remove."""

    @app.callback(
        output={
            "open": Output(ids.REMOVE_DIALOG, "is_open"),
            "words": Output(ids.REMOVE_WORDS, "children"),
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
            return {"open": False, "words": ""}
        words = (
            f"{uploaded.title}: {', '.join(uploaded.symbols)}. "
            "Its rows leave this server's memory; the file on your disk stays as it is."
        )
        return {"open": True, "words": words}

    @app.callback(
        output={
            "open": Output(ids.REMOVE_DIALOG, "is_open", allow_duplicate=True),
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "report": Output(ids.UPLOAD_REPORT, "children", allow_duplicate=True),
        },
        inputs={"confirmed": Input(ids.REMOVE_CONFIRM, "n_clicks")},
        state={"market": State(ids.MARKET, "value")},
        prevent_initial_call=True,
    )
    async def remove(confirmed: int | None, market: str | None) -> dict[str, Any]:
        if not confirmed:
            raise PreventUpdate
        uploaded = runtime.markets.get(market or "")
        try:
            runtime.uploads.remove(market or "")
            words = f"{uploaded.title if uploaded else market} was removed"
        except (KeyError, ValueError) as error:
            words = str(error.args[0])
        focus = {"market": runtime.default_market, "at": time.time()}
        return {"open": False, "focus": focus, "report": html.P(words)}
