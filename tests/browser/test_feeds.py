"""A feed as a user lives with it: symbols come and go, the exchange goes and comes back."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from running_app import PATIENCE_MS, PROJECT, free_port, start, stop


@contextmanager
def exchange(port: int, rest_port: int) -> Iterator[None]:
    """The stand-in for the exchange, as `python -m tests.exchange`."""
    symbols = "BTCUSDT,ETHUSDT,PEPEUSDT"
    ports = ["--port", str(port), "--rest-port", str(rest_port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange", *ports, "--symbols", symbols],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


def until(page, text: str) -> None:
    """Wait until the strip, or the message below it, says it."""
    page.wait_for_function(
        "text => [...document.querySelectorAll('#trust-strip, #frame-message')]"
        ".some(part => part.innerText.includes(text))",
        arg=text,
        timeout=PATIENCE_MS,
    )


def button_says(page, word: str) -> None:
    page.wait_for_function(
        "word => document.querySelector('#start-words')?.innerText === word", arg=word
    )


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def test_symbols_come_and_go_and_an_unplugged_exchange_comes_back(open_tab, ports):
    bases = ["--binance-ws", f"ws://127.0.0.1:{ports[0]}"]
    bases += ["--binance-rest", f"http://127.0.0.1:{ports[1]}"]
    app = start("--source", "binance-futures", "--symbols", "BTCUSDT,ETHUSDT", *bases)
    try:
        with exchange(*ports):
            page = open_tab("/", url=app.url, may_lose_the_server=True)
            until(page, "live")
            page.wait_for_function(
                "() => document.querySelector('#symbol-select')?.innerText.length > 8"
            )
            button_says(page, "Start")
            page.locator("#symbol-select").click()
            # Letter by letter and anew: what is typed while the options change is lost.
            typed = page.locator(".dash-dropdown-search")
            listed = page.locator(".dash-dropdown-content").get_by_text(re.compile("^PEPEUSDT"))
            wanted = listed.first  # with its turnover, where the exchange tells it
            for _ in range(10):
                typed.fill("")
                typed.press_sequentially("pepeusdt", delay=30)
                page.wait_for_timeout(1_500)
                if listed.count():
                    break
            wanted.click()
            page.keyboard.press("Escape")
            button_says(page, "Update")
            page.locator("#start-button").click()
            button_says(page, "Start")
            page.get_by_text("PEPEUSDT").first.wait_for()
            live = app.status()["markets"]["live"]
            assert live["feed"]["connects"] == 1
            page.locator("#source-kind").select_option("url")
            page.locator("#source-url").fill("ticks.csv")
            page.locator("#source-url").blur()
            page.locator("#start-button").click()
            until(page, "'ticks.csv' is a file: drop it on the page")
            until(page, "Binance USD-M goes on")
            assert app.status()["markets"]["live"]["feed"]["state"] == "live"
        until(page, "connection refused: nothing listens there")
        with exchange(*ports):
            until(page, "live")
            page.locator("#feed-log-toggle").click()
            page.wait_for_selector("#feed-log-lines tr")
            log = page.locator("#feed-log-lines").inner_text()
            assert "asks for PEPEUSDT" in log
            assert "connection lost (1006)" in log or "the server goes away (1001)" in log
            assert "the source numbers the trades of BTCUSDT anew" in log or "data flows" in log
    finally:
        stop(app)
