"""What a trader's day found: states that say what is so, and nothing false beside them."""

from __future__ import annotations

import httpx
from looks import points, until, wait_for_points, wait_for_wiring
from playwright.sync_api import expect

#: Few bars, since every one is drawn twice a second.
PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT&limit=400"


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
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "zscore-chart", 300)
    page.fill("#z-window", "5000")
    expect(page.locator("#z-window-message")).to_have_text(
        "5000: expected at most Bars in view (1000)"
    )
    page.fill("#bars-in-view", "6000")  # legal now, and more than there are
    expect(page.locator("#z-window-message")).to_have_text("")
    expect(page.locator("#zscore-chart")).to_contain_text("needs 5,000")
    for chart in ("spread-chart", "hedge-scatter", "hedge-path-chart"):
        wait_for_points(page, chart, 100)
    wait_for_points(page, "adf-chart", 30)  # of so many bars only some are tested
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
    for chart in ("spread-chart", "zscore-chart"):
        wait_for_points(page, chart, 100)
        wait_for_wiring(page, chart)
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


WIDER = """(id) => {
  const part = document.querySelector(`#${id} .ag-center-cols-viewport`);
  return part.scrollWidth - part.clientWidth;
}"""


def test_the_columns_that_decide_are_in_sight_and_a_click_tells_the_rest(open_tab):
    page = open_tab(f"/backtest?{PAIR}&entry_z=1.5")
    row = page.locator("#trades-table .ag-center-cols-container .ag-row").first
    row.wait_for()
    page.click("#freeze-toggle")  # a row that moves between press and release is not clicked
    until(page, f"({WIDER})('trades-table') <= 0")
    heads = page.locator("#trades-table .ag-header-cell-text").all_inner_texts()
    assert {"Net bps", "Entry z", "Exit z", "β"} <= set(heads)
    assert page.evaluate(WIDER, "folds-table") <= 0
    row.click()
    expect(page.locator("#trade-detail")).to_contain_text("Costs")
    until(page, "location.search.includes('from=')")


def test_a_stale_sweep_is_dimmed_beside_one_button_to_run_it_again(open_tab):
    page = open_tab(f"/backtest?{PAIR}")
    wait_for_points(page, "sweep-heatmap", 20)
    again = page.locator("#sweep-again")
    page.fill("#sweep-x-steps", "3")
    page.fill("#sweep-y-steps", "3")
    page.click("#sweep-run")
    expect(page.locator("#sweep-says")).to_contain_text("9 back-tests done")
    expect(again).to_be_hidden()
    page.fill("#stop-z", "5")
    expect(page.locator("#sweep-says")).to_contain_text("stale: Stop |z| changed since")
    until(page, "document.querySelector('#sweep-heatmap').style.opacity === '0.45'")
    again.click()
    until(page, "document.querySelector('#sweep-heatmap').style.opacity === ''")
    expect(page.locator("#sweep-says")).not_to_contain_text("stale")


def test_the_panel_has_only_what_its_page_uses(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    expect(page.locator("#adf-window")).to_be_visible()
    expect(page.locator("#locked-beta")).to_be_hidden()
    page.click("#tab-backtest")
    expect(page.locator("#adf-window")).to_be_hidden()
    expect(page.locator("#z-window")).to_be_visible()


def test_the_hedge_is_locked_by_one_button_and_stands_in_the_link(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "spread-chart", 100)
    page.click("#lock-hedge")
    until(page, "location.search.includes('spread_mode=locked')")
    expect(page.locator("#lock-hedge")).to_have_text("Unlock the hedge")
    assert float(page.input_value("#locked-beta")) > 0
    page.click("#lock-hedge")
    until(page, "!location.search.includes('spread_mode=')")


def test_the_distribution_is_folded_until_it_is_asked_for(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "spread-chart", 100)
    assert points(page, "spread-histogram") == 0
    page.locator("#show-distribution").check()
    for chart in ("spread-histogram", "spread-acf-chart", "spread-qq-chart"):
        wait_for_points(page, chart, 30)
    wait_for_points(page, "hedge-stability-chart", 100)


def test_the_alert_form_has_the_panel_s_threshold(open_tab):
    page = open_tab(f"/alerts?{PAIR}&z_threshold=1.7")
    until(page, "document.querySelector('#rule-threshold')?.value === '1.7'")
    page.fill("#z-threshold", "2.4")
    until(page, "document.querySelector('#rule-threshold').value === '2.4'")
    page.fill("#rule-threshold", "0.3")
    page.fill("#z-threshold", "1.9")
    until(page, "location.search.includes('z_threshold=1.9')")
    assert page.input_value("#rule-threshold") == "0.3"


def test_a_link_with_several_errors_fits_a_phone(open_tab):
    page = open_tab(
        "/analytics?market=demo&y=BTCUSDT&x=ETHUSDT&z_window=abc&limit=5&hedge_window=zz",
        width=380,
        height=800,
    )
    banner = page.locator("#frame-message")
    expect(banner).to_contain_text("In this link, ")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert banner.bounding_box()["width"] <= 380


def test_over_a_file_the_strip_says_which_feed_runs_beside_and_a_removal_is_undone(open_tab, app):
    rows = "time,open,high,low,close,volume\n" + "".join(
        f"2024-01-01T00:{minute:02d}:00Z,1,2,1,2,5\n" for minute in range(50)
    )
    address = f"{app.url}/api/upload?name=FILED.csv"
    market = httpx.post(address, content=rows.encode()).json()["market"]
    page = open_tab(f"/data?market={market}")
    expect(page.locator("#feed-beside")).to_contain_text("beside it: Demo")
    expect(page.locator("#trust-figures")).not_to_contain_text("ticks/s")
    page.click("#remove-market")
    expect(page.locator("#remove-market-words")).to_contain_text("The archive has no copy")
    expect(page.locator("#remove-market-delete")).to_be_disabled()
    page.click("#remove-market-forget")
    expect(page.locator("#remove-market-says")).to_contain_text("was removed from this session")
    page.click("#remove-market-undo")
    expect(page.locator("#remove-market-says")).to_contain_text("is back")
    until(page, f"location.search.includes('market={market}')")
    page.click("#remove-market")
    page.click("#remove-market-forget")
    expect(page.locator("#remove-market-undo")).to_be_visible()


def test_the_theme_is_the_system_s_until_chosen_and_a_first_visit_is_told_once(chromium, app):
    context = chromium.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(f"{app.url}/?market=demo")
    theme = "document.documentElement.dataset.bsTheme"
    until(page, f"{theme} === 'light'")
    expect(page.locator("#first-visit li")).to_have_count(3)
    page.click("#first-visit-close")
    expect(page.locator("#first-visit")).to_be_hidden()
    page.emulate_media(color_scheme="dark")
    until(page, f"{theme} === 'dark'")
    page.click("#theme-toggle")
    until(page, f"{theme} === 'light'")
    page.reload()
    until(page, f"{theme} === 'light'")
    expect(page.locator("#first-visit")).to_be_hidden()
    context.close()
