"""Every form of a file: each line of the tables is read as its example says, and a page has it."""

from __future__ import annotations

import bz2
import csv
import gzip
import importlib.util
import io
import json
import lzma
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics.bars import resample
from analytics.model import Bars, Ticks
from ingestion.files.dumps import DUMPS, dump_of
from ingestion.files.errors import Answers, QuestionOpen, UploadError
from ingestion.files.json_shapes import SHAPES
from ingestion.files.names import NAMES, column_of
from ingestion.files.reader import UploadReader, UploadReport
from ingestion.files.timeforms import FORMS, NO_TIME, Reading, form_of, times
from storage.export.parquet import parquet_rows
from storage.export.tables import bars_table, ticks_table
from storage.export.text import csv_rows, json_rows

PROJECT = Path(__file__).resolve().parents[3]
START_MS = 1_737_072_000_000  # 2025-01-17: no month has that number
DAY_MS = 86_400_000
OHLCV = "open,high,low,close,volume"
#: A time as people write it, for strftime.
WALL = "%Y-%m-%d %H:%M:%S"
STEPS = np.sin(np.arange(40.0) ** 2)
CLOSE = np.round(100 + np.cumsum(STEPS) / 10, 4)
OPEN = np.concatenate(([100.0], CLOSE[:-1]))
HIGH = np.round(np.maximum(OPEN, CLOSE) + 0.05, 4)
LOW = np.round(np.minimum(OPEN, CLOSE) - 0.05, 4)
VOLUME = np.round(10 + 5 * np.abs(STEPS), 4)


class Read(NamedTuple):
    """What a file gave: its rows by symbol, and the report."""

    rows: dict[str, list[Ticks | Bars]]
    report: UploadReport

    def column(self, name: str, symbol: str | None = None) -> list[float]:
        """A column of a symbol, in the order of time."""
        batches = self.rows[symbol or next(iter(self.rows))]
        ts_ms = np.concatenate([batch.ts_ms for batch in batches])
        values = np.concatenate([getattr(batch, name) for batch in batches])
        return values[np.argsort(ts_ms, kind="stable")].tolist()


def read(content: bytes | str, name: str = "BTCUSDT.csv", **answers: Any) -> Read:
    reader = UploadReader(name, answers=Answers(**answers))
    data = content.encode() if isinstance(content, str) else content
    rows: dict[str, list[Ticks | Bars]] = {}
    for batch in [*reader.feed(data), *reader.finish()]:
        rows.setdefault(batch.symbol, []).append(batch)
    return Read(rows, reader.report)


def text_of(header: str, rows: list[tuple[Any, ...]], mark: str = ",") -> str:
    lines = [header] if header else []
    return "\n".join([*lines, *(mark.join(map(str, row)) for row in rows)]) + "\n"


def bars(form: str = "", step_ms: int = 60_000) -> list[tuple[Any, ...]]:
    """Rows of bars; form: of their times, "" for epoch ms."""
    moments = [START_MS + step_ms * at for at in range(40)]
    shown = [
        datetime.fromtimestamp(ms / 1_000, UTC).strftime(form) if form else ms for ms in moments
    ]
    columns = (OPEN, HIGH, LOW, CLOSE, VOLUME)
    return list(zip(shown, *(column.tolist() for column in columns), strict=True))


def check_bars(found: Read, timeframe: str = "1m", symbol: str | None = None) -> None:
    assert found.report.timeframe == timeframe
    for name, column in (("open", OPEN), ("high", HIGH), ("low", LOW), ("close", CLOSE)):
        assert found.column(name, symbol) == column.tolist(), name
    assert found.column("ts_ms", symbol)[0] == START_MS


# --- the tables --------------------------------------------------------------------------------


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.source)
def test_each_dump_is_told_by_its_example(dump):
    row = ["" if cell == "null" else cell for cell in next(csv.reader([dump.example]))]
    assert dump_of([row]) == dump


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_each_form_of_times_reads_its_example(form):
    told = form_of(form.example)
    assert told is not None
    assert told.order == form.order
    if form.order != "clock":
        assert times(pa.array([form.example]), Reading(dayfirst=False))[0] != NO_TIME


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_of_json_reads_its_example(shape):
    text = SHAPES[shape]
    if "kline" in text:
        text += "\n" + text.replace("1735689600000", "1735689660000")
    found = read(text, "BTCUSDT.json")
    assert found.report.accepted == (1 if "93576.1" in text else 2)
    assert found.report.rejected == {}


@pytest.mark.parametrize("meaning", NAMES)
def test_each_name_of_a_column_has_its_meaning(meaning):
    for name in NAMES[meaning].split():
        assert column_of(["zzz", name.upper() if len(name) > 1 else name], meaning) == 1, name


def test_the_page_of_forms_is_made_from_the_tables():
    place = PROJECT / "docs" / "scripts" / "file_forms.py"
    spec = importlib.util.spec_from_file_location("file_forms", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text(encoding="utf-8")
    assert page == module.page(), "run: python docs/scripts/file_forms.py"


# --- tables with a header ----------------------------------------------------------------------

HEADERS = (
    *("Time,Open,High,Low,Close,Volume", "openTime,o,h,l,c,v", "Date Time,OPEN,HIGH,LOW,CLOSE,VOL"),
    "Timestamp (UTC),Open Price,High Price,Low Price,Close Price,Volume",
    *("t,o,h,l,c,v", "time_open,price_open,price_high,price_low,price_close,volume_traded"),
    *("date,1. open,2. high,3. low,4. close,5. volume", "unix,open,high,low,last,base_volume"),
    *("<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>", ",open,high,low,close,volume"),
)


@pytest.mark.parametrize("header", HEADERS)
def test_columns_are_known_by_the_names_that_sources_give_them(header):
    found = read(text_of(header, bars("%Y-%m-%d %H:%M:%S")))
    check_bars(found)
    assert found.column("volume") == VOLUME.tolist()


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d-%b-%Y %H:%M"),
        *("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y%m%d %H%M%S", "%Y%m%d%H%M%S"),
        *("%d.%m.%Y %H:%M:%S.000 GMT+0000", "%m/%d/%y %H:%M", "%Y-%m-%d %H:%M:%S+00:00"),
    ],
)
def test_times_are_read_in_the_forms_that_people_write(form):
    check_bars(read(text_of("time,open,high,low,close,volume", bars(form))))


def test_an_order_of_day_and_month_that_no_row_tells_is_asked_for():
    rows = [(f"01/02/2025 00:{at:02d}", 5, 6, 4, 5, 1) for at in range(9)]
    content = text_of("time,open,high,low,close,volume", rows)
    with pytest.raises(QuestionOpen) as asked:
        read(content)
    assert asked.value.question.parameter == "dayfirst"
    assert [choice.value for choice in asked.value.question.choices] == ["true", "false"]
    assert read(content, dayfirst=True).column("ts_ms")[0] == 1_738_368_000_000
    assert read(content, dayfirst=False).column("ts_ms")[0] == 1_735_776_000_000


def test_a_row_far_behind_decides_the_order_of_day_and_month():
    rows = [(f"{1 + at // 1_440:02d}/01/2025 {at // 60 % 24:02d}:{at % 60:02d}", 5, 6, 4, 5, 1)
            for at in range(14 * 1_440)]  # fmt: skip
    found = read(text_of("time,open,high,low,close,volume", rows))
    assert found.column("ts_ms")[-1] - found.column("ts_ms")[0] == (14 * 1_440 - 1) * 60_000


def test_a_zone_is_that_of_the_answer_the_header_or_the_text():
    rows = bars("%Y-%m-%d %H:%M:%S")
    names = "open,high,low,close,volume"
    for header, answers, hours in (
        ("time", {}, 0),
        ("time", {"timezone": "America/New_York"}, 5),
        ("time", {"timezone": "+02:00"}, -2),
        ("Time (EST)", {}, 5),
    ):
        found = read(text_of(f"{header},{names}", rows), **answers)
        assert found.column("ts_ms")[0] == START_MS + hours * 3_600_000
    with pytest.raises(QuestionOpen, match="does not say of which zone"):
        read(text_of(f"Local time,{names}", rows))
    with pytest.raises(UploadError, match="timezone is 'Mars/Base'"):
        read("", timezone="Mars/Base")


@pytest.mark.parametrize("name", ["Name", "tic", "Code", "coin", "SYMBOL", "product_id", "Stock"])
def test_a_long_table_has_its_symbols_in_a_column_of_any_common_name(name):
    rows = [(row[0], symbol, *row[1:]) for row in bars() for symbol in ("KO", "PEP")]
    found = read(text_of(f"date,{name},open,high,low,close,volume", rows), "prices.csv")
    assert set(found.rows) == {"KO", "PEP"}
    check_bars(found, symbol="PEP")


def test_a_column_that_may_be_the_symbol_is_asked_for_and_answered():
    rows = [(row[0], symbol, *row[1:]) for row in bars() for symbol in ("KO", "PEP")]
    content = text_of("date,underlier,open,high,low,close,volume", rows)
    with pytest.raises(QuestionOpen, match="which column is the symbol"):
        read(content, "prices.csv")
    assert set(read(content, "prices.csv", columns="underlier").rows) == {"KO", "PEP"}


def test_closes_a_column_are_bars_of_each_symbol_though_they_are_called_o_h_l_and_c():
    rows = [(row[0], row[4], row[4] * 2, row[4] / 3, row[4] * 1.5) for row in bars()]
    for header in ("Date,KO,BRK.B,^GSPC,BTC/USDT", "Date,O,H,L,C"):
        found = read(text_of(header, rows), "closes.csv")
        assert list(found.rows) == header.split(",")[1:]
        assert found.column("open") == found.column("close") == CLOSE.tolist()
        assert np.isnan(found.column("volume")).all()


def test_a_column_without_a_close_at_a_time_has_no_bar_then():
    rows = [(row[0], row[4], "" if at % 2 else row[4]) for at, row in enumerate(bars())]
    found = read(text_of("Date,KO,PEP", rows), "closes.csv")
    assert [len(found.column("close", symbol)) for symbol in ("KO", "PEP")] == [40, 20]


@pytest.mark.parametrize("first", ["Price", "Ticker", ""])
def test_headers_of_several_lines_name_field_and_symbol(first):
    fields, symbols = ("Close", "High", "Low", "Open", "Volume"), ("AAPL", "MSFT")
    names = [(field, symbol) for field in fields for symbol in symbols]
    top = ",".join([first, *(name[first == "Ticker"] for name in names)])
    second = ",".join(["", *(name[first != "Ticker"] for name in names)])
    at = {"Close": 4, "High": 2, "Low": 3, "Open": 1, "Volume": 5}
    rows = [(row[0], *(row[at[field]] for field, _ in names)) for row in bars("%Y-%m-%d %H:%M:%S")]
    found = read(f"{top}\n{second}\nDatetime{',' * len(names)}\n" + text_of("", rows), "data.csv")
    for symbol in symbols:
        check_bars(found, symbol=symbol)


def test_the_volume_is_that_of_the_base_currency():
    turnover = [round(row[4] * row[5], 6) for row in bars()]
    for header, columns in (
        ("time,open,high,low,close,Volume USD,Volume BTC", lambda row, quote: (quote, row[5])),
        ("time,open,high,low,close,amount,volume", lambda row, quote: (quote, row[5])),
        ("time,open,high,low,close,volume,quote_volume", lambda row, quote: (row[5], quote)),
    ):
        rows = [
            (*row[:5], *columns(row, quote)) for row, quote in zip(bars(), turnover, strict=True)
        ]
        assert read(text_of(header, rows), "BTCUSD.csv").column("volume") == VOLUME.tolist()
    rows = [(*row[:5], quote) for row, quote in zip(bars(), turnover, strict=True)]
    found = read(text_of("time,open,high,low,close,Volume USD", rows), "BTCUSD.csv")
    assert np.isnan(found.column("volume")).all()
    assert any("quote currency" in note for note in found.report.notes)


@pytest.mark.parametrize(
    ("step_ms", "timeframe"),
    [(1_000, "1s"), (30_000, "30s"), (180_000, "3m"), (3_600_000, "1h"), (86_400_000, "1d")],
)
def test_bars_of_any_regular_step_have_their_file_s_timeframe(step_ms, timeframe):
    header = "timestamp,open,high,low,close,volume"
    check_bars(read(text_of(header, bars(step_ms=step_ms))), timeframe)


def test_thin_bars_have_the_greatest_common_step():
    minutes = np.cumsum([5, 5, 2, 5, 1] * 8).tolist()
    rows = [(START_MS + at * 60_000, *row[1:]) for at, row in zip(minutes, bars(), strict=True)]
    found = read(text_of("timestamp,open,high,low,close,volume", rows))
    assert (found.report.timeframe, found.report.accepted) == ("1m", 40)


def test_a_day_of_a_zone_with_daylight_saving_is_a_day():
    days = pd.bdate_range("2025-03-03", periods=40, tz="America/New_York")
    rows = [(str(day), *row[1:]) for day, row in zip(days, bars(), strict=True)]
    found = read(text_of("Date,Open,High,Low,Close,Volume", rows), "SPY.csv")
    assert (found.report.timeframe, found.report.accepted) == ("1d", 40)
    assert found.column("ts_ms") == [
        int(pd.Timestamp(day.date()).timestamp() * 1e3) for day in days
    ]


def test_bars_labelled_by_their_end_are_taken_by_their_beginning():
    rows = [(row[0] + 59_999, *row[1:]) for row in bars()]
    check_bars(read(text_of("timestamp,open,high,low,close,volume", rows)))
    rows = [(row[0] + 60_000, *row[1:]) for row in bars()]
    check_bars(read(text_of("close_time,open,high,low,close,volume", rows)))


def test_the_noise_of_floats_between_close_and_high_is_widened_and_counted():
    rows = [(*row[:2], row[1], row[1] * (1 + 1e-12), row[1], row[5]) for row in bars()]
    found = read(text_of("timestamp,open,high,low,close,volume", rows))
    assert found.report.accepted == 40
    assert any(note.startswith("high or low of 40 bars") for note in found.report.notes)


def test_times_that_a_spreadsheet_rounded_are_refused():
    rows = [("1.73569E+12", *row[1:]) for row in bars()]
    with pytest.raises(UploadError, match=r"rounded to 1\.73569E\+12 by a spreadsheet"):
        read(text_of("timestamp,open,high,low,close,volume", rows))


# --- what is no trade --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "header", "row", "words"),
    [
        ("x.csv", "timestamp,ask_amount,ask_price,bid_price,bid_amount", (1, 6, 5, 1), "quotes"),
        ("x.csv", "timestamp,is_snapshot,side,price,amount", ("true", "bid", 5, 1), "order book"),
        ("x.csv", "time,side,time_in_force,price,quantity", ("buy", "GTC", 5, 1), "orders"),
        ("x.csv", "timestamp,percentage,depth,notional", (-1, 5, 100), "order book"),
        ("x.csv", "calc_time,funding_interval_hours,last_funding_rate", (8, 0.001), "funding"),
        ("btc_liquidations.csv", "timestamp,side,price,amount", ("buy", 5, 1), "liquidation"),
        ("x.csv", "time,last,bid,ask,high,low,open,volume", (5, 4, 6, 7, 3, 5, 9), "tickers"),
        ("x.csv", "time,temperature_of_the_day", (21.5,), "none is known as a price"),
        ("x.csv", "time,price", (5.5,), "size is missing"),
    ],
)
def test_rows_that_are_no_trades_are_refused_by_what_they_are(name, header, row, words):
    rows = [(START_MS + 137 * at * at, *row) for at in range(40)]
    with pytest.raises(UploadError, match=words):
        read(text_of(header, rows), name)


def test_a_volume_of_24_hours_beside_a_price_is_no_trade():
    rows = [(START_MS + 137 * at * at, 100 + at, 2_132.68 + at / 100) for at in range(40)]
    with pytest.raises(UploadError, match="the rows are tickers"):
        read(text_of("time,price,volume", rows))


def test_polled_tickers_are_refused_though_they_say_nothing_else():
    rows = [{"symbol": "A-B", "ts": START_MS + 5_000 * at, "last": 100 + at,
             "volume": 2_132.68 + at / 100} for at in range(40)]  # fmt: skip
    with pytest.raises(UploadError, match="the lines are tickers"):
        read("\n".join(map(json.dumps, rows)), "poll.ndjson")


def test_rows_of_other_kinds_among_trades_are_counted_as_such():
    kinds = ("match", "received", "open", "done")
    rows = [(kinds[at % 4], START_MS + at, 5, 1) for at in range(40)]
    found = read(text_of("type,time,price,size", rows))
    assert (found.report.accepted, found.report.rejected) == (10, {"event": 30})


# --- trades ------------------------------------------------------------------------------------

MOMENTS = [START_MS + 137 * at for at in range(40)]


@pytest.mark.parametrize(
    "line",
    [
        '{{"arg":{{"channel":"trades"}},"data":[{{"instId":"A-B","px":"{p}","sz":"1","ts":"{t}"}}]}}',
        '{{"channel":"trade","data":[{{"symbol":"A-B","price":{p},"qty":1,"timestamp":{t}}}]}}',
        '{{"params":{{"channel":"trades.A-B","data":[{{"instrument_name":"A-B","price":{p},'
        '"amount":1,"timestamp":{t}}}]}}}}',
        '{{"type":"trade","code":"A-B","trade_price":{p},"trade_volume":1,"trade_timestamp":{t}}}',
        '2025-11-04 10:24:59,123 INFO: {{"symbol":"A-B","price":{p},"size":1,"ts":{t}}}',
        '[10:24:59] {{"symbol":"A-B","price":{p},"size":1,"ts":{t}}}',
        'data: {{"symbol":"A-B","price":{p},"size":1,"ts":{t}}}',
        '{{"symbol":"A-B","price":{p},"size":1,"ts":{{"$date":{{"$numberLong":"{t}"}}}}}}',
    ],
)
def test_lines_of_trades_are_read_as_recorders_write_them(line):
    book = '{"channel":"l2_data","data":[{"symbol":"A-B","price":1,"size":1,"timestamp":1}]}\n'
    lines = [line.format(p=100 + at, t=ms) for at, ms in enumerate(MOMENTS)]
    found = read(book + "\n".join(lines), "recording.log")
    assert found.column("price", "A-B") == list(range(100, 140))
    assert found.column("ts_ms") == MOMENTS
    assert sum(found.report.rejected.values()) == 1


def test_columns_of_trades_give_what_the_same_trades_as_json_give():
    rows = [(ms, "A-B", 100 + at / 8, 1 + at / 4, 7 + at) for at, ms in enumerate(MOMENTS)]
    names = ("ts", "symbol", "price", "size", "trade_id")
    objects = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    table = read(text_of(",".join(names), rows))
    lines = read(objects, "a.ndjson")
    for name in ("ts_ms", "price", "size", "trade_id"):
        assert table.column(name) == lines.column(name)


def test_an_aggregate_counts_as_the_trades_that_it_holds_in_every_form():
    rows = [(7 + at, 100 + at / 8, 1, 50 * at, 50 * at + at, ms, "true")
            for at, ms in enumerate(MOMENTS)]  # fmt: skip
    names = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    frames = [
        json.dumps({"e": "aggTrade", "s": "BTCUSDT", "a": a, "p": str(p), "q": str(q), "f": f,
                    "l": last, "T": ms, "m": True})
        for a, p, q, f, last, ms, _ in rows
    ]  # fmt: skip
    for content in (text_of("", rows), text_of(names, rows), "\n".join(frames * 3)):
        found = read(content)
        assert sorted(set(found.column("trades"))) == list(range(1, 41))


# --- containers --------------------------------------------------------------------------------

TABLE = text_of("timestamp,open,high,low,close,volume", bars())


def zipped(members: dict[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def frame_bytes(form: str, **options: Any) -> bytes:
    frame = pd.DataFrame(bars(), columns=["timestamp", "open", "high", "low", "close", "volume"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="ms", utc=True)
    if options.get("index"):
        frame = frame.set_index("timestamp").rename_axis(None)
    sink = io.BytesIO()
    getattr(frame, f"to_{form}")(sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        *(
            gzip.compress(TABLE.encode(), mtime=0),
            bz2.compress(TABLE.encode()),
            lzma.compress(TABLE.encode()),
        ),
        pa.compress(TABLE.encode(), codec="zstd", asbytes=True),
        *(zipped({"BTCUSDT.csv": TABLE, "README.md": "x"}), TABLE.encode("utf-16")),
        *(frame_bytes("parquet"), frame_bytes("parquet", index=True), frame_bytes("feather")),
    ],
    ids=["gz", "bz2", "xz", "zst", "zip", "utf-16", "parquet", "parquet with an index", "feather"],
)
def test_a_table_is_the_same_in_every_container_and_under_any_name(content):
    check_bars(read(content, "BTCUSDT.bin"))


def test_members_of_a_zip_are_symbols_named_by_their_files_and_exchanges():
    other = TABLE.replace("100.0,", "100.01,")
    found = read(zipped({"a/KO.csv": TABLE, "b/PEP.csv": other}), "prices.zip")
    assert set(found.rows) == {"KO", "PEP"}
    venues = {"Binance_BTCUSDT_1m.csv": TABLE, "Bybit_BTCUSDT_1m.csv": other}
    assert set(read(zipped(venues), "x.zip").rows) == {"BINANCE:BTCUSDT", "BYBIT:BTCUSDT"}
    with pytest.raises(UploadError, match="trades as well as bars"):
        read(zipped({"KO.csv": TABLE, "BTCUSDT.csv": "time,price,size\n1735689600000,5,1\n"}))


# --- our own exports ---------------------------------------------------------------------------


def some_ticks() -> Ticks:
    at = np.arange(500)
    ids = np.where(at % 2, at, -1)
    return Ticks("BTC/USDT", START_MS + 70 * at, 61_800 + at / 7, 1e-6 * (at + 1), ids)


@pytest.mark.parametrize("form", [csv_rows, json_rows, parquet_rows])
def test_our_own_exports_come_back_to_the_bit(form):
    ticks = some_ticks()
    found = read(b"".join(form([ticks_table(ticks)])), "ticks.csv")
    assert list(found.rows) == ["BTC/USDT"]
    for name in ("ts_ms", "price", "size", "trade_id"):
        assert found.column(name) == getattr(ticks, name).tolist()
    for timeframe in ("1s", "5m"):
        table = resample(ticks, timeframe)
        found = read(b"".join(form([bars_table(table)])), "bars.csv")
        assert found.report.timeframe == timeframe
        for name in ("ts_ms", "open", "high", "low", "close", "volume", "vwap", "trades"):
            assert found.column(name) == getattr(table, name).tolist()
