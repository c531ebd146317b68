"""The live page, measured in a real browser on the demo market. Prints its figures.

python -m pytest -m bench -s tests/bench/test_bench_page.py
"""

from __future__ import annotations

import json
import time

import pytest
from looks import last, wait_for_points

pytestmark = [pytest.mark.bench, pytest.mark.browser, pytest.mark.timeout(300)]

SECONDS = 60


class Calls:
    """The page's live calls: which ticks were asked, and which were answered."""

    def __init__(self, page, chart: str) -> None:
        self.chart = chart
        self.asked: dict[int, float] = {}
        self.answered: dict[int, float] = {}
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_finished)

    def _tick(self, request) -> int | None:
        if "/_dash-update-component" not in request.url:
            return None
        body = json.loads(request.post_data)
        if self.chart not in body["output"]:
            return None
        inputs = [one for one in body["inputs"] if isinstance(one, dict)]
        return next((one.get("value") for one in inputs if one["id"] == "live-interval"), None)

    def _on_request(self, request) -> None:
        tick = self._tick(request)
        if tick is not None:
            self.asked[tick] = time.monotonic()

    def _on_finished(self, request) -> None:
        tick = self._tick(request)
        if tick is not None:
            self.answered[tick] = time.monotonic()


@pytest.mark.parametrize(("path", "chart"), [("/", "price-chart"), ("/analytics", "spread-chart")])
def test_the_last_point_advances_and_no_callback_is_skipped(open_tab, app, path, chart):
    page = open_tab(path)
    wait_for_points(page, chart, 100)
    calls = Calls(page, chart)
    changes, before = 0, last(page, chart)
    started = time.monotonic()
    while time.monotonic() - started < SECONDS:
        page.wait_for_timeout(50)
        now = last(page, chart)
        changes += now != before
        before = now
    elapsed = time.monotonic() - started
    page.wait_for_timeout(1_000)
    ticks = sorted(calls.asked)
    skipped = sorted(set(range(ticks[0], ticks[-1] + 1)) - set(ticks))
    unanswered = sorted(set(ticks) - set(calls.answered))
    waits = sorted(calls.answered[one] - calls.asked[one] for one in calls.answered)
    spent = app.status()["callback_ms"][path]
    print(
        f"\n{path}: the last point advanced {changes / elapsed:.2f} times a second; "
        f"{len(ticks)} ticks in {elapsed:.0f} s, {len(skipped)} skipped, "
        f"{len(unanswered)} unanswered; request median {1e3 * waits[len(waits) // 2]:.0f} ms; "
        f"server time {spent}"
    )
    assert changes > SECONDS / 2
    assert len(unanswered) <= 1
