"""axe-core on every page, list, dialog and drawer: both themes, three widths, no violation; and no
page scrolls sideways.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from looks import until

PAGES = ("home", "pairs", "analytics", "correlation", "backtest", "alerts", "data")
WIDTHS = {1440: 900, 768: 1024, 380: 800}
#: Every rule runs; only what breaks one is described, node by node.
TOLD = {"resultTypes": ["violations"]}
READY = "document.querySelector('#answer-line')?.innerText.length > 5"


def violations(page, where: str) -> list[str]:
    """What axe-core finds on the page as it stands."""
    found = Axe().run(page, options=TOLD).response["violations"]
    return [
        f"{where}: {one['id']}, {one['help']}: {node['html'][:120]}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_page_has_a_violation_or_scrolls_sideways_at_any_width(open_tab, theme):
    page = open_tab("/?market=demo", theme=theme)
    assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    found = []
    for name in PAGES:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.click(f"#tab-{name}")
        until(page, f"document.querySelector('h1')?.innerText.toLowerCase() === '{name}'")
        until(page, READY)
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            found += violations(page, f"{name} at {width} px")
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{name} at {width} px is {wide} px wide")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_dialog_drawer_or_list_has_a_violation(open_tab, theme):
    page = open_tab("/data?market=demo", theme=theme)
    until(page, READY)
    found = []
    page.click("#help-toggle")
    page.wait_for_selector("#help-dialog-title >> visible=true")
    found += violations(page, "the shortcuts")
    page.keyboard.press("Escape")
    page.wait_for_selector("#help-dialog-title", state="hidden")
    page.click("#feed-log-toggle")
    page.wait_for_selector("#feed-log-title >> visible=true")
    found += violations(page, "the feed log")
    page.keyboard.press("Escape")
    page.wait_for_selector("#feed-log-title", state="hidden")
    page.get_by_role("group", name="Symbols").first.get_by_role("button").first.click()
    page.wait_for_selector(".dash-dropdown-content")
    found += violations(page, "the list of symbols")
    page.keyboard.press("Escape")
    page.click("#views-menu")
    page.wait_for_selector("#views-list li")
    found += violations(page, "the saved views")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette-list [role=option]")
    found += violations(page, "the palette")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 380, "height": 800})
    page.click("#panel-toggle")
    until(page, "document.body.classList.contains('panel-open')")
    found += violations(page, "the drawer of parameters")
    assert not found, "\n".join(found)
