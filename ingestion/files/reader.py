"""A file, chunk by chunk -> Ticks or Bars, and the account of its rows.

`UploadReader` tells by the first bytes what a file is packed in, unpacks it as it comes, and
hands its text to a `TextReader`. What cannot be read from front to back (zip, zst, Parquet,
Feather) waits in a file without a name until it is whole.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from analytics.model import SYMBOL_WORDS, TIMEFRAMES, Bars, Ticks, is_timeframe, timeframe_name
from ingestion.decode.symbols import proper_symbol
from ingestion.files.charset import Encoding
from ingestion.files.containers import read_container
from ingestion.files.errors import Answers, UploadError, no_timeframe
from ingestion.files.report import Tally, UploadReport
from ingestion.files.text_reader import TextReader
from ingestion.files.unpack import Unpacker, container_of, packer_of
from ingestion.files.zones import zone_known

__all__ = ["UploadError", "UploadReader", "UploadReport", "display_name"]

NAME_LENGTH = 80
#: Bytes that tell what a file is packed in.
_MAGIC = 6
_IN_MEMORY = 8 << 20


class UploadReader:
    """Feed it a file's bytes in any chunks, then finish.

    symbol: of rows that name none; else the one that the file's name tells. encoding: of its
    text. answers: what was said of the file beside. All methods raise UploadError for a file
    that is no market data, and QuestionOpen, which is one, for a file that leaves something open.

    >>> reader = UploadReader("btcusdt.csv")
    >>> _ = reader.feed(b"timestamp,open,high,low,close\\n2024-08-08T23:54:00Z,5,6,4,5\\n")
    >>> [bars.symbol for bars in reader.feed(b"2024-08-08T23:55:00Z,5,6,4,5") + reader.finish()]
    ['BTCUSDT']
    >>> reader.report.rows, reader.report.accepted, reader.report.timeframe
    (2, 2, '1m')
    """

    def __init__(
        self,
        name: str,
        symbol: str | None = None,
        encoding: Encoding = "utf-8",
        answers: Answers | None = None,
    ) -> None:
        answers = answers or Answers()
        symbol = symbol if symbol is not None else answers.symbol
        if symbol is not None and proper_symbol(symbol) is None:
            raise UploadError(f"symbol is {symbol[:40]!r}, expected {SYMBOL_WORDS}")
        if answers.timezone is not None and not zone_known(answers.timezone):
            raise UploadError(
                f"timezone is {answers.timezone[:40]!r}, expected a name such as Europe/Berlin, "
                "UTC or an offset such as +01:00"
            )
        if answers.timeframe is not None and not is_timeframe(answers.timeframe):
            raise UploadError(
                f"timeframe is {answers.timeframe[:40]!r}, expected one such as 1m, 4h or 1d"
            )
        self.name = display_name(name)
        self.answers = replace(
            answers,
            symbol=proper_symbol(symbol) if symbol is not None else None,
            timeframe=timeframe_name(TIMEFRAMES[answers.timeframe]) if answers.timeframe else None,
        )
        self._file = name
        self._tally = Tally()
        self._tally.asked = self.answers.timeframe
        if encoding != "utf-8":
            self._tally.notes.append("read as Latin-1, as asked")
        self._encoding = encoding
        self._read = 0
        self._start: bytes | None = b""
        self._unpacker: Unpacker | None = None
        self._whole: IO[bytes] | None = None
        self._container = ""
        self._text = TextReader(name, self._tally, self.answers, encoding)

    @property
    def report(self) -> UploadReport:
        """The account so far; complete once finish() returned."""
        problem = (self._unpacker.problem if self._unpacker else None) or self._text.problem
        return self._tally.report(self.name, self._text.kind, problem, self._read)

    @property
    def progress(self) -> tuple[int, int]:
        """Rows accepted and rejected so far; to be asked from any thread."""
        return self._tally.accepted, self._tally.refused

    def feed(self, *chunks: bytes) -> list[Ticks | Bars]:
        """Read chunks of any size; what became ready."""
        self._read += sum(map(len, chunks))
        piece = b"".join(chunks)
        if self._start is not None:
            self._start += piece
            if len(self._start) < _MAGIC:
                return []
            piece, self._start = self._start, None
            self._sniff(piece)
        return list(map(self._as_asked, self._taken(piece)))

    def finish(self) -> list[Ticks | Bars]:
        """Read what is left, a torn last line included."""
        return list(self.rest())

    def rest(self) -> Iterator[Ticks | Bars]:
        """As `finish`, batch by batch: a file that had to be whole is read here."""
        yield from map(self._as_asked, self._rest())

    def _rest(self) -> Iterator[Ticks | Bars]:
        if self._start is not None:
            start, self._start = self._start, None
            self._sniff(start)
            yield from self._taken(start)
        if self._whole is not None:
            with self._whole as file:
                file.seek(0)
                yield from self._read_whole(file)
            return
        if self._unpacker is not None:
            self._unpacker.finish()
        yield from self._text.finish()
        if not self._tally.accepted:
            raise self._text.why_nothing()

    def _as_asked(self, batch: Ticks | Bars) -> Ticks | Bars:
        """A batch. Raises UploadError for trades where bars of a timeframe were asked for."""
        if self.answers.timeframe is not None and isinstance(batch, Ticks):
            raise no_timeframe(self.answers.timeframe)
        return batch

    def _taken(self, piece: bytes) -> list[Ticks | Bars]:
        if self._whole is not None:
            self._whole.write(piece)
            return []
        if self._unpacker is None:
            return self._text.feed(piece)
        return [batch for part in self._unpacker.feed(piece) for batch in self._text.feed(part)]

    def _read_whole(self, file: IO[bytes]) -> Iterator[Ticks | Bars]:
        for batch in read_container(
            self._container, file, self._file, self._tally, self.answers, self._encoding
        ):
            self._text.kind = "ticks" if isinstance(batch, Ticks) else "bars"
            yield batch
        if not self._tally.accepted:
            raise self._text.why_nothing()

    def _sniff(self, head: bytes) -> None:
        packed = packer_of(head)
        self._container = container_of(head) or ""
        if packed is not None:
            self._unpacker = Unpacker(packed)
        elif self._container:
            self._whole = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115


def display_name(name: str) -> str:
    """A file's name fit to be shown: no folders, printable, at most 80 characters.

    >>> display_name("../../etc/ticks\\u202e.ndjson")
    'ticks.ndjson'
    """
    base = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in base if character.isprintable()).strip()
    return shown[:NAME_LENGTH] or "unnamed"
