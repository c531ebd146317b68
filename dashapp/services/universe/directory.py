"""What each exchange lists: its symbols, turnover and funding, kept fresh while it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from analytics.model import Listing
from dashapp.settings import Settings
from ingestion.binance import hours
from ingestion.binance import listings as wire
from ingestion.binance.rest import Rest
from ingestion.binance.wire import VENUES, Venue, checked_rest
from ingestion.decode.symbols import proper_symbol
from ingestion.stream.failures import NETWORK_ERRORS, explain

logger = logging.getLogger(__name__)

#: How old a list of symbols, a turnover, a funding rate and hours of trading may be, s.
INFO_S, TURNOVER_S, FUNDING_S, HOURS_S = 3_600.0, 300.0, 60.0, 600.0
#: How long to leave an exchange alone that did not answer.
RETRY_S = 15.0
#: How long a start waits for the exchange's list of symbols.
LISTED_S = 3.0


class Exchange:
    """One exchange: `rest` makes its requests, and `listings` are its symbols as last told.

    hours: of contracts that do not trade round the clock. problem: why the newest request
    failed, in words; "" while all is well. now_ms: the wall clock, epoch ms, for hours alone.
    """

    def __init__(
        self,
        venue: Venue,
        rest: Rest,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.venue = venue
        self.rest = rest
        self.listings: dict[str, Listing] = {}
        self.problem = ""
        self.hours = hours.Hours()
        self._now_ms = now_ms
        self._clock = clock
        self._fresh_until_s: dict[str, float] = {}
        self._refreshing = asyncio.Lock()

    async def refresh(self, *, funding: bool = True) -> None:
        """Ask for what is too old; nothing where all is fresh. Never raises for the network.

        funding: whether turnover and funding are asked for too, beside the symbols.
        """
        async with self._refreshing:
            paths = wire.paths(self.venue)
            ages = {"info": INFO_S, "hours": INFO_S, "turnover": TURNOVER_S, "funding": FUNDING_S}
            for name, (path, weight) in paths.items():
                due = self._fresh_until_s.get(name, 0.0) <= self._clock()
                if not due or (name != "info" and not (funding and self.listings)):
                    continue
                try:
                    body = await self.rest.get(path, weight)
                    self.listings = await asyncio.to_thread(self._read, name, body)
                    self._fresh_until_s[name] = self._clock() + ages[name]
                    self.problem = ""
                except (*NETWORK_ERRORS, TimeoutError, ValueError) as error:
                    words = str(error) if isinstance(error, ValueError) else explain(error).words
                    self.problem = f"{self.venue.name} does not list its symbols: {words}"
                    self._fresh_until_s[name] = self._clock() + RETRY_S
                    logger.warning("%s", self.problem)

    async def refresh_hours(self) -> None:
        """Ask for the sessions of contracts that have hours; nothing where there are none."""
        kept = any(one.underlying for one in self.listings.values())
        if not kept or self._fresh_until_s.get("sessions", 0.0) > self._clock():
            return
        try:
            body = await self.rest.get(hours.path(self.venue), hours.WEIGHT)
            self.hours = hours.read(body)
            self._fresh_until_s["sessions"] = self._clock() + HOURS_S
        except (*NETWORK_ERRORS, TimeoutError, ValueError) as error:
            self._fresh_until_s["sessions"] = self._clock() + RETRY_S
            logger.warning("%s: hours of trading are not known: %s", self.venue.name, error)

    def closed(self, symbol: str) -> bool:
        """Whether a symbol is outside its hours now."""
        one = self.listings.get(symbol)
        return bool(one and one.underlying and self.hours.closed(one.underlying, self._now_ms()))

    def opens(self, symbol: str) -> str:
        """When a closed symbol trades again, in words; "" where that is not known."""
        one = self.listings.get(symbol)
        at = self.hours.opens_ms(one.underlying, self._now_ms()) if one else None
        return "" if at is None else time.strftime("%a %H:%M UTC", time.gmtime(at / 1_000))

    def unknown(self, symbols: Iterable[str]) -> str:
        """What is wrong with the first symbol that does not trade there; "" for none, and as
        long as nothing is known.
        """
        return wire.unknown(symbols, self.listings, self.venue.name) if self.listings else ""

    def _read(self, name: str, body: bytes) -> dict[str, Listing]:
        if name == "info":
            before, fresh = self.listings, wire.read_info(body)
            return {symbol: _kept(one, before.get(symbol)) for symbol, one in fresh.items()}
        read = {
            "turnover": wire.with_turnover,
            "funding": wire.with_funding,
            "hours": wire.with_hours,
        }[name]
        return read(self.listings, body)


def _kept(fresh: Listing, before: Listing | None) -> Listing:
    """A symbol told anew, with the turnover and funding that were known."""
    if before is None:
        return fresh
    told = ("turnover", "mark_price", "funding_rate", "funding_hours", "next_funding_ms")
    return type(fresh)(**{**vars(fresh), **{name: getattr(before, name) for name in told}})


class Directory:
    """The exchanges that can be asked, each made when it is first asked for.

    Where a server stands in for an exchange's streams alone, the exchange itself is not asked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exchanges: dict[str, Exchange] = {}

    def of(self, source: str) -> Exchange | None:
        """The exchange of a source; None for a source that is none, or may not be asked."""
        venue = VENUES.get(source)
        settings = self._settings
        if venue is None or (settings.binance_ws and not settings.binance_rest):
            return None
        if source not in self._exchanges:
            base = settings.binance_rest
            rest = Rest(venue, None if base is None else checked_rest(base))
            self._exchanges[source] = Exchange(venue, rest)
        return self._exchanges[source]

    async def check_listed(self, source: str, symbols: Iterable[str]) -> None:
        """Raises ValueError, with the nearest names, for what the exchange does not trade.

        An exchange that does not answer in time is no reason not to start.
        """
        exchange = self.of(source)
        if exchange is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTED_S):
                await exchange.refresh(funding=False)
        problem = exchange.unknown([proper_symbol(one.strip()) or one for one in symbols])
        if problem:
            raise ValueError(problem)

    async def close(self) -> None:
        """Free every connection."""
        exchanges = list(self._exchanges.values())
        await asyncio.gather(*(exchange.rest.close() for exchange in exchanges))
