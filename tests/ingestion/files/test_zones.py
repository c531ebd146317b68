"""Zones that a file names: in hours from UTC, row by row, or by nobody's."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from ingestion.files.errors import QuestionOpen
from tests.ingestion.files.test_forms import OHLCV, START_MS, WALL, bars, check_bars, read, text_of

HOUR_MS = 3_600_000


@pytest.mark.parametrize("form", ["+02:00", "+0200", "UTC+2", "GMT+02:00"])
@pytest.mark.parametrize("name", ["tz", "timezone", "utc_offset", "gmtoffset", "tz_offset"])
def test_hours_from_utc_in_a_column_of_their_own_count(form, name):
    rows = [(row[0], form, *row[1:]) for row in bars(WALL)]
    found = read(text_of(f"time,{name},{OHLCV}", rows))
    assert found.column("ts_ms")[0] == START_MS - 2 * HOUR_MS
    apart = [(*row[0].split(), *row[1:]) for row in rows]
    found = read(text_of(f"date,time,{name},{OHLCV}", apart))
    assert found.column("ts_ms")[0] == START_MS - 2 * HOUR_MS


@pytest.mark.parametrize("before", [20, 2_000])
@pytest.mark.parametrize("apart", [True, False])
def test_hours_from_utc_count_row_by_row(before, apart):
    moments = [datetime(2025, 10, 20, tzinfo=UTC) + timedelta(minutes=at) for at in range(2_200)]
    rows = []
    for at, moment in enumerate(moments):
        hours = 2 if at < before else 1
        wall = (moment + timedelta(hours=hours)).strftime(WALL)
        rows.append((*(wall.split() if apart else [wall]), f"+0{hours}:00", 5, 6, 4, 5, 1))
    header = f"date,time,tz,{OHLCV}" if apart else f"time,tz,{OHLCV}"
    found = read(text_of(header, rows), "DAX.csv")
    assert found.column("ts_ms") == [int(moment.timestamp()) * 1_000 for moment in moments]


def test_hours_from_utc_count_in_json_and_in_columns_too():
    rows = [(row[0], "+02:00" if at < 20 else "+01:00") for at, row in enumerate(bars(WALL))]
    objects = [{"time": time, "tz": tz, "close": 5, "open": 5, "high": 6, "low": 4, "volume": 1}
               for time, tz in rows if time[14:16] != "20"]  # fmt: skip
    frame = pd.DataFrame(objects)
    files = [json.dumps({"data": {"KO": objects}}).encode()]
    for times in (frame["time"], pd.to_datetime(frame["time"])):
        out = io.BytesIO()
        frame.assign(time=times).to_parquet(out)
        files.append(out.getvalue())
    for content in files:
        found = read(content, "KO").column("ts_ms")
        assert found[0] == START_MS - 2 * HOUR_MS
        assert START_MS + 30 * 60_000 - HOUR_MS in found


def test_hours_from_utc_beside_days_move_none():
    for form in ("%Y-%m-%d", WALL, "%Y-%m-%d,%H:%M", "%Y%m%d %H%M%S"):
        rows = [(row[0], "+02:00", *row[1:]) for row in bars(form, 86_400_000)]
        names = "date,clock" if "," in form else "time"
        check_bars(read(text_of(f"{names},tz,{OHLCV}", rows)), "1d")


def test_a_row_whose_hours_from_utc_are_left_out_is_rejected():
    rows = [(row[0], "" if at == 7 else "+00:00", *row[1:]) for at, row in enumerate(bars(WALL))]
    assert read(text_of(f"time,tz,{OHLCV}", rows)).report.first_lines == {"time": [9]}


@pytest.mark.parametrize("word", ["0", "0.0", "00:00", "-300", "+2", "7200", "N/A", "nan", "None"])
@pytest.mark.parametrize("name", ["tz", "timezone", "utc_offset"])
def test_what_is_no_hours_with_their_sign_moves_nothing(word, name):
    rows = [(row[0], word, *row[1:]) for row in bars(WALL)]
    check_bars(read(text_of(f"time,{name},{OHLCV}", rows)))


def test_a_column_that_names_the_region_counts_before_one_of_hours():
    rows = [(row[0], "+00:00", "Asia/Tokyo", *row[1:]) for row in bars(WALL)]
    found = read(text_of(f"time,utc_offset,tz,{OHLCV}", rows))
    assert found.column("ts_ms")[0] == START_MS - 9 * HOUR_MS


@pytest.mark.parametrize("header", ["Time (Exchange)", "Exchange Time", "exchange_time"])
def test_the_clock_of_an_exchange_is_asked_about(header):
    content = text_of(f"{header},{OHLCV}", bars(WALL))
    with pytest.raises(QuestionOpen, match="does not say of which zone") as asked:
        read(content, "ES.csv")
    assert asked.value.question.parameter == "timezone"
    check_bars(read(content, "ES.csv", timezone="UTC"))
    beside = [(row[0], "UTC", *row[1:]) for row in bars(WALL)]
    check_bars(read(text_of(f"{header},tz,{OHLCV}", beside), "ES.csv"))
    check_bars(read(f"All times UTC\n{content}", "ES.csv"))
    check_bars(read(text_of(f"{header},{OHLCV}", bars("%Y-%m-%d %H:%M:%SZ")), "ES.csv"))
    check_bars(read(text_of(f"{header},{OHLCV}", bars()), "ES.csv"))
    for form in ("%Y-%m-%d", WALL):
        days = bars(form, 86_400_000)
        check_bars(read(text_of(f"{header},{OHLCV}", days), "ES.csv"), "1d")


@pytest.mark.parametrize("header", ["exchange_timestamp", "time_exchange", "Time (Server)"])
def test_times_that_a_recorder_took_from_the_exchange_are_utc(header):
    check_bars(read(text_of(f"{header},{OHLCV}", bars(WALL))))


def test_a_name_above_the_header_that_some_take_for_a_zone_is_none():
    for name in ("AST SpaceMobile Inc. historical prices", "Symbol: ADT", "BRT Apartments Corp"):
        check_bars(read(f"{name}\n" + text_of(f"time,{OHLCV}", bars(WALL))))


@pytest.mark.parametrize(("word", "hours"), [("BST", 1), ("CST", -6), ("IST", 5.5)])
def test_a_zone_behind_the_times_is_asked_about_by_nobody(word, hours):
    rows = [(f"{row[0]} {word}", *row[1:]) for row in bars(WALL)]
    if word == "BST":
        assert read(text_of(f"time,{OHLCV}", rows)).column("ts_ms")[0] == START_MS - HOUR_MS
    header = text_of(f"time ({word}),{OHLCV}", bars(WALL))
    assert read(header).column("ts_ms")[0] == START_MS - hours * HOUR_MS
