"""Gzip, unpacked as it comes, within bounds that a bomb does not pass."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from ingestion.files.errors import UploadError

MAGIC = b"\x1f\x8b"

#: Real files of ticks shrink about sevenfold, one line repeated about three hundredfold.
MAX_BYTES = 4 << 30
MAX_RATIO = 200
RATIO_AFTER = 1 << 20
PIECE = 1 << 20


class Inflater:
    """`feed(chunk)` yields pieces of at most 1 MiB; `problem` says how the stream broke.

    A stream that breaks after its first bytes keeps what came before. Raises UploadError
    for one that unpacks beyond its bounds, or that holds another gzip.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_ratio: float = MAX_RATIO) -> None:
        self.max_bytes = max_bytes
        self.max_ratio = max_ratio
        self.problem: str | None = None
        self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._read = 0
        self._written = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Unpack a chunk, piece by piece."""
        while chunk and self.problem is None:
            if self._member.eof:
                chunk = chunk.lstrip(b"\x00")
                if not chunk:
                    return
                self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            before, offered = self._member.copy(), len(chunk)
            try:
                piece = self._member.decompress(chunk, PIECE)
            except zlib.error as error:
                piece = _up_to_damage(before, chunk)
                self._read += offered
                self._check(piece)
                self._break(f"the gzip stream is damaged ({error})")
                yield piece
                return
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._read += offered - len(chunk)
            self._check(piece)
            if piece:
                yield piece

    def finish(self) -> None:
        """Note a stream that ends too early."""
        if self.problem is None and not self._member.eof:
            self._break("the gzip stream ends too early")

    def _break(self, words: str) -> None:
        if not self._written:
            raise UploadError(f"{words}, before its first line")
        self.problem = words

    def _check(self, piece: bytes) -> None:
        if not self._written and piece.startswith(MAGIC):
            raise UploadError("a gzip within a gzip, expected one layer")
        self._written += len(piece)
        if self._written > self.max_bytes:
            raise UploadError(f"unpacks to more than {self.max_bytes >> 20} MB, the most taken")
        if self._written > RATIO_AFTER and self._written > self.max_ratio * self._read:
            raise UploadError(
                f"unpacks to more than {self.max_ratio:g} times its size: no file of prices does"
            )


def _up_to_damage(member: Any, chunk: bytes) -> bytes:
    """What a chunk unpacks to before the byte that breaks it."""
    out = bytearray()
    for at in range(len(chunk)):
        try:
            out += member.decompress(chunk[at : at + 1])
        except zlib.error:
            break
        if len(out) > PIECE:
            break
    return bytes(out)
