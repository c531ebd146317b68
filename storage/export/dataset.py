"""The archive as a Parquet dataset, partitioned by market, symbol and day.

    ticks/market=live-binance-futures/symbol=BTCUSDT/day=2024-08-08/part.parquet
    bars/market=upload-1/symbol=BTCUSD/timeframe=1m/day=2018-04-04/part.parquet
    _manifest.json

The folders are named as Hive names them: DuckDB, Polars, Dask, Spark and pyarrow read the dataset
as it is, and skip names that begin with an underscore. Days are of UTC. Memory holds a piece of one
day at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from analytics.model import Bars, Ticks
from storage.archive.archive import Archive, StoredSeries
from storage.export.parquet import Drain, arrow_library, arrow_table, writer_of
from storage.export.tables import bars_table, length_of, ticks_table

DAY_MS = 86_400_000
MANIFEST = "_manifest.json"
_KIND = "spreadscope dataset"
#: Columns that the names of the folders replace.
_FOLDER_COLUMNS = ("symbol", "timeframe")

Cancelled = Callable[[], bool]


class DatasetError(Exception):
    """The dataset could not be written; the message says why."""


@dataclass(frozen=True)
class _Part:
    """One file: its path in the dataset, and what is in it."""

    path: str
    batches: Iterator[Ticks | Bars]


def write_dataset(
    archive: Archive, folder: Path, cancelled: Cancelled = lambda: False
) -> dict[str, Any]:
    """Write all ticks and bars of an archive into a folder; the manifest of what was written.

    The folder appears whole or not at all: an empty one or an earlier dataset gives way to it,
    and nothing is left where `cancelled` turns true or anything fails. Blocks. Raises
    DatasetError for a folder with anything else in it, ParquetUnavailable.
    """
    arrow = arrow_library()
    folder = folder.absolute()
    _check_replaceable(folder)
    partial = folder.with_name(f".{folder.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        partial.mkdir(parents=True)
        files = []
        for part in _parts(archive):
            if cancelled():
                raise DatasetError("the export was cancelled; nothing was kept")
            place = partial / part.path
            place.parent.mkdir(parents=True)
            with open(place, "wb") as file:
                rows = sum(_write_part(part, file, arrow))
            files.append(_file_entry(part.path, rows, place))
        document = _manifest(files)
        (partial / MANIFEST).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        _put_in_place(partial, folder)
    except OSError as error:
        raise DatasetError(f"cannot write {folder.name}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return document


def zipped_dataset(archive: Archive) -> Iterator[bytes]:
    """The same dataset as a zip file, piece by piece. Raises ParquetUnavailable at once."""
    return _zipped(archive, arrow_library())


def _zipped(archive: Archive, arrow: Any) -> Iterator[bytes]:
    sink, files = Drain(), []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as bundle:
        for part in _parts(archive):
            with bundle.open(zipfile.ZipInfo(part.path), "w", force_zip64=True) as file:
                hashed = _HashingFile(file)
                rows = 0
                for count in _write_part(part, hashed, arrow):
                    rows += count
                    yield sink.drain()
            files.append({"path": part.path, "rows": rows, **hashed.summary})
        bundle.writestr(MANIFEST, json.dumps(_manifest(files), indent=2) + "\n")
    yield sink.drain()


def _parts(archive: Archive) -> Iterator[_Part]:
    """Every file of the dataset, in the order of kind, market, symbol and day."""
    for series in sorted(archive.contents(), key=lambda s: (s.kind, s.market, s.symbol)):
        for day in range(series.first_ts_ms // DAY_MS, series.last_ts_ms // DAY_MS + 1):
            batches = _day_batches(archive, series, day)
            first = next(batches, None)
            if first is not None:
                yield _Part(_path(series, day), _with_first(first, batches))


def _day_batches(archive: Archive, series: StoredSeries, day: int) -> Iterator[Ticks | Bars]:
    span = day * DAY_MS, (day + 1) * DAY_MS
    if series.timeframe is None:
        return archive.ticks(series.market, series.symbol, *span)
    return archive.bars(series.market, series.symbol, series.timeframe, *span)


def _with_first(first: Ticks | Bars, rest: Iterator[Ticks | Bars]) -> Iterator[Ticks | Bars]:
    yield first
    yield from rest


def _path(series: StoredSeries, day: int) -> str:
    steps = {"market": series.market, "symbol": series.symbol}
    if series.timeframe is not None:
        steps["timeframe"] = series.timeframe
    steps["day"] = datetime.fromtimestamp(day * DAY_MS // 1_000, UTC).strftime("%Y-%m-%d")
    named = "/".join(f"{name}={quote(value, safe='')}" for name, value in steps.items())
    return f"{series.kind}/{named}/part.parquet"


def _write_part(part: _Part, file: Any, arrow: Any) -> Iterator[int]:
    """Write a file, one row group a batch; how many rows each has."""
    writer = None
    for batch in part.batches:
        table = ticks_table(batch) if isinstance(batch, Ticks) else bars_table(batch)
        kept = {name: column for name, column in table.items() if name not in _FOLDER_COLUMNS}
        rows = arrow_table(kept, length_of(kept), arrow)
        if writer is None:
            writer = writer_of(file, rows.schema, arrow)
        writer.write_table(rows)
        yield length_of(kept)
    if writer is not None:
        writer.close()


class _HashingFile:
    """A file that is being written, and the digest of what went into it."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def summary(self) -> dict[str, Any]:
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._digest.update(piece)
        self._size += len(piece)
        return self._file.write(piece)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Whoever opened the file closes it."""


def _file_entry(path: str, rows: int, place: Path) -> dict[str, Any]:
    with open(place, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": path, "rows": rows, "bytes": place.stat().st_size, "sha256": digest}


def _manifest(files: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "version": 1,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rows": sum(entry["rows"] for entry in files),
        "files": files,
    }


def _check_replaceable(folder: Path) -> None:
    """Raise DatasetError for a folder that must not be replaced by a dataset."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DatasetError(f"{folder.name} is a file, expected a folder")
    if not any(folder.iterdir()):
        return
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("kind") == _KIND
    except (OSError, ValueError, AttributeError):
        known = False
    if not known:
        raise DatasetError(
            f"{folder.name} holds something other than a dataset: choose a new or an empty folder"
        )


def _put_in_place(partial: Path, folder: Path) -> None:
    """Replace the old folder by the new one; the old one is deleted last."""
    old = folder.with_name(f".{folder.name}.old-{uuid.uuid4().hex[:8]}")
    if folder.exists():
        os.replace(folder, old)
    os.replace(partial, folder)
    shutil.rmtree(old, ignore_errors=True)
