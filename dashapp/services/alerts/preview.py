"""What a rule would have done in the data in view, before anybody saves it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache, TTLCache

from analytics.alerts import AlertRule, describe, parse_rule, would_have_fired
from analytics.model import TIMEFRAMES
from dashapp.services.alerts.readings import PastReadings, past_readings
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from dashapp.text.alerts import condition_words
from dashapp.text.pair import trade_sentence

#: Seconds for which a preview that is shown beside live figures stands.
RECENT_S = 5.0
#: Previews that are kept. More pages than that would have theirs computed at each refresh.
_MOST_KEPT = 512
#: Those in the background come one at a time, each followed by a rest of so many times what it
#: took: they are never more than a fifth of a core.
REST = 4.0


@dataclass(frozen=True)
class Mark:
    """A place where a rule would have fired, as a chart marks it."""

    ts_ms: int
    metric: str
    operator: str
    value: float
    text: str


@dataclass(frozen=True)
class Preview:
    """What a rule would have done in the data in view: in words, and where."""

    words: str = ""
    marks: tuple[Mark, ...] = ()


class Previews:
    """Previews of rules, computed anew when a bar has begun since. version: see `recent`."""

    def __init__(self, markets: Markets, kernels: Kernels) -> None:
        self.version = 0
        self._markets = markets
        self._kernels = kernels
        self._kept: LRUCache[Hashable, Preview] = LRUCache(_MOST_KEPT)
        self._recent: LRUCache[str, Preview] = LRUCache(_MOST_KEPT)
        self._begun: TTLCache[str, None] = TTLCache(_MOST_KEPT, RECENT_S, timer=time.monotonic)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    def recent(self, fields: Mapping[str, Any]) -> Preview:
        """The last known preview of a rule, at once; empty before the first.

        It is computed anew in the background, every RECENT_S seconds at most, less often where
        there are many; version goes up when it has changed.
        """
        name = repr(fields)
        if name not in self._begun and name not in self._tasks and len(self._tasks) < _MOST_KEPT:
            self._begun[name] = None
            task = asyncio.create_task(self._renew(name, fields))
            self._tasks[name] = task
            task.add_done_callback(lambda _: self._tasks.pop(name))
        return self._recent.get(name, Preview())

    async def _renew(self, name: str, fields: Mapping[str, Any]) -> None:
        async with self._turn:
            started = time.monotonic()
            try:
                preview = await self.of(fields)
            except ValueError:
                return
            if preview != self._recent.get(name):
                self.version += 1
            self._recent[name] = preview
            await asyncio.sleep((time.monotonic() - started) * REST)

    async def of(self, fields: Mapping[str, Any]) -> Preview:
        """The preview of a rule given by plain values, without its id.

        Empty for a market that is not there or has not what the rule reads. Raises
        ValueError in words for values that make no rule.
        """
        rule = parse_rule({"id": "preview", **fields})
        market = self._markets.get(rule.market)
        if market is None or not self._kernels.ready:
            return Preview()
        length = TIMEFRAMES[rule.params.timeframe if rule.params else market.timeframes[0]]
        known = [symbol for symbol in rule.symbols if symbol in market.symbols]
        newest = max((market.stats(symbol).ts_ms // length for symbol in known), default=0)
        key = (market.serial, rule, newest)
        preview = self._kept.get(key)
        if preview is None:
            read, finest = past_readings(market, rule), market.timeframes[0]
            preview = await asyncio.to_thread(lambda: _preview(rule, finest, read()))
            self._kept[key] = preview
        return preview


def _preview(rule: AlertRule, finest: str, read: PastReadings) -> Preview:
    ts_ms, values, betas, start = read
    if not len(ts_ms):
        return Preview()
    hits = would_have_fired(rule, ts_ms, values, from_ms=int(ts_ms[start]))
    times = "once" if len(hits) == 1 else f"{len(hits):,} times"
    marks = tuple(
        Mark(
            int(ts_ms[at]),
            rule.metric,
            rule.operator,
            float(values[at]),
            _words(rule, float(values[at]), float(betas[at])),
        )
        for at in hits.tolist()
    )
    count = f"{len(ts_ms) - start:,}"
    bars = f"{count} bars in view" if rule.params else f"newest {count} {finest} bars"
    return Preview(f"{condition_words(rule)} would have fired {times} in the {bars}", marks)


def _words(rule: AlertRule, value: float, beta: float) -> str:
    return f"would have fired: {describe(rule, value, beta, trade_sentence)}"
