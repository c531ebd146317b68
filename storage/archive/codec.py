"""A column of a block as bytes: whole numbers in as few bytes as they need, without loss.

Prices and sizes are decimals of few digits, and times and ids grow in small steps. So a column
is stored as whole numbers, as differences from their smallest, in 0, 1, 2, 4 or 8 bytes each. A
column that would not come back bit by bit, or is of few rows, is stored as it is.

Each column begins with HEADER (24 bytes, little-endian): `form`, `width` (bytes of a value),
`digits`, 5 unused bytes, `base`, `first`. Then n values of that width follow:

- form 0: the column's own 8 bytes a value;
- form 1: unsigned v, for base + v;
- form 2: unsigned v, for first + (v_1 + base) + ... + (v_i + base): steps from row to row.

A column of fractions is that whole number divided by 10 ** digits.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.model import IntArray

HEADER = struct.Struct("<BBB5xqq")
PLAIN, OFFSETS, STEPS = range(3)
#: Number of decimals up to which a column of fractions is tried.
MAX_DIGITS = 10
#: From here on a float64 does not represent every whole number.
_EXACT = float(1 << 53)
_SAMPLE = 64
_UNSIGNED = {0: "<u1", 1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def pack(column: npt.NDArray[Any], plain: bool = False) -> bytes:
    """A column of int64 or float64, shape (n,), as bytes. plain: as it is, without a look at it.

    >>> ids = np.arange(5_000_000_000, 5_000_001_000)
    >>> len(pack(ids)), len(pack(ids / 100.0 + 0.5)), len(pack(np.sqrt(ids)))
    (24, 24, 8024)
    """
    digits, whole = 0, None
    if not plain:
        digits, whole = (0, column) if column.dtype.kind == "i" else _as_whole(column)
    if whole is None or not len(whole):
        return HEADER.pack(PLAIN, 8, 0, 0, 0) + column.astype(f"<{column.dtype.str[1:]}").tobytes()
    low, high = int(whole.min()), int(whole.max())
    form, first, base, values = OFFSETS, 0, low, whole
    width = _width(high - low)
    if len(whole) > 1 and high - low < 1 << 62:
        steps = np.diff(whole)
        least, most = int(steps.min()), int(steps.max())
        if _width(most - least) < width:
            form, first, base, values = STEPS, int(whole[0]), least, steps
            width = _width(most - least)
    header = HEADER.pack(form, width, digits, base, first)
    if not width:
        return header
    if form == STEPS:  # the step of the first row, which `first` replaces
        values = np.r_[base, values]
    return header + (values - base).astype(_UNSIGNED[width]).tobytes()


def unpack(plain: bytes, offset: int, n: int, dtype: str) -> tuple[npt.NDArray[Any], int]:
    """A column of n values that begins at an offset, and the offset behind it.

    >>> data = pack(np.array([100.1, 100.2, 99.9]))
    >>> unpack(data, 0, 3, "<f8")
    (array([100.1, 100.2,  99.9]), 27)
    """
    form, width, digits, base, first = HEADER.unpack_from(plain, offset)
    offset += HEADER.size
    if form == PLAIN:
        return np.frombuffer(plain, dtype, n, offset), offset + 8 * n
    whole = np.full(n, base, np.int64)
    if width:
        whole += np.frombuffer(plain, _UNSIGNED[width], n, offset).astype(np.int64)
    if form == STEPS:
        whole[0] = first
        np.cumsum(whole, out=whole)
    values = whole if dtype == "<i8" else whole / 10.0**digits
    return values, offset + width * n


def _as_whole(column: npt.NDArray[np.float64]) -> tuple[int, IntArray | None]:
    """The number of decimals of a column and it as whole numbers; None where that loses a bit."""
    sample = column[:_SAMPLE]
    for digits in range(MAX_DIGITS + 1):
        whole = _times_power(sample, digits)
        if whole is not None and len(column) > _SAMPLE:
            whole = _times_power(column, digits)
        if whole is not None:
            return digits, whole
    return 0, None


def _times_power(column: npt.NDArray[np.float64], digits: int) -> IntArray | None:
    """The column times 10 ** digits, None where dividing by it would lose a bit."""
    power = 10.0**digits
    with np.errstate(over="ignore"):
        scaled = np.rint(column * power)
    if not (np.abs(scaled) < _EXACT).all():
        return None
    whole = scaled.astype(np.int64)
    same = (whole / power).view(np.int64) == column.view(np.int64)
    return whole if same.all() else None


def _width(span: int) -> int:
    """Bytes that a value from 0 to `span` takes."""
    return next(width for width in (0, 1, 2, 4, 8) if span < 1 << (8 * width))
