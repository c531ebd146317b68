"""The one parser of numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.parameters.numbers import (
    LONGEST,
    parse_number,
    text_of_number,
    with_decimal_point,
)

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20000", 20_000.0),
        ("20,000", 20_000.0),
        ("2e4", 20_000.0),
        (" 2E+4 ", 20_000.0),
        ("1,234.5", 1_234.5),
        ("1,234,567.", 1_234_567.0),
        ("-20,000", -20_000.0),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e-05", 0.00001),
        ("0.30000000000000004", 0.30000000000000004),
        (7, 7.0),
        (2.5, 2.5),
    ],
)
def test_a_number_is_read_in_each_of_its_spellings(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1_000", "１２", "٢", "nan", "NaN", "inf", "-Infinity", "1e999", "0x10", "1 000",
        "1,00,000", "1,0000,000", "2e", "e4", ".", "-", "--1", "1.2.3", "9" * LONGEST, "1\n2",
        None, True, [], math.nan, math.inf, 10**400,
    ],
)  # fmt: skip
def test_what_is_no_finite_number_is_none(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("0,5", "0.5"),
        ("1,5", "1.5"),
        ("10,00", "10.00"),
        ("-0,25", "-0.25"),
        (",5", "0.5"),
        ("5,", "5"),
        ("0,500", "0.500"),
        ("1,0000", "1.0000"),
        ("1.234,5", "1234.5"),
        ("1.234.567,89", "1234567.89"),
        ("1,5e3", "1.5e3"),
    ],
)
def test_a_decimal_comma_is_known_as_one_and_read_by_nobody(text, right):
    assert parse_number(text) is None
    assert with_decimal_point(text) == right
    assert parse_number(right) is not None


@pytest.mark.parametrize("text", ["20,000", "1,234.5", "1,2,3", ",", "a,b", "1.5", "", None, 0.5])
def test_other_texts_have_no_decimal_comma(text):
    assert with_decimal_point(text) is None


@given(st.text(max_size=50))
def test_a_text_is_a_number_or_has_a_decimal_comma_or_neither_and_never_both(text):
    assert parse_number(text) is None or with_decimal_point(text) is None


@given(st.text("0123456789,.eE+-", max_size=12))
def test_a_text_that_is_a_number_without_commas_is_what_python_reads(text):
    number = parse_number(text)
    if number is not None:
        assert number == float(text.replace(",", ""))


@given(st.integers(-(10**15), 10**15))
def test_a_grouped_number_is_the_number_without_its_commas(number):
    assert parse_number(f"{number:,}") == parse_number(str(number)) == number


@given(finite)
def test_a_number_that_was_written_is_read_back_to_the_last_digit(number):
    assert parse_number(text_of_number(number)) == number
    assert parse_number(repr(number)) == number
