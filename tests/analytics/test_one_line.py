"""Legs on one line are NotReady with their reason, everywhere; those on a coarse tick are not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from analytics._known_lines import known_at, known_lines
from analytics._one_line import MULTIPLES, NO_SPREAD, ONE_LINE, STILL, on_one_line, why_no_spread
from analytics._pair_parts import traded_rows
from analytics.alignment import align
from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.grid import make_grid
from analytics.lookahead import check_look_ahead
from analytics.model import HEDGE_METHODS, Bars, NotReady, PairParams, PairSnapshot
from analytics.pair import analyze_pair
from analytics.readings import pair_readings
from analytics.standing import pair_standing
from analytics.sweep import SweepResult, sweep
from analytics.walkforward import WalkForward, walk_forward

N = 420
PAIR = PairParams("Y", "X", "1m", z_window=30)
RULES = BacktestParams(entry_z=1.0, exit_z=0.1, stop_z=None, hedge_window=60, cost_bps=0.0)
MODES = ("rolling", "kalman", "in-sample")


def walk(seed: int = 0, n: int = N, step: float = 0.05) -> np.ndarray:
    return 10.0 + step * np.cumsum(np.random.default_rng(seed).standard_normal(n))


def legs_of(y: np.ndarray, x: np.ndarray) -> tuple[Bars, Bars]:
    times, ones = np.arange(len(x)) * 60_000, np.ones(len(x))
    return tuple(
        Bars(name, "1m", times, leg, leg, leg, leg, ones, ones, leg)
        for name, leg in (("Y", y), ("X", x))
    )


def noise(size: float) -> np.ndarray:
    return 1.0 + size * np.random.default_rng(1).standard_normal(N)


X = walk()
#: Legs by what they are: Y, X, the spaces in which they lie on one line, and the reason.
LINES: dict[str, tuple[np.ndarray, np.ndarray, str, str]] = {
    "3X": (3.0 * X, X, "price log", MULTIPLES),
    "3X + 5": (3.0 * X + 5.0, X, "price", ONE_LINE),
    "500 - X": (500.0 - X, X, "price", ONE_LINE),
    "X cubed": (X**3, X, "log", ONE_LINE),
    "1 / X": (1.0 / X, X, "log", ONE_LINE),
    "X stands still": (walk(7), np.full(N, 5.0), "price log", STILL.format("X")),
    "Y stands still": (np.full(N, 5.0), X, "price log", STILL.format("Y")),
    "both stand still": (np.full(N, 5.0), np.full(N, 3.0), "price log", MULTIPLES),
    "3X but for 1e-13": (3.0 * X * noise(1e-13), X, "price log", ONE_LINE),
    "3X but for 1e-12": (3.0 * X * noise(1e-12), X, "price log", ONE_LINE),
    "3X in single precision": (np.float64(np.float32(3.0 * X)), X, "price log", ONE_LINE),
}
CASES = [(name, space) for name, row in LINES.items() for space in row[2].split()]


def expected_of(name: str) -> NotReady:
    return NotReady(LINES[name][3], N, N)


@pytest.mark.parametrize(("name", "space"), CASES)
def test_a_back_test_of_legs_on_one_line_is_not_ready(name: str, space: str) -> None:
    legs = legs_of(*LINES[name][:2])
    for mode, intercept in product(MODES, (True, False)):
        for hedge in HEDGE_METHODS if mode == "in-sample" else ("ols",):
            params = replace(PAIR, price_space=space, intercept=intercept, hedge=hedge)
            result = run_backtest(*legs, params, replace(RULES, hedge_mode=mode))
            assert result == expected_of(name), (mode, intercept, hedge)


@pytest.mark.parametrize(("name", "space"), CASES)
@pytest.mark.parametrize("mode", MODES)
def test_a_sweep_and_a_walk_forward_of_legs_on_one_line_are_not_ready(
    name: str, space: str, mode: str
) -> None:
    legs = legs_of(*LINES[name][:2])
    params, rules = replace(PAIR, price_space=space), replace(RULES, hedge_mode=mode)
    grid = make_grid(params, rules, "entry_z", (1.0, 1.5), "z_window", (20, 30))
    assert sweep(*legs, grid) == expected_of(name)
    assert walk_forward(*legs, grid, train_bars=100, test_bars=50) == expected_of(name)


@pytest.mark.parametrize(("name", "space"), CASES)
@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
def test_an_analysis_of_legs_on_one_line_is_not_ready(name: str, space: str, mode: str) -> None:
    legs = legs_of(*LINES[name][:2])
    for hedge, intercept in product(HEDGE_METHODS, (True, False)):
        params = replace(
            PAIR,
            price_space=space,
            hedge=hedge,
            intercept=intercept,
            spread_mode=mode,
            hedge_window=80,
            adf_window=100,
        )
        assert analyze_pair(*legs, params) == expected_of(name), (hedge, intercept)
        read = pair_readings(*legs, params, ["z", "adf_pvalue"], legs[0].ts_ms[-3:])
        assert np.isnan(read["z"]).all()
        assert np.isnan(read["adf_pvalue"]).all()
        standing = pair_standing(*legs, params, 2.0)
        assert standing.half_life is None
        assert np.isnan(standing.break_even)


def ticks(seed: int, tick: float, price: float = 10.0, n: int = 1_000) -> tuple[Bars, Bars]:
    """Legs on a coarse tick, whose spread is a few ticks that come back."""
    rng = np.random.default_rng(seed)
    x = price + np.round(rng.standard_normal(n).cumsum()) * tick
    spread = np.zeros(n)
    for t in range(1, n):
        spread[t] = 0.9 * spread[t - 1] + rng.standard_normal()
    return legs_of(np.round((1.5 * x + spread * tick) / tick) * tick, x)


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("seed", range(3))
def test_a_pair_whose_spread_is_a_few_coarse_ticks_stays_tradable(seed: int, space: str) -> None:
    for legs in (ticks(seed, 0.01), ticks(seed, 0.1, 60_000.0)):
        params = replace(PAIR, price_space=space)
        for mode in MODES:
            result = run_backtest(*legs, params, replace(RULES, hedge_mode=mode))
            assert isinstance(result, BacktestResult)
            assert np.isfinite(result.z[60 + 30 :]).all()
            assert result.figures.trades > 20
            assert result.figures.sharpe > 0.0
        for mode in ("view", "rolling", "kalman"):
            snapshot = analyze_pair(*legs, replace(params, spread_mode=mode, limit=500))
            assert isinstance(snapshot, PairSnapshot)
            assert np.isfinite(snapshot.z[-100:]).all()
            assert snapshot.adf is not None
        grid = make_grid(params, RULES, "entry_z", (1.0, 1.5), "z_window", (20, 30))
        assert isinstance(sweep(*legs, grid), SweepResult)
        assert isinstance(walk_forward(*legs, grid, train_bars=100, test_bars=50), WalkForward)


@pytest.mark.parametrize("price", [1e-6, 1.0, 60_000.0])
@pytest.mark.parametrize("log", [False, True])
def test_a_hundredth_of_a_basis_point_is_a_spread_and_less_is_not(price: float, log: bool) -> None:
    x = walk(n=2_000)
    stray = np.random.default_rng(3).standard_normal(2_000)
    legs = (np.log(x) if log else x), stray
    stray -= np.polyval(np.polyfit(legs[0], stray, 1), legs[0])  # nothing of X
    for share, alike in ((0.98e-6, True), (1.02e-6, False)):
        left = share * stray / stray.std()
        y = price * (2.0 * x + 1.0)
        y = price * x**2 * np.exp(left) if log else y + left * y.mean()
        known = (np.log(y), np.log(x)) if log else (y, x)
        assert on_one_line(*known, log=log) == alike
        assert why_no_spread((y, x), log=log) == (ONE_LINE if alike else NO_SPREAD)


@pytest.mark.parametrize("space", ["price", "log"])
def test_a_coin_in_spot_and_futures_is_a_pair_however_far_it_went(space: str) -> None:
    """R squared is within 1e-6 of one, and half a basis point comes back all the same."""
    rng = np.random.default_rng(5)
    x = 60_000.0 * np.exp(0.02 * rng.standard_normal(1_000).cumsum())
    basis = np.zeros(1_000)
    for t in range(1, 1_000):
        basis[t] = 0.8 * basis[t - 1] + 3e-5 * rng.standard_normal()
    legs = legs_of(x * (1.0 + basis), x)
    params = replace(PAIR, price_space=space)
    assert np.corrcoef(*(leg.close for leg in legs))[0, 1] ** 2 > 1.0 - 1e-6
    for mode in ("view", "rolling", "kalman"):
        snapshot = analyze_pair(*legs, replace(params, spread_mode=mode))
        assert isinstance(snapshot, PairSnapshot)
        assert np.isfinite(snapshot.z[-100:]).all()
    for mode in MODES:
        result = run_backtest(*legs, params, replace(RULES, hedge_mode=mode))
        assert isinstance(result, BacktestResult)
        assert result.figures.trades > 20


def half_and_half() -> tuple[Bars, Bars]:
    """Legs that are multiples in single precision, and part half-way."""
    x, rng = walk(n=800), np.random.default_rng(4)
    spread = np.zeros(800)
    for t in range(401, 800):
        spread[t] = 0.9 * spread[t - 1] + 0.02 * rng.standard_normal()
    return legs_of(np.float64(np.float32(3.0 * x)) + spread, x)


@pytest.mark.parametrize("mode", MODES)
def test_legs_are_not_traded_while_they_lie_on_one_line(mode: str) -> None:
    legs = half_and_half()
    result = run_backtest(*legs, PAIR, replace(RULES, hedge_mode=mode))
    assert isinstance(result, BacktestResult)
    assert np.isnan(result.z[:400]).all()
    assert np.isfinite(result.z[420:]).all()
    assert result.figures.trades > 5
    assert not result.position[:401].any()
    for end in (405, 450, 600) if mode != "in-sample" else ():
        cut = run_backtest(*(leg[:end] for leg in legs), PAIR, replace(RULES, hedge_mode=mode))
        assert isinstance(cut, BacktestResult)
        np.testing.assert_array_equal(cut.z, result.z[:end])
        np.testing.assert_array_equal(cut.position, result.position[:end])
    checked = check_look_ahead(*legs, PAIR, replace(RULES, hedge_mode=mode))
    assert not isinstance(checked, NotReady)
    assert checked.changed == 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hedge": "tls", "hedge_window": 20},
        {"hedge": "huber"},
        {"hedge": "kalman"},
        {"spread_mode": "rolling", "hedge_window": 60},
        {"spread_mode": "kalman", "hedge_window": 60},
    ],
)
def test_what_is_known_of_such_legs_does_not_depend_on_who_asks(options: dict[str, Any]) -> None:
    legs, params = half_and_half(), replace(PAIR, limit=150, **options)
    rows = traded_rows(align(*legs, None), params)
    ends = rows.ts_ms[380:460]
    alone = known_lines(rows, params, 380, 460, alone=True)
    together = known_lines(rows, params, 300, 800)
    z, _ = known_at(rows, params, ends)
    np.testing.assert_array_equal(z, alone.z)
    np.testing.assert_allclose(together.z[80:160], alone.z, rtol=1e-6, atol=1e-9)
    assert np.isnan(z[:20]).all()
    assert np.isfinite(z[40:]).all()
