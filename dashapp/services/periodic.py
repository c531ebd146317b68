"""Work that is done in rounds for as long as the process runs, and the log of what flows."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Awaitable, Callable

from dashapp.services.analysis.cache import Analyses
from dashapp.services.markets import Markets

logger = logging.getLogger(__name__)

#: Seconds between two lines of the log of activity.
ACTIVITY_S = 30.0


async def rounds(work: Callable[[], Awaitable[object]], period_s: float, name: str) -> None:
    """Do a piece of work for ever, each time after a pause.

    A round that fails is logged, under the name of the work, and does not end it.
    """
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except Exception:
            logger.exception("%s failed in this round and goes on", name)


class ActivityLog:
    """Tells, a line each while there is something to tell, what came in and what was computed."""

    def __init__(self, markets: Markets, analyses: Analyses) -> None:
        self._markets = markets
        self._analyses = analyses
        self._told: dict[int, tuple[int, int]] = {}

    async def run(self) -> None:
        """Tell for ever."""
        await rounds(self.step, ACTIVITY_S, "the log of activity")

    async def step(self) -> None:
        """Log what is new since the last step."""
        counts = {
            market.serial: (market.counters.accepted, market.counters.rejected_total)
            for market in self._markets.values()
        }
        for market in self._markets.values():
            now, before = counts[market.serial], self._told.get(market.serial, (0, 0))
            if now != before:
                logger.info(
                    "market %s: %.0f ticks/s, %d accepted and %d rejected since the last line",
                    market.id,
                    market.rate(),
                    now[0] - before[0],
                    now[1] - before[1],
                )
        self._told = counts
        spent = self._analyses.drain_ms()
        if spent:
            count, median = len(spent), statistics.median(spent)
            logger.info("analytics: %d computed, median %.1f ms", count, median)
