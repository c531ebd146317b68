"""The sweep and the walk-forward on the Backtest page: what is asked, and what came of it.

The live callback tells in `SWEEP_STATE` which jobs the tab looks at and how far they are; only
when that changes are the heatmap and the curves drawn and sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from analytics.grid import AXES
from analytics.model import TIMEFRAMES
from analytics.sweep import METRICS
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.figures.sweep import METRIC_WORDS
from dashapp.parameters.grid import usual_axis
from dashapp.parameters.pair import View
from dashapp.parameters.table import SWEEP, WALK_FORWARD, Parameter
from dashapp.services.analysis.grid_jobs import Ask, GridJob, GridJobs
from dashapp.services.runtime import Runtime
from dashapp.text.backtest import NEWER
from dashapp.text.states import LOADING, NO_FOLDS
from dashapp.ui.components import (
    WRAPPED,
    attributes,
    button,
    card,
    chart,
    estimate_column,
    number_column,
    parameter_field,
    select,
    table,
    text_column,
    time_column,
)
from dashapp.ui.pages.backtest.form import settings_of
from dashapp.ui.polling import Tab

RUN, CANCEL, PROGRESS, SAYS = "sweep-run", "sweep-cancel", "sweep-progress", "sweep-says"
WALK_RUN, WALK_CANCEL, WALK_SAYS = "walk-run", "walk-cancel", "walk-says"
AGAIN, WALK_AGAIN = "sweep-again", "walk-again"
#: Share of its bars by which the view may move on before a result is stale.
STALE_SHARE = 0.1
METRIC = WALK_FORWARD["metric"].control
STATE, PICK = "sweep-state", "sweep-pick"
#: The stores of the numbers of the jobs that a tab asked for.
ASKED = {"sweep": "sweep-asked", "walk": "walk-asked"}
_FIRST = {axis: usual_axis(SWEEP[axis].default) for axis in ("x", "y")}
#: The stretches of a walk-forward; its metric is chosen in the sweep's head.
_STRETCHES = tuple(row for row in WALK_FORWARD.values() if row.control != METRIC)
#: The fields of both forms, and their controls.
FORM: dict[str, str] = {row.name: row.control for row in (*SWEEP.values(), *_STRETCHES)}
PRESS = "press Walk forward: the best cell of one stretch is traded on the next"


def _saying(says_id: str, again_id: str) -> Component:
    """What a result says, and the button that renews it, which shows while it is stale."""
    says = html.Span(id=says_id, className="tone-muted", role="status")
    again = dbc.Button("Run again", id=again_id, size="sm", color="primary", class_name="collapsed")
    return html.Div([says, again], className="saying")


def _fields(rows: Iterable[Parameter]) -> list[Component]:
    return [parameter_field(row, row.default) for row in rows]


def cards(theme: str) -> list[Component]:
    """The sweep with its heatmap, the walk-forward with its two curves and its choices."""
    metrics = [(name, METRIC_WORDS[name][0]) for name in METRICS]
    tools = [
        html.Label(WALK_FORWARD["metric"].label, htmlFor=METRIC, className="visually-hidden"),
        select(METRIC, metrics, METRICS[0]),
        dbc.Button("Run sweep", id=RUN, size="sm", color="primary"),
        button(CANCEL, "Cancel", disabled=True, title="End the sweep"),
    ]
    sweep = [
        html.Div(_fields(SWEEP.values()), className="row-fields axis-fields"),
        html.Progress(
            id=PROGRESS,
            value="0",
            max="100",
            className="sweep-progress",
            **attributes(aria_label="Progress of the sweep"),
        ),
        _saying(SAYS, AGAIN),
        chart(ids.SWEEP_HEATMAP, empty_figure(LOADING, theme, ids.SWEEP_HEATMAP), "bare deep"),
        *(dcc.Store(id=store_id) for store_id in (*ASKED.values(), STATE, PICK)),
    ]
    walk_tools = [
        dbc.Button("Walk forward", id=WALK_RUN, size="sm", color="primary"),
        button(WALK_CANCEL, "Cancel", disabled=True, title="End the walk-forward"),
    ]
    walk = [
        html.Div(_fields(_STRETCHES), className="row-fields"),
        _saying(WALK_SAYS, WALK_AGAIN),
        chart(ids.WALK_CHART, empty_figure(PRESS, theme, ids.WALK_CHART), "bare"),
        table(ids.FOLDS_TABLE, _fold_columns(), height="14rem", empty=NO_FOLDS),
    ]
    return [
        card("Parameter sweep", sweep, tools=tools, extra="broad"),
        card("Walk forward, with the sweep's grid", walk, tools=walk_tools, extra="broad"),
    ]


def _fold_columns() -> list[dict[str, Any]]:
    return [
        time_column("from_ms", "From (UTC)", width=128, minWidth=128),
        number_column("net", "Net %", "+.3f", width=72, minWidth=70),
        estimate_column("then", "Out-of-sample", "then_error", width=130, minWidth=128),
        estimate_column("trained", "In-sample", "trained_error", width=130, minWidth=128),
        text_column("chosen", "Chosen", minWidth=84, flex=1, tooltipField="chosen", **WRAPPED),
    ]


def ask_of(runtime: Runtime, view: View, strategy: Mapping[str, Any] | None) -> Ask | None:
    """What a tab would ask now, over the usual axes; None without a pair."""
    if view.pair is None:
        return None
    body = runtime.markets.get(view.market)
    market = (view.market, body.serial if body else 0)
    return Ask(market, view.pair, settings_of(strategy), _FIRST["x"], _FIRST["y"])


def job_in_view(jobs: GridJobs, state: Mapping[str, Any] | None, name: str) -> GridJob | None:
    """The sweep or the walk-forward that a tab looks at."""
    return jobs.get(((state or {}).get(name) or {}).get("number"))


def seen(runtime: Runtime, jobs: GridJobs, tab: Tab) -> dict[str, Any]:
    """Which jobs the tab looks at, how far they are, and what has changed since they were asked.

    A tab that has asked nothing looks at a small sweep of its settings; `begin` starts it.
    """
    ask, asked = ask_of(runtime, tab.view, tab.options["strategy"]), tab.options["sweep"]
    if ask is None:
        return {"theme": tab.theme}
    sweep = jobs.unasked(ask) if asked is None else jobs.get(asked)
    walk = jobs.get(tab.options["walk"])
    used = {**vars(ask.settings), "z_window": ask.pair.z_window}
    return {
        "theme": tab.theme,
        "used": {name: used[name] for name in AXES if used[name] is not None},
        "gone": asked is not None and sweep is None,
        "sweep": _progress(runtime, sweep, ask),
        "walk": _progress(runtime, walk, ask),
    }


def _moved_on(runtime: Runtime, job: GridJob, ask: Ask) -> bool:
    """Whether the view has moved on by STALE_SHARE of its bars since a job's data ended."""
    market = runtime.markets.get(ask.market[0])
    if market is None or job.last_ms is None or ask.pair.y not in market.symbols:
        return False
    newest = market.bars(ask.pair.y, ask.pair.timeframe, 1).ts_ms
    room = STALE_SHARE * ask.pair.limit * TIMEFRAMES[ask.pair.timeframe]
    return bool(len(newest)) and int(newest[-1]) - job.last_ms > room


def _progress(runtime: Runtime, job: GridJob | None, ask: Ask) -> dict[str, Any] | None:
    if job is None:
        return None
    changed = job.ask.changed(ask)
    if not changed and not job.running and _moved_on(runtime, job, ask):
        changed = [NEWER]
    return {
        "number": job.number,
        "version": job.version,
        "running": job.running,
        "changed": changed,
    }


def begin(runtime: Runtime, jobs: GridJobs, tab: Tab) -> None:
    """Start the sweep that a page opens with, where nobody has asked for another."""
    ask = ask_of(runtime, tab.view, tab.options["strategy"])
    if ask is None or tab.options["sweep"] is not None or not runtime.kernels.ready:
        return
    if jobs.unasked(ask) is None:
        job = jobs.add_unasked(GridJob(ask, runtime.settings.scan_on))
        job.start(*runtime.analysis.legs(tab.view.market, ask.pair))
