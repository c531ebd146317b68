"""Alerts in a real browser: one click on Analytics, and a replay that crosses the threshold."""

from __future__ import annotations

import httpx
import pytest
from looks import hide, until, wait_for_points
from running_app import start, stop

TICKS = "ticks/ticks_2024-08-09T00-00-00.029Z.ndjson"
MARKED = """
(id) => document.querySelector(`#${id} .js-plotly-plot`)._fullData.some(
  (trace) => trace.mode === 'markers' && trace.name === 'alert' && trace.x.length > 0)
"""


@pytest.fixture(scope="module")
def quiet():
    """An app of its own: what is replayed is the same in every tab."""
    running = start("--source", "none")
    yield running
    stop(running)


def test_a_rule_made_with_one_click_fires_when_a_replay_crosses_it(open_tab, quiet, market_data):
    with open(market_data / TICKS, "rb") as file:
        address = f"{quiet.url}/api/upload?name=ticks.ndjson"
        taken = httpx.post(address, content=file.read(), timeout=60)
    replay = {"market": taken.json()["market"], "speed": 60}
    assert httpx.post(f"{quiet.url}/api/replay/start", json=replay).status_code == 200
    view = "market=replay&y=BTCUSDT&x=ETHUSDT&z_window=20&z_threshold=1"
    page = open_tab(f"/analytics?{view}", url=quiet.url)
    wait_for_points(page, "spread-chart", 40)
    until(page, "document.querySelector('#alert-rehearsed').innerText.includes('would have fired')")
    page.fill("#z-threshold", "1.1")
    page.click("#alert-here")
    until(page, "document.querySelector('#alert-made').innerText.endsWith('|z| > 1.1')")
    (rule,) = quiet.get("/api/alerts/rules").json()["rules"]
    assert rule["threshold"] == 1.1, "a click right after typing acts on what was typed"
    page.wait_for_selector(".toast")
    page.click("#tab-alerts")
    for chart in ("alert-spread-chart", "alert-zscore-chart"):
        wait_for_points(page, chart, 40)
        page.wait_for_function(MARKED, arg=chart)
    page.wait_for_selector("#alerts-table .ag-center-cols-container [role=row]")
    assert quiet.get("/api/alerts?market=replay").json()["alerts"]


NOTICED = """
window.noticed = [];
window.Notification = class {
  static permission = "default";
  static requestPermission() {
    const allowed = () => (this.permission = "granted");
    return new Promise((resolve) => (window.allow = () => resolve(allowed())));
  }
  constructor(title, options) { window.noticed.push(options.body); }
};
"""
WATCH = """
() => {
  window.titles = [];
  window.toasts = 0;
  const titled = () => window.titles.push(document.title);
  const count = () => document.querySelectorAll(".toast").length;
  const toasted = () => (window.toasts = Math.max(window.toasts, count()));
  new MutationObserver(titled).observe(document.querySelector("title"), { childList: true });
  const all = { childList: true, subtree: true };
  new MutationObserver(toasted).observe(document.querySelector("#toasts"), all);
}
"""


def fire(quiet, count: int = 1) -> None:
    """So many alerts: each is of a rule of its own, which is true when it is added."""
    rule = {"market": "replay", "symbol": "BTCUSDT", "metric": "price", "operator": ">"}
    for _ in range(count):
        answer = httpx.post(f"{quiet.url}/api/alerts/rules", json={**rule, "threshold": 1})
        assert answer.status_code == 200


def titled(page, title: str) -> None:
    until(page, "document.title === given", title)


def test_new_alerts_are_counted_in_the_title_until_the_alerts_page_is_seen(
    open_tab, quiet, market_data
):
    quiet.forget_rules()
    with open(market_data / TICKS, "rb") as file:
        address = f"{quiet.url}/api/upload?name=ticks.ndjson"
        taken = httpx.post(address, content=file.read(), timeout=60)
    replay = {"market": taken.json()["market"], "speed": 1}
    assert httpx.post(f"{quiet.url}/api/replay/start", json=replay).status_code == 200
    page = open_tab("/analytics?market=replay", url=quiet.url)
    other = page.context.new_page()
    other.add_init_script(NOTICED)
    other.goto(f"{quiet.url}/?market=replay")
    titled(page, "Analytics - Spreadscope")
    titled(other, "Home - Spreadscope")
    for tab in (page, other):
        until(tab, "document.querySelector('#replay-time').innerText")  # it knows what is not new
        tab.evaluate(WATCH)
    fire(quiet, 2)
    titled(page, "(2) Analytics - Spreadscope")
    fire(quiet)
    for tab, name in ((page, "Analytics"), (other, "Home")):
        titled(tab, f"(3) {name} - Spreadscope")
        until(tab, "window.toasts === 3")  # a new toast leaves the others their time
        assert tab.inner_text("#alerts-badge") == "3"
    page.wait_for_timeout(1_500)
    titles = page.evaluate("window.titles")
    assert len(set(titles)) == len(titles), "it changes with the count alone"
    other.click("#tab-alerts")
    titled(other, "Alerts - Spreadscope")
    titled(page, "Analytics - Spreadscope")
    until(other, "document.querySelector('#notify-here').disabled === false")
    other.click("#notify-here")
    time = other.inner_text("#replay-time")
    until(other, "document.querySelector('#replay-time').innerText !== given", time)
    other.evaluate("window.allow()")
    until(other, "document.querySelector('#notify-here').innerText.endsWith('are on')")
    hide(other)
    fire(quiet)
    titled(other, "(1) Alerts - Spreadscope")
    titled(page, "(1) Analytics - Spreadscope")
    until(other, "window.noticed.length === 1 && window.noticed[0].startsWith('price')")
    hide(other, False)
    titled(other, "Alerts - Spreadscope")
    titled(page, "Analytics - Spreadscope")


@pytest.mark.parametrize("first", ["the row is selected", "new rows come"])
def test_a_row_selected_while_new_rows_come_stays_selected(open_tab, app, first):
    app.forget_rules()  # of other tests on this app
    page = open_tab("/alerts?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "alert-zscore-chart", 50)
    page.click("#rule-delete")
    until(page, "document.querySelector('#rules-say').innerText === 'select a rule first'")
    page.fill("#rule-threshold", "7")
    page.click("#rule-add")
    box = "#rules-table .ag-row [col-id=ag-Grid-SelectionColumn] input"
    page.wait_for_selector(box, state="attached")
    page.evaluate(
        """async ([box, first]) => {
          const grid = await dash_ag_grid.getApiAsync('rules-table');
          const rows = [];
          grid.forEachNode(({ data }) => rows.push({ ...data, alerts: 7 }));
          const steps = [
            () => document.querySelector(box).click(),
            () => dash_clientside.set_props('rules-table', { rowData: rows }),
          ];
          if (first === 'new rows come') steps.reverse();
          steps.forEach((step) => step());
        }""",
        [box, first],
    )
    page.click("#rule-delete")
    page.wait_for_selector("#rules-table .ag-overlay:not(.ag-hidden)")
    assert app.get("/api/alerts/rules").json()["rules"] == []
