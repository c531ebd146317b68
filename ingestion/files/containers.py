"""Files that must be whole before they can be read: zip, zst, Parquet, Feather."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.model import TIMEFRAMES, Bars, Ticks
from ingestion.decode.symbols import (
    exchange_in_name,
    names_nothing,
    proper_symbol,
    symbol_of_file,
)
from ingestion.files.cells import Rows
from ingestion.files.charset import Encoding
from ingestion.files.errors import (
    LEGAL,
    Answers,
    OneBarAlone,
    OtherTimeframe,
    QuestionOpen,
    SparseDays,
    UploadError,
    timeframe_question,
)
from ingestion.files.naming import Naming
from ingestion.files.plan import Sample
from ingestion.files.recognise import plan_of
from ingestion.files.report import Tally
from ingestion.files.tables import Table
from ingestion.files.text_reader import TextReader
from ingestion.files.timestep import timeframe_of
from ingestion.files.unpack import PIECE, Bounds, container_of, packer_of

MAX_MEMBERS = 2_000
#: Rows that are read at a time, and bytes of a group of rows that is taken.
_BATCH_ROWS = 65_536
_MAX_GROUP = 1 << 30
_BESIDE = re.compile(
    r"(.*/)?(__MACOSX/.*|(\.|_manifest\.json|readme|license)[^/]*|[^/]*\.(checksum|md|pdf|html?|png|"
    r"manifest\.json))",
    re.IGNORECASE,
)
_HIVE = re.compile(r"(symbol|timeframe)=([^/]+)/")


def read_container(
    kind: str, file: IO[bytes], name: str, tally: Tally, answers: Answers, encoding: Encoding
) -> Iterator[Ticks | Bars]:
    """The batches of a container. Raises UploadError, and QuestionOpen."""
    try:
        if kind == "zip":
            yield from _zip(file, name, tally, answers, encoding)
        elif kind == "zst":
            yield from _zst(file, name, tally, answers, encoding)
        else:
            yield from _arrow(kind, file, name, tally, answers)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UploadError(
            f"the {kind} file is damaged or of a kind that is not read ({error})"
        ) from None
    except (pa.ArrowException, OSError) as error:
        words = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UploadError(f"the {kind} file is damaged ({words})") from None


# --- columns --------------------------------------------------------------------------------


def _arrow(
    kind: str, file: IO[bytes], name: str, tally: Tally, answers: Answers, told: str | None = None
) -> Iterator[Ticks | Bars]:
    """The rows of a Parquet or Feather file, some at a time."""
    batches = _parquet(file) if kind == "parquet" else _feather(file)
    table: Table | None = None
    number = 1
    for batch in batches:
        if not batch.num_rows:
            continue
        if table is None:
            names = [(column,) for column in batch.schema.names]
            rows = list(zip(*(_texts(column[:500]) for column in batch.columns), strict=True))
            plan = plan_of(Sample(names, rows, name, answers))
            table = Table(plan, Naming(name, answers, tally, told), tally)
        columns = {at: batch.column(at) for at in table.plan.wanted}
        yield from table.take(Rows(columns, np.arange(number, number + batch.num_rows)))
        number += batch.num_rows
    if table is None:
        raise UploadError(f"the {kind} file has no rows", advice=LEGAL)
    yield from table.finish()


def _parquet(file: IO[bytes]) -> Iterator[Any]:
    whole = pq.ParquetFile(file, pre_buffer=False)
    for at in range(whole.metadata.num_row_groups):
        size = whole.metadata.row_group(at).total_byte_size
        if size > _MAX_GROUP:
            raise UploadError(
                f"a group of rows of {size >> 20} MB", advice="write the file in smaller row groups"
            )
    yield from whole.iter_batches(_BATCH_ROWS)


def _feather(file: IO[bytes]) -> Iterator[Any]:
    whole = pa.ipc.open_file(file)
    for at in range(whole.num_record_batches):
        batch = whole.get_batch(at)
        for begin in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(begin, _BATCH_ROWS)


def _texts(column: Any) -> list[str]:
    """Some cells as texts, for the sample."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", column.type.tz), safe=False)
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


# --- archives -------------------------------------------------------------------------------


def _zst(
    file: IO[bytes], name: str, tally: Tally, answers: Answers, encoding: Encoding
) -> Iterator[Ticks | Bars]:
    size = file.seek(0, 2)
    file.seek(0)
    bounds = Bounds()
    bounds.read = size
    text = TextReader(name, tally, answers, encoding)
    with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as stream:
        first = True
        while piece := stream.read(PIECE):
            if first:
                _refuse_packed(piece, "zst")
            first = False
            bounds.add(0, len(piece))
            yield from text.feed(piece)
    yield from text.finish()


def _zip(
    file: IO[bytes], name: str, tally: Tally, answers: Answers, encoding: Encoding
) -> Iterator[Ticks | Bars]:
    """The members of an archive one after the other; their names are never paths."""
    with zipfile.ZipFile(file) as archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        if any(one.filename == "[Content_Types].xml" for one in members):
            raise UploadError("this is a workbook (.xlsx): save it as CSV", advice=LEGAL)
        members = [one for one in members if not _BESIDE.fullmatch(one.filename)]
        if not members or len(members) > MAX_MEMBERS:
            raise UploadError(
                f"the zip archive holds {len(members) or 'no'} files",
                f"expected 1 to {MAX_MEMBERS}",
            )
        symbols = _symbols_of([one.filename for one in members], name)
        bounds = Bounds()
        bounds.read = file.seek(0, 2)

        def batches(member: zipfile.ZipInfo) -> Iterator[Ticks | Bars]:
            with archive.open(member) as packed:
                yield from _member(
                    packed, member, symbols[member.filename], bounds, tally, answers, encoding
                )

        yield from _Members(members, batches, bounds, tally, answers).read()


class _Members:
    """The files of an archive, and what becomes of each. batches: those of one of them."""

    def __init__(
        self,
        members: Sequence[zipfile.ZipInfo],
        batches: Callable[[zipfile.ZipInfo], Iterator[Ticks | Bars]],
        bounds: Bounds,
        tally: Tally,
        answers: Answers,
    ) -> None:
        self._count = len(members)
        self._batches = batches
        self._bounds = bounds
        self._tally = tally
        self._answers = answers
        self._queue: list[tuple[zipfile.ZipInfo, UploadError | None]]
        self._queue = [(one, None) for one in members]
        self._taken: set[type] = set()
        self._read: list[str] = []
        self._refused: list[UploadError] = []
        self._others: dict[str, list[str]] = {}
        self._alone: list[OneBarAlone] = []

    def read(self) -> Iterator[Ticks | Bars]:
        """The batches of all that can be read; what else there is is noted."""
        tally = self._tally
        tally.by_name = self._count == 1
        for member, before in self._queue:  # what tells no timeframe comes after what does
            if before is not None and self._alone and not self._read:
                tally.timeframe, self._alone = _timeframe_of(self._alone), []
                tally.by_name = True
            if isinstance(before, SparseDays) and tally.timeframe != "1d":
                raise before
            put_back = tally.since()
            handed_on = False
            try:
                for batch in self._batches(member):
                    self._note_kind(batch)
                    handed_on = True
                    yield batch
                self._read.append(member.filename)
            except (SparseDays, OneBarAlone) as error:
                put_back()
                if before is None and self._count > 1:
                    self._alone += [error] if isinstance(error, OneBarAlone) else []
                    self._queue.append((member, error.with_traceback(None)))
                elif isinstance(error, SparseDays) or not self._read:
                    raise
                else:
                    self._leave_out(member, error)
            except QuestionOpen:
                raise
            except UploadError as error:
                if self._count == 1 or len(self._taken) > 1 or self._bounds.spent:
                    raise
                if handed_on:  # the rows that were are not taken back
                    words = f"{member.filename[-60:]}: {error.found}"
                    raise UploadError(words, error.missing, error.advice) from None
                self._leave_out(member, error)
                if isinstance(error, OtherTimeframe):
                    self._others.setdefault(error.timeframe, []).append(member.filename)
        self._account()

    def _account(self) -> None:
        """Note what was read. Raises UploadError where nothing was, or it is open what is."""
        timeframe = self._tally.timeframe
        if self._others and self._read and timeframe and self._answers.timeframe is None:
            raise _which_timeframe({timeframe: self._read} | self._others)
        if len(self._refused) == self._count:
            raise self._refused.pop(0)
        if self._count > 1:
            read = self._count - len(self._refused)
            self._tally.notes.append(f"{read} files of the archive were read")

    def _note_kind(self, batch: Ticks | Bars) -> None:
        self._taken.add(type(batch))
        if len(self._taken) > 1:
            raise UploadError(
                "the archive holds trades as well as bars", advice="upload them one by one"
            )

    def _leave_out(self, member: zipfile.ZipInfo, error: UploadError) -> None:
        self._refused.append(error.with_traceback(None))  # whose frame would hold these
        self._tally.notes.append(f"{member.filename[-60:]} was not read: {error.found[:120]}")


def _timeframe_of(alone: Sequence[OneBarAlone]) -> str | None:
    """The timeframe that bars tell which are a file each, None where no symbol has two of them.

    Raises UploadError where their steps are not even.
    """
    times: dict[str, set[int]] = {}
    for bar in alone:
        for symbol, ts_ms in bar.times.items():
            times.setdefault(symbol, set()).add(ts_ms)
    several = [of for of in times.values() if len(of) > 1]
    if not several:
        return None
    codes = np.repeat(np.arange(len(several)), [len(of) for of in several])
    return timeframe_of(np.array([one for of in several for one in of]), codes)


def _which_timeframe(members: dict[str, list[str]]) -> QuestionOpen:
    """The question which timeframe is read of an archive. members: by their timeframes."""
    told = {
        timeframe: ", ".join(name[-40:] for name in names[:3]) + (", ..." if len(names) > 3 else "")
        for timeframe, names in sorted(members.items(), key=lambda one: TIMEFRAMES[one[0]])
    }
    return timeframe_question("the archive has bars", told)


def _member(
    packed: IO[bytes],
    member: zipfile.ZipInfo,
    default: str | None,
    bounds: Bounds,
    tally: Tally,
    answers: Answers,
    encoding: Encoding,
) -> Iterator[Ticks | Bars]:
    """The batches of one member."""
    file = member.filename
    head = packed.read(PIECE)
    kind = container_of(head)
    if kind in ("parquet", "feather"):
        with tempfile.SpooledTemporaryFile(PIECE * 8) as whole:
            while head:
                bounds.add(0, len(head))
                whole.write(head)
                head = packed.read(PIECE)
            whole.seek(0)
            hive = {key: unquote(value) for key, value in _HIVE.findall(file)}
            symbol = proper_symbol(hive.get("symbol", "")) or default
            yield from _arrow(kind, whole, file.rpartition("/")[2], tally, answers, symbol)
        return
    _refuse_packed(head, "zip")
    text = TextReader(file, tally, answers, encoding, default)
    before = tally.accepted
    while head:
        bounds.add(0, len(head))
        yield from text.feed(head)
        head = packed.read(PIECE)
    yield from text.finish()
    if tally.accepted == before:
        raise text.why_nothing()


def _refuse_packed(head: bytes, outer: str) -> None:
    inner = packer_of(head) or container_of(head)
    if inner is not None:
        raise UploadError(f"a {inner} within a {outer}", advice="expected one layer")


def _symbols_of(members: list[str], archive: str) -> dict[str, str | None]:
    """The symbols that names tell; of two exchanges, each with its exchange."""
    symbols: dict[str, str | None] = {}
    for member in members:
        told = archive if names_nothing(member) and not names_nothing(archive) else member
        symbols[member] = None if names_nothing(told) else symbol_of_file(told)
    venues = {
        symbol: {exchange_in_name(member) for member in members if symbols[member] == symbol}
        - {None}
        for symbol in set(symbols.values())
    }
    for member, symbol in symbols.items():
        if symbol is not None and len(venues[symbol]) > 1 and exchange_in_name(member):
            symbols[member] = proper_symbol(f"{exchange_in_name(member)}:{symbol}")
    return symbols
