"""The recorder: what a live market takes in goes to the archive, and comes back after a restart.

Each source has a name of its own there, so that the data of two sources never mix. The
simulated market is not kept: its seed makes it anew.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator

from analytics.model import Ticks
from dashapp.services.archive.file_writer import FileTape
from dashapp.services.archive.writer import Keeper
from dashapp.settings import Settings
from ingestion.sources import is_exchange
from ingestion.url_guard import mask_url
from storage.archive.archive import Archive, ArchiveError, Holding, KeptMarket
from storage.market.market import Market

logger = logging.getLogger(__name__)

#: Ticks of each symbol that come back after a restart: the ring's, and bars of some more.
REVIVED_TICKS = 1_000_000
LIVE = "live-"


def key_of(source: str, base: str | None = None) -> str:
    """The name of a source's market in the archive. base: another server of an exchange.

    >>> key_of("binance-futures"), key_of("wss://example.org/ws?token=abc")
    ('live-binance-futures', 'live-wss-example-org-ws')
    """
    address = source if base is None else f"{source} via {base}"
    plain = mask_url(address).partition("?")[0] if "://" in source else address
    return LIVE + re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:80]


class Tape:
    """Where the ticks of one live market go. Without a keeper they go nowhere."""

    def __init__(self, key: str = "", title: str = "", keeper: Keeper | None = None) -> None:
        self.key = key
        self._title = title
        self._keeper = keeper
        self._named_in: int | None = None

    def take(self, ticks: Ticks) -> None:
        """Keep ticks that the market accepted. Never waits."""
        if self._keeper is not None and len(ticks):
            archive = self._keeper.archive
            renewals = 0 if archive is None else archive.renewals
            if self._named_in != renewals:  # a new archive need not know the market
                self._named_in, key, title = renewals, self.key, self._title
                self._keeper.keep(lambda archive: archive.put_market(key, title))
            self._keeper.record(self.key, ticks)

    def renumber(self, symbol: str) -> None:
        """The source numbers a symbol's trades anew."""
        if self._keeper is not None:
            self._keeper.record(self.key, symbol)


class Recorder:
    """Begins a tape a live market and a file, and brings back what an earlier run kept.

    revived: hears of each market that is back whole, and of its name in the archive.
    """

    def __init__(self, keeper: Keeper, settings: Settings) -> None:
        self.keeper = keeper
        self._settings = settings
        self.revived: Callable[[Market, str], None] = lambda market, key: None
        self._titles: dict[str, str] = {}
        self._keys: weakref.WeakKeyDictionary[Market, str] = weakref.WeakKeyDictionary()

    def tape(self, market: Market, source: str) -> Tape:
        """The tape of a source's new market."""
        if not self.keeper.keeps:
            return Tape()
        base = self._settings.binance_ws if is_exchange(source) else None
        key, title = key_of(source, base), market.title
        self._titles[key], self._keys[market] = title, key
        return Tape(key, title, self.keeper)

    def key_of(self, market: Market) -> str | None:
        """The name in the archive of a live market that is recorded; None for any other."""
        return self._keys.get(market)

    def kept_as(self, market: Market) -> str:
        """The name under which a market would come back from the archive; "" for none."""
        return market.id if market.kind == "upload" else self._keys.get(market, "")

    async def revive(self, market: Market, tape: Tape) -> None:
        """Bring back what the archive has of a tape's market, before its feed starts."""
        if not tape.key or market.symbols:
            return
        await self.keeper.flush()
        archive, began = self.keeper.archive, time.monotonic()
        if archive is None:
            return
        try:
            await _revive(archive, market, tape.key)
        except ArchiveError as error:
            logger.warning("%s: market %s begins empty", error, market.id)
        if market.symbols:
            seconds = time.monotonic() - began
            count = market.counters.accepted
            logger.info("market %s: %d ticks are back after %.1f s", market.id, count, seconds)
            self.revived(market, tape.key)

    async def revive_newest(self, market: Market) -> None:
        """Bring the live market back that ticks came to last, while no feed runs."""
        archive = self.keeper.archive
        if archive is None or market.symbols:
            return
        try:
            kept = await asyncio.to_thread(_newest_live, archive)
        except ArchiveError as error:
            logger.warning("%s: no market comes back", error)
            return
        if kept is not None:
            market.title = kept.title
            await self.revive(market, Tape(kept.id, kept.title, self.keeper))

    async def contents(self) -> list[Holding]:
        """What the archive holds; nothing while it cannot be read."""
        archive = self.keeper.archive
        try:
            return [] if archive is None else await asyncio.to_thread(archive.contents)
        except ArchiveError as error:
            logger.warning("%s: what it holds is not known", error)
            return []

    async def load(self, key: str) -> Market:
        """A market of the archive in memory. Raises KeyError in words, ArchiveError."""
        archive = self._open()
        titles = {one.market: one.title for one in await asyncio.to_thread(archive.contents)}
        if key not in titles:
            raise KeyError(f"the archive holds no market {key!r}")
        title = f"{titles[key]}, as kept" if key.startswith(LIVE) else titles[key]
        return await asyncio.to_thread(loaded, archive, key, title)

    async def delete(self, key: str, symbol: str | None) -> int:
        """Delete a market of the archive, or a symbol of it; how many rows went.

        A live market that is being recorded goes on from here. Raises ArchiveError.
        """
        archive = self._open()
        await self.keeper.flush()
        count = await asyncio.to_thread(archive.delete, key, symbol)
        if key in self._titles:
            await asyncio.to_thread(archive.put_market, key, self._titles[key])
        return count

    def forget(self, market: str) -> None:
        """An uploaded market was removed by hand: it is not to come back."""
        if not market.startswith(LIVE):
            self.keeper.keep(lambda archive: archive.delete(market))

    def _open(self) -> Archive:
        if self.keeper.archive is None:
            raise ArchiveError("there is no archive that could be read")
        return self.keeper.archive

    def file(self, market: str, joins: bool) -> FileTape | None:
        """The tape of a file that becomes a market, or joins one; None where nothing is kept."""
        archive = self.keeper.archive
        return None if archive is None else FileTape(archive, market, joins)

    async def uploads(self, limit: int) -> AsyncIterator[Market]:
        """The newest markets that files made, whole and as they were, oldest first."""
        archive = self.keeper.archive
        if archive is None:
            return
        try:
            kept = await asyncio.to_thread(archive.markets)
            for one in [one for one in kept if one.kind == "upload"][-limit:]:
                market = await asyncio.to_thread(loaded, archive, one.id, one.title)
                if market.symbols:
                    logger.info("market %s is back: %s", market.id, market.title)
                    self.revived(market, one.id)
                    yield market
        except ArchiveError as error:
            logger.warning("%s: not every uploaded market is back", error)


def _newest_live(archive: Archive) -> KeptMarket | None:
    live = {one.id: one for one in archive.markets() if one.kind == "live"}
    held = [one for one in archive.contents() if one.market in live]
    newest = max(held, key=lambda one: one.stored_ms, default=None)
    return None if newest is None else live[newest.market]


def loaded(archive: Archive, key: str, title: str) -> Market:
    """All that the archive has of a market, as a market of its own. Takes its time."""
    market = Market(key, title, "upload")
    for holding in archive.contents():
        if holding.market != key:
            continue
        if holding.timeframe is not None:
            for bars in archive.bars(key, holding.symbol, holding.timeframe):
                market.append_bars(bars)
            continue
        before: int | None = None
        for numbering, ticks in archive.numbered_ticks(key, holding.symbol):
            if before is not None and numbering != before:
                market.forget_ids(holding.symbol)
            market.append(ticks, backfill=True)
            before = numbering
    return market


async def _revive(archive: Archive, market: Market, key: str) -> None:
    """Read in a thread, take in on the loop, which owns the market, piece by piece."""
    held = await asyncio.to_thread(archive.contents)
    for holding in held:
        if holding.market != key or holding.kind != "ticks":
            continue
        chunks = archive.numbered_ticks(key, holding.symbol, newest=REVIVED_TICKS)
        before: int | None = None
        while (read := await asyncio.to_thread(_next, chunks)) is not None:
            numbering, ticks = read
            if before is not None and numbering != before:
                market.forget_ids(holding.symbol)
            market.append(ticks, backfill=True)
            before = numbering


def _next(chunks: Iterator[tuple[int, Ticks]]) -> tuple[int, Ticks] | None:
    return next(chunks, None)
