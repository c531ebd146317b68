"""What a file's bytes mean as text: UTF-8, UTF-16 by its mark, or Latin-1 by somebody's word.

Latin-1 gives a character to every byte, so nothing in a file tells that it is right: it is
never guessed. What is told is where the file is not UTF-8, and how that line would read.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Literal

from ingestion.files.errors import LEGAL, UploadError

Encoding = Literal["utf-8", "latin-1"]

SHOWN = 80
_BOM = b"\xef\xbb\xbf"
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
#: How files begin that are no text and no form that is read.
MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls): save it as CSV",
    b"\x89HDF": "an HDF5 file: write its table as Parquet or CSV",
    b"FEA1": "a Feather file of version 1: write it as version 2",
    b"\xff\xfe\x00\x00": "UTF-32 text: save it as UTF-8",
    b"\x00\x00\xfe\xff": "UTF-32 text: save it as UTF-8",
}
#: UTF-16 that does not begin with its mark: letters and digits beside zeros.
_UTF_16 = (
    (re.compile(rb"(?:[\t\r\n -~]\x00){8}"), "utf-16-le"),
    (re.compile(rb"(?:\x00[\t\r\n -~]){8}"), "utf-16-be"),
)


@dataclass(frozen=True)
class NotUtf8:
    """The first byte of a file that is not UTF-8.

    line and position: from 1 on, the position in bytes. latin_1: the line around it, if the
    file is Latin-1.

    >>> not_utf8(b"Zeit;Er\\xf6ffnung;Hoch", 1)
    NotUtf8(line=1, position=8, byte=246, latin_1='Zeit;Eröffnung;Hoch')
    """

    line: int
    position: int
    byte: int
    latin_1: str

    @property
    def words(self) -> str:
        """As a part of a sentence."""
        return (
            f"line {self.line} is not UTF-8 text: its byte {self.position} is 0x{self.byte:02X}; "
            f'as Latin-1 the line reads "{self.latin_1}"; if that is right, read the file so '
            "(encoding=latin-1), else save it as UTF-8"
        )


def not_utf8(line: bytes, number: int) -> NotUtf8 | None:
    """Where a line is not UTF-8; None where it is, or where its bytes are no text at all."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        at = error.start
        if _NO_TEXT.search(line):
            return None
        shown = line[max(at - SHOWN // 2, 0) :][:SHOWN].decode("latin-1").strip()
        shown = "".join(one if one.isprintable() else "·" for one in shown)
        return NotUtf8(number, at + 1, line[at], shown)
    return None


def refuse_binary(head: bytes) -> None:
    """Raise UploadError for a head that is no text, naming what it is."""
    for magic, words in MAGIC.items():
        if head.startswith(magic):
            raise UploadError(f"this is {words}", advice=LEGAL)
    if b"\x00" in head.lstrip().partition(b"\n")[0]:
        raise UploadError("this is binary data", advice=LEGAL)


class Charset:
    """Pieces of a file -> UTF-8 without a mark, wherever they were cut.

    encoding: as asked. UTF-16 is told by its mark or its zeros.

    >>> charset = Charset()
    >>> charset.feed(b"\\xff\\xfea") + charset.feed(b"\\x00b\\x00") + charset.finish()
    b'ab'
    """

    def __init__(self, encoding: Encoding = "utf-8") -> None:
        self._encoding: str = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head: bytes | None = b""
        self._narrow = False

    def feed(self, piece: bytes) -> bytes:
        """The next bytes as UTF-8; the first few are kept until they tell."""
        if self._head is not None:
            self._head += piece
            return self._begin() if len(self._head) >= 16 else b""
        return self._read(piece)

    def finish(self) -> bytes:
        """What is left."""
        out = self._begin() if self._head is not None else b""
        return out + (self._decoder.decode(b"", True).encode() if self._decoder else b"")

    def _begin(self) -> bytes:
        head, self._head = self._head or b"", None
        name = self._told_by(head)
        if name is not None:
            self._decoder = codecs.getincrementaldecoder(name)("replace")
            self._narrow = name == "latin-1"
            head = head[2:] if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else head
        return self._read(head.removeprefix(_BOM))

    def _told_by(self, head: bytes) -> str | None:
        refuse_binary(head) if head[:4] in MAGIC else None
        if head.startswith(codecs.BOM_UTF16_LE):
            return "utf-16-le"
        if head.startswith(codecs.BOM_UTF16_BE):
            return "utf-16-be"
        for pattern, name in _UTF_16:
            if pattern.match(head):
                return name
        return "latin-1" if self._encoding == "latin-1" else None

    def _read(self, piece: bytes) -> bytes:
        if self._decoder is None or (self._narrow and piece.isascii()):
            return piece
        return self._decoder.decode(piece).encode()
