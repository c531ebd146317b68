"""Saved views, the palette, comparisons and windows of their own, in a real browser."""

from __future__ import annotations

import json
import signal

import httpx
from looks import until, until_so, wait_for_points
from playwright.sync_api import expect
from running_app import PATIENCE_MS, free_port, start, stop

from storage.archive.archive import Archive

PAIR = "/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&z_window=90&entry_z=1.5"
#: Counts the looks of a page's forms at what a link restores in them.
COUNT_LOOKS = """() => {
  const real = window.setTimeout;
  window.looks = 0;
  window.setTimeout = (then, ms, ...more) => {
    if (ms === 400) window.looks += 1;
    return real(then, ms, ...more);
  };
}"""
HOSTILE = "<img src=x onerror=alert(1)> 朝 β"


def saved(page, name: str):
    return page.locator("#views-list li", has=page.locator("bdi", has_text=name))


def open_views(page):
    page.locator("#views-menu").click()
    expect(page.locator("#view-name")).to_be_focused()


def forget_all(app) -> None:
    for view in app.get("/api/views").json()["views"]:
        httpx.delete(f"{app.url}/api/views", params={"name": view["name"]})


def press_ctrl_k(page):
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-input")).to_be_focused()


# --- saved views -------------------------------------------------------------------------


def test_a_view_is_saved_renamed_deleted_and_brought_back(open_tab, app):
    forget_all(app)
    page = open_tab(PAIR)
    wait_for_points(page, "zscore-chart", 50)
    open_views(page)
    assert page.input_value("#view-name") == "Analytics · SOLUSDT / AVAXUSDT · 1s"
    page.fill("#view-name", HOSTILE)
    page.locator("#save-view").click()
    row = saved(page, HOSTILE)
    expect(row.locator("small")).to_have_text("Analytics · SOLUSDT / AVAXUSDT · 1s")
    expect(page.locator("#save-view")).to_have_text("Replace")
    assert page.locator("#views-list img").count() == 0
    row.get_by_role("button", name="Rename").click()
    page.keyboard.type("alts")
    page.keyboard.press("Enter")
    expect(page.locator("#views-says")).to_contain_text("is now “alts”")
    saved(page, "alts").get_by_role("button", name="Delete").click()
    expect(page.locator("#views-list")).to_contain_text("no views yet")
    page.get_by_role("button", name="Undo").click()
    expect(saved(page, "alts")).to_have_count(1)
    page.fill("#view-name", " ")
    page.locator("#save-view").click()
    expect(page.locator("#views-says")).to_contain_text("expected 1 to 64 letters")
    page.keyboard.press("Escape")
    expect(page.locator("#views-dialog")).to_be_hidden()
    expect(page.locator("#views-menu")).to_be_focused()


def test_a_view_opens_as_it_was_saved_and_views_travel_as_json(open_tab, app, tmp_path):
    forget_all(app)
    page = open_tab(PAIR)
    wait_for_points(page, "zscore-chart", 50)
    open_views(page)
    page.fill("#view-name", "alts")
    page.keyboard.press("Enter")
    expect(saved(page, "alts")).to_have_count(1)
    with page.expect_download() as caught:
        page.locator("#export-views").click()
    exported = tmp_path / "views.json"
    caught.value.save_as(exported)
    assert json.loads(exported.read_text())["views"][0]["name"] == "alts"
    forget_all(app)
    page.close()

    page = open_tab("/data?market=demo&z_window=30")
    open_views(page)
    broken = tmp_path / "broken.json"
    broken.write_text('{"views": [{"name": "x", "link": "https://evil.example"}]}')
    for path, words in ((broken, "link of view 1 is"), (exported, "1 view imported")):
        with page.expect_file_chooser() as chooser:
            page.locator("#import-views").click()
        chooser.value.set_files(path)
        expect(page.locator("#views-says")).to_contain_text(words)
    saved(page, "alts").get_by_role("link").click()
    page.wait_for_url("**/analytics?*")
    wait_for_points(page, "zscore-chart", 50)
    assert page.input_value("#leg-y") == "SOLUSDT"
    assert page.input_value("#z-window") == "90"
    until(page, "location.search.includes('entry_z=1.5')")


def test_the_forms_of_a_page_are_in_its_link(open_tab):
    page = open_tab("/backtest?market=demo")
    wait_for_points(page, "equity-chart", 50)
    page.select_option("#sweep-y", "z_window")
    until(page, "document.querySelector('#sweep-y-low').value === '20'")
    page.fill("#sweep-y-low", "35")
    page.fill("#walk-train", "250")
    page.keyboard.press("Tab")
    until(page, "location.search.includes('form.walk-train=250')")
    link = page.evaluate("location.pathname + location.search")
    page.close()
    page = open_tab(link)
    until(page, "document.querySelector('#sweep-y')?.value === 'z_window'")
    until(page, "document.querySelector('#sweep-y-low').value === '35'")
    until(page, "document.querySelector('#walk-train').value === '250'")
    page.click("#tab-alerts")
    until(page, "location.pathname === '/alerts' && location.search.includes('y=')")
    assert "form." not in page.url


def test_what_a_link_restores_in_a_form_gives_way_to_typing_and_to_nothing_else(open_tab):
    page = open_tab("/alerts?market=demo&form.rule-cooldown=77&form.rule-threshold=3.5")
    until(page, "document.querySelector('#rule-threshold')?.value === '3.5'")
    until(page, "document.querySelector('#rule-cooldown').value === '77'")
    page.evaluate(COUNT_LOOKS)
    page.click("#rule-cooldown", click_count=3)
    page.keyboard.type("12345")  # and is still there: the field is not left
    until(page, "window.looks > 2")
    assert page.input_value("#rule-cooldown") == "12345"
    # A field that was entered is not restored again, and yet the panel's threshold leaves it.
    page.click("#rule-threshold")
    page.select_option("#timeframe", "1m")
    until(page, "location.search.includes('timeframe=1m')")
    until(page, "document.querySelector('#rule-cooldown').value === '12345'")
    assert page.input_value("#rule-threshold") == "3.5"


def test_after_a_kill_the_app_opens_where_it_was_left_with_the_same_page(open_tab, tmp_path):
    """A click or none: the saved view and the last one survive kill -9."""
    path, port = tmp_path / "a.sqlite", free_port()
    link = "/correlation?market=demo&y=SOLUSDT&x=AVAXUSDT&corr_window=45"
    app = start("--archive", str(path), port=port)
    page = open_tab(link, url=app.url, may_lose_the_server=True)
    wait_for_points(page, "rolling-correlation-chart", 50)
    open_views(page)
    page.fill("#view-name", "mine")
    page.keyboard.press("Enter")
    expect(saved(page, "mine")).to_have_count(1)
    page.keyboard.press("Escape")
    looked = looks_of(page)
    until_so(page, lambda: "corr_window=45" in (last_link(path) or ""))
    app.process.send_signal(signal.SIGKILL)
    app.process.communicate()
    page.close()
    app = start("--archive", str(path), port=port)
    try:
        page = open_tab("/", url=app.url, may_lose_the_server=True)
        page.wait_for_url("**/correlation?*")
        wait_for_points(page, "rolling-correlation-chart", 50)
        until(page, "location.search.includes('corr_window=45')")
        assert looks_of(page) == looked
        open_views(page)
        expect(saved(page, "mine")).to_have_count(1)
    finally:
        stop(app)


def last_link(path) -> str | None:
    archive = Archive.reader(path)
    try:
        return archive.last_link()
    finally:
        archive.close()


def looks_of(page) -> list:
    """Every box and control of the page, but for live values."""
    return page.evaluate(
        """() => [
          ...[...document.querySelectorAll('.card-box, .head > *, .tabs a, .field')].map((one) => {
            const { x, y, width, height } = one.getBoundingClientRect();
            return [one.className, x, y, width, height].join(' ');
          }),
          ...[...document.querySelectorAll('.field input, .field select')].map((one) => one.value),
          location.pathname + location.search,
        ]"""
    )


# --- the palette ---------------------------------------------------------------------------


def test_the_palette_finds_pages_symbols_pairs_and_views_by_the_keyboard_alone(open_tab, app):
    forget_all(app)
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    open_views(page)
    page.fill("#view-name", "zebra crossing")
    page.keyboard.press("Enter")
    expect(saved(page, "zebra crossing")).to_have_count(1)
    page.keyboard.press("Escape")

    press_ctrl_k(page)
    found = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(found.first).to_contain_text("Home")
    page.keyboard.type("sol ava")
    expect(found.first).to_have_text("SOLUSDT / AVAXUSDTpair")
    expect(page.locator("#palette-input")).to_have_attribute("aria-activedescendant", "palette-0")
    page.keyboard.press("Enter")
    until(page, "location.pathname === '/analytics'")
    until(page, "document.querySelector('#leg-y').value === 'SOLUSDT'")
    until(page, "document.querySelector('#leg-x').value === 'AVAXUSDT'")

    press_ctrl_k(page)
    page.keyboard.type("doge")
    expect(found.first).to_have_text("DOGEUSDTsymbol")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#leg-y').value === 'DOGEUSDT'")

    press_ctrl_k(page)
    page.keyboard.type("nothing like it")
    expect(page.locator("#palette-says")).to_contain_text("nothing here is called")
    page.keyboard.press("Escape")
    expect(page.locator("#palette-dialog")).to_be_hidden()

    press_ctrl_k(page)
    expect(found.filter(has_text="zebra")).to_have_count(1)
    page.keyboard.type("zebra")
    expect(found).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/analytics" not in url)
    wait_for_points(page, "price-chart", 10)

    page.keyboard.press("Meta+k")
    page.keyboard.type("dark or")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    until(page, "document.documentElement.dataset.bsTheme === 'light'")
    page.keyboard.press("?")
    expect(page.locator(".modal.show")).to_contain_text("find a symbol, a pair, a view or a page")


# --- comparing -----------------------------------------------------------------------------


def test_pairs_are_compared_on_one_time_axis_and_a_wrong_one_is_named(open_tab):
    page = open_tab("/analytics?market=demo&pairs=btcusdt~ethusdt,SOLUSDT~AVAXUSDT,BTCUSDT~NOPE")
    wait_for_points(page, "compare-chart-1", 50)
    wait_for_points(page, "compare-chart-2", 50)
    ranges = page.evaluate(
        """() => [1, 2].map((n) => document.querySelector(`#compare-chart-${n} .js-plotly-plot`)
          ._fullLayout.xaxis.range.join())"""
    )
    assert ranges[0] == ranges[1]
    figures = page.locator("#compare-figures tbody tr")
    expect(figures).to_have_count(3)
    expect(figures.nth(2)).to_contain_text("this market has no NOPE")
    expect(page.locator("#compare-chart-3")).to_contain_text("this market has no NOPE")
    expect(page.locator("#compare-chart-4-card")).to_be_hidden()
    page.get_by_role("button", name="Take BTCUSDT / NOPE out").click()
    expect(figures).to_have_count(2)
    expect(page.locator("#compare-y")).to_have_value("BTCUSDT")  # the leg in view
    page.select_option("#compare-y", "DOGEUSDT")
    page.select_option("#compare-x", "BTCUSDT")
    page.locator("#compare-add").click()
    expect(figures).to_have_count(3)
    until(page, "location.search.endsWith('SOLUSDT~AVAXUSDT,DOGEUSDT~BTCUSDT')")
    page.locator("#compare-add").click()
    expect(page.locator("#compare-says")).to_have_text("DOGEUSDT / BTCUSDT is there already")
    page.locator("#tab-analytics").click()
    wait_for_points(page, "spread-chart", 50)
    assert "pairs=" not in page.url
    page.locator("#compare-link").click()
    wait_for_points(page, "compare-chart-1", 50)
    assert page.url.endswith("pairs=BTCUSDT~ETHUSDT")


# --- windows -------------------------------------------------------------------------------


def test_a_chart_opens_in_a_window_of_its_own_which_can_follow(open_tab):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "zscore-chart", 50)
    page.locator("#zscore-chart").hover()
    with page.expect_popup() as opened:
        page.locator(".chart:has(#zscore-chart) > .window-button").click()
    window = opened.value
    window.set_default_timeout(PATIENCE_MS)
    wait_for_points(window, "zscore-chart", 50)
    expect(window.locator(".head")).to_be_hidden()
    expect(window.locator("#side-panel")).to_be_hidden()
    expect(window.locator("#spread-chart")).to_be_hidden()
    expect(window.locator("#window-pair")).to_have_text("BTCUSDT / ETHUSDT · 1s")
    expect(window.locator(".kind-mark")).to_have_text("SIMULATED")

    page.select_option("#leg-y", "SOLUSDT")
    until(page, "location.search.includes('y=SOLUSDT')")
    window.locator("#follow-toggle").click()
    expect(window.locator("#window-pair")).to_have_text("SOLUSDT / ETHUSDT · 1s")
    page.keyboard.press("Escape")
    page.select_option("#leg-x", "AVAXUSDT")
    expect(window.locator("#window-pair")).to_have_text("SOLUSDT / AVAXUSDT · 1s")
    until(window, "location.search.includes('follow=1') && location.search.includes('bare=1')")
    window.reload()
    expect(window.locator("#window-pair")).to_have_text("SOLUSDT / AVAXUSDT · 1s")
    window.close()


def test_the_tabs_title_carries_z_and_the_pair_when_asked_to(open_tab):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "zscore-chart", 50)
    assert page.title() == "Analytics - Spreadscope"
    page.keyboard.press("z")
    until(page, r"/^z [+−]?\d+\.\d BTCUSDT \/ ETHUSDT - Analytics/.test(document.title)")
    page.keyboard.press("z")
    until(page, "document.title === 'Analytics - Spreadscope'")


def test_nothing_of_it_scrolls_a_phone_sideways(open_tab):
    page = open_tab("/analytics?pairs=BTCUSDT~ETHUSDT,SOLUSDT~AVAXUSDT", 380, 800, "light")
    wait_for_points(page, "compare-chart-1", 50)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    open_views(page)
    assert page.evaluate("document.querySelector('#views-dialog').scrollWidth") <= 380
    page.keyboard.press("Escape")
    press_ctrl_k(page)
    assert page.evaluate("document.querySelector('#palette-dialog').scrollWidth") <= 380
