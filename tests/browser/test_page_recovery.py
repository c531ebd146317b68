"""Open tabs in a real browser, when the server comes back, a call is lost, a page is left."""

from __future__ import annotations

import signal

from looks import last, lose_one, until_another, until_so, wait_for_points
from playwright.sync_api import expect
from running_app import start, stop

AFTER_LEAVING = """
(output) => {
  const { requestPre, requestPost } = window.dash_clientside.spreadscope;
  const payload = { output, inputs: [] };
  const answer = { "spread-chart": { figure: {} }, "live-cursor": { data: 1 } };
  requestPre(payload);
  const link = window.location.href;
  window.history.replaceState(null, "", "/alerts");
  requestPost(payload, answer);
  window.history.replaceState(null, "", link);
  return Object.keys(answer).length;
}
"""


def test_an_open_tab_recovers_when_the_server_comes_back(open_tab):
    server = start()
    page = open_tab("/analytics", url=server.url, may_lose_the_server=True)
    wait_for_points(page, "spread-chart", 100)
    port = int(server.url.rpartition(":")[2])
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    stop(server)
    page.wait_for_selector(".offline-mark >> visible=true")
    expect(page.locator(".offline-mark")).to_be_in_viewport()  # figures without it look live
    server = start(port=port)
    try:
        page.wait_for_selector(".offline-mark", state="hidden", timeout=10_000)
        until_another(page, "spread-chart", last(page, "spread-chart"))
        wait_for_points(page, "spread-chart", 100)
        until_another(page, "spread-chart", last(page, "spread-chart"))
    finally:
        stop(server)


def test_the_figures_of_a_server_that_stands_still_are_called_old(open_tab):
    server = start()
    page = open_tab("/analytics", url=server.url, may_lose_the_server=True)
    wait_for_points(page, "spread-chart", 100)
    server.process.send_signal(signal.SIGSTOP)
    try:
        page.wait_for_selector(".late-mark >> visible=true")
        assert not page.locator(".feed-status").is_visible(), "it is not live"
    finally:
        server.process.send_signal(signal.SIGCONT)
    page.wait_for_selector(".late-mark", state="hidden", timeout=20_000)
    expect(page.locator(".feed-status")).to_be_visible()
    until_another(page, "spread-chart", last(page, "spread-chart"))
    stop(server)


def test_a_pair_that_is_not_the_first_is_there_again_when_the_server_comes_back(open_tab):
    server = start()
    pair = "y=SOLUSDT&x=BNBUSDT"
    page = open_tab(f"/analytics?market=demo&{pair}", url=server.url, may_lose_the_server=True)
    wait_for_points(page, "spread-chart", 100)
    port = int(server.url.rpartition(":")[2])
    stop(server)
    page.wait_for_selector(".offline-mark >> visible=true")
    server = start(port=port)
    try:
        page.wait_for_selector(".offline-mark", state="hidden", timeout=10_000)
        wait_for_points(page, "spread-chart", 100)
        until_another(page, "spread-chart", last(page, "spread-chart"))
        assert (page.input_value("#leg-y"), page.input_value("#leg-x")) == ("SOLUSDT", "BNBUSDT")
        assert pair in page.evaluate("() => location.search")
    finally:
        stop(server)


def test_one_lost_call_does_not_stop_the_page(open_tab):
    page = open_tab("/", may_lose_the_server=True)
    wait_for_points(page, "price-chart", 100)
    lost = lose_one(page, "price-chart")
    until_so(page, lambda: lost)
    until_another(page, "price-chart", last(page, "price-chart"))
    until_another(page, "price-chart", last(page, "price-chart"))


def test_an_answer_with_charts_of_a_page_that_was_left_is_emptied(open_tab):
    page = open_tab("/analytics")
    for hook in ("request_pre", "request_post"):
        assert f"{hook}: dash_clientside.spreadscope." in page.content()
    assert page.evaluate(AFTER_LEAVING, "..spread-chart.figure...live-cursor.data..") == 0
    assert page.evaluate(AFTER_LEAVING, "alerts-table.rowData") == 2
