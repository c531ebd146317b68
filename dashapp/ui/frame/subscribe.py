"""What a stream is asked for: its symbols, and the message that its server waits for.

Shown while the source is a URL. For a server that is known the message is filled in from the
symbols, until somebody writes another.
"""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashapp import ids
from dashapp.services.runtime import Runtime
from dashapp.ui import components
from ingestion.stream.hosts import host_of, subscription_for
from ingestion.stream.subscribe import MAX_LENGTH, mask_message


def begun(runtime: Runtime) -> tuple[str, str, tuple[str, ...]]:
    """Source, message and symbols that were started last, else those of the app's start."""
    settings = runtime.settings
    usual = settings.source, settings.subscribe or "", tuple(settings.symbols)
    return runtime.feeds.begun or usual


def row(runtime: Runtime) -> Component:
    """The two fields beside a stream's address."""
    source, sent, names = begun(runtime)
    listed = names if "://" in source else runtime.settings.symbols
    symbols = components.text_input(
        ids.SOURCE_SYMBOLS, ", ".join(listed), "such as BTC-USDT, ETH-USDT"
    )
    message = dbc.Textarea(
        id=ids.SUBSCRIBE,
        value=mask_message(sent),
        placeholder='such as {"op":"subscribe","args":["trades.BTCUSDT"]}; a line a message',
        size="sm",
        rows=1,
        maxlength=MAX_LENGTH,
        debounce=300,
    )
    return html.Div(
        [
            dcc.Store(id=ids.SUBSCRIBE_FILLED, data=""),
            components.field("Symbols of the stream", symbols, ids.SOURCE_SYMBOLS),
            components.field("Sent after connecting", message, ids.SUBSCRIBE),
        ],
        className="head-stream",
    )


def symbols_in(text: str | None) -> list[str]:
    """The symbols that were typed, parted by commas or blanks.

    >>> symbols_in("BTC-USDT, eth-usdt  BTC-USDT")
    ['BTC-USDT', 'eth-usdt']
    """
    return list(dict.fromkeys((text or "").replace(",", " ").split()))


def filled_in(url: str, symbols: str | None, message: str | None, filled: str) -> dict[str, Any]:
    """The message of a known server for these symbols, and what to say of it.

    message: what the field has. filled: what was filled in before, "" for nothing; a message
    that somebody wrote stays.
    """
    host = host_of(url)
    known = subscription_for(url, symbols_in(symbols))
    written = (message or "").strip()
    mine = not written or written == filled
    words = ""
    if host is not None and not known and mine:
        words = f"{host.name} waits to be asked: type symbols, as it spells them"
    if not mine or known == written:
        return {"message": no_update, "filled": no_update, "words": words}
    return {"message": known, "filled": known, "words": words}


def register(app: Dash) -> None:
    """Fill the message in for a server that is known."""

    @app.callback(
        output={
            "message": Output(ids.SUBSCRIBE, "value"),
            "filled": Output(ids.SUBSCRIBE_FILLED, "data"),
            "words": Output(f"{ids.SOURCE_SYMBOLS}-message", "children"),
        },
        inputs={
            "url": Input(ids.SOURCE_URL, "value"),
            "symbols": Input(ids.SOURCE_SYMBOLS, "value"),
        },
        state={
            "message": State(ids.SUBSCRIBE, "value"),
            "filled": State(ids.SUBSCRIBE_FILLED, "data"),
        },
    )
    async def fill(
        url: str | None, symbols: str | None, message: str | None, filled: str | None
    ) -> dict[str, Any]:
        return filled_in((url or "").strip(), symbols, message, filled or "")
