"""Every page open live for minutes, over markets that are hard to draw.

`python -m pytest -n 0 -m soak -s tests/browser/test_soak_pages.py` takes ten minutes a market;
SPREADSCOPE_SOAK_MINUTES says how many. Each line is a page: how far its parts jumped, by the
browser's own score, how wide it is beside the window, and what its console said.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from live_streams import opened, stream
from looks import until
from running_app import start, stop

MINUTES = float(os.environ.get("SPREADSCOPE_SOAK_MINUTES", "10"))
#: Of a page that is opened the first parts find their place; from then on nothing may jump.
SETTLING_MS = 20_000
#: What web.dev calls good is 0.1 for a visit of any length.
MOST_SHIFT = 0.1
PATHS = ("/", "/pairs", "/analytics", "/correlation", "/backtest", "/alerts", "/data")
WIDTHS = (1440, 768, 380)

LONG = [f"{letter * 60}USDT" for letter in "AB"]
#: Each market: its symbols, the first price of each, and the decimals of a price.
MARKETS: dict[str, tuple[list[str], float, int]] = {
    "demo": ([], 0.0, 0),
    "40 symbols": ([f"S{place:02d}USDT" for place in range(40)], 100.0, 2),
    "one symbol": (["BTCUSDT"], 60_000.0, 1),
    "prices of 0.00001": (["PEPEUSDT", "SHIBUSDT"], 0.00001, 10),
    "names of 64 characters": (LONG, 250.0, 2),
}
WATCH = """() => {
  window.jumps = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (one.hadRecentInput) continue;
      const named = (node) => node && (node.id || node.className || node.nodeName);
      const parts = one.sources.slice(0, 3).map((part) => {
        const { previousRect: was, currentRect: is } = part;
        const at = (box) => [box.x, box.y, box.width, box.height].map(Math.round).join(' ');
        return `${named(part.node)} in ${named(part.node?.parentElement)}: ${at(was)} > ${at(is)}`;
      });
      window.jumps.push({ value: one.value, parts });
    }
  }).observe({ type: 'layout-shift', buffered: false });
}"""


@pytest.fixture(params=MARKETS)
def live_app(request) -> Iterator:
    """The app over one of the markets, with a rule that fires and a pair that is watched."""
    names, price, decimals = MARKETS[request.param]
    if not names:
        app = start()
        yield request.param, app
        stop(app)
        return
    with stream(names, price, decimals) as url:
        app = start("--source", url, "--symbols", ",".join(names))
        yield request.param, app
        stop(app)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_jumps_complains_or_scrolls_sideways(chromium, live_app, width):
    market, app = live_app
    tabs = {path: opened(chromium, app.url, path, width) for path in PATHS}
    for tab in tabs.values():
        until(tab.page, "document.querySelector('#answer-line')?.innerText.length > 5")
    next(iter(tabs.values())).page.wait_for_timeout(SETTLING_MS)
    for tab in tabs.values():
        tab.page.evaluate(WATCH)
    ends = time.monotonic() + 60 * MINUTES
    sideways: dict[str, int] = dict.fromkeys(PATHS, 0)
    while time.monotonic() < ends:
        for path, tab in tabs.items():
            tab.page.wait_for_timeout(500)
            seen = tab.page.evaluate("document.documentElement.scrollWidth")
            sideways[path] = max(sideways[path], seen - width)
    faults = []
    for path, tab in tabs.items():
        jumps = tab.page.evaluate("window.jumps")
        score = sum(one["value"] for one in jumps)
        told = f"{market}, {path}, {width} px: shift {score:.4f} in {len(jumps)}"
        print(f"{told}, sideways {sideways[path]} px, console {tab.errors}")  # noqa: T201
        for one in sorted(jumps, key=lambda one: -one["value"])[:3]:
            print(f"    {one['value']:.4f} {one['parts']}")  # noqa: T201
        if score > MOST_SHIFT or sideways[path] > 0 or tab.errors:
            faults.append(told)
        tab.page.context.close()
    assert not faults
