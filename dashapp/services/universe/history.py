"""History: an exchange's bars from before the ticks, asked for backwards as they are looked at.

What is in view comes first. What fails is said, and tried again when the exchange allows; the
live stream goes on meanwhile. A stretch is kept in the archive once it is whole.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from analytics.bars import timeframe_ms
from analytics.model import Bars
from dashapp.services.universe.directory import Exchange
from dashapp.services.universe.kept_bars import KeptBars
from ingestion.binance import klines
from ingestion.stream.failures import NETWORK_ERRORS, explain

logger = logging.getLogger(__name__)

#: No history reaches further back.
MOST_DAYS = 180
#: Bars of a request that somebody waits for, and of one that nobody waits for: cheaper each.
IN_VIEW, IN_BULK = 1_000, 499
#: Share of the budget that is left to what somebody looks at.
SPARE = 0.15
#: A bar counts as closed so long after its end: this clock may be ahead of the exchange's.
MARGIN_MS = 3_000
AT_ONCE = 12
RETRY_S = 5.0

Take = Callable[[Bars, int, int], None]
#: How urgent it is, its number, and what is to be filled: symbol and timeframe.
_Job = tuple[int, int, tuple[str, str]]


@dataclass
class Stretch:
    """What is known of one symbol's bars of one timeframe: all that open from from_ms on and
    before final_ms. asked_ms: from when on they are wanted.
    """

    from_ms: int | None = None
    final_ms: int = 0
    asked_ms: int | None = None
    loaded: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class History:
    """Fills bars of an exchange, in the order of what is looked at.

    take: gets bars, from when on they are all that there are, and before when they have closed.
    kept: the archive's side, None for none. now_ms: the wall clock, epoch ms.
    """

    def __init__(
        self,
        exchange: Exchange,
        take: Take,
        kept: KeptBars | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.exchange = exchange
        self.problem = ""
        self._take = take
        self._kept = kept
        self._now_ms = now_ms
        self._stretches: dict[tuple[str, str], Stretch] = {}
        # Two queues: who waits for the budget must not hold up what somebody looks at.
        self._urgent: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._bulk: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._queued: dict[tuple[str, str], int] = {}
        self._numbers = itertools.count()
        self._workers: list[asyncio.Task[None]] = []
        self._busy = 0
        self._done = 0
        self._total = 0

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Timeframes that the exchange has bars of."""
        return klines.timeframes_of(self.exchange.venue)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is there, or cannot be had now."""
        return not self._queued and not self._busy

    @property
    def words(self) -> str:
        """What the strip says: progress, or what is missing and when it is tried again."""
        wait_s = self.exchange.rest.wait_s
        left = f"history {self._done:,} of {self._total:,}" if not self.idle else ""
        if wait_s > 0:
            return f"{left or 'history'} waits {wait_s:.0f} s: {self.exchange.rest.refused}"
        if self.problem:
            return f"history is missing: {self.problem}; tried again"
        return left if self._total - self._done > 2 else ""

    def start(self) -> None:
        """Begin, or nothing where it runs. Call on the event loop."""
        if not self._workers:
            self._workers = [
                asyncio.create_task(self._work(jobs), name="history")
                for jobs in (self._urgent, self._bulk)
                for _ in range(AT_ONCE)
            ]

    async def stop(self) -> None:
        """Stop at once; what waits waits on."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def forget_end(self) -> None:
        """The stream was interrupted: the newest bars are to be asked for anew."""
        for key, stretch in self._stretches.items():
            if stretch.asked_ms is not None:
                self._queue(key, 1)

    def want(self, symbols: Iterable[str], timeframe: str, bars: int, urgent: bool = True) -> None:
        """Fill so many of the newest bars of these symbols; nothing for what is there."""
        if timeframe not in self.timeframes:
            return
        length = timeframe_ms(timeframe)
        now_ms = self._now_ms()
        first = max(now_ms - bars * length, now_ms - MOST_DAYS * 86_400_000)
        first -= first % length
        for symbol in symbols:
            stretch = self._stretches.setdefault((symbol, timeframe), Stretch())
            enough = stretch.asked_ms is not None and stretch.asked_ms <= first + bars // 8 * length
            if not enough:
                stretch.asked_ms = first
            if not enough or (symbol, timeframe) in self._queued:
                self._queue((symbol, timeframe), 0 if urgent else 2)

    def settle(self, symbol: str, timeframe: str) -> None:
        """Ask again for the newest bars of a symbol: one of them has closed."""
        if (symbol, timeframe) in self._stretches:
            self._queue((symbol, timeframe), 1)

    def known(self, symbol: str, timeframe: str) -> Stretch | None:
        """What is known of a symbol's bars; None where nobody asked."""
        return self._stretches.get((symbol, timeframe))

    def waits_for(self, symbol: str, timeframe: str) -> bool:
        """Whether bars of a symbol are asked for, and not there yet."""
        stretch = self._stretches.get((symbol, timeframe))
        busy = stretch is not None and stretch.lock.locked()
        return busy or (symbol, timeframe) in self._queued

    # --- the work --------------------------------------------------------------------------

    def _queue(self, key: tuple[str, str], urgency: int) -> None:
        if self._queued.get(key, 9) <= urgency:
            return
        if self.idle:
            self._done = self._total = 0
        self._total += key not in self._queued
        self._queued[key] = urgency
        jobs = self._bulk if urgency else self._urgent
        jobs.put_nowait((urgency, next(self._numbers), key))

    async def _work(self, jobs: asyncio.PriorityQueue[_Job]) -> None:
        while True:
            urgency, _, key = await jobs.get()
            if self._queued.get(key) != urgency:
                continue  # it was taken with more urgency
            del self._queued[key]
            self._busy += 1
            try:
                await self._fill(key, urgency)
                self.problem = ""
            except (*NETWORK_ERRORS, TimeoutError, ValueError) as error:
                await self._failed(key, error)
            except Exception:
                logger.exception("the history of %s %s failed", *key)
            finally:
                self._busy -= 1
                self._done += 1

    async def _failed(self, key: tuple[str, str], error: Exception) -> None:
        """Say why, and try again after a while, but for what is refused for good."""
        failure = None if isinstance(error, ValueError) else explain(error)
        words = str(error) if failure is None else failure.words
        self.problem = f"{key[0]} {key[1]}, {words}"
        logger.warning("history: %s", self.problem)
        if failure is not None and (failure.kind != "blocked" or failure.at_least_s):
            await asyncio.sleep(max(RETRY_S, self.exchange.rest.wait_s))
            self._queue(key, 1)

    async def _fill(self, key: tuple[str, str], urgency: int) -> None:
        stretch = self._stretches[key]
        async with stretch.lock:
            assert stretch.asked_ms is not None
            if not stretch.loaded and self._kept is not None:
                stretch.loaded = True
                await self._load(key, stretch, self._kept)
            brought: list[Bars] = []
            try:
                await self._newest(key, stretch, urgency, brought)
                await self._older(key, stretch, urgency, brought)
            finally:
                if self._kept is not None:
                    self._keep(brought, stretch, self._kept)

    async def _load(self, key: tuple[str, str], stretch: Stretch, kept: KeptBars) -> None:
        """What the archive has, before the exchange is asked."""
        assert stretch.asked_ms is not None
        bars = await kept.load(*key, stretch.asked_ms)
        if bars is None:
            return
        stretch.from_ms = int(bars.ts_ms[0])
        stretch.final_ms = int(bars.ts_ms[-1]) + timeframe_ms(key[1])
        self._take(bars, stretch.from_ms, stretch.final_ms)

    async def _newest(
        self, key: tuple[str, str], stretch: Stretch, urgency: int, brought: list[Bars]
    ) -> None:
        """Ask for what came since the bars that are known, the newest first; where none are
        known, for all that is wanted.
        """
        length, now_ms = timeframe_ms(key[1]), self._now_ms()
        closed = (now_ms - MARGIN_MS) // length * length
        known = stretch.from_ms is not None
        first = stretch.final_ms if known else stretch.asked_ms or 0
        last, pages = now_ms // length * length, []
        while last >= first:
            begin = max(first, last - (_most(urgency) - 1) * length)
            pages.append(await self._page(key, begin, last, urgency))
            self._take(pages[-1], begin, closed)
            if not known:
                stretch.from_ms, stretch.final_ms = begin, closed
                brought.append(pages[-1])
            last = begin - length
        if known:  # only now is there no hole between them and those
            brought += pages
        stretch.final_ms = max(stretch.final_ms, closed)

    async def _older(
        self, key: tuple[str, str], stretch: Stretch, urgency: int, brought: list[Bars]
    ) -> None:
        """Ask backwards for what is wanted before the bars that are known."""
        length = timeframe_ms(key[1])
        while (stretch.asked_ms or 0) < (stretch.from_ms or 0):
            last = (stretch.from_ms or 0) - length
            begin = max(stretch.asked_ms or 0, last - (_most(urgency) - 1) * length)
            brought.append(await self._page(key, begin, last, urgency))
            stretch.from_ms = begin
            self._take(brought[-1], begin, stretch.final_ms)

    async def _page(self, key: tuple[str, str], first: int, last: int, urgency: int) -> Bars:
        path, weight = klines.path(self.exchange.venue, *key, first, last)
        body = await self.exchange.rest.get(path, weight, 0.0 if urgency == 0 else SPARE)
        page = await asyncio.to_thread(klines.read, body, *key)
        if page.rejected:
            logger.warning("history of %s %s: %d rows are no bars", *key, len(page.rejected))
        return page.bars

    def _keep(self, brought: list[Bars], stretch: Stretch, kept: KeptBars) -> None:
        """Keep what has closed, in one piece."""
        pages = sorted((one for one in brought if len(one)), key=lambda one: int(one.ts_ms[0]))
        if pages:
            bars = Bars.concat(pages)
            kept.keep(bars[: int(np.searchsorted(bars.ts_ms, stretch.final_ms))])


def _most(urgency: int) -> int:
    """How many bars a request asks for."""
    return IN_VIEW if urgency == 0 else IN_BULK
