"""A block: the columns of up to 65,536 rows as bytes, with a check sum.

The payload is the columns one after the other, each packed by `storage.archive.codec`: ts_ms,
price, size, trade_id of ticks and, where any of them holds more than one trade, trades; the
columns of `BAR_COLUMNS` of bars. Columns of a few rows are stored as they are. Codec "packed" is
that, "packed+zlib" the same compressed once more. The check sum is the CRC-32 of the payload and
of the other fields of the block, so that no flipped bit becomes a wrong number.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analytics.model import BAR_COLUMNS, TICK_COLUMNS, Bars, Ticks
from storage.archive.codec import pack, unpack

_WHOLE = frozenset({"ts_ms", "trade_id", "trades"})
_PACKED, _COMPRESSED = "packed", "packed+zlib"
_HEADER = struct.Struct("<qiqqqqi")
#: Rows below which a block is stored as it is: hundreds of symbols make as many such blocks at a
#: time, whose digits take longer to find than they save before a merge makes one block of them.
_FEW_ROWS = 32


class Damaged(Exception):
    """A block's check sum is not that of its content."""


def columns_of(kind: str) -> tuple[str, ...]:
    """The names of the columns of ticks or bars, in the order of the payload."""
    return TICK_COLUMNS if kind == "ticks" else BAR_COLUMNS


def encode(
    rows: Ticks | Bars, first_row: int, numbering: int = 0, squeeze: bool = False
) -> dict[str, Any]:
    """The fields of a block, without its series and its level. squeeze: half the size in seven
    times the time.

    >>> block = encode(Ticks("BTCUSDT", [3, 5], [7.0, 8.0], [1.0, 2.0], [11, 12]), 100)
    >>> block["n"], block["first_ts_ms"], block["last_ts_ms"], block["first_id"]
    (2, 3, 5, 11)
    >>> [column.tolist() for column in decode(block, "ticks")]
    [[3, 5], [7.0, 8.0], [1.0, 2.0], [11, 12], [1, 1]]
    """
    names: Sequence[str] = BAR_COLUMNS
    if isinstance(rows, Ticks):
        names = TICK_COLUMNS if (rows.trades != 1).any() else TICK_COLUMNS[:-1]
    plain = len(rows) < _FEW_ROWS
    columns = (pack(_wide(getattr(rows, name)), plain) for name in names)
    codec, payload = _PACKED, b"".join(columns)
    if squeeze:
        codec, payload = _COMPRESSED, zlib.compress(payload, 1)
    first_id = last_id = -1
    if isinstance(rows, Ticks):
        first_id, last_id = int(rows.trade_id.min()), int(rows.trade_id.max())
    block = {
        "first_row": first_row,
        "n": len(rows),
        "first_ts_ms": int(rows.ts_ms.min()),
        "last_ts_ms": int(rows.ts_ms.max()),
        "first_id": first_id,
        "last_id": last_id,
        "numbering": numbering,
        "codec": codec,
        "bytes": len(payload),
        "payload": payload,
    }
    return {**block, "crc32": check_sum(block)}


def _wide(column: np.ndarray) -> np.ndarray:
    """A column in the eight bytes a value that blocks know."""
    return column.astype(np.int64) if column.dtype == np.int32 else column


def check_sum(block: Mapping[str, Any]) -> int:
    """CRC-32 of the payload and of the numbers beside it."""
    names = ("first_row", "n", "first_ts_ms", "last_ts_ms", "first_id", "last_id", "numbering")
    header = _HEADER.pack(*(block[name] for name in names))
    return zlib.crc32(block["payload"], zlib.crc32(block["codec"].encode(), zlib.crc32(header)))


def decode(block: Mapping[str, Any], kind: str) -> Sequence[np.ndarray]:
    """The columns of a block. Raises Damaged where the check sum is wrong or the codec unknown."""
    try:
        sound = check_sum(block) == block["crc32"]
    except (struct.error, TypeError, AttributeError):
        sound = False
    if not sound:
        raise Damaged(f"the check sum of {block['n']} rows from {block['first_row']} on is wrong")
    payload, codec, offset = block["payload"], block["codec"], 0
    if codec not in (_PACKED, _COMPRESSED):
        raise Damaged(f"rows from {block['first_row']} on are of the unknown codec {codec!r}")
    plain = zlib.decompress(payload) if codec == _COMPRESSED else payload
    columns = []
    for name in columns_of(kind):
        dtype = "<i8" if name in _WHOLE else "<f8"
        if offset == len(plain) and kind == "ticks":  # each is a trade of its own
            column = np.ones(block["n"], np.int64)
        else:
            column, offset = unpack(plain, offset, block["n"], dtype)
        column.flags.writeable = False
        columns.append(column)
    return columns
