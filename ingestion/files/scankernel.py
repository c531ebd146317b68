"""The kernel that reads lines of one layout straight from a file's bytes.

A layout is literals with fields between them. A line that fits it to the byte, and whose
values are plain, becomes a row; of every other line only the place is told, for the decoder
to read. So the kernel may know less than the decoder, and never anything else.

Places are addresses and offsets: an array that goes from function to function would be
counted at every line. Nothing here reads more than `PAD` bytes behind a newline.
How single values are read is the affair of `scanvalues`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.model import IntArray
from ingestion.decode.fields import PRICE_END, SIZE_END
from ingestion.files.memory import byte_at, put_at, word_at
from ingestion.files.scanvalues import (
    NO,
    compiled,
    decimal_at,
    digits_at,
    epoch_ms,
    int_at,
    time_at,
)

#: Bytes beyond the last newline that may be read, and are not used.
PAD = 64
#: What a field is. ISO: a text of date and time; EPOCH: whole s, ms, us or ns. TEXT, NUMBER
#: and WORD (true, false or null) are values that say nothing and must be in good order.
SYMBOL, ISO, EPOCH, PRICE, SIZE, ID, TEXT, NUMBER, WORD = range(9)

# Fields of the state: where the kernel stands and what it has made.
# Behind them it remembers the last second that it has read (NO at first), and its bytes.
AT, LINES, ROWS, OTHERS = range(4)
STATE_FIELDS = 8
SECOND = 4
# Rows of the places of lines that do not fit: from, to, number of lines and of rows before.
BEGIN, END, LINE, BEFORE = range(4)
#: Words of eight bytes that hold a symbol of 32 and its end.
SYMBOL_WORDS = 5

_TRUE, _NULL, _FALSE = np.frombuffer(b"true\0\0\0\0null\0\0\0\0false\0\0\0", np.uint64)
_FOUR, _FIVE = np.uint64((1 << 32) - 1), np.uint64((1 << 40) - 1)

#: Spreads the first eight bytes of symbols over the table of them.
SPREAD = np.uint64(0x9E3779B97F4A7C15)
SPREAD_SHIFT = np.uint64(56)
TABLE = 256

_CR, _LF, _MINUS = 13, 10, 45
_QUOTE, _BACKSLASH, _DEL = 34, 92, 127
# Eight bytes at once.
_QUOTES = np.uint64(0x2222222222222222)
_ONES = np.uint64(0x0101010101010101)
_ONE = np.uint64(1)
_TOPS = np.uint64(0x8080808080808080)


@compiled
def _skipped(base: int, at: int, kind: int) -> int:
    """Where a value that says nothing ends, NO if it is not plain."""
    if kind == TEXT:
        byte = byte_at(base, at)
        while 32 <= byte < _DEL and byte != _QUOTE and byte != _BACKSLASH:
            at += 1
            byte = byte_at(base, at)
        return at
    if kind == NUMBER:
        if byte_at(base, at) == _MINUS:
            at += 1
        return decimal_at(base, at)[1]
    found = word_at(base, at)
    if found & _FOUR == _TRUE or found & _FOUR == _NULL:
        return at + 4
    return at + 5 if found & _FIVE == _FALSE else NO


@compiled
def _fits(base: int, at: int, words: int, masks: int, first: int, stop: int) -> bool:
    """Whether the words [first, stop) of a column of them stand at a place."""
    for number in range(first, stop):
        if word_at(base, at) & word_at(masks, 8 * number) != word_at(words, 8 * number):
            return False
        at += 8
    return True


@compiled
def _named(base: int, at: int, names: Any) -> int:
    """Which symbol stands at a place, NO for none that is known."""
    words, masks, _, table = names
    start = word_at(base, at)
    quotes = start ^ _QUOTES
    quotes = (quotes - _ONES) & ~quotes & _TOPS
    if quotes:  # what lies before the end of a name of at most seven
        start &= (quotes ^ (quotes - _ONE)) >> np.uint64(8)
    slot = np.int64((start * SPREAD) >> SPREAD_SHIFT)
    number = int_at(table, slot)
    while number != NO:
        first = number * SYMBOL_WORDS
        if _fits(base, at, words, masks, first, first + SYMBOL_WORDS):
            return number
        slot = (slot + 1) % TABLE
        number = int_at(table, slot)
    return NO


@compiled
def _line(base: int, at: int, layout: Any, names: Any, columns: Any, row: int, memory: int) -> int:
    """Where a line that fits ends, its row written; NO for any other."""
    fields, kinds, words, masks, bounds = layout
    ts_ms, price, size, trade_id, code = columns
    for field in range(fields + 1):
        first, stop = int_at(bounds, 3 * field), int_at(bounds, 3 * field + 1)
        if not _fits(base, at, words, masks, first, stop):
            return NO
        at += int_at(bounds, 3 * field + 2)
        if field == fields:
            break
        kind = int_at(kinds, field)
        if kind == PRICE:
            number, at = decimal_at(base, at)
            if at == NO or not 0.0 < number < PRICE_END:
                return NO
            put_at(price, row, number)
        elif kind == SIZE:
            number, at = decimal_at(base, at)
            if at == NO or not 0.0 < number < SIZE_END:
                return NO
            put_at(size, row, number)
        elif kind == ISO:
            time, at = time_at(base, at, memory)
            put_at(ts_ms, row, time)
        elif kind == SYMBOL:
            which = _named(base, at, names)
            if which == NO:
                return NO
            put_at(code, row, which)
            at += int_at(names[2], which)
        elif kind == EPOCH:
            whole, at = digits_at(base, at)
            time = epoch_ms(whole)
            if time == NO:
                return NO
            put_at(ts_ms, row, time)
        elif kind == ID:
            whole, at = digits_at(base, at)
            put_at(trade_id, row, whole)
        else:
            at = _skipped(base, at, kind)
        if at == NO:
            return NO
    return at


@compiled
def scan(
    text: Any,
    stop: int,
    layout: Any,
    names: Any,
    columns: Any,
    room: int,
    others: IntArray,
    state: IntArray,
) -> None:
    """Read the lines of text[:stop] from state[AT] on into the columns.

    text: uint8, with `PAD` bytes or more behind stop. layout, names, columns: addresses of
    arrays. Of the layout, behind the number of fields: their kinds; words and masks of the
    literals before each and behind the last; for each literal its first word, the one after
    its last, and its bytes. Of the symbols known: words, masks and bytes of their names, and
    the table of them. Of the columns, which have `room`: ts_ms, price, size, trade_id and which
    symbol, the last two left alone where lines do not tell them. others: the places of lines
    that do not fit. It ends early where no room is left, to be called again.
    """
    base, at = text.ctypes.data, state[AT]
    line, row, other = state[LINES], state[ROWS], state[OTHERS]
    memory = state.ctypes.data + 8 * SECOND
    while at < stop and row < room and other < others.shape[1]:
        line += 1
        end = _line(base, at, layout, names, columns, row, memory)
        if end != NO:
            if byte_at(base, end) == _CR:
                end += 1
            if byte_at(base, end) == _LF:
                row += 1
                at = end + 1
                continue
        end = at
        while byte_at(base, end) != _LF:
            end += 1
        if end > at + 1 or (end == at + 1 and byte_at(base, at) != _CR):
            others[BEGIN, other], others[END, other] = at, end
            others[LINE, other], others[BEFORE, other] = line, row
            other += 1
        at = end + 1
    state[AT], state[LINES], state[ROWS], state[OTHERS] = at, line, row, other


@compiled
def part(
    columns: Any, symbol: Any, begins: IntArray, firsts: IntArray, rows: int, parted: Any
) -> None:
    """Put rows of the same symbol together, in their order.

    symbol: of each code. begins: where each symbol's rows go in `parted`; moved to their end.
    firsts: made the first row of each symbol.
    """
    ts_ms, price, size, trade_id, code = columns
    for row in range(rows - 1, -1, -1):
        firsts[symbol[code[row]]] = row
    for row in range(rows):
        which = symbol[code[row]]
        at = begins[which]
        begins[which] = at + 1
        parted[0][at] = ts_ms[row]
        parted[1][at] = price[row]
        parted[2][at] = size[row]
        parted[3][at] = trade_id[row]
