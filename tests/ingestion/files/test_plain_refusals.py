"""Files that look like what is refused: read where they are plain, refused where they are not."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ingestion.files.errors import Answers, QuestionOpen, UploadError
from ingestion.files.reader import UploadReader
from tests.ingestion.files.test_forms import (
    CLOSE,
    DAY_MS,
    LOW,
    MOMENTS,
    OHLCV,
    VOLUME,
    bars,
    check_bars,
    read,
    text_of,
)


def days() -> list[tuple[Any, ...]]:
    """Rows of bars of days."""
    return bars("%Y-%m-%d", DAY_MS)


# --- rows without a header ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "mark", "step_ms", "timeframe"),
    [("%d.%m.%Y %H:%M", ";", DAY_MS // 2, "12h"), ("%m/%d/%Y", ",", 9 * DAY_MS, "9d")],
)
def test_times_that_begin_with_the_day_or_the_month_ascend_as_times(form, mark, step_ms, timeframe):
    rows = bars(form, step_ms)
    check_bars(read(text_of("", rows, mark), "KO.csv"), timeframe)
    check_bars(read(text_of("", rows[::-1], mark), "KO.csv"), timeframe)


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"])
def test_a_close_in_front_of_its_open_is_no_known_order_in_any_form_of_times(form):
    rows = [tuple(row[at] for at in (0, 4, 2, 3, 1, 5)) for row in bars(form, DAY_MS // 2)]
    with pytest.raises(UploadError, match="in the order of no known dump"):
        read(text_of("", rows), "KO.csv")


def test_whole_prices_of_lean_are_refused_and_those_of_other_markets_are_not():
    rows = [(at, *(int(round(cell * 10_000, -2)) for cell in row[1:5]), 9)
            for at, row in zip([row[0] for row in bars("%Y%m%d %H:%M", DAY_MS)], bars(),
                               strict=True)]  # fmt: skip
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("aapl.csv", text_of("", rows))
    with pytest.raises(UploadError, match="ten-thousandths"):
        read(sink.getvalue(), "aapl.zip")
    found = read(text_of("", rows), "005930.csv")  # of Seoul, in steps of 100 won
    assert found.column("close") == [row[4] for row in rows]


def test_a_volume_of_1_in_most_rows_is_one():
    volumes = [2, *(1 for _ in range(39))]
    found = read(text_of("", [(*row[:5], v) for row, v in zip(bars(), volumes, strict=True)]))
    assert found.column("volume") == volumes
    rows = [(*row[:5], 1) for row in bars("%Y-%m-%d %H:%M")]
    assert read(text_of("", rows)).column("volume") == [1] * 40


def test_the_newest_candle_of_a_mark_price_may_be_open_yet():
    rows = [[str(row[0]), *map(str, row[1:5]), str(int(at < 39))] for at, row in enumerate(bars())]
    found = read(json.dumps({"code": "0", "data": rows[::-1]}), "mark.json")
    assert found.report.rejected == {"unfinished-bar": 1}
    assert all(volume != volume for volume in found.column("volume"))


# --- columns that stand twice ------------------------------------------------------------------


def test_columns_without_a_name_or_without_a_cell_are_no_twins():
    check_bars(read(text_of(f",{OHLCV},", [(*row, "") for row in days()]), "KO.csv"), "1d")
    check_bars(read(text_of(f"Date,{OHLCV},Date", [(*row, "") for row in days()]), "KO.csv"), "1d")
    rows = [(at, ms, 5.5, 1, 9) for at, ms in enumerate(MOMENTS)]
    assert read(text_of("id,time,price,size,id", rows)).report.accepted == 40


def test_two_indices_without_a_name_are_asked_about():
    rows = [(row[0], name, *row[1:]) for row in days() for name in ("KO", "PEP")]
    content = text_of(f",,{OHLCV}", rows)
    with pytest.raises(QuestionOpen, match="which column is the symbol"):
        read(content, "x.csv")


# --- days, and what stands beside closes -------------------------------------------------------


def test_a_price_and_a_volume_a_day_are_closes():
    rows = [(row[0], name, row[4], row[5]) for row in days() for name in ("KO", "PEP")]
    found = read(text_of("date,ticker,price,volume", rows), "prices.csv")
    assert found.report.timeframe == "1d"
    for symbol in ("KO", "PEP"):
        assert found.column("close", symbol) == CLOSE.tolist()
        assert found.column("volume", symbol) == VOLUME.tolist()
    rows = [(row[0], row[4], row[5]) for row in days()]
    found = read(text_of("date,price,volume", [*rows, rows[-1]]), "KO.csv")
    assert found.column("close") == CLOSE.tolist()
    assert found.report.rejected == {"duplicate-bar": 1}


def test_trades_of_a_day_without_its_time_are_refused():
    rows = [("2025-01-17", at, 5, 1) for at in range(40)]
    with pytest.raises(UploadError, match="days alone"):
        read(text_of("date,half_minute,price,size", rows), "AAPL.csv")
    rows = [(f"2025-01-{at % 20 + 1:02d}", 5 + at, 1) for at in range(40)]
    with pytest.raises(UploadError, match="days alone"):
        read(text_of("date,price,size", rows), "AAPL.csv")


@pytest.mark.parametrize(
    ("header", "beside", "in_front"),
    [
        ("date,base,KO,PEP", ("USD",), True),
        ("Date,KO,PEP,Currency", ("USD",), False),
        ("Date,KO,PEP,Asset", ("Equity",), False),
    ],
)
def test_a_word_that_is_the_same_in_all_rows_names_no_rows(header, beside, in_front):
    rows = [
        (row[0], *beside, row[4], row[3]) if in_front else (row[0], row[4], row[3], *beside)
        for row in days()
    ]
    content = text_of(header, rows)
    found = read(content, "closes.csv")
    assert found.column("close", "KO") == CLOSE.tolist()
    assert found.column("close", "PEP") == LOW.tolist()
    for other in (content.replace(beside[0], "EUR", 20), text_of(header, [*rows, *rows])):
        with pytest.raises(UploadError, match="names the symbols"):
            read(other, "closes.csv")


def test_a_yield_below_0_beside_closes_is_left_out():
    rows = [(row[0], row[4], round(0.01 * at - 0.4, 2)) for at, row in enumerate(days())]
    found = read(text_of("Date,SPX,DE10Y", rows), "x.csv")
    assert list(found.rows) == ["SPX"]
    assert found.report.rejected == {}
    assert any("'DE10Y' is below 0" in note for note in found.report.notes)


# --- orders, and words of markets that are words of orders too -----------------------------------


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("time,price,size,state", ["open"]),
        ("time,price,size,state", ["open", "closed"]),
        ("time,price,size,status", ["NEW"]),
        ("time,price,size,status", ["placed"]),
        ("time,price,size,status", ["FILLED"]),
        ("time,price,size,action", ["Open Long", "Close Long"]),
        ("time,price,size,depth", ["0.0"]),
    ],
)
def test_one_word_of_a_market_or_a_fill_is_no_order(header, words):
    rows = [(ms, 5.5, 1, words[at % len(words)]) for at, ms in enumerate(MOMENTS)]
    assert read(text_of(header, rows)).report.accepted == 40


def test_two_words_of_orders_or_a_fill_in_part_are_orders():
    for words in (["NEW", "FILLED"], ["open", "closed"], ["PARTIALLY_FILLED"]):
        rows = [(ms, 5.5, 1, words[at % len(words)]) for at, ms in enumerate(MOMENTS)]
        with pytest.raises(UploadError, match="are orders"):
            read(text_of("time,price,size,status", rows))


def test_the_status_beside_a_close_is_that_of_the_market():
    rows = [(row[0], row[4], ("Closed", "New")[at % 2]) for at, row in enumerate(days())]
    assert read(text_of("Date,Close,Status", rows), "KO.csv").column("close") == CLOSE.tolist()


def test_trades_of_databento_are_read_though_they_have_a_depth_of_0():
    rows = [(ms * 10**6, "T", 0, "5.500000000", at + 1) for at, ms in enumerate(MOMENTS)]
    found = read(text_of("ts_event,action,depth,price,size", rows), "AAPL.csv")
    assert found.column("size", "AAPL") == list(range(1, 41))


def test_block_trades_in_a_table_are_no_trades():
    rows = [(ms, 5.5, 1, ("trade", "block_trade")[at % 2]) for at, ms in enumerate(MOMENTS)]
    found = read(text_of("time,price,size,type", rows))
    assert (found.report.accepted, found.report.rejected) == (20, {"event": 20})


@pytest.mark.parametrize("event", ["NYSE", "candle", "kline"])
def test_e_may_be_an_exchange_or_a_candle(event):
    names = ("e", "t", "o", "h", "l", "c", "v")
    objects = [dict(zip(names, (event, *row), strict=True)) for row in bars()]
    check_bars(read("\n".join(map(json.dumps, objects)), "KO.json"))
    check_bars(read(json.dumps(objects), "KO.json"))


def test_days_may_be_written_as_midnights_beside_bid_and_ask():
    rows = [(row[0], 99.9, 100.1, *row[1:]) for row in bars("%Y-%m-%d 00:00:00", DAY_MS)]
    check_bars(read(text_of(f"Date,Bid,Ask,{OHLCV}", rows), "KO.csv"), "1d")


# --- bars that share a time, and their lengths -------------------------------------------------


def test_the_hour_that_a_clock_repeats_is_no_clash():
    first = datetime(2025, 11, 2, tzinfo=UTC)
    clock = [first + timedelta(minutes=5 * (at if at < 24 else at - 12)) for at in range(40)]
    rows = [
        (at.strftime("%Y-%m-%d %H:%M"), *row[1:]) for at, row in zip(clock, bars(), strict=True)
    ]
    for content in (rows, rows[::-1]):
        found = read(text_of(f"time,{OHLCV}", content), "ES.csv")
        assert found.report.rejected == {"duplicate-bar": 12}
        assert found.report.accepted == 28


def test_bars_of_two_contracts_still_clash():
    other = [(row[0], *(cell + 9 for cell in row[1:5]), 1) for row in bars()]
    woven = [row for pair in zip(bars(), other, strict=True) for row in pair]
    for rows in ([*bars(), *other], woven):
        with pytest.raises(UploadError, match="stand at a time that"):
            read(text_of(f"time,{OHLCV}", rows), "ES.csv")


def test_lengths_of_bars_are_compared_and_not_their_words():
    rows = [(("1h", "60m")[at % 2], *row) for at, row in enumerate(bars(step_ms=3_600_000))]
    check_bars(read(text_of(f"interval,open_time,{OHLCV}", rows)), "1h")
    rows = [(("day", "1h", "night")[at % 3], *row) for at, row in enumerate(bars())]
    check_bars(read(text_of(f"period,open_time,{OHLCV}", rows)), "1m")


@pytest.mark.parametrize("piece", [1 << 13, 1 << 14, 1 << 20])
def test_the_digits_of_a_clock_are_those_of_the_first_rows_whatever_the_pieces(piece):
    first = datetime(2025, 1, 16, 22, 53, 20, tzinfo=UTC)
    moments = [first + timedelta(seconds=at) for at in range(7_600)]
    rows = [(at.strftime("%Y%m%d"), int(at.strftime("%H%M%S")), 5.5, 1) for at in moments]
    content = text_of("Date,Time,price,size", rows).encode()
    reader = UploadReader("BTCUSDT.csv", answers=Answers())
    out = []
    for at in range(0, len(content), piece):
        out += reader.feed(content[at : at + piece])
    out += reader.finish()
    told = [ms for batch in out for ms in batch.ts_ms.tolist()]
    assert told == [int(at.timestamp()) * 1_000 for at in moments]


def test_a_column_that_is_named_as_an_indicator_is_left_out_and_said():
    days = "\n".join(f"2025-01-{day:02d},{50 + day},{40 + day},{30 + day}" for day in range(1, 29))
    reader = UploadReader("closes.csv")
    bars = [*reader.feed(f"Date,KO,PEP,RSI14\n{days}\n".encode()), *reader.finish()]
    assert {one.symbol for one in bars} == {"KO", "PEP"}
    assert any("'RSI14' is named as an indicator" in note for note in reader.report.notes)


# --- columns that look like what they are not --------------------------------------------------


AVERAGES = ["HA_{}", "HA {}", "ha_{}", "HA-{}", "HA{}", "{} (HA)", "Heikin-Ashi {}", "{}_HA"]
NAMES = ("Open", "High", "Low", "Close")


@pytest.mark.parametrize("form", AVERAGES)
def test_averages_of_bars_are_no_bars(form):
    header = "Date," + ",".join(form.format(name) for name in NAMES)
    content = text_of(header, [row[:5] for row in days()])
    for answers in ({}, {"columns": "closes"}):
        with pytest.raises(UploadError, match="Heikin-Ashi bars, which are averages"):
            read(content, "KO.csv", **answers)


@pytest.mark.parametrize("form", AVERAGES)
@pytest.mark.parametrize(("plain", "symbol"), [("{}", "KO"), ("PEP_{}", "PEP")])
def test_averages_beside_plain_bars_are_left_out(form, plain, symbol):
    columns = [form.format(name) for name in NAMES] + [plain.format(name) for name in NAMES]
    rows = [(row[0], 1, 2, 3, 4, *row[1:5]) for row in days()]
    found = read(text_of(",".join(["Date", *columns]), rows), "KO.csv")
    assert list(found.rows) == [symbol]
    assert found.rows[symbol][0].close[0] == days()[0][4]


def test_a_ticker_called_ha_is_read():
    content = text_of("Date,HA_Open,HA_High,HA_Low,HA_Close", [row[:5] for row in days()])
    assert list(read(content, "HA.csv").rows) == ["HA"]


@pytest.mark.parametrize("held", ["Market Value (USD)", "weight", "Cost/Share", "Weight (%)"])
@pytest.mark.parametrize("count", ["Shares", "Quantity"])
@pytest.mark.parametrize("prices", ["Price", "Open,High,Low,Close"])
def test_what_is_held_is_no_volume(held, count, prices):
    cells = slice(4, 5) if prices == "Price" else slice(1, 5)
    rows = [(row[0], "KO", 5_000, *row[cells], 0.5) for row in days()]
    found = read(text_of(f"Date,Symbol,{count},{prices},{held}", rows), "portfolio.csv")
    assert np.isnan(found.rows["KO"][0].volume).all()
    assert f"column '{count}' counts what is held" in " ".join(found.report.notes)
    traded = read(text_of(f"Date,Symbol,{count},{prices},No", rows), "portfolio.csv")
    assert traded.rows["KO"][0].volume[0] == 5_000
    index = read(text_of(f"Date,Symbol,Volume,{prices},{held}", rows), "index.csv")
    assert index.rows["KO"][0].volume[0] == 5_000
