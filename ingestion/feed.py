"""Feeds: sources that run by themselves and deliver ticks to a sink.

`make_feed` makes the feed of a source, `MAKERS` says how for each kind in the table of sources.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypedDict, Unpack
from urllib.parse import urlsplit

from analytics.model import FeedStatus, Ticks
from ingestion.binance.backfill import Fill
from ingestion.binance.rest import Rest
from ingestion.binance.shards import BinanceFeed
from ingestion.decode.symbols import bare_name, proper_symbol, symbol_in_name
from ingestion.decode.times import END_MS, FIRST_MS
from ingestion.redis import RedisFeed
from ingestion.simulator import Simulator
from ingestion.sources import LEGAL, kind_of, source_of
from ingestion.stream.dialogue import Dialogue
from ingestion.stream.hosts import host_of, subscription_for
from ingestion.stream.running import Running
from ingestion.stream.subscribe import SubscribeError, mask_message, messages_of
from ingestion.stream.supervisor import OnGap, Sink, Supervisor, Timers
from ingestion.stream.transport import (
    HttpTransport,
    TalkingTransport,
    Timeouts,
    Transport,
    WebSocketTransport,
)
from ingestion.url_guard import check_url, mask_url

__all__ = [
    "BinanceFeed",
    "Feed",
    "HttpFeed",
    "RedisFeed",
    "SimulatorFeed",
    "Sink",
    "StreamFeed",
    "Timeouts",
    "Timers",
    "make_feed",
]

logger = logging.getLogger(__name__)

#: What is said of a server that says nothing.
UNASKED = "does it wait for a subscribe message?"
ASKED = "the subscribe message was sent, and nothing came back"
#: Letters of a subscribe message in the log.
SHOWN = 300
HISTORY_S = 1_800
STREAM_EVERY_S = 0.1


class Feed(Protocol):
    """A source that delivers to its sink, on the event loop, from start to stop.

    events: what happened, newest last: epoch s, and a sentence.
    """

    events: deque[tuple[float, str]]

    @property
    def status(self) -> FeedStatus:
        """What the feed does now."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is asked for by name; none for whatever the source sends."""

    async def set_symbols(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols from now on. Raises ValueError."""

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Before the start: the id and the time of the trade that an earlier run had last."""

    def start(self) -> None:
        """Start; nothing where it runs."""

    async def stop(self) -> None:
        """Stop within a second; nothing where it is stopped."""


class StreamFeed(Supervisor):
    """A ws:// or wss:// stream. Raises ValueError for a URL that no feed opens.

    subscribe: sent after connecting, each time: a line a message, or JSON. None for what a
    server that is known wants for these symbols, "" for nothing.
    """

    def __init__(
        self,
        url: str,
        sink: Sink,
        symbols: Sequence[str] = (),
        *,
        subscribe: str | None = None,
        local: bool = True,
        **options: Any,
    ) -> None:
        check_url(url, local=local)
        timers = options.get("timers") or Timers()
        if subscribe is None:
            subscribe = subscription_for(url, symbols)
        opening, host = messages_of(subscribe), host_of(url)
        ping, ping_s = (host.ping, host.ping_s) if host is not None else ("", 0.0)

        def transport(_: tuple[str, ...]) -> Transport:
            socket = WebSocketTransport(url, timers.timeouts, local)
            return TalkingTransport(socket, Dialogue(opening, ping, ping_s))

        options |= {"hint": ASKED if opening else UNASKED, "default_symbol": symbol_of_path(url)}
        super().__init__(mask_url(url), transport, sink, symbols, **options)
        self._opening = mask_message("; ".join(opening))

    def _begin(self) -> None:
        super()._begin()
        if self._opening:
            self._say(f"sends after connecting: {self._opening[:SHOWN]}")


def symbol_of_path(url: str) -> str | None:
    """The symbol that a URL ends with, as Gemini's does.

    >>> symbol_of_path("wss://api.gemini.com/v1/marketdata/BTCUSD?trades=true")
    'BTCUSD'
    >>> symbol_of_path("wss://ws.okx.com:8443/ws/v5/public") is None
    True
    """
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].partition("@")[0]
    known = symbol_in_name(last)
    return known if known is not None and bare_name(known) == bare_name(last.upper()) else None


class HttpFeed(Supervisor):
    """An http:// or https:// response that streams lines. Raises ValueError like StreamFeed."""

    def __init__(self, url: str, sink: Sink, symbols: Sequence[str] = (), **options: Any) -> None:
        local = options.pop("local", True)
        check_url(url, local=local)
        timers = options.get("timers") or Timers()
        transport = partial(HttpTransport, url, timers.timeouts, local)
        super().__init__(mask_url(url), lambda _: transport(), sink, symbols, **options)


class SimulatorFeed(Running):
    """The simulated market: history_s seconds of the past at once, then about ten batches a s.

    A feed that is started again goes on where the simulated market is by then. now_ms: the
    wall clock in epoch ms, for the ticks' times alone.
    """

    def __init__(
        self,
        sink: Sink,
        symbols: Sequence[str] = (),
        *,
        seed: int = 7,
        history_s: float = HISTORY_S,
        every_s: float = STREAM_EVERY_S,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        super().__init__("demo")
        self.simulator = Simulator(seed)
        self._sink = sink
        self._wanted = frozenset(symbols)
        self._history_ms = round(history_s * 1_000)
        self._every_s = every_s
        self._now_ms = now_ms
        self._until_ms: int | None = None

    def _begin(self) -> None:
        self._connects = 1
        self._say(f"started, with {self._history_ms / 1_000:.0f} s of history")

    async def _run(self, generation: int) -> None:
        try:
            while True:
                self._deliver(self._next())
                await asyncio.sleep(self._every_s)
        except Exception as error:
            logger.exception("feed demo failed")
            self._state, self._detail = "failed", f"internal error: {type(error).__name__}"
            self._say(self._detail)

    def _next(self) -> list[Ticks]:
        # A computer that does not know the time yet says 1970, when there was no market.
        now_ms = min(max(self._now_ms(), FIRST_MS + self._history_ms), END_MS)
        if self._until_ms is None:
            batches = self.simulator.history(now_ms, self._history_ms)
        else:
            # A clock that was set back makes a pause, not a second past.
            now_ms = max(now_ms, self._until_ms)
            batches = self.simulator.advance(now_ms)
        self._until_ms = now_ms
        return batches

    def _deliver(self, batches: list[Ticks]) -> None:
        wanted = [
            batch
            for batch in batches
            if len(batch) and (not self._wanted or batch.symbol in self._wanted)
        ]
        self._state = "live"
        if wanted:
            self._sink(wanted, [])


class FeedOptions(TypedDict, total=False):
    """What a feed may be given beside its source, its symbols and its sink.

    binance_ws, binance_rest: other bases for the exchange's client. on_gap: told of missing
    trades, on_restart: of a symbol whose ids begin anew, on_jump: of this computer's clock, in
    s. fill: takes missing trades that came after all, where the source has them. client: makes
    the requests for them, one that others share. excused: whether an exchange's symbol is outside
    its hours now. timers: its waits. subscribe: what a WebSocket is sent after connecting, see
    `StreamFeed`. local: whether a URL may lead to a loopback or private address.
    """

    subscribe: str | None

    binance_ws: str | None
    binance_rest: str | None
    on_gap: OnGap | None
    on_restart: Callable[[str], None] | None
    on_jump: Callable[[float], None] | None
    fill: Fill | None
    client: Rest | None
    excused: Callable[[str], bool] | None
    timers: Timers | None
    local: bool


def make_feed(
    source: str, symbols: Sequence[str], sink: Sink, **options: Unpack[FeedOptions]
) -> Feed:
    """The feed of a source, as somebody typed it: see `source_of`.

    symbols: of an exchange, at least one; of others a filter, none for all. Raises ValueError
    in words for what is no source.

    >>> make_feed("demo", [], print).status.state
    'stopped'
    """
    source = source_of(source)
    kind = kind_of(source)
    if kind is None:
        check_url(source)  # says which schemes there are
        raise ValueError(f"source is {source[:60]!r}, expected {LEGAL}")
    if options.get("subscribe") and kind.name != "websocket":
        raise SubscribeError(f"is for ws:// and wss:// addresses: {kind.label} takes no message")
    return MAKERS[kind.name](source, symbols, sink, options)


def _simulator(
    source: str, symbols: Sequence[str], sink: Sink, options: FeedOptions
) -> SimulatorFeed:
    return SimulatorFeed(sink, symbols)


def _binance(source: str, symbols: Sequence[str], sink: Sink, options: FeedOptions) -> BinanceFeed:
    return BinanceFeed(
        source,
        sink,
        symbols,
        base=options.get("binance_ws"),
        rest=options.get("binance_rest"),
        fill=options.get("fill"),
        client=options.get("client"),
        excused=options.get("excused") or (lambda symbol: False),
        **_hooks(options),
    )


def _redis(source: str, symbols: Sequence[str], sink: Sink, options: FeedOptions) -> RedisFeed:
    names = [name for symbol in symbols if (name := proper_symbol(symbol))]
    local = options.get("local", True)
    return RedisFeed(source, sink, names, on_restart=options.get("on_restart"), local=local)


def _websocket(source: str, symbols: Sequence[str], sink: Sink, options: FeedOptions) -> StreamFeed:
    asked = options.get("subscribe")
    return StreamFeed(source, sink, _filter(symbols), subscribe=asked, **_of_url(options))


def _http(source: str, symbols: Sequence[str], sink: Sink, options: FeedOptions) -> HttpFeed:
    return HttpFeed(source, sink, _filter(symbols), **_of_url(options))


#: How the feed of each kind of source is made, by its name in `ingestion.sources`.
MAKERS: dict[str, Callable[[str, Sequence[str], Sink, FeedOptions], Feed]] = {
    "demo": _simulator,
    "binance-futures": _binance,
    "binance-spot": _binance,
    "websocket": _websocket,
    "http": _http,
    "redis": _redis,
}


def _hooks(options: FeedOptions) -> dict[str, Any]:
    """The options that every feed over the network takes."""
    names = ("timers", "on_gap", "on_restart", "on_jump")
    return {name: options.get(name) for name in names}


def _of_url(options: FeedOptions) -> dict[str, Any]:
    """The options of a feed whose URL somebody typed."""
    return {**_hooks(options), "local": options.get("local", True)}


def _filter(symbols: Sequence[str]) -> list[str]:
    """The symbols that a URL's ticks are narrowed to. Raises ValueError for one that is none."""
    names = [name for symbol in symbols if (name := proper_symbol(symbol))]
    if len(names) < len(symbols):
        raise ValueError(
            f"symbols are {list(symbols)[:20]!r}"[:120] + ", expected names like BTCUSDT"
        )
    return names
