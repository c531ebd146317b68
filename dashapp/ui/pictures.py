"""The pictures that browsers have: what a page sent last, so that the next answer tells only what
differs.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from dash import Patch
from dash.development.base_component import Component

from dashapp.figures.base import Array, signature, taken_apart
from dashapp.figures.changes import change, differences

#: Bytes of all pictures that are kept, and pictures of one view.
MOST_BYTES, OF_ONE_VIEW = 64 * 1024**2, 3
#: Seconds for which viewers of one view get the same picture.
SHARED_S = 0.2
#: Steps from one picture to the next whose telling is kept.
STEPS = 16
#: Properties that may be told in parts, and left out while they stay the same: nobody but the
#: server writes them.
_IN_PARTS = frozenset({"children", "data"})

Arrays = dict[tuple[str | int, ...], Any]
#: The structures that a browser has, by chart; and what it is told of charts and of values.
Shapes = Mapping[str, str]
Told = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Picture:
    """What a page shows. number: tells it from others. charts: their signature and their arrays
    by path. values: of the page's other properties, as plain JSON.
    """

    number: str
    charts: Mapping[str, tuple[str, Arrays]]
    values: Mapping[str, Any]

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        held = (value for _, arrays in self.charts.values() for value in arrays.values())
        return 8_192 + sum(map(_size, held))


class Pictures:
    """The newest pictures of each view of a page; the oldest go where they take too much."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[str, Picture] = LRUCache(most_bytes, getsizeof=lambda one: one.size)
        self._of_view: LRUCache[str, deque[str]] = LRUCache(1_024)
        self._newest: LRUCache[str, tuple[float, str, Picture, dict[str, Any]]] = LRUCache(64)
        self._structures: LRUCache[str, tuple[dict[str, Any], str]] = LRUCache(256)
        self._steps: LRUCache[Hashable, Told] = LRUCache(STEPS)
        self._count = 0

    def get(self, number: str | None) -> Picture | None:
        """The picture of a number, if it is kept yet."""
        return None if number is None else self._kept.get(number)

    def shared(self, view: str, held: str | None) -> tuple[str, Picture, dict[str, Any]] | None:
        """The key, picture and figures that another viewer of this view just got, if any.

        held: the picture that the browser has; who has the newest already gets a new one.
        """
        made_s, key, picture, figures = self._newest.get(view, (0.0, "", None, {}))
        if picture is None or picture.number == held or time.monotonic() - made_s > SHARED_S:
            return None
        return key, picture, figures

    def kept_step(self, before: Picture | None, after: Picture, shapes: Shapes) -> Told | None:
        """What one was told who has the structures `shapes` and goes from a picture to the next."""
        return self._steps.get(_step(before, after, shapes))

    def keep_step(self, before: Picture | None, after: Picture, shapes: Shapes, told: Told) -> Told:
        """Keep what one was told, for others who make the same step."""
        self._steps[_step(before, after, shapes)] = told
        return told

    def put(self, view: str, key: str, figures: Mapping[str, Any], values: Any) -> Picture:
        """Keep a new picture of a view. key: tells this server's pictures from another's."""
        self._count += 1
        charts = {}
        for chart_id, figure in figures.items():
            structure, arrays = taken_apart(figure)
            told = {tuple(path): value for path, value in arrays}
            charts[chart_id] = (self._signature(f"{view} {chart_id}", structure), told)
        picture = Picture(digest(f"{self._count} {key}"), charts, values)
        self._newest[view] = (time.monotonic(), key, picture, dict(figures))
        if picture.size <= self._kept.maxsize:
            self._kept[picture.number] = picture
            numbers = self._of_view.setdefault(view, deque())
            numbers.append(picture.number)
            while len(numbers) > OF_ONE_VIEW:
                self._kept.pop(numbers.popleft(), None)
        return picture

    def _signature(self, chart: str, structure: dict[str, Any]) -> str:
        """That of a structure, which seldom changes: it is compared sooner than it is written."""
        known = self._structures.get(chart)
        if known is None or known[0] != structure:
            known = self._structures[chart] = (structure, signature(structure))
        return known[1]


def _size(part: Any) -> int:
    """About how many bytes a part of a chart holds: its text, and its values beside it."""
    text = len(part.get("bdata", "")) if isinstance(part, dict) else 64
    return text + (part.array.nbytes if isinstance(part, Array) else 0)


def _step(before: Picture | None, after: Picture, shapes: Shapes) -> Hashable:
    had = None if before is None else before.number
    return had, after.number, *sorted(shapes.items())


def digest(text: str) -> str:
    """A short name of a text."""
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


#: What JSON has as it is. A page has thousands: they are told apart without a call.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """A value as JSON has it: without Dash's components."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        items = value.items()
        return {name: part if type(part) in _PLAIN else plain(part) for name, part in items}
    if isinstance(value, list | tuple):
        return [part if type(part) in _PLAIN else plain(part) for part in value]
    return plain(value.to_plotly_json()) if isinstance(value, Component) else value


def patch_of(arrays: Arrays) -> Patch:
    """All changing parts of a figure whose structure the browser has."""
    patch = Patch()
    for path, value in arrays.items():
        part = patch
        for step in path[:-1]:
            part = part[step]
        part[path[-1]] = value
    return patch


def figure_parts(arrays: Arrays, before: Arrays) -> dict[str, Any]:
    """What differs in a figure from one of the same structure, as assets/changes.js reads it."""
    parts: list[tuple[Any, Any]] = []
    for path, value in arrays.items():
        old = before[path]
        if old == value:
            continue
        told = change(old, value)
        if told is not None:
            parts.append((path, {"change": told}))
        elif isinstance(value, list | dict) and "bdata" not in value:
            parts += differences(old, value, path)
        else:
            parts.append((path, value))
    return {"parts": parts}


def value_parts(prop: str, before: Any, after: Any) -> Any | None:
    """A property told by what differs, or whole; None where nothing differs."""
    if prop not in _IN_PARTS:
        return after
    parts = differences(before, after)
    if parts and parts[0][0] == ():
        return after
    return {"parts": parts} if parts else None
