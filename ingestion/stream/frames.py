"""A WebSocket connection that takes its messages in bulk.

The library makes an object and a queue entry of every frame, which at a hundred thousand
messages a second costs more than all the rest. Servers of market data send whole, plain
messages one after the other: those are cut from the bytes here. Whatever else there is on
the wire (the handshake, control frames, fragments, compression, every violation of the
protocol) goes to the library, frame by frame, and it decides as always.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CONNECTING, OPEN, Event

MAX_BATCH = 8_192
MAX_BATCH_BYTES = 4 << 20
#: Of a message, and with the longest head before it.
MAX_MESSAGE = 1 << 20
MAX_FRAME = MAX_MESSAGE + 10
#: Of one message; more is an attack.
MAX_FRAGMENTS = 1_024

_HEAD_END = b"\r\n\r\n"
_CODES = frozenset(Opcode)
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


def cut(data: bytes, messages: list[bytes]) -> int:
    """Append the messages that `data` begins with; where the first other thing begins.

    A message is a whole frame of text or binary, final, unmasked, without flags and
    shorter than 64 KiB.

    >>> messages = []
    >>> cut(b"\\x81\\x02hi\\x82\\x01!\\x89\\x00", messages), messages
    (7, [b'hi', b'!'])
    """
    at, last = 0, len(data) - 4
    append = messages.append
    while at <= last and data[at] in b"\x81\x82":
        length = data[at + 1]
        if length == 126:
            start = at + 4
            length = data[at + 2] << 8 | data[at + 3]
        elif length < 126:
            start = at + 2
        else:
            break
        end = start + length
        if end > len(data):
            break
        append(data[start:end])
        at = end
    return at


def frame_end(data: bytes, at: int) -> int | None:
    """Where the frame that begins at `at` ends, None where its head is not yet whole.

    What no server may send, a mask or an unknown code, has no end worth waiting for.

    >>> frame_end(b"\\x89\\x00\\x81\\x7e\\x01\\x00", 0), frame_end(b"\\x81\\x7e\\x01\\x00", 0)
    (2, 260)
    """
    if len(data) < at + 2:
        return None
    length = data[at + 1]
    if length & 0x80 or data[at] & 0x0F not in _CODES:
        return sys.maxsize
    if length < 126:
        return at + 2 + length
    start = at + (4 if length == 126 else 10)
    if len(data) < start:
        return None
    return start + int.from_bytes(data[at + 2 : start], "big")


class BulkConnection(ClientConnection):
    """The library's connection, read with `take` instead of `recv`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Reading is held back by what lies in the inbox, not by the library's queue.
        super().__init__(*args, **options | {"max_queue": None})
        self.protocol.max_message_size = MAX_MESSAGE
        self._inbox: list[bytes] = []
        self._inbox_bytes = 0
        self._held_back = False
        self._rest = b""
        self._head_tail = b""
        self._fragments: list[Any] = []
        self._waiter: asyncio.Future[None] | None = None
        self._waits_for_all = False

    async def take(self, wait_s: float, gather_s: float) -> list[bytes]:
        """What came, in order: waits for the first message, then gathers for a moment.

        Empty if nothing comes within wait_s. Raises ConnectionClosed once the connection
        is lost and all that came before has been taken.
        """
        lost = self.connection_lost_waiter
        if not self._inbox and not lost.done():
            await self._wake_up(wait_s)
        if self._inbox and not self._full and not lost.done():
            await self._wake_up(gather_s, until_full=True)
        if not self._inbox:
            if lost.done():
                raise self.close_exc
            return []
        batch, self._inbox, self._inbox_bytes = self._inbox, [], 0
        self._hold_back(False)
        return batch

    @property
    def _full(self) -> bool:
        return len(self._inbox) >= MAX_BATCH or self._inbox_bytes >= MAX_BATCH_BYTES

    async def _wake_up(self, within_s: float, until_full: bool = False) -> None:
        """Wait for a message, for a full inbox or for the end of the connection."""
        self._waits_for_all = until_full
        self._waiter = self.loop.create_future()
        try:
            async with asyncio.timeout(within_s):
                await self._waiter
        except TimeoutError:
            pass
        finally:
            self._waiter = None

    def _arrived(self) -> None:
        """Hold the socket back where the inbox is full, and wake who waits for that."""
        full = self._full
        if full and self.protocol.state is OPEN:
            self._hold_back(True)
        enough = full if self._waits_for_all else bool(self._inbox)
        if enough and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _hold_back(self, hold: bool) -> None:
        if hold != self._held_back and not self.transport.is_closing():
            self._held_back = hold
            (self.transport.pause_reading if hold else self.transport.resume_reading)()

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close; what has not been taken by then is lost."""
        self._hold_back(False)  # else the server's answer would not be read
        await super().close(code, reason)

    # What the event loop and the library call.

    def data_received(self, data: bytes) -> None:
        if self.protocol.state is CONNECTING:
            data = self._read_head(data)
        data, self._rest = self._rest + data, b""
        while data and self.protocol.state is OPEN:
            data = self._read_frames(data)
        if data:
            super().data_received(data)
        self._arrived()

    def _read_head(self, data: bytes) -> bytes:
        """Give the library the handshake's answer; what came behind it."""
        window = self._head_tail + data
        found = window.find(_HEAD_END)
        end = len(data) if found < 0 else found + len(_HEAD_END) - len(self._head_tail)
        self._head_tail = window[-3:]
        super().data_received(data[:end])
        return data[end:]

    def _read_frames(self, data: bytes) -> bytes:
        """Take messages; give the library the first other frame. What is behind that one."""
        at = cut(data, self._inbox) if self.protocol.current_size is None else 0
        self._inbox_bytes += at
        end = frame_end(data, at)
        if end is None or len(data) < end <= at + MAX_FRAME:
            self._rest = data[at:]
            return b""
        # A frame that is illegal or too long goes as far as it came: the library ends it all.
        super().data_received(data[at:end])
        return data[end:]

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in _DATA:
            self._take_frame(event)
        else:
            super().process_event(event)

    def _take_frame(self, frame: Frame) -> None:
        if self.protocol.state is not OPEN:
            return
        self._fragments.append(frame.data)
        if frame.fin:
            message = b"".join(self._fragments)
            self._fragments.clear()
            self._inbox.append(message)
            self._inbox_bytes += len(message)
        elif len(self._fragments) >= MAX_FRAGMENTS:
            self._fragments.clear()
            self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.send_data()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
