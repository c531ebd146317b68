"""One decoded JSON value -> trades, by the names that sources give their fields.

This is the thorough road: it knows every spelling and gives each refusal its reason.
`ingestion.decode.layout` takes the messages that look like the last good one past it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from analytics.model import NO_TRADE_ID
from ingestion.decode.symbols import word_set
from ingestion.decode.times import parse_time

#: Prices from here on are no prices; sizes likewise.
PRICE_END = 1e12
SIZE_END = 1e18
MAX_TRADE_ID = 2**63 - 1
MAX_EXACT = 2**53

SYMBOL_NAMES = (
    *("symbol", "s", "pair", "instrument", "instId", "product_id", "sym", "ticker"),
    *("instrument_name", "currency_pair", "coin", "code", "market", "contract"),
)
TIME_NAMES = (
    *("T", "trade_timestamp", "microtimestamp", "create_time_ms", "ts", "timestamp", "time"),
    *("datetime", "trade_time", "created_at", "create_time", "E"),
)
#: Names under which sources say what kind of message it is, and words for what is no trade.
KIND_NAMES = ("type", "event", "channel", "table", "topic")
OTHER_KINDS = (
    "ticker|quote|book|depth|kline|candle|ohlc|funding|liquidat|l2_?data|level_?2|received"
    r"|(?<![a-z])(?:orders?|bbo|l2update|open|done|change|activate)(?![a-z])"
)
PRICE_NAMES = ("price", "p", "last", "px", "trade_price")
SIZE_NAMES = ("size", "qty", "quantity", "q", "amount", "volume", "sz", "v", "trade_volume")
#: What a ticker says beside its last price and the volume of 24 h; a trade says none of it.
TICKER_NAMES = word_set(
    "bid ask best_bid best_ask bestBid bestAsk high low high_24h low_24h open_24h volume_24h "
    "volume_30d vwap highPrice lowPrice priceChange bidPrice askPrice"
)
ID_NAMES = ("trade_id", "tradeId", "id", "t", "a", "i")
#: An exchange's events have an id of their own: `a` of a trade is an order.
EVENT_IDS = {"aggTrade": ("a",), "trade": tuple(name for name in ID_NAMES if name != "a")}
ENVELOPE_NAMES = ("data", "trades", "ticks", "payload", "result", "events", "tick", "params")

TRADE_EVENTS = ("trade", "aggTrade")
CONTROL_WORDS = frozenset(
    (
        *("ack", "connected", "error", "heartbeat", "info", "ping", "pong", "status", "system"),
        *("subscribe", "subscribed", "subscription", "subscriptions", "subscription_succeeded"),
        *("unsubscribe", "unsubscribed", "welcome"),
    )
)
MAX_DEPTH = 4

_OTHER_KIND = re.compile(OTHER_KINDS, re.IGNORECASE)
# Possessive, so that a megabyte of digits is read once and not once for each of them.
_NUMBER = re.compile(r"[+-]?(\d++(\.\d*+)?|\.\d++)([eE][+-]?\d++)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)


class Row(NamedTuple):
    """One trade as read: the symbol as written, the time in epoch ms.

    first, last: ids of the trades that an aggregate holds, both 0 for a trade of its own.
    """

    symbol: str
    time: int
    price: float
    size: float
    id: int
    first: int = 0
    last: int = 0


class Refusal(NamedTuple):
    """Why a value gave no trade. symbol, id: of a print that used up a trade id."""

    reason: str
    symbol: str = ""
    id: int = NO_TRADE_ID


class Roles(NamedTuple):
    """Which key of an object plays which part; None where none does."""

    symbol: str | None
    time: str | None
    price: str | None
    size: str | None
    id: str | None
    first: str | None = None
    last: str | None = None


class Notice(NamedTuple):
    """What a source says about itself: kind "error", "shutdown" or "ack", and its words."""

    kind: str
    text: str


def number(value: object) -> float | None:
    """A finite float from a JSON number or an ASCII text of one; None otherwise.

    >>> number("61800.30"), number(5), number("1_000"), number("nan"), number(True)
    (61800.3, 5.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def trade_id(value: object) -> int:
    """A trade id that fits int64, NO_TRADE_ID for anything else.

    A float is one up to 2**53: beyond, neighbours are the same float.

    >>> trade_id("17"), trade_id(17.0), trade_id(-4), trade_id("b1f0"), trade_id(1e18)
    (17, 17, -1, -1, -1)
    """
    if isinstance(value, str):
        value = int(value) if _WHOLE.fullmatch(value) else number(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return NO_TRADE_ID
    return value if 0 <= value <= MAX_TRADE_ID else NO_TRADE_ID


def find_roles(obj: dict[str, Any]) -> Roles:
    """Which key is the symbol, the time, the price, the size and the id."""
    symbol = _first(obj, SYMBOL_NAMES)
    time = _first(obj, TIME_NAMES)
    event = obj.get("e")
    known = EVENT_IDS.get(event) if isinstance(event, str) else None
    identity = _first(obj, known or ID_NAMES)
    if time is None and known is None and "t" in obj and parse_time(obj["t"]) is not None:
        # Some sources call the time t; then it is no trade id.
        time = "t"
        identity = _first(obj, tuple(name for name in ID_NAMES if name != "t"))
    held = ("f", "l") if identity == "a" and _is_aggregate(obj) else (None, None)
    return Roles(symbol, time, _first(obj, PRICE_NAMES), _first(obj, SIZE_NAMES), identity, *held)


def _is_aggregate(obj: dict[str, Any]) -> bool:
    """Whether an object names the first and the last trade that it holds."""
    return 0 <= trade_id(obj.get("f")) <= trade_id(obj.get("l"))


def with_plain_names(obj: dict[str, Any]) -> dict[str, Any]:
    """The object with names longer than one letter in lower case ("Price" -> "price")."""
    return {(key.lower() if len(key) > 1 else key): value for key, value in obj.items()}


def walk(
    value: Any, default_symbol: str | None, stream: str = "", depth: int = 0
) -> Iterator[Row | Refusal | Notice]:
    """Every trade, refusal and notice in one decoded JSON value, in its order."""
    if isinstance(value, list):
        if depth >= MAX_DEPTH or not any(isinstance(element, (dict, list)) for element in value):
            yield Refusal("schema")
            return
        for element in value:
            yield from walk(element, default_symbol, stream, depth + 1)
    elif isinstance(value, dict):
        yield from _walk_object(value, default_symbol, stream, depth)
    else:
        yield Refusal("schema")


def _walk_object(
    obj: dict[str, Any], default_symbol: str | None, stream: str, depth: int
) -> Iterator[Row | Refusal | Notice]:
    name = obj.get("stream")
    if isinstance(name, str):
        stream = name
    if _first(obj, PRICE_NAMES) is None:
        inner = _envelope(obj)
        if inner is not None and is_other_kind(obj):
            yield Refusal("event")
            return
        if inner is not None and depth < MAX_DEPTH:
            hint = obj.get("symbol", default_symbol)
            hint = hint if isinstance(hint, str) else default_symbol
            yield from walk(inner, hint, stream, depth + 1)
            return
        notice = _notice(obj, stream)
        if notice is not None:
            yield notice
            yield Refusal("control")
            return
    yield read_row(obj, default_symbol, stream)


def read_row(obj: dict[str, Any], default_symbol: str | None, stream: str = "") -> Row | Refusal:
    """The trade that an object is, or why it is none.

    >>> read_row({"symbol": "BTCUSDT", "ts": 1723161256322, "price": 5, "size": "0.1"}, None)
    Row(symbol='BTCUSDT', time=1723161256322, price=5.0, size=0.1, id=-1, first=0, last=0)
    >>> read_row({"symbol": "BTCUSDT", "ts": 1723161256322, "price": -5, "size": 1}, None).reason
    'price'
    """
    event = obj.get("e", stream.partition("@")[2] or None)
    if isinstance(event, str) and event not in TRADE_EVENTS:
        return Refusal("event")
    roles = find_roles(obj)
    if None in roles[:4] and not all(map(str.islower, obj)):
        obj = with_plain_names(obj)
        roles = find_roles(obj)
    if is_other_kind(obj):
        return Refusal("event")
    if _is_ticker(obj, roles):
        return Refusal("ticker")
    if roles.time is None or roles.price is None or roles.size is None:
        return Refusal("schema" if roles.price is None or roles.time is None else "no-size")
    symbol = _symbol(obj, roles, default_symbol, stream)
    if symbol is None:
        return Refusal("symbol")
    price, size = number(obj[roles.price]), number(obj[roles.size])
    identity = NO_TRADE_ID if roles.id is None else trade_id(obj[roles.id])
    reason = _fault(price, size, obj)
    if reason:
        return Refusal(reason, symbol, identity)
    time = parse_time(obj[roles.time])
    if time is None:
        return Refusal("time", symbol, identity)
    assert price is not None
    assert size is not None
    held = (trade_id(obj[name]) for name in (roles.first, roles.last) if name is not None)
    return Row(symbol, time, price, size, identity, *held)


def is_other_kind(obj: dict[str, Any], other: re.Pattern[str] = _OTHER_KIND) -> bool:
    """Whether an object says of itself that it is a quote, a candle or the like.

    other: the words of what it is not to be.

    >>> is_other_kind({"type": "ticker", "last": 5, "volume": 9}), is_other_kind({"type": "buy"})
    (True, False)
    """
    about = obj.get("arg")
    words = [obj.get(name) for name in KIND_NAMES]
    words.append(about.get("channel") if isinstance(about, dict) else None)
    # The symbol stands behind the kind in names such as publicTrade.BOOKUSDT.
    return any(isinstance(one, str) and other.search(one.partition(".")[0]) for one in words)


def _is_ticker(obj: dict[str, Any], roles: Roles) -> bool:
    """Whether a price stands beside what a ticker says, such as bid and ask."""
    if roles.price != "last" and roles.size not in ("volume", "v"):
        return False
    return len(TICKER_NAMES.intersection(obj)) >= 2


def _fault(price: float | None, size: float | None, obj: dict[str, Any]) -> str:
    """What is wrong with a print, "" for a trade of the market."""
    kind = obj.get("X", "MARKET")
    if price is None:
        return "price"
    if size is None:
        return "size"
    if kind == "NA" or (price == 0 and (size == 0 or "X" in obj)):
        return "zero-print"
    if kind != "MARKET":
        return "insurance-print"
    if not 0 < price < PRICE_END:
        return "price"
    return "" if 0 < size < SIZE_END else "size"


def _symbol(
    obj: dict[str, Any], roles: Roles, default_symbol: str | None, stream: str
) -> str | None:
    if roles.symbol is not None:
        value = obj[roles.symbol]
        return value if isinstance(value, str) else None
    return stream.partition("@")[0] or default_symbol


def _first(obj: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in obj:
            return name
    return None


def _envelope(obj: dict[str, Any]) -> Any:
    for name in ENVELOPE_NAMES:
        value = obj.get(name)
        if isinstance(value, dict):
            return value
        if isinstance(value, list) and any(isinstance(element, dict) for element in value):
            return value
    return None


def _is_shutdown(obj: dict[str, Any], stream: str) -> bool:
    return obj.get("e") == "serverShutdown" or stream == "!serverShutdown"


def _notice(obj: dict[str, Any], stream: str) -> Notice | None:
    if _is_shutdown(obj, stream):
        return Notice("shutdown", "the server announced that it shuts down")
    error = obj.get("error")
    if error is None and "code" in obj and "msg" in obj:
        error = obj
    if error is not None:
        return Notice("error", _error_text(error))
    if "result" in obj or "method" in obj or "params" in obj:
        return Notice("ack", "")
    for name in ("type", "event", "op", "channel", "status"):
        word = obj.get(name)
        if isinstance(word, str) and word.lower() in CONTROL_WORDS:
            message = obj.get("message", obj.get("msg", ""))
            return Notice("error" if word.lower() == "error" else "ack", str(message)[:200])
    return None


def _error_text(error: Any) -> str:
    if isinstance(error, dict):
        words = error.get("msg", error.get("message", ""))
        return f"{str(words)[:200]} (code {str(error.get('code', 'none'))[:20]})"
    return str(error)[:200]
