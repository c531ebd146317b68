"""What the statistics accept, and in what words they refuse the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.arrays import series, table, two_series, whole


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0],
        (1, 2, 3),
        np.array([1, 2, 3], dtype=np.int32),
        np.array([1, 2, 3], dtype=">f8"),
        np.arange(6.0)[1:4],
        np.array([3.0, 2.0, 1.0])[::-1],
        pd.Series([1, 2, 3], index=[7, 8, 9]),
        pd.Series([1, 2, 3], dtype="Int64"),
    ],
    ids=lambda values: f"{type(values).__name__}-{getattr(values, 'dtype', '')}",
)
def test_numbers_come_in_as_read_only_doubles(values):
    array = series("x", values)
    assert array.tolist() == [1.0, 2.0, 3.0]
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    assert not array.flags.writeable


@pytest.mark.parametrize(
    "values",
    [
        [1.0, None, 3.0],
        pd.Series([1.0, None, 3.0]),
        pd.Series([1.0, pd.NA, 3.0], dtype="Float64"),
        np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    ],
)
def test_what_is_missing_becomes_nan(values):
    np.testing.assert_array_equal(series("x", values), [1.0, np.nan, 3.0])


def test_the_callers_array_stays_writable():
    mine = np.zeros(3)
    series("x", mine)
    mine[0] = 1.0
    assert mine[0] == 1.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", "b"], "x holds values that are no numbers"),
        (3.0, "x has 0 dimensions, expected 1"),
        ([[1.0, 2.0]], "x has 2 dimensions, expected 1"),
        ([[1.0], [1.0, 2.0]], "x holds values that are no numbers"),
        (np.array(["2024-01-01"], dtype="datetime64[s]"), "x holds datetime64"),
        (pd.Series(pd.to_datetime(["2024-01-01"])), "x holds datetime64"),
        (np.array([1 + 2j]), "x holds complex128"),
    ],
)
def test_what_is_no_series_of_numbers_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        series("x", values)


def test_a_table_has_a_column_a_leg():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, None]})
    np.testing.assert_array_equal(table("x", frame), [[1, 3], [2, np.nan]])
    assert table("x", [1, 2, 3]).shape == (3, 1)
    with pytest.raises(ValueError, match="x has 3 dimensions, expected 1 or 2"):
        table("x", np.zeros((1, 1, 1)))


def test_two_series_must_be_equally_long():
    with pytest.raises(ValueError, match="y has 2 values and x 3, expected as many"):
        two_series("y", [1, 2], "x", [1, 2, 3])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "window is 1, expected at least 2"),
        (2.0, "window is 2.0, expected a whole number"),
        (True, "window is True, expected a whole number"),
        ("9", "window is '9', expected a whole number"),
    ],
)
def test_a_window_is_a_whole_number(value, words):
    assert whole("window", np.int32(2), 2) == 2
    with pytest.raises(ValueError, match=words):
        whole("window", value, 2)
