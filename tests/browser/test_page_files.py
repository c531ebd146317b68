"""Uploaded files and downloads in a real browser: every page works on a market of a file."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from looks import until, wait_for_points

CHARTS = {
    "home": ("price-chart", "volume-chart", "vwap-chart"),
    "analytics": (
        "spread-chart",
        "zscore-chart",
        "hedge-scatter",
        "hedge-path-chart",
        "adf-chart",
    ),
    "correlation": ("correlation-heatmap", "rolling-correlation-chart"),
    "backtest": ("equity-chart", "drawdown-chart", "backtest-zscore-chart", "sweep-heatmap"),
    "alerts": ("alert-spread-chart", "alert-zscore-chart"),
}
TICKS = "ticks/ticks_2024-08-09T00-00-00.029Z.ndjson"


def _drop(page, name: str, text: str) -> None:
    page.evaluate(
        """([name, text]) => {
          const moved = new DataTransfer();
          moved.items.add(new File([text], name));
          for (const kind of ['dragover', 'drop']) {
            document.querySelector('#page-content').dispatchEvent(
              new DragEvent(kind, {dataTransfer: moved, bubbles: true, cancelable: true}));
          }
        }""",
        [name, text],
    )


@pytest.fixture(scope="module")
def recorded(market_data) -> str:
    return (market_data / TICKS).read_text()


def test_a_dropped_tick_file_becomes_a_market_that_every_page_works_on(open_tab, recorded):
    page = open_tab("/data")
    page.wait_for_selector("#upload-data input[type=file]", state="attached")
    _drop(page, "recorded.ndjson", recorded)
    until(page, "document.querySelector('#upload-report').innerText.includes('35,389 rows')")
    until(page, "document.querySelector('#market-select').value.startsWith('upload')")
    until(page, "location.search.includes('market=upload')")
    for name, charts in CHARTS.items():
        page.click(f"#tab-{name}")
        for chart in charts:
            wait_for_points(page, chart, 4)
        until(page, "!document.querySelector('#trust-strip').innerText.includes('SIMULATED')")


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_four_ohlc_files_make_one_market_that_every_page_works_on(
    open_tab, app, market_data, timeframe
):
    page = open_tab("/data")
    page.wait_for_selector("#upload-data input[type=file]", state="attached")
    files = sorted(str(path) for path in (market_data / "ohlc").glob("*.csv"))
    page.set_input_files("#upload-data input[type=file]", files)
    until(page, "location.search.includes('market=upload')")
    market = re.search(r"market=([\w-]+)", page.url).group(1)
    page.goto(f"{app.url}/?market={market}&timeframe={timeframe}&y=BTCUSD&x=ETHUSD")
    for name, charts in CHARTS.items():
        page.click(f"#tab-{name}")
        for chart in charts:
            wait_for_points(page, chart, 4)
        assert f"timeframe={timeframe}" in page.url


def test_a_file_that_is_no_tick_data_is_reported_and_makes_no_market(open_tab, app):
    page = open_tab("/data")
    page.wait_for_selector("#upload-data input[type=file]", state="attached")
    before = list(app.status()["markets"])
    _drop(page, "notes.txt", "dear diary,\nno ticks today\n")
    page.wait_for_selector("#upload-report .tone-down")
    assert list(app.status()["markets"]) == before


def test_the_summary_downloads_as_csv_that_can_be_read(open_tab):
    page = open_tab("/data")
    page.wait_for_selector("#summary-table .ag-center-cols-container [role=row]")
    with page.expect_download() as caught:
        page.click("#download-summary")
    rows = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert {"BTCUSDT", "ETHUSDT"} <= {row["symbol"] for row in rows}
    assert all(float(row["last"]) > 0 for row in rows)


def test_ticks_bars_and_analytics_download_as_csv(open_tab):
    page = open_tab("/data")
    page.wait_for_selector("#bars-table .ag-center-cols-container [role=row]")
    for button in ("download-ticks", "download-bars", "download-analytics"):
        with page.expect_download() as caught:
            page.click(f"#{button}")
        rows = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
        assert len(rows) > 100
        assert all(int(row["ts_ms"]) > 1_500_000_000_000 for row in rows)
