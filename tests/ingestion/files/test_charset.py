"""Files that are not UTF-8: where that is told, and Latin-1 by the word of who sends it."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from analytics.model import Bars, Ticks
from ingestion.files.charset import Charset, NotUtf8, not_utf8
from ingestion.files.reader import UploadError, UploadReader, UploadReport

TICK = '{"venue":"%s","symbol":"BTCUSDT","ts":"2024-08-08T23:54:16.322Z","price":%s,"size":1}'
TICKS = "".join(
    TICK % (venue, price) + "\n" for venue, price in (("A", 5), ("Zürich", 6), ("B", 7))
)
TABLE = (
    "timestamp;open;high;low;close;Währung\n"
    "2024-08-08T23:54:00Z;10;12;9;11;Zürich\n2024-08-08T23:55:00Z;11;13;10;12;Genève\n"
)


def read(
    content: bytes, encoding: str, chunk: int = 1 << 16
) -> tuple[list[Ticks | Bars], UploadReport, str]:
    """What a file gives, its report, and the words of the refusal if there is one."""
    reader = UploadReader("file", encoding=encoding)
    out: list[Ticks | Bars] = []
    try:
        for start in range(0, len(content), chunk):
            out += reader.feed(content[start : start + chunk])
        out += reader.finish()
    except UploadError as refusal:
        return [], reader.report, str(refusal)
    return out, reader.report, ""


def test_a_header_that_is_not_utf_8_is_told_by_line_byte_and_how_it_would_read():
    _, report, refusal = read(TABLE.encode("latin-1"), "utf-8")
    reading = "timestamp;open;high;low;close;Währung"
    assert report.not_utf8 == NotUtf8(1, 32, 0xE4, reading)
    assert "line 1 is not UTF-8 text: its byte 32 is 0xE4" in refusal
    assert "encoding=latin-1" in refusal


def test_blank_lines_above_count_where_a_byte_is_told():
    _, report, refusal = read(b"\n\r\n" + TABLE.encode("latin-1"), "utf-8")
    assert report.not_utf8 is not None
    assert report.not_utf8.line == 3
    assert "line 3 is not" in refusal


@pytest.mark.parametrize("chunk", [7, 1 << 16])
def test_lines_that_are_not_utf_8_are_refused_and_the_first_is_told(chunk: int):
    out, report, _ = read(TICKS.encode("latin-1"), "utf-8", chunk)
    assert sum(map(len, out)) == 2
    assert report.rejected == {"json": 1}
    assert report.not_utf8 is not None
    assert (report.not_utf8.line, report.not_utf8.position) == (2, 12)
    rows = TABLE.replace("ä", "ae").encode("latin-1")
    _, report, refusal = read(rows, "utf-8", chunk)
    assert report.rejected == {"encoding": 2}
    assert "line 2 is not UTF-8 text" in refusal


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("text", [TICKS, TABLE, "[" + TICKS.replace("\n", ",")[:-1] + "]"])
def test_a_latin_1_file_read_as_such_gives_what_its_utf_8_twin_gives(text: str, pack):
    expected, twin, _ = read(text.encode(), "utf-8")
    for chunk in (1, 13, 1 << 16):
        out, report, refusal = read(pack(text.encode("latin-1")), "latin-1", chunk)
        assert not refusal
        assert report.not_utf8 is None
        assert report.notes[0] == "read as Latin-1, as asked"
        assert (report.rows, report.rejected, report.symbols) == (twin.rows, {}, twin.symbols)
        merged = np.concatenate([batch.ts_ms for batch in out])
        assert merged.tolist() == np.concatenate([batch.ts_ms for batch in expected]).tolist()


def test_latin_1_makes_no_text_of_an_image_nor_of_utf_32():
    for content, words in (
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "a PNG image"),
        (TABLE.encode("utf-32"), "UTF-32 text: save it as UTF-8"),
    ):
        for encoding in ("utf-8", "latin-1"):
            _, report, refusal = read(content, encoding)
            assert words in refusal
            assert report.not_utf8 is None
            assert len(refusal) < 500


def test_bytes_that_are_no_text_are_not_offered_as_latin_1():
    assert not_utf8(b"\xff\x00\x03", 1) is None
    assert not_utf8("für".encode(), 1) is None
    far = not_utf8(b"a" * 5_000 + b"\xe9" + b"b" * 5_000, 9)
    assert far is not None
    assert (far.position, len(far.latin_1)) == (5_001, 80)
    assert "é" in far.latin_1


@pytest.mark.parametrize("form", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [TICKS, TABLE])
def test_utf_16_is_read_with_and_without_its_mark(form: str, text: str):
    expected, twin, _ = read(text.encode(), "utf-8")
    for chunk in (1, 7, 1 << 16):
        out, report, refusal = read(text.encode(form), "utf-8", chunk)
        assert not refusal
        assert (report.rows, report.accepted) == (twin.rows, twin.accepted)
        assert [one.ts_ms.tolist() for one in out] == [one.ts_ms.tolist() for one in expected]


def test_a_header_alone_that_is_not_utf_8_is_read_and_noted():
    text = "Datum;Eröffnung;Hoch;Tief;Schluss\n01.02.2024;1;2;1;2\n02.02.2024;1;2;1;2\n"
    _, report, refusal = read(text.encode("cp1252"), "utf-8")
    assert not refusal
    assert report.accepted == 2
    assert "line 1 is not UTF-8 and was read as Windows-1252" in report.notes[0]


def test_a_piece_is_as_good_as_the_whole_wherever_it_is_cut():
    content = bytes(range(1, 256))
    charset = Charset("latin-1")
    pieces = [charset.feed(content[at : at + 1]) for at in range(len(content))]
    text = (b"".join(pieces) + charset.finish()).decode()
    assert text == "".join(map(chr, range(1, 256)))
