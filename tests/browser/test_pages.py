"""Every page in a real browser, on the demo market and on uploaded files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from looks import last, points, until, until_another, wait_for_points
from running_app import start, stop

CHARTS = {
    "/": ("price-chart", "volume-chart", "vwap-chart"),
    "/analytics": (
        "spread-chart",
        "zscore-chart",
        "hedge-scatter",
        "hedge-path-chart",
        "adf-chart",
    ),
    "/correlation": ("correlation-heatmap", "rolling-correlation-chart"),
    "/backtest": ("equity-chart", "drawdown-chart", "backtest-zscore-chart", "sweep-heatmap"),
    "/alerts": ("alert-spread-chart", "alert-zscore-chart"),
}
TICKS = "ticks/ticks_2024-08-09T00-00-00.029Z.ndjson"


@pytest.mark.parametrize("path", CHARTS)
def test_every_chart_of_a_page_shows_the_demo_market(open_tab, path):
    page = open_tab(path)
    for chart in CHARTS[path]:
        wait_for_points(page, chart, 4)
    assert page.locator("#trust-strip").inner_text().startswith("SIMULATED")
    assert len(page.locator("#answer-line").inner_text()) > 20


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
    before = last(page, chart)
    for _ in range(3):
        page.wait_for_timeout(1_500)
        now = last(page, chart)
        assert now != before
        before = now


def test_stop_halts_the_market_and_start_lets_it_go_on(open_tab, app):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    try:
        page.click("#stop-button")
        until(page, "document.querySelector('#feed-status').textContent.includes('stopped')")
        page.wait_for_timeout(1_200)
        before = last(page, "price-chart")
        page.wait_for_timeout(1_500)
        assert last(page, "price-chart") == before
    finally:
        page.click("#start-button")
    until(page, "document.querySelector('#feed-status').textContent.includes('live')")
    page.wait_for_timeout(2_000)
    assert last(page, "price-chart") != before


def test_the_timeframe_and_the_windows_change_the_charts_and_the_link(open_tab):
    page = open_tab("/analytics")
    wait_for_points(page, "zscore-chart", 100)
    page.fill("#z-window", "200")
    until(page, "location.search.includes('z_window=200')")
    page.select_option("#timeframe", "1m")
    until(page, "location.search.includes('timeframe=1m')")
    until(page, "document.body.innerText.includes('needs 200 bars')")
    page.select_option("#timeframe", "1s")
    wait_for_points(page, "zscore-chart", 100)


def test_a_field_out_of_range_says_so_and_the_last_good_view_stays(open_tab):
    page = open_tab("/analytics")
    wait_for_points(page, "zscore-chart", 100)
    page.fill("#z-window", "1")
    page.wait_for_selector("#z-window-message:not(:empty)")
    assert "2 to 5000" in page.locator("#z-window-message").inner_text()
    assert points(page, "zscore-chart") > 100
    assert "z_window=1" not in page.url
    page.fill("#z-window", "60")
    page.wait_for_selector("#z-window-message:empty", state="attached")


def test_the_legs_and_the_symbols_can_be_changed_and_swapped(open_tab):
    page = open_tab("/analytics")
    wait_for_points(page, "spread-chart", 100)
    y, x = page.input_value("#leg-y"), page.input_value("#leg-x")
    page.click("#swap-legs")
    until(page, f"document.querySelector('#leg-y').value === '{x}'")
    assert page.input_value("#leg-x") == y
    page.select_option("#leg-x", "DOGEUSDT")
    until(page, "location.search.includes('x=DOGEUSDT')")
    until(page, "document.querySelector('#hedge-scatter').textContent.includes('X: DOGEUSDT')")


def test_a_link_reproduces_the_view(open_tab):
    page = open_tab("/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&hedge=tls&z_window=90")
    wait_for_points(page, "spread-chart", 100)
    assert page.input_value("#leg-y") == "SOLUSDT"
    assert page.input_value("#leg-x") == "AVAXUSDT"
    assert page.input_value("#hedge-method") == "tls"
    assert page.input_value("#z-window") == "90"


def test_two_tabs_with_different_pairs_do_not_disturb_each_other(open_tab):
    first = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT")
    two = open_tab("/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT")
    for _ in range(4):
        for page, legs in ((first, ("BTCUSDT", "ETHUSDT")), (two, ("SOLUSDT", "AVAXUSDT"))):
            wait_for_points(page, "spread-chart", 100)
            assert page.input_value("#leg-y") == legs[0]
            assert page.input_value("#leg-x") == legs[1]
            assert legs[0] in page.locator("#answer-line").inner_text()
        first.wait_for_timeout(700)


def test_zoom_survives_updates_and_the_other_charts_follow(open_tab):
    page = open_tab("/analytics")
    wait_for_points(page, "spread-chart", 100)
    page.evaluate(
        """() => {
          const plot = document.querySelector('#spread-chart .js-plotly-plot');
          const x = Array.from(plot._fullData[0].x);
          const [from, to] = [x[x.length - 200], x[x.length - 100]];
          return Plotly.relayout(plot, {'xaxis.range': [from, to]});
        }"""
    )
    read = """(id) => document.querySelector(`#${id} .js-plotly-plot`)
        ._fullLayout.xaxis.range.map(String).join('|')"""
    zoomed = page.evaluate(read, "spread-chart")
    page.wait_for_timeout(2_500)
    assert page.evaluate(read, "spread-chart") == zoomed
    assert page.evaluate(read, "zscore-chart") == zoomed
    page.click(".follow")
    until(
        page, f"({read})('spread-chart') !== {zoomed!r} && ({read})('zscore-chart') !== {zoomed!r}"
    )


def test_freezing_holds_the_charts_while_ingestion_goes_on(open_tab, app):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    page.keyboard.press(" ")
    until(page, "document.querySelector('#paused-mark').textContent.includes('frozen')")
    page.wait_for_timeout(700)
    before = last(page, "price-chart")
    ticks = app.status()["markets"]["demo"]["accepted"]
    page.wait_for_timeout(1_500)
    assert last(page, "price-chart") == before
    assert app.status()["markets"]["demo"]["accepted"] > ticks
    page.keyboard.press(" ")
    page.wait_for_timeout(1_500)
    assert last(page, "price-chart") != before


def _drop(page, name: str, text: str) -> None:
    page.evaluate(
        """([name, text]) => {
          const moved = new DataTransfer();
          moved.items.add(new File([text], name));
          for (const kind of ['dragover', 'drop']) {
            document.querySelector('#page-content').dispatchEvent(
              new DragEvent(kind, {dataTransfer: moved, bubbles: true, cancelable: true}));
          }
        }""",
        [name, text],
    )


@pytest.fixture(scope="module")
def recorded(market_data) -> str:
    return (market_data / TICKS).read_text()


def test_a_dropped_tick_file_becomes_a_market_that_every_page_works_on(open_tab, recorded):
    page = open_tab("/data")
    page.wait_for_selector("#upload-data input[type=file]", state="attached")
    _drop(page, "recorded.ndjson", recorded)
    until(page, "document.querySelector('#upload-report').innerText.includes('35,389 rows')")
    until(page, "document.querySelector('#market-select').value.startsWith('upload')")
    until(page, "location.search.includes('market=upload')")
    market = re.search(r"market=([\w-]+)", page.url).group(1)
    for path, charts in CHARTS.items():
        other = open_tab(f"{path}?market={market}")
        for chart in charts:
            wait_for_points(other, chart, 4)
        until(other, "!document.querySelector('#trust-strip').innerText.includes('SIMULATED')")
        other.context.close()


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_four_ohlc_files_make_one_market_that_every_page_works_on(open_tab, market_data, timeframe):
    page = open_tab("/data")
    page.wait_for_selector("#upload-data input[type=file]", state="attached")
    files = sorted(str(path) for path in (market_data / "ohlc").glob("*.csv"))
    page.set_input_files("#upload-data input[type=file]", files)
    until(page, "location.search.includes('market=upload')")
    market = re.search(r"market=([\w-]+)", page.url).group(1)
    for path, charts in CHARTS.items():
        link = f"{path}?market={market}&timeframe={timeframe}&y=BTCUSD&x=ETHUSD"
        other = open_tab(link)
        for chart in charts:
            wait_for_points(other, chart, 4)
        other.context.close()


def test_a_file_that_is_no_tick_data_is_reported_and_makes_no_market(open_tab, app):
    page = open_tab("/data")
    page.wait_for_selector("#upload-data input[type=file]", state="attached")
    before = list(app.status()["markets"])
    _drop(page, "notes.txt", "dear diary,\nno ticks today\n")
    page.wait_for_selector("#upload-report .tone-down")
    assert list(app.status()["markets"]) == before


def test_the_summary_downloads_as_csv_that_can_be_read(open_tab):
    page = open_tab("/data")
    page.wait_for_selector("#summary-table .ag-center-cols-container [role=row]")
    with page.expect_download() as caught:
        page.click("#download-summary")
    rows = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert {"BTCUSDT", "ETHUSDT"} <= {row["symbol"] for row in rows}
    assert all(float(row["last"]) > 0 for row in rows)


def test_ticks_bars_and_analytics_download_as_csv(open_tab):
    page = open_tab("/data")
    page.wait_for_selector("#bars-table .ag-center-cols-container [role=row]")
    for button in ("download-ticks", "download-bars", "download-analytics"):
        with page.expect_download() as caught:
            page.click(f"#{button}")
        rows = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
        assert len(rows) > 100
        assert all(int(row["ts_ms"]) > 1_500_000_000_000 for row in rows)


def test_a_field_of_a_rule_that_is_wrong_says_so_under_it(open_tab):
    page = open_tab("/alerts?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "alert-zscore-chart", 50)
    page.fill("#rule-cooldown", "0,5")
    page.fill("#rule-threshold", "-1")
    until(page, "document.querySelector('#rule-cooldown-message').innerText.includes('0.5')")
    words = page.inner_text("#rule-cooldown-message")
    assert words == "0,5 has a decimal comma: write 0.5"
    page.fill("#rule-cooldown", "1,000")
    until(page, "document.querySelector('#rule-cooldown-message').innerText === ''")
    until(page, "document.querySelector('#rule-threshold-message').innerText !== ''")
    assert page.inner_text("#rule-threshold-message") == "-1: expected a number of at least 0"
    assert page.inner_text("#rule-says") == ""


def test_a_rule_fires_and_shows_as_toast_row_and_marker(open_tab):
    page = open_tab("/alerts?market=demo&y=BTCUSDT&x=ETHUSDT&z_window=10")
    wait_for_points(page, "alert-zscore-chart", 50)
    page.fill("#rule-threshold", "1")
    page.fill("#rule-cooldown", "0")
    page.click("#rule-add")
    row = page.wait_for_selector("#rules-table .ag-center-cols-container [role=row]")
    assert "|z| > 1" in row.inner_text(), "the button acts on what was typed right before"
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


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", [*CHARTS, "/data"])
def test_no_page_scrolls_sideways(open_tab, path, theme):
    page = open_tab(path, width=380, theme=theme)
    until(page, "document.querySelector('#answer-line')?.innerText.length > 5")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    for width in (380, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_shortcuts_switch_pages_theme_and_legs(open_tab):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    page.keyboard.press("2")
    until(page, "location.pathname === '/analytics'")
    wait_for_points(page, "spread-chart", 10)
    y = page.input_value("#leg-y")
    page.keyboard.press("s")
    until(page, f"document.querySelector('#leg-x').value === '{y}'")
    page.keyboard.press("t")
    until(page, "document.documentElement.dataset.bsTheme === 'light'")
    page.keyboard.press("?")
    page.wait_for_selector(".modal.show")


def test_only_the_page_in_view_is_computed(open_tab, app):
    page = open_tab("/data")
    page.wait_for_selector("#summary-table .ag-center-cols-container [role=row]")
    page.wait_for_timeout(1_500)
    before = app.status()["computed"]
    page.wait_for_timeout(2_500)
    after = app.status()["computed"]
    assert after["summary"] > before["summary"]
    for kind in ("snapshot", "backtest", "correlation"):
        assert after.get(kind, 0) == before.get(kind, 0)


NEWEST = """
(id) => {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  const utc = (one) => (typeof one === "string" ? Date.parse(one.replace(" ", "T") + "Z") : one);
  const [from, to] = plot._fullLayout.xaxis.range.map(utc);
  const seen = plot.calcdata.flat().filter((one) => one.x >= from - 1e4 && one.x <= to + 1e4);
  return [to - from, Date.now() - to, seen.length];
}
"""


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_charts_are_drawn_in_utc_in_a_browser_of_another_zone(open_tab, zone):
    page = open_tab("/", zone=zone)
    wait_for_points(page, "price-chart", 100)
    _, behind_ms, points = page.evaluate(NEWEST, "price-chart")
    assert abs(behind_ms) < 30_000
    assert points > 100


def test_a_range_button_shows_the_newest_minute_and_moves_on(open_tab):
    charts = ("spread-chart", "zscore-chart", "adf-chart")
    page = open_tab("/analytics")
    for chart in charts:
        wait_for_points(page, chart, 20)
    page.click(".range-button[data-seconds='60']")
    for _ in range(2):
        page.wait_for_timeout(2_000)
        for chart in charts:
            span_ms, behind_ms, _ = page.evaluate(NEWEST, chart)
            assert span_ms == pytest.approx(60_000, abs=1), chart
            assert abs(behind_ms) < 10_000, chart


def test_an_open_tab_recovers_when_the_server_comes_back(open_tab):
    server = start()
    page = open_tab("/analytics", url=server.url, may_lose_the_server=True)
    wait_for_points(page, "spread-chart", 100)
    port = int(server.url.rpartition(":")[2])
    stop(server)
    page.wait_for_selector(".offline-mark >> visible=true")
    server = start(port=port)
    try:
        page.wait_for_selector(".offline-mark", state="hidden", timeout=10_000)
        until_another(page, "spread-chart", last(page, "spread-chart"))
        wait_for_points(page, "spread-chart", 100)
        until_another(page, "spread-chart", last(page, "spread-chart"))
    finally:
        stop(server)


def test_one_lost_call_does_not_stop_the_page(open_tab):
    page = open_tab("/", may_lose_the_server=True)
    wait_for_points(page, "price-chart", 100)
    lost = []

    def lose_one(route):
        if not lost and "price-chart" in (route.request.post_data or ""):
            lost.append(route)
            route.abort("failed")
        else:
            route.continue_()

    page.route("**/_dash-update-component*", lose_one)
    page.wait_for_timeout(2_500)
    assert lost
    before = last(page, "price-chart")
    page.wait_for_timeout(2_000)
    assert last(page, "price-chart") != before


AFTER_LEAVING = """
(output) => {
  const { requestPre, requestPost } = window.dash_clientside.spreadscope;
  const payload = { output };
  const answer = { "spread-chart": { figure: {} }, "live-cursor": { data: 1 } };
  requestPre(payload);
  const link = window.location.href;
  window.history.replaceState(null, "", "/alerts");
  requestPost(payload, answer);
  window.history.replaceState(null, "", link);
  return Object.keys(answer).length;
}
"""


def test_an_answer_with_charts_of_a_page_that_was_left_is_emptied(open_tab):
    page = open_tab("/analytics")
    for hook in ("request_pre", "request_post"):
        assert f"{hook}: dash_clientside.spreadscope." in page.content()
    assert page.evaluate(AFTER_LEAVING, "..spread-chart.figure...live-cursor.data..") == 0
    assert page.evaluate(AFTER_LEAVING, "alerts-table.rowData") == 2


def test_a_bad_link_keeps_what_is_good_and_says_what_is_not(open_tab):
    page = open_tab("/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&hedge=evil&z_window=abc")
    wait_for_points(page, "spread-chart", 100)
    assert page.input_value("#leg-y") == "SOLUSDT"
    assert page.input_value("#hedge-method") == "ols"
    assert "evil" in page.locator("#frame-message").inner_text()


def test_the_last_point_advances_again_and_again(open_tab, app):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 100)
    for _ in range(10):
        until_another(page, "price-chart", last(page, "price-chart"))
    assert app.status()["callback_ms"]["/"]["median"] > 0
