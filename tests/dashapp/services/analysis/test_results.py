"""Where results are computed: short ones on the loop, all others in a worker thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import SimpleNamespace

import pytest

from analytics.model import NotReady
from dashapp.services.analysis import results as module
from dashapp.services.analysis.results import Results


async def in_which_threads(results: Results, count: int, subject: str = "pair") -> list[bool]:
    """Whether each of so many computations of a subject ran on the loop."""
    here = threading.get_ident()
    return [
        await results.get("test", (subject,), (number,), lambda: threading.get_ident() == here)
        for number in range(count)
    ]


async def test_what_is_known_to_be_short_is_computed_on_the_loop():
    results = Results()
    assert await in_which_threads(results, 3) == [False, True, True]
    assert await in_which_threads(results, 1, "another") == [False], "nobody knows yet"
    assert results.computed["test"] == 4


async def test_what_takes_long_stays_in_a_worker_thread(monkeypatch):
    monkeypatch.setattr(module, "ON_LOOP_MS", -1.0)
    assert await in_which_threads(Results(), 3) == [False, False, False]


async def test_what_became_long_goes_back_to_a_worker_thread(monkeypatch):
    results = Results()
    await in_which_threads(results, 2)
    results._took_ms["test", "pair"] = module.ON_LOOP_MS + 1.0
    here = threading.get_ident()
    ran = await results.get("test", ("pair",), (9,), lambda: threading.get_ident() == here)
    assert ran is False


async def test_others_have_a_turn_before_a_computation_on_the_loop():
    results, turns = Results(), []
    await in_which_threads(results, 1)
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: loop.call_soon(turns.append, "another's"))
    await results.get("test", ("pair",), ("new",), lambda: turns.append("computed"))
    assert turns == ["another's", "computed"]


async def test_the_wait_of_a_computation_on_the_loop_counts_as_load(monkeypatch):
    waited = []
    results = Results()
    await in_which_threads(results, 1)
    monkeypatch.setattr(results.load, "waited", waited.append)
    clock = iter(range(100))
    monotonic = SimpleNamespace(monotonic=lambda: float(next(clock)), thread_time=lambda: 0.0)
    monkeypatch.setattr(module, "time", monotonic)
    await results.get("test", ("pair",), ("new",), lambda: 1)
    assert waited == [2_000.0], "a second for its turn, one for what came of it"


async def test_an_error_of_a_computation_on_the_loop_reaches_who_asked():
    results = Results()
    await in_which_threads(results, 1)
    with pytest.raises(ZeroDivisionError):
        await results.get("test", ("pair",), ("new",), lambda: 1 // 0)


@pytest.mark.parametrize("outcome", ["too few", "failed"])
async def test_what_did_no_work_says_nothing_of_how_long_the_next_one_takes(outcome):
    def nothing():
        if outcome == "failed":
            raise ZeroDivisionError
        return NotReady("needs 60 bars, has 5", 5, 60)

    results = Results()
    await in_which_threads(results, 2)
    with contextlib.suppress(ZeroDivisionError):
        await results.get("test", ("pair",), ("few",), nothing)
    assert await in_which_threads(results, 3) == [False, True, True]
