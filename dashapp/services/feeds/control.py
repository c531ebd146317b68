"""Which source feeds which market: start, stop, and switch from one to another.

One feed runs at a time. A feed delivers to the very market that was made for it, so data
of two sources never mix, whatever a feed that was replaced still says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from analytics.model import FeedStatus, Rejected, Ticks
from dashapp.services.archive.recorder import Recorder, Tape, key_of
from dashapp.settings import Settings
from ingestion.feed import Timers, make_feed
from ingestion.sources import is_exchange, kind_of, source_of
from ingestion.url_guard import mask_url
from storage.market.arrivals import RATE_SPAN_S
from storage.market.market import Market
from storage.redis_stream import Channel, RedisPublisher, RedisUnavailable

logger = logging.getLogger(__name__)

Sink = Callable[[list[Ticks], list[Rejected]], None]

STOP_S = 2.0
#: How long the strip says that this computer's clock was set.
SHOWN_S = 600.0
#: How long the log is silent of a symbol's outliers after one.
QUIET_S = 10.0
_NEVER = FeedStatus("none", "stopped", "no source was started")


class FeedControl:
    """The feeds of the markets "demo" and "live"; `markets` is the runtime's own.

    publisher: writes live ticks to Redis too, None where nobody asked.
    market_id: the market that is fed, or was last. lags_ms: from exchange to here, of the
    newest batches of the live market. timers: the feeds' waits, their own for None.
    recorder: keeps what live markets take in; nothing is kept without one.
    """

    def __init__(
        self,
        settings: Settings,
        markets: dict[str, Market],
        timers: Timers | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.market_id = "demo" if settings.source == "demo" else "live"
        self.lags_ms: deque[float] = deque(maxlen=1_000)
        self._settings = settings
        self._markets = markets
        self._feeds: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        self._running: Any = None
        self._switching = asyncio.Lock()
        self._timers = timers
        self._jump: tuple[float, float] | None = None
        self._told_s: dict[str, float] = {}
        self._recorder = recorder
        self._tape = Tape()
        self.publisher: RedisPublisher | None = None

    def status(self, market_id: str) -> FeedStatus:
        """What the feed of a market does."""
        feed = self._feeds.get(market_id)
        return _NEVER if feed is None else feed.status

    def events(self, market_id: str) -> list[tuple[float, str]]:
        """What happened to a market's feed, oldest first: epoch s, and a sentence."""
        feed = self._feeds.get(market_id)
        return [] if feed is None else list(feed.events)

    @property
    def asked(self) -> dict[str, Any] | None:
        """Source and symbols of an exchange's feed that runs; None for any other."""
        source = self._sources.get(self.market_id, "")
        if self._running is None or not is_exchange(source):
            return None
        return {"source": source, "symbols": list(self._running.symbols)}

    async def start(self, source: str, symbols: Sequence[str]) -> None:
        """Stop the feed that runs and start this source; nothing for the one that runs.

        source: as somebody typed it, see `source_of`. symbols: of the exchange's streams, and
        a filter on a URL's; the demo has its own. Raises ValueError in words for what cannot
        be started; the feed that runs is then left alone, and the words say that it goes on.
        """
        async with self._switching:
            try:
                market_id, feed = await self._wanted(source, symbols)
            except ValueError as error:
                raise ValueError(f"{error}{self._goes_on()}") from None
            if self._running is not feed:
                await self._stop()
                await self._revive(market_id, feed)
            self._feeds[market_id] = self._running = feed
            self.market_id = market_id
            feed.start()

    async def _wanted(self, source: str, symbols: Sequence[str]) -> tuple[str, Any]:
        """The market that a source fills, and its feed: the one there is, or a new one."""
        source = self._unmasked(source_of(source))
        kind = kind_of(source)
        wanted = tuple(symbols) or (kind.default_symbols if kind else ())
        market_id = kind.market if kind else "live"
        if self._sources.get(market_id) != source:
            return market_id, self._made(source, wanted, market_id)
        feed = self._feeds[market_id]
        await feed.set_symbols([symbol.strip().upper() for symbol in wanted])
        return market_id, feed

    def _unmasked(self, source: str) -> str:
        """The source itself where a page gives back what it was shown, without its secrets."""
        for known in (self._sources.get("live", ""), self._settings.source):
            if source == mask_url(known):
                return known
        return source

    def _goes_on(self) -> str:
        """What still runs, in words."""
        return "" if self._running is None else f"; {self._label(self.market_id)} goes on"

    def _label(self, market_id: str) -> str:
        source = self._sources.get(market_id, "none")
        return label_of(source)

    async def stop(self) -> None:
        """Stop the feed; nothing where none runs. What it brought stays."""
        async with self._switching:
            await self._stop()

    async def close(self) -> None:
        """Stop for good: the feed, then what publishes its ticks."""
        await self.stop()
        if self.publisher is not None:
            await self.publisher.close()

    @property
    def redis_words(self) -> str:
        """What is wrong with Redis, as the strip says it; "" while all is well."""
        return "" if self.publisher is None else self.publisher.words

    async def _stop(self) -> None:
        feed, self._running = self._running, None
        if feed is None:
            return
        try:
            async with asyncio.timeout(STOP_S):
                await feed.stop()
        except TimeoutError:
            logger.warning("the feed did not stop within %.0f s and was left", STOP_S)

    def _made(self, source: str, symbols: Sequence[str], market_id: str) -> Any:
        """A feed and, for a new source of live data, its new market."""
        if market_id == "demo":
            market = self._markets["demo"]
            feed = make_feed("demo", (), self._sink(market, (), with_past=True))
        else:
            label = label_of(source)
            self._jump, self._told_s = None, {}
            market = Market("live", f"Live: {label}", "live")
            watched = is_published(source)
            tape, channels = self._tapes(market, source)
            tapes: tuple[Tape | Channel, ...] = (tape, *channels)
            feed = make_feed(
                source,
                symbols,
                self._sink(market, tapes, with_past=watched),
                binance_ws=self._settings.binance_ws,
                binance_rest=self._settings.binance_rest,
                on_gap=market.note_gap,
                on_restart=partial(_renumber, market, tapes),
                on_jump=self._clock_jumped,
                fill=partial(_fill, market, tapes),
                timers=self._timers,
            )
            self._markets["live"], self._tape = market, tape
            self.lags_ms.clear()
            logger.info("market live is new, for %s", label)
        self._sources[market_id] = source
        return feed

    def _tapes(self, market: Market, source: str) -> tuple[Tape, tuple[Channel, ...]]:
        """Where the ticks of a new live market go beside it: the archive, and Redis.

        What comes from Redis goes nowhere: whoever published it keeps it.
        """
        if is_published(source):
            return Tape(), ()
        tape = Tape() if self._recorder is None else self._recorder.tape(market, source)
        if self.publisher is None:
            return tape, ()
        base = self._settings.binance_ws if is_exchange(source) else None
        return tape, (self.publisher.channel(key_of(source, base)),)

    async def _revive(self, market_id: str, feed: Any) -> None:
        """Bring back what is kept of a live market that is new; its feed goes on from there."""
        market = self._markets[market_id]
        if market_id == "live" and self._recorder is not None and not market.symbols:
            await self._recorder.revive(market, self._tape)
            for symbol in market.symbols:
                feed.resume(symbol, market.newest_id(symbol), market.stats(symbol).ts_ms)

    def _sink(
        self, market: Market, tapes: Iterable[Tape | Channel], with_past: bool = False
    ) -> Sink:
        """Where a feed delivers. with_past: old ticks may come at once, as history."""

        def take(ticks: list[Ticks], rejected: list[Rejected]) -> None:
            market.reject(rejected)
            for batch in ticks:
                before = market.counters.outliers
                accepted = market.append(batch)
                for tape in tapes:
                    tape.take(accepted)
                self.lags_ms.append(time.time() * 1_000 - float(batch.ts_ms[-1]))
                if market.counters.outliers > before:
                    self._tell_outlier(market, batch.symbol)

        def take_past(ticks: list[Ticks], rejected: list[Rejected]) -> None:
            market.reject(rejected)
            recent_ms = (time.time() - RATE_SPAN_S) * 1_000
            for batch in ticks:
                past = int(np.searchsorted(np.maximum.accumulate(batch.ts_ms), recent_ms))
                market.append(batch[:past], backfill=True)
                market.append(batch[past:])
                if past < len(batch) and market.kind == "live":
                    self.lags_ms.append(time.time() * 1_000 - float(batch.ts_ms[-1]))

        return take_past if with_past else take

    @property
    def clock_jump_s(self) -> float | None:
        """By how much this computer's clock was set of late, None if it was not."""
        if self._jump is None or time.monotonic() - self._jump[0] > SHOWN_S:
            return None
        return self._jump[1]

    def _clock_jumped(self, seconds: float) -> None:
        """Lags from before say nothing of the clock that there is now."""
        self._jump = (time.monotonic(), seconds)
        self.lags_ms.clear()

    def _tell_outlier(self, market: Market, symbol: str) -> None:
        """Note an outlier in the feed's log; of many in a row the first."""
        outlier, now_s = market.outliers.last(symbol), time.monotonic()
        if outlier is None or now_s < self._told_s.get(symbol, 0.0):
            return
        self._told_s[symbol] = now_s + QUIET_S
        sentence = (
            f"outlier: {symbol} at {outlier.price:g} is {outlier.jump:+.0%} off the median of "
            f"its last trades, {outlier.median:g}; it is kept, and alone raises no alert"
        )
        self._feeds[market.id].events.append((time.time(), sentence))
        logger.warning("market %s: %s", market.id, sentence)


def publisher_at(url: str) -> RedisPublisher | None:
    """A publisher that runs; None, which the log says, where its library is missing."""
    try:
        publisher = RedisPublisher(url)
    except RedisUnavailable as error:
        logger.warning("%s; nothing is published", error)
        return None
    publisher.start()
    logger.info("live ticks are published to %s", mask_url(url))
    return publisher


def is_published(source: str) -> bool:
    """Whether another process reads a source and publishes it."""
    kind = kind_of(source)
    return kind is not None and kind.published


def label_of(source: str) -> str:
    """A source as the pages show it: by its name, or its URL without secrets."""
    kind = kind_of(source)
    return mask_url(source) if kind is None or kind.schemes else kind.label


def _fill(
    market: Market,
    tapes: Iterable[Tape | Channel],
    ticks: list[Ticks],
    rejected: list[Rejected],
) -> None:
    """Take in what was asked for to fill a gap."""
    market.reject(rejected)
    for batch in ticks:
        accepted = market.fill(batch)
        for tape in tapes:
            tape.take(accepted)


def _renumber(market: Market, tapes: Iterable[Tape | Channel], symbol: str) -> None:
    """The source numbers a symbol's trades anew."""
    market.forget_ids(symbol)
    for tape in tapes:
        tape.renumber(symbol)
