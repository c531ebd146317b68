"""A lock that is given in the order in which it was asked for.

Python's own goes to whoever comes first after it was let go, and that is mostly who let it go: one
who writes in a loop keeps all others waiting until its loop ends.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """Used as a context, by any thread, never within itself."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            place = threading.Lock()
            place.acquire()
            self._waiting.append(place)
        place.acquire()  # until whoever has the turn hands it over

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
