"""Lines that repeat one text around their values -> the values, a column for each.

Compiled, and the same for every file: a line is compared with the text byte by byte, and numbers
whose digits a float64 holds exactly are read on the way. What is not as JSON has it does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from analytics.model import FloatArray, IntArray
from ingestion.files.cells import Lines
from ingestion.files.lines import MAX_LINE

# What stands between two texts. FIXED: nothing. TEXT: anything up to a quote. NAME: one of the
# names that are known. WORD: true, false or null. WHOLE: digits that fit int64. NUMBER: a number
# that is not negative. MOMENT: a time of UTC as ISO 8601 has it, 2024-08-08T23:54:16.322Z.
FIXED, TEXT, NAME, WORD, WHOLE, NUMBER, MOMENT = range(7)

_compiled: Any = njit(cache=True, nogil=True, error_model="numpy")
_LF, _CR, _QUOTE, _COMMA, _POINT, _ZERO, _NINE = 10, 13, 34, 44, 46, 48, 57
_Place, _ONE = np.uint64, np.uint64(1)
_PLUS, _MINUS, _E, _SMALL_E, _Z = 43, 45, 69, 101, 90
#: Numbers to which one more digit may come, for int64 and for float64 to hold them exactly.
_MOST_WHOLE, _MOST_EXACT = 2**63 // 10 - 1, 2**53 // 10 - 1
#: Powers of ten that float64 holds exactly (Clinger, "How to read floating point numbers
#: accurately", 1990): with so few and digits that are exact, one operation rounds correctly.
_POWERS = 10.0 ** np.arange(23)
#: The words of JSON, and where each begins in them.
_WORDS, _WORD_EDGES = np.frombuffer(b"falsenulltrue", np.uint8), np.array([0, 5, 9, 13])
#: A time up to its seconds, how many decimals these may have, and the days of a month.
_SHAPE = np.frombuffer(b"0000-00-00T00:00:00", np.uint8)
_MOST_DECIMALS = 9
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
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


class Names(NamedTuple):
    """Names in the order of their bytes, each with the quote behind it, and their numbers."""

    table: np.ndarray
    numbers: IntArray


def names_of(numbers: Mapping[str, int]) -> Names:
    """Names by which lines may spell a symbol, and their numbers; those that JSON would escape
    are left out.
    """
    known = {
        f'{name}"'.encode(): number for name, number in numbers.items() if not _ESCAPED.search(name)
    }
    texts = sorted(known)
    table = np.zeros((len(texts), max(map(len, texts), default=1)), np.uint8)
    for row, text in zip(table, texts, strict=True):
        row[: len(text)] = np.frombuffer(text, np.uint8)
    return Names(table, np.array([known[text] for text in texts], np.int64))


NO_NAMES = names_of({})


class LineValues:
    """The values of the lines that fit. lines: their numbers, shape (n,). kinds: by position.

    names: those that may stand where a NAME does.

    >>> line = around([(b'{"p":', b"", NUMBER), (b'"s":"', b'"}', TEXT)])
    >>> values = LineValues(Lines(b'{"p":1.5,"s":"A"}\\n{"p":1.5}\\n', 7), line)
    >>> values.lines.tolist(), values.numbers(0).tolist(), values.texts(1).to_pylist()
    ([7], [1.5], ['A'])
    """

    def __init__(self, lines: Lines, line: Around, names: Names = NO_NAMES) -> None:
        width = len(line.kinds)
        # A line that fits is its texts, the commas between them and its line break at least. One
        # more has room, since a line is written where the next one goes until it does not fit.
        most = min(len(lines), len(lines.data) // (len(line.texts) + width)) + 1
        self.kinds = line.kinds
        self._data = lines.data
        self._spans = np.empty((2, width, most), np.int32)
        self._numbers = np.empty((width, most))
        self._whole = np.empty((width, most), np.int64)
        rows = np.empty(most, np.int64)
        found = (self._spans, self._numbers, self._whole, rows)
        self._names = names
        self._count = _read(self._data, *line, names.table, *found, _Place(MAX_LINE))
        self.lines: IntArray = rows[: self._count] + lines.first

    def texts(self, at: int, rows: IntArray | None = None) -> Any:
        """The values at a position as they are written, an Arrow array of strings.

        rows: those of some rows alone.
        """
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
        """The values at a position of WHOLE, epoch ms at one of MOMENT, numbers at one of NAME."""
        found: IntArray = self._whole[at, : self._count]
        return self._names.numbers[found] if self.kinds[at] == NAME else found

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
    names: Any,
    spans: Any,
    numbers: Any,
    whole: Any,
    rows: Any,
    longest: Any,
) -> int:
    """Read the lines of a block that ends with a line break; how many fit. longest: of bytes, that
    a line may be.

    Positions are unsigned, for which no index from the end is looked for. A function is small or
    takes few arrays: a call that is not inlined costs more than the value that it reads.
    """
    count, row, last = 0, 0, len(kinds) - 1
    at, end = _Place(0), _Place(len(data))
    while at < end:
        begins, fits = at, True
        for part in range(len(kinds)):
            at, fits = _past(data, at, texts, edges[2 * part], edges[2 * part + 1])
            if not fits:
                break
            begin, value = at, 0.0
            if kinds[part] == NAME:
                at, digits = _known(data, at, names)
                fits = digits >= 0
            elif kinds[part] == MOMENT:
                at, fits, digits = _moment(data, at)
            else:
                at, fits, digits, value = _value(data, at, kinds[part])
            if not fits:
                break
            spans[0, part, count], spans[1, part, count] = begin, at
            whole[part, count], numbers[part, count] = digits, value
            at, fits = _past(data, at, texts, edges[2 * part + 1], edges[2 * part + 2])
            if fits and part < last:
                fits = data[at] == _COMMA
                at += _Place(fits)
            if not fits:
                break
        fits = fits and bool(at - begins <= longest)
        at += _Place(data[at] == _CR and data[at + _ONE] == _LF)
        if fits and data[at] == _LF:
            rows[count] = row
            count += 1
        while data[at] != _LF:
            at += _ONE
        at += _ONE
        row += 1
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
    """Where the value that begins here ends, whether it is one of its kind, and as a whole number
    or as another.
    """
    if kind == FIXED:
        return at, True, 0, 0.0
    if kind == TEXT:
        while _PLAIN[data[at]]:
            at += _ONE
        return at, data[at] == _QUOTE, 0, 0.0
    if kind == WORD:
        at, place = _word(data, at)
        return at, place >= 0, place, 0.0
    begin = at
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
def _known(data: Any, at: Any, names: Any) -> Any:
    """Behind the name that begins here, and its row in the table; -1 for one that is not known."""
    low, high = 0, len(names)
    while low < high:
        middle, place = (low + high) // 2, _Place(0)
        while data[at + place] == names[middle, place] and data[at + place] != _QUOTE:
            place += _ONE
        if data[at + place] == names[middle, place]:
            return at + place, middle
        if data[at + place] < names[middle, place]:
            high = middle
        else:
            low = middle + 1
    return at, -1


@_compiled
def _word(data: Any, at: Any) -> Any:
    """Behind the word of JSON that begins here, and its place among these; -1 for none."""
    for place in range(len(_WORD_EDGES) - 1):
        behind, found = _past(data, at, _WORDS, _WORD_EDGES[place], _WORD_EDGES[place + 1])
        if found:
            return behind, place
    return at, -1


@_compiled
def _moment(data: Any, at: Any) -> Any:
    """Behind the time that begins here, whether it is one, and as epoch ms, cut to whole ones."""
    if at + _Place(len(_SHAPE) + 1) > _Place(len(data)):
        return at, False, 0
    good = True
    for place in range(len(_SHAPE)):
        byte, shape = data[at + _Place(place)], _SHAPE[place]
        good &= _ZERO <= byte <= _NINE if shape == _ZERO else byte == shape
    if not good:
        return at, False, 0
    year = _pair(data, at, 0) * 100 + _pair(data, at, 2)
    month, day = _pair(data, at, 5), _pair(data, at, 8)
    hour, minute, second = _pair(data, at, 11), _pair(data, at, 14), _pair(data, at, 17)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    good = 1 <= month <= 12 and hour <= 23 and minute <= 59 and second <= 59
    good = good and 1 <= day <= _DAYS[month] + (leap and month == 2)
    at += _Place(len(_SHAPE))
    ms: Any = 0
    unit = 100
    if data[at] == _POINT:
        at += _ONE
        begin = at
        while _ZERO <= data[at] <= _NINE:
            ms += unit * np.int64(data[at] - _ZERO)
            unit //= 10
            at += _ONE
        good = good and 0 < at - begin <= _MOST_DECIMALS
    good = good and data[at] == _Z
    # Days since 1970 in years that begin in March (Hinnant, "chrono-compatible low-level date
    # algorithms").
    years, since_march = (year, month - 3) if month > 2 else (year - 1, month + 9)
    of_year = (153 * since_march + 2) // 5 + day - 1
    days = years * 365 + years // 4 - years // 100 + years // 400 + of_year - 719_468
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return at + _Place(good), good, seconds * 1_000 + ms


@_compiled
def _pair(data: Any, at: Any, place: int) -> Any:
    """The number that the two digits there are."""
    tens, ones = data[at + _Place(place)] - _ZERO, data[at + _Place(place + 1)] - _ZERO
    return np.int64(tens) * 10 + np.int64(ones)


@_compiled
def _gather(data: Any, begins: Any, offsets: Any, text: Any) -> None:
    """Copy the texts that begin there one behind the other."""
    for row in range(len(begins)):
        for place in range(offsets[row], offsets[row + 1]):
            text[_Place(place)] = data[_Place(begins[row] + place - offsets[row])]
