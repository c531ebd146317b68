"""Times that cannot be: ticks of the future, and of long ago; and a clock that jumps.

No I/O; the clocks are given.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from analytics.model import IntArray, Rejected, Ticks

#: Ahead of the local clock by more, and a tick is quarantined: bars are cut on its time.
FUTURE_MS = 60_000
#: Behind the newest tick of its symbol by more, and it is of another stretch of time.
ANCIENT_MS = 86_400_000
#: A clock that moves against the monotonic one by more, in s, between two looks was set.
JUMP_S = 5.0
#: Of at most so many times Python finds the first and the last sooner than NumPy.
_FEW = 16


class WallClock:
    """The time of day, and whether somebody set it, or the machine slept.

    wall: epoch s. steady: seconds that never jump; timers run on those, this is for labels
    and for judging the times of ticks.

    >>> wall, steady = iter([1_000.0, 1_001.0, 971.0, 972.0]), iter([0.0, 1.0, 2.0, 3.0])
    >>> clock = WallClock(lambda: next(wall), lambda: next(steady))
    >>> clock.jump_s(), clock.jump_s(), clock.now_ms()
    (0.0, -31.0, 1003000)
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._first = self._last = wall() - steady()

    def now_ms(self) -> int:
        """Epoch ms; a clock that is set back goes on as it was, for the exchange's does."""
        wall, steady = self._wall(), self._steady()
        return round(max(wall, steady + self._first) * 1_000)

    def jump_s(self) -> float:
        """By how much the clock was set since the last look, 0 for less than JUMP_S."""
        offset = self._wall() - self._steady()
        jump, self._last = offset - self._last, offset
        return jump if abs(jump) > JUMP_S else 0.0


class TimeCheck:
    """Leaves out a live source's ticks whose time would tear its bars apart.

    >>> check = TimeCheck()
    >>> kept, refused, ids = check.split(Ticks("X", [5, 90_000], [1.0, 1.0], [1.0, 1.0], [7, 8]), 0)
    >>> kept.ts_ms.tolist(), [one.reason for one in refused], ids
    ([5], ['future'], [8])
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def split(self, ticks: Ticks, now_ms: int) -> tuple[Ticks, list[Rejected], list[int]]:
        """The ticks that can be, what was refused, and the ids that those had used up.

        now_ms: the local clock's epoch ms.
        """
        newest = self._newest.get(ticks.symbol, 0)
        earliest, latest = _ends(ticks.ts_ms)
        if latest <= now_ms + FUTURE_MS and earliest >= newest - ANCIENT_MS:
            self._newest[ticks.symbol] = max(newest, latest)
            return ticks, [], []
        future = ticks.ts_ms > now_ms + FUTURE_MS
        if not future.all():
            newest = max(newest, int(ticks.ts_ms[~future].max()))
            self._newest[ticks.symbol] = newest
        ancient = ~future & (ticks.ts_ms < newest - ANCIENT_MS)
        refused = future | ancient
        words = [
            Rejected("future" if future[at] else "ancient", _words(ticks, at))
            for at in np.flatnonzero(refused).tolist()
        ]
        ids = ticks.trade_id[refused]
        return ticks[~refused], words, ids[ids >= 0].tolist()


def _ends(ts_ms: IntArray) -> tuple[int, int]:
    """The earliest and the latest of some times, at least one."""
    if len(ts_ms) <= _FEW:
        times = ts_ms.tolist()
        return min(times), max(times)
    return int(ts_ms.min()), int(ts_ms.max())


def _words(ticks: Ticks, at: int) -> str:
    return f"{ticks.symbol} at {ticks.ts_ms[at]}: {ticks.price[at]:g}"
