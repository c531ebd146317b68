"""How late the event loop is: it answers everybody, so what holds it holds everybody."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

#: Seconds between two looks, and looks that are remembered: a minute of them.
PERIOD_S, REMEMBERED = 0.1, 600
#: Looks of the last ten seconds, and lag from which on people notice it.
RECENT, HURTS_MS = 100, 250.0


class LoopWatch:
    """The lag of the loop, in ms: of the last minute, and the worst since the start.

    listener: hears of each look.

    >>> watch = LoopWatch()
    >>> for lag_ms in (1.0, 2.0, 400.0, 300.0, 350.0):
    ...     watch.note(lag_ms)
    >>> watch.worst_ms, watch.words
    (400.0, 'busy: answers come up to 0.4 s late')
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        listener: Callable[[float], None] = lambda lag_ms: None,
    ) -> None:
        self.lags_ms: deque[float] = deque(maxlen=REMEMBERED)
        self.worst_ms = 0.0
        self._clock = clock
        self._listener = listener

    async def run(self) -> None:
        """Look for ever."""
        while True:
            before = self._clock()
            await asyncio.sleep(PERIOD_S)
            self.note(max(0.0, self._clock() - before - PERIOD_S) * 1e3)

    def note(self, lag_ms: float) -> None:
        """Take a look in."""
        self.lags_ms.append(lag_ms)
        self.worst_ms = max(self.worst_ms, lag_ms)
        self._listener(lag_ms)

    @property
    def words(self) -> str:
        """What the strip says while it hurts: three looks of the last ten seconds were late."""
        late = sorted(list(self.lags_ms)[-RECENT:])[-3:]
        if len(late) < 3 or late[0] < HURTS_MS:
            return ""
        return f"busy: answers come up to {late[-1] / 1e3:.1f} s late"
