"""The z chart: what was known at each bar's close is solid, what today's fit says is faint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from analytics.alerts import AlertEvent
from analytics.model import PairSnapshot
from dashapp.figures.alerts import alert_zscore_figure
from dashapp.figures.base import taken_apart
from dashapp.figures.pair import spread_figure, zscore_figure
from dashapp.theme import TOKENS, rgba
from tests.dashapp.figures.written import as_sent, values_of


def lines_of(chart: dict) -> list[dict]:
    return [trace for trace in chart["data"] if trace.get("mode") == "lines"]


def notes_of(chart: dict) -> list[str]:
    return [annotation["text"] for annotation in chart["layout"]["annotations"]]


@pytest.fixture
def pair(pair_snapshot) -> PairSnapshot:
    """A pair of which a later fit puts the past farther out than was known, its end not."""
    drift = np.linspace(1.5, 0.0, len(pair_snapshot))
    return replace(pair_snapshot, fit_z=pair_snapshot.z + drift)


def alert(snapshot: PairSnapshot, row: int) -> AlertEvent:
    legs = (snapshot.params.y, snapshot.params.x)
    z = float(snapshot.z[row])
    return AlertEvent("a", "r", int(snapshot.ts_ms[row]), "demo", legs, "z", ">", 2.0, z, "fired")


@pytest.mark.parametrize("mode", ["rolling", "kalman"])
def test_where_each_bar_keeps_its_own_hedge_there_is_one_line(pair, mode):
    chart = zscore_figure(replace(pair, params=replace(pair.params, spread_mode=mode)))
    assert [trace["name"] for trace in lines_of(chart)] == ["z"]
    assert not any("known" in text for text in notes_of(chart))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_fit_of_today_is_faint_and_behind_what_was_known(pair, theme):
    chart = zscore_figure(pair, theme=theme)
    faint, solid = lines_of(chart)
    assert (faint["name"], solid["name"]) == ("z of today's fit", "z")
    np.testing.assert_allclose(values_of(solid["y"]), pair.z, rtol=0, atol=1e-9)
    np.testing.assert_allclose(values_of(faint["y"]), pair.fit_z, rtol=0, atol=1e-4)
    colour = TOKENS[theme]["z"]
    assert (solid["line"]["color"], faint["line"]["color"]) == (colour, rgba(colour, 0.4))
    assert faint["line"]["width"] < solid["line"]["width"]
    go.Figure(as_sent(chart))


def test_both_lines_are_labelled_at_the_edge_and_the_note_says_which_is_which(pair):
    texts = notes_of(zscore_figure(pair))
    newest = f"{pair.z[-1]:+.2f}".replace("-", "−")
    assert f"<b>{newest}</b>" in texts
    assert f"today's fit<br>{newest}" in texts
    assert any(text.startswith("as known then, 60 bars") for text in texts)


def test_the_axis_holds_both_lines(pair):
    far = pair.fit_z * 4
    axis = zscore_figure(replace(pair, fit_z=far))["layout"]["yaxis"]["autorangeoptions"]
    assert axis["maxallowed"] >= np.nanmax(far)
    assert axis["minallowed"] <= np.nanmin(far)


def test_markers_lie_on_the_solid_line(pair):
    event = alert(pair, 300)
    for chart in (
        zscore_figure(pair, markers=[event]),
        alert_zscore_figure(pair, 2.0, [event]),
    ):
        (marker,) = [trace for trace in chart["data"] if trace.get("mode") == "markers"]
        assert values_of(marker["y"])[0] == pair.z[300]
        assert len(lines_of(chart)) == 2


def test_rehearsed_markers_lie_on_the_solid_line_too(pair):
    event = alert(pair, 300)
    chart = alert_zscore_figure(pair, 2.0, [], rehearsed=[event])
    (marker,) = [trace for trace in chart["data"] if trace.get("mode") == "markers"]
    assert marker["name"] == "would have fired"
    assert values_of(marker["y"])[0] == pair.z[300]


def test_more_bars_keep_the_structure_of_both_lines(pair):
    shorter = replace(
        pair,
        ts_ms=pair.ts_ms[:-5],
        z=pair.z[:-5],
        fit_z=pair.fit_z[:-5],
        carried=pair.carried[:-5],
    )
    before = taken_apart(zscore_figure(shorter))[0]
    after = taken_apart(zscore_figure(pair))[0]
    assert before == after


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("view", "today's fit"),
        ("rolling", "each bar's own hedge"),
        ("kalman", "each bar's own hedge"),
    ],
)
def test_the_spread_chart_says_which_hedge_it_shows(pair, mode, words):
    chart = spread_figure(replace(pair, params=replace(pair.params, spread_mode=mode)))
    assert any(text.startswith(words) for text in notes_of(chart))
