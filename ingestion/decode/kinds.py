"""What a message says of its own kind: trades, or an order book, an order, a ticker, a candle."""

from __future__ import annotations

import re
from typing import Any, Literal

#: Names under which sources say what kind of message it is, and words for what is no trade.
KIND_NAMES = ("type", "event", "channel", "table", "topic", "ch", "subject")
OTHER_KINDS = (
    "ticker|quote|book|depth|kline|candle|ohlc|funding|liquidat|l2_?data|level_?[23]|received"
    r"|tradebin|auction|\.mbp|spread|position|instrument"
    r"|(?<![a-z])(?:orders?|bbo|l2update|l2_updates|open|done|change|activate)(?![a-z])"
)
_OTHER = re.compile(OTHER_KINDS, re.IGNORECASE)
_TRADES = re.compile(
    r"(?<![a-z])(?:aggtrades?|publictrade|trades?|match(?:es)?|l3match|execution)(?![a-z])", re.I
)
#: Trades that are no new trade of the market, whatever their channel is called.
_FORCED = re.compile("liquidat", re.IGNORECASE)
#: A symbol within the name of a channel, such as BOOKUSDT in publicTrade.BOOKUSDT.
_SYMBOL = re.compile(r"(?<![a-z])[A-Z0-9]{5,}(?![a-z])(?:[-_/][A-Z0-9]+)*")
#: Channels whose sizes are below 0 where the taker sold.
_SIGNED = re.compile(r"(?:futures|delivery|options)\.trades", re.IGNORECASE)

#: Where a channel's name holds the symbol of its messages.
_CHANNEL_SYMBOLS = (
    re.compile(r"/[\w/]+:([^,]+)"),  # KuCoin: /market/match:BTC-USDT
    re.compile(r"live_trades_(\w+)"),  # Bitstamp
    re.compile(r"market\.([^.]+)\.trade"),  # HTX
    re.compile(r"(?:publicTrade|trades?)\.([^.]{2,})(?:\.[\w.]+)?"),  # Bybit, Deribit
)

Kind = Literal["trades", "other", ""]


def kind_of(obj: dict[str, Any], other: re.Pattern[str] = _OTHER) -> Kind:
    """What an object says that it holds; "" where it says nothing of that.

    other: the words of what it is not to be.

    >>> kind_of({"type": "ticker", "last": 5, "volume": 9}), kind_of({"type": "buy"})
    ('other', '')
    >>> kind_of({"topic": "publicTrade.BOOKUSDT"}), kind_of({"channel": "futures.liquidates"})
    ('trades', 'other')
    """
    trades = False
    for text in _texts(obj):
        if _FORCED.search(text):
            return "other"
        if _TRADES.search(text):
            trades = True
        elif other.search(_SYMBOL.sub("", text)):
            return "other"
    return "trades" if trades else ""


def is_other_kind(obj: dict[str, Any], other: re.Pattern[str] = _OTHER) -> bool:
    """Whether an object says of itself that it is a quote, a candle or the like.

    >>> is_other_kind({"type": "ticker", "last": 5, "volume": 9}), is_other_kind({"type": "buy"})
    (True, False)
    """
    return kind_of(obj, other) == "other"


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
    for name in ("arg", "params"):
        inner = obj.get(name)
        words.append(inner.get("channel") if isinstance(inner, dict) else None)
    return [word for word in words if isinstance(word, str)]
