"""Charts out of sight are drawn in turns, and whole once they are scrolled to."""

from __future__ import annotations

from looks import LAST, until, wait_for_points

PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"
COUNT = """(ids) => {
  window.drawn = Object.fromEntries(ids.map((id) => [id, 0]));
  for (const id of ids) {
    document.querySelector(`#${id} .js-plotly-plot`)
      .on("plotly_afterplot", () => { window.drawn[id] += 1; });
  }
}"""


#: The time of a chart's newest point.
NEWEST = f"((id) => ({LAST})(id).split('|')[0])"


def test_a_chart_out_of_sight_waits_for_its_turn_and_is_whole_when_scrolled_to(open_tab):
    page = open_tab(f"/analytics?{PAIR}", width=380, height=800)
    for chart in ("spread-chart", "zscore-chart", "adf-chart"):
        wait_for_points(page, chart, 50)
    far = page.locator("#adf-chart").bounding_box()["y"]
    assert far > 800 + 200, "the last chart is out of sight"
    page.locator("#spread-chart").scroll_into_view_if_needed()
    page.evaluate(COUNT, ["spread-chart", "adf-chart"])
    until(page, "window.drawn['spread-chart'] >= 20 && window.drawn['adf-chart'] >= 1")
    drawn = page.evaluate("window.drawn")
    assert drawn["adf-chart"] <= drawn["spread-chart"] / 2, drawn
    page.keyboard.press(" ")
    until(page, "document.querySelector('#paused-mark').textContent.includes('frozen')")
    page.locator("#adf-chart").scroll_into_view_if_needed()
    until(page, f"{NEWEST}('adf-chart') === {NEWEST}('spread-chart')")
