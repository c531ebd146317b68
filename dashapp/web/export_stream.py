"""How an export leaves: as CSV, JSON or Parquet, plain, in a zip with its manifest, or the
manifest alone.

The rows are written in a worker thread and streamed. What an export was made from stands in
its file name, in the header X-Spreadscope-Parameters, and in the manifest, with the versions,
the row count and the SHA-256 of the file.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.responses import Response, StreamingResponse

from dashapp.about import versions
from dashapp.settings import VERSION
from dashapp.web.errors import ApiError, shown
from storage.export.bundle import Tally, zipped
from storage.export.parquet import ParquetUnavailable, parquet_rows
from storage.export.tables import Table
from storage.export.text import csv_rows, json_rows

Write = Callable[[Iterable[Table]], Iterator[bytes]]

FORMS: dict[str, tuple[str, Write]] = {
    "csv": ("text/csv; charset=utf-8", csv_rows),
    "json": ("application/json", json_rows),
    "parquet": ("application/vnd.apache.parquet", parquet_rows),
}
#: What an address may end in after its form: nothing, a zip with the manifest, or that alone.
_ZIP, _MANIFEST = "zip", "manifest.json"


@dataclass(frozen=True)
class Export:
    """What is exported: its kind, where from, and with which parameters. forms: the legal ones."""

    kind: str
    market: Mapping[str, Any]
    parameters: Mapping[str, Any]
    forms: tuple[str, ...] = tuple(FORMS)

    @property
    def origin(self) -> dict[str, Any]:
        """Where it is from, for the header and the file's name."""
        return {"market": self.market["id"], "export": self.kind, **self.parameters}

    def file_name(self, form: str) -> str:
        """A name that says what is in it, of letters that every system takes.

        >>> Export("bars", {"id": "demo"}, {"symbol": "BTCUSDT"}).file_name("csv")
        'demo_bars_BTCUSDT.csv'
        """
        names = ("market", "export", "symbol", "y", "x", "timeframe")
        words = [str(self.origin[name]) for name in names if self.origin.get(name) is not None]
        return re.sub(r"[^A-Za-z0-9_.-]", "-", "_".join(words))[:100] + f".{form}"

    def manifest(self, form: str, tally: Tally) -> bytes:
        """What it takes to make the file again, and to see that it is the same."""
        document = {
            "file": self.file_name(form),
            "format": form,
            "export": self.kind,
            "market": dict(self.market),
            "parameters": dict(self.parameters),
            "columns": tally.columns,
            "rows": tally.rows,
            "bytes": tally.size,
            "sha256": tally.sha256,
            "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "spreadscope": VERSION,
            "versions": versions(),
        }
        return (json.dumps(document, indent=2) + "\n").encode()


async def send(ending: str, export: Export, tables: Iterable[Table]) -> Response:
    """The tables in the form that the address ends in. Raises ApiError 404 for another one."""
    form, _, wrapping = ending.partition(".")
    if form not in export.forms or wrapping not in ("", _ZIP, _MANIFEST):
        known = ", ".join(export.forms)
        text = (
            f"{export.kind} can be had as {known}, each also with .{_ZIP} or .{_MANIFEST} "
            f"after it, not as {shown(ending)}"
        )
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    media_type, write = FORMS[form]
    tally = Tally()
    try:
        pieces = tally.bytes_of(write(tally.rows_of(tables)))
    except ParquetUnavailable as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error)) from None
    name = export.file_name(form)
    headers = {"x-spreadscope-parameters": json.dumps(export.origin)}
    if wrapping == _MANIFEST:
        await asyncio.to_thread(_exhaust, pieces)
        body = export.manifest(form, tally)
        return Response(body, media_type="application/json", headers=headers)
    if wrapping == _ZIP:
        manifest = partial(export.manifest, form, tally)
        pieces = zipped(name, pieces, manifest, compress=form != "parquet")
        name, media_type = f"{name}.zip", "application/zip"
    headers["content-disposition"] = f'attachment; filename="{name}"'
    return StreamingResponse(pieces, media_type=media_type, headers=headers)


def _exhaust(pieces: Iterator[bytes]) -> None:
    for _ in pieces:
        pass
