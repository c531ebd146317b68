"""Uploads over HTTP: how much is taken, and when what is refused is answered."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import msgspec
import pytest

from dashapp import ids
from dashapp.ui.pages.data.upload_report import report
from dashapp.ui.store_values import STORES
from dashapp.web.routes import uploads

HEADER = b"timestamp,open,high,low,close\n"
ROW = b"2024-08-08T00:%02d:00Z,5,7,4,5\n"
PIECE = 4_096
PIECES = 40


class Body:
    """A body of pieces without a length ahead. sent: bytes of it that the server took."""

    def __init__(self, *pieces: bytes) -> None:
        self.sent = 0
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.sent += len(piece)
            yield piece


def table(size: int) -> bytes:
    """Bars in so many bytes; the last line is padded."""
    text = HEADER + b"".join(ROW % minute for minute in range(10))
    return text + b"\n" * (size - len(text))


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
async def test_a_file_that_names_no_length_may_be_as_large_as_one_that_does(
    client, runtime, monkeypatch, more, status
):
    monkeypatch.setattr(uploads, "UPLOAD_CAP", 1_000)
    answer = await client.post("/api/upload?name=KO.csv", content=Body(table(1_000 + more)))
    assert answer.status_code == status
    kinds = [market.kind for market in runtime.markets.values()]
    assert kinds.count("upload") == (status == 200)


async def test_nothing_is_read_past_the_size_that_a_file_may_have(client, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOAD_CAP", 10 * PIECE)
    body = Body(table(PIECE), *[b"\n" * PIECE] * PIECES)
    assert (await client.post("/api/upload?name=KO.csv", content=body)).status_code == 413
    assert body.sent == 11 * PIECE


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"hello\n", 400),
        (b"local time,open,high,low,close\n2024-02-01 00:00:00,5,7,4,5\n", 409),
    ],
    ids=["refused", "asked"],
)
async def test_who_still_sends_is_answered_when_all_has_come(client, monkeypatch, begin, status):
    monkeypatch.setattr("dashapp.services.uploads.session.BLOCK_BYTES", PIECE)
    last = begin.splitlines(keepends=True)[-1]
    body = Body(begin, *[last * (PIECE // len(last) + 1)] * PIECES, last)
    answer = await client.post("/api/upload?name=KO.csv", content=body)
    assert answer.status_code == status
    assert answer.json()["report"]["bytes_read"] < body.sent
    assert body.sent == sum(map(len, body._pieces))


LINE = '{{"symbol":"{}","ts":{},"price":{},"size":1}}\n'.format
TICKS = LINE("A", 1_723_161_256_322, 5).encode()
LATIN_1 = TICKS + b'{"symbol":"caf\xe9","ts":1,"price":1,"size":1}\n'


@pytest.mark.parametrize(
    ("body", "query", "status", "holds"),
    [
        (b"", "", 400, "report"),
        (b"hello\n", "", 400, "report"),
        (b"local time,open,high,low,close\n2024-02-01 00:00:00,5,7,4,5\n", "", 409, "question"),
        (b"date,close\n01/02/2024,5\n02/03/2024,6\n", "", 409, "question"),
        (table(1_000), "&market=nowhere", 404, "error"),
        (table(1_000), "&dayfirst=7", 400, "error"),
        (table(1_000), "", 200, "market"),
        (LATIN_1, "", 200, "not_utf8"),
        (gzip.compress(TICKS * 9_000)[:-9], "", 200, "ends too early"),
        (TICKS + LINE("B", 0, -1).encode() + TICKS, "", 200, "first_lines"),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_what_a_file_is_answered_is_what_the_page_may_hold(
    client, body, query, status, holds
):
    answer = await client.post(f"/api/upload?name=KO.csv{query}", content=body)
    assert (answer.status_code, holds in answer.text) == (status, True)
    shown = [{"name": "KO.csv", "status": answer.status_code, **answer.json()}]
    # The page would send anything else in vain: its callback were answered with 400.
    msgspec.convert(shown, STORES[f"{ids.UPLOAD_RESULT}.data"])
    assert report(shown)
