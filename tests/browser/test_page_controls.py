"""The controls of the pages in a real browser: fields, links, zoom, freezing, shortcuts."""

from __future__ import annotations

import pytest
from looks import last, points, settled, until, until_another, wait_for_points, wait_for_wiring

NEWEST = """
(id) => {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  const utc = (one) => (typeof one === "string" ? Date.parse(one.replace(" ", "T") + "Z") : one);
  const [from, to] = plot._fullLayout.xaxis.range.map(utc);
  const seen = plot.calcdata.flat().filter((one) => one.x >= from - 1e4 && one.x <= to + 1e4);
  return [to - from, Date.now() - to, seen.length];
}
"""

#: Few bars, since every one is drawn twice a second.
ANALYTICS = "/analytics?limit=400"


def test_the_timeframe_and_the_windows_change_the_charts_and_the_link(open_tab):
    page = open_tab(ANALYTICS)
    wait_for_points(page, "zscore-chart", 100)
    page.fill("#z-window", "200")
    until(page, "location.search.includes('z_window=200')")
    page.select_option("#timeframe", "1m")
    until(page, "location.search.includes('timeframe=1m')")
    until(page, "document.body.innerText.includes('needs 200 bars')")
    page.select_option("#timeframe", "1s")
    wait_for_points(page, "zscore-chart", 100)


def test_a_field_out_of_range_says_so_and_the_last_good_view_stays(open_tab):
    page = open_tab(ANALYTICS)
    wait_for_points(page, "zscore-chart", 100)
    page.fill("#z-window", "1")
    page.wait_for_selector("#z-window-message:not(:empty)")
    assert "2 to 5000" in page.locator("#z-window-message").inner_text()
    assert points(page, "zscore-chart") > 100
    assert "z_window=1" not in page.url
    page.fill("#z-window", "60")
    page.wait_for_selector("#z-window-message:empty", state="attached")


def test_the_legs_and_the_symbols_can_be_changed_and_swapped(open_tab):
    page = open_tab(ANALYTICS)
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
            assert f"Y: {legs[0]}" in page.locator("#hedge-scatter").text_content()
        first.wait_for_timeout(700)


COUNT_DRAWN = """() => {
  const plot = document.querySelector('#spread-chart .js-plotly-plot');
  window.drawn = 0;
  window.whole = false;
  plot.on('plotly_afterplot', () => {
    window.drawn += 1;
    if (plot._fullLayout.xaxis.autorange) window.whole = true;
  });
}"""
DRAW_WHOLE = """() => {
  const { figure } = window.dash_component_api.getLayout('spread-chart').props;
  const { range, autorange, ...xaxis } = figure.layout.xaxis;
  const layout = { ...figure.layout, xaxis };
  window.dash_clientside.set_props('spread-chart', { figure: { ...figure, layout } });
}"""


def test_zoom_survives_updates_and_the_other_charts_follow(open_tab):
    page = open_tab(ANALYTICS)
    for chart in ("spread-chart", "zscore-chart"):
        wait_for_points(page, chart, 100)
        wait_for_wiring(page, chart)
    page.evaluate(
        """() => {
          const plot = document.querySelector('#spread-chart .js-plotly-plot');
          const axis = plot._fullLayout.xaxis;
          const [from, to] = axis.range.map((end) => axis.r2l(end));
          const inside = [to - 0.5 * (to - from), to - 0.25 * (to - from)];
          return Plotly.relayout(plot, {'xaxis.range': inside.map((end) => axis.l2r(end))});
        }"""
    )
    read = """(id) => document.querySelector(`#${id} .js-plotly-plot`)
        ._fullLayout.xaxis.range.map(String).join('|')"""
    zoomed = page.evaluate(read, "spread-chart")
    same = f"({read})('spread-chart') === {zoomed!r} && ({read})('zscore-chart') === {zoomed!r}"
    until(page, f"document.querySelector('.follow') && {same}")
    page.evaluate(COUNT_DRAWN)
    until(page, f"window.drawn >= 6 && {same}")
    page.evaluate(DRAW_WHOLE)  # as an answer does that is of another structure
    until(page, "window.whole")
    until(page, same)
    page.click(".follow")
    until(
        page, f"({read})('spread-chart') !== {zoomed!r} && ({read})('zscore-chart') !== {zoomed!r}"
    )


def test_freezing_holds_the_charts_while_ingestion_goes_on(open_tab, app):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    page.focus("#tab-home")  # as after a click on it
    page.keyboard.press(" ")
    until(page, "document.querySelector('#paused-mark').textContent.includes('frozen')")
    before = settled(page, "price-chart")
    ticks = app.status()["markets"]["demo"]["accepted"]
    page.wait_for_timeout(1_500)
    assert last(page, "price-chart") == before
    assert app.status()["markets"]["demo"]["accepted"] > ticks
    page.keyboard.press(" ")
    until_another(page, "price-chart", before)


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


def test_shortcuts_switch_pages_theme_and_legs(open_tab):
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    page.keyboard.press("3")
    until(page, "location.pathname === '/analytics'")
    wait_for_points(page, "spread-chart", 10)
    y = page.input_value("#leg-y")
    page.keyboard.press("s")
    until(page, f"document.querySelector('#leg-x').value === '{y}'")
    page.keyboard.press("t")
    until(page, "document.documentElement.dataset.bsTheme === 'light'")
    page.keyboard.press("?")
    page.wait_for_selector(".modal.show")


def test_a_range_button_shows_the_newest_minute_and_moves_on(open_tab):
    charts = ("spread-chart", "zscore-chart", "adf-chart")
    page = open_tab(ANALYTICS)
    for chart in charts:
        wait_for_points(page, chart, 20)
    page.click(".range-button[data-seconds='60']")
    for _ in range(2):
        page.wait_for_timeout(2_000)
        for chart in charts:
            span_ms, behind_ms, _ = page.evaluate(NEWEST, chart)
            assert span_ms == pytest.approx(60_000, abs=1), chart
            assert abs(behind_ms) < 10_000, chart


def test_a_bad_link_keeps_what_is_good_and_says_what_is_not(open_tab):
    page = open_tab("/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&hedge=evil&z_window=abc")
    wait_for_points(page, "spread-chart", 100)
    assert page.input_value("#leg-y") == "SOLUSDT"
    assert page.input_value("#hedge-method") == "ols"
    assert "evil" in page.locator("#frame-message").inner_text()


def test_a_link_whose_fields_do_not_go_together_opens_with_the_rest_and_says_so(open_tab):
    page = open_tab(
        "/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&timeframe=1m&spread_mode=locked&z_window=20"
    )
    until(page, "document.querySelector('#view-message').innerText.includes('Locked β')")
    assert "Shown with the usual Hedge mode" in page.locator("#view-message").inner_text()
    until(page, "location.search.includes('timeframe=1m')")
    page.locator("#locked-beta").fill("1.5")
    page.locator("#locked-beta").press("Enter")
    until(page, "document.querySelector('#view-message').innerText === ''")
    until(page, "location.search.includes('spread_mode=locked')")
