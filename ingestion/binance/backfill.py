"""Gaps filled over REST, one after the other, within what the exchange allows.

A gap that cannot be filled stays as it is: whoever keeps the ticks shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from analytics.model import Gap, Rejected, Ticks
from ingestion.binance.rest import Rest
from ingestion.binance.wire import GapPages, Venue
from ingestion.stream.backoff import Backoff, BackoffPolicy
from ingestion.stream.failures import NETWORK_ERRORS, explain

logger = logging.getLogger(__name__)

Clock = Callable[[], float]
Fill = Callable[[list[Ticks], list[Rejected]], None]


@dataclass(frozen=True)
class BackfillPolicy:
    """share: of the exchange's budget a minute that is used. settle_s: from a gap to its first
    request, for the newest trades take a moment to be there. tries: in a row without a
    trade, then the gap stays. max_ids: a larger gap is not filled. ban_s: how long to
    leave the exchange alone after a 418 that does not say.
    """

    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    timeout_s: float = 10.0
    share: float = 0.5
    settle_s: float = 0.5
    tries: int = 8
    max_ids: int = 100_000
    max_waiting: int = 1_000
    ban_s: float = 120.0


class Backfill:
    """Asks for the trades of gaps and hands them to `fill`, while it is started.

    base: scheme, host and port of the requests; rest: makes them, one of its own for None. say:
    told in a sentence what became of each gap. Gaps that wait are kept over a stop.
    """

    def __init__(
        self,
        venue: Venue,
        base: str,
        fill: Fill,
        say: Callable[[str], None],
        *,
        policy: BackfillPolicy | None = None,
        rest: Rest | None = None,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.venue = venue
        self.policy = policy or BackfillPolicy()
        self._rest = rest or Rest(
            venue,
            base,
            share=self.policy.share,
            timeout_s=self.policy.timeout_s,
            ban_s=self.policy.ban_s,
            clock=clock,
        )
        self._fill = fill
        self._say = say
        self._clock = clock
        self._backoff = Backoff(self.policy.backoff, rng)
        self._waiting: deque[tuple[float, Gap]] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def want(self, gap: Gap) -> None:
        """Fill this gap, after those that wait; one too large or one too many stays."""
        if len(gap) > self.policy.max_ids:
            self._say(f"{_name(gap)} stays: more than {self.policy.max_ids:,} trades")
        elif len(self._waiting) >= self.policy.max_waiting:
            self._say(f"{_name(gap)} stays: {len(self._waiting):,} gaps wait already")
        else:
            self._waiting.append((self._clock() + self.policy.settle_s, gap))
            self._wake.set()

    def start(self) -> None:
        """Start, or nothing where it runs. Call on the event loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"backfill {self.venue.name}")

    async def stop(self) -> None:
        """Stop at once; nothing is handed over after it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._rest.close()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if not self._waiting:
                self._wake.clear()
                continue
            await asyncio.sleep(max(0.0, self._waiting[0][0] - self._clock()))
            gaps = self._together()
            try:
                await self._fill_gaps(gaps)
            except Exception:
                logger.exception("backfill of %s failed", self.venue.name)
            self._waiting = deque(waiting for waiting in self._waiting if waiting[1] not in gaps)

    def _together(self) -> list[Gap]:
        """The gap that waits longest, and what one page may hold with it of those that wait.

        A stream that loses every tenth message opens more gaps a minute than requests are
        allowed; by the hundred they cost one.
        """
        now_s, first = self._clock(), self._waiting[0][1]
        gaps = [first]
        for not_before_s, gap in islice(self._waiting, 1, None):
            ids = max(gap.last_id, gaps[-1].last_id) - first.first_id
            if gap.symbol != first.symbol or not_before_s > now_s:
                continue
            if gap.first_id > first.first_id and ids < GapPages.LIMIT:
                gaps.append(gap)
        return gaps

    async def _fill_gaps(self, gaps: list[Gap]) -> None:
        pages, tries, why = GapPages(self.venue, *gaps), 0, "the exchange has no trades there"
        self._backoff.reset()
        while pages.open and tries < self.policy.tries:
            try:
                body = await self._page(pages.request())
            except NETWORK_ERRORS as error:
                failure = explain(error)
                why, tries = failure.words, tries + 1
                if failure.kind == "blocked" and not failure.at_least_s:
                    break
                await asyncio.sleep(self._backoff.next_delay(failure.at_least_s))
                continue
            if await self._take(pages, body):
                tries = 0
                self._backoff.reset()
            else:
                tries += 1
                await asyncio.sleep(self._backoff.next_delay())
        filled = sum(map(len, gaps)) - pages.missing
        if filled:
            self._say(f"backfilled {filled:,} trades of {gaps[0].symbol}")
        if pages.missing:
            self._say(f"{_name(*gaps)} stays, {pages.missing:,} trades are missing: {why}")

    async def _take(self, pages: GapPages, body: bytes) -> bool:
        """Hand a page over; whether it brought anything."""
        ticks, rejected, progress = pages.take(body)
        if ticks or rejected:
            self._fill(ticks, rejected)
        await asyncio.sleep(0)
        return progress

    async def _page(self, path: str) -> bytes:
        """One answer's body. Raises one of NETWORK_ERRORS."""
        wait_s = self._rest.budget_wait_s(self.venue.weight)
        if wait_s > 0:
            self._say(f"backfill waits {wait_s:.0f} s: the exchange's limit of requests")
        return await self._rest.get(path, self.venue.weight)


def _name(*gaps: Gap) -> str:
    ids = f"ids {gaps[0].first_id} to {max(gap.last_id for gap in gaps)},"
    of = f"one of {len(gaps)} gaps" if len(gaps) > 1 else "the gap"
    return f"{of} of {gaps[0].symbol}, {ids}"
