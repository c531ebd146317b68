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


@given(st.sampled_from([0.001, 0.1, 1.0]), st.floats(0.01, 3))
def test_units_are_whole_lots_rounded_down(lot, beta):
    held = quantities(37.0, 11.0, beta, 10_000.0, y_lot=lot, x_lot=lot)
    exact = quantities(37.0, 11.0, beta, 10_000.0)
    for rounded, free in ((held.y_units, exact.y_units), (held.x_units, exact.x_units)):
        assert math.isclose(rounded / lot, round(rounded / lot), abs_tol=1e-6)
        assert free - lot * 1.001 < rounded <= free * (1 + 1e-5)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_price_or_capital_is_refused_by_name(wrong):
    for name, values in (("y_price", (wrong, 1, 1, 1)), ("capital", (1, 1, 1, wrong))):
        with pytest.raises(ParameterError, match=name):
            quantities(*values)
    with pytest.raises(ParameterError, match="beta"):
        quantities(1, 1, math.nan, 1)
