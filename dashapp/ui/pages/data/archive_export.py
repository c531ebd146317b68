"""What else can be done with a row of the archive's table: replay it, download a span of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.model import TIMEFRAMES
from dashapp import ids
from dashapp.services.replay.control import MARKET
from dashapp.services.runtime import Runtime
from dashapp.ui import components
from dashapp.ui.frame.replay_bar import START_SPEED

REPLAY = "archive-replay"
FROM = "archive-from"
TO = "archive-to"
WHAT = "archive-what"
FORM = "archive-form"
DOWNLOAD = "archive-download"
SAYS = "archive-export-says"
DATASET = "/export/archive/dataset.zip"

_WHAT = [("ticks", "Ticks"), *((timeframe, f"{timeframe} bars") for timeframe in TIMEFRAMES)]
_FORMS = [
    ("csv", "CSV"),
    ("json", "JSON"),
    ("parquet", "Parquet"),
    ("csv.zip", "CSV and manifest, zip"),
    ("parquet.zip", "Parquet and manifest, zip"),
]
_EMPTY = "select a row of the table first"


def _labelled(words: str, control: Component, control_id: str) -> Component:
    label = html.Label(words, htmlFor=control_id)
    return html.Div([label, control], className="field")


def _moment(control_id: str, words: str) -> Component:
    control = dbc.Input(
        id=control_id, type="text", size="sm", debounce=True, placeholder="2024-08-08 23:54"
    )
    return _labelled(words, control, control_id)


def row() -> Component:
    """Replay and download, for the row that is selected."""
    return html.Div(
        [
            components.button(REPLAY, "Replay"),
            _moment(FROM, "From (UTC)"),
            _moment(TO, "To (UTC)"),
            _labelled("What", components.select(WHAT, _WHAT, "ticks"), WHAT),
            _labelled("As", components.select(FORM, _FORMS, "csv"), FORM),
            components.download(DOWNLOAD, "Download"),
            html.A(
                "Everything as a dataset (zip)",
                href=DATASET,
                download="",
                className="btn btn-sm btn-outline-secondary",
            ),
            html.Span(id=SAYS, className="tone-muted", role="status"),
        ],
        className="archive-export",
    )


def epoch_ms(text: str | None) -> int | None:
    """A time as it is typed, in UTC; None for nothing. Raises ValueError in words.

    >>> epoch_ms("2024-08-08 23:54"), epoch_ms(" ")
    (1723161240000, None)
    """
    if text is None or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text[:40]} is no time: write it as 2024-08-08 23:54:16") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return int(at.timestamp() * 1_000)


def address(row: dict[str, Any], start: str | None, end: str | None, what: str, form: str) -> str:
    """Where the export of a row is. Raises ValueError in words.

    >>> address({"market": "live-x", "symbol": "A"}, None, None, "1m", "csv")
    '/export/live-x/bars.csv?kept=archive&symbol=A&timeframe=1m'
    """
    query: dict[str, Any] = {"kept": "archive", "symbol": row["symbol"]}
    if what != "ticks":
        query["timeframe"] = what
    span = {"start_ms": epoch_ms(start), "end_ms": epoch_ms(end)}
    query.update({name: value for name, value in span.items() if value is not None})
    kind = "ticks" if what == "ticks" else "bars"
    return f"/export/{quote(row['market'], safe='')}/{kind}.{form}?{urlencode(query)}"


def register(app: Dash, runtime: Runtime) -> None:
    """The download's address, and the replay."""

    @app.callback(
        output={
            "href": Output(DOWNLOAD, "href"),
            "says": Output(SAYS, "children"),
        },
        inputs={
            "selected": Input(ids.ARCHIVE_TABLE, "selectedRows"),
            "start": Input(FROM, "value"),
            "end": Input(TO, "value"),
            "what": Input(WHAT, "value"),
            "form": Input(FORM, "value"),
        },
    )
    async def point(
        selected: list[Any] | None,
        start: str | None,
        end: str | None,
        what: str,
        form: str,
    ) -> dict[str, Any]:
        if not selected:
            return {"href": "", "says": _EMPTY}
        try:
            return {"href": address(selected[0], start, end, what, form), "says": ""}
        except ValueError as error:
            return {"href": "", "says": str(error)}

    @app.callback(
        output={
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "says": Output(SAYS, "children", allow_duplicate=True),
        },
        inputs={"clicks": Input(REPLAY, "n_clicks")},
        state={"selected": State(ids.ARCHIVE_TABLE, "selectedRows"), "start": State(FROM, "value")},
        prevent_initial_call=True,
    )
    async def replay(
        clicks: int | None, selected: list[Any] | None, start: str | None
    ) -> dict[str, Any]:
        if not clicks:
            raise PreventUpdate
        if not selected:
            return {"focus": no_update, "says": _EMPTY}
        try:
            await runtime.replays.start(selected[0]["market"], START_SPEED, epoch_ms(start))
        except (KeyError, ValueError) as error:
            return {"focus": no_update, "says": str(error.args[0])}
        return {"focus": {"market": MARKET, "at": time.time()}, "says": ""}
