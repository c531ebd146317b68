"""The runtime: markets, the feed, the analyses, the alert engine, the archive. Knows no dash.

It lives on the event loop, which owns all that changes here. `start` returns at once, so
that the server answers while the kernels are compiled in a worker thread; `stop` ends what
runs within seconds. What is large enough for a room of its own has one: `feed_control`
runs feeds, `replays` plays again, `file_markets` takes files in, `analyses` caches results,
`alert_engine` watches, `keeper` writes the archive, `flow_log` tells.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from analytics.backtest import BacktestParams, BacktestResult
from analytics.model import Bars, FeedStatus, NotReady, PairParams, PairSnapshot
from dashapp.services import activity_log, startup
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.alerts.history import MAX_EVENTS
from dashapp.services.analysis.cache import Analyses, Correlations, carried_share, legs, pair_key
from dashapp.services.analysis.johansen import JohansenDesk
from dashapp.services.analysis.ranking import Ranking
from dashapp.services.analysis.summary import SymbolSummary
from dashapp.services.archive.recorder import Recorder
from dashapp.services.archive.stored_rows import kept_of
from dashapp.services.archive.writer import Keeper
from dashapp.services.feeds.control import FeedControl, publisher_at
from dashapp.services.feeds.health import trust_of
from dashapp.services.pair_history import PairLog
from dashapp.services.replay.control import ReplayControl
from dashapp.services.uploads.markets import MAX_UPLOAD_MARKETS, FileMarkets, known_market
from dashapp.settings import Settings
from ingestion.url_guard import mask_url
from storage.market.market import Market

logger = logging.getLogger(__name__)


class Runtime:
    """Everything that runs behind the pages. Made from Settings; `start` it on a loop.

    files: the markets of uploaded files. johansen: the newest of those tests.
    callback_ms: durations of the pages' live callbacks by path, put here by whoever serves them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started_s = time.monotonic()
        self.markets: dict[str, Market] = {
            "demo": Market("demo", "Demo", "demo"),
            "live": Market("live", "Live", "live"),
        }
        self._keeper = Keeper(settings.keep_days)
        self.recorder = Recorder(self._keeper, settings)
        self._feed = FeedControl(settings, self.markets, recorder=self.recorder)
        self.default_market = self._feed.market_id
        self.files = FileMarkets(self.markets, self.recorder, self._market_gone)
        self.callback_ms: dict[str, deque[float]] = {}
        self.alerts = AlertEngine(self, self._keeper.keep)
        self._keeper.renewed = self.alerts.keep_again
        self.recorder.revived = self.alerts.found_again
        self._pair_log = PairLog(self)
        find = partial(kept_of, self.recorder)
        self.replays = ReplayControl(self.markets, self.alerts.begin, self.alerts.behind_ms, find)
        self._analyses = Analyses()
        self.johansen = JohansenDesk()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._warm: asyncio.Task[None] | None = None
        self._helper: subprocess.Popen[bytes] | None = None

    # --- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the archive and begin: source, kernels, alert engine, report. Quick."""
        if self.settings.redis is not None:
            self._feed.publisher = publisher_at(self.settings.redis)
        if self.settings.archive is not None:
            await self._keeper.open(self.settings.archive, self.alerts.restore, MAX_EVENTS)
        startup.settle()
        self._helper = startup.helper()
        self._warm = asyncio.create_task(asyncio.to_thread(startup.market))
        report = partial(activity_log.run, self.markets, self._analyses)
        for work in (self._begin, self.alerts.run, self._pair_log.run, report):
            task = asyncio.create_task(_logged(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End every task, stop the feed, close the archive; within seconds."""
        self.johansen.stop()
        running = [*self._tasks, *([self._warm] if self._warm is not None else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._helper is not None and self._helper.poll() is None:
            self._helper.kill()
        await asyncio.gather(self._feed.close(), self.replays.stop(), self._put_away())

    async def _put_away(self) -> None:
        """End the alerts, then the archive: it takes in how their last deliveries ended."""
        await self.alerts.stop()
        await self._keeper.close()

    @property
    def kernels_ready(self) -> bool:
        """Whether the statistics are compiled; before that every analysis is NotReady."""
        return self._analyses.ready

    @property
    def computed(self) -> Counter[str]:
        """How many analyses were really computed, by kind: snapshot, summary, and so on."""
        return self._analyses.computed

    async def _begin(self) -> None:
        """Compile and start the source, in the order in which the pages need things."""
        started = time.perf_counter()
        try:
            if self.settings.source_is_file:
                self.default_market = await self.files.load(self.settings.source)
            elif self.settings.source != "none":
                await self.start_feed(self.settings.source, self.settings.symbols)
        except (ValueError, OSError) as error:
            logger.error("the source %s did not start: %s", mask_url(self.settings.source), error)
        await self._revive()
        await asyncio.to_thread(startup.statistics, self._helper)
        self._analyses.ready = True
        logger.info("statistics ready after %.1f s", time.perf_counter() - started)
        await asyncio.to_thread(startup.backtest)
        await asyncio.to_thread(startup.uploads)
        startup.settle()

    async def _revive(self) -> None:
        """Bring back what an earlier run kept: the live market, if none is fed, and files."""
        if self._warm is not None:  # a first tick would compile on the loop
            await asyncio.shield(self._warm)
        await self.recorder.revive_newest(self.markets["live"])
        async for market in self.recorder.uploads(MAX_UPLOAD_MARKETS):
            self.files.add(market)

    # --- markets -----------------------------------------------------------------------

    def market(self, market_id: str) -> Market | None:
        """The market of this id, None where there is none."""
        return self.markets.get(market_id)

    def _known(self, market_id: str) -> Market:
        return known_market(self.markets, market_id)

    def _market_gone(self) -> None:
        """A market was forgotten: pages that show none begin with another, if it was theirs."""
        if self.default_market not in self.markets:
            self.default_market = self.feed_market

    def trust(self, market_id: str) -> dict[str, Any]:
        """The trust strip's figures of a market; none at all where there is no such market."""
        market = self.markets.get(market_id)
        if market is None:
            return {}
        kept = {"archive": self._keeper.words, "redis": self._feed.redis_words}
        return {**trust_of(market, self._feed), **kept}

    # --- the feed ------------------------------------------------------------------------

    @property
    def feed_market(self) -> str:
        """Id of the market that the feed fills, or filled last."""
        return self._feed.market_id

    @property
    def feed_asked(self) -> dict[str, Any] | None:
        """The exchange and the symbols that the feed asks for, None where it asks none."""
        return self._feed.asked

    def feed_status(self, market_id: str) -> FeedStatus:
        """What the feed of a market does; an upload has none, and is stopped."""
        market = self.markets.get(market_id)
        if market is None:
            return FeedStatus("none", "stopped", "there is no such market")
        if market.kind == "upload":
            return FeedStatus(market.title, "stopped", "uploaded file")
        if market.kind == "replay":
            return self.replays.status
        return self._feed.status(market_id)

    def feed_events(self, market_id: str) -> list[tuple[float, str]]:
        """What happened to a market's feed, oldest first: epoch s, and a sentence."""
        return self._feed.events(market_id)

    async def start_feed(self, source: str, symbols: Sequence[str]) -> None:
        """Stop the feed that runs and start this source; nothing for the one that runs.

        source: demo, binance-futures, binance-spot, a URL, or none. Raises ValueError in
        words; the feed that runs is then left alone.
        """
        if self._warm is not None:  # a first tick would compile on the loop
            await asyncio.shield(self._warm)
        if source == "none":
            await self._feed.stop()
            return
        await self._feed.start(source, symbols)
        self.default_market = self._feed.market_id

    async def stop_feed(self) -> None:
        """Stop the feed; nothing where none runs. What it brought stays."""
        await self._feed.stop()

    # --- analyses ------------------------------------------------------------------------

    async def snapshot(
        self, market_id: str, params: PairParams, until_ms: int | None = None
    ) -> PairSnapshot | NotReady:
        """A pair's snapshot, computed once a version. Raises KeyError in words.

        until_ms: of bars that opened no later, here and below; None for all.
        """
        awaited = self.replays.awaited(market_id, params)
        if awaited is not None:
            return awaited
        self._pair_log.look(market_id, params)
        return await self._analyses.snapshot(self._known(market_id), params, until_ms)

    def snapshot_key(self, market_id: str, params: PairParams) -> tuple[Any, ...]:
        """Changes when the snapshot would. Cheap; never raises."""
        market = self.markets.get(market_id)
        if market is None or params.y not in market.symbols or params.x not in market.symbols:
            return (market_id, self.kernels_ready, params)
        return (*pair_key(market, params), self.kernels_ready)

    async def correlation(
        self, market_id: str, timeframe: str, limit: int, until_ms: int | None = None
    ) -> Correlations | NotReady:
        """Correlations of the returns of all symbols. Raises KeyError in words."""
        market = self._known(market_id)
        return await self._analyses.correlation(market, timeframe, limit, until_ms)

    async def summary(
        self, market_id: str, timeframe: str, limit: int
    ) -> list[SymbolSummary] | NotReady:
        """A row a symbol of the newest `limit` bars. Raises KeyError in words."""
        return await self._analyses.summary(self._known(market_id), timeframe, limit)

    async def backtest(
        self,
        market_id: str,
        params: PairParams,
        settings: BacktestParams,
        until_ms: int | None = None,
    ) -> BacktestResult | NotReady:
        """A back-test of a pair. Raises KeyError in words."""
        awaited = self.replays.awaited(market_id, params)
        market = self._known(market_id)
        return awaited or await self._analyses.backtest(market, params, settings, until_ms)

    async def ranking(
        self, market_id: str, params: PairParams, settings: BacktestParams
    ) -> Ranking | NotReady:
        """All pairs of a market, back-tested alike. Raises KeyError in words."""
        return await self._analyses.ranking(self._known(market_id), params, settings)

    def carried_share(self, market_id: str, params: PairParams) -> float | None:
        """Share of a pair's rows in view that a leg carries forward, None without any."""
        market = self.markets.get(market_id)
        return None if market is None else carried_share(market, params)

    def legs(self, market_id: str, params: PairParams) -> tuple[Bars, Bars]:
        """The bars of a pair's legs. Raises KeyError in words."""
        return legs(self._known(market_id), params)


async def _logged(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a task; what ends it unforeseen goes to the log."""
    try:
        await work()
    except Exception:
        logger.exception("a background task of the runtime failed")
