"""A file that is being uploaded: read piece by piece, a market only when it is whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from analytics.model import Bars, Ticks
from ingestion.upload import UploadError, UploadReader, UploadReport
from storage.market import Market

logger = logging.getLogger(__name__)

#: Pieces are parsed when this much has come: fewer, larger turns in the worker thread.
PARSE_BYTES = 512 * 1024

Finished = Callable[[Market], str]


class UploadSession:
    """One file on its way in.

    Fed with bytes in order, then finished or aborted; parsing runs in a worker thread, one
    piece at a time. The rows go to a market of its own that nobody sees before `finish`; or,
    if the file adds to a market there is, they are held back until then.
    """

    def __init__(
        self,
        name: str,
        symbol: str | None,
        market: Market,
        register: Finished,
        *,
        adds: bool,
    ) -> None:
        self.name = name
        self.bytes = 0
        self._reader = UploadReader(name, symbol)
        self._market = market
        self._register = register
        self._held: list[Ticks | Bars] | None = [] if adds else None
        self._waiting = bytearray()
        self._ended = False

    @property
    def report(self) -> UploadReport:
        """What was taken and what was not, so far."""
        return self._reader.report

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises UploadError when this is no market data."""
        self.bytes += len(chunk)
        self._waiting += chunk
        if len(self._waiting) >= PARSE_BYTES:
            await self._parse()

    async def finish(self) -> tuple[str, UploadReport]:
        """The file has ended: the id of its market, and the report.

        Raises UploadError when nothing in it could be used; then there is no market.
        """
        await self._parse()
        self._keep(await asyncio.to_thread(self._reader.finish))
        if self._ended:
            raise UploadError("the upload was cancelled")
        self._ended = True
        report = self.report
        if report.accepted == 0:
            raise UploadError(report.problem or "there is no row in it that can be used")
        for batch in self._held or ():
            _append(self._market, batch)
        market_id = self._register(self._market)
        logger.info(
            "uploaded %s into market %s: %d of %d rows taken, %d rejected",
            report.name,
            market_id,
            report.accepted,
            report.rows,
            sum(report.rejected.values()),
        )
        return market_id, report

    def abort(self) -> None:
        """Forget the file; without effect once it is finished."""
        if not self._ended:
            self._ended = True
            logger.info("upload of %s cancelled after %d bytes", self.report.name, self.bytes)

    async def _parse(self) -> None:
        chunk = bytes(self._waiting)
        self._waiting.clear()
        if chunk and not self._ended:
            self._keep(await asyncio.to_thread(self._reader.feed, chunk))

    def _keep(self, batches: list[Ticks | Bars]) -> None:
        for batch in batches:
            if self._held is None:
                _append(self._market, batch)
            else:
                self._held.append(batch)


def _append(market: Market, batch: Ticks | Bars) -> None:
    if isinstance(batch, Ticks):
        market.append(batch)
    else:
        market.append_bars(batch)
