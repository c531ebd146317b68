"""The demo's universe among the markets: made at the first look, then a bar a minute."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from analytics.model import Bars, FeedStatus
from dashapp.services.markets import Markets
from ingestion.universe_simulator import SYMBOLS, UniverseSimulator
from storage.market.market import Market

logger = logging.getLogger(__name__)

DEMO_UNIVERSE = "demo-universe"
_SOURCE = "simulated universe"
#: Bars kept of a symbol and timeframe: 30 days of minutes, and a day beside.
MAX_BARS = 31 * 24 * 60
#: From the end of a minute to its bar, s.
_AFTER_CLOSE_S = 0.25


class DemoUniverse:
    """Puts the market "demo-universe" in its place: empty, until somebody looks at it.

    `look` begins to make it in a worker thread; `ready` waits for it. now_ms: the wall clock in
    epoch ms, for the bars' times alone.
    """

    def __init__(
        self,
        markets: Markets,
        seed: int = 7,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.status = FeedStatus(_SOURCE, "stopped", "made at the first look")
        self._markets = markets
        self._now_ms = now_ms
        self._simulator = UniverseSimulator(seed)
        self._made = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        markets[DEMO_UNIVERSE] = self._market()
        markets.fillers[DEMO_UNIVERSE] = self

    def look(self) -> None:
        """Somebody looks at it. Call on the event loop; quick."""
        if self._task is None:
            self.status = FeedStatus(_SOURCE, "connecting", f"making {len(SYMBOLS)} symbols")
            self._task = asyncio.create_task(self._run(), name=DEMO_UNIVERSE)

    async def ready(self) -> Market:
        """The market, whole; as `look`, and waits about two seconds the first time.

        Raises RuntimeError where it could not be made.
        """
        self.look()
        await self._made.wait()
        if self.status.state == "failed":
            raise RuntimeError(self.status.detail)
        return self._markets[DEMO_UNIVERSE]

    async def stop(self) -> None:
        """No more bars; a worker thread ends by itself."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            began = time.perf_counter()
            market = await asyncio.to_thread(self._make)
            self._markets[DEMO_UNIVERSE] = market
            logger.info("the simulated universe took %.1f s", time.perf_counter() - began)
            self.status = FeedStatus(_SOURCE, "live", "a bar a minute", connects=1)
            self._made.set()
            while True:
                into_minute_s = self._now_ms() % 60_000 / 1_000
                await asyncio.sleep(60.0 - into_minute_s + _AFTER_CLOSE_S)
                await self._take(await asyncio.to_thread(self._simulator.advance, self._now_ms()))
        except Exception as error:
            logger.exception("the simulated universe failed")
            detail = f"internal error: {type(error).__name__}"
            self.status = FeedStatus(_SOURCE, "failed", detail)
        finally:
            self._made.set()

    async def _take(self, made: list[Bars]) -> None:
        """Hand new bars to the market, a minute's at a time without holding the loop."""
        market = self._markets[DEMO_UNIVERSE]
        for at, bars in enumerate(made):
            market.append_bars(bars)
            if at % len(SYMBOLS) == 0:
                await asyncio.sleep(0)

    def _make(self) -> Market:
        """The market with its past: in a worker thread, where nobody else has it yet."""
        market = self._market()
        for bars in self._simulator.history(self._now_ms()):
            market.append_bars(bars)
        for bars in self._simulator.advance(self._now_ms()):
            market.append_bars(bars)
        market.listings |= {listing.symbol: listing for listing in self._simulator.listings()}
        return market

    def _market(self) -> Market:
        return Market(
            DEMO_UNIVERSE,
            "Demo universe",
            "universe",
            coming=SYMBOLS,
            simulated=True,
            max_bars=MAX_BARS,
        )
