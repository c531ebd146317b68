"""The history of a live market: filled as one looks at it, and joined to its ticks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from analytics.bars import timeframe_ms
from analytics.model import Gap, Rejected, Ticks
from dashapp.services.periodic import rounds
from dashapp.services.universe.directory import Exchange
from dashapp.services.universe.history import History
from dashapp.services.universe.kept_bars import KeptBars
from ingestion.binance.wire import GapPages
from ingestion.stream.failures import NETWORK_ERRORS, explain
from storage.market.market import Market

logger = logging.getLogger(__name__)

Fill = Callable[[list[Ticks], list[Rejected]], None]

#: Between two looks at what has closed, s, and from a bar's end to the request for it.
PERIOD_S, SETTLE_MS = 1.0, 4_000
#: Trades before the stream's first that are asked for, where there are no bars of seconds.
SECONDS_IDS = 3_000
#: Bars that make the newest bar of a coarser timeframe while it is in progress.
_PARTS = {"1m": 61, "1h": 25}
#: Bars of the symbols beside the pair in view.
BESIDE = 499


class LiveHistory:
    """Fills the past of a live market that an exchange feeds.

    fill: takes trades from before the stream. symbols: what the feed asks for now.
    """

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        kept: KeptBars | None,
        fill: Fill,
        symbols: Callable[[], Iterable[str]],
    ) -> None:
        self.exchange = exchange
        self.history = History(exchange, market.add_past, kept)
        self._market = market
        self._fill = fill
        self._symbols = symbols
        self._first: dict[str, tuple[int, int]] = {}
        self._seconds: dict[str, asyncio.Task[None]] = {}
        self._wanted_seconds: set[str] = set()
        self._missing_seconds = ""
        self._looked: tuple[object, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, or nothing where it runs. Call on the event loop."""
        if self._tasks:
            return
        self._first.clear()
        self._looked = ()
        self.history.start()
        self.history.forget_end()
        work = rounds(self._settle, PERIOD_S, "the seam of bars")
        fresh = rounds(self._refresh, 60.0, "the list of symbols")
        self._tasks = [asyncio.create_task(work), asyncio.create_task(fresh)]
        self._tasks.append(asyncio.create_task(self._refresh()))

    async def stop(self) -> None:
        """Stop at once."""
        tasks, self._tasks = [*self._tasks, *self._seconds.values()], []
        self._seconds.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.history.stop()

    def first(self, batch: Ticks) -> None:
        """The first ticks of a symbol since the start: from the next ms on they are whole."""
        symbol, ts_ms = batch.symbol, int(batch.ts_ms.min())
        self._first[symbol] = (int(batch.trade_id.min()), ts_ms)
        self._market.whole_from(symbol, ts_ms + 1)
        if symbol in self._wanted_seconds:
            self._begin_seconds(symbol)

    def look(self, symbols: Iterable[str], timeframe: str, bars: int) -> None:
        """Somebody looks at so many bars of these symbols: they come first, then the others."""
        asked = set(self._symbols())
        chosen = [symbol for symbol in symbols if symbol in asked]
        looked = (tuple(chosen), timeframe, bars, len(asked))
        if looked == self._looked or not self._tasks:
            return
        self._looked = looked
        others = asked.difference(chosen)
        self.history.want(chosen, timeframe, bars)
        for name, count in _PARTS.items():
            if timeframe_ms(name) < timeframe_ms(timeframe):
                self.history.want(chosen, name, count)
        self.history.want(sorted(others), timeframe, min(bars, BESIDE), urgent=False)
        if timeframe not in self.history.timeframes:
            self._wanted_seconds |= set(chosen)
            for symbol in chosen:
                self._begin_seconds(symbol)

    async def filled(self, symbol: str, timeframe: str, patience_s: float) -> None:
        """Wait until the bars that were asked for are there, or cannot be had in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                # Nothing announces it, and two seconds are the longest wait.
                while self.history.waits_for(symbol, timeframe):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    def words(self, symbols: Iterable[str], timeframe: str) -> str:
        """What the strip says of the history, "" where there is nothing to say."""
        words = self.history.words or self._missing_seconds
        if words or timeframe in self.history.timeframes:
            return words
        starts = [self._market.past(symbol).whole_ms for symbol in symbols if symbol in self._first]
        known = [start for start in starts if start is not None]
        if not known:
            return ""
        at = time.strftime("%H:%M:%S", time.gmtime(max(known) / 1_000))
        return f"{timeframe} bars begin at {at}: the exchange has none, they are made of trades"

    def _begin_seconds(self, symbol: str) -> None:
        known = self._seconds.get(symbol)
        if known is None and symbol in self._first:
            self._seconds[symbol] = asyncio.create_task(self._fill_seconds(symbol))

    async def _fill_seconds(self, symbol: str) -> None:
        """Ask for the trades before the stream's first: they make bars where there are none."""
        number, ts_ms = self._first[symbol]
        lowest = max(number - SECONDS_IDS, 0)
        if lowest >= number:
            return
        venue, rest = self.exchange.venue, self.exchange.rest
        pages = GapPages(venue, Gap(symbol, lowest, number - 1, 0, ts_ms))
        begins: dict[int, int] = {}
        try:
            while pages.open:
                body = await rest.get(pages.request(), venue.weight)
                ticks, rejected, progress = pages.take(body)
                for batch in ticks:
                    ids, times = batch.trade_id.tolist(), batch.ts_ms.tolist()
                    begins |= dict(zip(ids, times, strict=True))
                self._fill(ticks, rejected)
                if not progress:
                    break
            self._missing_seconds = ""
        except (*NETWORK_ERRORS, TimeoutError) as error:
            self._missing_seconds = f"trades before the start are missing: {explain(error).words}"
            logger.warning("%s", self._missing_seconds)
        while number - 1 in begins:
            number -= 1
            ts_ms = min(ts_ms, begins[number])
        self._market.whole_from(symbol, ts_ms + 1)

    async def _settle(self) -> None:
        """Ask for the bars that have closed since: those that began before the ticks."""
        now_ms = time.time_ns() // 1_000_000
        for symbol in self._market.symbols:
            past = self._market.past(symbol)
            for timeframe in past.timeframes:
                final, length = past.final_ms(timeframe) or 0, timeframe_ms(timeframe)
                if past.whole_ms is None:
                    due = final + 2 * length
                else:
                    due = past.seam_ms(timeframe)
                    if final >= due:
                        continue
                if now_ms >= due + SETTLE_MS:
                    self.history.settle(symbol, timeframe)

    async def _refresh(self) -> None:
        """Turnover and funding, each minute."""
        await self.exchange.refresh()
        await self.exchange.refresh_hours()
        self._market.listings = self.exchange.listings
