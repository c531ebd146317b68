"""Replay: ticks or bars that are kept, delivered again on their own clock, 1x to 1000x.

Three parts, the first two without a clock of their own: `Playhead` says up to which exchange
time a replay has come by a monotonic time, `Reel` hands out what is due by then, and
`ReplayFeed` is the task between them and a sink. A tick is due at its exchange time, or at
that of a later one of its symbol that arrived before it: so each symbol keeps its order of
arrival, and its bars are those of the recording to the bit. A bar is due when it closes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.model import TIMEFRAMES, Bars, FeedState, FeedStatus, IntArray, Ticks

logger = logging.getLogger(__name__)

Batch = Ticks | Bars
Sink = Callable[[list[Batch]], None]
ReplayState = Literal["playing", "paused", "ended", "failed"]

SPEEDS = (1.0, 1_000.0)
#: Ticks that are delivered at a time, so that the loop stays free for the pages.
MOST = 16_384
STEP_S = 0.05
STOP_S = 1.0
_AS_FEED: dict[ReplayState, FeedState] = {
    "playing": "live",
    "paused": "stopped",
    "ended": "stopped",
    "failed": "failed",
}


@dataclass(frozen=True)
class Stretch:
    """What is replayed. read: a symbol's batches, in order of arrival, from a time (ms) on.

    read runs in a worker thread, one call of it and of its iterators at a time.
    """

    title: str
    symbols: tuple[str, ...]
    first_ms: int
    last_ms: int
    read: Callable[[str, int], Iterator[Batch]]


def checked_speed(speed: float) -> float:
    """The speed, if it is legal. Raises ValueError.

    >>> checked_speed(60)
    60.0
    """
    low, high = SPEEDS
    if not low <= speed <= high:
        raise ValueError(f"speed is {speed:g}, expected {low:g} to {high:g}")
    return float(speed)


class Playhead:
    """A position in exchange time that moves with a monotonic clock, up to its end.

    >>> head = Playhead(0, 100_000, 0, speed=10)
    >>> head.play(now_s=5.0)
    >>> head.at(now_s=6.0), head.at(now_s=50.0)
    (10000, 100000)
    >>> head.pause(now_s=6.5)
    >>> head.at(now_s=9.0)
    15000
    """

    def __init__(self, first_ms: int, last_ms: int, start_ms: int, speed: float) -> None:
        self.first_ms = first_ms
        self.last_ms = last_ms
        self.speed = checked_speed(speed)
        self.playing = False
        self._from_ms = min(max(start_ms, first_ms), last_ms)
        self._from_s = 0.0

    def at(self, now_s: float) -> int:
        """The position at a monotonic time, epoch ms."""
        if not self.playing:
            return self._from_ms
        passed_ms = int((now_s - self._from_s) * 1_000 * self.speed)
        return min(self._from_ms + max(passed_ms, 0), self.last_ms)

    def play(self, now_s: float) -> None:
        """Move from here on."""
        self.place(self.at(now_s), now_s)
        self.playing = True

    def pause(self, now_s: float) -> None:
        """Stand still."""
        self.place(self.at(now_s), now_s)
        self.playing = False

    def set_speed(self, speed: float, now_s: float) -> None:
        """Move at another speed from here on. Raises ValueError."""
        speed = checked_speed(speed)
        self.place(self.at(now_s), now_s)
        self.speed = speed

    def place(self, position_ms: int, now_s: float) -> None:
        """Stand at a position, within the stretch, and go on from there as before."""
        self._from_ms = min(max(position_ms, self.first_ms), self.last_ms)
        self._from_s = now_s


class Reel:
    """A stretch from a time on: what is due, symbol by symbol, each in order of arrival."""

    def __init__(self, stretch: Stretch, start_ms: int) -> None:
        self._tracks = [_Track(stretch.read(symbol, start_ms)) for symbol in stretch.symbols]

    def take(self, until_ms: int, most: int = MOST) -> tuple[list[Batch], int]:
        """Batches that are due by a time, and up to which time: no later than that.

        About `most` in all; the rest is for the next call. Blocks as the reading of the stretch
        does.
        """
        tracks = [track for track in self._tracks if track.load()]
        share = max(most // max(len(tracks), 1), 1)
        reached = min([until_ms, *(track.within(share) for track in tracks)])
        return [track.take(reached) for track in tracks if track.due_ms <= reached], reached


class _Track:
    """One symbol's batches, and where in the one at hand it stands."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._batch: Batch | None = None
        self._due: IntArray = np.empty(0, np.int64)
        self._at = 0
        self._newest = -1

    def load(self) -> bool:
        """Have a batch at hand; False when there is none left."""
        while self._batch is None or self._at == len(self._due):
            batch = next(self._batches, None)
            if batch is None:
                self._batch = None
                return False
            self._batch, self._at = batch, 0
            self._due = np.maximum(np.maximum.accumulate(_known_ms(batch)), self._newest)
            self._newest = int(self._due[-1]) if len(self._due) else self._newest
        return True

    @property
    def due_ms(self) -> int:
        """When the next one is due."""
        return int(self._due[self._at])

    def within(self, most: int) -> int:
        """The time by which the next `most`, or all of the batch at hand, are due."""
        return int(self._due[min(self._at + most, len(self._due)) - 1])

    def take(self, until_ms: int) -> Batch:
        """What is due by a time, of the batch at hand."""
        assert self._batch is not None
        begin, self._at = self._at, int(np.searchsorted(self._due, until_ms, side="right"))
        return self._batch[begin : self._at]


def _known_ms(batch: Batch) -> IntArray:
    """When each was known: a tick at its time, a bar at its close."""
    if isinstance(batch, Ticks):
        return batch.ts_ms
    return batch.ts_ms + TIMEFRAMES[batch.timeframe]


class ReplayFeed:
    """The task that delivers a stretch to its sink, as its playhead moves.

    sink: called on the loop. wait: whether what reads the sink's market is so far behind that
    the replay must stand still a moment.
    """

    def __init__(
        self,
        stretch: Stretch,
        sink: Sink,
        *,
        start_ms: int | None = None,
        speed: float = 1.0,
        ended: Callable[[], None] = lambda: None,
        wait: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        start_ms = stretch.first_ms if start_ms is None else start_ms
        self.stretch = stretch
        self.problem = ""
        self.head = Playhead(stretch.first_ms, stretch.last_ms, start_ms, speed)
        self._start_ms = self.head.at(0.0)
        self._delivered_ms = self._sought_ms = self._start_ms
        self._sink = sink
        self._ended = ended
        self._wait = wait
        self._clock = clock
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self._over = False

    @property
    def position_ms(self) -> int:
        """The exchange time up to which everything was delivered."""
        return self._delivered_ms

    @property
    def state(self) -> ReplayState:
        """What it does now."""
        if self.problem:
            return "failed"
        if self._over:
            return "ended"
        return "playing" if self.head.playing else "paused"

    @property
    def status(self) -> FeedStatus:
        """The same as a feed's status."""
        return FeedStatus(self.stretch.title, _AS_FEED[self.state], self.problem or self.state)

    def start(self) -> None:
        """Play from the start. Call on the event loop, once."""
        self.head.play(self._clock())
        self._task = asyncio.create_task(self._run(), name="replay")

    def play(self) -> None:
        """Go on after a pause."""
        self.head.play(self._clock())

    def pause(self) -> None:
        """Stand still until `play`."""
        self.head.pause(self._clock())
        self._settle()

    def set_speed(self, speed: float) -> None:
        """Go on at another speed. Raises ValueError."""
        self.head.set_speed(speed, self._clock())
        self._settle()

    def forward(self, position_ms: int) -> None:
        """Deliver at once what lies before a later position, and go on from there.

        Raises ValueError for an earlier one, which takes a new feed.
        """
        if position_ms < self._delivered_ms:
            raise ValueError(
                f"position_ms is {position_ms}, expected at least {self._delivered_ms}"
            )
        self._sought_ms = position_ms
        self._settle()

    def _settle(self) -> None:
        """Put the playhead where the delivery is, or was told to be: it may have lagged."""
        self.head.place(max(self._delivered_ms, self._sought_ms), self._clock())

    async def stop(self) -> None:
        """End within a second. Nothing is delivered after it."""
        task, self._task = self._task, None
        self._over = True
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_S)

    async def _run(self) -> None:
        try:
            reel = await asyncio.to_thread(Reel, self.stretch, self._start_ms)
            while not await self._step(reel):
                pass
        except Exception as error:
            # Whatever reads the stretch: an archive that is closed, a disk that fails.
            logger.exception("the replay of %s failed", self.stretch.title)
            self.problem = f"{type(error).__name__}: {error}"[:200]
            return
        self._over = True
        self._ended()

    async def _step(self, reel: Reel) -> bool:
        """Deliver what is due; whether that was the last of it."""
        if self._wait():
            await self._sleep(STEP_S)
            return False
        due = self.head.at(self._clock())
        batches, reached = await asyncio.to_thread(reel.take, due)
        if batches:
            self._sink(batches)
        self._delivered_ms = max(self._delivered_ms, reached)
        at_end = reached >= self.stretch.last_ms
        # More may be due than is had in one go, even at the very end, in the same millisecond.
        await self._sleep(0 if reached < due or at_end else STEP_S)
        return at_end and not batches
