"""A JSON array -> its elements, one a line, piece by piece and in place.

The commas between the elements become newlines, as does the bracket that closes the array;
the one that opens it, and the newlines within an element, become blanks. A newline within a
string, which JSON does not allow, becomes a byte that it does not allow either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Fields of the state. DEPTH: of brackets. STRING: 0 outside, 1 inside, 2 behind a backslash.
# ENDED: whether the array has been closed. AFTER: bytes behind it that are no blanks.
DEPTH, STRING, ENDED, AFTER = range(4)
STATE_FIELDS = 4

_compiled: Any = njit(cache=True, nogil=True)
_QUOTE, _BACKSLASH, _COMMA, _BLANK, _LF, _ILLEGAL = 34, 92, 44, 32, 10, 1
_OPENING, _CLOSING, _BREAKS = (91, 123), (93, 125), (10, 13)


@_compiled
def _cut(text: Any, state: Any) -> None:
    depth, string = state[DEPTH], state[STRING]
    for at in range(len(text)):
        byte = text[at]
        if state[ENDED]:
            if byte > _BLANK:
                state[AFTER] += 1
            text[at] = _BLANK
        elif string == 2:
            string = 1
        elif string == 1:
            if byte == _QUOTE:
                string = 0
            elif byte == _BACKSLASH:
                string = 2
            elif byte in _BREAKS:
                text[at] = _ILLEGAL
        elif byte == _QUOTE:
            string = 1
        elif byte in _OPENING:
            text[at] = byte if depth else _BLANK
            depth += 1
        elif byte in _CLOSING:
            depth -= 1
            if depth <= 0:
                text[at] = _LF
                state[ENDED] = 1
        elif byte == _COMMA and depth == 1:
            text[at] = _LF
        elif byte in _BREAKS:
            text[at] = _BLANK
    state[DEPTH], state[STRING] = depth, string


class ArrayCutter:
    """`cut(piece)` for the pieces of one array in order; `problem` says how it broke.

    >>> cutter = ArrayCutter()
    >>> cutter.cut(b'[{"p":[1,2]},') + cutter.cut(b'3]')
    b' {"p":[1,2]}\\n3\\n'
    >>> cutter.problem is None
    True
    """

    def __init__(self) -> None:
        self._state = np.zeros(STATE_FIELDS, np.int64)

    def cut(self, piece: bytes) -> bytes:
        """The same bytes, an element a line."""
        text = np.frombuffer(bytearray(piece), np.uint8)
        _cut(text, self._state)
        return text.tobytes()

    @property
    def problem(self) -> str | None:
        """What is wrong with the array as far as it came, None if it is whole."""
        if not self._state[ENDED]:
            return "the JSON array ends too early"
        return "something stands behind the JSON array" if self._state[AFTER] else None
