"""The z chart: what was known at each bar's close is solid, what today's fit says is faint."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from analytics.alerts import AlertEvent
from analytics.model import PairSnapshot
from dashapp.figures.alerts import alert_zscore_figure
from dashapp.figures.base import structure_and_arrays
from dashapp.figures.pair import spread_figure, zscore_figure
from dashapp.theme import TOKENS, rgba


def values_of(spec: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(spec["bdata"]), spec["dtype"])


def lines_of(chart: dict) -> list[dict]:
    return [trace for trace in chart["data"] if trace.get("mode") == "lines"]


def notes_of(chart: dict) -> list[str]:
    return [annotation["text"] for annotation in chart["layout"]["annotations"]]


@pytest.fixture
def todays_fit(pair_snapshot) -> np.ndarray:
    """What a later fit makes of the past: farther out than what was known, at the end equal."""
    drift = np.linspace(1.5, 0.0, len(pair_snapshot))
    return pair_snapshot.z + drift


def alert(snapshot: PairSnapshot, row: int) -> AlertEvent:
    legs = (snapshot.params.y, snapshot.params.x)
    z = float(snapshot.z[row])
    return AlertEvent("a", "r", int(snapshot.ts_ms[row]), "demo", legs, "z", ">", 2.0, z, "fired")


def test_without_a_fit_of_today_there_is_one_line(pair_snapshot):
    chart = zscore_figure(pair_snapshot)
    assert [trace["name"] for trace in lines_of(chart)] == ["z"]
    assert not any("known" in text for text in notes_of(chart))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_fit_of_today_is_faint_and_behind_what_was_known(pair_snapshot, todays_fit, theme):
    chart = zscore_figure(pair_snapshot, theme=theme, todays_fit=todays_fit)
    faint, solid = lines_of(chart)
    assert (faint["name"], solid["name"]) == ("z of today's fit", "z")
    np.testing.assert_array_equal(values_of(solid["y"]), pair_snapshot.z)
    np.testing.assert_array_equal(values_of(faint["y"]), todays_fit)
    colour = TOKENS[theme]["z"]
    assert (solid["line"]["color"], faint["line"]["color"]) == (colour, rgba(colour, 0.4))
    assert faint["line"]["width"] < solid["line"]["width"]
    go.Figure(chart)
    json.dumps(chart, allow_nan=False)


def test_both_lines_are_labelled_at_the_edge_and_the_note_says_which_is_which(
    pair_snapshot, todays_fit
):
    texts = notes_of(zscore_figure(pair_snapshot, todays_fit=todays_fit))
    newest = f"{pair_snapshot.z[-1]:+.2f}".replace("-", "−")
    assert f"<b>{newest}</b>" in texts
    assert f"today's fit<br>{newest}" in texts
    assert any(text.startswith("solid: as known at each close") for text in texts)


def test_the_axis_holds_both_lines(pair_snapshot, todays_fit):
    far = np.where(np.isfinite(todays_fit), todays_fit * 4, np.nan)
    axis = zscore_figure(pair_snapshot, todays_fit=far)["layout"]["yaxis"]["autorangeoptions"]
    assert axis["maxallowed"] >= np.nanmax(far)
    assert axis["minallowed"] <= np.nanmin(far)


def test_markers_lie_on_the_solid_line(pair_snapshot, todays_fit):
    event = alert(pair_snapshot, 300)
    for chart in (
        zscore_figure(pair_snapshot, todays_fit=todays_fit, markers=[event]),
        alert_zscore_figure(pair_snapshot, 2.0, [event], todays_fit=todays_fit),
    ):
        (marker,) = [trace for trace in chart["data"] if trace.get("mode") == "markers"]
        assert values_of(marker["y"])[0] == pair_snapshot.z[300]
        assert len(lines_of(chart)) == 2


def test_rehearsed_markers_lie_on_the_solid_line_too(pair_snapshot, todays_fit):
    event = alert(pair_snapshot, 300)
    chart = alert_zscore_figure(pair_snapshot, 2.0, [], rehearsed=[event], todays_fit=todays_fit)
    (marker,) = [trace for trace in chart["data"] if trace.get("mode") == "markers"]
    assert marker["name"] == "would have fired"
    assert values_of(marker["y"])[0] == pair_snapshot.z[300]


def test_more_bars_keep_the_structure_of_both_lines(pair_snapshot, todays_fit):
    shorter = replace(
        pair_snapshot,
        ts_ms=pair_snapshot.ts_ms[:-5],
        z=pair_snapshot.z[:-5],
        carried=pair_snapshot.carried[:-5],
    )
    before = structure_and_arrays(zscore_figure(shorter, todays_fit=todays_fit[:-5]))[0]
    after = structure_and_arrays(zscore_figure(pair_snapshot, todays_fit=todays_fit))[0]
    assert before == after


def test_the_spread_chart_says_that_it_shows_todays_fit(pair_snapshot):
    assert any(text.startswith("today's fit") for text in notes_of(spread_figure(pair_snapshot)))
