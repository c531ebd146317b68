"""The ids of a market's ticks: which came before, and which are known to be missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.model import BoolArray, Gap, Ticks
from storage.market.gaps import GapLedger
from storage.market.seen_ids import SeenIds


def by_numbering(ticks: Ticks) -> Iterator[Ticks]:
    """Ticks of which a market accepted each, in pieces in which no id is twice: where one comes
    again, the source had begun to number anew. A numbering that has none of the ids of the one
    before is not told from it, see `Numbering.pieces`.

    >>> batch = Ticks("X", [1, 2, 3, 4], [5.0] * 4, [1.0] * 4, [7, 8, -1, 7])
    >>> [piece.trade_id.tolist() for piece in by_numbering(batch)]
    [[7, 8, -1], [7]]
    """
    ids = ticks.trade_id[ticks.trade_id >= 0]
    if (ids[1:] > ids[:-1]).all() or len(np.unique(ids)) == len(ids):
        yield ticks
        return
    begin, seen = 0, set[int]()
    for at, number in enumerate(ticks.trade_id.tolist()):
        if number in seen:
            yield ticks[begin:at]
            begin = at
            seen.clear()
        if number >= 0:
            seen.add(number)
    yield ticks[begin:]


class Numbering:
    """The ids seen of every symbol, and the ledger of those that never came.

    >>> numbering = Numbering()
    >>> batch = Ticks("X", [1, 2], [5.0, 5.0], [1.0, 1.0], [7, 8])
    >>> numbering.fresh(batch) is None, numbering.fresh(batch).tolist(), numbering.newest("X")
    (True, [False, False], 8)
    """

    def __init__(self) -> None:
        self.gaps = GapLedger()
        self._seen: dict[str, SeenIds] = {}

    def fresh(self, ticks: Ticks) -> BoolArray | None:
        """Which ticks did not come before, None for all; those without an id never did."""
        seen = self._seen.get(ticks.symbol)
        if seen is not None and seen.follow(ticks.trade_id):
            if self.gaps.concerns(ticks.symbol, ticks.trade_id.item(0)):
                self.gaps.refresh(ticks.symbol, seen)
            return None  # as nearly always: each id is one more than the one before
        has_id = ticks.trade_id >= 0
        if not has_id.any():
            return None
        if seen is None:
            seen = self._seen[ticks.symbol] = SeenIds()
        fresh = ~has_id
        fresh[has_id] = seen.take(ticks.trade_id[has_id])
        if self.gaps.concerns(ticks.symbol, int(ticks.trade_id[has_id].min())):
            self.gaps.refresh(ticks.symbol, seen)
        return None if fresh.all() else fresh

    def newest(self, symbol: str) -> int:
        """The highest id that came of a symbol, -1 before the first."""
        seen = self._seen.get(symbol)
        return -1 if seen is None else seen.newest

    def pieces(self, ticks: Ticks) -> Iterator[Ticks]:
        """`by_numbering` of a symbol's ticks, oldest first; the last piece, which may be empty, has
        the newest numbering alone. What came of it before a late tick of another is in one before.

        >>> numbering = Numbering()
        >>> old, new = (Ticks("X", [at], [5.0], [1.0], [id]) for at, id in ((1, 900), (2, 1)))
        >>> for batch in (old, new):
        ...     numbering.forget("X")
        ...     _ = numbering.fresh(batch)
        >>> [piece.trade_id.tolist() for piece in numbering.pieces(Ticks.concat([old, new]))]
        [[900], [1]]
        """
        seen = self._seen.get(ticks.symbol)
        before = ticks.trade_id >= 0
        if seen is not None:
            before &= ~seen.holds(ticks.trade_id)
        older = np.flatnonzero(before)
        begin = int(older[-1]) + 1 if len(older) else 0
        if begin:
            yield from by_numbering(ticks[:begin])
        yield from by_numbering(ticks[begin:])

    def note_gap(self, gap: Gap) -> None:
        """Ids are missing; they may still come."""
        self.gaps.note(gap, self._seen.get(gap.symbol))

    def forget(self, symbol: str) -> None:
        """A symbol is numbered anew: its ids so far say nothing any more."""
        self._seen.pop(symbol, None)
        self.gaps.close_numbering(symbol)
