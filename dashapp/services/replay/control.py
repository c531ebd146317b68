"""The replay: which stretch plays into the market "replay", and what can be done with it.

One replay at a time, beside whatever feed runs. Its ticks or bars enter the market as live
ones do, so that charts, analytics and alert rules take them for such; rules of the market
"replay" hear of every bar. To go back in time begins the market anew from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from analytics.model import Ticks
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.archive.stored_rows import ArchivedMarket
from dashapp.services.markets import Markets
from dashapp.services.replay.sources import of_archive, of_market, rows_in
from ingestion.replay import Batch, ReplayFeed, ReplayState, Stretch, checked_speed
from storage.market.market import Market
from storage.market.numbering import by_numbering

logger = logging.getLogger(__name__)

MARKET = "replay"
#: A replay stands still while rules on closed bars are so far behind, in ms of its market.
MOST_BEHIND_MS = 6_000_000

_NOTHING = "nothing is replayed: start a replay first"


@dataclass(frozen=True)
class ReplayPosition:
    """Where a replay is. of: the market it plays.

    position_ms: exchange time up to which everything was delivered, from first_ms to last_ms.
    """

    of: str
    title: str
    state: ReplayState
    problem: str
    speed: float
    position_ms: int
    first_ms: int
    last_ms: int
    symbols: tuple[str, ...]


class ReplayControl:
    """The market "replay" among the markets. alerts: hear of each that a replay begins, and are
    waited for. find: a market of the archive, None where it has none such.
    """

    def __init__(
        self,
        markets: Markets,
        alerts: AlertEngine,
        find: Callable[[str], Awaitable[ArchivedMarket | None]],
    ) -> None:
        self._markets = markets
        self._alerts = alerts
        self._find = find
        self._of = ""
        self._feed: ReplayFeed | None = None
        self._switching = asyncio.Lock()

    @property
    def state(self) -> ReplayPosition | None:
        """Where the replay is; None before the first."""
        feed = self._feed
        if feed is None:
            return None
        stretch = feed.stretch
        return ReplayPosition(
            of=self._of,
            title=stretch.title,
            state=feed.state,
            problem=feed.problem,
            speed=feed.head.speed,
            position_ms=feed.position_ms,
            first_ms=stretch.first_ms,
            last_ms=stretch.last_ms,
            symbols=stretch.symbols,
        )

    async def start(self, market_id: str, speed: float = 1.0, start_ms: int | None = None) -> None:
        """Play a market from a time (its first for None), in place of what was played.

        Raises KeyError or ValueError in words; the replay that runs is then left alone.
        """
        speed = checked_speed(speed)
        stretch = await self._stretch(market_id)
        self._check(stretch, start_ms)
        async with self._switching:
            await self._play(stretch, market_id, speed, start_ms)
        logger.info("replay of %s begins at %gx", stretch.title, speed)

    async def _stretch(self, market_id: str) -> Stretch:
        """A market in memory, or in the archive where that has more of it.

        Raises KeyError or ValueError in words.
        """
        market = self._markets.get(market_id)
        if market is not None and market.kind == "replay":
            raise ValueError("a replay cannot be replayed: seek in it")
        kept = await self._find(market_id)
        if kept is not None and (market is None or rows_in(market) < kept.rows):
            return of_archive(kept)
        if market is None:
            known = ", ".join(market_id for market_id in self._markets if market_id != MARKET)
            raise KeyError(f"there is no market {market_id!r}, only: {known}")
        return await of_market(market)

    def play(self) -> None:
        """Go on after a pause. Raises ValueError where nothing is replayed, or it has ended."""
        feed = self._running()
        if feed.state in ("ended", "failed"):
            raise ValueError("the replay has ended: seek to a time, or start it again")
        feed.play()

    def pause(self) -> None:
        """Stand still. Raises ValueError where nothing is replayed."""
        self._running().pause()

    def set_speed(self, speed: float) -> None:
        """Go on at another speed. Raises ValueError."""
        self._running().set_speed(speed)

    async def seek(self, position_ms: int) -> None:
        """Go to a time: forward by delivering what lies between, back by beginning anew there.

        A pause stays one; a replay that has ended plays on, but for its very end, where it stays.
        Raises ValueError.
        """
        async with self._switching:
            feed = self._running()
            self._check(feed.stretch, position_ms)
            over = feed.state in ("ended", "failed")
            if position_ms >= feed.position_ms and not over:
                feed.forward(position_ms)
                return
            if position_ms == feed.position_ms == feed.stretch.last_ms and feed.state == "ended":
                return  # it is there already, with all that lies before
            paused = feed.state == "paused"
            await self._play(feed.stretch, self._of, None, position_ms)
            if paused:
                self.pause()

    async def stop(self) -> None:
        """End the replay; nothing where there is none. What it brought stays."""
        async with self._switching:
            await self._stop()

    async def _stop(self) -> None:
        if self._feed is not None:
            await self._feed.stop()

    def _running(self) -> ReplayFeed:
        if self._feed is None:
            raise ValueError(_NOTHING)
        return self._feed

    def _check(self, stretch: Stretch, position_ms: int | None) -> None:
        if position_ms is not None and not stretch.first_ms <= position_ms <= stretch.last_ms:
            raise ValueError(
                f"position_ms is {position_ms}, expected {stretch.first_ms} to {stretch.last_ms}"
            )

    async def _play(
        self, stretch: Stretch, of: str, speed: float | None, start_ms: int | None
    ) -> None:
        """Play in place of what was played. speed: None for that of what was played."""
        await self._stop()
        if speed is None:  # read only now: it may have been set while that was stopping
            speed = self._running().head.speed
        market = Market(MARKET, f"Replay: {stretch.title}", "replay", coming=stretch.symbols)

        def sink(batches: list[Batch]) -> None:
            for batch in batches:
                if isinstance(batch, Ticks):
                    # What was kept has nothing twice; a source may have numbered anew in it.
                    for piece in by_numbering(batch):
                        market.forget_ids(piece.symbol)
                        market.append(piece)
                else:
                    market.append_bars(batch)

        def ended() -> None:
            market.whole = True
            logger.info("replay of %s has ended", stretch.title)

        self._of, self._markets[MARKET] = of, market
        self._alerts.begin(market)
        self._feed = ReplayFeed(
            stretch,
            sink,
            start_ms=start_ms,
            speed=speed,
            ended=ended,
            wait=lambda: self._alerts.behind_ms(market) > MOST_BEHIND_MS,
        )
        self._markets.fillers[MARKET] = self._feed
        self._feed.start()
