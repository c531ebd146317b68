"""How much of each leg a capital buys, in the steps that an exchange takes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from analytics.model import Listing
from dashapp.text.pair import known_beta
from dashapp.text.quantities import quantity_row

Y = Listing("BTCUSDT", tick_size=0.5, lot_size=0.001, min_notional=100.0)
X = Listing("ETHUSDT", tick_size=0.01, lot_size=0.05, min_notional=20.0)


@pytest.fixture
def snapshot(pair_snapshot):
    prices = np.full(len(pair_snapshot.ts_ms), 60_000.2), np.full(len(pair_snapshot.ts_ms), 3_000.0)
    return replace(pair_snapshot, price_y=prices[0], price_x=prices[1])


def figures(text: str) -> list[float]:
    return [float(one.replace(",", "")) for one in re.findall(r"[\d,]*\.?\d+", text)]


def test_units_are_whole_lots_and_the_rest_of_the_capital_is_said(snapshot):
    ((_, units, words, tone),) = quantity_row(snapshot, 10_000.0, Y, X)
    y, x = figures(units)
    assert y == pytest.approx(round(y / 0.001) * 0.001)
    assert x == pytest.approx(round(x / 0.05) * 0.05)
    assert "at 60,000.0 / 3,000.00, notional" in words
    assert "lots of 0.001 / 0.05" in words
    left = figures(words.split("0.05, ")[1])[0]
    assert left == pytest.approx(10_000.0 - 60_000.2 * y - 3_000.0 * x, abs=0.01)
    of_a_lot = 0.001 * (60_000.2 + 3_000.0 * abs(known_beta(snapshot)))
    assert 0.0 < left < of_a_lot + 3_000.0 * 0.05
    assert words.endswith("USDT left over")
    assert tone == "muted"


def test_without_lots_nothing_is_left_over(snapshot):
    ((_, _, words, _),) = quantity_row(snapshot, 10_000.0)
    assert "left over" not in words
    assert "lots" not in words


def test_a_capital_that_the_exchange_would_not_take_is_a_warning(snapshot):
    ((_, units, words, tone),) = quantity_row(snapshot, 60.0, Y, X)
    assert units.startswith("0.000 / ")
    assert words.endswith("less than one lot of BTC, so nothing of either")
    assert tone == "warn"
    ((_, units, words, tone),) = quantity_row(snapshot, 10_000.0, Y, replace(X, lot_size=50.0))
    assert units == "0.000 / 0"
    assert words.endswith(
        "10,000.00 USDT left over; less than one lot of ETH, so nothing of either"
    )
    assert tone == "warn"
    ((_, _, words, tone),) = quantity_row(snapshot, 500.0, Y, replace(X, min_notional=1e5))
    assert "is under the least order of 100" in words
    assert tone == "warn"


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("beta", [2.5, -2.5])
def test_a_hedge_that_lots_change_is_said(snapshot, space, beta):
    params = replace(snapshot.params, price_space=space)
    known = replace(snapshot.known, beta=np.full(len(snapshot.ts_ms), beta))
    snapshot = replace(snapshot, params=params, known=known)
    fine = quantity_row(snapshot, 300_000.0, Y, replace(X, lot_size=0.001))[0]
    assert "hedge ratio" not in fine[2]
    assert fine[3] == "muted"
    coarse = replace(Y, lot_size=1.0), replace(X, lot_size=3.0 if space == "price" else 60.0)
    ((_, units, words, tone),) = quantity_row(snapshot, 300_000.0, *coarse)
    y, x = figures(units)
    held = x / y if space == "price" else 3_000.0 * x / (60_000.2 * y)
    sign = "−" if beta < 0 else ""
    assert f"these lots hold a hedge ratio of {sign}{held:.3f}, not {sign}2.500" in words
    assert tone == "warn"
