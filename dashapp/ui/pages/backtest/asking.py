"""What the buttons of the sweep and of the walk-forward ask for: jobs, and their end.

Dash drops the answer to a call when a newer call of the same callback is made before it comes, as
by a press right after another. So a press counts as heeded once an answer came that says so:
`ASKED` keeps beside a tab's jobs how often each button had been pressed. A call that finds a press
unheeded asks again what that asked; while it runs it is one job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cachetools import LRUCache
from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.parameters.grid import check_axes, check_walk
from dashapp.parameters.pair import from_dict
from dashapp.services.analysis.grid_jobs import MAX_JOBS, Ask, GridJob, GridJobs
from dashapp.services.runtime import Runtime
from dashapp.ui.clicks import clicked
from dashapp.ui.pages.backtest.sweep import (
    AGAIN,
    ASKED,
    CANCEL,
    FORM,
    METRIC,
    RUN,
    STATE,
    WALK_AGAIN,
    WALK_RUN,
    ask_of,
    job_in_view,
)

#: Which of a tab's two jobs a button asks for.
KINDS = {RUN: "sweep", AGAIN: "sweep", WALK_RUN: "walk", WALK_AGAIN: "walk"}
_BUTTONS, _NAMES = (*KINDS, CANCEL), ("sweep", "walk")


def unheeded(clicks: Mapping[str, int | None], asked: Mapping[str, Any] | None) -> dict[str, int]:
    """The buttons with a press that no answer has heeded yet, and how often each was pressed.

    >>> unheeded({"sweep-run": 2, "walk-run": 1, "sweep-cancel": None}, {"walk-run": 1})
    {'sweep-run': 2}
    """
    heeded = asked or {}
    return {name: count for name, count in clicks.items() if count and count != heeded.get(name)}


class Asking:
    """Starts the jobs that tabs ask for, and cancels them."""

    def __init__(self, runtime: Runtime, jobs: GridJobs) -> None:
        self._runtime, self._jobs = runtime, jobs
        self._started: LRUCache[Ask, int] = LRUCache(MAX_JOBS)

    def answer(
        self,
        pressed: Mapping[str, int],
        now: Collection[str],
        ask: Ask | None,
        form: Mapping[str, Any],
        held: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What a tab is told whose presses these are: its jobs, and what is wrong with its form.

        now: the buttons that this very call tells of; other presses came before. ask: what the
        tab would ask over the usual axes, None without a pair. form: the texts of its fields, and
        by which metric a walk-forward chooses. held: its stores, by "asked" and "state".
        """
        asked = {**(held["asked"] or {}), **pressed}
        if CANCEL in pressed:
            self._cancel(job_in_view(self._jobs, held["state"], name) for name in _NAMES)
            self._cancel(self._jobs.get(asked.get(name)) for name in _NAMES)
        runs = {KINDS[name]: name in now for name in pressed if name in KINDS}
        if not runs:
            return {"asked": asked, "messages": dict.fromkeys(FORM, no_update)}
        started, errors = self._start(runs, ask, form)
        if CANCEL in now:
            self._cancel(job for kind, job in started.items() if not runs[kind])
        asked |= {kind: job.number for kind, job in started.items()}
        return {"asked": asked, "messages": {name: errors.get(name, "") for name in FORM}}

    def _start(
        self, kinds: Iterable[str], ask: Ask | None, form: Mapping[str, Any]
    ) -> tuple[dict[str, GridJob], dict[str, str]]:
        """The jobs of these kinds, and what is wrong with the form, by field."""
        started: dict[str, GridJob] = {}
        axes, errors = check_axes(form)
        for kind in kinds:
            stretches, wrong = check_walk(form, form["metric"]) if kind == "walk" else (None, {})
            errors |= wrong
            if wrong or axes is None or ask is None:
                continue
            job = self._job(Ask(ask.market, ask.pair, ask.settings, *axes, stretches))
            if job is not None:
                started[kind] = job
        return started, errors

    def _job(self, asked: Ask) -> GridJob | None:
        """The job of a question: the one that runs already, or a new one.

        None where its market is gone, or has another symbol by now.
        """
        running = self._jobs.get(self._started.get(asked))
        if running is not None and running.running:
            return running
        try:
            legs = self._runtime.analysis.legs(asked.market[0], asked.pair)
        except KeyError:
            return None
        job = self._jobs.add(GridJob(asked, self._runtime.settings.scan_on))
        self._started[asked] = job.number
        job.start(*legs)
        return job

    def _cancel(self, jobs: Iterable[GridJob | None]) -> None:
        """Cancel jobs; who asks the same from now on asks anew."""
        for job in jobs:
            if job is not None:
                job.cancel()
                self._started.pop(job.ask, None)


def register(app: Dash, runtime: Runtime, jobs: GridJobs) -> None:
    """The callback of the buttons of both cards."""
    messages = {name: Output(f"{control}-message", "children") for name, control in FORM.items()}
    asking = Asking(runtime, jobs)

    @app.callback(
        output={"asked": Output(ASKED, "data"), "messages": messages},
        inputs={
            "clicks": {name: Input(name, "n_clicks") for name in _BUTTONS},
            "view": Input(ids.VIEW, "data"),
            "strategy": Input(ids.STRATEGY, "data"),
        },
        state={
            "raw": {name: State(control, "value") for name, control in FORM.items()},
            "metric": State(METRIC, "value"),
            "held": {"asked": State(ASKED, "data"), "state": State(STATE, "data")},
        },
        prevent_initial_call=True,
    )
    async def steer(
        clicks: dict[str, int | None],
        view: dict[str, Any] | None,
        strategy: dict[str, Any] | None,
        raw: dict[str, Any],
        metric: str | None,
        held: dict[str, Any],
    ) -> dict[str, Any]:
        pressed = unheeded(clicks, held["asked"])
        if not pressed:
            raise PreventUpdate
        now = [name for name in _BUTTONS if clicked(name)]
        ask = ask_of(runtime, from_dict(view or {}), strategy)
        return asking.answer(pressed, now, ask, {**raw, "metric": metric}, held)
