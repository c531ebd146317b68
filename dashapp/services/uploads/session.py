"""A file that is being uploaded: read block by block, a market only when it is whole.

A block is scanned in one worker thread while the one before is stored in another and the
loop takes the next one in: three blocks are held, however large the file. The rows go to a
market that nobody else sees until the file has ended; those of a file that joins a market
there is are held back until then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analytics.model import Bars, Ticks
from dashapp.services.archive.recorder import FileWriter
from ingestion.files.errors import replace_question
from ingestion.files.reader import UploadError, UploadReader, UploadReport
from storage.market.market import Market
from storage.market.stats import Counters

logger = logging.getLogger(__name__)

#: A block goes to the worker threads when this much has come.
BLOCK_BYTES = 4 << 20
#: Fewer bytes than these are no progress.
PROGRESS_BYTES = 16_384
#: Rows that a file may have which joins a market; a larger one is a market of its own.
MAX_JOINING = 2_000_000
#: Rows of it that are stored at a time, so that the loop stays free for the pages.
AT_ONCE = 8_192

Show = Callable[["UploadSession"], None]


class UploadSession:
    """One file on its way in: feed it the bytes in order, then finish or abort.

    market: the private one of the file, or the one it joins. show: called on the loop when
    the file is whole, before `finish` returns. end: called once, however it ended. writer: takes
    what the market took, for the archive.
    """

    def __init__(
        self,
        reader: UploadReader,
        market: Market,
        *,
        joins: bool,
        show: Show,
        end: Callable[[], None],
        writer: FileWriter | None = None,
    ) -> None:
        self.market = market
        self.bytes = 0
        self._coming, self._due, self._progress_s = True, 0, time.monotonic()
        self._reader = reader
        self._joins = joins
        self._held: list[Ticks | Bars] = []
        self._replaced = 0
        self._show = show
        self._end = end
        self._writer = writer
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._scanning: asyncio.Task[None] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._open = True

    @property
    def report(self) -> UploadReport:
        """What was read and what was refused, so far."""
        return self._reader.report

    @property
    def progress(self) -> dict[str, Any]:
        """How far it is: name, bytes, rows and how many of them were rejected."""
        accepted, rejected = self._reader.progress
        rows = accepted + rejected
        return {"name": self._reader.name, "bytes": self.bytes, "rows": rows, "rejected": rejected}

    @property
    def idle_s(self) -> float:
        """Seconds since bytes worth the name came; 0 once all are there."""
        return time.monotonic() - self._progress_s if self._coming else 0.0

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises UploadError when this is no market data."""
        self._check_open()
        self.bytes += len(chunk)
        if self.bytes >= self._due:
            self._due = self.bytes + PROGRESS_BYTES
            self._progress_s = time.monotonic()
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        if self._waiting >= BLOCK_BYTES:
            await self._hand_over()
            self._progress_s = time.monotonic()

    async def finish(self) -> tuple[str, UploadReport]:
        """The file has ended: the id of its market, and the report.

        Raises UploadError when nothing in it could be used; then no market has changed.
        """
        self._check_open()
        self._coming = False
        await self._hand_over()
        if self._scanning is not None:
            await self._scanning
        if self._storing is not None:  # which the last scan has begun
            await self._storing
        self._check_open()
        await asyncio.to_thread(self._rest)
        self._check_open()
        report = self.report
        if self._joins:
            report, taken = await self._join(report)
            await asyncio.to_thread(self._keep, taken)
            self._check_open()  # its market may have been removed meanwhile
        else:
            report = _stored(report, self.market.counters)
        report = replace(report, replaced=self._replaced)
        self._show(self)
        self._close()
        if self._writer is not None:
            await asyncio.to_thread(self._writer.done, self.market.title, self.market.made_of)
            if self._writer.problem:
                told = f"in memory only, gone at the next start: {self._writer.problem}"
                report = replace(report, notes=(*report.notes, told))
        logger.info(
            "file %s is in market %s: %d of %d rows taken, %d rejected, %d duplicate, %d late",
            report.name,
            self.market.id,
            report.accepted,
            report.rows,
            sum(report.rejected.values()),
            report.duplicate,
            report.late,
        )
        return self.market.id, report

    def abort(self) -> None:
        """Forget the file; nothing once it is finished."""
        if self._open:
            self._close()
            if self._writer is not None:
                asyncio.get_running_loop().run_in_executor(None, self._writer.drop)
            logger.info("file %s was given up after %d bytes", self.report.name, self.bytes)

    def _close(self) -> None:
        self._open = False
        self._chunks, self._held = [], []
        # The error in one that failed knows its frames, and these know this session.
        self._scanning = self._storing = None
        self._end()

    def _check_open(self) -> None:
        if not self._open:
            raise UploadError("the upload was cancelled")

    async def _hand_over(self) -> None:
        """Let a worker thread begin with what came, once the block before is scanned."""
        chunks, self._chunks, self._waiting = self._chunks, [], 0
        if self._scanning is not None:
            await self._scanning
        self._check_open()
        if chunks:
            self._scanning = _task(self._scan(chunks))

    async def _scan(self, chunks: Sequence[bytes]) -> None:
        batches = await asyncio.to_thread(self._reader.feed, *chunks)
        if self._storing is not None:
            await self._storing
        self._check_open()
        self._storing = _task(asyncio.to_thread(self._store, batches))

    def _store(self, batches: Sequence[Ticks | Bars]) -> None:
        """In a worker thread, alone with the file's own market, or with no market at all."""
        for batch in batches:
            self._put(batch)

    def _rest(self) -> None:
        for batch in self._reader.rest():
            self._check_open()
            self._put(batch)
        if not self._joins:
            _count_rejected(self.market, self.report.rejected)

    def _keep(self, taken: list[Ticks | Bars]) -> None:
        """Store what the market took. In the worker thread."""
        if self._writer is not None:
            for batch in taken:
                self._writer.take(batch)

    def _put(self, batch: Ticks | Bars) -> None:
        if not self._joins:
            self._note_replaced([batch], self._bars_held([batch]))
            self._keep([_append(self.market, batch)])
            return
        self._held.append(batch)
        if self.report.accepted > MAX_JOINING:
            raise UploadError(
                f"more than {MAX_JOINING:,} rows to add to market {self.market.id}: "
                "upload this file as a market of its own"
            )

    def _bars_held(self, batches: Iterable[Ticks | Bars]) -> dict[str, Bars]:
        """The market's bars of the symbols of these batches."""
        symbols = {(batch.symbol, batch.timeframe) for batch in batches if isinstance(batch, Bars)}
        return {
            symbol: self.market.bars(symbol, timeframe)
            for symbol, timeframe in symbols
            if symbol in self.market.symbols and timeframe == self.market.timeframes[0]
        }

    def _note_replaced(self, batches: Iterable[Ticks | Bars], held: Mapping[str, Bars]) -> None:
        """Count the rows that these batches would replace. In a worker thread.

        Raises QuestionOpen where that is not allowed.
        """
        symbols = set()
        for batch in batches:
            if isinstance(batch, Bars) and batch.symbol in held:
                count = _differing(held[batch.symbol], batch)
                self._replaced += count
                symbols |= {batch.symbol} if count else set()
        if symbols and not self._reader.answers.replace:
            title, name = self.market.title, self._reader.name
            raise replace_question(self._replaced, symbols, title, name)

    async def _join(self, report: UploadReport) -> tuple[UploadReport, list[Ticks | Bars]]:
        """Add a whole file to a market there is; the report of what was stored, and that.

        On the loop, which is let go after every few thousand rows. Raises UploadError, with
        nothing added, where the market would refuse it.
        """
        market, made = self.market, Counters()
        taken: list[Ticks | Bars] = []
        _check_kinds(market, report)
        await asyncio.to_thread(self._note_replaced, self._held, self._bars_held(self._held))
        self._check_open()
        for batch in self._held:
            for begin in range(0, len(batch), AT_ONCE):
                before = replace(market.counters, rejected=Counter(market.counters.rejected))
                taken.append(_append(market, batch[begin : begin + AT_ONCE]))
                _add(made, before, market.counters)
                await asyncio.sleep(0)
                self._check_open()
        if made.rejected_total and made.rejected_total == sum(map(len, self._held)):
            raise UploadError(
                f"market {market.id} refused the file: {market.counters.last_rejected}"
            )
        _count_rejected(market, report.rejected)
        made.rejected += Counter(report.rejected)
        return _stored(report, made), taken


def _differing(held: Bars, bars: Bars) -> int:
    """How many bars would take the place of one that is held and is not the same."""
    _, mine, theirs = np.intersect1d(bars.ts_ms, held.ts_ms, return_indices=True)
    same = np.ones(len(mine), np.bool_)
    for name in ("open", "high", "low", "close", "volume"):
        one, other = getattr(bars, name)[mine], getattr(held, name)[theirs]
        same &= (one == other) | (np.isnan(one) & np.isnan(other))
    return int(np.count_nonzero(~same))


def _check_kinds(market: Market, report: UploadReport) -> None:
    """Raise UploadError where a file is not of what a market was made of."""
    if market.symbols and report.kind != market.origin:
        raise UploadError(
            f"the file holds {report.kind}, but market {market.id} was made of {market.origin}"
        )
    if market.symbols and report.kind == "bars" and report.timeframe != market.timeframes[0]:
        raise UploadError(
            f"the file has {report.timeframe} bars, but market {market.id} was made of "
            f"{market.timeframes[0]} bars: upload this file as a market of its own"
        )


def _add(made: Counters, before: Counters, after: Counters) -> None:
    """Add to `made` what a market's counters gained."""
    made.accepted += after.accepted - before.accepted
    made.duplicate += after.duplicate - before.duplicate
    made.late += after.late - before.late
    made.rejected += after.rejected - before.rejected


def _stored(report: UploadReport, made: Counters) -> UploadReport:
    """The report with what the market made of the rows. made: what its counters gained."""
    return replace(
        report,
        accepted=made.accepted,
        duplicate=made.duplicate,
        late=made.late,
        rejected=dict(made.rejected),
    )


def _append(market: Market, batch: Ticks | Bars) -> Ticks | Bars:
    """Add rows to a market; those that it took, where it says which."""
    if isinstance(batch, Ticks):
        return market.append(batch, backfill=True)
    market.append_bars(batch)
    return batch


def _count_rejected(market: Market, rejected: Mapping[str, int]) -> None:
    for reason, count in rejected.items():
        market.refuse(reason, count)


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """The work begun; an error in it is for whoever waits for it, if anybody still does."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return task
