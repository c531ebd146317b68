"""What is said of a sweep and of walking forward: how much of the best may be luck."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.backtest import BacktestParams, TrackRecord
from analytics.model import Bars, PairParams
from analytics.sweep import SweepResult
from dashapp.parameters.grid import usual_axis
from dashapp.services.analysis.grid_jobs import Ask, GridJob
from dashapp.text.backtest import deflated_segments, luck_segments
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
    expected = luck_segments(job.result.deflated_sharpe, job.result.done, job.overfitting.pbo)
    assert len(expected) == 2
    assert all(text in words for text, _ in expected)


async def test_a_sweep_that_came_to_nothing_says_nothing_of_luck():
    job = GridJob(ASK)
    job.start(*(leg.tail(20) for leg in legs()))
    await job.wait()
    assert (job.result, job.overfitting) == (None, None)
    assert sweep_results._luck(job) == []


@pytest.mark.parametrize(("deflated", "tone"), [(0.94, "warn"), (0.96, "muted")])
def test_a_best_cell_is_firm_from_95_per_cent(deflated, tone):
    words = f"best Sharpe: deflated ratio {100 * deflated:.0f} % over 63 cells"
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


def test_the_deflated_ratio_of_walking_forward_is_firm_from_95_per_cent():
    assert deflated_segments(0.94, 0.99, 9)[0][1] == "warn"
    assert deflated_segments(0.95, 0.1, 9)[0][1] == "muted"
    assert deflated_segments(float("nan"), 0.99, 9) == []
