"""A link that is opened before its feed has brought the symbols that it names."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from looks import points, until, wait_for_points
from playwright.sync_api import expect
from running_app import start, stop
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

OTHERS, WANTED = ("AAAUSDT", "BBBUSDT"), ("PEPEUSDT", "SHIBUSDT")


@contextmanager
def stages() -> Iterator[tuple[str, list[threading.Event]]]:
    """A stream that brings nothing, then two symbols, then two more; an event lets each come."""
    gates = [threading.Event(), threading.Event()]
    over = threading.Event()

    def run(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            send_to(socket)

    def send_to(socket: ServerConnection) -> None:
        sent = {name: time.time() - 300 for name in (*OTHERS, *WANTED)}
        while not over.wait(0.05):
            for gate, names in zip(gates, (OTHERS, WANTED), strict=True):
                for name in names if gate.is_set() else ():
                    while sent[name] < time.time():
                        row = {"symbol": name, "ts": int(sent[name] * 1_000), "size": 1}
                        price = 100 + (sent[name] * 7_919 + sum(name.encode())) % 3
                        socket.send(json.dumps({**row, "price": price}))
                        sent[name] += 1.0

    with serve(run, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/", gates
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("link", ["market=live&", ""])
def test_a_link_keeps_its_pair_until_the_feed_has_its_symbols(open_tab, link):
    y, x = WANTED
    with stages() as (url, gates):
        app = start("--source", url)
        try:
            asked = f"{link}y={y}&x={x}&z_window=30"
            page = open_tab(f"/analytics?{asked}", url=app.url, may_lose_the_server=True)
            answer = page.locator("#answer-line")
            expect(answer).to_contain_text("no data yet", timeout=60_000)
            gates[0].set()
            expect(answer).to_contain_text(
                f"waiting for the first trades of {y} and {x}", timeout=60_000
            )
            until(page, f"location.search.includes('y={y}&x={x}')")
            assert points(page, "spread-chart") == 0
            gates[1].set()
            wait_for_points(page, "spread-chart", 30)
            until(page, f"location.search.includes('y={y}&x={x}')")
            assert page.input_value("#leg-y") == y
            assert page.input_value("#leg-x") == x
        finally:
            stop(app)
