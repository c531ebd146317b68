"""What two places of a page say of one thing: a bar, a number, a field and its neighbour."""

from __future__ import annotations

import pytest
from looks import until, wait_for_points

pytestmark = pytest.mark.browser

PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT"
#: Widths of the head at which a point between two clauses begins a line.
LEADING_POINTS = """(widths) => {
  const line = document.getElementById("answer-line");
  const begins = (width) => {
    line.style.width = `${width}px`;
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    let before = null;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const box = document.createRange();
      const at = node.data.indexOf("·");
      if (at >= 0 && before) {
        box.setStart(node, at);
        box.setEnd(node, at + 1);
        if (box.getBoundingClientRect().top >= before.bottom - 2) return true;
      } else if (node.data.trim()) {
        box.selectNodeContents(node);
        before = [...box.getClientRects()].pop();
      }
    }
    return false;
  };
  return widths.filter(begins);
}"""
#: The readout where the mouse is 0.4 s before the bar that the tooltip names.
READOUT = """() => {
  const plot = document.querySelector("#zscore-chart .js-plotly-plot");
  const bar = Date.UTC(2024, 7, 8, 12, 0, 30);
  plot.emit("plotly_hover", { points: [{ x: bar }], xvals: [bar - 400] });
  return document.querySelector(".crosshair-readout").textContent;
}"""


def test_no_line_of_the_head_begins_with_the_point_between_two_clauses(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "zscore-chart", 300)
    until(page, "document.querySelectorAll('#answer-line > span > span').length > 4")
    assert page.evaluate(LEADING_POINTS, list(range(300, 1_000, 5))) == []


def test_the_readout_is_of_the_bar_that_the_tooltip_names(open_tab):
    page = open_tab(f"/analytics?{PAIR}")
    wait_for_points(page, "zscore-chart", 300)
    assert page.evaluate(READOUT).startswith("12:00:30 UTC")


def test_a_table_writes_a_number_as_a_sentence_does(open_tab):
    page = open_tab(f"/backtest?{PAIR}")
    until(page, "window.dashAgGridFunctions && window.dashAgGridFunctions.figure")
    texts = ["−0.00", "+0.00", "-0.04", "0%", "+1.25%", "−1,000"]
    shown = page.evaluate("(texts) => texts.map(window.dashAgGridFunctions.figure)", texts)
    assert shown == ["0.00", "0.00", "−0.04", "0 %", "+1.25 %", "−1,000"]


def test_the_message_under_the_entry_follows_the_z_window(open_tab):
    page = open_tab(f"/backtest?{PAIR}&z_window=5&z_threshold=1")
    words = "expected at most 1.78, the largest |z| of z window (5)"
    until(page, "document.querySelector('#entry-z-message').innerText.includes(given)", words)
    page.fill("#z-window", "30")
    until(page, "document.querySelector('#entry-z-message').innerText === ''")
