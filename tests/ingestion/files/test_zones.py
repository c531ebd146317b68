"""Zones that a file names: in hours from UTC, row by row, or by nobody's."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

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


@pytest.mark.parametrize("word", ["BST", "CST", "IST", "AST"])
def test_letters_that_mean_several_zones_are_asked_about(word):
    behind = text_of(f"time,{OHLCV}", [(f"{row[0]} {word}", *row[1:]) for row in bars(WALL)])
    header = text_of(f"time ({word}),{OHLCV}", bars(WALL))
    column = text_of(f"time,tz,{OHLCV}", [(row[0], word, *row[1:]) for row in bars(WALL)])
    parted = [(*row[0].split(), word, *row[1:]) for row in bars(WALL)]
    above = f"All times are in {word}\n" + text_of(f"time,{OHLCV}", bars(WALL))
    files = [behind, header, column, text_of(f"date,time,tz,{OHLCV}", parted)]
    for content in files if word == "AST" else [*files, above]:
        with pytest.raises(QuestionOpen, match=f"names the zone {word}, which means several"):
            read(content, "KO.csv")
        found = read(content, "KO.csv", timezone="+06:00")
        assert found.column("ts_ms")[0] == START_MS - 6 * HOUR_MS


def test_the_other_name_of_a_region_s_clock_tells_what_letters_mean():
    for words, hours in ((("GMT", "BST"), (0, 1)), (("CDT", "CST"), (-5, -6))):
        moments = [START_MS + HOUR_MS * at for at in range(40)]
        rows = []
        for at, ms in enumerate(moments):
            wall = datetime.fromtimestamp(ms / 1_000 + 3_600 * hours[at // 20], UTC)
            rows.append((f"{wall.strftime(WALL)} {words[at // 20]}", 5, 6, 4, 5, 1))
        assert read(text_of(f"time,{OHLCV}", rows), "KO.csv").column("ts_ms") == moments


def test_est_is_asked_about_where_the_market_is_australia_s():
    rows = [(f"{row[0]} EST", "BHP.AX", *row[1:]) for row in bars(WALL)]
    content = text_of(f"time,symbol,{OHLCV}", rows)
    with pytest.raises(QuestionOpen, match="EST, which means several"):
        read(content)
    found = read(content, timezone="+10:00")
    assert found.column("ts_ms")[0] == START_MS - 10 * HOUR_MS
    elsewhere = read(content.replace("BHP.AX", "MAX"))
    assert elsewhere.column("ts_ms")[0] == START_MS + 5 * HOUR_MS


# --- the hour that a clock repeats, and the one that it skips ------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
#: Two hours before clocks are put back in Berlin.
AUTUMN = datetime(2025, 10, 25, 23, tzinfo=UTC)


def on_the_wall(step_s: float, count: int) -> tuple[list[tuple[str, ...]], list[int]]:
    """Trades by Berlin's clock, and when they were."""
    moments = [AUTUMN + timedelta(seconds=step_s * at) for at in range(count)]
    rows = [(one.astimezone(BERLIN).strftime(f"{WALL}.%f"), f"{5 + at}", "1")
            for at, one in enumerate(moments)]  # fmt: skip
    return rows, [round(one.timestamp() * 1_000) for one in moments]


@pytest.mark.parametrize(("step_s", "count"), [(17.3, 700), (1.1, 10_000), (300, 40), (1_800, 9)])
def test_a_step_back_says_which_hour_of_two_a_row_is_of(step_s, count):
    rows, moments = on_the_wall(step_s, count)
    for content in (rows, rows[::-1]):
        found = read(text_of("time,price,size", content), timezone="Europe/Berlin")
        assert found.column("ts_ms") == moments
        assert found.report.rejected == {}
    named = read(text_of("time (Berlin),price,size", rows))
    assert named.column("ts_ms") == moments
    behind = [(f"{row[0]} Europe/Berlin", *row[1:]) for row in rows]
    assert read(text_of("time,price,size", behind)).column("ts_ms") == moments


@pytest.mark.parametrize("step_s", [300, 1_800, 3_600])
def test_bars_of_both_hours_are_kept(step_s):
    rows, moments = on_the_wall(step_s, 40)
    for content in (rows, rows[::-1]):
        found = read(text_of("time,close,volume", content), "KO.csv", timezone="Europe/Berlin")
        assert (found.column("ts_ms"), found.report.rejected) == (moments, {})


def test_bars_of_several_symbols_keep_both_hours_each():
    rows, moments = on_the_wall(300, 60)
    woven = [(row[0], name, *row[1:]) for row in rows for name in ("KO", "PEP")]
    blocks = sorted(woven, key=lambda row: row[1])
    for content in (woven, blocks):
        found = read(text_of("time,symbol,close,volume", content), timezone="Europe/Berlin")
        assert found.column("ts_ms", "KO") == found.column("ts_ms", "PEP") == moments


def test_rows_of_an_hour_of_which_nothing_tells_are_rejected_by_their_lines():
    rows, moments = on_the_wall(300, 60)
    hour = slice(12, 24)  # the first pass, from 2:00 to 2:55 of summer time
    for content, kept in (
        (rows[:24] + rows[36:], moments[:12] + moments[36:]),
        (rows[:12] + rows[24:], moments[:12] + moments[36:]),
    ):
        found = read(text_of("time,price,size", content), timezone="Europe/Berlin")
        assert found.column("ts_ms") == kept
        assert found.report.rejected == {"repeated-hour": 12}
        assert found.report.first_lines["repeated-hour"] == list(range(14, 19))
    alone = read(text_of("time,price,size", rows[:14]), timezone="Europe/Berlin")
    assert alone.report.rejected == {"repeated-hour": 2}
    disordered = rows[hour] + rows[40:] + rows[:12] + rows[24:40]
    random.Random(3).shuffle(disordered)
    found = read(text_of("time,price,size", disordered), timezone="Europe/Berlin")
    assert found.report.rejected == {"repeated-hour": 24}


def test_an_hour_that_the_clock_skips_is_no_time():
    skipped = ["2025-03-30 01:59:00", "2025-03-30 02:30:00", "2025-03-30 03:00:00"]
    rows = [(time, 5, 1) for time in skipped]
    found = read(text_of("time,price,size", rows), timezone="Europe/Berlin")
    assert found.report.first_lines == {"time": [3]}


def test_times_with_their_own_zone_are_of_no_repeated_hour():
    rows, moments = on_the_wall(300, 60)
    stamped = [(datetime.fromtimestamp(ms / 1_000, UTC).isoformat(), *row[1:])
               for ms, row in zip(moments, rows, strict=True)]  # fmt: skip
    found = read(text_of("time,price,size", stamped), timezone="Europe/Berlin")
    assert (found.column("ts_ms"), found.report.rejected) == (moments, {})
