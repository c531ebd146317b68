"""A message that cannot be read whole, in the pieces that can. No I/O, no clock."""

from __future__ import annotations

import re
from contextlib import suppress

import msgspec

Message = bytes | str

#: Trades, or what stands in their place, in one message; more is an attack on our time.
MAX_PARTS = 50_000

#: What a JSON decoder raises for bytes that are none, or are nested without end.
JSON_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError)

#: What recorders and loggers write before a frame: an arrow, a time, a level, a name.
_BEFORE = re.compile(
    rb"(?:[^{}\[\]\"]{1,120}|[^{}\[\]\"]{0,120}\[[^{}\[\]\"]{1,60}\][^{}\[\]\"]{1,60})"
    rb"(?<=[ \t:=,|>])(?=[{\[])"
)

#: A word alone, such as true or null, is no prefix but damage.
_TELLING = re.compile(rb"\d{4}|[:<>|=\]]")

_read_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def pieces(message: Message) -> list[bytes]:
    """The pieces of a message, each to be read by itself; none for one that has none.

    They are the elements of an array (one may hold 1e400, which is JSON and no number), its
    lines, or the frame behind what a logger writes before it.

    >>> pieces(b'[{"p":1e400},{"p":5}]'), pieces(b"1723161255088176367 {}"), pieces(b"{torn")
    ([b'{"p":1e400}', b'{"p":5}'], [b'{}'], [])
    """
    data = _as_bytes(message)
    if data.lstrip()[:1] == b"[":
        with suppress(*JSON_ERRORS):
            data.decode()
            return [bytes(element) for element in _read_elements(data)]
    parts = [part for part in data.splitlines() if part.strip()]
    if len(parts) > 1:
        return parts
    return [] if (end := end_of_prefix(data)) == 0 else [data[end:]]


def is_heartbeat(message: Message) -> bool:
    """Whether a message is a word that only shows that somebody is there.

    >>> is_heartbeat(b"pong"), is_heartbeat("PING"), is_heartbeat(b'{"p":5}')
    (True, True, False)
    """
    if len(message) > 8:
        return False
    return _as_bytes(message).strip(b'" \r\n').lower() in (b"ping", b"pong", b"hb")


def end_of_prefix(line: bytes) -> int:
    """Where the JSON of a line begins behind what a logger writes before it, 0 for no prefix.

    >>> end_of_prefix(b'< {"e":1}'), end_of_prefix(b'[12:00:01] INFO {"e":1}'), end_of_prefix(b"{}")
    (2, 16, 0)
    """
    before = _BEFORE.match(line)
    return before.end() if before and _TELLING.search(before[0]) else 0


def is_swarm(message: Message) -> bool:
    """Whether a message holds more objects, or values, than trades have room in it.

    >>> is_swarm(b"[{}" + b",{}" * 60_000 + b"]"), is_swarm(b'[{"price":5}]')
    (True, False)
    """
    if len(message) < MAX_PARTS:
        return False
    data = _as_bytes(message)
    return data.count(b"{") > MAX_PARTS or data.count(b",") > 5 * MAX_PARTS


def _as_bytes(message: Message) -> bytes:
    return message.encode("utf-8", "replace") if isinstance(message, str) else bytes(message)
