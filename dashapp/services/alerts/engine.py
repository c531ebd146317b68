"""The alert engine: keeps the rules, reads what they watch, hands on what fired.

Rules are evaluated here, whether or not a browser is open, at most twice a second and only
on markets that changed. What a reading means and when a rule fires is decided by
`analytics.alerts`; this is the part with a clock, an archive and a log. What fired stands in
`history`, from where pages read it, and goes to webhooks by the outbox.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from analytics.alerts import (
    AlertEvent,
    AlertRule,
    AlertState,
    RuleState,
    check_rule,
    evaluate,
    parse_rule,
    rule_to_dict,
)
from dashapp.services.alerts.history import AlertHistory, restored_states, turned
from dashapp.services.alerts.outbox import Outbox
from dashapp.services.alerts.outcomes import FOLLOW_S, follow
from dashapp.services.alerts.preview import Previews
from dashapp.services.alerts.readings import AlertReader, waits_for
from dashapp.services.alerts.webhook import check_webhook
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from dashapp.services.periodic import rounds
from dashapp.services.startup import Kernels
from dashapp.text.pair import trade_sentence
from ingestion.url_guard import mask_url
from storage.archive.archive import Archive
from storage.market.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
#: 200 of a kind of their own, and one on each pair of a full watchlist.
MAX_RULES = 400


class AlertEngine:
    """Rules on the markets, and the step from a reading to an alert.

    history: what fired. previews: what rules would have done, before they are added. local:
    whether webhooks may lead to loopback and private addresses.
    """

    def __init__(
        self, markets: Markets, kernels: Kernels, writer: ArchiveWriter, local: bool = True
    ) -> None:
        self.history = AlertHistory()
        self.previews = Previews(markets, kernels)
        self._markets = markets
        self._kernels = kernels
        self._writer = writer
        self._rules: dict[str, AlertRule] = {}
        self._rules_version = 0
        self._state = AlertState()
        self._reader = AlertReader(markets, kernels)
        self._local = local
        self._outbox = Outbox(self.history, writer, local)
        self._followed_s = 0.0
        self._stepping = asyncio.Lock()

    @property
    def version(self) -> int:
        """Goes up whenever a rule or an alert comes, changes or goes."""
        return self._rules_version + self.history.version

    # --- the archive -----------------------------------------------------------------

    def restore(
        self,
        rules: Iterable[Mapping[str, Any]],
        events: Iterable[Mapping[str, Any]],
        states: Mapping[str, Mapping[str, Any]],
        deliveries: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Take over what an archive kept; events come newest first. Deliveries go on."""
        self._state = AlertState({**restored_states(states).rules, **self._state.rules})
        for kept in rules:
            try:
                rule = parse_rule(kept)
            except ValueError as error:
                logger.warning("the archive holds a rule that cannot be used: %s", error)
            else:
                self._rules[rule.id] = rule
        self._rules_version += 1
        self.history.restore(events, self._rules)
        self._outbox.restore(deliveries)

    def keep_again(self) -> None:
        """Hand all that is known to a new archive, which may not have it."""
        for rule in self._rules.values():
            self._keep_rule(rule)
        documents = [record.document() for record in self.history.records()][::-1]
        states, waiting = turned(AlertState(), self._state), self._outbox.deliveries()
        self._writer.keep(lambda archive: archive.add_events(documents, states, waiting))

    def clear_events(self) -> int:
        """Empty the history, here and in the archive; how many events went."""
        self._writer.keep(lambda archive: archive.clear_events())
        return self.history.clear()

    # --- the rules -------------------------------------------------------------------

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        """All rules, in the order in which they were added."""
        return tuple(self._rules.values())

    def add_rule(self, fields: Mapping[str, Any]) -> AlertRule:
        """Add a rule from plain values (see parse_rule); id and created_ms are given here.

        A rule with the id of one there is takes its place and begins anew, as does one with the
        id of one that was deleted. Raises ValueError in words.
        """
        given = {"id": uuid.uuid4().hex[:12], "created_ms": int(time.time() * 1_000), **fields}
        rule = parse_rule(given)
        check_rule(rule)
        if rule.market not in self._markets:
            raise ValueError(f"market is {rule.market!r}, but there is no such market")
        if rule.webhook is not None:
            check_webhook(rule.webhook, self._local)
        if rule.id not in self._rules and len(self._rules) >= MAX_RULES:
            raise ValueError(f"there are {MAX_RULES} rules already, delete one first")
        replaced = self._rules.get(rule.id)
        if replaced is not None:
            self._forget(replaced)
            self._begin_rule(rule.id, self._state.rules.get(rule.id, RuleState()).fired)
        elif "id" in fields:  # one that there was before may have had it
            self._begin_rule(rule.id, self.history.times_fired(rule.id))
        self._save(rule)
        logger.info("alert rule %s added: %s", rule.id, _words(rule))
        return rule

    def delete_rule(self, rule_id: str) -> bool:
        """Delete a rule; False where there is none. What it caused stays in the history."""
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return False
        self._forget(rule)
        # Now, not at the next step: until then another rule may have come under its id.
        states = self._state.rules.items()
        self._state = AlertState({known: state for known, state in states if known != rule_id})
        self._rules_version += 1
        self._writer.keep(lambda archive: archive.delete_rule(rule_id))
        logger.info("alert rule %s deleted", rule_id)
        return True

    def set_enabled(self, rule_id: str, enabled: bool) -> AlertRule:
        """Switch a rule on or off. Raises KeyError in words."""
        if rule_id not in self._rules:
            raise KeyError(f"there is no alert rule {rule_id!r}")
        if enabled:
            self._state = self._state.renew(rule_id)
        self._save(replace(self._rules[rule_id], enabled=enabled, snoozed_until_ms=0))
        return self._rules[rule_id]

    def edit_rule(self, rule_id: str, changes: Mapping[str, Any]) -> AlertRule:
        """Change fields of a rule, which begins anew. Raises KeyError or ValueError in words."""
        if rule_id not in self._rules:
            raise KeyError(f"there is no alert rule {rule_id!r}")
        return self.add_rule({**rule_to_dict(self._rules[rule_id]), **changes})

    def snooze(self, rule_id: str, seconds: float) -> AlertRule:
        """Let a rule rest for a while, after which it is armed again by itself.

        Raises KeyError in words.
        """
        until_ms = int((time.time() + seconds) * 1_000)
        rule = self.set_enabled(rule_id, True)
        self._save(replace(rule, snoozed_until_ms=until_ms))
        return self._rules[rule_id]

    def snoozed(self, rule: AlertRule) -> bool:
        """Whether a rule rests now."""
        return rule.snoozed_until_ms > time.time() * 1_000

    def _awake(self) -> tuple[AlertRule, ...]:
        """All rules, those that rest as if they were off."""
        return tuple(
            replace(rule, enabled=False) if self.snoozed(rule) else rule for rule in self.rules
        )

    @property
    def waiting_deliveries(self) -> int:
        """How many alerts are on their way to webhooks."""
        return len(self._outbox.deliveries())

    def paused(self, rule_id: str) -> bool:
        """Whether a rule waits because its feed is silent."""
        state = self._state.rules.get(rule_id)
        return state is not None and state.paused

    def active(self, rule_id: str) -> bool:
        """Whether a rule's condition was true when it was read last."""
        state = self._state.rules.get(rule_id)
        return state is not None and state.active

    def waiting(self, rule_id: str) -> str:
        """Why a rule has no value to go by, in words; "" for one that has, or is none.

        Until its market has the symbol, or comes back, nothing is read for it; of one that can
        never fire, never. A pair may have no reading, as one whose legs lie on one line.
        """
        rule = self._rules.get(rule_id)
        if rule is None:
            return ""
        return waits_for(rule, self._markets.get(rule.market)) or self._reader.lack(rule.key)

    # --- markets that begin or come back -----------------------------------------------

    def begin(self, market: Market) -> None:
        """A market begins anew: its rules hear of every bar of it, as if they were new."""
        rules = [rule for rule in self._rules.values() if rule.market == market.id]
        self._reader.begin({rule.key for rule in rules}, market)
        self._state = self._state.begin(rule.id for rule in rules)

    def behind_ms(self, market: Market) -> int:
        """How far the rules on closed bars are behind a market, by its own clock."""
        return self._reader.behind_ms(self.rules, market)

    # --- evaluation ------------------------------------------------------------------

    async def run(self) -> None:
        """Evaluate for ever."""
        await rounds(self.step, PERIOD_S, "the alert engine")

    async def step(self) -> list[AlertEvent]:
        """Evaluate the rules of every market that changed since the last step."""
        async with self._stepping:
            readings = await self._reader.read(self._awake())
            events, state = evaluate(self._awake(), readings, self._state, trade_sentence)
            states, self._state = turned(self._state, state), state
            for rule_id in state.spent:
                if self._rules[rule_id].enabled:
                    self._save(replace(self._rules[rule_id], enabled=False))
            if events or states:
                self._keep_alerts(events, states)
            if self._kernels.ready and time.monotonic() - self._followed_s >= FOLLOW_S:
                await self._follow()
            return events

    async def stop(self) -> None:
        """End the deliveries under way, in well under a second; the next start goes on."""
        await self._outbox.stop()

    def _keep_alerts(
        self, events: list[AlertEvent], states: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Put alerts into the history and the archive, with what is remembered of the rules,
        and send them to the webhooks of their rules.
        """
        records = self.history.add(events, self._rules, self._markets)
        waiting = self._outbox.take(records, self._rules)
        documents = [record.document() for record in records]
        for event in events:
            logger.info("alert in market %s: %s", event.market, event.text)
        self._writer.keep(lambda archive: archive.add_events(documents, states, waiting))
        self._outbox.send(waiting)

    async def _follow(self) -> None:
        """See what became of the alerts that are still open."""
        self._followed_s = time.monotonic()
        for record in await follow(self._markets, self.history.followed()):
            self.history.changed()
            if not record.followed:
                self._writer.keep(partial(Archive.update_event, event=record.document()))

    def _begin_rule(self, rule_id: str, fired: int) -> None:
        """Remember nothing of a rule but how often its id has fired: no two alerts have one id."""
        before = self._state
        self._state = AlertState({**before.rules, rule_id: RuleState(fired=fired)})
        self._keep_alerts([], turned(before, self._state))

    def _forget(self, rule: AlertRule) -> None:
        """Begin anew with what a rule read, unless another still reads the same."""
        others = (other for other in self._rules.values() if other.id != rule.id and other.enabled)
        if rule.key not in {other.key for other in others}:
            self._reader.forget(rule.key)

    def _save(self, rule: AlertRule) -> None:
        self._rules[rule.id] = rule
        self._forget(rule)
        self._reader.again(rule.market, rule.key)
        self._rules_version += 1
        self._keep_rule(rule)

    def _keep_rule(self, rule: AlertRule) -> None:
        self._writer.keep(lambda archive: archive.save_rule(rule_to_dict(rule)))


def public_rule(rule: AlertRule) -> dict[str, Any]:
    """A rule as plain values for who may not see the secrets in its webhook."""
    shown = None if rule.webhook is None else mask_url(rule.webhook)
    return {**rule_to_dict(rule), "webhook": shown}


def _words(rule: AlertRule) -> str:
    subject = " / ".join(rule.symbols) or f"market {rule.market}"
    return f"{rule.metric} {rule.operator} {rule.threshold:.10g} on {subject}"
