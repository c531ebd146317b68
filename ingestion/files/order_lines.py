"""Lines of JSON that are read as trades: those that tell that they are orders, wherever they stand.

Objects of the same keys are as the rows of a table: an `OrderWatch` looks at each of these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.model import BoolArray, FloatArray
from ingestion.decode.decoder import JSON_ERRORS
from ingestion.decode.fields import walk
from ingestion.decode.pieces import pieces
from ingestion.decode.rows import Row
from ingestion.files.cells import Rows
from ingestion.files.json_shapes import cell_of
from ingestion.files.line_template import Part
from ingestion.files.line_values import LineValues
from ingestion.files.numbers import floats
from ingestion.files.orders import (
    OrderWatch,
    objects_in,
    order_columns,
    sizes_of,
    tells_of_orders,
)

#: Sets of keys that are told apart; one source has a few.
_MOST_KEYS = 1_000
#: Part of each name by which orders are told, in small letters; escapes may spell any name.
_NAMES = (b"stat", b"action", b"msg", b"message", b"fill", b"exec", b"cum", b"deal", b"\\u")

_read_json = msgspec.json.Decoder().decode
_Names = tuple[str, ...]


class Seen(NamedTuple):
    """What some lines that are alike say, by the position of the column."""

    words: dict[int, list[str | None]]
    filled: dict[int, tuple[FloatArray, FloatArray]]


class LikeLines:
    """The columns of lines that are like one that was learnt, which tell of orders.

    names: those of its trade. columns: of words and of what has filled, by the position in names
    the positions in parts.
    """

    def __init__(self, parts: Sequence[Part], names: _Names) -> None:
        self.names = names
        self._parts = parts
        told = _told(names)
        self._words = {at: self._places(names[at]) for at in told.words} if told else {}
        self._filled = {at: self._places(names[at]) for at in told.filled} if told else {}

    def _places(self, name: str) -> list[int]:
        fixed = ("fixed", "kind")
        return [
            at for at, part in enumerate(self._parts) if part.key == name and part.kind not in fixed
        ]

    def seen(self, values: LineValues, size: FloatArray, good: BoolArray) -> Seen:
        """What the good rows say. size: of all rows. Changes nothing."""
        if not self._words and not self._filled:
            return Seen({}, {})
        rows = np.flatnonzero(good)
        words: dict[int, list[str | None]] = {}
        for name, places in self._words.items():
            for at in places:
                words.setdefault(name, []).extend(pc.unique(values.texts(at, rows)).to_pylist())
        filled = {
            name: (size[rows], floats(values.texts(at, rows))[0])
            for name, places in self._filled.items()
            for at in places
        }
        return Seen(words, filled)


class OrderLines:
    """Looks at all lines that gave trades. `take`, `take_alike` and `finish` raise UploadError.

    >>> lines = OrderLines()
    >>> row = b'{"time":1735689600097,"symbol":"KO","price":5,"size":1,"status":"%s"}'
    >>> lines.take([row % b"filled", row % b"live"])
    >>> lines.take([row % b"cancelled"])
    Traceback (most recent call last):
        ...
    ingestion.files.errors.UploadError: column 'status' tells that these rows are orders, ...
    """

    def __init__(self) -> None:
        self._watches: dict[_Names, OrderWatch] = {}
        self._others = False

    def take(self, lines: Sequence[bytes], mixed: Collection[int] = ()) -> None:
        """Look at lines that gave trades. mixed: the positions of those that gave others too."""
        tables: dict[_Names, list[Mapping[str, Any]]] = {}
        for at, line in enumerate(lines):
            small = line.lower()
            if not any(name in small for name in _NAMES):
                self._others = True
                continue
            for value in _values(line):
                for one in objects_in(value):
                    if at not in mixed or _is_trade(one):
                        tables.setdefault(tuple(one), []).append(one)
        for names, objects in tables.items():
            told = _told(names)
            watch = self._watch(names)
            if told is None or watch is None:
                continue
            columns = {
                place: pa.array([cell_of(one[names[place]]) for one in objects], pa.string())
                for place in {told.size, *told.words, *told.filled}
            }
            watch.look(Rows(columns, np.arange(len(objects))))

    def learn(self, parts: Sequence[Part], line: bytes) -> LikeLines | None:
        """Lines will be like this one; its columns, None where nothing in it tells of orders."""
        names = next((tuple(one) for value in _values(line) for one in objects_in(value)), ())
        return LikeLines(parts, names) if _told(names) is not None else None

    def take_alike(self, like: LikeLines, seen: Seen) -> None:
        """Look at what lines said that are like a learnt one."""
        watch = self._watch(like.names)
        if watch is None:
            return
        for at, words in seen.words.items():
            watch.look_at_words(at, words)
        for at, (size, filled) in seen.filled.items():
            watch.look_at_filled(at, size, filled)

    def finish(self) -> None:
        """Raise UploadError where objects of the same keys have not traded."""
        for watch in self._watches.values():
            watch.finish(some=self._others or len(self._watches) > 1)

    def _watch(self, names: _Names) -> OrderWatch | None:
        """That of objects with these keys."""
        if names not in self._watches:
            told = _told(names)
            if told is None or len(self._watches) >= _MOST_KEYS:
                self._others = True
                return None
            self._watches[names] = OrderWatch(told)
        return self._watches[names]


def _told(names: _Names) -> Any:
    """The columns that tell whether objects of these keys are orders."""
    sizes = sizes_of(names) if any(map(tells_of_orders, names)) else []
    return order_columns(names, sizes[0]) if sizes else None


def _values(line: bytes) -> Iterator[Any]:
    """The values of JSON in a line, behind what a logger writes before them."""
    try:
        yield _read_json(line)
    except JSON_ERRORS:
        for piece in pieces(line):
            try:
                yield _read_json(piece)
            except JSON_ERRORS:
                continue


def _is_trade(obj: Mapping[str, Any]) -> bool:
    """Whether an object is read as a trade by itself."""
    return any(isinstance(one, Row) for one in walk(dict(obj), "A"))
