"""What is said of a sweep and of walking forward: how much of the best may be luck."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.backtest import BacktestParams, TrackRecord
from analytics.model import Bars, PairParams
from analytics.sweep import SweepResult
from analytics.walkforward import WalkForward
from dashapp.figures.sweep import sweep_figure
from dashapp.parameters.grid import Walk, usual_axis
from dashapp.services.analysis.grid_jobs import Ask, GridJob
from dashapp.text.backtest import deflated_segments, luck_segments, sharpe_text
from dashapp.text.numbers import number
from dashapp.ui.pages.backtest import sweep_results
from tests.dashapp.figures.samples import walk

PAIR = PairParams("AAA", "BBB", limit=600, z_window=30)
AXES = (usual_axis("entry_z"), usual_axis("exit_z"))
ASK = Ask(("m", 1), PAIR, BacktestParams(hedge_window=60), *AXES)


def bars(symbol: str, close: np.ndarray) -> Bars:
    times, ones = 1_000 * np.arange(len(close)), np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


def legs() -> tuple[Bars, Bars]:
    """Two legs without any edge: noise about a line."""
    noise = np.random.default_rng(4)
    x = 100.0 + np.cumsum(noise.normal(0, 0.1, 600))
    return bars("AAA", 2.0 * x + noise.normal(0, 0.3, 600)), bars("BBB", x)


async def test_a_sweep_knows_how_much_of_its_best_may_be_luck():
    job = GridJob(ASK)
    job.start(*legs())
    await job.wait()
    assert isinstance(job.result, SweepResult), job.error
    assert job.overfitting is not None
    assert 0.0 <= job.overfitting.pbo <= 1.0
    words = str(sweep_results._says(job, {"changed": []}))
    result, pbo = job.result, job.overfitting.pbo
    assert result.record is not None
    expected = luck_segments(result.deflated_sharpe, result.done, pbo, result.record)
    assert len(expected) == 2
    assert f"best Sharpe {sharpe_text(result.record.sharpe, result.record)}," in expected[0][0]
    assert all(text in words for text, _ in expected)


async def test_a_walk_forward_knows_how_far_choosing_overfits_and_how_far_each_ratio_is_known():
    job = GridJob(replace(ASK, walk=Walk(200, 50, "sharpe")))
    job.start(*legs())
    await job.wait()
    assert isinstance(job.result, WalkForward), job.error
    assert job.overfitting is not None
    words = str(sweep_results._walk_says(job, {"changed": []}))
    expected = luck_segments(math.nan, 0, job.overfitting.pbo)
    assert len(expected) == 1
    assert expected[0][0] in words
    fold = next(fold for fold in job.result.folds if fold.x_value is not None)
    row = sweep_results.fold_row(1, fold, job.ask)
    assert (row["trained"], row["trained_error"]) == (fold.trained, fold.trained_error)
    assert row["then_error"] == (None if math.isnan(fold.tested_error) else fold.tested_error)


async def test_a_cell_tells_the_error_of_its_sharpe_ratio_and_of_no_other_figure():
    job = GridJob(ASK)
    job.start(*legs())
    await job.wait()
    assert isinstance(job.result, SweepResult), job.error
    trace = sweep_figure(job.result, "sharpe")["data"][0]
    row, column = job.result.best("sharpe")
    error = float(job.result.sharpe_error[row, column])
    assert "%{text}%{customdata}" in trace["hovertemplate"]
    digits = 0 if abs(job.result.matrices["sharpe"]).max() >= 100 else 1
    assert trace["customdata"][row][column] == f" ± {number(error, digits)}"
    assert "customdata" not in sweep_figure(job.result, "net_return")["data"][0]


async def test_a_sweep_that_came_to_nothing_says_nothing_of_luck():
    job = GridJob(ASK)
    job.start(*(leg.tail(20) for leg in legs()))
    await job.wait()
    assert (job.result, job.overfitting) == (None, None)
    assert sweep_results._luck(job) == []


@pytest.mark.parametrize(("deflated", "tone"), [(0.94, "warn"), (0.96, "muted")])
def test_a_best_cell_is_firm_from_95_per_cent(deflated, tone):
    words = f"best Sharpe, deflated ratio {100 * deflated:.0f} % over 63 cells"
    assert luck_segments(deflated, 63, None) == [(words, tone)]


def test_what_is_not_known_of_luck_is_left_out():
    assert luck_segments(float("nan"), 0, None) == []
    assert luck_segments(float("nan"), 9, float("nan")) == []


def test_walking_forward_says_the_measure_of_both_curves_and_that_it_is_too_short():
    result = walk()
    record = TrackRecord(300, 1.0, 9.0, 0.5, 40_000.0)
    out = replace(result.out_of_sample, record=record, deflated_sharpe=0.94)
    hindsight = replace(result.in_sample, deflated_sharpe=0.4)
    result = replace(result, out_of_sample=out, in_sample=hindsight, trials=63)
    job = SimpleNamespace(result=result, words="done", error="", ask=ASK, overfitting=None)
    words = str(sweep_results._walk_says(job, {"changed": []}))
    assert "both chosen by Sharpe" in words
    assert "Sharpe 1.00 ± 9.00 against 2.00" in words
    assert "deflated ratio 94 % against 40 % over 63 cells" in words
    assert "too short to judge" in words
    assert "lost everything" not in words
    lost = replace(out, equity=np.append(out.equity[:-1], -0.1))
    job.result = replace(result, out_of_sample=lost)
    assert "lost everything at" in str(sweep_results._walk_says(job, {"changed": []}))


def test_what_a_sweep_was_computed_for_names_all_that_is_not_as_usual():
    job = GridJob(ASK)
    usual = sweep_results._computed_for(job)
    assert "slippage" in usual
    settings = replace(ASK.settings, max_bars=20, slippage_bps=3.0, sides="short")
    pair = replace(ASK.pair, price_space="log", min_trades=5, intercept=False)
    words = sweep_results._computed_for(GridJob(replace(ASK, settings=settings, pair=pair)))
    for said in ("slippage 3", "time stop 20", "sides ", "price scale ", "min trades per bar 5"):
        assert said in words
        assert said == "slippage 3" or said not in usual, said


def test_the_deflated_ratio_of_walking_forward_is_firm_from_95_per_cent():
    assert deflated_segments(0.94, 0.99, 9)[0][1] == "warn"
    assert deflated_segments(0.95, 0.1, 9)[0][1] == "muted"
    assert deflated_segments(float("nan"), 0.99, 9) == []
