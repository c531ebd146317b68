"""The feed log: what happened to the feed, in sentences, a click away from the trust strip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.services.runtime import Runtime

NOTHING = "nothing has happened to this market's feed yet"


def button() -> Component:
    """What opens the log, at the end of the strip."""
    return html.Button(
        "log", id=ids.FEED_LOG_TOGGLE, className="log-button", title="What happened to the feed"
    )


def drawer() -> list[Component]:
    """The log itself, closed."""
    return [
        dbc.Offcanvas(
            html.Div(NOTHING, id=ids.FEED_LOG_LINES, className="feed-log"),
            id=ids.FEED_LOG,
            title=html.Span("Feed log, newest first (UTC)", id=f"{ids.FEED_LOG}-title"),
            labelledby=f"{ids.FEED_LOG}-title",
            placement="end",
            is_open=False,
        ),
        dcc.Store(id=ids.FEED_LOG_CURSOR),
    ]


def clock(at_s: float) -> str:
    """The time of an event as the log shows it.

    >>> clock(1_723_161_256.3)
    '2024-08-08 23:54:16'
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def lines(events: Sequence[tuple[float, str]]) -> Any:
    """The events as a table, newest first."""
    if not events:
        return NOTHING
    rows = [
        html.Tr([html.Td(clock(at_s), className="figures"), html.Td(sentence)])
        for at_s, sentence in reversed(events)
    ]
    return html.Table(html.Tbody(rows), className="figures-table")


def register(app: Dash, runtime: Runtime) -> None:
    """Open and close; fill while open."""
    app.clientside_callback(
        ClientsideFunction("spreadscope", "toggleHelp"),
        Output(ids.FEED_LOG, "is_open"),
        Input(ids.FEED_LOG_TOGGLE, "n_clicks"),
        State(ids.FEED_LOG, "is_open"),
        prevent_initial_call=True,
    )

    @app.callback(
        output={
            "lines": Output(ids.FEED_LOG_LINES, "children"),
            "cursor": Output(ids.FEED_LOG_CURSOR, "data"),
        },
        inputs={
            "tick": Input(ids.INTERVAL, "n_intervals"),
            "shown": Input(ids.FEED_LOG, "is_open"),
            "market": Input(ids.MARKET, "value"),
        },
        state={"cursor": State(ids.FEED_LOG_CURSOR, "data")},
    )
    async def fill(
        tick: int | None,
        shown: bool | None,
        market: str | None,
        cursor: list[Any] | None,
    ) -> dict[str, Any]:
        if not shown:
            raise PreventUpdate
        known = market if market and runtime.market(market) else runtime.default_market
        events = runtime.feed_events(known)
        now = [known, len(events), events[-1][0] if events else 0]
        if cursor == now:
            raise PreventUpdate
        return {"lines": lines(events), "cursor": now}
