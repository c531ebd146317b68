"""The pages: each a `layout(theme)` and a `register(app, runtime)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dash import Dash

from dashapp import ids
from dashapp.services.runtime import Runtime
from dashapp.ui.pages import compare, correlation, home
from dashapp.ui.pages.alerts import page as alerts
from dashapp.ui.pages.analytics import page as analytics
from dashapp.ui.pages.backtest import page as backtest
from dashapp.ui.pages.backtest.form import held_by
from dashapp.ui.pages.data import page as data
from dashapp.ui.pages.pairs import page as pairs
from dashapp.ui.pages.pairs.form import held_by as scan_held_by


@dataclass(frozen=True)
class Page:
    """A page as the frame knows it.

    held: what the form of a page that opens holds, by what the tab keeps in the store of this id
    and by the link; its layout takes it beside the theme. None for a page without such a form.
    """

    name: str
    title: str
    path: str
    layout: Callable[..., Any]
    register: Callable[[Dash, Runtime], None]
    held: Callable[[Any, str | None], Any] | None = None
    store: str = ""


PAGES: tuple[Page, ...] = (
    Page("home", "Home", "/", home.layout, home.register),
    Page("pairs", "Pairs", "/pairs", pairs.layout, pairs.register, scan_held_by, ids.SCAN_RULES),
    Page(
        "analytics",
        "Analytics",
        "/analytics",
        analytics.layout,
        analytics.register,
        analytics.held_by,
        ids.CAPITAL_KEPT,
    ),
    Page(
        "correlation",
        "Correlation",
        "/correlation",
        correlation.layout,
        correlation.register,
        correlation.held_by,
        ids.HEATMAP_OF,
    ),
    Page(
        "backtest",
        "Backtest",
        "/backtest",
        backtest.layout,
        backtest.register,
        held_by,
        ids.STRATEGY,
    ),
    Page("alerts", "Alerts", "/alerts", alerts.layout, alerts.register),
    Page("data", "Data", "/data", data.layout, data.register),
)

#: What stands at /analytics where a link names pairs to compare; it has no tab of its own.
COMPARE = Page(
    "compare", "Compare", compare.PAGE.path, compare.layout, compare.register, lambda _, link: link
)
