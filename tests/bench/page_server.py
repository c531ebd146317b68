"""The whole app without a socket: its Analytics page's live callback, request to bytes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np

from analytics.model import Ticks
from dashapp import ids
from dashapp.parameters.pair import check, to_dict
from dashapp.server import create_server
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.ui.app import create_app

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START_MS = 1_723_161_240_000
PATH = "/_dash-update-component"


def made_up_ticks(seconds: int, per_second: int) -> tuple[Ticks, Ticks]:
    """Two symbols that belong together, at prices in cents, every 1 / per_second s."""
    rng = np.random.default_rng(1)
    count = seconds * per_second
    walk = np.cumsum(rng.normal(0.0, 1e-4 / np.sqrt(per_second), count))
    own = rng.normal(0.0, 2e-5, count)
    times = START_MS + np.arange(count) * 1_000 // per_second
    prices = (60_000.0 * np.exp(walk), 2_500.0 * np.exp(0.9 * walk + own))
    first, second = (
        Ticks(symbol, times, np.round(price, 2), rng.uniform(0.1, 1.0, count), np.arange(count))
        for symbol, price in zip(SYMBOLS, prices, strict=True)
    )
    return first, second


def part(ticks: Ticks, start: int, stop: int) -> Ticks:
    """Ticks start .. stop - 1."""
    return Ticks(
        ticks.symbol,
        ticks.ts_ms[start:stop],
        ticks.price[start:stop],
        ticks.size[start:stop],
        ticks.trade_id[start:stop],
    )


def body_of(callback: dict[str, Any], held: dict[str, Any]) -> bytes:
    """What a page posts at a tick of its interval. held: what its inputs and states hold, by id."""
    outputs = [one.rsplit(".", 1) for one in callback["output"].strip(".").split("...")]
    body = {
        "output": callback["output"],
        "outputs": [{"id": id, "property": name} for id, name in outputs],
        "inputs": [{**one, "value": held.get(one["id"])} for one in callback["inputs"]],
        "state": [{**one, "value": held.get(one["id"])} for one in callback["state"]],
        "changedPropIds": [f"{ids.INTERVAL}.n_intervals"],
    }
    return json.dumps(body).encode()


class PageServer:
    """A server whose demo market is fed by hand, and one browser tab on /analytics.

    `refresh` is what the browser's interval does; the tab's cursor goes to and fro as in it.
    """

    def __init__(self, bars: int, **raw: Any) -> None:
        settings = Settings(source="none", archive=None)
        self.runtime = Runtime(settings)
        self.runtime.kernels.ready = True
        self.market = self.runtime.markets["demo"]
        self.cursor: Any = None
        self._made: list[Any] = []
        self._ticks = 0
        self.asgi = create_server(self.runtime, settings, self._create)
        self.host = f"127.0.0.1:{settings.port}".encode()
        legs = {"y": SYMBOLS[0], "x": SYMBOLS[1], "limit": bars}
        view, errors = check("demo", [], {**legs, **raw}, SYMBOLS)
        assert not errors
        self._look = {
            ids.VIEW: to_dict(view),
            ids.STRATEGY: None,
            ids.THEME: "dark",
            ids.FROZEN: False,
        }
        cursor = ids.cursor_of("/analytics")
        (self._callback,) = (
            one
            for one in self._made[0]._callback_list
            if f"{ids.ADF_CHART}.figure" in one["output"] and f"{cursor}.data" in one["output"]
        )

    def _create(self, runtime: Runtime, server: Any) -> Any:
        self._made.append(create_app(runtime, server))
        return self._made[-1]

    def request(self) -> bytes:
        """The body of the interval's next request."""
        self._ticks += 1
        held = {
            **self._look,
            ids.INTERVAL: self._ticks,
            ids.cursor_of("/analytics"): self.cursor,
        }
        return body_of(self._callback, held)

    async def post(self, body: bytes) -> bytes:
        """What the server answers, as bytes."""
        headers = [
            (b"host", self.host),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8050),
            "state": {},
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        status, answer = [], []

        async def receive() -> dict[str, Any]:
            return waiting.pop() if waiting else await asyncio.Future()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            else:
                answer.append(message.get("body", b""))

        await self.asgi(scope, receive, send)
        assert status == [200]
        return b"".join(answer)

    def learn(self, answer: bytes) -> None:
        """Keep the cursor that came with an answer, as the browser does."""
        self.cursor = json.loads(answer)["response"][ids.cursor_of("/analytics")]["data"]
