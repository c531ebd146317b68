"""Requests to the exchange, all of them within one budget of weight, and its refusals heeded.

Backfill, history and the universe share one `Rest`, so that together they stay below the limit,
and a "wait" that one of them is told holds for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx

from ingestion.binance.wire import Venue
from ingestion.stream.budget import Budget
from ingestion.stream.failures import NETWORK_ERRORS, Failure, FeedError, explain, explain_status
from ingestion.stream.http_client import http_client

logger = logging.getLogger(__name__)

MAX_BODY = 32 << 20
#: Requests that are under way at once.
AT_ONCE = 16
#: Share of the exchange's budget a minute that is used.
SHARE = 0.8
#: How long to leave the exchange alone after a 418, or a 429, that does not say.
BAN_S, PAUSE_S = 120.0, 60.0
#: Statuses that say no to the request itself: it is not made again.
_HOPELESS = frozenset((400, 401, 403, 404, 451))


def left_of_minute(date: str) -> float | None:
    """Seconds until the minute ends in which a server answered, by its own clock; None for what
    is no time. The exchange counts weight by the minute of its clock.

    >>> left_of_minute("Mon, 30 Nov 2026 06:34:40 GMT"), left_of_minute("yesterday")
    (21.0, None)
    """
    try:
        answered = parsedate_to_datetime(date[:40])
    except (TypeError, ValueError, OverflowError):
        return None
    # One more than is left, for the time is told in whole seconds.
    return 61.0 - answered.second


class Rest:
    """The exchange's REST interface. base: scheme, host and port; None for the venue's own.

    share: of the exchange's budget a minute that is used. refused: what the exchange said last
    where it refuses, "" while it answers. used: the most weight that it said was used in a
    minute. Call `close` at the end.
    """

    def __init__(
        self,
        venue: Venue,
        base: str | None = None,
        *,
        share: float = SHARE,
        timeout_s: float = 10.0,
        ban_s: float = BAN_S,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.venue = venue
        self.base = (base or venue.rest).rstrip("/")
        self.refused = ""
        self.used = 0
        self._timeout_s = timeout_s
        self._ban_s = ban_s
        self._clock = clock
        self._budget = Budget(venue.budget * share)
        self._slots = asyncio.Semaphore(at_once)
        self._silent_until_s = 0.0
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    @property
    def wait_s(self) -> float:
        """Seconds for which the exchange asked to be left alone."""
        return max(0.0, self._silent_until_s - self._clock())

    def budget_wait_s(self, weight: int) -> float:
        """Seconds until a request of this weight is within the budget, and is welcome."""
        return max(self.wait_s, self._budget.wait_s(self._clock(), weight))

    async def get(self, path: str, weight: int, spare: float = 0.0) -> bytes:
        """One answer's body, as soon as the budget allows. Raises one of NETWORK_ERRORS.

        spare: the share of the budget that is left to others, for what nobody waits for.
        """
        needed = weight + round(spare * self._budget.limit)
        await self._allowed(needed)
        async with self._slots:
            await self._allowed(weight)
            self._budget.spend(self._clock(), weight)
            try:
                body = await self._ask(path)
            except NETWORK_ERRORS as error:
                self.refused = explain(error).words
                raise
            self.refused = ""
            return body

    async def _allowed(self, weight: int) -> None:
        """Wait until so much weight is within the budget."""
        wait_s = self.budget_wait_s(weight)
        while wait_s > 0:
            await asyncio.sleep(wait_s)
            wait_s = self.budget_wait_s(weight)

    async def close(self) -> None:
        """Free the connections; a later request opens others."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*NETWORK_ERRORS):
                await client.aclose()

    async def _ask(self, path: str) -> bytes:
        async with self._opening:
            if self._client is None:
                logging.getLogger("httpx").setLevel(logging.WARNING)
                self._client = await http_client(self._timeout_s)
        async with asyncio.timeout(self._timeout_s):
            async with self._client.stream("GET", self.base + path) as response:
                used = response.headers.get("X-MBX-USED-WEIGHT-1M", "")
                if used.isascii() and used.isdigit():
                    self.used = max(self.used, int(used[:9]))
                    left_s = left_of_minute(response.headers.get("Date", ""))
                    self._budget.told(self._clock(), int(used[:9]), left_s)
                if response.status_code != 200:
                    raise FeedError(self._refusal(response))
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise FeedError(Failure(f"a page of more than {MAX_BODY >> 20} MB"))
        return bytes(body)

    def _refusal(self, response: httpx.Response) -> Failure:
        """What a status other than 200 means: at_least_s 0 and "blocked" is for good."""
        status = response.status_code
        failure = explain_status(status, response.headers.get("Retry-After"))
        if status in _HOPELESS or 300 <= status < 400:
            return Failure(failure.words, "blocked")
        if status == 418:
            asked = "Retry-After" in response.headers
            wait_s = failure.at_least_s if asked else max(failure.at_least_s, self._ban_s)
            failure = Failure(failure.words, "blocked", wait_s)
        if status in (418, 429):
            self._silent_until_s = max(self._silent_until_s, self._clock() + failure.at_least_s)
        return failure
