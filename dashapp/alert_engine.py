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

import numpy as np

from analytics.alerts import (
    AlertEvent,
    AlertRule,
    AlertState,
    Reading,
    evaluate,
    parse_rule,
    rule_to_dict,
)
from analytics.bars import GRACE_MS
from analytics.model import (
    TIMEFRAMES,
    FeedStatus,
    FloatArray,
    IntArray,
    NotReady,
    PairParams,
    PairSnapshot,
)
from dashapp.alert_history import AlertHistory
from dashapp.analyses import Busy, serial
from storage.archive import Archive
from storage.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
MAX_RULES = 200

Series = tuple[IntArray, FloatArray]
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
        self._read_up_to: dict[Hashable, tuple[int, int]] = {}

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
            self._read_up_to.pop(rule.key, None)
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
        readings: list[Reading] = []
        for market_id in dict.fromkeys(rule.market for rule in self._rules.values()):
            readings += await self._readings(market_id)
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

    async def _readings(self, market_id: str) -> list[Reading]:
        """One reading or more for each key that the market's enabled rules watch."""
        market = self._source.market(market_id)
        if market is None or not market.symbols:
            self._seen.pop(market_id, None)
            return []
        rules = {
            rule.key: rule
            for rule in self._rules.values()
            if rule.market == market_id and rule.enabled and not _waits_for(rule, market)
        }
        state = self._source.feed_status(market_id).state
        silent = market.kind != "upload" and state != "live"
        clocked = any(rule.metric == "feed_silent" for rule in rules.values())
        # serial: a market made anew may have come to the same version.
        seen = (serial(market), market.version, silent, self._source.kernels_ready)
        if seen == self._seen.get(market_id) and not clocked:
            return []
        self._seen[market_id] = seen
        readings: list[Reading] = []
        for rule in rules.values():
            readings += await self._of_rule(market, rule, silent, state)
        return readings

    async def _of_rule(
        self, market: Market, rule: AlertRule, silent: bool, state: str
    ) -> list[Reading]:
        newest = _newest_ms(market, rule.symbols)
        if rule.metric == "feed_silent":
            return _silence(market, rule, newest, state)
        if silent:
            return [Reading(rule.key, newest, math.nan, paused=True)]
        try:
            series = await self._series(market, rule)
        except Busy:
            self._seen.pop(market.id, None)
            return []
        except (KeyError, ValueError) as error:
            logger.debug("alert rule %s waits: %s", rule.id, error)
            return []
        timeframe = rule.params.timeframe if rule.params else market.timeframes[0]
        length_ms = TIMEFRAMES[timeframe]
        if market.kind == "upload":  # a file is whole: its last bar is closed
            newest += length_ms + GRACE_MS
        return self._new(rule, series, newest - length_ms - GRACE_MS, newest, serial(market))

    async def _series(self, market: Market, rule: AlertRule) -> Series:
        """What the rule watches, a value a bar: times and values, shape (n,)."""
        if rule.params is not None:
            snapshot = await self._source.snapshot(market.id, rule.params)
            if isinstance(snapshot, NotReady):
                raise ValueError(snapshot.reason)
            return _of_snapshot(snapshot, rule.metric)
        bars = market.bars(rule.symbols[0], market.timeframes[0], 500)
        return bars.ts_ms, bars.close if rule.metric == "price" else bars.volume

    def _new(
        self, rule: AlertRule, series: Series, last_closed_ms: int, newest: int, of: int
    ) -> list[Reading]:
        """The newest value; or, on closed bars, those that closed since the last reading.

        of: the serial of the market; one made anew may hold bars older than those read.
        """
        times, values = series
        if rule.on == "update":
            if not len(times):
                return []
            return [Reading(rule.key, int(times[-1]), float(values[-1]), newest)]
        closed = int(np.searchsorted(times, last_closed_ms, side="right"))
        market, before = self._read_up_to.get(rule.key, (0, 0))
        start = closed - 1 if market != of else int(np.searchsorted(times, before, side="right"))
        fresh = range(max(start, 0), closed)
        if fresh:
            self._read_up_to[rule.key] = (of, int(times[closed - 1]))
        return [Reading(rule.key, int(times[i]), float(values[i])) for i in fresh]


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


def _of_snapshot(snapshot: PairSnapshot, metric: str) -> Series:
    if metric == "adf_pvalue":
        return snapshot.adf_ts_ms, snapshot.adf_pvalue
    values = {"z": snapshot.z, "spread": snapshot.spread, "correlation": snapshot.corr}
    return snapshot.ts_ms, values[metric]


def _newest_ms(market: Market, symbols: tuple[str, ...]) -> int:
    """The market's clock: exchange time of the newest tick of the symbols that it has."""
    known = [one for one in symbols or market.symbols if one in market.symbols]
    return max((market.stats(one).ts_ms for one in known), default=0)


def _silence(market: Market, rule: AlertRule, newest: int, state: str) -> list[Reading]:
    """Seconds without a tick, while a feed is meant to run."""
    if state == "stopped" or market.last_arrival_s is None:
        return []
    silence_s = time.monotonic() - market.last_arrival_s
    return [Reading(rule.key, newest, silence_s, newest + int(silence_s * 1_000))]


def _words(rule: AlertRule) -> str:
    subject = " / ".join(rule.symbols) or f"market {rule.market}"
    return f"{rule.metric} {rule.operator} {rule.threshold:g} on {subject}"
