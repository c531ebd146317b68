"""The tear sheet in a real browser: by its button, offline, and on paper."""

from __future__ import annotations

import re

from looks import wait_for_points

#: Px of the part of an A4 page inside its margins of 12 mm.
PAPER = {"width": 703, "height": 1032}
PARTS = """
() => [...document.querySelectorAll('figure, section, .two')].map((one) => [
  one.getBoundingClientRect().height,
  getComputedStyle(one).breakInside,
  one.scrollWidth - one.clientWidth,
])
"""


def test_the_button_opens_a_sheet_that_asks_for_nothing_and_prints_uncut(
    open_tab, chromium, tmp_path
):
    page = open_tab("/backtest?market=demo&y=BTCUSDT&x=ETHUSDT&entry_z=1.5&cost_bps=0.2")
    wait_for_points(page, "equity-chart", 50)
    with page.expect_popup() as opened:
        page.locator("#tear-sheet").click()
    sheet = opened.value
    sheet.wait_for_load_state()
    assert "entry_z=1.5" in sheet.url
    path = tmp_path / "sheet.html"
    path.write_text(sheet.content())
    sheet.close()

    context = chromium.new_context(viewport=PAPER, offline=True)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert complaints == []
    assert page.locator("svg").count() >= 8
    page.emulate_media(media="print")
    parts = page.evaluate(PARTS)
    assert len(parts) > 10
    for height, rule, hidden in parts:
        assert height < PAPER["height"]
        assert rule == "avoid"
        assert hidden == 0
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 2 <= pages <= 4
    context.close()
