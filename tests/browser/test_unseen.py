"""Charts out of sight are drawn in turns, and whole once they are scrolled to."""

from __future__ import annotations

import pytest
from looks import hide, until, until_so, wait_for_points

PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"
FAR = ("hedge-scatter", "hedge-path-chart", "adf-chart")
#: Answers that changed a chart in sight, those that drew the last chart at once, how often it had
#: its turn, and the most charts out of sight that one answer drew.
COUNT = """(far) => {
  const { spreadscopeUnseen: unseen, spreadscopeChanges: changes, dash_clientside: dash } = window;
  const { change } = unseen;
  const { apply } = changes;
  const set = dash.set_props;
  let turns = 0;
  window.counts = { answers: 0, at_once: 0, most: 0, last: 0 };
  changes.apply = (outputs) => {
    turns = 0;
    const made = apply(outputs);
    window.counts.most = Math.max(window.counts.most, turns);
    return made;
  };
  unseen.change = (id, ...more) => {
    const made = change(id, ...more);
    if (id === "spread-chart" && made) window.counts.answers += 1;
    if (id === "adf-chart" && made) window.counts.at_once += 1;
    return made;
  };
  dash.set_props = (id, props) => {
    if (far.includes(id) && props.figure) turns += 1;
    if (id === "adf-chart" && props.figure) window.counts.last += 1;
    return set(id, props);
  };
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
    page.evaluate(COUNT, FAR)
    until(page, "window.counts.last >= 1")  # a chart that was not met before is drawn at once
    page.evaluate("Object.keys(window.counts).forEach((name) => { window.counts[name] = 0; })")
    until(page, "window.counts.answers >= 20 && window.counts.last + window.counts.at_once >= 1")
    counts = page.evaluate("window.counts")
    assert counts["at_once"] == 0, counts
    assert counts["most"] == 1, counts
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


@pytest.mark.parametrize("watched", [False, True])
def test_a_page_that_nobody_sees_draws_nothing_until_somebody_does(open_tab, watched):
    """Also where another tab shows the same meanwhile, and has newer pictures of it."""
    page = open_tab(f"/analytics?{PAIR}")
    for chart in ("spread-chart", "zscore-chart", "hedge-scatter"):
        wait_for_points(page, chart, 50)
    if watched:
        wait_for_points(open_tab(f"/analytics?{PAIR}"), "spread-chart", 50)
    hide(page)
    charts = ["spread-chart", "zscore-chart", *FAR]
    page.evaluate(
        """(charts) => {
          window.drawn = 0;
          const count = () => { window.drawn += 1; };
          for (const id of charts) {
            document.querySelector(`#${id} .js-plotly-plot`).on("plotly_afterplot", count);
          }
        }""",
        charts,
    )
    page.wait_for_function(f"(ids) => ({WAITING})(ids).length === ids.length", arg=charts)

    def draws_nothing() -> bool:  # what made it larger or smaller before is drawn yet
        page.evaluate("window.drawn = 0")
        for _ in range(2):
            with page.expect_response(lambda answer: "_dash-update-component" in answer.url):
                pass
        return page.evaluate("window.drawn") == 0

    until_so(page, draws_nothing)
    no_answer = "() => { window.fetch = () => new Promise(() => {}); }"
    page.evaluate(no_answer)
    hide(page, False)
    page.wait_for_function(f"(ids) => ({WAITING})(ids).length === 0", arg=charts[:2])
    until(page, "window.drawn > 0")


@pytest.mark.parametrize("hidden", [False, True])
def test_arrays_that_are_all_new_wait_as_well_while_nobody_sees_them(open_tab, hidden):
    """As after a minute of which a throttled tab has seen nothing."""
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "spread-chart", 50)
    page.evaluate("() => { window.fetch = () => new Promise(() => {}); }")
    hide(page, hidden)
    told = page.evaluate(
        """() => {
          const [location, params] = [["data", 0, "name"], { value: "new" }];
          const operations = [{ operation: "Assign", location, params }];
          const figure = { __dash_patch_update: "__dash_patch_update", operations };
          const outputs = {
            "spread-chart": { figure },
            "cursor-analytics": { data: { picture: "x" } },
          };
          window.spreadscopeChanges.apply(outputs);
          const held = window.spreadscopeUnseen.held("spread-chart");
          return ["figure" in outputs["spread-chart"], held && held.data[0].name];
        }"""
    )
    assert told == ([False, "new"] if hidden else [True, None])
