"""Times as sources write them -> int64 epoch milliseconds in UTC.

An epoch number's unit is told by its size: the years 2000 to 2100 are ten digits in
seconds, twelve or thirteen in ms, fifteen or sixteen in us, eighteen or nineteen in ns,
and these ranges do not touch. A time without a zone is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from analytics.model import IntArray

#: 2000-01-01 and 2100-01-01 UTC: what lies outside is no market time.
FIRST_S = 946_684_800
END_S = 4_102_444_800
FIRST_MS = FIRST_S * 1_000
END_MS = END_S * 1_000

#: How many of each unit make a second.
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_NUMBER = re.compile(r"\d++(\.\d*+)?([eE][+-]?\d++)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_SECOND = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", re.ASCII)
_ISO = re.compile(
    r"\d{4}-?\d\d-?\d\d([Tt ]\d\d(:?\d\d(:?\d\d([.,]\d{1,9})?)?)?(Z| UTC|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unit_of(number: float) -> str | None:
    """The unit in which an epoch number lies between 2000 and 2100, None if in none.

    >>> unit_of(1_723_161_256), unit_of(1_723_161_256_322), unit_of(42)
    ('s', 'ms', None)
    """
    for unit, per_second in UNITS.items():
        if FIRST_S * per_second <= number < END_S * per_second:
            return unit
    return None


def parse_time(value: object) -> int | None:
    """Epoch ms of a number (s, ms, us, ns by size) or a text (digits or ISO 8601).

    None for what is no time between 2000 and 2100. Parts of a ms are cut off.

    >>> parse_time(1_723_161_256.322), parse_time("1723161256322")
    (1723161256322, 1723161256322)
    >>> parse_time("2024-08-08T23:54:16.322Z"), parse_time("2024-08-08 23:54:16")
    (1723161256322, 1723161256000)
    >>> parse_time("yesterday") is None, parse_time(True) is None
    (True, True)
    """
    if isinstance(value, str):
        return text_ms(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _epoch_number(value)
    return None


def text_ms(text: str) -> int | None:
    """Epoch ms of a text of a number or of ISO 8601, with or without a zone; else None.

    >>> text_ms("1723161256"), text_ms("2024-08-09T01:54:16+02:00"), text_ms("20240808")
    (1723161256000, 1723161256000, None)
    """
    if len(text) == 24 and text[19] == "." and text[23] == "Z":
        base = _second_ms(text[:19])
        milliseconds = text[20:23]
        if base is not None and milliseconds.isdigit() and milliseconds.isascii():
            return base + int(milliseconds)
    if text[4:5] != "-" and _NUMBER.fullmatch(text):
        return _epoch_number(int(text) if _WHOLE.fullmatch(text) else float(text))
    return _iso_ms(text)


def scale_to_ms(numbers: IntArray) -> IntArray:
    """Epoch ms of epoch numbers that each lie between 2000 and 2100 in some unit.

    >>> scale_to_ms(np.array([1_723_161_256, 1_723_161_256_322_999])).tolist()
    [1723161256000, 1723161256322]
    """
    if not len(numbers):
        return numbers
    low, high = int(numbers.min()), int(numbers.max())
    if low >= FIRST_MS and high < END_MS:
        return numbers
    scaled = np.where(numbers < END_S, numbers * 1_000, numbers)
    scaled = np.where(numbers >= FIRST_S * UNITS["us"], numbers // 1_000, scaled)
    return np.where(numbers >= FIRST_S * UNITS["ns"], numbers // 1_000_000, scaled)


def _epoch_number(number: float) -> int | None:
    unit = unit_of(number)
    if unit is None:
        return None
    if int(number) == number:
        return int(number) * 1_000 // UNITS[unit]
    # A float of seconds holds no exact ms: to the nearest us first, then cut.
    return min(round(number * (UNITS["us"] / UNITS[unit])) // 1_000, END_MS - 1)


@lru_cache(maxsize=4_096)
def _second_ms(text: str) -> int | None:
    return _iso_ms(text) if _SECOND.fullmatch(text) else None


def _iso_ms(text: str) -> int | None:
    if len(text) > 40 or not _ISO.fullmatch(text):
        return None
    text = text.removesuffix(" UTC")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    milliseconds = (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000
    return milliseconds if FIRST_MS <= milliseconds < END_MS else None
