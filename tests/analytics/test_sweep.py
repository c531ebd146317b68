"""The sweep: every cell is a back-test of its own, and it can be watched and stopped."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from analytics._kernels import account, backtest, fills, orders
from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.grid import MAX_CELLS, make_grid
from analytics.model import BAR_COLUMNS, Bars, NotReady, PairParams, ParameterError
from analytics.overfitting import probability_of_overfitting
from analytics.performance import deflated_sharpe, sharpe
from analytics.sweep import METRICS, SweepResult, sweep
from tests.analytics.test_overfitting import plain

MINUTE = 60_000
PAIR = PairParams("Y", "X", "1m", z_window=30)
RULES = BacktestParams(entry_z=1.2, exit_z=0.1, stop_z=None, hedge_window=80)
ENTRIES = (0.8, 1.2, 1.6, 2.0)
EXITS = (0.0, 0.5, 1.0)


def legs(n: int = 400) -> tuple[Bars, Bars]:
    rng = np.random.default_rng(5)
    x = 50 + rng.normal(scale=0.05, size=n).cumsum()
    noise = np.zeros(n)
    for t in range(1, n):
        noise[t] = 0.9 * noise[t - 1] + rng.normal(scale=0.1)
    times, ones = np.arange(n) * MINUTE, np.ones(n)
    y = 1.5 * x + 20 + noise
    return (
        Bars("Y", "1m", times, y, y, y, y, ones, ones, y),
        Bars("X", "1m", times, x, x, x, x, ones, ones, x),
    )


def swept(*axes: Any, **options: Any) -> SweepResult:
    grid = make_grid(PAIR, options.pop("rules", RULES), *axes)
    result = sweep(*legs(), grid, **options)
    assert isinstance(result, SweepResult)
    return result


def same(one: float, other: float) -> bool:
    return one == pytest.approx(other, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("x_name", "x_values", "y_name", "y_values"),
    [
        ("entry_z", ENTRIES, "exit_z", EXITS),
        ("entry_z", ENTRIES[:2], "z_window", (20, 30)),
        ("hedge_window", (60, 80), "entry_z", ENTRIES[:2]),
        ("hedge_window", (60, 80), "z_window", (20, 30)),
        ("stop_z", (3.0, 4.0), "max_bars", (3, 10)),
        ("entry_z", ENTRIES, "max_bars", (2, 7, 30)),
        ("cost_bps", (0.0, 5.0), "slippage_bps", (0.0, 1.0)),
    ],
)
@pytest.mark.parametrize(
    "rules",
    [
        RULES,
        replace(RULES, hedge_mode="kalman", sides="long", max_bars=12),
        replace(RULES, hedge_mode="in-sample", sides="short", stop_z=3.5),
    ],
)
def test_every_cell_equals_the_back_test_of_its_parameters(
    threads: int, x_name: str, x_values: Any, y_name: str, y_values: Any, rules: BacktestParams
) -> None:
    with ThreadPoolExecutor(threads) as pool:
        result = swept(x_name, x_values, y_name, y_values, rules=rules, run_all=pool.map)
    for row in range(len(y_values)):
        for column in range(len(x_values)):
            try:
                params, cell = result.cell(row, column)
            except ValueError:
                assert all(math.isnan(result.matrices[one][row, column]) for one in METRICS)
                continue
            single = run_backtest(*legs(), params, cell)
            assert isinstance(single, BacktestResult)
            for metric in METRICS:
                shown = result.matrices[metric]
                assert shown.shape == (len(y_values), len(x_values))
                assert same(shown[row, column], getattr(single.figures, metric)), metric
            error = single.record.stderr if single.record else math.nan
            assert result.sharpe_error[row, column] == pytest.approx(error, rel=1e-6, nan_ok=True)


def test_many_cells_of_one_window_are_parted_and_put_together_again() -> None:
    entries, exits = np.linspace(0.5, 2.5, 41), np.linspace(0.0, 0.4, 9)
    whole = swept("entry_z", entries, "exit_z", exits)
    with ThreadPoolExecutor(2) as pool:
        parted = swept("entry_z", entries, "exit_z", exits, run_all=pool.map)
    for metric in METRICS:
        np.testing.assert_array_equal(whole.matrices[metric], parted.matrices[metric])
    for row, column in ((0, 0), (3, 20), (8, 40)):
        single = run_backtest(*legs(), *whole.cell(row, column))
        assert isinstance(single, BacktestResult)
        assert same(whole.matrices["net_return"][row, column], single.figures.net_return)


def test_cells_that_are_no_legal_set_are_empty() -> None:
    result = swept("entry_z", (0.5, 1.5), "exit_z", (0.0, 1.0))
    shown = result.matrices["net_return"]
    assert np.isnan(shown).tolist() == [[False, False], [True, False]]
    assert result.done == 3
    assert not result.cancelled


def test_cells_with_too_few_bars_are_empty() -> None:
    result = swept("entry_z", (1.0,), "z_window", (30, 2_000))
    assert np.isnan(result.matrices["net_return"]).tolist() == [[False], [True]]


def test_the_best_cell_is_the_largest_that_has_a_value() -> None:
    result = swept("entry_z", ENTRIES, "exit_z", EXITS)
    shown = result.matrices["net_return"]
    assert shown[result.best("net_return")] == np.nanmax(shown)
    empty = replace(result, matrices=dict.fromkeys(METRICS, np.full((3, 4), np.nan)))
    assert empty.best("net_return") is None


def test_a_cell_that_never_traded_has_no_drawdown_and_is_never_the_best() -> None:
    result = swept("entry_z", (1.0, 5.2), "exit_z", (0.0,))
    drawdown = result.matrices["max_drawdown"]
    assert result.matrices["trades"].tolist()[0][1] == 0
    assert np.isnan(drawdown).tolist() == [[False, True]]
    assert result.best("max_drawdown") == (0, 0)


def test_a_cell_with_an_open_trade_alone_is_the_best_by_no_measure() -> None:
    y_bars, x_bars = legs()
    # Cut where a far entry is held for its first bars, and nothing was lost yet.
    rules = replace(RULES, entry_z=2.4, exit_z=0.0)
    whole = run_backtest(y_bars, x_bars, PAIR, rules)
    assert isinstance(whole, BacktestResult)
    end = int(np.searchsorted(whole.ts_ms, whole.trades[0].entry_ts_ms)) + 2
    bars = tuple(
        Bars(one.symbol, "1m", *(getattr(one, name)[:end] for name in BAR_COLUMNS))
        for one in (y_bars, x_bars)
    )
    result = sweep(*bars, make_grid(PAIR, rules, "entry_z", (0.6, 2.4, 5.2), "exit_z", (0.0,)))
    assert isinstance(result, SweepResult)
    assert result.matrices["trades"][0].tolist()[1:] == [0, 0]
    drawdown = result.matrices["max_drawdown"][0]
    assert drawdown[1] > drawdown[0]
    for metric in METRICS:
        assert result.best(metric) in ((0, 0), None), metric
    assert result.record is not None


def test_a_profit_factor_without_a_loss_is_the_best() -> None:
    rules = replace(RULES, cost_bps=0.0)
    result = swept("entry_z", np.linspace(0.8, 3.0, 23), "exit_z", EXITS, rules=rules)
    factors = result.matrices["profit_factor"]
    assert np.isinf(factors).any()
    assert math.isinf(factors[result.best("profit_factor")])


@pytest.mark.parametrize("metric", METRICS)
def test_a_choice_says_by_which_measure_it_was_made(metric: str) -> None:
    result = swept("entry_z", ENTRIES, "exit_z", EXITS)
    choice = result.choice(metric)
    assert choice is not None
    assert (choice.metric, choice.cells) == (metric, result.done)
    assert (choice.row, choice.column) == result.best(metric)
    assert choice.value == result.matrices[metric][choice.row, choice.column]
    assert (choice.x_value, choice.y_value) == (ENTRIES[choice.column], EXITS[choice.row])
    empty = replace(result, matrices=dict.fromkeys(METRICS, np.full((3, 4), np.nan)))
    assert empty.choice(metric) is None


def test_cells_that_no_z_of_their_window_reaches_are_no_legal_set() -> None:
    result = swept("entry_z", (1.0, 2.5), "z_window", (7, 30))
    assert np.isnan(result.matrices["trades"]).tolist() == [[False, True], [False, False]]
    with pytest.raises(ParameterError, match=r"entry_z is 2\.5, expected at most 2\.26"):
        result.cell(0, 1)
    with pytest.raises(ParameterError, match=r"entry_z is 3\.0, expected at most"):
        make_grid(PAIR, RULES, "entry_z", (3.0,), "z_window", (5,))


def returns_a_bar(result: SweepResult, bars: Any) -> np.ndarray:
    """Net returns of each computed cell from the first z-score of any on, shape (bars, cells)."""
    singles = []
    for place in zip(*np.nonzero(np.isfinite(result.matrices["net_return"])), strict=True):
        single = run_backtest(*bars, *result.cell(*place))
        assert isinstance(single, BacktestResult)
        singles.append(single)
    first = min(int(np.argmax(np.isfinite(single.z))) for single in singles)
    equity = np.stack([single.equity[first:] for single in singles], axis=1)
    return equity[1:] / equity[:-1] - 1.0


@pytest.mark.parametrize("n_splits", [2, 6, 8])
@pytest.mark.parametrize("seed", range(6))
def test_the_overfitting_of_a_sweep_is_that_of_the_cells_returns_a_bar(
    seed: int, n_splits: int
) -> None:
    bars = noise_legs(seed, 430 + 7 * seed) if seed % 2 else legs(431 + seed)
    axes = ("entry_z", (0.6, 0.8, 1.0, 1.2, 1.6, 5.2), "exit_z", (0.0, 0.3, 0.5))
    if seed % 3 == 2:
        axes = ("entry_z", (0.8, 1.2, 1.6), "hedge_window", (60, 75, 90, 2_000))
    result = sweep(*bars, make_grid(PAIR, RULES, *axes))
    assert isinstance(result, SweepResult)
    returns = returns_a_bar(result, bars)
    found = result.overfitting(n_splits)
    assert found is not None
    pbo, slope, p_loss, logits = plain(returns, n_splits, tie=1e-10)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-9, atol=1e-12)
    assert (found.pbo, found.p_loss) == (pbo, p_loss)
    if n_splits > 2:
        assert found.slope == pytest.approx(slope, rel=1e-8, nan_ok=True)
    whole = probability_of_overfitting(returns, n_splits)
    np.testing.assert_allclose(found.logits, whole.logits, rtol=1e-9, atol=1e-12)


def test_the_sums_of_blocks_are_those_of_the_returns_in_them() -> None:
    bars = legs()
    result = sweep(*bars, make_grid(PAIR, RULES, "entry_z", ENTRIES, "hedge_window", (60, 80)))
    assert isinstance(result, SweepResult)
    blocks, returns = result.blocks, returns_a_bar(result, bars)
    assert blocks is not None
    assert blocks.counts.sum() == len(returns) == 400 - (60 + 30)
    starts = np.cumsum(blocks.counts).astype(int) - blocks.counts.astype(int)
    for part, power in ((blocks.sums, 1), (blocks.squares, 2)):
        expected = np.add.reduceat(returns**power, starts, axis=0).T
        np.testing.assert_allclose(part, expected, rtol=1e-9, atol=1e-15)
    assert blocks.sums.size < 8 * 120


def test_a_number_of_splits_that_is_none_is_refused() -> None:
    result = swept("entry_z", ENTRIES, "exit_z", EXITS)
    with pytest.raises(ParameterError, match="n_splits is 7, expected an even number"):
        result.overfitting(7)


def test_the_best_sharpe_is_deflated_by_all_cells_as_trials() -> None:
    result = swept("entry_z", (*ENTRIES, 5.2), "exit_z", EXITS)
    params, rules = result.cell(*result.best("sharpe"))
    single = run_backtest(*legs(), params, rules)
    assert isinstance(single, BacktestResult)
    start = int(np.argmax(np.isfinite(single.z)))
    returns = single.equity[start + 1 :] / single.equity[start:-1] - 1
    near = (returns - returns.mean()) / returns.std()
    computed = np.isfinite(result.matrices["net_return"])
    ratios = np.nan_to_num(result.matrices["sharpe"][computed])
    ratios /= math.sqrt(single.periods_per_year)
    assert result.trial_variance == pytest.approx(ratios.var(ddof=1), rel=1e-9)
    assert len(ratios) == result.done == 14  # 5.2 never trades: a trial with a ratio of 0
    assert result.deflated_sharpe == pytest.approx(
        deflated_sharpe(
            sharpe(returns, 1.0), len(returns), 14, ratios.var(ddof=1),
            float((near**3).mean()), float((near**4).mean()),
        ),
        rel=1e-6,
    )  # fmt: skip
    assert result.record == single.record


def test_each_cell_is_annualised_by_the_bars_of_its_own_returns() -> None:
    """A gap is before the first z-score of one cell, and among the returns of the other."""
    late = np.where(np.arange(400) > 120, 1_000 * MINUTE, 0)
    pair = [replace(bars, ts_ms=bars.ts_ms + late) for bars in legs()]
    result = sweep(*pair, make_grid(PAIR, RULES, "entry_z", (1.2,), "z_window", (20, 60)))
    assert isinstance(result, SweepResult)
    yearly = []
    for row in range(2):
        single = run_backtest(*pair, *result.cell(row, 0))
        assert isinstance(single, BacktestResult)
        assert single.record is not None
        assert same(result.matrices["sharpe"][row, 0], single.figures.sharpe)
        assert same(result.matrices["sortino"][row, 0], single.figures.sortino)
        assert result.sharpe_error[row, 0] == pytest.approx(single.record.stderr, rel=1e-6)
        yearly.append(single.periods_per_year)
    assert yearly[0] < 0.5 * yearly[1] == 0.5 * 365 * 24 * 60
    result = sweep(*pair, make_grid(PAIR, RULES, "entry_z", (1.2,), "z_window", (60,)))
    assert isinstance(result, SweepResult)
    assert single.record is not None
    assert result.record == single.record


def test_a_cell_that_lost_everything_trades_no_more_and_its_record_ends() -> None:
    """Y quadruples for three bars amid a position that is short of it."""
    y, x = legs()
    single = run_backtest(y, x, PAIR, RULES)
    assert isinstance(single, BacktestResult)
    row = next(
        one.entry_ts_ms // MINUTE + 1 for one in single.trades if one.side < 0 and one.bars > 1
    )
    at = np.arange(400)
    times = np.where((at >= row) & (at < row + 3), 4, 1)
    names = ("open", "high", "low", "close", "vwap")
    # What is missing after the end of the record does not annualise it.
    late = np.where(at > row + 50, 1_000 * MINUTE, 0)
    y = replace(y, ts_ms=y.ts_ms + late, **{one: times * getattr(y, one) for one in names})
    x = replace(x, ts_ms=x.ts_ms + late)
    result = sweep(y, x, make_grid(PAIR, RULES, "entry_z", ENTRIES, "exit_z", EXITS))
    assert isinstance(result, SweepResult)
    ruined = result.matrices["net_return"] <= -1.0
    assert ruined.any()
    for place in np.argwhere(ruined).tolist():
        alone = run_backtest(y, x, *result.cell(*place))
        assert isinstance(alone, BacktestResult)
        assert alone.record is not None
        end = int(np.argmax(alone.equity <= 0.0))
        assert set(alone.equity[end:]) == {alone.equity[end]}
        assert alone.periods_per_year == 365 * 24 * 60
        for name in ("net_return", "gross_return", "sharpe", "sortino", "trades"):
            assert same(result.matrices[name][tuple(place)], getattr(alone.figures, name))
        assert alone.figures.sharpe == pytest.approx(alone.record.sharpe, rel=1e-6)


def test_fields_that_came_later_stand_behind_those_of_before() -> None:
    grid = make_grid(PAIR, RULES, "entry_z", ENTRIES, "exit_z", EXITS)
    made = SweepResult(grid, {}, 12, False, 0, 1, 2, 0.5, 0.9, None, None)
    assert (made.trial_variance, made.deflated_sharpe) == (0.5, 0.9)
    assert not made.sharpe_error.size


def noise_legs(seed: int, n: int = 600) -> tuple[Bars, Bars]:
    """Two legs whose spread is a walk: there is nothing to earn."""
    rng = np.random.default_rng(seed)
    x, y = 100 + rng.normal(scale=0.05, size=(2, n)).cumsum(axis=1)
    times, ones = np.arange(n) * MINUTE, np.ones(n)
    return tuple(Bars(s, "1m", times, p, p, p, p, ones, ones, p) for s, p in (("Y", y), ("X", x)))


def test_the_deflated_sharpe_of_a_sweep_on_noise_is_seldom_high() -> None:
    rules = replace(RULES, cost_bps=0.0)
    axes = ("entry_z", np.linspace(0.8, 2.5, 10), "exit_z", np.linspace(0.0, 0.7, 8))
    results = [sweep(*noise_legs(seed), make_grid(PAIR, rules, *axes)) for seed in range(100)]
    below = sum(result.deflated_sharpe < 0.95 for result in results)
    assert below >= 95


def test_choosing_among_cells_of_noise_overfits() -> None:
    axes = ("entry_z", np.linspace(0.8, 2.5, 10), "exit_z", np.linspace(0.0, 0.7, 8))
    grid = make_grid(PAIR, replace(RULES, cost_bps=0.0), *axes)
    lucks = [sweep(*noise_legs(seed), grid).overfitting(8) for seed in range(30)]
    assert 0.3 < np.mean([luck.pbo for luck in lucks]) < 0.8
    edge = swept(*axes, rules=replace(RULES, cost_bps=0.0)).overfitting(8)
    assert edge is not None
    assert edge.p_loss < 0.05
    assert swept("entry_z", (1.0,), "exit_z", (0.0,)).overfitting() is None


def test_it_says_which_bars_it_was_made_of() -> None:
    result = swept("entry_z", ENTRIES, "exit_z", EXITS)
    assert (result.first_ms, result.last_ms, result.bars) == (0, 399 * MINUTE, 400)
    assert (result.grid.params, result.grid.settings) == (PAIR, RULES)


def test_progress_is_told_after_every_part() -> None:
    told: list[tuple[int, int]] = []
    axes = ("entry_z", ENTRIES, "z_window", (10, 20, 30))
    swept(*axes, progress=lambda *at: told.append(at))
    assert told == [(4, 12), (8, 12), (12, 12)]


def test_a_cancelled_sweep_keeps_the_cells_it_has() -> None:
    polls = iter([False] * 2 + [True] * 9)
    axes = ("entry_z", ENTRIES, "z_window", (10, 20, 30))
    result = swept(*axes, cancelled=lambda: next(polls))
    assert result.cancelled
    assert result.done == 8
    shown, whole = result.matrices["net_return"], swept(*axes).matrices["net_return"]
    kept = np.isfinite(shown)
    assert kept.sum() == 8
    np.testing.assert_array_equal(shown[kept], whole[kept])


def test_a_sweep_cancelled_at_once_is_empty_and_says_so() -> None:
    result = swept("entry_z", ENTRIES, "exit_z", EXITS, cancelled=lambda: True)
    assert (result.cancelled, result.done) == (True, 0)
    assert np.isnan(result.matrices["sharpe"]).all()


def test_windows_of_numpy_floats_are_whole_numbers_where_they_must_be() -> None:
    result = swept("z_window", np.array([20.0, 30.0]), "entry_z", np.array([1.0]))
    assert result.grid.x_values == (20, 30)
    assert np.isfinite(result.matrices["net_return"]).all()


def test_an_in_sample_sweep_is_labelled() -> None:
    rules = replace(RULES, hedge_mode="in-sample")
    assert swept("entry_z", ENTRIES, "exit_z", EXITS, rules=rules).in_sample
    assert not swept("entry_z", ENTRIES, "exit_z", EXITS).in_sample


def test_too_few_bars_for_every_cell_are_not_ready() -> None:
    grid = make_grid(PAIR, RULES, "entry_z", (1.0,), "z_window", (40, 30))
    result = sweep(*legs(100), grid)
    assert result == NotReady("needs 111 bars, has 100", 100, 111)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (("colour", (1,), "exit_z", (0,)), "x_name is 'colour', expected one of entry_z"),
        (("entry_z", (), "exit_z", (0,)), "x_values has 0 values, expected 1"),
        (("entry_z", (1,), "entry_z", (2,)), "x_name and y_name are both entry_z"),
        (("entry_z", np.arange(1, 102) / 10, "exit_z", range(100)), "the grid has 10,100 cells"),
        (("entry_z", (1.0,), "exit_z", (1.5,)), r"exit_z is 1.5, expected from 0 to below"),
        (("entry_z", (1.0, 0.0), "exit_z", (0.5,)), r"entry_z is 0.0, expected above 0"),
        (("entry_z", (1.0,), "z_window", (1, 20)), r"z_window is 1, expected"),
        (("entry_z", (1.0,), "max_bars", (2.5,)), r"max_bars is 2.5, expected a whole number"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(axes: Any, message: str) -> None:
    assert MAX_CELLS == 10_000
    with pytest.raises(ValueError, match=message):
        make_grid(PAIR, RULES, *axes)


@pytest.mark.parametrize(
    "kernels", [account, backtest, fills, orders], ids=lambda one: one.__name__
)
def test_no_kernel_of_a_backtest_lets_the_compiler_choose_the_order_of_a_sum(kernels):
    """Which kernels a process compiled before, and which it found compiled, would decide the last
    bit of a Sharpe ratio: a sweep on a cluster has to be the same to the bit."""
    compiled = [one for one in vars(kernels).values() if isinstance(one, Dispatcher)]
    assert compiled
    assert not [one.__name__ for one in compiled if one.targetoptions.get("fastmath")]
