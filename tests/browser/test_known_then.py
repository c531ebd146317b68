"""What was known then, in a real browser: markers on the solid line, trades by beta's sign."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest
from looks import until, wait_for_points

START_MS = 1_723_161_240_000
SECONDS = 600
#: The lines and the markers of a chart: name, width of the line, times and values.
TRACES = """
(id) => document.querySelector(`#${id} .js-plotly-plot`)._fullData
  .filter((trace) => trace.type === "scatter" && trace.fill !== "toself")
  .map((trace) => {
    const y = Array.from(trace.y);
    const x = trace.x ? Array.from(trace.x, (at) => Number(new Date(at)))
      : y.map((_, place) => Number(new Date(trace.x0)) + place * trace.dx);
    return {name: trace.name, mode: trace.mode, width: trace.line?.width, x, y};
  })
"""
MARKED = """
(id) => document.querySelector(`#${id} .js-plotly-plot`)?._fullData?.some(
  (trace) => trace.mode === "markers" && trace.name === "would have fired")
"""


@pytest.fixture(scope="module")
def against(app) -> str:
    """A market whose legs move against each other, AAA = 300 - 2 BBB: its query."""
    noise = np.random.default_rng(1)
    x = 100.0 + np.cumsum(noise.normal(0, 0.05, SECONDS))
    away = np.zeros(SECONDS)
    for place in range(1, SECONDS):
        away[place] = 0.9 * away[place - 1] + noise.normal(0, 0.1)
    y = 300.0 - 2.0 * x + away
    y[-1] += 1.2
    lines = [
        json.dumps({"symbol": leg, "ts": START_MS + 1_000 * place, "price": price, "size": 1.0})
        for place in range(SECONDS)
        for leg, price in (("AAA", round(y[place], 4)), ("BBB", round(x[place], 4)))
    ]
    answer = httpx.post(f"{app.url}/api/upload?name=against.ndjson", content="\n".join(lines))
    return f"market={answer.json()['market']}&y=AAA&x=BBB"


def test_the_markers_of_a_rehearsal_lie_on_the_solid_line(open_tab, against):
    page = open_tab(f"/alerts?{against}")
    wait_for_points(page, "alert-zscore-chart", 400)
    page.wait_for_function(MARKED, arg="alert-zscore-chart")
    traces = page.evaluate(TRACES, "alert-zscore-chart")
    lines = [trace for trace in traces if trace["mode"] == "lines"]
    assert [trace["name"] for trace in lines] == ["z of today's fit", "z"]
    faint, solid = lines
    assert faint["width"] < solid["width"]
    (markers,) = [trace for trace in traces if trace["mode"] == "markers"]
    known = dict(zip(solid["x"], solid["y"], strict=True))
    fitted = dict(zip(faint["x"], faint["y"], strict=True))
    assert len(markers["x"]) > 3
    on_the_line = [known[at] for at in markers["x"]]
    assert on_the_line == pytest.approx(markers["y"], abs=1e-9)
    assert [fitted[at] for at in markers["x"]] != pytest.approx(markers["y"], abs=1e-3)


def test_a_pair_with_a_negative_beta_is_short_both_legs_in_words(open_tab, against):
    page = open_tab(f"/analytics?{against}")
    until(page, "document.querySelector('p.answer')?.innerText.includes('short AAA / short BBB')")
    assert "β < 0: the legs move against each other" in page.inner_text("p.answer")
    assert "short Y / short X" in page.inner_text("#hedge-methods")
    page = open_tab(f"/backtest?{against}")
    page.wait_for_selector("#trades-table .ag-center-cols-container [role=row]")
    sides = page.locator("#trades-table [col-id=side].ag-cell").all_inner_texts()
    assert sides
    assert set(sides) <= {"short AAA / short BBB", "long AAA / long BBB"}
    assert "Legs on one side" in page.inner_text("#backtest-figures")


def test_the_lines_of_home_begin_at_one_bar_and_at_nothing(open_tab):
    page = open_tab("/?market=demo")
    wait_for_points(page, "price-chart", 400)
    lines = [trace for trace in page.evaluate(TRACES, "price-chart") if trace["mode"] == "lines"]
    assert len(lines) == 4
    starts = [trace["x"][0] for trace in lines]
    assert max(starts) - min(starts) < 10_000, "no more than until a symbol's next trade"
    assert all(abs(trace["y"][0]) < 0.5 for trace in lines)
