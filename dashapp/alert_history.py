"""The history of alerts: what fired, oldest first, and what the rule watched when it did.

A rule may be deleted or changed after it fired, so the pair's parameters are kept beside
each event, here and in the archive: a chart marks the alerts of the very series it draws.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from analytics.alerts import AlertEvent, AlertRule
from analytics.model import PairParams

logger = logging.getLogger(__name__)

MAX_EVENTS = 10_000
#: Metrics of one leg: they concern every pair that the leg is part of.
_OF_A_LEG = ("price", "volume")

Kept = tuple[AlertEvent, PairParams | None]


class AlertHistory:
    """The newest MAX_EVENTS alerts, each with the parameters of the pair it was about.

    >>> history = AlertHistory()
    >>> history.newest_event is None, history.since(None)
    (True, [])
    """

    def __init__(self) -> None:
        self._kept: deque[Kept] = deque(maxlen=MAX_EVENTS)

    @property
    def newest_event(self) -> AlertEvent | None:
        """The alert that fired last, None before the first."""
        return self._kept[-1][0] if self._kept else None

    @property
    def fired_today(self) -> int:
        """How many alerts of the current UTC day are held."""
        midnight_ms = int(time.time() // 86_400) * 86_400_000
        return sum(event.ts_ms >= midnight_ms for event, _ in self._kept)

    def since(self, event_id: str | None) -> list[AlertEvent]:
        """What fired after the event with this id, oldest first; nothing for None.

        All of them for an id that is not held any more. Takes O(newer events).
        """
        if event_id is None:
            return []
        newer = takewhile(lambda event: event.id != event_id, self._newest_first())
        return list(newer)[::-1]

    def events(self, market: str | None = None, since: int = 0) -> list[AlertEvent]:
        """What fired in a market (None: in all) at or after `since` (epoch ms), newest first."""
        return [
            event
            for event in self._newest_first()
            if event.ts_ms >= since and market in (None, event.market)
        ]

    def events_of(self, market: str, params: PairParams) -> list[AlertEvent]:
        """The alerts that a chart of this pair marks, oldest first.

        Those of rules on a pair with equal parameters, and on price or volume of a leg.
        """
        return [
            event
            for event, watched in self._kept
            if event.market == market
            and (watched == params if watched is not None else _is_of_a_leg(event, params))
        ]

    def add(self, events: Iterable[AlertEvent], rules: Mapping[str, AlertRule]) -> list[Any]:
        """Take new events in, oldest first; the documents of them that an archive keeps."""
        documents = []
        for event in events:
            rule = rules.get(event.rule_id)
            params = rule.params if rule is not None else None
            self._kept.append((event, params))
            documents.append({**asdict(event), "params": params and asdict(params)})
        return documents

    def restore(
        self, documents: Iterable[Mapping[str, Any]], rules: Mapping[str, AlertRule]
    ) -> None:
        """Take over what an archive kept, newest first. A document without parameters has
        those of its rule.
        """
        for kept in reversed(list(documents)):
            try:
                self._kept.append(_restored(kept, rules))
            except (KeyError, TypeError, ValueError) as error:
                logger.warning("the archive holds an alert that cannot be used: %s", error)

    def clear(self) -> int:
        """Forget all; how many they were."""
        count = len(self._kept)
        self._kept.clear()
        return count

    def _newest_first(self) -> Iterator[AlertEvent]:
        return (event for event, _ in reversed(self._kept))


def _is_of_a_leg(event: AlertEvent, params: PairParams) -> bool:
    return event.metric in _OF_A_LEG and event.symbols[0] in (params.y, params.x)


def _restored(document: Mapping[str, Any], rules: Mapping[str, AlertRule]) -> Kept:
    fields = {**document, "symbols": tuple(document["symbols"])}
    rule = rules.get(document["rule_id"])
    if "params" not in fields:
        return AlertEvent(**fields), rule.params if rule is not None else None
    params = fields.pop("params")
    return AlertEvent(**fields), PairParams(**params) if params is not None else None
