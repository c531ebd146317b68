"""Columns of numbers as people write them -> float64, and which cells are no numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.model import NO_TRADE_ID, BoolArray, FloatArray, IntArray

#: What stands in a cell of which nothing is known.
MISSING = ("", ".", "nan", "null", "none", "na", "n/a", "-", "--", "#n/a", "<na>")
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_SIGNS = r"^[$€£¥₹]|[$€£¥₹]$|^'"
_MULTIPLES = {"k": 1e3, "m": 1e6, "b": 1e9}
_DECIMAL_COMMA = re.compile(r"[+-]?[\d.\s']*\d,\d+\s*")
#: Numbers in which a comma can only stand before decimals, those in which it may, and those in
#: which a point does.
_COMMA = re.compile(r"\s*[+-]?(?:\d{1,3}(?:\.\d{3})+,\d+|\d+,(?:\d{1,2}|\d{4,}))\s*[%KMB]?\s*")
_MAY_BE_COMMA = re.compile(r"\s*[+-]?\d[\d.]*,\d+\s*[%KMB]?\s*")
_POINT = re.compile(r"\s*[+-]?[\d,]*\.\d+\s*[%KMB]?\s*")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\s*")


class Style(NamedTuple):
    """How numbers are written. comma: whether a comma stands before the decimals."""

    comma: bool = False


def style_of(cells: Iterable[str], delimiter: str) -> Style:
    """How the numbers of a file are written, told by some of its cells.

    Beside semicolons or tabs a comma stands before decimals. Beside commas it parts thousands,
    unless cells say otherwise, with other than three digits behind it, or a point before it, and
    none has a point before decimals or is a list.

    >>> style_of(["1100,50", "1.100,50"], ";").comma, style_of(["1,100", "9.5"], ",").comma
    (True, False)
    >>> style_of(["149,230", "-0,27%"], ",").comma, style_of(["149,230", "-0.27%"], ",").comma
    (True, False)
    >>> style_of(["149.230", "12,37"], ",").comma, style_of(["149", "12,37,41"], ",").comma
    (False, False)
    """
    cells = list(cells)
    found = [cell for cell in cells if "," in cell]
    if found and delimiter == ",":
        alike = all(_MAY_BE_COMMA.fullmatch(cell) for cell in found)
        alike = alike and not any(_POINT.fullmatch(cell) for cell in cells)
        return Style(comma=alike and any(_COMMA.fullmatch(cell) for cell in found))
    if not found:
        return Style()
    plain = [cell for cell in found if _DECIMAL_COMMA.fullmatch(cell)]
    grouped = [cell for cell in found if _GROUPED.fullmatch(cell)]
    return Style(
        comma=len(plain) * 2 > len(found) and (len(grouped) < len(plain) or delimiter == ";")
    )


def floats(column: Any, style: Style = Style()) -> tuple[FloatArray, BoolArray]:
    """The numbers of an Arrow column, NaN where there is none, and which cells are wrong.

    An empty cell is NaN and not wrong.

    >>> values, wrong = floats(pa.array(["1,234.5", "$7", "1.2K", "", "1_0", "inf"]))
    >>> values.tolist(), wrong.tolist()
    ([1234.5, 7.0, 1200.0, nan, nan, nan], [False, False, False, False, True, True])
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return _of_numbers(column)
    wrong = np.zeros(len(column), bool)
    if not style.comma:
        try:
            column[:8].cast(pa.float64())  # a cast that fails takes its time
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            pass
        else:
            infinite = np.isinf(values)
            return (
                (np.where(infinite, np.nan, values), infinite)
                if infinite.any()
                else (values, wrong)
            )
    return _cleaned(column, style)


def _of_numbers(column: Any) -> tuple[FloatArray, BoolArray]:
    try:
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        nothing = np.full(len(column), np.nan)
        return nothing, np.ones(len(column), bool)
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values), infinite


def _cleaned(column: Any, style: Style) -> tuple[FloatArray, BoolArray]:
    """Without signs of currency, marks between thousands and words for nothing."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    text = pc.replace_substring_regex(text, _SIGNS, "")
    if style.comma:
        text = pc.replace_substring_regex(text, r"[. '\x{a0}\x{202f}]", "")
        text = pc.replace_substring(text, ",", ".")
    else:
        grouped = pc.match_substring_regex(text, _THOUSANDS)
        text = pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)
        text = pc.replace_substring_regex(text, r"(\d)['\x{a0}\x{202f} ](\d)", r"\1\2")
    factor = np.ones(len(column))
    lower = pc.utf8_lower(text)
    for letter, multiple in _MULTIPLES.items():
        ends = pc.match_substring_regex(lower, rf"\d{letter}$")
        if pc.any(ends).as_py():
            factor[ends.to_numpy(zero_copy_only=False)] = multiple
            text = pc.if_else(ends, pc.utf8_slice_codeunits(text, 0, -1), text)
    good = pc.match_substring_regex(text, _NUMBER)
    absent = pc.is_in(lower, value_set=pa.array(MISSING))
    values = pc.if_else(good, text, None).cast(pa.float64()).to_numpy(zero_copy_only=False)
    wrong = ~good.to_numpy(zero_copy_only=False) & ~absent.to_numpy(zero_copy_only=False)
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values * factor), wrong | infinite


def trade_ids(column: Any) -> IntArray:
    """Trade ids that fit int64, NO_TRADE_ID for any other.

    >>> trade_ids(pa.array(["17", "-4", "b1f0", "", " 9"])).tolist()
    [17, -1, -1, -1, 9]
    """
    if pa.types.is_floating(column.type):
        values = column.fill_null(-1).to_numpy(zero_copy_only=False)
        whole = (values >= 0) & (values <= 2.0**53) & (values == np.floor(values))
        return np.where(whole, values, NO_TRADE_ID).astype(np.int64)
    if not pa.types.is_integer(column.type):
        column = column.cast(pa.string())
        try:
            column[:8].cast(pa.int64())  # a cast that fails takes its time
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            column = pc.utf8_trim_whitespace(column)
            digits = pc.match_substring_regex(column, r"^\d{1,18}$")
            column = pc.if_else(digits, column, None).cast(pa.int64())
    ids = column.cast(pa.int64(), safe=False).fill_null(NO_TRADE_ID)
    numbers: IntArray = ids.to_numpy(zero_copy_only=False)
    return np.where(numbers >= 0, numbers, NO_TRADE_ID)
