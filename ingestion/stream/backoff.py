"""How long to wait before the next attempt: full-jitter exponential backoff with a floor.

Full jitter spreads the clients of a server that comes back over the whole delay (Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class BackoffPolicy:
    """Delays in seconds: never under floor_s, drawn up to floor_s * factor**n, cap_s at most.

    stable_s: how long data must have flowed before the next failure counts as the first.
    slow_cap_s: the most for a failure that has a floor of its own (a ban, a block).
    """

    floor_s: float = 0.5
    cap_s: float = 30.0
    factor: float = 2.0
    stable_s: float = 10.0
    slow_cap_s: float = 600.0


class Backoff:
    """The delays of one feed.

    >>> backoff = Backoff(BackoffPolicy(), random.Random(7))
    >>> [round(backoff.next_delay(), 1) for _ in range(6)]
    [0.7, 0.7, 2.8, 1.0, 8.8, 11.3]
    """

    def __init__(self, policy: BackoffPolicy, rng: random.Random | None = None) -> None:
        self.policy = policy
        self.failures = 0
        self._rng = rng if rng is not None else random.Random()

    def next_delay(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait after one more failure.

        at_least_s: the floor of this kind of failure; it too grows with repetition, up to
        slow_cap_s, and is never undercut.
        """
        policy = self.policy
        self.failures += 1
        growth = policy.factor ** min(self.failures, 32)
        ceiling = max(policy.floor_s, min(policy.cap_s, policy.floor_s * growth))
        delay = self._rng.uniform(policy.floor_s, ceiling)
        if at_least_s <= 0:
            return delay
        slow = at_least_s * policy.factor ** min(self.failures - 1, 32)
        return max(at_least_s, min(slow, policy.slow_cap_s)) + delay

    def reset(self) -> None:
        """Data has flowed for a while: the next failure is the first."""
        self.failures = 0
