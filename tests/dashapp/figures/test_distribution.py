"""The folded charts of Analytics: of the rows in which both legs traded, in both themes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashapp.figures import distribution
from dashapp.figures.axes import TIME_TITLE
from tests.dashapp.figures.samples import snapshot
from tests.dashapp.figures.written import values_of

ALL = (
    distribution.histogram_figure,
    distribution.acf_figure,
    distribution.qq_figure,
    distribution.stability_figure,
)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("made", ALL)
def test_each_has_a_title_and_axes_with_units(made, theme):
    layout = made(replace(snapshot(), path_rows=60), theme=theme)["layout"]
    assert layout["title"]["text"]
    assert layout["yaxis"]["title"]["text"]
    assert layout["xaxis"].get("title") or layout["annotations"][-1]["name"] == TIME_TITLE


def test_the_histogram_counts_every_traded_row_once():
    view = snapshot()
    carried = np.zeros(len(view), np.bool_)
    carried[::7] = True
    view = replace(view, carried=carried)
    bars = distribution.histogram_figure(view)["data"][0]
    assert values_of(bars["y"]).sum() == np.count_nonzero(~carried)


@pytest.mark.parametrize("made", [distribution.histogram_figure, distribution.qq_figure])
def test_a_spread_that_does_not_vary_is_told(made):
    flat = replace(snapshot(), spread=np.full(len(snapshot()), 3.0))
    assert "does not vary" in str(made(flat)["layout"]["annotations"])


def test_too_few_bars_for_the_window_name_the_control():
    chart = distribution.stability_figure(replace(snapshot(120), path_rows=200))
    assert "lower Hedge window" in str(chart["layout"]["annotations"]).replace("<br>", " ")
