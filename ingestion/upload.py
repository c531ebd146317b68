"""A file, chunk by chunk -> Ticks or Bars, and the account of its rows. No I/O.

`UploadReader` recognises tick NDJSON and OHLC(V) CSV by content, plain or in gzip, and
reads either in constant memory. A JSON array over several lines is held whole, and so
has a bound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from analytics.model import Bars, Rejected, Ticks
from ingestion.decode import JSON_ERRORS, Decoder, sample
from ingestion.errors import UploadError
from ingestion.inflate import MAGIC, Inflater
from ingestion.ohlc import BarTable, Header
from ingestion.recognise import BOM, LEGAL, names_a_symbol, recognise, refuse_binary
from ingestion.symbols import proper_symbol, symbol_in_name, symbol_of_file
from ingestion.tally import HOPELESS, Tally, UploadReport

__all__ = ["UploadError", "UploadReader", "UploadReport", "display_name"]

HEAD = 1 << 16
MAX_LINE = 1 << 20
MAX_ARRAY = 64 << 20
NAME_LENGTH = 80


class _Body(Protocol):
    @property
    def hopeless(self) -> bool: ...

    def take(self, lines: Sequence[bytes], numbers: Sequence[int]) -> Sequence[Ticks | Bars]: ...

    def finish(self) -> Sequence[Ticks | Bars]: ...


class UploadReader:
    """Feed it a file's bytes in any chunks, then finish.

    symbol: of rows that name none; else a part of the file's name that looks like a
    symbol, else (for bars) the name itself. Both methods raise UploadError for a file
    that is no market data.

    >>> reader = UploadReader("btcusdt.csv")
    >>> _ = reader.feed(b"timestamp,open,high,low,close\\n2024-08-08T23:54:00Z,5,6,4,5\\n")
    >>> [bars.symbol for bars in reader.feed(b"2024-08-08T23:55:00Z,5,6,4,5") + reader.finish()]
    ['BTCUSDT']
    >>> reader.report.rows, reader.report.accepted, reader.report.timeframe
    (2, 2, '1m')
    """

    def __init__(self, name: str, symbol: str | None = None) -> None:
        if symbol is not None and proper_symbol(symbol) is None:
            raise UploadError(
                f"symbol is {symbol[:40]!r}, expected 1 to 32 letters, digits, '_' or '-'"
            )
        self.name = display_name(name)
        self._file = name
        self._symbol = proper_symbol(symbol) if symbol is not None else None
        self._tally = Tally()
        self._kind: str | None = None
        self._problem: str | None = None
        self._read = 0
        self._start = b""
        self._inflater: Inflater | None = None
        self._sniffed = False
        self._lone_cr = False
        self._body: _Body | None = None
        self._rest = b""
        self._line = 0
        self._skipping = False

    @property
    def report(self) -> UploadReport:
        """The account so far; complete once finish() returned."""
        return self._tally.report(self.name, self._kind, self._problem, self._read)

    def feed(self, chunk: bytes) -> list[Ticks | Bars]:
        """Read a chunk of any size; what became ready."""
        self._read += len(chunk)
        if not self._sniffed:
            self._start += chunk
            if len(self._start) < len(MAGIC):
                return []
            chunk, self._start, self._sniffed = self._start, b"", True
            if chunk.startswith(MAGIC):
                self._inflater = Inflater()
        if self._inflater is None:
            return self._text(chunk)
        out: list[Ticks | Bars] = []
        for piece in self._inflater.feed(chunk):
            out += self._text(piece)
        return out

    def finish(self) -> list[Ticks | Bars]:
        """Read what is left, a torn last line included."""
        out: list[Ticks | Bars] = []
        if not self._sniffed:
            self._sniffed = True
            out += self._text(self._start)
        if self._inflater is not None:
            self._inflater.finish()
            self._problem = self._inflater.problem
        if self._body is None:
            out += self._open(self._rest, whole=True)
        out += self._last_line()
        if self._body is not None:
            out += self._body.finish()
        if not self._tally.accepted:
            raise UploadError(self._why_nothing())
        return out

    def _text(self, piece: bytes) -> list[Ticks | Bars]:
        if self._body is not None:
            return self._lines(piece)
        self._rest += piece
        try:
            return self._open(self._rest, whole=False)
        except UploadError:
            if len(self._rest) < HEAD and not self._is_binary(self._rest):
                return []
            raise

    def _open(self, head: bytes, whole: bool) -> list[Ticks | Bars]:
        """Decide by the first lines what the file is, and read them as such.

        Raises UploadError where they do not tell, or not yet.
        """
        head = head.removeprefix(BOM)
        refuse_binary(head[:HEAD])
        start = head[:HEAD]
        self._lone_cr = b"\r" in start and b"\n" not in start
        lines = [line for line in start.splitlines(keepends=True) if line.strip()]
        if not whole and len(start) < HEAD and lines:
            # The last line may still grow, and a CR may be half of a CRLF.
            lines.pop()
        if not lines:
            raise UploadError(f"the file is empty; {LEGAL}")
        form, before = recognise(lines)
        self._rest = b""
        if isinstance(form, Header):
            return self._open_table(head, form, lines, before)
        self._kind = "ticks"
        decoder = Decoder(self._default_symbol(lines[0]))
        self._body = (_TickArray if form == "array" else _TickLines)(decoder, self._tally)
        return self._lines(head)

    def _open_table(
        self, head: bytes, header: Header, lines: list[bytes], before: int
    ) -> list[Ticks | Bars]:
        """Read on behind the header; what stands above it is refused by line."""
        self._kind = "bars"
        symbol = self._symbol or symbol_of_file(self._file)
        self._body = BarTable(header, symbol, self._tally)
        at = 0
        for position, line in enumerate(lines[: before + 1]):
            at = head.index(line, at)
            number = len(head[:at].splitlines()) + 1
            if position < before:
                self._tally.reject([Rejected("preamble", sample(line.strip()), number)])
            elif not header.from_data:
                at += len(line)
                self._line = number
        return self._lines(head[at:])

    def _is_binary(self, head: bytes) -> bool:
        try:
            refuse_binary(head)
        except UploadError:
            return True
        return False

    def _default_symbol(self, first_line: bytes) -> str | None:
        if self._symbol is not None or names_a_symbol(first_line):
            return self._symbol
        return symbol_in_name(self._file)

    def _lines(self, piece: bytes) -> list[Ticks | Bars]:
        if isinstance(self._body, _TickArray):
            self._body.add(piece)
            return []
        if self._lone_cr:
            piece = piece.replace(b"\r", b"\n")
        lines = piece.split(b"\n")
        lines[0] = self._rest + lines[0]
        self._rest = lines.pop()
        if self._skipping and lines:
            lines[0] = b""
            self._skipping = False
        out = self._take(lines)
        if self._skipping:
            self._rest = b""
        elif len(self._rest) > MAX_LINE:
            self._refuse_long(self._rest, self._line + 1)
            self._rest, self._skipping = b"", True
        return out

    def _take(self, lines: list[bytes]) -> list[Ticks | Bars]:
        assert self._body is not None
        first = self._line + 1
        self._line += len(lines)
        kept = [
            (number, line)
            for number, line in enumerate(lines, first)
            if line and not line.isspace() and self._short(line, number)
        ]
        if not kept:
            return []
        numbers, texts = zip(*kept, strict=True)
        out = list(self._body.take(texts, numbers))
        if self._body.hopeless:
            raise UploadError(self._why_nothing())
        return out

    def _short(self, line: bytes, number: int) -> bool:
        if len(line) <= MAX_LINE:
            return True
        self._refuse_long(line, number)
        return False

    def _refuse_long(self, line: bytes, number: int) -> None:
        self._tally.reject([Rejected("line-length", sample(line), number)])

    def _last_line(self) -> list[Ticks | Bars]:
        rest, self._rest = self._rest, b""
        return self._take([rest]) if rest and not self._skipping else []

    def _why_nothing(self) -> str:
        refused = self._tally.first_refused
        if refused is None:
            return f"the file has a header and no rows; {LEGAL}"
        reasons = ", ".join(f"{name} {n}" for name, n in self._tally.rejected.most_common(3))
        quoted = f', which reads "{refused.sample[:80]}"' if refused.sample else ""
        return (
            f"none of {self._tally.rows} rows is market data ({reasons}); the first is "
            f"line {refused.line}{quoted}; {LEGAL}"
        )


class _TickLines:
    """One JSON value a line."""

    def __init__(self, decoder: Decoder, tally: Tally) -> None:
        self._decoder = decoder
        self._tally = tally

    @property
    def hopeless(self) -> bool:
        return not self._tally.accepted and self._tally.rows >= HOPELESS

    def take(self, lines: Sequence[bytes], numbers: Sequence[int]) -> Sequence[Ticks]:
        decoded = self._decoder.decode_lines(lines, numbers)
        for batch in decoded.ticks:
            self._tally.accept(batch)
        self._tally.reject(decoded.rejected)
        return decoded.ticks

    def finish(self) -> Sequence[Ticks]:
        return []


class _TickArray(_TickLines):
    """One JSON array over several lines, held until its end; rows bear their position."""

    def __init__(self, decoder: Decoder, tally: Tally) -> None:
        super().__init__(decoder, tally)
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Keep a piece of the array."""
        self._size += len(piece)
        if self._size > MAX_ARRAY:
            raise UploadError(
                f"a JSON array of more than {MAX_ARRAY >> 20} MB; save it as one object a line"
            )
        self._pieces.append(piece)

    def finish(self) -> Sequence[Ticks]:
        text = b"".join(self._pieces)
        try:
            elements = msgspec.json.decode(text, type=list[msgspec.Raw])
        except JSON_ERRORS as error:
            raise UploadError(f"a JSON array that cannot be read: {error}; {LEGAL}") from error
        return self.take([bytes(one) for one in elements], range(1, len(elements) + 1))


def display_name(name: str) -> str:
    """A file's name fit to be shown: no folders, printable, at most 80 characters.

    >>> display_name("../../etc/ticks\\u202e.ndjson")
    'ticks.ndjson'
    """
    base = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in base if character.isprintable()).strip()
    return shown[:NAME_LENGTH] or "unnamed"
