"""The parameters of a pair: the side panel, and the callbacks that keep it whole.

Three callbacks, each with one job: `settle` fills the controls from a link, a change of
market or a click elsewhere; `collect` checks what they hold and writes the tab's view,
with a message at each field that is wrong; the clientside `writeUrl` keeps the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from analytics.model import TIMEFRAMES, OrderError, ParameterError
from dashapp import ids
from dashapp.parameters.check import message, messages, read
from dashapp.parameters.pair import View, check, from_query, to_dict, to_query
from dashapp.parameters.table import PAIR, VIEW
from dashapp.services.runtime import Runtime
from dashapp.text.states import link_words
from dashapp.ui.clientside import clientside
from ingestion.decode.symbols import proper_symbol
from ingestion.sources import is_exchange
from storage.market.market import Market

MAX_SHOWN = 4
#: A market that opens with fewer bars than this opens in its finest timeframe.
FEW_BARS = 60
#: What the symbol list offers besides the market's own when an exchange is the source.
EXCHANGE_SYMBOLS = (
    "BTCUSDT",
    "ETHUSDT",
    "SOLUSDT",
    "BNBUSDT",
    "XRPUSDT",
    "DOGEUSDT",
    "ADAUSDT",
    "AVAXUSDT",
    "LINKUSDT",
    "LTCUSDT",
)


def legs(known: list[str], y: str | None, x: str | None) -> tuple[str | None, str | None]:
    """The legs that this market can show: those asked for where it has them, else its first.

    A link may write them in small letters, as HTTP may.
    """
    if len(known) == 1:
        return known[0], None
    y, x = _known(known, y), _known(known, x)
    x = None if x == y else x
    rest = [symbol for symbol in known if symbol not in (y, x)]
    y = y or (rest.pop(0) if rest else None)
    x = x or (rest.pop(0) if rest else None)
    return y, x


def _known(known: list[str], symbol: str | None) -> str | None:
    if symbol is None or symbol in known:
        return symbol
    return symbol.upper() if symbol.upper() in known else None


def symbols_of(runtime: Runtime, market_id: str | None) -> list[str]:
    """The symbols that a market has; of a replay those that it will have, from its start."""
    body = runtime.markets.get(market_id or "")
    if body is None:
        return []
    return list(dict.fromkeys((*body.coming, *body.symbols)))


def _options(values: list[str]) -> list[dict[str, str]]:
    return [{"value": value, "label": value} for value in values]


def _timeframe(body: Market | None, wanted: Any) -> str:
    """The timeframe asked for, or the market's finest where that one has next to no bars."""
    available = body.timeframes if body else tuple(TIMEFRAMES)
    if body is None or not body.symbols:
        return wanted if wanted in TIMEFRAMES else "1s"
    if wanted in available and body.kind == "replay":
        return str(wanted)
    if wanted in available and len(body.bars(body.symbols[0], wanted)) >= FEW_BARS:
        return str(wanted)
    return available[0]


def missing_legs(
    known: list[str], asked: Mapping[str, Any], kept: Mapping[str, Any] | None
) -> dict[str, str]:
    """The legs that a link names and its market does not have, or not yet.

    asked: what the link asks for. kept: what an earlier call returned of the same link, where
    `asked` is not of a link. They stay in the controls as they were asked for, so that the page
    shows no other pair under this link.
    """
    wanted = {leg: asked.get(leg) or (kept or {}).get(leg) for leg in ("y", "x")}
    return {leg: name for leg, name in wanted.items() if name and _known(known, name) not in known}


def _asked(trigger: str | None, search: str, focus: Mapping[str, Any] | None) -> dict[str, Any]:
    if trigger in (None, ids.URL):
        return from_query(search or "")
    return dict(focus or {}) if trigger == ids.FOCUS else {}


def whole_link(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a link asks for; one that names its market and both legs is whole.

    A whole link leaves out what is usual, so that it asks for the usual values too: a step back
    to it keeps nothing of the pair that the tab comes from.
    """
    if not all(asked.get(name) for name in ("market", "y", "x")):
        return dict(asked)
    usual = {row.name: row.default for row in VIEW if row.kind != "symbol"}
    return {**usual, **asked}


def _asks_nothing(
    asked: Mapping[str, Any], view: Mapping[str, Any] | None, held: Mapping[str, Any]
) -> bool:
    """Whether a link is that of the view which the tab has: what was typed since then stays."""
    if not view or any(held[name] != view.get(name) for name in ("market", "y", "x")):
        return False
    return dict(asked) == from_query("?" + str(view.get("query", "")))


def _controls_from(asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The control values that a link sets, by parameter, and what of it is not legal, in words.

    A value that is not legal gives way to the default; the rest keeps what it holds.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for row in VIEW:
        if row.name not in asked or row.kind == "symbol":
            continue
        try:
            value = read(row, asked[row.name])
        except ParameterError as error:
            value = row.default
            wrong.append(f"{row.label}: {message(error, {})}")
        values[row.name] = row.control_value(value)
    return values, wrong


def settle_values(
    runtime: Runtime,
    asked: Mapping[str, Any],
    held: Mapping[str, Any],
    source: str,
    missing: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the market's controls should hold: options and values that fit one another.

    missing: the legs that a link names and the market does not have, which stay as asked. A
    market that is not there stays as asked as well: its page says so.
    """
    market = asked.get("market") or held["market"] or runtime.default_market
    changed = market != held.get("shown")
    body = runtime.markets.get(market)
    known = symbols_of(runtime, market)
    timeframes = body.timeframes if body else tuple(TIMEFRAMES)
    absent = dict(missing or {})
    legs_offered = _options(list(dict.fromkeys([*known, *absent.values()])))
    pair = legs([*known, *absent.values()], asked.get("y", held["y"]), asked.get("x", held["x"]))
    y, x = (absent.get(leg, found) for leg, found in zip(("y", "x"), pair, strict=True))
    wanted = asked.get("symbols") or held["symbols"] or []
    asked_for = runtime.feeds.asked["symbols"] if runtime.feeds.asked else []
    extra: tuple[str, ...] = ()
    if is_exchange(source):
        extra = (*EXCHANGE_SYMBOLS, *asked_for, *(one for one in wanted if proper_symbol(one)))
    keep = [one for one in wanted if one in known or one in extra]
    offered = list(dict.fromkeys([*known, *extra]))
    return {
        "market": market,
        "market_options": [
            *({"value": one.id, "label": one.title} for one in runtime.markets.values()),
            *([] if body else [{"value": market, "label": f"{market} (not here)"}]),
        ],
        "y": y,
        "y_options": legs_offered,
        "x": x,
        "x_options": legs_offered,
        "symbols": keep or [one for one in asked_for if one in known] or known[:MAX_SHOWN],
        "symbol_options": _options(offered),
        "timeframe": asked["timeframe"]
        if asked.get("timeframe") in timeframes
        else _timeframe(body if changed else None, held["timeframe"]),
        "timeframe_options": [
            {"value": name, "label": name, "disabled": name not in timeframes}
            for name in sorted({*TIMEFRAMES, *timeframes}, key=TIMEFRAMES.__getitem__)
        ],
    }


def _register_settle(app: Dash, runtime: Runtime) -> None:
    plain = [row for row in VIEW if row.kind != "symbol" and row.name != "timeframe"]

    @app.callback(
        output={
            "market": Output(ids.MARKET, "value"),
            "market_options": Output(ids.MARKET, "options"),
            "y": Output(ids.LEG_Y, "value"),
            "y_options": Output(ids.LEG_Y, "options"),
            "x": Output(ids.LEG_X, "value"),
            "x_options": Output(ids.LEG_X, "options"),
            "symbols": Output(ids.SYMBOLS, "value"),
            "symbol_options": Output(ids.SYMBOLS, "options"),
            "timeframe": Output(ids.TIMEFRAME, "value"),
            "timeframe_options": Output(ids.TIMEFRAME, "options"),
            "plain": {row.name: Output(row.control, "value") for row in plain},
            "message": Output(ids.FRAME_MESSAGE, "children", allow_duplicate=True),
            "not_here": Output(ids.NOT_HERE, "data"),
        },
        inputs={
            "search": Input(ids.URL, "search"),
            "market": Input(ids.MARKET, "value"),
            "focus": Input(ids.FOCUS, "data"),
            "known": Input(ids.KNOWN, "data"),
            "source": Input(ids.SOURCE_KIND, "value"),
        },
        state={
            "y": State(ids.LEG_Y, "value"),
            "x": State(ids.LEG_X, "value"),
            "symbols": State(ids.SYMBOLS, "value"),
            "timeframe": State(ids.TIMEFRAME, "value"),
            "view": State(ids.VIEW, "data"),
            "not_here": State(ids.NOT_HERE, "data"),
        },
        prevent_initial_call="initial_duplicate",
    )
    async def settle(
        search: str,
        market: str | None,
        focus: dict[str, Any] | None,
        known: dict[str, Any] | None,
        source: str | None,
        y: str | None,
        x: str | None,
        symbols: list[str] | None,
        timeframe: str | None,
        view: dict[str, Any] | None,
        not_here: dict[str, str] | None,
    ) -> dict[str, Any]:
        trigger = ctx.triggered_id
        asked = _asked(trigger, search, focus)
        held = {"market": market, "y": y, "x": x, "symbols": symbols, "timeframe": timeframe}
        if trigger == ids.URL and not asked:
            asked = {"market": market} if market else {}
        elif trigger == ids.URL and _asks_nothing(asked, view, held):
            raise PreventUpdate
        elif trigger in (None, ids.URL):
            asked = whole_link(asked)
        held["shown"] = (view or {}).get("market")
        missing = {}
        if trigger not in (ids.MARKET, ids.FOCUS):
            known_now = symbols_of(runtime, asked.get("market") or market)
            missing = missing_legs(known_now, asked, None if asked else not_here)
        fields, wrong = _controls_from(asked)
        return {
            **settle_values(runtime, asked, held, source or "", missing),
            "not_here": missing,
            "message": link_words(wrong) or no_update,
            "plain": {row.name: fields.get(row.name, no_update) for row in plain},
        }


def link_of(view: View) -> dict[str, Any]:
    """The view as its tab's store keeps it: its values, and the link's query."""
    values = to_dict(view)
    return {**values, "query": to_query(values)}


def _checked(
    market: str, symbols: list[str], raw: Mapping[str, Any], known: list[str]
) -> tuple[View | None, dict[str, str]]:
    """The view, or what is wrong: a z window beyond the bars in view leaves no z-score ever."""
    view, errors = check(market, symbols, raw, known)
    pair = view.pair if view is not None else None
    if pair is None or pair.z_window <= pair.limit:
        return view, errors
    error = OrderError("z_window", pair.z_window, "at most {}", "limit", pair.limit)
    return None, messages({"z_window": error}, PAIR)


def collected(
    market: str | None,
    symbols: list[str] | None,
    raw: Mapping[str, Any],
    known: list[str],
    held: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The tab's view by what the controls hold, and the message under each of them.

    held: the view that the tab has, which stays where a control is wrong or nothing is new. A
    tab that has none begins with the usual values in place of those that are wrong.
    """
    view, errors = _checked(market or "", symbols or [], raw, known)
    if view is None and held is None:
        usual = {row.name: row.control_value(row.default) for row in VIEW if row.name in errors}
        view, _ = _checked(market or "", symbols or [], {**raw, **usual}, known)
    stored = link_of(view) if view else held
    return {
        "view": no_update if stored == held else stored,
        "messages": {row.name: errors.get(row.name, "") for row in VIEW},
    }


def _register_collect(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "view": Output(ids.VIEW, "data"),
            "messages": {row.name: Output(f"{row.control}-message", "children") for row in VIEW},
        },
        inputs={
            "market": Input(ids.MARKET, "value"),
            "symbols": Input(ids.SYMBOLS, "value"),
            "raw": {row.name: Input(row.control, "value") for row in VIEW},
        },
        state={"held": State(ids.VIEW, "data"), "not_here": State(ids.NOT_HERE, "data")},
    )
    async def collect(
        market: str | None,
        symbols: list[str] | None,
        raw: dict[str, Any],
        held: dict[str, Any] | None,
        not_here: dict[str, str] | None,
    ) -> dict[str, Any]:
        known = [*symbols_of(runtime, market), *(not_here or {}).values()]
        if len(known) >= 2 and not (raw["y"] and raw["x"]):
            raise PreventUpdate  # the legs are being filled in
        return collected(market, symbols, raw, known, held)


def register(app: Dash, runtime: Runtime) -> None:
    """The callbacks of the side panel and the header's market and symbols."""
    _register_settle(app, runtime)
    _register_collect(app, runtime)
    clientside(
        app,
        "writeUrl",
        Output(ids.URL_WRITTEN, "data"),
        Input(ids.VIEW, "data"),
        Input(ids.URL, "pathname"),
        Input(ids.STRATEGY, "data"),
    )
    clientside(
        app,
        "swapLegs",
        Output(ids.FOCUS, "data", allow_duplicate=True),
        Input(ids.SWAP, "n_clicks"),
        State(ids.LEG_Y, "value"),
        State(ids.LEG_X, "value"),
        initial_call=False,
    )
