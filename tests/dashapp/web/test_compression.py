"""What is packed, behind the guard: answers to pages on other machines."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse

from dashapp.settings import Settings
from dashapp.web.body_limits import CALLBACK_PATH
from dashapp.web.compression import Compression
from dashapp.web.guard import Guard, Policy

FAR, NEAR = "192.0.2.7", "127.0.0.1"


async def answer(address: str, path: str, text: str, **headers: str) -> httpx.Response:
    guard = Guard(Compression(PlainTextResponse(text)), Policy.of(Settings()))
    transport = httpx.ASGITransport(guard, client=(address, 1))
    url = f"http://127.0.0.1:{Settings().port}"
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        return await client.post(path, json={}, headers=headers)


async def test_an_answer_to_a_page_on_another_machine_is_packed():
    text = "0123456789" * 1_000
    far = await answer(FAR, CALLBACK_PATH, text)
    assert far.headers["content-encoding"] == "gzip"
    assert int(far.headers["content-length"]) < len(text) / 10
    assert far.text == text
    assert far.headers["x-content-type-options"] == "nosniff"
    assert far.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("address", "path", "length", "headers"),
    [
        (NEAR, CALLBACK_PATH, 10_000, {}),
        ("::1", CALLBACK_PATH, 10_000, {}),
        (FAR, CALLBACK_PATH, 100, {}),
        (FAR, "/export/ticks", 10_000, {}),
        (FAR, "/api/upload", 10_000, {}),
        (FAR, CALLBACK_PATH, 10_000, {"accept-encoding": "identity"}),
    ],
)
async def test_everything_else_passes_as_it_is(address, path, length, headers):
    plain = await answer(address, path, "x" * length, **headers)
    assert "content-encoding" not in plain.headers
    assert plain.text == "x" * length
