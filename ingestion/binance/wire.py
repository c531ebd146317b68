"""The exchange's wire, sans-I/O: addresses, messages that change streams, pages of trades.

The trade feed that the exchange documents for USD-M futures is `aggTrade` on the `/market`
route: a wrong or old route acknowledges and stays silent. Stream names are lower case: an
upper-case name connects and sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import quote

import msgspec
import numpy as np

from analytics.model import BoolArray, Gap, IntArray, Rejected, Ticks
from ingestion.decode.decoder import Decoder
from ingestion.decode.symbols import proper_symbol
from ingestion.stream.budget import Pace
from ingestion.url_guard import check_url

#: Streams on one connection, as the exchange's clients hold it.
MAX_STREAMS = 200
#: Letters of an address; the streams that do not fit in are subscribed to after connecting.
MAX_ADDRESS = 2_000
#: Messages a second that are left to the ping and the pong that may fall into it.
FOR_PINGS = 2
#: The exchange's second, and a margin: messages arrive closer together than they were sent.
SECOND_S = 1.25

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True)
class Venue:
    """One of the exchange's markets. base: scheme, host and port. path: of streams.

    rest, rest_path: where trades can be asked for again; weight: what one such request
    costs of the budget that the exchange gives an address each minute. messages: a connection
    may send in a second, pings and pongs among them; it is closed for more.
    """

    name: str
    base: str
    path: str
    rest: str
    rest_path: str
    weight: int
    budget: int
    messages: int
    event: str = "aggTrade"


VENUES = {
    "binance-futures": Venue(
        "Binance USD-M futures",
        "wss://fstream.binance.com",
        "/market",
        rest="https://fapi.binance.com",
        rest_path="/fapi/v1",
        weight=20,
        budget=2_400,
        messages=10,
    ),
    "binance-spot": Venue(
        "Binance spot",
        "wss://stream.binance.com:9443",
        "",
        rest="https://api.binance.com",
        rest_path="/api/v3",
        weight=4,
        budget=6_000,
        messages=5,
    ),
}


def pace(venue: Venue) -> Pace:
    """How fast a connection may be told of other symbols.

    >>> pace(VENUES["binance-spot"])
    Pace(messages=3, window_s=1.25)
    """
    return Pace(venue.messages - FOR_PINGS, SECOND_S)


def stream_name(venue: Venue, symbol: str) -> str:
    """A symbol's stream of trades.

    >>> stream_name(VENUES["binance-spot"], "BTCUSDT")
    'btcusdt@aggTrade'
    """
    return f"{lower(symbol)}@{venue.event}"


def in_address(venue: Venue, symbols: Sequence[str], base: str | None = None) -> tuple[str, ...]:
    """The first of these symbols, those whose streams fit into an address.

    >>> len(in_address(VENUES["binance-spot"], [f"A{number}USDT" for number in range(200)]))
    114
    """
    length = len(stream_url(venue, (), base))
    for count, symbol in enumerate(symbols):
        length += len(quote(stream_name(venue, symbol), safe="@")) + 1
        if count and length > MAX_ADDRESS:
            return tuple(symbols[:count])
    return tuple(symbols)


def lower(symbol: str) -> str:
    """A symbol as stream names have it: Latin letters alone in lower case.

    >>> lower("币安人生USDT")
    '币安人生usdt'
    """
    return symbol.translate(_LOWER)


def stream_url(venue: Venue, symbols: Sequence[str], base: str | None = None) -> str:
    """The combined stream of these symbols. base: another server that speaks the protocol.

    >>> stream_url(VENUES["binance-futures"], ["BTCUSDT", "ETHUSDT"])
    'wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade'
    """
    names = "/".join(quote(stream_name(venue, symbol), safe="@") for symbol in symbols)
    return f"{(base or venue.base).rstrip('/')}{venue.path}/stream?streams={names}"


def checked_symbols(symbols: Sequence[str], source: str) -> tuple[str, ...]:
    """Proper, distinct symbols.

    Raises ValueError for none, and for one that is no symbol.
    """
    names = []
    for symbol in symbols:
        name = proper_symbol(symbol)
        # What other sources have in their names would change the meaning of an address here.
        if name is None or not name.replace("_", "").isalnum():
            raise ValueError(f"symbol is {symbol[:40]!r}, expected letters and digits: BTCUSDT")
        names.append(name)
    names = list(dict.fromkeys(names))
    if not names:
        raise ValueError(f"{source} needs at least one symbol, such as BTCUSDT")
    return tuple(names)


def checked_base(url: str) -> str:
    """Another base of streams, such as ws://localhost:9443.

    Raises ValueError where it is no ws:// or wss:// URL.
    """
    if not check_url(url).scheme.startswith("ws"):
        raise ValueError(f"binance_ws is {url[:60]!r}, expected a ws:// or wss:// URL")
    return url


def checked_rest(url: str) -> str:
    """Another base of requests, such as http://localhost:9080.

    Raises ValueError where it is no http:// or https:// URL.
    """
    if not check_url(url).scheme.startswith("http"):
        raise ValueError(f"binance_rest is {url[:60]!r}, expected an http:// or https:// URL")
    return url


class GapPages:
    """The requests that fill a gap, one page of aggregate trades after the other.

    Ask for `request()` until `open` is empty, and hand each answer to `take`. What a page
    leaves out is asked for again after the rest, many holes at a time; `take` says whether
    it brought anything. A trade that came before may come again.

    >>> pages = GapPages(VENUES["binance-spot"], Gap("BTCUSDT", 5, 6, 0, 9))
    >>> pages.request()
    '/api/v3/aggTrades?symbol=BTCUSDT&fromId=5&limit=2'
    >>> body = b'[{"a":5,"p":"2.5","q":"1","f":7,"l":8,"T":1723161256322,"m":true}]'
    >>> ticks, refused, progress = pages.take(body)
    >>> ticks[0].price.tolist(), refused, progress, pages.open
    ([2.5], [], True, [(6, 6)])
    """

    LIMIT = 1_000

    def __init__(self, venue: Venue, *gaps: Gap) -> None:
        self.open = sorted((gap.first_id, gap.last_id) for gap in gaps)
        self._gaps = tuple(self.open)
        self._asked = self.open[0]
        self._venue = venue
        self._symbol = gaps[0].symbol
        self._decoder = Decoder(self._symbol, symbols=[self._symbol])

    @property
    def missing(self) -> int:
        """How many ids have not come yet."""
        return sum(last - first + 1 for first, last in self.open)

    def request(self) -> str:
        """Path and query of the next page."""
        first = self.open[0][0]
        end = first + self.LIMIT - 1
        last = max(min(stop, end) for start, stop in self.open if first <= start <= end)
        self._asked = (first, last)
        return (
            f"{self._venue.rest_path}/aggTrades"
            f"?symbol={quote(self._symbol)}&fromId={first}&limit={last - first + 1}"
        )

    def take(self, body: bytes) -> tuple[list[Ticks], list[Rejected], bool]:
        """An answer's trades, what was refused, and whether any of them was missing.

        Rows that were not asked for, or come twice, are refused as "backfill-id"; those
        between two gaps were had before, and are passed over.
        """
        if body.strip() == b"[]":
            return [], [], self._advance(())
        decoded = self._decoder.decode(body)
        taken, rejected = [], list(decoded.rejected)
        ids: list[int] = []
        for batch in decoded.ticks:
            _, places = np.unique(batch.trade_id, return_index=True)
            wanted = np.zeros(len(batch), np.bool_)
            wanted[places] = True
            wanted &= (batch.trade_id >= self._asked[0]) & (batch.trade_id <= self._asked[1])
            for at in np.flatnonzero(~wanted).tolist():
                words = f"{batch.symbol} {batch.trade_id[at]} was not asked for"
                rejected.append(Rejected("backfill-id", words))
            kept = batch[wanted & self._missed(batch.trade_id)]
            if len(kept):
                taken.append(kept)
                ids += kept.trade_id.tolist()
        return taken, rejected, self._advance(ids)

    def _missed(self, ids: IntArray) -> BoolArray:
        """Which ids lie in one of the gaps."""
        missed = np.zeros(len(ids), np.bool_)
        for first, last in self._gaps:
            missed |= (ids >= first) & (ids <= last)
        return missed

    def _advance(self, ids: Sequence[int]) -> bool:
        """Take ids off what is open; without any, the next stretch has its turn."""
        missing = self.missing
        got = sorted(set(ids))
        left: list[tuple[int, int]] = []
        for first, last in self.open:
            for number in got:
                if first <= number <= last:
                    if number > first:
                        left.append((first, number - 1))
                    first = number + 1
            if first <= last:
                left.append((first, last))
        # What lies beyond what was asked for is the next page; holes come after it.
        behind = [hole for hole in left if hole[0] <= self._asked[1]]
        self.open = [hole for hole in left if hole[0] > self._asked[1]] + behind
        return self.missing < missing


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
