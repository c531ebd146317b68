"""Which source feeds which market: start, stop, and switch from one to another.

One feed runs at a time. A feed delivers to the very market that was made for it, so data
of two sources never mix, whatever a feed that was replaced still says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import TypedDict

from analytics.model import Rejected, Ticks
from dashapp.services.archive.recorder import key_of
from dashapp.services.archive.restore import Restorer
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.feeds.health import FeedHealth, Trust, trust_of
from dashapp.services.feeds.sinks import ArchiveSink, MarketSink, TickSink
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from dashapp.services.universe.directory import Directory, Exchange
from dashapp.services.universe.exchange import ExchangeUniverse
from dashapp.services.universe.kept_bars import KeptBars
from dashapp.services.universe.live import LiveHistory
from dashapp.settings import Settings
from ingestion.decode.symbols import proper_symbol
from ingestion.feed import Feed, Timers, make_feed
from ingestion.sources import SourceKind, is_exchange, kind_of, source_of
from ingestion.stream.hosts import subscription_for
from ingestion.stream.subscribe import SubscribeError, mask_message
from ingestion.url_guard import mask_url
from storage.market.market import Market
from storage.redis_stream import RedisPublisher

logger = logging.getLogger(__name__)

STOP_S = 2.0


class Asked(TypedDict):
    """What the feed of an exchange is asked for."""

    source: str
    symbols: list[str]


class FeedControl:
    """The feeds of the markets "demo" and "live".

    publisher: writes live ticks to Redis too, None where nobody asked. timers: the feeds'
    waits, their own for None. directory: the exchanges that can be asked. history: fills the past
    of the live market, None where nobody can be asked. universe: of its exchange. market_id:
    the market that is fed, or was last. health: of the source that feeds the live market.
    """

    def __init__(
        self,
        settings: Settings,
        markets: Markets,
        kernels: Kernels,
        writer: ArchiveWriter,
        restorer: Restorer,
        publisher: RedisPublisher | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.market_id = "demo" if settings.source == "demo" else "live"
        self.health = FeedHealth()
        self._settings = settings
        self._markets = markets
        self._kernels = kernels
        self._writer = writer
        self._restorer = restorer
        self._publisher = publisher
        self._timers = timers
        self._feeds: dict[str, Feed] = {}
        self._sources: dict[str, str] = {}
        self._messages: dict[str, str] = {}
        self._running: Feed | None = None
        self._switching = asyncio.Lock()
        # Starts and stops are numbered as they are asked for; none undoes a later one.
        self._orders, self._heeded = count(1), 0
        self.directory = Directory(settings)
        self.history: LiveHistory | None = None
        self.universe: ExchangeUniverse | None = None
        self._sink: MarketSink | None = None
        # Of a live market that is made, and takes the place of the one before it.
        self._next: tuple[LiveHistory | None, MarketSink] | None = None

    @property
    def started(self) -> bool:
        """Whether any feed was ever started."""
        return bool(self._feeds)

    def events(self, market_id: str) -> list[tuple[float, str]]:
        """What happened to a market's feed, oldest first: epoch s, and a sentence."""
        feed = self._feeds.get(market_id)
        return [] if feed is None else list(feed.events)

    @property
    def asked(self) -> Asked | None:
        """Source and symbols of an exchange's feed that runs; None for any other."""
        source = self._sources.get(self.market_id, "")
        if self._running is None or not is_exchange(source):
            return None
        return {"source": source, "symbols": list(self._running.symbols)}

    @property
    def begun(self) -> tuple[str, str, tuple[str, ...]] | None:
        """Source and message, with their secrets, and symbols started last; None before any."""
        here, feed = self.market_id, self._feeds.get(self.market_id)
        return (self._sources[here], self._messages[here], tuple(feed.symbols)) if feed else None

    def trust(self, market_id: str) -> Trust:
        """The trust strip's figures of a market; none at all where there is no such market."""
        market = self._markets.get(market_id)
        if market is None:
            return {}
        redis = "" if self._publisher is None else self._publisher.words
        return trust_of(market, self.health, self._writer.words, redis)

    def open(self) -> None:
        """Begin to publish, where that was asked for. Call on the event loop."""
        if self._publisher is not None:
            self._publisher.start()

    async def start(
        self, source: str, symbols: Sequence[str], subscribe: str | None = None
    ) -> bool:
        """Stop the feed that runs and start this source; nothing for the one that runs.

        False where it was stopped, or another was started, while it waited for its exchange.

        source: as somebody typed it, see `source_of`; "none" only stops. symbols: of the
        exchange's streams, and a filter on a URL's; the demo has its own. subscribe: what a
        WebSocket is sent after connecting, each time; None for what is known of its host.
        Raises ValueError in words for what cannot be started; the feed that runs is then left
        alone, and the words say that it goes on.
        """
        order = next(self._orders)
        await self._kernels.market_ready()
        if source == "none":
            await self.stop()
            return False
        try:
            source, names = self._named(source, symbols)
            # Not within the lock: Stop waits for no exchange that does not answer.
            await self.directory.check_listed(source, names)
        except ValueError as error:
            raise self._with_what_goes_on(error) from None
        async with self._switching:
            if order < self._heeded:
                return False
            try:
                market_id, feed = await self._wanted(source, names, subscribe)
            except ValueError as error:
                raise self._with_what_goes_on(error) from None
            self._heeded = max(self._heeded, order)
            if self._running is not feed:
                await self._stop()
                if self._next is not None and market_id == "live":
                    (self.history, self._sink), self._next = self._next, None
                await self._revive(market_id, feed)
            self._feeds[market_id] = self._running = feed
            self._markets.fillers[market_id] = feed
            self.market_id = market_id
            if self._sink is not None and feed.status.state == "stopped":
                self._sink.begin()
            feed.start()
            if self.history is not None and market_id == "live":
                self.history.start()
                await self._start_universe()
        return True

    async def stop(self) -> None:
        """Stop the feed, and a start that still waits. What the feed brought stays."""
        self._heeded = next(self._orders)
        async with self._switching:
            await self._stop()

    async def close(self) -> None:
        """Stop for good: the feed, then what publishes its ticks."""
        await self.stop()
        if self._publisher is not None:
            await self._publisher.close()
        await self.directory.close()

    def _named(self, source: str, symbols: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """A source that somebody typed, and its symbols. Raises ValueError for none such."""
        source = self._unmasked(source_of(source))
        kind = kind_of(source)
        return source, tuple(symbols) or (kind.default_symbols if kind else ())

    async def _wanted(
        self, source: str, names: tuple[str, ...], subscribe: str | None
    ) -> tuple[str, Feed]:
        """The market that a source fills, and its feed: the one there is, or a new one."""
        kind = kind_of(source)
        market_id = kind.market if kind else "live"
        same = self._sources.get(market_id) == source
        subscribe = self._message(subscribe, source, names, same)
        if not same or subscribe != self._messages.get(market_id, ""):
            feed = (
                self._new_demo(source, subscribe)
                if market_id == "demo"
                else self._new(source, names, subscribe)
            )
            self._sources[market_id], self._messages[market_id] = source, subscribe
            return market_id, feed
        feed = self._feeds[market_id]
        await feed.set_symbols([proper_symbol(symbol.strip()) or symbol for symbol in names])
        if self.directory.of(source) is not None:
            self._markets[market_id].coming = feed.symbols
        return market_id, feed

    def look(self, symbols: Sequence[str], timeframe: str, bars: int) -> None:
        """Somebody looks at so many bars of the live market's symbols."""
        if self.history is not None and self.market_id == "live":
            self.history.look(symbols, timeframe, bars)

    def history_words(self, market_id: str, symbols: Sequence[str], timeframe: str) -> str:
        """What the strip says of a market's history, "" for nothing."""
        if self.history is None or market_id != "live":
            return ""
        return self.history.words(symbols, timeframe)

    def _new_demo(self, source: str, subscribe: str) -> Feed:
        """The feed of the simulated market, which is there from the start."""
        sink = MarketSink(self._markets["demo"], FeedHealth(), partial(self._say, "demo"))
        return make_feed(source, (), sink.take_history, subscribe=subscribe)

    def _new(self, source: str, symbols: Sequence[str], subscribe: str) -> Feed:
        """A feed of live data and its new market. Raises ValueError where there is none such."""
        kind, base = kind_of(source), self._base(source)
        exchange = self.directory.of(source)
        published = kind is not None and kind.published
        label = label_of(source, kind)
        kept_as = "" if published or not self._writer.keeps else key_of(source, base)
        coming = tuple(proper_symbol(symbol) or symbol for symbol in symbols) if exchange else ()
        market = Market("live", f"Live: {label}", "live", kept_as=kept_as, coming=coming)
        health = FeedHealth()
        onward = () if published else self._onward(market, key_of(source, base))
        history = (
            None if exchange is None else self._history(market, exchange, key_of(source, base))
        )
        first = None if history is None else history.first
        sink = MarketSink(market, health, partial(self._say, "live"), onward, first)
        feed = make_feed(
            source,
            symbols,
            sink.take_history if published else sink.take,
            binance_ws=self._settings.binance_ws,
            binance_rest=self._settings.binance_rest,
            on_gap=market.note_gap,
            on_restart=sink.renumber,
            on_jump=health.clock_jumped,
            fill=sink.fill,
            client=None if exchange is None else exchange.rest,
            excused=None if exchange is None else exchange.closed,
            timers=self._timers,
            subscribe=subscribe,
            local=self._settings.reaches_local,
        )
        self._next = (history, sink)
        self._markets["live"], self.health = market, health
        logger.info("market live is new, for %s", label)
        return feed

    def _history(self, market: Market, exchange: Exchange, key: str) -> LiveHistory:
        """What fills the past of a new live market."""
        kept = None
        if self._writer.keeps:
            kept = KeptBars(self._writer, f"bars-{key}", f"Bars: {exchange.venue.name}")

        def fill(ticks: list[Ticks], rejected: list[Rejected]) -> None:
            if self._sink is not None:
                self._sink.fill(ticks, rejected)

        def symbols() -> tuple[str, ...]:
            feed = self._feeds.get("live")
            return () if feed is None else feed.symbols

        return LiveHistory(market, exchange, kept, fill, symbols)

    async def _start_universe(self) -> None:
        """The universe of the exchange that feeds the live market, beside it."""
        source = self._sources["live"]
        exchange, count = self.directory.of(source), self._settings.universe
        if exchange is None or not count:
            return
        if self.universe is None or self.universe.source != source:
            if self.universe is not None:
                await self.universe.stop()
            kept = None
            if self._writer.keeps:
                key, name = key_of(source, self._base(source)), exchange.venue.name
                kept = KeptBars(self._writer, f"universe-{key}", f"Universe: {name}")
            base, timers = self._settings.binance_ws, self._timers
            self.universe = ExchangeUniverse(
                self._markets, exchange, source, count, kept, base, timers
            )
        self.universe.start()

    def _onward(self, market: Market, channel: str) -> list[TickSink]:
        """Where the ticks of a new live market go beside it: the archive, and Redis.

        What another process publishes goes nowhere: that process keeps it.
        """
        sinks: list[TickSink] = [ArchiveSink(market, self._writer)] if market.kept_as else []
        if self._publisher is not None:
            sinks.append(self._publisher.channel(channel))
        return sinks

    async def _revive(self, market_id: str, feed: Feed) -> None:
        """Bring back what is kept of a live market that is new; its feed goes on from there."""
        market = self._markets[market_id]
        if market.kept_as and not market.symbols:
            await self._restorer.revive(market)
            for symbol in market.symbols:
                feed.resume(symbol, market.newest_id(symbol), market.stats(symbol).ts_ms)

    async def _stop(self) -> None:
        feed, self._running = self._running, None
        if self.history is not None:
            await self.history.stop()
        if self.universe is not None:
            await self.universe.stop()
        if feed is None:
            return
        try:
            async with asyncio.timeout(STOP_S):
                await feed.stop()
        except TimeoutError:
            logger.warning("the feed did not stop within %.0f s and was left", STOP_S)

    def _base(self, source: str) -> str | None:
        """Another server that stands in for a source's exchange; None for its own."""
        return self._settings.binance_ws if is_exchange(source) else None

    def _unmasked(self, source: str) -> str:
        """The source itself where a page gives back what it was shown, without its secrets."""
        for known in (self._sources.get("live", ""), self._settings.source):
            if source == mask_url(known):
                return known
        return source

    def _message(
        self, subscribe: str | None, source: str, symbols: Sequence[str], same: bool
    ) -> str:
        """What a source is sent: what was typed, what its host wants, or what it was sent before.

        A page gives back a message as it was shown, without its secrets.
        """
        before = self._messages.get("live", "")
        if subscribe is None:
            return subscription_for(source, symbols) or (before if same else "")
        for known in (before, self._settings.subscribe):
            if known and subscribe == mask_message(known):
                return known
        return subscribe

    def _with_what_goes_on(self, error: ValueError) -> ValueError:
        """What is wrong with a start, and what still runs.

        No context manager: `contextlib` leaves one that raises another error in a cycle.
        """
        sentence = f"{error}{self._goes_on()}"
        if not isinstance(error, SubscribeError):
            return ValueError(sentence)
        error.args = (sentence,)
        return error

    def _goes_on(self) -> str:
        """What still runs, in words."""
        if self._running is None:
            return ""
        source = self._sources[self.market_id]
        return f"; {label_of(source, kind_of(source))} goes on"

    def _say(self, market_id: str, sentence: str) -> None:
        """Write a sentence into the log of a market's feed."""
        self._feeds[market_id].events.append((time.time(), sentence))


def label_of(source: str, kind: SourceKind | None) -> str:
    """A source as the pages show it: by its name, or its URL without secrets."""
    return mask_url(source) if kind is None or kind.schemes else kind.label
