"""What comes after its page was left: answers, waits that are given up, a field's last event."""

from __future__ import annotations

import pytest
from looks import last, until, until_another, wait_for_points
from playwright.sync_api import expect

#: Holds the answers to the requests that say `what` until `release` is called: with true they come,
#: with false they are lost in the network.
HOLD = """
(what) => {
  const real = window.fetch;
  const held = [];
  window.held = () => held.length;
  window.release = (comes) => held.splice(0).forEach((end) => end(comes));
  window.fetch = async (address, asked) => {
    if (!asked || !String(asked.body).includes(what)) return real(address, asked);
    const answer = await real(address, asked);
    if (await new Promise((end) => held.push(end))) return answer;
    throw new TypeError("Failed to fetch");
  };
}
"""


def goes_on(page, chart="price-chart") -> None:
    """Wait until the page has drawn two answers to requests of its own."""
    for _ in range(2):
        until_another(page, chart, last(page, chart))


def leave(page) -> None:
    """Go to another page once an answer to this one is held."""
    until(page, "window.held() > 0")
    page.click("#tab-home")
    wait_for_points(page, "price-chart", 10)


def test_what_is_told_late_of_a_market_that_was_left_changes_nothing(open_tab):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "zscore-chart", 10)
    known = "dash_component_api.getLayout('known-symbols').props.data"
    told = "dash_component_api.getLayout('known-symbols-told').props.data"
    until(page, f"{known} && {known}.market === 'demo' && {known}.symbols.length")
    page.evaluate(HOLD, '"alerts-badge')
    page.select_option("#market-select", "live")
    until(page, "window.held() > 0")
    page.select_option("#market-select", "demo")
    until(page, "window.held() > 1")
    page.evaluate("window.release(true)")
    until(page, f"{told}.market === 'live'")
    page.wait_for_timeout(200)  # what follows from it has been called by then
    assert page.evaluate(f"() => {known}.market") == "demo"


def test_a_step_back_while_the_view_of_a_link_is_on_its_way_is_a_step_back(open_tab):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT")
    until(page, "location.search.includes('symbols=')")
    page.evaluate(HOLD, '"z-window-message')
    page.evaluate(
        "history.pushState(null, '', '/analytics?market=demo&y=SOLUSDT&x=AVAXUSDT&z_window=90');"
        "dispatchEvent(new PopStateEvent('popstate'))"
    )
    expect(page.locator("#z-window")).to_have_value("90")
    until(page, "window.held() > 0")
    page.go_back()
    expect(page.locator("#leg-y")).to_have_value("BTCUSDT")
    until(page, "window.held() > 1")
    page.evaluate("window.release(true)")
    goes_on(page, "zscore-chart")
    expect(page.locator("#leg-y")).to_have_value("BTCUSDT")
    expect(page.locator("#z-window")).to_have_value("60")


@pytest.mark.parametrize("comes", [True, False])
def test_an_answer_to_an_interval_that_is_gone_is_nothing_to_complain_of(open_tab, comes):
    page = open_tab("/data?market=demo&y=BTCUSDT&x=ETHUSDT", may_lose_the_server=True)
    page.wait_for_selector("#archive-table .ag-root")
    page.evaluate(HOLD, '"archive-interval"')
    leave(page)
    page.evaluate("(comes) => window.release(comes)", comes)
    goes_on(page)
    assert page.locator("#archive-table").count() == 0


def test_an_answer_that_never_comes_is_waited_for_no_longer_than_its_page(open_tab):
    page = open_tab("/data?market=demo&y=BTCUSDT&x=ETHUSDT", may_lose_the_server=True)
    page.wait_for_selector("#archive-table .ag-root")
    page.evaluate(HOLD, '"archive-interval"')
    leave(page)
    page.evaluate("window.spreadscopePace.patienceMs = 500")
    until(page, "window.spreadscopePace.patienceMs > 500")  # as after each wait that was given up
    page.evaluate("window.spreadscopePace.patienceMs = 15000")
    goes_on(page)
    page.evaluate("window.release(true)")
    goes_on(page)


def test_a_button_that_is_gone_when_its_call_is_lost_holds_nothing_up(open_tab):
    page = open_tab("/backtest?market=demo&y=BTCUSDT&x=ETHUSDT", may_lose_the_server=True)
    wait_for_points(page, "equity-chart", 10)
    page.evaluate(HOLD, '"check-look-ahead.n_clicks')
    page.click("#check-look-ahead")
    leave(page)
    page.evaluate("window.release(false)")
    goes_on(page)


def test_a_field_that_is_left_by_going_back_is_none_of_the_next_page(open_tab):
    page = open_tab("/?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "price-chart", 10)
    page.click("#tab-alerts")
    page.click("#rule-threshold")
    page.keyboard.press("Control+A")
    page.keyboard.type("7.5")
    told = "dash_component_api.getLayout('rule-threshold').props.value"
    until(page, f"String({told}) === '7.5'")  # the field still has the keyboard
    page.go_back()
    wait_for_points(page, "price-chart", 10)
    goes_on(page)
    assert "rule-threshold" not in page.url


def test_a_field_that_its_page_takes_along_tells_the_same_page_nothing(open_tab):
    page = open_tab("/pairs")
    page.fill("#scan-bars", "7")
    until(page, "document.querySelector('#scan-bars-message').innerText !== ''")
    page.evaluate(
        "() => ['home', 'pairs'].forEach(tab => document.querySelector(`#tab-${tab}`).click())"
    )
    until(page, "document.querySelector('#scan-bars').value !== '7'")
    expect(page.locator("#scan-bars-message")).to_be_empty()
    bars = "dash_component_api.getLayout('scan-bars').props.value"
    assert page.evaluate(f"() => {bars}") == page.input_value("#scan-bars")


def test_the_address_is_never_that_of_the_page_before(open_tab):
    page = open_tab("/pairs")
    until(page, "location.search.includes('market=')")
    opened = page.evaluate(
        """() => ['home', 'data', 'pairs'].map((tab) => {
          document.querySelector(`#tab-${tab}`).click();
          dash_clientside.spreadscope.refreshLink();  // as a zoom or a page that is drawn does
          return location.pathname;
        })"""
    )
    assert opened == ["/", "/data", "/pairs"]
