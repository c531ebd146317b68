"""Lines of trades read in columns, and those between them that the decoder reads."""

from __future__ import annotations

import random

import pytest

from ingestion.files import shares, tick_lines
from ingestion.files.lines import MAX_LINE
from tests.ingestion.files.test_upload import read

ROWS, STEP = 3_000, 30_000


def account(data: bytes, name: str, step: int = STEP):
    """The rows that were taken, in their order, and the report."""
    ticks, report = read(data, name, step)
    assert all(map(len, ticks))
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


def test_a_text_is_learnt_once_a_block_whatever_its_shares(decoded, monkeypatch):
    monkeypatch.setattr(shares, "SHARE_BYTES", 1_000)
    monkeypatch.setattr(shares, "WAYS", 4)
    pairs = [f"[{line(number)},{line(number)}]" for number in range(6 * ROWS)]
    plain = [line(number) for number in range(9 * ROWS)]
    rows, _ = account("\n".join(pairs + plain).encode(), "ticks.ndjson", 500_000)
    assert len(rows) == 21 * ROWS
    assert len(decoded) < 12 * ROWS


def test_quotes_that_make_up_for_one_another_are_told_line_by_line():
    lines = [line(number, ',"note":"x"') for number in range(ROWS)]
    lines[900] = line(900, ',"note":"x"y"')
    lines[1_100] = line(1_100, ',"note":"x')
    _, report = account("\n".join(lines).encode(), "ticks.ndjson", 1 << 20)
    assert report.first_lines == {"json": [901, 1_101]}


@pytest.mark.parametrize("mark", ["# ", "x", "{"])
def test_no_text_is_learnt_of_a_line_that_is_refused(mark):
    lines = [line(number) for number in range(ROWS)]
    odd = [63, *range(200, 300)]  # the last line that is looked at first, and more like it
    for number in odd:
        lines[number] = mark + lines[number]
    rows, report = account("\n".join(lines).encode(), "ticks.ndjson")
    assert len(rows) == ROWS - len(odd)
    assert report.first_lines == {"json": [number + 1 for number in odd[:5]]}


def test_blocks_without_a_word_count_as_lines():
    pairs = "\n".join(f"[{line(number)},{line(number)}]" for number in range(700))
    _, report = account((pairs + "\n" * 200_000 + "{").encode(), "ticks.ndjson", 1 << 16)
    assert report.first_lines == {"json": [200_700]}


@pytest.mark.parametrize("after", [-1, 0, 1])
def test_a_line_that_is_too_long_takes_no_other_with_it(after):
    plain = "".join(f"{line(number)}\n" for number in range(ROWS))
    long = f'{{"note":"{"x" * 3 * MAX_LINE}"}}\n'
    data = (plain + long + plain).encode()
    end = len(plain) + len(long) + after
    step = end // 6 + 1  # the sixth piece ends about there
    data = b" " * (6 * step - end) + data
    _, report = account(data, "ticks.ndjson", step)
    assert (report.accepted, report.rejected) == (2 * ROWS, {"line-length": 1})


#: Lines as several sources write them; {n} is a number of six digits.
FORMS = (
    '{{"symbol":"{s}","ts":"2024-08-08T23:54:16.{ms:03d}Z","price":{p},"size":{q}}}',
    '{{"symbol":"{s}","time":"2024-08-08 23:54:16","price":{p},"size":{q},"note":"x{n}"}}',
    '{{"e":"trade","E":17231612{n},"s":"{s}","t":{n},"p":"{p}","q":"{q}","T":1723161{n},"m":true}}',
    '{{"stream":"x@trade","data":{{"s":"{s}","t":{n},"p":"{p}","q":"{q}","T":1723161{n}}}}}',
    '{{"T":1723161{n},"s":"{s}","v":"{q}","p":"{p}","i":"b1f0-{n}","L":"PlusTick"}}',
    '{{"sym":"{s}","timestamp":1723161{n}000000,"price":{p},"amount":{q},"id":{n}}}',
)
BYTES = b'"\\,{}[]:0123456789.-+eEtrufalsn \tZTx\r\x00\xc3\xa9'


def damaged(line: bytes, chance: random.Random) -> bytes:
    """The line with a byte or a few changed, left out or put in, or cut off."""
    text = bytearray(line)
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(text))
        odd = [chance.choice(BYTES)]
        way = chance.randrange(4)
        text[at : at + (way != 1)] = odd * (way < 2)
        if way == 3:
            text = text[:at] + b"{"
    return bytes(text)


@pytest.mark.parametrize(
    ("plain", "odd", "reason"),
    [
        ("1723161256322", "45688", "time"),  # a day of a sheet
        ("1723161256322", "9223372036854775807", "time"),
        ('"2024-08-08T23:54:16-05:00"', '"2024-08-08T23:54:16-24:00"', "time"),
        ('"2024-08-08T23:54:16-05:00"', '"2024-08-08T23:54:16-99:00"', "time"),
        ('"2024-08-08 23:54:16.5"', '"2024-08-8 23:54:16.5"', "time"),
        ('"2024-08-08 23:54:16"', '"0024-08-08 23:54:16"', "time"),
    ],
)
def test_a_time_that_the_decoder_refuses_is_refused(plain, odd, reason):
    lines = [f'{{"symbol":"A","ts":{plain},"price":5,"size":1}}'] * ROWS
    lines[2_000] = lines[2_000].replace(plain, odd)
    rows, report = account("\n".join(lines).encode(), "ticks.ndjson")
    assert (report.rejected, report.first_lines) == ({reason: 1}, {reason: [2_001]})
    assert len({ts_ms for ts_ms, _, _ in rows}) == 1


def test_another_zone_is_read_as_well():
    lines = [
        f'{{"symbol":"A","ts":"2024-11-03T12:00:00{zone}","price":5,"size":1}}'
        for zone in ("-04:00", "-05:00")
        for _ in range(ROWS)
    ]
    rows, _ = account("\n".join(lines).encode(), "ticks.ndjson")
    assert [rows[-1][0] - rows[0][0], len(rows)] == [3_600_000, 2 * ROWS]


@pytest.mark.parametrize("form", FORMS)
def test_a_line_says_the_same_whichever_way_it_is_read(form, monkeypatch):
    chance = random.Random(form)
    prices = ("5", "0.30000000000000004", "1e-7", "0.0", "1e-400", "00.5", "-1", "1e999")
    lines = []
    for number in range(ROWS):
        price = chance.choice((repr(round(chance.uniform(0, 1e5), number % 6)), *prices))
        symbol = chance.choice(("BTCUSDT", "ETHUSDT", "1000PEPEUSDT", "币安USDT"))
        size = chance.choice(("1", "0.006", "2.5e-05"))
        values = {"n": 100_000 + number, "ms": number % 1_000, "s": symbol, "p": price, "q": size}
        text = form.format(**values).encode()
        odd = number > 100 and chance.random() < 0.2
        lines.append(damaged(text, chance) if odd else text)
    data = b"\n".join(lines)
    rows, report = account(data, "ticks.ndjson")
    monkeypatch.setattr(tick_lines, "MAX_LEARNT", 0)  # then the decoder reads them all
    expected, told = account(data, "ticks.ndjson")
    assert sorted(rows) == sorted(expected)
    assert (report.rejected, report.first_lines) == (told.rejected, told.first_lines)
    assert report.accepted > ROWS / 4
