"""The exchange's wire, sans-I/O: addresses of streams, and the messages that change them.

The trade feed that the exchange documents for USD-M futures is `aggTrade` on the `/market`
route: a wrong or old route acknowledges and stays silent. Stream names are lower case: an
upper-case name connects and sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ingestion.symbols import proper_symbol
from ingestion.url_guard import check_url

#: Streams on one connection, as the exchange's clients hold it.
MAX_STREAMS = 200


@dataclass(frozen=True)
class Venue:
    """One of the exchange's markets. base: scheme, host and port. path: of streams."""

    name: str
    base: str
    path: str
    event: str = "aggTrade"


VENUES = {
    "binance-futures": Venue("Binance USD-M futures", "wss://fstream.binance.com", "/market"),
    "binance-spot": Venue("Binance spot", "wss://stream.binance.com:9443", ""),
}


def stream_name(venue: Venue, symbol: str) -> str:
    """A symbol's stream of trades.

    >>> stream_name(VENUES["binance-spot"], "BTCUSDT")
    'btcusdt@aggTrade'
    """
    return f"{symbol.lower()}@{venue.event}"


def stream_url(venue: Venue, symbols: Sequence[str], base: str | None = None) -> str:
    """The combined stream of these symbols. base: another server that speaks the protocol.

    >>> stream_url(VENUES["binance-futures"], ["BTCUSDT", "ETHUSDT"])
    'wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade'
    """
    names = "/".join(stream_name(venue, symbol) for symbol in symbols)
    return f"{(base or venue.base).rstrip('/')}{venue.path}/stream?streams={names}"


def checked_symbols(symbols: Sequence[str], source: str) -> tuple[str, ...]:
    """Proper, distinct symbols for one connection.

    Raises ValueError for none, too many, or one that is no symbol.
    """
    names = []
    for symbol in symbols:
        name = proper_symbol(symbol)
        if name is None:
            raise ValueError(f"symbol is {symbol[:40]!r}, expected letters and digits: BTCUSDT")
        names.append(name)
    names = list(dict.fromkeys(names))
    if not names:
        raise ValueError(f"{source} needs at least one symbol, such as BTCUSDT")
    if len(names) > MAX_STREAMS:
        raise ValueError(f"{source} has {len(names)} symbols, expected at most {MAX_STREAMS}")
    return tuple(names)


def checked_base(url: str) -> str:
    """Another base of streams, such as ws://localhost:9443.

    Raises ValueError where it is no ws:// or wss:// URL.
    """
    if not check_url(url).scheme.startswith("ws"):
        raise ValueError(f"binance_ws is {url[:60]!r}, expected a ws:// or wss:// URL")
    return url


def subscribe(venue: Venue, symbols: Sequence[str], number: int) -> bytes:
    """The message that adds symbols to an open connection.

    >>> subscribe(VENUES["binance-spot"], ["BTCUSDT"], 1)
    b'{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}'
    """
    return _request("SUBSCRIBE", venue, symbols, number)


def unsubscribe(venue: Venue, symbols: Sequence[str], number: int) -> bytes:
    """The message that takes symbols off an open connection."""
    return _request("UNSUBSCRIBE", venue, symbols, number)


def _request(method: str, venue: Venue, symbols: Sequence[str], number: int) -> bytes:
    params = [stream_name(venue, symbol) for symbol in symbols]
    return msgspec.json.encode({"method": method, "params": params, "id": number})
