"""Exports as streams of bytes: CSV, JSON and Parquet of ticks, bars and any table.

An export is made of tables, each a mapping of column names to equally long columns; a long
one comes as many tables with the same columns, so that its length costs no memory. CSV is
plain: a header line, then the rows, without comment lines, which naive readers take for
data. The parameters of an export go beside it, in an HTTP header or a side file.

In CSV a missing number is an empty cell, floats have their shortest exact form, and a text
cell that a spreadsheet would take for a formula gets a leading apostrophe.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from analytics.model import (
    BAR_COLUMNS,
    NO_TRADE_ID,
    UNKNOWN_TRADES,
    Bars,
    BoolArray,
    IntArray,
    Ticks,
)

#: A column: an array (masked where a value is missing), a sequence of cells, or one text
#: that every row shares.
Column = np.ndarray | Sequence[Any] | str
Table = Mapping[str, Column]

#: Rows written at a time.
CHUNK_ROWS = 10_000

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = frozenset(',"\r\n')
_WORDS = {True: "true", False: "false"}


class ParquetUnavailable(RuntimeError):
    """The optional library that writes Parquet is not installed."""


# --- tables -----------------------------------------------------------------------------


def ticks_table(ticks: Ticks) -> dict[str, Column]:
    """Ticks as a table: time (ISO, UTC), ts_ms, symbol, price, size, trade_id.

    >>> b"".join(csv_rows([ticks_table(Ticks("ETHUSDT", [0], [2.5], [1.0], [-1]))])).decode()
    'time,ts_ms,symbol,price,size,trade_id\\n1970-01-01T00:00:00.000Z,0,ETHUSDT,2.5,1.0,\\n'
    """
    return {
        "time": _moments(ticks.ts_ms),
        "ts_ms": ticks.ts_ms,
        "symbol": ticks.symbol,
        "price": ticks.price,
        "size": ticks.size,
        "trade_id": np.ma.masked_equal(ticks.trade_id, NO_TRADE_ID),
    }


def bars_table(bars: Bars, gap: BoolArray) -> dict[str, Column]:
    """Bars as a table: time (ISO, UTC), symbol, timeframe, then their columns, and `gap`.

    gap: shape (n,), which of them miss trades.

    >>> bar = Bars("ETHUSDT", "1m", [0], [1], [2], [1], [2], [3], [-1], [1.5])
    >>> b"".join(csv_rows([bars_table(bar, np.array([True]))])).decode().splitlines()[1]
    '1970-01-01T00:00:00.000Z,0,ETHUSDT,1m,1.0,2.0,1.0,2.0,3.0,,1.5,true'
    """
    table: dict[str, Column] = {
        "time": _moments(bars.ts_ms),
        "ts_ms": bars.ts_ms,
        "symbol": bars.symbol,
        "timeframe": bars.timeframe,
    }
    table.update({name: getattr(bars, name) for name in BAR_COLUMNS if name != "ts_ms"})
    table["trades"] = np.ma.masked_equal(bars.trades, UNKNOWN_TRADES)
    table["gap"] = gap
    return table


def series_table(ts_ms: IntArray, series: Mapping[str, Column]) -> dict[str, Column]:
    """Series that share their times as a table: time (ISO, UTC), ts_ms, then each of them."""
    return {"time": _moments(ts_ms), "ts_ms": ts_ms, **series}


def rows_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Column]:
    """Rows of cells (text, numbers, None) as a table; ValueError for a row too long or short.

    >>> rows_table(["symbol", "last"], [["BTCUSDT", 1.5], ["=1+1", None]])
    {'symbol': ['BTCUSDT', '=1+1'], 'last': [1.5, None]}
    """
    columns: dict[str, list[Any]] = {name: [] for name in header}
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} cells, expected {len(columns)}")
        for cells, cell in zip(columns.values(), row, strict=True):
            cells.append(cell)
    return dict(columns)


def _moments(ts_ms: IntArray) -> np.ndarray:
    return np.asarray(ts_ms, np.int64).astype("datetime64[ms]")


def _length(table: Table) -> int:
    lengths = {name: len(c) for name, c in table.items() if not isinstance(c, str)}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the table has columns of lengths {lengths}, expected one length")
    return next(iter(lengths.values()))


def _chunks(table: Table) -> Iterator[tuple[int, dict[str, Column]]]:
    """A table in pieces of CHUNK_ROWS rows: how many rows, and their columns."""
    rows = _length(table)
    for begin in range(0, rows, CHUNK_ROWS):
        end = min(begin + CHUNK_ROWS, rows)
        piece = {n: c if isinstance(c, str) else c[begin:end] for n, c in table.items()}
        yield end - begin, piece


def _same_columns(tables: Iterable[Table]) -> Iterator[tuple[bool, Table]]:
    """Each table, and whether it is the first; ValueError when columns differ between them."""
    names: list[str] | None = None
    for table in tables:
        first = names is None
        if names is None:
            names = list(table)
        elif list(table) != names:
            raise ValueError(f"a table has columns {list(table)}, expected {names}")
        yield first, table


# --- CSV --------------------------------------------------------------------------------


def neutralise(text: str) -> str:
    """Text that a spreadsheet will not take for a formula.

    >>> neutralise("=cmd"), neutralise("BTCUSDT")
    ("'=cmd", 'BTCUSDT')
    """
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def csv_rows(tables: Iterable[Table]) -> Iterator[bytes]:
    """A CSV file in UTF-8, piece by piece: one header, then the rows of each table.

    No table at all gives no bytes; a table without rows gives its header.
    Raises ValueError for columns of different lengths or tables of different columns.

    >>> b"".join(csv_rows([{"name": ["=1", "a,b"], "z": np.array([-0.1, np.nan])}]))
    b'name,z\\n\\'=1,-0.1\\n"a,b",\\n'
    """
    for first, table in _same_columns(tables):
        if first:
            yield (",".join(_csv_text(name) for name in table) + "\n").encode()
        for rows, piece in _chunks(table):
            cells = [_cells(column, rows, _csv_text, "") for column in piece.values()]
            lines = map(",".join, zip(*cells, strict=True))
            yield ("\n".join(lines) + "\n").encode()


def _csv_text(text: str) -> str:
    text = neutralise(text)
    if _QUOTED.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


# --- JSON -------------------------------------------------------------------------------


def json_rows(tables: Iterable[Table]) -> Iterator[bytes]:
    """A JSON array of one object a row, one row a line; what is missing is null.

    >>> b"".join(json_rows([{"name": ["a"], "z": np.array([np.nan])}]))
    b'[\\n{"name":"a","z":null}\\n]\\n'
    """
    separator = "[\n"
    for _, table in _same_columns(tables):
        keys = [json.dumps(name) + ":" for name in table]
        for rows, piece in _chunks(table):
            cells = [
                map(key.__add__, _cells(column, rows, _json_text, "null", finite=True))
                for key, column in zip(keys, piece.values(), strict=True)
            ]
            lines = ("{" + ",".join(row) + "}" for row in zip(*cells, strict=True))
            yield (separator + ",\n".join(lines)).encode()
            separator = ",\n"
    yield b"[]\n" if separator == "[\n" else b"\n]\n"


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# --- cells of both ----------------------------------------------------------------------


def _cells(
    column: Column,
    rows: int,
    text: Callable[[str], str],
    missing: str,
    finite: bool = False,
) -> Iterable[str]:
    """The cells of a column as they are written; `missing` for NaN, None and the masked.

    finite: whether infinities are missing too.
    """
    if isinstance(column, str):
        return repeat(text(column), rows)
    if not isinstance(column, np.ndarray) or column.dtype.kind in "OUS":
        return [_cell(value, text, missing, finite) for value in column]
    written = _written(np.ma.getdata(column), text)
    absent = np.ma.getmaskarray(column)
    if column.dtype.kind == "f":
        values = np.ma.getdata(column)
        absent = absent | (~np.isfinite(values) if finite else np.isnan(values))
    elif column.dtype.kind == "M":
        absent = absent | np.isnat(np.ma.getdata(column))
    for at in np.flatnonzero(absent):
        written[at] = missing
    return written


def _written(values: np.ndarray, text: Callable[[str], str]) -> list[str]:
    if values.dtype.kind == "M":
        in_ms = values.astype("datetime64[ms]")
        return [text(moment) for moment in np.datetime_as_string(in_ms, timezone="UTC").tolist()]
    if values.dtype.kind == "b":
        return [_WORDS[value] for value in values.tolist()]
    return list(map(repr, values.tolist()))


def _cell(value: Any, text: Callable[[str], str], missing: str, finite: bool) -> str:
    """One cell of a column of mixed kinds."""
    if value is None:
        return missing
    if isinstance(value, bool | np.bool_):
        return _WORDS[bool(value)]
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        absent = not math.isfinite(number) if finite else math.isnan(number)
        return missing if absent else repr(number)
    return text(str(value))


# --- Parquet ----------------------------------------------------------------------------


def parquet_rows(tables: Iterable[Table]) -> Iterator[bytes]:
    """A Parquet file piece by piece, a row group a chunk; NaN stays NaN, the masked null.

    Raises ParquetUnavailable, before the first byte, where pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ParquetUnavailable("Parquet needs pyarrow: pip install pyarrow") from error
    return _parquet_pieces(tables, pyarrow)


def _parquet_pieces(tables: Iterable[Table], arrow: Any) -> Iterator[bytes]:
    sink = _Drain()
    writer = None
    for _, table in _same_columns(tables):
        if not _length(table) and writer is None:
            writer = arrow.parquet.ParquetWriter(sink, _arrow_table(table, 0, arrow).schema)
        for rows, piece in _chunks(table):
            batch = _arrow_table(piece, rows, arrow)
            if writer is None:
                writer = arrow.parquet.ParquetWriter(sink, batch.schema)
            writer.write_table(batch.cast(writer.schema))
            yield sink.drain()
    if writer is not None:
        writer.close()
        yield sink.drain()


def _arrow_table(piece: Table, rows: int, arrow: Any) -> Any:
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


class _Drain(io.RawIOBase):
    """A file that can only be written, and is emptied as it goes."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._held.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def drain(self) -> bytes:
        """What was written since the last call."""
        pieces, self._held = self._held, []
        return b"".join(pieces)
