"""What an earlier run kept comes back: the live market, uploaded files, a market on request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Container, Iterator

from analytics.model import Bars, Ticks
from dashapp.services.archive.recorder import LIVE
from dashapp.services.archive.writer import ArchiveWriter
from storage.archive.archive import Archive, ArchiveError, MarketRecord, StoredSeries
from storage.market.market import Market

logger = logging.getLogger(__name__)

#: Ticks of each symbol that come back after a restart: the ring's, and bars of some more.
REVIVED_TICKS = 1_000_000

#: Rows of a symbol in the order of the archive, each batch with the number of its numbering.
Chunks = Iterator[tuple[int, Ticks | Bars]]


class Restorer:
    """Brings markets back. revived: hears of each that is back whole."""

    def __init__(self, writer: ArchiveWriter, revived: Callable[[Market], None]) -> None:
        self._writer = writer
        self._revived = revived

    async def revive(self, market: Market) -> None:
        """Bring back what the archive has of a live market, before its feed starts."""
        await self._writer.flush()
        archive, began = self._writer.archive, time.monotonic()
        if archive is None or not market.kept_as or market.symbols:
            return
        try:
            await _revive(archive, market)
        except ArchiveError as error:
            logger.warning("%s: market %s begins empty", error, market.id)
        if market.symbols:
            seconds = time.monotonic() - began
            count = market.counters.accepted
            logger.info("market %s: %d ticks are back after %.1f s", market.id, count, seconds)
            self._revived(market)

    async def revive_newest(self, market: Market) -> None:
        """Bring the live market back that ticks came to last, while no source feeds it."""
        archive = self._writer.archive
        if archive is None:
            return
        try:
            kept = await asyncio.to_thread(_newest_live, archive)
        except ArchiveError as error:
            logger.warning("%s: no market comes back", error)
            return
        if kept is not None and not market.symbols and not market.kept_as:
            market.title, market.kept_as = kept.title, kept.id
            await self.revive(market)

    async def uploads(self, limit: int, known: Container[str] = ()) -> AsyncIterator[Market]:
        """The newest markets that files made, whole and as they were, oldest first.

        known: ids of markets that are there by then. A file that comes meanwhile is in the archive
        as well, and is not to be replaced by its copy.
        """
        archive = self._writer.archive
        if archive is None:
            return
        try:
            kept = await asyncio.to_thread(archive.markets)
            for file in [market for market in kept if market.kind == "upload"][-limit:]:
                if file.id in known:
                    continue
                market = await asyncio.to_thread(loaded, archive, file.id, file.title)
                if market.symbols and market.id not in known:
                    logger.info("market %s is back: %s", market.id, market.title)
                    self._revived(market)
                    yield market
        except ArchiveError as error:
            logger.warning("%s: not every uploaded market is back", error)

    async def load(self, key: str) -> Market:
        """A market of the archive in memory. Raises KeyError in words, ArchiveError."""
        archive = self._writer.opened()
        holdings = await asyncio.to_thread(archive.contents)
        titles = {holding.market: holding.title for holding in holdings}
        if key not in titles:
            raise KeyError(f"the archive holds no market {key!r}")
        title = f"{titles[key]}, as kept" if key.startswith(LIVE) else titles[key]
        return await asyncio.to_thread(loaded, archive, key, title)


def _newest_live(archive: Archive) -> MarketRecord | None:
    live = {market.id: market for market in archive.markets() if market.kind == "live"}
    holdings = [holding for holding in archive.contents() if holding.market in live]
    newest = max(holdings, key=lambda holding: holding.stored_ms, default=None)
    return None if newest is None else live[newest.market]


def loaded(archive: Archive, key: str, title: str) -> Market:
    """All that the archive has of a market, as a market of its own. Takes its time."""
    market = Market(key, title, "upload", kept_as=key)
    market.made_of = archive.files(key) or market.made_of
    for holding in archive.contents():
        if holding.market == key:
            numbering: int | None = None
            for chunk in _chunks(archive, holding):
                numbering = take_chunk(market, numbering, *chunk)
    return market


async def _revive(archive: Archive, market: Market) -> None:
    """Read in a thread, take in on the loop, which owns the market, piece by piece."""
    for holding in await asyncio.to_thread(archive.contents):
        if holding.market != market.kept_as or holding.kind != "ticks":
            continue
        chunks = _chunks(archive, holding, newest=REVIVED_TICKS)
        numbering: int | None = None
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            numbering = take_chunk(market, numbering, *chunk)


def _chunks(archive: Archive, holding: StoredSeries, newest: int | None = None) -> Chunks:
    """The rows that an archive has of a symbol; newest: only so many ticks of it."""
    if holding.timeframe is not None:
        bars = archive.bars(holding.market, holding.symbol, holding.timeframe)
        return ((0, chunk) for chunk in bars)
    return iter(archive.numbered_ticks(holding.market, holding.symbol, newest=newest))


def take_chunk(market: Market, before: int | None, numbering: int, rows: Ticks | Bars) -> int:
    """Take rows that were kept into a market; the number of their numbering.

    before: that of the rows of their symbol before these, None for the first. Where it is
    another, ids that came before are those of other trades.
    """
    if isinstance(rows, Bars):
        market.append_bars(rows)
        return numbering
    if before is not None and numbering != before:
        market.forget_ids(rows.symbol)
    market.append(rows, backfill=True)
    return numbering
