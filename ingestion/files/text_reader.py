"""A text, piece by piece -> Ticks or Bars: its first lines tell what it is and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from analytics.model import Bars, Ticks
from ingestion.decode.decoder import JSON_ERRORS, Decoder, sample
from ingestion.decode.fields import SYMBOL_NAMES, find_roles, walk
from ingestion.decode.pieces import end_of_prefix
from ingestion.decode.reasons import REASONS
from ingestion.decode.rows import Row
from ingestion.files.charset import Charset, Encoding, refuse_binary
from ingestion.files.errors import (
    LEGAL,
    Answers,
    Question,
    QuestionOpen,
    UploadError,
    refuse_analysis,
)
from ingestion.files.json_array import ArrayCutter
from ingestion.files.json_shapes import tables_in
from ingestion.files.json_tables import Document, JsonLines, JsonTables
from ingestion.files.lines import MAX_LINE, refuse_long
from ingestion.files.naming import Naming
from ingestion.files.orders import refuse_order_lines
from ingestion.files.report import Tally
from ingestion.files.tables import MAX_SYMBOLS, Table
from ingestion.files.text_table import Head, TextTable, head_of
from ingestion.files.tick_lines import TickLines

HEAD = 1 << 16
#: So many lines may stand before the one that tells what a text of JSON is.
_PREAMBLE = 5
_read_json = msgspec.json.Decoder().decode


class _Body(Protocol):
    """A way in which whole lines are read."""

    line: int

    @property
    def hopeless(self) -> bool: ...

    def scan(self, block: bytes) -> Sequence[Ticks | Bars]: ...

    def finish(self) -> Sequence[Ticks | Bars]: ...


class TextReader:
    """Feed it a text's bytes in any pieces, then finish. Both raise UploadError.

    told: the symbol of rows that name none, where something else than the file's name tells it.
    """

    def __init__(
        self,
        file: str,
        tally: Tally,
        answers: Answers,
        encoding: Encoding = "utf-8",
        told: str | None = None,
    ) -> None:
        self.kind: str | None = None
        self.problem: str | None = None
        self._file = file
        self._tally = tally
        self._answers = answers
        self._naming = Naming(file, answers, tally, told)
        self._charset = Charset(encoding)
        self._rest = b""
        self._lone_cr = False
        self._skipping = False
        self._body: _Body | None = None
        self._array: ArrayCutter | None = None
        self._document: Document | None = None
        self._tables: JsonTables | None = None

    def feed(self, piece: bytes) -> list[Ticks | Bars]:
        """Read a piece of any size; what became ready."""
        text = self._charset.feed(piece)
        if self._document is not None:
            return self._keep(text)
        if self._body is not None:
            return self._lines(text)
        self._rest += text
        if len(self._rest) < HEAD:
            try:
                refuse_binary(self._rest)
            except UploadError:
                if len(self._rest) > 256:
                    raise
            return []
        return self._open(whole=False)

    def finish(self) -> list[Ticks | Bars]:
        """Read what is left, a torn last line included."""
        out: list[Ticks | Bars] = []
        self._rest += self._charset.finish()
        if self._body is None and self._document is None:
            out += self._open(whole=True)
        if self._document is not None:
            out += self._read_document(self._document)
        if self._body is not None:
            if self._rest:
                out += self._scan(self._rest + b"\n")
                self._rest = b""
            out += self._body.finish()
        self._note_kind()
        if self._array is not None:
            self.problem = self._array.problem
        return out

    def why_nothing(self) -> UploadError:
        """Why no row of it was taken."""
        refused = self._tally.first_refused
        if refused is None:
            return UploadError("the file has a header and no rows", advice=LEGAL)
        reasons = "; ".join(
            f"{n:,} row{'' if n == 1 else 's'}: {REASONS.get(name, name)}"
            for name, n in self._tally.rejected.most_common(3)
        )
        quoted = f', which reads "{refused.sample[:80]}"' if refused.sample else ""
        place = "line" if self._array is None and self._document is None else "element"
        broken = [self.problem or "", self._tally.not_utf8.words if self._tally.not_utf8 else ""]
        found = (
            f"none of {self._tally.rows:,} rows is market data ({reasons}); the first is {place} "
            f"{refused.line}{quoted}"
        )
        if set(self._tally.rejected) == {"symbol"} and self._naming.of_ticks is None:
            text = f"no row and no part of the file's name tells the symbol; {found[:200]}"
            return QuestionOpen(Question("symbol", text, free=True))
        return UploadError(found, "; ".join(filter(None, broken)), LEGAL)

    # --- what it is --------------------------------------------------------------------------

    def _open(self, whole: bool) -> list[Ticks | Bars]:
        """Decide by the first lines what the text is, and read them as such."""
        refuse_binary(self._rest[:HEAD])
        start = self._rest[:HEAD]
        self._lone_cr = b"\r" in start and b"\n" not in start
        lines = start.splitlines()
        if len(self._rest) > len(start) or not whole:
            lines = lines[:-1] or lines  # the last line may go on
        if not any(line.strip() for line in lines):
            raise UploadError("the file is empty", advice=LEGAL)
        text, self._rest = self._rest, b""
        first = next((at for at, line in enumerate(lines[:_PREAMBLE]) if _is_json_like(line)), None)
        if first is not None:
            return self._open_json([line for line in lines[first:] if line.strip()], text, whole)
        head = self._head(lines, whole)
        if head is None:
            raise self._unknown(lines)
        self.kind = head.plan.kind
        self._body = TextTable(head, Table(head.plan, self._naming, self._tally), self._tally)
        return self._lines(text)

    def _head(self, lines: Sequence[bytes], whole: bool) -> Head | None:
        """What a table's first lines say; one that is not UTF-8 is told, and read where it names
        columns alone.
        """
        odd = [at for at, line in enumerate(lines) if not _is_utf8(line)]
        texts = [
            line.decode("cp1252" if at in odd else "utf-8", "replace")
            for at, line in enumerate(lines)
        ]
        try:
            head = head_of(texts, self._file, self._answers)
            if odd and head is not None and odd[0] < head.header:
                if len(odd) > 1:
                    raise UploadError("", advice=LEGAL)
                self._tally.notes.append(
                    f"line {odd[0] + 1} is not UTF-8 and was read as Windows-1252: it names "
                    "columns, and no figure hangs on it"
                )
        except UploadError as error:
            if odd and odd[0] < _PREAMBLE and not isinstance(error, QuestionOpen):
                self._tally.look_for_bytes(lines[odd[0]], odd[0] + 1)
                if self._tally.not_utf8 is not None:
                    raise UploadError(self._tally.not_utf8.words, advice=LEGAL) from None
            if not whole and len(lines) < _PREAMBLE:
                raise UploadError(
                    f"line {len(lines) + 1} is longer than {HEAD >> 10} KB: no row of a table is",
                    advice=LEGAL,
                ) from None
            raise
        if head is None and odd and odd[0] < _PREAMBLE:
            self._tally.look_for_bytes(lines[odd[0]], odd[0] + 1)
            if self._tally.not_utf8 is not None:
                raise UploadError(self._tally.not_utf8.words, advice=LEGAL)
        return head

    def _unknown(self, lines: Sequence[bytes]) -> UploadError:
        at, first = next((at, line.strip()) for at, line in enumerate(lines, 1) if line.strip())
        shown = sample(first)[:80]
        if first.startswith(b"<"):
            return UploadError(f'line {at} is HTML or XML: "{shown}"', advice=LEGAL)
        return UploadError(f'line {at} reads "{shown}"', "which is no row and no header", LEGAL)

    def _open_json(self, lines: list[bytes], text: bytes, whole: bool) -> list[Ticks | Bars]:
        first = _without_prefix(lines[0].strip())
        second = _without_prefix(lines[1].strip()) if len(lines) > 1 else b""
        complete = _is_json(first)
        if first[:1] == b"[" and not (complete and second[:1] in (b"[", b"{")):
            self._array = ArrayCutter()
            head = ArrayCutter().cut(text[:HEAD]).split(b"\n")
            elements = [one.strip() for one in head if one.strip()]
            self._body = self._json_body(elements if len(elements) == 1 or whole else elements[:-1])
            return self._lines(text)
        single = complete and not second and whole
        if (single and not self._is_trade(first)) or (
            not complete
            and second[:1] not in (b"{", b"[")
            and (len(lines) == 1 or second[:1] in (b'"', b"}", b""))
        ):
            self._tables = self._json_tables()
            self._document = Document(self._tables)
            return self._keep(text)
        self._body = self._json_body(lines)
        return self._lines(text)

    def _json_body(self, lines: Sequence[bytes]) -> _Body:
        """The way to read lines of JSON: as trades, or as rows of tables."""
        values = [value for value in map(_value_of, lines[:500]) if value is not None]
        if values and isinstance(values[0], dict):
            refuse_analysis(values[0])
        trades = [
            value for value in values if any(isinstance(one, Row) for one in walk(value, "A"))
        ]
        if not trades and values:
            tables = self._json_tables()
            found = [
                one
                for value in values
                for one in tables_in([value] if isinstance(value, list) else value)
            ]
            if found and self._plans(found):
                self._tables = tables
                return JsonLines(tables, self._tally)
        refuse_polled(trades)
        refuse_order_lines(trades, self._file)
        self.kind = "ticks"
        named = any(_names_a_symbol(line) for line in lines[:1])
        default = self._naming.asked if named else self._naming.of_ticks
        return TickLines(Decoder(default, max_symbols=MAX_SYMBOLS), self._tally)

    def _plans(self, found: Sequence[Any]) -> bool:
        """Whether rows of tables can be read, tried on their own."""
        trial = JsonTables(self._file, self._answers, Naming("A", self._answers, Tally()), Tally())
        try:
            trial.take([(one, 1) for one in found])
        except QuestionOpen:
            raise
        except UploadError:
            return bool(trial.kinds)
        return bool(trial.kinds)

    def _json_tables(self) -> JsonTables:
        return JsonTables(self._file, self._answers, self._naming, self._tally)

    def _is_trade(self, line: bytes) -> bool:
        value = _value_of(line)
        found = (
            [one for one in walk(value, "A") if isinstance(one, Row)] if value is not None else []
        )
        return len(found) == 1 or not tables_in(value)

    # --- its lines ---------------------------------------------------------------------------

    def _keep(self, text: bytes) -> list[Ticks | Bars]:
        assert self._document is not None
        known = b"\n" in self._document.text
        self._document.text += text
        first, newline, rest = self._document.text.partition(b"\n")
        if newline and not known and rest.lstrip()[:1] == b"{" and _is_json(first):
            text, self._document, self._tables = self._document.text, None, None
            self._body = self._json_body([first])  # lines, of which the first was a long one
            return self._lines(text)
        if len(self._document.text) > Document.MOST:
            raise UploadError(
                f"a JSON document of more than {Document.MOST >> 20} MB in one object",
                advice="write it as a list, or a row a line (NDJSON), which may be of any size",
            )
        return []

    def _read_document(self, document: Document) -> list[Ticks | Bars]:
        try:
            out = document.read()
        except JSON_ERRORS:
            self._document, self._tables = None, None
            self._body = self._json_body(document.text[:HEAD].splitlines())
            return self._lines(document.text)
        return out

    def _note_kind(self) -> None:
        if self._tables is not None:
            kinds = self._tables.kinds
            if len(kinds) > 1:
                raise UploadError(
                    "the file holds trades as well as bars", advice="upload them one by one"
                )
            self.kind = next(iter(kinds), None)

    def _lines(self, text: bytes) -> list[Ticks | Bars]:
        """Hand on the whole lines that there are now."""
        assert self._body is not None
        if self._array is not None:
            text = self._array.cut(text)
        if self._lone_cr:
            text = text.replace(b"\r", b"\n")
        if self._skipping:
            _, ended, text = text.partition(b"\n")
            self._skipping = not ended
        stop = text.rfind(b"\n") + 1
        out = self._scan(b"".join((self._rest, memoryview(text)[:stop]))) if stop else []
        self._rest = text[stop:] if stop else self._rest + text
        if len(self._rest) > MAX_LINE:
            self._body.line += 1
            refuse_long(self._rest, self._body.line, self._tally)
            self._rest, self._skipping = b"", True
        return out

    def _scan(self, block: bytes) -> list[Ticks | Bars]:
        assert self._body is not None
        out = list(self._body.scan(block))
        self._note_kind()
        if self._body.hopeless:
            raise self.why_nothing()
        return out


def refuse_polled(messages: Sequence[Any]) -> None:
    """Raise UploadError for polled tickers: a last price beside a volume that hardly changes."""
    polled = [one for one in messages if isinstance(one, dict) and find_roles(one).price == "last"]
    rows = (one for value in polled for one in walk(value, "A"))
    sizes = np.array([one.size for one in rows if isinstance(one, Row)])
    with np.errstate(over="ignore", divide="ignore"):  # beyond all bounds is away as well
        away = np.abs(np.diff(sizes)) / sizes[1:]
    if len(away) > 8 and 0 < float(np.median(away)) < 0.01:
        raise UploadError(
            "the volume hardly changes from line to line: it is that of 24 h, and the lines are "
            "tickers, no trades",
            advice=LEGAL,
        )


def _is_json_like(line: bytes) -> bool:
    bare = line.strip()
    return bare[:1] in (b"{", b"[") or _without_prefix(bare) != bare


def _without_prefix(line: bytes) -> bytes:
    """The JSON of a line behind what a logger writes before it."""
    return line if line[:1] == b"{" or _is_json(line) else line[end_of_prefix(line) :]


def _value_of(line: bytes) -> Any:
    try:
        return _read_json(_without_prefix(line.strip()))
    except JSON_ERRORS:
        return None


def _is_json(line: bytes) -> bool:
    try:
        _read_json(line)
    except JSON_ERRORS:
        return False
    return True


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _names_a_symbol(line: bytes) -> bool:
    """Whether a line of ticks says what it is of."""
    return any(f'"{name}"'.encode() in line for name in (*SYMBOL_NAMES, "stream"))
