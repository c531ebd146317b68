"""The six pages: each a `layout(theme)` and a `register(app, runtime)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dash import Dash

from dashapp.pages import alerts, analytics, backtest, correlation, data, home
from dashapp.runtime import Runtime


@dataclass(frozen=True)
class Page:
    """A page as the frame knows it."""

    name: str
    title: str
    path: str
    layout: Callable[[str], Any]
    register: Callable[[Dash, Runtime], None]


PAGES: tuple[Page, ...] = (
    Page("home", "Home", "/", home.layout, home.register),
    Page("analytics", "Analytics", "/analytics", analytics.layout, analytics.register),
    Page("correlation", "Correlation", "/correlation", correlation.layout, correlation.register),
    Page("backtest", "Backtest", "/backtest", backtest.layout, backtest.register),
    Page("alerts", "Alerts", "/alerts", alerts.layout, alerts.register),
    Page("data", "Data", "/data", data.layout, data.register),
)
