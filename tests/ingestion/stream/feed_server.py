"""Servers and sinks for the tests of feeds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from analytics.model import Rejected, Ticks
from ingestion.feed import (
    Feed,
    Timeouts,
    Timers,
)
from ingestion.stream.backoff import BackoffPolicy
from ingestion.stream.watchdog import WatchdogPolicy
from tests.waiting import PATIENCE_S

FAST = Timers(
    Timeouts(open_s=3.0, ping_s=0.15, pong_s=0.15, close_s=0.1, gather_s=0.005),
    BackoffPolicy(floor_s=0.01, cap_s=0.05, stable_s=0.1),
    WatchdogPolicy(feed_s=1.0, symbol_s=60.0),
    handover_s=0.05,
)

Handler = Callable[[ServerConnection], Awaitable[None]]


class Taken:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.ticks: list[Ticks] = []
        self.rejected: list[Rejected] = []

    def __call__(self, ticks: list[Ticks], rejected: list[Rejected]) -> None:
        self.ticks += ticks
        self.rejected += rejected

    @property
    def count(self) -> int:
        return sum(map(len, self.ticks))

    @property
    def ids(self) -> list[int]:
        return [number for batch in self.ticks for number in batch.trade_id.tolist()]


def tick(number: int = 1, symbol: str = "BTCUSDT") -> str:
    return json.dumps(
        {"symbol": symbol, "ts": 1_723_161_256_322 + number, "price": 5, "size": 1, "id": number}
    )


async def talk(connection: ServerConnection) -> None:
    """Send a tick every 10 ms until the end."""
    number = 0
    while True:
        number += 1
        await connection.send(tick(number))
        await asyncio.sleep(0.01)


async def hush(connection: ServerConnection) -> None:
    await connection.wait_closed()


@asynccontextmanager
async def server(*handlers: Handler, port: int = 0) -> AsyncIterator[str]:
    """A WebSocket server: the first handler takes the first connection, the last the rest."""
    left = list(handlers)

    async def handle(connection: ServerConnection) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        with suppress(ConnectionClosed):
            await handler(connection)

    async with serve(handle, "127.0.0.1", port, close_timeout=0.1) as running:
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def raw_server(
    *handlers: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    request_ends: bytes = b"\r\n\r\n",
) -> AsyncIterator[int]:
    """A TCP server; handlers take turns like in `server`. Yields its port."""
    left = list(handlers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        try:
            await reader.readuntil(request_ends)
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def answer(text: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return handle


async def arrived(taken: Taken, count: int, patience: int = 500) -> None:
    """Wait for so many ticks; fail once none came for so many turns of the loop.

    Turns, of 20 ms at least, and not seconds: who sends shares the loop, and where others have
    the machine a single turn may take many seconds.
    """
    seen, left = -1, patience
    while taken.count < count:
        seen, left = (taken.count, patience) if taken.count > seen else (seen, left - 1)
        assert left, f"{seen} of {count} ticks came, then no more"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[Any]:
    feed.start()
    try:
        yield feed
    finally:
        await asyncio.wait_for(feed.stop(), PATIENCE_S)
        assert feed.status.state == "stopped"


async def dead_peer(connection: ServerConnection) -> None:
    connection.transport.pause_reading()
    await asyncio.sleep(1)
