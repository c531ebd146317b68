"""The kernel that reads lines of one layout straight from a file's bytes.

A layout is literals with fields between them. A line that fits it to the byte, and whose
values are plain, becomes a row; of every other line only the place is told, for the decoder
to read. So the kernel may know less than the decoder, and never anything else.

Places are addresses and offsets: an array that goes from function to function would be
counted at every line. Nothing here reads more than `PAD` bytes behind a newline.

A decimal is read exactly: digits that make an integer below 2^53 and a power of ten up to
10^22 are both floats without error, so that their quotient is rounded once [1]_. Eight
digits are read at once, in carries that keep to their bytes [2]_.

.. [1] W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990.
.. [2] D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and
   Experience 51 (2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from analytics.model import IntArray
from ingestion.memory import byte_at, low_zeros, put_at, word_at
from ingestion.rows import PRICE_END, SIZE_END
from ingestion.times import END_S, FIRST_S

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

NO = -1
_EXACT = 1 << 53
_MOST_DIGITS = 18
_TENS = np.array([10.0**power for power in range(_MOST_DIGITS + 1)])
_TEN_TO = np.array([10**power for power in range(_MOST_DIGITS + 1)])
_CENTURY_DAYS = 10_957  # from 1970 to 2000
_CR, _LF, _DOT, _MINUS, _COLON, _T = 13, 10, 46, 45, 58, 84
_QUOTE, _BACKSLASH, _DEL = 34, 92, 127
# Eight bytes at once.
_ZEROS = np.uint64(0x3030303030303030)
_SIXES = np.uint64(0x0606060606060606)
_HIGH_HALVES = np.uint64(0xF0F0F0F0F0F0F0F0)
_QUOTES = np.uint64(0x2222222222222222)
_ONES = np.uint64(0x0101010101010101)
_ONE = np.uint64(1)
_TOPS = np.uint64(0x8080808080808080)
_PAIRS = np.uint64(0x00FF00FF00FF00FF)
_FOURS = np.uint64(0x0000FFFF0000FFFF)
_EIGHT = np.uint64(0x00000000FFFFFFFF)

_compiled: Any = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _two(base: int, at: int) -> int:
    """Two digits as a number, NO where they are none."""
    tens, ones = byte_at(base, at) - 48, byte_at(base, at + 1) - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return NO
    return tens * 10 + ones


@_compiled
def _second_at(base: int, at: int) -> int:
    """Epoch ms of 2024-08-08T23:54:16 in the years 2000 to 2099, NO for all else."""
    century, year = _two(base, at), _two(base, at + 2)
    month, day = _two(base, at + 5), _two(base, at + 8)
    hour, minute, second = _two(base, at + 11), _two(base, at + 14), _two(base, at + 17)
    marks = (
        byte_at(base, at + 4) == _MINUS
        and byte_at(base, at + 7) == _MINUS
        and byte_at(base, at + 10) == _T
        and byte_at(base, at + 13) == _COLON
        and byte_at(base, at + 16) == _COLON
    )
    if not marks or century != 20 or year < 0 or month < 1 or month > 12 or day < 1:
        return NO
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return NO
    leap = year % 4 == 0  # 2000 is one too
    length = 30 + (month + month // 8) % 2
    if month == 2:
        length = 29 if leap else 28
    if day > length:
        return NO
    before = (367 * month - 362) // 12
    if month > 2:
        before -= 1 if leap else 2
    days = _CENTURY_DAYS + 365 * year + (year + 3) // 4 + before + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000


@_compiled
def _digits_at(base: int, at: int) -> tuple[int, int]:
    """A whole number below 2^63 without leading zeros, and where it ends."""
    begin, whole = at, 0
    digit = byte_at(base, at) - 48
    while 0 <= digit <= 9:
        whole = whole * 10 + digit
        at += 1
        digit = byte_at(base, at) - 48
    count = at - begin
    # Of nineteen digits, those of 2^63 and above have made it negative.
    if count < 1 or count > 19 or whole < 0 or (count > 1 and byte_at(base, begin) == 48):
        return whole, NO
    return whole, at


@_compiled
def _eight(base: int, at: int) -> tuple[Any, int]:
    """The digits that begin a word of eight bytes, as a number, and how many they are.

    All at once, with carries kept in their bytes: pairs, fours, then eight.
    """
    word = word_at(base, at) ^ _ZEROS
    other = (word | (word + _SIXES)) & _HIGH_HALVES  # not 0 in a byte that is no digit
    count = low_zeros(other) >> 3
    if count == 0:
        return 0, 0
    word = word << np.uint64(64 - 8 * count)
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & _PAIRS
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & _FOURS
    word = (word * np.uint64(10_000) + (word >> np.uint64(32))) & _EIGHT
    return np.int64(word), count


@_compiled
def _run(base: int, at: int) -> tuple[int, int]:
    """A run of digits as a number, and how many; of more than 16 the number is wrong."""
    whole, count = _eight(base, at)
    if count == 8:
        rest, more = _eight(base, at + 8)
        whole = whole * _TEN_TO[more] + rest
        count += more
        while more == 8 and 0 <= byte_at(base, at + count) - 48 <= 9:
            count += 1
    return whole, count


@_compiled
def _decimal_at(base: int, at: int) -> tuple[float, int]:
    """A decimal as JSON writes it, without sign and exponent, and where it ends."""
    whole, count = _run(base, at)
    if count < 1 or (count > 1 and byte_at(base, at) == 48):
        return 0.0, NO
    at += count
    places = 0
    if byte_at(base, at) == _DOT:
        part_of_one, places = _run(base, at + 1)
        if places < 1 or count + places > _MOST_DIGITS:
            return 0.0, NO
        whole = whole * _TEN_TO[places] + part_of_one
        at += 1 + places
    if count > 16 or places > 16 or whole >= _EXACT:
        return 0.0, NO
    return whole / _TENS[places], at


@_compiled
def _epoch_ms(number: int) -> int:
    """Epoch ms of a number of s, ms, us or ns in the years 2000 to 2099, NO for all else."""
    if FIRST_S * 1_000 <= number < END_S * 1_000:
        return number
    if FIRST_S <= number < END_S:
        return number * 1_000
    if FIRST_S * 1_000_000 <= number < END_S * 1_000_000:
        return number // 1_000
    if FIRST_S * 1_000_000_000 <= number < END_S * 1_000_000_000:
        return number // 1_000_000
    return NO


@_compiled
def _fraction_at(base: int, at: int) -> tuple[int, int]:
    """ms of a point and one to nine digits, cut off, and where they end; 0 without a point."""
    if byte_at(base, at) != _DOT:
        return 0, at
    milliseconds, places = 0, 0
    digit = byte_at(base, at + 1) - 48
    while 0 <= digit <= 9 and places < 10:
        if places < 3:
            milliseconds = milliseconds * 10 + digit
        places += 1
        digit = byte_at(base, at + 1 + places) - 48
    if places < 1 or places > 9:
        return 0, NO
    for _ in range(places, 3):
        milliseconds *= 10
    return milliseconds, at + 1 + places


@_compiled
def _int_at(base: int, number: int) -> Any:
    """The int64 of this number in a column at an address."""
    return np.int64(word_at(base, 8 * number))


@_compiled
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
        return _decimal_at(base, at)[1]
    found = word_at(base, at)
    if found & _FOUR == _TRUE or found & _FOUR == _NULL:
        return at + 4
    return at + 5 if found & _FIVE == _FALSE else NO


@_compiled
def _fits(base: int, at: int, words: int, masks: int, first: int, stop: int) -> bool:
    """Whether the words [first, stop) of a column of them stand at a place."""
    for number in range(first, stop):
        if word_at(base, at) & word_at(masks, 8 * number) != word_at(words, 8 * number):
            return False
        at += 8
    return True


@_compiled
def _named(base: int, at: int, names: Any) -> int:
    """Which symbol stands at a place, NO for none that is known."""
    words, masks, _, table = names
    start = word_at(base, at)
    quotes = start ^ _QUOTES
    quotes = (quotes - _ONES) & ~quotes & _TOPS
    if quotes:  # what lies before the end of a name of at most seven
        start &= (quotes ^ (quotes - _ONE)) >> np.uint64(8)
    slot = np.int64((start * SPREAD) >> SPREAD_SHIFT)
    number = _int_at(table, slot)
    while number != NO:
        first = number * SYMBOL_WORDS
        if _fits(base, at, words, masks, first, first + SYMBOL_WORDS):
            return number
        slot = (slot + 1) % TABLE
        number = _int_at(table, slot)
    return NO


@_compiled
def _time(base: int, at: int, memory: int) -> tuple[int, int]:
    """Epoch ms of an ISO text and where it ends. memory: the last second, and its bytes."""
    first, middle, last = word_at(base, at), word_at(base, at + 8), word_at(base, at + 11)
    second = _int_at(memory, 0)
    if first != word_at(memory, 8) or middle != word_at(memory, 16) or last != word_at(memory, 24):
        second = _second_at(base, at)
        put_at(memory, 0, second)
        put_at(memory, 1, np.int64(first))
        put_at(memory, 2, np.int64(middle))
        put_at(memory, 3, np.int64(last))
    if second == NO:
        return 0, NO
    milliseconds, end = _fraction_at(base, at + 19)
    return second + milliseconds, end


@_compiled
def _line(base: int, at: int, layout: Any, names: Any, columns: Any, row: int, memory: int) -> int:
    """Where a line that fits ends, its row written; NO for any other."""
    fields, kinds, words, masks, bounds = layout
    ts_ms, price, size, trade_id, code = columns
    for field in range(fields + 1):
        first, stop = _int_at(bounds, 3 * field), _int_at(bounds, 3 * field + 1)
        if not _fits(base, at, words, masks, first, stop):
            return NO
        at += _int_at(bounds, 3 * field + 2)
        if field == fields:
            break
        kind = _int_at(kinds, field)
        if kind == PRICE:
            number, at = _decimal_at(base, at)
            if at == NO or not 0.0 < number < PRICE_END:
                return NO
            put_at(price, row, number)
        elif kind == SIZE:
            number, at = _decimal_at(base, at)
            if at == NO or not 0.0 < number < SIZE_END:
                return NO
            put_at(size, row, number)
        elif kind == ISO:
            time, at = _time(base, at, memory)
            put_at(ts_ms, row, time)
        elif kind == SYMBOL:
            which = _named(base, at, names)
            if which == NO:
                return NO
            put_at(code, row, which)
            at += _int_at(names[2], which)
        elif kind == EPOCH:
            whole, at = _digits_at(base, at)
            time = _epoch_ms(whole)
            if time == NO:
                return NO
            put_at(ts_ms, row, time)
        elif kind == ID:
            whole, at = _digits_at(base, at)
            put_at(trade_id, row, whole)
        else:
            at = _skipped(base, at, kind)
        if at == NO:
            return NO
    return at


@_compiled
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


@_compiled
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
