"""How many messages a second reach the bars, with a page open; run with -m bench -s.

The app is the real one (`python app.py`), its feed the one for the exchange, held to one
core; `firehose.py` sends from a second process, and chromium has the Analytics page open,
both on the other core. Wall time counts what else the machine does: the messages per second
of the app's own processor time are printed beside it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(240)]

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SECONDS = 10.0
WANTED_TIMES = 5.0
PACED_A_SECOND = 100_000
TICKS_A_S = os.sysconf("SC_CLK_TCK")

#: Notes when the spread is repainted.
WATCH_PAGE = """() => {
  const chart = document.querySelector('#spread-chart .js-plotly-plot');
  window.repaints = [];
  chart.on('plotly_afterplot', () => window.repaints.push(Date.now()));
}"""


def say(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():
        print(f"\n  {words}", end="")


def on_core(number: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})


@pytest.fixture(autouse=True)
def _the_rest_on_the_other_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


@dataclass
class Firehose:
    """The second process."""

    process: subprocess.Popen[str]
    port: int

    def flood(self) -> dict[str, Any]:
        """Send it; what was sent, once all of it has been."""
        self.say("go")
        return self.hear()

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def firehose(rate: int = 0, shape: str = "combined") -> Iterator[Firehose]:
    options = ["--rate", str(rate), "--seconds", str(SECONDS), "--format", shape]
    with spawned(1, str(HERE / "firehose.py"), *options) as process:
        assert process.stdout is not None
        yield Firehose(process, json.loads(process.stdout.readline())["port"])


@contextmanager
def spawned(core: int, *command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: on_core(core),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@dataclass
class App:
    """The app, fed by a firehose."""

    process: subprocess.Popen[str]
    url: str

    def live(self) -> dict[str, Any]:
        """The status of the live market, and whether the statistics are compiled."""
        status = httpx.get(self.url + "/api/status", timeout=30).json()
        return status["markets"]["live"] | {"ready": status["kernels_ready"]}

    def wait(self, what: str, true_of: Any, within_s: float = 90.0) -> dict[str, Any]:
        deadline = time.monotonic() + within_s
        live: dict[str, Any] = {}
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the app ended"
            try:
                live = self.live()
            except httpx.HTTPError:
                live = {}
            if live and true_of(live):
                return live
            time.sleep(0.1)
        raise AssertionError(f"{what}: not within {within_s:.0f} s; {live}")

    def processor_s(self) -> float:
        """Processor time that it has used so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_S


@contextmanager
def app(port: int, source: str) -> Iterator[App]:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    stream = f"ws://127.0.0.1:{port}"
    options = ["--source", source] if source != "url" else ["--source", stream]
    if source != "url":
        options += ["--binance-ws", stream, "--symbols", "BTCUSDT,ETHUSDT"]
    options += ["--port", str(own), "--archive", "none", "--log-level", "warning"]
    with spawned(0, "app.py", *options) as process:
        running = App(process, f"http://127.0.0.1:{own}")
        running.wait("ready", lambda live: live["ready"] and live["accepted"] > 1_000)
        yield running


@contextmanager
def analytics_page(url: str) -> Iterator[Any]:
    """Headless chromium with the Analytics page drawn."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("chromium is not installed: the page cannot be open")
    from playwright.sync_api import sync_playwright

    on_core(1)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{url}/analytics?market=live&y=BTCUSDT&x=ETHUSDT")
        drawn = "() => document.querySelector('#spread-chart .scatterlayer .trace path')"
        page.wait_for_function(drawn)
        page.evaluate(WATCH_PAGE)
        page.wait_for_function("() => window.repaints.length > 3")
        yield page
        browser.close()


@dataclass
class Flood:
    """What was measured of one flood."""

    sent: int
    a_second: float
    a_processor_second: float
    live: dict[str, Any]
    total: int
    gaps_s: list[float]

    @property
    def update_s(self) -> float:
        return max(self.gaps_s)

    def __str__(self) -> str:
        gaps = sorted(self.gaps_s)
        counts = ", ".join(f"{self.live[name]:,} {name}" for name in COUNTS)
        return (
            f"{self.sent:,} messages at {self.a_second:,.0f}/s ({self.a_processor_second:,.0f} per "
            f"second of processor); of {self.total:,} sent in all: {counts}; page repainted "
            f"{len(gaps)} times, {gaps[len(gaps) // 2]:.2f} s apart, at most {gaps[-1]:.2f} s"
        )


COUNTS = ("accepted", "rejected", "duplicate", "late", "dropped")


def measured(hose: Firehose, running: App, page: Any) -> Flood:
    """Let the flood come, with the page open, until all of it has been taken in."""
    page.evaluate("() => { window.repaints = [Date.now()] }")
    processor, started = running.processor_s(), time.monotonic()
    told = hose.flood()
    live = running.wait("all taken in", lambda live: live["received"] >= told["total"], within_s=30)
    spent, used = time.monotonic() - started, running.processor_s() - processor
    repaints = page.evaluate("() => [...window.repaints, Date.now()]")
    gaps = [(after - before) / 1e3 for before, after in pairwise(repaints)]
    sent = told["flood"]
    return Flood(sent, sent / spent, sent / used, live, told["total"], gaps)


def nothing_was_lost(flood: Flood) -> None:
    sums = {name: flood.live[name] for name in COUNTS}
    assert sums == dict.fromkeys(COUNTS, 0) | {"accepted": flood.total}
    assert flood.live["received"] == flood.total
    assert flood.live["feed"]["connects"] == 1


def of_the_seeds(shape: str) -> tuple[float, float]:
    """Messages a second of the seeds' design, of wall and of processor time."""
    with firehose(shape=shape) as hose:
        url = f"ws://127.0.0.1:{hose.port}"
        with spawned(0, str(HERE / "seed_reader.py"), url) as process:
            time.sleep(3.0)
            counter = Firehose(process, 0)
            counter.say("count")
            counter.hear()
            hose.say("go")
            time.sleep(SECONDS)
            counter.say("count")
            told = counter.hear()
    return told["count"] / told["s"], told["count"] / told["cpu_s"]


@pytest.mark.parametrize(
    ("shape", "source"), [("combined", "binance-futures"), ("raw", "url"), ("plain", "url")]
)
def test_one_websocket_on_one_core_into_bars_with_the_page_open(
    shape: str, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        firehose(shape=shape) as hose,
        app(hose.port, source) as running,
        analytics_page(running.url) as page,
    ):
        flood = measured(hose, running, page)
    say(capsys, f"{shape}: {flood}")
    nothing_was_lost(flood)
    if importlib.util.find_spec("websocket") is None:
        pytest.skip("websocket-client is not installed: nothing to compare with")
    wall, processor = of_the_seeds(shape)
    say(
        capsys,
        f"{shape}: websocket-client, json and a deque: {wall:,.0f}/s ({processor:,.0f} per second "
        f"of processor); {flood.a_second / wall:.1f} times, "
        f"{flood.a_processor_second / processor:.1f} by processor (wanted {WANTED_TIMES:.0f})",
    )
    assert flood.a_second / wall >= WANTED_TIMES


def test_a_hundred_thousand_a_second_and_the_page_keeps_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        firehose(PACED_A_SECOND) as hose,
        app(hose.port, "binance-futures") as running,
        analytics_page(running.url) as page,
    ):
        flood = measured(hose, running, page)
        page.wait_for_timeout(1_500)
        shown = page.inner_text("#trust-strip").replace("\n", " ")
    say(capsys, f"paced: {flood}; the strip: {shown!r}")
    assert flood.live["received"] == sum(flood.live[name] for name in COUNTS) == flood.total
    if flood.live["dropped"]:
        assert f"dropped {flood.live['dropped']:,}" in shown
    nothing_was_lost(flood)
