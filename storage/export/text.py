"""Exports as text: tables as CSV or JSON, piece by piece.

CSV is plain: a header line, then the rows, without comment lines, which naive readers take
for data. In CSV a missing number is an empty cell, floats have their shortest exact form (a
whole number without a point), and a text cell that a spreadsheet would take for a formula gets a
leading apostrophe.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from storage.export.tables import Column, Table, chunks, same_columns

#: Rows written at a time.
CHUNK_ROWS = 32_768

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = frozenset(',"\r\n')
_WORDS = {True: "true", False: "false"}


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
    for first, table in same_columns(tables):
        if first:
            yield (",".join(_csv_text(name) for name in table) + "\n").encode()
        for rows, piece in chunks(table, CHUNK_ROWS):
            columns = [_typed(column, rows) for column in piece.values()]
            if all(column is not None for column in columns):
                yield _written_csv(columns)
                continue
            cells = [_cells(column, rows, _csv_text, "") for column in piece.values()]
            lines = map(",".join, zip(*cells, strict=True))
            yield ("\n".join(lines) + "\n").encode()


def _written_csv(columns: Sequence[Any]) -> bytes:
    """Columns that need no quotes, by the library's writer."""
    table = pa.table(columns, names=[f"{at}" for at in range(len(columns))])
    sink = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none", batch_size=CHUNK_ROWS)
    pa.csv.write_csv(table, sink, options)
    return bytes(sink.getvalue())


def _typed(column: Column, rows: int) -> Any:
    """A column as the library has it, None for one of mixed kinds or of texts that need quotes."""
    if isinstance(column, str):
        text = _csv_text(column)
        # The writer refuses a text with a mark in it that it does not quote itself.
        return pa.repeat(pa.scalar(text), rows) if _QUOTED.isdisjoint(text) else None
    if not isinstance(column, np.ndarray) or column.dtype.kind not in "fiubM":
        return None
    values, absent = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind == "M":
        return _moments_as_texts(values, absent)
    if values.dtype.kind == "f":
        absent = absent | np.isnan(values)
    return pa.array(values, mask=absent)


def _moments_as_texts(values: np.ndarray, absent: np.ndarray) -> Any:
    """Times as ISO 8601 in UTC, to the ms."""
    ms = pa.array(values.astype("datetime64[ms]"), mask=absent | np.isnat(values))
    text = pc.utf8_replace_slice(ms.cast(pa.string()), 10, 11, "T")
    return pc.binary_join_element_wise(text, "Z", "")


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
    for _, table in same_columns(tables):
        keys = [json.dumps(name) + ":" for name in table]
        for rows, piece in chunks(table, CHUNK_ROWS):
            cells = [_json_cells(column, rows) for column in piece.values()]
            parts: list[Any] = [pa.scalar("{")]
            for key, column in zip(keys, cells, strict=True):
                parts += [pa.scalar(key if len(parts) == 1 else "," + key), column]
            lines = pc.binary_join_element_wise(*parts, "}", "")
            whole = pa.ListArray.from_arrays(pa.array([0, rows], pa.int32()), lines)
            yield separator.encode() + pc.binary_join(whole, ",\n")[0].as_buffer().to_pybytes()
            separator = ",\n"
    yield b"[]\n" if separator == "[\n" else b"\n]\n"


def _json_cells(column: Column, rows: int) -> Any:
    """The cells of a column as JSON has them: an Arrow array of texts, or one for all rows."""
    if isinstance(column, str):
        return pa.scalar(_json_text(column))
    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        finite = np.ma.array(column, mask=np.ma.getmaskarray(column) | ~np.isfinite(column))
        return _typed(finite, rows).cast(pa.string()).fill_null("null")
    typed = _typed(column, rows)
    if typed is None:
        return pa.array(list(_cells(column, rows, _json_text, "null", finite=True)), pa.string())
    if pa.types.is_string(typed.type):  # times
        typed = pc.binary_join_element_wise('"', typed, '"', "")
    return typed.cast(pa.string()).fill_null("null")


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
    if values.dtype.kind == "f":
        return [_shortest(number) for number in values.tolist()]
    return list(map(repr, values.tolist()))


def _shortest(number: float) -> str:
    return repr(number).removesuffix(".0")


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
        return missing if absent else _shortest(number)
    return text(str(value))
