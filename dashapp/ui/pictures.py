"""The pictures that browsers have: what a page sent last, so that the next answer tells only what
differs.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cachetools import LRUCache
from dash import Patch, no_update
from dash.development.base_component import Component

from dashapp.figures.base import Array, signature, taken_apart
from dashapp.figures.changes import change, differences
from dashapp.ui.components import Fixed

#: Bytes of all pictures that are kept, and pictures of one view: a tab that nobody sees asks a
#: quarter as often as another that shows the same, which makes four meanwhile.
MOST_BYTES, OF_ONE_VIEW = 64 * 1024**2, 8
#: Seconds for which viewers of one view get the same picture.
SHARED_S = 0.2
#: How many times as many bytes values take as they are written in.
_OF_WRITTEN = 8
#: Steps from one picture to the next whose telling is kept.
STEPS = 32
#: Properties that may be told in parts, and left out while they stay the same: nobody but the
#: server writes them.
_IN_PARTS = frozenset({"children", "data"})

_write = msgspec.json.Encoder(enc_hook=lambda _: None).encode  # what has no form is shared

Arrays = dict[tuple[str | int, ...], Any]
#: The structures that a browser has, by chart.
Shapes = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Picture:
    """What a page shows. number: tells it from others. charts: their signature and their arrays
    by path. values: of the page's other properties, as plain JSON. made_s: when, of a clock that
    ascends. size: about how many bytes it holds.
    """

    number: str
    charts: Mapping[str, tuple[str, Arrays]]
    values: Mapping[str, Any]
    made_s: float
    size: int

    @property
    def age_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.made_s


@dataclass(frozen=True, eq=False)
class Newest:
    """The newest picture of a view. key: of the page as it was then. figures: as they go to who
    has none.
    """

    key: str
    picture: Picture
    figures: Mapping[str, Any]


@dataclass(eq=False)
class Step:
    """What one is told who goes from a picture to the next: of charts, of values, and the cursor
    that says where it is then. body: all of it as an answer's bytes, once they were needed.
    """

    charts: Mapping[str, Any]
    values: Mapping[str, Any]
    cursor: Mapping[str, Any]
    body: bytes | None = None


class Pictures:
    """The newest pictures of each view of a page; the oldest go where they take too much."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[str, Picture] = LRUCache(most_bytes, getsizeof=lambda one: one.size)
        self._of_view: LRUCache[str, deque[str]] = LRUCache(1_024)
        self._newest: LRUCache[str, Newest] = LRUCache(64)
        self._coming: dict[str, asyncio.Task[Newest]] = {}
        self._structures: LRUCache[str, tuple[dict[str, Any], str]] = LRUCache(256)
        self._steps: LRUCache[Hashable, Step] = LRUCache(STEPS)
        self._count = 0

    def get(self, number: str | None) -> Picture | None:
        """The picture of a number, if it is kept yet."""
        return None if number is None else self._kept.get(number)

    async def newest(
        self, view: str, held: str | None, make: Callable[[], Coroutine[Any, Any, Newest]]
    ) -> Newest:
        """The picture that another viewer of this view just got or is about to get, else a new one.

        held: the picture that the browser has; who has the newest already gets a new one.
        make: makes it, once for all that wait for it. Raises what `make` raises.
        """
        newest = self._newest.get(view)
        young = newest is not None and newest.picture.age_s <= SHARED_S
        if newest is not None and young and newest.picture.number != held:
            return newest
        task = self._coming.get(view)
        if task is None:
            task = self._coming[view] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._came(view, done))
        try:
            return await asyncio.shield(task)  # who goes away leaves the others waiting
        finally:
            del task  # its error knows this frame: one must not hold the other

    def _came(self, view: str, done: asyncio.Task[Newest]) -> None:
        del self._coming[view]
        if not done.cancelled():
            done.exception()  # whoever waited has it

    def kept_step(self, before: Picture | None, after: Picture, shapes: Shapes) -> Step | None:
        """What one was told who has the structures `shapes` and goes from a picture to the next."""
        return self._steps.get(_step(before, after, shapes))

    def keep_step(self, before: Picture | None, after: Picture, shapes: Shapes, step: Step) -> None:
        """Keep what one was told, for others who make the same step."""
        self._steps[_step(before, after, shapes)] = step

    def put(self, view: str, key: str, figures: Mapping[str, Any], values: Any) -> Newest:
        """Keep a new picture of a view. key: tells this server's pictures from another's."""
        self._count += 1
        charts = {}
        for chart_id, figure in figures.items():
            structure, arrays = taken_apart(figure)
            told = {tuple(path): value for path, value in arrays}
            charts[chart_id] = (self._signature(f"{view} {chart_id}", structure), told)
        held = (value for _, arrays in charts.values() for value in arrays.values())
        size = 8_192 + sum(map(_size, held)) + _OF_WRITTEN * len(_write(values))
        picture = Picture(digest(f"{self._count} {key}"), charts, values, time.monotonic(), size)
        newest = self._newest[view] = Newest(key, picture, dict(figures))
        if picture.size <= self._kept.maxsize:
            self._kept[picture.number] = picture
            numbers = self._of_view.setdefault(view, deque())
            numbers.append(picture.number)
            while len(numbers) > OF_ONE_VIEW:
                self._kept.pop(numbers.popleft(), None)
        return newest

    def _signature(self, chart: str, structure: dict[str, Any]) -> str:
        """That of a structure, which seldom changes: it is compared sooner than it is written."""
        known = self._structures.get(chart)
        if known is None or known[0] != structure:
            known = self._structures[chart] = (structure, signature(structure))
        return known[1]


def _size(part: Any) -> int:
    """About how many bytes a part of a chart holds."""
    arrays = (part.array,) if isinstance(part, Array) else getattr(part, "of", ())
    return 64 + sum(array.nbytes for array in arrays)


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
    if type(value) in _PLAIN or isinstance(value, Fixed):
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
    left = 0  # rows that left at the front, as many of every series of a chart
    for path, value in arrays.items():
        old = before[path]
        if old == value:
            continue
        told = change(old, value, left)
        if told is not None:
            left = told.get("drop", left)
            parts.append((path, {"change": told}))
        elif isinstance(value, list | dict):
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


def chart_told(
    chart_id: str, figure: dict[str, Any], shapes: Shapes, after: Picture, before: Picture | None
) -> Any:
    """What to send of a chart: what differs, its arrays, or all, by what the browser has."""
    signature, arrays = after.charts[chart_id]
    if shapes.get(chart_id) != signature:
        return figure
    had = before.charts.get(chart_id) if before is not None else None
    if had is None or had[0] != signature or had[1].keys() != arrays.keys():
        return patch_of(arrays)
    told = figure_parts(arrays, had[1])
    return told if told["parts"] else no_update


def value_told(prop: str, name: str, after: Picture, before: Picture | None) -> Any:
    """What to send of a property, which the browser may have already."""
    value = after.values[name]
    if before is None or name not in before.values:
        return value
    told = value_parts(prop, before.values[name], value)
    return no_update if told is None and value is not None else told
