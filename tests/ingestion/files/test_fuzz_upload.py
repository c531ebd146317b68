"""Files cut anywhere, and handed over in pieces of any size."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.model import Bars, Ticks
from ingestion.files.reader import UploadError, UploadReader, UploadReport
from tests.ingestion.fuzz_grammar import case
from tests.ingestion.fuzz_mutate import TEMPLATES, mutated

MINUTE_0 = 1_723_161_240_000

Content = tuple[dict[str, list[tuple[float, ...]]], UploadReport] | str


def read(data: bytes, cuts: list[int]) -> Content:
    """Rows by symbol and the report, or the words with which the file was refused."""
    reader = UploadReader("btcusdt.txt")
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        out = [batch for start, end in pairwise(edges) for batch in reader.feed(data[start:end])]
        out += reader.finish()
    except UploadError as error:
        return str(error)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for batch in out:
        rows.setdefault(batch.symbol, []).extend(_rows(batch))
    report = reader.report
    assert report.rows == report.accepted + sum(report.rejected.values())
    assert report.accepted == sum(map(len, rows.values()))
    return rows, report


def _rows(batch: Ticks | Bars) -> list[tuple[float, ...]]:
    names = ("ts_ms", "price", "size", "trade_id")
    if isinstance(batch, Bars):
        names = ("ts_ms", "open", "high", "low", "close", "volume", "trades", "vwap")
    # A volume that is not known is NaN, which equals nothing: as text it does.
    columns = (np.nan_to_num(getattr(batch, name), nan=-1.0).tolist() for name in names)
    return list(zip(*columns, strict=True))


def ticks_file(rng: Random) -> bytes:
    """Lines by grammar, damaged ones, blank ones."""
    lines = []
    for _ in range(rng.randint(1, 25)):
        draw = rng.random()
        text = mutated(rng, TEMPLATES) if draw < 0.15 else b"" if draw < 0.2 else case(rng).text
        # One line is one message here; how lines end is chosen below.
        lines.append(b" ".join(text.split(b"\n")).replace(b"\r", b" ")[:3_000])
    return rng.choice((b"\n", b"\r\n", b"\n\n")).join(lines) + rng.choice((b"", b"\n", b"\r\n"))


def bars_file(rng: Random) -> bytes:
    """A table with rows that are wrong in every way."""
    mark = rng.choice((",", ";", "\t"))
    rows = [mark.join(("timestamp", "open", "high", "low", "close", "volume"))]
    if rng.random() < 0.2:
        rows.insert(0, "a title above the table")
    for minute in range(rng.randint(1, 30)):
        cells = [str(MINUTE_0 + 60_000 * rng.choice((minute, minute, minute - 1)))]
        cells += ["10.5", "12", "9", str(rng.randint(9, 12)), f"{rng.random():.3f}"]
        if rng.random() < 0.2:
            bad = ("", "nan", "-1", "1_0", '"11"', '"', "caf\xe9", "\x00", "0", "1e400", "１２")
            cells[rng.randrange(len(cells))] = rng.choice(bad)
        rows.append(mark.join(cells))
    text = rng.choice(("\n", "\r\n")).join(rows)
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig")))


def array_file(rng: Random) -> bytes:
    ticks = [json.loads(TEMPLATES[0]) | {"price": price} for price in (5, -1, 7.5, None)]
    return json.dumps(
        rng.choices(ticks, k=rng.randint(1, 6)), indent=rng.choice((None, 2))
    ).encode()


FILES = (ticks_file, ticks_file, bars_file, array_file)


def file(seed: int) -> bytes:
    rng = Random(seed)
    data = rng.choice(FILES)(rng)
    draw = rng.random()
    if draw < 0.15:
        data = gzip.compress(data, mtime=0)
    elif draw < 0.25:
        data = b"\xef\xbb\xbf" + data
    if rng.random() < 0.1:
        data = data[: rng.randrange(len(data) + 1)]
    return data


@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 2**20), max_size=12))
def test_pieces_of_any_size_give_the_same_rows_and_the_same_report(
    seed: int, cuts: list[int]
) -> None:
    data = file(seed)
    assert read(data, cuts) == read(data, [])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_byte_at_a_time_gives_the_same_rows_and_the_same_report(seed: int) -> None:
    data = file(seed)[:2_000]
    assert read(data, list(range(len(data)))) == read(data, [])


def tick_line(number: int) -> bytes:
    second = f"2024-08-08T23:54:{number:02d}.322Z"
    tick = {"symbol": "BTCUSDT", "ts": second, "price": 61_800 + number / 10, "size": 0.006}
    return json.dumps(tick).encode()


def test_ticks_cut_at_every_byte_leave_the_good_prefix_and_a_line_in_the_report() -> None:
    lines = [tick_line(number) for number in range(24)]
    data = b"\n".join(lines)
    assert 2_000 < len(data) < 2_500
    (whole, _) = read(data, [])
    for at in range(1, len(data)):
        complete = data[:at].count(b"\n") + (data[:at].rpartition(b"\n")[2] in lines)
        torn = bool(data[:at].rpartition(b"\n")[2]) and data[:at].rpartition(b"\n")[2] not in lines
        found = read(data[:at], [])
        if not complete:
            assert isinstance(found, str), found
            assert "line 1" in found
            continue
        rows, report = found
        assert rows == {"BTCUSDT": whole["BTCUSDT"][:complete]}, at
        assert report.first_lines == ({"json": [complete + 1]} if torn else {}), at


def test_symbols_come_in_the_order_of_their_first_good_row_however_a_file_is_cut() -> None:
    lines = [tick_line(number) for number in range(4)]
    for at, name in enumerate((b"AA", b"BB", b"CC", b"BB")):
        lines[at] = lines[at].replace(b"BTCUSDT", name)
    lines[1] = lines[1].replace(b"2024-08", b"2024-99")
    data = b"\n".join([*lines, b""])
    for at in range(len(data)):
        _, report = read(data, [at])
        assert report.symbols == ("AA", "CC", "BB")


def bar_row(number: int) -> bytes:
    return f"{MINUTE_0 + 60_000 * number},61800.5,61812.25,61790.75,61801.5,{number}.125".encode()


def test_bars_cut_at_every_byte_leave_the_good_prefix_and_a_line_in_the_report() -> None:
    header = b"timestamp,open,high,low,close,volume"
    rows = [bar_row(number) for number in range(38)]
    data = b"\n".join([header, *rows])
    assert 2_000 < len(data) < 2_500
    (whole, _) = read(data, [])
    for at in range(1, len(data)):
        complete = max(data[:at].count(b"\n") - 1, 0)
        tail = data[:at].rpartition(b"\n")[2] if b"\n" in data[:at] else b""
        found = read(data[:at], [])
        if complete < 2:
            # One bar tells no timeframe; a header without rows is none either.
            assert isinstance(found, str) or len(found[0]["BTCUSDT"]) == 2
            continue
        bars, report = found
        kept = len(bars["BTCUSDT"])
        assert bars["BTCUSDT"][:complete] == whole["BTCUSDT"][:complete], at
        assert report.rows == complete + bool(tail), at
        if kept == complete + 1:
            # Only a volume that was cut within its digits is taken for a shorter one.
            assert tail.count(b",") == 5, at
            assert bars["BTCUSDT"][-1][:5] == whole["BTCUSDT"][complete][:5], at
        elif tail:
            assert list(report.first_lines.values()) == [[complete + 2]], at


def test_a_gzip_cut_at_every_byte_leaves_a_good_prefix_and_says_so() -> None:
    rng = Random(7)
    lines = [
        tick_line(number).replace(b"0.006", f"{rng.random():.9f}".encode()) for number in range(60)
    ]
    packed = gzip.compress(b"\n".join(lines), mtime=0)
    assert len(packed) > 700
    (whole, complete) = read(packed, [])
    assert complete.accepted == 60
    for at in range(3, len(packed)):
        found = read(packed[:at], [])
        if isinstance(found, str):
            continue
        rows, report = found
        assert rows["BTCUSDT"] == whole["BTCUSDT"][: report.accepted], at
        assert report.problem == "the gzip stream ends too early", at
        assert report.rows - report.accepted <= 1
        assert replace(report, problem=None) != complete


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_twenty_thousand_files_in_pieces() -> None:
    rng = Random(int(np.random.default_rng().integers(2**31)))
    accepted = refused = 0
    for _ in range(20_000):
        data = file(seed := rng.randrange(2**32))
        cuts = [rng.randrange(len(data) + 1) for _ in range(rng.randint(1, 9))]
        found = read(data, [])
        assert read(data, cuts) == found, (seed, cuts)
        accepted += not isinstance(found, str)
        refused += isinstance(found, str)
    print(f"\n20,000 files in pieces: {accepted:,} read, {refused:,} refused, all alike")  # noqa: T201
