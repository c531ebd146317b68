"""The jobs that the forms of the sweep and of the walk-forward start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.model import PairParams
from dashapp.parameters.backtest import USUAL, as_held
from dashapp.parameters.pair import View
from dashapp.parameters.table import SWEEP, WALK_FORWARD
from dashapp.services.analysis.grid_jobs import GridJob
from dashapp.ui.pages.backtest.asking import started
from dashapp.ui.pages.backtest.sweep import ask_of

FORM = {name: row.control_value(row.default) for name, row in {**SWEEP, **WALK_FORWARD}.items()}
VIEW = View("demo", (), "1s", 2.0, PairParams("BTCUSDT", "ETHUSDT"))


@pytest.fixture
def begun(monkeypatch) -> list[GridJob]:
    """The jobs that were started: none of them runs."""
    jobs: list[GridJob] = []
    monkeypatch.setattr(GridJob, "start", lambda job, *legs: jobs.append(job))
    return jobs


def asked(runtime, form=FORM, metric=None, view=VIEW):
    ask = ask_of(runtime, view, {"held": as_held(USUAL)})
    return started(runtime, runtime.grids, ask, form, metric)


async def test_each_form_starts_a_job_of_its_own_that_is_found_by_its_number(runtime, begun):
    sweep, errors = asked(runtime)
    walk, more = asked(runtime, metric="sharpe")
    assert (errors, more) == ({}, {})
    assert begun == [sweep, walk]
    assert (sweep.ask.walk, walk.ask.walk is None) == (None, False)
    assert [runtime.grids.get(job.number) for job in begun] == begun
    assert sweep.number != walk.number


@pytest.mark.parametrize(
    ("field", "metric", "starts"),
    [("x_steps", None, False), ("test_bars", None, True), ("test_bars", "sharpe", False)],
)
async def test_a_field_that_is_wrong_is_told_where_the_form_needs_it(
    runtime, begun, field, metric, starts
):
    job, errors = asked(runtime, {**FORM, field: "many"}, metric)
    assert (job is not None, len(begun)) == (starts, int(starts))
    assert list(errors) == ([] if starts else [field])


async def test_without_a_pair_and_without_its_market_nothing_starts(runtime, begun):
    gone = replace(VIEW, market="gone")
    for view in (replace(VIEW, pair=None), gone):
        assert asked(runtime, view=view) == (None, {})
    assert begun == []


async def test_a_stop_that_no_z_reaches_is_swept_and_told_of(runtime, begun):
    view = replace(VIEW, pair=replace(VIEW.pair, z_window=12))
    axis = {"x": "stop_z", "x_low": "3", "x_high": "5", "x_steps": "3"}
    job, told = asked(
        runtime, {**FORM, **axis, "y": "exit_z", "y_low": "0", "y_high": "1"}, None, view
    )
    assert begun == [job]
    assert list(told) == ["x_high"]
    assert told["x_high"].startswith("stops nothing: 5")
