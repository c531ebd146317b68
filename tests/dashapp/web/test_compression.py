"""What goes to other machines is compressed; on this one nothing is."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib

import httpx
import pytest

from dashapp.server import create_server
from dashapp.ui.app import create_app
from dashapp.web import compression
from dashapp.web.compression import KEPT_BYTES, THREAD_BYTES, Compressed, PackedFiles
from tests.dashapp.conftest import small_app

FAR, NEAR = "10.0.0.9", "127.0.0.1"
SCRIPT = b"let number = 1;\n" * 20_000
KIND = b"text/javascript; charset=utf-8"


def client_of(app, address: str, **given) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 5))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8050", **given)


@pytest.mark.parametrize(("address", "packed"), [(FAR, True), (NEAR, False)])
async def test_pages_are_compressed_for_who_is_elsewhere(runtime, settings, address, packed):
    query = {"y": "BTCUSDT", "x": "ETHUSDT"}
    async with client_of(create_server(runtime, settings, small_app), address) as client:
        answer = await client.get("/api/markets/demo/pair", params=query)
        assert answer.json()["market"] == "demo"
        assert (answer.headers.get("content-encoding") == "gzip") == packed
        rows = await client.get("/export/demo/ticks.csv?symbol=BTCUSDT")
        assert "content-encoding" not in rows.headers


@pytest.fixture
def packed_in(monkeypatch) -> list[tuple[str, int]]:
    """The thread in which each piece was packed, and the piece's bytes."""
    seen: list[tuple[str, int]] = []
    compress, new = gzip.compress, zlib.compressobj

    class Watched:
        def __init__(self, *given, **more) -> None:
            self._inner = new(*given, **more)

        def compress(self, data: bytes) -> bytes:
            seen.append((threading.current_thread().name, len(data)))
            return self._inner.compress(data)

        def flush(self, *given) -> bytes:
            return self._inner.flush(*given)

    def watched(data: bytes, *given, **more) -> bytes:
        seen.append((threading.current_thread().name, len(data)))
        return compress(data, *given, **more)

    monkeypatch.setattr(zlib, "compressobj", Watched)
    monkeypatch.setattr(compression.gzip, "compress", watched)
    return seen


async def test_the_loop_packs_nothing_large(runtime, settings, packed_in):
    async with client_of(create_server(runtime, settings, create_app), FAR) as client:
        page = await client.get("/")
        scripts = [
            f"/{part}"
            for part in page.text.replace('="/', '="').split('"')
            if part.startswith(("_dash-component-suites/", "assets/"))
        ]
        assert len(scripts) > 20
        bars = "/api/markets/demo/bars?symbol=BTCUSDT&timeframe=1s&limit=300"
        for path in (*scripts, "/api/markets/demo/pair?y=BTCUSDT&x=ETHUSDT", bars):
            answer = await client.get(path)
            assert answer.status_code == 200, path
    large = [thread for thread, size in packed_in if size >= THREAD_BYTES]
    assert len(large) > 10
    assert threading.current_thread().name not in large
    sizes = [size for _, size in packed_in]
    assert max(sizes) > 1_000_000
    assert THREAD_BYTES <= sizes[-1] < 4 * THREAD_BYTES


class Files:
    """An application of one file, in pieces. asked: how often it was."""

    def __init__(self, status: int = 200, headers: tuple = ()) -> None:
        self.asked, self.body, self.etag = 0, SCRIPT, b'"1"'
        self.kind = KIND
        self._status, self._headers = status, headers

    async def __call__(self, scope, receive, send) -> None:
        self.asked += 1
        headers = [(b"content-type", self.kind), (b"etag", self.etag), *self._headers]
        headers.append((b"accept-ranges", b"bytes"))
        headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        for at in range(0, len(self.body), 65_536):
            piece = self.body[at : at + 65_536]
            more = at + 65_536 < len(self.body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})


async def test_who_has_read_a_file_when_it_was_packed_gets_that(packed_in):
    files = compression.PackedFiles()
    first = await files.packed("a", [SCRIPT])
    assert await files.packed("a", [SCRIPT]) is first
    assert len(packed_in) == 1


async def test_a_file_is_packed_once_and_anew_when_it_is_another(packed_in):
    files = Files()
    async with client_of(Compressed(files), FAR) as client:
        answers = await asyncio.gather(*(client.get("/assets/a.js") for _ in range(5)))
        answers.append(await client.get("/assets/a.js"))
        for answer in answers:
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert "accept-ranges" not in answer.headers
            assert int(answer.headers["content-length"]) < len(SCRIPT) / 20
            assert answer.content == SCRIPT
        assert [size for _, size in packed_in] == [len(SCRIPT)]
        for number in range(3):  # no file hangs on its query
            assert (await client.get(f"/assets/a.js?{number}")).content == SCRIPT
        assert [size for _, size in packed_in] == [len(SCRIPT)]
        files.body, files.etag = SCRIPT[::-1], b'"2"'
        assert (await client.get("/assets/a.js")).content == SCRIPT[::-1]
        assert (await client.get("/assets/b.js")).content == SCRIPT[::-1]
        assert len(packed_in) == 3


@pytest.mark.parametrize(
    ("files", "given"),
    [
        (Files(206, ((b"content-range", b"bytes 0-9/99"),)), {}),
        (Files(headers=((b"content-encoding", b"br"),)), {}),
        (Files(), {"headers": {"accept-encoding": "identity"}}),
    ],
    ids=["a part of a file", "packed already", "who cannot unpack"],
)
async def test_what_is_no_whole_plain_file_goes_as_it_is(files, given):
    async with client_of(Compressed(files), FAR, **given) as client:
        request = client.build_request("GET", "/assets/a.js")
        answer = await client.send(request, stream=True)
        assert answer.headers.get("content-encoding") in (None, "br")
        assert int(answer.headers["content-length"]) == len(SCRIPT)


async def test_a_picture_goes_as_it_is():
    files = Files()
    files.kind = b"image/png"
    async with client_of(Compressed(files), FAR) as client:
        assert "content-encoding" not in (await client.get("/assets/a.png")).headers


async def test_the_files_that_are_kept_have_a_limit(monkeypatch):
    monkeypatch.setattr(compression, "_pack", lambda pieces: bytes(pieces[0]))
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    files = PackedFiles()
    for number in range(5):
        await files.packed(number, [bytes(KEPT_BYTES // 2)])
    assert files._kept.currsize <= KEPT_BYTES
    assert len(await files.packed("huge", [bytes(KEPT_BYTES + 1)])) == KEPT_BYTES + 1
    assert files._kept.currsize <= KEPT_BYTES
    assert errors == []
