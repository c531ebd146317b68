"""Results by what decides them: computed once, read many times, never refused.

A result is kept under its subject (what it is of) with its versions (of which data). Equal
requests that come while it is computed wait for the one that is under way. At most WORKERS
computations run at a time and at most MAX_WAITING wait: who comes then gets the newest result of
the same subject, older as it is, or waits in line where there is none yet.

What took longer than ON_LOOP_MS, or was never computed, is computed in a worker thread. The rest is
computed on the loop, after a turn for others: a thread that takes the interpreter from the loop for
2 ms and gives it back costs more than that (docs/decisions/0001).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from analytics.model import NotReady
from dashapp.services.analysis.load import LONG_MS, Load

WORKERS = 2
MAX_KEPT = 128
MAX_WAITING = 64
#: Requests in line behind those that wait: more than the server takes at a time.
MAX_IN_LINE = 1_000
#: Processor time of a computation that the loop makes itself, and subjects of which it is known.
ON_LOOP_MS, MAX_TIMED = 5.0, 1_024

Key = tuple[Hashable, ...]
Result = TypeVar("Result")


class Busy(ValueError):
    """Too many requests wait already; the caller may try again."""


class Results:
    """The results of one process. computed: how many were really computed, by kind; older: how
    many requests got an older result because too many waited.
    """

    def __init__(self, max_kept: int = MAX_KEPT) -> None:
        self.computed: Counter[str] = Counter()
        self.older = 0
        self.load = Load()
        self._spent_ms: list[float] = []
        self._gate = asyncio.Semaphore(WORKERS)
        self._places = asyncio.Semaphore(MAX_WAITING)
        self._in_line = 0
        self._kept: LRUCache[Key, tuple[Key, Any]] = LRUCache(max_kept)
        self._running: dict[Key, asyncio.Task[Any]] = {}
        self._took_ms: LRUCache[Key, float] = LRUCache(MAX_TIMED)

    async def get(
        self, kind: str, subject: Key, versions: Key, compute: Callable[[], Result]
    ) -> Result:
        """The result of a subject at these versions. Raises what `compute` raises.

        Raises Busy where MAX_IN_LINE requests wait in line already.
        """
        subject = (kind, *subject)
        key = (subject, versions)
        task = self._running.get(key)
        if task is None:
            kept = self._kept.get(subject)
            if kept is not None and kept[0] == versions:
                result: Result = kept[1]
                return result
            if self._places.locked() and kept is not None:
                self.older += 1
                self.load.waited(2 * LONG_MS)  # nobody knows how long it would have waited
                older: Result = kept[1]
                return older
            await self._place()
            # Meanwhile it may have come, or be under way, for another.
            task, kept = self._running.get(key), self._kept.get(subject)
            if task is not None or (kept is not None and kept[0] == versions):
                self._places.release()
            if task is None and kept is not None and kept[0] == versions:
                same: Result = kept[1]
                return same
            task = task or self._begin(kind, key, compute)
        try:
            shared: Result = await asyncio.shield(task)
            return shared
        finally:
            del task  # its error knows this frame: one must not hold the other

    def drain_ms(self) -> list[float]:
        """How long each computation took since the last call, in ms."""
        spent, self._spent_ms = self._spent_ms, []
        return spent

    def _begin(
        self, kind: str, key: tuple[Key, Key], compute: Callable[[], Result]
    ) -> asyncio.Task[Result]:
        """Start a computation in the place that was taken for it."""
        task = asyncio.create_task(self._compute(kind, *key, compute))
        task.add_done_callback(_retrieve)
        self._running[key] = task
        return task

    async def _place(self) -> None:
        """Take a place for a computation; in line where there is none."""
        if not self._places.locked():
            await self._places.acquire()  # at once
            return
        if self._in_line >= MAX_IN_LINE:
            raise Busy(f"{MAX_IN_LINE:,} requests wait already, try again in a moment")
        self._in_line += 1
        try:
            await self._places.acquire()
        finally:
            self._in_line -= 1

    async def _compute(
        self, kind: str, subject: Key, versions: Key, compute: Callable[[], Result]
    ) -> Result:
        asked = time.monotonic()
        work = _Timed(compute)
        # One that fails, or has too few rows, says nothing of how long the next one takes.
        took_ms = self._took_ms.pop(subject, math.inf)
        try:
            if took_ms <= ON_LOOP_MS:
                await asyncio.sleep(0)
                started = time.monotonic()
                result = work()
            else:
                async with self._gate:
                    started = time.monotonic()
                    result = await asyncio.to_thread(work)
            taken = time.monotonic()
            if not isinstance(result, NotReady):
                self._took_ms[subject] = work.spent_ms
            self._spent_ms.append((taken - started) * 1_000)
            self.load.waited((started - asked + taken - work.ended) * 1_000)
            self.computed[kind] += 1
            self._kept[subject] = (versions, result)
            return result
        finally:
            del self._running[(subject, versions)]
            self._places.release()


class _Timed(Generic[Result]):
    """A computation. spent_ms: processor time that it took; ended: when, by the monotonic clock."""

    def __init__(self, compute: Callable[[], Result]) -> None:
        self._compute = compute
        self.spent_ms = 0.0
        self.ended = 0.0

    def __call__(self) -> Result:
        began = time.thread_time()
        try:
            return self._compute()
        finally:
            self.spent_ms = (time.thread_time() - began) * 1_000
            self.ended = time.monotonic()


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Whoever waited has the exception; with nobody left waiting it is not news either."""
    if not task.cancelled():
        task.exception()
