"""The Analytics page's tables, its parameters, and what a link and a freeze keep."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from looks import last, until, until_another, until_so, wait_for_points, wait_for_wiring

PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"
#: Every parameter of a pair away from its default: its control, and what it is set to.
PARAMETERS = {
    "timeframe": ("timeframe", "1s"),
    "limit": ("bars-in-view", "400"),
    "hedge": ("hedge-method", "huber"),
    "price_space": ("price-space", "log"),
    "hedge_window": ("hedge-window", "300"),
    "z_window": ("z-window", "90"),
    "z_threshold": ("z-threshold", "1.5"),
    "corr_window": ("corr-window", "45"),
    "corr_on": ("corr-on", "prices"),
    "trend": ("adf-trend", "ct"),
    "lag_method": ("lag-method", "bic"),
    "adf_window": ("adf-window", "150"),
    "min_trades": ("min-trades", "2"),
    "min_volume": ("min-volume", "20000"),
}
RANGE = """(id) => document.querySelector(`#${id} .js-plotly-plot`)
    ._fullLayout.xaxis.range.map(String).join('|')"""


def test_the_methods_and_johansens_test_stand_beside_the_figures(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "hedge-path-chart", 300)
    until(page, "document.querySelectorAll('#hedge-methods tbody tr').length >= 7")
    methods = page.locator("#hedge-methods").inner_text()
    for method in ("OLS", "Huber", "Theil-Sen", "TLS", "Kalman", "ratio", "legs swapped"):
        assert method in methods
    assert "by method" in page.locator("#hedge-choice").inner_text()
    until(page, "document.querySelectorAll('#johansen-test tbody tr').length === 4")
    assert "bars up to 20" in page.locator("#johansen-test .small").inner_text()
    figures = page.locator("#pair-figures").inner_text()
    for label in ("Engle-Granger", "ADF of the spread", "indicative", "Half-life", "OU level (μ)"):
        assert label in figures


def test_a_link_sets_every_parameter_and_the_page_says_what_was_dropped(open_tab):
    query = {name: value for name, (_, value) in PARAMETERS.items()}
    page = open_tab(f"/analytics?{PAIR}&intercept=false&{urlencode(query)}")
    wait_for_points(page, "spread-chart", 100)
    for control, value in PARAMETERS.values():
        assert page.input_value(f"#{control}") == value
    assert not page.is_checked("#hedge-intercept")
    figures = page.locator("#pair-figures").inner_text()
    assert "dropped by the activity filter" in figures
    assert "Carried forward" in figures
    until(page, "location.search.includes('min_trades=2')")
    for name, value in query.items():
        assert name == "timeframe" or f"{name}={value}" in page.url


def test_every_parameter_can_be_set_and_goes_into_the_link(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "spread-chart", 100)
    for name, (control, value) in PARAMETERS.items():
        if page.locator(f"#{control}").evaluate("one => one.tagName") == "SELECT":
            page.select_option(f"#{control}", value)
        else:
            page.fill(f"#{control}", value)
        if name != "timeframe":
            until(page, f"location.search.includes('{name}={value}')")
    page.uncheck("#hedge-intercept")
    until(page, "location.search.includes('intercept=false')")
    until(page, "document.querySelector('#hedge-scatter').innerText.includes('uncentred')")
    until(page, "document.querySelector('#adf-chart').innerText.includes('150 bars')")


def test_a_parameter_changed_while_frozen_applies_to_the_frozen_data(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "spread-chart", 100)
    page.keyboard.press(" ")
    until(page, "document.querySelector('#paused-mark').textContent.includes('frozen')")
    until_ms = page.evaluate("() => dash_component_api.getLayout('frozen').props.data.until_ms")

    def newest_ms() -> int:
        return int(last(page, "spread-chart").partition("|")[0])

    # An answer under way at the freeze may show a bar more, until the first that knows of it.
    until_so(page, lambda: newest_ms() <= until_ms)
    before = newest_ms()
    page.fill("#z-window", "90")
    until(page, "document.querySelector('#spread-chart').innerText.includes('90 bars')")
    assert newest_ms() == before
    page.locator("#page-content").focus()
    page.keyboard.press(" ")
    until(page, "document.querySelector('#paused-mark').textContent === ''")
    until_another(page, "spread-chart", last(page, "spread-chart"))
    assert newest_ms() != before


def test_links_between_pages_keep_candles_and_zoom(open_tab):
    page = open_tab(f"/?{PAIR}")
    wait_for_points(page, "price-chart", 100)
    page.get_by_label("Candles").check()
    until(page, "location.search.includes('prices=candles')")
    page.click("#tab-analytics")
    for chart in ("spread-chart", "zscore-chart"):
        wait_for_points(page, chart, 100)
        wait_for_wiring(page, chart)
    page.evaluate(
        """() => {
          const plot = document.querySelector('#spread-chart .js-plotly-plot');
          const [from, to] = plot._fullLayout.xaxis.range
            .map((one) => typeof one === 'number' ? one : Date.parse(one.replace(' ', 'T') + 'Z'));
          return Plotly.relayout(plot, {'xaxis.range': [to - 300000, to - 100000]});
        }"""
    )
    until(page, "location.search.includes('from=')")
    zoomed = page.evaluate(RANGE, "zscore-chart")
    page.click("#tab-home")
    wait_for_points(page, "price-chart", 100)
    until(page, f"({RANGE})('price-chart') === {zoomed!r}")
    link = "/?" + page.url.partition("?")[2]
    page.close()
    opened = open_tab(link)
    wait_for_points(opened, "price-chart", 100)
    until(opened, f"({RANGE})('price-chart') === {zoomed!r}")
    kind = "document.querySelector('#price-chart .js-plotly-plot')._fullData[0].type"
    until(opened, f"{kind} === 'candlestick'")
    opened.keyboard.press("r")
    until(opened, "!location.search.includes('from=')")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_tables_fit_a_phone_and_scroll_inside_themselves(open_tab, theme):
    page = open_tab(f"/analytics?{PAIR}", width=380, height=800, theme=theme)
    until(page, "document.querySelectorAll('#johansen-test tbody tr').length === 4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    for table in ("#pair-figures", "#johansen-test"):
        wide = page.locator(table).evaluate("one => one.scrollWidth - one.clientWidth")
        assert wide <= 0, f"{table} does not fit"
    page.locator("#hedge-methods").focus()
    assert page.evaluate("document.activeElement.id") == "hedge-methods"
