"""Hostile and odd files: none crashes the reader, each is told by its line or its reason."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pytest

from analytics.model import Bars, Ticks
from ingestion.files.reader import UploadError, UploadReader, UploadReport
from ingestion.files.unpack import PACKERS, Unpacker

TICK = '{"symbol":"BTCUSDT","ts":"2024-08-08T23:54:16.322Z","price":61800.3,"size":0.006}\n'
HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = "2024-08-08T23:54:00Z,10,12,9,11,3.5\n2024-08-08T23:55:00Z,11,13,10,12,4.5\n"
TABLE = HEADER + ROWS


class Case(NamedTuple):
    """A file, and what is to become of it: words of the refusal, or the rows that are taken.

    reasons: of the rows that are not, with their first lines.
    """

    content: Callable[[], bytes]
    words: str = ""
    taken: int = 0
    reasons: dict[str, list[int]] | None = None
    name: str = "file"
    problem: str = ""


def tick(**fields: object) -> str:
    """A line of ticks with other fields; None takes one away."""
    made = {**json.loads(TICK), **fields}
    return json.dumps({name: value for name, value in made.items() if value is not None}) + "\n"


def raw(price: str) -> str:
    return TICK.replace("61800.3", price)


def refused(content: bytes | str | Callable[[], bytes], words: str, name: str = "file") -> Case:
    return Case(made(content), words, name=name)


def read(
    content: bytes | str | Callable[[], bytes],
    taken: int,
    reasons: dict[str, list[int]] | None = None,
    name: str = "file",
    problem: str = "",
) -> Case:
    return Case(made(content), "", taken, reasons or {}, name, problem)


def made(content: bytes | str | Callable[[], bytes]) -> Callable[[], bytes]:
    if callable(content):
        return content
    data = content.encode() if isinstance(content, str) else content
    return lambda: data


def zipped(*members: tuple[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members or (("ticks.ndjson", TICK.encode() * 9),):
            archive.writestr(name, content)
    return held.getvalue()


def bomb(byte: bytes, megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = byte * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


def noisy_gzip(lines: int = 4_000) -> bytes:
    rng = random.Random(5)
    text = "".join(raw(f"{rng.uniform(1, 9):.9f}") for _ in range(lines))
    return gzip.compress(text.encode(), mtime=0)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def times(*written: object) -> str:
    return "".join(tick(ts=one) for one in written)


def symbols(*written: object) -> str:
    return TICK + "".join(tick(symbol=one) for one in written)


CASES = {
    # what is no text
    "empty": refused(b"", "the file is empty"),
    "one byte": refused(b"a", 'line 1 reads "a"'),
    "one newline": refused(b"\n", "the file is empty"),
    "blanks": refused(b" \t\r\n \n", "the file is empty"),
    "BOM alone": refused(b"\xef\xbb\xbf", "the file is empty"),
    "PNG": refused(b"\x89PNG\r\n\x1a\n" + bytes(90), "a PNG image"),
    "JPEG": refused(b"\xff\xd8\xff\xe0" + bytes(90), "a JPEG image"),
    "PDF": refused(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
    "ZIP": read(zipped, 9),
    "bzip2 that ends too early": refused(b"BZh91AY&SY", "the bzip2 stream ends too early"),
    "zst that ends too early": refused(b"(\xb5/\xfd\x04\x00", "the zst file is damaged"),
    "Parquet that is none": refused(b"PAR1" + bytes(40), "the parquet file is damaged"),
    "SQLite": refused(b"SQLite format 3\x00" + bytes(99), "an SQLite database"),
    "an executable": refused(b"\x7fELF\x02\x01\x01" + bytes(99), "binary data"),
    "NULs": refused(bytes(4_096), "binary data"),
    "UTF-16": read(TICK.encode("utf-16"), 1),
    "UTF-16 big end first": read(b"\xfe\xff" + TABLE.encode("utf-16-be"), 2),
    "random bytes": refused(random.Random(1).randbytes(5_000).replace(b"\x00", b"\x01"), "line 1"),
    "HTML": refused("<!doctype html><title>404</title>", "HTML or XML"),
    "latin-1 in the header": refused(
        "Zeit;Eröffnung;Hoch;Tief;Schluß\n1;2;3;4;5\n".encode("latin-1"), "line 1 is not UTF-8"
    ),
    # gzip
    "gzip": read(gzip.compress(TICK.encode() * 3, mtime=0), 3, name="x.ndjson.gz"),
    "gzip of a table": read(gzip.compress(TABLE.encode(), mtime=0), 2),
    "gzip in two members": read(gzip.compress(TICK.encode(), mtime=0) * 2, 2),
    "gzip and NULs": read(gzip.compress(TICK.encode(), mtime=0) + bytes(512), 1),
    "gzip of gzip": refused(
        gzip.compress(gzip.compress(TICK.encode(), mtime=0), mtime=0), "a gzip within a gzip"
    ),
    "gzip of a ZIP": refused(lambda: gzip.compress(zipped(), mtime=0), "a zip within a gzip"),
    "ZIP of a gzip": refused(
        lambda: zipped(("a.csv.gz", gzip.compress(TABLE.encode(), mtime=0))), "a gzip within a zip"
    ),
    "ZIP of a ZIP": refused(lambda: zipped(("a.zip", zipped())), "a zip within a zip"),
    "ZIP of nothing": refused(lambda: zipped(("a/", b"")), "holds no files"),
    "ZIP that slips": read(lambda: zipped(("../../../etc/cron.d/btcusdt.csv", TABLE.encode())), 2),
    "ZIP with an absolute name": read(
        lambda: zipped(("/absolute/ethusdt.csv", TABLE.encode())), 2
    ),
    "ZIP cut short": refused(lambda: zipped()[:-30], "the zip file is damaged"),
    "ZIP whose member is damaged": refused(
        lambda: flipped(zipped(("a.csv", TABLE.encode() * 50)), 60), "the zip file is damaged"
    ),
    "ZIP bomb": refused(
        lambda: zipped(("a.ndjson", TICK.encode() * 400_000)), "more than 200 times its size"
    ),
    "ZIP bomb of many": refused(
        lambda: zipped(*((f"{n}.csv", bytes(1 << 20)) for n in range(300))),
        "more than 200 times its size",
    ),
    "ZIP of a workbook": refused(
        lambda: zipped(("[Content_Types].xml", b"<x/>")), "a workbook (.xlsx): save it as CSV"
    ),
    "gzip of nothing": refused(gzip.compress(b"", mtime=0), "the file is empty"),
    "gzip bomb of NULs": refused(lambda: bomb(b"\x00", 64), "binary data"),
    "gzip bomb of one line": refused(lambda: bomb(b"x", 64), "reads"),
    "gzip bomb of ticks": refused(
        lambda: gzip.compress(TICK.encode() * 400_000, 9, mtime=0), "more than 200 times its size"
    ),
    "gzip that ends too early": read(
        lambda: noisy_gzip()[:20_000], 1_000, problem="gzip stream ends too early"
    ),
    "gzip with a wrong checksum": read(
        lambda: flipped(noisy_gzip(), -6), 4_000, problem="damaged"
    ),
    "gzip with its head alone": refused(b"\x1f\x8b\x08\x00", "ends too early"),
    "gzip that is none": refused(b"\x1f\x8bhello there", "damaged"),
    "gzip and rubbish behind it": read(
        gzip.compress(TICK.encode() * 2, mtime=0) + b"rubbish", 2, problem="damaged"
    ),
    # lines of ticks
    "BOM and ticks": read(b"\xef\xbb\xbf" + TICK.encode() * 2, 2),
    "CRLF": read(TICK.replace("\n", "\r\n") * 3, 3),
    "CR alone": read(TICK.replace("\n", "\r") * 3, 3),
    "mixed endings": read(TICK + TICK.replace("\n", "\r\n") + "\n\n" + TICK.strip(), 3),
    "a torn last line": read(TICK * 2 + TICK[:50], 2, {"json": [3]}),
    "a torn first line": read(TICK[30:] + TICK, 1, {"json": [1]}),
    "NULs in a line": read(TICK + "\x00" * 80 + "\n" + TICK, 2, {"json": [2]}),
    "NULs in a time": read(
        TICK + TICK.replace("2024-08-08T23:54:16", "\x00" * 19), 1, {"json": [2]}
    ),
    "a line of 100 MB": read(
        lambda: (TICK + "x" * (100 << 20) + "\n" + TICK).encode(), 2, {"line-length": [2]}
    ),
    "a tick of 2 MB": read(
        lambda: (TICK + tick(note="n" * (2 << 20)) + TICK).encode(), 2, {"line-length": [2]}
    ),
    "nested 200,000 deep": read(
        lambda: (TICK + "[" * 200_000 + "]" * 200_000 + "\n" + TICK).encode(), 2, {"json": [2]}
    ),
    "an array nested 200,000 deep": refused("[" * 200_000, "the JSON array ends too early"),
    "an object nested 200,000 deep": refused('{"a":' * 200_000, "none of 1 rows"),
    "latin-1 in a line": read(
        TICK.encode() + b'{"symbol":"caf\xe9","ts":1,"price":1,"size":1}\n' + TICK.encode(),
        2,
        {"json": [2]},
    ),
    "a word for every line": refused(
        '{"message":"hello"}\n' * 50, "50 rows: no time, price or size in it"
    ),
    "numbers for lines": refused("1\n2\n3\n", 'line 1 reads "1"'),
    "answers of an API": refused(
        '{"result":null,"id":1}\n', "1 row: a message about the stream, no trade"
    ),
    "mixed symbols": read(symbols("ETHUSDT", "solusdt", "A_B-C"), 4),
    "1,001 symbols and more": read(
        symbols(*(f"S{number}" for number in range(1_005))),
        1_000,
        {"too-many-symbols": [1_001, 1_002, 1_003, 1_004, 1_005]},
    ),
    # what stands in the fields
    "times backwards": read(times(*range(1_723_161_256_322, 1_723_161_256_300, -1)), 22),
    "seconds, ms, us and ns": read(
        times(1_723_161_256, 1_723_161_256_322, 1_723_161_256_322_999, 1_723_161_256_322_999_999), 4
    ),
    "1970 and 2200": read(
        TICK + times(0, "1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z", 7_258_118_400_000),
        1,
        {"time": [2, 3, 4, 5]},
    ),
    "the 30th of February": read(TICK + times("2024-02-30T00:00:00.000Z"), 1, {"time": [2]}),
    "no time at all": read(TICK + times("", "soon", True), 1, {"time": [2, 3, 4]}),
    "NaN and Infinity": read(
        TICK + raw("NaN") + raw("Infinity") + raw("-Infinity"), 1, {"json": [2, 3, 4]}
    ),
    "NaN in quotes": read(TICK + raw('"NaN"') + raw('"inf"'), 1, {"price": [2, 3]}),
    "1e400": read(TICK + raw("1e400") + raw('"1e400"'), 1, {"json": [2], "price": [3]}),
    "1e12 and more": read(TICK + raw("1000000000000") + raw("999999999999.9"), 2, {"price": [2]}),
    "negative and zero": read(
        TICK + raw("-1") + raw("0") + raw("-0.0"), 1, {"price": [2, 3, 4]}
    ),
    "size zero": read(TICK + tick(size=0) + tick(size=-1), 1, {"size": [2, 3]}),
    "full-width digits": read(
        TICK + raw('"６１８００"') + raw("６"), 1, {"price": [2], "json": [3]}
    ),
    "underscores in a number": read(TICK + raw('"61_800"'), 1, {"price": [2]}),
    "leading zeros": read(TICK + raw("061800.3") + raw("61800."), 1, {"json": [2, 3]}),
    "true for a price": read(
        TICK + raw("true") + raw("null") + raw("[1]"), 1, {"price": [2, 3, 4]}
    ),
    "a field twice": read(TICK + TICK.replace('"size"', '"price":5,"size"'), 2),
    "formulas in the symbol": read(
        symbols("=1+1", "@SUM(A1)", "+1", "-BTC"), 2, {"symbol": [2, 3, 4]}
    ),
    "HTML in the symbol": read(symbols("<img src=x onerror=alert(1)>"), 1, {"symbol": [2]}),
    "a long symbol, an empty one": read(symbols("A" * 100_000, "", None), 1, {"symbol": [2, 3, 4]}),
    "a symbol written right to left": read(symbols("BTC\u202eTDSU"), 1, {"symbol": [2]}),
    # arrays
    "an array": read("[" + ",".join([TICK] * 5) + "]", 5),
    "an array with faults": read(
        "[\n" + ",\n".join([TICK, raw("-1"), "7", TICK]) + "]", 2, {"price": [2], "schema": [3]}
    ),
    "an array that ends too early": read(
        "[\n" + ",\n".join([TICK] * 3) + ",\n" + TICK[:30], 3, {"json": [4]}, problem="too early"
    ),
    "an array and something behind": read(
        "[\n" + TICK + "]\n" + TICK, 1, problem="behind the JSON array"
    ),
    # tables
    "BOM and a table": read(b"\xef\xbb\xbf" + TABLE.encode(), 2),
    "a table with ;": read(TABLE.replace(",", ";"), 2),
    "a table with tabs": read(TABLE.replace(",", "\t"), 2),
    "a table with CR alone": read(TABLE.replace("\n", "\r"), 2),
    "commas in decimals": read(
        "date;open;high;low;close\n2024-08-08;10,5;12,0;9,1;11,2\n2024-08-09;1,5;2;1,0;2\n", 2
    ),
    "a header alone": refused(HEADER, "a header and no rows"),
    "a wrong header": refused("a,b,c\n1,2,3\n", "the columns are a, b, c; no column of times"),
    "a header without close": refused("time,open,high,low\n1,2,3,4\n", "no column for close"),
    "a column twice": refused("time,open,high,low,close,close\n", "'close' stands 2 times"),
    "ragged rows": read(TABLE + "1,2\n" + "1,2,3,4,5,6,7\n", 2, {"columns": [4, 5]}),
    "an open quote": read(TABLE + '"2024-08-08T23:56:00Z,1,2,1,2,1\n', 2, {"quote": [4]}),
    "latin-1 in a row": read(TABLE.encode() + b"caf\xe9,1,2,1,2,1\n", 2, {"encoding": [4]}),
    "NUL in a cell": read(TABLE + "2024-08-08T23:56:00Z,1,2,1,2,\x00\n", 2, {"volume": [4]}),
    "formulas in cells": read(TABLE + '=cmd|"/c calc",1,2,1,2,1\n', 2, {"time": [4]}),
    "bars in no order": read(HEADER + "".join(reversed(ROWS.splitlines(True))), 2),
    "bars of a day": read(TABLE.replace("08T23:54", "07T23:55"), 2),
    "bars without an even step": refused(
        TABLE.replace("08T23:54:00", "08T23:54:59.990"), "without an even step"
    ),
    "a table of 100 MB in one line": refused(
        lambda: HEADER.encode() + b"1," * (50 << 20), "line 2 is longer than 64 KB"
    ),
    # names
    "a name with folders": read(TICK, 1, name="../../etc/passwd"),
    "a device's name": read(TICK, 1, name="CON"),
    "a name of 300 letters": read(TABLE, 2, name="x" * 300 + ".csv"),
    "a name written right to left": read(TABLE, 2, name="fdp\u202evsc.exe"),
    "a name of HTML": read(TABLE, 2, name="<script>alert(1)</script>.csv"),
    "no name": read(TABLE, 2, name=""),
}  # fmt: skip


def outcome(case: Case, chunk: int) -> tuple[UploadReport, str]:
    """The report, and the words of the refusal if there was one."""
    content = case.content()
    reader = UploadReader(case.name)
    taken = 0
    try:
        for start in range(0, len(content), chunk):
            taken += sum(map(len, reader.feed(content[start : start + chunk])))
        rest: list[Ticks | Bars] = reader.finish()
    except UploadError as refusal:
        return reader.report, str(refusal)
    assert taken + sum(map(len, rest)) == reader.report.accepted
    return reader.report, ""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("chunk", [4 << 20, 4_099], ids=["large", "small"])
def test_a_hostile_file_is_told_by_its_line_or_its_reason(case: Case, chunk: int) -> None:
    report, refusal = outcome(case, chunk)
    assert report.rows == report.accepted + sum(report.rejected.values())
    assert len(report.name) <= 80
    assert report.name.isprintable()
    assert bool(refusal) == bool(case.words), refusal
    if case.words:
        assert case.words in refusal
        assert "\n" not in refusal
        assert len(refusal) < 500
        return
    assert case.problem in (report.problem or "")
    assert bool(report.problem) == bool(case.problem)
    if case.problem == "gzip stream ends too early":  # where, is the compressor's affair
        assert report.accepted > case.taken
        return
    assert report.accepted == case.taken
    assert report.first_lines == case.reasons


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60


class Counted:
    """A stream that counts the bytes that it is given and those that it hands back unused."""

    handled = 0

    def __init__(self, member) -> None:
        self._member = member

    def __getattr__(self, name: str):
        return getattr(self._member, name)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._member.decompress(data, max_length)
        Counted.handled += len(data) + len(self._member.unused_data)
        return piece


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("members", [500, 8_000])
def test_a_file_of_many_packed_members_costs_what_its_length_costs(
    pack, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = pack(b"x\n") + b"\x00" * 4
    magic = next(magic for magic in PACKERS if member.startswith(magic))
    name, new = PACKERS[magic]
    monkeypatch.setitem(PACKERS, magic, (name, lambda: Counted(new())))
    monkeypatch.setattr(Counted, "handled", 0)

    unpacked = sum(map(len, Unpacker(name).feed(member * members)))

    assert unpacked == 2 * members
    # A member is given a window of its own: more than the rest of the file would be a square.
    assert Counted.handled <= 1_100 * members
