"""Prices that jump: marked, counted, and told apart from a market that moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.model import Ticks
from storage.market.market import Market
from storage.market.outliers import FEWEST, LIMIT, SPAN, OutlierWatch


def ticks_at(prices: list[float], start_ms: int = 0) -> Ticks:
    count = len(prices)
    times = start_ms + np.arange(count) * 100
    return Ticks("BTCUSDT", times, prices, np.ones(count), np.full(count, -1))


def marked_by(watch: OutlierWatch, prices: list[float], size: int) -> list[bool]:
    flags: list[bool] = []
    for begin in range(0, len(prices), size):
        part = ticks_at(prices[begin : begin + size], begin * 100)
        marks = watch.take(part)
        flags += [False] * len(part) if marks is None else marks.tolist()
    return flags


def expected(prices: list[float]) -> list[bool]:
    flags = []
    for at, price in enumerate(prices):
        before = prices[max(0, at - SPAN) : at]
        median = float(np.median(before)) if len(before) >= FEWEST else np.nan
        flags.append(bool(abs(price - median) > LIMIT * median))
    return flags


@given(
    st.lists(st.sampled_from([80.0, 99.0, 100.0, 101.0, 119.0, 121.0, 200.0]), max_size=300),
    st.integers(1, 150),
)
def test_a_price_is_judged_by_the_median_of_the_hundred_before_it_under_any_chunking(
    prices: list[float], size: int
) -> None:
    watch = OutlierWatch()
    assert marked_by(watch, prices, size) == expected(prices)
    assert watch.total == sum(expected(prices))


@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_one_tick_stands_alone_and_two_confirm_each_other(size: int) -> None:
    calm = [100.0] * 20
    watch = OutlierWatch()
    marked_by(watch, [*calm, 150.0, *calm], size)
    assert [one.price for one in watch.lone] == [150.0]
    assert watch.lone[0].jump == pytest.approx(0.5)
    watch = OutlierWatch()
    marked_by(watch, [*calm, 150.0, 151.0, *calm], size)
    assert (watch.total, list(watch.lone)) == (2, [])
    marked_by(watch, [60.0], size)
    assert [one.price for one in watch.lone] == [60.0], "alone until the next tick confirms it"


def test_a_market_that_moved_is_itself_again_after_half_a_span() -> None:
    watch = OutlierWatch()
    flags = marked_by(watch, [100.0] * SPAN + [130.0] * SPAN, 7)
    assert sum(flags) == SPAN // 2
    assert not any(flags[SPAN + SPAN // 2 + 1 :])


def test_an_outlier_is_accepted_counted_and_in_its_bar() -> None:
    market = Market("live", "Live", "live")
    market.append(ticks_at([100.0] * 20))
    kept = market.append(ticks_at([125.0], 3_000))
    assert len(kept) == 1
    assert (market.counters.outliers, market.counters.accepted) == (1, 21)
    assert market.counters.balanced
    assert market.bars("BTCUSDT", "1s").high[-1] == 125.0
    assert [one.price for one in market.outliers.lone("BTCUSDT")] == [125.0]
    assert market.ring("BTCUSDT").marks(3).tolist() == [False, False, True]
    market.append(ticks_at([100.0], 3_100))
    assert market.counters.outliers == 1


def test_trades_that_fill_a_gap_are_judged_by_nothing_that_came_after_them() -> None:
    market = Market("live", "Live", "live")
    market.append(ticks_at([100.0] * 20, 10_000))
    market.fill(ticks_at([70.0] * 5))
    assert market.counters.outliers == 0
