"""Connections: how many there are, how long they may say nothing, how large a head may be.

A connection that waits for a request is idle. Idle ones never lock anybody out: they are closed
after a while, and give way to new ones, those of the same address first. A request's head (its
line and headers) is bounded in bytes and in time, whatever comes of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request's head, at most.
MAX_HEAD = 64 * 1024
#: Seconds for a head to come, from the connection or the request before.
HEAD_S = 10.0
#: Connections at a time, in all and from one address.
MOST, MOST_OF_ADDRESS = 1_000, 400
#: Requests that a client may send before it has read the answer to the first.
MAX_PIPELINE = 16


class Connections:
    """Those that are open. closed: how many had to give way, by why."""

    def __init__(self, most: int = MOST, most_of_address: int = MOST_OF_ADDRESS) -> None:
        self.open: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self._most = most
        self._most_of_address = most_of_address
        self._count = 0
        #: Those that wait for a request, the longest first: all, and those of each address. A plain
        #: dict would be searched past all that went before its first.
        self._idle: OrderedDict[HeldProtocol, str] = OrderedDict()
        self._idle_of: dict[str, OrderedDict[HeldProtocol, None]] = {}

    def admit(self, address: str) -> bool:
        """Whether one more may come from this address; an idle one gives way to it."""
        if self.open[address] >= self._most_of_address and not self._give_way(address):
            self.closed["too many of one address"] += 1
            return False
        if self._count >= self._most and not self._give_way(None):
            self.closed["too many"] += 1
            return False
        self.open[address] += 1
        self._count += 1
        return True

    def gone(self, connection: HeldProtocol, address: str) -> None:
        """A connection that was admitted has ended."""
        self.busy(connection)
        self._count -= 1
        self.open[address] -= 1
        if not self.open[address]:
            del self.open[address]

    def idle(self, connection: HeldProtocol, address: str) -> None:
        """A connection waits for a request."""
        self.busy(connection)
        self._idle[connection] = address
        self._idle_of.setdefault(address, OrderedDict())[connection] = None

    def busy(self, connection: HeldProtocol) -> None:
        """Its request came."""
        address = self._idle.pop(connection, None)
        if address is not None:
            del self._idle_of[address][connection]
            if not self._idle_of[address]:
                del self._idle_of[address]

    def _give_way(self, address: str | None) -> bool:
        """Close the connection that is idle longest, of this address; None for any."""
        waiting = self._idle if address is None else self._idle_of.get(address)
        if not waiting:
            return False
        self.closed["idle, gave way"] += 1
        next(iter(waiting)).end()
        return True


class HeldProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose connections are counted and whose heads are bounded."""

    def __init__(self, held: Connections, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._held = held
        self._address: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._held.admit(address):
            transport.abort()
            return
        self._address = address
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is None:
            return
        self._stop_timer()
        self._held.gone(self, self._address)
        self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._address is None or self.transport.is_closing():
            return
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        if self.transport.is_closing():
            return
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD or len(self.pipeline) >= MAX_PIPELINE:
            self._refuse_head()
            return
        self._in_head = False
        self._stop_timer()
        self._held.busy(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        if self._in_head:  # of a request that was refused
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        if self._in_head:
            return
        super().on_message_complete()

    def on_response_complete(self) -> None:
        more = bool(self.pipeline)
        super().on_response_complete()
        if not more and not self.transport.is_closing():
            self._wait()

    def end(self) -> None:
        """Close it, now."""
        self._stop_timer()
        if self._address is not None:
            self._held.gone(self, self._address)
            self._address = None
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        """Wait for a request, but not for ever."""
        assert self._address is not None
        self._held.idle(self, self._address)
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._too_slow)

    def _too_slow(self) -> None:
        self._held.closed["no request in time"] += 1
        self.end()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _refuse_head(self) -> None:
        """Answer 431 and read no more; what a request had begun ends with its connection."""
        self._held.closed["head too large"] += 1
        if self.cycle is None or self.cycle.response_complete:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            text = f"the head of a request has at most {MAX_HEAD // 1024} kB".encode()
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, status.phrase.encode(), len(text), text)
            )
        self._in_head = True
        self.transport.close()


def protocol_of(held: Connections) -> Any:
    """The protocol of a server whose connections are these, as uvicorn makes it."""

    class Held(HeldProtocol):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(held, *given, **more)

    return Held
