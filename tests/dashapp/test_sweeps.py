"""Sweeps as jobs: progress, cancel, one job a question."""

from __future__ import annotations

import asyncio

from analytics.backtest import BacktestParams
from analytics.model import PairParams
from dashapp.sweeps import MAX_JOBS, SWEEPS, SweepJob, SweepJobs

PARAMS = PairParams("BTCUSDT", "ETHUSDT")
SETTINGS = BacktestParams(hedge_window=60)


async def finished(job: SweepJob) -> SweepJob:
    async with asyncio.timeout(60):
        await job.wait()
    return job


async def test_a_sweep_counts_its_cells_and_ends_with_a_matrix(runtime):
    job = SweepJob(SWEEPS["exit"])
    job.start(*runtime.legs("demo", PARAMS), PARAMS, SETTINGS)
    await finished(job)
    assert job.done == job.kind.cells == job.result.matrix.size
    assert "done" in job.words


async def test_a_cancelled_sweep_says_how_far_it_came_and_shows_nothing_half_done(runtime):
    job = SweepJob(SWEEPS["window"])
    job.cancel()
    job.start(*runtime.legs("demo", PARAMS), PARAMS, SETTINGS)
    await finished(job)
    assert job.done < job.kind.cells
    assert job.words.startswith("cancelled")
    assert job.result is None


async def test_too_few_bars_are_said_in_words(runtime):
    job = SweepJob(SWEEPS["exit"])
    job.start(*runtime.legs("demo", PARAMS), PARAMS, BacktestParams(hedge_window=20_000))
    await finished(job)
    assert "needs" in job.words
    assert job.result is None


def test_the_oldest_jobs_are_forgotten():
    jobs = SweepJobs()
    for number in range(MAX_JOBS + 3):
        jobs.add(number, SweepJob(SWEEPS["exit"]))
    assert jobs.get(0) is None
    assert jobs.get(MAX_JOBS + 2) is not None
    jobs.forget(MAX_JOBS + 2)
    assert jobs.get(MAX_JOBS + 2) is None
