"""Every page open live for minutes, over markets that are hard to draw.

`python -m pytest -n 0 -m soak -s tests/browser/test_soak_pages.py` takes ten minutes a market;
SPREADSCOPE_SOAK_MINUTES says how many. Each line is a page: how far its parts jumped, by the
browser's own score, how wide it is beside the window, and what its console said.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from looks import until
from running_app import Tab, start, stop
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

MINUTES = float(os.environ.get("SPREADSCOPE_SOAK_MINUTES", "10"))
#: Of a page that is opened the first parts find their place; from then on nothing may jump.
SETTLING_MS = 20_000
#: What web.dev calls good is 0.1 for a visit of any length.
MOST_SHIFT = 0.1
HISTORY_S = 600
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


@contextmanager
def stream(names: list[str], price: float, decimals: int) -> Iterator[str]:
    """A stream of trades over a WebSocket: some minutes of the past first, then live."""
    rng = random.Random(7)
    prices = dict.fromkeys(names, price)
    over = threading.Event()

    def trade(name: str, at: float) -> str:
        prices[name] *= 1.0 + rng.gauss(0.0, 4e-4)
        row = {"symbol": name, "ts": int(at * 1_000), "size": round(rng.uniform(0.1, 9.0), 3)}
        return json.dumps({**row, "price": round(prices[name], decimals)})

    def run(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            send_to(socket)

    def send_to(socket: ServerConnection) -> None:
        began = time.time()
        for second in range(HISTORY_S, 0, -1):
            for name in names:
                socket.send(trade(name, began - second))
        while not over.wait(0.2):
            for name in names:
                socket.send(trade(name, time.time()))

    with serve(run, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ticks"
        finally:
            over.set()
            server.shutdown()
            thread.join()


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


def opened(chromium, url: str, path: str, width: int) -> Tab:
    """A page in a browser window of its own, with its complaints."""
    context = chromium.new_context(viewport={"width": width, "height": 900})
    context.add_init_script("localStorage.setItem('visited', 'yes')")
    tab = Tab(context.new_page())
    tab.page.set_default_timeout(180_000)
    tab.page.on("console", tab.listen)
    tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.page.goto(url + path)
    return tab


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
