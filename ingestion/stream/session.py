"""What is known of one connection, its successor on the way, and every wait of a feed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from analytics.model import Rejected
from ingestion.decode.reasons import REASONS
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.failures import NETWORK_ERRORS, explain
from ingestion.stream.subscribe import mask_message
from ingestion.stream.transport import Timeouts, Transport
from ingestion.stream.watchdog import WatchdogPolicy


@dataclass(frozen=True)
class Timers:
    """Every wait of a feed, as values.

    max_age_s: of a connection, before it is renewed, by up to a share of age_jitter sooner
    or later; the exchange ends it after 24 h. handover_s: how long it is read on once its
    successor is open.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    watchdog: WatchdogPolicy = field(default_factory=WatchdogPolicy)
    max_age_s: float = 23 * 3_600 + 50 * 60
    age_jitter: float = 0.003
    handover_s: float = 1.0

    def age_s(self, rng: random.Random) -> float:
        """When the next connection is to be renewed: clients that began together part."""
        return self.max_age_s * rng.uniform(1 - self.age_jitter, 1 + self.age_jitter)


#: How long to keep a connection whose successor cannot be opened, before the next try.
RENEW_RETRY_S = 30.0


class Session:
    """One connection, to be renewed at an age. Seconds are of the feed's monotonic clock.

    heard: whether anything came. error: the last one that the server told, in words.
    """

    def __init__(self, opened_s: float, max_age_s: float) -> None:
        self.opened_s = opened_s
        self.max_age_s = max_age_s
        self.first_tick_s: float | None = None
        self.refused: Rejected | None = None
        self.heard = False
        self.error = ""
        self._next: asyncio.Task[Transport] | None = None
        self._leave_at_s: float | None = None
        self._renew_at_s = 0.0

    def renew(
        self, now_s: float, timers: Timers, successor: Callable[[], Awaitable[Transport]]
    ) -> bool:
        """Whether the successor has been open for long enough to take over."""
        if now_s - self.opened_s < self.max_age_s or now_s < self._renew_at_s:
            return False
        if self._next is None:
            self._next = asyncio.ensure_future(successor())
        if not self._next.done():
            return False
        error = self._next.exception()
        if error is not None:
            self._next = None
            if not isinstance(error, NETWORK_ERRORS):
                raise error
            self._renew_at_s = now_s + max(RENEW_RETRY_S, explain(error).at_least_s)
            return False
        if self._leave_at_s is None:
            self._leave_at_s = now_s + timers.handover_s
        return now_s >= self._leave_at_s

    def note_refused(self, rejected: Iterable[Rejected]) -> None:
        """Keep the first message that was no trade; what a source says of itself counts less."""
        for refused in rejected:
            if self.refused is None or (self.refused.reason == "control" != refused.reason):
                self.refused = refused

    def why_no_ticks(self) -> str:
        """What to add to "no data" where messages came and none was a trade."""
        if self.first_tick_s is not None or self.refused is None:
            return ""
        if self.error:
            return f"; the server answers: {self.error}"
        begins = mask_message(self.refused.sample[:80])
        why = REASONS.get(self.refused.reason, self.refused.reason)
        return f"; messages come, none is a trade ({why}): {begins}"

    def end_soon(self) -> None:
        """The connection has reached its age."""
        self.max_age_s = 0.0

    @property
    def successor_open(self) -> bool:
        """Whether the successor could take over now."""
        task = self._next
        return task is not None and task.done() and task.exception() is None

    async def next_transport(self) -> Transport:
        """The open successor, once `renew` or `successor_open` said so."""
        assert self._next is not None
        task, self._next = self._next, None
        return await task

    async def close(self, given_up: Callable[[Transport], None]) -> None:
        """Give up a successor that nobody took. given_up: told of one that was open."""
        task, self._next = self._next, None
        if task is None:
            return
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:
            given_up(task.result())
            await task.result().close()
