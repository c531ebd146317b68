"""A file of lines of cells: its delimiter, its header, and the rows behind it.

What it is, its first lines tell; the reading itself is `ingestion.files.cells`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analytics.model import Bars, Rejected, Ticks
from ingestion.decode.decoder import sample
from ingestion.files.cells import Lines, Rows, read_cells
from ingestion.files.errors import LEGAL, Answers, UploadError
from ingestion.files.names import NAMES, column_of, rank
from ingestion.files.plan import Plan, Sample
from ingestion.files.recognise import plan_of, refuse_names
from ingestion.files.report import Tally
from ingestion.files.shares import SHARE_BYTES, WAYS, abreast, shares_of
from ingestion.files.tables import Table
from ingestion.files.timeforms import form_of

DELIMITERS = (",", ";", "\t", "|")
#: What stands between cells that are aligned, or that have no blank in them.
_BLANKS = (r" {2,}", r" +")
#: Rows of the sample, and lines that may stand above the header.
_SAMPLE_ROWS = 500
_PREAMBLE = 12
_MAX_HEADERS = 3
#: Digits as people write them: 1.234,5 or $1'234 or 12.3K or 1e-5.
_NUMBER = re.compile(r"[+-]?[$€£¥]?(?=[^\d]?\d)[\d.,'\s]+(?:[eE][+-]?\d+|[KMBkmb%€])?")


@dataclass(frozen=True)
class Head:
    """The beginning of a table. header: how many lines stand above its rows.

    preamble: how many of these are no part of the header. blanks: a pattern of what parts the
    cells where no mark does, which is written as the delimiter then.
    """

    plan: Plan
    delimiter: str
    header: int
    preamble: int
    blanks: str = ""


def split_row(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line, None where a quote is left open."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=False), None)
    except csv.Error:
        return None


def head_of(lines: Sequence[str], file: str, answers: Answers) -> Head | None:
    """What the first lines of a text say, None where they are no table.

    lines: without line breaks, blank ones among them. Raises UploadError for a table that is no
    market data, QuestionOpen for one that can be read in two ways.

    >>> head = head_of(["time,price,size", "1735689600000,5,1"], "a", Answers())
    >>> head.plan.kind, head.header
    ('ticks', 1)
    """
    delimiter, skipped = _delimiter(lines)
    if delimiter is None:
        return _between_blanks(lines, file, answers)
    rows = [split_row(line, delimiter) or [] for line in lines[: _PREAMBLE + _SAMPLE_ROWS]]
    first = next((at for at, row in enumerate(rows) if at >= skipped and _is_data(row)), None)
    if first is None:
        return _without_rows(rows, file, answers)
    width = Counter(len(row) for row in rows[first:] if len(row) > 1).most_common(1)[0][0]
    headers = _headers(rows, skipped, first, width)
    if not headers and first > skipped and _names_columns(rows[first - 1]):
        raise UploadError(
            f"the header names {len(rows[first - 1])} columns, and the rows have {width} cells",
            advice=LEGAL,
        )
    data = [row for row in rows[first:] if len(row) == width]
    if len(headers) == 1 and _has_row_names(rows[headers[0]], data):
        rows[headers[0]] = ["", *rows[headers[0]]]
    names = _levels([rows[at] for at in headers], width)
    above = " ".join(lines[: headers[0]]) if headers else ""
    plan = plan_of(Sample(names, data[:_SAMPLE_ROWS], file, answers, delimiter, above))
    header = headers[-1] + 1 if headers else first
    return Head(plan, delimiter, header, headers[0] if headers else first)


def _between_blanks(lines: Sequence[str], file: str, answers: Answers) -> Head | None:
    """What lines say whose cells stand between blanks, below a header; None where they do not."""
    for pattern in _BLANKS:
        parted = [parted_at(pattern, line) for line in lines]
        delimiter, _ = _delimiter(parted)
        head = head_of(parted, file, answers) if delimiter == "\t" else None
        if head is not None and head.header > head.preamble:
            return replace(head, blanks=pattern)
    return None


def parted_at(blanks: str, line: str) -> str:
    """A line whose cells stand between blanks, with tabs there; blanks within quotes are kept.

    >>> parted_at(" +", '"2025-01-31 16:30:00" 5  6')
    '"2025-01-31 16:30:00"\\t5\\t6'
    """
    line = line.strip(" ")
    if '"' not in line:
        return re.sub(blanks, "\t", line)
    return re.sub(rf'("[^"]*")|{blanks}', lambda found: found[1] or "\t", line)


def _delimiter(lines: Sequence[str]) -> tuple[str | None, int]:
    """The mark that parts cells, and how many lines stand above that do not count."""
    for at, line in enumerate(lines[:2]):
        if line.lower().startswith("sep=") and len(line) >= 5:
            return line[4], at + 1
    best, most = None, 1
    shown = [line for line in lines[:40] if line.strip()]
    for delimiter in DELIMITERS:
        counts = Counter(len(split_row(line, delimiter) or []) for line in shown)
        counts.pop(1, None)
        counts.pop(0, None)
        if not counts:
            continue
        width, same = counts.most_common(1)[0]
        score = same * 10 + (width > 2)
        if score > most:
            best, most = delimiter, score
    return best, 0


def _is_data(row: Sequence[str]) -> bool:
    """Whether cells are a row: a time and a number, or numbers alone."""
    cells = [cell.strip() for cell in row if cell.strip()]
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    timed = sum(form_of(cell) is not None for cell in cells)
    return len(cells) > 1 and (numbers * 2 > len(cells) if not timed else numbers + timed >= 2)


def _headers(rows: Sequence[Sequence[str]], skipped: int, first: int, width: int) -> list[int]:
    """The lines right above the rows that name the columns."""
    found: list[int] = []
    for at in range(first - 1, skipped - 1, -1):
        if not any(cell.strip() for cell in rows[at]) or len(found) == _MAX_HEADERS:
            if found:
                break
            continue
        if len(rows[at]) not in (width, width - 1, width + 1) or width < 2:
            break
        found.insert(0, at)
    return found


def _has_row_names(header: Sequence[str], data: Sequence[Sequence[str]]) -> bool:
    """Whether rows begin with a name that the header has no word for, as R writes them.

    The times tell: they are what the names are, or stand one cell behind the name of their column.
    """
    if not data or len(header) != len(data[0]) - 1:
        return False
    at = column_of(header, "time")
    last = data[: 1 if at is None else 20]
    if at is None:
        return all(_is_time(row[0]) and row[-1].strip() for row in last)
    return all(_is_time(row[at + 1]) and not _is_time(row[at]) for row in last)


def _is_time(cell: str) -> bool:
    form = form_of(cell)
    return form is not None and form.order not in ("serial", "clock")


def _levels(headers: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """The names of each column, a level a line of the header."""
    if not headers:
        return []
    padded = [[*row, *[""] * width][:width] for row in headers]
    if len(padded) > 1 and not _has_levels(padded):
        padded = [max(padded, key=_known)]
    levels = []
    for at in range(width):
        told = [row[at].strip() for row in padded if row[at].strip()]
        levels.append(tuple(told[-1:] if at == 0 else told) or ("",))
    return levels


def _has_levels(headers: Sequence[Sequence[str]]) -> bool:
    """Whether several lines are one header, of fields and symbols."""
    corners = {row[0].strip().lower() for row in headers}
    return bool(corners & {"", "ticker", "tickers", "price", "symbols", "attributes"})


def _known(row: Sequence[str]) -> int:
    return sum(any(rank(cell, meaning) is not None for meaning in NAMES) for cell in row)


def _names_columns(row: Sequence[str]) -> bool:
    """Whether cells are names, a time and a price among them."""
    return column_of(row, "time") is not None and _known(row) >= 2


def _without_rows(rows: Sequence[Sequence[str]], file: str, answers: Answers) -> Head | None:
    """Refuse a header with nothing below; None for what is no header."""
    named = next((row for row in rows if _names_columns(row)), None)
    if named is None:
        return None
    refuse_names(named)
    raise UploadError("the file has a header and no rows", advice=LEGAL)


#: Bytes whose cells are held at a time, each a text of its own: a share for each core.
AT_ONCE = WAYS * SHARE_BYTES


class TextTable:
    """Blocks of whole lines in, Ticks or Bars out; every line is counted in the tally.

    line: how many lines have been read.
    """

    def __init__(self, head: Head, table: Table, tally: Tally) -> None:
        self.line = 0
        self._head = head
        self._table = table
        self._tally = tally

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return self._table.hopeless

    def scan(self, block: bytes) -> list[Ticks | Bars]:
        """Read a block of whole lines, the last line break with them."""
        ready: list[Ticks | Bars] = []
        begin = 0
        while begin < len(block):
            end = block.rfind(b"\n", begin, begin + AT_ONCE) + 1
            end = end or block.find(b"\n", begin) + 1  # a line that is longer
            ready += self._scan(block[begin:end])
            begin = end
        return ready

    def _scan(self, block: bytes) -> list[Ticks | Bars]:
        first = self.line + 1
        if self._head.blanks:
            block = self._between_tabs(block)
        lines = Lines(block, first)
        self.line += len(lines)
        lines = self._readable(self._without_header(lines))
        shares = shares_of(lines.block, first)
        ready: list[Ticks | Bars] = []
        for share, (rows, others) in zip(shares, abreast(self._cells, shares), strict=True):
            for number in others:
                text = share[number]
                if text.strip():
                    self._tally.reject([Rejected("columns", sample(text), number)])
            ready += self._table.take(rows)
        return ready

    def _cells(self, lines: Lines) -> tuple[Rows, list[int]]:
        """The cells that the plan wants of lines. Several threads call it at once."""
        plan = self._table.plan
        return read_cells(lines, plan.width, plan.wanted, self._head.delimiter)

    def _between_tabs(self, block: bytes) -> bytes:
        """A block whose cells stand between blanks, with tabs there."""
        blanks, lines = self._head.blanks, block.split(b"\n")
        if b'"' not in block:
            bare = b"\n".join(line.strip(b" ") for line in lines)
            return re.sub(blanks.encode(), b"\t", bare)
        # Byte by byte the same as a character each, whatever the bytes are.
        parted = (parted_at(blanks, line.decode("latin-1")) for line in lines)
        return "\n".join(parted).encode("latin-1")

    def finish(self) -> list[Ticks | Bars]:
        """What is left."""
        return self._table.finish()

    def _without_header(self, lines: Lines) -> Lines:
        """Empty the lines of the header; what stands above it is rejected."""
        if lines.first > self._head.header:
            return lines
        above = range(lines.first, min(self._head.header, lines.first + len(lines) - 1) + 1)
        for number in above:
            text = lines[number]
            if number <= self._head.preamble and text.strip():
                self._tally.reject([Rejected("preamble", sample(text), number)])
        return Lines(lines.without(above), lines.first)

    def _readable(self, lines: Lines) -> Lines:
        """Without the lines that are not UTF-8 or leave a quote open, which are rejected."""
        bad: dict[int, str] = dict.fromkeys(lines.with_open_quotes(), "quote")
        if not lines.block.isascii():
            try:
                lines.block.decode()
            except UnicodeDecodeError:
                for number in lines.numbers.tolist():
                    try:
                        lines[number].decode()
                    except UnicodeDecodeError:
                        bad[number] = "encoding"
                        self._tally.look_for_bytes(lines[number], number)
        if not bad:
            return lines
        for number in sorted(bad):
            self._tally.reject([Rejected(bad[number], sample(lines[number]), number)])
        return Lines(lines.without(sorted(bad)), lines.first)
