"""What a rule would have done in the data in view, before anybody saves it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.alerts import AlertRule, describe, parse_rule, would_have_fired
from analytics.model import TIMEFRAMES
from dashapp.services.alerts.readings import Rehearsed, Source, rehearsal
from dashapp.text.pair import trade_sentence

#: Seconds for which a rehearsal that is shown beside live figures stands.
RECENT_S = 5.0
_MOST_KEPT = 32


@dataclass(frozen=True)
class Mark:
    """A place where a rule would have fired, as a chart marks it."""

    ts_ms: int
    metric: str
    operator: str
    value: float
    text: str


@dataclass(frozen=True)
class Rehearsal:
    """What a rule would have done in the data in view: in words, and where."""

    words: str = ""
    marks: tuple[Mark, ...] = ()


class Rehearsals:
    """Rehearsals of rules, made anew when a bar has begun since. version: see `recent`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: OrderedDict[Any, Rehearsal] = OrderedDict()
        self.version = 0
        self._recent: OrderedDict[str, Rehearsal] = OrderedDict()
        self._begun_s: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def recent(self, fields: Mapping[str, Any]) -> Rehearsal:
        """The last known rehearsal of a rule, at once; empty before the first.

        It is made anew in the background, every RECENT_S seconds at most; version goes up
        when it has changed.
        """
        name = repr(fields)
        now_s = asyncio.get_running_loop().time()
        if now_s - self._begun_s.get(name, -RECENT_S) >= RECENT_S:
            begun = {one: at_s for one, at_s in self._begun_s.items() if now_s - at_s < RECENT_S}
            self._begun_s = {**begun, name: now_s}
            task = asyncio.create_task(self._renew(name, fields))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._recent.get(name, Rehearsal())

    async def _renew(self, name: str, fields: Mapping[str, Any]) -> None:
        try:
            made = await self.of(fields)
        except ValueError:
            return
        if made != self._recent.get(name):
            self.version += 1
        self._recent[name] = made
        self._recent.move_to_end(name)
        while len(self._recent) > _MOST_KEPT:
            self._recent.popitem(last=False)

    async def of(self, fields: Mapping[str, Any]) -> Rehearsal:
        """The rehearsal of a rule given by plain values, without its id.

        Empty for a market that is not there or has not what the rule reads. Raises
        ValueError in words for values that make no rule.
        """
        rule = parse_rule({"id": "rehearsal", **fields})
        market = self._source.market(rule.market)
        if market is None or not self._source.kernels_ready:
            return Rehearsal()
        length = TIMEFRAMES[rule.params.timeframe if rule.params else market.timeframes[0]]
        known = [one for one in rule.symbols if one in market.symbols]
        newest = max((market.stats(one).ts_ms // length for one in known), default=0)
        key = (market.id, rule, newest)
        if key not in self._kept:
            read = rehearsal(market, rule)
            finest = market.timeframes[0]
            self._kept[key] = await asyncio.to_thread(lambda: _rehearsed(rule, finest, read()))
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


def _rehearsed(rule: AlertRule, finest: str, read: Rehearsed) -> Rehearsal:
    ts_ms, values, betas, start = read
    if not len(ts_ms):
        return Rehearsal()
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
    return Rehearsal(f"it would have fired {times} in the {bars}", marks)


def _words(rule: AlertRule, value: float, beta: float) -> str:
    return f"would have fired: {describe(rule, value, beta, trade_sentence)}"
