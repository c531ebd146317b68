"""One decoded JSON value -> trades, by the names that sources give their fields.

This is the thorough road: it knows every spelling and gives each refusal its reason.
`ingestion.decode.layout` takes the messages that look like the last good one past it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from analytics.model import NO_TRADE_ID
from ingestion.decode.arrays import Channels, oldest_first, read_array, read_cells, read_tiingo
from ingestion.decode.kinds import TRADE_EVENTS, is_signed, kind_of, symbol_of_channel
from ingestion.decode.notices import Notice, notice_of, says_control
from ingestion.decode.rows import (
    MAX_KEY,
    Context,
    Refusal,
    Row,
    fault_of,
    key_of,
    number,
    trade_id,
)
from ingestion.decode.spellings import has_scaled_prices, spelt_out
from ingestion.decode.symbols import word_set
from ingestion.decode.times import parse_time

SYMBOL_NAMES = (
    *("symbol", "s", "pair", "instrument", "instId", "product_id", "sym", "ticker"),
    *("instrument_name", "currency_pair", "coin", "code", "market", "contract"),
)
TIME_NAMES = (
    *("T", "trade_timestamp", "microtimestamp", "create_time_ms", "timestampms"),
    *("ms_t", "ts", "timestamp", "time", "datetime", "trade_time", "createTime", "created_at"),
    *(
        "createdAt",
        "create_time",
        "created_timestamp",
        "createdAtTimestamp",
        "executed_timestamp",
        "exec_date",
    ),
    "E",
)
PRICE_NAMES = ("price", "p", "last", "px", "trade_price", "executed_price")
SIZE_NAMES = (
    *("matchSize", "size", "qty", "quantity", "q", "amount", "volume", "sz", "v", "trade_volume"),
    "executed_quantity",
)
#: What an order says of itself, and no trade does.
ORDER_NAMES = word_set("remaining timeInForce time_in_force leavesQty origQty remaining_size")
#: What a ticker says beside its last price and the volume of 24 h; a trade says none of it.
TICKER_NAMES = word_set(
    "bid ask best_bid best_ask bestBid bestAsk high low high_24h low_24h open_24h volume_24h "
    "volume_30d vwap highPrice lowPrice priceChange bidPrice askPrice"
)
ID_NAMES = (
    *("trade_id", "tradeId", "trade-id", "trdMatchID", "sequential_id", "id", "tid"),
    *("uid", "t", "a", "d", "i", "event_id"),
)
_KNOWN = frozenset((*SYMBOL_NAMES, *TIME_NAMES, *PRICE_NAMES, *SIZE_NAMES, *ID_NAMES))
#: An exchange's events have an id of their own: `a` of a trade is an order.
EVENT_IDS = {"aggTrade": ("a",), "trade": tuple(name for name in ID_NAMES if name != "a")}
ENVELOPE_NAMES = (
    *("data", "trades", "ticks", "payload", "result", "events", "tick", "params", "message"),
    *("deals", "trades_p", "rows"),
)

MAX_DEPTH = 4
#: Trades that an aggregate may hold; more tell of something else.
MOST_TRADES = 1_000_000
#: Names beside a list of trades that tell the symbol, or the time, of those that have none.
HINT_NAMES = ("symbol", "pair", "product_id", "instrument_name", "currency_pair", "book")
AROUND_TIMES = ("timestampms", "time_ms", "ts", "timestamp", "time", "E")
_SIDES = ("buy", "sell")
Item = Row | Refusal | Notice


class Roles(NamedTuple):
    """Which key of an object plays which part; None where none does."""

    symbol: str | None
    time: str | None
    price: str | None
    size: str | None
    id: str | None
    first: str | None = None
    last: str | None = None


def find_roles(obj: dict[str, Any]) -> Roles:
    """Which key is the symbol, the time, the price, the size and the id."""
    symbol = _first(obj, SYMBOL_NAMES)
    if symbol == "s" and isinstance(obj["s"], str) and obj["s"].lower() in _SIDES:
        symbol = _first(obj, SYMBOL_NAMES[2:])  # it is the side
    time = _first(obj, TIME_NAMES)
    if time == "T" and obj["T"] in (1, 2) and parse_time(obj.get("t")) is not None:
        time = None  # MEXC calls the side T, and the time t
    event = obj.get("e")
    known = EVENT_IDS.get(event) if isinstance(event, str) else None
    identity = _first(obj, known or ID_NAMES)
    if identity == "uid" and "feed" not in obj:  # of a user, but for Kraken's futures
        identity = _first(obj, ID_NAMES[ID_NAMES.index("uid") + 1 :])
    if time is None and known is None and "t" in obj and parse_time(obj["t"]) is not None:
        # Some sources call the time t; then it is no trade id.
        time = "t"
        identity = _first(obj, tuple(name for name in ID_NAMES if name != "t"))
    held = ("f", "l") if identity == "a" and _is_aggregate(obj) else (None, _held(obj))
    return Roles(symbol, time, _first(obj, PRICE_NAMES), _first(obj, SIZE_NAMES), identity, *held)


def _held(obj: dict[str, Any]) -> str | None:
    """The key of how many trades an object holds, as our own exports write it."""
    return "trades" if 0 < trade_id(obj.get("trades")) <= MOST_TRADES else None


def _is_aggregate(obj: dict[str, Any]) -> bool:
    """Whether an object names the first and the last trade that it holds."""
    return 0 <= trade_id(obj.get("f")) <= trade_id(obj.get("l"))


def with_plain_names(obj: dict[str, Any]) -> dict[str, Any]:
    """The object with names in lower case ("Price" -> "price"), but for those that are known.

    >>> with_plain_names({"Price": 5, "tradeId": "7", "T": 1})
    {'price': 5, 'tradeId': '7', 'T': 1}
    """
    return {
        (key if len(key) == 1 or key in _KNOWN else key.lower()): value
        for key, value in obj.items()
    }


def walk(
    value: Any, default_symbol: str | None, channels: Channels | None = None
) -> Iterator[Item]:
    """Every trade, refusal and notice in one decoded JSON value, in its order.

    channels: what the source said of its channels so far; it is told of more.
    """
    yield from _walk(value, Context(default_symbol), channels or Channels(), 0)


def _walk(value: Any, context: Context, channels: Channels, depth: int) -> Iterator[Item]:
    if isinstance(value, list):
        known = read_array(value, context, channels) if depth == 0 else None
        if known is not None:
            yield from known
            return
        cells = read_cells(value, context) if context.trades else None
        if cells is not None:
            yield cells
            return
        if depth >= MAX_DEPTH or not any(isinstance(element, (dict, list)) for element in value):
            yield Refusal("schema")
            return
        for element in value:
            yield from _walk(element, context, channels, depth + 1)
    elif isinstance(value, dict):
        yield from _walk_object(value, context, channels, depth)
    else:
        yield Refusal("schema")


def _walk_object(
    obj: dict[str, Any], context: Context, channels: Channels, depth: int
) -> Iterator[Item]:
    if isinstance(obj.get("stream"), str):
        context = context.of(stream=obj["stream"])
    if "chanId" in obj:
        channels.note(obj)
    obj = spelt_out(obj)
    if has_scaled_prices(obj):
        yield Refusal("scaled")
        return
    known = read_tiingo(obj, context)
    if known is not None:
        yield known
        return
    if _first(obj, PRICE_NAMES) is None:
        kind = kind_of(obj)
        inner = _envelope(obj, arrays=kind == "trades")
        if kind == "other" and not says_control(obj):
            yield from _among_others(obj, context, channels, depth)
            return
        found: list[Item] = []
        if inner is not None and kind != "other" and depth < MAX_DEPTH:
            listed = context.listed or kind == "trades" or inner is obj.get("trades")
            around = _within(obj, context, kind).of(listed=listed)
            found = list(_walk(inner, around, channels, depth + 1))
            found = oldest_first(found) if around.trades else found
        if any(map(_is_telling, found)):
            yield from found
            return
        notice = notice_of(obj, context.stream)
        if notice is not None:
            yield notice
            yield Refusal("control")
            return
        if found:
            yield from found
            return
        if kind == "trades" and inner is None and any(name in obj for name in ENVELOPE_NAMES):
            yield Refusal("control")  # a list of trades that has none
            return
        if "bids" in obj or "asks" in obj:
            yield Refusal("event")
            return
    yield read_row(obj, context)


def _among_others(
    obj: dict[str, Any], context: Context, channels: Channels, depth: int
) -> Iterator[Item]:
    """What is no trade; Gemini's order book comes with a list of the last trades beside it."""
    trades = obj.get("trades")
    if isinstance(trades, list) and trades and depth < MAX_DEPTH:
        around = _within(obj, context, "trades")
        yield from oldest_first(list(_walk(trades, around, channels, depth + 1)))
    else:
        yield Refusal("event")


def _within(obj: dict[str, Any], context: Context, kind: str) -> Context:
    """What an object says of all that it holds."""
    named = _first(obj, HINT_NAMES)
    symbol = obj[named] if named is not None else symbol_of_channel(obj)
    time = _first(obj, AROUND_TIMES)
    return context.of(
        symbol=symbol if isinstance(symbol, str) else context.symbol,
        time=context.time if time is None else obj[time],
        trades=context.trades or kind == "trades",
        signed=context.signed or is_signed(obj),
        snapshot=context.snapshot or obj.get("action") in ("snapshot", "partial"),
    )


def _is_telling(item: Item) -> bool:
    """Whether something was found that is more than nothing known."""
    return not isinstance(item, Refusal) or item.reason not in ("schema", "control")


def read_row(obj: dict[str, Any], context: Context) -> Row | Refusal:
    """The trade that an object is, or why it is none.

    >>> trade = {"symbol": "BTCUSDT", "ts": 1723161256322, "price": 5, "size": "0.1"}
    >>> read_row(trade, Context(None))[:5]
    ('BTCUSDT', 1723161256322, 5.0, 0.1, -1)
    >>> read_row(trade | {"price": -5}, Context(None)).reason
    'price'
    """
    event = obj.get("e", context.stream.partition("@")[2] or None)
    if isinstance(event, str) and event not in TRADE_EVENTS:
        return Refusal("event")
    roles = find_roles(obj)
    if None in roles[:4] and not all(map(str.islower, obj)):
        obj = with_plain_names(obj)
        roles = find_roles(obj)
    kind = kind_of(obj, listed=context.listed)
    if kind == "other" or ORDER_NAMES.intersection(obj):
        return Refusal("event")
    if _is_ticker(obj, roles):
        return Refusal("ticker")
    trades = kind == "trades" or context.trades
    around = context.time if roles.time is None and trades else None
    if roles.price is None or (roles.time is None and around is None):
        return Refusal("schema")
    if roles.size is None:
        return Refusal("no-size")
    symbol = _symbol(obj, roles, context)
    if symbol is None:
        return Refusal("symbol")
    price, size = number(obj[roles.price]), number(obj[roles.size])
    if (context.signed or _of_gate(obj)) and size is not None:
        size = abs(size)
    identity = NO_TRADE_ID if roles.id is None else trade_id(obj[roles.id])
    reason = fault_of(price, size, obj.get("X", "MARKET"))
    if reason:
        return Refusal(reason, symbol, identity)
    moment = parse_time(around if roles.time is None else obj[roles.time])
    if moment is None:
        return Refusal("time", symbol, identity)
    assert price is not None
    assert size is not None
    last = 0 if roles.last is None else trade_id(obj[roles.last])
    first = min(last, 1) if roles.first is None else trade_id(obj[roles.first])
    row = Row(symbol, moment, price, size, identity, first, last)
    return _identified(row, obj, roles, context)


def _identified(row: Row, obj: dict[str, Any], roles: Roles, context: Context) -> Row:
    """A row with its id, where that is a text, or a number in no order."""
    value = None if roles.id is None else obj[roles.id]
    if row.id == NO_TRADE_ID:
        key = key_of(value)
        if not key and context.trades:
            whole = "|".join(map(str, obj.values()))[:MAX_KEY]
            return row._replace(key=whole, again=not context.snapshot)
        return row._replace(key=key) if key else row
    if roles.id == "tid" and "hash" in obj:
        return row._replace(id=NO_TRADE_ID, key=str(value))
    held = trade_id(obj.get("count")) if "tradeId" in obj and "instId" in obj else NO_TRADE_ID
    if 0 < held <= MOST_TRADES:
        # OKX gives the id of the last of several trades: between two there are holes.
        return row._replace(id=NO_TRADE_ID, key=str(value), first=1, last=held)
    return row


def _of_gate(obj: dict[str, Any]) -> bool:
    """Whether a trade is of Gate's futures, whose sizes are below 0 where the taker sold."""
    return "contract" in obj and "create_time" in obj


def _is_ticker(obj: dict[str, Any], roles: Roles) -> bool:
    """Whether a price stands beside what a ticker says, such as bid and ask."""
    if roles.price != "last" and roles.size not in ("volume", "v"):
        return False
    return len(TICKER_NAMES.intersection(obj)) >= 2


def _symbol(obj: dict[str, Any], roles: Roles, context: Context) -> str | None:
    if roles.symbol is not None:
        value = obj[roles.symbol]
        return value if isinstance(value, str) else None
    return context.stream.partition("@")[0] or context.symbol


def _first(obj: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in obj:
            return name
    return None


def _envelope(obj: dict[str, Any], arrays: bool) -> Any:
    """What an object holds beside words about it. arrays: whether trades may be arrays."""
    wanted = (dict, list) if arrays else dict
    for name in ENVELOPE_NAMES:
        value = obj.get(name)
        if isinstance(value, dict):
            return value
        if isinstance(value, list) and any(isinstance(element, wanted) for element in value):
            return value
    return None
