"""What the buttons of the sweep and of the walk-forward ask for: a job, or its end.

Each of the two has a callback and a store of its own: Dash drops the answer to a call when the same
callback is called again before it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.parameters.grid import check_axes, check_walk, notices
from dashapp.parameters.pair import from_dict
from dashapp.parameters.table import SWEEP
from dashapp.services.analysis.grid_jobs import Ask, GridJob, GridJobs
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
    WALK_CANCEL,
    WALK_RUN,
    ask_of,
    job_in_view,
)

_BUTTONS = {"sweep": (RUN, AGAIN), "walk": (WALK_RUN, WALK_AGAIN)}
_CANCEL = {"sweep": CANCEL, "walk": WALK_CANCEL}
#: Whose messages the callback of each writes: a walk-forward takes the sweep's axes.
_FIELDS = {"sweep": tuple(SWEEP), "walk": tuple(FORM)}


def started(
    runtime: Runtime, jobs: GridJobs, ask: Ask | None, raw: Mapping[str, Any], metric: str | None
) -> tuple[GridJob | None, dict[str, str]]:
    """The job of a form that was sent, and what is to be said of its fields, by name.

    ask: what the tab would ask over the usual axes, None without a pair. raw: the texts of the
    form. metric: by which a walk-forward chooses, None for a sweep.
    """
    used = () if ask is None else (ask.pair.z_window, ask.settings.entry_z)
    axes, errors = check_axes(raw, *used)
    stretches = None
    if metric is not None:
        stretches, wrong = check_walk(raw, metric)
        errors |= wrong
    if errors or axes is None or ask is None:
        return None, errors
    try:
        legs = runtime.analysis.legs(ask.market[0], ask.pair)
    except KeyError:  # the market is gone, or has another symbol by now
        return None, errors
    asked = Ask(ask.market, ask.pair, ask.settings, *axes, stretches)
    job = jobs.add(GridJob(asked, runtime.settings.scan_on))
    job.start(*legs)
    return job, notices(axes, ask.pair.z_window)


def register(app: Dash, runtime: Runtime, jobs: GridJobs) -> None:
    """The callbacks of the buttons of both cards."""
    for kind in _BUTTONS:
        _register(app, runtime, jobs, kind)


def _message(name: str, kind: str) -> Output:
    shared = kind == "walk" and name in SWEEP
    return Output(f"{FORM[name]}-message", "children", allow_duplicate=shared)


def _register(app: Dash, runtime: Runtime, jobs: GridJobs, kind: str) -> None:
    buttons, cancel, fields = _BUTTONS[kind], _CANCEL[kind], _FIELDS[kind]

    @app.callback(
        output={
            "asked": Output(ASKED[kind], "data"),
            "messages": {name: _message(name, kind) for name in fields},
        },
        inputs={
            "clicks": [Input(button, "n_clicks") for button in (*buttons, cancel)],
            "view": Input(ids.VIEW, "data"),
            "strategy": Input(ids.STRATEGY, "data"),
        },
        state={
            "raw": {name: State(FORM[name], "value") for name in fields},
            "metric": State(METRIC, "value"),
            "shown": State(STATE, "data"),
        },
        prevent_initial_call=True,
    )
    async def steer(
        clicks: list[int | None],
        view: dict[str, Any] | None,
        strategy: dict[str, Any] | None,
        raw: dict[str, Any],
        metric: str | None,
        shown: dict[str, Any] | None,
    ) -> dict[str, Any]:
        if clicked(cancel):
            job = job_in_view(jobs, shown, kind)
            if job is not None:
                job.cancel()
        if not any(map(clicked, buttons)):
            raise PreventUpdate
        ask = ask_of(runtime, from_dict(view or {}), strategy)
        job, told = started(runtime, jobs, ask, raw, metric if kind == "walk" else None)
        asked = no_update if job is None else job.number
        return {"asked": asked, "messages": {name: told.get(name, "") for name in fields}}
