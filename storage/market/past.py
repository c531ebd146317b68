"""Bars of an exchange before the ticks: joined to the bars of ticks at an exact seam.

From a moment on the ticks of a symbol are whole. A bar that opens then or later is theirs; one
that opened before is the exchange's, and while that has not closed it is made of finer bars.
So no trade counts twice and none is missing, at any timeframe.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analytics.bars import aggregate, timeframe_ms
from analytics.model import Bars, BoolArray
from storage.market.bar_series import BarSeries

Read = Callable[[str, int], Bars]
_NEVER = 1 << 62
#: Shorter bars that are cut are left out; a longer one is shown until the exchange gives it.
_CUT_BELOW_MS = 60_000


class Past:
    """What an exchange said of one symbol's bars. whole_ms: from when on its ticks are whole,
    None before the first of them.

    >>> past = Past(100)
    >>> past.whole_from(90_500)
    >>> past.seam_ms("1s"), past.seam_ms("1m")
    (91000, 120000)
    """

    def __init__(self, max_bars: int) -> None:
        self.whole_ms: int | None = None
        self._max_bars = max_bars
        self._series: dict[str, BarSeries] = {}
        self._from_ms: dict[str, int] = {}
        self._final_ms: dict[str, int] = {}
        self._old: dict[str, tuple[tuple[int, int, int], Bars]] = {}

    def __contains__(self, timeframe: object) -> bool:
        return timeframe in self._series

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Timeframes that the exchange gave, finest first."""
        return tuple(sorted(self._series, key=timeframe_ms))

    @property
    def nbytes(self) -> int:
        """Memory that the bars take."""
        return sum(series.nbytes for series in self._series.values())

    def append(self, bars: Bars, from_ms: int, final_ms: int) -> None:
        """Take bars in any order; one at a time already held replaces it.

        from_ms: from when on they are all that there are. final_ms: those that open before it
        have closed.
        """
        timeframe = bars.timeframe
        series = self._series.get(timeframe)
        if series is None:
            series = self._series[timeframe] = BarSeries(bars, self._max_bars)
        series.append(bars)
        self._from_ms[timeframe] = min(from_ms, self._from_ms.get(timeframe, _NEVER))
        self._final_ms[timeframe] = max(final_ms, self._final_ms.get(timeframe, 0))
        self._old.pop(timeframe, None)

    def whole_from(self, ts_ms: int) -> None:
        """The symbol's ticks are whole from here on."""
        if ts_ms != self.whole_ms:
            self.whole_ms = ts_ms
            self._old.clear()

    def seam_ms(self, timeframe: str) -> int:
        """The opening of the first bar that the ticks make."""
        if self.whole_ms is None:
            return _NEVER
        length = timeframe_ms(timeframe)
        return -(-self.whole_ms // length) * length

    def from_ms(self, timeframe: str) -> int | None:
        """From when on the bars of a timeframe are known; None where none were asked for."""
        return self._from_ms.get(timeframe)

    def final_ms(self, timeframe: str) -> int | None:
        """The bars that open before it have closed and are known."""
        return self._final_ms.get(timeframe)

    def keep(self, max_bars: int) -> None:
        """Keep the newest `max_bars` of each timeframe from now on."""
        self._max_bars = max_bars
        for series in self._series.values():
            series.keep(max_bars)
        self._old.clear()

    def held(self, bars: Bars) -> BoolArray:
        """Which of these bars, as `join` gave them, are the exchange's."""
        series = self._series.get(bars.timeframe)
        if series is None:
            return np.zeros(len(bars), np.bool_)
        return (bars.ts_ms < self.seam_ms(bars.timeframe)) & np.isin(bars.ts_ms, series.base.ts_ms)

    def join(self, timeframe: str, built: Bars, read: Read) -> Bars:
        """The bars of a timeframe: the exchange's up to the seam, those of ticks from there.

        built: all bars of the ticks. read: gives the bars of a finer timeframe from a time on.
        """
        seam = self.seam_ms(timeframe)
        split = int(np.searchsorted(built.ts_ms, seam))
        if timeframe not in self._series:
            # The first second of all may be cut: it began before the ticks were whole. What an
            # earlier run had stays, and a gap says what is missing.
            cut = split == 1 and timeframe_ms(timeframe) < _CUT_BELOW_MS
            return built[split:] if cut else built
        early = built[:split]
        newest = len(early) - self._follows(timeframe, seam, early)
        parts = [self._before(timeframe, seam, early[:newest]), early[newest:]]
        edge = self._edge(timeframe, seam, read)
        if edge is not None:
            until = edge.ts_ms[0]
            parts = [part[: int(np.searchsorted(part.ts_ms, until))] for part in parts] + [edge]
        return Bars.concat([*parts, built[split:]])

    def _follows(self, timeframe: str, seam: int, built: Bars) -> bool:
        """Whether the newest bar of ticks before the seam comes after all of the exchange's: it
        moves with each tick.
        """
        times = self._series[timeframe].base.ts_ms
        known = int(np.searchsorted(times, seam))
        return len(built) > 0 and (not known or bool(built.ts_ms[-1] > times[known - 1]))

    def _before(self, timeframe: str, seam: int, built: Bars) -> Bars:
        """The bars before the seam; where the exchange gave none those of ticks, if there are."""
        known = self._old.get(timeframe)
        asked = (seam, len(built), int(built.ts_ms[-1]) if len(built) else 0)
        if known is not None and known[0] == asked:
            return known[1]
        base = self._series[timeframe].base
        old = base[: int(np.searchsorted(base.ts_ms, seam))]
        others = built[~np.isin(built.ts_ms, old.ts_ms)]
        if len(others):
            both = Bars.concat([old, others])
            old = both[np.argsort(both.ts_ms, kind="stable")]
        self._old[timeframe] = (asked, old)
        return old

    def _edge(self, timeframe: str, seam: int, read: Read) -> Bars | None:
        """The bar that began before the ticks were whole, of finer bars while it has not closed."""
        if self.whole_ms is None:
            return None
        length = timeframe_ms(timeframe)
        opened = seam - length
        if opened < self._final_ms[timeframe]:
            return None
        finer = [
            name
            for name in self.timeframes
            if timeframe_ms(name) < length
            and length % timeframe_ms(name) == 0
            and self._from_ms[name] <= opened
        ]
        if not finer:
            return None
        parts = read(finer[-1], opened)
        begin, end = np.searchsorted(parts.ts_ms, (opened, seam))
        if begin == end:
            return None
        return aggregate(parts[int(begin) : int(end)], timeframe)
