"""Packed files, unpacked as they come, within bounds that a bomb does not pass."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ingestion.files.errors import UploadError

#: Real files of ticks shrink about sevenfold, one line repeated about three hundredfold.
MAX_BYTES = 4 << 30
MAX_RATIO = 200
RATIO_AFTER = 1 << 20
PIECE = 1 << 20
#: Bytes that a member is given at first.
_WINDOW = 512
_SLICE = 1 << 16


class _Member(Protocol):
    """A packed stream, as bz2 and lzma have it."""

    eof: bool
    unused_data: bytes
    needs_input: bool

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's stream with the methods that those of bz2 and lzma have."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        before, data = self._stream.copy(), self._stream.unconsumed_tail + data
        try:
            return self._stream.decompress(data, max_length)
        except zlib.error as error:
            raise _Damage(_up_to_damage(before, data), error) from None


class _Damage(Exception):
    """A stream that breaks, and what came before."""

    def __init__(self, piece: bytes, error: Exception) -> None:
        super().__init__(str(error))
        self.piece = piece


#: How packed files begin, what they are called, and who unpacks them.
PACKERS: dict[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x1f\x8b": ("gzip", _Gzip),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMADecompressor),
}


#: How files begin that must be whole before they can be read.
CONTAINERS = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"(\xb5/\xfd": "zst",
    b"PAR1": "parquet",
    b"ARROW1": "feather",
}


def container_of(head: bytes) -> str | None:
    """What kind of container begins like this, None for none.

    >>> container_of(b"PAR1\\x15"), container_of(b"time,price")
    ('parquet', None)
    """
    return next((name for magic, name in CONTAINERS.items() if head.startswith(magic)), None)


def packer_of(head: bytes) -> str | None:
    """What a file that begins like this is packed with, None if with nothing known here.

    >>> packer_of(b"\\x1f\\x8b\\x08"), packer_of(b"time,price")
    ('gzip', None)
    """
    return next((name for magic, (name, _) in PACKERS.items() if head.startswith(magic)), None)


class Bounds:
    """How much may come out of what went in; raises UploadError for more, and is then spent."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_ratio: float = MAX_RATIO) -> None:
        self.read = 0
        self.written = 0
        self.spent = False
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio

    def add(self, read: int, written: int) -> None:
        """Count bytes that went in and came out."""
        self.read += read
        self.written += written
        self.spent = self.written > self._max_bytes or (
            self.written > RATIO_AFTER and self.written > self._max_ratio * self.read
        )
        if self.written > self._max_bytes:
            raise UploadError(f"unpacks to more than {self._max_bytes >> 20} MB, the most taken")
        if self.spent:
            raise UploadError(
                f"unpacks to more than {self._max_ratio:g} times its size: no file of prices does"
            )


class Unpacker:
    """`feed(chunk)` yields pieces of at most 1 MiB; `problem` says how the stream broke.

    name: of the packer, a key of no other file. A stream that breaks after its first bytes keeps
    what came before. Raises UploadError for one that unpacks beyond its bounds, or that holds
    another packed file.
    """

    def __init__(self, name: str, max_bytes: int = MAX_BYTES, max_ratio: float = MAX_RATIO) -> None:
        self.name = name
        self.problem: str | None = None
        self._new = next(new for known, new in PACKERS.values() if known == name)
        self._member: _Member = self._new()
        self._bounds = Bounds(max_bytes, max_ratio)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Unpack a chunk, piece by piece; what small members hold is joined."""
        pieces: list[bytes] = []
        size = 0
        for begin in range(0, len(chunk), _SLICE):
            for piece in self._slice(chunk[begin : begin + _SLICE]):
                pieces.append(piece)
                size += len(piece)
                if size >= _SLICE:
                    yield b"".join(pieces)
                    pieces, size = [], 0
        if pieces:
            yield b"".join(pieces)

    def _slice(self, data: bytes) -> Iterator[bytes]:
        self._bounds.add(len(data), 0)
        at, window = 0, _WINDOW
        while self.problem is None and (at < len(data) or not self._member.needs_input):
            if self._member.eof:
                at = _after_zeros(data, at)
                if at >= len(data):
                    return
                self._member, window = self._new(), _WINDOW
            # What comes after a member's end is copied each time: a small member gets little.
            given = data[at : at + window] if self._member.needs_input else b""
            at, window = at + len(given), 4 * window
            try:
                piece = self._member.decompress(given, PIECE)
            except (_Damage, OSError, EOFError, lzma.LZMAError, ValueError) as error:
                piece = error.piece if isinstance(error, _Damage) else b""
                self._check(piece)
                self._break(f"the {self.name} stream is damaged ({error})")
                if piece:
                    yield piece
                return
            if self._member.eof:
                at -= len(self._member.unused_data)
            self._check(piece)
            if piece:
                yield piece

    def finish(self) -> None:
        """Note a stream that ends too early."""
        if self.problem is None and not self._member.eof:
            self._break(f"the {self.name} stream ends too early")

    def _break(self, words: str) -> None:
        if not self._bounds.written:
            raise UploadError(f"{words}, before its first line")
        self.problem = words

    def _check(self, piece: bytes) -> None:
        inner = None if self._bounds.written else packer_of(piece) or container_of(piece)
        if inner is not None:
            raise UploadError(f"a {inner} within a {self.name}", advice="expected one layer")
        self._bounds.add(0, len(piece))


def _after_zeros(data: bytes, at: int) -> int:
    """Where the padding between two members ends."""
    while at < len(data):
        block = data[at : at + _WINDOW]
        rest = len(block.lstrip(b"\x00"))
        at += len(block) - rest
        if rest:
            break
    return at


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
