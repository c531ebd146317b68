"""Start-up: what is compiled, by whom, and where the helper looks for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analytics._kernels import barfold
from dashapp.services import startup
from dashapp.services.startup import Kernels
from ingestion.files import line_values
from ingestion.files.reader import UploadReader
from storage.market import outliers

PROJECT = Path(__file__).resolve().parents[3]


def test_compiled_code_is_looked_for_where_numba_keeps_it(tmp_path):
    code = (
        "from pathlib import Path; from dashapp.services.startup import cached, kernels;"
        "folder = Path(kernels()[0].stats.cache_path); print(cached());"
        "folder.mkdir(parents=True, exist_ok=True);"
        "(folder / 'adf.fit-1.py311.nbi').touch(); print(cached(), folder)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = ran.stdout.splitlines()
    assert before == "False"
    assert after.startswith(f"True {tmp_path}")


def test_an_image_is_built_with_all_that_is_compiled(monkeypatch):
    names = [name for name in vars(startup) if name.startswith("compile_")]
    done = []
    for name in {*names} - {"compile_all"}:
        monkeypatch.setattr(startup, name, lambda name=name: done.append(name))
    monkeypatch.setattr(startup, "forget_stale_code", lambda: done.append("forget"))
    startup.compile_all()
    # Hedges and unit roots are the helper's parts of the statistics.
    assert done[0] == "forget"
    assert {*done[1:]} == {*names} - {"compile_all", "compile_hedges", "compile_unit_roots"}
    assert "import compile_all as c; c()" in (PROJECT / "Dockerfile").read_text("utf-8")


async def test_the_helper_of_the_first_start_does_its_part_and_ends(monkeypatch):
    monkeypatch.setattr(startup, "cached", lambda: False)
    helper = startup.helper()
    assert await asyncio.to_thread(helper.wait, 120) == 0


def test_there_is_no_helper_where_code_is_compiled_already(monkeypatch):
    monkeypatch.setattr(startup, "cached", lambda: True)
    assert startup.helper() is None


@pytest.mark.parametrize("first", [True, False])
async def test_what_scans_need_is_compiled_beside_on_the_first_start_alone(monkeypatch, first):
    class Helper:
        def poll(self) -> int:
            return 0

    for name in ("market", "backtest", "uploads"):
        monkeypatch.setattr(startup, f"compile_{name}", lambda: None)
    monkeypatch.setattr(startup, "compile_statistics", lambda helper: None)
    monkeypatch.setattr(startup, "helper", lambda: Helper() if first else None)
    parts = []
    monkeypatch.setattr(startup, "compiling", lambda part: parts.append(part) or Helper())
    kernels = Kernels()
    kernels.start()
    await kernels.compile()
    assert parts == ["compile_scan"] * first
    await kernels.stop()


async def test_the_statistics_are_ready_once_they_are_compiled(monkeypatch):
    order = []
    for name in ("market", "backtest", "uploads"):
        monkeypatch.setattr(startup, f"compile_{name}", lambda name=name: order.append(name))
    monkeypatch.setattr(startup, "compile_statistics", lambda helper: order.append("statistics"))
    monkeypatch.setattr(startup, "helper", lambda: None)
    monkeypatch.setattr(startup, "forget_stale_code", lambda: order.append("old code goes"))
    kernels = Kernels()
    await kernels.market_ready()
    assert not kernels.ready
    kernels.start()
    await kernels.market_ready()
    assert order == ["old code goes", "market"]
    await kernels.compile()
    assert kernels.ready
    assert order == ["old code goes", "market", "statistics", "backtest", "uploads"]
    await kernels.stop()


def test_what_a_jump_of_a_price_needs_is_compiled_at_the_start():
    """Else the first bad print holds the loop for seconds on a new machine."""
    startup.compile_market()
    assert outliers._medians_before.signatures


def test_few_ticks_and_many_are_folded_by_what_is_compiled_at_the_start(monkeypatch):
    used = []
    for name in ("fold", "fold_few"):
        monkeypatch.setattr(
            barfold,
            name,
            lambda *args, name=name, fold=getattr(barfold, name): used.append(name) or fold(*args),
        )
    startup.compile_market()
    assert set(used) == {"fold", "fold_few"}


def test_a_file_of_ticks_compiles_nothing_any_more():
    """Whatever its lines are like: texts, words and times of other forms among them."""
    startup.compile_uploads()
    compiled = (line_values._read, line_values._gather)
    before = [list(one.signatures) for one in compiled]
    assert all(len(one) == 1 for one in before)
    for more in ('"m":true,"note":"x","i":7,', '"stream":"y@trade",', '"status":"filled",'):
        for time in ('"2024-08-08T23:54:16.322Z"', '"2024-08-08 23:54:16"', "1723161256322"):
            line = f'{{{more}"symbol":"Y","ts":{time},"price":6.3,"size":0.30000000000000004}}\n'
            reader = UploadReader("ticks")
            reader.feed(line.encode() * 2_000)
            reader.finish()
            assert reader.report.accepted == 2_000
    assert [list(one.signatures) for one in compiled] == before


async def test_worker_threads_begin_together_and_no_more_do():
    startup.begin_workers()
    pool = asyncio.get_running_loop()._default_executor
    begun = {thread.name for thread in pool._threads}
    assert len(begun) == startup.WORKERS
    used = [asyncio.to_thread(lambda: threading.current_thread().name) for _ in range(100)]
    assert set(await asyncio.gather(*used)) <= begun
    assert len(pool._threads) == startup.WORKERS


def test_fewer_worker_threads_than_wanted_are_no_fault(monkeypatch):
    """A container may have no more: those that began wait for nobody."""
    begin, begun = threading.Thread.start, []

    def start(thread: threading.Thread) -> None:
        if len(begun) == 2:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        begin(thread)

    async def works() -> int:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            startup.begin_workers()
        return await asyncio.to_thread(int, "7")

    assert asyncio.run(works()) == 7
    assert len(begun) >= 2
