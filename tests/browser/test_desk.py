"""What a trader's day found: states that say what is so, and nothing false beside them."""

from __future__ import annotations

from looks import points, until, wait_for_points
from playwright.sync_api import expect

expect.set_options(timeout=30_000)
PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"


def test_a_wrong_link_says_so_in_the_page_and_shows_no_other_market(open_tab):
    page = open_tab("/analytics?market=nope&y=AAA&x=BBB")
    words = "This link names a market 'nope' that does not exist."
    expect(page.locator("#answer-line")).to_contain_text(words)
    expect(page.locator("#spread-chart")).to_contain_text("This link names a market")
    assert points(page, "spread-chart") == 0
    until(page, "location.search.includes('market=nope') && location.search.includes('y=AAA')")
    expect(page.locator("#feed-status")).to_contain_text("there is no such market")
    page.select_option("#market-select", "demo")
    wait_for_points(page, "spread-chart", 100)
    page.goto(page.url.split("?")[0] + "?market=demo&y=XYZ&x=ETHUSDT")
    expect(page.locator("#answer-line")).to_contain_text("a symbol 'XYZ' that Demo does not have")
    assert points(page, "spread-chart") == 0


def test_one_bad_field_leaves_the_last_good_view(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "zscore-chart", 300)
    page.fill("#z-window", "5000")
    expect(page.locator("#z-window-message")).to_have_text(
        "5000: expected at most Bars in view (1000)"
    )
    page.fill("#bars-in-view", "6000")  # legal now, and more than there are
    expect(page.locator("#z-window-message")).to_have_text("")
    expect(page.locator("#zscore-chart")).to_contain_text("needs 5,000")
    for chart in ("spread-chart", "hedge-scatter", "hedge-path-chart", "adf-chart"):
        wait_for_points(page, chart, 100)
    expect(page.locator("#pair-figures")).to_contain_text("Engle-Granger")


RANGES = """(id) => {
  const { xaxis, yaxis } = document.querySelector(`#${id} .js-plotly-plot`)._fullLayout;
  const ms = (one) => typeof one === 'number' ? one : Date.parse(one.replace(' ', 'T') + 'Z');
  return { x: xaxis.range.map(ms), y: yaxis.range.map(Number) };
}"""
LABEL = """(id) => document.querySelector(`#${id} .js-plotly-plot`).layout.annotations
  .filter((one) => (one.name || '').includes('"edge": "')).map((one) => one.text).join('|')"""
TICKS = """(id) => {
  const boxes = [...document.querySelectorAll(`#${id} .xtick text`)]
    .map((one) => one.getBoundingClientRect()).sort((one, other) => one.left - other.left);
  return boxes.slice(1).every((one, place) => one.left > boxes[place].right);
}"""


def test_a_range_rescales_y_and_stands_in_the_link(open_tab):
    page = open_tab(f"/analytics?{PAIR}&hedge_window=300")
    wait_for_points(page, "hedge-path-chart", 300)
    whole = page.evaluate(RANGES, "spread-chart")
    page.click(".range-button[data-seconds='60']")
    until(page, "location.search.includes('last=60')")
    span = f"({RANGES})('spread-chart')"
    until(page, f"{span}.x[1] - {span}.x[0] === 60000")
    until(page, f"{span}.y[1] - {span}.y[0] < {0.9 * (whole['y'][1] - whole['y'][0])}")
    for chart in ("spread-chart", "zscore-chart", "hedge-path-chart", "adf-chart"):
        assert page.evaluate(TICKS, chart), f"labels of times collide on {chart}"
    page.reload()
    wait_for_points(page, "spread-chart", 100)
    until(page, f"{span}.x[1] - {span}.x[0] === 60000")
    assert page.get_attribute(".range-button[data-seconds='60']", "aria-pressed") == "true"


def test_edge_labels_are_those_of_the_newest_bar_in_sight(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "spread-chart", 300)
    page.evaluate(
        f"""() => {{
          const plot = document.querySelector('#zscore-chart .js-plotly-plot');
          const [from] = ({RANGES})('zscore-chart').x;
          return Plotly.relayout(plot, {{'xaxis.range': [from + 60000, from + 200000]}});
        }}"""
    )
    value = """() => {
      const plot = document.querySelector('#spread-chart .js-plotly-plot');
      const trace = plot._fullData.find((one) => one.name === 'spread');
      const at = (row) => trace.x ? trace.x[row] : trace.x0 + row * trace.dx;
      let row = trace.y.length - 1;
      while (at(row) > (RANGES)('spread-chart').x[1] || !Number.isFinite(trace.y[row])) row -= 1;
      return Math.abs(trace.y[row]).toFixed(2);
    }""".replace("RANGES", RANGES)
    until(page, f"({LABEL})('spread-chart').replace(',', '').includes(({value})())")


def test_one_crosshair_goes_through_all_charts_with_one_readout(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "zscore-chart", 300)
    box = page.locator("#zscore-chart .nsewdrag").first.bounding_box()
    readout = page.locator(".crosshair-readout")
    for step in range(20):  # an update between two moves hides what the mouse is over
        page.mouse.move(box["x"] + 100 + step, box["y"] + 50)
        if page.locator("#spread-chart .crosshair:visible").count() and readout.is_visible():
            break
        page.wait_for_timeout(100)
    expect(readout).to_contain_text("UTC · Spread")
    expect(readout).to_contain_text("z-score")


def test_a_threshold_can_be_dragged_and_moved_by_keys(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "zscore-chart", 300)
    grip = page.locator("#zscore-chart .threshold-grip").first
    grip.hover()
    page.mouse.down()
    box = grip.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] - 14, steps=3)
    page.mouse.up()
    until(page, "Number(document.querySelector('#z-threshold').value) > 2.2")
    before = float(page.input_value("#z-threshold"))
    grip.press("ArrowDown")
    until(page, f"Math.abs(document.querySelector('#z-threshold').value - {before - 0.1}) < 0.011")
    until(page, "location.search.includes('z_threshold=')")


def test_a_chart_is_one_stop_of_the_tab_key(open_tab):
    page = open_tab(f"/backtest?{PAIR}")
    wait_for_points(page, "equity-chart", 100)
    buttons = page.locator("#equity-chart .modebar-btn")
    expect(buttons).to_have_count(4)
    assert page.locator("#equity-chart .modebar-btn[tabindex='0']").count() == 1
    page.locator("#equity-chart .modebar-btn[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    expect(buttons.nth(1)).to_be_focused()


def test_a_click_on_a_trade_zooms_to_it(open_tab):
    page = open_tab(f"/backtest?{PAIR}&entry_z=1.5")
    wait_for_points(page, "backtest-zscore-chart", 300)
    place = """() => {
      const plot = document.querySelector('#backtest-zscore-chart .js-plotly-plot');
      const trace = plot._fullData.find((one) => one.mode === 'markers' && one.y.length);
      const { xaxis, yaxis } = plot._fullLayout;
      const box = plot.getBoundingClientRect();
      const row = Math.floor(trace.y.length / 2);
      const at = Number(new Date(trace.x[row]));
      const corner = [box.left + xaxis._offset, box.top + yaxis._offset];
      return [corner[0] + xaxis.l2p(at), corner[1] + yaxis.l2p(trace.y[row])];
    }"""
    page.mouse.click(*page.evaluate(place))
    until(page, "location.search.includes('from=')")
    span = f"({RANGES})('equity-chart')"
    until(page, f"{span}.x[1] - {span}.x[0] === 120000")
