"""Units of both legs for a capital: never more than it, in the hedge's ratio, in whole lots."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.model import ParameterError
from analytics.quantities import quantities

PRICES = st.floats(1e-5, 1e6)


@given(PRICES, PRICES, st.floats(-1e3, 1e3), st.floats(1, 1e9), st.booleans())
def test_the_notionals_stay_within_the_capital_and_keep_the_ratio(y, x, beta, capital, logs):
    held = quantities(y, x, beta, capital, log_prices=logs)
    total = held.y_notional + held.x_notional
    assert 0 <= total <= capital * (1 + 1e-9)
    assert total >= capital * (1 - 1e-4)
    if held.x_units and held.y_units:
        ratio = held.x_notional / held.y_notional if logs else held.x_units / held.y_units
        assert ratio == pytest.approx(abs(beta), rel=1e-4)


@given(st.sampled_from([0.001, 0.1, 1.0]), st.sampled_from([0.001, 0.1, 1.0]), st.floats(0.01, 3))
def test_units_are_the_whole_lots_that_hold_the_hedge_best(y_lot, x_lot, beta):
    held = quantities(37.0, 11.0, beta, 10_000.0, y_lot=y_lot, x_lot=x_lot)
    for units, lot in ((held.y_units, y_lot), (held.x_units, x_lot)):
        assert math.isclose(units / lot, round(units / lot), abs_tol=1e-6)
    exact = quantities(37.0, 11.0, beta, 10_000.0)
    below = math.floor(exact.y_units / y_lot) * y_lot
    simple = math.floor(below * beta / x_lot) * x_lot
    away = abs(held.x_units / held.y_units - beta)
    assert away <= max(abs(simple / below - beta) * (1 + 1e-9), 0.005 * beta) + 1e-9


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        ((3_500.0, 100_000.0, 0.035, 1_000.0, 0.001, 0.001), (0.142, 0.005)),
        ((100.0, 5_000.0, 0.02, 1_900.0, 0.1, 0.1), (5.0, 0.1)),
    ],
)
def test_a_leg_of_coarse_lots_decides_the_other(asked, units):
    *same, y_lot, x_lot = asked
    held = quantities(*same, y_lot=y_lot, x_lot=x_lot)
    assert (held.y_units, held.x_units) == units


def test_lots_hold_the_hedge_that_was_asked_for():
    """Each leg rounded by itself held 0.005 BTC against 0.117 ETH, a beta of 23.4 for 20."""
    held = quantities(100_000.0, 3_500.0, 20.0, 1_000.0, y_lot=0.001, x_lot=0.001)
    assert (held.y_units, held.x_units) == (0.005, 0.1)
    logs = quantities(100.0, 50.0, 1.5, 1_000.0, log_prices=True, y_lot=3.0, x_lot=0.01)
    assert (logs.y_notional, logs.x_notional) == (300.0, 450.0)


@given(
    *(PRICES, PRICES, st.floats(-1e3, 1e3), st.floats(1, 1e9), st.booleans()),
    *(st.sampled_from([None, 1e-5, 0.001, 0.7, 100.0]),) * 2,
)
def test_whole_lots_are_next_to_the_hedge_and_within_the_capital(
    y, x, beta, capital, logs, y_lot, x_lot
):
    held = quantities(y, x, beta, capital, log_prices=logs, y_lot=y_lot, x_lot=x_lot)
    assert held.y_notional + held.x_notional <= capital * (1 + 1e-8)
    per_y = abs(beta) * (y / x if logs else 1.0)
    wanted = held.y_units * per_y
    lot = x_lot or wanted * 1e-5 + 1e-290  # fewer units are none
    room = max(lot, per_y * (y_lot or held.y_units * 1e-5)) * (1 + 1e-5)
    assert abs(held.x_units - wanted) <= room + wanted * 1e-9


@pytest.mark.parametrize(("y_lot", "x_lot"), [(0.02, 0.001), (0.001, 0.2), (0.02, 0.2)])
@pytest.mark.parametrize("logs", [False, True])
def test_one_leg_is_never_held_alone(y_lot, x_lot, logs):
    beta = 0.7 if logs else 20.0
    held = quantities(100_000.0, 3_500.0, beta, 1_000.0, log_prices=logs, y_lot=y_lot, x_lot=x_lot)
    assert (held.y_units, held.x_units, held.y_notional, held.x_notional) == (0.0, 0.0, 0.0, 0.0)


def test_a_hedge_of_nothing_leaves_y_alone():
    held = quantities(100.0, 50.0, 0.0, 1_000.0, y_lot=0.1, x_lot=0.1)
    assert (held.y_units, held.x_units) == (10.0, 0.0)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_price_or_capital_is_refused_by_name(wrong):
    for name, values in (("y_price", (wrong, 1, 1, 1)), ("capital", (1, 1, 1, wrong))):
        with pytest.raises(ParameterError, match=name):
            quantities(*values)
    with pytest.raises(ParameterError, match="beta"):
        quantities(1, 1, math.nan, 1)
