"""A block that several threads share is read as if one had read it."""

from __future__ import annotations

from threading import Barrier

import pytest

from ingestion.files import shares, text_table, tick_lines
from ingestion.files.shares import abreast, shares_of
from tests.ingestion.files.test_upload import read
from tests.waiting import PATIENCE_S

TRADES = [
    f'{{"symbol":"{"AB"[number % 3 == 0]}","ts":{1_735_689_600_000 + number},'
    f'"price":{number + 1}.5,"size":1}}'
    for number in range(3_000)
]
#: Other keys, no JSON, no price, no line, of another symbol, longer than a share.
ODD = {
    700: '{"s":"A","T":1735689600700,"p":"701.5","q":"2","extra":[1]}',
    1_200: '{"symbol":"A","ts":',
    1_201: TRADES[1_201].replace('"price":', '"price":-'),
    1_900: "",
    2_101: TRADES[2_101].replace('"symbol":"A"', '"symbol":"LATE"'),
    2_400: TRADES[2_400].replace('"size":', '"size":-'),
    2_500: TRADES[2_500].replace("}", f',"note":"{"x" * 9_000}"}}'),
}
ROWS = [f"{1_735_689_600_000 + number},{number + 1}.5,1,{number + 5}" for number in range(6_000)]
ODD_ROWS = {
    800: "1735689600800,801.5",
    1_700: '1735689601700,"1701.5,1,9',
    2_300: "soon,2301.5,1,9",
    2_301: "1735689602301,0,1,9",
    5_500: "1735689605500,7,0,9",
}


def changed(lines: list[str], odd: dict[int, str]) -> list[str]:
    return [odd.get(number, line) for number, line in enumerate(lines)]


#: A name, what stands in the file, the lines that are refused, and the symbols in their order.
FILES = {
    "ticks.ndjson": (
        "\n".join(changed(TRADES, ODD)),
        {"json": [1_201], "price": [1_202], "size": [2_401]},
        ["B", "A", "LATE"],
    ),
    "windows.ndjson": (
        "\r\n".join(changed(TRADES, ODD)) + "\r\n",
        {"json": [1_201], "price": [1_202], "size": [2_401]},
        ["B", "A", "LATE"],
    ),
    "BTCUSDT-trades.csv": (
        "\n".join(["time,price,qty,id", *changed(ROWS, ODD_ROWS)]),
        {"columns": [802], "quote": [1_702], "time": [2_302], "price": [2_303], "size": [5_502]},
        ["BTCUSDT"],
    ),
    "ETHUSDT-trades.csv": (
        "".join(row.rpartition(",")[0] + "\r\n" for row in changed(ROWS, ODD_ROWS)),
        {"columns": [801], "quote": [1_701], "time": [2_301], "price": [2_302], "size": [5_501]},
        ["ETHUSDT"],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_the_same_whoever_reads_its_lines(monkeypatch, name):
    text, refused, symbols = FILES[name]

    def rows(share_bytes: int, chunk: int) -> dict[str, list]:
        monkeypatch.setattr(shares, "SHARE_BYTES", share_bytes)
        batches, report = read(text.encode(), name, chunk)
        assert report.first_lines == refused
        out: dict[str, list] = {}
        for one in batches:
            columns = (one.ts_ms, one.price, one.size, one.trade_id)
            out.setdefault(one.symbol, []).extend(
                zip(*(column.tolist() for column in columns), strict=True)
            )
        assert list(out) == symbols
        return out

    def note(read_one, found):
        counts.append(len(found))
        return abreast(read_one, found)

    counts: list[int] = []
    for module in (tick_lines, text_table):
        monkeypatch.setattr(module, "abreast", note)
    monkeypatch.setattr(shares, "WAYS", 4)
    whole = rows(1 << 30, 1 << 20)
    assert sum(map(len, whole.values())) > 2_900
    assert set(counts) == {1}
    for share_bytes in (4_000, 100):
        for chunk in (1 << 20, 70_000):
            counts.clear()
            assert rows(share_bytes, chunk) == whole
            assert max(counts) == 4


@pytest.mark.parametrize("ways", [1, 2, 3, 4])
def test_shares_are_whole_lines_and_keep_their_numbers(monkeypatch, ways):
    monkeypatch.setattr(shares, "WAYS", ways)
    monkeypatch.setattr(shares, "SHARE_BYTES", 10)
    block = b"".join(b"%d\n" % number for number in range(7, 107))
    found = shares_of(block, 7)
    assert len(found) == ways
    assert b"".join(share.block for share in found) == block
    told = abreast(lambda share: [(at, share[at]) for at in share.numbers.tolist()], found)
    assert [one for part in told for one in part] == [(at, b"%d" % at) for at in range(7, 107)]


def test_a_line_longer_than_a_share_is_not_cut(monkeypatch):
    monkeypatch.setattr(shares, "WAYS", 4)
    monkeypatch.setattr(shares, "SHARE_BYTES", 10)
    block = b"1\n" + b"2" * 500 + b"\n"
    assert [share.block for share in shares_of(block, 1)] == [block]
    assert [len(share) for share in shares_of(block + b"3\n", 1)] == [2, 1]


def test_shares_are_read_at_the_same_time(monkeypatch):
    monkeypatch.setattr(shares, "WAYS", 2)
    monkeypatch.setattr(shares, "SHARE_BYTES", 10)
    both = Barrier(2, timeout=PATIENCE_S)  # which one alone would wait at for ever
    assert sorted(abreast(lambda share: both.wait(), shares_of(b"1\n" * 20, 1))) == [0, 1]


def test_what_fails_in_a_share_fails_for_who_asked(monkeypatch):
    monkeypatch.setattr(shares, "WAYS", 2)
    monkeypatch.setattr(shares, "SHARE_BYTES", 10)

    def read_one(share):
        if share.first > 1:
            raise ValueError(share.first)

    with pytest.raises(ValueError, match=r"^\d+$"):
        abreast(read_one, shares_of(b"1\n" * 20, 1))


def test_the_cells_of_a_table_are_read_on_every_core(monkeypatch):
    """Of blocks as they are: each piece of one has a share for each core, but for the last."""
    counts = []
    real = text_table.abreast
    monkeypatch.setattr(shares, "WAYS", 2)
    monkeypatch.setattr(text_table, "AT_ONCE", 2 * shares.SHARE_BYTES)
    monkeypatch.setattr(
        text_table, "abreast", lambda call, some: counts.append(len(some)) or real(call, some)
    )
    rows = "".join(f"{1_735_689_600_000 + number},{number + 1}.5,1\n" for number in range(250_000))
    ticks, report = read(f"time,price,size\n{rows}".encode(), "A.csv", 5 * shares.SHARE_BYTES)
    assert (report.accepted, sum(map(len, ticks))) == (250_000, 250_000)
    assert len(counts) >= 3
    assert counts.count(2) >= len(counts) - 2
