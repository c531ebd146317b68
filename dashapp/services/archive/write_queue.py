"""The queue in front of the archive: bounded, in order, every loss counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from analytics.model import Ticks
from storage.archive.archive import Archive, Arrival

Write = Callable[[Archive], object]

MAX_WRITES = 10_000
#: 64 MB of ticks, some hours of two busy symbols.
MAX_TICKS = 2_000_000
#: Ticks that one transaction takes: a disk that is nearly full takes some, not none.
AT_ONCE = 262_144


class WriteQueue:
    """Writes and ticks that wait for the archive. Owned by the loop.

    lost_writes, lost_ticks: what found no room, or was let go for what is newer.

    >>> queue = WriteQueue(max_ticks=3)
    >>> batch = Ticks("BTCUSDT", [1, 2], [5.0, 5.0], [1.0, 1.0], [1, 2])
    >>> for _ in range(2):
    ...     queue.record("live", batch)
    >>> queue.ticks, queue.lost_ticks, len(queue.next_arrivals())
    (2, 2, 1)
    """

    def __init__(self, max_writes: int = MAX_WRITES, max_ticks: int = MAX_TICKS) -> None:
        self.ticks = 0
        self.lost_ticks = 0
        self.lost_writes = 0
        self.writes: deque[Write] = deque()
        self._max_writes = max_writes
        self._max_ticks = max_ticks
        self._arrivals: deque[Arrival] = deque()
        self._came = [0, 0]

    def mark(self) -> tuple[int, int]:
        """How many writes and batches of ticks have come by now."""
        return self._came[0], self._came[1]

    def is_past(self, mark: tuple[int, int]) -> bool:
        """Whether nothing waits any more of what had come by then. What `forget` takes out may
        make it so too soon: whoever calls that has all of it come again.
        """
        waiting = len(self.writes), len(self._arrivals)
        pairs = zip(self._came, waiting, mark, strict=True)
        return all(came - waits >= marked for came, waits, marked in pairs)

    def __len__(self) -> int:
        """How much waits: writes, and batches of ticks."""
        return len(self.writes) + len(self._arrivals)

    def keep(self, write: Write) -> None:
        """Let a write wait; where there are too many it is lost."""
        if len(self.writes) >= self._max_writes:
            self.lost_writes += 1
        else:
            self.writes.append(write)
            self._came[0] += 1

    def record(self, market: str, what: Ticks | str) -> None:
        """Let ticks wait, or the name of a symbol that is numbered anew; the oldest make room."""
        self._arrivals.append((market, what))
        self._came[1] += 1
        self.ticks += size_of(self._arrivals[-1])
        while self.ticks > self._max_ticks and len(self._arrivals) > 1:
            lost = size_of(self._arrivals.popleft())
            self.ticks -= lost
            self.lost_ticks += lost

    def forget(self, market: str) -> None:
        """What waits of a market goes: it comes again with all that memory holds of it."""
        kept = [arrival for arrival in self._arrivals if arrival[0] != market]
        self._arrivals = deque(kept)
        self.ticks = sum(map(size_of, kept))

    def next_arrivals(self) -> list[Arrival]:
        """The oldest that make one transaction. They wait on until `done`."""
        chosen: list[Arrival] = []
        total = 0
        for arrival in self._arrivals:
            total += size_of(arrival)
            if chosen and total > AT_ONCE:
                break
            chosen.append(arrival)
        return chosen

    def done(self, arrivals: Sequence[Arrival]) -> None:
        """These are written."""
        for arrival in arrivals:
            if not self._arrivals or self._arrivals[0] is not arrival:
                continue  # let go meanwhile
            self._arrivals.popleft()
            self.ticks -= size_of(arrival)


def size_of(arrival: Arrival) -> int:
    """How many ticks an arrival is."""
    return 0 if isinstance(arrival[1], str) else len(arrival[1])


def coalesced(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """The same arrivals with the batches of each symbol made one, as far as its numbering goes."""
    merged: list[Arrival] = []
    batches: dict[tuple[str, str], list[Ticks]] = {}

    def finish(key: tuple[str, str]) -> None:
        if key in batches:
            merged.append((key[0], Ticks.concat(batches.pop(key))))

    for market, what in arrivals:
        if isinstance(what, str):
            finish((market, what))
            merged.append((market, what))
        else:
            batches.setdefault((market, what.symbol), []).append(what)
    for key in list(batches):
        finish(key)
    return merged
