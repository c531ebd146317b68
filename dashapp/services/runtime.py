"""The runtime: every object behind the pages, made from the settings and tied together here.

It lives on the event loop, which owns all that changes in it. `start` returns at once, so
that the server answers while the kernels are compiled in a worker thread; `stop` ends what
runs within seconds. Pages and the HTTP interface use the objects directly.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.alerts.history import MAX_EVENTS
from dashapp.services.analysis.cache import Analyses
from dashapp.services.analysis.grid_jobs import GridJobs
from dashapp.services.analysis.johansen import JohansenTests
from dashapp.services.archive.recorder import Recorder
from dashapp.services.archive.restore import Restorer
from dashapp.services.archive.stored_rows import archived_market
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.feeds.control import FeedControl
from dashapp.services.feeds.sinks import publisher_at
from dashapp.services.loop_watch import LoopWatch
from dashapp.services.markets import Markets
from dashapp.services.memory import MemoryKeeper
from dashapp.services.pair_history import PairHistory
from dashapp.services.periodic import ActivityLog
from dashapp.services.replay.control import ReplayControl
from dashapp.services.scan.control import Scans
from dashapp.services.startup import Kernels
from dashapp.services.universe.demo import DEMO_UNIVERSE, DemoUniverse
from dashapp.services.uploads.markets import MAX_UPLOAD_MARKETS, FileMarkets
from dashapp.services.views import SavedViews
from dashapp.services.watchlist.watchlist import Watchlist
from dashapp.settings import Settings
from ingestion.url_guard import mask_url
from storage.market.market import Market

#: How long an answer waits for the history that it shows.
FILLED_S = 2.0
logger = logging.getLogger(__name__)


class Runtime:
    """Everything that runs behind the pages. Made from Settings; `start` it on a loop.

    markets: all of them by id, and what each feed does. demo_universe: what makes one of them at
    the first look. memory: holds them within the budget. kernels: whether the statistics are
    compiled. feeds, uploads, replays: what fills the markets. analysis, johansen: results; grids:
    sweeps and walk-forwards; scans: of every pair of a market. alerts: rules and what fired.
    views: the saved ones. recorder: the archive. pair_history: the pairs that pages watch;
    watchlist: the pairs that are read all the time. loop_watch: how late the loop is.
    callback_ms: durations of the pages' live callbacks by path, put here by whoever serves them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started_s = time.monotonic()
        self.callback_ms: dict[str, deque[float]] = {}
        self.markets = Markets(Market("demo", "Demo", "demo"), Market("live", "Live", "live"))
        self.demo_universe = DemoUniverse(self.markets)
        self.memory = MemoryKeeper(self.markets, settings.memory_mb)
        self.kernels = Kernels()
        self.analysis = Analyses(self.markets, self.kernels)
        self.loop_watch = LoopWatch(listener=self.analysis.results.load.late)
        self.johansen = JohansenTests()
        self.grids = GridJobs()
        self._writer = ArchiveWriter(settings.keep_days)
        self.recorder = Recorder(self._writer, self.markets)
        self.views = SavedViews(self._writer)
        self._writer.shelves.append(self.views)
        self.alerts = AlertEngine(self.markets, self.kernels, self._writer, settings.reaches_local)
        self._restorer = Restorer(self._writer, self.alerts.history.found_again)
        self.feeds = FeedControl(
            settings,
            self.markets,
            self.kernels,
            self._writer,
            self._restorer,
            publisher_at(settings.redis),
        )
        self.uploads = FileMarkets(self.markets, self.recorder, self._restorer)
        find = partial(archived_market, self.recorder)
        self.replays = ReplayControl(self.markets, self.alerts, find)
        self.pair_history = PairHistory(self.markets, self.alerts, self._writer)
        self.watchlist = Watchlist(self.markets, self.kernels, self.alerts, self._writer, self.look)
        self.scans = Scans(self.markets, self._writer, settings.scan_on, self._market_ready)
        self._writer.shelves.append(self.scans)
        self._activity = ActivityLog(self.markets, self.analysis)
        self._opened_file = ""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def default_market(self) -> str:
        """The market with which a page begins: that of the file given at the start, until a
        feed is started; else the one that is fed, or was last.
        """
        if self._opened_file in self.markets and not self.feeds.started:
            return self._opened_file
        return self.feeds.market_id

    def look(
        self, market_id: str, symbols: Sequence[str] = (), timeframe: str = "", bars: int = 0
    ) -> None:
        """Somebody looks at a market, or at so many bars of symbols of it: what is made or asked
        for at a look begins to come.
        """
        if market_id == DEMO_UNIVERSE:
            self.demo_universe.look()
        market = self.markets.get(market_id)
        if market is None or not symbols:
            return
        market.look(symbols)
        if market_id == "live":
            self.feeds.look(symbols, timeframe, bars)

    async def filled(self, market_id: str, symbol: str, timeframe: str) -> None:
        """Wait, two seconds at most, for the history of what was just looked at."""
        if market_id == "live" and self.feeds.history is not None:
            await self.feeds.history.filled(symbol, timeframe, FILLED_S)

    async def _market_ready(self, market_id: str) -> None:
        """Wait until a market that is made at the first look is there."""
        if market_id == DEMO_UNIVERSE:
            await self.demo_universe.ready()

    async def start(self) -> None:
        """Open the archive and begin: source, kernels, alert engine, report. Quick."""
        self.feeds.open()
        if self.settings.archive is not None:
            await self._writer.open(self.settings.archive, self.alerts, MAX_EVENTS)
        self.kernels.start()
        works = (
            self.loop_watch.run,
            self._begin,
            self.alerts.run,
            self.pair_history.run,
            self.watchlist.run,
            self.scans.run,
            self.memory.run,
            self._activity.run,
        )
        self._tasks = [asyncio.create_task(_logged(work)) for work in works]

    async def stop(self) -> None:
        """End every task, stop the feed, close the archive; within seconds."""
        self.johansen.stop()
        await self.scans.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self.kernels.stop(), return_exceptions=True)
        await asyncio.gather(
            self.feeds.close(), self.replays.stop(), self.demo_universe.stop(), self._put_away()
        )

    async def _put_away(self) -> None:
        """End the alerts, then the archive: it takes in how their last deliveries ended."""
        await self.alerts.stop()
        self.uploads.settle()
        await self._writer.close()

    async def _begin(self) -> None:
        """Start the source, bring back what is kept, compile: in the order of what pages need."""
        try:
            if self.settings.source_is_file:
                self._opened_file = await self.uploads.load(self.settings.source)
            elif self.settings.source != "none":
                settings = self.settings
                await self.feeds.start(settings.source, settings.symbols, settings.subscribe)
        except (ValueError, OSError) as error:
            logger.error("the source %s did not start: %s", mask_url(self.settings.source), error)
        await self._revive()
        await self.kernels.compile()

    async def _revive(self) -> None:
        """Bring back what an earlier run kept: the live market, if none is fed, and files."""
        await self.kernels.market_ready()
        await self._restorer.revive_newest(self.markets["live"])
        async for market in self._restorer.uploads(MAX_UPLOAD_MARKETS, self.markets):
            self.uploads.add(market)


async def _logged(work: Callable[[], Awaitable[None]]) -> None:
    """Do a piece of work; what ends it unforeseen goes to the log."""
    try:
        await work()
    except Exception:
        logger.exception("a background task of the runtime failed")
