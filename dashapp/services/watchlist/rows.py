"""What is shown of a watched pair, and since when: so that only what changed travels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from dashapp.services.watchlist.pair import WatchedPair

WatchState = Literal["inside", "beyond", "alert", "silent", "not enough data", "no z-score"]
WATCH_STATES: tuple[WatchState, ...] = get_args(WatchState)
#: Closed bars of a sparkline.
LINE_POINTS = 60
#: Fields of a row, each None until it is known.
FIELDS = (
    "state",
    "reason",
    "z",
    "ts_ms",
    "side",
    "tone",
    "half_life",
    "half_life_ms",
    "half_life_sure",
    "break_even",
    "carried",
    "armed",
    "fired",
    "returned",
    "hit_rate",
    "net_bps",
    "worst_bps",
    "became",
)


@dataclass(eq=False)
class WatchRow:
    """A watched pair's row. Its fields by name, and the version at which each changed last.

    line: z at the newest LINE_POINTS closed bars, as it was known at each. began: the version
    from which the line has only been appended to.
    """

    pair: WatchedPair
    came: int
    values: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(FIELDS))
    line: deque[float | None] = field(default_factory=lambda: deque(maxlen=LINE_POINTS))
    began: int = 0
    version: int = 0

    def __post_init__(self) -> None:
        self.version = self.began = self.came
        self._changed = dict.fromkeys(FIELDS, self.came)
        self._points: deque[int] = deque(maxlen=LINE_POINTS)

    def put(self, version: int, **values: Any) -> bool:
        """Take new values in; whether any differs from what stood there."""
        moved = False
        for name, value in values.items():
            if self.values[name] != value:
                self.values[name] = value
                self._changed[name] = version
                moved = True
        if moved:
            self.version = version
        return moved

    def append(self, version: int, points: Iterable[float | None]) -> bool:
        """Closed bars, oldest first; whether the line got longer. It begins with a known z."""
        moved = False
        for point in points:
            if point is None and not self.line:
                continue
            self.line.append(point)
            self._points.append(version)
            moved = True
        if moved:
            self.version = version
        return moved

    def begin_line(self, version: int) -> None:
        """The line begins anew: what was known says nothing any more."""
        if self.line:
            self.version = version
        self.line.clear()
        self._points.clear()
        self.began = version

    def since(self, version: int) -> dict[str, Any]:
        """What changed after a version, by name: the id, fields, and of the line the whole as
        `line`, or as `add` the points that are new to who has it already.
        """
        changed = {
            name: value for name, value in self.values.items() if self._changed[name] > version
        }
        if self.began > version:
            changed["line"] = list(self.line)
        else:
            fresh = 0
            for at in reversed(self._points):  # ascending: the newest are at the end
                if at <= version:
                    break
                fresh += 1
            if fresh:
                changed["add"] = list(self.line)[-fresh:]
        return {"id": self.pair.id, **changed}

    def whole(self) -> dict[str, Any]:
        """Everything that is shown, with what the pair is."""
        pair = self.pair
        return {
            "id": pair.id,
            "market": pair.market,
            "y": pair.params.y,
            "x": pair.params.x,
            "timeframe": pair.params.timeframe,
            "threshold": pair.threshold,
            **self.values,
            "line": list(self.line),
        }
