"""The stand-in's requests: aggTrades with its limits, its errors and its faults."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.exchange import Exchange

MAX_LIMIT = 1_000
Answer = tuple[int, Any, dict[str, str]]


class Requests:
    """The HTTP side of an Exchange. asked: paths in the order they came; asked_s: when, in
    monotonic seconds.

    mode: a fault by name. rest429 and rest418 ask to wait 1 s, rest500 and rest403 say so,
    restpartial gives half of a page, restholes leaves every seventh trade out for the first
    time, restwrong gives other trades, restempty none, restbroken half of the JSON,
    restslow answers after a second, restdown closes without a word.
    """

    def __init__(self, exchange: Exchange, port: int) -> None:
        self.port = port
        self.mode = ""
        self.asked: list[str] = []
        self.asked_s: list[float] = []
        self.used_weight = 0
        self._exchange = exchange
        self._server: asyncio.Server | None = None
        self._held_back: set[int] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.asked.append(path)
            self.asked_s.append(time.monotonic())
            if self.mode == "restslow":
                await asyncio.sleep(1.0)
            if self.mode != "restdown":
                writer.write(self._written(*self.answer(path)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _written(self, status: int, body: Any, headers: dict[str, str]) -> bytes:
        data = json.dumps(body).encode()
        if self.mode == "restbroken":
            data = data[: len(data) // 2]
        lines = [f"HTTP/1.1 {status} {status}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(data)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + data

    def answer(self, path: str) -> Answer:
        """Status, body and headers for a path."""
        venue = self._exchange.venue
        self.used_weight += venue.weight
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.used_weight)}
        refused = {"rest429": 429, "rest418": 418, "rest500": 500, "rest403": 403}.get(self.mode)
        if self.used_weight > venue.budget:
            refused = 429
        if refused is not None:
            wait = {"Retry-After": "1"} if refused in (429, 418) else {}
            return refused, {"code": -1003, "msg": "Too many requests."}, headers | wait
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != f"{venue.rest_path}/aggTrades":
            return 404, {"code": -5000, "msg": "Path is not found"}, headers
        if query.get("symbol") not in self._exchange.tape:
            return 400, {"code": -1121, "msg": "Invalid symbol."}, headers
        return 200, self._page(query), headers

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        limit = min(int(query.get("limit", "500")), MAX_LIMIT)
        first = int(query["fromId"])
        if self.mode == "restwrong":
            first = max(first - 5_000, self._exchange.first_id)
            limit = max(min(limit, int(query["fromId"]) - first), 1)
        if self.mode == "restpartial":
            limit = max(limit // 2, 1)
        if self.mode == "restempty":
            return []
        start = max(first - self._exchange.first_id, 0)
        rows = self._exchange.tape[query["symbol"]][start : start + limit]
        if self.mode == "restholes":
            fresh = {row["a"] for row in rows if row["a"] % 7 == 0} - self._held_back
            self._held_back |= fresh
            rows = [row for row in rows if row["a"] not in fresh]
        return rows
