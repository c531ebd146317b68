"""The back-test: hand-made cases, an independent loop, and no look-ahead."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from analytics import performance
from analytics._backtest_engine import Hedged, Run, Signals, make_legs, simulate
from analytics._backtest_figures import figures_of
from analytics._kernels.fills import NEVER, cut_short
from analytics.backtest import BacktestParams, BacktestResult, Trade, run_backtest
from analytics.hedge import fit_hedge, hedge_path
from analytics.lookahead import check_look_ahead
from analytics.model import BAR_COLUMNS, Bars, NotReady, PairParams, ParameterError
from tests.analytics import plain_backtest

MINUTE = 60_000
PLAIN = BacktestParams(entry_z=2.0, exit_z=0.0, stop_z=None, cost_bps=0.0)
FLAT = 100.0


def bars_of(
    symbol: str,
    closes: Any,
    opens: Any = None,
    times: Any = None,
    trades: Any = None,
    timeframe: str = "1m",
) -> Bars:
    close = np.asarray(closes, float)
    opened = close if opens is None else np.asarray(opens, float)
    ts_ms = np.arange(len(close)) * MINUTE if times is None else np.asarray(times)
    ones = np.ones(len(close))
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    count = ones if trades is None else trades
    return Bars(symbol, timeframe, ts_ms, opened, high, low, close, ones, count, close)


def play(
    z: list[float], rules: BacktestParams, beta: float = 1.0, log: bool = False, **prices: Any
) -> Run:
    """Trade a z-score given by hand; prices not given are 100 for ever."""
    n = len(z)
    names = ("open_y", "open_x", "close_y", "close_x")
    table = np.array([prices.get(name, [FLAT] * n) for name in names], float)
    return simulate(signals_of(np.array(z, float), np.full(n, beta), table, log), rules)


def signals_of(
    z: Any, hedge: Any, prices: Any, log: bool, carried: Any = None, ts_ms: Any = None
) -> Signals:
    n = len(z)
    none, every = np.zeros((2, n), bool), np.ones(n, bool)
    legs = make_legs(np.arange(n) * MINUTE if ts_ms is None else ts_ms, prices, none, every, MINUTE)
    if carried is not None:
        legs = make_legs(legs.ts_ms, prices, carried, ~carried.any(axis=0), MINUTE)
    return Signals(Hedged(legs, hedge, z, np.ones(n), log), z, np.ones(n), 0)


def exits(run: Run) -> list[tuple[int, int, int, int]]:
    """(first bar, bar of exit, side, reason) of each trade."""
    ledger = run.ledger
    columns = (ledger.first, ledger.last, ledger.side, ledger.reason)
    return list(zip(*(column.tolist() for column in columns), strict=True))


TARGET, STOP, TIME, GAP, OPEN = 1, 2, 3, 4, 0


def test_a_short_trade_worked_out_by_hand() -> None:
    # Signal at bar 1 (z = 2.5), fill at bar 2's open: Y 200, X 50, beta 2. Short one Y, long
    # two X: gross exposure 200 + 2 * 50 = 300. Signal to leave at bar 3, fill at bar 4's
    # open: Y 190, X 52. Gains 10 on Y and 2 * 2 on X: 14 of 300. Costs of 10 bps a leg and
    # side: 0.3 going in, (190 + 104) / 1000 = 0.294 coming out: 0.594 of 300.
    run = play(
        [0.0, 2.5, 1.0, -0.1, 0.0],
        replace(PLAIN, cost_bps=10.0),
        beta=2.0,
        open_y=[1, 1, 200, 7, 190],
        open_x=[1, 1, 50, 7, 52],
        close_y=[1, 1, 198, 191, 180],
        close_x=[1, 1, 51, 52, 60],
    )
    ledger = run.ledger
    assert exits(run) == [(2, 4, -1, TARGET)]
    assert ledger.gross[0] == pytest.approx(14 / 300, rel=1e-14)
    assert ledger.cost[0] == pytest.approx(0.594 / 300, rel=1e-14)
    assert ledger.turnover[0] == pytest.approx((300 + 294) / 300, rel=1e-14)
    # Marks: at bar 2's close 2 + 2 = 4 of 300, at bar 3's 9 + 4 = 13, less 0.3 paid so far.
    expected = [1, 1, 1 + 3.7 / 300, 1 + 12.7 / 300, 1 + 13.406 / 300]
    np.testing.assert_allclose(run.equity, expected, rtol=1e-14)
    expected = [1, 1, 1 + 4 / 300, 1 + 13 / 300, 1 + 14 / 300]
    np.testing.assert_allclose(run.gross, expected, rtol=1e-14)
    assert run.position.tolist() == [0, 0, -1, -1, 0]


def test_in_log_space_beta_weighs_the_legs_money() -> None:
    # Long the spread with elasticity 0.5: of 1.5 in all, 1 is long Y and 0.5 short X. Y rises
    # by 6 %, X by 3 %: (0.06 - 0.5 * 0.03) / 1.5 = 3 %.
    run = play(
        [-2.5, 0.1, 0.0],
        PLAIN,
        beta=0.5,
        log=True,
        open_y=[1, 100, 106],
        open_x=[1, 1000, 1030],
    )
    assert exits(run) == [(1, 2, 1, TARGET)]
    assert run.ledger.gross[0] == pytest.approx(0.03, rel=1e-12)


def test_a_negative_hedge_ratio_holds_both_legs_on_one_side() -> None:
    # Long Y 100 and long 1 of X 100: gross 200; Y rises 10, X rises 6: 16 of 200.
    run = play([-2.5, 0.1, 0], PLAIN, beta=-1.0, open_y=[1, 100, 110], open_x=[1, 100, 106])
    assert run.ledger.gross[0] == pytest.approx(16 / 200, rel=1e-14)


def test_returns_compound_over_trades() -> None:
    # Two long trades with nothing in X (beta 0): Y makes 10 %, then loses 5 %.
    z = [-2.5, 0.1, -2.5, 0.1, 0]
    run = play(z, PLAIN, beta=0.0, open_y=[1, 100, 110, 100, 95], close_y=[1, 110, 1, 95, 1])
    assert run.equity[-1] == pytest.approx(1.1 * 0.95, rel=1e-14)


def test_slippage_and_commission_are_both_charged_on_turnover() -> None:
    z = [2.5, -0.1, 0.0]
    both = play(z, replace(PLAIN, cost_bps=2.0, slippage_bps=3.0))
    assert both.equity[-1] == play(z, replace(PLAIN, cost_bps=5.0)).equity[-1]
    assert both.equity[-1] == pytest.approx(1 - 2 * 5e-4, rel=1e-14)
    assert both.gross.tolist() == [1.0, 1.0, 1.0]


def test_a_signal_fills_at_the_next_bars_open_whatever_its_own_bar_did() -> None:
    z = [0.0, 2.5, 1.0, -1.0, 0.0]
    base = play(z, PLAIN, open_y=[100, 100, 104, 100, 98])
    wild = play(z, PLAIN, open_y=[7, 7, 104, 7, 98], close_y=[9, 9, 100, 100, 9])
    assert base.ledger.gross[0] == wild.ledger.gross[0] == pytest.approx(6 / 204)
    assert base.position.tolist() == [0, 0, -1, -1, 0]


def test_a_signal_at_the_last_bar_does_not_trade() -> None:
    assert exits(play([0.0, 0.0, 3.0], PLAIN)) == []


def test_an_exit_that_is_jumped_over_between_two_bars_is_taken() -> None:
    narrow = replace(PLAIN, exit_z=0.5)
    assert exits(play([2.5, 2.2, -1.8, 0, 0], narrow)) == [(1, 3, -1, TARGET)]
    assert exits(play([-2.5, -2.2, 1.8, 0, 0], narrow)) == [(1, 3, 1, TARGET)]


def test_an_exit_level_is_reached_by_equality() -> None:
    assert exits(play([2.5, 0.5, 0, 0], replace(PLAIN, exit_z=0.5))) == [(1, 2, -1, TARGET)]


def test_a_jump_to_the_other_side_closes_first_and_reverses_a_bar_later() -> None:
    run = play([2.5, -3.0, -3.0, -3.0, -3.0], PLAIN)
    assert exits(run) == [(1, 2, -1, TARGET), (3, 4, 1, OPEN)]
    assert run.position.tolist() == [0, -1, 0, 1, 1]


def test_an_entry_level_is_reached_by_equality_and_a_stop_level_is_not_entered() -> None:
    rules = replace(PLAIN, stop_z=4.0)
    assert exits(play([2.0, 2.0, 2.0], rules))[0][:3] == (1, 2, -1)
    assert exits(play([4.0, 4.5, -4.0, -9.0], rules)) == []


def test_after_a_stop_there_is_no_entry_until_z_has_come_back() -> None:
    rules = replace(PLAIN, stop_z=4.0, exit_z=0.5)
    z = [2.5, 4.0, 3.0, 2.5, 0.6, 2.5, 0.5, 2.5, 2.5]
    assert exits(play(z, rules)) == [(1, 2, -1, STOP), (8, 8, -1, OPEN)]


def test_an_order_that_a_gap_cancels_does_not_lock_the_side_again() -> None:
    # Stopped out at bar 4, free again at bar 5; the order of bar 8 falls into the gap.
    z = [0, 2.5, 2.2, 5, 3, 0, 0, 0, 2.5, 2.5, 2.5, 2.5, 1, 1, 0, 0]
    times = np.arange(16) * MINUTE + np.where(np.arange(16) > 8, 31 * MINUTE, 0)
    signals = signals_of(
        np.array(z, float), np.ones(16), np.full((4, 16), FLAT), False, ts_ms=times
    )
    run = simulate(signals, replace(PLAIN, stop_z=4.0))
    assert exits(run) == [(2, 4, -1, STOP), (10, 15, -1, TARGET)]
    assert run.position.tolist()[9:] == [0, -1, -1, -1, -1, -1, 0]


def test_a_jump_through_the_mean_after_a_stop_lets_the_other_side_in_at_once() -> None:
    rules = replace(PLAIN, stop_z=4.0)
    assert exits(play([2.5, 4.5, 3.0, -2.5, -2.5], rules)) == [(1, 2, -1, STOP), (4, 4, 1, OPEN)]


def test_a_time_stop_holds_for_exactly_max_bars_and_then_waits_for_the_mean() -> None:
    rules = replace(PLAIN, max_bars=3)
    z = [2.5, 2.5, 2.5, 2.5, 2.5, 2.5, -0.1, 2.5, 2.5]
    assert exits(play(z, rules)) == [(1, 4, -1, TIME), (8, 8, -1, OPEN)]


def test_without_a_z_only_the_time_stop_acts() -> None:
    nan = math.nan
    assert exits(play([nan, nan, nan], PLAIN)) == []
    assert exits(play([2.5, nan, nan, nan], PLAIN)) == [(1, 3, -1, OPEN)]
    timed = replace(PLAIN, max_bars=2)
    assert exits(play([2.5, nan, nan, nan, nan], timed)) == [(1, 3, -1, TIME)]


def test_without_a_hedge_there_is_no_entry() -> None:
    assert exits(play([2.5, 2.5, 2.5], PLAIN, beta=math.nan)) == []


def test_both_sides_are_mirror_images() -> None:
    rng = np.random.default_rng(1)
    n = 300
    z = 2 * np.sin(np.arange(n) / 4) + rng.normal(size=n)
    prices = {name: 100 + rng.normal(size=n) for name in ("open_y", "open_x", "close_y", "close_x")}
    rules = BacktestParams(entry_z=1.0, exit_z=0.2, stop_z=3.0, max_bars=9, cost_bps=4.0)
    one, other = (play(list(s * z), rules, beta=0.8, **prices).ledger for s in (1, -1))
    assert len(one.side) > 5
    np.testing.assert_array_equal(one.side, -other.side)
    np.testing.assert_array_equal(one.first, other.first)
    np.testing.assert_allclose(one.gross, -other.gross, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(one.cost, other.cost)


def test_after_ruin_nothing_is_traded() -> None:
    # Short Y with nothing against it: Y goes from 100 to 300, a loss of twice the equity.
    z = [2.5, -0.1, 2.5, 2.5, 2.5]
    run = play(z, PLAIN, beta=0.0, open_y=[100, 100, 300, 300, 300])
    assert exits(run) == [(1, 2, -1, TARGET)]
    assert run.equity[-1] == pytest.approx(-1.0)


def ruined_runs() -> list[tuple[Any, BacktestResult, Trade]]:
    """Runs that lost everything: what each was run on, the whole of it, and its last trade."""
    runs = []
    for seed in range(60):
        legs = random_legs(np.random.default_rng(seed), 200, jumps=5)
        params = PairParams("Y", "X", "1m", z_window=10)
        asked = (*legs, params, BacktestParams(entry_z=0.8, stop_z=None, hedge_window=20))
        full = run_backtest(*asked)
        if isinstance(full, BacktestResult) and full.trades[-1:]:
            lost = full.trades[-1]
            runs += [(asked, full, lost)] if lost.exit_reason == "ruin" else []
    assert len(runs) > 10
    return runs


def test_a_ruin_is_closed_at_its_own_close_though_it_is_the_newest() -> None:
    """What is known at that close; the next bar changed equity, trades and figures of the past."""
    for (*legs, params, rules), full, lost in ruined_runs():
        ends = [int(np.searchsorted(leg.ts_ms, lost.exit_ts_ms, "right")) for leg in legs]
        known = [leg[:end] for leg, end in zip(legs, ends, strict=True)]
        cut = run_backtest(*known, params, rules)
        assert isinstance(cut, BacktestResult)
        assert cut.trades == full.trades
        for name in ("equity", "gross_equity", "position"):
            line = getattr(cut, name)
            assert line.tolist() == getattr(full, name)[: len(line)].tolist()
        assert cut.record == full.record


def test_the_trade_of_a_ruin_ends_at_the_prices_of_its_close() -> None:
    """At its own bar, at the last closes of what was still held, and nothing is waited for."""
    for (*legs, _, _), full, trade in ruined_runs():
        row = int(np.searchsorted(full.ts_ms, trade.exit_ts_ms))
        assert full.equity[row] <= 0.0 < full.equity[row - 1]
        assert trade.exit_wait == 0
        closes = [
            leg.close[int(np.searchsorted(leg.ts_ms, trade.exit_ts_ms, "right")) - 1]
            for leg in legs
        ]
        assert trade.exit_y == closes[0] or trade.exit_x == closes[1]
        moved = (trade.exit_y - trade.entry_y) - trade.beta * (trade.exit_x - trade.entry_x)
        assert trade.gross == pytest.approx(trade.side * moved / trade.exposure, rel=1e-9)


@pytest.mark.parametrize("leg", [0, 1])
def test_a_leg_that_has_not_filled_by_the_row_that_cuts_a_position_short_is_never_held(
    leg: int,
) -> None:
    filled, late = (5, 30), (9, 20)
    entries, exits = zip(*((late, filled) if leg == 0 else (filled, late)), strict=True)
    cut = cut_short((*entries, *exits), 9)
    assert (cut[leg], cut[2 + leg]) == (NEVER, NEVER)
    assert (cut[1 - leg], cut[3 - leg]) == (5, 9)


RULES_OF = st.builds(
    lambda entry, inside, stop, max_bars, cost, slip, sides: BacktestParams(
        entry_z=entry,
        exit_z=entry * inside,
        stop_z=None if stop is None else entry + stop,
        max_bars=max_bars,
        cost_bps=cost,
        slippage_bps=slip,
        sides=sides,
    ),
    st.floats(0.3, 2.5),
    st.sampled_from([0.0, 0.2, 0.7]),
    st.sampled_from([None, 0.3, 1.0, 2.0]),
    st.sampled_from([None, 1, 2, 5, 20]),
    st.sampled_from([0.0, 2.0, 25.0]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from(["both", "long", "short"]),
)
REASONS = {"target": TARGET, "stop": STOP, "time": TIME, "gap": GAP}


@settings(max_examples=500, deadline=None)
@given(rules=RULES_OF, seed=st.integers(0, 2**32 - 1), log=st.booleans())
def test_the_rules_equal_an_independent_plain_loop(
    rules: BacktestParams, seed: int, log: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 90))
    z = rng.normal(size=n) + 2 * np.sin(np.arange(n) / rng.uniform(1, 9))
    z[rng.random(n) < 0.03] = math.nan
    hedge = rng.uniform(-0.5, 2.0, n)
    hedge[rng.random(n) < 0.03] = math.nan
    walk = np.exp(rng.normal(scale=0.01, size=(2, n)).cumsum(axis=1))
    opens = walk * [[rng.uniform(0.1, 1e5)], [rng.uniform(0.1, 1e5)]]
    prices = np.concatenate((opens, opens * np.exp(rng.normal(scale=0.005, size=(2, n)))))
    times = np.where(rng.random(n) < rng.choice([0.0, 0.1, 0.3]), 12, 1).cumsum() * MINUTE
    carried = rng.random((2, n)) < rng.choice([0.0, 0.0, 0.3])
    carried[1] &= ~carried[0]  # a row is there because one leg traded
    carried[:, 0] = False
    for leg, t in zip(*np.nonzero(carried), strict=True):
        prices[[leg, leg + 2], t] = prices[leg + 2, t - 1]
    z[carried.any(axis=0)] = math.nan
    run = simulate(signals_of(z, hedge, prices, log, carried, times), rules)
    rows = [
        plain_backtest.Row(ts_ms, (a, b), (c, d), (not of_y, not of_x))
        for ts_ms, (a, b, c, d), (of_y, of_x) in zip(
            times.tolist(), prices.T, carried.T, strict=True
        )
    ]
    book = plain_backtest.account(z.tolist(), hedge.tolist(), rows, rules, log)
    assert_same_book(run, book)


def assert_same_book(run: Run, book: plain_backtest.Book) -> None:
    """Equity, positions and trades of the engine and of the plain account."""
    assert run.position.tolist() == book.position
    np.testing.assert_allclose(run.equity, book.equity, rtol=1e-9)
    np.testing.assert_allclose(run.gross, book.gross, rtol=1e-9)
    ledger, closed = run.ledger, [row for row in exits(run) if row[3] != OPEN]
    assert closed == [(*row[:3], REASONS[row[3]]) for row in book.trades]
    net = (ledger.gross - ledger.cost)[: len(closed)]
    np.testing.assert_allclose(net, [row[4] for row in book.trades], rtol=1e-9, atol=1e-12)
    cost = ledger.cost[: len(closed)]
    np.testing.assert_allclose(cost, [row[5] for row in book.trades], rtol=1e-9, atol=1e-12)
    assert np.prod(1.0 + ledger.gross - ledger.cost) == pytest.approx(run.equity[-1], rel=1e-9)


def random_legs(rng: np.random.Generator, n: int, jumps: int = 0) -> tuple[Bars, Bars]:
    """Two legs with opens of their own, missing bars, bad prices, and stretches without a move.

    jumps: how often one of them trades at a multiple of its price for some bars, which ruins
    who is short of it.
    """
    x = rng.uniform(1, 1e4) * np.exp(rng.normal(scale=2e-3, size=n).cumsum())
    if rng.random() < 0.3:
        at = int(rng.integers(0, n))
        x[at : at + int(rng.integers(5, 60))] = x[at]
    noise = np.zeros(n)
    for t in range(1, n):
        noise[t] = 0.8 * noise[t - 1] + rng.normal(scale=3e-3)
    y = (rng.uniform(0.2, 3.0) * x + rng.uniform(0, 1) * x[0]) * np.exp(noise)
    for at in rng.integers(0, n, jumps):
        (x if rng.random() < 0.5 else y)[at : at + int(rng.integers(1, 9))] *= rng.uniform(3, 9)
    legs, gaps = [], rng.choice([0.0, 0.05, 0.3])
    for symbol, close in (("Y", y), ("X", x)):
        opened = close * np.exp(rng.normal(scale=1e-3, size=n))
        opened[rng.random(n) < 0.005] = rng.choice([math.nan, -1.0, 0.0])
        keep = rng.random(n) >= gaps
        times, trades = np.arange(n) * MINUTE, rng.integers(-1, 9, n)
        legs.append(bars_of(symbol, close[keep], opened[keep], times[keep], trades[keep]))
    return legs[0], legs[1]


@settings(max_examples=500, deadline=None)
@given(
    rules=RULES_OF,
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(["rolling", "kalman", "in-sample"]),
    space=st.sampled_from(["price", "log"]),
    intercept=st.booleans(),
    min_trades=st.sampled_from([0, 0, 3]),
    jumps=st.sampled_from([0, 0, 5]),
)
def test_a_whole_back_test_equals_the_spec_in_plain_python(
    rules: BacktestParams,
    seed: int,
    mode: str,
    space: str,
    intercept: bool,
    min_trades: int,
    jumps: int,
) -> None:
    rng = np.random.default_rng(seed)
    legs = random_legs(rng, int(rng.integers(40, 260)), jumps)
    params = PairParams(
        "Y",
        "X",
        "1m",
        price_space=space,
        intercept=intercept,
        z_window=int(rng.integers(10, 30)),
        limit=int(rng.choice([80, 1_000])),
        min_trades=min_trades,
    )
    rules = replace(rules, hedge_mode=mode, hedge_window=int(rng.integers(10, 50)))
    try:
        expected = plain_backtest.backtest(*legs, params, rules)
    except plain_backtest.NothingToScaleByError:
        reject()
    result = run_backtest(*legs, params, rules)
    assert isinstance(result, NotReady) == bool(expected.missing)
    if isinstance(result, NotReady):
        return
    assert result.ts_ms.tolist() == [row.ts_ms for row in expected.rows]
    counted = np.array([row.counts for row in expected.rows])
    assert result.counted.tolist() == counted.tolist()
    z = np.array(expected.z)
    np.testing.assert_allclose(result.z[counted], z[counted], rtol=1e-7, atol=1e-7)
    book = expected.book
    assert result.position.tolist() == book.position
    np.testing.assert_allclose(result.equity, book.equity, rtol=1e-9)
    np.testing.assert_allclose(result.gross_equity, book.gross, rtol=1e-9)
    closed = [one for one in result.trades if one.exit_reason != "open"]
    assert [one.exit_reason for one in closed] == [row[3] for row in book.trades]
    nets, costs = [one.net for one in closed], [one.cost for one in closed]
    np.testing.assert_allclose(nets, [row[4] for row in book.trades], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(costs, [row[5] for row in book.trades], rtol=1e-9, atol=1e-12)
    for name, value in expected.figures.items():
        reckoned = getattr(result.figures, name)
        assert reckoned == pytest.approx(value, rel=1e-8, abs=1e-9, nan_ok=True), name


# From bars on --------------------------------------------------------------------------------


def made_up_pair(n: int = 700, seed: int = 3, gaps: float = 0.0) -> tuple[Bars, Bars]:
    """Two cointegrated legs with opens of their own; `gaps` of each leg's bars are missing."""
    rng = np.random.default_rng(seed)
    x = 50 + rng.normal(scale=0.05, size=n).cumsum()
    noise = np.zeros(n)
    for t in range(1, n):
        noise[t] = 0.9 * noise[t - 1] + rng.normal(scale=0.1)
    legs = []
    for symbol, close in (("Y", 1.5 * x + 20 + noise), ("X", x)):
        opened = close + rng.normal(scale=0.01, size=n)
        keep = rng.random(n) >= gaps
        times = (np.arange(n) * MINUTE)[keep]
        trades = rng.integers(1, 9, n)[keep]
        legs.append(bars_of(symbol, close[keep], opened[keep], times, trades))
    return legs[0], legs[1]


PAIR = PairParams("Y", "X", "1m", z_window=30)
RULES = BacktestParams(entry_z=1.2, exit_z=0.1, stop_z=3.0, hedge_window=80, slippage_bps=0.5)


def ready(result: BacktestResult | NotReady) -> BacktestResult:
    assert isinstance(result, BacktestResult)
    return result


@pytest.mark.parametrize("log", [False, True])
def test_the_rolling_mode_equals_a_slow_reckoning_from_closes(log: bool) -> None:
    y_bars, x_bars = made_up_pair(300)
    params = replace(PAIR, price_space="log" if log else "price")
    result = ready(run_backtest(y_bars, x_bars, params, RULES))
    y, x = y_bars.close, x_bars.close
    if log:
        y, x = np.log(y), np.log(x)
    n, window = len(y), RULES.hedge_window
    hedge, spread, z = (np.full(n, np.nan) for _ in range(3))
    for t in range(window, n):
        design = np.column_stack((x[t - window : t], np.ones(window)))
        hedge[t], alpha = np.linalg.lstsq(design, y[t - window : t], rcond=None)[0]
        spread[t] = y[t] - hedge[t] * x[t] - alpha
    for t in range(window + 29, n):
        last = spread[t - 29 : t + 1]
        z[t] = (last[-1] - last.mean()) / last.std(ddof=1)
    np.testing.assert_allclose(result.hedge, hedge, rtol=1e-8)
    np.testing.assert_allclose(result.z, z, rtol=1e-6, atol=1e-8)


def test_the_kalman_mode_trades_the_innovation_of_the_hedge_known_a_bar_before() -> None:
    y_bars, x_bars = made_up_pair(300)
    result = ready(run_backtest(y_bars, x_bars, PAIR, replace(RULES, hedge_mode="kalman")))
    path = hedge_path(y_bars.close, x_bars.close, "kalman", RULES.hedge_window)
    np.testing.assert_array_equal(result.hedge[1:], path.beta[:-1])
    expected = y_bars.close[1:] - path.beta[:-1] * x_bars.close[1:] - path.alpha[:-1]
    np.testing.assert_array_equal(result.spread[80:], expected[79:])
    assert np.isnan(result.spread[:80]).all()
    assert result.figures.trades > 3


def test_the_in_sample_mode_has_one_hedge_and_says_so() -> None:
    y_bars, x_bars = made_up_pair()
    result = ready(run_backtest(y_bars, x_bars, PAIR, replace(RULES, hedge_mode="in-sample")))
    assert np.unique(result.hedge).size == 1
    assert result.in_sample
    assert result.label.startswith("IN-SAMPLE")
    other = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    assert not other.in_sample
    assert result.note == other.note == ""
    assert "point in time" in other.label


def test_the_figures_follow_from_the_series_and_the_trades() -> None:
    result = ready(run_backtest(*made_up_pair(), PAIR, RULES))
    figures, start = result.figures, RULES.hedge_window + PAIR.z_window - 1
    assert np.isfinite(result.z[start])
    assert np.isnan(result.z[:start]).all()
    closed = [trade for trade in result.trades if trade.exit_reason != "open"]
    nets = [trade.net for trade in closed]
    returns = result.equity[start + 1 :] / result.equity[start:-1] - 1
    assert figures.trades == len(closed) > 10
    assert figures.net_return == result.equity[-1] - 1
    assert figures.gross_return == result.gross_equity[-1] - 1 > figures.net_return
    assert figures.sharpe == pytest.approx(performance.sharpe(returns, 525_600.0), rel=1e-11)
    assert figures.sortino == pytest.approx(performance.sortino(returns, 525_600.0), rel=1e-11)
    assert figures.max_drawdown == result.drawdown.min()
    assert figures.max_drawdown == pytest.approx(performance.max_drawdown(returns), rel=1e-11)
    assert figures.hit_rate == sum(net > 0 for net in nets) / len(nets)
    gains, losses = (sum(net for net in nets if (net > 0) == up) for up in (True, False))
    assert figures.profit_factor == pytest.approx(gains / -losses, rel=1e-12)
    assert figures.average_holding_bars == np.mean([trade.bars for trade in closed])
    assert figures.exposure == np.mean(result.position[start + 1 :] != 0)
    costs = sum(trade.cost for trade in result.trades)
    assert figures.turnover == pytest.approx(costs / 2.5e-4, rel=1e-12)
    assert figures.cost_share == 1 - figures.net_return / figures.gross_return
    product = np.prod([1 + trade.net for trade in result.trades])
    assert result.equity[-1] == pytest.approx(product, rel=1e-12)


def test_trades_bear_the_times_prices_and_z_of_their_signals_and_fills() -> None:
    y_bars, x_bars = made_up_pair()
    result = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    for trade in result.trades:
        first = int(np.searchsorted(result.ts_ms, trade.entry_ts_ms))
        last = int(np.searchsorted(result.ts_ms, trade.exit_ts_ms))
        assert trade.entry_z == result.z[first - 1]
        assert trade.beta == result.hedge[first - 1]
        assert trade.side == -np.sign(trade.entry_z) == result.position[first]
        assert (trade.entry_y, trade.entry_x) == (y_bars.open[first], x_bars.open[first])
        assert trade.net == pytest.approx(trade.gross - trade.cost, abs=1e-16)
        if trade.exit_reason != "open":
            assert trade.exit_z == result.z[last - 1]
            assert (trade.exit_y, trade.exit_x) == (y_bars.open[last], x_bars.open[last])
            assert trade.bars == last - first
    assert all(isinstance(value, int | float | str) for value in asdict(result.trades[0]).values())


def test_an_open_position_is_marked_listed_and_not_counted() -> None:
    y_bars, x_bars = made_up_pair()
    full = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    trade = full.trades[4]
    end = int(np.searchsorted(full.ts_ms, trade.exit_ts_ms))
    result = ready(run_backtest(cut(y_bars, end), cut(x_bars, end), PAIR, RULES))
    last = result.trades[-1]
    assert last.exit_reason == "open"
    assert (last.exit_y, last.exit_x) == (y_bars.close[end - 1], x_bars.close[end - 1])
    assert last.bars == trade.bars == (end - np.searchsorted(full.ts_ms, trade.entry_ts_ms))
    assert last.cost == pytest.approx(2.5e-4)
    assert result.figures.trades == 4
    nets = [each.net for each in result.trades[:-1]]
    assert result.figures.hit_rate == np.mean(np.array(nets) > 0)
    assert result.equity[-1] == full.equity[end - 1]


def cut(bars: Bars, stop: int) -> Bars:
    return Bars(bars.symbol, bars.timeframe, *(getattr(bars, name)[:stop] for name in BAR_COLUMNS))


def without(bars: Bars, rows: Any) -> Bars:
    """The bars but for some of them."""
    keep = np.setdiff1d(np.arange(len(bars)), rows)
    return Bars(bars.symbol, "1m", *(getattr(bars, name)[keep] for name in BAR_COLUMNS))


@pytest.mark.parametrize("silent", [1, 4, 30])
def test_a_leg_that_does_not_trade_fills_at_the_open_of_its_next_bar(silent: int) -> None:
    y_bars, x_bars = made_up_pair()
    plain = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    trade = plain.trades[3]
    at = int(np.searchsorted(plain.ts_ms, trade.entry_ts_ms))
    sparse = without(x_bars, np.arange(at, at + silent))
    result = ready(run_backtest(y_bars, sparse, PAIR, replace(RULES, exit_z=0.0, stop_z=None)))
    assert result.carried[at : at + silent].all()
    same = next(one for one in result.trades if one.entry_ts_ms == trade.entry_ts_ms)
    assert same.entry_y == y_bars.open[at]
    assert same.entry_x == x_bars.open[at + silent] != x_bars.close[at - 1]
    assert same.entry_wait == silent
    assert result.position[at] == same.side
    assert result.figures.fills_waited == 1
    assert result.figures.average_wait_bars == silent


def test_an_exit_waits_for_the_leg_that_does_not_trade() -> None:
    y_bars, x_bars = made_up_pair()
    plain = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    trade = plain.trades[3]
    at = int(np.searchsorted(plain.ts_ms, trade.exit_ts_ms))
    result = ready(run_backtest(without(y_bars, [at, at + 1]), x_bars, PAIR, RULES))
    same = result.trades[3]
    assert (same.exit_x, same.exit_y) == (x_bars.open[at], y_bars.open[at + 2])
    assert (same.exit_wait, same.exit_z) == (2, trade.exit_z)
    assert same.exit_ts_ms == trade.exit_ts_ms + 2 * MINUTE
    assert result.position[at + 1] == same.side != result.position[at + 2]


def test_a_leg_that_has_not_filled_before_the_exit_is_ordered_is_never_held() -> None:
    # Short Y at bar 1; X, silent in bars 1 to 3, never fills: z comes back at bar 2's close.
    carried = np.array([[False] * 5, [False, True, True, True, False]])
    prices = np.array([[1, 200, 7, 190, 7], [9, 9, 9, 9, 9], [1, 198, 7, 7, 7], [9] * 5], float)
    z = np.array([2.5, math.nan, -0.1, math.nan, math.nan])
    rules = replace(PLAIN, cost_bps=10.0)
    run = simulate(signals_of(z, np.full(5, 2.0), prices, False, carried), rules)
    ledger = run.ledger
    assert exits(run) == [(1, 3, -1, TARGET)]
    # Of a gross exposure of 200 + 2 * 9 = 218 the 10 that Y fell are earned; costs on Y alone.
    assert ledger.gross[0] == pytest.approx(10 / 218, rel=1e-14)
    assert ledger.cost[0] == pytest.approx((0.2 + 0.19) / 218, rel=1e-14)
    assert (ledger.entry_x[0], ledger.exit_x[0]) == (-1, -1)


def test_a_position_is_closed_at_the_last_closes_before_a_gap() -> None:
    y_bars, x_bars = made_up_pair()
    plain = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    trade = max(plain.trades, key=lambda one: one.bars)
    at = int(np.searchsorted(plain.ts_ms, trade.entry_ts_ms)) + 2
    assert trade.bars > 3
    for silent, closes in ((10, False), (11, True)):
        gone = np.arange(at, at + silent)
        legs = without(y_bars, gone), without(x_bars, gone)
        result = ready(run_backtest(*legs, PAIR, RULES))
        same = next(one for one in result.trades if one.entry_ts_ms == trade.entry_ts_ms)
        assert (same.exit_reason == "gap") == closes == (result.figures.gap_exits == 1)
    assert (same.exit_y, same.exit_x) == (y_bars.close[at - 1], x_bars.close[at - 1])
    assert same.exit_ts_ms == (at - 1) * MINUTE
    assert same.bars == 2
    assert (result.position[at - 1], result.position[at]) == (same.side, 0)
    known = ready(run_backtest(cut(legs[0], at), cut(legs[1], at), PAIR, RULES))
    np.testing.assert_array_equal(known.equity, result.equity[:at])


def test_an_order_does_not_outlive_a_gap() -> None:
    z = [0.0, 2.5, 1.0, 1.0, 2.5, 1.0]
    times = np.array([0, 1, 13, 14, 15, 16]) * MINUTE
    prices = np.full((4, 6), FLAT)
    run = simulate(signals_of(np.array(z), np.ones(6), prices, False, ts_ms=times), PLAIN)
    assert exits(run) == [(5, 5, -1, OPEN)]


def test_rows_without_a_price_are_left_out_and_counted() -> None:
    y_bars, x_bars = made_up_pair()
    opened = y_bars.open.copy()
    opened[[200, 300]] = [math.nan, -1.0]
    broken = replace(y_bars, open=opened)
    result = ready(run_backtest(broken, x_bars, PAIR, RULES))
    assert result.rows_dropped == 2
    assert len(result.ts_ms) == 698
    assert np.isfinite(result.equity).all()


def test_the_activity_filter_leaves_rows_out_of_statistics_and_counts_them() -> None:
    y_bars, x_bars = made_up_pair()
    result = ready(run_backtest(y_bars, x_bars, replace(PAIR, min_trades=3), RULES))
    quiet = (y_bars.trades < 3) | (x_bars.trades < 3)
    first = int(np.argmin(quiet))
    assert result.rows_dropped == quiet.sum() > 0
    assert len(result.ts_ms) == 700 - first
    np.testing.assert_array_equal(result.counted, ~quiet[first:])


def test_the_activity_filter_never_moves_a_fill() -> None:
    y_bars, x_bars = made_up_pair()
    params = replace(PAIR, min_trades=3)
    result = ready(run_backtest(y_bars, x_bars, params, RULES))
    quiet = 0
    for trade in result.trades:
        at = int(np.searchsorted(y_bars.ts_ms, trade.entry_ts_ms))
        row = int(np.searchsorted(result.ts_ms, trade.entry_ts_ms))
        assert result.counted[row - 1], "a signal rests on a row that counts"
        assert (trade.entry_y, trade.entry_x) == (y_bars.open[at], x_bars.open[at])
        quiet += not result.counted[row]
    assert quiet > 0, "no fill fell on a row that the filter leaves out"
    louder = [replace(bars, trades=np.where(bars.ts_ms == trade.entry_ts_ms, 99, bars.trades))
              for bars in (y_bars, x_bars)]  # fmt: skip
    same = ready(run_backtest(*louder, params, RULES))
    assert same.trades[-1].entry_ts_ms == trade.entry_ts_ms


def test_missing_bars_do_not_flatter_the_annualised_figures() -> None:
    y_bars, x_bars = made_up_pair()
    whole = ready(run_backtest(y_bars, x_bars, PAIR, RULES))
    assert whole.periods_per_year == 525_600.0
    spread_out = [replace(bars, ts_ms=bars.ts_ms * 4) for bars in (y_bars, x_bars)]
    sparse = ready(run_backtest(*spread_out, PAIR, RULES))
    assert sparse.periods_per_year == pytest.approx(525_600.0 / 4, rel=0.01)
    assert sparse.figures.sharpe == pytest.approx(whole.figures.sharpe / 2, rel=0.01)


def test_a_gap_before_the_bars_that_were_traded_does_not_annualise_them() -> None:
    """The returns are those of the bars from the second with a z-score on."""
    whole = ready(run_backtest(*made_up_pair(), PAIR, RULES))
    begin = int(np.argmax(np.isfinite(whole.z)))
    for row in (begin - 20, begin):
        late = np.where(np.arange(len(whole.ts_ms)) >= row, 150 * 86_400_000, 0)
        legs = [replace(bars, ts_ms=bars.ts_ms + late) for bars in made_up_pair()]
        gapped = ready(run_backtest(*legs, PAIR, RULES))
        assert gapped.periods_per_year == 525_600.0
        for name in ("sharpe", "sortino"):
            assert getattr(gapped.figures, name) == getattr(whole.figures, name)
        assert gapped.record == whole.record


def test_a_trade_from_the_break_even_z_back_to_the_mean_earns_its_cost() -> None:
    for space in ("price", "log"):
        params = replace(PAIR, price_space=space)
        result = ready(run_backtest(*made_up_pair(), params, RULES))
        at = 400
        y, x = made_up_pair()[0].close[at], made_up_pair()[1].close[at]
        sigma = np.std(result.spread[at - 29 : at + 1], ddof=1)
        beta = abs(result.hedge[at])
        exposure = 1 + beta if space == "log" else y + beta * x
        assert result.break_even_z[at] * sigma == pytest.approx(2 * 2.5e-4 * exposure, rel=1e-9)
        assert np.isnan(result.break_even_z[: RULES.hedge_window]).all()


def test_too_few_bars_are_not_ready() -> None:
    y_bars, x_bars = made_up_pair(110)
    assert run_backtest(y_bars, x_bars, PAIR, RULES) == NotReady(
        "needs 111 bars, has 110", have=110, need=111
    )
    nothing = bars_of("Y", [])
    assert run_backtest(nothing, x_bars, PAIR, RULES) == NotReady("needs 111 bars, has 0", 0, 111)


def test_bars_without_prices_above_zero_are_told_apart_from_filtered_ones() -> None:
    y_bars, x_bars = made_up_pair()
    below = replace(y_bars, **{name: -getattr(y_bars, name) for name in ("open", "close")})
    told = run_backtest(below, x_bars, PAIR, RULES)
    words = "needs 111 bars, has 0, 700 left out whose prices are not all above 0"
    assert told == NotReady(words, 0, 111)
    quiet = replace(PAIR, min_trades=10**6)
    words = "needs 111 bars, has 0, 700 dropped by the activity filter"
    assert str(run_backtest(y_bars, x_bars, quiet, RULES)).startswith(words)


def test_legs_without_a_spread_are_not_ready() -> None:
    flat = [bars_of(name, np.full(300, 5.0)) for name in ("Y", "X")]
    result = run_backtest(flat[0], flat[1], PAIR, RULES)
    assert isinstance(result, NotReady)
    assert "multiples of one another" in result.reason
    moves = bars_of("Y", 5.0 + np.arange(300) % 2)
    result = run_backtest(moves, flat[1], PAIR, RULES)
    assert isinstance(result, NotReady)
    assert "X does not vary" in result.reason


@pytest.mark.parametrize("mode", ["rolling", "kalman", "in-sample"])
@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("intercept", [True, False])
def test_legs_that_are_multiples_of_one_another_are_not_ready(
    mode: str, space: str, intercept: bool
) -> None:
    x = 10.0 + 0.01 * np.cumsum(np.random.default_rng(0).standard_normal(500))
    params = replace(PAIR, price_space=space, intercept=intercept)
    result = run_backtest(
        bars_of("Y", 3.0 * x), bars_of("X", x), params, replace(RULES, hedge_mode=mode)
    )
    assert isinstance(result, NotReady)
    assert "multiples of one another" in result.reason


@pytest.mark.parametrize("space", ["price", "log"])
def test_what_rounding_leaves_of_a_spread_is_not_traded(space: str) -> None:
    x = 10.0 + 0.01 * np.cumsum(np.random.default_rng(0).standard_normal(500))
    y = 3.0 * x + 5.0 if space == "price" else 2.0 * x**1.5
    params = replace(PAIR, price_space=space)
    result = run_backtest(bars_of("Y", y), bars_of("X", x), params, RULES)
    assert isinstance(result, NotReady)


def test_an_in_sample_hedge_that_fell_back_to_the_ratio_says_so() -> None:
    y_bars, x_bars = made_up_pair()
    given = fit_hedge(y_bars.close, np.full(700, 5.0))
    rules = replace(RULES, hedge_mode="in-sample")
    assert "fell back to the ratio" in ready(run_backtest(y_bars, x_bars, PAIR, rules, given)).note


def test_bars_of_another_timeframe_are_refused() -> None:
    y_bars, x_bars = made_up_pair()
    with pytest.raises(ValueError, match="y has bars of 1m, expected 5m"):
        run_backtest(y_bars, x_bars, replace(PAIR, timeframe="5m"), RULES)


def test_no_trades_give_figures_without_a_value() -> None:
    result = ready(run_backtest(*made_up_pair(), PAIR, replace(RULES, entry_z=5.2, stop_z=None)))
    assert result.trades == ()
    assert result.figures.trades == result.figures.net_return == result.figures.turnover == 0
    without_value = "sharpe sortino max_drawdown profit_factor hit_rate average_holding_bars"
    for name in without_value.split():
        assert math.isnan(getattr(result.figures, name)), name


def test_an_entry_that_no_z_of_the_window_reaches_is_refused_at_its_field() -> None:
    with pytest.raises(ParameterError, match=r"entry_z is 5\.3, expected at most") as refused:
        run_backtest(*made_up_pair(), PAIR, replace(RULES, entry_z=5.3, stop_z=None))
    assert (refused.value.field, refused.value.value) == ("entry_z", 5.3)


@pytest.mark.parametrize("times", [[0, 1, 1, 2], [0, 2, 1, 3]])
def test_bars_whose_times_fall_or_repeat_are_refused_by_name(times: list[int]) -> None:
    odd = bars_of("X", np.ones(4), times=np.array(times) * MINUTE)
    with pytest.raises(ParameterError, match="times that rise") as refused:
        run_backtest(bars_of("Y", np.ones(4)), odd, PAIR, RULES)
    assert refused.value.field == "x.ts_ms"


def test_a_run_without_a_losing_trade_has_an_infinite_profit_factor() -> None:
    run = play([2.5, -0.1, 0.0], PLAIN, open_y=[100, 100, 90])
    assert figures_of(run.sums, 1.0).profit_factor == math.inf


def test_what_targets_captured_is_their_gain_over_what_z_offered() -> None:
    result = ready(run_backtest(*made_up_pair(), PAIR, RULES))
    gained = offered = 0.0
    for trade in result.trades:
        if trade.exit_reason == "target":
            signal = int(np.searchsorted(result.ts_ms, trade.entry_ts_ms)) - 1
            sigma = np.std(result.spread[signal - 29 : signal + 1], ddof=1)
            exposure = trade.entry_y + abs(trade.beta) * trade.entry_x
            gained += trade.gross
            offered += abs(trade.entry_z) * sigma / exposure
    assert result.captured == pytest.approx(gained / offered, rel=1e-9)
    np.testing.assert_allclose(result.break_even_realised, result.break_even_z / result.captured)
    never = ready(run_backtest(*made_up_pair(), PAIR, replace(RULES, entry_z=5.2, stop_z=None)))
    assert math.isnan(never.captured)
    assert np.isnan(never.break_even_realised).all()


def test_the_track_record_is_that_of_the_returns_a_bar() -> None:
    result = ready(run_backtest(*made_up_pair(), PAIR, RULES))
    start = RULES.hedge_window + PAIR.z_window - 1
    returns = result.equity[start + 1 :] / result.equity[start:-1] - 1
    near = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((near**3).mean()), float((near**4).mean())
    ratio, n, record = performance.sharpe(returns, 1.0), len(returns), result.record
    assert record is not None
    assert (record.bars, record.sharpe) == (n, pytest.approx(result.figures.sharpe, rel=1e-9))
    yearly = math.sqrt(525_600.0)
    assert record.stderr == pytest.approx(performance.sharpe_stderr(returns) * yearly, rel=1e-12)
    assert record.psr == pytest.approx(
        performance.probabilistic_sharpe(ratio, n, skew, kurtosis), rel=1e-6
    )
    need = performance.min_track_record(
        abs(ratio), 0.0, math.copysign(skew, ratio * skew), kurtosis
    )
    assert record.min_bars == pytest.approx(need, rel=1e-6)
    assert record.too_short == (n < need)


def test_a_short_run_is_too_short_to_judge_and_a_long_one_with_an_edge_is_not() -> None:
    short = ready(run_backtest(*made_up_pair(125), PAIR, RULES)).record
    long = ready(run_backtest(*made_up_pair(5_000), replace(PAIR, limit=5_000), RULES)).record
    assert short is not None
    assert long is not None
    assert (short.too_short, long.too_short) == (True, False)
    idle = ready(run_backtest(*made_up_pair(), PAIR, replace(RULES, entry_z=5.2, stop_z=None)))
    assert idle.record is not None
    assert idle.record.too_short
    assert math.isnan(idle.record.psr)


def legs_without_an_edge(seed: int, share: float, n: int = 1_500) -> tuple[Bars, Bars]:
    """Y - X is a walk; X trades in a share of the bars, at prices that the bar begins with."""
    rng = np.random.default_rng(seed)
    x = 100 + rng.normal(0, 0.02, (n, 8)).ravel().cumsum()
    y = 50 + x + rng.normal(0, 0.02, (n, 8)).ravel().cumsum()
    legs = []
    for symbol, path, part in (("Y", y, 1.0), ("X", x, share)):
        at = np.flatnonzero((rng.random(n) < part) | (np.arange(n) == 0))
        opened, close = path.reshape(n, 8)[at][:, [0, -1]].T
        legs.append(bars_of(symbol, close, opened, at * MINUTE))
    return legs[0], legs[1]


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_a_market_without_an_edge_earns_nothing_before_costs(share: float) -> None:
    params = PairParams("Y", "X", "1m", limit=20_000)
    runs = [
        ready(run_backtest(*legs_without_an_edge(seed, share), params, BacktestParams()))
        for seed in range(200)
    ]
    earned = np.array([run.figures.gross_return for run in runs])
    assert abs(earned.mean()) < 2 * earned.std(ddof=1) / math.sqrt(len(earned))
    assert np.mean([run.figures.net_return for run in runs]) < 0
    waits = np.mean([run.figures.fills_waited for run in runs])
    assert (waits > 3) == (share < 1.0)


def test_the_result_is_read_only() -> None:
    result = ready(run_backtest(*made_up_pair(), PAIR, RULES))
    for name in ("equity", "gross_equity", "drawdown", "position", "z", "hedge", "spread"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 1.0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    end=st.integers(111, 299),
    mode=st.sampled_from(["rolling", "kalman"]),
)
def test_every_series_of_a_prefix_is_the_prefix_of_the_series(
    seed: int, end: int, mode: str
) -> None:
    y_bars, x_bars = made_up_pair(300, seed)
    rules = replace(RULES, hedge_mode=mode)
    full = ready(run_backtest(y_bars, x_bars, PAIR, rules))
    part = ready(run_backtest(cut(y_bars, end), cut(x_bars, end), PAIR, rules))
    series = ("hedge", "spread", "z", "position", "equity", "gross_equity", "drawdown")
    for name in (*series, "break_even_z", "carried", "ts_ms"):
        np.testing.assert_array_equal(getattr(part, name), getattr(full, name)[:end], name)


# Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entry_z": 0.0}, "entry_z is 0.0, expected above 0 up to 100"),
        ({"entry_z": math.nan}, "entry_z is nan, expected above 0"),
        ({"entry_z": "2"}, "entry_z is '2', expected a number"),
        ({"exit_z": -0.1}, "exit_z is -0.1, expected from 0 to below entry_z \\(2.0\\)"),
        ({"exit_z": 2.0}, "exit_z is 2.0, expected from 0"),
        ({"stop_z": 2.0}, "stop_z is 2.0, expected above entry_z \\(2.0\\)"),
        ({"cost_bps": -1}, "cost_bps is -1, expected from 0 to 1000"),
        ({"slippage_bps": 2_000}, "slippage_bps is 2000, expected from 0 to 1000"),
        ({"cost_bps": None}, "cost_bps is None, expected a number"),
        ({"hedge_window": 5}, "hedge_window is 5, expected a whole number from 10 to 20000"),
        ({"max_bars": 0}, "max_bars is 0, expected a whole number from 1"),
        ({"max_bars": 2.5}, "max_bars is 2.5, expected a whole number"),
        ({"hedge_mode": "magic"}, "hedge_mode is 'magic', expected one of rolling, kalman"),
    ],
)
def test_illegal_rules_are_refused_with_the_field_named(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        BacktestParams(**changes)


def recorded(file: Path, symbol: str) -> Bars:
    rows = np.genfromtxt(file, delimiter=",", skip_header=1, dtype=str)
    times = np.array([stamp.rstrip("Z") for stamp in rows[:, 0]], "M8[ms]").astype(np.int64)
    opened, _, _, closed = rows[:, 1:5].astype(float).T
    return bars_of(symbol, closed, opened, times)


def test_real_minutes_of_two_days_keep_the_laws(market_data: Path) -> None:
    y_bars, x_bars = (
        recorded(market_data / "ohlc" / f"coinbase_{symbol}_1m_20180404-05.csv", symbol)
        for symbol in ("ethusd", "btcusd")
    )
    params = replace(PAIR, z_window=60, limit=5_000, price_space="log")
    result = ready(run_backtest(y_bars, x_bars, params, BacktestParams(hedge_window=240)))
    assert result.figures.trades > 5
    product = np.prod([1 + trade.net for trade in result.trades])
    assert result.equity[-1] == pytest.approx(product, rel=1e-10)
    report = check_look_ahead(y_bars, x_bars, params, result.settings)
    assert not isinstance(report, NotReady)
    assert report.changed == 0
