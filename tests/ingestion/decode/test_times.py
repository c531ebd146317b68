"""Times: what a float can hold comes out to the millisecond."""

from __future__ import annotations

import pytest

from ingestion.decode.times import END_MS, parse_time

SECOND = 1_723_161_256


@pytest.mark.parametrize("start", [SECOND, 946_684_800, 2_236_783_810, 4_102_444_799])
def test_a_float_of_seconds_is_the_millisecond_that_was_meant(start: int) -> None:
    for millisecond in range(1_000):
        meant = start * 1_000 + millisecond
        assert parse_time(meant / 1_000) == meant
        assert parse_time(f"{start}.{millisecond:03d}") == meant


def test_what_is_finer_than_a_millisecond_is_cut_off() -> None:
    assert parse_time(SECOND + 0.3229) == SECOND * 1_000 + 322
    assert parse_time(f"{SECOND}.322999") == SECOND * 1_000 + 322
    assert parse_time(SECOND * 1_000_000 + 322_999) == SECOND * 1_000 + 322


def test_the_last_moment_stays_before_the_end() -> None:
    assert parse_time(END_MS / 1_000 - 1e-6) == END_MS - 1
    assert parse_time(END_MS / 1_000) is None
