"""Trades whose ids are texts, or in no order: which came before, of the newest so many."""

from __future__ import annotations

from collections.abc import Hashable

MAX_RECENT = 200_000


class RecentTrades:
    """The newest trades of all symbols, in order of arrival; the oldest is forgotten first.

    A trade is the same where its id and all that it says are: a text that is the same for
    many trades is no id of theirs. What is kept of each is a number of 64 bits.

    >>> recent = RecentTrades(2)
    >>> recent.take("X", "a"), recent.take("X", "a"), recent.take("Y", "a"), recent.take("X", "b")
    (True, False, True, True)
    >>> recent.take("X", "a")
    True
    """

    def __init__(self, most: int = MAX_RECENT) -> None:
        self._most = most
        self._known: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, *trade: Hashable) -> bool:
        """Whether a trade is new; from now on it is not."""
        key = hash(trade)
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return True
