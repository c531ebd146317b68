"""The z charts of pairs that are compared: one below the other, on one span of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.model import PairSnapshot
from dashapp import ids
from dashapp.figures.axes import on_time, time_axis
from dashapp.figures.base import Figure, safe
from dashapp.figures.marks import Alert
from dashapp.figures.pair import zscore_figure
from dashapp.text.compare import pair_words
from dashapp.text.pair import BreakEven


@dataclass(frozen=True)
class Compared:
    """A pair as its chart shows it. uirevision: zoom and pan stay while it is the same."""

    snapshot: PairSnapshot
    even: BreakEven
    markers: tuple[Alert, ...] = ()
    uirevision: str = ""


def compare_figures(
    pairs: Mapping[str, Compared], threshold: float, theme: str = "dark"
) -> dict[str, Figure]:
    """A z chart a pair, by the ids of the charts: the same bars, and plots of the same width."""
    if not pairs:
        return {}
    charts = {
        chart_id: zscore_figure(
            pair.snapshot,
            threshold,
            theme=theme,
            uirevision=pair.uirevision,
            break_even=pair.even,
            markers=pair.markers,
            with_fit=False,
            chart_id=ids.ZSCORE_CHART,
        )
        for chart_id, pair in pairs.items()
    }
    axis = time_axis(np.array(_span(pairs)), theme)
    right = max(chart["layout"]["margin"]["r"] for chart in charts.values())
    for chart_id, chart in charts.items():
        params = pairs[chart_id].snapshot.params
        layout: dict[str, Any] = chart["layout"]
        layout["margin"] = {**layout["margin"], "r": right}
        layout["title"] = {**layout["title"], "text": safe(pair_words(params.y, params.x))}
        chart["layout"] = on_time(layout, axis)
    return charts


def _span(pairs: Mapping[str, Compared]) -> tuple[float, float]:
    """From the first bar that every pair has to the newest that one has.

    Of pairs that share no bar: from the first that one has.
    """
    times = [pair.snapshot.ts_ms for pair in pairs.values()]
    last = max(float(each[-1]) for each in times)
    shared = max(float(each[0]) for each in times)
    if shared >= min(float(each[-1]) for each in times):
        shared = min(float(each[0]) for each in times)
    return shared, last
