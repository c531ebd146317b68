"""Blocks of lines -> columns of cells, by pyarrow's CSV reader; every line keeps its number.

A line is a row: a quote that is not closed within its line makes that line no row, and none of
those behind it.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from analytics.model import BoolArray, IntArray

Columns = dict[int, Any]
_QUOTE, _LF, _CR = 34, 10, 13
_POOL = pa.default_memory_pool()


@dataclass(frozen=True)
class Rows:
    """Rows of cells. columns: an Arrow array for each position that was asked for.

    lines: the number of each row's line, shape (n,), or of the element it came from.
    text: how a row reads, by its position.
    """

    columns: Columns
    lines: IntArray
    texts: Lines | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, mask: BoolArray) -> Rows:
        """The rows that a mask of shape (n,) chooses."""
        chosen = pa.array(mask)
        columns = {position: column.filter(chosen) for position, column in self.columns.items()}
        return Rows(columns, self.lines[mask], self.texts)

    def text(self, line: int) -> bytes:
        """How the line of that number reads, as far as it is known."""
        return self.texts[line] if self.texts is not None else b""


def together(parts: Sequence[Rows]) -> Rows:
    """The rows of several blocks, in their order."""
    if len(parts) == 1:
        return parts[0]
    columns = {at: pa.concat_arrays([one.columns[at] for one in parts]) for at in parts[0].columns}
    return Rows(columns, np.concatenate([one.lines for one in parts]), parts[-1].texts)


class Lines:
    """The lines of a block of text, which ends with a line break. `[number]` is a line's text.

    text: of which the block is what stands from begin to end. Where each line begins is found
    out when it is asked for first, as the block is taken out of the text.

    >>> lines = Lines(b"a\\r\\n\\nbc\\n", first=7)
    >>> len(lines), lines[7], lines[8], lines[9], lines.numbers.tolist()
    (3, b'a', b'', b'bc', [7, 9])
    """

    def __init__(self, text: bytes, first: int, begin: int = 0, end: int | None = None) -> None:
        self.first = first
        self.data = np.frombuffer(text, np.uint8)[begin:end]
        self._text, self._begin = text, begin
        self._count = int(np.count_nonzero(self.data == _LF))

    @cached_property
    def block(self) -> bytes:
        return self._text[self._begin : self._begin + len(self.data)]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> bytes:
        position = number - self.first
        if not 0 <= position < len(self):  # of a block that has gone by
            return b""
        begins, ends = self._edges
        return self._text[self._begin + begins[position] : self._begin + ends[position]]

    @cached_property
    def _edges(self) -> tuple[IntArray, IntArray]:
        """Where each line begins, and where it ends without its line break."""
        breaks = np.flatnonzero(self.data == _LF)
        begins = np.concatenate(([0], breaks[:-1] + 1)) if len(breaks) else breaks
        before = self.data[np.maximum(breaks - 1, 0)]
        return begins, breaks - (before == _CR) * (breaks > begins)

    @property
    def numbers(self) -> IntArray:
        """The numbers of the lines that are not empty."""
        begins, ends = self._edges
        return np.flatnonzero(ends > begins) + self.first

    def end_of(self, number: int) -> int:
        """Where in the block the line behind that number begins."""
        after = number - self.first + 1
        return int(self._edges[0][after]) if after < len(self) else len(self.data)

    def without(self, numbers: Sequence[int]) -> bytes:
        """The block with these lines emptied, so that the others keep their numbers."""
        begins, ends = self._edges
        out = bytearray(self.block)
        for number in sorted(numbers, reverse=True):
            position = number - self.first
            del out[begins[position] : ends[position]]
        return bytes(out)

    @property
    def quotes(self) -> IntArray:
        """How many quotes each line has."""
        if _QUOTE not in self.block:
            return np.zeros(len(self), np.int64)
        _, ends = self._edges
        marks = np.cumsum(self.data == _QUOTE)
        counts: IntArray = np.diff(marks[ends - 1 + (ends == 0)], prepend=0)
        return counts

    def with_open_quotes(self) -> list[int]:
        """The numbers of lines in which a quote is opened and not closed."""
        if _QUOTE not in self.block:
            return []
        return (np.flatnonzero(self.quotes % 2) + self.first).tolist()


def read_cells(
    lines: Lines, width: int, wanted: Sequence[int], delimiter: str, quotes: bool = True
) -> tuple[Rows, list[int]]:
    """The wanted columns of the lines that have `width` cells, and the numbers of the others.

    The block ends with a line break, is UTF-8 and has no open quotes. quotes: whether a
    quote has a meaning.

    >>> rows, others = read_cells(Lines(b"1,2\\n\\n3\\n4,5\\n", 1), 2, [1], ",")
    >>> rows.columns[1].to_pylist(), rows.lines.tolist(), others
    (['2', '5'], [1, 4], [3])
    """
    invalid: list[int] = []

    def skip(row: Any) -> str:
        invalid.append(row.number)
        return "skip"

    block = lines.block
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        block = re.sub(rb"\r(?!\n)", b" ", block)  # which the library would take for a line break
    if block.startswith(BOM_UTF8):
        block = BOM_UTF8 + block  # the library takes one off, and what it leaves may be no line
    names = [f"{position}" for position in range(width)]
    table = pa.csv.read_csv(
        pa.BufferReader(block),
        pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(block), 1)),
        pa.csv.ParseOptions(
            delimiter=delimiter, quote_char='"' if quotes else False, invalid_row_handler=skip
        ),
        pa.csv.ConvertOptions(
            include_columns=[names[position] for position in wanted],
            column_types={name: pa.string() for name in names},
            strings_can_be_null=False,
            check_utf8=False,
        ),
        memory_pool=_POOL,
    )
    if len(table) == len(lines):
        numbers: IntArray = np.arange(lines.first, lines.first + len(lines))
        others: list[int] = []
    else:
        missing = np.array(invalid, np.int64) - 1
        others = lines.numbers[missing].tolist()
        numbers = np.delete(lines.numbers, missing)
    columns = {
        position: table.column(at).combine_chunks() if len(table) else pa.array([], pa.string())
        for at, position in enumerate(wanted)
    }
    return Rows(columns, numbers, lines), others
