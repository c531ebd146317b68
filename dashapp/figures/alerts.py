"""The charts of Alerts: a pair's spread and z-score with the alerts at their own time."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.model import FloatArray, PairSnapshot
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
    chart = spread_figure(
        snapshot,
        theme=theme,
        uirevision=uirevision,
        markers=events,
        chart_id=ids.ALERT_SPREAD_CHART,
    )
    return _with_rehearsed(chart, rehearsed, snapshot, snapshot.spread, "spread", theme)


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
    chart = zscore_figure(
        snapshot,
        threshold,
        theme=theme,
        uirevision=uirevision,
        markers=events,
        chart_id=ids.ALERT_ZSCORE_CHART,
    )
    return _with_rehearsed(chart, rehearsed, snapshot, snapshot.z, "z", theme)


def _with_rehearsed(
    chart: Figure,
    rehearsed: Sequence[Alert],
    snapshot: PairSnapshot,
    values: FloatArray,
    metric: str,
    theme: str,
) -> Figure:
    """The chart with hollow markers on the line of these values."""
    markers = alert_markers(rehearsed, snapshot.ts_ms, values, metric, theme, rehearsed=True)
    return {**chart, "data": [*chart["data"], *markers]}
