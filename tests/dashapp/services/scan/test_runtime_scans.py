"""Scans in the runtime: tied to its markets, its archive, its settings and its end."""

from __future__ import annotations

import numpy as np

from dashapp.services.runtime import Runtime
from dashapp.services.scan import control
from dashapp.services.universe.demo import DEMO_UNIVERSE
from dashapp.settings import Settings
from tests.dashapp.services.quiet_runtime import started
from tests.dashapp.services.scan.test_scans import (
    MADE,
    PARAMS,
    InProcess,
    bars_of,
    market_of,
    scanning,
)
from tests.waiting import until


async def test_scans_of_a_runtime_are_kept_and_come_back(tmp_path):
    settings = Settings(source="none", archive=str(tmp_path / "kept.sqlite"))
    async with started(settings) as runtime:
        runtime.markets["m"] = market_of()
        runtime.scans._process = InProcess()
        job = runtime.scans.start("m", PARAMS)
        await job.wait()
        assert job.state == "done", job.error
    async with started(settings) as again:
        assert again.scans.newest("m").id == job.id
        assert again.scans.history("m")[0].confirmed


async def test_a_runtime_scans_again_by_itself(monkeypatch):
    monkeypatch.setattr(control, "RESCAN_S", 0.01)
    async with started() as runtime:
        market = runtime.markets["m"] = market_of()
        runtime.scans._process = InProcess()
        job = runtime.scans.start("m", PARAMS, rescan=True)
        await job.wait()
        for symbol in MADE.names:
            market.append_bars(bars_of(symbol, np.array([100.0]), first=480))
        await until(lambda: runtime.scans.newest("m") not in (None, job))
        assert runtime.scans.newest("m").until_ms > job.until_ms


async def test_a_market_that_is_made_at_the_first_look_is_waited_for(monkeypatch):
    async with started() as runtime:

        async def ready():
            made = market_of(id=DEMO_UNIVERSE)
            runtime.markets[DEMO_UNIVERSE] = made
            return made

        monkeypatch.setattr(runtime.demo_universe, "ready", ready)
        runtime.scans._process = InProcess()
        job = runtime.scans.start(DEMO_UNIVERSE, PARAMS)
        await job.wait()
        assert (job.state, job.result.funnel["symbols"]) == ("done", len(MADE.names))


async def test_the_end_of_a_runtime_is_the_end_of_its_scans():
    async with started() as runtime:
        runtime.markets["m"] = market_of()
        runtime.scans._process = InProcess()
        runtime.scans._process.gate.clear()
        job = runtime.scans.start("m", PARAMS)
    assert job.state == "cancelled"


def test_the_scheduler_of_the_settings_is_that_of_the_scans():
    runtime = Runtime(Settings(source="none", archive=None, scan_on="tcp://127.0.0.1:8786"))
    assert runtime.scans._scan_on == "tcp://127.0.0.1:8786"


async def test_a_task_says_where_it_is_to_be_computed():
    async with scanning(market_of(), scan_on="tcp://10.0.0.5:1") as scans:
        scans._process = InProcess()
        await scans.start("m", PARAMS).wait()
        assert scans._process.tasks[0].scan_on == "tcp://10.0.0.5:1"
