"""What a sweep and a walk-forward say on the Backtest page, and the callbacks that draw them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate

from analytics.sweep import METRICS, SweepResult
from analytics.walkforward import Curve, Fold, WalkForward
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.figures.sweep import METRIC_WORDS, sweep_figure, walk_figure
from dashapp.parameters.grid import PARTS, usual_axis
from dashapp.parameters.table import BACKTEST, PAIR, SWEEP, SWEPT
from dashapp.services.analysis.grid_jobs import Ask, GridJob, GridJobs
from dashapp.services.runtime import Runtime
from dashapp.text.backtest import (
    deflated_segments,
    luck_segments,
    ruin_segments,
    sharpe_text,
    stale_words,
)
from dashapp.text.numbers import pct, utc_time
from dashapp.ui.components import known, segments
from dashapp.ui.pages.backtest import asking
from dashapp.ui.pages.backtest.form import controls
from dashapp.ui.pages.backtest.sweep import (
    AGAIN,
    CANCEL,
    FORM,
    METRIC,
    PICK,
    PRESS,
    PROGRESS,
    SAYS,
    STATE,
    WALK_AGAIN,
    WALK_CANCEL,
    WALK_SAYS,
    job_in_view,
)

#: Opacity of a result that is stale.
DIMMED = 0.45
#: What is said of a job beside its pair and its bars.
_SHOWN = (
    *(BACKTEST[name] for name in ("hedge_mode", "hedge_window")),
    PAIR["z_window"],
    *(BACKTEST[name] for name in ("entry_z", "exit_z", "stop_z", "cost_bps", "slippage_bps")),
)
#: What is said of it where it is not as usual.
_UNUSUAL = (
    *(BACKTEST[name] for name in ("max_bars", "sides")),
    *(PAIR[name] for name in ("price_space", "intercept", "hedge", "min_trades", "min_volume")),
)


def _computed_for(job: GridJob) -> str:
    """The market, pair, bars and fixed settings of a job, in words."""
    ask, result = job.ask, job.result
    fixed = ask.fixed()
    shown = [f"{ask.pair.y} / {ask.pair.x} {ask.pair.timeframe}"]
    if isinstance(result, SweepResult):
        first, last = utc_time(result.first_ms), utc_time(result.last_ms)
        last = last.removeprefix(first[:11])
        shown.append(f"{result.bars:,} bars, {first} to {last} UTC")
    for row in (*_SHOWN, *_UNUSUAL):
        usual = row in _UNUSUAL and fixed.get(row.label) == row.default
        if row.label in fixed and not usual:
            shown.append(f"{row.label[0].lower()}{row.label[1:]} {row.text(fixed[row.label])}")
    return " · ".join(shown)


def _says(job: GridJob, state: Mapping[str, Any]) -> list[Any]:
    parts = [(job.words, "down" if job.error else ""), *_luck(job), (_computed_for(job), "muted")]
    if state["changed"]:
        parts.insert(1, (stale_words(state["changed"]), "warn"))
    if job.ask.settings.hedge_mode == "in-sample":
        parts.append(("in-sample: the hedge knew the future", "warn"))
    return segments(parts)


def _luck(job: GridJob) -> list[tuple[str, str]]:
    """How much of a sweep's best may be luck; of a walk-forward, how far choosing overfits."""
    result, pbo = job.result, job.overfitting
    overfits = None if pbo is None else pbo.pbo
    if not isinstance(result, SweepResult):
        return luck_segments(math.nan, 0, overfits)
    return luck_segments(result.deflated_sharpe, result.done, overfits, result.record)


def _sweep_part(job: GridJob | None, state: Mapping[str, Any], metric: str) -> dict[str, Any]:
    theme, chart_id = state["theme"], ids.SWEEP_HEATMAP
    if job is None:
        words = "this sweep is forgotten, press Run sweep" if state.get("gone") else ""
        blank = empty_figure(words or "begins with the first back-test", theme, chart_id)
        return {"figure": blank, "says": "", "progress": "0", **_look(None)}
    figure: Any = no_update
    if isinstance(job.result, SweepResult):
        mark = f"{job.number}|{metric}"
        figure = sweep_figure(
            job.result,
            metric,
            used=state["used"],
            stale=bool(state["sweep"]["changed"]),
            theme=theme,
            uirevision=mark,
        )
    elif not job.running:
        figure = empty_figure(job.words, theme, chart_id)
    return {
        "figure": figure,
        "says": _says(job, state["sweep"]),
        "progress": str(job.share),
        **_look(state["sweep"]),
    }


def _look(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """A result that is stale is dimmed, and beside it is a button that renews it."""
    stale = bool(state and state["changed"] and not state["running"])
    return {
        "look": {"opacity": DIMMED} if stale else {},
        "again": "" if stale else "collapsed",
    }


def fold_row(place: int, fold: Fold, ask: Ask) -> dict[str, Any]:
    """A row of the table of choices."""
    choice = "nothing: no cell traded"
    if fold.x_value is not None and fold.y_value is not None:
        x, y = (SWEPT[axis.name].title.removesuffix(" |z|") for axis in (ask.x, ask.y))
        choice = f"{x} {fold.x_value:g}, {y} {fold.y_value:g}"
    return {
        "id": str(place),
        "from_ms": fold.test_from_ms,
        "chosen": choice,
        "trained": known(fold.trained),
        "trained_error": known(fold.trained_error),
        "then": known(fold.tested),
        "then_error": known(fold.tested_error),
        "net": 100.0 * fold.net,
    }


def _walk_says(job: GridJob, state: Mapping[str, Any]) -> list[Any]:
    if not isinstance(job.result, WalkForward):
        return _says(job, state)
    result = job.result
    out, hindsight = result.out_of_sample, result.in_sample
    ratios = [sharpe_text(curve.sharpe, curve.record) for curve in (out, hindsight)]
    sharpe = f"Sharpe {ratios[0]} against {ratios[1]}"
    result_line = segments(
        [
            *ruin_segments(out.equity, result.ts_ms),
            (f"out of sample {pct(out.net_return)}", "up" if out.net_return > 0 else "down"),
            (f"with hindsight {pct(hindsight.net_return)}", "muted"),
            (sharpe, "muted"),
            *deflated_segments(out.deflated_sharpe, hindsight.deflated_sharpe, result.trials),
            (f"both chosen by {METRIC_WORDS[result.metric][0]}", "muted"),
            *_too_short(out),
        ]
    )
    return [*result_line, html.Br(), *_says(job, state)]


def _too_short(curve: Curve) -> list[tuple[str, str]]:
    short = curve.record is not None and curve.record.too_short
    return [("too short to judge", "warn")] if short else []


def _walk_part(job: GridJob | None, state: Mapping[str, Any]) -> dict[str, Any]:
    theme, chart_id = state["theme"], ids.WALK_CHART
    if job is None:
        blank = empty_figure(PRESS, theme, chart_id)
        return {"figure": blank, "says": "", "rows": [], **_look(None)}
    if isinstance(job.result, WalkForward):
        figure = walk_figure(job.result, theme=theme, uirevision=str(job.number))
        folds = enumerate(job.result.folds, 1)
        rows = [fold_row(place, fold, job.ask) for place, fold in folds]
        says = _walk_says(job, state["walk"])
        return {"figure": figure, "says": says, "rows": rows[::-1], **_look(state["walk"])}
    words = "walking forward" if job.running else job.words
    figure = empty_figure(words, theme, chart_id)
    says = _says(job, state["walk"])
    return {"figure": figure, "says": says, "rows": [], **_look(state["walk"])}


def register(app: Dash, runtime: Runtime, jobs: GridJobs) -> None:
    """The callbacks of both cards."""
    _register_drawing(app, jobs)
    asking.register(app, runtime, jobs)
    _register_axes(app)
    _register_pick(app, jobs)


def _register_drawing(app: Dash, jobs: GridJobs) -> None:
    @app.callback(
        output={
            "sweep": {
                "figure": Output(ids.SWEEP_HEATMAP, "figure"),
                "says": Output(SAYS, "children"),
                "progress": Output(PROGRESS, "value"),
                "idle": Output(CANCEL, "disabled"),
                "look": Output(ids.SWEEP_HEATMAP, "style"),
                "again": Output(AGAIN, "class_name"),
            },
            "walk": {
                "figure": Output(ids.WALK_CHART, "figure"),
                "says": Output(WALK_SAYS, "children"),
                "rows": Output(ids.FOLDS_TABLE, "rowData"),
                "look": Output(ids.WALK_CHART, "style"),
                "again": Output(WALK_AGAIN, "class_name"),
                "idle": Output(WALK_CANCEL, "disabled"),
            },
        },
        inputs={"state": Input(STATE, "data"), "metric": Input(METRIC, "value")},
        prevent_initial_call=True,
    )
    async def draw(state: dict[str, Any] | None, metric: str | None) -> dict[str, Any]:
        if not state:
            raise PreventUpdate
        sweep, walk = (job_in_view(jobs, state, name) for name in ("sweep", "walk"))
        part = _sweep_part(sweep, state, metric if metric in METRICS else METRICS[0])
        return {
            "sweep": {**part, "idle": _idle(sweep)},
            "walk": {**_walk_part(walk, state), "idle": _idle(walk)},
        }


def _idle(job: GridJob | None) -> bool:
    """Whether there is nothing to cancel."""
    return job is None or not job.running


def _register_axes(app: Dash) -> None:
    for axis in ("x", "y"):

        @app.callback(
            output={part: Output(FORM[f"{axis}_{part}"], "value") for part in PARTS},
            inputs={"name": Input(FORM[axis], "value")},
            prevent_initial_call=True,
        )
        async def span(name: str) -> dict[str, Any]:
            usual = usual_axis(name)
            return {part: SWEEP[f"x_{part}"].text(getattr(usual, part)) for part in PARTS}


def _register_pick(app: Dash, jobs: GridJobs) -> None:
    @app.callback(
        output={
            "rules": controls(Output),
            "z_window": Output(ids.Z_WINDOW, "value", allow_duplicate=True),
        },
        inputs={"pick": Input(PICK, "data")},
        state={"state": State(STATE, "data")},
        prevent_initial_call=True,
    )
    async def apply(pick: dict[str, Any] | None, state: dict[str, Any] | None) -> dict[str, Any]:
        job = job_in_view(jobs, state, "sweep")
        if not pick or job is None or not isinstance(job.result, SweepResult):
            raise PreventUpdate
        grid = job.result.grid
        row, column = int(pick["row"]), int(pick["column"])
        if not (0 <= row < len(grid.y_values) and 0 <= column < len(grid.x_values)):
            raise PreventUpdate
        cell = {grid.x_name: grid.x_values[column], grid.y_name: grid.y_values[row]}
        texts: dict[str, Any] = {name: SWEPT[name].text(value) for name, value in cell.items()}
        window = texts.pop("z_window", no_update)
        rules = {name: texts.get(name, no_update) for name in BACKTEST}
        return {"rules": rules, "z_window": window}
