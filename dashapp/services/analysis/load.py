"""How often pages may ask anew: less often, for all of them alike, while computations wait or the
loop, which writes what they found, is late.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import psutil

#: Milliseconds between two refreshes of a page, from an idle machine to a crowded one.
INTERVALS_MS = (500, 1_000, 1_500, 2_000, 3_000, 5_000)
#: A second in which computations waited longer than this on average lengthens the interval,
#: and CALM seconds in which they waited less than that shorten it, by one step.
LONG_MS, SHORT_MS, CALM = 150.0, 40.0, 5
#: The same of how late the loop is: an answer is made in several of its turns. It counts while this
#: process takes at least BUSY of a processor: what others take, no longer interval gives back.
LATE_MS, PROMPT_MS, BUSY = 60.0, 20.0, 0.4
#: With so many pages in view on this machine, whose browser draws on the same cores, the interval
#: grows while these are taken for more than FULL of the time, and shrinks once that is ROOM. It
#: grows while the loop is late at all: what gives way to it, as a scan does, is in nobody's way.
MANY_HERE, FULL, ROOM, NOTICED_MS = 4, 0.8, 0.6, 5.0
#: Asks of these pages that are remembered.
MOST_ASKS = 1_000


class Cores(NamedTuple):
    """Seconds of all processors since the machine began: taken, and in all."""

    taken_s: float
    all_s: float


def cores() -> Cores:
    """What the machine says."""
    times = psutil.cpu_times()._asdict()
    inside = ("guest", "guest_nice")  # which user and nice have already
    every = sum(value for name, value in times.items() if name not in inside)
    return Cores(every - times["idle"] - times.get("iowait", 0.0), every)


class Load:
    """The interval at which pages are refreshed, by how long computations wait for their turn, how
    late the loop is, and how much of the machine is left where it is the browser's as well.

    clock: seconds, ascending. spent: seconds of processor time that this process has taken.
    machine: what its processors were taken for.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.process_time,
        machine: Callable[[], Cores] = cores,
    ) -> None:
        self._clock, self._spent, self._machine = clock, spent, machine
        self._second = self._judged = clock()
        self._spent_s, self._cores = spent(), machine()
        self._waits, self._waited_ms = 0, 0.0
        self._looks, self._late_ms = 0, 0.0
        self._asks_here: deque[float] = deque(maxlen=MOST_ASKS)
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

    def asked_here(self) -> None:
        """A page that is open on this machine asks."""
        self._turn()
        self._asks_here.append(self._clock())

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
        spent_s, judged_s = self._spent(), now - self._judged
        busy = spent_s - self._spent_s >= BUSY * judged_s
        noticed = self._late_ms > NOTICED_MS * self._looks
        share = self._share_taken()
        full = share if self._pages_here(now) >= MANY_HERE else 0.0
        self._second, self._judged, self._spent_s = self._second + passed, now, spent_s
        mean_ms = self._waited_ms / self._waits if self._waits else 0.0
        late_ms = self._late_ms / self._looks if self._looks and busy else 0.0
        self._waits, self._waited_ms = 0, 0.0
        self._looks, self._late_ms = 0, 0.0
        if mean_ms > LONG_MS or late_ms > LATE_MS or (noticed and full > FULL):
            self._step, self._calm = min(self._step + 1, len(INTERVALS_MS) - 1), 0
            passed -= 1
        elif mean_ms > SHORT_MS or late_ms > PROMPT_MS or full > ROOM:
            self._calm = 0
            passed -= 1
        self._calm += passed
        steps = min(self._calm // CALM, self._step)
        self._step -= steps
        self._calm = self._calm - steps * CALM if self._step else 0

    def _pages_here(self, now: float) -> int:
        """How many pages are in view on this machine: each asks once an interval."""
        while self._asks_here and self._asks_here[0] <= now - INTERVALS_MS[self._step] / 1e3:
            self._asks_here.popleft()
        return len(self._asks_here)

    def _share_taken(self) -> float:
        """The share of the machine that was taken since this was asked before."""
        before, self._cores = self._cores, self._machine()
        passed_s = self._cores.all_s - before.all_s
        return (self._cores.taken_s - before.taken_s) / passed_s if passed_s > 0 else 0.0
