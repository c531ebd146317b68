"""Walking forward: choices that know the past alone, and what the next bars made of them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from analytics import performance
from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.grid import make_grid
from analytics.model import Bars, NotReady
from analytics.walkforward import WalkForward, walk_forward
from tests.analytics import plain_backtest
from tests.analytics.test_backtest import PAIR, cut, made_up_pair
from tests.analytics.test_overfitting import plain
from tests.analytics.test_sweep import noise_legs

RULES = BacktestParams(entry_z=1.2, exit_z=0.1, stop_z=None, hedge_window=60)
AXES = ("entry_z", (0.8, 1.2, 1.6), "exit_z", (0.0, 0.4))
SPANS = {"train_bars": 150, "test_bars": 100}
MODES = ["rolling", "kalman", "in-sample"]


def walked(*, legs: Any = None, rules: BacktestParams = RULES, **options: Any) -> WalkForward:
    grid = make_grid(PAIR, rules, *options.pop("axes", AXES))
    result = walk_forward(*(legs or made_up_pair()), grid, **{**SPANS, **options})
    assert isinstance(result, WalkForward)
    return result


def test_folds_follow_one_another_and_the_newest_may_be_short() -> None:
    result = walked()
    # The warm-up takes 60 + 30 bars: training begins at bar 90, testing at bar 240.
    starts = [fold.test_from_ms // 60_000 for fold in result.folds]
    assert starts == [240, 340, 440, 540, 640]
    assert [fold.train_from_ms // 60_000 for fold in result.folds] == [90, 190, 290, 390, 490]
    for fold, following in zip(result.folds, result.folds[1:], strict=False):
        assert fold.train_to_ms + 60_000 == fold.test_from_ms
        assert fold.test_to_ms + 60_000 == following.test_from_ms
    assert result.folds[-1].test_to_ms == result.ts_ms[-1] == 699 * 60_000
    assert len(result.ts_ms) == len(result.out_of_sample.equity) == len(result.in_sample.equity)
    nets = [1 + fold.net for fold in result.folds]
    assert result.out_of_sample.equity[-1] == pytest.approx(math.prod(nets), rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("metric", ["sharpe", "net_return"])
def test_no_choice_and_no_test_bar_knows_what_came_after_it(mode: str, metric: str) -> None:
    legs, rules = made_up_pair(), replace(RULES, hedge_mode=mode)
    full = walked(legs=legs, rules=rules, metric=metric)
    for end in (345, 500, 560):
        part = walked(legs=[cut(bars, end) for bars in legs], rules=rules, metric=metric)
        whole = len(part.folds) - 1
        for fold, before in zip(part.folds[:whole], full.folds[:whole], strict=True):
            np.testing.assert_equal(asdict(fold), asdict(before))  # a NaN equals a NaN here
        last, same = part.folds[whole], full.folds[whole]
        assert (last.x_value, last.y_value) == (same.x_value, same.y_value)
        kept = end - 240 - 1  # at the very last bar what is open is closed
        np.testing.assert_array_equal(
            part.out_of_sample.equity[:kept], full.out_of_sample.equity[:kept]
        )


def test_a_choice_equals_that_of_the_plain_account_on_the_training_bars() -> None:
    legs = made_up_pair()
    result = walked(legs=legs, metric="net_return")
    plain = plain_backtest.backtest(*legs, PAIR, RULES)
    for fold in result.folds:
        first, middle = fold.train_from_ms // 60_000, fold.test_from_ms // 60_000
        last = fold.test_to_ms // 60_000 + 1
        nets = {}
        for entry in AXES[1]:
            for leave in AXES[3]:
                rules, rows = replace(RULES, entry_z=entry, exit_z=leave), slice(first, middle)
                book = plain_backtest.account(
                    plain.z[rows], plain.hedge[rows], plain.rows[rows], rules, False
                )
                nets[entry, leave] = book.equity[-1] - 1
        chosen = max(nets, key=lambda cell: nets[cell])
        assert (fold.x_value, fold.y_value) == chosen
        assert fold.trained == pytest.approx(nets[chosen], rel=1e-9)
        rules = replace(RULES, entry_z=chosen[0], exit_z=chosen[1])
        rows = slice(middle - 1, last)
        book = plain_backtest.account(
            plain.z[rows], plain.hedge[rows], plain.rows[rows], rules, False
        )
        equity = book.equity[-1]
        if book.position[-1]:  # closed at the last close: the value of both legs, at cost
            at = len(book.position) - 1 - book.position[::-1].index(0) + 1
            row, end, beta = plain.rows[rows][at], plain.rows[rows][-1], plain.hedge[rows][at - 1]
            before = row.opens[0] + abs(beta) * row.opens[1]
            after = end.closes[0] + abs(beta) * end.closes[1]
            equity -= 2e-4 * book.equity[at - 1] * after / before
        assert fold.net == pytest.approx(equity - 1, rel=1e-9)


def test_one_fold_of_one_cell_is_the_same_in_sample_and_out_of_it() -> None:
    axes = ("entry_z", (1.2,), "exit_z", (0.1,))
    result = walked(axes=axes, train_bars=150, test_bars=460)
    assert len(result.folds) == 1
    np.testing.assert_array_equal(result.in_sample.equity, result.out_of_sample.equity)
    assert result.hindsight == (1.2, 0.1)


def test_hindsight_is_never_worse_than_any_cell_that_was_held_throughout() -> None:
    result = walked(metric="net_return")
    for entry in AXES[1]:
        for leave in AXES[3]:
            one = walked(axes=("entry_z", (entry,), "exit_z", (leave,)), metric="net_return")
            assert result.in_sample.net_return >= one.in_sample.net_return - 1e-3


@pytest.mark.parametrize("metric", ["net_return", "sharpe", "sortino", "max_drawdown"])
def test_what_was_tested_is_that_of_the_folds_own_curve_with_its_last_close(metric: str) -> None:
    result = walked(metric=metric)
    curve = np.concatenate(([1.0], result.out_of_sample.equity))
    open_at_end = 0
    for fold in result.folds:
        rows = np.flatnonzero(
            (result.ts_ms >= fold.test_from_ms) & (result.ts_ms <= fold.test_to_ms)
        )
        own = curve[rows[0] : rows[-1] + 2] / curve[rows[0]]
        returns = np.diff(own) / own[:-1]
        expected = {
            "net_return": own[-1] - 1.0,
            "sharpe": performance.sharpe(returns, 365.0 * 24.0 * 60.0),
            "sortino": performance.sortino(returns, 365.0 * 24.0 * 60.0),
            "max_drawdown": performance.max_drawdown(returns),
        }[metric]
        assert fold.tested == pytest.approx(expected, rel=1e-6)
        error = performance.sharpe_stderr(returns) * math.sqrt(365.0 * 24.0 * 60.0)
        known = error if metric == "sharpe" else math.nan
        assert fold.tested_error == pytest.approx(known, rel=1e-6, nan_ok=True)
        assert math.isfinite(fold.trained_error) == (metric == "sharpe")
        open_at_end += returns[-1] != 0.0
    assert open_at_end > 1


def test_a_gap_between_stretches_annualises_neither() -> None:
    """It is before training, before its first return, and between training and test."""
    whole, months = walked(test_bars=460), 150 * 86_400_000
    for row in (80, 91, 239):
        late = np.where(np.arange(700) >= row, months, 0)
        legs = [replace(bars, ts_ms=bars.ts_ms + late) for bars in made_up_pair()]
        gapped = walked(legs=legs, test_bars=460)
        assert gapped.out_of_sample.record == whole.out_of_sample.record
        assert gapped.out_of_sample.sharpe == whole.out_of_sample.sharpe
        assert gapped.folds[0].tested == whole.folds[0].tested
        assert gapped.folds[0].tested_error == whole.folds[0].tested_error
        assert row > 91 or gapped.folds[0].trained == whole.folds[0].trained


def test_a_trade_that_is_closed_at_the_end_of_its_stretch_counts_as_one() -> None:
    folds = walked(metric="profit_factor", test_bars=10).folds
    assert sum(fold.net != 0.0 for fold in folds) > 5
    for fold in folds:
        assert math.isnan(fold.tested) == (fold.net == 0.0)


def test_an_in_sample_hedge_is_fitted_on_the_training_bars_alone() -> None:
    legs, rules = made_up_pair(), replace(RULES, hedge_mode="in-sample")
    whole = run_backtest(*legs, PAIR, rules)
    assert isinstance(whole, BacktestResult)
    single = walked(legs=legs, rules=rules, axes=("entry_z", (1.2,), "exit_z", (0.1,)))
    assert single.in_sample.net_return != single.out_of_sample.net_return


def test_each_curve_says_how_far_its_sharpe_ratio_can_be_trusted() -> None:
    result = walked()
    for curve in (result.out_of_sample, result.in_sample):
        assert curve.record is not None
        assert curve.record.bars == len(curve.equity)
        assert curve.record.sharpe == pytest.approx(curve.sharpe)
        assert 0.0 < curve.record.psr < 1.0
        assert curve.record.too_short == (curve.record.bars < curve.record.min_bars)
    idle = walked(axes=("entry_z", (5.1, 5.2), "exit_z", (0.0, 0.1)))
    assert math.isnan(idle.out_of_sample.max_drawdown)


def returns_of_cells(legs: tuple[Bars, Bars]) -> list[np.ndarray]:
    """What each cell of AXES returned on the bars of the curves, by the plain account."""
    whole, rows = plain_backtest.backtest(*legs, PAIR, RULES), slice(239, 700)
    made = []
    for leave in AXES[3]:
        for entry in AXES[1]:
            rules = replace(RULES, entry_z=entry, exit_z=leave)
            book = plain_backtest.account(
                whole.z[rows], whole.hedge[rows], whole.rows[rows], rules, False
            )
            made.append(np.diff(book.equity) / book.equity[:-1])
    return made


def test_each_curves_sharpe_ratio_is_deflated_by_all_cells_as_trials() -> None:
    legs = made_up_pair()
    result = walked(legs=legs)
    ratios = [performance.sharpe(returns, 1.0) for returns in returns_of_cells(legs)]
    variance = float(np.var(ratios, ddof=1))
    assert result.trials == 6
    assert result.trial_variance == pytest.approx(variance, rel=1e-9)
    for curve in (result.out_of_sample, result.in_sample):
        whole = np.concatenate(([1.0], curve.equity))
        returns = np.diff(whole) / whole[:-1]
        near = (returns - returns.mean()) / returns.std()
        expected = performance.deflated_sharpe(
            performance.sharpe(returns, 1.0), len(returns), 6, variance,
            float((near**3).mean()), float((near**4).mean()),
        )  # fmt: skip
        assert curve.deflated_sharpe == pytest.approx(expected, rel=1e-6)
        assert curve.record is not None
        assert curve.deflated_sharpe < curve.record.psr
    idle = walked(axes=("entry_z", (5.1, 5.2), "exit_z", (0.0, 0.1)))
    assert (idle.trials, idle.trial_variance) == (4, 0.0)
    assert math.isnan(idle.out_of_sample.deflated_sharpe)


def test_the_overfitting_of_a_walk_is_that_of_the_cells_on_the_bars_of_its_curves() -> None:
    legs = made_up_pair()
    result = walked(legs=legs)
    found = result.overfitting(8)
    assert found is not None
    pbo, slope, p_loss, logits = plain(np.stack(returns_of_cells(legs), axis=1), 8, tie=1e-10)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-9, atol=1e-12)
    assert (found.pbo, found.p_loss) == (pbo, p_loss)
    assert found.slope == pytest.approx(slope, rel=1e-8)
    alone = walked(axes=("entry_z", (1.2,), "exit_z", (0.1,)))
    assert alone.overfitting() is None


def test_the_walks_of_noise_seldom_look_like_skill() -> None:
    axes = ("entry_z", (0.8, 1.2, 1.6, 2.0), "exit_z", (0.0, 0.2, 0.4))
    rules = replace(RULES, cost_bps=0.0)
    walks = [walked(legs=noise_legs(seed, 800), rules=rules, axes=axes) for seed in range(60)]
    for name in ("out_of_sample", "in_sample"):
        high = sum(getattr(walk, name).deflated_sharpe >= 0.95 for walk in walks)
        assert high <= 3, name


@pytest.mark.parametrize("bars", [1, 3, 400])
def test_who_lost_everything_trades_no_more(bars: int) -> None:
    """Y quadruples while it is held short, for some bars or for good."""
    y, x = made_up_pair()
    single = run_backtest(y, x, PAIR, RULES)
    assert isinstance(single, BacktestResult)
    trades = [one for one in single.trades if one.side < 0 and one.exit_ts_ms > one.entry_ts_ms]
    row = next(one.entry_ts_ms // 60_000 + 1 for one in trades if one.entry_ts_ms > 300 * 60_000)
    names = ("open", "high", "low", "close", "vwap")
    at = np.arange(700)
    high = (at >= row) & (at < row + bars)
    risen = {one: np.where(high, 4, 1) * getattr(y, one) for one in names}
    result = walked(legs=(replace(y, **risen), x))
    equity = result.out_of_sample.equity
    lost = int(np.argmax(equity <= 0.0))
    assert lost > 0, "nothing was lost"
    assert set(equity[lost:]) == {equity[lost]}
    alone = run_backtest(replace(y, **risen), x, PAIR, RULES)
    assert isinstance(alone, BacktestResult)
    assert alone.record is not None
    assert [one.exit_reason for one in alone.trades].index("ruin") == len(alone.trades) - 1
    assert alone.figures.sharpe == pytest.approx(alone.record.sharpe, rel=1e-9)
    record = result.out_of_sample.record
    assert record is not None
    assert record.bars == lost + 1
    # Annualised by the bars of the returns, not by those of the flat line after them.
    gap = 3_600_000 * (np.arange(700) >= 690)
    legs = [replace(leg, ts_ms=leg.ts_ms + gap) for leg in (replace(y, **risen), x)]
    assert walked(legs=legs).out_of_sample.record == record


def test_a_fold_is_annualised_by_its_own_bars() -> None:
    """A gap after it is none of its time."""
    gap = 3_600_000 * (np.arange(700) >= 440)
    legs = [replace(leg, ts_ms=leg.ts_ms + gap) for leg in made_up_pair()]
    whole = walked(legs=legs)
    known = walked(legs=[leg[:440] for leg in legs])
    assert known.folds[1].test_to_ms < legs[0].ts_ms[440] - 3_600_000
    assert [fold.tested for fold in known.folds] == [fold.tested for fold in whole.folds[:2]]
    assert math.isfinite(whole.folds[1].tested)


def test_legs_that_seldom_trade_walk_forward_as_well() -> None:
    legs = made_up_pair(1_000, gaps=0.3)
    result = walked(legs=legs)
    nets = [1 + fold.net for fold in result.folds]
    assert result.out_of_sample.equity[-1] == pytest.approx(math.prod(nets), rel=1e-12)
    stops = [int(np.searchsorted(bars.ts_ms, 850 * 60_000)) for bars in legs]
    part = walked(legs=[cut(bars, stop) for bars, stop in zip(legs, stops, strict=True)])
    for fold, whole in zip(part.folds[:-1], result.folds, strict=False):
        assert (fold.x_value, fold.y_value, fold.net) == (whole.x_value, whole.y_value, whole.net)


def test_threads_change_nothing() -> None:
    axes = ("entry_z", (0.8, 1.2, 1.6), "z_window", (20, 30))
    with ThreadPoolExecutor(2) as pool:
        parted = walked(axes=axes, run_all=pool.map)
    whole = walked(axes=axes)
    assert parted.folds == whole.folds
    np.testing.assert_array_equal(parted.out_of_sample.equity, whole.out_of_sample.equity)


def test_bars_without_a_trade_choose_nothing_and_stay_flat() -> None:
    result = walked(axes=("entry_z", (5.1, 5.2), "exit_z", (0.0, 0.1)))
    assert {(fold.x_value, fold.net) for fold in result.folds} == {(None, 0.0)}
    assert result.hindsight is None
    assert np.unique(result.out_of_sample.equity).tolist() == [1.0]


@pytest.mark.parametrize("metric", ["net_return", "max_drawdown", "sharpe"])
def test_no_fold_chooses_a_cell_that_closed_no_trade(metric: str) -> None:
    # The far entry is open for a while at the end of some training stretches, or never there.
    axes = ("entry_z", (0.8, 3.4), "exit_z", (0.0,))
    dear = replace(RULES, cost_bps=50.0)
    result = walked(legs=made_up_pair(1_200), rules=dear, axes=axes, metric=metric)
    assert {fold.x_value for fold in result.folds} == {0.8}
    assert result.hindsight is not None
    never = walked(axes=("entry_z", (5.1, 5.2), "exit_z", (0.0, 0.1)), metric=metric)
    assert {fold.x_value for fold in never.folds} == {None}


def test_it_tells_its_progress_and_can_be_cancelled() -> None:
    told: list[tuple[int, int]] = []
    axes = ("entry_z", (0.8, 1.2), "z_window", (20, 30, 40))
    walked(axes=axes, progress=lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)]
    result = walk_forward(
        *made_up_pair(), make_grid(PAIR, RULES, *axes), **SPANS, cancelled=lambda: True
    )
    assert result == NotReady("cancelled", 0, 3)
    told.clear()
    grid, seen = make_grid(PAIR, RULES, *axes), {"progress": lambda *at: told.append(at)}
    walk_forward(*made_up_pair(), grid, **SPANS, **seen, cancelled=lambda: bool(told))
    assert told == [(1, 3)], "what was not done is not counted"


def test_too_few_bars_are_not_ready() -> None:
    result = walk_forward(*made_up_pair(300), make_grid(PAIR, RULES, *AXES), **SPANS)
    assert result == NotReady("needs 340 bars, has 300", 300, 340)


def test_bars_without_a_price_above_zero_are_told_apart_from_filtered_ones() -> None:
    y_bars, x_bars = made_up_pair(300)
    opened = y_bars.open.copy()
    opened[:20] = -1.0
    broken = replace(y_bars, open=opened)
    result = walk_forward(broken, x_bars, make_grid(PAIR, RULES, *AXES), **SPANS)
    words = "needs 340 bars, has 280, 20 left out whose prices are not all above 0"
    assert result == NotReady(words, 280, 340)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_bars": 29}, "train_bars is 29, expected a whole number of at least 30"),
        ({"test_bars": 2.5}, "test_bars is 2.5, expected a whole number of at least 10"),
        ({"metric": "trades"}, "metric is 'trades', expected one of sharpe, sortino"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        walk_forward(*made_up_pair(), make_grid(PAIR, RULES, *AXES), **{**SPANS, **changes})
