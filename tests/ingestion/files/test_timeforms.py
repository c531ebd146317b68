"""Columns of times: what is none is told."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ingestion.files.timeforms import NO_TIME, Reading, times


@pytest.mark.parametrize(
    "text",
    ["0024-08-08 23:54:16", "2024-08-08T23:54:16-24:00", "2024-08-08 23:54:16 +05:60", "24-08-08"],
)
def test_no_year_and_no_zone_is_made_of_what_is_none(text):
    assert times(pa.array(["2024-08-08 23:54:16", text]), Reading()).tolist() == [
        1_723_161_256_000,
        NO_TIME,
    ]
