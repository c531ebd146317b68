"""Lines that repeat one text around their values -> the values, a column for each.

Compiled, and the same for every file: a line is compared with the text byte by byte, and numbers
whose digits a float64 holds exactly are read on the way. What is not as JSON has it does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from analytics.model import FloatArray, IntArray
from ingestion.files.cells import Lines

# What stands between two texts. FIXED: nothing. TEXT: anything up to a quote. WORD: letters.
# WHOLE: digits that fit int64. NUMBER: a number that is not negative.
FIXED, TEXT, WORD, WHOLE, NUMBER = range(5)

_compiled: Any = njit(cache=True, nogil=True, error_model="numpy")
_LF, _CR, _QUOTE, _COMMA, _POINT, _ZERO, _NINE = 10, 13, 34, 44, 46, 48, 57
_Place, _ONE = np.uint64, np.uint64(1)
_PLUS, _MINUS, _E, _SMALL_E, _SMALL_A, _SMALL_Z = 43, 45, 69, 101, 97, 122
#: Numbers to which one more digit may come, for int64 and for float64 to hold them exactly.
_MOST_WHOLE, _MOST_EXACT = 2**63 // 10 - 1, 2**53 // 10 - 1
#: Powers of ten that float64 holds exactly (Clinger, "How to read floating point numbers
#: accurately", 1990): with so few and digits that are exact, one operation rounds correctly.
_POWERS = 10.0 ** np.arange(23)
#: Bytes that stand for themselves within a text of JSON.
_PLAIN = np.zeros(256, np.bool_)
_PLAIN[32:128] = True
_PLAIN[[34, 92]] = False  # a quote ends it, a backslash begins an escape


class Around(NamedTuple):
    """The texts around the values of a line. kinds: what stands between `before` and `after`."""

    texts: np.ndarray
    edges: IntArray
    kinds: IntArray


def around(parts: Sequence[tuple[bytes, bytes, int]]) -> Around:
    """Of the text before each value, the one behind it, up to the next comma, and its kind."""
    texts = [text for before, after, _ in parts for text in (before, after)]
    edges = np.cumsum([0, *map(len, texts)])
    kinds = np.array([kind for _, _, kind in parts], np.int64)
    return Around(np.frombuffer(b"".join(texts), np.uint8), edges, kinds)


class LineValues:
    """The values of the lines that fit. lines: their numbers, shape (n,).

    >>> line = around([(b'{"p":', b"", NUMBER), (b'"s":"', b'"}', TEXT)])
    >>> values = LineValues(Lines(b'{"p":1.5,"s":"A"}\\n{"p":1.5}\\n', 7), line)
    >>> values.lines.tolist(), values.numbers(0).tolist(), values.texts(1).to_pylist()
    ([7], [1.5], ['A'])
    """

    def __init__(self, lines: Lines, line: Around) -> None:
        most, width = len(lines), len(line.kinds)
        self._data = lines.data
        self._spans = np.empty((2, width, most), np.int32)
        self._numbers = np.empty((width, most))
        self._whole = np.empty((width, most), np.int64)
        rows = np.empty(most, np.int64)
        self._count = _read(self._data, *line, self._spans, self._numbers, self._whole, rows)
        self.lines: IntArray = rows[: self._count] + lines.first

    def texts(self, at: int, rows: IntArray | None = None) -> Any:
        """The values at a position as they are written, an Arrow array of strings; those of some
        rows alone."""
        begins, ends = self._spans[:, at, : self._count]
        if rows is not None:
            begins, ends = begins[rows], ends[rows]
        offsets = np.zeros(len(begins) + 1, np.int32)
        np.cumsum(ends - begins, out=offsets[1:])
        text = np.empty(offsets[-1], np.uint8)
        _gather(self._data, begins, offsets, text)
        buffers = (pa.py_buffer(offsets), pa.py_buffer(text))
        return pa.StringArray.from_buffers(len(begins), *buffers)

    def whole(self, at: int) -> IntArray:
        """The values at a position of WHOLE."""
        found: IntArray = self._whole[at, : self._count]
        return found

    def numbers(self, at: int) -> FloatArray:
        """The values at a position of NUMBER, as Python's float would read them."""
        found: FloatArray = self._numbers[at, : self._count]
        left = np.flatnonzero(np.isnan(found))
        if len(left):
            found[left] = self.texts(at, left).cast(pa.float64()).to_numpy()
        return found


@_compiled
def _read(
    data: Any,
    texts: Any,
    edges: Any,
    kinds: Any,
    spans: Any,
    numbers: Any,
    whole: Any,
    rows: Any,
) -> int:
    """Read the lines of a block that ends with a line break; how many fit.

    Positions are unsigned, for which no index from the end is looked for.
    """
    count, line, last = 0, 0, len(kinds) - 1
    at, end = _Place(0), _Place(len(data))
    while at < end:
        fits = True
        for part in range(len(kinds)):
            at, fits = _past(data, at, texts, edges[2 * part], edges[2 * part + 1])
            if not fits:
                break
            spans[0, part, count] = at
            at, fits, digits, value = _value(data, at, kinds[part])
            if not fits:
                break
            spans[1, part, count], whole[part, count], numbers[part, count] = at, digits, value
            at, fits = _past(data, at, texts, edges[2 * part + 1], edges[2 * part + 2])
            if fits and part < last:
                fits = data[at] == _COMMA
                at += _Place(fits)
            if not fits:
                break
        at += _Place(data[at] == _CR and data[at + _ONE] == _LF)
        if fits and data[at] == _LF:
            rows[count] = line
            count += 1
        while data[at] != _LF:
            at += _ONE
        at += _ONE
        line += 1
    return count


@_compiled
def _past(data: Any, at: Any, texts: Any, begin: Any, end: Any) -> Any:
    """Behind a text that stands here; no text has a line break, at which the last line ends."""
    for place in range(begin, end):
        if data[at] != texts[_Place(place)]:
            return at, False
        at += _ONE
    return at, True


@_compiled
def _value(data: Any, at: Any, kind: int) -> Any:
    """Where the value that begins here ends, whether it is one of its kind, and as a number."""
    if kind == FIXED:
        return at, True, 0, 0.0
    begin = at
    if kind == TEXT:
        while _PLAIN[data[at]]:
            at += _ONE
        return at, data[at] == _QUOTE, 0, 0.0
    if kind == WORD:
        while _SMALL_A <= data[at] <= _SMALL_Z:
            at += _ONE
        return at, at > begin, 0, 0.0
    most = _MOST_WHOLE if kind == WHOLE else _MOST_EXACT
    at, digits, exact = _digits(data, at, 0, most)
    length = at - begin
    good = length > 0 and (length == 1 or data[begin] != _ZERO)
    if kind == WHOLE:
        return at, good and exact, digits, 0.0
    exponent: Any = 0
    if data[at] == _POINT:
        begin = at + _ONE
        at, digits, small = _digits(data, begin, digits, _MOST_EXACT)
        exact = exact and small
        exponent = -np.int64(at - begin)
        good = good and at > begin
    if data[at] == _E or data[at] == _SMALL_E:
        at += _ONE
        sign = -1 if data[at] == _MINUS else 1
        at += _Place(data[at] == _MINUS or data[at] == _PLUS)
        begin = at
        at, power, small = _digits(data, at, 0, _MOST_EXACT)
        good = good and at > begin
        exact = exact and small
        exponent += sign * power if exact else 0
    if not exact or exponent >= len(_POWERS) or -exponent >= len(_POWERS):
        return at, good, 0, np.nan
    if exponent < 0:
        return at, good, 0, digits / _POWERS[-exponent]
    return at, good, 0, digits * _POWERS[exponent]


@_compiled
def _digits(data: Any, at: Any, value: Any, most: int) -> Any:
    """Behind the digits that begin here, the number that they go on with, and whether it never
    was above `most` before one came.
    """
    small = True
    while _ZERO <= data[at] <= _NINE:
        small = small and value <= most
        value = value * 10 + np.int64(data[at] - _ZERO)
        at += _ONE
    return at, value, small


@_compiled
def _gather(data: Any, begins: Any, offsets: Any, text: Any) -> None:
    """Copy the texts that begin there one behind the other."""
    for row in range(len(begins)):
        for place in range(offsets[row], offsets[row + 1]):
            text[_Place(place)] = data[_Place(begins[row] + place - offsets[row])]
