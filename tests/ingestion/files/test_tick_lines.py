"""Lines of trades read in columns, and those between them that the decoder reads."""

from __future__ import annotations

import pytest

from ingestion.files import tick_lines
from tests.ingestion.files.test_upload import read

ROWS, STEP = 3_000, 30_000


def account(data: bytes, name: str):
    """The rows that were taken, in their order, and the report."""
    ticks, report = read(data, name, STEP)
    rows = [
        (int(ts_ms), float(price), float(size))
        for one in ticks
        for ts_ms, price, size in zip(one.ts_ms, one.price, one.size, strict=True)
    ]
    return rows, report


def line(number: int, more: str = "") -> str:
    ts = f'"2025-01-01T00:00:00.{number % 1_000:03d}Z"'
    return f'{{"symbol":"A","ts":{ts},"price":{number + 1}.5,"size":1{more}}}'


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """The lines that went to the decoder."""
    numbers: list[int] = []
    decode = tick_lines.TickLines._decode

    def note(self, lines, asked, columns):
        numbers.extend(int(one) for one in asked)
        return decode(self, lines, asked, columns)

    monkeypatch.setattr(tick_lines.TickLines, "_decode", note)
    return numbers


@pytest.mark.parametrize("array", [False, True])
def test_lines_alike_do_not_go_to_the_decoder(decoded, array):
    lines = [line(number) for number in range(ROWS)]
    lines[2_000] = lines[2_000].replace('"price":', '"price":-')
    text = "[\n" + ",\n".join(lines) + "\n]" if array else "\n".join(lines)
    rows, report = account(text.encode(), "ticks.json")
    assert (len(rows), report.first_lines) == (ROWS - 1, {"price": [2_001]})
    assert len(decoded) < 200
    assert 2_001 in decoded


def test_another_text_is_learnt_where_no_line_of_a_block_is_like_the_first(decoded):
    first, other = (
        f'{{"symbol":"A","ts":"2025-01-01T00:00:00Z",{price}}}'
        for price in ('"price":5,"size":1', '"p":5,"q":1')
    )
    data = "\n".join([*[first] * 1_200, *[other] * ROWS]).encode()
    assert len(account(data, "ticks.ndjson")[0]) == ROWS + 1_200
    assert len(decoded) < ROWS


def test_a_line_that_the_decoder_reads_keeps_its_place_among_the_others():
    lines = [line(number) for number in range(ROWS)]
    for number in (500, 1_700, 2_999):
        lines[number] = line(number, ',"note":"x"')
    rows, _ = account("\n".join(lines).encode(), "ticks.ndjson")
    assert [price for _, price, _ in rows] == [number + 1.5 for number in range(ROWS)]
