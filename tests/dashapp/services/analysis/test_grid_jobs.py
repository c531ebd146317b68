"""Sweeps and walk-forwards as jobs: progress, cancel, what has changed since."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from analytics.backtest import BacktestParams
from analytics.model import PairParams
from analytics.sweep import SweepResult
from analytics.walkforward import WalkForward
from dashapp.parameters.grid import Axis, Walk, usual_axis
from dashapp.services.analysis.grid_jobs import MAX_JOBS, Ask, GridJob, GridJobs

PARAMS = PairParams("BTCUSDT", "ETHUSDT")
SETTINGS = BacktestParams(hedge_window=60)
ASK = Ask(("demo", 1), PARAMS, SETTINGS, usual_axis("entry_z"), usual_axis("exit_z"))


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


def test_the_job_that_nobody_looked_at_for_longest_gives_way_and_computes_no_more():
    jobs, kept = GridJobs(), [GridJob(ASK) for _ in range(MAX_JOBS + 1)]
    for job in kept[:-1]:
        jobs.add(job)
    jobs.get(kept[0].number)
    jobs.add(kept[-1])
    ended = [job for job in kept if job.words.startswith("cancelled")]
    assert ended == [kept[1]]
    assert jobs.get(kept[1].number) is None


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
    assert ASK.changed(now) == ["Stop |z|", "Fee"]
    now = replace(ASK, pair=replace(PARAMS, z_window=90, y="ETHUSDT", x="BTCUSDT"))
    assert ASK.changed(now) == ["Y leg", "X leg", "z window"]
    assert ASK.changed(replace(ASK, pair=replace(PARAMS, corr_window=90, hedge="tls"))) == []
    fitted = replace(ASK, settings=replace(SETTINGS, hedge_mode="in-sample"))
    now = replace(fitted, pair=replace(PARAMS, hedge="tls"))
    assert fitted.changed(now) == ["Hedge ratio (β)"]
    assert ASK.changed(replace(ASK, market=("demo", 2))) == ["market"]
