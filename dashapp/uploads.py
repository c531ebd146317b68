"""A file that is being uploaded: read piece by piece, a market only when it is whole.

Parsing runs in a worker thread, one piece at a time. The rows go to a market that nobody
else sees until the file has ended; those of a file that joins a market there is are held
back until then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import repeat

from analytics.model import Bars, Rejected, Ticks
from ingestion.upload import UploadError, UploadReader, UploadReport
from storage.market import Market
from storage.stats import Counters

logger = logging.getLogger(__name__)

#: Pieces are parsed when this much has come: fewer, larger turns in the worker thread.
PARSE_BYTES = 512 * 1024
#: Rows that a file may have which joins a market; a larger one is a market of its own.
MAX_JOINING = 2_000_000

Show = Callable[["UploadSession"], None]


class UploadSession:
    """One file on its way in: feed it the bytes in order, then finish or abort.

    market: the private one of the file, or the one it joins. show: called on the loop when
    the file is whole, before `finish` returns. end: called once, however it ended.
    """

    def __init__(
        self,
        reader: UploadReader,
        market: Market,
        *,
        joins: bool,
        show: Show,
        end: Callable[[], None],
    ) -> None:
        self.market = market
        self.bytes = 0
        self._reader = reader
        self._joins = joins
        self._held: list[Ticks | Bars] = []
        self._show = show
        self._end = end
        self._waiting = bytearray()
        self._open = True

    @property
    def report(self) -> UploadReport:
        """What was read and what was refused, so far."""
        return self._reader.report

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises UploadError when this is no market data."""
        self.bytes += len(chunk)
        self._waiting += chunk
        if len(self._waiting) >= PARSE_BYTES:
            await self._parse()

    async def finish(self) -> tuple[str, UploadReport]:
        """The file has ended: the id of its market, and the report.

        Raises UploadError when nothing in it could be used; then no market has changed.
        """
        await self._parse()
        await asyncio.to_thread(self._rest)
        self._check_open()
        report = self.report
        if self._joins:
            report = _join(self.market, self._held, report)
        else:
            report = _stored(report, Counters(), self.market.counters)
        self._show(self)
        self._close()
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
            logger.info("file %s was given up after %d bytes", self.report.name, self.bytes)

    def _close(self) -> None:
        self._open = False
        self._waiting.clear()
        self._held = []
        self._end()

    def _check_open(self) -> None:
        if not self._open:
            raise UploadError("the upload was cancelled")

    async def _parse(self) -> None:
        self._check_open()
        chunk = bytes(self._waiting)
        self._waiting.clear()
        if chunk:
            await asyncio.to_thread(self._take, chunk)
        self._check_open()

    def _take(self, chunk: bytes) -> None:
        """In the worker thread, alone with the file's own market, or with no market at all."""
        for batch in self._reader.feed(chunk):
            self._put(batch)

    def _rest(self) -> None:
        for batch in self._reader.finish():
            self._put(batch)
        if not self._joins:
            _count_rejected(self.market, self.report.rejected)

    def _put(self, batch: Ticks | Bars) -> None:
        if not self._joins:
            _append(self.market, batch)
            return
        self._held.append(batch)
        if self.report.accepted > MAX_JOINING:
            raise UploadError(
                f"more than {MAX_JOINING:,} rows to add to market {self.market.id}: "
                "upload this file as a market of its own"
            )


def _join(market: Market, batches: list[Ticks | Bars], report: UploadReport) -> UploadReport:
    """Add a whole file to a market there is; the report of what was stored. On the loop.

    Raises UploadError, with nothing added, where the market would refuse it.
    """
    if market.symbols and report.kind != market.origin:
        raise UploadError(
            f"the file holds {report.kind}, but market {market.id} was made of {market.origin}"
        )
    if market.symbols and report.kind == "bars" and report.timeframe != market.timeframes[0]:
        raise UploadError(
            f"the file has {report.timeframe} bars, but market {market.id} was made of "
            f"{market.timeframes[0]} bars: upload this file as a market of its own"
        )
    before = replace(market.counters, rejected=Counter(market.counters.rejected))
    for batch in batches:
        _append(market, batch)
    refused = market.counters.rejected_total - before.rejected_total
    if refused and refused == sum(map(len, batches)):
        raise UploadError(f"market {market.id} refused the file: {market.counters.last_rejected}")
    _count_rejected(market, report.rejected)
    return _stored(report, before, market.counters)


def _stored(report: UploadReport, before: Counters, after: Counters) -> UploadReport:
    """The report with what the market made of the rows, by its counters before and after."""
    return replace(
        report,
        accepted=after.accepted - before.accepted,
        duplicate=after.duplicate - before.duplicate,
        late=after.late - before.late,
        rejected=dict(after.rejected - before.rejected),
    )


def _append(market: Market, batch: Ticks | Bars) -> None:
    if isinstance(batch, Ticks):
        market.append(batch, backfill=True)
    else:
        market.append_bars(batch)


def _count_rejected(market: Market, rejected: Mapping[str, int]) -> None:
    for reason, count in rejected.items():
        market.reject(repeat(Rejected(reason), count))
