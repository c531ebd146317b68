"""Every chart: valid plotly, plain JSON, safe text, one structure while data goes on."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from dashapp.figures import distribution, pair
from dashapp.figures.axes import TIME_TITLE
from dashapp.figures.base import taken_apart
from dashapp.theme import TOKENS
from tests.dashapp.figures.samples import events, every_figure, snapshot
from tests.dashapp.figures.written import as_sent, text_of, values_of

NAMES = list(every_figure(310, "dark"))
PLOTS = [name for name in NAMES if name != "empty"]
DARK, LIGHT = every_figure(340, "dark"), every_figure(340, "light")


def time_title(layout) -> dict:
    """The note under a time axis; {} where there is none."""
    notes = [note for note in layout["annotations"] if note.get("name") == TIME_TITLE]
    assert len(notes) <= 1
    return notes[0] if notes else {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_chart_is_valid_plotly(name, theme):
    go.Figure(as_sent((DARK if theme == "dark" else LIGHT)[name]))


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_plain_json_without_nan(name):
    assert json.loads(text_of(DARK[name]))


@pytest.mark.parametrize("name", PLOTS)
def test_every_chart_has_a_title_axis_titles_and_the_revision_it_was_given(name):
    layout = DARK[name]["layout"]
    assert layout["title"]["text"]
    assert layout["xaxis"].get("title", time_title(layout))["text"]
    assert layout["yaxis"]["title"]["text"]
    assert layout["uirevision"].startswith("u")
    assert "height" not in layout
    assert layout["autosize"]


@pytest.mark.parametrize("name", [name for name in PLOTS if time_title(DARK[name]["layout"])])
def test_no_label_of_a_time_axis_is_measured_at_each_refresh(name):
    """plotly.js measures them all for a title's distance, and for a margin of its own making."""
    layout = DARK[name]["layout"]
    assert "title" not in layout["xaxis"]
    assert layout["xaxis"]["automargin"] is False
    assert layout["xaxis"]["ticklabeloverflow"] == "allow"
    assert time_title(layout)["text"].startswith("Time (UTC)")
    lines = 2 if "\n" in str(layout["xaxis"].get("tickformatstops", "")) else 1
    assert layout["margin"]["b"] == 24 + 14 * lines, "room for the labels and the title"


def test_every_chart_over_time_has_its_title_below():
    dated = [plot for plot in PLOTS if DARK[plot]["layout"]["xaxis"].get("type") == "date"]
    assert len(dated) > 10
    assert all(time_title(DARK[plot]["layout"]) for plot in dated)


@pytest.mark.parametrize("name", [plot for plot in PLOTS if "adf" not in plot])
def test_no_chart_sets_a_range_that_would_undo_a_zoom(name):
    for axis in ("xaxis", "yaxis"):
        assert "range" not in DARK[name]["layout"][axis]


@pytest.mark.parametrize("name", NAMES)
def test_a_theme_never_uses_a_colour_of_the_other(name):
    ours = set(TOKENS["light"].values())
    for colour in set(TOKENS["dark"].values()) - ours:
        assert colour not in text_of(LIGHT[name])


@pytest.mark.parametrize("name", NAMES)
def test_arrays_patched_onto_the_last_figure_give_the_new_one(name):
    old, new = every_figure(310, "dark")[name], DARK[name]
    structure, arrays = taken_apart(new)
    if taken_apart(old)[0] != structure:
        pytest.fail(f"{name} changes its structure when bars are added")
    patched = copy.deepcopy(old)
    for path, value in arrays:
        room = patched
        for step in path[:-1]:
            room = room[step]
        room[path[-1]] = value
    assert patched == new


@pytest.mark.parametrize("name", PLOTS)
def test_the_structure_tells_themes_apart(name):
    assert taken_apart(DARK[name])[0] != taken_apart(LIGHT[name])[0]


def test_the_structure_changes_when_a_line_is_added():
    view = snapshot()
    structures = [
        taken_apart(pair.spread_figure(view, markers=markers))[0] for markers in ([], events(view))
    ]
    assert structures[0] != structures[1]


def test_building_a_chart_changes_neither_template_nor_snapshot():
    view = snapshot()
    before = (text_of(pair.zscore_figure(view)), view.z.copy())
    every_figure(300, "dark")
    assert text_of(pair.zscore_figure(view)) == before[0]
    np.testing.assert_array_equal(view.z, before[1])


def numbers_in(trace: dict, place: str) -> np.ndarray:
    """The numbers of a trace that a place of its hover's template names."""
    found = trace
    for part in place.split("."):
        found = found.get(part, ()) if isinstance(found, dict) else ()
    if isinstance(found, dict):
        return values_of(found)
    return np.array([one for one in found if isinstance(one, int | float)], float)


@pytest.mark.parametrize("name", [*PLOTS, "qq"])
def test_no_hover_writes_a_hyphen_for_a_minus(name):
    """plotly.js writes a minus where an axis formats a number, a hyphen where a template does."""
    chart = distribution.qq_figure(snapshot()) if name == "qq" else DARK[name]
    for trace in as_sent(chart)["data"]:
        for place in re.findall(r"%\{([\w.]+):[^}]*\}", trace.get("hovertemplate", "")):
            assert not (numbers_in(trace, place) < 0).any(), f"{trace.get('name')}: {place}"
