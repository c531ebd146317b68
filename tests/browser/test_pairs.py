"""Pairs in a real browser: from a scan to a pair that is opened, armed and watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import httpx
import pytest
from looks import focus_cell, until, until_so
from playwright.sync_api import expect as expect_soon
from running_app import PATIENCE_MS, App, start, stop

#: Of the demo's universe, by the half-lives from 5 to 10 hours that it plants and keeps.
PLANTED = ("AVAXUSDT / SOLUSDT", "ETHUSDT / BTCUSDT", "LTCUSDT / BCHUSDT")
REACH = "/can be found/.test(document.querySelector('#scan-reach')?.innerText || '')"


def expect(locator) -> SimpleNamespace:
    """Playwright's, with a patience that a busy machine does not use up."""
    asked = expect_soon(locator)
    names = [name for name in dir(asked) if name.startswith(("to_", "not_to_"))]
    return SimpleNamespace(
        **{name: partial(getattr(asked, name), timeout=PATIENCE_MS) for name in names}
    )


@pytest.fixture(scope="module")
def scanner() -> Iterator[App]:
    """An app of its own: what is armed and watched here is no other test's."""
    running = start()
    yield running
    stop(running)


@pytest.fixture
def quiet(scanner) -> App:
    """The app with nothing watched and nothing armed."""
    for row in scanner.get("/api/watchlist").json()["pairs"]:
        httpx.delete(f"{scanner.url}/api/watchlist?id={row['id']}")
    scanner.forget_rules()
    return scanner


def watch(app: App, y: str, x: str, market: str = "demo", **params) -> None:
    body = {"market": market, "params": {"y": y, "x": x, **params}}
    assert httpx.put(f"{app.url}/api/watchlist", json=body).status_code == 200


def rows(page, table: str):
    return page.locator(f"#{table} .ag-pinned-left-cols-container .ag-row")


def scanned(page) -> None:
    """Run a scan, and wait for its rows."""
    until(page, REACH)
    page.click("#scan-run")
    page.wait_for_selector("#scan-table .ag-row")


def test_the_planted_pair_is_found_opened_armed_and_watched_in_four_clicks(open_tab, quiet):
    page = open_tab("/pairs", url=quiet.url)
    until(page, REACH)
    page.click("#scan-run")  # 1: find
    page.wait_for_selector("#scan-table .ag-row")
    found = [row.inner_text().replace(" new", "") for row in rows(page, "scan-table").all()]
    assert set(PLANTED) <= set(found)
    expect(page.locator("#answer-pairs")).to_contain_text("confirmed")
    rows(page, "scan-table").filter(has_text=PLANTED[0]).click()  # 2: open
    until(page, "location.pathname === '/analytics'")
    until(page, "/z [+−]/.test(document.querySelector('#answer-analytics')?.innerText || '')")
    assert (page.input_value("#leg-y"), page.input_value("#leg-x")) == ("AVAXUSDT", "SOLUSDT")
    assert page.input_value("#market-select") == "demo-universe"
    assert page.input_value("#spread-mode") == "locked"
    page.click("#alert-here")  # 3: arm
    expect(page.locator("#alert-made")).to_contain_text("armed: AVAXUSDT / SOLUSDT")
    page.click("#watch-pair")  # 4: watch
    expect(page.locator("#alert-made")).to_contain_text("watched: AVAXUSDT / SOLUSDT (1 of 200)")
    (row,) = quiet.get("/api/watchlist").json()["pairs"]
    (rule,) = quiet.get("/api/alerts/rules").json()["rules"]
    assert row["params"] == rule["params"]
    assert (row["params"]["y"], row["params"]["timeframe"]) == ("AVAXUSDT", "1h")


def test_keys_on_a_row_arm_watch_and_open(open_tab, quiet):
    page = open_tab("/pairs", url=quiet.url)
    scanned(page)
    focus_cell(page, "#scan-table .ag-row[row-index='0'] .ag-cell[col-id='verdict']")
    page.keyboard.press("a")
    for says in ("#watch-says", "#scan-pairs-says"):
        expect(page.locator(says)).to_contain_text("armed: ")
    page.keyboard.press("w")
    for says in ("#watch-says", "#scan-pairs-says"):
        expect(page.locator(says)).to_contain_text("watched: ")
    expect(rows(page, "watch-table")).to_have_count(1)
    mine = page.locator("#scan-table .ag-row[row-index='0'] .ag-cell[col-id='mine']")
    page.locator("#scan-table .ag-body-horizontal-scroll-viewport").evaluate(
        "part => { part.scrollLeft = part.scrollWidth; }"
    )
    expect(mine).to_have_text("watched · armed")
    focus_cell(page, "#watch-table .ag-row[row-index='0'] .ag-cell[col-id='z']")
    page.keyboard.press("Enter")
    until(page, "location.pathname === '/analytics'")
    expect(page.locator("#market-select")).to_have_value("demo-universe")


def test_x_on_a_row_of_each_table_compares_them(open_tab, quiet):
    watch(quiet, "DOGEUSDT", "BTCUSDT", timeframe="1h", market="demo-universe")
    page = open_tab("/pairs", url=quiet.url)
    scanned(page)
    for table, column in (("watch-table", "z"), ("scan-table", "verdict")):
        focus_cell(page, f"#{table} .ag-row[row-index='0'] .ag-cell[col-id='{column}']")
        page.keyboard.press("x")
        if table == "watch-table":
            marked = "DOGEUSDT / BTCUSDT: marked, X on another row compares them"
            expect(page.locator("#watch-says")).to_have_text(marked)
    until(
        page, "/[&]pairs=DOGEUSDT~BTCUSDT,[A-Z]+~[A-Z]+(~[-+.0-9e]+){2}~log$/.test(location.search)"
    )
    until(page, "document.querySelectorAll('#compare-figures tbody tr').length === 2")


def test_a_step_back_keeps_nothing_of_the_pair_that_was_open(open_tab, quiet):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT", url=quiet.url)
    until(page, "location.search.includes('symbols=')")
    page.evaluate(
        "history.pushState(null, '', '/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&z_window=90');"
        "dispatchEvent(new PopStateEvent('popstate'))"
    )
    expect(page.locator("#z-window")).to_have_value("90")
    until(
        page, "location.search.includes('z_window=90&') || location.search.endsWith('z_window=90')"
    )
    page.go_back()
    expect(page.locator("#leg-y")).to_have_value("BTCUSDT")
    expect(page.locator("#z-window")).to_have_value("60")


#: Counts how often React lets go of the updates that it keeps for what is around the rows.
WATCH_UPDATES = """() => {
  const root = document.querySelector("#watch-table .ag-root");
  const name = Object.keys(root).find((key) => key.startsWith("__reactFiber"));
  const kept = () => {
    let count = 0;
    for (let hook = root[name].return.memoizedState; hook; hook = hook.next) {
      const last = hook.queue && hook.queue.pending;
      for (let one = last && last.next; one; one = one === last ? null : one.next) count += 1;
    }
    return count;
  };
  window.released = 0;
  let before = kept();
  setInterval(() => {
    const now = kept();
    if (now < before) window.released += 1;
    before = now;
  }, 50);
}"""


def test_what_is_around_the_rows_of_a_table_keeps_no_updates_without_end(open_tab, quiet):
    for y in ("ETHUSDT", "SOLUSDT", "AVAXUSDT"):
        watch(quiet, y, "BTCUSDT")
    page = open_tab("/pairs", url=quiet.url)
    expect(rows(page, "watch-table")).to_have_count(3)
    page.evaluate(WATCH_UPDATES)
    until(page, "window.released >= 2")


def test_z_moves_and_its_line_grows_without_the_row_being_sent_again(open_tab, quiet):
    watch(quiet, "BTCUSDT", "ETHUSDT")
    watch(quiet, "ETHUSDT", "BTCUSDT", z_window=90)
    page = open_tab("/pairs", url=quiet.url)
    expect(rows(page, "watch-table")).to_have_count(2)
    expect(page.locator("#watch-empty")).to_be_hidden()
    line = page.locator("#watch-table .ag-row[row-index='0'] .sparkline path")
    expect(line).to_have_count(1)
    first = line.get_attribute("d")
    until(
        page,
        "document.querySelector('#watch-table path').getAttribute('d') !== given",
        first,
    )
    assert line.get_attribute("d").count("L") == first.count("L") == 59
    state = page.locator("#watch-table .ag-row[row-index='0'] .ag-cell[col-id='state']")
    expect(state).to_have_text(re.compile("inside|beyond"))
    # Of two changes that come at once the script runs for the newer alone: all is asked for anew.
    page.evaluate(
        """() => dash_clientside.spreadscope.watchRows({
          since: 1e9, version: 1e9 + 1, pairs: null, rows: [{ id: 'missed', pair: 'X', add: [1] }],
        })"""
    )
    until(
        page,
        "document.querySelector('#watch-table path').getAttribute('d') !== given",
        line.get_attribute("d"),
    )
    assert line.get_attribute("d").count("L") == 59
    expect(rows(page, "watch-table")).to_have_count(2)
    httpx.delete(
        f"{quiet.url}/api/watchlist?id={quiet.get('/api/watchlist').json()['pairs'][0]['id']}"
    )
    expect(rows(page, "watch-table")).to_have_count(1)


SHOWN_Z = """() => {
  const grid = dash_ag_grid.getApi("watch-table"), shown = [];
  grid.forEachNodeAfterFilterAndSort(({ data }) => shown.push(data.z));
  return shown;
}"""


@pytest.mark.parametrize("way", ["asc", "desc"])
def test_a_row_without_z_is_the_last_whichever_way_it_is_sorted(open_tab, quiet, way):
    watch(quiet, "BTCUSDT", "ETHUSDT", timeframe="1d")  # two of a day: too few
    for leg in ("ETHUSDT", "SOLUSDT"):
        watch(quiet, "BTCUSDT", leg)
    page = open_tab("/pairs", url=quiet.url)
    page.wait_for_selector("#watch-table .ag-row")
    until(page, f"({SHOWN_Z})().filter((z) => z !== null).length === 2")
    sort = {"state": [{"colId": "z", "sort": way}], "defaultState": {"sort": None}}
    page.evaluate("(state) => dash_ag_grid.getApi('watch-table').applyColumnState(state)", sort)
    *known, last = page.evaluate(SHOWN_Z)
    assert last is None
    assert known == sorted(known, reverse=way == "desc")


def test_the_pair_in_view_is_watched_and_all_are_armed_with_a_button(open_tab, quiet):
    page = open_tab("/pairs?market=demo&y=SOLUSDT&x=AVAXUSDT&z_window=90", url=quiet.url)
    until(page, "document.querySelector('#leg-y')?.value === 'SOLUSDT'")
    page.click("#watch-here")
    expect(rows(page, "watch-table")).to_have_text(["SOLUSDT / AVAXUSDT · z window 90"])
    page.click("#watch-arm-all")
    expect(page.locator("#watch-says")).to_have_text("armed on 1 pair")
    (rule,) = quiet.get("/api/alerts/rules").json()["rules"]
    assert rule["params"]["z_window"] == 90


def test_the_rules_of_a_scan_are_in_the_link(open_tab, quiet):
    page = open_tab("/pairs?scan_bars=720&scan_candidates=clusters", url=quiet.url)
    until(page, REACH)
    assert page.input_value("#scan-bars") == "720"
    assert page.input_value("#scan-candidates") == "clusters"
    reach = page.inner_text("#scan-reach")
    page.fill("#scan-bars", "2000")
    until(page, "location.search.includes('scan_bars=2000')")
    until(page, "document.querySelector('#scan-reach').innerText !== given", reach)
    page.fill("#scan-bars", "7")
    until(page, "document.querySelector('#scan-bars-message').innerText !== ''")
    assert "expected a whole number from 90 to 20000" in page.inner_text("#scan-bars-message")
    page.click("#tab-home")
    until(page, "location.pathname === '/'")
    page.click("#tab-pairs")
    until(page, "document.querySelector('#scan-bars')?.value === '2000'")


def test_the_form_keeps_its_market_and_shows_whether_it_is_scanned_again(open_tab, quiet):
    page = open_tab("/pairs?market=demo&y=BTCUSDT&x=ETHUSDT", url=quiet.url)
    until(page, REACH)
    page.select_option("#scan-market", "demo")
    page.evaluate("document.activeElement.blur()")
    asks_anew = lambda one: "scan-market.options" in (one.request.post_data or "")  # noqa: E731
    with page.expect_response(asks_anew):
        page.keyboard.press("s")
    until(page, "document.querySelector('#leg-y').value === 'ETHUSDT'")
    page.select_option("#timeframe", "1m")
    until(page, "location.search.includes('timeframe=1m')")
    assert page.input_value("#scan-market") == "demo"
    page.select_option("#scan-market", "demo-universe")
    until(page, REACH)

    def rescans() -> bool:
        return quiet.get("/api/scans?market=demo-universe").json()["rescans"]

    rescan, cancel = page.locator("#scan-rescan"), page.locator("#scan-cancel")
    rescan.check()
    scanned(page)
    until(page, "document.querySelector('#scan-progress').getAttribute('value') === '0'")
    assert rescans()
    expect(rescan).to_be_checked()
    expect(cancel).to_be_enabled()
    page.click("#tab-home")
    page.wait_for_selector("#scan-rescan", state="detached")
    page.click("#tab-pairs")
    expect(rescan).to_be_checked()
    expect(cancel).to_be_enabled()
    rescan.uncheck()
    until_so(page, lambda: not rescans())
    expect(cancel).to_be_disabled()
    expect(rescan).not_to_be_checked()


def test_a_phone_shows_the_page_without_scrolling_sideways(open_tab, quiet):
    watch(quiet, "BTCUSDT", "ETHUSDT")
    page = open_tab("/pairs", width=380, height=800, url=quiet.url)
    scanned(page)
    expect(rows(page, "watch-table")).to_have_count(1)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    rows(page, "watch-table").first.click()
    until(page, "location.pathname === '/analytics'")


def test_home_tells_of_the_watchlist_and_leads_to_it(open_tab, quiet):
    watch(quiet, "BTCUSDT", "ETHUSDT")
    page = open_tab("/", url=quiet.url)
    card = page.locator(".performance-card")
    expect(card).to_contain_text("1 pair watched")
    card.get_by_role("link", name="open Pairs").click()
    until(page, "location.pathname === '/pairs'")
    expect(rows(page, "watch-table")).to_have_text(["BTCUSDT / ETHUSDT"])


def test_the_heatmap_shows_four_figures_and_its_link_keeps_which(open_tab, quiet):
    page = open_tab("/correlation", url=quiet.url)
    title = page.locator("#correlation-heatmap .gtitle")
    expect(title).to_have_text("Correlation of returns")
    page.get_by_label("Half-life").check()
    expect(title).to_have_text("Half-life (bars)")
    until(page, "location.search.includes('heatmap=half_life')")
    opened = open_tab("/correlation?heatmap=pvalue", url=quiet.url)
    expect(opened.locator("#correlation-heatmap .gtitle")).to_have_text("Engle-Granger p-value")
    until(opened, "document.querySelector('#lead-lag-chart .js-plotly-plot')?._fullData?.length")
