"""Servers that are known: what each wants to be sent for trades, and to be pinged with.

`HOSTS` has a line a server; `subscription_for` fills in the symbols that were typed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Names = Sequence[str]


@dataclass(frozen=True)
class Host:
    """A server. subscribe: its messages for some symbols. ping: what keeps it awake, every
    ping_s seconds. path: with which its URL's path begins, for hosts that speak two tongues.
    """

    name: str
    subscribe: Callable[[Names], list[Any]]
    path: str = ""
    ping: str = ""
    ping_s: float = 0.0


def _each(make: Callable[[str], Any]) -> Callable[[Names], list[Any]]:
    """A message a symbol."""
    return lambda names: [make(name) for name in names]


def _one(make: Callable[[list[str]], Any]) -> Callable[[Names], list[Any]]:
    """One message for all symbols."""
    return lambda names: [make(list(names))]


def _op(prefix: str) -> Callable[[Names], list[Any]]:
    return _one(lambda names: {"op": "subscribe", "args": [prefix + name for name in names]})


def _bare(name: str) -> str:
    return name.replace("-", "").replace("/", "").replace("_", "").lower()


_BINANCE = _one(
    lambda names: {"method": "SUBSCRIBE", "params": [f"{_bare(n)}@trade" for n in names], "id": 1}
)
_COINBASE = _one(lambda names: {"type": "subscribe", "product_ids": names, "channels": ["matches"]})
_GEMINI = _one(
    lambda names: {
        "type": "subscribe",
        "subscriptions": [{"name": "l2", "symbols": names}],
    }
)
_BITGET_V1 = _one(
    lambda names: {
        "op": "subscribe",
        "args": [{"instType": "sp", "channel": "trade", "instId": name} for name in names],
    }
)
_BITGET = _one(
    lambda names: {
        "op": "subscribe",
        "args": [{"instType": "SPOT", "channel": "trade", "instId": name} for name in names],
    }
)
_OKX = _one(
    lambda names: {
        "op": "subscribe",
        "args": [{"channel": "trades", "instId": name} for name in names],
    }
)
_UPBIT = _one(lambda names: [{"ticket": "spreadscope"}, {"type": "trade", "codes": names}])
_KUCOIN_PING = '{"id":"1","type":"ping"}'

#: How a host's name ends -> what it speaks. Of two lines for a host the first fits whose path does.
HOSTS: dict[str, tuple[Host, ...]] = {
    "stream.binance.com": (Host("Binance", _BINANCE, "/ws"),),
    "data-stream.binance.vision": (Host("Binance", _BINANCE, "/ws"),),
    "stream.binance.us": (Host("Binance US", _BINANCE, "/ws"),),
    "bybit.com": (Host("Bybit", _op("publicTrade."), ping='{"op":"ping"}', ping_s=20),),
    "okx.com": (Host("OKX", _OKX, ping="ping", ping_s=20),),
    "ws-feed.exchange.coinbase.com": (Host("Coinbase Exchange", _COINBASE),),
    "ws-feed.pro.coinbase.com": (Host("Coinbase Exchange", _COINBASE),),
    "advanced-trade-ws.coinbase.com": (
        Host(
            "Coinbase Advanced",
            _one(lambda n: {"type": "subscribe", "product_ids": n, "channel": "market_trades"}),
        ),
    ),
    "ws.kraken.com": (
        Host(
            "Kraken v2",
            _one(lambda n: {"method": "subscribe", "params": {"channel": "trade", "symbol": n}}),
            "/v2",
        ),
        Host(
            "Kraken v1",
            _one(lambda n: {"event": "subscribe", "pair": n, "subscription": {"name": "trade"}}),
        ),
    ),
    "deribit.com": (
        Host(
            "Deribit",
            _one(
                lambda names: {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "public/subscribe",
                    "params": {"channels": [f"trades.{name}.100ms" for name in names]},
                }
            ),
        ),
    ),
    "hyperliquid.xyz": (
        Host(
            "Hyperliquid",
            _each(lambda n: {"method": "subscribe", "subscription": {"type": "trades", "coin": n}}),
            ping='{"method":"ping"}',
            ping_s=30,
        ),
    ),
    "bitmex.com": (Host("BitMEX", _op("trade:"), ping="ping", ping_s=20),),
    "api.gateio.ws": (
        Host(
            "Gate",
            _one(lambda n: {"channel": "spot.trades", "event": "subscribe", "payload": n}),
        ),
    ),
    "fx-ws.gateio.ws": (
        Host(
            "Gate futures",
            _one(lambda n: {"channel": "futures.trades", "event": "subscribe", "payload": n}),
        ),
    ),
    "ws.bitget.com": (
        Host("Bitget", _BITGET, "/v2", ping="ping", ping_s=20),
        Host("Bitget v1", _BITGET_V1, ping="ping", ping_s=20),
    ),
    "ws-api-futures.kucoin.com": (
        Host(
            "KuCoin futures",
            _each(lambda n: _kucoin("/contractMarket/execution:", n)),
            ping=_KUCOIN_PING,
            ping_s=15,
        ),
    ),
    "kucoin.com": (
        Host(
            "KuCoin",
            _one(lambda names: _kucoin("/market/match:", ",".join(names))),
            ping=_KUCOIN_PING,
            ping_s=15,
        ),
    ),
    "api.huobi.pro": (
        Host("HTX", _each(lambda n: {"sub": f"market.{_bare(n)}.trade.detail", "id": n})),
    ),
    "hbdm.com": (
        Host("HTX futures", _each(lambda n: {"sub": f"market.{n}.trade.detail", "id": n})),
    ),
    "upbit.com": (Host("Upbit", _UPBIT, ping="PING", ping_s=60),),
    "ws-api.bithumb.com": (Host("Bithumb", _UPBIT),),
    "api.hitbtc.com": (
        Host(
            "HitBTC",
            _one(
                lambda n: {"method": "subscribe", "ch": "trades", "params": {"symbols": n}, "id": 1}
            ),
            "/api/3",
        ),
    ),
    "api.gemini.com": (Host("Gemini v2", _GEMINI, "/v2"),),
    "ws.bitstamp.net": (
        Host(
            "Bitstamp",
            _each(
                lambda n: {
                    "event": "bts:subscribe",
                    "data": {"channel": f"live_trades_{_bare(n)}"},
                }
            ),
        ),
    ),
    "api-pub.bitfinex.com": (
        Host(
            "Bitfinex",
            _each(lambda n: {"event": "subscribe", "channel": "trades", "symbol": _bitfinex(n)}),
        ),
    ),
    "api.bitfinex.com": (
        Host(
            "Bitfinex",
            _each(lambda n: {"event": "subscribe", "channel": "trades", "symbol": _bitfinex(n)}),
        ),
    ),
}


def _kucoin(topic: str, names: str) -> dict[str, Any]:
    return {"id": "1", "type": "subscribe", "topic": topic + names, "response": True}


def _bitfinex(name: str) -> str:
    bare = name.replace("-", "").replace("/", "")
    return bare if bare[:1] == "t" else f"t{bare}"


def host_of(url: str) -> Host | None:
    """The server of a URL, None for one that is not known.

    >>> host_of("wss://ws.kraken.com/v2").name, host_of("wss://ws.kraken.com").name
    ('Kraken v2', 'Kraken v1')
    >>> host_of("wss://ws.okx.com:8443/ws/v5/public").name, host_of("ws://localhost:9000")
    ('OKX', None)
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    name = (parts.hostname or "").lower()
    for ending, hosts in HOSTS.items():
        if name == ending or name.endswith(f".{ending}"):
            return next((host for host in hosts if parts.path.startswith(host.path)), None)
    return None


def subscription_for(url: str, symbols: Sequence[str]) -> str:
    """What a known server is to be sent for some symbols, a line a message; "" for any other.

    >>> subscription_for("wss://ws.kraken.com/v2", ["BTC/USD"])
    '{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}'
    >>> subscription_for("wss://ws.kraken.com/v2", []), subscription_for("ws://localhost", ["A"])
    ('', '')
    """
    host = host_of(url)
    if host is None or not symbols:
        return ""
    compact = (",", ":")
    return "\n".join(
        json.dumps(message, separators=compact, ensure_ascii=False)
        for message in host.subscribe(symbols)
    )
