"""Alerts: the rules that watch, what they caught, and where on the charts it was."""

from __future__ import annotations

from typing import Any

from dash import Dash, Output, html
from dash.development.base_component import Component

from analytics.model import NotReady
from dashapp import ids
from dashapp.figures.alerts import alert_spread_figure, alert_zscore_figure
from dashapp.services.alerts.preview import Preview
from dashapp.services.runtime import Runtime
from dashapp.text.alerts import last_words
from dashapp.text.answers import alerts_answer
from dashapp.ui import polling
from dashapp.ui.components import (
    chart,
    segments,
)
from dashapp.ui.pages.alerts import form, tables
from dashapp.ui.pages.shared import markers_of, pair_key, shorter, snapshot_of, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.ALERT_SPREAD_CHART, ids.ALERT_ZSCORE_CHART)


def layout(theme: str) -> Component:
    """The form, the annotated charts, the rules and the history."""
    blank = polling.empty_figures(CHARTS, theme)
    return html.Div(
        [
            form.layout(),
            chart(ids.ALERT_SPREAD_CHART, blank[ids.ALERT_SPREAD_CHART]),
            chart(ids.ALERT_ZSCORE_CHART, blank[ids.ALERT_ZSCORE_CHART]),
            *tables.cards(),
        ],
        className="grid",
    )


def _answer(runtime: Runtime) -> list[tuple[str, str]]:
    rules, newest = runtime.alerts.rules, runtime.alerts.history.newest_event
    enabled = [rule for rule in rules if rule.enabled]
    waiting = sum(bool(runtime.alerts.waiting(rule.id)) for rule in enabled)
    return alerts_answer(
        armed=len(enabled) - waiting,
        waiting=waiting,
        fired_today=runtime.alerts.history.fired_today,
        paused=sum(runtime.alerts.paused(rule.id) for rule in enabled),
        last=None if newest is None else last_words(newest),
    )


def key(runtime: Runtime, tab: Tab) -> Any:
    """The pair's version; rules that pause or wake count as well."""
    states = tuple(tables.state_words(runtime, rule) for rule in runtime.alerts.rules)
    return (pair_key(runtime, tab), runtime.alerts.version, states)


async def _rehearsal(runtime: Runtime, tab: Tab) -> Preview:
    """What the rule in the tab's form would have done; the form itself says what it lacks."""
    fields, _ = form.check(tab.view, tab.options, runtime.settings.reaches_local)
    return Preview() if fields is None else await runtime.alerts.previews.of(fields)


def lists(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The rules and the history, of every market, and what they say."""
    return {**tables.rows(runtime), "answer": segments(_answer(runtime))}


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """Charts with the alerts on them, the rules and the history."""
    listed = lists(runtime, tab)
    snapshot = await snapshot_of(runtime, tab)
    if isinstance(snapshot, NotReady):
        words = waiting_for(runtime, tab, snapshot, *shorter(tab))
        return {**polling.empty_page(PAGE, words, tab.theme), **listed, "preview": ""}
    rehearsal = await _rehearsal(runtime, tab)
    look = {**tab.look, "rehearsed": rehearsal.marks}
    events, threshold = markers_of(runtime, tab), tab.view.z_threshold
    return {
        **listed,
        "preview": rehearsal.words,
        ids.ALERT_SPREAD_CHART: alert_spread_figure(snapshot, events, **look),
        ids.ALERT_ZSCORE_CHART: alert_zscore_figure(snapshot, threshold, events, **look),
    }


PAGE = LivePage(
    path="/alerts",
    charts=CHARTS,
    key=key,
    render=render,
    values={
        "rules": Output(ids.RULES_TABLE, "rowData"),
        "rules_height": Output(ids.RULES_TABLE, "style"),
        "events": Output(ids.ALERTS_TABLE, "rowData"),
        "preview": Output(form.PREVIEW, "children"),
    },
    options=form.FIELDS,
    apart=lists,
)


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the form and the tables' buttons."""
    polling.register(app, runtime, PAGE)
    form.register(app, runtime)
    tables.register(app, runtime)
