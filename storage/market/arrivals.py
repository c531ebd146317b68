"""When ticks arrived: the last moment, and how many a second. Monotonic seconds."""

from __future__ import annotations

from collections import deque

#: The span over which `Arrivals.rate` counts, in s.
RATE_SPAN_S = 5.0

_STEP_S = 0.1


class Arrivals:
    """The ticks of the last RATE_SPAN_S, counted in steps of a tenth of a second.

    last_s: of the newest batch, None before the first.

    >>> arrivals = Arrivals()
    >>> arrivals.note(20, 100.0)
    >>> arrivals.rate(101.0), arrivals.rate(105.0), arrivals.last_s
    (4.0, 0.0, 100.0)
    """

    def __init__(self) -> None:
        self.last_s: float | None = None
        self._recent: deque[tuple[float, int]] = deque()

    def note(self, count: int, now_s: float) -> None:
        """So many ticks arrived now."""
        self.last_s = now_s
        recent = self._recent
        if recent and now_s - recent[-1][0] < _STEP_S:
            recent[-1] = (recent[-1][0], recent[-1][1] + count)
        else:
            recent.append((now_s, count))
        while recent[0][0] <= now_s - RATE_SPAN_S:
            recent.popleft()

    def rate(self, now_s: float) -> float:
        """Ticks per second over the span before a moment."""
        recent = sum(n for at, n in self._recent if now_s - RATE_SPAN_S < at <= now_s)
        return recent / RATE_SPAN_S
