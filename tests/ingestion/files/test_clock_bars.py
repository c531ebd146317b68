"""Bars of several hours that keep to a clock: in summer they open an hour earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.ingestion.files.test_forms import OHLCV, Read, read, text_of

NOTE = "keep to a clock with daylight saving"


def openings(zone: str, first: str, hours: int, count: int = 300, only: range | None = None):
    """So many openings, UTC: every few hours of a zone's clock, or those of a session's hours."""
    wall, found = datetime.fromisoformat(first), []
    while len(found) < count:
        moment = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        real = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall
        if real and (only is None or wall.hour in only):
            found.append(moment)
        wall += timedelta(hours=hours)
    return found


def of_bars(moments: list[datetime], name: str = "SPY.csv", write=datetime.isoformat) -> Read:
    rows = [(write(moment), 5, 7, 4, 6, 1) for moment in moments]
    return read(text_of(f"time,{OHLCV}", rows), name)


def check(found: Read, timeframe: str, moments: list[datetime], name: str = "SPY") -> None:
    """Every bar is there at its time, and the report says what was seen."""
    assert (found.report.timeframe, found.report.rejected) == (timeframe, {})
    wanted = [int(moment.timestamp() * 1_000) for moment in moments]
    assert list(found.column("ts_ms", name)) == wanted
    assert sum(NOTE in note for note in found.report.notes) == 1


@pytest.mark.parametrize("hours", [2, 4, 6, 8, 12])
@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("America/New_York", "2025-03-01T00:00"),
        ("America/New_York", "2025-10-20T00:00"),
        ("Europe/Athens", "2025-03-20T00:00"),
        ("Europe/Berlin", "2025-10-20T00:00"),
        ("Australia/Sydney", "2025-03-30T00:00"),
        ("Australia/Sydney", "2025-09-25T00:00"),
        ("America/Santiago", "2025-08-25T00:00"),
        ("Asia/Jerusalem", "2025-03-20T00:00"),
        ("America/New_York", "2023-01-01T00:00"),
    ],
)
def test_bars_of_hours_are_as_long_as_their_clock_says(zone, first, hours):
    count = 2_000 if first.startswith("2023") else 200
    moments = openings(zone, first, hours, count)
    check(of_bars(moments), f"{hours}h", moments)
    local = lambda moment: moment.astimezone(ZoneInfo(zone)).isoformat()  # noqa: E731
    check(of_bars(moments, write=local), f"{hours}h", moments)


@pytest.mark.parametrize("hours", [6, 12])
def test_closes_that_keep_to_a_clock_are_bars_and_no_trades(hours):
    moments = openings("America/New_York", "2025-03-01T00:00", hours, 200)
    rows = [(moment.isoformat(), 5 + at % 3, 7) for at, moment in enumerate(moments)]
    check(read(text_of("time,last,volume", rows), "SPY.csv"), f"{hours}h", moments)


def test_bars_of_a_session_keep_to_the_clock_of_their_exchange():
    moments = openings("America/New_York", "2025-02-20T09:30", 4, 80, only=range(9, 14))
    check(of_bars(moments), "4h", moments)


def test_a_clock_that_changed_just_before_the_end_costs_no_bar():
    moments = openings("America/New_York", "2025-01-30T00:00", 4)
    end = datetime(2025, 3, 9, 20, tzinfo=UTC)
    moments = [moment for moment in moments if moment <= end]
    assert len(moments) > 200
    check(of_bars(moments), "4h", moments)


def test_the_name_of_a_file_and_its_bars_say_the_same():
    moments = openings("Europe/London", "2025-03-20T00:00", 4)
    check(of_bars(moments, "SPY_4h.csv"), "4h", moments)


def test_symbols_on_the_same_clock_are_of_the_same_bars():
    moments = openings("Europe/Athens", "2025-03-20T00:00", 4, 150)
    rows = [(name, moment.isoformat(), 5, 7, 4, 6, 1) for moment in moments for name in "AB"]
    found = read(text_of(f"symbol,time,{OHLCV}", rows), "x.csv")
    for name in "AB":
        check(found, "4h", moments, name)


def test_a_bar_that_is_off_the_clock_is_rejected_by_its_line():
    moments = openings("America/New_York", "2025-03-01T00:00", 4, 200)
    rows = [(moment.isoformat(), 5, 7, 4, 6, 1) for moment in moments]
    rows[50] = ((moments[50] + timedelta(minutes=7)).isoformat(), 5, 7, 4, 6, 1)
    found = read(text_of(f"time,{OHLCV}", rows), "x.csv")
    assert (found.report.timeframe, found.report.first_lines) == ("4h", {"time-grid": [52]})


def test_a_bar_that_is_off_the_grid_makes_no_clock_of_bars_of_utc():
    moments = openings("UTC", "2025-03-01T00:00", 4, 200)
    moments[50] += timedelta(minutes=7)
    del moments[51]
    found = of_bars(moments)
    assert (found.report.timeframe, found.report.notes) == ("4h", ())
    assert found.report.first_lines == {"time-grid": [52]}


@pytest.mark.parametrize("kept", [(0, 4, 8, 12, 16, 20, 21), (1, 5, 6, 9, 13), (0, 3, 8)])
def test_thin_bars_of_an_hour_are_of_an_hour(kept):
    moments = [at for at in openings("UTC", "2025-03-01T00:00", 1, 600) if at.hour in kept]
    found = of_bars(moments)
    assert (found.report.timeframe, found.report.rejected, found.report.notes) == ("1h", {}, ())


def test_thin_bars_of_an_hour_of_a_session_are_of_an_hour():
    hours = (0, 4, 8, 12, 13)
    moments = openings("America/New_York", "2025-02-20T00:00", 1, 900)
    moments = [at for at in moments if at.astimezone(ZoneInfo("America/New_York")).hour in hours]
    assert of_bars(moments).report.timeframe == "1h"


def test_few_bars_tell_nothing_of_a_clock():
    moments = openings("America/New_York", "2025-03-08T12:00", 4, 8)
    assert of_bars(moments).report.timeframe == "1h"
