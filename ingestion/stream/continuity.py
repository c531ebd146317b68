"""Gaps by id: what a source numbered and we never had. No I/O, no clock.

Prints that are no trades use up an id too (`Decoded.consumed`), so the check comes before
they are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.model import Gap, IntArray, Ticks

#: A step of more than this, either way, is another numbering, not a gap.
MAX_JUMP = 5_000_000
#: Steps of one in a row that prove the ids of an unknown source to be a sequence.
PROOF = 20
#: Gaps told apart in one batch; the ones beyond are told as one.
MAX_GAPS = 256

#: The time of a print that is no trade: that of the trade before it is taken.
_UNTIMED = -1


@dataclass
class _Sequence:
    """Where one symbol's numbering stands.

    run: steps of one in a row, up to PROOF; it stays there until ids are no sequence.
    anew: ids in a row that were had before, of trades that are newer than all others.
    """

    newest: int
    ts_ms: int
    run: int
    anew: int = 0


class Continuity:
    """Watches that each symbol's ids go up by one.

    strict: whether the source is known to number its trades so; of any other that has to
    be seen first, PROOF times in a row.

    >>> watch = Continuity(strict=True)
    >>> watch.check([Ticks("BTCUSDT", [10, 20], [5.0, 5.0], [1.0, 1.0], [7, 8])])
    []
    >>> watch.check([Ticks("BTCUSDT", [60], [5.0], [1.0], [12])], [("BTCUSDT", 9)])
    [Gap(symbol='BTCUSDT', first_id=10, last_id=11, from_ms=20, to_ms=60)]
    """

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self._unnumbered = False
        self._restarted: list[str] = []
        self._symbols: dict[str, _Sequence] = {}

    def check(self, ticks: Iterable[Ticks], consumed: Sequence[tuple[str, int]] = ()) -> list[Gap]:
        """The gaps that a batch of messages opens. consumed: ids of prints that are no trades."""
        used: dict[str, list[int]] = {}
        for symbol, number in consumed:
            used.setdefault(symbol, []).append(number)
        gaps: list[Gap] = []
        for batch in ticks:
            gaps += self._check_batch(batch, used.pop(batch.symbol, []))
        for symbol, numbers in used.items():
            known = self._symbols.get(symbol)
            if known is not None:
                moments = np.full(len(numbers), _UNTIMED)
                gaps += self._check_ids(symbol, np.array(numbers, np.int64), moments)
        return gaps

    @property
    def proven(self) -> bool:
        """Whether every trade that came had an id, in a sequence that is known or proven."""
        if self.strict:
            return True
        runs = [known.run for known in self._symbols.values()]
        return bool(runs) and min(runs) >= PROOF and not self._unnumbered

    def restarted(self) -> list[str]:
        """The symbols whose source began to number anew, since this was asked last.

        Their ids are those of other trades than before: no duplicates.
        """
        symbols, self._restarted = self._restarted, []
        return symbols

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Go on from the trade that an earlier run had last: what was missed since is a gap."""
        if newest >= 0:
            self._symbols.setdefault(symbol, _Sequence(newest, ts_ms, 0))

    def keep(self, symbols: Iterable[str]) -> None:
        """Forget every symbol but these: what is no longer asked for is not missed."""
        kept = set(symbols)
        self._symbols = {name: known for name, known in self._symbols.items() if name in kept}

    def _check_batch(self, batch: Ticks, used: list[int]) -> list[Gap]:
        ids, ts_ms = batch.trade_id, batch.ts_ms
        known = self._symbols.get(batch.symbol)
        if (
            known is not None
            and not used
            and ids.item(0) == known.newest + 1
            and ids.item(-1) - known.newest == len(ids)
            and (len(ids) <= 2 or bool((ids[1:] > ids[:-1]).all()))
        ):
            known.newest, known.ts_ms = ids.item(-1), ts_ms.item(-1)
            known.run, known.anew = min(known.run + len(ids), PROOF), 0
            return []
        if used:
            ids = np.concatenate([ids, np.array(used, np.int64)])
            ts_ms = np.concatenate([ts_ms, np.full(len(used), _UNTIMED)])
        numbered = ids >= 0
        self._unnumbered = self._unnumbered or not numbered.all()
        return self._check_ids(batch.symbol, ids[numbered], ts_ms[numbered])

    def _check_ids(self, symbol: str, ids: IntArray, ts_ms: IntArray) -> list[Gap]:
        """The general case: ids in any order, with holes, with ones that came before."""
        if not len(ids):
            return []
        known = self._symbols.get(symbol)
        if known is None or abs(int(ids[0]) - known.newest) > MAX_JUMP:
            start = int(ids[0]) if known is not None else int(ids.min())
            known = self._symbols[symbol] = _Sequence(start - 1, _first_time(ts_ms), 0)
        if ids.max() <= known.newest:
            self._check_restart(symbol, known, ids, ts_ms)
            return []
        known.anew = 0
        ids, places = np.unique(ids, return_index=True)
        fresh = ids > known.newest
        ids, ts_ms = ids[fresh], ts_ms[places[fresh]]
        before = np.r_[known.newest, ids[:-1]]
        times = np.maximum.accumulate(np.r_[known.ts_ms, ts_ms])
        steps = ids - before
        holes = np.flatnonzero(steps > 1)
        proven = self.strict or known.run >= PROOF
        known.newest, known.ts_ms = int(ids[-1]), int(times[-1])
        if not proven:
            run = len(ids) + (known.run if not len(holes) else -int(holes[-1]) - 1)
            known.run = min(run, PROOF)
            return []
        if not self.strict and len(holes) > max(3, len(ids) // PROOF):
            known.run = 0  # so many holes: these ids are no sequence after all
            return []
        return _gaps(symbol, holes[steps[holes] <= MAX_JUMP], before, ids, times)

    def _check_restart(self, symbol: str, known: _Sequence, ids: IntArray, ts_ms: IntArray) -> None:
        """Ids that all came before: what comes twice is old, a new numbering is of now."""
        timed = ts_ms[ts_ms != _UNTIMED]
        if not len(timed) or timed.min() <= known.ts_ms:
            known.anew = 0
            return
        known.anew += len(ids)
        if known.anew >= PROOF:
            self._symbols[symbol] = _Sequence(int(ids.max()), int(timed.max()), 0)
            self._restarted.append(symbol)


def _first_time(ts_ms: IntArray) -> int:
    timed = ts_ms[ts_ms != _UNTIMED]
    return int(timed.min()) if len(timed) else 0


def _gaps(
    symbol: str, holes: IntArray, before: IntArray, ids: IntArray, times: IntArray
) -> list[Gap]:
    """A gap for each hole; from MAX_GAPS on they are told as one."""

    def gap(first: int, last: int) -> Gap:
        ends = sorted((int(times[first]), int(times[last + 1])))
        return Gap(symbol, int(before[first]) + 1, int(ids[last]) - 1, *ends)

    told = [gap(at, at) for at in holes[: MAX_GAPS - 1].tolist()]
    rest = holes[MAX_GAPS - 1 :].tolist()
    return [*told, gap(rest[0], rest[-1])] if rest else told
