"""The client for notebooks, and the notebook in docs/ that uses it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from dashapp import client as clients
from dashapp.client import Desk, RefusedError, connect

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOK = PROJECT / "docs" / "desk.ipynb"


@pytest.fixture
async def desk(client) -> Desk:
    """A client of the whole server, for a thread beside its loop."""
    loop = asyncio.get_running_loop()

    def handle(request: httpx.Request) -> httpx.Response:
        sent = client.request(
            request.method, str(request.url), content=request.content, headers=request.headers
        )
        answer = asyncio.run_coroutine_threadsafe(sent, loop).result()
        return httpx.Response(answer.status_code, content=answer.content)

    return connect(str(client.base_url), transport=httpx.MockTransport(handle))


async def test_bars_and_ticks_are_frames_by_time(desk):
    bars = await asyncio.to_thread(desk.bars, "demo", "BTCUSDT", "1s", 50)
    assert len(bars) == 50
    assert isinstance(bars.index, pd.DatetimeIndex)
    assert str(bars.index.tz) == "UTC"
    assert list(bars.columns[:4]) == ["open", "high", "low", "close"]
    ticks = await asyncio.to_thread(desk.ticks, "demo", "BTCUSDT", 10)
    assert list(ticks.columns) == ["price", "size", "trade_id", "outlier"]


async def test_a_pair_and_a_back_test_bear_their_figures(desk):
    legs = {"market": "demo", "y": "BTCUSDT", "x": "ETHUSDT"}
    pair = await asyncio.to_thread(lambda: desk.pair(**legs, timeframe="1s", z_window=60))
    assert pair["z"].dtype == float
    assert pair["z"].iloc[:10].isna().all()
    assert pair["z"].iloc[-1] == pytest.approx(pair.attrs["figures"]["z"])
    test = await asyncio.to_thread(lambda: desk.backtest(**legs, timeframe="1s", stop_z=None))
    assert len(test) == len(pair)
    assert isinstance(test.attrs["trades"], pd.DataFrame)


async def test_a_refusal_is_the_servers_sentence(desk):
    with pytest.raises(RefusedError, match="has no symbol 'NONE'") as refused:
        await asyncio.to_thread(desk.bars, "demo", "NONE", "1s")
    assert refused.value.status == 404


def test_a_scan_is_followed_to_its_rows(monkeypatch):
    monkeypatch.setattr(clients, "LOOK_S", 0.0)
    answers = [{"id": "7"}, {"progress": 0.5}, {"rows": [{"y": "A", "x": "B", "z": 2.5}], "n": 1}]
    asked: list[tuple[str, str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, json.loads(request.content or b"null")))
        return httpx.Response(200, json=answers.pop(0))

    heard: list[Any] = []
    with connect("http://desk", "t" * 16, transport=httpx.MockTransport(handle)) as desk:
        found = desk.scan(told=heard.append, market="universe", timeframe="1h")
    assert found.to_dict("records") == [{"y": "A", "x": "B", "z": 2.5}]
    assert found.attrs == {"n": 1}
    assert heard == [{"progress": 0.5}]
    assert asked[0] == ("POST", "/api/scans", {"market": "universe", "timeframe": "1h"})
    assert [each[:2] for each in asked[1:]] == [("GET", "/api/scans/7")] * 2


async def test_the_notebook_runs(desk, monkeypatch):
    """Its code cells, in order, on a server of this test."""
    monkeypatch.setattr(clients, "connect", lambda *_: desk)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for cell in code:
        await asyncio.to_thread(exec, compile(cell, NOTEBOOK.name, "exec"), names)
    assert len(names["pair"]) == 500
    assert names["test"]["equity"].iloc[-1] > 0
