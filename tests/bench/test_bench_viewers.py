"""How long viewers of Analytics wait, while a feed sends 5,000 messages a second beside them.

Run with -m bench -s. The server is a process of its own; the viewers, the trades and it share the
machine's cores. A viewer asks every 500 ms, as a page does, or when its answer has come; unlike a
page it goes on so while the server says that pages are refreshed less often. How many of the
answers had a new picture is said beside.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from dashapp import ids
from dashapp.parameters.pair import check, to_dict
from tests.bench.page_server import body_of
from tests.browser.live_streams import opened_in
from tests.browser.looks import hide, until_so, wait_for_points
from tests.browser.running_app import App, start
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

FIREHOSE = Path(__file__).with_name("firehose.py")
CURSOR = ids.cursor_of("/analytics")
EVERY_S, SECONDS, BARS = 0.5, 20.0, 800
SYMBOLS = ("BTCUSDT", "ETHUSDT")
TABS, WARM_MS, LOOKS_MS = 20, 20_000, 60_000
#: How long the newest calls of a page took, from when each was sent to the end of its answer.
WAITS = """() => {
  const calls = performance.getEntriesByType("resource");
  performance.clearResourceTimings();
  const callbacks = calls.filter(({ name }) => name.includes("_dash-update-component"));
  return callbacks.map(({ requestStart, responseEnd }) => responseEnd - requestStart);
}"""


@contextmanager
def beside_a_feed() -> Iterator[App]:
    """The app on 5,000 messages a second, with the demo market beside them."""
    command = [sys.executable, str(FIREHOSE), "--rate", "5000", "--seconds", "1200"]
    hose = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert hose.stdin is not None
        assert hose.stdout is not None
        port = json.loads(hose.stdout.readline())["port"]
        app = start("--source", f"ws://127.0.0.1:{port}/")
        try:
            hose.stdin.write(b"go\n")
            hose.stdin.flush()
            yield app
        finally:
            app.process.terminate()
            app.process.wait()
    finally:
        hose.kill()
        hose.wait()


class Viewer:
    """A page that asks over a connection of its own, and keeps what it was told."""

    def __init__(self, app: App, callback: dict[str, Any], view: dict[str, Any]) -> None:
        self.waits_s: list[float] = []
        self.refused = self.news = 0
        self._host, self._port = app.url.removeprefix("http://").split(":")
        self._callback, self._cursor, self._ticks = callback, None, 0
        self._held = {ids.VIEW: view, ids.THEME: "dark", ids.FROZEN: False}

    async def watch(self, seconds: float) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port))
        await asyncio.sleep(random.uniform(0, EVERY_S))  # pages are not opened in step
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            status, answer = await self._ask()
            self.waits_s.append(time.perf_counter() - began)
            self.refused += status not in (200, 204)
            self.news += status == 200
            if status == 200:
                self._cursor = json.loads(answer)["response"].get(CURSOR, {"data": self._cursor})[
                    "data"
                ]
            await asyncio.sleep(max(began + EVERY_S - time.perf_counter(), 0.0))
        self._writer.close()

    async def _ask(self) -> tuple[int, bytes]:
        self._ticks += 1
        held = {**self._held, ids.INTERVAL: self._ticks, CURSOR: self._cursor}
        body = body_of(self._callback, held)
        head = (
            f"POST /_dash-update-component HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        lengths = [line for line in lines if line.startswith("content-length:")]
        length = int(lengths[0].split(":")[1]) if lengths else 0
        return int(lines[0].split()[1]), await self._reader.readexactly(length)


def live_callback(app: App) -> dict[str, Any]:
    """The page's live callback, as the server tells it to browsers."""
    dependencies = app.get("/_dash-dependencies").json()
    (callback,) = (
        one
        for one in dependencies
        if f"{CURSOR}.data" in one["output"]
        and one["inputs"][0]
        and f"{ids.ADF_CHART}.figure" in one["output"]
    )
    return callback


def views(count: int, pairs: int) -> list[dict[str, Any]]:
    """What so many viewers look at: so many pairs that differ in all that is computed of them."""
    made = []
    for at in range(count):
        asked = {"y": SYMBOLS[0], "x": SYMBOLS[1], "z_window": 60 + at % pairs, "limit": BARS}
        view, errors = check("live", [], asked, SYMBOLS)
        assert not errors
        made.append(to_dict(view))
    return made


async def ready(app: App) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=app.url) as client:
        while not (await client.get("/api/status")).json()["kernels_ready"]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("count", "pairs"), [(50, 1), (50, 50), (100, 100)], ids=["50 of one", "50 of 50", "100 of 100"]
)
async def test_viewers_beside_a_feed(count: int, pairs: int, capsys: Any) -> None:
    with beside_a_feed() as app:
        await ready(app)
        callback = live_callback(app)
        viewers = [Viewer(app, callback, view) for view in views(count, pairs)]
        await asyncio.gather(*(viewer.watch(5.0) for viewer in viewers))  # each has its picture
        for viewer in viewers:
            viewer.waits_s.clear()
            viewer.news = 0
        await asyncio.gather(*(viewer.watch(SECONDS) for viewer in viewers))
        live = app.status()["markets"]["live"]
    waits = np.concatenate([viewer.waits_s for viewer in viewers]) * 1e3
    told = {name: value for name, value in live.items() if isinstance(value, int | float)}
    refused = sum(viewer.refused for viewer in viewers)
    with capsys.disabled():
        news = sum(viewer.news for viewer in viewers)
        print(
            f"\n  {count} viewers of {pairs} pairs: {len(waits):,} answers, {news:,} with news, "
            f"median {np.median(waits):.0f} ms, p99 {np.percentile(waits, 99):.0f} ms, "
            f"{refused} refused; the feed: {told}"
        )
    assert not refused


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seen", [1, TABS])
def test_twenty_tabs_of_a_browser_beside_a_feed(window, capsys, seen):
    """Each of a pair of its own, all of one window; so many are seen, as where tabs lie in windows
    side by side. They draw on the same two cores: they ask as often as these let them.
    """
    with beside_a_feed() as app:
        link = f"/analytics?market=live&y={SYMBOLS[0]}&x={SYMBOLS[1]}&limit={BARS}"
        tabs = []
        for at in range(TABS):
            tab = opened_in(window, app.url, f"{link}&z_window={60 + at}", 1440)
            tab.page.evaluate("() => performance.setResourceTimingBufferSize(10_000)")
            wait_for_points(tab.page, "zscore-chart", 100)
            hide(tab.page)  # behind the next one
            tabs.append(tab)
        for tab in tabs[:seen]:
            hide(tab.page, False)
        until_so(tabs[0].page, lambda: app.status()["kernels_ready"])
        tabs[0].page.wait_for_timeout(WARM_MS)
        for tab in tabs:
            tab.page.evaluate(WAITS)
        tabs[0].page.wait_for_timeout(LOOKS_MS)
        waits = np.array([wait for tab in tabs for wait in tab.page.evaluate(WAITS)])
        errors = [error for tab in tabs for error in tab.errors]
        live = app.status()["markets"]["live"]
        strip = tabs[0].page.inner_text("#trust-strip")
    told = {name: value for name, value in live.items() if isinstance(value, int | float)}
    with capsys.disabled():
        print(
            f"\n  {TABS} tabs, {seen} seen: {len(waits):,} callbacks in {LOOKS_MS / 1e3:.0f} s, "
            f"median {np.median(waits):.0f} ms, p99 {np.percentile(waits, 99):.0f} ms; "
            f"the strip: {strip!r}; the feed: {told}"
        )
    assert errors == []
