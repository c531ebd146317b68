"""A pair that is read again and again is read to the bit as `pair_readings` reads it once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.model import HEDGE_METHODS, SPREAD_MODES, Bars, PairParams
from analytics.readings import pair_readings
from analytics.watching import Legs, pair_view, view_readings
from tests.garbage import nothing_left_in_cycles

ROWS = 420


def bars(symbol: str, close: np.ndarray, first: int = 0) -> Bars:
    times, ones = (first + np.arange(len(close))) * 1_000, np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


@pytest.fixture
def closes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    walk = 50.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, ROWS)))
    return 2.0 * walk + rng.normal(0, 0.01, ROWS), walk


def read_once(y: Bars, x: Bars, params: PairParams, ends) -> tuple[np.ndarray, np.ndarray]:
    read = pair_readings(y, x, params, ("z", "hedge_ratio"), ends)
    return read["z"], read["hedge_ratio"]


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("method", HEDGE_METHODS)
@pytest.mark.parametrize("mode", SPREAD_MODES)
def test_readings_are_the_same_to_the_bit_as_prices_and_bars_come(closes, mode, method, space):
    beta = 2.0 if mode == "locked" else None
    params = PairParams("A", "B", hedge=method, spread_mode=mode, price_space=space, beta=beta)
    params = replace(params, limit=100, z_window=30, hedge_window=60)
    rng = np.random.default_rng(1)
    for count in (ROWS - 2, ROWS - 2, ROWS - 2, ROWS - 1, ROWS, ROWS):
        y, x = (leg[:count].copy() for leg in closes)
        y[-1] *= 1.0 + rng.normal(0, 1e-4)
        x[-1] *= 1.0 + rng.normal(0, 1e-4)
        legs = bars("A", y), bars("B", x)
        view = pair_view(*legs, params)
        assert view is not None
        ends = legs[0].ts_ms[[-9, -4, -3, -1]]
        for mine, once in zip(
            view_readings(view, ends), read_once(*legs, params, ends), strict=True
        ):
            np.testing.assert_array_equal(mine, once)


def test_pairs_that_share_legs_are_each_read_as_if_alone(closes):
    third = bars("C", closes[0] + closes[1])
    legs, shared = {"A": bars("A", closes[0]), "B": bars("B", closes[1]), "C": third}, Legs()
    ends = third.ts_ms[[-9, -4, -3, -1]]
    for space in ("price", "log", "price"):
        for y, x in (("A", "B"), ("C", "B"), ("B", "A"), ("A", "C")):
            for limit in (100, 200):
                params = PairParams(y, x, limit=limit, price_space=space)
                read = view_readings(pair_view(legs[y], legs[x], params, shared), ends)
                alone = read_once(legs[y], legs[x], params, ends)
                np.testing.assert_array_equal(read, alone)


def test_what_is_a_legs_is_made_once_whatever_the_lengths_of_the_others(closes):
    shared, leg = Legs(), bars("A", closes[0])
    params = PairParams("A", "B", limit=100, price_space="log")
    for number in range(5):
        other = bars("B", closes[1][-300:] + number, ROWS - 300)
        assert pair_view(leg, other, params, shared) is not None
    assert shared.logs.cache_info().misses == 1 + 5
    assert shared.places.cache_info().misses == 1


def test_a_bar_that_is_not_there_has_no_reading_between_those_that_are(closes):
    legs = bars("A", closes[0]), bars("B", closes[1])
    ends = np.sort(np.append(legs[0].ts_ms[[-90, -3, -1]], legs[0].ts_ms[-2] + 1))
    z, beta = view_readings(pair_view(*legs, PairParams("A", "B", limit=200)), ends)
    assert np.isnan(z).tolist() == np.isnan(beta).tolist() == [False, False, True, False]


def test_a_leg_of_other_length_is_read_from_its_newest_bars(closes):
    legs = bars("A", closes[0]), bars("B", closes[1][-300:], ROWS - 300)
    params = PairParams("A", "B", limit=200)
    view = pair_view(*legs, params)
    z, _ = view_readings(view, legs[0].ts_ms[-1:])
    np.testing.assert_array_equal(z, read_once(*legs, params, legs[0].ts_ms[-1:])[0])


def test_what_is_not_on_the_same_bars_is_left_to_the_other(closes):
    y, x = bars("A", closes[0]), bars("B", closes[1])
    assert pair_view(y, x[: ROWS - 1], PairParams("A", "B")) is None
    assert pair_view(y, x, PairParams("A", "B", min_trades=2)) is None
    negative = bars("B", np.where(np.arange(ROWS) == 7, -1.0, closes[1]))
    assert pair_view(y, negative, PairParams("A", "B", price_space="log")) is None
    lacks = [leg[np.arange(ROWS) != row] for leg, row in ((y, 5), (x, 9))]
    assert pair_view(*lacks, PairParams("A", "B")) is None
    gap = bars("B", np.where(np.arange(ROWS) == 7, np.nan, closes[1]))
    assert pair_view(y, gap, PairParams("A", "B")) is None
    other = replace(x, timeframe="1m")
    with pytest.raises(ValueError, match="x has bars of 1m, expected 1s"):
        pair_view(y, other, PairParams("A", "B"))


def test_few_rows_have_no_reading(closes):
    legs = bars("A", closes[0][:40]), bars("B", closes[1][:40])
    z, beta = view_readings(pair_view(*legs, PairParams("A", "B")), [39_000, 99_000])
    assert np.isnan(z).all()
    assert np.isnan(beta).all()


def test_what_pairs_share_goes_with_them(closes):
    legs = bars("A", closes[0]), bars("B", closes[1])
    params = PairParams("A", "B", limit=100, price_space="log")
    with nothing_left_in_cycles():
        shared = Legs()
        assert pair_view(*legs, params, shared) is not None
        del shared
