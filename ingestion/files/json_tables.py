"""JSON read as tables: lines of rows, and documents that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pyarrow as pa

from analytics.model import Bars, Rejected, Ticks
from ingestion.decode.decoder import JSON_ERRORS, sample
from ingestion.files.cells import Lines, Rows
from ingestion.files.errors import LEGAL, Answers, QuestionOpen, UploadError
from ingestion.files.json_shapes import Found, Row, tables_in
from ingestion.files.names import rank
from ingestion.files.naming import Naming
from ingestion.files.plan import Sample
from ingestion.files.recognise import plan_of
from ingestion.files.report import HOPELESS, Tally
from ingestion.files.tables import Table

_MAX_SIGNATURES = 16

_read_json = msgspec.json.Decoder().decode


class JsonTables:
    """JSON values in, Ticks or Bars out: a table a set of names.

    file: its name.
    """

    def __init__(self, file: str, answers: Answers, naming: Naming, tally: Tally) -> None:
        self._file = file
        self._answers = answers
        self._naming = naming
        self._tally = tally
        self._tables: dict[tuple[str, ...], Table | None] = {}
        self._error: UploadError | None = None

    @property
    def kinds(self) -> set[str]:
        """The kinds of the tables so far."""
        return {table.plan.kind for table in self._tables.values() if table is not None}

    def take(self, found: Sequence[tuple[Found, int]]) -> list[Ticks | Bars]:
        """Read tables, each with the number of the line or element of its first row.

        Raises UploadError where none of the tables so far is market data.
        """
        out: list[Ticks | Bars] = []
        batches: dict[tuple[str, ...], tuple[list[Row], list[int]]] = {}
        for one, number in found:
            names, rows = one.names, one.rows
            if one.symbol is not None and not any(rank(name, "symbol") == 0 for name in names):
                rows = [[*row, one.symbol] for row in rows]
                names = (*names, "symbol") if names else (str(len(rows[0])), "symbol of rows")
            if one.zone is not None and one.names:
                rows = [[*row, one.zone[1]] for row in rows]
                names = (*names, one.zone[0])
            key = names or (str(len(rows[0])),)
            held, numbers = batches.setdefault(key, ([], []))
            held += rows
            numbers += range(number, number + len(rows)) if len(rows) > 1 else [number]
        for key, (rows, numbers) in batches.items():
            out += self._take(key, rows, numbers)
        if self._error is not None and not self.kinds:
            raise self._error
        return out

    def finish(self) -> list[Ticks | Bars]:
        """The rows that are left."""
        tables = [table for table in self._tables.values() if table is not None]
        return [batch for table in tables for batch in table.finish()]

    def _take(
        self, key: tuple[str, ...], rows: list[Row], numbers: list[int]
    ) -> list[Ticks | Bars]:
        if key not in self._tables:
            self._tables[key] = self._table(key, rows)
        table = self._tables[key]
        if table is None:
            self._tally.reject(
                Rejected("schema", ", ".join(row)[:200], at)
                for row, at in zip(rows, numbers, strict=True)
            )
            return []
        width = table.plan.width
        kept = [(row, at) for row, at in zip(rows, numbers, strict=True) if len(row) == width]
        if len(kept) < len(rows):
            self._tally.reject(
                Rejected("columns", ", ".join(row)[:200], at)
                for row, at in zip(rows, numbers, strict=True)
                if len(row) != width
            )
        columns = {
            position: pa.array([row[position] for row, _ in kept], pa.string())
            for position in table.plan.wanted
        }
        return table.take(Rows(columns, np.array([at for _, at in kept], np.int64)))

    def _table(self, key: tuple[str, ...], rows: list[Row]) -> Table | None:
        """The table of these names; None where its rows are no market data, but others are."""
        if len(self._tables) >= _MAX_SIGNATURES:
            return None
        bare = len(key) == 1 and key[0] == str(len(rows[0]))
        behind = key[-1] == "symbol of rows"
        try:
            if behind:
                plan = plan_of(
                    Sample([], [row[:-1] for row in rows[:500]], self._file, self._answers)
                )
                plan = replace(plan, symbol=plan.width, width=plan.width + 1)
            else:
                names = [] if bare else [(name,) for name in key]
                plan = plan_of(Sample(names, rows[:500], self._file, self._answers))
        except QuestionOpen:
            raise
        except UploadError as error:
            self._error = self._error or error
            return None
        return Table(plan, self._naming, self._tally)


class JsonLines:
    """Blocks of whole lines of JSON in, Ticks or Bars out, where lines are rows of tables."""

    def __init__(self, tables: JsonTables, tally: Tally) -> None:
        self.line = 0
        self._tables = tables
        self._tally = tally

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return not self._tables.kinds and self._tally.rows >= HOPELESS

    def scan(self, block: bytes) -> list[Ticks | Bars]:
        """Read a block of whole lines, the last line break with them."""
        lines = Lines(block, self.line + 1)
        self.line += len(lines)
        found: list[tuple[Found, int]] = []
        for number in lines.numbers.tolist():
            text = lines[number]
            if not text.strip():
                continue
            try:
                value = _read_json(text)
            except JSON_ERRORS:
                self._tally.reject([Rejected("json", sample(text), number)])
                self._tally.look_for_bytes(text, number)
                continue
            tables = tables_in([value] if isinstance(value, list) else value)
            if not tables:
                self._tally.reject([Rejected("schema", sample(text), number)])
            found += [(one, number) for one in tables]
        return self._tables.take(found) if found else []

    def finish(self) -> list[Ticks | Bars]:
        """The rows that are left."""
        return self._tables.finish()


class Document:
    """One JSON value in any number of blocks, read when it is whole."""

    MOST = 64 << 20

    def __init__(self, tables: JsonTables) -> None:
        self.text = b""
        self._tables = tables

    def read(self) -> list[Ticks | Bars]:
        """The rows of the document. Raises UploadError, and as msgspec does for no JSON."""
        found = tables_in(_read_json(self.text))
        if not found:
            raise UploadError(
                f'a JSON document that begins "{sample(self.text)[:80]}"',
                "no list of trades or bars is in it",
                LEGAL,
            )
        number, numbered = 1, []
        for one in found:
            numbered.append((one, number))
            number += len(one.rows)
        return [*self._tables.take(numbered), *self._tables.finish()]
