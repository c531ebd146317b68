"""The client for notebooks, and the notebook in docs/ that uses it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from analytics.scanner import FIELDS
from dashapp import client as clients
from dashapp.client import Desk, RefusedError, connect
from dashapp.services.scan.control import Scans
from tests.dashapp.services.scan.test_scans import MADE, InProcess, market_of

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


@pytest.fixture
def scans(runtime) -> Scans:
    """Scans of a market with planted pairs, done in the test's own process."""
    runtime.markets["m"] = market_of()
    runtime.scans = Scans(runtime.markets, runtime.recorder.writer, process=InProcess())
    return runtime.scans


async def test_bars_and_ticks_are_frames_by_time(desk):
    bars = await asyncio.to_thread(desk.bars, "demo", "BTCUSDT", "1s", 50)
    assert len(bars) == 50
    assert isinstance(bars.index, pd.DatetimeIndex)
    assert str(bars.index.tz) == "UTC"
    assert list(bars.columns[:4]) == ["open", "high", "low", "close"]
    ticks = await asyncio.to_thread(desk.ticks, "demo", "BTCUSDT", 10)
    assert list(ticks.columns) == ["price", "size", "trade_id", "trades", "outlier"]


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


async def test_a_scan_is_followed_to_its_rows(desk, scans, monkeypatch):
    monkeypatch.setattr(clients, "LOOK_S", 0.01)
    monkeypatch.setattr(clients, "PAGE", 10)
    heard: list[Any] = []
    scans._process.gate.clear()

    def told(scan: Any) -> None:
        heard.append(scan["state"])
        scans._process.gate.set()

    rules = {"bars": 480, "cost_bps": 1.0}
    pairs = await asyncio.to_thread(lambda: desk.scan("m", told=told, **rules))
    assert set(heard) == {"running"}
    assert tuple(pairs.columns) == FIELDS
    assert len(pairs) == pairs.attrs["survivors"] < pairs.attrs["rows_total"] == 28
    confirmed = pairs[pairs.verdict == "confirmed"]
    planted = {frozenset(pair) for pair in zip(confirmed.y, confirmed.x, strict=True)}
    assert planted == MADE.planted
    assert pairs.attrs["params"]["cost_bps"] == 1.0
    whole = await asyncio.to_thread(lambda: desk.scan("m", rows="all", **rules))
    assert len(whole) == len(whole[["y", "x"]].drop_duplicates()) == 28
    assert whole.confirm_pvalue.dtype == float


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [("failed", "No scheduler.", "No scheduler"), ("cancelled", None, "was cancelled")],
)
def test_a_scan_without_a_result_says_why(state, error, words):
    told = httpx.Response(200, json={"id": "7", "state": state, "error": error})
    transport = httpx.MockTransport(lambda _: told)
    with (
        connect("http://desk", transport=transport) as desk,
        pytest.raises(RefusedError) as refused,
    ):
        desk.scan("universe")
    assert words in str(refused.value)


def test_a_scan_that_takes_too_long_is_given_up():
    asked: list[tuple[str, str]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        return httpx.Response(200, json={"id": "7", "state": "running"})

    transport = httpx.MockTransport(handle)
    with connect("http://desk", transport=transport) as desk, pytest.raises(TimeoutError):
        desk.scan("universe", wait_s=-0.1)
    assert asked == [("POST", "/api/scans"), ("DELETE", "/api/scans/7")]


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
