"""Files to ticks or bars: recognised by content, accounted for line by line."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.model import UNKNOWN_TRADES, Bars, Ticks
from ingestion.files.errors import Answers, QuestionOpen
from ingestion.files.naming import Naming
from ingestion.files.reader import UploadError, UploadReader, UploadReport
from ingestion.files.report import Tally
from ingestion.files.tables import Table
from ingestion.files.text_table import TextTable, head_of
from ingestion.files.unpack import Unpacker

TICK = '{"symbol":"BTCUSDT","ts":"2024-08-08T23:54:16.322Z","price":61800.3,"size":0.006}'
HEADER = "timestamp,open,high,low,close,volume"
MINUTE_0 = "2024-08-08T23:54:00Z,10,12,9,11,3.5"
MINUTE_1 = "2024-08-08T23:55:00Z,11,13,10,12,4.5"
MINUTE_2 = "2024-08-08T23:56:00Z,12,14,11,13,5.5"


def read(
    content: bytes | str, name: str = "file", chunk: int = 1 << 16, symbol: str | None = None
) -> tuple[list[Ticks | Bars], UploadReport]:
    """Everything a file gives, and its report, which is checked to add up."""
    data = content.encode() if isinstance(content, str) else content
    reader = UploadReader(name, symbol)
    out: list[Ticks | Bars] = []
    for start in range(0, len(data), chunk):
        out += reader.feed(data[start : start + chunk])
    out += reader.finish()
    report = reader.report
    assert report.rows == report.accepted + sum(report.rejected.values())
    assert report.accepted == sum(map(len, out))
    assert report.bytes_read == len(data)
    return out, report


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join((header, *rows)) + "\n"


def only_bars(content: bytes | str, **options: str) -> Bars:
    (bars,), _ = read(content, **options)
    assert isinstance(bars, Bars)
    return bars


def refusal(content: bytes | str, name: str = "file") -> str:
    with pytest.raises(UploadError) as caught:
        read(content, name)
    return str(caught.value)


# --- ticks ----------------------------------------------------------------------------------


def test_the_collector_s_file_is_accounted_for_exactly(market_data: Path) -> None:
    path = market_data / "ticks" / "ticks_2024-08-09T00-00-00.029Z.ndjson"
    out, report = read(path.read_bytes(), path.name)
    assert (report.kind, report.rows, report.accepted) == ("ticks", 35_389, 35_389)
    assert report.rejected == {}
    assert report.symbols == ("BTCUSDT", "ETHUSDT")
    assert (report.first_ts_ms, report.last_ts_ms) == (1_723_161_256_322, 1_723_161_600_029)
    assert sum(len(batch) for batch in out if batch.symbol == "BTCUSDT") == 21_313


def test_the_recorder_s_gzip_of_frames_is_read_whole(market_data: Path) -> None:
    path = market_data / "ticks" / "usdm_ethusdt_20240808.trade.log.gz"
    out, report = read(path.read_bytes(), path.name)
    assert (report.rows, report.accepted, report.symbols) == (14_076, 14_076, ("ETHUSDT",))
    ids = np.concatenate([batch.trade_id for batch in out if isinstance(batch, Ticks)])
    assert np.all(np.diff(ids) == 1)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 16])
def test_any_chunking_gives_the_same_ticks_and_report(chunk: int) -> None:
    lines = [TICK, TICK.replace("61800.3", "-1"), "", TICK.replace("BTC", "ETH"), "{torn"]
    out, report = read("\r\n".join(lines), chunk=chunk)
    assert report.rows == 4
    assert report.accepted == 2
    assert report.rejected == {"price": 1, "json": 1}
    assert report.first_lines == {"price": [2], "json": [5]}
    assert [batch.symbol for batch in out] == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize("form", ["plain", "bom", "crlf", "cr", "gzip", "end", "blank", "two"])
def test_a_file_is_read_however_its_lines_are_written(form: str) -> None:
    text = f"{TICK}\n{TICK}"
    contents = {
        "plain": text.encode(),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "gzip": gzip.compress(text.encode(), mtime=0),
        "end": text.encode() + b"\n",
        "blank": b"\n  \n" + text.replace("\n", "\n\n").encode() + b"\n\n",
        "two": gzip.compress(f"{TICK}\n".encode(), mtime=0) + gzip.compress(TICK.encode(), mtime=0),
    }
    for chunk in (3, 1 << 16):
        _, report = read(contents[form], chunk=chunk)
        assert (report.rows, report.accepted) == (2, 2)


def test_a_torn_last_line_is_refused_with_its_number() -> None:
    _, report = read(f"{TICK}\n{TICK[:40]}")
    assert report.rejected == {"json": 1}
    assert report.first_lines == {"json": [2]}


def test_a_torn_first_line_is_refused_and_the_rest_is_read() -> None:
    _, report = read(f"{TICK[50:]}\n{TICK}\n")
    assert (report.accepted, report.first_lines) == (1, {"json": [1]})


def test_a_file_cut_anywhere_keeps_its_good_prefix() -> None:
    text = "\n".join(TICK for _ in range(6)).encode()
    for at in range(len(TICK), len(text), 7):
        _, report = read(text[:at])
        assert report.accepted == (at + 1) // (len(TICK) + 1)
        assert report.rows - report.accepted in (0, 1)


def test_a_gzip_cut_anywhere_keeps_its_good_prefix_and_says_so() -> None:
    rng = random.Random(7)
    lines = [TICK.replace("0.006", f"{rng.random():.6f}") for _ in range(400)]
    packed = gzip.compress("\n".join(lines).encode(), mtime=0)
    _, report = read(packed[: len(packed) // 2])
    assert 0 < report.accepted < 400
    assert report.problem == "the gzip stream ends too early"


def test_a_damaged_gzip_keeps_what_came_before_the_damage() -> None:
    content = gzip.compress(f"{TICK}\n".encode() * 9, mtime=0)
    _, report = read(content[:-6] + bytes([content[-6] ^ 0xFF]) + content[-5:])
    assert report.accepted == 9
    assert report.problem is not None
    assert "damaged" in report.problem


def test_an_array_of_ticks_over_several_lines_is_read() -> None:
    ticks = [json.loads(TICK), json.loads(TICK) | {"price": -1}]
    _, report = read(json.dumps(ticks, indent=2), "ticks.json")
    assert (report.accepted, report.first_lines) == (1, {"price": [2]})


def test_an_array_of_ticks_on_one_line_is_read() -> None:
    _, report = read("[" + ",".join([TICK] * 3) + "]")
    assert report.accepted == 3


def test_only_the_first_five_line_numbers_of_a_reason_are_kept() -> None:
    _, report = read("\n".join([TICK] + ["x"] * 9))
    assert report.rejected == {"json": 9}
    assert report.first_lines == {"json": [2, 3, 4, 5, 6]}


def test_a_line_of_megabytes_is_refused_once_and_skipped() -> None:
    content = f"{TICK}\n" + "x" * (3 << 20) + f"\n{TICK}\n"
    for chunk in (1 << 14, 1 << 25):
        _, report = read(content, chunk=chunk)
        assert report.accepted == 2
        assert report.first_lines == {"line-length": [2]}


def test_ticks_without_a_symbol_take_the_one_that_is_given_or_named() -> None:
    nameless = TICK.replace('"symbol":"BTCUSDT",', "")
    assert read(nameless, symbol="ethusdt")[1].symbols == ("ETHUSDT",)
    assert read(nameless, name="my_solusdt.ndjson")[1].symbols == ("SOLUSDT",)
    with pytest.raises(QuestionOpen) as open_yet:
        read(nameless, name="ticks.ndjson")
    assert (open_yet.value.question.parameter, open_yet.value.question.free) == ("symbol", True)


def test_a_symbol_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(UploadError, match="expected 1 to 64 letters"):
        UploadReader("file", symbol="<b>")


# --- bars -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "rows"), [("BTCUSD", 2447), ("ETHUSD", 2449), ("LTCUSD", 2447), ("BTCEUR", 2344)]
)
def test_the_recorded_minutes_are_read_whole(market_data: Path, symbol: str, rows: int) -> None:
    path = market_data / "ohlc" / f"coinbase_{symbol.lower()}_1m_20180404-05.csv"
    (bars,), report = read(path.read_bytes(), path.name)
    assert isinstance(bars, Bars)
    assert (bars.symbol, bars.timeframe, len(bars)) == (symbol, "1m", rows)
    assert (report.kind, report.rows, report.rejected) == ("bars", rows, {})
    assert np.all(np.diff(bars.ts_ms) > 0)
    assert np.allclose(bars.vwap, (bars.high + bars.low + bars.close) / 3, rtol=1e-15)
    assert np.all(bars.trades == UNKNOWN_TRADES)


def test_a_bar_holds_the_row_s_figures() -> None:
    bars = only_bars(table(MINUTE_0, MINUTE_1), name="coinbase_btcusd_1m.csv")
    assert bars.symbol == "BTCUSD"
    assert bars.ts_ms.tolist() == [1_723_161_240_000, 1_723_161_300_000]
    figures = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap)
    assert [column[0] for column in figures] == [10, 12, 9, 11, 3.5, 32 / 3]


@pytest.mark.parametrize(
    ("header", "row_0", "row_1"),
    [
        ("Date,Open,High,Low,Close", "2024-08-08 23:54,10,12,9,11", "2024-08-08 23:55,1,2,1,2"),
        ("Open time;O;H;L;C;V", "1723161240000;10;12;9;11;1", "1723161300000;10;12;9;11;1"),
        ("time,open,high,low,close,Volume BTC", "1723161240,1,2,1,2,0", "1723161300,1,2,1,2,0"),
        (
            '"unix","close","low","high","open"',
            '"1723161240000000","11","9","12","10"',
            '"1723161300000000",11,9,12,10',
        ),
    ],
)
def test_headers_are_known_by_many_names(header: str, row_0: str, row_1: str) -> None:
    bars = only_bars(table(row_0, row_1, header=header), name="ethusdt.csv")
    assert (bars.timeframe, len(bars)) == ("1m", 2)
    assert bars.ts_ms[0] == 1_723_161_240_000
    assert np.all(bars.high >= bars.low)


def test_an_exchange_s_file_of_klines_needs_no_header() -> None:
    rows = [
        f"{1_723_161_240_000 + n * 1_000},10,12,9,11,3.5,{1_723_161_240_999 + n * 1_000},38,7,1,1,0"
        for n in range(3)
    ]
    bars = only_bars("\n".join(rows), name="BTCUSDT-1s-2024-08-08.csv")
    assert (bars.symbol, bars.timeframe, len(bars)) == ("BTCUSDT", "1s", 3)
    assert bars.trades.tolist() == [7, 7, 7]


def test_a_symbol_column_makes_bars_of_each_symbol() -> None:
    rows = [f"{symbol},{row}" for row in (MINUTE_1, MINUTE_0) for symbol in ("aa", "bb")]
    out, report = read(table(*rows, header="symbol," + HEADER))
    assert [(bars.symbol, len(bars)) for bars in out] == [("AA", 2), ("BB", 2)]
    assert report.symbols == ("AA", "BB")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("coinbase_btcusd_1m_20180404-05.csv", "BTCUSD"),
        ("/some/x/ETHUSDT.csv.gz", "ETHUSDT"),
        ("BTC-EUR.csv", "BTC-EUR"),
        ("my prices (2).csv", "MY"),
        ("../../<script>.csv", "SCRIPT"),
        ("\u202e.csv", "UPLOAD"),
        ("x" * 300 + ".csv", "X" * 64),
    ],
)
def test_the_symbol_of_bars_comes_from_the_file_s_name(name: str, symbol: str) -> None:
    assert only_bars(table(MINUTE_0, MINUTE_1), name=name).symbol == symbol


def test_bars_come_out_sorted_and_once() -> None:
    (bars,), report = read(table(MINUTE_2, MINUTE_0, MINUTE_1, MINUTE_0))
    assert np.all(np.diff(bars.ts_ms) == 60_000)
    assert report.rejected == {"duplicate-bar": 1}
    assert report.first_lines == {"duplicate-bar": [5]}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-08-08T23:57:00Z,10,9,9,11,1", "ohlc"),
        ("2024-08-08T23:57:00Z,10,12,11,11,1", "ohlc"),
        ("2024-08-08T23:57:00Z,10,12,9,0,1", "price"),
        ("2024-08-08T23:57:00Z,10,12,-9,11,1", "price"),
        ("2024-08-08T23:57:00Z,10,nan,9,11,1", "price"),
        ("2024-08-08T23:57:00Z,1_0,12,9,11,1", "price"),
        ("2024-08-08T23:57:00Z,10,inf,9,11,1", "price"),
        ("2024-08-08T23:57:00Z,10,12,9,11,-1", "volume"),
        ("2024-08-08T23:57:30Z,10,12,9,11,1", "time-grid"),
        ("yesterday,10,12,9,11,1", "time"),
        ("1970-01-01T00:00:00Z,10,12,9,11,1", "time"),
        ("2024-08-08T23:57:00Z,10,12,9,11", "columns"),
        ("2024-08-08T23:57:00Z,10,12,9,11,1,1", "columns"),
        ('"2024-08-08T23:57:00Z,10,12,9,11,1', "quote"),
        ("2024-08-08T23:57:00Z,10,12,9,11,\x00", "volume"),
        ("caf\xe9,10,12,9,11,1", "encoding"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_line(row: str, reason: str) -> None:
    content = table(MINUTE_0, row, MINUTE_1, MINUTE_2).encode("latin-1")
    _, report = read(content)
    assert report.accepted == 3
    assert report.first_lines == {reason: [3]}


def test_an_empty_volume_keeps_the_bar_with_an_unknown_volume() -> None:
    row = "2024-08-08T23:57:00Z,10,12,9,11,"
    for cell in ("", "NaN", "null", "-"):
        bars = only_bars(table(MINUTE_0, MINUTE_1, row + cell))
        assert bars.volume[:2].tolist() == [3.5, 4.5]
        assert np.isnan(bars.volume[2])


def test_a_missing_volume_is_unknown_and_noted() -> None:
    rows = [row.rpartition(",")[0] for row in (MINUTE_0, MINUTE_1)]
    (bars,), report = read(table(*rows, header="timestamp,open,high,low,close"))
    assert np.isnan(bars.volume).all()
    assert report.notes[0] == "no volume column: every bar's volume is unknown"


def test_lines_above_the_header_are_refused_as_preamble() -> None:
    _, report = read("https://example.org/data\n" + table(MINUTE_0, MINUTE_1))
    assert (report.accepted, report.first_lines) == (2, {"preamble": [1]})


def test_the_timeframe_is_the_most_frequent_step() -> None:
    gap = "2024-08-09T03:00:00Z,12,14,11,13,5.5"
    assert only_bars(table(MINUTE_0, MINUTE_1, MINUTE_2, gap)).timeframe == "1m"


def test_a_large_file_is_read_in_windows_of_rows() -> None:
    tally = Tally()
    lines = [HEADER, *(f"{1_723_161_240_000 + n * 1_000},10,12,9,11,1" for n in range(500))]
    head = head_of(lines, "BTCUSD.csv", Answers())
    assert head is not None
    bars_table = Table(head.plan, Naming("BTCUSD.csv", Answers(), tally), tally, hold=50)
    text_table = TextTable(head, bars_table, tally)
    out = []
    for start in range(0, 501, 20):
        block = "".join(f"{line}\n" for line in lines[start : start + 20])
        out += text_table.scan(block.encode())
        assert bars_table._bars.held < 50
    out += text_table.finish()
    assert len(out) == 9
    assert np.all(np.diff(np.concatenate([bars.ts_ms for bars in out])) == 1_000)
    assert tally.accepted == 500


# --- what is no market data -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n \r\n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "this is a PNG image"),
        (b"PK\x03\x04xxxx", "the zip file is damaged"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PAR1\x15", "the parquet file is damaged"),
        (b"SQLite format 3\x00", "SQLite"),
        (TICK.encode("utf-32"), "UTF-32 text: save it as UTF-8"),
        (b"abc\x00def\n", "binary data"),
        (b"<!doctype html>\n<html></html>", "HTML or XML"),
        (b"hello world\nand so on\n", 'line 1 reads "hello world"'),
        (
            b'{"name":"not a tick"}\n{"name":"b"}\n',
            "none of 2 rows is market data (2 rows: no time, price or size in it)",
        ),
        (b"[1, 2, 3]", "none of 3 rows"),
        (b"[\n1,\n", "the JSON array ends too early"),
        (b'{"result":null,"id":1}', "1 row: a message about the stream, no trade"),
        (b"a,b,c\n1,2,3\n", "the columns are a, b, c; no column of times"),
        (b"timestamp,open,high,low,close\n", "a header and no rows"),
        (b"timestamp,open,high,close\n1,2,3,4\n", "no column for low"),
        (b"close,close,open,high,low,time\n", "column 'close' stands 2 times"),
        (b"timestamp,open,high,low,close\n2024-01-01,1,2,1,2\n", "one bar alone"),
        (b"timestamp,open,high,low,close\nx,1,2,1,2\n", "column 'timestamp' reads \"x\""),
        (b"\x1f\x8b\x08", "the gzip stream ends too early"),
        (b"\x1f\x8bnot gzip at all", "the gzip stream is damaged"),
        (gzip.compress(gzip.compress(b"a", mtime=0), mtime=0), "a gzip within a gzip"),
        (gzip.compress(b"\x89PNG", mtime=0), "this is a PNG image"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_market_data_is_refused_in_words(content: bytes, words: str) -> None:
    message = refusal(content)
    assert words in message
    assert len(message) < 400


def test_a_refusal_says_what_is_legal() -> None:
    assert "trades or bars as CSV, NDJSON, JSON, Parquet or Feather" in refusal(b"hello")


def test_a_hopeless_file_is_refused_before_its_end() -> None:
    reader = UploadReader("log.txt")
    for _ in range(9):
        reader.feed(b'{"message":"no tick"}\n' * 1_000)
    with pytest.raises(UploadError, match="none of"):
        reader.feed(b'{"message":"no tick"}\n' * 2_000)


def test_a_bomb_is_refused_long_before_it_fills_memory() -> None:
    content = gzip.compress((TICK + "\n").encode() * 400_000, 9, mtime=0)
    with pytest.raises(UploadError, match="times its size"):
        read(content)
    unpacker = Unpacker("gzip", max_bytes=1 << 20, max_ratio=1e9)
    with pytest.raises(UploadError, match="unpacks to more than 1 MB"):
        list(unpacker.feed(gzip.compress(b"0" * (5 << 20), mtime=0)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\ticks.csv", "ticks.csv"),
        ("a\u202eb\nc.csv", "abc.csv"),
        ("x" * 300, "x" * 80),
        ("", "unnamed"),
    ],
)
def test_a_file_s_name_is_made_fit_to_be_shown(name: str, shown: str) -> None:
    assert UploadReader(name).report.name == shown


@pytest.mark.parametrize("last", ["", "2024-08-08T23:56:00Z,11,13,10,12,4.5"])
def test_a_mark_of_the_byte_order_within_a_file_makes_its_line_no_row(last: str) -> None:
    content = table(MINUTE_0, MINUTE_1).encode() + b"\xef\xbb\xbf" + last.encode()
    for chunk in (1, len(content)):
        _, report = read(content, "btcusd.csv", chunk)
        assert (report.rows, report.accepted) == (3, 2)
        assert list(report.first_lines.values()) == [[4]]


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from([b"", TICK.encode() + b"\n", table(MINUTE_0, MINUTE_1).encode(), b"["]),
    rest=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)),
    chunk=st.integers(1, 400),
)
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes, chunk: int) -> None:
    with contextlib.suppress(UploadError):
        read(start + rest, chunk=chunk)
