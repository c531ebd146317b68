"""Maintenance of an open archive: a thorough look, merges, the end of old ticks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from storage.archive.archive import Archive, ArchiveError

logger = logging.getLogger(__name__)

PERIOD_S = 1.0
#: Seconds between two rounds in which small blocks become larger ones; those of a round, for of
#: hundreds of symbols blocks come by the thousand a second; and those until the next round where
#: they were not enough.
MERGE_S, MERGING_S, BEHIND_S = 5.0, 1.0, 2.0
PRUNE_S = 86_400.0
SETTLE_S = 5.0
DAY_MS = 86_400_000

#: Sets an archive aside: what is wrong with it, and how often it was renewed when that was seen.
Renew = Callable[[str, int], Awaitable[None]]


class Maintenance:
    """Looks after an open archive, beside its writer. keep_days: 0 for ever."""

    def __init__(self, archive: Archive, keep_days: int, renew: Renew) -> None:
        self._archive = archive
        self._keep_days = keep_days
        self._renew = renew
        self._merge_at_s = self._prune_at_s = self._settle_at_s = 0.0
        self._looked_over = False
        self._began_ms: int | None = None
        self._began_s = 0.0

    async def run(self) -> None:
        """For ever. What cannot be done now is done in a later round."""
        while True:
            seen = self._archive.renewals
            try:
                await self._step()
            except ArchiveError as error:
                if error.damaged:
                    await self._renew(f"it is damaged ({error})", seen)
                else:
                    logger.debug("the archive is looked after later: %s", error)
            except Exception:
                logger.exception("the archive's maintenance failed in this round and goes on")
            await asyncio.sleep(PERIOD_S)

    async def _step(self) -> None:
        archive, now = self._archive, time.monotonic()
        if self._began_ms is None:
            self._began_ms, self._began_s = await asyncio.to_thread(archive.newest_ms), now
        seen, lost = archive.renewals, await asyncio.to_thread(archive.lost)
        if lost is not None:
            await self._renew(lost, seen)
        if not self._looked_over:
            seen, problem = archive.renewals, await asyncio.to_thread(archive.problem)
            self._looked_over = True
            if problem is not None:
                await self._renew(problem, seen)
        if self._keep_days and now >= self._prune_at_s:
            await asyncio.to_thread(_prune, archive, self._keep_days, self._trusted_ms(now))
            self._prune_at_s = now + PRUNE_S
        if now >= self._merge_at_s:
            through = await asyncio.to_thread(_merge, archive)
            self._merge_at_s = now + (MERGE_S if through else BEHIND_S)
        if now >= self._settle_at_s:
            self._settle_at_s = now + SETTLE_S
            await asyncio.to_thread(archive.settle)

    def _trusted_ms(self, now_s: float) -> int:
        """What time it is at the earliest, in epoch ms: a clock may be set to any other.

        The newest tick that was kept when the archive was opened, and what has passed since.
        """
        now_ms = time.time_ns() // 1_000_000
        if not self._began_ms:
            return now_ms
        return min(now_ms, self._began_ms + round((now_s - self._began_s) * 1_000))


def _prune(archive: Archive, keep_days: int, now_ms: int) -> None:
    before_ms = now_ms - keep_days * DAY_MS
    count = archive.prune(before_ms)
    if count:
        archive.reclaim()
        logger.info(
            "archive: %d ticks that came more than %d days ago were deleted", count, keep_days
        )


def _merge(archive: Archive) -> bool:
    """Merge for a while; whether all is merged that is worth it."""
    until_s = time.monotonic() + MERGING_S
    while archive.merge():
        if time.monotonic() >= until_s:
            return False
    return True
