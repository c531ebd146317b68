"""Bars on their way in: held in columns, sorted, put on the grid of their timeframe.

`HOLD` rows at most are held and handed on sorted by time: a file of any order and size is read
in constant memory. Duplicates are seen within that many rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.model import (
    TIMEFRAMES,
    Bars,
    BoolArray,
    FloatArray,
    IntArray,
    Rejected,
    timeframe_name,
)
from ingestion.files.errors import OneBarAlone, OtherTimeframe, UploadError
from ingestion.files.opening_times import HOUR_MS, OpeningTimes, Times, clock_step
from ingestion.files.report import Tally
from ingestion.files.timestep import DAY_MS, step_of

HOLD = 200_000
#: High and low may lie so far within open and close, as a share: noise of floats.
NOISE = 1e-9
#: Bars of other prices at a time that was there already: so many, and one row in ten, are no slip.
_CLASHES, _OFTEN = 3, 10
#: Days between two times that a clock is put back, at least.
_FOLDS_APART = 300


class BarHold:
    """Columns of bars in, sorted Bars out.

    names: of the symbols, by the numbers that stand in the columns. close_labels: whether times
    are those at which bars end. told: the timeframe that the file's name tells. step: the length
    of a bar in ms, 0 until it is known.
    """

    def __init__(
        self,
        names: Sequence[str],
        tally: Tally,
        most: int = HOLD,
        close_labels: bool = False,
        told: str | None = None,
    ) -> None:
        self.step = 0
        self.held = 0
        self._names = names
        self._tally = tally
        self._most = most
        self._close_labels = close_labels
        self._told = told
        self._blocks: list[list[np.ndarray]] = []
        self._opening: OpeningTimes | None = None
        self._dates = self._learnt = self._clock = False
        self._widened = 0

    def take(self, columns: Sequence[np.ndarray]) -> list[Bars]:
        """Hold rows: line, symbol, ts_ms, trades, volume, vwap, open, high, low, close.

        Gives the bars that became ready.
        """
        self._blocks.append(list(columns))
        self.held += len(columns[0])
        return self.flush() if self.held >= self._most else []

    def finish(self) -> list[Bars]:
        """The bars that are left."""
        if self._widened:
            self._tally.notes.append(
                f"high or low of {self._widened:,} bars missed open or close by a rounding of "
                "floats, and were widened to them"
            )
            self._widened = 0
        return self.flush()

    def widened(self, prices: Sequence[FloatArray]) -> list[FloatArray]:
        """High and low that miss open or close by the noise of floats take them in."""
        opened, high, low, close = prices
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        above = (high < top) & (high >= top * (1 - NOISE))
        below = (low > bottom) & (low <= bottom * (1 + NOISE))
        self._widened += int((above | below).sum())
        return [opened, np.where(above, top, high), np.where(below, bottom, low), close]

    def flush(self) -> list[Bars]:
        """The bars that are held."""
        if not self._blocks:
            return []
        columns = [np.concatenate(parts) for parts in zip(*self._blocks, strict=True)]
        self._blocks, self.held = [], 0
        if not len(columns[0]):
            return []
        if not self._learnt:
            try:
                self._learn_grid(columns[2], columns[1])
            except OneBarAlone as alone:
                found = {self._names[code]: ts_ms for code, ts_ms in alone.times.items()}
                raise OneBarAlone(found) from None
        columns[2], off = self._opened(columns[2], columns[1])
        lines, codes, ts_ms = columns[:3]
        order = np.lexsort((lines, ts_ms, codes))
        columns = self._without([column[order] for column in columns], off[order], "time-grid")
        codes, ts_ms = columns[1], columns[2]
        again = np.zeros(len(codes), bool)
        again[1:] = (codes[1:] == codes[:-1]) & (ts_ms[1:] == ts_ms[:-1])
        self._refuse_clashes(columns, again)
        columns = self._without(columns, again, "duplicate-bar")
        return [self._bars(columns, code) for code in np.unique(columns[1])]

    def _refuse_clashes(self, columns: list[np.ndarray], again: BoolArray) -> None:
        """Raise UploadError where many bars of a symbol and a time have different prices.

        The hour that a clock repeats at the end of summer time does not count.
        """
        clash = again.copy()
        clash[1:] &= np.any([one[1:] != one[:-1] for one in columns[6:10]], axis=0)
        clash &= ~_near_folds(*columns[:3])
        at = int(np.argmax(clash))
        count = int(clash.sum())
        if count < _CLASHES or count * _OFTEN < len(clash):
            return
        lines, closes = columns[0][at - 1 : at + 1], columns[9][at - 1 : at + 1]
        moment = np.datetime64(int(columns[2][at]), "ms").item().isoformat(" ")
        raise UploadError(
            f"{count:,} rows stand at a time that {self._names[columns[1][at]]} has already, with "
            f"other prices: rows {lines[0]} and {lines[1]} are both of {moment}, and close at "
            f"{closes[0]:g} and {closes[1]:g}",
            "a column that tells them apart (symbol, contract, exchange, timeframe) and is known",
            "call it symbol, or upload the rows of each on their own",
        )

    def _learn_grid(self, ts_ms: IntArray, codes: IntArray) -> None:
        """The timeframe, and whether times are midnights of a zone."""
        known, asked = self._tally.timeframe, self._tally.asked
        times = Times.of_bars(ts_ms, codes)
        alone = not len(times.steps)
        said = known or (asked if alone else None)
        if alone and not self.step and not asked and self._told:
            if known and known != self._told:
                raise OtherTimeframe(self._told, known)
            if not known and self._tally.by_name:
                said = self._told
                self._tally.notes.append(f"one bar alone: of {said}, as the file's name tells")
        self.step = self.step or step_of(
            ts_ms,
            TIMEFRAMES[said] if said else 0,
            codes=codes,
            asked=TIMEFRAMES[asked] if asked else 0,
        )
        name = timeframe_name(self.step)
        expected = known or asked
        if expected and name != expected:
            raise OtherTimeframe(name, expected, asked=not known)
        self._learnt, self._tally.timeframe = True, name
        if self.step % DAY_MS == 0:
            # Midnights of a zone with daylight saving: the dates that they begin.
            _, _, held, rows = times.usual(DAY_MS)
            self._dates = bool((held < rows).any())
        self._clock = clock_step(times) == self.step
        if self._clock:
            self._tally.notes.append(
                f"bars of {name} keep to a clock with daylight saving: in summer they open an hour "
                "earlier, UTC, than in winter"
            )

    def _opened(self, ts_ms: IntArray, codes: IntArray) -> tuple[IntArray, BoolArray]:
        """When bars open, and which do so at another time than their symbol's others."""
        if self._opening is None:
            ends = self._close_labels and not self._dates
            self._opening = OpeningTimes(self.step, ends, self._clock)
        if self._dates:
            ts_ms = _dates_of(ts_ms)
        noted = self._opening.ended
        opens = self._opening.learn(ts_ms, codes)
        self._tally.opens |= {self._names[code]: opens[code] for code in sorted(opens)}
        opened, off = self._opening.opened(ts_ms, codes)
        if self._opening.ended and not noted:
            self._tally.notes.append("labelled by the end of each bar: taken by its beginning")
        return opened, off

    def _without(self, columns: list[np.ndarray], bad: BoolArray, reason: str) -> list[np.ndarray]:
        if not bad.any():
            return columns
        self._tally.reject(Rejected(reason, "", line) for line in np.sort(columns[0][bad]).tolist())
        return [column[~bad] for column in columns]

    def _bars(self, columns: list[np.ndarray], code: int) -> Bars:
        mine = columns[1] == code
        ts_ms, trades, volume, vwap, opened, high, low, close = (one[mine] for one in columns[2:])
        typical = (high + low + close) / 3
        known = (vwap >= low) & (vwap <= high)
        name = self._names[code]
        bars = Bars(
            name, timeframe_name(self.step), ts_ms, opened, high, low, close, volume, trades,
            np.where(known, vwap, typical),
        )  # fmt: skip
        self._tally.accept(bars)
        return bars


def _dates_of(ts_ms: IntArray) -> IntArray:
    """The midnights, UTC, of the dates that times begin in their zone."""
    return (ts_ms + 3 * HOUR_MS) // DAY_MS * DAY_MS


def _near_folds(lines: IntArray, codes: IntArray, ts_ms: IntArray) -> BoolArray:
    """Which bars are of an hour that was repeated, amid others, where times step back.

    A clock is put back once a year: of more steps back, or longer ones, none is one.
    """
    near = np.zeros(len(ts_ms), bool)
    for code in np.unique(codes):
        mine = np.flatnonzero(codes == code)
        moments = ts_ms[mine][np.argsort(lines[mine], kind="stable")]
        steps = np.diff(moments)
        if len(steps) and np.median(steps) < 0:
            moments, steps = moments[::-1], -steps[::-1]
        back = np.flatnonzero(steps < 0)
        most = 1 + (int(moments.max()) - int(moments.min())) // (_FOLDS_APART * DAY_MS)
        if not len(back) or len(back) > most or steps.min() < -HOUR_MS:
            continue
        for last, first in zip(moments[back].tolist(), moments[back + 1].tolist(), strict=True):
            if moments.min() < first and last < moments.max():  # hours before it and after
                near[mine] |= (ts_ms[mine] >= first) & (ts_ms[mine] <= last)
    return near
