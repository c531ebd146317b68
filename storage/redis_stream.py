"""Publishes ticks to Redis: one stream a symbol, in batches, by a task of its own.

A stream's name is `<prefix>:<channel>:<SYMBOL>`, the channel being the source. An entry is a
batch: fields `ts_ms` and `trade_id` (little-endian int64), `price` and `size` (float64) and
`trades` (int32) as bytes, `first` (how many ticks of the symbol were published before it) and
`numbering` (goes up when the source numbers its trades anew).

Ticks wait in a bounded queue, and a task writes them with short timeouts. While the server cannot
be reached the task tries again later and later, and the oldest ticks are dropped and counted when
the queue is full. A batch keeps its entry id until the server has acknowledged it, so that one that
was written, but whose answer was lost, is not written twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analytics.model import Ticks

logger = logging.getLogger(__name__)

PREFIX = "spreadscope"
#: About how many entries a stream keeps: an hour at ten a second.
MAX_ENTRIES = 36_000
#: How many ticks wait while the server cannot be reached.
MAX_WAITING = 200_000
MAX_BATCH = 10_000
#: How many batches are searched for those that may join the oldest: a bound of the time.
MAX_LOOK = 1_000
EVERY_S = 0.1
TIMEOUT_S = 0.2
#: Seconds without a write after which the server is pinged.
PING_S = 2.0
RETRY_S = (0.5, 5.0)
CLOSE_S = 0.6


class RedisUnavailable(RuntimeError):
    """The optional library for Redis is not installed."""


def library() -> tuple[Any, Any]:
    """redis.asyncio, and a policy without retries of its own. Raises RedisUnavailable."""
    try:
        import redis.asyncio
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise RedisUnavailable("Redis needs its library: pip install redis") from error
    return redis.asyncio, redis.asyncio.retry.Retry(NoBackoff(), 0)


@dataclass
class _Batch:
    """Ticks that wait: their stream, and the entry's id after the first try."""

    stream: str
    ticks: Ticks
    numbering: int
    entry: str = ""


class Channel:
    """The streams of one source. It takes ticks that the market accepted, and never waits."""

    def __init__(self, publisher: RedisPublisher, name: str) -> None:
        self._publisher = publisher
        self._name = name
        self._numbering: dict[str, int] = {}

    def take(self, ticks: Ticks) -> None:
        """Put ticks into the queue."""
        if len(ticks):
            stream = f"{PREFIX}:{self._name}:{ticks.symbol}"
            numbering = self._numbering.get(ticks.symbol, 0)
            self._publisher.put(_Batch(stream, ticks, numbering))

    def renumber(self, symbol: str) -> None:
        """The source numbers a symbol's trades anew."""
        self._numbering[symbol] = self._numbering.get(symbol, 0) + 1


class RedisPublisher:
    """Writes the ticks of its channels to the Redis server at a URL.

    waiting: ticks that are not written yet. dropped: ticks that were dropped because too many
    waited. client: the library's. problem: why the server cannot be reached, None while it can.
    words_of: says so of an error. Raises RedisUnavailable.
    """

    def __init__(
        self,
        url: str,
        *,
        max_entries: int = MAX_ENTRIES,
        words_of: Callable[[BaseException], str] = lambda error: type(error).__name__,
    ) -> None:
        self._words_of = words_of
        self.dropped = 0
        self.problem: str | None = None
        redis, retry = library()
        self._errors = redis.RedisError
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=retry,
        )
        self._max_entries = max_entries
        self._queue: deque[_Batch] = deque()
        self.waiting = 0
        self._sent: dict[str, int] = {}
        self._last_id: dict[str, tuple[int, int]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def words(self) -> str:
        """What is wrong, for the trust strip; "" for nothing."""
        lost = f", {self.dropped:,} ticks dropped" if self.dropped else ""
        if self.problem is None:
            return f"redis{lost}" if lost else ""
        return f"redis away: {self.problem}, {self.waiting:,} ticks wait{lost}"

    def channel(self, name: str) -> Channel:
        """The streams of a source."""
        return Channel(self, name)

    def start(self) -> None:
        """Start the task that writes. Call on the event loop."""
        self._task = asyncio.create_task(self._run(), name="redis publisher")

    def put(self, batch: _Batch) -> None:
        """Add a batch to the queue; the oldest are dropped when too many ticks wait."""
        self._queue.append(batch)
        self.waiting += len(batch.ticks)
        while self.waiting > MAX_WAITING and len(self._queue) > 1:
            oldest = self._queue.popleft()
            count = len(oldest.ticks)
            self.waiting -= count
            self.dropped += count
            self._sent[oldest.stream] = self._sent.get(oldest.stream, 0) + count

    async def close(self) -> None:
        """Write what waits, within CLOSE_S, and close the connection."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(TimeoutError, OSError, self._errors):
            async with asyncio.timeout(CLOSE_S):
                while self._queue and self.problem is None:
                    await self._write()
        with contextlib.suppress(TimeoutError, OSError, self._errors):
            await self.client.aclose()

    async def _run(self) -> None:
        delay, answered_s = RETRY_S[0], 0.0
        while True:
            try:
                while self._queue:
                    await self._write()
                    answered_s = self._answered()
                    delay = RETRY_S[0]
                if time.monotonic() - answered_s >= PING_S:
                    await self.client.ping()
                    answered_s = self._answered()
                await asyncio.sleep(EVERY_S)
            except (OSError, TimeoutError, self._errors) as error:
                self._failed(error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, RETRY_S[1])

    async def _write(self) -> None:
        """Write the oldest batch, joined with the next ones of the same stream."""
        batch = self._joined()
        # A batch that was tried before may have been written although the answer was lost.
        entry = batch.entry
        if not entry or not await self.client.xrange(batch.stream, entry, entry):
            batch.entry = await self._next_id(batch.stream)
            await self.client.xadd(
                batch.stream,
                self._fields(batch),
                id=batch.entry,
                maxlen=self._max_entries,
                approximate=True,
            )
        count = len(batch.ticks)
        if self._queue and self._queue[0] is batch:
            self._queue.popleft()
            self.waiting -= count
            self._sent[batch.stream] = self._sent.get(batch.stream, 0) + count
        else:  # it was dropped while it was being written
            self.dropped -= count

    def _joined(self) -> _Batch:
        """The oldest batch; until it is tried, the next ones of the same stream join it."""
        first = self._queue[0]
        if first.entry:
            return first
        self._queue.popleft()
        same, rest = [first], list[_Batch]()
        size = len(first.ticks)
        full = False
        for _ in range(min(MAX_LOOK, len(self._queue))):
            batch = self._queue.popleft()
            mine = batch.stream == first.stream
            full |= mine and (
                batch.numbering != first.numbering or size + len(batch.ticks) > MAX_BATCH
            )
            if mine and not full:
                same.append(batch)
                size += len(batch.ticks)
            else:
                rest.append(batch)
        joined = _Batch(first.stream, Ticks.concat([part.ticks for part in same]), first.numbering)
        self._queue.extendleft(reversed([joined, *rest]))
        return joined

    async def _next_id(self, stream: str) -> str:
        """An entry id later than all in the stream, also when the clock was set back."""
        last = self._last_id.get(stream)
        if last is None:
            newest = await self.client.xrevrange(stream, count=1)
            last = (0, 0)
            if newest:
                ms, _, number = newest[0][0].decode().partition("-")
                last = (int(ms), int(number))
        now = time.time_ns() // 1_000_000
        following = (now, 0) if now > last[0] else (last[0], last[1] + 1)
        self._last_id[stream] = following
        return f"{following[0]}-{following[1]}"

    def _fields(self, batch: _Batch) -> dict[str, bytes]:
        ticks = batch.ticks
        return {
            "ts_ms": ticks.ts_ms.astype("<i8").tobytes(),
            "price": ticks.price.astype("<f8").tobytes(),
            "size": ticks.size.astype("<f8").tobytes(),
            "trade_id": ticks.trade_id.astype("<i8").tobytes(),
            "trades": ticks.trades.astype("<i4").tobytes(),
            "first": str(self._sent.get(batch.stream, 0)).encode(),
            "numbering": str(batch.numbering).encode(),
        }

    def _answered(self) -> float:
        """Note that the server has answered; the time, in monotonic seconds."""
        if self.problem is not None:
            logger.info("redis is back; %d ticks were dropped meanwhile so far", self.dropped)
            self.problem = None
        return time.monotonic()

    def _failed(self, error: BaseException) -> None:
        words = self._words_of(error)
        if self.problem is None:
            logger.warning("redis cannot be reached: %s; what is new waits in memory", words)
        self.problem = words
        self._last_id.clear()
