"""A tab's view: made of controls or a link, checked field by field, written back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics.model import HEDGE_METHODS, PAIR_RANGES, TIMEFRAMES, PairParams, ParameterError
from analytics.spread import largest_z
from dashapp.parameters.pair import check, from_dict, from_query, to_dict, to_query
from dashapp.parameters.table import PAIR, VIEW

KNOWN = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def made(**raw):
    return check("demo", ["BTCUSDT"], {"y": "BTCUSDT", "x": "ETHUSDT", **raw}, KNOWN)


def test_empty_controls_give_the_defaults_of_the_pair():
    view, errors = made()
    assert errors == {}
    assert view.pair == PairParams("BTCUSDT", "ETHUSDT")
    assert view.z_threshold == 2.0


def test_the_fields_name_every_parameter_of_a_pair():
    assert {row.name for row in VIEW} - {"z_threshold"} == set(PairParams.__dataclass_fields__)
    assert set(PAIR) == set(PairParams.__dataclass_fields__)


@pytest.mark.parametrize(("name", "limits"), PAIR_RANGES.items())
def test_a_whole_number_just_outside_its_range_is_refused_at_its_field(name, limits):
    low, high = limits
    for wrong in (low - 1, high + 1, "", "1.5", "nan", "inf", "1e999", "many"):
        if wrong == "" and name == "hedge_window":
            continue
        view, errors = made(**{name: wrong, "z_threshold": 0.5})
        assert view is None
        assert list(errors) == [name]
        assert f"{low} to {high}" in errors[name]
    for right in limits:
        assert made(**{name: str(right), "z_threshold": 0.5})[1] == {}


@pytest.mark.parametrize("text", ["20000", "20,000", "2e4", " 2E+4 ", "20,000.0", 20_000.0])
def test_an_amount_may_be_typed_as_the_pages_write_it_and_with_an_exponent(text):
    view, errors = made(min_volume=text)
    assert errors == {}
    assert view.pair.min_volume == 20_000.0


@pytest.mark.parametrize("wrong", ["2e", "e4", "1e999", "1_000", "-1", "1e13", "12,34,567"])
def test_what_is_no_amount_is_said_to_be_none(wrong):
    message = made(min_volume=wrong)[1]["min_volume"]
    assert message == f"{wrong}: expected a number from 0 to 1,000,000,000,000"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("2,5", "2.5"), ("20,00", "20.00"), ("1,0000", "1.0000"), ("0,500", "0.500")],
)
def test_a_decimal_comma_is_refused_by_name(wrong, right):
    message = made(min_volume=wrong)[1]["min_volume"]
    assert message == f"{wrong} has a decimal comma: write {right}"


@pytest.mark.parametrize("wrong", ["", None, "0", "-2", "21", "nan", "two"])
def test_a_threshold_out_of_range_is_refused(wrong):
    assert list(made(z_threshold=wrong)[1]) == ["z_threshold"]


def test_a_window_too_short_for_the_threshold_is_told_at_both_fields():
    """The Backtest page has the window and not the threshold: what is wrong must stand there."""
    _, errors = made(z_window="5")
    assert list(errors) == ["z_threshold", "z_window"]
    assert errors["z_window"] == "5: expected at least 6 for a |z| of the threshold"
    for window, level in ((6, 2.0), (5, 1.78), (12, 3.1)):
        assert made(z_window=str(window), z_threshold=level)[1] == {}
        assert "z_window" in made(z_window=str(window - 1), z_threshold=level)[1]


def test_every_wrong_field_gets_its_own_message():
    _, errors = made(z_window="0", corr_window="x", hedge="best")
    assert set(errors) == {"z_window", "corr_window", "hedge"}


def test_legs_must_differ_and_be_in_the_market():
    assert made(x="BTCUSDT")[1] == {"x": "the same as Y leg: expected two different symbols"}
    assert made(x="XRPUSDT")[1] == {"x": "XRPUSDT: expected a symbol of this market"}


def test_a_locked_hedge_needs_its_beta_and_says_so_at_that_field():
    view, errors = made(spread_mode="locked")
    assert view is None
    assert errors["beta"].startswith("empty: expected a number from")
    view, errors = made(spread_mode="locked", beta="-1,234.5", alpha="2e4")
    assert errors == {}
    assert (view.pair.beta, view.pair.alpha) == (-1_234.5, 20_000.0)
    asked = from_query(to_query(to_dict(view)))
    assert check(asked["market"], asked["symbols"], asked, KNOWN) == (view, {})


def test_a_market_of_one_symbol_gives_a_view_without_a_pair():
    raw = {"y": "BTCUSD", "x": None, "timeframe": "5m"}
    view, errors = check("upload-1", [], raw, ["BTCUSD"])
    assert errors == {}
    assert view.pair is None
    assert from_dict(to_dict(view)) == view


def test_symbols_that_the_market_lacks_are_left_out():
    view, _ = check("demo", ["XRPUSDT", "ETHUSDT"], {"y": "BTCUSDT", "x": "ETHUSDT"}, KNOWN)
    assert view.symbols == ("ETHUSDT",)


@given(
    timeframe=st.sampled_from(list(TIMEFRAMES)),
    hedge=st.sampled_from(HEDGE_METHODS),
    z_window=st.integers(*PAIR_RANGES["z_window"]),
    hedge_window=st.none() | st.integers(*PAIR_RANGES["hedge_window"]),
    intercept=st.booleans(),
    lag_method=st.sampled_from(["aic", "bic", "t-stat", "fixed"]),
    z_threshold=st.sampled_from([0.5, 1.75, 2.0, 3.0]),
)
def test_a_link_reproduces_the_view(**raw):
    assume(raw["z_threshold"] <= largest_z(raw["z_window"]))
    view, errors = made(**raw)
    assert errors == {}
    assert from_dict(to_dict(view)) == view
    asked = from_query(to_query(to_dict(view)))
    again, errors = check(asked["market"], asked["symbols"], asked, KNOWN)
    assert errors == {}
    assert again == view


def test_a_view_that_was_tampered_with_is_refused_in_words():
    values = to_dict(made()[0])
    with pytest.raises(ParameterError, match="z_window") as refused:
        from_dict({**values, "z_window": 10**9})
    assert (refused.value.field, refused.value.value) == ("z_window", 10**9)
    assert refused.value.legal == "a whole number from 2 to 5000"


def test_what_was_read_is_kept_for_these_very_values_alone():
    values = to_dict(made(intercept=True)[0])
    view = from_dict(values)
    assert from_dict(dict(values)) is view
    assert from_dict({**values, "intercept": False}).pair.intercept is False
    with pytest.raises(ParameterError, match="intercept"):
        from_dict({**values, "intercept": 1.0})  # equal to True
    long = {**values, "symbols": ["A" * 5_000]}
    assert from_dict(long) == from_dict(long)
    assert from_dict(long) is not from_dict(long)


def test_values_that_do_not_go_together_are_told_at_their_field():
    raw = {"y": "A", "x": "B", "spread_mode": "locked"}
    view, errors = check("demo", ["A", "B"], raw, ["A", "B"])
    assert view is None
    assert list(errors) == ["beta"]
    raw = {"y": "A", "x": "B", "z_window": "5", "z_threshold": "2"}
    view, errors = check("demo", ["A", "B"], raw, ["A", "B"])
    assert view is None
    assert errors["z_threshold"].startswith("2: expected at most 1.78")
