"""docs/http.md: its examples run as they stand there."""

from __future__ import annotations

import asyncio
import io
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from tests.dashapp.web.test_api import CSV, ROUTES

DOCUMENT = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")


def examples(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL))


async def test_every_curl_command_is_answered(client, runtime):
    async def start_feed(source, symbols, subscribe):
        """No stream of an exchange for an example."""

    runtime.feeds.start = start_feed
    for command in filter(None, examples("sh").splitlines()):
        words = shlex.split(command)
        options = dict(pairwise(words))
        body = options.get("-d") or (CSV if "-T" in options else None)
        method = options.get("-X") or ("POST" if body else "GET")
        answer = await client.request(method, words[-1], content=body)
        placeholder = re.search(r"[/=\"]the-", command)
        assert answer.status_code == (404 if placeholder else 200), (command, answer.text[:300])
    await runtime.replays.stop()
    await runtime.scans.stop()


async def test_the_pandas_example_runs(client, monkeypatch):
    loop = asyncio.get_running_loop()

    def get(url, params=None):
        return asyncio.run_coroutine_threadsafe(client.get(url, params=params), loop).result(60)

    read_csv = pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda url: read_csv(io.StringIO(get(url).text)))
    monkeypatch.setitem(sys.modules, "httpx", SimpleNamespace(get=get))
    names: dict = {}
    await asyncio.to_thread(exec, examples("python"), names)
    assert len(names["bars"]) == 10
    assert names["bars"].index.tz is not None
    assert names["z"].notna().any()
    assert names["half_life"] > 0
    assert len(names["equity"]) == 600
    assert list(names["ticks"].columns)[:3] == ["time", "ts_ms", "symbol"]


def test_every_route_is_listed():
    for route in ROUTES:
        path = route.split()[1].partition(".{ending}")[0]
        last = path.rpartition("/")[2]
        assert any(f"{name}`" in DOCUMENT for name in (path, f"/{last}", f"`{last}")), route
