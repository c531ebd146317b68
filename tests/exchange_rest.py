"""The stand-in's requests: trades, bars and lists, with their weights, limits and faults."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.exchange_data import LENGTHS

if TYPE_CHECKING:
    from tests.exchange import Exchange

MAX_LIMIT = 1_000
Answer = tuple[int, Any, dict[str, str]]


class Requests:
    """The HTTP side of an Exchange. asked: paths in the order they came; asked_s: when, in
    monotonic seconds. used_weight: in this minute; most_weight: in any. latency_s: from and to,
    of every answer.

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
        self.most_weight = 0
        self.latency_s = (0.0, 0.0)
        self._minute = int(time.time() // 60)
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
            if self.latency_s[1]:
                await asyncio.sleep(self._exchange.rng.uniform(*self.latency_s))
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
        lines += [f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + data

    def answer(self, path: str) -> Answer:
        """Status, body and headers for a path."""
        venue = self._exchange.venue
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = parts.path.removeprefix(f"{venue.rest_path}/")
        self._count(self._weight(name, query))
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.used_weight)}
        refused = {"rest429": 429, "rest418": 418, "rest500": 500, "rest403": 403}.get(self.mode)
        if self.used_weight > venue.budget:
            refused = 429
        if refused is not None:
            wait = {"Retry-After": "1"} if refused in (429, 418) else {}
            return refused, {"code": -1003, "msg": "Too many requests."}, headers | wait
        data = self._exchange.data
        plain = {
            "exchangeInfo": data.info,
            "ticker/24hr": data.tickers,
            "premiumIndex": data.premiums,
            "fundingInfo": data.funding_hours,
            "tradingSchedule": data.schedule,
        }
        if name in plain:
            return 200, plain[name](), headers
        if name not in ("aggTrades", "klines"):
            return 404, {"code": -5000, "msg": "Path is not found"}, headers
        if query.get("symbol") not in self._exchange.tape:
            return 400, {"code": -1121, "msg": "Invalid symbol."}, headers
        if name == "aggTrades":
            return 200, self._page(query), headers
        interval = query.get("interval", "")
        if interval not in LENGTHS or (self._futures and interval == "1s"):
            return 400, {"code": -1120, "msg": "Invalid interval."}, headers
        most = 1_500 if self._futures else 1_000
        return 200, data.klines(query["symbol"], interval, query, most), headers

    @property
    def _futures(self) -> bool:
        return "fapi" in self._exchange.venue.rest_path

    def _weight(self, name: str, query: dict[str, str]) -> int:
        limit = int(query.get("limit", "500"))
        if name == "klines":
            tops = ((99, 1), (499, 2), (1_000, 5)) if self._futures else ((1_000, 2),)
            return next((cost for top, cost in tops if limit <= top), 10)
        futures = {"exchangeInfo": 1, "ticker/24hr": 40, "premiumIndex": 10, "fundingInfo": 0}
        spot = {"exchangeInfo": 20, "ticker/24hr": 80}
        costs = futures | {"tradingSchedule": 5} if self._futures else spot
        return costs.get(name, self._exchange.venue.weight)

    def _count(self, weight: int) -> None:
        """Count a request's weight within the minute."""
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._minute, self.used_weight = minute, 0
        self.used_weight += weight
        self.most_weight = max(self.most_weight, self.used_weight)

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        limit = min(int(query.get("limit", "500")), MAX_LIMIT)
        if "fromId" not in query:
            return self._exchange.tape[query["symbol"]][-limit:]
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
