"""Streams of lines over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from ingestion.feed import (
    HttpFeed,
)
from tests.ingestion.stream.feed_server import (
    FAST,
    Taken,
    raw_server,
    running,
    tick,
)
from tests.waiting import until

STREAM = "HTTP/1.1 200 OK\nContent-Type: application/x-ndjson\nTransfer-Encoding: chunked\n\n"


def chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


async def test_lines_of_an_http_stream_are_read_however_they_are_cut() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        text = "\n".join((tick(1), "", "nonsense", tick(2))) + "\r\n"
        for start in range(0, len(text), 11):
            writer.write(chunk(text[start : start + 11]))
            await writer.drain()
        await asyncio.sleep(2)

    taken = Taken()
    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/t", taken, timers=FAST)) as feed,
    ):
        await until(lambda: taken.count == 2 and taken.rejected)
        assert feed.status.state == "live"
    assert [refused.reason for refused in taken.rejected] == ["json"]


async def test_server_sent_events_are_read() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        writer.write(chunk(f": hello\nevent: trade\nid: 7\ndata: {tick(1)}\n\nretry: 5\n"))
        await writer.drain()
        await asyncio.sleep(2)

    taken = Taken()
    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)),
    ):
        await until(lambda: taken.count == 1)
    assert not taken.rejected


async def test_an_http_stream_that_ends_is_opened_again() -> None:
    async def brief(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        writer.write(chunk(tick(1)) + b"0\r\n\r\n")
        await writer.drain()

    taken = Taken()
    async with (
        raw_server(brief) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.connects >= 3)
        said = [sentence for _, sentence in feed.events]
        assert any("the server ended the stream" in sentence for sentence in said)
    assert taken.count >= 2


async def test_a_response_of_known_length_is_read_once_and_the_feed_stops() -> None:
    body = tick(1) + "\n" + tick(2)
    response = f"HTTP/1.1 200 OK\nContent-Length: {len(body)}\n\n"
    served = []

    async def file(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(1)
        writer.write(response.replace("\n", "\r\n").encode() + body.encode())
        await writer.drain()

    taken = Taken()
    async with raw_server(file) as port:
        feed = HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)
        feed.start()
        await until(lambda: feed.status.state == "stopped")
        assert feed.status.detail == "the server has sent all that it has"
        await asyncio.sleep(0.1)
        await feed.stop()
    assert taken.ids == [1, 2]
    assert served == [1]


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        ("Content-Encoding: gzip\nTransfer-Encoding: chunked\n", chunk("x"), "compresses"),
        ("Transfer-Encoding: chunked\n", b"zz\r\n", "connection failed"),
    ],
)
async def test_http_streams_that_cannot_be_read_are_explained(
    head: str, body: bytes, words: str
) -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\n{head}\n".replace("\n", "\r\n").encode() + body)
        await writer.drain()
        await asyncio.sleep(0.5)

    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: any(words in sentence for _, sentence in feed.events))


async def test_a_line_that_is_too_long_is_counted_and_the_stream_goes_on() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        long = '{"x":"' + "x" * (3 << 20) + '"}'
        text = "\n".join((tick(1), long, tick(2), ""))
        writer.write(STREAM.replace("\n", "\r\n").encode() + chunk(text))
        await writer.drain()
        await asyncio.sleep(2)

    taken = Taken()
    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)) as feed,
    ):
        await until(lambda: taken.count == 2)
        assert feed.status.connects == 1
    assert taken.ids == [1, 2]
    (refused,) = taken.rejected
    assert refused.reason == "json"
    assert refused.sample.endswith("(a line of more than 1 MB)")


async def test_lines_before_an_http_stream_breaks_are_delivered_and_the_torn_one_is_counted() -> (
    None
):
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        writer.write(chunk(tick(1) + "\n" + tick(2) + "\n" + '{"symbol":"BTC'))
        await writer.drain()

    taken = Taken()
    async with (
        raw_server(stream, hush_http) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", taken, timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.connects == 2)
    assert taken.ids == [1, 2]
    assert [one.reason for one in taken.rejected] == ["json"]


async def hush_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM.replace("\n", "\r\n").encode())
    await asyncio.sleep(1)


async def test_a_silent_http_stream_is_found_out() -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace("\n", "\r\n").encode())
        await writer.drain()
        await asyncio.sleep(3)

    async with (
        raw_server(stream) as port,
        running(HttpFeed(f"http://127.0.0.1:{port}/", Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: feed.status.state == "silent")
