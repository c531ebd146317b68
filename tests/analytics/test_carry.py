"""The funding of a pair at its hedge."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.carry import Carry, pair_carry, reversion_funding, trades_funding
from analytics.model import Bars, PairParams, ParameterError


def test_the_payment_is_that_of_both_legs():
    """One unit of Y long, beta of X short, each paid by its worth."""
    carry = pair_carry(100.0, 10.0, 4.0, 2e-4, 1e-4)
    assert carry.per_unit == pytest.approx(100.0 * 2e-4 - 40.0 * 1e-4)
    assert carry.long_per_day == pytest.approx(0.016 / 140.0)
    assert carry.paid(-1) == -carry.paid(1)


def test_a_negative_beta_holds_both_legs_on_one_side():
    carry = pair_carry(100.0, 10.0, -4.0, 2e-4, 1e-4)
    assert carry.per_unit == pytest.approx(0.02 + 0.004)
    assert carry.long_per_day == pytest.approx(0.024 / 140.0)


def test_in_log_space_beta_is_a_share_of_worth():
    carry = pair_carry(100.0, 10.0, 0.5, 2e-4, 1e-4, price_space="log")
    assert carry.per_unit == pytest.approx(2e-4 - 0.5e-4)
    assert carry.long_per_day == pytest.approx(1.5e-4 / 1.5)


def test_equal_legs_at_equal_rates_cost_nothing():
    assert pair_carry(5.0, 5.0, 1.0, 3e-4, 3e-4).long_per_day == 0.0


@pytest.mark.parametrize("field", ["price_y", "price_x", "beta", "funding_y", "funding_x"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused_by_name(field, value):
    given = {"price_y": 1.0, "price_x": 1.0, "beta": 1.0, "funding_y": 0.0, "funding_x": 0.0}
    with pytest.raises(ParameterError) as told:
        pair_carry(**given | {field: value})
    assert told.value.field == field
    assert told.value.legal


@pytest.mark.parametrize(("z", "side"), [(2.0, -1), (-2.0, 1)])
def test_the_funding_of_a_way_back_is_that_of_its_side_for_a_half_life(z, side):
    """Ten hours at 0.48 a day and unit, plain."""
    paid = sum(side * 0.48 / 24.0 for _ in range(10))
    found = reversion_funding(Carry(1e-4, 0.48), z, half_life=10.0, step_ms=3_600_000.0)
    assert found == pytest.approx(paid)


@pytest.mark.parametrize("field", ["z", "half_life", "step_ms"])
def test_a_way_back_of_no_number_is_refused_by_name(field):
    given = {"z": 1.0, "half_life": 2.0, "step_ms": 1_000.0, field: math.nan}
    with pytest.raises(ParameterError) as told:
        reversion_funding(Carry(1e-4, 0.48), **given)
    assert told.value.field == field


def test_another_space_is_refused():
    with pytest.raises(ParameterError, match="price_space is 'ratio'"):
        pair_carry(1.0, 1.0, 1.0, 0.0, 0.0, price_space="ratio")


@pytest.mark.parametrize("space", ["price", "log"])
def test_the_funding_of_trades_equals_a_loop_over_the_bars_held(space):
    rng = np.random.default_rng(3)
    x = 50.0 * np.exp(np.cumsum(rng.normal(0, 1e-3, 1_500)))
    y = 2.0 * x + np.sin(np.arange(1_500) / 9.0) + rng.normal(0, 0.05, 1_500)
    times, ones = np.arange(1_500) * 60_000, np.ones(1_500)
    legs = [
        Bars(name, "1m", times, np.r_[p[:1], p[:-1]], p, p, p, ones, ones, p)
        for name, p in (("A", y), ("B", x))
    ]
    params = PairParams("A", "B", timeframe="1m", price_space=space, z_window=60, limit=1_500)
    result = run_backtest(*legs, params, BacktestParams(entry_z=1.5, hedge_window=100))
    assert isinstance(result, BacktestResult)
    closed = [trade for trade in result.trades if trade.exit_reason != "open"]
    assert {trade.side for trade in closed} == {1, -1}
    funding_y, funding_x, paid = 4e-4, -1e-4, 0.0
    at = {int(ts): row for row, ts in enumerate(times)}
    for trade in closed:
        first, last = at[trade.entry_ts_ms], at[trade.exit_ts_ms]
        worth_x = trade.beta if space == "log" else trade.beta * legs[1].open[first]
        worth_y = 1.0 if space == "log" else legs[0].open[first]
        for _ in range(first, last):
            day = trade.side * (worth_y * funding_y - worth_x * funding_x)
            paid += day / (worth_y + abs(worth_x)) / 1_440
    found = trades_funding(closed, funding_y, funding_x, price_space=space)
    assert found == pytest.approx(paid, rel=1e-9)


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("held", ["y", "x"])
def test_a_leg_that_was_never_held_pays_nothing_and_the_other_its_part(space, held):
    """X trades in few bars, and a time stop comes before its fill; or Y does."""
    rng = np.random.default_rng(5)
    x = 50.0 * np.exp(np.cumsum(rng.normal(0, 1e-3, 3_000)))
    y = 2.0 * x + rng.normal(0, 0.3, 3_000)
    bars = []
    for name, prices in (("y", y), ("x", x)):
        rows = np.arange(3_000) if name == held else np.flatnonzero(rng.random(3_000) < 0.4)
        close, ones = prices[rows], np.ones(len(rows))
        opens = np.r_[prices[:1], prices[:-1]][rows]
        bars.append(Bars(name, "1m", rows * 60_000, opens, close, close, close, ones, ones, close))
    params = PairParams("y", "x", timeframe="1m", price_space=space, z_window=40, limit=3_000)
    rules = BacktestParams(entry_z=1.5, exit_z=0.5, hedge_window=60, cost_bps=0.0, max_bars=2)
    result = run_backtest(*bars, params, rules)
    assert isinstance(result, BacktestResult)
    entries = ("entry_y", "entry_x") if held == "y" else ("entry_x", "entry_y")
    alone = [
        trade
        for trade in result.trades
        if math.isfinite(getattr(trade, entries[0])) and math.isnan(getattr(trade, entries[1]))
    ]
    assert len(alone) > 3
    for trade in alone:
        begin, end = getattr(trade, entries[0]), getattr(trade, entries[0].replace("entry", "exit"))
        sign = trade.side if held == "y" else -trade.side * trade.beta
        worth = sign * (1.0 if space == "log" else begin)  # of what is held, a unit of Y wanted
        assert trade.gross == pytest.approx(worth * (end / begin - 1.0) / trade.exposure)
        days = (trade.exit_ts_ms - trade.entry_ts_ms) / 86_400_000.0
        rates = {"y": (3e-4, 0.0), "x": (0.0, 3e-4)}[held]
        paid = trades_funding([trade], *rates, price_space=space)
        assert paid == pytest.approx(worth / trade.exposure * 3e-4 * days)
        assert paid != 0.0
        other = trades_funding([trade], *rates[::-1], price_space=space)
        assert other == 0.0


def test_one_leg_without_the_exposure_is_refused():
    trade = SimpleNamespace(
        side=1,
        entry_ts_ms=0,
        exit_ts_ms=1,
        entry_y=1.0,
        entry_x=math.nan,
        beta=1.0,
        exposure=math.nan,
    )
    with pytest.raises(
        ParameterError, match="exposure is nan, expected that of the trade, above 0"
    ):
        trades_funding([trade], 1e-4, 1e-4)
