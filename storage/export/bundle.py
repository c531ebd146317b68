"""What accompanies an export: its rows, bytes and SHA-256, and a zip of it with its manifest.

Everything is counted while it streams, without a second pass and without memory.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from storage.export.parquet import Drain
from storage.export.tables import Table, length_of

#: Bytes that are handed to the compressor at a time.
_PIECE = 1 << 18
_QUICK = 1


@dataclass
class Tally:
    """The count of an export: its columns, its rows without the header, its bytes (size)."""

    rows: int = 0
    size: int = 0
    columns: list[str] = field(default_factory=list)
    _digest: Any = field(default_factory=hashlib.sha256, repr=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far, in hexadecimal digits."""
        return str(self._digest.hexdigest())

    def rows_of(self, tables: Iterable[Table]) -> Iterator[Table]:
        """The tables, counted as they pass."""
        for table in tables:
            self.columns = list(table)
            self.rows += length_of(table)
            yield table

    def bytes_of(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The bytes, counted as they pass.

        >>> tally = Tally()
        >>> b"".join(tally.bytes_of([b"a,b", b"c"])), tally.size, tally.sha256[:8]
        (b'a,bc', 4, '92d6a1a9')
        """
        for piece in pieces:
            self.size += len(piece)
            self._digest.update(piece)
            yield piece


def zipped(
    name: str, pieces: Iterable[bytes], manifest: Callable[[], bytes], *, compress: bool
) -> Iterator[bytes]:
    """A zip file, piece by piece: the file `name`, then `name`.manifest.json.

    manifest: called after the file. compress: False for content that is compressed already.

    >>> import io
    >>> data = b"".join(zipped("a.csv", [b"x"], lambda: b"{}", compress=True))
    >>> zipfile.ZipFile(io.BytesIO(data)).namelist()
    ['a.csv', 'a.csv.manifest.json']
    """
    sink = Drain()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(sink, "w", method, compresslevel=_QUICK) as archive:
        with archive.open(name, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                if sink.size >= _PIECE:
                    yield sink.drain()
        archive.writestr(f"{name}.manifest.json", manifest())
    yield sink.drain()
