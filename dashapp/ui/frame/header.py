"""The header's feed: what is asked for, symbols that nobody listed, Start, Update and Stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from analytics.model import Listing
from dashapp import ids
from dashapp.services.runtime import Runtime
from dashapp.text.numbers import compact
from dashapp.ui.clicks import clicked
from dashapp.ui.clientside import clientside
from dashapp.ui.frame.subscribe import symbols_in
from ingestion.binance.listings import by_turnover
from ingestion.decode.symbols import proper_symbol
from ingestion.sources import is_exchange
from ingestion.stream.subscribe import SubscribeError

#: Letters typed before a name that no list has is offered as a symbol.
SHORTEST = 4
#: Symbols that the list offers at once, and how long it waits for the exchange's, s.
MOST_OFFERED, LISTED_S = 60, 2.0


def symbols_for(kind: str, chosen: Sequence[str] | None) -> list[str]:
    """What to subscribe to: the chosen symbols of an exchange; a URL sends what it sends."""
    return list(chosen or []) if is_exchange(kind) else []


def with_typed(
    options: Sequence[dict[str, str]], typed: str | None, kind: str
) -> list[dict[str, str]] | None:
    """The list with what was typed as one more symbol to ask an exchange for.

    None where it stays as it is: another kind of source, no symbol, one that is listed.

    >>> with_typed([{"value": "BTCUSDT", "label": "BTCUSDT"}], "pepeusdt", "binance-spot")[1:]
    [{'value': 'PEPEUSDT', 'label': 'PEPEUSDT'}]
    """
    name = proper_symbol((typed or "").strip())
    if not is_exchange(kind) or name is None or len(name) < SHORTEST:
        return None
    if any(name in option["value"] for option in options):
        return None
    return [*options, {"value": name, "label": name}]


def found(
    listings: Mapping[str, Listing], typed: str | None, chosen: Sequence[str]
) -> list[dict[str, str]]:
    """What an exchange trades under names like the one typed, the most traded first, with what
    is traded of it a day; then what is chosen.

    >>> listed = {"BTCUSDT": Listing("BTCUSDT", turnover=1.4e10)}
    >>> found(listed, "btc", ["ETHUSDT"])[0]["label"]
    'BTCUSDT · 14.0 G a day'
    """
    name = proper_symbol((typed or "").strip()) or ""
    like = [one for one in by_turnover(listings) if name in one.symbol][:MOST_OFFERED]
    options = [{"value": one.symbol, "label": _label(one)} for one in like]
    there = {one.symbol for one in like}
    return options + [{"value": s, "label": s} for s in chosen if s not in there]


def _label(one: Listing) -> str:
    return one.symbol if not one.turnover else f"{one.symbol} · {compact(one.turnover)} a day"


def _register_symbols(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        Output(ids.SYMBOLS, "options", allow_duplicate=True),
        Input(ids.SYMBOLS, "search_value"),
        State(ids.SYMBOLS, "options"),
        State(ids.SOURCE_KIND, "value"),
        State(ids.SYMBOLS, "value"),
        prevent_initial_call=True,
    )
    async def offer(
        typed: str | None,
        options: list[dict[str, str]] | None,
        kind: str | None,
        chosen: list[str] | None,
    ) -> list[dict[str, str]]:
        exchange = runtime.feeds.directory.of(kind or "")
        if exchange is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTED_S):
                    await exchange.refresh()
            if exchange.listings:
                return found(exchange.listings, typed, chosen or [])
        longer = with_typed(options or [], typed, kind or "")
        if longer is None:
            raise PreventUpdate
        return longer

    clientside(
        app,
        "startWords",
        Output(ids.START_WORDS, "children"),
        Output(ids.START, "title"),
        Input(ids.KNOWN, "data"),
        Input(ids.SOURCE_KIND, "value"),
        Input(ids.SYMBOLS, "value"),
    )


async def begin(
    runtime: Runtime,
    clicks: int | None,
    kind: str,
    url: str | None,
    symbols: list[str] | None,
    typed: str | None,
    subscribe: str | None,
) -> dict[str, Any]:
    """Start what the header asks for; what the page is told of it. clicks: on Start so far."""
    source, chosen, message = kind, symbols_for(kind, symbols), None
    if kind == "url":
        source, chosen, message = (url or "").strip(), symbols_in(typed), subscribe or ""
    if not source:
        return answered("type an address, such as wss://host/path")
    try:
        if not await runtime.feeds.start(source, chosen, message):
            return answered()
    except SubscribeError as error:
        return answered(subscribe=str(error))
    except ValueError as error:
        return answered(str(error))
    return answered() | {"focus": {"market": runtime.feeds.market_id, "at": clicks}}


async def heed(
    runtime: Runtime, start: int | None, stops: bool, asked: dict[str, Any]
) -> dict[str, Any]:
    """Do what a call tells of: a click on Start, on Stop, or on both, which leaves nothing running.

    start: the clicks on Start so far, None where it was not clicked. asked: see `begin`.
    """
    told = answered() if start is None else await begin(runtime, start, **asked)
    if stops:
        await runtime.feeds.stop()
    return told


def register(app: Dash, runtime: Runtime) -> None:
    """Start and stop the feed; a source that runs is told of other symbols by the same button."""
    _register_symbols(app, runtime)

    @app.callback(
        output={
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "message": Output(ids.FRAME_MESSAGE, "children"),
            "subscribe_wrong": Output(f"{ids.SUBSCRIBE}-message", "children"),
        },
        inputs={
            "start": Input(ids.START, "n_clicks"),
            "stop": Input(ids.STOP, "n_clicks"),
            # Filled in by the server: what is sent is what the field shows then.
            "subscribe": Input(ids.SUBSCRIBE, "value"),
        },
        state={
            "kind": State(ids.SOURCE_KIND, "value"),
            "url": State(ids.SOURCE_URL, "value"),
            "symbols": State(ids.SYMBOLS, "value"),
            "typed": State(ids.SOURCE_SYMBOLS, "value"),
        },
        prevent_initial_call=True,
    )
    async def run(start: int | None, stop: int | None, **asked: Any) -> dict[str, Any]:
        starts, stops = clicked(ids.START) and bool(start), clicked(ids.STOP) and bool(stop)
        if not starts and not stops:
            raise PreventUpdate
        return await heed(runtime, start if starts else None, stops, asked)


def answered(message: str = "", subscribe: str = "") -> dict[str, Any]:
    """What a click on Start or Stop leaves on the page. subscribe: what is wrong at that field."""
    return {"focus": no_update, "message": message, "subscribe_wrong": subscribe}
