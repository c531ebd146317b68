"""What an exchange lists, over HTTP and in the header's search."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from analytics.model import Listing
from dashapp.services.runtime import Runtime
from dashapp.ui.frame.header import MOST_OFFERED, found
from dashapp.web import app as http
from tests.dashapp.services.quiet_runtime import QUIET
from tests.exchange import Exchange
from tests.waiting import until

SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT", "OLDUSDT")


@asynccontextmanager
async def asked():
    """A stand-in, a runtime, and a client of its interface."""
    async with Exchange(SYMBOLS, rate=20.0) as exchange:
        options = {"binance_ws": exchange.ws, "binance_rest": exchange.rest, "universe": 0}
        runtime = Runtime(replace(QUIET, **options))
        server = FastAPI()
        http.mount(server, runtime)
        await runtime.start()
        transport = httpx.ASGITransport(app=server)
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                yield exchange, runtime, client
        finally:
            await runtime.stop()


async def test_the_symbols_that_trade_are_listed_by_turnover_with_their_funding():
    async with asked() as (exchange, _, client):
        exchange.data.statuses["OLDUSDT"] = "SETTLING"
        answer = (await client.get("/api/symbols?source=binance-futures")).json()
        assert [one["symbol"] for one in answer["symbols"]] == list(SYMBOLS[:3])
        first = answer["symbols"][0]
        assert (first["turnover"], first["funding_rate"]) == (1e10, 1e-4)
        assert (first["tick_size"], first["lot_size"], first["min_notional"]) == (0.01, 0.001, 5.0)
        assert answer["problem"] == ""


async def test_an_exchange_that_refuses_is_said_and_another_source_is_none():
    async with asked() as (exchange, _, client):
        exchange.requests.mode = "rest403"
        answer = (await client.get("/api/symbols?source=binance-futures")).json()
        assert answer["symbols"] == []
        assert "does not list its symbols: refused (HTTP 403)" in answer["problem"]
        refused = await client.get("/api/symbols?source=demo")
        assert refused.status_code == 400
        assert "expected one of binance-futures, binance-spot" in refused.json()["error"]


async def test_bars_over_http_wait_for_their_history_and_say_whose_they_are():
    async with asked() as (_, runtime, client):
        await runtime.feeds.start("binance-futures", SYMBOLS[:3])
        await until(lambda: set(runtime.markets["live"].symbols) == set(SYMBOLS[:3]))
        query = {"symbol": "币安人生USDT", "timeframe": "5m", "limit": 200}
        bars = (await client.get("/api/markets/live/bars", params=query)).json()["bars"]
        assert len(bars) == 200
        assert bars[0]["kline"]
        export = await client.get("/export/live/bars.csv", params=query)
        rows = export.text.splitlines()
        assert rows[0].endswith(",gap,kline")
        assert "币安人生USDT" in rows[1]
        assert rows[1].endswith(",false,true")


@pytest.mark.parametrize(
    "path", ["/api/markets/live/pair", "/api/markets/live/backtest", "/export/live/pair.json"]
)
async def test_a_pair_over_http_has_the_history_that_its_page_has(path):
    async with asked() as (_, runtime, client):
        await runtime.feeds.start("binance-futures", SYMBOLS[:2])
        await until(lambda: set(runtime.markets["live"].symbols) == set(SYMBOLS[:2]))
        query = {"y": SYMBOLS[0], "x": SYMBOLS[1], "timeframe": "5m", "limit": 300}
        answer = await client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        rows = document if isinstance(document, list) else document["series"]["ts_ms"]
        assert len(rows) == 300


def test_the_header_offers_what_is_traded_most_under_the_name_that_is_typed():
    listed = {f"S{n}USDT": Listing(f"S{n}USDT", turnover=1e9 / (n + 1)) for n in range(100)}
    listed["BTCUSDT"] = Listing("BTCUSDT", turnover=1e10)
    listed["OLDUSDT"] = Listing("OLDUSDT", status="BREAK")
    assert len(found(listed, "", ["KEPTUSDT"])) == MOST_OFFERED + 1
    assert found(listed, "", [])[0]["label"].startswith("BTCUSDT · 10")
    assert [one["value"] for one in found(listed, "btc", ["KEPTUSDT"])] == ["BTCUSDT", "KEPTUSDT"]
    assert found(listed, "old", []) == []
