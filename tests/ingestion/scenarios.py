"""One run of a fault: the real feed, into a real market, against the stand-in."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from dashapp.services.archive.restore import Restorer
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.feeds.control import FeedControl
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from dashapp.settings import Settings
from ingestion.feed import Timeouts, Timers
from ingestion.stream.backoff import Backoff, BackoffPolicy
from ingestion.stream.watchdog import WatchdogPolicy
from storage.market.market import Market
from storage.market.outliers import FEWEST
from tests.exchange import Exchange
from tests.exchange_faults import STRIKES
from tests.waiting import PATIENCE_S

SYMBOLS = ("BTCUSDT", "ETHUSDT")

#: A twentieth to a fiftieth of the production timers, for the runs that are always made.
FAST = Timers(
    Timeouts(open_s=0.5, ping_s=0.2, pong_s=0.2, close_s=0.1, gather_s=0.005),
    BackoffPolicy(floor_s=0.02, cap_s=0.3, stable_s=0.3),
    WatchdogPolicy(feed_s=0.5, symbol_s=60.0),
    handover_s=0.05,
)
#: A loaded machine must not be taken for a dead connection where one new connection fails.
PATIENT = replace(
    FAST,
    timeouts=replace(FAST.timeouts, ping_s=5.0, pong_s=5.0, open_s=5.0),
    watchdog=replace(FAST.watchdog, feed_s=5.0),
)
PRODUCTION = Timers()

#: What a feed lives through on the one connection, with nothing missed.
UNDISTURBED = ("badutf8", "dirty", "duplicate", "reorder", "outlier", "clockjump")

#: A connection that went dead and never comes back: recovery begins when that is found out.
NEVER_HEALS = ("stall",)
AT_A_TIME = 6


class Hurried(Backoff):
    """A backoff that waits a thousandth of what a server or a refusal orders.

    403, 418, 451, a redirect and a close 1008 are left alone for minutes, by order or because
    only a user can mend them: no test has that time. The backoff on top of it is as ever.
    """

    def next_delay(self, at_least_s: float = 0.0) -> float:
        return super().next_delay(at_least_s / 1_000 if at_least_s > 1 else at_least_s)


@dataclass(frozen=True)
class Outcome:
    """What a run showed. recovery_s: from the fault's end to live data of every symbol.

    found_s: from the fault to the feed leaving "live", None where it never did.
    """

    fault: str
    seed: int
    recovery_s: float
    found_s: float | None
    connects: int
    gaps: int
    received: int
    wrong: tuple[str, ...]


async def until(condition: Callable[[], object], seconds: float = PATIENCE_S) -> bool:
    """Whether a condition comes to hold; fewer seconds are for what may be, or not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.004)
    return True


class Run:
    """A stand-in, a market and its feed."""

    def __init__(self, exchange: Exchange, timers: Timers, seed: int) -> None:
        self.exchange = exchange
        self.seed = seed
        self.markets = Markets()
        settings = Settings(
            archive=None, binance_ws=exchange.ws, binance_rest=exchange.rest, universe=0
        )
        writer = ArchiveWriter()
        restorer = Restorer(writer, lambda market: None)
        self.control = FeedControl(
            settings, self.markets, Kernels(), writer, restorer, timers=timers
        )
        self.timers = timers
        self.wrong: list[str] = []

    @property
    def market(self) -> Market:
        return self.markets["live"]

    @property
    def state(self) -> str:
        return self.markets.status("live").state

    def seen(self, symbol: str) -> int:
        """The highest id that came of a symbol, -1 before the first."""
        return self.market.newest_id(symbol)

    def caught_up(self, than: dict[str, int]) -> bool:
        """Live again, with trades of every symbol newer than these ids."""
        return self.state == "live" and all(self.seen(one) > than[one] for one in SYMBOLS)

    async def start(self) -> None:
        await self.control.start("binance-futures", SYMBOLS)
        feed = self.control._feeds["live"]
        hurried = Hurried(self.timers.backoff, random.Random(self.seed))
        feed.shards[0]._backoff = hurried
        self.expect(await until(self._flows, PATIENCE_S), "data flows at first")

    def _flows(self) -> bool:
        """Live, with so many trades of every symbol that the next price is judged by them."""
        return self.state == "live" and all(
            self.seen(one) >= 0 and len(self.market.ticks(one)) > 2 * FEWEST for one in SYMBOLS
        )

    def expect(self, holds: bool, words: str) -> None:
        if not holds:
            self.wrong.append(words)

    async def _newest_came(self) -> bool:
        newest = {one: self.exchange.newest(one) for one in SYMBOLS}
        return await until(lambda: all(self.seen(one) == newest[one] for one in SYMBOLS), 3)

    async def settle(self, fillable: bool = True) -> None:
        """No more trades: what is on its way comes in, gaps are filled; then the account."""
        exchange, market = self.exchange, self.market
        await exchange.pause()
        came = await self._newest_came()
        for _ in range(20):
            if not came:  # what was missed last shows with the next trade: there is always one
                for symbol in SYMBOLS:
                    exchange.publish(symbol, exchange.make_up(symbol, 1))
                came = await self._newest_came()
        self.expect(came, "the newest trades came")
        if fillable:
            self.expect(
                await until(lambda: not market.gaps.open, PATIENCE_S), "every gap is filled"
            )
        self.expect(market.counters.balanced, f"the account is exact: {market.counters}")
        for symbol in SYMBOLS:
            ids = market.ticks(symbol).trade_id
            whole = len(ids) == ids.max() - ids.min() + 1 == len(set(ids.tolist()))
            self.expect(whole or not fillable, f"every {symbol} trade is there once")

    async def strike(self, fault: str, outage_s: float) -> tuple[float, float | None]:
        """Let a fault happen and end; seconds to recover from it, and until it was found."""
        faults, began = self.exchange.faults, time.monotonic()
        await faults.strike(fault)

        async def found_out() -> float | None:
            lost = await until(lambda: self.state != "live", 20)
            return time.monotonic() - began if lost else None

        finding = asyncio.create_task(found_out())
        if fault in NEVER_HEALS:
            await finding
        elif fault not in STRIKES:
            await asyncio.sleep(outage_s)
        await faults.heal()
        healed = time.monotonic()
        newest = {one: self.exchange.newest(one) for one in SYMBOLS}
        if fault in STRIKES:  # it has yet to reach the feed, if it does
            await asyncio.wait({finding}, timeout=0.5)
        self.expect(await until(lambda: self.caught_up(newest), PATIENCE_S), "data flows again")
        recovery = time.monotonic() - healed
        if not finding.done():
            finding.cancel()
            return recovery, None
        return recovery, finding.result()


async def _renewed(made: Run) -> None:
    """The connection comes of age, and the next one takes over."""
    connected = made.exchange.connects
    made.expect(await until(lambda: made.exchange.connects > connected, PATIENCE_S), "renewed")


async def _clock_set_back(made: Run) -> None:
    """This computer's clock goes back by an hour: no tick is of the future for that."""
    clock = made.control._feeds["live"].shards[0]._intake.clock
    clock._wall = lambda: time.time() - 3_600
    made.expect(
        await until(lambda: made.control.health.clock_jump_s is not None, PATIENCE_S), "noticed"
    )
    newest = {one: made.exchange.newest(one) for one in SYMBOLS}
    made.expect(await until(lambda: made.caught_up(newest), PATIENCE_S), "data flows on")
    made.expect(not made.market.counters.rejected, "nothing refused for it")


#: Faults that the exchange has no part in, or that pass without an interruption.
UNSEEN = {"age24h": _renewed, "clockjump": _clock_set_back}


async def run(fault: str, seed: int, timers: Timers, outage_s: float, rate: float = 60) -> Outcome:
    """One fault, from a feed that is live to one that is live again with nothing missing."""
    if fault in UNDISTURBED and timers is FAST:
        timers = PATIENT
    if fault == "age24h":
        timers = replace(timers, max_age_s=outage_s, age_jitter=0.0)
    rng = random.Random(f"{fault}{seed}")
    async with Exchange(SYMBOLS, rate=rate, seed=seed) as exchange:
        made = Run(exchange, timers, seed)
        try:
            await made.start()
            if fault in UNSEEN:
                await UNSEEN[fault](made)
                recovery, found = 0.0, None
            else:
                recovery, found = await made.strike(fault, outage_s * rng.uniform(0.3, 1.0))
            await made.settle()
            market = made.market
            outliers = len(SYMBOLS) if fault == "outlier" else 0
            made.expect(market.counters.outliers == outliers, "what jumps is marked")
            return Outcome(
                fault,
                seed,
                recovery,
                found,
                exchange.connects,
                market.gaps.total,
                market.counters.received,
                tuple(made.wrong),
            )
        finally:
            await made.control.stop()


async def run_all(
    faults: tuple[str, ...], seeds: range, timers: Timers, outage_s: float, rate: float = 60
) -> list[Outcome]:
    """Every fault with every seed, so many at a time."""
    gate = asyncio.Semaphore(AT_A_TIME)

    async def one(fault: str, seed: int) -> Outcome:
        async with gate:
            return await run(fault, seed, timers, outage_s, rate)

    return await asyncio.gather(*(one(fault, seed) for fault in faults for seed in seeds))
