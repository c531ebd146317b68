"""A file, chunk by chunk -> Ticks or Bars, and the account of its rows. No I/O.

`UploadReader` recognises tick NDJSON (or a JSON array of ticks) and OHLC(V) CSV by content,
plain or in gzip, and reads either in constant memory.
"""

from __future__ import annotations

import re

from analytics.model import Bars, Rejected, Ticks
from ingestion.decode.decoder import Decoder, sample
from ingestion.decode.symbols import proper_symbol, symbol_in_name, symbol_of_file
from ingestion.files.charset import Encoding, as_utf8
from ingestion.files.errors import UploadError
from ingestion.files.inflate import MAGIC, Inflater
from ingestion.files.json_array import ArrayCutter
from ingestion.files.lines import MAX_LINE
from ingestion.files.ohlc import BarTable, Header
from ingestion.files.recognise import BOM, LEGAL, PREAMBLE, names_a_symbol, recognise, refuse_binary
from ingestion.files.report import Tally, UploadReport
from ingestion.files.scankernel import PAD
from ingestion.files.scanner import LineScanner

__all__ = ["UploadError", "UploadReader", "UploadReport", "display_name"]

HEAD = 1 << 16
NAME_LENGTH = 80


class UploadReader:
    """Feed it a file's bytes in any chunks, then finish.

    symbol: of rows that name none; else a part of the file's name that looks like a
    symbol, else (for bars) the name itself. encoding: of its text. Both methods raise
    UploadError for a file that is no market data.

    >>> reader = UploadReader("btcusdt.csv")
    >>> _ = reader.feed(b"timestamp,open,high,low,close\\n2024-08-08T23:54:00Z,5,6,4,5\\n")
    >>> [bars.symbol for bars in reader.feed(b"2024-08-08T23:55:00Z,5,6,4,5") + reader.finish()]
    ['BTCUSDT']
    >>> reader.report.rows, reader.report.accepted, reader.report.timeframe
    (2, 2, '1m')
    """

    def __init__(self, name: str, symbol: str | None = None, encoding: Encoding = "utf-8") -> None:
        if symbol is not None and proper_symbol(symbol) is None:
            raise UploadError(
                f"symbol is {symbol[:40]!r}, expected 1 to 32 letters, digits, '_' or '-'"
            )
        self.name = display_name(name)
        self._file = name
        self._symbol = proper_symbol(symbol) if symbol is not None else None
        self._encoding = encoding
        self._tally = Tally()
        if encoding != "utf-8":
            self._tally.notes.append("read as Latin-1, as asked")
        self._kind: str | None = None
        self._problem: str | None = None
        self._read = 0
        self._start = b""
        self._inflater: Inflater | None = None
        self._sniffed = False
        self._lone_cr = False
        self._body: LineScanner | BarTable | None = None
        self._array: ArrayCutter | None = None
        self._rest = b""
        self._skipping = False

    @property
    def report(self) -> UploadReport:
        """The account so far; complete once finish() returned."""
        return self._tally.report(self.name, self._kind, self._problem, self._read)

    @property
    def progress(self) -> tuple[int, int]:
        """Rows accepted and rejected so far; to be asked from any thread."""
        return self._tally.accepted, self._tally.refused

    def feed(self, *chunks: bytes) -> list[Ticks | Bars]:
        """Read chunks of any size; what became ready."""
        self._read += sum(map(len, chunks))
        if not self._sniffed:
            self._start = b"".join((self._start, *chunks))
            if len(self._start) < len(MAGIC):
                return []
            chunks, self._start, self._sniffed = (self._start,), b"", True
            if chunks[0].startswith(MAGIC):
                self._inflater = Inflater()
        if self._inflater is None:
            return self._text(*chunks)
        out: list[Ticks | Bars] = []
        for chunk in chunks:
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
        out += self._last_lines()
        if self._array is not None:
            self._problem = self._problem or self._array.problem
        if isinstance(self._body, BarTable):
            out += self._body.finish()
        if not self._tally.accepted:
            raise UploadError(self._why_nothing())
        return out

    def _text(self, *pieces: bytes) -> list[Ticks | Bars]:
        if self._body is not None:
            return self._lines(*(as_utf8(piece, self._encoding) for piece in pieces))
        self._rest = b"".join((self._rest, *pieces))
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
        head = as_utf8(head, self._encoding)
        start = head[:HEAD]
        self._lone_cr = b"\r" in start and b"\n" not in start
        lines = [line for line in start.splitlines(keepends=True) if line.strip()]
        if not whole and len(start) < HEAD and lines:
            # The last line may still grow, and a CR may be half of a CRLF.
            lines.pop()
        if not lines:
            raise UploadError(f"the file is empty; {LEGAL}")
        form, before = self._recognised(head, lines)
        self._rest = b""
        if isinstance(form, Header):
            return self._open_table(head, form, lines, before)
        self._kind = "ticks"
        if form == "array":
            self._array = ArrayCutter()
        self._body = LineScanner(Decoder(self._default_symbol(lines[0])), self._tally)
        return self._lines(head)

    def _recognised(self, head: bytes, lines: list[bytes]) -> tuple[Header | str, int]:
        """As `recognise`; of a file that it refuses, what is not UTF-8 is told and kept."""
        try:
            return recognise(lines)
        except UploadError:
            at = 0
            for line in lines[:PREAMBLE]:
                at = head.index(line, at)
                self._tally.look_for_bytes(line, _line_at(head, at))
                at += len(line)
            if self._tally.not_utf8 is None:
                raise
            raise UploadError(f"{self._tally.not_utf8.words}; {LEGAL}") from None

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
            number = _line_at(head, at)
            if position < before:
                self._tally.reject([Rejected("preamble", sample(line.strip()), number)])
            elif not header.from_data:
                at += len(line)
                self._body.line = number
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

    def _lines(self, *pieces: bytes) -> list[Ticks | Bars]:
        """Hand on the whole lines that there are now, but for those in the last few bytes."""
        assert self._body is not None
        if self._array is not None:
            pieces = tuple(map(self._array.cut, pieces))
        text = b"".join((self._rest, *pieces))
        if self._lone_cr:
            text = text.replace(b"\r", b"\n")
        if self._skipping:
            text = text[text.find(b"\n") + 1 or len(text) :]
            self._skipping = not text
        stop = text.rfind(b"\n", 0, max(len(text) - PAD, 0)) + 1
        out = self._scan(text, stop)
        self._rest = text[stop:]
        if len(self._rest) > MAX_LINE and b"\n" not in self._rest:
            self._body.refuse_long(self._rest)
            self._rest, self._skipping = b"", True
        return out

    def _last_lines(self) -> list[Ticks | Bars]:
        text, self._rest = self._rest, b""
        return self._scan(text + b"\n" + bytes(PAD), len(text) + 1) if text else []

    def _scan(self, text: bytes, stop: int) -> list[Ticks | Bars]:
        if not stop:
            return []
        assert self._body is not None
        out: list[Ticks | Bars] = [*self._body.scan(text, stop)]
        if self._body.hopeless:
            raise UploadError(self._why_nothing())
        return out

    def _why_nothing(self) -> str:
        refused = self._tally.first_refused
        if refused is None:
            return f"the file has a header and no rows; {LEGAL}"
        reasons = ", ".join(f"{name} {n}" for name, n in self._tally.rejected.most_common(3))
        quoted = f', which reads "{refused.sample[:80]}"' if refused.sample else ""
        place = "element" if self._array is not None else "line"
        broken = f"; {self._problem}" if self._problem else ""
        if self._tally.not_utf8 is not None:
            broken += f"; {self._tally.not_utf8.words}"
        return (
            f"none of {self._tally.rows} rows is market data ({reasons}); the first is "
            f"{place} {refused.line}{quoted}{broken}; {LEGAL}"
        )


def _line_at(head: bytes, at: int) -> int:
    """The number of the line that begins there."""
    return len(head[:at].splitlines()) + 1


def display_name(name: str) -> str:
    """A file's name fit to be shown: no folders, printable, at most 80 characters.

    >>> display_name("../../etc/ticks\\u202e.ndjson")
    'ticks.ndjson'
    """
    base = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in base if character.isprintable()).strip()
    return shown[:NAME_LENGTH] or "unnamed"
