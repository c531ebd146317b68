"""The one writer of the archive, off the loop and in order.

Whoever has something to keep hands it over and goes on. What cannot be written now (the disk
is full, the file read-only, the server away) waits, bounded, and is tried again until it can;
`problem` says so meanwhile. A file that turns out to be damaged is set aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from analytics.model import Ticks
from dashapp.services.archive.errand import Errand
from dashapp.services.archive.maintenance import Maintenance
from dashapp.services.archive.write_queue import Write, WriteQueue
from ingestion.url_guard import POSTGRES_SCHEMES, check_url, resolve_now
from storage.archive.archive import Archive, ArchiveError, ArchiveInUse, store_at
from storage.archive.store import Store

logger = logging.getLogger(__name__)

#: Seconds between two rounds of writing at least, where there is time, and at most.
FLUSH_S, LONGEST_FLUSH_S = 0.25, 0.5
#: How many times as long as a round took the writer rests after it: of hundreds of symbols a round
#: is dear.
RESTS = 4.0
#: Seconds within which a tick is durable: it may just miss a round, and then waits for the rest of
#: that one, for the pause and for the next.
DURABLE_S = 0.9
#: Seconds after which what could not be written is tried again.
RETRY_S = 1.0
#: Seconds that the start waits for the archive; then it goes on without.
OPEN_S = 3.0
#: Seconds that `close` gives to what still waits.
CLOSE_S = 1.5
#: Seconds for which the strip says that a file was set aside.
NOTICE_S = 900.0

Row = Mapping[str, Any]


def rest_after(spent_s: float) -> float:
    """Seconds that the writer rests after a round that took so many.

    >>> [round(rest_after(spent_s), 2) for spent_s in (0.01, 0.1, 0.3, 0.6)]
    [0.25, 0.4, 0.3, 0.0]
    """
    wanted = min(max(RESTS * spent_s, FLUSH_S), LONGEST_FLUSH_S)
    return max(min(wanted, DURABLE_S - 2.0 * spent_s), 0.0)


class Kept(Protocol):
    """What an archive keeps beside market data, and hands back when it is opened: the alerts."""

    def restore(
        self,
        rules: Iterable[Row],
        events: Iterable[Row],
        states: Mapping[str, Row],
        deliveries: Iterable[Row],
    ) -> None:
        """Take over what an archive kept: rules, their newest events (newest first), what is
        remembered of rules, and the alerts that a webhook has not taken yet.
        """

    def keep_again(self) -> None:
        """Hand all that is known to a new archive, which took the place of a damaged one."""


class Shelf(Protocol):
    """What else an archive keeps, and hands back when it is opened."""

    def read(self, archive: Archive) -> Any:
        """What the archive has of it; in a worker thread."""

    def restore(self, kept: Any) -> None:
        """Take over what `read` gave; on the loop."""

    def keep_again(self) -> None:
        """Hand all that is known to a new archive, which took the place of a damaged one."""


class ArchiveWriter:
    """An archive and what waits to be written to it. Without an archive it keeps nothing.

    keep_days: live ticks that came before are deleted at the start and daily, never for 0.
    shelves: what else it keeps. archive: open, for reading; None while there is none. problem:
    why nothing can be written, in words, None while all is well. notice: what was set aside,
    None if nothing was.
    """

    def __init__(self, keep_days: int = 0) -> None:
        self.archive: Archive | None = None
        self.problem: str | None = None
        self.notice: str | None = None
        self.pending = WriteQueue()
        self.shelves: list[Shelf] = []
        self._keep_days = keep_days
        self._store: Store | None = None
        # A thread of its own: those that all share may be busy for seconds.
        self._writer = ThreadPoolExecutor(1, "archive")
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._wake = asyncio.Event()
        #: Who waits until all is written that waited when they came, from the next round on; and
        #: those whom this round serves.
        self._flushes: list[asyncio.Event] = []
        self._served: list[asyncio.Event] = []
        self._maintenance: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()
        #: Hands the markets in memory to an archive that was begun anew.
        self.refill: Callable[[], None] = lambda: None
        self._notice_until_s = 0.0

    def reserve(self, place: str | None) -> None:
        """Keep other processes out of the archive at a path or URL (None for none), before it
        is opened.

        Raises ArchiveInUse where one is in it; any other trouble shows when it is opened.
        """
        if place is None:
            return
        try:
            self._store = _guarded(place)
            self._store.hold()
        except ArchiveInUse:
            raise
        except ArchiveError as error:
            logger.debug("the archive is not reserved: %s", error)

    @property
    def words(self) -> str:
        """What is wrong with the archive, as the strip says it; "" while all is well."""
        waiting = f", {self.pending.ticks:,} ticks wait" if self.pending.ticks else ""
        lost = self.pending.lost_ticks + self.pending.lost_writes
        told = [f"archive paused: {self.problem}{waiting}"] if self.problem else []
        if lost:
            told.append(f"archive: {lost:,} rows found no room to wait")
        blocks, rows = (0, 0) if self.archive is None else self.archive.damage
        if blocks:
            told.append(f"archive: {rows:,} rows in {blocks} damaged blocks left out")
        if self.notice and time.monotonic() < self._notice_until_s:
            told.append(self.notice)
        return " · ".join(told)

    async def open(self, place: str, alerts: Kept, events: int) -> None:
        """Open the archive and hand its rules and its newest `events` to the alerts, now or,
        where it cannot be used yet, as soon as it can.
        """
        self._task = asyncio.create_task(self._run(place, alerts, events))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPEN_S):
                await self._tried.wait()

    @property
    def renewals(self) -> int:
        """How often the archive has given way to a new one, which does not know the markets."""
        return 0 if self.archive is None else self.archive.renewals

    def opened(self) -> Archive:
        """The open archive. Raises ArchiveError while there is none."""
        if self.archive is None:
            raise ArchiveError("there is no archive that could be read")
        return self.archive

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all, now or later."""
        return self._task is not None

    def keep(self, write: Write) -> None:
        """Do a write soon."""
        if self.keeps:
            self.pending.keep(write)
            self._wake.set()

    def record(self, market: str, what: Ticks | str) -> None:
        """Store ticks soon, or note that a symbol is numbered anew from here on."""
        if self.keeps:
            self.pending.record(market, what)

    async def flush(self) -> None:
        """Wait until all that waits is written, or cannot be written now."""
        if self.keeps and len(self.pending):
            written = asyncio.Event()
            self._flushes.append(written)
            self._wake.set()
            await written.wait()

    async def close(self) -> None:
        """Write what waits, as far as there is time, and close the archive."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.flush()
        running = [task for task in (self._task, self._maintenance) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._task = self._maintenance = None
        self._served += self._flushes
        self._release()
        self._writer.shutdown(wait=False)
        if len(self.pending):
            words = "%d writes and %d ticks were not written to the archive"
            logger.warning(words, len(self.pending.writes), self.pending.ticks)
        archive, self.archive = self.archive, None
        if archive is not None:
            await asyncio.to_thread(archive.close)
        elif self._store is not None:
            self._store.close()

    async def _run(self, place: str, alerts: Kept, events: int) -> None:
        """Open, then write what comes, for ever; what fails is tried again."""
        while True:
            seen, rest_s = self.renewals, FLUSH_S
            self._served, self._flushes = self._flushes, []
            try:
                rest_s = await self._round(place, alerts, events)
            except Exception:
                logger.exception("the archive's writer failed and goes on")
                self._release()
                await asyncio.sleep(RETRY_S)
            if self.renewals == seen:
                self._release()
            else:  # what a new archive was handed is written in the next round
                self._flushes[:0] = self._served
            self._tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._wake.wait()
            self._wake.clear()

    async def _round(self, place: str, alerts: Kept, events: int) -> float:
        """Write what waits now; how long to rest after it."""
        seen = self.renewals
        try:
            if self.archive is None:
                await self._open(place, alerts, events)
            began_s = time.monotonic()
            await self._write()
            self._now_well()
            return rest_after(time.monotonic() - began_s)
        except ArchiveError as error:
            await self._failed(alerts, error, seen)
            return FLUSH_S

    async def _open(self, place: str, alerts: Kept, events: int) -> None:
        archive = await asyncio.to_thread(Archive.open, self._store or _guarded(place))
        try:
            rules = await asyncio.to_thread(archive.rules)
            history = await asyncio.to_thread(archive.events, limit=events)
            states = await asyncio.to_thread(archive.rule_states)
            deliveries = await asyncio.to_thread(archive.deliveries)
            shelved = [await asyncio.to_thread(each.read, archive) for each in self.shelves]
        except ArchiveError:
            await asyncio.to_thread(archive.close)
            raise
        self.archive = archive
        if archive.warning is not None:
            self.notice = archive.warning
            self._notice_until_s = time.monotonic() + NOTICE_S
            logger.warning("%s", archive.warning)
        maintenance = Maintenance(archive, self._keep_days, partial(self._renew, alerts))
        self._maintenance = asyncio.create_task(maintenance.run())
        logger.info("archive %s: %d alert rules, %d alerts", archive.name, len(rules), len(history))
        alerts.restore(rules, history, states, deliveries)
        for shelf, kept in zip(self.shelves, shelved, strict=True):
            shelf.restore(kept)

    async def _write(self) -> None:
        """Write what waits now: first the writes, then ticks, in turn. What comes meanwhile waits
        for the next time, or the writer would never rest.

        Many writes, and the ticks behind them, are one errand of the writer's thread: on a busy
        loop each way there and back takes its time, and ticks would wait for that of every write.

        Raises ArchiveError.
        """
        archive, pending = self.opened(), self.pending
        waiting = pending.mark()
        while not pending.is_past(waiting):
            async with self._renewing:  # what is being written belongs to one archive
                errand = Errand(pending)
                try:
                    await self._in_writer(errand.run, archive)
                finally:
                    errand.settle(pending)

    async def _in_writer(self, work: Callable[[Archive], object], archive: Archive) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, work, archive)

    async def _renew(self, alerts: Kept, problem: str, seen: int) -> None:
        """Set a damaged archive aside, unless that was done since the damage was seen."""
        archive = self.opened()
        async with self._renewing:
            if archive.renewals == seen:
                self.notice = await asyncio.to_thread(archive.begin_anew, problem)
                self._notice_until_s = time.monotonic() + NOTICE_S
                logger.warning("%s", self.notice)
                alerts.keep_again()
                for shelf in self.shelves:
                    shelf.keep_again()
                self.refill()
                self._wake.set()

    async def _failed(self, alerts: Kept, error: ArchiveError, seen: int) -> None:
        """Say what is wrong and wait a while; a damaged file is set aside at once."""
        if error.damaged and self.archive is not None:
            try:
                await self._renew(alerts, f"it is damaged ({error})", seen)
                return
            except ArchiveError as worse:
                error = worse
        if self.problem is None:
            logger.warning("%s: what is new waits in memory", error)
        self.problem = str(error)
        self._release()
        self._tried.set()
        await asyncio.sleep(RETRY_S)

    def _release(self) -> None:
        """Whom this round serves waits no more."""
        for written in self._served:
            written.set()

    def _now_well(self) -> None:
        if self.problem is not None:
            logger.info("the archive can be written again")
            self.problem = None


def _guarded(place: str) -> Store:
    """The database at a path or a URL; a server's host is judged at each connection."""
    if "://" not in place or not urlsplit(place).hostname:
        return store_at(place)
    checked = check_url(place, schemes=POSTGRES_SCHEMES)
    return store_at(place, lambda: resolve_now(checked)[0])
