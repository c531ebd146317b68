"""Markets of uploaded files: how they come in, how many are held, how they go.

A file is read by an `UploadSession` into a market that nobody sees until it is whole; here it
gets its name among the runtime's markets, and the oldest gives way to the newest.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from dataclasses import dataclass
from functools import partial

from dashapp.services.archive.recorder import Recorder
from dashapp.services.archive.restore import Restorer
from dashapp.services.markets import Markets
from dashapp.services.uploads.session import UploadSession
from dashapp.text.numbers import counted
from ingestion.files.charset import Encoding
from ingestion.files.errors import Answers
from ingestion.files.reader import UploadReader
from ingestion.files.tables import MAX_SYMBOLS
from storage.market.market import Market

logger = logging.getLogger(__name__)

MAX_UPLOAD_MARKETS = 16
#: Removed markets that can be brought back in this session.
MAX_PUT_AWAY = 4
FILE_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class PutAway:
    """A market that was removed by hand. delete: whether the archive's copy goes for good once
    it can be brought back no more.
    """

    market: Market
    delete: bool


class FileMarkets:
    """The uploaded markets among the markets. sessions: files on their way in, by their key.
    put_away: those removed by hand that can be brought back, the newest last.
    """

    def __init__(self, markets: Markets, recorder: Recorder, restorer: Restorer) -> None:
        self.sessions: dict[str, UploadSession] = {}
        self._markets = markets
        self._recorder = recorder
        self._restorer = restorer
        # Of this run alone: a rule that was kept must not find another file under its market.
        self._run = uuid.uuid4().hex[:6]
        self._begun = 0
        self.put_away: dict[str, PutAway] = {}

    def begin(
        self,
        name: str,
        market: str | None = None,
        symbol: str | None = None,
        key: str | None = None,
        keep: bool = True,
        encoding: Encoding = "utf-8",
        answers: Answers | None = None,
    ) -> UploadSession:
        """Begin to take a file in. market: an uploaded market that it joins, None for a new one.
        key: under which `sessions` has it until it ends, None for any. keep: whether it goes to
        the archive. encoding: of its text. answers: what was said of it beside.

        Raises KeyError or ValueError in words for a market that it cannot join, ValueError
        for a symbol that is none.
        """
        reader = UploadReader(name, symbol, encoding, answers)
        self._begun += 1
        if market is None:
            market_id = f"upload-{self._run}-{self._begun}"
            kept_as = market_id if keep else ""
            target = Market(
                market_id, reader.name, "upload", kept_as=kept_as, max_symbols=MAX_SYMBOLS
            )
        else:
            target = self._uploaded(market)
        key = key or f"file-{self._begun}"
        if key in self.sessions:
            raise ValueError(f"id is {key!r}, which another file has that is on its way in")
        session = UploadSession(
            reader,
            target,
            joins=market is not None,
            show=self._show,
            end=partial(self._ended, key),
            writer=self._recorder.file(target.id, market is not None) if keep else None,
        )
        self.sessions[key] = session
        return session

    def free_idle(self, seconds: float) -> bool:
        """Give up the file that has been idle longest, if that is so long; whether one was."""
        idlest = max(self.sessions.values(), key=lambda one: one.idle_s, default=None)
        if idlest is None or idlest.idle_s < seconds:
            return False
        idlest.abort()
        return True

    async def load(self, path: str) -> str:
        """Take a file of this machine in as a market; its id.

        Raises OSError, and UploadError (a ValueError) when it is no market data.
        """
        session = self.begin(os.path.basename(path), keep=False)
        try:
            with await asyncio.to_thread(open, path, "rb") as file:
                while chunk := await asyncio.to_thread(file.read, FILE_CHUNK):
                    await session.feed(chunk)
            market_id, _ = await session.finish()
        finally:
            session.abort()
        return market_id

    async def load_kept(self, key: str) -> str:
        """Load a market of the archive, beside the others; its id. Raises KeyError in words,
        ArchiveError.
        """
        if key not in self._markets:
            market = await self._restorer.load(key)
            self.add(market)
        return key

    def add(self, market: Market) -> None:
        """Let a whole market be seen; forget the oldest when there are too many."""
        self._markets[market.id] = market
        uploads = [one.id for one in self._markets.values() if one.kind == "upload"]
        for oldest in uploads[:-MAX_UPLOAD_MARKETS]:
            self._forget(oldest)
            logger.info("market %s forgotten: the newest %d uploads stay", oldest, len(uploads) - 1)

    def take_away(self, market: str, delete: bool) -> None:
        """Forget an uploaded market so that `bring_back` can undo it in this session.

        delete: the archive's copy goes as well, when the session ends or MAX_PUT_AWAY others
        were taken away since; else it stays, and comes back with the next start. Raises as
        `remove` does.
        """
        found = self._uploaded(market)
        self._give_up_joining(found)
        self.put_away[market] = PutAway(found, delete)
        self._forget(market)
        for oldest in list(self.put_away)[:-MAX_PUT_AWAY]:
            self._settle(oldest)
        logger.info("market %s was taken away%s", market, ", to be deleted" * delete)

    def bring_back(self) -> Market | None:
        """Undo the newest removal: the market that is back, None where there is none."""
        if not self.put_away:
            return None
        _, held = self.put_away.popitem()
        self.add(held.market)
        return held.market

    def leaving(self, market: str) -> bool:
        """Whether the archive's copy of a market is to be deleted."""
        return market in self.put_away and self.put_away[market].delete

    def settle(self) -> None:
        """The session ends: what was to be deleted from the archive is."""
        for market in list(self.put_away):
            self._settle(market)

    def _settle(self, market: str) -> None:
        if self.put_away.pop(market).delete:
            self._recorder.forget(market)

    def remove(self, market: str) -> None:
        """Forget an uploaded market at once, and give up the files that are joining it.

        Raises KeyError or ValueError in words for a market that is not there or no upload.
        """
        self._give_up_joining(self._uploaded(market))
        self._forget(market)
        self._recorder.forget(market)
        logger.info("market %s was removed", market)

    def _give_up_joining(self, market: Market) -> None:
        for session in list(self.sessions.values()):
            if session.market is market:
                session.abort()

    def _forget(self, market: str) -> None:
        del self._markets[market]

    def _ended(self, key: str) -> None:
        del self.sessions[key]

    def _uploaded(self, market: str) -> Market:
        found = self._markets.known(market)
        if found.kind != "upload":
            raise ValueError(f"market is {market!r}, expected one that was uploaded")
        return found

    def _show(self, session: UploadSession) -> None:
        """Let a file that is whole be seen."""
        market = session.market
        if market.id in self._markets:
            first, files = market.made_of
            market.made_of = (first, files + 1)
            market.title = f"{first} and {counted(files, 'file')}"
        self.add(market)
