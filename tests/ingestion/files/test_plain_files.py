"""Plain files that a rule for odd ones must not touch: read as they are, or asked about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from ingestion.files.errors import QuestionOpen, UploadError
from ingestion.files.lines import MAX_LINE
from ingestion.files.zones import zone_in
from tests.ingestion.files.test_forms import (
    DAY_MS,
    OHLCV,
    START_MS,
    VOLUME,
    WALL,
    bars,
    check_bars,
    read,
    text_of,
)


def ticks(*cells: Any) -> list[tuple[Any, ...]]:
    """Rows of trades, one a second; a list among the cells is taken by turns."""
    return [
        (START_MS + 1_000 * at, *(c[at % len(c)] if isinstance(c, list) else c for c in cells))
        for at in range(40)
    ]


def only_ticks(content: str) -> tuple[set[float], set[float]]:
    """The prices and the sizes of a file of trades of one symbol."""
    found = read(content)
    assert list(found.rows) == ["BTCUSDT"]
    assert found.report.rows == found.report.accepted == 40
    return set(found.column("price")), set(found.column("size"))


# --- names that may mean something else --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (
            "bitcoin_1min.csv",
            "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price",
        ),
        ("ethereum_1min.csv", "Date,Open,High,Low,Close,Volume (ETH),Volume (USD),Weighted_Price"),
        ("XBTUSD.csv", "Date,Open,High,Low,Close,Volume BTC,Volume USD,Weighted_Price"),
    ],
)
def test_a_volume_in_coins_is_the_volume_where_no_symbol_says_otherwise(name, header):
    found = read(text_of(header, [(*row, row[5] * row[4], row[4]) for row in bars()]), name)
    assert found.column("volume") == VOLUME.tolist()
    header = ",".join(header.split(",")[:6])
    assert read(text_of(header, bars()), name).column("volume") == VOLUME.tolist()


def test_a_volume_in_the_quote_currency_is_still_none():
    for name, header in (("ETHBTC.csv", "Volume BTC"), ("bitcoin.csv", "Volume (USD)")):
        found = read(text_of(f"time,open,high,low,close,{header}", bars()), name)
        assert np.isnan(found.column("volume")).all()


def test_a_header_one_name_short_leaves_the_last_column_unnamed():
    sized = [(*row[:-1], at + 17) for at, row in enumerate(ticks(5.5, 1.25, 0))]
    assert only_ticks(text_of("timestamp,price,size", sized)) == ({5.5}, {1.25})
    sided = text_of("time,price,size", ticks(5.5, 1.25, ["buy", "sell"]))
    assert only_ticks(sided) == ({5.5}, {1.25})
    priced = text_of("price,size,time", [(5, 2, row[0], 17) for row in ticks()])
    assert only_ticks(priced) == ({5.0}, {2.0})
    check_bars(read(text_of("time,open,high,low,close", bars())))


def test_names_of_rows_that_r_writes_are_still_no_column():
    check_bars(read(text_of(OHLCV, bars(WALL))))
    numbered = [(f'"{at + 1}"', *row) for at, row in enumerate(bars(WALL))]
    check_bars(read(text_of(f"time,{OHLCV}", numbered)))


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("timestamp,symbol,price,volume,s", ("BTCUSDT", 5.5, 0.25, list(range(1, 41)))),
        ("time,price,volume,s", (5.5, 0.25, [1, 2])),
        ("time,S/N,price,volume", (list(range(1, 41)), 5.5, 0.25)),
        ("timestamp,price,size,t", (5.5, 0.25, ["b", "s"])),
        ("timestamp,price,size,t", (5.5, 0.25, ["Buy", "Sell"])),
        ("timestamp,price,size,i", (5.5, 0.25, "1min")),
        ("timestamp,price,volume,s", (5.5, 0.25, ["B", "S"])),
        ("time,price,volume,Amount (million)", (5.5, 0.25, 1.5)),
    ],
)
def test_a_letter_beside_plain_columns_is_neither_size_nor_symbol(header, cells):
    assert only_ticks(text_of(header, ticks(*cells))) == ({5.5}, {0.25})


def test_a_letter_alone_is_still_the_size_or_the_symbol():
    assert only_ticks(text_of("t,p,s", ticks(5.5, 0.25))) == ({5.5}, {0.25})
    assert set(read(text_of("t,p,q,i", ticks(5.5, 0.25, ["KO", "PEP"]))).rows) == {"KO", "PEP"}


def test_a_timeframe_under_a_letter_is_no_symbol():
    found = read(text_of("t,o,h,l,c,v,i", [(*row, "1min") for row in bars()]))
    check_bars(found, symbol="BTCUSDT")
    found = read(text_of("time,open,high,low,close,s", [(*row[:5], 60) for row in bars()]))
    assert list(found.rows) == ["BTCUSDT"]
    assert np.isnan(found.column("volume")).all()


def test_tickers_that_look_like_indicators_are_symbols():
    rows = [(row[0], row[1], row[4]) for row in bars("%Y-%m-%d", DAY_MS)]
    assert set(read(text_of("Date,M24,Z24", rows)).rows) == {"M24", "Z24"}
    assert set(read(text_of("Date,BETA,KO", rows)).rows) == {"BETA", "KO"}


def test_a_column_in_millions_is_dropped_alone():
    rows = [(*row, 1.5) for row in bars("%Y-%m-%d", DAY_MS)]
    found = read(text_of("Date,open,high,low,close,volume,Amount (million)", rows))
    assert found.column("volume") == VOLUME.tolist()


def test_trades_whose_only_size_is_in_thousands_are_refused():
    with pytest.raises(UploadError, match=r"'Volume \(K\)' counts thousands"):
        read(text_of("time,price,Volume (K)", ticks(5.5, 1)))


# --- clocks --------------------------------------------------------------------------------------


def clocked(form: str, step_ms: int, count: int = 600) -> list[tuple[Any, ...]]:
    """Rows of a date, a clock as a number, and a close."""
    seconds = [(START_MS + step_ms * at) / 1_000 for at in range(count)]
    moments = [datetime.fromtimestamp(one, UTC) for one in seconds]
    return [(f"{one:%Y%m%d}", int(one.strftime(form)), 5 + at) for at, one in enumerate(moments)]


@pytest.mark.parametrize(
    ("form", "step_ms", "count"),
    [("%H%M", 60_000, 600), ("%H%M%S", 1_000, 4_000), ("%H", 3_600_000, 40), ("%H%M", 60_000, 90)],
)
@pytest.mark.parametrize("name", ["Time", "Ora"])
def test_clocks_that_lost_their_zeros_count_from_midnight(form, step_ms, count, name):
    found = read(text_of(f"Date,{name},Close", clocked(form, step_ms, count)), "KO.csv")
    assert found.column("ts_ms") == [START_MS + step_ms * at for at in range(count)]


def test_minutes_in_a_column_of_their_own_are_no_hours():
    rows = [(row[0], row[1] // 100, row[1] % 100, row[2]) for row in clocked("%H%M", 60_000, 20)]
    with pytest.raises(UploadError):
        read(text_of("Date,Hour,Minute,Close", rows))


# --- zones ---------------------------------------------------------------------------------------


def walled(zones: list[tuple[str, int]]) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Rows of closes, of which so many have each zone and its hours from UTC, and their times."""
    rows: list[tuple[Any, ...]] = []
    moments = []
    for at, (zone, hours) in enumerate(zones):
        moments.append(START_MS + 3_600_000 * at)
        wall = datetime.fromtimestamp(moments[-1] / 1_000 + 3_600 * hours, UTC)
        rows.append((wall.strftime(WALL), zone, 5 + at))
    return rows, moments


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("EST", -5), ("EDT", -4)),
        (("PST", -8), ("PDT", -7)),
        (("CET", 1), ("CEST", 2)),
        (("GMT", 0), ("BST", 1)),
        (("UTC", 0), ("Asia/Tokyo", 9)),
    ],
)
@pytest.mark.parametrize("count", [20, 600])
def test_zones_beside_the_times_count_row_by_row(before, after, count):
    if count == 20 and before[0] == "UTC":
        return  # several regions in the first rows are asked about
    rows, moments = walled([before] * count + [after] * 20)
    assert read(text_of("time,tz,close", rows), "KO.csv").column("ts_ms") == moments


def test_a_zone_that_nobody_knows_in_later_rows_is_no_time():
    rows, _ = walled([("EST", -5)] * 600 + [("XYZ", 0)] * 3)
    assert read(text_of("time,tz,close", rows), "KO.csv").report.rejected == {"time": 3}


def test_winter_and_summer_of_a_region_beside_a_clock_are_its_clock():
    rows, moments = walled([("CST", -6)] * 30 + [("CDT", -6)] * 10)
    parted = [(*row[0].split(), *row[1:]) for row in rows]
    found = read(text_of("date,time,tz,close", parted), "KO.csv")
    assert found.column("ts_ms") == moments
    assert "column 'tz' reads CDT, CST" in " ".join(found.report.notes)


def test_a_zone_in_the_header_moves_no_days():
    found = read(text_of(f"Date (UTC+8),{OHLCV}", bars("%Y-%m-%d", DAY_MS)))
    assert found.column("ts_ms")[0] == START_MS
    for form in ("%Y%m%d %H%M%S", WALL):
        found = read(text_of(f"Date (UTC+8),{OHLCV}", bars(form)))
        assert found.column("ts_ms")[0] == START_MS - 8 * 3_600_000


@pytest.mark.parametrize("form", ["%Y%m%d %H%M%S", WALL])
def test_a_zone_column_counts_for_digits_as_for_marks(form):
    rows = [(row[0], "America/New_York", *row[1:]) for row in bars(form)]
    found = read(text_of(f"time,tz,{OHLCV}", rows))
    assert found.column("ts_ms")[0] == START_MS + 5 * 3_600_000


@pytest.mark.parametrize("zone", ["UTC+24", "UTC+99", "GMT-3:75"])
def test_a_zone_that_cannot_be_is_none(zone):
    check_bars(read(text_of(f"Time ({zone}),{OHLCV}", bars(WALL))))


def test_times_with_z_need_no_zone_from_a_column_beside():
    zones = ["America/New_York", "Europe/London"]
    rows = [(row[0], zones[at % 2], *row[1:]) for at, row in enumerate(bars(f"{WALL}Z"))]
    check_bars(read(text_of(f"time,timezone,{OHLCV}", rows)))


def test_sessions_of_a_market_are_no_zones_of_times():
    zones = ["London", "Tokyo"]
    rows = [(row[0], zones[at % 2], *row[1:]) for at, row in enumerate(bars(WALL))]
    check_bars(read(text_of(f"time,zone,{OHLCV}", rows)), symbol="BTCUSDT")


@pytest.mark.timeout(120)  # a guard against hanging: what is not linear takes an hour of this line
def test_long_names_and_runs_of_blanks_are_read_once():
    assert zone_in("A" * 200_000) is None
    rows = [(*row[0].split(), *row[1:]) for row in bars(WALL)]
    long = f"x{' ' * (MAX_LINE - 2)}y\n"
    found = read(text_of("date time open high low close volume", rows, " ") + long)
    assert found.report.accepted == 40


# --- dates ---------------------------------------------------------------------------------------


def test_years_of_two_digits_behind_are_read():
    march = [f"{day:02d}/03/{year}" for year in (18, 19, 20) for day in range(1, 13)]
    ends = [f"{month}/{year}" for year in range(15, 25) for month in ("03/30", "03/31", "12/31")]
    rows = [(day, 5 + at) for at, day in enumerate(march)]
    found = read(text_of("Date,Close", rows), "KO.csv", dayfirst=True)
    assert found.column("ts_ms")[1] == int(datetime(2018, 3, 2, tzinfo=UTC).timestamp() * 1_000)
    with pytest.raises(QuestionOpen, match="ambiguous"):
        read(text_of("Date,Close", rows), "KO.csv")
    found = read(text_of("Date,Close", [(day, 5) for day in ends]), "KO.csv", timeframe="1d")
    assert found.column("ts_ms")[0] == int(datetime(2015, 3, 30, tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize("step", [1, 7, 30])
def test_years_of_two_digits_in_front_are_still_refused(step):
    rows = [(row[0], 5) for row in bars("%y/%m/%d", step * DAY_MS)]
    with pytest.raises(UploadError, match="the year has two digits"):
        read(text_of("Date,Close", rows), "KO.csv")


def test_a_list_between_quotes_tells_nothing_of_the_prices():
    rows = [(row[0], f"{149 + at}.230", "0.100", '"12,37"') for at, row in enumerate(bars())]
    found = read(text_of("time,price,size,conditions", rows), "KO.csv")
    assert found.column("price", "KO")[:2] == [149.23, 150.23]
    assert found.column("size", "KO")[0] == 0.1


@pytest.mark.parametrize(("price", "told"), [("149,230", "-0,27%"), ("102.429,5", "0,1")])
def test_a_comma_may_stand_before_decimals_in_quotes_beside_commas(price, told):
    rows = [(row[0], f'"{price}"', f'"{told}"') for row in bars("%d.%m.%Y", DAY_MS)]
    found = read(text_of('"Datum","Zuletzt","+/- %"', rows), "USDJPY.csv")
    assert set(found.column("close")) == {149.23 if "149" in price else 102_429.5}
    english = [(row[0], '"149,230"', '"-0.27%"') for row in bars("%Y-%m-%d", DAY_MS)]
    found = read(text_of('"Date","Price","Change %"', english), "USDJPY.csv")
    assert set(found.column("close")) == {149_230}


def test_an_hour_of_twelve_behind_the_date_counts():
    found = read(text_of(f"Date,{OHLCV}", bars("%Y-%m-%d %I-%p", 3_600_000)), "BTCUSD.csv")
    check_bars(found, "1h")
