"""How much may be asked of a server within a sliding window, and when there is room again."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Messages that a server may be sent within any window of seconds."""

    messages: int = 5
    window_s: float = 1.0


class Budget:
    """The weight that was used in the last window, by our count and by the server's.

    Times are seconds of a monotonic clock, given by the caller.

    >>> budget = Budget(100)
    >>> budget.spend(0.0, 80)
    >>> budget.wait_s(10.0, 20), budget.wait_s(10.0, 30), budget.wait_s(60.0, 30)
    (0.0, 50.0, 0.0)
    """

    def __init__(self, limit: float, window_s: float = 60.0) -> None:
        self.limit = limit
        self.window_s = window_s
        self._spent: deque[tuple[float, int]] = deque()
        self._used = 0
        self._told: tuple[float, int] = (-math.inf, 0)

    def spend(self, now_s: float, weight: int) -> None:
        self._spent.append((now_s, weight))
        self._used += weight

    def told(self, now_s: float, used: int, left_s: float | None = None) -> None:
        """The server said how much of its window is used, by us and others here.

        left_s: until that window ends; None where it is not known, for a whole one.
        """
        self._told = (now_s + (self.window_s if left_s is None else left_s), used)

    def wait_s(self, now_s: float, weight: int) -> float:
        """Seconds until a request of this weight is within the limit."""
        while self._spent and self._spent[0][0] <= now_s - self.window_s:
            self._used -= self._spent.popleft()[1]
        used, wait = self._used, 0.0
        for at, weight_spent in self._spent:
            if used + weight <= self.limit:
                break
            used -= weight_spent
            wait = at + self.window_s - now_s
        ends_s, told = self._told
        if told + weight > self.limit:
            wait = max(wait, ends_s - now_s)
        return wait
