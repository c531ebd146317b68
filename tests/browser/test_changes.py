"""What assets/changes.js makes of what the server sent is the picture that the server has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashapp.figures.pair import spread_figure, zscore_figure
from dashapp.ui.pictures import Pictures, figure_parts
from tests.dashapp.figures.samples import snapshot
from tests.dashapp.figures.written import as_sent, text_of, values_of

SCRIPT = Path(__file__).parents[2] / "assets" / "changes.js"
#: The patch that the script makes, and where there is a base for each of its paths.
PATCH = "([held, parts]) => window.spreadscopeChanges.patch(held, parts).operations"


def moved(pair, new_rows: int):
    """The same pair with new bars at its end, another fit, and the oldest bars gone."""
    slope = np.linspace(-0.01, 0.01, len(pair))
    pair = replace(pair, spread=pair.spread + slope, fit_z=pair.z + slope / 8)
    rows = slice(new_rows, None)
    columns = ("ts_ms", "price_y", "price_x", "carried", "spread", "mean", "std", "z", "fit_z")
    return replace(pair, **{name: getattr(pair, name)[rows] for name in columns})


def applied(figure, operations):
    for operation in operations:
        *path, last = operation["location"]
        part = figure
        for step in path:
            part = part[step]
        part[last] = operation["params"]["value"]
    return figure


@pytest.mark.parametrize("draw", [spread_figure, zscore_figure])
@pytest.mark.parametrize("new_rows", [0, 2])
def test_a_picture_told_in_parts_is_whole_again(chromium, draw, new_rows):
    whole = snapshot(600)
    whole = replace(whole, fit_z=whole.z)
    first = replace(
        whole,
        **{
            name: getattr(whole, name)[: 600 - new_rows]
            for name in (
                "ts_ms",
                "price_y",
                "price_x",
                "carried",
                "spread",
                "mean",
                "std",
                "z",
                "fit_z",
            )
        },
    )
    before, after = draw(first), draw(moved(whole, new_rows))
    pictures = Pictures()
    old, new = (
        pictures.put("view", "key", {"chart": figure}, {}).picture.charts["chart"][1]
        for figure in (before, after)
    )
    parts = figure_parts(new, old)["parts"]
    told = text_of(parts)
    assert len(told) < len(text_of(after)) / 2
    page = chromium.new_page()
    page.add_script_tag(path=SCRIPT)
    operations = page.evaluate(PATCH, [as_sent(before), json.loads(told)])
    page.close()
    made = applied(as_sent(before), operations)
    for one, other in zip(made["data"], after["data"], strict=True):
        for name in ("x", "y", "customdata"):
            if name in other:
                atol = 1e-3 if other["name"] == "band" else 0.0
                np.testing.assert_allclose(
                    values_of(one[name]), values_of(other[name]), rtol=0, atol=atol
                )
    assert made["layout"] == as_sent(after["layout"])


#: A page of one chart out of sight, whose answers are applied in turn: what it shows at the end,
#: and what the page's cursor was set to by each.
ANSWERS = """async (answers) => {
  document.body.innerHTML = "<div style='height: 5000px'></div><div id='chart'>chart</div>";
  const layout = {
    chart: { props: { figure: { data: [{ y: 0 }] } } },
    "cursor-page": { props: { data: { picture: "P1" } } },
  };
  window.dash_component_api = { getLayout: (id) => layout[id] };
  window.dash_clientside = {
    set_props: (id, props) => Object.assign(layout[id].props, props),
  };
  const first = { chart: { figure: layout.chart.props.figure },
                  "cursor-page": { data: { picture: "P1", from: null } } };
  window.spreadscopeChanges.apply(first);
  window.spreadscopeUnseen.change("chart", { data: [{ y: 0 }] }, { operations: [] });
  await new Promise((done) => new IntersectionObserver(() => requestAnimationFrame(done))
    .observe(document.getElementById("chart")));
  const cursors = [];
  for (const { from, picture, y, dropped } of answers) {
    const outputs = {
      chart: { figure: { parts: [[["data", 0, "y"], y]] } },
      "cursor-page": { data: { picture, from } },
    };
    window.spreadscopeChanges.apply(outputs);
    const data = outputs["cursor-page"].data;
    cursors.push(data && data.picture);
    if (!dropped) layout["cursor-page"].props.data = data;
  }
  const waits = window.spreadscopeUnseen.held("chart");
  return { cursors, y: (waits || layout.chart.props.figure).data[0].y };
}"""


def test_an_answer_that_dash_drops_leaves_no_chart_out_of_sight_that_another_adds_to(chromium):
    page = chromium.new_page()
    page.add_script_tag(path=SCRIPT)
    page.add_script_tag(path=SCRIPT.with_name("unseen.js"))
    taken = page.evaluate(
        ANSWERS,
        [{"from": "P1", "picture": "P2", "y": 1}, {"from": "P2", "picture": "P3", "y": 2}],
    )
    assert taken == {"cursors": ["P2", "P3"], "y": 2}
    overtaken = page.evaluate(
        ANSWERS,
        [
            {"from": "P1", "picture": "P2", "y": 1, "dropped": True},
            {"from": "P1", "picture": "P3", "y": 2},
        ],
    )
    page.close()
    assert overtaken["cursors"] == ["P2", None]  # the page asks for a whole picture


#: What an answer makes of a list that another callback has written since, as `children` tells.
WRITTEN_SINCE = """(children) => {
  const layout = {
    says: { props: { children } },
    "cursor-page": { props: { data: { picture: "P1" } } },
  };
  window.dash_component_api = { getLayout: (id) => layout[id] };
  window.spreadscopeUnseen = { forget: () => {}, turn: () => {} };
  window.spreadscopeChanges.apply({ "cursor-page": { data: { picture: "P1", from: null } } });
  const outputs = {
    says: { children: { parts: [[[1], "new"]] } },
    "cursor-page": { data: { picture: "P2", from: "P1" } },
  };
  window.spreadscopeChanges.apply(outputs);
  return outputs;
}"""


def test_a_part_of_a_list_is_not_put_into_the_text_that_took_its_place(chromium):
    page = chromium.new_page()
    page.add_script_tag(path=SCRIPT)
    there = page.evaluate(WRITTEN_SINCE, ["one", "two"])
    (operation,) = there["says"]["children"]["operations"]
    assert (operation["location"], operation["params"]) == ([1], {"value": "new"})
    for other in ("", "the universe has one symbol", None):
        outputs = page.evaluate(WRITTEN_SINCE, other)
        assert outputs == {"cursor-page": {"data": None}}  # the page asks for a whole picture
    page.close()
