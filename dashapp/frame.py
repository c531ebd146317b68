"""The frame's live part: trust strip, Start and Stop, toasts, the list of markets."""

from __future__ import annotations

import logging
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.runtime import Runtime
from dashapp.words import trust_figures

logger = logging.getLogger(__name__)

TOAST_MS = 8_000
MAX_TOASTS = 4


def known_symbols(runtime: Runtime, market_id: str | None) -> dict[str, Any]:
    """What decides the options of the header and the legs: markets and this one's symbols."""
    body = runtime.market(market_id or "")
    return {
        "markets": list(runtime.markets),
        "symbols": list(body.symbols) if body else [],
        "timeframes": list(body.timeframes) if body else [],
    }


def mark(kind: str) -> Any:
    """SIMULATED or REPLAY, where the data is not the live market's."""
    words = {"demo": "SIMULATED", "replay": "REPLAY"}.get(kind)
    return html.Span(words, className="mark") if words else ""


def toasts(events: list[Any]) -> list[Any]:
    """The newest alerts, each in a toast that goes by itself."""
    return [
        dbc.Toast(
            event.text,
            id={"type": "toast", "event": str(event.id)},
            header=f"Alert · {' / '.join(event.symbols)}",
            duration=TOAST_MS,
            dismissable=True,
            is_open=True,
        )
        for event in events[-MAX_TOASTS:]
    ]


def _strip(runtime: Runtime, market_id: str) -> dict[str, Any]:
    body = runtime.market(market_id)
    status = runtime.feed_status(market_id)
    parts = trust_figures(runtime.trust(market_id))
    words = f"{status.state} · {status.detail}" if status.detail else status.state
    return {
        "mark": mark(body.kind if body else ""),
        "dot": f"dot {status.state}",
        "status": words,
        "figures": [
            html.Span(text, className=f"figure tone-{tone}" if tone else "figure")
            for text, tone in parts
        ],
    }


def _register_strip(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "mark": Output("simulated-mark", "children"),
            "dot": Output("feed-dot", "className"),
            "status": Output(ids.FEED_STATUS, "children"),
            "figures": Output("trust-figures", "children"),
            "known": Output(ids.KNOWN, "data"),
            "badge": Output("alerts-badge", "children"),
            "toasts": Output(ids.TOASTS, "children"),
            "fired": Output(ids.FIRED, "data"),
            "cursor": Output(ids.FRAME_CURSOR, "data"),
        },
        inputs={"tick": Input(ids.INTERVAL, "n_intervals"), "market": Input(ids.MARKET, "value")},
        state={"cursor": State(ids.FRAME_CURSOR, "data")},
    )
    async def strip(tick, market, cursor):
        cursor = cursor or {}
        made = _strip(runtime, market or runtime.default_market)
        known = known_symbols(runtime, market)
        seen = cursor.get("fired", runtime.alerts.fired)
        news = runtime.alerts.newest(runtime.alerts.fired - seen)
        texts = {
            "status": made["status"],
            "dot": made["dot"],
            "known": known,
            "figures": [str(one.children) for one in made["figures"]],
        }
        same = {name: cursor.get(name) == value for name, value in texts.items()}
        unseen = runtime.alerts.fired_today
        return {
            "mark": no_update if cursor.get("market") == market else made["mark"],
            "dot": no_update if same["dot"] else made["dot"],
            "status": no_update if same["status"] else made["status"],
            "figures": no_update if same["figures"] else made["figures"],
            "known": no_update if same["known"] else known,
            "badge": str(unseen) if unseen else "",
            "toasts": toasts(news) if news else no_update,
            "fired": [{"id": str(one.id), "text": one.text} for one in news] or no_update,
            "cursor": {**texts, "market": market, "fired": runtime.alerts.fired},
        }


def _register_run(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "message": Output(ids.FRAME_MESSAGE, "children"),
        },
        inputs={"start": Input(ids.START, "n_clicks"), "stop": Input(ids.STOP, "n_clicks")},
        state={
            "kind": State(ids.SOURCE_KIND, "value"),
            "url": State(ids.SOURCE_URL, "value"),
            "symbols": State(ids.SYMBOLS, "value"),
        },
        prevent_initial_call=True,
    )
    async def run(start, stop, kind, url, symbols):
        if ctx.triggered_id == ids.STOP:
            await runtime.stop_feed()
            return {"focus": no_update, "message": ""}
        if not start:
            raise PreventUpdate
        source = (url or "").strip() if kind == "url" else kind
        try:
            await runtime.start_feed(source, symbols or [])
        except ValueError as error:
            return {"focus": no_update, "message": str(error)}
        return {"focus": {"market": runtime.feed_market, "at": start}, "message": ""}


def _register_looks(app: Dash) -> None:
    space = "spreadscope"
    app.clientside_callback(
        ClientsideFunction(space, "toggleTheme"),
        Output(ids.THEME, "data"),
        Input(ids.THEME_TOGGLE, "n_clicks"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(space, "applyTheme"),
        Output(ids.THEME_TOGGLE, "title"),
        Input(ids.THEME, "data"),
    )
    app.clientside_callback(
        ClientsideFunction(space, "toggleFreeze"),
        Output(ids.FROZEN, "data"),
        Output("paused-mark", "children"),
        Input(ids.FREEZE_TOGGLE, "n_clicks"),
        State(ids.FROZEN, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(space, "toggleHelp"),
        Output(ids.HELP, "is_open"),
        Input(ids.HELP_TOGGLE, "n_clicks"),
        State(ids.HELP, "is_open"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(space, "notify"),
        Output(ids.FIRED, "modified_timestamp"),
        Input(ids.FIRED, "data"),
        prevent_initial_call=True,
    )


def register(app: Dash, runtime: Runtime) -> None:
    """The callbacks that run on every page."""
    _register_strip(app, runtime)
    _register_run(app, runtime)
    _register_looks(app)
