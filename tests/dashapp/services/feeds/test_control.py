"""The message that a source is sent: where it comes from, and how long it stays."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from websockets.asyncio.server import ServerConnection, serve

from dashapp.services.runtime import Runtime
from dashapp.services.universe import directory
from dashapp.settings import Settings, UsageError, parse
from dashapp.ui.frame.subscribe import filled_in
from ingestion.stream.subscribe import SubscribeError
from tests.waiting import until

SILENT = Settings(source="none", binance_ws="ws://127.0.0.1:9", binance_rest="http://127.0.0.1:9")
SECRET = '{"op":"login","token":"s3cret"}'


async def test_a_feed_is_sent_its_message_and_keeps_it() -> None:
    heard: list[str | bytes] = []

    async def exchange(connection: ServerConnection) -> None:
        async for message in connection:
            heard.append(message)

    runtime = Runtime(Settings(source="none"))
    async with serve(exchange, "127.0.0.1", 0, close_timeout=0.1) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await runtime.feeds.start(url, [], SECRET)
        await until(lambda: heard == [SECRET])
        first = runtime.markets["live"]
        # A page gives back what it was shown; over HTTP nothing may be given at all.
        await runtime.feeds.start(url, [], SECRET.replace("s3cret", "***"))
        await runtime.feeds.start(url, [])
        assert runtime.markets["live"] is first
        await runtime.feeds.start(url, [], "another")
        await until(lambda: heard[1:] == ["another"])
        assert runtime.markets["live"] is not first
        await runtime.feeds.stop()


async def test_a_message_that_cannot_be_sent_leaves_the_feed_that_runs() -> None:
    runtime = Runtime(Settings(source="none"))
    await runtime.feeds.start("demo", [])
    for source, message in (("ws://127.0.0.1:9/", "{"), ("http://127.0.0.1:9/", "hi")):
        with pytest.raises(SubscribeError, match="goes on"):
            await runtime.feeds.start(source, [], message)
    assert runtime.markets.status("demo").state != "stopped"
    await runtime.feeds.stop()


async def test_other_symbols_of_the_exchange_that_runs_are_awaited_in_its_market() -> None:
    runtime = Runtime(SILENT)
    for symbols in (("BTCUSDT",), ("ETHUSDT", "SOLUSDT")):
        await runtime.feeds.start("binance-futures", symbols)
        assert runtime.markets["live"].coming == symbols
    await runtime.feeds.close()


async def test_a_clock_that_is_set_while_a_feed_runs_is_shown() -> None:
    async def quiet(connection: ServerConnection) -> None:
        await connection.wait_closed()

    runtime = Runtime(Settings(source="none"))
    async with serve(quiet, "127.0.0.1", 0, close_timeout=0.1) as server:
        await runtime.feeds.start(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", [])
        assert runtime.feeds.trust("live")["clock_jump_s"] is None
        runtime.feeds._feeds["live"]._intake.clock = SimpleNamespace(jump_s=lambda: 90.0)
        await until(lambda: runtime.feeds.trust("live")["clock_jump_s"] == 90.0)
        await runtime.feeds.close()


async def waiting_start(runtime: Runtime, monkeypatch) -> tuple[asyncio.Task, asyncio.Event]:
    """A start that waits for an exchange, and what lets the exchange answer."""
    asked, answers = asyncio.Event(), asyncio.Event()

    async def refresh(**_: bool) -> None:
        asked.set()
        await answers.wait()

    monkeypatch.setattr(directory, "LISTED_S", 3_600.0)
    exchange = runtime.feeds.directory.of("binance-futures")
    monkeypatch.setattr(exchange, "refresh", refresh)
    start = asyncio.create_task(runtime.feeds.start("binance-futures", ["BTCUSDT"]))
    await asked.wait()
    return start, answers


async def test_stop_waits_for_no_exchange_and_takes_back_the_start_that_does(monkeypatch) -> None:
    runtime = Runtime(SILENT)
    start, answers = await waiting_start(runtime, monkeypatch)
    await runtime.feeds.stop()
    assert not start.done()
    answers.set()
    assert await start is False
    assert not runtime.feeds.started
    await runtime.feeds.close()


async def test_a_start_that_waited_for_its_exchange_does_not_undo_a_later_one(monkeypatch) -> None:
    runtime = Runtime(SILENT)
    start, answers = await waiting_start(runtime, monkeypatch)
    assert await runtime.feeds.start("demo", [])
    answers.set()
    assert await start is False
    assert runtime.markets.status("demo").state != "stopped"
    await runtime.feeds.close()


def test_the_option_is_checked() -> None:
    given = parse(["--source", "wss://host/", "--subscribe", "hi"], {})
    assert given.subscribe == "hi"
    assert parse(["--source", "wss://h/"], {"SPREADSCOPE_SUBSCRIBE": "hi"}).subscribe == "hi"
    with pytest.raises(UsageError, match="--subscribe: subscribe is no JSON"):
        parse(["--source", "wss://host/", "--subscribe", "{"], {})
    with pytest.raises(UsageError, match="--subscribe is for a ws:// or wss:// --source"):
        parse(["--source", "http://host/", "--subscribe", "hi"], {})


def test_the_message_of_a_known_server_is_filled_in_until_somebody_writes_another() -> None:
    kraken = "wss://ws.kraken.com/v2"
    first = filled_in(kraken, "", "", "")
    assert "type symbols" in first["words"]
    made = filled_in(kraken, "BTC/USD", "", "")
    assert '"symbol":["BTC/USD"]' in made["message"]
    again = filled_in(kraken, "ETH/USD", made["message"], made["filled"])
    assert '"symbol":["ETH/USD"]' in again["message"]
    assert "message" in filled_in(kraken, "ETH/USD", "mine", made["filled"])
    assert not isinstance(filled_in(kraken, "ETH/USD", "mine", "")["message"], str)
    assert filled_in("ws://localhost:9", "X", made["message"], made["filled"])["message"] == ""
