"""What a file is, told by its first bytes and its first line; never by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ingestion.decode.decoder import JSON_ERRORS, sample
from ingestion.decode.fields import SYMBOL_NAMES
from ingestion.files.errors import UploadError
from ingestion.files.ohlc import Header, read_header

LEGAL = (
    "expected tick NDJSON (one JSON object a line) or OHLC(V) CSV with a header such as "
    "timestamp,open,high,low,close,volume, either of them plain or as .gz"
)

#: So many lines may stand before the one that tells what a file is.
PREAMBLE = 5

BOM = b"\xef\xbb\xbf"

_SAVE = "save it as UTF-8 (Excel: CSV UTF-8; a terminal: iconv -f {} -t UTF-8)"
_UTF_16 = f"UTF-16 text: {_SAVE.format('UTF-16')}"
_UTF_32 = f"UTF-32 text: {_SAVE.format('UTF-32')}"

MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet: unpack it, or save it as CSV",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"(\xb5/\xfd": "a Zstandard archive: unpack it first",
    b"\xff\xfe\x00\x00": _UTF_32,
    b"\x00\x00\xfe\xff": _UTF_32,
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
}
#: UTF-16 that does not begin with its mark: letters and digits beside zeros.
_UTF_16_UNMARKED = re.compile(rb"(?:[\t\r\n -~]\x00){8}|(?:\x00[\t\r\n -~]){8}")

_read_json = msgspec.json.Decoder().decode


def refuse_binary(head: bytes) -> None:
    """Raise UploadError for a head that is no text, naming what it is."""
    for magic, words in MAGIC.items():
        if head.startswith(magic):
            raise UploadError(f"this is {words}; {LEGAL}")
    if _UTF_16_UNMARKED.match(head):
        form = "UTF-16BE" if head.startswith(b"\x00") else "UTF-16LE"
        raise UploadError(f"this is {form} text: {_SAVE.format(form)}; {LEGAL}")
    if b"\x00" in head.lstrip().partition(b"\n")[0]:
        raise UploadError(f"this is binary data; {LEGAL}")


def recognise(lines: Sequence[bytes]) -> tuple[Header | str, int]:
    """What a file's first lines say: a Header of OHLC, "lines" of ticks, or an "array".

    With it, how many lines stand before the header. A line or two of something else may
    come first: a torn line of ticks, a title above a table. Raises UploadError that quotes
    the first line, where none of them tells.

    >>> recognise([b'0.5}', b'{"symbol":"BTCUSDT"}'])
    ('lines', 0)
    """
    for before, line in enumerate(lines[:PREAMBLE]):
        form = _form(line.strip())
        if form is not None:
            return form, before if isinstance(form, Header) else 0
    first = lines[0].strip()
    if not _is_utf8(first):
        raise UploadError(f'line 1 is not UTF-8 text, it reads "{sample(first)[:80]}"; {LEGAL}')
    kind = "is HTML or XML:" if first.startswith(b"<") else "reads"
    raise UploadError(f'line 1 {kind} "{sample(first)[:80]}"; {LEGAL}')


def _form(line: bytes) -> Header | str | None:
    if line.startswith(b"["):
        return "lines" if _is_json(line) else "array"
    if line.startswith(b"{") or line.partition(b" ")[2].lstrip().startswith(b"{"):
        return "lines"
    return read_header(line.decode()) if _is_utf8(line) else None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def names_a_symbol(line: bytes) -> bool:
    """Whether a line of ticks says what it is of."""
    return any(f'"{name}"'.encode() in line for name in (*SYMBOL_NAMES, "stream"))


def _is_json(line: bytes) -> bool:
    try:
        _read_json(line)
    except JSON_ERRORS:
        return False
    return True
