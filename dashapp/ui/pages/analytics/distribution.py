"""The folded part of the Analytics page: the spread's distribution, the hedge's stability."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from analytics.model import PairSnapshot
from dashapp import ids
from dashapp.figures.distribution import (
    acf_figure,
    histogram_figure,
    qq_figure,
    stability_figure,
)
from dashapp.ui import polling
from dashapp.ui.clientside import clientside
from dashapp.ui.components import chart
from dashapp.ui.polling import Tab

SHOW, BOX = "show-distribution", "distribution-box"
_FIGURES = {
    ids.HISTOGRAM_CHART: histogram_figure,
    ids.ACF_CHART: acf_figure,
    ids.QQ_CHART: qq_figure,
    ids.STABILITY_CHART: stability_figure,
}
CHARTS = tuple(_FIGURES)


def cards(theme: str) -> list[Component]:
    """A switch, and what it unfolds."""
    blank = polling.empty_figures(CHARTS, theme)
    switch = dbc.Switch(id=SHOW, value=False, label="Distribution of the spread, stability of β")
    charts = [chart(chart_id, blank[chart_id]) for chart_id in CHARTS]
    return [
        html.Section(switch, className="card-box wide"),
        html.Div(charts, id=BOX, className="wide grid collapsed"),
    ]


def drawn(snapshot: PairSnapshot, tab: Tab) -> dict[str, Any]:
    """The charts, where they are unfolded: what is folded costs nothing."""
    if not tab.options.get("distribution"):
        return {}
    return {chart_id: made(snapshot, **tab.look) for chart_id, made in _FIGURES.items()}


def register(app: Dash) -> None:
    """Fold and unfold in the browser."""
    clientside(app, "unfold", Output(BOX, "className"), Input(SHOW, "value"))
