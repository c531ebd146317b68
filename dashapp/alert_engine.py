"""The alert engine: keeps the rules, reads what they watch, keeps what fired.

Rules are evaluated here, whether or not a browser is open, at most twice a second and only
on markets that changed. What a reading means and when a rule fires is decided by
`analytics.alerts`; this is the part with a clock, an archive and a log.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from analytics.alerts import (
    AlertEvent,
    AlertRule,
    AlertState,
    Reading,
    evaluate,
    parse_rule,
    rule_to_dict,
)
from analytics.model import FeedStatus, NotReady, PairParams, PairSnapshot
from dashapp.alert_history import AlertHistory
from dashapp.analyses import Busy, serial
from dashapp.closed_bars import ClosedBars, newest_ms
from storage.archive import Archive
from storage.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
MAX_RULES = 200
#: Kinds of markets that a feed fills, which may fall silent.
_FED = ("live", "demo")

Keep = Callable[[Callable[[Archive], object]], None]


class Source(Protocol):
    """What the engine reads from: the runtime."""

    @property
    def kernels_ready(self) -> bool: ...
    def market(self, market_id: str) -> Market | None: ...
    def feed_status(self, market_id: str) -> FeedStatus: ...
    def snapshot(
        self, market_id: str, params: PairParams
    ) -> Awaitable[PairSnapshot | NotReady]: ...


class AlertEngine:
    """Rules and the events they caused.

    version: goes up whenever a rule or an event comes, changes or goes. keep: does a write
    to the archive soon, in order, off the loop; nothing where nothing is kept.
    """

    def __init__(self, source: Source, keep: Keep) -> None:
        self.version = 0
        self._source = source
        self._keep = keep
        self._rules: dict[str, AlertRule] = {}
        self._state = AlertState()
        self._history = AlertHistory()
        self._seen: dict[str, Hashable] = {}
        self._closed = ClosedBars()

    # --- the history -----------------------------------------------------------------

    @property
    def newest_event(self) -> AlertEvent | None:
        """The alert that fired last, None before the first."""
        return self._history.newest_event

    @property
    def fired_today(self) -> int:
        """How many alerts of the current UTC day the history holds."""
        return self._history.fired_today

    def since(self, event_id: str | None) -> list[AlertEvent]:
        """What fired after the event with this id, oldest first; nothing for None."""
        return self._history.since(event_id)

    def events(self, market: str | None = None, since: int = 0) -> list[AlertEvent]:
        """What fired in a market (None: in all) at or after `since` (epoch ms), newest first."""
        return self._history.events(market, since)

    def events_of(self, market: str, params: PairParams) -> list[AlertEvent]:
        """The alerts that a chart of this pair marks, oldest first: see AlertHistory."""
        return self._history.events_of(market, params)

    def clear_events(self) -> int:
        """Empty the history; how many events went."""
        count = self._history.clear()
        self.version += 1
        self._keep(lambda archive: archive.clear_events())
        return count

    # --- the rules -------------------------------------------------------------------

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        """All rules, in the order in which they were added."""
        return tuple(self._rules.values())

    def restore(
        self, rules: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
    ) -> None:
        """Take over what an archive kept; events come newest first."""
        for kept in rules:
            try:
                rule = parse_rule(kept)
            except ValueError as error:
                logger.warning("the archive holds a rule that cannot be used: %s", error)
            else:
                self._rules[rule.id] = rule
        self._history.restore(events, self._rules)
        self.version += 1

    def add_rule(self, fields: Mapping[str, Any]) -> AlertRule:
        """Add a rule from plain values (see parse_rule); id and created_ms are given here.

        A rule with the id of one there is takes its place. Raises ValueError in words.
        """
        given = {"id": uuid.uuid4().hex[:12], "created_ms": int(time.time() * 1_000), **fields}
        rule = parse_rule(given)
        if self._source.market(rule.market) is None:
            raise ValueError(f"market is {rule.market!r}, but there is no such market")
        if rule.id not in self._rules and len(self._rules) >= MAX_RULES:
            raise ValueError(f"there are {MAX_RULES} rules already, delete one first")
        self._save(rule)
        logger.info("alert rule %s added: %s", rule.id, _words(rule))
        return rule

    def delete_rule(self, rule_id: str) -> bool:
        """Delete a rule; False where there is none. What it caused stays in the history."""
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return False
        if rule.key not in {one.key for one in self._rules.values()}:
            self._closed.forget(rule.key)
        self.version += 1
        self._keep(lambda archive: archive.delete_rule(rule_id))
        logger.info("alert rule %s deleted", rule_id)
        return True

    def set_enabled(self, rule_id: str, enabled: bool) -> AlertRule:
        """Switch a rule on or off. Raises KeyError in words."""
        if rule_id not in self._rules:
            raise KeyError(f"there is no alert rule {rule_id!r}")
        if enabled:
            self._state = self._state.renew(rule_id)
        self._save(replace(self._rules[rule_id], enabled=enabled))
        return self._rules[rule_id]

    def paused(self, rule_id: str) -> bool:
        """Whether a rule waits because its feed is silent."""
        state = self._state.rules.get(rule_id)
        return state is not None and state.paused

    def waiting(self, rule_id: str) -> str:
        """Why a rule cannot be evaluated at all, in words; "" for one that can, or is none.

        Until its market has the symbol, or comes back, nothing is read for it.
        """
        rule = self._rules.get(rule_id)
        return "" if rule is None else _waits_for(rule, self._source.market(rule.market))

    # --- evaluation ------------------------------------------------------------------

    def begin(self, market: Market) -> None:
        """A market begins anew: its rules hear of every bar of it, as if they were new."""
        rules = [rule for rule in self._rules.values() if rule.market == market.id]
        self._closed.begin({rule.key for rule in rules}, market)
        self._state = self._state.begin(rule.id for rule in rules)

    def behind_ms(self, market: Market) -> int:
        """How far the rules on closed bars are behind a market, by its own clock."""
        rules = self._armed(market)
        return self._closed.behind_ms({one.key for one in rules if one.on == "close"}, market)

    async def run(self) -> None:
        """Evaluate for ever; one failure is logged and does not end it."""
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                await self.step()
            except Exception:
                logger.exception("the alert engine failed in this round and goes on")

    async def step(self) -> list[AlertEvent]:
        """Evaluate the rules of every market that changed since the last step."""
        found: list[tuple[Market, list[Reading]]] = []
        for market_id in dict.fromkeys(rule.market for rule in self._rules.values()):
            market = self._source.market(market_id)
            if market is None or not market.symbols:
                self._seen.pop(market_id, None)
            else:
                found.append((market, await self._readings(market)))
        # What was read of a market that another one replaced meanwhile says nothing.
        of_now = [one for one in found if self._source.market(one[0].id) is one[0]]
        readings = [reading for _, of_market in of_now for reading in of_market]
        readings.sort(key=lambda reading: reading.ts_ms)
        events, state = evaluate(self.rules, readings, self._state)
        self._state = state
        for rule_id in state.spent:
            if self._rules[rule_id].enabled:
                self._save(replace(self._rules[rule_id], enabled=False))
        if events:
            self._take(events)
        return events

    def _take(self, events: list[AlertEvent]) -> None:
        kept = self._history.add(events, self._rules)
        self.version += 1
        for event in events:
            logger.info("alert in market %s: %s", event.market, event.text)
        self._keep(lambda archive: archive.add_events(kept))

    def _save(self, rule: AlertRule) -> None:
        self._rules[rule.id] = rule
        self._seen.pop(rule.market, None)
        self.version += 1
        self._keep(lambda archive: archive.save_rule(rule_to_dict(rule)))

    def _armed(self, market: Market) -> list[AlertRule]:
        """The enabled rules of a market that has what they read, one of each key."""
        rules = {
            rule.key: rule
            for rule in self._rules.values()
            if rule.market == market.id and rule.enabled and not _waits_for(rule, market)
        }
        return list(rules.values())

    async def _readings(self, market: Market) -> list[Reading]:
        """One reading or more for each key that the market's enabled rules watch."""
        rules = self._armed(market)
        state = self._source.feed_status(market.id).state
        silent = market.kind in _FED and state != "live"
        clocked = any(rule.metric == "feed_silent" for rule in rules)
        # serial: a market made anew may have come to the same version.
        ready = self._source.kernels_ready
        seen = (serial(market), market.version, market.whole, silent, ready)
        if seen == self._seen.get(market.id) and not clocked:
            return []
        self._seen[market.id] = seen
        readings: list[Reading] = []
        for rule in rules:
            readings += await self._of_rule(market, rule, silent, state)
        return readings

    async def _of_rule(
        self, market: Market, rule: AlertRule, silent: bool, state: str
    ) -> list[Reading]:
        newest = newest_ms(market, rule.symbols)
        if rule.metric == "feed_silent":
            return _silence(market, rule, newest, state)
        if silent:
            return [Reading(rule.key, newest, math.nan, paused=True)]
        try:
            if rule.on == "update":
                return [await self._newest(market, rule, newest)]
            if rule.params is not None and not self._source.kernels_ready:
                return []
            readings, more = await self._closed.read(market, rule)
        except Busy:
            self._seen.pop(market.id, None)
            return []
        except (KeyError, ValueError) as error:
            logger.debug("alert rule %s waits: %s", rule.id, error)
            return []
        if more:
            self._seen.pop(market.id, None)
        return readings

    async def _newest(self, market: Market, rule: AlertRule, newest: int) -> Reading:
        """What the rule watches, at the newest bar. Raises ValueError where there is none."""
        if rule.params is None:
            bars = market.bars(rule.symbols[0], market.timeframes[0], 1)
            values = bars.close if rule.metric == "price" else bars.volume
            return Reading(rule.key, int(bars.ts_ms[-1]), float(values[-1]), newest)
        snapshot = await self._source.snapshot(market.id, rule.params)
        if isinstance(snapshot, NotReady):
            raise ValueError(snapshot.reason)
        ts_ms, value = _newest_of(snapshot, rule.metric)
        return Reading(rule.key, ts_ms, value, newest)


def _waits_for(rule: AlertRule, market: Market | None) -> str:
    """What a rule's market lacks, in words; "" where it has all that the rule reads."""
    if market is None:
        return f"market {rule.market} is gone"
    if rule.metric == "feed_silent":
        return ""
    for symbol in rule.symbols:
        if symbol not in market.symbols:
            return f"no symbol {symbol} yet"
    if rule.params is not None and rule.params.timeframe not in market.timeframes:
        return f"no {rule.params.timeframe} bars in market {market.id}"
    return ""


def _newest_of(snapshot: PairSnapshot, metric: str) -> tuple[int, float]:
    """Time and value of a metric's newest row. Raises ValueError where it has none."""
    if metric == "adf_pvalue":
        times, values = snapshot.adf_ts_ms, snapshot.adf_pvalue
    else:
        lines = {"z": snapshot.z, "spread": snapshot.spread, "correlation": snapshot.corr}
        times, values = snapshot.ts_ms, lines[metric]
    if not len(times):
        raise ValueError(f"no {metric} in so few bars")
    return int(times[-1]), float(values[-1])


def _silence(market: Market, rule: AlertRule, newest: int, state: str) -> list[Reading]:
    """Seconds without a tick, while a feed is meant to run."""
    if market.kind not in _FED or state == "stopped" or market.last_arrival_s is None:
        return []
    silence_s = time.monotonic() - market.last_arrival_s
    return [Reading(rule.key, newest, silence_s, newest + int(silence_s * 1_000))]


def _words(rule: AlertRule) -> str:
    subject = " / ".join(rule.symbols) or f"market {rule.market}"
    return f"{rule.metric} {rule.operator} {rule.threshold:g} on {subject}"
