"""Messages cut from the wire in bulk: the same as the library's, whatever the chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from ingestion.stream.frames import MAX_BATCH, MAX_FRAGMENTS, MAX_MESSAGE, BulkConnection, cut


class Wire:
    """The transport of a connection, and the server at its other end."""

    def __init__(self, deflate: bool = False) -> None:
        self.paused = False
        self.written: list[bytes] = []
        theirs = [ServerPerMessageDeflateFactory()] if deflate else []
        ours = [ClientPerMessageDeflateFactory()] if deflate else []
        self.server = ServerProtocol(extensions=theirs, max_size=None)
        protocol = ClientProtocol(parse_uri("ws://test/"), extensions=ours, max_size=MAX_MESSAGE)
        self.connection = BulkConnection(protocol, ping_interval=None)
        self.connection.connection_made(self)  # type: ignore[arg-type]
        protocol.send_request(protocol.connect())
        self.server.receive_data(b"".join(protocol.data_to_send()))
        (request,) = self.server.events_received()
        self.server.send_response(self.server.accept(request))  # type: ignore[arg-type]
        self.greeting = self.sent()

    def sent(self) -> bytes:
        """What the server wrote since it was last asked."""
        return b"".join(self.server.data_to_send())

    def receive(self, data: bytes, size: int = 1 << 16) -> None:
        for at in range(0, len(data), size):
            self.connection.data_received(data[at : at + size])

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def write_eof(self) -> None: ...
    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, *limits: int) -> None: ...


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(test())  # type: ignore[arg-type]


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


PAYLOADS = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"x" * 125, b"x" * 126, b"y" * 70_000, b'{"s":"BTCUSDT"}']),
)
PARTS = st.one_of(
    st.tuples(st.just("whole"), st.sampled_from([Opcode.TEXT, Opcode.BINARY]), PAYLOADS),
    st.tuples(st.just("pieces"), st.lists(PAYLOADS, min_size=2, max_size=4), st.booleans()),
    st.tuples(st.just("ping"), st.sampled_from([Opcode.PING, Opcode.PONG]), st.just(b"?")),
)


def bytes_of(part: tuple) -> tuple[bytes, list[bytes]]:
    """A part's bytes on the wire, and the message in it."""
    kind, first, second = part
    if kind == "pieces":
        wire = frame(Opcode.TEXT, first[0], fin=False)
        for number, piece in enumerate(first[1:], 2):
            wire += frame(Opcode.PING, b"?") if second else b""
            wire += frame(Opcode.CONT, piece, fin=number == len(first))
        return wire, [b"".join(first)]
    return frame(first, second), [second] if kind == "whole" else []


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, max_size=8), st.sampled_from([1, 2, 3, 7, 100, 4_096, 1 << 20]))
@example([("whole", Opcode.TEXT, b"")], 1)
def test_every_message_comes_once_and_in_order_under_any_chunking(parts: list, size: int) -> None:
    async def test() -> None:
        wire = Wire()
        pairs = [bytes_of(part) for part in parts]
        data = wire.greeting + b"".join(data for data, _ in pairs)
        wire.receive(data, size if len(data) < 50_000 else max(size, 100))
        expected = [message for _, messages in pairs for message in messages]
        assert wire.connection.protocol.state is OPEN
        assert (await wire.connection.take(0, 0) if expected else []) == expected
        answers = sum(data[:1] == b"\x8a" for data in wire.written)
        assert answers == sum(
            1 if part[0] == "ping" and part[1] is Opcode.PING else (len(part[1]) - 1) * part[2]
            for part in parts
            if part[0] != "whole" and part[1] is not Opcode.PONG
        )

    run(test)


def test_compressed_messages_are_read_by_the_library() -> None:
    async def test() -> None:
        wire = Wire(deflate=True)
        for number in range(50):
            wire.server.send_text(b'{"price": %d}' % number)
        wire.receive(wire.greeting + wire.sent(), 64)
        assert await wire.connection.take(0, 0) == [b'{"price": %d}' % n for n in range(50)]

    run(test)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x85abcd" + b"hello", CloseCode.PROTOCOL_ERROR),
        (b"\x83\x05", CloseCode.PROTOCOL_ERROR),
        (b"\xc1\x01a", CloseCode.PROTOCOL_ERROR),
        (b"\x80\x01a", CloseCode.PROTOCOL_ERROR),
        (b"\x01\x01a\x81\x01b", CloseCode.PROTOCOL_ERROR),
        (b"\x89\x7e\x00\x80" + b"a" * 128, CloseCode.PROTOCOL_ERROR),
        (b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big") + b"a", CloseCode.MESSAGE_TOO_BIG),
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), CloseCode.MESSAGE_TOO_BIG),
        (
            b"\x01\x01a" + b"\x00\x00" * MAX_FRAGMENTS,
            CloseCode.MESSAGE_TOO_BIG,
        ),
        (
            frame(Opcode.TEXT, b"a" * 600_000, False) + frame(Opcode.CONT, b"a" * 600_000),
            CloseCode.MESSAGE_TOO_BIG,
        ),
    ],
)
def test_a_violation_ends_the_connection_behind_what_came_before(data: bytes, code: int) -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(wire.greeting + frame(Opcode.TEXT, b"good") + data)
        assert wire.connection.protocol.close_sent is not None
        assert wire.connection.protocol.close_sent.code == code
        wire.receive(frame(Opcode.TEXT, b"late"))
        wire.connection.connection_lost(None)
        assert await wire.connection.take(0, 0) == [b"good"]
        with pytest.raises(ConnectionClosedError):
            await wire.connection.take(0, 0)

    run(test)


def test_a_message_of_the_greatest_length_is_taken() -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(wire.greeting + frame(Opcode.TEXT, b"a" * MAX_MESSAGE), 10_000)
        assert [len(one) for one in await wire.connection.take(0, 0)] == [MAX_MESSAGE]

    run(test)


def test_a_close_ends_the_stream_and_its_code_is_told() -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(wire.greeting + frame(Opcode.TEXT, b"last") + frame(Opcode.CLOSE, b"\x03\xe8"))
        wire.connection.connection_lost(None)
        assert await wire.connection.take(0, 0) == [b"last"]
        with pytest.raises(ConnectionClosedOK):
            await wire.connection.take(0, 0)

    run(test)


def test_half_a_frame_at_the_end_is_no_message() -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(wire.greeting + b"\x81\x05hel")
        wire.connection.eof_received()
        wire.connection.connection_lost(None)
        with pytest.raises(ConnectionClosedError):
            await wire.connection.take(0, 0)

    run(test)


def test_a_full_inbox_holds_the_socket_back_until_it_is_taken() -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(wire.greeting)
        wire.receive(frame(Opcode.TEXT, b"a") * (MAX_BATCH - 1))
        assert not wire.paused
        wire.receive(frame(Opcode.TEXT, b"a"))
        assert wire.paused
        assert len(await wire.connection.take(0, 10)) == MAX_BATCH
        assert not wire.paused
        wire.receive(frame(Opcode.TEXT, b"a" * 60_000) * 70)
        assert wire.paused

    run(test)


def test_waiting_ends_with_the_first_message_then_gathers_for_a_moment() -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(wire.greeting)
        assert await wire.connection.take(0.01, 10) == []
        loop = asyncio.get_running_loop()
        for delay in (0.01, 0.03):
            loop.call_later(delay, wire.receive, frame(Opcode.TEXT, b"a"))
        loop.call_later(1, wire.receive, frame(Opcode.TEXT, b"late"))
        assert await wire.connection.take(5, 0.1) == [b"a", b"a"]
        loop.call_later(0.01, wire.connection.connection_lost, None)
        with pytest.raises(ConnectionClosedError):
            await wire.connection.take(5, 5)

    run(test)


def test_a_refused_handshake_is_told_with_its_body() -> None:
    async def test() -> None:
        wire = Wire()
        wire.receive(b"HTTP/1.1 451 No\r\nContent-Length: 6\r\n\r\na\r\n\r\nb", 3)
        assert wire.connection.response is not None
        assert wire.connection.response.status_code == 451
        assert wire.connection.response.body == b"a\r\n\r\nb"

    run(test)


def test_bytes_that_are_no_message_are_left() -> None:
    messages: list[bytes] = []
    assert cut(b"\x81\x7f" + bytes(8), messages) == 0
    assert cut(b"\x81\x05hell", messages) == 0
    assert not messages
