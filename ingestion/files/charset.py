"""What a file's bytes mean as text: UTF-8, or Latin-1 where whoever sends it says so.

Latin-1 gives a character to every byte, so nothing in a file tells that it is right: it is
never guessed. What is told is where the file is not UTF-8, and how that line would read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["utf-8", "latin-1"]

SHOWN = 80
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


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


def as_utf8(piece: bytes, encoding: Encoding) -> bytes:
    """A piece of a file as UTF-8, wherever it was cut.

    >>> as_utf8(b"caf\\xe9", "latin-1").decode()
    'café'
    """
    if encoding == "utf-8" or piece.isascii():
        return piece
    return piece.decode(encoding).encode()
