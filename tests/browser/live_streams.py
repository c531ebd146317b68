"""A stream of trades over a WebSocket, and pages that are opened over it and left open."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from running_app import Tab
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

HISTORY_S = 600


@contextmanager
def stream(
    names: list[str], price: float, decimals: int, history_s: int = HISTORY_S
) -> Iterator[str]:
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
        for second in range(history_s, 0, -1):
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


def opened(chromium, url: str, path: str, width: int) -> Tab:
    """A page in a browser window of its own, with its complaints."""
    return opened_in(chromium.new_context(), url, path, width)


def opened_in(window, url: str, path: str, width: int) -> Tab:
    """A page in another tab of a window, with its complaints."""
    page = window.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script("localStorage.setItem('visited', 'yes')")
    tab = Tab(page)
    page.set_default_timeout(180_000)
    page.on("console", tab.listen)
    page.on("pageerror", lambda error: tab.errors.append(str(error)))
    page.goto(url + path)
    return tab
