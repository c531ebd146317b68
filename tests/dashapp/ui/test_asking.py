"""The buttons of the sweep and of the walk-forward: no press is lost, whatever answer is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from analytics.model import PairParams
from dashapp.parameters.backtest import USUAL, as_held
from dashapp.parameters.pair import View
from dashapp.parameters.table import SWEEP, WALK_FORWARD
from dashapp.services.analysis.grid_jobs import GridJob
from dashapp.services.runtime import Runtime
from dashapp.ui.pages.backtest.asking import Asking, unheeded
from dashapp.ui.pages.backtest.sweep import AGAIN, CANCEL, RUN, WALK_RUN, ask_of

ROWS = {**SWEEP, **WALK_FORWARD}
FORM = {name: row.control_value(row.default) for name, row in ROWS.items()}


@pytest.fixture
def gate(monkeypatch) -> Iterator[asyncio.Event]:
    """Jobs run until it is set."""
    event = asyncio.Event()

    def start(job: GridJob, *_legs) -> None:
        job._task = asyncio.create_task(event.wait())

    monkeypatch.setattr(GridJob, "start", start)
    yield event
    event.set()


class Page:
    """A tab's buttons and stores, as Dash has them."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.asking = Asking(runtime, runtime.grids)
        self.clicks: dict[str, int | None] = {}
        self.asked: dict[str, Any] | None = None
        self.state: dict[str, Any] | None = None
        self.form: dict[str, Any] = FORM
        self.z_window = 60

    def call(self, *now: str) -> dict[str, Any] | None:
        """The answer to a call for these presses; it has not come to the tab yet."""
        for name in now:
            self.clicks[name] = (self.clicks.get(name) or 0) + 1
        pressed = unheeded(self.clicks, self.asked)
        if not pressed:
            return None
        pair = PairParams("BTCUSDT", "ETHUSDT", z_window=self.z_window)
        view = View("demo", ("BTCUSDT", "ETHUSDT"), "1s", 2.0, pair)
        ask = ask_of(self.runtime, view, {"held": as_held(USUAL)})
        held = {"asked": self.asked, "state": self.state}
        return self.asking.answer(pressed, now, ask, self.form, held)

    def take(self, answer: dict[str, Any] | None) -> None:
        """An answer has come."""
        assert answer is not None
        self.asked = answer["asked"]

    def job(self, name: str) -> GridJob:
        """The job that the tab has of a kind."""
        job = self.runtime.grids.get((self.asked or {}).get(name))
        assert job is not None
        return job


@pytest.fixture
def page(runtime, gate) -> Page:
    return Page(runtime)


@pytest.mark.parametrize("then", [WALK_RUN, RUN, AGAIN, None], ids=str)
async def test_a_press_whose_answer_another_call_takes_away_is_told_with_that_call(page, then):
    lost = page.call(RUN)["asked"]
    page.take(page.call(*filter(None, [then])))
    assert page.asked["sweep"] == lost["sweep"], "one job, not one for each call"
    assert ("walk" in page.asked) == (then == WALK_RUN)
    assert page.call() is None, "all is heeded"


async def test_a_walk_forward_whose_answer_a_sweep_takes_away_is_kept(page):
    lost = page.call(WALK_RUN)["asked"]
    page.take(page.call(RUN))
    assert page.asked["walk"] == lost["walk"] != page.asked["sweep"]
    assert (page.job("walk").ask.walk is None, page.job("sweep").ask.walk) == (False, None)


async def test_a_press_is_asked_again_of_the_view_that_came_with_the_next_call(page):
    page.call(RUN)
    page.z_window = 90
    page.take(page.call())
    assert page.job("sweep").ask.pair.z_window == 90


async def test_a_press_that_an_answer_told_of_asks_nothing_again(page, gate):
    page.take(page.call(RUN))
    first = page.asked["sweep"]
    page.take(page.call(WALK_RUN))
    assert page.asked["sweep"] == first
    gate.set()
    await page.job("sweep").wait()
    page.take(page.call(RUN))
    assert page.asked["sweep"] > first, "what is done is done anew"


async def test_a_form_that_is_wrong_is_told_once_and_does_not_hold_the_other_job_back(page):
    page.form = {**FORM, "test_bars": "5"}
    page.call(WALK_RUN)
    answer = page.call(RUN)
    page.take(answer)
    assert "expected a whole number from 10" in answer["messages"]["test_bars"]
    assert set(page.asked) == {RUN, WALK_RUN, "sweep"}
    assert page.call() is None


async def test_cancel_ends_what_was_asked_before_it_and_not_what_comes_after(page):
    page.take(page.call(RUN))
    old = page.job("sweep")
    page.call(WALK_RUN)
    page.take(page.call(CANCEL))
    assert (old._stop, page.job("walk")._stop) == (True, True)
    page.call(CANCEL)
    page.take(page.call(RUN))
    assert page.job("sweep") is not old, "it is being cancelled"
    assert not page.job("sweep")._stop


async def test_cancel_ends_the_sweep_that_nobody_asked_for(page):
    page.take(page.call(RUN))
    seen, page.asked = page.job("sweep"), None
    page.clicks = {}
    page.state = {"sweep": {"number": seen.number}, "walk": None}
    page.take(page.call(CANCEL))
    assert seen._stop
    assert page.asked == {CANCEL: 1}
