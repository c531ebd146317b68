"""The back-test and its sweep against vectorbt and against a plain nested numba loop.

Run with -m bench -s. vectorbt is given our own fills as orders (it would reverse where we
close), its equity is matched first, and the making of its orders is not timed. The plain loop
recomputes hedge, z-score and trades for every combination, as one would first write it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pandas as pd
import pytest

from analytics._backtest_engine import (
    Legs,
    Run,
    Signals,
    hedge_legs,
    pair_legs,
    score_spread,
    simulate,
)
from analytics._backtest_figures import figures_of
from analytics.backtest import BacktestParams
from analytics.grid import make_grid
from analytics.model import Bars, PairParams
from analytics.sweep import SweepResult, sweep

pytestmark = pytest.mark.bench

MINUTE = 60_000
CASH = 100.0
PAIR = PairParams("Y", "X", "1m", z_window=60, limit=20_000)
RULES = BacktestParams(entry_z=2.0, exit_z=0.0, stop_z=None, hedge_window=200, cost_bps=2.0)
ENTRIES, EXITS = np.linspace(0.5, 3.0, 100), np.linspace(0.0, 0.49, 100)


def best(function: Callable[[], object], runs: int, clock=time.process_time) -> float:
    """The least time of several, of one core: as the processor counts it, others or not."""
    function()  # compiles, fills caches
    times = []
    for _ in range(runs):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


def say(capsys, words: str) -> None:
    with capsys.disabled():
        print(f"\n  {words} (load {os.getloadavg()[0]:.1f})", end="")


def bars(n: int, seed: int = 1) -> tuple[Bars, Bars]:
    """Two cointegrated legs that are in a trade about half of the time."""
    rng = np.random.default_rng(seed)
    x = 50 * np.exp(rng.normal(0, 1e-5, n).cumsum())
    noise, shocks = np.zeros(n), rng.normal(0, 0.1, n)
    for t in range(1, n):
        noise[t] = 0.97 * noise[t - 1] + shocks[t]
    legs = []
    for symbol, close in (("Y", 1.5 * x + 20 + noise), ("X", x)):
        opened = np.concatenate((close[:1], close[:-1] * np.exp(rng.normal(0, 1e-5, n - 1))))
        ones, times = np.ones(n), np.arange(n) * MINUTE
        legs.append(Bars(symbol, "1m", times, opened, close, close, close, ones, ones, close))
    return legs[0], legs[1]


def signals_of(legs: Legs, rules: BacktestParams = RULES) -> Signals:
    made = score_spread(hedge_legs(legs, PAIR, rules), PAIR.z_window)
    assert isinstance(made, Signals)
    return made


def whole_legs(n: int) -> Legs:
    """The legs without the limit of rows that a page has."""
    y, x = bars(n)
    prices = np.stack((y.open, x.open, y.close, x.close))
    return Legs(y.ts_ms, prices, np.zeros(n, bool), 0)


def orders_of(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Units of both legs that our fills buy, NaN where nothing fills; and prices."""
    hedged, ledger = run.signals.hedged, run.ledger
    open_y, open_x, close_y, close_x = hedged.legs.prices
    beta = hedged.hedge[ledger.first - 1]
    total = open_y[ledger.first] + np.abs(beta * open_x[ledger.first])
    units_y = run.equity[ledger.first - 1] * ledger.side / total
    units = np.column_stack((units_y, -beta * units_y))
    size, closed = np.full((len(run.equity), 2), np.nan), ledger.reason > 0
    size[ledger.first] = units
    size[ledger.last[closed]] = -units[closed]
    fills = np.isfinite(size[:, 0])
    price = np.column_stack((close_y, close_x))
    price[fills] = np.column_stack((open_y, open_x))[fills]
    return size, price


def vectorbt_portfolio(vbt, close: np.ndarray, size: np.ndarray, price: np.ndarray, rate: float):
    """Both legs of every combination in one group; cash enough that no order is cut short."""
    groups = np.repeat(np.arange(size.shape[1] // 2), 2)
    return vbt.Portfolio.from_orders(
        close=pd.DataFrame(close),
        size=size,
        price=price,
        fees=rate,
        group_by=groups,
        cash_sharing=True,
        init_cash=CASH,
        freq="1min",
    )


@pytest.fixture(scope="module")
def vbt():
    return pytest.importorskip("vectorbt", reason="vectorbt is absent")


def test_one_back_test_of_a_million_bars(vbt, capsys):
    signals = signals_of(whole_legs(1_000_000))
    run = simulate(signals, RULES)
    size, price = orders_of(run)
    close = np.ascontiguousarray(signals.hedged.legs.prices[2:].T)

    def peer():
        portfolio = vectorbt_portfolio(vbt, close, size, price, RULES.cost_rate)
        return portfolio.value(), portfolio.total_return(), portfolio.sharpe_ratio()

    def ours():
        made = simulate(signals, RULES)
        return made.equity, figures_of(made.sums, 525_600.0)

    value, total, _ = peer()
    np.testing.assert_allclose(run.equity - 1.0, value.to_numpy().ravel() - CASH, atol=1e-9)
    profit = float(np.asarray(total).ravel()[0]) * CASH
    assert figures_of(run.sums, 1.0).net_return == pytest.approx(profit, abs=1e-9)
    mine, theirs = best(ours, 15), best(peer, 3)
    say(
        capsys,
        f"one back-test, 1,000,000 bars, {len(run.ledger.side):,} trades, P&L equal: "
        f"{theirs / mine:,.0f}x ({mine * 1e3:.1f} ms against {theirs * 1e3:,.0f} ms of vectorbt)",
    )
    assert theirs / mine >= 20


def test_a_sweep_of_100_by_100_over_10_000_bars(vbt, capsys):
    legs = bars(10_000)
    axes = ("entry_z", ENTRIES, "exit_z", EXITS)

    def ours(**how):
        made = sweep(*legs, make_grid(PAIR, RULES, *axes), **how)
        assert isinstance(made, SweepResult)
        return made

    signals, swept = signals_of(pair_legs(*legs, PAIR)), ours()
    chosen = np.random.default_rng(2).choice(10_000, 200, replace=False)
    close = np.ascontiguousarray(signals.hedged.legs.prices[2:].T)
    theirs = 0.0
    for part in chosen.reshape(2, 100):
        runs = [simulate(signals, swept.cell(*divmod(int(cell), 100))[1]) for cell in part]
        size, price = (
            np.concatenate(made, axis=1) for made in zip(*map(orders_of, runs), strict=True)
        )
        start = time.process_time()
        portfolio = vectorbt_portfolio(vbt, np.tile(close, 100), size, price, RULES.cost_rate)
        total = portfolio.total_return()
        took = time.process_time() - start
        theirs = took if not theirs else min(theirs, took)
        expected = [swept.matrices["net_return"][divmod(int(cell), 100)] for cell in part]
        np.testing.assert_allclose(total.to_numpy() * CASH, expected, atol=1e-9)
    theirs *= 100  # of 10,000 combinations, at the best time of 100
    one = best(ours, 7)
    with ThreadPoolExecutor(2) as pool:
        two = best(lambda: ours(run_all=pool.map), 7, time.perf_counter)
    say(
        capsys,
        f"sweep 100 x 100, 10,000 bars, P&L equal: {theirs / one:,.0f}x on one core, "
        f"{theirs / two:,.0f}x on two ({one:.2f} s and {two:.2f} s against {theirs:.1f} s of "
        "vectorbt, 100 combinations at a time)",
    )
    assert theirs / one >= 20


@numba.njit(nogil=True)
def plain_combination(y, x, open_y, open_x, hedge_window, z_window, entry, leave, rate):
    """Rolling OLS and z-score by running sums, trades; returns P&L, Sharpe and drawdown."""
    n = y.size
    spread = np.full(n, np.nan)
    beta = np.full(n, np.nan)
    sx = sy = sxx = sxy = 0.0
    for t in range(n):
        if t >= hedge_window:
            mean_x, mean_y = sx / hedge_window, sy / hedge_window
            slope = (sxy - sx * mean_y) / (sxx - sx * mean_x)
            beta[t] = slope
            spread[t] = y[t] - slope * x[t] - (mean_y - slope * mean_x)
            sx -= x[t - hedge_window]
            sy -= y[t - hedge_window]
            sxx -= x[t - hedge_window] ** 2
            sxy -= x[t - hedge_window] * y[t - hedge_window]
        sx += x[t]
        sy += y[t]
        sxx += x[t] ** 2
        sxy += x[t] * y[t]
    equity = np.ones(n)
    base, gain, at_y, at_x, of_y, of_x = 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    side, order = 0, 0
    s = ss = 0.0
    for t in range(n):
        if order == 2:
            gain = of_y * (open_y[t] - at_y) + of_x * (open_x[t] - at_x)
            traded = 1.0 + abs(of_y) * open_y[t] + abs(of_x) * open_x[t]
            base *= 1.0 + gain - rate * traded
            side, order = 0, 0
        elif order != 0:
            side, at_y, at_x = order, open_y[t], open_x[t]
            total = at_y + abs(beta[t - 1]) * at_x
            of_y, of_x = side / total, -side * beta[t - 1] / total
            order = 0
        equity[t] = base
        if side != 0:
            gain = of_y * (y[t] - at_y) + of_x * (x[t] - at_x)
            equity[t] = base * (1.0 + gain - rate)
        if t < hedge_window:
            continue
        s += spread[t]
        ss += spread[t] ** 2
        if t < hedge_window + z_window - 1:
            continue
        mean = s / z_window
        deviation = np.sqrt((ss - s * mean) / (z_window - 1))
        z = (spread[t] - mean) / deviation
        s -= spread[t - z_window + 1]
        ss -= spread[t - z_window + 1] ** 2
        if side != 0:
            if -side * z <= leave:
                order = 2
        elif abs(z) >= entry:
            order = -1 if z > 0 else 1
    first = hedge_window + z_window - 1
    mean = square = deepest = 0.0
    peak = 1.0
    for t in range(first + 1, n):
        peak = max(peak, equity[t])
        deepest = min(deepest, equity[t] / peak - 1.0)
        change = equity[t] / equity[t - 1] - 1.0
        mean += change
        square += change * change
    count = n - 1 - first
    mean /= count
    return equity[n - 1] - 1.0, mean / np.sqrt(square / count - mean * mean), deepest


@numba.njit(nogil=True)
def plain_sweep(y, x, open_y, open_x, hedge_window, z_window, entries, exits, rate):
    made = np.empty((exits.size, entries.size, 3))
    for row in range(exits.size):
        for column in range(entries.size):
            made[row, column] = plain_combination(
                y, x, open_y, open_x, hedge_window, z_window, entries[column], exits[row], rate
            )
    return made


@pytest.mark.parametrize(
    ("other", "values"), [("exit_z", EXITS), ("z_window", range(20, 120)), ("hedge_window", None)]
)
def test_a_sweep_against_a_plain_nested_loop(other, values, capsys):
    legs = bars(10_000)
    y, x = legs
    few = EXITS[::10]
    values = range(100, 300, 2) if values is None else values

    def plain():
        return plain_sweep(y.close, x.close, y.open, x.open, 200, 60, ENTRIES, few, RULES.cost_rate)

    def ours():
        return sweep(*legs, make_grid(PAIR, RULES, "entry_z", ENTRIES, other, values))

    same = sweep(*legs, make_grid(PAIR, RULES, "entry_z", ENTRIES, "exit_z", few))
    assert isinstance(same, SweepResult)
    equal = np.isclose(plain()[..., 0], same.matrices["net_return"], rtol=1e-4)
    assert equal.mean() > 0.98, "its running sums lose digits, and so a trade here and there"
    theirs, mine = best(plain, 9) / 1_000, best(ours, 9) / 10_000
    say(
        capsys,
        f"entry_z by {other}, one core: {theirs / mine:.1f}x a combination "
        f"({mine * 1e6:.0f} us against {theirs * 1e6:.0f} us of a plain nested loop)",
    )
    assert theirs / mine >= 3
