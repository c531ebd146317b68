"""The wheel serves outside the checkout, styles and scripts included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import httpx
import pytest

from tests.redis_server import free_port
from tests.waiting import PATIENCE_S

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.soak
def test_the_wheel_serves_in_a_clean_environment_and_exits_0(tmp_path):
    """The dependencies come from this environment: an index is asked for setuptools alone."""
    run = lambda *words: subprocess.run(words, check=True, cwd=tmp_path)  # noqa: E731
    pip = ("-m", "pip", "-q", "--disable-pip-version-check")
    run(sys.executable, *pip, "wheel", "--no-deps", "-w", str(tmp_path), str(PROJECT))
    (wheel,) = tmp_path.glob("spreadscope-*.whl")
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    run(str(folder / "bin/python"), *pip, "install", "--no-deps", str(wheel))
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    port = free_port()
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    app = subprocess.Popen(
        [str(folder / "bin/spreadscope"), "--port", str(port), "--archive", "none"],
        cwd=tmp_path, env=clean, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        base, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_S
        while True:
            try:
                assert httpx.get(f"{base}/healthz").json() == {"status": "ok"}
                break
            except httpx.ConnectError:
                assert time.monotonic() < deadline
                assert app.poll() is None, app.communicate()[1]
                time.sleep(0.2)
        page = httpx.get(base).text
        for name in ("style.css", "parts.css", "clientside.js", "boot.js", "icon.svg"):
            assert httpx.get(f"{base}/assets/{name}").status_code == 200
            assert name in page or name == "icon.svg"
        app.send_signal(signal.SIGTERM)
        _, said = app.communicate(timeout=PATIENCE_S)
        assert app.returncode == 0, said
        assert "Traceback" not in said
    finally:
        app.kill()
        app.communicate()
