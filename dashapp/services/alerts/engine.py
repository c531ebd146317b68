"""The alert engine: keeps the rules, reads what they watch, keeps what fired.

Rules are evaluated here, whether or not a browser is open, at most twice a second and only
on markets that changed. What a reading means and when a rule fires is decided by
`analytics.alerts`; this is the part with a clock, an archive and a log.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from analytics.alerts import AlertEvent, AlertRule, AlertState, evaluate, parse_rule, rule_to_dict
from analytics.model import PairParams
from dashapp.services.alerts.history import AlertHistory, Record
from dashapp.services.alerts.outbox import Deliveries
from dashapp.services.alerts.outcomes import FOLLOW_S, follow
from dashapp.services.alerts.preview import Rehearsals
from dashapp.services.alerts.readings import AlertReader, Source, waits_for
from dashapp.services.alerts.states import restored, turned
from dashapp.services.analysis.cache import serial
from dashapp.services.archive.recorder import Recorder
from dashapp.services.periodic import rounds
from dashapp.text.pair import trade_sentence
from ingestion.url_guard import check_url, mask_url
from storage.archive.archive import Archive
from storage.market.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
MAX_RULES = 200


class Home(Source, Protocol):
    """Where the engine lives: the runtime."""

    recorder: Recorder


Keep = Callable[[Callable[[Archive], object]], None]


class AlertEngine:
    """Rules and the events they caused.

    version: goes up whenever a rule or an event comes, changes or goes. rehearsals: what
    rules would have done, before they are added. keep: does a write
    to the archive soon, in order, off the loop; nothing where nothing is kept.
    """

    def __init__(self, source: Home, keep: Keep) -> None:
        self.version = 0
        self._source = source
        self._keep = keep
        self._rules: dict[str, AlertRule] = {}
        self._state = AlertState()
        self._history = AlertHistory()
        self._reader = AlertReader(source)
        self._deliveries = Deliveries(self._history, keep, self._changed)
        self.rehearsals = Rehearsals(source)
        self._followed_s = 0.0
        self._stepping = asyncio.Lock()

    # --- the history -----------------------------------------------------------------

    @property
    def newest_event(self) -> AlertEvent | None:
        """The alert that fired last, None before the first."""
        return self._history.newest_event

    @property
    def fired_today(self) -> int:
        """How many alerts of the current UTC day the history holds."""
        return self._history.fired_today

    def by_metric(self, market: str) -> Counter[str]:
        """How many alerts of a market the history holds, by metric."""
        return Counter(record.event.metric for record in self._history.records(market))

    def since(self, event_id: str | None) -> list[AlertEvent]:
        """What fired after the event with this id, oldest first; in this run, for None."""
        return self._history.since(event_id)

    def events(self, market: str | None = None, since: int = 0) -> list[AlertEvent]:
        """What fired in a market (None: in all) at or after `since` (epoch ms), newest first."""
        return self._history.events(market, since)

    def records(self, market: str | None = None, since: int = 0) -> list[Record]:
        """The same with what became of each."""
        return list(self._history.records(market, since))

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
        self,
        rules: Iterable[Mapping[str, Any]],
        events: Iterable[Mapping[str, Any]],
        states: Mapping[str, Mapping[str, Any]],
        deliveries: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Take over what an archive kept; events come newest first. Deliveries go on."""
        self._state = AlertState({**restored(states).rules, **self._state.rules})
        for kept in rules:
            try:
                rule = parse_rule(kept)
            except ValueError as error:
                logger.warning("the archive holds a rule that cannot be used: %s", error)
            else:
                self._rules[rule.id] = rule
        self._history.restore(events, self._rules)
        self._deliveries.restore(deliveries)
        self.version += 1

    def keep_again(self) -> None:
        """Hand all that is known to a new archive, which may not have it."""
        for rule in self._rules.values():
            self._keep_rule(rule)
        documents = [record.document() for record in reversed(list(self._history.records()))]
        states = turned(AlertState(), self._state)
        waiting = self._deliveries.rows()
        self._keep(lambda archive: archive.add_events(documents, states, waiting))

    def add_rule(self, fields: Mapping[str, Any]) -> AlertRule:
        """Add a rule from plain values (see parse_rule); id and created_ms are given here.

        A rule with the id of one there is takes its place and begins anew. Raises ValueError
        in words.
        """
        given = {"id": uuid.uuid4().hex[:12], "created_ms": int(time.time() * 1_000), **fields}
        rule = parse_rule(given)
        if self._source.market(rule.market) is None:
            raise ValueError(f"market is {rule.market!r}, but there is no such market")
        if rule.webhook is not None:
            check_url(rule.webhook)
        if rule.id not in self._rules and len(self._rules) >= MAX_RULES:
            raise ValueError(f"there are {MAX_RULES} rules already, delete one first")
        replaced = self._rules.get(rule.id)
        if replaced is not None:
            self._forget(replaced)
            before, self._state = self._state, self._state.begin([rule.id])
            self._take([], turned(before, self._state))
        self._save(rule)
        logger.info("alert rule %s added: %s", rule.id, _words(rule))
        return rule

    def delete_rule(self, rule_id: str) -> bool:
        """Delete a rule; False where there is none. What it caused stays in the history."""
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return False
        self._forget(rule)
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
        return "" if rule is None else waits_for(rule, self._source.market(rule.market))

    # --- evaluation ------------------------------------------------------------------

    def begin(self, market: Market) -> None:
        """A market begins anew: its rules hear of every bar of it, as if they were new."""
        rules = [rule for rule in self._rules.values() if rule.market == market.id]
        self._reader.begin({rule.key for rule in rules}, market)
        self._state = self._state.begin(rule.id for rule in rules)

    def found_again(self, market: Market, kept_as: str) -> None:
        """A market is back from the archive: what became of its alerts can be learned on."""
        self._history.found_again(market.id, kept_as, serial(market))
        self.version += 1

    def behind_ms(self, market: Market) -> int:
        """How far the rules on closed bars are behind a market, by its own clock."""
        return self._reader.behind_ms(self.rules, market)

    async def run(self) -> None:
        """Evaluate for ever."""
        await rounds(self.step, PERIOD_S, "the alert engine")

    async def step(self) -> list[AlertEvent]:
        """Evaluate the rules of every market that changed since the last step."""
        async with self._stepping:
            return await self._step()

    async def _step(self) -> list[AlertEvent]:
        readings = await self._reader.read(self.rules)
        events, state = evaluate(self.rules, readings, self._state, trade_sentence)
        states, self._state = turned(self._state, state), state
        for rule_id in state.spent:
            if self._rules[rule_id].enabled:
                self._save(replace(self._rules[rule_id], enabled=False))
        if events or states:
            self._take(events, states)
        if time.monotonic() - self._followed_s >= FOLLOW_S:
            await self._follow()
        return events

    async def stop(self) -> None:
        """End the deliveries under way, in well under a second; the next start goes on."""
        await self._deliveries.stop()

    def _take(self, events: list[AlertEvent], states: Mapping[str, Mapping[str, Any]]) -> None:
        kept = self._history.add(events, self._rules, self._serial)
        for record in kept:
            market = self._source.market(record.event.market)
            record.kept_as = "" if market is None else self._source.recorder.kept_as(market)
        waiting = self._deliveries.take(kept, self._rules)
        documents = [record.document() for record in kept]
        self.version += bool(events)
        for event in events:
            logger.info("alert in market %s: %s", event.market, event.text)
        self._keep(lambda archive: archive.add_events(documents, states, waiting))
        self._deliveries.send(waiting)

    def _serial(self, market_id: str) -> int:
        market = self._source.market(market_id)
        return serial(market) if market is not None else 0

    def _changed(self) -> None:
        self.version += 1

    async def _follow(self) -> None:
        """See what became of the alerts that are still open."""
        self._followed_s = time.monotonic()
        for record in await follow(self._source, self._history.followed()):
            self.version += 1
            if not record.followed:
                self._keep(partial(Archive.update_event, event=record.document()))

    def _forget(self, rule: AlertRule) -> None:
        """Begin anew with what a rule read, unless another still reads the same."""
        others = (one for one in self._rules.values() if one.id != rule.id and one.enabled)
        if rule.key not in {one.key for one in others}:
            self._reader.forget(rule.key)

    def _save(self, rule: AlertRule) -> None:
        self._rules[rule.id] = rule
        self._forget(rule)
        self._reader.again(rule.market, rule.key)
        self.version += 1
        self._keep_rule(rule)

    def _keep_rule(self, rule: AlertRule) -> None:
        self._keep(lambda archive: archive.save_rule(rule_to_dict(rule)))


def public_rule(rule: AlertRule) -> dict[str, Any]:
    """A rule as plain values for who may not see the secrets in its webhook."""
    shown = None if rule.webhook is None else mask_url(rule.webhook)
    return {**rule_to_dict(rule), "webhook": shown}


def _words(rule: AlertRule) -> str:
    subject = " / ".join(rule.symbols) or f"market {rule.market}"
    return f"{rule.metric} {rule.operator} {rule.threshold:.10g} on {subject}"
