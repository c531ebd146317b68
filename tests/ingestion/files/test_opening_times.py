"""Long tables of symbols whose bars open at other minutes, or hours, than those of others."""

from __future__ import annotations

import numpy as np
import pytest

from ingestion.files.bar_hold import HOLD
from ingestion.files.errors import QuestionOpen, UploadError
from tests.ingestion.files.test_forms import DAY_MS, OHLCV, START_MS, Read, read, text_of, zipped

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def long_table(times: dict[str, list[int]], header: str = f"symbol,time,{OHLCV}") -> str:
    """Bars of symbols at these times after the first, in the order of time."""
    rows = [(name, START_MS + moment, 5, 7, 4, 6, 1) for name, of in times.items() for moment in of]
    return text_of(header, sorted(rows, key=lambda row: row[1]))


def every(step: int, offset: int = 0, count: int = 40) -> list[int]:
    return [offset + step * at for at in range(count)]


def check(found: Read, timeframe: str, times: dict[str, list[int]]) -> None:
    """Every bar is there, at the time that it opens."""
    assert (found.report.timeframe, found.report.rejected) == (timeframe, {})
    for name, of in times.items():
        assert (np.array(found.column("ts_ms", name)) - START_MS).tolist() == of


@pytest.mark.parametrize(
    ("timeframe", "step", "offsets"),
    [
        ("1h", HOUR_MS, (0, 30 * MINUTE_MS)),
        ("1h", HOUR_MS, (15 * MINUTE_MS, 30 * MINUTE_MS)),
        ("1h", HOUR_MS, (0, 15 * MINUTE_MS, 30 * MINUTE_MS, 45 * MINUTE_MS)),
        ("4h", 4 * HOUR_MS, (0, HOUR_MS)),
        ("5m", 5 * MINUTE_MS, (0, 500)),
        ("1d", DAY_MS, (0, 5 * HOUR_MS)),
        ("7d", 7 * DAY_MS, (0, DAY_MS)),
    ],
)
def test_bars_that_open_at_other_times_are_as_long_as_those_of_their_symbol(
    timeframe, step, offsets
):
    times = {"ABC"[at % 3] + str(at): every(step, offset) for at, offset in enumerate(offsets)}
    found = read(long_table(times), "x.csv")
    check(found, timeframe, times)
    (note,) = found.report.notes
    assert f"bars of {timeframe} do not open together: those of B1 " in note
    assert "no bar in which both traded" in note


def test_those_who_open_together_are_named_together_and_without_a_note_where_all_do():
    times = {"A": every(HOUR_MS), "B": every(HOUR_MS, 30 * MINUTE_MS), "C": every(HOUR_MS)}
    (note,) = read(long_table(times), "x.csv").report.notes
    assert "those of B 30m after those of A, C." in note
    alike = {"A": every(HOUR_MS, 30 * MINUTE_MS), "B": every(HOUR_MS, 30 * MINUTE_MS)}
    found = read(long_table(alike), "x.csv")
    check(found, "1h", alike)
    assert found.report.notes == ()


def test_sessions_that_open_at_other_minutes_are_told_though_the_nights_are_missing():
    opens = {"A": 555 * MINUTE_MS, "B": 570 * MINUTE_MS}
    times = {
        name: [DAY_MS * day + at for day in range(5) for at in every(HOUR_MS, opening, 7)]
        for name, opening in opens.items()
    }
    check(read(long_table(times), "x.csv"), "1h", times)


def test_a_column_that_names_the_timeframe_keeps_the_bars_of_all_symbols():
    times = {"A": every(HOUR_MS), "B": every(HOUR_MS, 30 * MINUTE_MS)}
    lines = long_table(times).splitlines()
    named = "\n".join([f"interval,{lines[0]}", *(f"1h,{line}" for line in lines[1:])])
    check(read(named, "x.csv"), "1h", times)


def test_times_at_which_bars_end_are_taken_by_the_beginning_of_each_symbol_s():
    times = {"A": every(HOUR_MS, HOUR_MS), "B": every(HOUR_MS, 90 * MINUTE_MS)}
    found = read(long_table(times, f"symbol,close_time,{OHLCV}"), "x.csv")
    check(found, "1h", {name: [at - HOUR_MS for at in of] for name, of in times.items()})
    ends = {"A": every(HOUR_MS, HOUR_MS - 1), "B": every(HOUR_MS, HOUR_MS)}
    found = read(long_table(ends), "x.csv")
    check(found, "1h", {"A": every(HOUR_MS), "B": every(HOUR_MS, HOUR_MS)})


def test_thin_bars_and_those_of_five_minutes_beside_others_stay_bars_of_a_minute():
    thin = [0, 2, 7, 12, 14, 21, 30, 33, 37, 48, 51]
    for others in ([1, 4, 6, 19, 29], every(5), [1, 11], [7]):
        times = {name: [MINUTE_MS * at for at in of] for name, of in (("A", thin), ("B", others))}
        check(read(long_table(times), "x.csv"), "1m", times)
    alone = {"A": [MINUTE_MS * at for at in (1, 6, 13)]}
    check(read(long_table(alone), "x.csv"), "1m", alone)


def test_a_symbol_of_few_bars_between_those_of_another_is_asked_about():
    times = {"A": every(5 * MINUTE_MS), "B": [MINUTE_MS, 11 * MINUTE_MS]}
    content = long_table(times)
    with pytest.raises(QuestionOpen, match="5m apart, those of all 1m") as asked:
        read(content, "x.csv")
    assert asked.value.question.parameter == "timeframe"
    assert [choice.value for choice in asked.value.question.choices] == ["5m", "1m"]
    for timeframe in ("5m", "1m"):
        check(read(content, "x.csv", timeframe=timeframe), timeframe, times)
    with pytest.raises(QuestionOpen, match="5m apart, those of all 1m"):
        read(content, "x.csv", timeframe="1h")


def test_a_bar_amiss_leaves_the_others_the_times_at_which_they_open():
    times = {"A": every(HOUR_MS), "B": every(HOUR_MS, 30 * MINUTE_MS)}
    amiss = {**times, "B": [*times["B"], 45 * HOUR_MS + 7 * MINUTE_MS]}
    found = read(long_table(amiss), "x.csv")
    assert found.report.rejected == {"time-grid": 1}
    assert (found.report.timeframe, len(found.column("close", "B"))) == ("1h", 40)
    lone = read(long_table({"B": amiss["B"]}), "x.csv")
    assert (lone.report.timeframe, lone.report.rejected) == ("1h", {"time-grid": 1})


def test_an_answer_of_the_step_that_all_times_share_is_refused_where_symbols_tell_theirs():
    content = long_table({"A": every(HOUR_MS), "B": every(HOUR_MS, 30 * MINUTE_MS)})
    with pytest.raises(UploadError, match="these are bars of 1h, and those of 30m were asked for"):
        read(content, "x.csv", timeframe="30m")


def test_midnights_of_zones_with_daylight_saving_are_dates_beside_one_another():
    midnights = {"KO": 28, "DAX": 22}
    times = {
        name: [DAY_MS * day + (hour + (day >= 40)) * HOUR_MS for day in range(80)]
        for name, hour in midnights.items()
    }
    found = read(long_table(times), "x.csv")
    dates = every(DAY_MS, DAY_MS - START_MS % DAY_MS, 80)
    check(found, "1d", {"KO": dates, "DAX": dates})


def test_a_symbol_that_comes_late_in_a_long_file_has_a_grid_of_its_own():
    first = [("A", START_MS + MINUTE_MS * at, 5, 7, 4, 6, 1) for at in range(HOLD + 10)]
    late = [("B", START_MS + MINUTE_MS * at + 30_000, 5, 7, 4, 6, 1) for at in range(40)]
    found = read(text_of(f"symbol,time,{OHLCV}", first + late), "x.csv")
    assert (found.report.timeframe, found.report.rejected) == ("1m", {})
    assert len(found.column("ts_ms", "B")) == 40


def test_a_bar_of_each_symbol_tells_no_timeframe():
    content = long_table({"A": [0], "B": [3 * DAY_MS]})
    with pytest.raises(UploadError, match="one bar alone"):
        read(content, "x.csv")
    check(read(content, "x.csv", timeframe="1d"), "1d", {"A": [0], "B": [3 * DAY_MS]})


def test_members_of_an_archive_whose_bars_open_at_other_times_are_told_too():
    times = {"A": every(HOUR_MS), "B": every(HOUR_MS, 30 * MINUTE_MS)}
    both = long_table(times)
    found = read(zipped({"x.csv": both, "KO.csv": long_table({"KO": every(HOUR_MS)})}), "x.zip")
    check(found, "1h", {**times, "KO": every(HOUR_MS)})
    assert sum("do not open together" in note for note in found.report.notes) == 1
    apart = {f"{name}.csv": long_table({name: of}) for name, of in times.items()}
    notes = read(zipped(apart), "x.zip").report.notes
    assert any("those of B 30m after those of A" in note for note in notes)
