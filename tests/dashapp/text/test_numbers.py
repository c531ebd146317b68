"""Numbers in words: decimals by size, true minus signs, dashes for what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.bars import usual_step
from dashapp.text import numbers

MISSING = [None, math.nan, math.inf, -math.inf]
WRITERS = [
    numbers.price,
    numbers.ratio,
    numbers.pct,
    numbers.compact,
    lambda value: numbers.number(value, 2),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("value", MISSING)
def test_what_is_missing_is_a_dash(write, value):
    assert write(value) == "–"


@pytest.mark.parametrize("write", WRITERS)
def test_a_negative_number_has_a_true_minus_sign(write):
    assert write(-12.5).startswith("−1")
    assert "-" not in write(-12.5)


def test_a_rounded_zero_has_no_sign():
    assert numbers.number(-0.0001, 2, signed=True) == "0.00"
    assert numbers.number(0.0, 1, signed=True) == "0.0"


@given(st.floats(1e-9, 1e12))
def test_a_price_keeps_five_significant_digits_or_two_decimals(value):
    shown = float(numbers.price(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=1e-4, abs=0.005)


@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_a_number_is_rounded_to_its_decimals(value, digits):
    shown = float(numbers.number(value, digits).replace(",", "").replace("−", "-"))
    assert abs(shown - value) <= 0.5 * 10.0**-digits * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0004, "p < 0.001"), (0.05, "p = 0.050"), (1.0, "p = 1.000"), (math.nan, "p –")],
)
def test_a_p_value_is_never_shown_as_zero(value, words):
    assert numbers.p_value(value) == words


def test_bars_come_with_their_time_on_the_clock():
    assert numbers.bar_span(1, "5m") == "1 bar (5.0 min)"
    assert numbers.bar_span(1_440, "1m") == "1,440 bars (24.0 h)"


def test_the_clock_of_bars_with_gaps_is_that_of_their_usual_distance():
    every_third = 1_000 * np.arange(0, 300, 3)
    step = usual_step(every_third, "1s")
    assert step == 3_000
    assert numbers.bar_span(20, "1s", step) == "20 bars (60 s)"
    night = np.concatenate([every_third, every_third + 36_000_000])
    assert usual_step(night, "1s") == 3_000
    assert usual_step(every_third[:1], "1m") == 60_000


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("SPY", "SPY", ""),
        ("USDT", "USDT", ""),
    ],
)
def test_a_symbol_is_split_into_base_and_quote(symbol, base, quote):
    assert (numbers.base(symbol), numbers.quote(symbol)) == (base, quote)


@pytest.mark.parametrize(
    ("amounts", "most", "places"),
    [
        ([], 8, 0),
        ([math.nan, 2.0], 8, 0),
        ([0.001, 0.25, 1_500_000_000.0], 8, 3),
        ([sum([0.1] * 7)], 8, 1),
        ([1e-9], 8, 0),
        ([1 / 3], 8, 8),
        ([0.12345], 3, 3),
    ],
)
def test_the_amounts_of_a_column_share_the_fewest_decimals_that_write_them(amounts, most, places):
    assert numbers.amount_decimals(amounts, most) == places
