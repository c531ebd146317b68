"""Every page in a real browser, on the demo market."""

from __future__ import annotations

import pytest
from looks import last, settled, until, until_another, until_so, wait_for_points
from playwright.sync_api import expect

CHARTS = {
    "home": ("price-chart", "volume-chart", "vwap-chart"),
    "analytics": (
        "spread-chart",
        "zscore-chart",
        "hedge-scatter",
        "hedge-path-chart",
        "adf-chart",
    ),
    "correlation": ("correlation-heatmap", "rolling-correlation-chart"),
    "backtest": ("equity-chart", "drawdown-chart", "backtest-zscore-chart", "sweep-heatmap"),
    "alerts": ("alert-spread-chart", "alert-zscore-chart"),
}
NEWEST = """
(id) => {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  const utc = (one) => (typeof one === "string" ? Date.parse(one.replace(" ", "T") + "Z") : one);
  const [from, to] = plot._fullLayout.xaxis.range.map(utc);
  const seen = plot.calcdata.flat().filter((one) => one.x >= from - 1e4 && one.x <= to + 1e4);
  return [to - from, Date.now() - to, seen.length];
}
"""
#: The controls in whose middle another one stands, each with that other.
COVERED = """
() => {
  const controls = "button, a[href], input, select, textarea, summary, label, [role=button]";
  const said = (one) => one.id || one.getAttribute("aria-label") || one.innerText || one.outerHTML;
  const covered = [];
  for (const one of document.querySelectorAll(controls)) {
    if (!one.checkVisibility({ checkVisibilityCSS: true })) continue;
    one.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    const { left, top, width, height } = one.getBoundingClientRect();
    if (width < 8 || height < 8) continue;
    const seen = document.elementFromPoint(left + width / 2, top + height / 2);
    const over = seen && seen.closest(controls);
    const same = !over || one.contains(over) || over.contains(one);
    if (!same && over.control !== one && one.control !== over) {
      covered.push(`${said(one)} under ${said(over)}`);
    }
  }
  window.scrollTo(0, 0);
  return covered;
}
"""


#: No animation runs; one that the scroll position moves always does.
STILL = """document.getAnimations().every(
  (one) => one.timeline !== document.timeline || one.playState !== 'running',
)"""


def test_every_chart_of_every_page_shows_the_demo_market(open_tab):
    page = open_tab("/")
    for name, charts in CHARTS.items():
        page.click(f"#tab-{name}")
        for chart in charts:
            wait_for_points(page, chart, 4)
        until(
            page,
            "[...document.querySelectorAll('.chart > .graph')].every((one) =>"
            " one.parentElement.querySelector('.window-button'))",
        )
        for width in (1440, 380):
            page.set_viewport_size({"width": width, "height": 900})
            until(page, STILL)
            assert page.evaluate(COVERED) == [], (name, width)
        page.set_viewport_size({"width": 1440, "height": 900})
        assert page.locator("#trust-strip").inner_text().startswith("SIMULATED")
        until(page, "document.querySelector('#answer-line').innerText.length > 20")


def test_the_feed_log_is_a_click_away(open_tab):
    page = open_tab("/")
    page.locator("#feed-log-toggle").click()
    page.wait_for_selector("#feed-log-lines tr")
    until(page, "document.querySelector('#feed-log-lines').innerText.includes('1800 s of history')")
    for figure in ("gaps 0", "carried "):
        until(page, f"document.querySelector('#trust-strip').innerText.includes('{figure}')")
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('.offcanvas.show')")


def test_the_data_page_fills_its_tables(open_tab):
    page = open_tab("/data")
    for table in ("summary-table", "ticks-table", "bars-table"):
        page.wait_for_selector(f"#{table} .ag-center-cols-container [role=row]")
    assert "BTCUSDT" in page.locator("#summary-table").inner_text()


@pytest.mark.parametrize(
    ("path", "chart"),
    [("/", "price-chart"), ("/analytics", "spread-chart"), ("/alerts", "alert-spread-chart")],
)
def test_charts_advance_while_the_feed_runs(open_tab, path, chart):
    page = open_tab(path)
    wait_for_points(page, chart, 10)
    for _ in range(3):
        until_another(page, chart, last(page, chart))


def test_stop_halts_the_market_and_start_lets_it_go_on(open_tab, app):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    try:
        page.click("#stop-button")
        until(page, "document.querySelector('#feed-status').textContent.includes('stopped')")
        before = settled(page, "price-chart")
        ticks = app.status()["markets"]["demo"]["accepted"]
        page.wait_for_timeout(1_500)
        assert last(page, "price-chart") == before
        assert app.status()["markets"]["demo"]["accepted"] == ticks
    finally:
        page.click("#start-button")
    until(page, "document.querySelector('#feed-status').textContent.includes('live')")
    until_another(page, "price-chart", before)


def test_a_rule_fires_and_shows_as_toast_row_and_marker(open_tab, app):
    app.forget_rules()  # of other tests on this app
    page = open_tab("/alerts?market=demo&y=BTCUSDT&x=ETHUSDT&z_window=10")
    wait_for_points(page, "alert-zscore-chart", 50)
    page.fill("#rule-threshold", "1")
    page.fill("#rule-cooldown", "0")
    page.click("#rule-add")
    row = page.locator("#rules-table .ag-center-cols-container [role=row]")
    # The button acts on what was typed right before.
    expect(row).to_contain_text("|z| > · z window 10 1 armed", use_inner_text=True)
    until(page, "document.querySelector('#rule-says').innerText.startsWith('armed')")
    page.wait_for_selector(".toast")
    page.wait_for_selector("#alerts-table .ag-center-cols-container [role=row]")
    until(
        page,
        """() => document.querySelector('#alert-zscore-chart .js-plotly-plot')._fullData
            .some((trace) => trace.mode === 'markers' && trace.x.length > 0)""",
    )
    page.locator("#rules-table .ag-checkbox-input").first.click()
    page.click("#rule-delete")
    page.wait_for_selector("#rules-table .ag-overlay-no-rows-wrapper, #rules-table .ag-overlay")


def test_the_heatmap_opens_the_pair_that_is_clicked(open_tab):
    page = open_tab("/correlation")
    wait_for_points(page, "correlation-heatmap", 9)
    box = page.locator("#correlation-heatmap .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.9)
    page.mouse.down()
    page.mouse.up()
    until(page, "location.pathname === '/analytics'")
    wait_for_points(page, "spread-chart", 100)


def test_only_the_page_in_view_is_computed(open_tab, app):
    page = open_tab("/data")
    page.wait_for_selector("#summary-table .ag-center-cols-container [role=row]")
    page.wait_for_timeout(1_500)
    before = app.status()["computed"]
    until_so(page, lambda: app.status()["computed"]["summary"] >= before["summary"] + 3)
    after = app.status()["computed"]
    for kind in ("snapshot", "backtest", "correlation"):
        assert after.get(kind, 0) == before.get(kind, 0)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_charts_are_drawn_in_utc_in_a_browser_of_another_zone(open_tab, zone):
    page = open_tab("/", zone=zone)
    wait_for_points(page, "price-chart", 100)
    _, behind_ms, points = page.evaluate(NEWEST, "price-chart")
    assert abs(behind_ms) < 30_000
    assert points > 100


def test_the_last_point_advances_again_and_again(open_tab, app):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 100)
    for _ in range(10):
        until_another(page, "price-chart", last(page, "price-chart"))
    assert app.status()["callback_ms"]["/"]["median"] > 0


def test_a_page_that_stays_open_keeps_no_list_of_its_ticks(open_tab):
    page = open_tab("/?market=demo")
    wait_for_points(page, "price-chart", 10)
    page.evaluate(
        """() => {
          const ticks = () => dash_component_api.getLayout("live-interval").props.n_intervals || 0;
          const begun = ticks();
          window.kept = { most: 0, ticks: 0 };
          store.subscribe(() => {
            const { past } = store.getState().history;
            window.kept = { most: Math.max(window.kept.most, past.length), ticks: ticks() - begun };
          });
        }"""
    )
    until(page, "window.kept.ticks >= 14")
    assert 0 < page.evaluate("window.kept.most") < 8
