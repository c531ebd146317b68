"""The settings of a back-test in the form and in the link."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.backtest import BacktestParams
from dashapp.parameters.backtest import USUAL, as_held, check, from_query, notices, to_query
from dashapp.parameters.table import BACKTEST, VIEW


def test_every_setting_has_a_control_and_a_name_of_its_own_in_the_link():
    assert list(BACKTEST) == [field.name for field in fields(BacktestParams)]
    names = [row.link_name for row in (*BACKTEST.values(), *VIEW)]
    assert len(names) == len(set(names))


def test_the_usual_settings_leave_the_link_alone():
    assert to_query(USUAL) == ""
    assert from_query("") == as_held(USUAL)


settings = st.builds(
    BacktestParams,
    entry_z=st.sampled_from([0.5, 1.25, 3.0]),
    exit_z=st.sampled_from([0.0, 0.25]),
    stop_z=st.sampled_from([None, 4.5, 10.0]),
    max_bars=st.sampled_from([None, 1, 5_000]),
    cost_bps=st.sampled_from([0.0, 0.1, 7.5]),
    slippage_bps=st.sampled_from([0.0, 2.0]),
    hedge_mode=st.sampled_from(["rolling", "kalman", "in-sample"]),
    hedge_window=st.sampled_from([10, 200, 20_000]),
    sides=st.sampled_from(["both", "long", "short"]),
)


@given(settings)
def test_a_link_brings_back_the_very_settings(one):
    made, errors = check(from_query("?market=demo&" + to_query(one)))
    assert (made, errors) == (one, {})


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"entry_z": "high"}, "entry_z", "high: expected a number"),
        ({"entry_z": "0"}, "entry_z", "0: expected above 0 up to 100"),
        ({"entry_z": "1,5"}, "entry_z", "1,5 has a decimal comma: write 1.5"),
        ({"hedge_window": "10,00"}, "hedge_window", "10,00 has a decimal comma: write 10.00"),
        ({"entry_z": ""}, "entry_z", "empty: expected a number"),
        ({"exit_z": "2"}, "exit_z", "2: expected from 0 to below the entry (2)"),
        ({"stop_z": "1"}, "stop_z", "1: expected above the entry (2) up to 1000"),
        ({"max_bars": "0"}, "max_bars", "0: expected a whole number from 1 to 1000000"),
        ({"max_bars": "2.5"}, "max_bars", "2.5: expected a whole number from 1 to 1000000"),
        ({"cost_bps": "nan"}, "cost_bps", "nan: expected a number from 0 to 1,000"),
        (
            {"hedge_mode": "magic"},
            "hedge_mode",
            "magic: expected one of rolling, kalman, in-sample",
        ),
        ({"sides": None}, "sides", "empty: expected one of both, long, short"),
    ],
)
def test_a_setting_that_is_wrong_is_told_at_its_field(changes, field, words):
    made, errors = check(as_held(USUAL) | changes)
    assert made is None
    assert errors == {field: words}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("hedge_window", "10,000", 10_000), ("max_bars", "1,000", 1_000), ("max_bars", "2e4", 20_000)],
)
def test_a_window_with_a_comma_between_its_thousands_keeps_its_size(name, text, value):
    settings, errors = check(as_held(USUAL) | {name: text})
    assert errors == {}
    assert getattr(settings, name) == value


@given(st.floats(1e-9, 100.0), st.floats(0.0, 1_000.0))
def test_a_link_keeps_every_digit_of_a_number(entry_z, cost_bps):
    settings = BacktestParams(entry_z=entry_z, stop_z=None, cost_bps=cost_bps)
    assert check(from_query(to_query(settings))) == (settings, {})


def test_several_wrong_numbers_are_told_each_at_its_own_field():
    _, errors = check(as_held(USUAL) | {"entry_z": "a", "cost_bps": "b"})
    assert errors == {
        "entry_z": "a: expected a number",
        "cost_bps": "b: expected a number from 0 to 1,000",
    }


def test_a_wrong_link_keeps_its_words_for_the_field_and_no_more_than_forty_of_them():
    assert from_query("?entry_z=" + "9" * 100)["entry_z"] == "9" * 40
    assert from_query("?stop_z=none&max_bars=NONE")["max_bars"] == ""


@pytest.mark.parametrize(("entry", "legal"), [("2.84", True), ("2.85", False)])
def test_an_entry_that_no_z_of_the_window_reaches_is_told_at_its_field(entry, legal):
    made, errors = check(as_held(USUAL) | {"entry_z": entry}, 10)  # 9 / sqrt(10) = 2.846
    assert (made is not None) == legal
    words = f"{entry}: expected at most 2.84, the largest |z| of z window (10)"
    assert errors == ({} if legal else {"entry_z": words})
    assert check(as_held(USUAL) | {"entry_z": entry})[1] == {}, "without a pair nothing is known"


def test_a_stop_that_no_z_of_the_window_reaches_is_legal_and_said():
    assert notices(USUAL, 10) == {
        "stop_z": "never stops: 4: expected at most 2.84, the largest |z| of z window (10), or none"
    }
    assert notices(USUAL, 60) == notices(replace(USUAL, stop_z=None), 10) == {}
