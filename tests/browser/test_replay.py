"""A replay in a real browser: from the file to the bar, and what its controls do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from looks import until, wait_for_points
from running_app import App, start, stop

TICKS = "ticks/ticks_2024-08-09T00-00-00.029Z.ndjson"


@pytest.fixture(scope="module")
def quiet():
    """An app of its own: what is replayed is the same in every tab."""
    running = start("--source", "none")
    yield running
    stop(running)


def replay_of(app: App) -> dict:
    return app.get("/api/replay").json()["replay"]


def test_a_file_is_replayed_paused_sought_and_ended(open_tab, quiet, market_data):
    page = open_tab("/data", url=quiet.url)
    page.wait_for_selector("#upload-file", state="attached")
    page.set_input_files("#upload-file", str(market_data / TICKS))
    page.wait_for_selector("#upload-report p")
    until(page, "document.querySelector('#leg-x').value === 'ETHUSDT'")
    page.click("#swap-legs")
    until(page, "document.querySelector('#leg-y').value === 'ETHUSDT'")
    page.click("#replay-start")
    page.wait_for_selector("#replay-bar:not([hidden])")
    assert page.input_value("#market-select") == "replay"
    until(page, "document.querySelector('#feed-status').textContent.startsWith('playing at 60x')")
    # Paused before the page is changed: on a slow machine it would have ended meanwhile.
    until(
        page, "parseInt(/(\\d+) %/.exec(document.querySelector('#replay-time').textContent)[1]) > 9"
    )
    page.keyboard.press("k")
    until(page, "document.querySelector('#replay-toggle').title === 'Play (K)'")
    assert replay_of(quiet)["state"] == "paused"
    page.click("#tab-analytics")
    wait_for_points(page, "spread-chart", 30)  # of a tenth of the recording
    for tab in ("home", "correlation", "backtest", "alerts", "data", "analytics"):
        page.click(f"#tab-{tab}")
        assert page.locator("#trust-strip").inner_text().startswith("REPLAY")
    page.focus("#replay-range")
    page.keyboard.press("Home")
    until(page, "document.querySelector('#replay-time').textContent.endsWith(' 0 %')")
    assert page.input_value("#leg-y") == "ETHUSDT", "the legs stay while the market begins anew"
    page.wait_for_timeout(1_200)
    assert page.input_value("#leg-y") == "ETHUSDT"
    page.select_option("#replay-speed", "1000")
    page.click("#replay-toggle")
    until(page, "document.querySelector('#feed-status').textContent.startsWith('ended')")
    wait_for_points(page, "zscore-chart", 250)
    assert page.input_value("#leg-y") == "ETHUSDT"
    page.select_option("#replay-speed", "1")
    page.focus("#replay-range")
    page.keyboard.press("Home")
    until(page, "document.querySelector('#feed-status').textContent.startsWith('playing')")
    page.click("#replay-end")
    until(page, "document.querySelector('#replay-toggle').title === 'Play again (K)'")


@pytest.mark.parametrize("width", [380, 768])
def test_the_bar_fits_a_narrow_screen(open_tab, quiet, width):
    market = next(iter(quiet.status()["markets"]))
    if replay_of(quiet) is None:
        pytest.skip(f"nothing is replayed; {market} is empty")
    page = open_tab("/analytics?market=replay", width=width, height=800, url=quiet.url)
    page.wait_for_selector("#replay-bar:not([hidden])")
    page.wait_for_selector("#replay-range")
    boxes = page.evaluate(
        "[...document.querySelectorAll('#replay-bar > *')].filter(e => e.offsetWidth)"
        ".map(e => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.top]; })"
    )
    assert all(left >= 0 and right <= width for left, right, _ in boxes)
    for (_, right, top), (left, _, beside) in pairwise(boxes):
        assert beside != top or right <= left + 1, "no control covers another"
