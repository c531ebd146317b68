"""The universe of an exchange: bars of its most traded symbols, kept by streams of bars.

A market of bars, not of ticks. History comes by requests within the exchange's weight, the
newest bars of a minute by its streams; coarser ones are asked for as they close.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analytics.bars import timeframe_ms
from analytics.model import Bars, FeedStatus, Rejected
from dashapp.services.markets import Markets
from dashapp.services.universe.directory import Exchange
from dashapp.services.universe.history import History
from dashapp.services.universe.kept_bars import KeptBars
from ingestion.binance.bar_stream import BarFeed
from ingestion.binance.listings import by_turnover
from ingestion.stream.session import Timers
from storage.market.market import Market

logger = logging.getLogger(__name__)

UNIVERSE = "universe"
FINEST, COARSE = "1m", "1h"
#: What is filled at once: 30 days of hours and 2,000 minutes; the rest of 180 days after it.
HOURS_FIRST, HOURS, MINUTES = 30 * 24, 180 * 24, 2_000
PERIOD_S, REFRESH_S, SETTLE_MS = 5.0, 60.0, 4_000
#: The timeframes that are asked for; the others are made of them.
ASKED = (FINEST, COARSE)


class ExchangeUniverse:
    """The market "universe" of one exchange, among the markets while it is started.

    count: how many symbols, by turnover. base: of another server's streams, None for its own.
    """

    def __init__(
        self,
        markets: Markets,
        exchange: Exchange,
        source: str,
        count: int,
        kept: KeptBars | None,
        base: str | None = None,
        timers: Timers | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.exchange = exchange
        self.source = source
        title = f"Universe: {exchange.venue.name}"
        self.market = Market(UNIVERSE, title, "universe")
        self.history = History(exchange, self._take_past, kept, now_ms)
        self._markets = markets
        self._count = count
        self._base = base
        self._timers = timers
        self._now_ms = now_ms
        self._feed: BarFeed | None = None
        self._closed_ms = 0
        self._tasks: list[asyncio.Task[None]] = []
        markets[UNIVERSE] = self.market
        markets.fillers[UNIVERSE] = self

    @property
    def status(self) -> FeedStatus:
        """What the streams of bars do, and how far the history is."""
        words = self.history.words or self.exchange.problem
        if self._feed is None:
            state = "connecting" if self._tasks else "stopped"
            return FeedStatus(self.exchange.venue.name, state, words)  # type: ignore[arg-type]
        status = self._feed.status
        detail = " · ".join(part for part in (status.detail, words) if part)
        return replace(status, source=self.exchange.venue.name, detail=detail)

    def start(self) -> None:
        """Begin, or nothing where it runs. Call on the event loop."""
        if not self._tasks:
            self.history.start()
            self._tasks = [asyncio.create_task(self._run(), name=UNIVERSE)]

    async def stop(self) -> None:
        """Stop at once; the bars stay."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.history.stop()
        if self._feed is not None:
            await self._feed.stop()

    async def _run(self) -> None:
        try:
            await self.exchange.refresh()
            while self.exchange.problem or not self.exchange.listings:
                await asyncio.sleep(PERIOD_S)
                await self.exchange.refresh()
            self._choose()
            while True:
                await asyncio.sleep(PERIOD_S)
                self._settle()
                await self.exchange.refresh()
                self._list()
        except Exception:
            logger.exception("the universe of %s failed", self.exchange.venue.name)

    def _choose(self) -> None:
        """The most traded symbols: their history, and the streams of their bars."""
        chosen = [one.symbol for one in by_turnover(self.exchange.listings)[: self._count]]
        self.market.coming = tuple(chosen)
        self._list()
        self.history.want(chosen, COARSE, HOURS_FIRST, urgent=False)
        self.history.want(chosen, FINEST, MINUTES, urgent=False)
        feed = BarFeed(self.source, FINEST, self._take, chosen, self._base, self._timers)
        self._feed = feed
        feed.start()
        self._closed_ms = self._now_ms() // timeframe_ms(COARSE) * timeframe_ms(COARSE)

    def _list(self) -> None:
        known = self.exchange.listings
        self.market.listings = {s: known[s] for s in self.market.coming if s in known}

    def _settle(self) -> None:
        """The hour has closed: ask for its bar. When all is quiet, ask for what is older."""
        length = timeframe_ms(COARSE)
        closed = (self._now_ms() - SETTLE_MS) // length * length
        if closed > self._closed_ms:
            self._closed_ms = closed
            for symbol in self.market.coming:
                self.history.settle(symbol, COARSE)
        if self.history.idle:
            self.history.want(self.market.coming, COARSE, HOURS, urgent=False)

    def _take_past(self, bars: Bars, from_ms: int, final_ms: int) -> None:
        """Take bars that were asked for; one in progress is no bar of this market yet."""
        self.market.append_bars(bars[: int(np.searchsorted(bars.ts_ms, final_ms))])

    def _take(self, bars: Sequence[Any], rejected: Sequence[Rejected]) -> None:
        """Take bars that a stream closed."""
        self.market.reject(rejected)
        for closed in bars:
            self.market.append_bars(closed)
