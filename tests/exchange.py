"""A local stand-in for the exchange: its streams, its requests, and its faults by name.

    python -m tests.exchange --port 9443 --rest-port 9080
    python app.py --source binance-futures --symbols BTCUSDT,ETHUSDT \\
        --binance-ws ws://127.0.0.1:9443 --binance-rest http://127.0.0.1:9080

It numbers the trades of each symbol one by one and keeps them, so that what a client missed
can be asked for again. A wrong route, or a stream in upper case, is acknowledged and stays
silent, as at the exchange.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from ingestion.binance.wire import VENUES, lower, stream_name
from tests.exchange_data import Data, kline_event
from tests.exchange_faults import Faults
from tests.exchange_rest import Requests

Row = dict[str, Any]

TICK_S = 0.01
#: Between two messages of the bars in progress.
BARS_S = 1.0
PRICES = {"BTCUSDT": 60_000.0, "ETHUSDT": 2_600.0}


class Exchange:
    """The stand-in, while it is entered. ws, rest: what --binance-ws and --binance-rest take.

    rate: trades a second and symbol, made up from the seed; 0 for only what is published.
    faults: `strike(name)` and `heal()`; see exchange_faults. connects: handshakes tried.
    most_messages: that came over one connection within a second; above the venue's limit it
    is closed with 1008.
    """

    def __init__(
        self,
        symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT"),
        *,
        venue: str = "binance-futures",
        rate: float = 100.0,
        seed: int = 0,
        first_id: int = 1_000,
        port: int = 0,
        rest_port: int = 0,
    ) -> None:
        self.venue = VENUES[venue]
        self.symbols = tuple(symbols)
        self.tape: dict[str, list[Row]] = {symbol: [] for symbol in symbols}
        self.first_id = first_id
        self.rng = random.Random(seed)
        self.connects = 0
        self.most_messages = 0
        self.port = port
        self.faults = Faults(self)
        self.requests = Requests(self, rest_port)
        self.data = Data(self)
        self._rate = rate
        self._prices = {symbol: PRICES.get(symbol, 100.0) for symbol in symbols}
        self._wanted: dict[ServerConnection, set[str]] = {}
        self._recent: defaultdict[ServerConnection, deque[float]] = defaultdict(deque)
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._bars: asyncio.Task[None] | None = None

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.requests.port}"

    @property
    def connections(self) -> list[ServerConnection]:
        """The ones that are open."""
        return list(self._wanted)

    @property
    def subscribed(self) -> list[set[str]]:
        """The streams that each open connection asked for."""
        return list(self._wanted.values())

    def price(self, symbol: str) -> float:
        """A symbol's price now."""
        return self._prices[symbol]

    def base_price(self, symbol: str) -> float:
        """About what a symbol costs."""
        return PRICES.get(symbol, 100.0)

    def newest(self, symbol: str) -> int:
        """The id of a symbol's last trade."""
        return self.first_id + len(self.tape[symbol]) - 1

    async def __aenter__(self) -> Exchange:
        await self.listen()
        await self.requests.start()
        if self._rate:
            self._task = asyncio.create_task(self._make_up())
            self._bars = asyncio.create_task(self._send_bars())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.pause()
        await self.requests.stop()
        await self.deafen()

    async def pause(self) -> None:
        """Make up no more trades."""
        tasks = [task for task in (self._task, self._bars) if task is not None]
        self._task = self._bars = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def listen(self) -> None:
        """Accept connections, at the same port as before."""
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            self.port,
            process_request=self.faults.on_request,
            process_response=self.faults.on_response,
            ping_interval=None,
            close_timeout=0.1,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def deafen(self) -> None:
        """Cut every connection and accept none."""
        server, self._server = self._server, None
        self.cut()
        if server is not None:
            server.close(close_connections=True)
            await server.wait_closed()

    def cut(self) -> None:
        """Cut every connection, without a word."""
        for connection in self.connections:
            connection.transport.abort()
        self._wanted.clear()

    # --- trades --------------------------------------------------------------------------

    def publish(self, symbol: str, rows: Sequence[Row]) -> None:
        """Number these trades (p, q, T, m), keep them, and send them to who wants them."""
        frames = []
        for row in rows:
            number = self.newest(symbol) + 1
            kept = {"a": number, **row, "f": number, "l": number}
            self.tape[symbol].append(kept)
            frames.append(self.frame(symbol, kept))
        self.send(stream_name(self.venue, symbol), frames)

    def frame(self, symbol: str, row: Row) -> str:
        """A trade as the combined stream carries it."""
        name = stream_name(self.venue, symbol)
        data = {"e": self.venue.event, "E": row["T"] + 3, "s": symbol, **row}
        return json.dumps({"stream": name, "data": data}, separators=(",", ":"), ensure_ascii=False)

    def send(self, stream: str, frames: Sequence[str]) -> None:
        """Send frames to the connections that want a stream."""
        if self.faults.mute:
            return
        listeners = [one for one, wanted in self._wanted.items() if stream in wanted]
        for frame in self.faults.on_frames(list(frames)):
            broadcast(listeners, frame)

    def close_bars(self, interval: str, opened: int, length: int, closed: bool = True) -> None:
        """Send the bars that opened then to the streams of bars."""
        for symbol in self.symbols:
            row = self.data.of_trades(symbol, opened, length)
            if row is not None:
                name = f"{lower(symbol)}@kline_{interval}"
                event = kline_event(symbol, interval, row, closed)
                self.send(name, [f'{{"stream":{json.dumps(name)},"data":{event}}}'])

    def fill_past(self, symbol: str, seconds: float, count: int) -> None:
        """So many trades of the past, evenly until now, as if they had been before."""
        now_ms = time.time_ns() // 1_000_000
        rows = self.make_up(symbol, count)
        step = seconds * 1_000 / max(count, 1)
        for at, row in enumerate(rows):
            row["T"] = int(now_ms - seconds * 1_000 + at * step)
        self.publish(symbol, rows)

    def make_up(self, symbol: str, count: int) -> list[Row]:
        """So many trades of now."""
        now_ms, rows = time.time_ns() // 1_000_000, []
        for _ in range(count):
            self._prices[symbol] *= 1 + self.rng.gauss(0, 2e-5)
            price, size = f"{self._prices[symbol]:.2f}", f"{self.rng.uniform(0.001, 2):.3f}"
            rows.append({"p": price, "q": size, "T": now_ms, "m": self.rng.random() < 0.5})
        return rows

    async def _make_up(self) -> None:
        began, made = time.monotonic(), 0
        while True:
            await asyncio.sleep(TICK_S * self.rng.uniform(0.5, 1.5))
            due = int((time.monotonic() - began) * self._rate) - made
            made += due
            for symbol in self.symbols:
                self.publish(symbol, self.make_up(symbol, due))

    async def _send_bars(self) -> None:
        """The bars in progress, and each that has closed, to the streams of bars."""
        minute, length = self.data.now_ms() // 60_000, 60_000
        while True:
            await asyncio.sleep(BARS_S)
            if not any("@kline_1m" in name for wanted in self.subscribed for name in wanted):
                continue
            now = self.data.now_ms() // length
            if now > minute:
                self.close_bars("1m", minute * length, length)
                minute = now
            self.close_bars("1m", minute * length, length, closed=False)

    # --- connections -----------------------------------------------------------------------

    async def _handle(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        self._wanted[connection] = wanted = self._asked_for(request.path)
        with suppress(ConnectionClosed):
            await self.faults.on_open(connection)
            async for message in connection:
                if self._too_many(connection):
                    await connection.close(1008, "Too many requests")
                else:
                    await connection.send(self._control(json.loads(message), wanted))
        self._wanted.pop(connection, None)
        self._recent.pop(connection, None)

    def _too_many(self, connection: ServerConnection) -> bool:
        """Whether this message is one more than a connection may send in a second."""
        now_s, recent = time.monotonic(), self._recent[connection]
        while recent and recent[0] <= now_s - 1.0:
            recent.popleft()
        recent.append(now_s)
        self.most_messages = max(self.most_messages, len(recent))
        return len(recent) > self.venue.messages

    def _asked_for(self, path: str) -> set[str]:
        parts = urlsplit(path)
        if not parts.path.startswith(self.venue.path):
            return set()  # the wrong route: silence
        names = parse_qs(parts.query).get("streams", [""])[0].split("/")
        return {name for name in names if name}

    def _control(self, message: Row, wanted: set[str]) -> str:
        method, params = message.get("method"), message.get("params", [])
        if method == "SUBSCRIBE":
            wanted.update(params)
        elif method == "UNSUBSCRIBE":
            wanted.difference_update(params)
        elif method == "LIST_SUBSCRIPTIONS":
            return json.dumps({"result": sorted(wanted), "id": message.get("id")})
        else:
            error = {"code": 2, "msg": "Invalid request: unknown method"}
            return json.dumps({"error": error, "id": message.get("id")})
        return json.dumps({"result": None, "id": message.get("id")})


def recorded_frames(*paths: Path) -> list[tuple[str, Row]]:
    """Frames of recordings in the order of their receipt: as they stand, and read."""
    lines: list[tuple[int, str]] = []
    for path in paths:
        with gzip.open(path, "rt") as file:
            for line in file:
                received, _, frame = line.rstrip("\n").partition(" ")
                lines.append((int(received), frame))
    lines.sort(key=lambda line: line[0])
    return [(frame, json.loads(frame)["data"]) for _, frame in lines]


def trades_of(frames: Sequence[tuple[str, Row]]) -> Iterator[tuple[str, Row]]:
    """The frames' trades of the market, as `publish` takes them: (symbol, row)."""
    for _, data in frames:
        if data.get("X", "MARKET") == "MARKET":
            yield data["s"], {"p": data["p"], "q": data["q"], "T": data["T"], "m": data["m"]}


async def _serve(arguments: argparse.Namespace) -> None:
    options = {"venue": arguments.venue, "rate": arguments.rate}
    ports = {"port": arguments.port, "rest_port": arguments.rest_port}
    symbols = arguments.symbols.split(",")
    symbols += [f"S{number:03}USDT" for number in range(arguments.more)]
    async with Exchange(symbols, **options, **ports) as exchange:
        exchange.requests.latency_s = tuple(map(float, arguments.latency.split(",")))
        print(f"--binance-ws {exchange.ws} --binance-rest {exchange.rest}", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9443)
    parser.add_argument("--rest-port", type=int, default=9080)
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT")
    parser.add_argument("--venue", choices=tuple(VENUES), default="binance-futures")
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--more", type=int, default=0, help="so many made-up symbols beside")
    parser.add_argument("--latency", default="0,0", help="of requests, from and to, s")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))
