"""Readings of the watched pairs of the live market, at each closed bar, for the archive.

Watched is a pair that an alert rule reads, and one that somebody looked at of late. Each bar
is read once, in turn, as it was known at its close.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Protocol

from analytics.alerts import AlertRule
from analytics.alignment import shared_times
from analytics.model import IntArray, PairParams
from analytics.readings import pair_readings, reading_bars
from dashapp.services.alerts.closed_bars import closed_until_ms
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.archive.recorder import Recorder
from dashapp.services.periodic import rounds
from storage.archive.records import READING_FIELDS
from storage.market.market import Market

PERIOD_S = 1.0
#: Seconds after the last look for which a pair is still watched.
LOOKED_S = 60.0
MAX_LOOKED = 8
#: Bars of a pair that are read in one go; what lies further back is left out.
MOST_BARS = 500


class Source(Protocol):
    """What the log reads from: the runtime."""

    markets: dict[str, Market]
    recorder: Recorder
    alerts: AlertEngine


class PairLog:
    """Reads the watched pairs of a runtime's live market."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._looked: dict[PairParams, float] = {}
        self._read: dict[tuple[str, PairParams], int] = {}

    def look(self, market_id: str, params: PairParams) -> None:
        """Somebody looks at a pair."""
        if market_id == "live":
            self._looked.pop(params, None)
            self._looked[params] = time.monotonic()
            while len(self._looked) > MAX_LOOKED:
                del self._looked[next(iter(self._looked))]

    async def run(self) -> None:
        """Read for ever."""
        await rounds(self.step, PERIOD_S, "the log of pairs")

    async def step(self) -> None:
        """Read the bars that closed since the last step."""
        market = self._source.markets["live"]
        key = self._source.recorder.key_of(market)
        if key is None or market.origin != "ticks":
            return
        recent_s = time.monotonic() - LOOKED_S
        self._looked = {pair: at for pair, at in self._looked.items() if at >= recent_s}
        ruled = pairs_of(self._source.alerts.rules, market.id)
        for params in dict.fromkeys([*ruled, *self._looked]):
            if {params.y, params.x} <= set(market.symbols):
                await self._of_pair(market, key, params)

    async def _of_pair(self, market: Market, key: str, params: PairParams) -> None:
        before = reading_bars(params)
        count = None if before is None else before + MOST_BARS
        y, x = (market.bars(leg, params.timeframe, count) for leg in (params.y, params.x))
        until_ms = closed_until_ms(market, (params.y, params.x), params.timeframe)
        times = shared_times(y, x)
        after_ms = self._read.get((key, params))
        ends = times[times <= until_ms]
        ends = ends[-1:] if after_ms is None else ends[ends > after_ms][-MOST_BARS:]
        if not len(ends):
            return
        self._read[key, params] = int(ends[-1])
        made = await asyncio.to_thread(pair_readings, y, x, params, READING_FIELDS, ends)
        rows = _rows(ends, made)
        self._source.recorder.keeper.keep(
            lambda archive: archive.append_readings(key, asdict(params), rows)
        )


def pairs_of(rules: Iterable[AlertRule], market_id: str) -> list[PairParams]:
    """The pairs that the armed rules of a market read."""
    return [
        rule.params
        for rule in rules
        if rule.params is not None and rule.enabled and rule.market == market_id
    ]


def _rows(ends: IntArray, made: dict[str, Any]) -> list[dict[str, Any]]:
    columns = [made[name].tolist() for name in READING_FIELDS]
    return [
        {"ts_ms": ts_ms, **dict(zip(READING_FIELDS, values, strict=True))}
        for ts_ms, *values in zip(ends.tolist(), *columns, strict=True)
    ]
