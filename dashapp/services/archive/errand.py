"""What waits for the archive at one moment, written in one go by the writer's thread."""

from __future__ import annotations

import logging
from itertools import islice

from dashapp.services.archive.write_queue import WriteQueue, coalesced, size_of
from storage.archive.archive import Archive

logger = logging.getLogger(__name__)

#: Writes of one errand: they hold their room in the queue until all of it is done.
MOST_WRITES = 256


class Errand:
    """The oldest writes of a queue, and where these are all, its oldest ticks, which may need
    them. They wait on in it until `settle`.
    """

    def __init__(self, pending: WriteQueue) -> None:
        self._writes = list(islice(pending.writes, MOST_WRITES))
        every = len(self._writes) == len(pending.writes)
        self._arrivals = pending.next_arrivals() if every else []
        self._done_writes = self._lost_writes = self._lost_ticks = 0
        self._stored = False

    def run(self, archive: Archive) -> None:
        """Write them, in a worker thread: the writes, then the ticks. What the archive cannot hold
        is lost.

        Raises ArchiveError at the first that cannot be written now; it and all after it wait on.
        """
        for write in self._writes:
            try:
                write(archive)
            except ValueError as error:
                self._lost_writes += 1
                logger.warning("%s: kept in memory only", error)
            self._done_writes += 1
        if not self._arrivals:
            return
        try:
            archive.append(coalesced(self._arrivals))
        except ValueError as error:
            self._lost_ticks = sum(map(size_of, self._arrivals))
            logger.warning("%s: kept in memory only", error)
        self._stored = True

    def settle(self, pending: WriteQueue) -> None:
        """Take out of the queue what is written or lost; on the loop."""
        for _ in range(self._done_writes):
            pending.writes.popleft()
        pending.lost_writes += self._lost_writes
        pending.lost_ticks += self._lost_ticks
        if self._stored:
            pending.done(self._arrivals)
