"""Bars of several timeframes in one file or archive: asked about, and read as answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ingestion.files.errors import QuestionOpen, UploadError
from tests.ingestion.files.test_forms import (
    CLOSE,
    DAY_MS,
    OHLCV,
    START_MS,
    bars,
    check_bars,
    read,
    text_of,
    zipped,
)

STEPS = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000}


def table(timeframe: str, header: str = f"time,{OHLCV}") -> str:
    """Bars of a timeframe as CSV."""
    return text_of(header, bars(step_ms=STEPS[timeframe]))


def of_several(*timeframes: str) -> str:
    """Bars of several timeframes one below the other, with a column that names them."""
    rows = [(name, *row) for name in timeframes for row in bars(step_ms=STEPS[name])]
    return text_of(f"interval,open_time,{OHLCV}", rows)


def choices(content: bytes | str, name: str) -> list[str]:
    """The answers to the question that a file leaves open."""
    with pytest.raises(QuestionOpen, match="several timeframes") as asked:
        read(content, name)
    assert asked.value.question.parameter == "timeframe"
    return [choice.value for choice in asked.value.question.choices]


@pytest.mark.parametrize("order", [("1m", "1h", "5m"), ("1h", "5m", "1m")])
def test_an_archive_of_several_timeframes_is_asked_about_whatever_comes_first(order):
    packed = zipped({f"BTCUSDT_{name}.csv": table(name) for name in order})
    assert choices(packed, "x.zip") == ["1m", "5m", "1h"]
    for name in order:
        found = read(packed, "x.zip", timeframe=name)
        check_bars(found, name, "BTCUSDT")
        assert found.report.accepted == 40
        assert sum("was not read" in note for note in found.report.notes) == 2


def test_two_symbols_of_two_timeframes_are_asked_about_too():
    packed = zipped({"KO.csv": table("1m"), "PEP.csv": table("1h")})
    assert choices(packed, "x.zip") == ["1m", "1h"]
    assert list(read(packed, "x.zip", timeframe="60m").rows) == ["PEP"]


def test_the_name_of_a_file_does_not_make_its_bars_those_of_another_timeframe():
    files = {"KO_1m.csv": table("1m"), "SPX_1m.csv": table("1h"), "notes.txt": "no bars\nat all\n"}
    assert choices(zipped(files), "x.zip") == ["1m", "1h"]
    with pytest.raises(QuestionOpen) as asked:
        read(zipped(files), "x.zip")
    assert "notes" not in str(asked.value.question)
    assert list(read(zipped(files), "x.zip", timeframe="1h").rows) == ["SPX"]


def test_timeframes_that_columns_name_are_asked_about_in_an_archive():
    packed = zipped({f"{name}/KO.csv": of_several(name) for name in ("5m", "1m")})
    assert choices(packed, "x.zip") == ["1m", "5m"]
    check_bars(read(packed, "x.zip", timeframe="5m"), "5m", "KO")


def test_a_column_of_several_timeframes_is_asked_about_and_the_others_are_counted():
    content = of_several("5m", "1m", "1h")
    assert choices(content, "KO.csv") == ["1m", "5m", "1h"]
    for name in STEPS:
        found = read(content, "KO.csv", timeframe=name)
        check_bars(found, name)
        assert found.report.rejected == {"timeframe": 80}
        assert found.report.first_lines["timeframe"][0] == (42 if name == "5m" else 2)


def test_the_timeframe_asked_for_is_read_though_it_comes_late_in_a_long_file():
    rows: list[tuple[Any, ...]] = [("1m", *row) for row in bars()] * 3_000
    rows += [("5m", *row) for row in bars(step_ms=300_000)]
    found = read(text_of(f"interval,open_time,{OHLCV}", rows), "KO.csv", timeframe="5m")
    assert found.column("close") == CLOSE.tolist()
    assert found.report.rejected == {"timeframe": 120_000}


def test_a_timeframe_that_is_none_is_refused():
    with pytest.raises(UploadError, match="timeframe is 'soon', expected one such as 1m"):
        read(table("1m"), timeframe="soon")
    with pytest.raises(UploadError, match="another timeframe than the one that was asked for"):
        read(of_several("1m", "5m"), "KO.csv", timeframe="1h")


def test_a_timeframe_is_honoured_or_refused_and_never_passed_over():
    for name in ("1m", "1h"):
        check_bars(read(table(name), timeframe=name), name)
    with pytest.raises(UploadError, match="bars of 1m, and those of 5m were asked for"):
        read(table("1m"), timeframe="5m")
    with pytest.raises(UploadError, match="bars of 1h, and those of 1m were asked for"):
        read(zipped({"KO.csv": table("1h"), "PEP.csv": table("1h")}), "x.zip", timeframe="1m")
    trades = text_of("time,price,size", [(row[0] + at, 5, 1) for at, row in enumerate(bars())])
    lines = "\n".join(
        f'{{"symbol":"KO","price":5,"size":1,"timestamp":{row[0]}}}' for row in bars()
    )
    for content in (trades, lines, zipped({"KO.csv": trades, "PEP.csv": trades})):
        with pytest.raises(UploadError, match="bars of 5m were asked for, and the rows are trades"):
            read(content, "KO.csv", timeframe="5m")


# --- bars further apart than a day ----------------------------------------------------------------


def of_dates(*dates: datetime) -> str:
    """Bars at these times as CSV."""
    rows = [(f"{date:%Y-%m-%dT%H:%M:%S%z}", 5, 7, 4, 6, 1) for date in dates]
    return text_of(f"time,{OHLCV}", rows)


def days(count: int, step: int = 1, zone: tzinfo = UTC) -> list[datetime]:
    """Midnights of a zone, `step` days apart, from a Wednesday on."""
    return [datetime(2025, 1, 1, tzinfo=zone) + timedelta(days=step * at) for at in range(count)]


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Berlin")])
@pytest.mark.parametrize("months", [1, 3])
def test_bars_of_months_are_no_days(zone, months):
    firsts = [datetime(2023 + at // 12, 1 + at % 12, 1, tzinfo=zone) for at in range(0, 36, months)]
    for answer in (None, "1d"):
        with pytest.raises(UploadError, match="days apart, as those of months are") as refused:
            read(of_dates(*firsts), "KO.csv", timeframe=answer)
        assert not isinstance(refused.value, QuestionOpen)
        assert "such as 1m, 1h, 1d or 7d" in str(refused.value)
    packed = zipped({"KO.csv": of_dates(*days(40, zone=zone)), "PEP.csv": of_dates(*firsts)})
    found = read(packed, "x.zip")
    assert list(found.rows) == ["KO"]
    assert any("PEP" in note and "months" in note for note in found.report.notes)


def test_weeks_with_holidays_are_asked_about():
    weeks = days(40, 7)
    weeks[20] -= timedelta(days=1)
    weeks[30] += timedelta(days=1)
    with pytest.raises(QuestionOpen, match="6 to 8 days apart, mostly 7") as asked:
        read(of_dates(*weeks), "KO.csv")
    assert asked.value.question.parameter == "timeframe"
    assert [choice.value for choice in asked.value.question.choices] == ["1d"]
    found = read(of_dates(*weeks), "KO.csv", timeframe="1d")
    assert (found.report.timeframe, found.report.accepted) == ("1d", 40)


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")])
@pytest.mark.parametrize("step", [1, 2, 7])
def test_days_and_weeks_of_a_zone_with_daylight_saving_are_even(zone, step):
    dates = days(60, step, zone)
    found = read(of_dates(*dates), "KO.csv")
    assert (found.report.timeframe, found.report.accepted) == (f"{step}d", 60)
    times = np.array(found.column("ts_ms"))
    assert (np.diff(times) == step * DAY_MS).all()


def test_days_without_weekends_and_holidays_are_days():
    dates = [date for date in days(400) if date.weekday() < 5 and date.day != 25]
    found = read(of_dates(*dates), "KO.csv")
    assert (found.report.timeframe, found.report.accepted) == ("1d", len(dates))


@pytest.mark.parametrize("apart", [True, False])
def test_bars_of_one_and_of_five_minutes_in_one_file_are_refused(apart):
    fine = [(START_MS + 60_000 * at, 5 + at, 7 + at, 4 + at, 6 + at, 1) for at in range(40)]
    coarse = [(row[0], row[1], row[2] + 4, row[3], row[4] + 4, 5) for row in fine[::5]]
    rows = fine + coarse if apart else sorted(fine + coarse)
    with pytest.raises(UploadError, match="stand at a time that KO has already"):
        read(text_of(f"time,{OHLCV}", rows), "KO.csv")


def test_a_second_bar_of_a_day_at_midnight_does_not_take_the_first_one_s_place():
    rows = [(START_MS + 3_600_000 * at, 5 + at, 7 + at, 4 + at, 6 + at, 1) for at in range(240)]
    rows.append((rows[24][0], rows[24][1], 99, rows[24][3], 60, 24))
    found = read(text_of(f"time,{OHLCV}", rows), "KO.csv")
    assert found.column("close") == [6 + at for at in range(240)]
    assert found.report.rejected == {"duplicate-bar": 1}


@pytest.mark.parametrize("away", [133, 7 * 60])
@pytest.mark.parametrize("place", [39, 20])
@pytest.mark.parametrize("timeframe", ["5m", "1h", "4h", "7d"])
def test_one_bar_off_the_grid_of_all_others_is_rejected_by_name(timeframe, place, away):
    """As the last one is that bears the time of its download."""
    if timeframe == "5m":
        away //= 2
    rows = bars(step_ms={**STEPS, "4h": 4 * STEPS["1h"], "7d": 7 * DAY_MS}[timeframe])
    rows.insert(place + 1, (rows[place][0] + 1_000 * away, *rows[place][1:]))
    found = read(text_of(f"time,{OHLCV}", rows), "KO.csv")
    check_bars(found, timeframe)
    reason = "duplicate-bar" if timeframe == "7d" else "time-grid"  # dates have one bar each
    assert found.report.rejected == {reason: 1}
    assert found.report.first_lines == {reason: [place + 3]}


def test_a_bar_of_each_symbol_may_bear_the_time_of_the_download():
    rows = [(name, *row) for name in ("KO", "PEP") for row in bars(step_ms=STEPS["1h"])]
    rows += [(name, rows[-1][1] + 133_000, *rows[-1][2:]) for name in ("KO", "PEP")]
    found = read(text_of(f"symbol,time,{OHLCV}", rows), "x.csv")
    for name in ("KO", "PEP"):
        check_bars(found, "1h", name)
    assert found.report.rejected == {"time-grid": 2}


def test_thin_bars_are_not_taken_for_longer_ones_with_strays():
    rng = np.random.default_rng(3)
    for every in (0.9, 0.5, 0.2, 0.02):
        traded = np.flatnonzero(rng.random(2_000) < every).tolist()
        rows = [(START_MS + 60_000 * minute, 5, 7, 4, 6, 1) for minute in traded]
        found = read(text_of(f"time,{OHLCV}", rows), "KO.csv")
        assert (found.report.timeframe, found.report.rejected) == ("1m", {})


def test_adjusted_and_unadjusted_prices_stay_two_symbols():
    files = {"KO.csv": table("1m"), "KO_unadjusted.csv": table("1m")}
    assert set(read(zipped(files), "x.zip").rows) == {"KO", "KO_UNADJUSTED"}
    files = {"KO_adjsplit.csv": table("1m"), "KO_unadj.csv": table("1m")}
    assert set(read(zipped(files), "x.zip").rows) == {"KO_ADJSPLIT", "KO_UNADJ"}


def days_of(days: list[int], close: int) -> str:
    """Bars of some days of a year."""
    shown = [(datetime(2025, 1, 1) + timedelta(days=day)).strftime("%Y-%m-%d") for day in days]
    return text_of("Date,Close", [(day, close + at) for at, day in enumerate(shown)])


@pytest.mark.parametrize("last", [False, True])
def test_a_member_of_few_days_is_read_by_what_another_tells(last):
    sparse, daily = days_of([0, 1, 4, 9, 20, 33], 5), days_of(list(range(40)), 50)
    members = [("KO.csv", sparse), ("PEP.csv", daily)]
    found = read(zipped(dict(members[::-1] if last else members)), "x.zip")
    assert found.report.timeframe == "1d"
    assert found.column("close", "KO") == [5, 6, 7, 8, 9, 10]
    assert found.column("close", "PEP") == list(range(50, 90))


@pytest.mark.parametrize("few", [(0, 30, 120, 200, 205), (0, 14, 16, 100), (1, 8, 29, 64, 120)])
def test_few_days_are_days_beside_few_others(few):
    others = days_of([0, 1, 2, 3, 4, 9], 50)
    found = read(zipped({"KO.csv": others, "PEP.csv": days_of(list(few), 5)}), "x.zip")
    assert found.report.timeframe == "1d"
    assert found.column("close", "PEP") == list(range(5, 5 + len(few)))


def test_members_of_few_days_alone_are_asked_about():
    sparse = days_of([0, 1, 4, 9, 20, 33], 5)
    with pytest.raises(QuestionOpen, match="most of which are missing"):
        read(zipped({"KO.csv": sparse, "PEP.csv": sparse}), "x.zip")
    minutes = text_of(f"time,{OHLCV}", bars())
    for members in ([("KO.csv", sparse), ("PEP.csv", minutes)],
                    [("PEP.csv", minutes), ("KO.csv", sparse)]):  # fmt: skip
        with pytest.raises(QuestionOpen):
            read(zipped(dict(members)), "x.zip")


def test_a_member_of_one_bar_is_read_by_what_another_tells():
    one, daily = "\n" + days_of([3], 5), days_of(list(range(40)), 50)
    found = read(zipped({"KO.csv": one, "PEP.csv": daily}), "x.zip")
    assert (found.column("close", "KO"), found.report.rejected) == ([5], {})
    alone = zipped({"KO.csv": one, "PEP.csv": one})
    with pytest.raises(UploadError, match="one bar alone"):
        read(alone, "x.zip")


def test_members_of_one_bar_each_tell_the_timeframe_together():
    """The exchange's own archive has a file a day, and so have those of others' daily closes."""
    rows = days_of(list(range(9)), 50).splitlines()
    members = {
        f"KO-1d-2025-01-0{at + 1}.csv": f"{rows[0]}\n{row}\n" for at, row in enumerate(rows[1:])
    }
    found = read(zipped(members), "x.zip")
    assert (found.report.timeframe, found.column("close", "KO")) == ("1d", list(range(50, 59)))
    assert found.report.rejected == {}
    first = (0, 31, 59, 90, 120, 151, 181, 212, 243)
    months = {name: days_of([day], 5) for day, name in zip(first, members, strict=True)}
    others = {"KO.csv": days_of([3], 5), "PEP.csv": days_of([4], 5)}
    with pytest.raises(UploadError, match="one bar alone"):
        read(zipped(others), "x.zip")
    with pytest.raises(UploadError, match="as those of months are"):
        read(zipped(months), "x.zip")


def test_a_bar_alone_is_of_the_timeframe_that_is_asked_for():
    found = read(days_of([3], 5), "KO.csv", timeframe="1d")
    assert (found.report.timeframe, found.column("close", "KO")) == ("1d", [5])
    with pytest.raises(QuestionOpen, match="one bar alone tells no timeframe") as asked:
        read(days_of([3], 5), "KO.csv")
    question = asked.value.question
    assert (question.parameter, question.free) == ("timeframe", True)
    assert {"1m", "1h", "1d"} <= {choice.value for choice in question.choices}


@pytest.mark.parametrize(
    ("name", "timeframe"),
    [
        ("BTCUSDT-1h-2024-01-01.csv", "1h"),
        ("BTCUSDT_1d.csv", "1d"),
        ("Binance_BTCUSDT_15min_2024.csv", "15m"),
        ("EURUSD_H4.csv", "4h"),
        ("KO_1W.csv", "7d"),
        ("KO_daily.csv", "1d"),
        ("BTCUSDT-1M-2024-01.csv", None),
        ("KO_monthly.csv", None),
        ("KO_last_30d.csv", None),
        ("ESM25.csv", None),
        ("KO_1m_of_1h.csv", None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_bar_alone_is_of_the_timeframe_that_the_file_s_name_tells(name, timeframe, packed):
    content = text_of(f"time,{OHLCV}", bars()[:1])
    file, place = (zipped({name: content}), "x.zip") if packed else (content, name)
    if timeframe is None:
        with pytest.raises(QuestionOpen, match="one bar alone"):
            read(file, place)
        return
    found = read(file, place)
    assert (found.report.timeframe, found.report.accepted) == (timeframe, 1)
    assert f"one bar alone: of {timeframe}, as the file's name tells" in found.report.notes
    assert read(file, place, timeframe="2h").report.timeframe == "2h"


def test_members_of_a_bar_each_are_of_the_timeframe_that_their_names_tell():
    one = text_of(f"time,{OHLCV}", bars()[:1])
    found = read(zipped({"KO_1h.csv": one, "PEP_1h.csv": one}), "x.zip")
    assert (found.report.timeframe, set(found.rows)) == ("1h", {"KO", "PEP"})
    assert choices(zipped({"KO_1h.csv": one, "PEP_1d.csv": one}), "x.zip") == ["1h", "1d"]
    assert choices(zipped({"KO_1d.csv": one, "PEP.csv": table("1m")}), "x.zip") == ["1m", "1d"]
    with pytest.raises(QuestionOpen, match="one bar alone"):
        read(zipped({"KO.csv": one, "PEP.csv": one}), "x.zip")
