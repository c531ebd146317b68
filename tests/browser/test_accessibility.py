"""What axe-core once found on every page, and what a phone needs: held without axe-core."""

from __future__ import annotations

from looks import until
from playwright.sync_api import expect

STATE = "document.querySelector('#answer-line')?.innerText.length > 5"
ROOM = """() => {
  const tabs = document.querySelector('.tabs');
  const boxes = [...tabs.querySelectorAll('.nav-link')].map((one) => one.getBoundingClientRect());
  return {
    count: boxes.length,
    hidden: tabs.scrollWidth - tabs.clientWidth,
    lowest: Math.min(...boxes.map((one) => Math.min(one.height, one.width))),
    apart: boxes.slice(1).every((one, place) => one.left >= boxes[place].right),
    size: parseFloat(getComputedStyle(tabs.querySelector('.nav-link')).fontSize),
  };
}"""


def test_the_list_of_symbols_is_a_button_that_opens_named_check_boxes(open_tab):
    page = open_tab("/correlation")
    until(page, STATE)
    expect(page.locator(".dash-dropdown-focus-target")).to_be_hidden()
    group = page.get_by_role("group", name="Symbols").first
    button = group.get_by_role("button", name="BTCUSDT, ETHUSDT")
    page.locator("#source-kind").focus()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("ArrowDown")
    opened = page.get_by_role("dialog", name="Symbols")
    boxes = opened.get_by_role("group", name="Symbols").get_by_role("checkbox")
    expect(boxes).to_have_count(7)
    expect(page.locator(".dash-dropdown-search")).to_be_focused()
    box = opened.get_by_role("checkbox", name="ETHUSDT")
    expect(box).to_be_checked()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(box).to_be_focused()
    page.keyboard.press(" ")
    expect(box).not_to_be_checked()
    assert (
        page.locator(".dash-options-list [role], .dash-options-list [aria-selected]").count() == 0
    )
    page.keyboard.press("Escape")
    expect(group.get_by_role("button", name="BTCUSDT, SOLUSDT")).to_be_focused()


def test_every_dialog_bears_its_title_as_its_name(open_tab):
    page = open_tab("/data")
    until(page, STATE)
    page.click("#help-toggle")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_be_visible()
    page.keyboard.press("Escape")
    expect(shortcuts).to_be_hidden()
    page.click("#feed-log-toggle")
    expect(page.get_by_role("dialog", name="Feed log, newest first (UTC)")).to_be_visible()


def test_the_tabs_of_the_pages_fit_a_phone(open_tab):
    page = open_tab("/alerts", width=380, height=800)
    until(page, STATE)
    room = page.evaluate(ROOM)
    assert room["count"] == 7
    assert room["hidden"] == 0
    assert room["apart"]
    assert room["lowest"] >= 24
    assert room["size"] >= 12
