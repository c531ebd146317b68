"""What the controls of a market hold after a link, a click elsewhere or a change of market.

`settled` answers the callback `settle` of `dashapp.ui.frame.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import no_update

from analytics.model import TIMEFRAMES, ParameterError, SameValueError
from dashapp.parameters.check import read, sentence
from dashapp.parameters.hedge import OF_PAIR, hedge_for
from dashapp.parameters.pair import from_query
from dashapp.parameters.table import PAIR, VIEW
from dashapp.services.replay.control import MARKET as REPLAY
from dashapp.services.runtime import Runtime
from dashapp.text.states import link_words
from ingestion.decode.symbols import proper_symbol
from ingestion.sources import is_exchange
from storage.market.market import Market

MAX_SHOWN = 4
#: A market that opens with fewer bars than this opens in its finest timeframe.
FEW_BARS = 60
#: The parameters of the view that hang on no market.
PLAIN = tuple(row for row in VIEW if row.kind != "symbol" and row.name != "timeframe")
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


def data_of(runtime: Runtime, market_id: str) -> str:
    """The market whose data one shows: a replay that of the market it plays, another its own."""
    state = runtime.replays.state if market_id == REPLAY else None
    return market_id if state is None else state.of


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


def missing_timeframe(asked: Mapping[str, Any], offered: Sequence[str]) -> str:
    """What is wrong with the timeframe that a link names, in words: its market has no such bars.

    asked: what the link itself names. offered: the timeframes of the market. "" where it is one.

    >>> missing_timeframe({"timeframe": "1s"}, ["1m", "5m"])
    'Timeframe: 1s: expected one of 1m, 5m'
    """
    wanted = asked.get("timeframe")
    if wanted is None or wanted in offered:
        return ""
    error = ParameterError("timeframe", wanted, f"one of {', '.join(offered)}")
    return sentence(error, {row.name: row for row in VIEW})


def same_legs(asked: Mapping[str, Any]) -> str:
    """What is wrong with legs of a link that are one symbol, in words; "" where they are two.

    >>> same_legs({"y": "ethusdt", "x": "ETHUSDT"}), same_legs({"y": "ETHUSDT"})
    ('X leg: the same as Y leg: expected two different symbols', '')
    """
    y, x = (str(asked.get(leg) or "").upper() for leg in ("y", "x"))
    if not y or y != x:
        return ""
    return sentence(SameValueError("x", x, "two different symbols", "y"), PAIR)


def whole_link(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a link asks for; one that names its market and both legs is whole.

    A whole link leaves out what is usual, so that it asks for the usual values too: a step back
    to it keeps nothing of the pair that the tab comes from.
    """
    if not all(asked.get(name) for name in ("market", "y", "x")):
        return dict(asked)
    usual = {row.name: row.default for row in VIEW if row.kind != "symbol"}
    return {**usual, **asked}


def _link_of(view: Mapping[str, Any] | None) -> dict[str, str]:
    """What the link of a view asks for."""
    return from_query("?" + str((view or {}).get("query", "")))


def _is_behind(view: Mapping[str, Any] | None, heeded: Mapping[str, Any] | None) -> bool:
    """Whether the view is still that from before the last link or click that was heeded."""
    over = (heeded or {}).get("over")
    return over is not None and over == (view or {}).get("query")


def _is_elsewhere(asked: Mapping[str, Any], view: Mapping[str, Any] | None) -> bool:
    """Whether what is asked for is not what the view has."""
    here = whole_link(_link_of(view))
    return any(here.get(name) != value for name, value in asked.items() if name != "at")


def _asks_nothing(
    asked: Mapping[str, Any],
    view: Mapping[str, Any] | None,
    held: Mapping[str, Any],
    heeded: Mapping[str, Any],
) -> bool:
    """Whether a link is that of the view which the tab has: what was changed since then stays."""
    if not view or _is_behind(view, heeded):
        return False
    if any(view.get(name) and not held[name] for name in ("market", "y", "x")):
        return False
    return dict(asked) == _link_of(view)


def asked_anew(
    search: str | None,
    focus: Mapping[str, Any] | None,
    heeded: Mapping[str, Any] | None,
    view: Mapping[str, Any] | None,
    held: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the link asks for, and what a click elsewhere, that no answer has heeded yet.

    Dash drops the answer to a call when a newer call of the same callback is made before it comes.
    So what a call was made for counts as heeded once an answer came that says so, not before. A
    market that was chosen by hand since then goes before a link.
    """
    link: dict[str, Any] = {}
    if heeded is None:
        link = whole_link(from_query(search or ""))
    elif search != heeded.get("search") and held["market"] == heeded.get("market"):
        link = from_query(search or "")
        if not link:
            link = {"market": held["market"]} if held["market"] else {}
        else:
            link = {} if _asks_nothing(link, view, held, heeded) else whole_link(link)
    click = dict(focus or {}) if heeded is None or focus != heeded.get("focus") else {}
    if "market" in click:
        link = {name: value for name, value in link.items() if name not in ("y", "x", "symbols")}
    return link, click


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
            wrong.append(sentence(error, {row.name: row}))
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


def _with_hedge(
    fields: Mapping[str, Any],
    asked: Mapping[str, Any],
    hedge: Mapping[str, Any],
    heeded: Mapping[str, Any] | None,
    values: Mapping[str, Any],
    data: str,
) -> tuple[dict[str, Any], list[str] | None]:
    """What the controls are to hold, those of the hedge for the pair, and the legs it is of.

    fields: what was asked of the controls. asked: all of it; what names a hedge keeps it, where it
    names the pair as well or this is the pair before. hedge: what the controls hold. heeded: of
    which pair, by its market and legs. values: the pair that the controls are to hold. data: the
    market whose data they show, where a market and its replay are one.
    """
    was = (heeded or {}).get("legs")
    now: list[str] | None = [values["y"], values["x"]]
    moved = heeded is not None and data not in (heeded.get("market"), heeded.get("data"))
    if not (values["y"] and values["x"]) or values["y"] == values["x"]:  # no pair, or not yet
        now = None if moved else was
    own = {name: value for name, value in fields.items() if name in OF_PAIR}
    of_this = "y" in asked or "x" in asked or now == was
    if was is None or (own and of_this):
        return dict(fields), now
    kept = hedge_for(hedge, (was[0], was[1]), (now[0], now[1]) if now and not moved else None)
    others = {name: value for name, value in fields.items() if name not in own}
    return {name: PAIR[name].control_value(value) for name, value in kept.items()} | others, now


def settled(
    runtime: Runtime,
    search: str | None,
    market: str | None,
    focus: dict[str, Any] | None,
    known: dict[str, Any] | None,
    source: str | None,
    y: str | None,
    x: str | None,
    symbols: list[str] | None,
    timeframe: str | None,
    hedge: dict[str, Any],
    view: dict[str, Any] | None,
    not_here: dict[str, str] | None,
    heeded: dict[str, Any] | None,
) -> dict[str, Any]:
    """What `settle` tells the page. known: only that it changed matters."""
    held = {"market": market, "y": y, "x": x, "symbols": symbols, "timeframe": timeframe}
    link, click = asked_anew(search, focus, heeded, view, held)
    asked = {**link, **click}
    by_hand = heeded is not None and market != heeded.get("market")
    gone = heeded is not None and runtime.markets.get(market or "") is None  # as after a restart
    server = runtime.started_s
    anew = heeded is not None and heeded.get("server", server) != server  # its symbols are to come
    missing = {}
    if not click and not by_hand:
        known_now = symbols_of(runtime, asked.get("market") or market)
        awaited = {leg: name for leg, name in (not_here or {}).items() if held[leg] == name}
        if gone or anew:
            awaited = {leg: str(held[leg]) for leg in ("y", "x") if held[leg]}
        missing = missing_legs(known_now, asked, None if asked else awaited)
    shown = (view or {}).get("market")
    values = settle_values(runtime, asked, {**held, "shown": shown}, source or "", missing)
    offered = [one["value"] for one in values["timeframe_options"] if not one["disabled"]]
    here = runtime.markets.get(values["market"]) is not None
    absent = missing_timeframe(from_query(search or ""), offered) if link and here else ""
    fields, wrong = _controls_from(
        {name: value for name, value in asked.items() if name != "timeframe" or not absent}
    )
    wrong += [
        words for words in (absent, same_legs(from_query(search or "")) if link else "") if words
    ]
    was = (heeded or {}).get("legs")
    if was and y and x and list(was) != [y, x] and not asked and not by_hand:
        values |= {"y": y, "x": x}  # legs that were chosen by hand stay, though they be alike
    data = data_of(runtime, values["market"])
    if gone and values["market"] == market:
        data = str((heeded or {}).get("data") or data)
    fields, legs_now = _with_hedge(fields, asked, hedge, heeded, values, data)
    pair_now = {"market": values["market"], "data": data, "legs": legs_now}
    chosen = by_hand or (was is not None and list(was) != [y, x])
    waits = not asked and not chosen and _is_behind(view, heeded)
    over = (view or {}).get("query") if waits or _is_elsewhere(asked, view) else None
    heeded_now = {"search": search, "focus": focus, "server": server, "over": over, **pair_now}
    # What stays is not told: it might have been changed by hand since this call was made.
    same = {name for name in held if heeded is not None and values[name] == held[name]}
    return {
        **values,
        **dict.fromkeys(same, no_update),
        "not_here": missing,
        "heeded": heeded_now,
        "message": link_words(wrong) or no_update,
        "plain": {row.name: fields.get(row.name, no_update) for row in PLAIN},
    }
