"""Exports as Parquet, piece by piece, where pyarrow is installed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from storage.export.tables import Table, chunks, length_of, same_columns

#: Rows of a row group: what a reader loads at a time, and a writer holds.
GROUP_ROWS = 65_536
_COMPRESSION = "zstd"


class ParquetUnavailable(RuntimeError):
    """The optional library that writes Parquet is not installed."""


def parquet_rows(tables: Iterable[Table]) -> Iterator[bytes]:
    """A Parquet file piece by piece, one row group a chunk; NaN stays NaN, masked is null.

    Raises ParquetUnavailable, before the first byte, where pyarrow is not installed.
    """
    return _parquet_pieces(tables, arrow_library())


def arrow_library() -> Any:
    """The library. Raises ParquetUnavailable where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ParquetUnavailable("Parquet needs pyarrow: pip install pyarrow") from error
    return pyarrow


def writer_of(sink: Any, schema: Any, arrow: Any) -> Any:
    """A writer of Parquet files, with the compression that all of them share."""
    return arrow.parquet.ParquetWriter(sink, schema, compression=_COMPRESSION)


def _parquet_pieces(tables: Iterable[Table], arrow: Any) -> Iterator[bytes]:
    sink = Drain()
    writer = None
    for _, table in same_columns(tables):
        if not length_of(table) and writer is None:
            writer = writer_of(sink, arrow_table(table, 0, arrow).schema, arrow)
        for rows, piece in chunks(table, GROUP_ROWS):
            batch = arrow_table(piece, rows, arrow)
            if writer is None:
                writer = writer_of(sink, batch.schema, arrow)
            writer.write_table(batch.cast(writer.schema))
            yield sink.drain()
    if writer is not None:
        writer.close()
        yield sink.drain()


def arrow_table(piece: Table, rows: int, arrow: Any) -> Any:
    """A table of pyarrow; a text that all rows share becomes a column."""
    columns = {}
    for name, column in piece.items():
        if isinstance(column, str):
            columns[name] = arrow.array([column] * rows, type=arrow.string())
        elif not isinstance(column, np.ndarray):
            columns[name] = arrow.array(list(column))
        elif column.dtype.kind == "M":
            in_ms = column.astype("datetime64[ms]").astype(np.int64)
            columns[name] = arrow.array(in_ms, type=arrow.timestamp("ms", tz="UTC"))
        else:
            mask = np.ma.getmaskarray(column)
            columns[name] = arrow.array(np.ma.getdata(column), mask=mask)
    return arrow.table(columns)


class Drain(io.RawIOBase):
    """A write-only file in memory that is emptied between writes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    @property
    def size(self) -> int:
        """Bytes written since the last `drain`."""
        return sum(map(len, self._pieces))

    def drain(self) -> bytes:
        """The bytes written since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
