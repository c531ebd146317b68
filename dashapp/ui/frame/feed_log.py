"""The feed log: what happened to the feed, in sentences, a click away from the trust strip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.services.runtime import Runtime
from dashapp.text.numbers import utc_time
from dashapp.ui.clientside import clientside
from dashapp.ui.polling import market_in_view

NOTHING = "nothing has happened to this market's feed yet"


def button() -> Component:
    """What opens the log, at the end of the strip."""
    return html.Button(
        "Feed log",
        id=ids.FEED_LOG_TOGGLE,
        className="log-button",
        title="What happened to the feed",
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


def lines(events: Sequence[tuple[float, str]]) -> Any:
    """The events as a table, newest first."""
    if not events:
        return NOTHING
    rows = [
        html.Tr([html.Td(utc_time(int(at_s) * 1_000), className="figures"), html.Td(sentence)])
        for at_s, sentence in reversed(events)
    ]
    return html.Table(html.Tbody(rows), className="figures-table")


def register(app: Dash, runtime: Runtime) -> None:
    """Open and close; fill while open."""
    clientside(
        app,
        "toggleHelp",
        Output(ids.FEED_LOG, "is_open"),
        Input(ids.FEED_LOG_TOGGLE, "n_clicks"),
        State(ids.FEED_LOG, "is_open"),
        initial_call=False,
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
        market_id = market_in_view(runtime, market)
        events = runtime.feeds.events(market_id)
        now = [market_id, len(events), events[-1][0] if events else 0]
        if cursor == now:
            raise PreventUpdate
        return {"lines": lines(events), "cursor": now}
