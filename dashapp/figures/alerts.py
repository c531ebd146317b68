"""The charts of Alerts: a pair's spread and z-score with the alerts at their own time."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.model import PairSnapshot
from dashapp import ids
from dashapp.figures.base import Figure
from dashapp.figures.marks import Alert, alert_markers
from dashapp.figures.pair import spread_figure, zscore_figure


def alert_spread_figure(
    snapshot: PairSnapshot,
    events: Sequence[Alert],
    *,
    rehearsed: Sequence[Alert] = (),
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """The spread with every alert in view, and where a rule in the form would have fired."""
    made = spread_figure(
        snapshot,
        theme=theme,
        uirevision=uirevision,
        markers=events,
        chart_id=ids.ALERT_SPREAD_CHART,
    )
    at = (snapshot.ts_ms, snapshot.spread, "spread", theme)
    return {**made, "data": [*made["data"], *alert_markers(rehearsed, *at, rehearsed=True)]}


def alert_zscore_figure(
    snapshot: PairSnapshot,
    threshold: float,
    events: Sequence[Alert],
    *,
    rehearsed: Sequence[Alert] = (),
    theme: str = "dark",
    uirevision: str = "",
) -> Figure:
    """The z-score with every alert in view, and where a rule in the form would have fired."""
    made = zscore_figure(
        snapshot,
        threshold,
        theme=theme,
        uirevision=uirevision,
        markers=events,
        chart_id=ids.ALERT_ZSCORE_CHART,
    )
    at = (snapshot.ts_ms, snapshot.z, "z", theme)
    return {**made, "data": [*made["data"], *alert_markers(rehearsed, *at, rehearsed=True)]}
