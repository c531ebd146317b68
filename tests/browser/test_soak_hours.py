"""Two hours with a tab on Pairs and one on Analytics, 64 symbols, 30 watched pairs.

`python -m pytest -n 0 -m soak -s tests/browser/test_soak_hours.py`; SPREADSCOPE_SOAK_MINUTES says
how many. A line a minute: the server's memory, files, threads and tasks, and each tab's heap. The
past of eleven hours is more than the budget of ticks and bars takes: every symbol gave way, and
holds what it may, before the first figures are taken. What fills up as it may is no leak.

plotly.js keeps the size of each text that it has measured, and forgets them all at 10,000: values
at the edge of charts that move give some fifty a minute, of half a kilobyte each. They are counted,
and are not of the heap that may not grow.
"""

from __future__ import annotations

import os
import time
from statistics import median

import httpx
import psutil
import pytest
from live_streams import opened, stream
from running_app import start, stop

MINUTES = float(os.environ.get("SPREADSCOPE_SOAK_MINUTES", "120"))
WARM_MINUTES = 10
NAMES = [f"S{place:02d}USDT" for place in range(64)]
PATHS = ("/pairs", "/analytics")
MEASURED_TEXTS = "texts measured"
#: What may be more at the end than after the first ten minutes.
MOST_GROWTH = 1.02


#: Of the array of all plain objects: how many texts plotly.js keeps the size of, and their bytes:
#: two a letter where one is beyond Latin-1, and the box of each with its six numbers.
MEASURED = """function() {
  const kept = this.find((each) => Object.keys(each).some((key) => /font-size: .*px;/.test(key)));
  const texts = kept ? Object.keys(kept) : [];
  const bytes = texts.map((text) => text.length * (/[^\\x00-\\xff]/.test(text) ? 2 : 1) + 190);
  return [texts.length, bytes.reduce((sum, each) => sum + each, 0)];
}"""


def heap(page) -> tuple[float, int]:
    """MB that a tab's scripts hold after all garbage is collected, without the texts measured; and
    how many those are.
    """
    session = page.context.new_cdp_session(page)
    group = {"objectGroup": "soak"}
    of = session.send("Runtime.evaluate", {"expression": "Object.prototype", **group})["result"]
    asked = {"prototypeObjectId": of["objectId"], **group}  # collects all garbage that there is
    objects = session.send("Runtime.queryObjects", asked)["objects"]
    call = {"objectId": objects["objectId"], "functionDeclaration": MEASURED}
    told = session.send("Runtime.callFunctionOn", {**call, "returnByValue": True})
    texts, their_bytes = told["result"]["value"]
    session.send("Runtime.releaseObjectGroup", group)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return (used - their_bytes) / 1e6, texts


def figures(process: psutil.Process, app, tabs) -> dict[str, float]:
    metrics = dict(
        line.rsplit(" ", 1) for line in app.get("/metrics").text.splitlines() if line[:1] != "#"
    )
    heaps: dict[str, float] = {}
    for path, tab in tabs.items():
        heaps[f"heap {path}"], heaps[f"{MEASURED_TEXTS} {path}"] = heap(tab.page)
    return {
        "rss": process.memory_info().rss / 1e6,
        "fds": process.num_fds(),
        "threads": process.num_threads(),
        "tasks": float(metrics["spreadscope_tasks"]),
        "ticks and bars": float(metrics['spreadscope_memory_mb{of="ticks and bars"}']),
        **heaps,
    }


@pytest.mark.soak
@pytest.mark.timeout(60 * (2 * MINUTES + 10))
def test_two_open_tabs_cost_no_more_after_hours(chromium, tmp_path):
    with stream(NAMES, 100.0, 2, history_s=40_000) as url:
        options = ("--source", url, "--symbols", ",".join(NAMES), "--memory-mb", "64")
        app = start(*options, "--archive", str(tmp_path / "archive.db"))
        for leg in NAMES[1:31]:  # each pair is of one leg and the first
            wanted = {"market": "live", "params": {"x": NAMES[0], "y": leg, "timeframe": "1s"}}
            httpx.put(f"{app.url}/api/watchlist", json=wanted, timeout=30).raise_for_status()
        process = psutil.Process(app.process.pid)
        tabs = {path: opened(chromium, app.url, path, 1440) for path in PATHS}
        page, rows = next(iter(tabs.values())).page, []
        ends = time.monotonic() + 60 * MINUTES
        while time.monotonic() < ends:
            page.wait_for_timeout(60_000)
            rows.append(figures(process, app, tabs))
            print(len(rows), {name: round(value, 1) for name, value in rows[-1].items()})  # noqa: T201
        errors = {path: tab.errors for path, tab in tabs.items()}
        stop(app)
    assert errors == {path: [] for path in PATHS}
    assert len(rows) > WARM_MINUTES + 1, "too short to tell"
    warm = rows[WARM_MINUTES:]
    half = len(warm) // 2
    early, late = (
        {name: median(row[name] for row in part) for name in rows[0]}
        for part in (warm[: min(half, 10)], warm[-min(half, 10) :])
    )
    grown = {
        name: (early[name], late[name])
        for name in early
        if not name.startswith(MEASURED_TEXTS)
        and late[name] > early[name] * (1.0 if name in ("fds", "threads", "tasks") else MOST_GROWTH)
    }
    assert not grown
