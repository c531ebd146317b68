"""The one parser of numbers: controls, links and HTTP read the same text alike.

`20000`, `20,000`, `2e4` and `1,234.5` are numbers. `1_000`, full-width digits, NaN and infinity
are none. A decimal comma (`0,5`) is none either: `with_decimal_point` tells how to write it.
"""

from __future__ import annotations

import math
import re

import numpy as np

#: A number has fewer characters than this; a longer text is none.
LONGEST = 40

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.I)
#: Commas between groups of three digits, as the pages write large numbers.
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII)
#: One comma where the decimal point belongs, with or without points between groups.
_DECIMAL_COMMA = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d{1,3}(\.\d{3})+|\d*),(?P<part>\d*)(?P<power>e[+-]?\d{1,3})?",
    re.ASCII | re.I,
)


def parse_number(raw: object) -> float | None:
    """The finite number that a text or a value holds, None where it holds none.

    >>> parse_number("20,000"), parse_number(" 2e4 "), parse_number("1,234.5"), parse_number(7)
    (20000.0, 20000.0, 1234.5, 7.0)
    >>> parse_number("0,5"), parse_number("1_000"), parse_number("nan"), parse_number(True)
    (None, None, None, None)
    """
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return None
    if isinstance(raw, str):
        text = raw.strip()
        if len(text) >= LONGEST:
            return None
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "")
        elif not _PLAIN.fullmatch(text):
            return None
        number = float(text)
    else:
        try:
            number = float(raw)
        except OverflowError:  # an int of more than 308 digits
            return None
    return number if math.isfinite(number) else None


def with_decimal_point(raw: object) -> str | None:
    """A text with a decimal comma as it should be written, None for any other text.

    >>> with_decimal_point("0,5"), with_decimal_point("1.234,5"), with_decimal_point("20,000")
    ('0.5', '1234.5', None)
    """
    text = raw.strip() if isinstance(raw, str) else ""
    match = None if len(text) >= LONGEST else _DECIMAL_COMMA.fullmatch(text)
    if match is None or _GROUPED.fullmatch(text):
        return None
    whole, part = match["whole"].replace(".", ""), match["part"]
    if not whole and not part:
        return None
    return f"{match['sign']}{whole or 0}{f'.{part}' if part else ''}{match['power'] or ''}"


def text_of_number(value: float) -> str:
    """A number as controls and links write it: without an exponent unless it is very long.

    `parse_number` gives the very number back.

    >>> text_of_number(20_000.0), text_of_number(2.5), text_of_number(0.00001)
    ('20000', '2.5', '0.00001')
    """
    text = np.format_float_positional(value, trim="-")
    return text if len(text) < LONGEST else repr(float(value))
