"""The keeper: the one writer of the archive, off the loop and in order.

Whoever has something to keep hands over a write and goes on; a full disk or a slow one
holds up nobody, and is said in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from storage.archive import Archive, ArchiveError

logger = logging.getLogger(__name__)

Write = Callable[[Archive], object]

MAX_WAITING = 10_000
#: Seconds that `close` gives to the writes that still wait.
CLOSE_S = 1.5


class Keeper:
    """An open archive and its queue of writes. Without an archive it keeps nothing.

    lost: writes that failed or found the queue full; what they held is in memory only.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._archive: Archive | None = None
        self._writes: asyncio.Queue[Write] = asyncio.Queue(MAX_WAITING)
        self._task: asyncio.Task[None] | None = None

    async def open(self, path: str, events: int) -> tuple[list[Any], list[Any]]:
        """Open the archive; the rules in it and its newest events. None at all where it
        cannot be used, which the log says.
        """
        try:
            archive = await asyncio.to_thread(Archive.open, path)
            rules = await asyncio.to_thread(archive.rules)
            history = await asyncio.to_thread(archive.events, limit=events)
        except ArchiveError as error:
            logger.warning("%s: nothing will be kept", error)
            return [], []
        if archive.warning is not None:
            logger.warning("%s", archive.warning)
        logger.info("archive %s: %d alert rules, %d alerts", path, len(rules), len(history))
        self._archive = archive
        self._task = asyncio.create_task(self._run(archive))
        return rules, history

    def keep(self, write: Write) -> None:
        """Do a write soon."""
        if self._archive is None:
            return
        try:
            self._writes.put_nowait(write)
        except asyncio.QueueFull:
            self.lost += 1

    async def close(self) -> None:
        """Do the writes that wait, as far as there is time, and close the archive."""
        if self._archive is None or self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._writes.join()
        self._task.cancel()
        archive, self._archive = self._archive, None
        if self._writes.qsize():
            logger.warning("%d writes to the archive were given up", self._writes.qsize())
        await asyncio.to_thread(archive.close)

    async def _run(self, archive: Archive) -> None:
        while True:
            write = await self._writes.get()
            try:
                await asyncio.to_thread(write, archive)
            except (ArchiveError, ValueError) as error:
                self.lost += 1
                logger.warning("%s: kept in memory only", error)
            finally:
                self._writes.task_done()
