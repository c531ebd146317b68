"""How often pages may ask anew: less often, for all of them alike, while computations wait or the
loop, which draws what they found, is late.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Milliseconds between two refreshes of a page, from an idle machine to a crowded one.
INTERVALS_MS = (500, 1_000, 1_500, 2_000, 3_000, 5_000)
#: A second in which computations waited longer than this on average lengthens the interval,
#: and CALM seconds in which they waited less than that shorten it, by one step.
LONG_MS, SHORT_MS, CALM = 150.0, 40.0, 5
#: The same of how late the loop is: an answer is made in several of its turns. It counts while this
#: process takes at least BUSY of a processor: what others take, no longer interval gives back.
LATE_MS, PROMPT_MS, BUSY = 60.0, 20.0, 0.4


class Load:
    """The interval at which pages are refreshed, by how long computations wait for their turn and
    how late the loop is.

    clock: seconds, ascending. spent: seconds of processor time that this process has taken.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock, self._spent = clock, spent
        self._second = self._judged = clock()
        self._spent_s = spent()
        self._waits, self._waited_ms = 0, 0.0
        self._looks, self._late_ms = 0, 0.0
        self._step = 0
        self._calm = 0

    def waited(self, ms: float) -> None:
        """A computation waited so long: for a worker, and for its result to be taken."""
        self._turn()
        self._waits += 1
        self._waited_ms += ms

    def late(self, ms: float) -> None:
        """The loop was so late at a look."""
        self._turn()
        self._looks += 1
        self._late_ms += ms

    @property
    def interval_ms(self) -> int:
        """How often a page asks."""
        self._turn()
        return INTERVALS_MS[self._step]

    @property
    def words(self) -> str:
        """What the trust strip says while pages are refreshed less often than usual."""
        interval_ms = self.interval_ms
        if interval_ms == INTERVALS_MS[0]:
            return ""
        return f"busy: refreshed every {interval_ms / 1_000:g} s"

    def _turn(self) -> None:
        """Judge the second that has passed, if one has, and those since in which nobody asked."""
        now = self._clock()
        passed = int(now - self._second)
        if passed < 1:
            return
        spent_s = self._spent()
        busy = spent_s - self._spent_s >= BUSY * (now - self._judged)
        self._second, self._judged, self._spent_s = self._second + passed, now, spent_s
        mean_ms = self._waited_ms / self._waits if self._waits else 0.0
        late_ms = self._late_ms / self._looks if self._looks and busy else 0.0
        self._waits, self._waited_ms = 0, 0.0
        self._looks, self._late_ms = 0, 0.0
        if mean_ms > LONG_MS or late_ms > LATE_MS:
            self._step, self._calm = min(self._step + 1, len(INTERVALS_MS) - 1), 0
            passed -= 1
        elif mean_ms > SHORT_MS or late_ms > PROMPT_MS:
            self._calm = 0
            passed -= 1
        self._calm += passed
        steps = min(self._calm // CALM, self._step)
        self._step -= steps
        self._calm = self._calm - steps * CALM if self._step else 0
