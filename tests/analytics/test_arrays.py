"""What the statistics accept, and in what words they refuse the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.arrays import aligned, between, dimensions, one_of, series, table, two_series, whole
from analytics.model import ParameterError


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


def labelled(*labels: object) -> pd.Series:
    """A series whose values are ten times the place of each label."""
    return pd.Series(10.0 * np.arange(len(labels)), index=list(labels))


def test_series_with_equal_indexes_go_by_position_even_where_labels_repeat():
    y, x = two_series("y", labelled(5, 5, 3), "x", labelled(5, 5, 3))
    assert y.tolist() == x.tolist() == [0.0, 10.0, 20.0]


def test_series_with_different_indexes_keep_the_labels_of_both_in_the_order_of_the_first():
    y, x = two_series("y", labelled("d", "a", "c", "b"), "x", labelled("b", "e", "d", "a"))
    assert y.tolist() == [0.0, 10.0, 30.0]  # d a b
    assert x.tolist() == [20.0, 30.0, 0.0]


def test_an_array_beside_one_series_goes_by_position():
    y, x = two_series("y", labelled(9, 8), "x", [1.0, 2.0])
    assert (y.tolist(), x.tolist()) == ([0.0, 10.0], [1.0, 2.0])
    assert two_series("y", [3.0, 4.0], "x", pd.Index([7, 8]))[1].tolist() == [7.0, 8.0]


def test_times_of_different_zones_are_joined_on_the_instant():
    utc = pd.date_range("2024-03-01 12:00", periods=3, freq="h", tz="UTC")
    y = pd.Series([1.0, 2.0, 3.0], utc)
    x = pd.Series([4.0, 5.0, 6.0], utc[::-1].tz_convert("Asia/Tokyo"))
    assert two_series("y", y, "x", x)[1].tolist() == [6.0, 5.0, 4.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((labelled(1, 2), labelled(3, 4)), "y and x share no label of their indexes"),
        ((labelled(1, 2, 2), labelled(2, 1)), "y and x have different indexes, and that of y rep"),
        ((labelled(1, 2), labelled(1, 1, 2)), "and that of x repeats labels"),
        (
            (
                pd.Series([1.0], pd.to_datetime(["2024-01-01"])),
                pd.Series([1.0], pd.to_datetime(["2024-01-01"]).tz_localize("UTC")),
            ),
            "y and x share no label",
        ),
    ],
)
def test_series_that_cannot_be_joined_are_refused_by_name(values, words):
    with pytest.raises(ValueError, match=words):
        two_series("y", values[0], "x", values[1])


def test_an_array_beside_series_that_would_be_joined_is_refused_by_name():
    with pytest.raises(ValueError, match="y and x have different indexes and beta has none"):
        aligned(("y", "x", "beta"), (labelled(1, 2), labelled(2, 1), np.array([1.0, 2.0])))
    y, x, beta = aligned(("y", "x", "beta"), (labelled(1, 2), labelled(2, 1), 3.0))
    assert (y.tolist(), x.tolist(), beta) == ([0.0, 10.0], [10.0, 0.0], 3.0)


def test_a_table_is_joined_by_its_rows():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    y, legs = aligned(("y", "x"), (labelled(9, 7), frame))
    assert legs["a"].tolist() == [3.0, 1.0]
    assert y.tolist() == [0.0, 10.0]


def test_the_callers_series_stay_as_they_were():
    y, x = labelled(1, 2, 3), labelled(3, 2)
    two_series("y", y, "x", x)
    pd.testing.assert_series_equal(y, labelled(1, 2, 3))
    pd.testing.assert_series_equal(x, labelled(3, 2))


def test_dimensions_are_those_of_arrays_lists_and_frames():
    frame = pd.DataFrame({"a": [1.0]})
    assert [dimensions("x", v) for v in (3.0, [1], [[1]], np.ones(2), frame)] == [0, 1, 2, 1, 2]
    with pytest.raises(ValueError, match="x holds values that are no numbers"):
        dimensions("x", [[1, 2], [3]])


@pytest.mark.parametrize(
    ("call", "field", "value", "legal"),
    [
        (lambda: whole("window", 1, 2), "window", 1, "at least 2"),
        (lambda: whole("window", 2.5, 2), "window", 2.5, "a whole number"),
        (lambda: one_of("method", "x", ("a", "b")), "method", "x", "one of a, b"),
        (lambda: one_of("method", ["a"], ("a", "b")), "method", ["a"], "one of a, b"),
        (lambda: between("share", 2, 0, 1), "share", 2, "a number between 0 and 1"),
        (lambda: between("dt", 0, 0, np.inf), "dt", 0, "a number above 0"),
        (
            lambda: between("q", -1, 0, np.inf, closed=(True, False)),
            "q",
            -1,
            "a number from 0",
        ),
        (lambda: between("q", 2, 0, 1, closed=(True, True)), "q", 2, "a number from 0 to 1"),
    ],
)
def test_an_error_carries_field_value_and_what_is_legal(call, field, value, legal):
    with pytest.raises(ParameterError) as caught:
        call()
    assert (caught.value.field, caught.value.value, caught.value.legal) == (field, value, legal)
    assert str(caught.value) == f"{field} is {value!r}, expected {legal}"


def test_the_bounds_of_a_range_are_in_it_where_that_is_said():
    assert between("q", 0, 0.0, 1.0, closed=(True, False)) == 0.0
    assert between("q", 1, 0.0, 1.0, closed=(False, True)) == 1.0
    with pytest.raises(ParameterError):
        between("q", 1, 0.0, 1.0, closed=(True, False))
    with pytest.raises(ParameterError):
        between("q", 0, 0.0, 1.0, closed=(False, True))
