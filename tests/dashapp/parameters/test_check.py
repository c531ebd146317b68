"""Errors of a parameter: what they carry, and the words under the field."""

from __future__ import annotations

import pickle

import pytest

from analytics.model import (
    CountError,
    OrderError,
    PairParams,
    ParameterError,
    SameValueError,
    UnexpectedError,
    UnknownFieldError,
    WithheldError,
)
from dashapp.parameters.check import (
    LONGEST_TEXT,
    DecimalCommaError,
    MissingError,
    message,
    read,
)
from dashapp.parameters.table import ALERT, BACKTEST, PAIR

ERRORS = [
    ParameterError("z_window", "1", "a whole number from 2 to 5000"),
    OrderError("exit_z", 2.5, "from 0 to below {}", "entry_z", 2.0),
    SameValueError("x", "A", "two different symbols", "y"),
    CountError("x_values", 0, "1 to 10,000", "values"),
    UnknownFieldError("params", "colour", "y, x"),
    UnexpectedError("params", {}, "none for the metric price"),
    WithheldError("webhook", "ftp://secret", "a URL that begins with https://"),
    DecimalCommaError("entry_z", "0,5", "0.5"),
    MissingError("y", None, "a symbol such as BTCUSDT"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_a_value_error_whose_only_argument_is_its_sentence(error):
    assert isinstance(error, ValueError)
    assert error.args == (str(error),) == (error.sentence,)
    assert error.field in str(error)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_whole_from_another_process(error):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert (vars(again), str(again)) == (vars(error), str(error))


def test_the_words_under_a_field_name_another_field_as_the_page_does():
    order, same = ERRORS[1], ERRORS[2]
    assert message(order, BACKTEST) == "2.5: expected from 0 to below the entry (2)"
    assert message(same, PAIR) == "the same as Y leg: expected two different symbols"
    assert message(order, {}) == "2.5: expected from 0 to below entry_z (2)"


def test_a_secret_is_not_repeated():
    assert message(ERRORS[6], {}) == "expected a URL that begins with https://"
    assert "secret" not in str(ERRORS[6])


def test_a_long_text_is_cut_in_the_error():
    with pytest.raises(ParameterError) as refused:
        read(PAIR["z_window"], "9" * 5_000)
    assert refused.value.value == "9" * 40 + "..."


def test_a_text_is_as_long_as_an_address_may_be_and_no_longer():
    longest = "https://h/" + "a" * (LONGEST_TEXT - 10)
    assert read(ALERT["webhook"], longest) == longest
    with pytest.raises(ParameterError):
        read(ALERT["webhook"], longest + "a")


def test_a_pair_of_one_symbol_names_the_second_leg():
    with pytest.raises(SameValueError) as refused:
        PairParams("A", "A")
    assert (refused.value.field, refused.value.other) == ("x", "y")


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "on", True])
def test_a_switch_is_on_in_each_of_its_spellings(text):
    assert read(PAIR["intercept"], text) is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off", False])
def test_a_switch_is_off_in_each_of_its_spellings(text):
    assert read(PAIR["intercept"], text) is False
