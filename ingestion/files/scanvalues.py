"""Values in a line's bytes, for the compiled scan: whole numbers, decimals, times.

Each function takes an address and an offset, and gives the value with where it ends; NO
where the bytes are not plainly such a value. Compiled code is kept by the file of
`scankernel`: a change here takes one there too.

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

from ingestion.decode.times import END_S, FIRST_S
from ingestion.files.memory import byte_at, low_zeros, put_at, word_at

#: No such value; no such place.
NO = -1
_EXACT = 1 << 53
_MOST_DIGITS = 18
_TENS = np.array([10.0**power for power in range(_MOST_DIGITS + 1)])
_TEN_TO = np.array([10**power for power in range(_MOST_DIGITS + 1)])
_CENTURY_DAYS = 10_957  # from 1970 to 2000
_DOT, _MINUS, _COLON, _T = 46, 45, 58, 84
# Eight bytes at once.
_ZEROS = np.uint64(0x3030303030303030)
_SIXES = np.uint64(0x0606060606060606)
_HIGH_HALVES = np.uint64(0xF0F0F0F0F0F0F0F0)
_PAIRS = np.uint64(0x00FF00FF00FF00FF)
_FOURS = np.uint64(0x0000FFFF0000FFFF)
_EIGHT = np.uint64(0x00000000FFFFFFFF)

compiled: Any = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def int_at(base: int, number: int) -> Any:
    """The int64 of this number in a column at an address."""
    return np.int64(word_at(base, 8 * number))


@compiled
def _two(base: int, at: int) -> int:
    """Two digits as a number, NO where they are none."""
    tens, ones = byte_at(base, at) - 48, byte_at(base, at + 1) - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return NO
    return tens * 10 + ones


@compiled
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


@compiled
def digits_at(base: int, at: int) -> tuple[int, int]:
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


@compiled
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


@compiled
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


@compiled
def decimal_at(base: int, at: int) -> tuple[float, int]:
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


@compiled
def epoch_ms(number: int) -> int:
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


@compiled
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


@compiled
def time_at(base: int, at: int, memory: int) -> tuple[int, int]:
    """Epoch ms of an ISO text and where it ends. memory: the last second, and its bytes."""
    first, middle, last = word_at(base, at), word_at(base, at + 8), word_at(base, at + 11)
    second = int_at(memory, 0)
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
