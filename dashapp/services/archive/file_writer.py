"""The writer of a file: its rows on their way to the archive, while it is read."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor

from analytics.model import Bars, Ticks
from dashapp.services.archive.write_queue import coalesced
from storage.archive.archive import Archive, ArchiveError

logger = logging.getLogger(__name__)

#: Rows that are stored in one go. Two such portions are held, however large the file.
AT_ONCE = 131_072


class FileWriter:
    """Where the rows of a file go while it is read. Its methods may block: for worker threads.

    Storing has a thread of its own, so that reading need not wait for it. Until `done`, nobody
    sees the rows, and a restart sweeps them away. joins: the file is added to a market that is
    kept already. problem: why the file is not kept, "" while it is.
    """

    def __init__(self, archive: Archive, market: str, joins: bool = False) -> None:
        self.problem = ""
        self._archive = archive
        self._market = market
        self._joins = joins
        self._begun = False
        self._rows: list[Ticks | Bars] = []
        self._count = 0
        self._storer = ThreadPoolExecutor(1, "file")
        self._storing: Future[None] | None = None

    def take(self, rows: Ticks | Bars) -> None:
        """Take rows that the market accepted."""
        if self.problem or not len(rows):
            return
        self._rows.append(rows)
        self._count += len(rows)
        if self._count >= AT_ONCE:
            self._hand_over()

    def done(self, title: str, made_of: tuple[str, int] | None = None) -> None:
        """The file is whole: it is kept under its title when this returns.

        made_of: the title of the market's first file, and how many files made it.
        """
        self._hand_over()
        self._wait()
        if self._begun and not self.problem:
            try:
                self._archive.put_market(self._market, title, "upload", made_of=made_of)
            except ArchiveError as error:
                self._give_up(error)
        self._storer.shutdown()

    def drop(self) -> None:
        """The file was given up: nothing of it stays, unless it joined a market."""
        self._wait()
        if not self.problem:
            self._delete()
        self._storer.shutdown()

    def _hand_over(self) -> None:
        rows, self._rows, self._count = self._rows, [], 0
        self._wait()
        if rows and not self.problem:
            self._storing = self._storer.submit(self._store, rows)

    def _wait(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.result()

    def _store(self, rows: list[Ticks | Bars]) -> None:
        """Store a portion; the first that cannot be stored is the last."""
        try:
            if not self._begun:
                self._begin()
            ticks = [(self._market, batch) for batch in rows if isinstance(batch, Ticks)]
            if ticks:
                self._archive.append(coalesced(ticks))
            for batch in rows:
                if isinstance(batch, Bars):
                    self._archive.append_bars(self._market, batch)
        except (ArchiveError, ValueError) as error:  # no room, or what no column holds
            self._give_up(error)

    def _begin(self) -> None:
        self._begun = True
        if not self._joins:
            self._archive.put_market(self._market, self._market, "upload", loading=True)
        elif self._market not in {market.id for market in self._archive.markets()}:
            raise ArchiveError(f"the archive has no market {self._market} to add to")

    def _give_up(self, error: Exception) -> None:
        self.problem = str(error)
        logger.warning("%s: the file of market %s is in memory only", error, self._market)
        self._delete()

    def _delete(self) -> None:
        if not self._begun or self._joins:
            return
        try:
            self._archive.delete(self._market)
        except ArchiveError as error:
            logger.debug("%s: swept away at the next start", error)
