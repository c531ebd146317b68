"""The stand-in's faults, by name: those of the transport, and some of the content.

A strike hits the connections that are open, once. An outage lasts until `heal`: new
connections meet it too. A disturbance changes what is sent, and cuts nothing.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

if TYPE_CHECKING:
    from tests.exchange import Exchange

CLOSES = (1000, 1001, 1008, 1011, 1012)
STATUSES = (403, 418, 429, 451, 500, 503)
BIG_BYTES = 2 << 20
BOMB_BYTES = 16 << 20

_DIRT = (
    "nonsense",
    "",
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","a":-1,"p":"NaN"}}',
    '{"result":null,"id":1}',
    '{"error":{"code":2,"msg":"Invalid request"},"id":2}',
    "[" * 200_000,
    '{"e":"aggTrade","s":"=cmd|\' /C calc\'!A0","a":1,"p":"1","q":"1","T":1723161256322}',
    '{"e":"aggTrade","s":"BTCUSDT","p":"1e400","q":"1","T":1723161256322}',
    '{"e":"aggTrade","s":"BTCUSDT","p":"5","q":"1","T":4102444799000}',
    '{"e":"aggTrade","s":"XRPUSDT","a":1,"p":"5","q":"1","T":1723161256322}',
    '{"e":"aggTrade","s":"<img src=x>","a":1,"p":"5","q":"1","T":1723161256322}',
    '{"e":"aggTrade","s":"' + "A" * 100_000 + '","a":1,"p":"5","q":"1","T":1723161256322}',
    '{"e":"aggTrade","s":"BTCUSDT","a":"\u0000","p":"-5","q":"0","T":1723161256322}',
)


def _reset(connection: ServerConnection) -> None:
    raw = connection.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def _half_frame(connection: ServerConnection) -> None:
    connection.transport.write(b"\x81\x7e\x01\x00half")
    connection.transport.close()


def _writes(data: bytes) -> Callable[[ServerConnection], None]:
    return lambda connection: connection.transport.write(data)


#: Name -> what happens to an open connection, at once.
_STRIKES: dict[str, Callable[[ServerConnection], None]] = {
    "close1006": lambda connection: connection.transport.abort(),
    "rst": _reset,
    "halfframe": _half_frame,
    "garbage": _writes(b"\xf3\x7fgarbage"),
    "badutf8": _writes(b"\x81\x02\xff\xfe"),
    "reserved": _writes(b"\x83\x00"),
    "masked": _writes(b"\x81\x82\x00\x00\x00\x00hi"),
}
_SENDS = ("shutdown", "big", "bomb", "dirty")
_OUTAGES = (
    "refused",
    "dns",
    "slowhs",
    "instantclose",
    "onlybig",
    "badaccept",
    "redirect",
    "stall",
    "stallpong",
)
_DISTURBANCES = ("duplicate", "reorder", "flood", "holes", "outlier")

#: What is over once it has happened: from then on the server is as ever.
STRIKES = (*(f"close{code}" for code in CLOSES), *_STRIKES, *_SENDS)
#: Every fault of the transport that `Faults.strike` knows.
NAMES = (
    *STRIKES,
    *_OUTAGES,
    *(f"http{status}" for status in STATUSES),
    *_DISTURBANCES,
)


class Faults:
    """What is wrong with an Exchange now. mode: an outage or a disturbance, "" for nothing.

    Of a "dns" outage the client's resolver is told, by `nameless`: an Exchange has none.
    """

    #: Ports whose host has no name now.
    nameless: ClassVar[set[int]] = set()

    def __init__(self, exchange: Exchange) -> None:
        self.mode = ""
        self._exchange = exchange
        self._tasks: set[asyncio.Task[None]] = set()
        self._dead: list[ServerConnection] = []
        self._passed = 0

    @property
    def mute(self) -> bool:
        """Whether nothing is sent."""
        return self.mode in ("stall", "stallpong")

    async def strike(self, name: str) -> None:
        """Let a fault happen. Raises ValueError for a name that is none."""
        if name not in NAMES:
            raise ValueError(f"fault is {name!r}, expected one of {', '.join(NAMES)}")
        connections = self._exchange.connections
        if name in _STRIKES:
            for connection in connections:
                _STRIKES[name](connection)
        elif name.startswith("close") or name in _SENDS:
            for connection in connections:
                self._spawn(connection, name)
        else:
            await self._begin(name, connections)

    async def _begin(self, name: str, connections: list[ServerConnection]) -> None:
        self.mode = name
        if name == "dns":
            self.nameless.add(self._exchange.port)
        if name == "refused":
            await self._exchange.deafen()
        elif name == "stall":
            for connection in connections:
                connection.transport.pause_reading()
            self._dead = connections
        elif name == "outlier":
            for symbol in self._exchange.symbols:
                (row,) = self._exchange.make_up(symbol, 1)
                price = f"{float(row['p']) * 1.5:.2f}"
                self._exchange.publish(symbol, [{**row, "p": price}])
        elif name == "flood":
            for symbol in self._exchange.symbols:
                self._exchange.publish(symbol, self._exchange.make_up(symbol, 10_000))
        elif name not in ("stallpong", *_DISTURBANCES):
            self._exchange.cut()

    async def heal(self) -> None:
        """End an outage. A connection that went dead stays dead."""
        mode, self.mode = self.mode, ""
        self.nameless.discard(self._exchange.port)
        if mode == "refused":
            await self._exchange.listen()
        for connection in self._dead:
            self._exchange._wanted.pop(connection, None)

    def _spawn(self, connection: ServerConnection, name: str) -> None:
        task = asyncio.create_task(self._speak(connection, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _speak(self, connection: ServerConnection, name: str) -> None:
        try:
            if name.startswith("close"):
                await connection.close(int(name[5:]), "as told")
            elif name == "shutdown":
                data = {"e": "serverShutdown", "E": 1_723_161_256_322}
                await connection.send(json.dumps({"stream": "!serverShutdown", "data": data}))
            elif name == "big":
                await connection.send("x" * BIG_BYTES)
            elif name == "bomb":
                await connection.send("0" * BOMB_BYTES)
            else:
                for message in _DIRT:
                    await connection.send(message)
        except ConnectionClosed:
            pass

    # --- where the exchange asks what is wrong ---------------------------------------------

    async def on_request(self, connection: ServerConnection, request: Request) -> Response | None:
        self._exchange.connects += 1
        while self.mode == "slowhs":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        if self.mode == "redirect":
            response = connection.respond(HTTPStatus.FOUND, "elsewhere\n")
            response.headers["Location"] = "ws://127.0.0.1:1/"
            return response
        if self.mode.startswith("http"):
            response = connection.respond(HTTPStatus(int(self.mode[4:])), "as told\n")
            if self.mode in ("http429", "http418"):
                response.headers["Retry-After"] = "1"
            return response
        return None

    async def on_response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        if self.mode == "badaccept" and "Sec-WebSocket-Accept" in response.headers:
            del response.headers["Sec-WebSocket-Accept"]
            response.headers["Sec-WebSocket-Accept"] = "bm90IHRoZSBrZXk="

    async def on_open(self, connection: ServerConnection) -> None:
        if self.mode == "instantclose":
            await connection.close(1000, "as told")
        elif self.mode == "onlybig":
            await connection.send("x" * BIG_BYTES)
        elif self.mode == "stall":
            connection.transport.pause_reading()
            self._dead.append(connection)

    def on_frames(self, frames: list[str]) -> list[str]:
        """The frames as they are sent."""
        if self.mode == "duplicate":
            return frames + frames
        if self.mode == "holes":
            kept = [frame for at, frame in enumerate(frames, self._passed) if at % 9]
            self._passed += len(frames)
            return kept
        if self.mode == "reorder":
            self._exchange.rng.shuffle(frames)
        return frames
