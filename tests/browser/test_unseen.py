"""Charts out of sight are drawn in turns, and whole once they are scrolled to."""

from __future__ import annotations

from looks import until, wait_for_points

PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"
COUNT = """(ids) => {
  window.drawn = Object.fromEntries(ids.map((id) => [id, 0]));
  for (const id of ids) {
    document.querySelector(`#${id} .js-plotly-plot`)
      .on("plotly_afterplot", () => { window.drawn[id] += 1; });
  }
}"""


#: Those of the charts that have not shown yet what came last.
WAITING = "(ids) => ids.filter((id) => window.spreadscopeUnseen.held(id))"


def freeze(page, frozen: bool) -> None:
    """Let the charts stand still, or go on."""
    page.keyboard.press(" ")
    state = "includes('frozen')" if frozen else "length === 0"
    until(page, f"document.querySelector('#paused-mark').textContent.{state}")


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
    waits: list[str] = []
    while not waits:  # at some moments every chart shows what came last
        freeze(page, True)
        # A frozen page is told nothing new, so nobody has a turn.
        with page.expect_response(lambda answer: answer.status == 204):
            pass
        waits = page.evaluate(WAITING, ["adf-chart", "hedge-path-chart"])
        if not waits:
            freeze(page, False)
    page.locator(f"#{waits[0]}").scroll_into_view_if_needed()
    page.wait_for_function(f"(id) => ({WAITING})([id]).length === 0", arg=waits[0])
