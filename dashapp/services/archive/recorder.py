"""The recorder: what of the markets is in the archive, files on their way there, and deletions.

Each source has a name of its own there, so that the data of two sources never mix. The
simulated market is not kept: its seed makes it anew.
"""

from __future__ import annotations

import asyncio
import logging
import re
from functools import partial

from dashapp.services.archive.file_writer import FileWriter
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from ingestion.url_guard import mask_url
from storage.archive.archive import Archive, ArchiveError, StoredSeries

logger = logging.getLogger(__name__)

LIVE = "live-"


def key_of(source: str, base: str | None = None) -> str:
    """The name of a source's market in the archive. base: another server of an exchange.

    >>> key_of("binance-futures"), key_of("wss://example.org/ws?token=abc")
    ('live-binance-futures', 'live-wss-example-org-ws')
    """
    address = source if base is None else f"{source} via {base}"
    plain = mask_url(address).partition("?")[0] if "://" in source else address
    return LIVE + re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:80]


class Recorder:
    """Files for the archive and what it holds. writer: writes it, and has it open."""

    def __init__(self, writer: ArchiveWriter, markets: Markets) -> None:
        self.writer = writer
        self._markets = markets
        writer.refill = self._refill

    async def contents(self) -> list[StoredSeries]:
        """What the archive holds; nothing while it cannot be read."""
        archive = self.writer.archive
        try:
            return [] if archive is None else await asyncio.to_thread(archive.contents)
        except ArchiveError as error:
            logger.warning("%s: what it holds is not known", error)
            return []

    def file(self, market: str, joins: bool) -> FileWriter | None:
        """What keeps a file that becomes a market, or joins one; None where nothing is kept."""
        archive = self.writer.archive
        return None if archive is None else FileWriter(archive, market, joins)

    async def delete(self, key: str, symbol: str | None) -> int:
        """Delete a market of the archive, or a symbol of it; how many rows went.

        A live market that is being recorded goes on from here. Raises ArchiveError.
        """
        archive = self.writer.opened()
        await self.writer.flush()
        count = await asyncio.to_thread(archive.delete, key, symbol)
        for market in self._markets.values():
            if market.kind == "live" and market.kept_as == key:
                await asyncio.to_thread(archive.put_market, key, market.title)
        return count

    def _refill(self) -> None:
        """Hand what memory holds of the markets to an archive that was begun anew."""
        for market in self._markets.values():
            key = market.kept_as
            if not key or market.kind not in ("live", "upload"):
                continue
            self.writer.keep(
                partial(
                    Archive.put_market,
                    market=key,
                    title=market.title,
                    kind=market.kind,
                    made_of=market.made_of if market.kind == "upload" else None,
                )
            )
            self.writer.pending.forget(key)
            for symbol in market.symbols:
                ticks = market.ticks(symbol)
                if len(ticks):
                    for place, piece in enumerate(market.numbering.pieces(ticks)):
                        if place:
                            self.writer.record(key, symbol)
                        if len(piece):
                            self.writer.record(key, piece)
                elif market.timeframes:
                    bars = market.bars(symbol, market.timeframes[0])
                    self.writer.keep(partial(Archive.append_bars, market=key, bars=bars))

    def forget(self, market: str) -> None:
        """An uploaded market was removed by hand: it is not to come back."""
        if not market.startswith(LIVE):
            self.writer.keep(lambda archive: archive.delete(market))
