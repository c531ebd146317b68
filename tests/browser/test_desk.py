"""What a trader's day found: states that say what is so, and nothing false beside them."""

from __future__ import annotations

from looks import points, until, wait_for_points
from playwright.sync_api import expect

expect.set_options(timeout=30_000)
PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"


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
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "zscore-chart", 300)
    page.fill("#z-window", "5000")
    expect(page.locator("#z-window-message")).to_have_text(
        "5000: expected at most Bars in view (1000)"
    )
    page.fill("#bars-in-view", "6000")  # legal now, and more than there are
    expect(page.locator("#z-window-message")).to_have_text("")
    expect(page.locator("#zscore-chart")).to_contain_text("lower z window")
    for chart in ("spread-chart", "hedge-scatter", "hedge-path-chart", "adf-chart"):
        wait_for_points(page, chart, 100)
    expect(page.locator("#pair-figures")).to_contain_text("Engle-Granger")
