"""Alerts on their way to webhooks: kept until the receiver takes them, or they are given up.

What is under way stands in the archive beside its alert, with the body as it was first posted
and the tries that were made. After a stop or a kill it goes on, with the patience that it had
left: the receiver hears the same body under the same id, and of none again that it took, but
for one that a kill met before its end was kept. A rule that is deleted meanwhile changes nothing
for what it caused.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypedDict, cast

from analytics.alerts import AlertRule
from dashapp.services.alerts.history import AlertHistory, Record
from dashapp.services.alerts.webhook import WAITS_S, Progress, Webhooks
from dashapp.services.archive.writer import ArchiveWriter
from storage.archive.archive import Archive

logger = logging.getLogger(__name__)

#: An alert of an earlier run that is older than this is not posted any more.
MAX_AGE_MS = 86_400_000


class Delivery(TypedDict):
    """An alert on its way, as the archive keeps it. id: the alert's. body: JSON."""

    id: str
    url: str
    body: str
    created_ms: int
    tries: int


class Outbox:
    """Deliveries under way: told in the history, and kept by the writer of the archive.

    local: whether they may go to loopback and private addresses.
    """

    def __init__(self, history: AlertHistory, writer: ArchiveWriter, local: bool = True) -> None:
        self._history = history
        self._writer = writer
        self._webhooks = Webhooks(self._told, WAITS_S, local)
        self._waiting: dict[str, Delivery] = {}

    def deliveries(self) -> list[Delivery]:
        """What is under way."""
        return [delivery.copy() for delivery in self._waiting.values()]

    def take(self, records: Iterable[Record], rules: Mapping[str, AlertRule]) -> list[Delivery]:
        """The deliveries of new alerts whose rules have a webhook; the alerts become pending.

        They are to be kept with the alerts, then sent.
        """
        deliveries: list[Delivery] = []
        for record in records:
            rule = rules.get(record.event.rule_id)
            if rule is not None and rule.webhook is not None:
                deliveries.append(
                    {
                        "id": record.event.id,
                        "url": rule.webhook,
                        "body": json.dumps(record.document(), allow_nan=False),
                        "created_ms": time.time_ns() // 1_000_000,
                        "tries": 0,
                    }
                )
                record.show(Progress("pending"))
        return deliveries

    def send(self, deliveries: Iterable[Delivery]) -> None:
        """Begin to deliver, or go on with what an earlier run began."""
        for delivery in deliveries:
            self._waiting[delivery["id"]] = delivery
            self._webhooks.post(
                delivery["url"], delivery["id"], delivery["body"], delivery["tries"]
            )

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Go on with what an archive kept, after the history is back."""
        kept, records = [cast(Delivery, dict(row)) for row in rows], self._by_id()
        oldest_ms = time.time_ns() // 1_000_000 - MAX_AGE_MS
        old = [delivery for delivery in kept if delivery["created_ms"] < oldest_ms]
        for delivery in old:
            progress = Progress("given up", delivery["tries"], "older than a day")
            self._note(delivery["id"], records.get(delivery["id"]), progress)
        fresh = [delivery for delivery in kept if delivery["created_ms"] >= oldest_ms]
        if kept:
            words = "%d alerts go on to their webhooks, %d are too old for it"
            logger.info(words, len(fresh), len(old))
        self.send(fresh)
        self._give_up_lost(records.values())

    async def stop(self) -> None:
        """End the tries under way. What is not delivered yet stays where it is kept."""
        await self._webhooks.stop()
        if self._waiting:
            words = "%d alerts are not delivered to their webhooks: what is archived goes on later"
            logger.warning(words, len(self._waiting))

    def _by_id(self) -> dict[str, Record]:
        """The whole history, newest first: of thousands each would be searched for too long."""
        return {record.event.id: record for record in self._history.records()}

    def _give_up_lost(self, records: Iterable[Record]) -> None:
        """Alerts that were to be delivered, but of which no more is kept than that."""
        for record in records:
            if record.delivery_state == "pending" and record.event.id not in self._waiting:
                ended = Progress("given up", why="the program ended")
                self._note(record.event.id, record, ended)

    def _told(self, delivery_id: str, progress: Progress) -> None:
        self._note(delivery_id, self._history.find(delivery_id), progress)

    def _note(self, delivery_id: str, record: Record | None, progress: Progress) -> None:
        """Put a delivery's progress into the history, where that has the alert, and keep it."""
        if record is not None:
            record.show(progress)
            self._history.changed()
        if progress.state == "pending":
            if delivery_id in self._waiting:
                self._waiting[delivery_id]["tries"] = progress.tries
            count = partial(Archive.count_tries, delivery_id=delivery_id, tries=progress.tries)
            self._writer.keep(count)
            return
        self._waiting.pop(delivery_id, None)
        event = record.document() if record is not None else None
        self._writer.keep(partial(Archive.end_delivery, delivery_id=delivery_id, event=event))
