"""An exchange's bars in the archive, so that the next start asks only for what is missing."""

from __future__ import annotations

import asyncio
import logging

from analytics.model import Bars
from dashapp.services.archive.writer import ArchiveWriter
from storage.archive.archive import ArchiveError

logger = logging.getLogger(__name__)

KIND = "history"


class KeptBars:
    """The bars of one exchange in the archive. key: their market there. title: as it is shown."""

    def __init__(self, writer: ArchiveWriter, key: str, title: str) -> None:
        self.key = key
        self._title = title
        self._writer = writer
        self._named_in: int | None = None

    async def load(self, symbol: str, timeframe: str, from_ms: int) -> Bars | None:
        """The bars from a time on that are kept, ascending; None for none."""
        archive = self._writer.archive
        if archive is None:
            return None
        read = archive.bars
        try:
            chunks = await asyncio.to_thread(
                lambda: list(read(self.key, symbol, timeframe, from_ms))
            )
        except ArchiveError as error:
            logger.warning("%s: bars of %s are asked for anew", error, symbol)
            return None
        return Bars.concat(chunks) if chunks else None

    def keep(self, bars: Bars) -> None:
        """Keep bars that have closed."""
        if not len(bars) or not self._writer.keeps:
            return
        renewals, key, title = self._writer.renewals, self.key, self._title
        if self._named_in != renewals:
            self._named_in = renewals
            self._writer.keep(lambda archive: archive.put_market(key, title, KIND))
        self._writer.keep(lambda archive: archive.append_bars(key, bars))
