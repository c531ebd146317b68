"""Whether a connection still lives: data is life, and where none comes a ping asks.

A ping whose answer stands behind a burst of data waits as long as the burst: a connection
that breaks for it breaks when it is needed most.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from ingestion.stream.failures import Failure, FeedError

Ping = Callable[[], Awaitable[Awaitable[float]]]


class Keepalive:
    """Told by `heard` of data, it asks a connection that says nothing for quiet_s.

    ping: sends one and gives what waits for its answer. quiet_s: without data, then a ping is
    sent. pong_s: without data or an answer after it, then the connection is dead.

    >>> keepalive = Keepalive(None, quiet_s=20.0, pong_s=60.0, clock=lambda: 7.0)
    >>> keepalive.heard_s
    7.0
    """

    def __init__(
        self,
        ping: Ping,
        quiet_s: float,
        pong_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.heard_s = clock()
        self._ping = ping
        self._quiet_s = quiet_s
        self._pong_s = pong_s
        self._clock = clock
        self._pong: Awaitable[float] | None = None
        self._asked_s = 0.0

    def heard(self) -> None:
        """Data came."""
        self.heard_s = self._clock()
        self._pong = None

    async def check(self) -> None:
        """Ask where there is cause. Raises FeedError for a connection that is dead."""
        now_s = self._clock()
        if self._pong is None:
            if now_s - self.heard_s >= self._quiet_s:
                self._asked_s, self._pong = now_s, await self._ping()
        elif getattr(self._pong, "done", bool)():
            self.heard()
        elif now_s - self._asked_s >= self._pong_s:
            raise FeedError(Failure("no answer to pings: the connection is dead"))
