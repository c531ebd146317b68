"""The server: how the process starts, listens, answers and ends; and what Dash does on it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from dash import Dash, Input, Output, dcc, html

from dashapp.server import bind, configure_logging, create_server
from dashapp.services.runtime import Runtime
from dashapp.settings import UsageError
from dashapp.ui import polling
from tests.waiting import PATIENCE_S

PROJECT = Path(__file__).resolve().parents[2]
CLEAN = {name: text for name, text in os.environ.items() if not name.startswith("SPREADSCOPE_")}
START_S = 180.0


def command(*options: str) -> list[str]:
    return [sys.executable, str(PROJECT / "app.py"), "--archive", "none", *options]


def hanging(*options: str) -> list[str]:
    """The app, but nothing that its end waits for ever ends."""
    code = """
import asyncio, sys, time
from dashapp.services.feeds.control import FeedControl
from storage.archive.archive import Archive
async def stop(self): await asyncio.sleep(60)
FeedControl.stop, Archive.close = stop, lambda self: time.sleep(60)
import app
sys.exit(app.main())
"""
    return [sys.executable, "-c", code, *options]


def run(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*options),
        cwd=PROJECT,
        env={**CLEAN, **environ},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


@contextmanager
def process(*options: str, made=command) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The app on a free port, once it answers; what is left of it is killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = subprocess.Popen(
        made("--port", str(port), "--source", "none", *options),
        cwd=PROJECT,
        env=CLEAN,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answers(app, port)
        yield app, port
    finally:
        app.kill()
        app.communicate()


def answers(app: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            assert app.poll() is None, app.communicate()[1]
            time.sleep(0.05)
    raise AssertionError("the app did not answer in time")


def ends(app: subprocess.Popen[str], number: int) -> str:
    """Send a signal; the process must leave with 0. What it wrote to stderr."""
    app.send_signal(number)
    _, err = app.communicate(timeout=PATIENCE_S)
    assert app.returncode == 0, err
    return err


# --- start and end ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_well_within_5_s(number):
    with process() as (app, _):
        err = ends(app, number)
    assert f"{signal.Signals(number).name}: stopping" in err
    assert "Traceback" not in err


def test_open_connections_and_a_long_upload_hold_the_end_up_for_a_moment_only():
    with process() as (app, port):
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        host = f"Host: 127.0.0.1:{port}\r\n".encode()
        held[0].sendall(b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n")
        held[1].sendall(
            b"POST /api/upload?name=a.csv HTTP/1.1\r\n" + host + b"Content-Length: 99999999\r\n\r\n"
        )
        held[2].sendall(b"POST /api/feed/start HTTP/1.1\r\n" + host + b"Content-Length: 9\r\n\r\n{")
        held[3].sendall(b"GET /api")
        while not httpx.get(f"http://127.0.0.1:{port}/api/uploads").json()["uploads"]:
            time.sleep(0.05)  # until the upload has begun
        err = ends(app, signal.SIGTERM)
        for one in held:
            one.close()
    assert "Traceback" not in err
    assert "a.csv was given up" in err


def test_one_deadline_ends_the_process_within_5_s_whatever_hangs(tmp_path):
    with process("--archive", str(tmp_path / "kept.sqlite"), made=hanging) as (app, _):
        err = ends(app, signal.SIGTERM)
    assert "leaving what did not end in time" in err


def test_a_second_server_on_the_port_is_told_to_take_another():
    with process() as (_, port):
        second = run("--port", str(port))
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1] == (f"port {port} is in use: choose another with --port")
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["--source", "no/such/file.csv"], "no such file"),
        (["--port", "http"], "--port is 'http'"),
        (["--host", "0.0.0.0"], "set --token-file too"),
        (["--host", "192.0.2.1", "--token", "t" * 16], "cannot listen on 192.0.2.1"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(options, words):
    ended = run(*options)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_file_that_may_not_be_read_is_one_line_and_exit_code_2(tmp_path):
    path = tmp_path / "secret.csv"
    path.touch(mode=0o000)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    ended = run("--source", str(path))
    assert ended.returncode == 2
    assert "cannot read" in ended.stderr


def test_help_imports_nothing_heavy():
    assert run("--help").returncode == 0
    code = "import sys, app, dashapp.settings as s; s.parse([], {}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "dash", "fastapi", "numba", "uvicorn"} & set(loaded)


def test_nothing_heavier_than_the_pages_need_is_imported_to_serve():
    code = "import sys, dashapp.server, dashapp.ui.polling; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"statsmodels.api", "sklearn", "matplotlib", "flask_compress"} & set(loaded)


def catches(app: subprocess.Popen, number: signal.Signals) -> None:
    """Wait until the process has a handler of its own: before that Python has not begun."""
    status = Path(f"/proc/{app.pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell which signals a process catches")
    deadline = time.monotonic() + START_S
    while not int(re.search(r"SigCgt:\s*(\w+)", status.read_text())[1], 16) >> number - 1 & 1:
        assert app.poll() is None, app.communicate()[1]
        assert time.monotonic() < deadline, "no handler in time"
        time.sleep(0.005)


@pytest.mark.parametrize("later_s", [0.0, 0.4])
def test_a_signal_during_the_start_ends_well_too(later_s):
    app = subprocess.Popen(command("--port", "0"), cwd=PROJECT, env=CLEAN, stderr=subprocess.PIPE)
    catches(app, signal.SIGTERM)
    time.sleep(later_s)
    app.send_signal(signal.SIGTERM)
    _, err = app.communicate(timeout=15)
    assert app.returncode == 0, err


def test_a_log_that_nobody_reads_stops_nobody():
    code = """
import logging
from dashapp.server import configure_logging
configure_logging("info")
for _ in range(20_000):
    logging.info("x" * 100)
print("done", flush=True)
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, env=CLEAN, **pipes) as process:
        assert process.stdout.readline() == b"done\n"
        assert process.wait(PATIENCE_S) == 0


def test_a_process_without_stderr_logs_to_nowhere(monkeypatch):
    before = logging.getLogger().handlers[:]
    monkeypatch.setattr(sys, "stderr", None)
    try:
        configure_logging("info")
        logging.getLogger("dashapp").info("here")
    finally:
        logging.basicConfig(handlers=before, force=True)


def test_what_a_page_says_at_each_tick_is_logged_once_a_minute(capfd):
    before = logging.getLogger().handlers[:]
    configure_logging("info")
    try:
        for words in ("n is 0", "n is 1", "n is 0"):
            polling.logger.warning("%s shows nothing new: %s", "/pairs", words)
    finally:
        logging.basicConfig(handlers=before, force=True)
    assert [line.rpartition(" ")[2] for line in capfd.readouterr().err.splitlines()] == ["0", "1"]


def test_port_0_takes_a_free_one_and_says_which():
    app = subprocess.Popen(
        command("--port", "0", "--source", "none"),
        cwd=PROJECT,
        env=CLEAN,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = app.stderr.readline()
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)", line)[1])
    answers(app, port)
    ends(app, signal.SIGTERM)


def test_a_bound_address_listens_at_once_and_is_its_alone():
    first = bind("127.0.0.1", 0)
    with first, pytest.raises(UsageError, match="is in use: choose another with --port"):
        bind("127.0.0.1", first.getsockname()[1])


def test_a_host_that_is_none_is_told():
    with pytest.raises(UsageError, match=r"no-such-host\.invalid, which cannot be"):
        bind("no-such-host.invalid", 0)


# --- the whole app, over a real socket ------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[int]:
    with process() as (_, port):
        yield port


def test_every_page_is_served_with_its_scripts_and_styles_from_the_first_request(served):
    for path in ("/analytics", "/", "/data"):
        page = httpx.get(f"http://127.0.0.1:{served}{path}")
        assert page.status_code == 200
        assert "/assets/style.css" in page.text
        assert "_dash-renderer" in page.text or "DashRenderer" in page.text
        policy = page.headers["content-security-policy"]
        assert "'sha256-" in policy.split("script-src")[1].split(";")[0]


def test_every_script_and_style_that_the_page_names_is_there(served):
    base = f"http://127.0.0.1:{served}"
    page = httpx.get(base).text
    found = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(found) > 5
    for url in found:
        assert httpx.get(base + url.replace("&amp;", "&")).status_code == 200, url


def test_another_host_is_misdirected_over_the_socket_too(served):
    connection = http.client.HTTPConnection("127.0.0.1", served)
    connection.request("GET", "/", headers={"Host": "evil.test"})
    assert connection.getresponse().status == 421


def test_a_page_of_another_site_cannot_call_back(served):
    url = f"http://127.0.0.1:{served}/_dash-update-component"
    headers = {"origin": "http://evil.test"}
    assert httpx.post(url, json={}, headers=headers).status_code == 403
    assert httpx.post(url, json={}).status_code == 400
    assert httpx.post(url, json="x" * 5_000_000).status_code == 413


def test_a_socket_of_another_site_is_refused(served):
    connection = http.client.HTTPConnection("127.0.0.1", served)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": "http://evil.test",
    }
    connection.request("GET", "/_dash-ws-callback", headers=headers)
    assert connection.getresponse().status == 403


def test_garbage_on_the_socket_hurts_nobody(served):
    for raw in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000):
        with socket.create_connection(("127.0.0.1", served)) as one:
            one.sendall(raw)
    assert httpx.get(f"http://127.0.0.1:{served}/healthz").status_code == 200


def test_the_server_does_not_tell_what_it_is_made_of(served):
    answer = httpx.get(f"http://127.0.0.1:{served}/healthz")
    assert "server" not in answer.headers


def test_an_upload_of_many_megabytes_is_taken_through_the_socket(served):
    line = b'{"symbol":"BTCUSDT","ts":1723161240000,"price":5.5,"size":1}\n'
    body = line * 300_000
    url = f"http://127.0.0.1:{served}/api/upload?name=big.ndjson"
    answer = httpx.post(url, content=body, timeout=60).json()
    assert answer["report"]["accepted"] == 300_000


# --- Dash on it ---------------------------------------------------------------------------------


def counting_app(runtime, server) -> Dash:
    app = Dash("counting", server=server, enable_mcp=False, add_log_handler=False)
    app.layout = html.Div([dcc.Input(id="in"), html.Div(id="out"), html.Div(id="broken")])

    @app.callback(Output("out", "children"), Input("in", "n_clicks"))
    async def double(value):
        return value * 2

    @app.callback(Output("broken", "children"), Input("in", "n_clicks"))
    async def broken(value):
        raise RuntimeError("a secret detail")

    app.clientside_callback(
        "function(v) { return v; }", Output("in", "title"), Input("in", "n_clicks")
    )
    return app


@pytest.fixture
async def counting(runtime, settings):
    transport = httpx.ASGITransport(create_server(runtime, settings, counting_app), False)
    base = f"http://127.0.0.1:{settings.port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client


def call(output: str, value: object) -> dict:
    name, prop = output.split(".")
    return {
        "output": output,
        "outputs": {"id": name, "property": prop},
        "inputs": [{"id": "in", "property": "n_clicks", "value": value}],
        "changedPropIds": ["in.n_clicks"],
    }


def test_the_pages_put_their_durations_where_the_status_reads_them(runtime, settings):
    create_server(runtime, settings)
    assert set(runtime.callback_ms) >= {"/", "/analytics", "/alerts"}
    other = Runtime(settings)
    create_server(other, settings)
    assert other.callback_ms["/"] is not runtime.callback_ms["/"]


def test_what_every_open_page_asks_is_tried_before_all_other_routes(runtime, settings):
    made = []

    def create(runtime, server):
        made.append(server)
        return counting_app(runtime, server)

    create_server(runtime, settings, create)
    assert made[0].router.routes[0].path == "/_dash-update-component"


async def test_a_callback_is_answered(counting):
    answer = await counting.post("/_dash-update-component", json=call("out.children", 21))
    assert answer.json()["response"] == {"out": {"children": 42}}


async def test_a_callback_that_does_not_exist_or_fit_is_a_bad_request(counting):
    for body in (call("no.where", 1), {**call("out.children", 1), "inputs": []}):
        answer = await counting.post("/_dash-update-component", json=body)
        assert answer.status_code == 400


async def test_a_callback_that_fails_tells_no_detail(counting):
    answer = await counting.post("/_dash-update-component", json=call("broken.children", 1))
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_inline_scripts_of_the_app_are_allowed_by_hash(counting):
    page = await counting.get("/")
    hashes = re.findall(r"'sha256-[^']+'", page.headers["content-security-policy"])
    text = re.sub(r"<!--.*?-->", "", page.text, flags=re.DOTALL)
    inline = re.findall(r"<script(?![^>]*(?:src=|json))[^>]*>(.*?)</script>", text, re.DOTALL)
    assert len(inline) >= 2
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in hashes


async def test_a_callback_body_of_4_mib_is_the_limit(counting):
    body = json.dumps(call("out.children", "x" * 4_300_000))
    answer = await counting.post(
        "/_dash-update-component", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/_dash-component-suites/os/path.py",
        "/_dash-component-suites/dash/no.js",
        "/_dash-component-suites/dash/%2e%2e/%2e%2e/secret",
        "/assets/%2e%2e/app.py",
        "/assets/nothing.css",
    ],
)
async def test_a_file_that_is_not_served_is_not_found(counting, path):
    answer = await counting.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


async def test_the_server_has_its_worker_threads_before_anything_runs(
    runtime, settings, monkeypatch
):
    order = []

    async def begun_or_ended() -> None:
        order.append("runtime")

    monkeypatch.setattr("dashapp.server.begin_workers", lambda: order.append("workers"))
    monkeypatch.setattr(runtime, "start", begun_or_ended)
    monkeypatch.setattr(runtime, "stop", begun_or_ended)
    messages = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))
    sent = []

    async def receive() -> dict[str, str]:
        return next(messages)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    app = create_server(runtime, settings)
    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert order == ["workers", "runtime", "runtime"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
