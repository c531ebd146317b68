"""When the bars of each symbol open: bars of an hour may do so at :00, and others at :30.

Those of several hours may keep to a clock: in summer they open an hour earlier than in winter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.model import BoolArray, IntArray, timeframe_name

HOUR_MS = 3_600_000
#: A zone of each rule by which clocks are put forward and back.
_CLOCKS = (
    "America/New_York",
    "Europe/London",
    "Australia/Sydney",
    "America/Santiago",
    "Asia/Jerusalem",
)
#: Rows of which one may stand off the grid of the others.
OFF_GRID = 20
#: Steps that tell of a clock.
_TELLING_CLOCK = 10

#: Steps by which a symbol tells its own step, and fewer that do where they are all alike.
_MANY, _ALIKE = 10, 2
#: Rows that tell when a symbol's bars open.
_TELLING = 2
#: Symbols that a note names.
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Times:
    """The times of bars, each once, ascending within a symbol: shape (n,).

    codes: the number of each one's symbol, ascending. steps: between two of a symbol; of: whose.
    """

    ts_ms: IntArray
    codes: IntArray
    steps: IntArray
    of: IntArray

    @staticmethod
    def of_bars(ts_ms: IntArray, codes: IntArray | None = None) -> Times:
        """Those of bars in any order. codes: None where all are of one symbol.

        >>> Times.of_bars(np.array([5, 3, 5, 9]), np.array([1, 0, 1, 1])).steps.tolist()
        [4]
        """
        if codes is None:
            ts_ms = np.unique(ts_ms)
            codes = np.zeros(len(ts_ms), np.int64)
        else:
            order = np.lexsort((ts_ms, codes))
            ts_ms, codes = ts_ms[order], codes[order]
            new = np.ones(len(codes), bool)
            new[1:] = (np.diff(ts_ms) != 0) | (np.diff(codes) != 0)
            ts_ms, codes = ts_ms[new], codes[new]
        same = codes[1:] == codes[:-1]
        return Times(ts_ms, codes, np.diff(ts_ms)[same], codes[1:][same])

    @property
    def symbols(self) -> int:
        """How many symbols have a step."""
        return len(np.unique(self.of))

    def by_symbol(self) -> dict[int, int]:
        """The last time of each symbol, by its number."""
        return dict(zip(self.codes.tolist(), self.ts_ms.tolist(), strict=True))

    def usual(self, step: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Of each symbol its number, the usual time since the beginning of a step, how many of its
        rows have that, and how many it has. Of several that are as usual it is that of all symbols.

        >>> [one.tolist() for one in Times.of_bars(np.array([4, 14, 25])).usual(10)]
        [[0], [4], [2], [3]]
        """
        found, place = np.unique(self.ts_ms % step, return_inverse=True)
        most = int(np.argmax(np.bincount(place)))
        pairs, held = np.unique(self.codes * len(found) + place, return_counts=True)
        codes, place = pairs // len(found), pairs % len(found)
        order = np.lexsort((place, place != most, -held, codes))
        names, first = np.unique(codes[order], return_index=True)
        chosen = order[first]
        _, rows = np.unique(self.codes, return_counts=True)
        return names, found[place[chosen]], held[chosen], rows

    def told_apart(self, step: int) -> bool:
        """Whether each symbol whose bars open at other times of a step than most has as many bars
        as tell that these are its own.
        """
        names, usual, _, rows = self.usual(step)
        moments, place = np.unique(usual, return_inverse=True)
        most = np.argmax(np.bincount(place, weights=rows))
        for code in names[usual != moments[most]]:
            steps = self.steps[self.of == code]
            alike = len(steps) >= _ALIKE and bool((steps == steps[0]).all())
            if len(steps) < _MANY and not alike:
                return False
        return True


def clock_step(times: Times) -> int:
    """The step of bars of several hours that keep to a clock with daylight saving; 0 for no such.

    In some zone the bars of a symbol stand on the grid of the usual step, and in UTC fewer do. One
    row in twenty of a symbol may stand off it.

    >>> wall = pd.date_range("2025-03-05", periods=60, freq="4h").tz_localize("America/New_York")
    >>> clock_step(Times.of_bars(wall.as_unit("ms").asi8)) // HOUR_MS
    4
    """
    if len(times.steps) < _TELLING_CLOCK:
        return 0
    found, counts = np.unique(times.steps, return_counts=True)
    step = int(found[np.argmax(counts)])
    if step % HOUR_MS or not HOUR_MS < step < 24 * HOUR_MS or not (found % step).any():
        return 0
    _, _, in_utc, rows = times.usual(step)
    moments = pd.DatetimeIndex(times.ts_ms.astype("datetime64[ms]"), tz="UTC")
    for zone in _CLOCKS:
        wall = moments.tz_convert(zone).tz_localize(None).as_unit("ms").asi8
        _, _, held, _ = Times(wall, times.codes, times.steps, times.of).usual(step)
        if held.sum() > in_utc.sum() and (rows - held <= rows // OFF_GRID).all():
            return step
    return 0


class OpeningTimes:
    """When in a step of the clock the bars of each symbol open, as their first rows tell.

    step: in ms. close_labels: whether times are those at which bars end. clock: whether bars may
    open an hour before the others, or after. ended: whether any were.
    """

    def __init__(self, step: int, close_labels: bool, clock: bool = False) -> None:
        self.ended = False
        self._step = step
        self._away = (0, HOUR_MS, step - HOUR_MS) if clock else (0,)
        self._close_labels = close_labels
        self._usual: int | None = None
        self._known: dict[int, int] = {}

    def learn(self, ts_ms: IntArray, codes: IntArray) -> dict[int, int]:
        """Learn of symbols that are new; ms from the beginning of a step to the opening of each.

        A symbol of fewer rows than tell goes by what is usual in the file.
        """
        fresh = ~np.isin(codes, list(self._known))
        if not fresh.any():
            return {}
        names, usual, held, rows = Times.of_bars(ts_ms[fresh], codes[fresh]).usual(self._step)
        if self._usual is None:
            moments, place = np.unique(usual, return_inverse=True)
            self._usual = int(moments[np.argmax(np.bincount(place, weights=rows))])
        telling = held >= _TELLING
        new = dict(zip(names[telling].tolist(), usual[telling].tolist(), strict=True))
        self._known |= new
        return {code: self._parts(moment)[1] for code, moment in new.items()}

    def opened(self, ts_ms: IntArray, codes: IntArray) -> tuple[IntArray, BoolArray]:
        """When bars open that are labelled with these times, and which do so at no such time."""
        assert self._usual is not None
        shift = np.full(int(codes.max()) + 1, self._parts(self._usual)[0])
        offset = np.full(len(shift), self._parts(self._usual)[1])
        for code, moment in self._known.items():
            if code < len(shift):
                shift[code], offset[code] = self._parts(moment)
        self.ended = self.ended or bool(shift[codes].any())
        opened: IntArray = ts_ms - shift[codes]
        return opened, ~np.isin((opened - offset[codes]) % self._step, self._away)

    def _parts(self, moment: int) -> tuple[int, int]:
        """How much earlier bars open than labels say, and the time since the step began then."""
        if self._step - moment <= min(1_000, self._step // 2):
            return moment, 0  # such as 00:59.999
        return self._step if self._close_labels else 0, moment


def opening_note(opens: Mapping[str, int], step: int) -> str:
    """What is to be known of symbols whose bars do not open together, "" where they do.

    opens: ms from the beginning of a step to the opening of a symbol's bars.

    >>> opening_note({"A": 0, "B": 0, "C": 1_800_000}, 3_600_000)[:64]
    'bars of 1h do not open together: those of C 30m after those of A'
    >>> opening_note({"A": 0}, 60_000)
    ''
    """
    groups: dict[int, list[str]] = {}
    for name, moment in opens.items():
        groups.setdefault(moment, []).append(name)
    if len(groups) < 2:
        return ""
    first, *others = sorted(groups, key=lambda moment: -len(groups[moment]))
    told = "; ".join(
        f"those of {_listed(groups[moment])} {_lasting((moment - first) % step)} after those of "
        f"{_listed(groups[first])}"
        for moment in others[:_NAMED]
    )
    return (
        f"bars of {timeframe_name(step)} do not open together: {told}. A pair of them has no bar "
        "in which both traded, and its coarser bars are of unlike stretches of time"
    )


def _lasting(ms: int) -> str:
    return f"{ms / 1_000:g} s" if ms % 1_000 else timeframe_name(ms)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
