"""The history of pairs: readings of the watched ones at each closed bar, for the archive.

Watched is a pair of the live market that an alert rule reads, and one that a page watched of
late. Each bar is read once, in turn, as it was known at its close.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict

from cachetools import TTLCache

from analytics.alerts import AlertRule
from analytics.alignment import shared_times
from analytics.model import FloatArray, IntArray, PairParams
from analytics.readings import pair_readings, reading_bars
from dashapp.services.alerts.closed_bars import closed_until_ms
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from dashapp.services.periodic import rounds
from storage.archive.records import READING_FIELDS
from storage.market.market import Market

PERIOD_S = 1.0
#: Seconds for which a pair is still watched after a page watched it.
WATCHED_S = 60.0
MAX_WATCHED = 8
#: Bars of a pair that are read in one go; what lies further back is left out.
MOST_BARS = 500
LIVE = "live"


class PairHistory:
    """Reads the watched pairs of the live market. clock: seconds that never jump."""

    def __init__(
        self,
        markets: Markets,
        alerts: AlertEngine,
        writer: ArchiveWriter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._markets = markets
        self._alerts = alerts
        self._writer = writer
        self._watched: TTLCache[PairParams, None] = TTLCache(MAX_WATCHED, WATCHED_S, timer=clock)
        self._read: dict[tuple[str, PairParams], int] = {}

    def watch(self, market_id: str, params: PairParams) -> None:
        """A page shows this pair now."""
        if market_id == LIVE:
            self._watched[params] = None

    async def run(self) -> None:
        """Read for ever."""
        await rounds(self.step, PERIOD_S, "the history of pairs")

    async def step(self) -> None:
        """Read the bars that closed since the last step."""
        market = self._markets[LIVE]
        if not market.kept_as or market.origin != "ticks":
            return
        ruled = pairs_of(self._alerts.rules, market.id)
        for params in dict.fromkeys([*ruled, *self._watched]):
            if {params.y, params.x} <= set(market.symbols):
                await self._read_pair(market, params)

    async def _read_pair(self, market: Market, params: PairParams) -> None:
        before = reading_bars(params)
        count = None if before is None else before + MOST_BARS
        y, x = (market.bars(leg, params.timeframe, count) for leg in (params.y, params.x))
        until_ms = closed_until_ms(market, (params.y, params.x), params.timeframe)
        times = shared_times(y, x)
        after_ms = self._read.get((market.kept_as, params))
        ends = times[times <= until_ms]
        ends = ends[-1:] if after_ms is None else ends[ends > after_ms][-MOST_BARS:]
        if not len(ends):
            return
        self._read[market.kept_as, params] = int(ends[-1])
        figures = await asyncio.to_thread(pair_readings, y, x, params, READING_FIELDS, ends)
        key, rows = market.kept_as, _rows(ends, figures)
        self._writer.keep(lambda archive: archive.append_readings(key, asdict(params), rows))


def pairs_of(rules: Iterable[AlertRule], market_id: str) -> list[PairParams]:
    """The pairs that the armed rules of a market read."""
    return [
        rule.params
        for rule in rules
        if rule.params is not None and rule.enabled and rule.market == market_id
    ]


def _rows(ends: IntArray, figures: dict[str, FloatArray]) -> list[dict[str, float]]:
    columns = [figures[name].tolist() for name in READING_FIELDS]
    return [
        {"ts_ms": ts_ms, **dict(zip(READING_FIELDS, values, strict=True))}
        for ts_ms, *values in zip(ends.tolist(), *columns, strict=True)
    ]
