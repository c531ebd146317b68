"""The charts of Alerts: a pair's spread and z-score with the alerts at their own time."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.model import PairSnapshot
from dashapp import ids
from dashapp.figures.base import Figure
from dashapp.figures.marks import Alert
from dashapp.figures.pair import spread_figure, zscore_figure


def alert_spread_figure(
    snapshot: PairSnapshot,
    events: Sequence[Alert],
    *,
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """The spread with every alert in view."""
    return spread_figure(
        snapshot,
        theme=theme,
        uirevision=uirevision,
        markers=events,
        chart_id=ids.ALERT_SPREAD_CHART,
    )


def alert_zscore_figure(
    snapshot: PairSnapshot,
    threshold: float,
    events: Sequence[Alert],
    *,
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """The z-score with every alert in view."""
    return zscore_figure(
        snapshot,
        threshold,
        theme=theme,
        uirevision=uirevision,
        markers=events,
        chart_id=ids.ALERT_ZSCORE_CHART,
    )
