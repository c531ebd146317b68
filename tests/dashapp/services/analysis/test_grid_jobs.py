"""Sweeps and walk-forwards as jobs: progress, cancel, what has changed since; their forms."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from analytics.backtest import BacktestParams
from analytics.grid import AXES
from analytics.model import PairParams
from analytics.sweep import SweepResult
from analytics.walkforward import WalkForward
from dashapp.services.analysis.grid_jobs import (
    MAX_JOBS,
    SPANS,
    Ask,
    Axis,
    GridJob,
    GridJobs,
    Walk,
    check_axes,
    check_walk,
    usual_axis,
)

PARAMS = PairParams("BTCUSDT", "ETHUSDT")
SETTINGS = BacktestParams(hedge_window=60)
ASK = Ask(("demo", 1), PARAMS, SETTINGS, usual_axis("entry_z"), usual_axis("exit_z"))
FORM = {
    "x": "entry_z",
    "x_low": "1",
    "x_high": "3",
    "x_steps": "9",
    "y": "z_window",
    "y_low": "20",
    "y_high": "60",
    "y_steps": "3",
    "train_bars": "300",
    "test_bars": "100",
}


async def finished(job: GridJob, runtime, pair: PairParams = PARAMS) -> GridJob:
    job.start(*runtime.analysis.legs("demo", pair))
    async with asyncio.timeout(60):
        await job.wait()
    return job


async def test_a_sweep_counts_its_cells_and_ends_with_every_figure(runtime):
    job = await finished(GridJob(ASK), runtime)
    assert isinstance(job.result, SweepResult)
    assert job.done == job.total == 63
    assert job.share == 100
    assert job.words == "63 back-tests done"
    assert job.result.matrices["max_drawdown"].shape == (7, 9)


async def test_a_walk_forward_is_a_job_as_well(runtime):
    walked = replace(ASK, walk=Walk(150, 50, "net_return"))
    job = await finished(GridJob(walked), runtime)
    assert isinstance(job.result, WalkForward)
    assert job.words == "done"


@pytest.mark.parametrize("walk", [None, Walk(150, 50, "sharpe")])
async def test_a_cancelled_job_says_how_far_it_came_and_shows_nothing_half_done(runtime, walk):
    axes = {"y": Axis("z_window", 20, 60, 40)}
    job = GridJob(replace(ASK, walk=walk, **axes))
    job.cancel()
    await finished(job, runtime)
    assert job.words.startswith("cancelled after")
    assert job.result is None


async def test_too_few_bars_are_said_in_words(runtime):
    job = GridJob(replace(ASK, settings=BacktestParams(hedge_window=20_000)))
    await finished(job, runtime)
    assert "needs" in job.words
    assert job.result is None


async def test_a_grid_without_a_legal_cell_is_said_in_words(runtime):
    axes = {"x": Axis("entry_z", 0.2, 0.4, 3), "y": Axis("exit_z", 1.0, 2.0, 3)}
    job = await finished(GridJob(replace(ASK, **axes)), runtime)
    assert job.words.startswith("exit_z is 1.0, expected from 0")


def test_the_oldest_jobs_are_forgotten():
    jobs = GridJobs()
    made = [jobs.add(GridJob(ASK)) for _ in range(MAX_JOBS + 3)]
    assert jobs.get(made[0].number) is None
    assert jobs.get(made[-1].number) is made[-1]
    assert jobs.get(None) is None


def test_pages_that_open_alike_share_one_sweep():
    jobs = GridJobs()
    assert jobs.unasked(ASK) is None
    job = jobs.add_unasked(GridJob(ASK))
    assert jobs.unasked(replace(ASK, pair=PARAMS)) is job
    assert jobs.unasked(replace(ASK, pair=replace(PARAMS, z_window=90))) is None


def test_what_was_fixed_and_changed_since_is_named_and_nothing_else():
    assert ASK.changed(ASK) == []
    now = replace(ASK, settings=replace(SETTINGS, entry_z=3.0, exit_z=0.5))
    assert ASK.changed(now) == []  # both lie on the axes
    now = replace(ASK, settings=replace(SETTINGS, stop_z=None, cost_bps=1.0))
    assert ASK.changed(now) == ["Stop |z|", "Cost"]
    now = replace(ASK, pair=replace(PARAMS, z_window=90, y="ETHUSDT", x="BTCUSDT"))
    assert ASK.changed(now) == ["Y leg", "X leg", "z window"]
    assert ASK.changed(replace(ASK, pair=replace(PARAMS, corr_window=90, hedge="tls"))) == []
    fitted = replace(ASK, settings=replace(SETTINGS, hedge_mode="in-sample"))
    now = replace(fitted, pair=replace(PARAMS, hedge="tls"))
    assert fitted.changed(now) == ["hedge method"]
    assert ASK.changed(replace(ASK, market=("demo", 2))) == ["market"]


@pytest.mark.parametrize("name", AXES)
def test_every_parameter_has_a_usual_axis_with_values_of_its_own(name):
    values = usual_axis(name).values
    assert len(values) == len(set(values)) == SPANS[name][2]
    assert list(values) == sorted(values)


def test_windows_are_whole_and_stand_once():
    assert Axis("z_window", 20, 22, 9).values == (20, 21, 22)


def test_a_form_becomes_two_axes():
    axes, errors = check_axes(FORM)
    assert errors == {}
    assert axes == (Axis("entry_z", 1.0, 3.0, 9), Axis("z_window", 20.0, 60.0, 3))


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"x": "luck"}, "x", "luck: none of the parameters"),
        ({"y": "entry_z"}, "y", "the same as across"),
        ({"x_low": "a"}, "x_low", "a: expected a number"),
        ({"x_low": ""}, "x_low", "empty: expected a number"),
        ({"x_steps": "101"}, "x_steps", "101: expected 2 to 100"),
        ({"x_steps": "2.5"}, "x_steps", "2.5: expected 2 to 100"),
        ({"x_steps": "nan"}, "x_steps", "nan: expected 2 to 100"),
        ({"y_high": "20"}, "y_high", "20: expected more than 20"),
        ({"y_high": "inf"}, "y_high", "inf: expected more than 20"),
    ],
)
def test_a_field_of_the_grid_that_is_wrong_is_told_at_its_place(changes, field, words):
    axes, errors = check_axes(FORM | changes)
    assert axes is None
    assert errors[field] == words


def test_the_stretches_of_a_walk_forward_are_whole_and_long_enough():
    assert check_walk(FORM, "net_return") == (Walk(300, 100, "net_return"), {})
    assert check_walk(FORM, "trades") == (Walk(300, 100, "sharpe"), {})
    walk, errors = check_walk(FORM | {"train_bars": "5", "test_bars": "ten"}, "sharpe")
    assert walk is None
    assert errors["train_bars"] == "5: expected a whole number from 30"
    assert errors["test_bars"] == "ten: expected a whole number from 10"
