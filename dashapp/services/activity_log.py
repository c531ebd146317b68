"""The log of data flow and analytics: a line each, every half minute, while there is some."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Mapping

from dashapp.services.analysis.cache import Analyses
from storage.market.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 30.0


async def run(markets: Mapping[str, Market], analyses: Analyses) -> None:
    """Tell for ever what came in and what was computed since the last time."""
    seen: dict[Market, tuple[int, int]] = {}
    while True:
        await asyncio.sleep(PERIOD_S)
        tell(markets, analyses, seen)


def tell(
    markets: Mapping[str, Market], analyses: Analyses, seen: dict[Market, tuple[int, int]]
) -> None:
    """Log what is new since `seen` (market -> accepted, rejected), which is brought up to date."""
    for market in markets.values():
        now = (market.counters.accepted, market.counters.rejected_total)
        before = seen.get(market, (0, 0))
        if now != before:
            logger.info(
                "market %s: %.0f ticks/s, %d accepted and %d rejected since the last line",
                market.id,
                market.rate(),
                now[0] - before[0],
                now[1] - before[1],
            )
        seen[market] = now
    for gone in set(seen) - set(markets.values()):
        del seen[gone]
    spent = analyses.drain_ms()
    if spent:
        logger.info("analytics: %d computed, median %.1f ms", len(spent), statistics.median(spent))
