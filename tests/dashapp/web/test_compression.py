"""What goes to other machines is compressed; on this one nothing is."""

from __future__ import annotations

import httpx
import pytest

from dashapp.server import create_server
from tests.dashapp.conftest import small_app


@pytest.mark.parametrize(("client", "packed"), [("10.0.0.9", True), ("127.0.0.1", False)])
async def test_pages_are_compressed_for_who_is_elsewhere(runtime, settings, client, packed):
    app = create_server(runtime, settings, small_app)
    transport = httpx.ASGITransport(app, client=(client, 5))
    base = f"http://127.0.0.1:{settings.port}"
    query = {"y": "BTCUSDT", "x": "ETHUSDT"}
    async with httpx.AsyncClient(transport=transport, base_url=base) as made:
        answer = await made.get("/api/markets/demo/pair", params=query)
        assert answer.json()["market"] == "demo"
        assert (answer.headers.get("content-encoding") == "gzip") == packed
        rows = await made.get("/export/demo/ticks.csv?symbol=BTCUSDT")
        assert "content-encoding" not in rows.headers
