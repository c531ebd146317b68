"""A running app and a real browser, as fixtures for the tests and benchmarks of pages."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: The cold start compiles the kernels; a loaded machine takes its time.
PATIENCE_MS = 180_000


#: Ports of apps that have ended. A browser keeps by address what it compiled of the page's scripts:
#: at the address of an earlier app it draws the next one in half the time.
_ended: set[int] = set()


def free_port() -> int:
    for port in (*_ended, 0):
        _ended.discard(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):  # another process has taken it since
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise OSError("there is no free port")


@dataclass
class App:
    """A process of the app and where it answers."""

    process: subprocess.Popen[str]
    url: str

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)

    def status(self) -> dict:
        return self.get("/api/status").json()

    def forget_rules(self) -> None:
        for rule in self.get("/api/alerts/rules").json()["rules"]:
            httpx.delete(f"{self.url}/api/alerts/rules?id={rule['id']}")


def start(*options: str, port: int | None = None, program: str = "app.py") -> App:
    port = port or free_port()
    _ended.discard(port)  # asked for by a test that starts its app anew
    process = subprocess.Popen(
        [sys.executable, program, "--port", str(port), "--archive", "none", *options],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    app = App(process, f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            if app.get("/healthz").status_code == 200:
                return app
        except httpx.HTTPError:
            time.sleep(0.1)
        if process.poll() is not None:
            break
    process.kill()
    raise AssertionError(f"the app did not start: {process.communicate()[1]}")


def stop(app: App) -> None:
    app.process.send_signal(signal.SIGTERM)
    try:
        app.process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        app.process.kill()
        app.process.communicate()
        raise AssertionError("the app did not stop within 10 s of SIGTERM") from None
    _ended.add(int(app.url.rpartition(":")[2]))


@pytest.fixture(scope="session")
def app() -> Iterator[App]:
    """The app on the demo market, one process for all browser tests."""
    running = start()
    yield running
    stop(running)


def _chromium_path() -> str:
    """Debian's chromium; a failure instead of a skip where CI asks for it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path and os.environ.get("SPREADSCOPE_REQUIRE_ALL"):
        pytest.fail("chromium is not installed, and this run requires it")
    if not path:
        pytest.skip("chromium is not installed")
    return path


@pytest.fixture(scope="session")
def browsers() -> Iterator[SimpleNamespace]:
    """What launches chromium, and the options with which it does."""
    options = {"executable_path": _chromium_path(), "args": CHROMIUM_FLAGS}
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield SimpleNamespace(chromium=playwright.chromium, options=options)


@pytest.fixture(scope="session")
def chromium(browsers) -> Iterator:
    """A browser for windows of their own."""
    browser = browsers.chromium.launch(**browsers.options)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def window(browsers, tmp_path_factory) -> Iterator:
    """One window for the tabs of all tests: it keeps what it compiled of the page's scripts."""
    profile = tmp_path_factory.mktemp("profile")
    kept = browsers.chromium.launch_persistent_context(
        profile, timezone_id="UTC", **browsers.options
    )
    yield kept
    kept.close()


#: Whether a test failed, for its fixtures.
FAILED = pytest.StashKey[bool]()
#: What a page knows and says: its requests, its strip, its messages, its charts' points.
STATE = """() => ({
  requests: performance.getEntriesByType('resource').slice(-4)
    .map(({ name, startTime, duration }) => [name.split('/').pop(), startTime | 0, duration | 0]),
  now: performance.now() | 0,
  charts: [...document.querySelectorAll('.js-plotly-plot')].map((plot) =>
    [plot.parentElement.id, (plot._fullData || []).map((one) => one._length)]),
  words: document.body.innerText.replace(/\\n+/g, ' | ').slice(0, 2000),
})"""


@dataclass
class Tab:
    """A browser tab that remembers what its console complained of."""

    page: object
    errors: list[str] = field(default_factory=list)
    may_lose_the_server: bool = False
    visited: list[str] = field(default_factory=list)

    def listen(self, message) -> None:
        # Chromium itself logs every answer of 400 and 409; a refused upload or view, or one that
        # is asked about, is one on purpose.
        told = any(f"status of {code}" in message.text for code in (400, 409))
        asked = ("/api/upload", "/api/views")
        refused = told and any(path in message.location["url"] for path in asked)
        lost = ("ERR_CONNECTION_RE", "ERR_FAILED", "the server did not respond")
        gone = self.may_lose_the_server and any(words in message.text for words in lost)
        if message.type in ("error", "warning") and not refused and not gone:
            self.errors.append(message.text)


def tell(tab: Tab) -> None:
    """Print what a tab shows, for the report of a test that failed."""
    from playwright.sync_api import Error

    lines = [f"{tab.page.url} shows:", *(f"  went to {link}" for link in tab.visited)]
    try:
        lines += [f"  {name}: {value}" for name, value in tab.page.evaluate(STATE).items()]
    except Error as problem:  # the tab is gone
        lines.append(f"  nothing: {problem}")
    print(*lines, *tab.errors, sep="\n")  # noqa: T201


@pytest.fixture
def open_tab(window, chromium, app: App, request) -> Iterator[Callable]:
    """Open a tab at a path; at the end of the test no console may have complained."""
    tabs: list[Tab] = []
    origins: set[str] = set()

    def open_at(
        path: str = "/",
        width: int = 1440,
        height: int = 900,
        theme: str = "dark",
        zone: str = "UTC",
        url: str = app.url,
        may_lose_the_server: bool = False,
    ):
        elsewhere = zone != "UTC"
        page = chromium.new_page(timezone_id=zone) if elsewhere else window.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.set_viewport_size({"width": width, "height": height})
        if not elsewhere and url not in origins:  # nothing of an earlier test
            origins.add(url)
            storage = {"origin": url, "storageTypes": "all"}
            window.new_cdp_session(page).send("Storage.clearDataForOrigin", storage)
        page.add_init_script(
            "if (!sessionStorage.begun) {"
            f"localStorage.setItem('theme', '\"{theme}\"'); localStorage.setItem('visited', 'yes');"
            "sessionStorage.setItem('begun', 'yes'); }"
        )
        tab = Tab(page, may_lose_the_server=may_lose_the_server)
        page.on("console", tab.listen)
        page.on("pageerror", lambda error: tab.errors.append(str(error)))
        page.on("framenavigated", lambda frame: tab.visited.append(frame.url))
        tabs.append(tab)
        page.goto(url + path)
        return page

    first = window.pages[0]
    yield open_at
    if request.node.stash.get(FAILED, False):
        for tab in tabs:
            tell(tab)
    for page in [*window.pages, *(tab.page for tab in tabs)]:
        if page is not first:
            page.close()
    complaints = [error for tab in tabs for error in tab.errors]
    assert not complaints, f"the browser's console complained: {complaints}"
