"""The ledger of gaps: what a market's sources numbered and it never had, until it is filled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analytics.bars import timeframe_ms
from analytics.model import Bars, BoolArray, FloatArray, Gap, IntArray
from storage.market.seen_ids import SeenIds

#: Open gaps kept one by one; beyond, the oldest are counted and no longer shown.
MAX_OPEN = 1_024


@dataclass
class _Open:
    """A gap that is not filled. missing: how many of its ids never came."""

    gap: Gap
    missing: int


class GapLedger:
    """Gaps of a market: every one is counted, the open ones are known one by one.

    total: gaps so far. forgotten: open ones given up beyond MAX_OPEN.

    >>> ledger, seen = GapLedger(), SeenIds()
    >>> _ = seen.take(np.array([1, 2, 5]))
    >>> ledger.note(Gap("X", 3, 4, 20, 50), seen)
    >>> ledger.total, ledger.open, ledger.missing, ledger.spans(["X"]).tolist()
    (1, 1, 2, [[20.0, 50.0]])
    >>> _ = seen.take(np.array([4, 3]))
    >>> ledger.refresh("X", seen)
    >>> ledger.total, ledger.open
    (1, 0)
    """

    def __init__(self) -> None:
        self.total = 0
        self.forgotten = 0
        self._open: dict[str, deque[_Open]] = {}
        self._past: dict[str, deque[_Open]] = {}

    @property
    def open(self) -> int:
        """Gaps that are not filled."""
        return self.forgotten + sum(1 for _ in self._all())

    @property
    def missing(self) -> int:
        """Ids in the open gaps that never came."""
        return sum(entry.missing for entry in self._all())

    def _all(self) -> Iterable[_Open]:
        for entries in (*self._past.values(), *self._open.values()):
            yield from entries

    def note(self, gap: Gap, seen: SeenIds | None) -> None:
        """Take a gap in. seen: the ids of its symbol that came."""
        self.total += 1
        missing = len(gap) if seen is None else seen.missing(gap.first_id, gap.last_id)
        if not missing:
            return
        entries = self._open.setdefault(gap.symbol, deque())
        entries.append(_Open(gap, missing))
        if len(entries) > MAX_OPEN:
            entries.popleft()
            self.forgotten += 1

    def concerns(self, symbol: str, first_id: int) -> bool:
        """Whether an id of a symbol may lie in an open gap of it."""
        return any(first_id <= entry.gap.last_id for entry in self._open.get(symbol, ()))

    def refresh(self, symbol: str, seen: SeenIds) -> None:
        """Reckon a symbol's open gaps anew, after ids came late."""
        entries = self._open.get(symbol)
        if entries is None:
            return
        for entry in entries:
            entry.missing = seen.missing(entry.gap.first_id, entry.gap.last_id)
        self._open[symbol] = deque(entry for entry in entries if entry.missing)

    def close_numbering(self, symbol: str) -> None:
        """A symbol's ids begin anew: its open gaps can no longer be filled, and stay."""
        past = self._past.setdefault(symbol, deque(maxlen=MAX_OPEN))
        past.extend(self._open.pop(symbol, ()))

    def gaps(self, symbol: str) -> tuple[Gap, ...]:
        """The open gaps of a symbol, oldest first."""
        entries = (*self._past.get(symbol, ()), *self._open.get(symbol, ()))
        return tuple(entry.gap for entry in entries)

    def spans(self, symbols: Iterable[str]) -> FloatArray:
        """From-to of the open gaps of these symbols in epoch ms, shape (n, 2)."""
        spans = [(gap.from_ms, gap.to_ms) for symbol in symbols for gap in self.gaps(symbol)]
        return np.array(sorted(set(spans)), np.float64).reshape(-1, 2)


def touched(bars: Bars, spans: FloatArray) -> BoolArray:
    """Which bars a gap touches: trades of theirs may be missing.

    spans: from-to in epoch ms, shape (n, 2).

    >>> bars = Bars("X", "1s", [0, 1_000, 2_000], *[[1.0] * 3] * 5, [1] * 3, [1.0] * 3)
    >>> touched(bars, np.array([[1_200.0, 2_000.0]])).tolist()
    [False, True, True]
    """
    return touched_rows(bars.ts_ms, timeframe_ms(bars.timeframe), spans)


def touched_rows(ts_ms: IntArray, length_ms: int, spans: FloatArray) -> BoolArray:
    """`touched` for rows that open at ts_ms, ascending, and are length_ms long."""
    flags = np.zeros(len(ts_ms), np.bool_)
    starts = np.searchsorted(ts_ms, spans[:, 0] - length_ms, side="right")
    ends = np.searchsorted(ts_ms, spans[:, 1], side="right")
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        flags[start:end] = True
    return flags
