"""What a message says of its own kind: trades, or an order book, an order, a ticker, a candle."""

from __future__ import annotations

import re
from typing import Any, Literal

#: Names under which sources say what kind of message it is, and words for what is no trade.
KIND_NAMES = ("type", "event", "channel", "table", "topic", "ch", "subject", "feed")
#: What an exchange calls the events that are trades.
TRADE_EVENTS = ("trade", "aggTrade")
#: The type of a trade of dYdX in which a position was liquidated: it is one of the book where a
#: channel or a list of trades has it.
LIQUIDATED = "LIQUIDATED"
#: Trades that are no new trade of the market, whatever their channel is called.
FORCED_KINDS = (
    r"liquidat|block[-_.]?trade|(?<![a-z])rfq(?![a-z])|(?<![a-z])(?:personal|private)(?![a-z])"
    r"|(?<![a-z])orders?[./](?:deals?|trades?)(?![a-z])"
)
OTHER_KINDS = (
    "ticker|quote|book|depth|kline|candle|ohlc|funding|liquidat|l2_?data|level_?[23]|received"
    r"|tradebin|auction|\.mbp|spread|position|instrument"
    r"|(?<![a-z])(?:orders?|bbo|l2update|l2_updates|open|done|change|activate)(?![a-z])"
    rf"|{FORCED_KINDS}"
)
_OTHER = re.compile(OTHER_KINDS, re.IGNORECASE)
_TRADES = re.compile(
    r"(?<![a-z])(?:aggtrades?|publictrade|trades?|deals?|match(?:es)?|l3match|executions?)(?![a-z])",
    re.I,
)
_FORCED = re.compile(FORCED_KINDS, re.IGNORECASE)
#: What Kraken's futures call their feeds; elsewhere a feed is what a collector calls itself.
_FEEDS = re.compile(r"(?:trade|ticker|book|fills|open_orders|open_positions)(?:_[a-z]+)*")
#: A symbol within the name of a channel, such as BOOKUSDT in publicTrade.BOOKUSDT.
_SYMBOL = re.compile(r"(?<![a-z])[A-Z0-9]{5,}(?![a-z])(?:[-_/][A-Z0-9]+)*")
#: Channels whose sizes are below 0 where the taker sold.
_SIGNED = re.compile(r"(?:futures|delivery|options)\.trades", re.IGNORECASE)

#: Where a channel's name holds the symbol of its messages.
_CHANNEL_SYMBOLS = (
    re.compile(r"/[\w/]+:([^,]+)"),  # KuCoin: /market/match:BTC-USDT
    re.compile(r"live_trades_(\w+)"),  # Bitstamp
    re.compile(r"lightning_executions_(\w+)"),  # bitFlyer
    re.compile(r"market\.([^.]+)\.trade"),  # HTX
    re.compile(r"(?:publicTrade|trades?)\.([^.]{2,})(?:\.[\w.]+)?"),  # Bybit, Deribit
)

Kind = Literal["trades", "other", ""]


def kind_of(obj: dict[str, Any], other: re.Pattern[str] = _OTHER, *, listed: bool = False) -> Kind:
    """What an object says that it holds; "" where it says nothing of that.

    other: the words of what it is not to be. listed: whether it stands among trades, by the
    channel or the list that has it.

    >>> kind_of({"type": "ticker", "last": 5, "volume": 9}), kind_of({"type": "buy"})
    ('other', '')
    >>> kind_of({"topic": "publicTrade.BOOKUSDT"}), kind_of({"channel": "futures.liquidates"})
    ('trades', 'other')
    >>> kind_of({"channel": "push.personal.order.deal"}), kind_of({"feed": "bookmap"})
    ('other', '')
    >>> kind_of({"type": "LIQUIDATED"}), kind_of({"type": "LIQUIDATED"}, listed=True)
    ('other', '')
    """
    trades = "trades_p" in obj  # Phemex says nothing else of its kind
    texts = _texts(obj)
    if obj.get("type") == LIQUIDATED:
        around = [text for text in texts if text != LIQUIDATED]
        if listed or any(_TRADES.search(text) for text in around):
            texts = around
    for text in texts:
        if _FORCED.search(text):
            return "other"
        if _TRADES.search(text):
            trades = True
        elif other.search(_SYMBOL.sub("", text)):
            return "other"
    return "trades" if trades else ""


def is_other_kind(
    obj: dict[str, Any], other: re.Pattern[str] = _OTHER, *, listed: bool = False
) -> bool:
    """Whether an object says of itself that it is a quote, a candle or the like. listed: as of
    `kind_of`.

    >>> is_other_kind({"type": "ticker", "last": 5, "volume": 9}), is_other_kind({"type": "buy"})
    (True, False)
    """
    return kind_of(obj, other, listed=listed) == "other"


def is_signed(obj: dict[str, Any]) -> bool:
    """Whether the sizes of an object's trades are below 0 where the taker sold.

    >>> is_signed({"channel": "futures.trades"}), is_signed({"channel": "spot.trades"})
    (True, False)
    """
    channel = obj.get("channel")
    return isinstance(channel, str) and _SIGNED.fullmatch(channel) is not None


def symbol_of_channel(obj: dict[str, Any]) -> str | None:
    """The symbol in the name of a message's channel, for its rows that name none.

    >>> symbol_of_channel({"ch": "market.btcusdt.trade.detail"})
    'btcusdt'
    >>> symbol_of_channel({"arg": {"channel": "trade", "instId": "BTCUSDT"}})
    'BTCUSDT'
    """
    about = obj.get("arg")
    named = (about or {}).get("instId") if isinstance(about, dict) else None
    if isinstance(named, str):
        return named
    for text in _texts(obj):
        for pattern in _CHANNEL_SYMBOLS:
            found = pattern.fullmatch(text) or (pattern.match(text) if "market" in text else None)
            if found is not None:
                return found[1]
    return None


def _texts(obj: dict[str, Any]) -> list[str]:
    words = [obj.get(name) for name in KIND_NAMES]
    feed = obj.get("feed")
    if isinstance(feed, str) and not _FEEDS.fullmatch(feed):
        words.remove(feed)
    for name in ("arg", "params"):
        inner = obj.get(name)
        words.append(inner.get("channel") if isinstance(inner, dict) else None)
    return [word for word in words if isinstance(word, str)]
