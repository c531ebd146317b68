"""Performance figures: empyrical's published cases, and plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.performance import (
    annual_volatility,
    bars_per_year,
    hit_rate,
    max_drawdown,
    periods_per_year,
    profit_factor,
    sharpe,
    sortino,
)

# The series and results of empyrical's own tests (tests/test_stats.py), daily, 252 a year.
MIXED = [np.nan, 0.01, 0.1, -0.04, 0.02, 0.03, 0.02, 0.01, -0.1]
NEGATIVE = [0.0, -0.06, -0.07, -0.01, -0.09, -0.02, -0.06, -0.08, -0.05]


@pytest.mark.parametrize(("returns", "expected"), [(MIXED, -0.1), (NEGATIVE, -0.3659073034987359)])
def test_max_drawdown_matches_empyrical(returns, expected):
    assert max_drawdown(returns) == pytest.approx(expected, abs=1e-12)


def test_sharpe_and_volatility_match_empyrical():
    assert sharpe(MIXED, 252) == pytest.approx(1.7238613961706866, abs=1e-12)
    assert annual_volatility(MIXED, 252) == pytest.approx(0.9136465399704637, abs=1e-12)


@pytest.mark.parametrize("ddof", [0, 1])
def test_sharpe_and_volatility_are_what_they_say(ddof):
    r = np.random.default_rng(1).normal(1e-4, 1e-3, 400)
    assert sharpe(r, 525_600, ddof) == pytest.approx(r.mean() / r.std(ddof=ddof) * 525_600**0.5)
    assert annual_volatility(r, 525_600, ddof) == pytest.approx(r.std(ddof=ddof) * 525_600**0.5)


def test_sortino_divides_by_the_shortfall_over_all_periods():
    r = np.random.default_rng(2).normal(1e-4, 1e-3, 400)
    for target in (0.0, 2e-4):
        excess = r - target
        downside = math.sqrt(sum(min(value, 0.0) ** 2 for value in excess) / len(r))
        expected = excess.mean() / downside * math.sqrt(365)
        assert sortino(r, 365, target) == pytest.approx(expected)


def test_max_drawdown_is_the_deepest_fall_of_a_compounded_equity():
    r = np.random.default_rng(3).normal(0, 0.02, 300)
    equity = (1 + pd.Series(np.r_[0.0, r])).cumprod()
    assert max_drawdown(r) == pytest.approx((equity / equity.cummax() - 1).min())


def test_max_drawdown_counts_from_the_start():
    assert max_drawdown([-0.25, 0.1]) == pytest.approx(-0.25)
    assert max_drawdown([0.1, 0.2]) == 0.0
    assert max_drawdown([0.5, np.nan, -1.0]) == -1.0


def quantstats_figures(r, periods):
    """The formulas of quantstats.stats 0.0.86: sharpe, sortino, volatility, max_drawdown."""
    returns = pd.Series(r)
    downside = np.sqrt((returns[returns < 0] ** 2).sum() / len(returns))
    prices = pd.concat([pd.Series([1.0]), (1 + returns).cumprod()])
    return {
        "sharpe": returns.mean() / returns.std(ddof=1) * np.sqrt(periods),
        "sortino": returns.mean() / downside * np.sqrt(periods),
        "volatility": returns.std() * np.sqrt(periods),
        "max_drawdown": (prices / prices.expanding(min_periods=0).max()).min() - 1,
        "profit_factor": returns[returns >= 0].sum() / abs(returns[returns < 0].sum()),
        "win_rate": len(returns[returns > 0]) / len(returns[returns != 0]),
    }


def empyrical_figures(r, periods):
    """The formulas of empyrical 0.5: sharpe_ratio, sortino_ratio, annual_volatility, ..."""
    downside = np.sqrt(np.nanmean(np.square(np.clip(r - 0.0, -np.inf, 0.0)))) * np.sqrt(periods)
    growth = np.empty(len(r) + 1)
    growth[0] = 100.0
    np.cumprod(1 + r, out=growth[1:])
    growth[1:] *= 100.0
    peaks = np.fmax.accumulate(growth)
    return {
        "sharpe": np.nanmean(r) / np.nanstd(r, ddof=1) * np.sqrt(periods),
        "sortino": np.nanmean(r) * periods / downside,
        "volatility": np.nanstd(r, ddof=1) * periods ** (1.0 / 2.0),
        "max_drawdown": np.nanmin((growth - peaks) / peaks),
    }


@pytest.mark.parametrize("peer", [quantstats_figures, empyrical_figures])
@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_the_peers_formulas(peer, seed):
    rng = np.random.default_rng(seed)
    r = rng.normal(rng.normal(0, 3e-4), 1e-3, 300)
    ours = {
        "sharpe": sharpe(r, 525_600),
        "sortino": sortino(r, 525_600),
        "volatility": annual_volatility(r, 525_600),
        "max_drawdown": max_drawdown(r),
        "profit_factor": profit_factor(r),
        "win_rate": hit_rate(r),
    }
    for name, value in peer(r, 525_600).items():
        assert ours[name] == pytest.approx(value, rel=1e-11), name


def test_profit_factor_and_hit_rate_of_a_few_trades():
    trades = [30.0, -10.0, 20.0, -10.0, 0.0, np.nan]
    assert profit_factor(trades) == 2.5
    assert hit_rate(trades) == 0.4
    assert profit_factor([-1.0, -2.0]) == 0.0
    assert hit_rate([-1.0, -2.0]) == 0.0


def test_a_profit_factor_without_a_loss_is_infinite_and_without_a_trade_none():
    assert profit_factor([1.0, 2.0]) == math.inf
    assert math.isnan(profit_factor([0.0, 0.0]))


def test_what_else_cannot_be_divided_is_nan_never_infinite():
    assert math.isnan(sortino([0.01, 0.02], 252))
    for flat in (0.01, 0.1, 1 / 3, 0.0):
        assert math.isnan(sharpe(np.full(7, flat), 252))
        assert annual_volatility(np.full(7, flat), 252) == 0.0


def test_missing_periods_are_left_out():
    r = np.array([0.01, np.nan, -0.02, np.inf, 0.03])
    kept = r[[0, 2, 4]]
    assert sharpe(r, 252) == sharpe(kept, 252)
    assert sortino(r, 252) == sortino(kept, 252)
    assert profit_factor(r) == profit_factor(kept)
    assert max_drawdown(r) == max_drawdown(kept)


def test_too_few_returns_give_nan():
    for returns in ([], [0.01], [np.nan, 0.01]):
        assert math.isnan(sharpe(returns, 252))
        assert math.isnan(sortino(returns, 252))
        assert math.isnan(annual_volatility(returns, 252))
    assert math.isnan(max_drawdown([]))
    assert math.isnan(profit_factor([]))
    assert math.isnan(hit_rate([]))
    assert max_drawdown([0.01]) == 0.0


def test_crypto_trades_all_year():
    assert periods_per_year("1s") == 365 * 86_400
    assert periods_per_year("5m") == 365 * 288
    assert periods_per_year("7m") == pytest.approx(365 * 24 * 60 / 7)  # a file's own
    with pytest.raises(ValueError, match="timeframe is 'hour', expected one of 1s, 1m, 5m"):
        periods_per_year("hour")


def test_missing_bars_make_a_years_bars_fewer():
    assert bars_per_year(np.arange(500) * 60_000, "1m") == periods_per_year("1m")
    assert bars_per_year([7], "1h") == periods_per_year("1h")
    half = bars_per_year(np.arange(0, 1_000, 2) * 60_000, "1m")
    assert half == pytest.approx(periods_per_year("1m") / 2, rel=2e-3)
    with pytest.raises(ValueError, match="ts_ms has 0 values, expected at least 1"):
        bars_per_year([], "1m")


@pytest.mark.parametrize("periods", [0, -1, math.nan, math.inf, "year", True])
def test_periods_per_year_must_be_a_number_above_zero(periods):
    for f in (sharpe, sortino, annual_volatility):
        with pytest.raises(ValueError, match=r"periods_per_year is .*, expected a number"):
            f([0.01, 0.02], periods)


def test_a_negative_ddof_is_refused():
    with pytest.raises(ValueError, match="ddof is -1, expected at least 0"):
        sharpe([0.01, 0.02], 252, ddof=-1)


returns = st.lists(st.integers(-5_000, 5_000).map(lambda bps: bps / 1e4), min_size=2, max_size=50)


@given(returns)
def test_drawdown_lies_between_a_total_loss_and_none(values):
    assert -1.0 <= max_drawdown(values) <= 0.0


@given(returns, st.floats(0.01, 100.0))
def test_sharpe_does_not_depend_on_the_size_of_the_bet(values, size):
    before, after = sharpe(values, 252), sharpe(np.array(values) * size, 252)
    assert after == pytest.approx(before, rel=1e-9, abs=1e-9, nan_ok=True)
