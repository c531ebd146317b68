"""The history of alerts: what fired, what the rule watched when it did, what became of it.

A rule may be deleted or changed after it fired, so the pair's parameters are kept beside
each event, here and in the archive: a chart marks the alerts of the very series it draws.
What is remembered of rules across a restart is here too, so that no crossing fires twice: a
state is kept whenever its condition turns or it fires, in the transaction that keeps the
alert itself; after a kill either both are there or neither is.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice, takewhile
from typing import Any

from analytics.alerts import AlertEvent, AlertRule, AlertState, RuleState, is_outward
from analytics.model import PairParams
from analytics.outcomes import Outcome
from dashapp.services.alerts.webhook import DeliveryState, Progress
from storage.market.market import Market

logger = logging.getLogger(__name__)

MAX_EVENTS = 10_000
#: Metrics of one leg: they concern every pair that the leg is part of.
_OF_A_LEG = ("price", "volume")
#: Metrics that suggest a trade, which can be followed.
_FOLLOWED = ("z", "spread")


@dataclass(eq=False)
class Record:
    """An alert, the pair it was about, what became of it and of its webhook.

    delivery: how far the webhook is, in words. delivery_state: the same as a state, None
    without a webhook.
    of: the serial of the body of data in which it fired, 0 once that is gone. Bars of another
    body at the same times, as those of a simulation begun anew, tell nothing of it. kept_as:
    the name under which the archive has that body, from which it may come back; "" for none.
    """

    event: AlertEvent
    params: PairParams | None
    outcome: Outcome | None = None
    delivery: str = ""
    delivery_state: DeliveryState | None = None
    of: int = 0
    kept_as: str = ""

    @property
    def suggests(self) -> bool:
        """Whether it suggests a trade, of which something becomes: not one of a way back to 0."""
        event = self.event
        if self.params is None or event.metric not in _FOLLOWED:
            return False
        return event.metric != "z" or is_outward(event.operator, event.value)

    @property
    def followed(self) -> bool:
        """Whether more can be learned of what became of it."""
        open_yet = self.outcome is None or not self.outcome.done
        return self.suggests and open_yet and self.of != 0

    def show(self, progress: Progress) -> None:
        """Take over how far the webhook is."""
        self.delivery, self.delivery_state = progress.words, progress.state

    def document(self) -> dict[str, Any]:
        """The record as plain values, for JSON and for an archive."""
        return {  # their fields are plain values: no need for the care of asdict
            **vars(self.event),
            "params": self.params and dict(vars(self.params)),
            "outcome": self.outcome and asdict(self.outcome),
            "delivery": self.delivery,
            "delivery_state": self.delivery_state,
            "kept_as": self.kept_as,
        }


@dataclass(frozen=True)
class RuleTotals:
    """What became of the alerts of a rule that are held.

    alerts: all of them. known: those whose result is known. hit_rate: share of those that
    earned after costs. mean_net_bps: their mean result. worst_bps: the lowest mark of any.
    """

    alerts: int = 0
    known: int = 0
    hit_rate: float | None = None
    mean_net_bps: float | None = None
    worst_bps: float | None = None


class AlertHistory:
    """The newest MAX_EVENTS alerts, each with the parameters of the pair it was about.

    version: goes up whenever an alert comes, changes or goes.

    >>> history = AlertHistory()
    >>> history.newest_event is None, history.since(None)
    (True, [])
    """

    def __init__(self) -> None:
        self.version = 0
        self._kept: deque[Record] = deque(maxlen=MAX_EVENTS)
        self._fired = 0
        self._totals: tuple[int, Mapping[str, RuleTotals]] | None = None

    @property
    def newest_event(self) -> AlertEvent | None:
        """The alert that fired last, None before the first."""
        return self._kept[-1].event if self._kept else None

    @property
    def fired_today(self) -> int:
        """How many alerts of the current UTC day are held."""
        midnight_ms = _midnight_ms()
        return sum(record.event.ts_ms >= midnight_ms for record in self._kept)

    def by_metric(self, market: str) -> Counter[str]:
        """How many alerts of a market fired in the current UTC day, by metric."""
        return Counter(record.event.metric for record in self.records(market, _midnight_ms()))

    def since(self, event_id: str | None) -> list[AlertEvent]:
        """What fired after the event with this id, oldest first; in this run, for None.

        All of them for an id that is not held any more. Takes O(newer events).
        """
        if event_id is None:
            newest = islice(reversed(self._kept), self._fired)
            return [record.event for record in newest][::-1]
        newest_first = (record.event for record in reversed(self._kept))
        newer = takewhile(lambda event: event.id != event_id, newest_first)
        return list(newer)[::-1]

    def params_of(self, event_id: str) -> PairParams | None:
        """The parameters of the pair that an alert is about; None without a pair, and where the
        alert is not held.
        """
        held = (record for record in reversed(self._kept) if record.event.id == event_id)
        record = next(held, None)
        return None if record is None else record.params

    def records(self, market: str | None = None, since: int = 0) -> list[Record]:
        """What fired in a market (None: in all) at or after `since` (epoch ms), newest first."""
        return [
            record
            for record in reversed(self._kept)
            if record.event.ts_ms >= since and market in (None, record.event.market)
        ]

    def events(self, market: str | None = None, since: int = 0) -> list[AlertEvent]:
        """The alerts alone of `records`."""
        return [record.event for record in self.records(market, since)]

    def events_of(self, market: Market, params: PairParams) -> list[AlertEvent]:
        """The alerts that a chart of this pair marks, oldest first.

        Those of rules on a pair with equal parameters, and on price or volume of a leg, that
        fired in this very body of data: not those of an earlier run of a simulation.
        """
        return [
            record.event
            for record in self._kept
            if record.of == market.serial
            and record.event.market == market.id
            and (
                record.params == params
                if record.params is not None
                else _is_of_a_leg(record.event, params)
            )
        ]

    def times_fired(self, rule_id: str) -> int:
        """The highest count that the id of a held alert of a rule has, 0 where none is held.

        Alerts that were read from an archive are in the order of their bars, not of their counts.
        Takes O(alerts held).
        """
        names = (record.event.id for record in self._kept if record.event.rule_id == rule_id)
        counts = (name.rpartition(":")[2] for name in names)
        return max((int(count) for count in counts if count.isdecimal()), default=0)

    def totals(self) -> Mapping[str, RuleTotals]:
        """What became of each rule's alerts, by its id; made anew when the version goes up."""
        if self._totals is None or self._totals[0] != self.version:
            self._totals = (self.version, _totals(self._kept))
        return self._totals[1]

    def followed(self) -> list[Record]:
        """The alerts of which more can be learned, oldest first."""
        return [record for record in self._kept if record.followed]

    def find(self, event_id: str) -> Record | None:
        """The record of an event, None where it is not held. The newest are found first."""
        newest_first = reversed(self._kept)
        return next((record for record in newest_first if record.event.id == event_id), None)

    def found_again(self, market: Market) -> None:
        """A market is there that holds what the archive has under its name."""
        for record in self._kept:
            if record.event.market == market.id and record.kept_as == market.kept_as:
                record.of = market.serial
        self.version += 1

    def changed(self) -> None:
        """A record was brought up to date."""
        self.version += 1

    def add(
        self,
        events: Iterable[AlertEvent],
        rules: Mapping[str, AlertRule],
        markets: Mapping[str, Market],
    ) -> list[Record]:
        """Take new events in, oldest first; the records made of them."""
        added = []
        for event in events:
            rule, market = rules.get(event.rule_id), markets.get(event.market)
            record = Record(event, rule.params if rule is not None else None)
            if market is not None:
                record.of, record.kept_as = market.serial, market.kept_as
            added.append(record)
        self._kept.extend(added)
        self._fired += len(added)
        self.version += bool(added)
        return added

    def restore(
        self, documents: Iterable[Mapping[str, Any]], rules: Mapping[str, AlertRule]
    ) -> None:
        """Take over what an archive kept, newest first, as older than what is held already. A
        document without parameters has those of its rule.
        """
        fired = list(self._kept)
        self._kept.clear()
        for kept in reversed(list(documents)):
            try:
                self._kept.append(_restored(kept, rules))
            except (KeyError, TypeError, ValueError) as error:
                logger.warning("the archive holds an alert that cannot be used: %s", error)
        self._kept.extend(fired)
        self.version += 1

    def clear(self) -> int:
        """Forget all; how many they were."""
        count = len(self._kept)
        self._kept.clear()
        self._fired = 0
        self.version += 1
        return count


def _totals(records: Iterable[Record]) -> dict[str, RuleTotals]:
    by_rule: dict[str, list[Record]] = {}
    for record in records:
        by_rule.setdefault(record.event.rule_id, []).append(record)
    return {rule_id: _total(own) for rule_id, own in by_rule.items()}


def _total(records: list[Record]) -> RuleTotals:
    outcomes = [record.outcome for record in records if record.outcome is not None]
    ended = [outcome for outcome in outcomes if outcome.done]
    if not ended:
        return RuleTotals(len(records))
    return RuleTotals(
        alerts=len(records),
        known=len(ended),
        hit_rate=sum(outcome.net_bps > 0 for outcome in ended) / len(ended),
        mean_net_bps=sum(outcome.net_bps for outcome in ended) / len(ended),
        worst_bps=min(outcome.worst_bps for outcome in ended),
    )


def _midnight_ms() -> int:
    """When the current UTC day began, epoch ms."""
    return int(time.time() // 86_400) * 86_400_000


def _is_of_a_leg(event: AlertEvent, params: PairParams) -> bool:
    return event.metric in _OF_A_LEG and event.symbols[0] in (params.y, params.x)


def _restored(document: Mapping[str, Any], rules: Mapping[str, AlertRule]) -> Record:
    fields = {**document, "symbols": tuple(document["symbols"])}
    outcome, delivery = fields.pop("outcome", None), fields.pop("delivery", "")
    kept_as, state = fields.pop("kept_as", ""), fields.pop("delivery_state", None)
    known = Outcome(**outcome) if outcome is not None else None
    rule = rules.get(document["rule_id"])
    if "params" not in fields:
        return Record(AlertEvent(**fields), rule.params if rule is not None else None, known)
    params = fields.pop("params")
    pair = PairParams(**params) if params is not None else None
    return Record(AlertEvent(**fields), pair, known, delivery, state, kept_as=kept_as)


def turned(before: AlertState, after: AlertState) -> dict[str, dict[str, Any]]:
    """The states that an archive must keep after an evaluation, as plain values.

    >>> old, new = AlertState(), AlertState({"r1": RuleState(active=True, fired=1)})
    >>> list(turned(old, new)), list(turned(new, new))
    (['r1'], [])
    """
    return {
        rule_id: asdict(state)
        for rule_id, state in after.rules.items()
        if _lasting(state) != _lasting(before.rules.get(rule_id, RuleState()))
    }


def _lasting(state: RuleState) -> tuple[bool, int, bool]:
    """What of a state must outlive the process."""
    return state.active, state.fired, state.spent


def restored_states(kept: Mapping[str, Mapping[str, Any]]) -> AlertState:
    """The states of rules that an archive kept.

    >>> restored_states({"r1": {"active": True, "fired": 2}}).rules["r1"].fired
    2
    """
    states = {}
    for rule_id, fields in kept.items():
        try:
            states[rule_id] = replace(RuleState(), **{**fields, "paused": False})
        except TypeError as error:
            logger.warning("the archive holds a rule's state that cannot be used: %s", error)
    return AlertState(states)
