"""Where a feed delivers: a market, and beside it what keeps or publishes what that accepted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from analytics.model import Rejected, Ticks
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.feeds.health import FeedHealth
from dashapp.text.numbers import pct
from ingestion.redis_client import pin, words_of
from ingestion.url_guard import REDIS_SCHEMES, check_url, mask_url
from storage.market.arrivals import RATE_SPAN_S
from storage.market.market import Market
from storage.redis_stream import RedisPublisher, RedisUnavailable

logger = logging.getLogger(__name__)

#: How long the log is silent of a symbol's outliers after one.
QUIET_S = 10.0


class TickSink(Protocol):
    """What takes the ticks that a market accepted. Its methods never wait."""

    def take(self, ticks: Ticks) -> None:
        """Take ticks, in the order in which the market did."""

    def renumber(self, symbol: str) -> None:
        """The source numbers a symbol's trades anew."""


class ArchiveSink:
    """The archive's side of one live market: its ticks are kept under `market.kept_as`."""

    def __init__(self, market: Market, writer: ArchiveWriter) -> None:
        self._key = market.kept_as
        self._title = market.title
        self._writer = writer
        self._named_in: int | None = None

    def take(self, ticks: Ticks) -> None:
        """Keep ticks that the market accepted."""
        if not len(ticks):
            return
        renewals = self._writer.renewals
        if self._named_in != renewals:  # a new archive need not know the market
            self._named_in, key, title = renewals, self._key, self._title
            self._writer.keep(lambda archive: archive.put_market(key, title))
        self._writer.record(self._key, ticks)

    def renumber(self, symbol: str) -> None:
        """The source numbers a symbol's trades anew."""
        self._writer.record(self._key, symbol)


class MarketSink:
    """Where a feed delivers. onward: take what the market accepted. say: writes the feed's log.
    first: told of each symbol's first ticks since the feed's start.
    """

    def __init__(
        self,
        market: Market,
        health: FeedHealth,
        say: Callable[[str], None],
        onward: Sequence[TickSink] = (),
        first: Callable[[Ticks], None] | None = None,
    ) -> None:
        self._market = market
        self._health = health
        self._say = say
        self._onward = tuple(onward)
        self._first = first
        self._begun: set[str] = set()
        self._quiet_until_s: dict[str, float] = {}

    def take(self, ticks: list[Ticks], rejected: list[Rejected]) -> None:
        """Take ticks of now."""
        market = self._market
        market.reject(rejected)
        for batch in ticks:
            outliers = market.counters.outliers
            self._pass_on(market.append(batch))
            self._health.note_batch(batch)
            if self._first is not None and batch.symbol not in self._begun:
                self._begun.add(batch.symbol)
                self._first(batch)
            if market.counters.outliers > outliers:
                self._tell_outlier(batch.symbol)

    def begin(self) -> None:
        """The feed starts: of each symbol the next ticks are the first again."""
        self._begun.clear()

    def take_history(self, ticks: list[Ticks], rejected: list[Rejected]) -> None:
        """Take ticks of which the first may come late all at once, as history."""
        market = self._market
        market.reject(rejected)
        recent_ms = (time.time() - RATE_SPAN_S) * 1_000
        for batch in ticks:
            past = int(np.searchsorted(np.maximum.accumulate(batch.ts_ms), recent_ms))
            self._pass_on(market.append(batch[:past], backfill=True))
            self._pass_on(market.append(batch[past:]))
            if past < len(batch):
                self._health.note_batch(batch)

    def fill(self, ticks: list[Ticks], rejected: list[Rejected]) -> None:
        """Take ticks that were asked for to fill a gap."""
        self._market.reject(rejected)
        for batch in ticks:
            self._pass_on(self._market.fill(batch))

    def renumber(self, symbol: str) -> None:
        """The source numbers a symbol's trades anew."""
        self._market.forget_ids(symbol)
        for sink in self._onward:
            sink.renumber(symbol)

    def _pass_on(self, accepted: Ticks) -> None:
        for sink in self._onward:
            sink.take(accepted)

    def _tell_outlier(self, symbol: str) -> None:
        """Note an outlier in the feed's log; of many in a row the first."""
        outlier, now_s = self._market.outliers.last(symbol), time.monotonic()
        if outlier is None or now_s < self._quiet_until_s.get(symbol, 0.0):
            return
        self._quiet_until_s[symbol] = now_s + QUIET_S
        sentence = (
            f"outlier: {symbol} at {outlier.price:g} is {pct(outlier.jump, 0)} off the median "
            f"of its last trades, {outlier.median:g}; it is kept, and alone raises no alert"
        )
        self._say(sentence)
        logger.warning("market %s: %s", self._market.id, sentence)


def publisher_at(url: str | None) -> RedisPublisher | None:
    """What publishes at a URL; None for no URL and, which the log says, without the library."""
    if url is None:
        return None
    try:
        publisher = RedisPublisher(url, words_of=words_of)
    except RedisUnavailable as error:
        logger.warning("%s; nothing is published", error)
        return None
    pin(publisher.client, check_url(url, schemes=REDIS_SCHEMES))
    logger.info("live ticks are published to %s", mask_url(url))
    return publisher
