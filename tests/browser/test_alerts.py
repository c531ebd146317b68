"""Alerts in a real browser: one click on Analytics, and a replay that crosses the threshold."""

from __future__ import annotations

import httpx
import pytest
from looks import until, wait_for_points
from running_app import start, stop

TICKS = "ticks/ticks_2024-08-09T00-00-00.029Z.ndjson"
MARKED = """
(id) => document.querySelector(`#${id} .js-plotly-plot`)._fullData.some(
  (trace) => trace.mode === 'markers' && trace.name === 'alert' && trace.x.length > 0)
"""


@pytest.fixture(scope="module")
def quiet():
    """An app of its own: what is replayed is the same in every tab."""
    running = start("--source", "none")
    yield running
    stop(running)


def test_a_rule_made_with_one_click_fires_when_a_replay_crosses_it(open_tab, quiet, market_data):
    with open(market_data / TICKS, "rb") as file:
        taken = httpx.post(f"{quiet.url}/api/upload?name=ticks.ndjson", content=file.read())
    asked = {"market": taken.json()["market"], "speed": 60}
    assert httpx.post(f"{quiet.url}/api/replay/start", json=asked).status_code == 200
    view = "market=replay&y=BTCUSDT&x=ETHUSDT&z_window=20&z_threshold=1"
    page = open_tab(f"/analytics?{view}", url=quiet.url)
    wait_for_points(page, "spread-chart", 40)
    until(page, "document.querySelector('#alert-rehearsed').innerText.includes('would have fired')")
    page.click("#alert-here")
    until(page, "document.querySelector('#alert-made').innerText.startsWith('armed')")
    page.wait_for_selector(".toast")
    page.click("#tab-alerts")
    for chart in ("alert-spread-chart", "alert-zscore-chart"):
        wait_for_points(page, chart, 40)
        page.wait_for_function(MARKED, arg=chart)
    page.wait_for_selector("#alerts-table .ag-center-cols-container [role=row]")
    assert quiet.get("/api/alerts?market=replay").json()["alerts"]
