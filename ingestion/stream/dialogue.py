"""What is said on a connection beside trades: the subscription, pings, and answers to pings.

Sans-I/O: what came goes in, what is to be sent comes out.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

#: Of a compressed message, once it is inflated.
MAX_INFLATED = 4 << 20
#: Messages longer than this ask for no answer, and so many of a batch are answered.
LONGEST_PING = 256
MOST_ANSWERS = 8
#: A message that asks for an answer has one of these in it.
_ASKING = (b"ping", b"PING", b"heartbeat")

_read_json = msgspec.json.Decoder().decode
_write_json = msgspec.json.encode


def inflated(message: bytes) -> bytes:
    """A message without its compression by gzip; any other, or a bomb, as it is.

    >>> import gzip
    >>> inflated(gzip.compress(b'{"ping":1}')), inflated(b'{"ping":1}')
    (b'{"ping":1}', b'{"ping":1}')
    """
    if message[:2] != b"\x1f\x8b":
        return message
    stream = zlib.decompressobj(wbits=31)
    try:
        text = stream.decompress(message, MAX_INFLATED)
    except zlib.error:
        return message
    return text if stream.eof else message


def answer_to(message: bytes) -> bytes | None:
    """What a server wants to hear that asks whether somebody is there; None for all else.

    >>> answer_to(b'{"ping":1492420473027}'), answer_to(b"ping"), answer_to(b'{"p":5}')
    (b'{"pong":1492420473027}', b'pong', None)
    """
    if len(message) > LONGEST_PING:
        return None
    bare = message.strip()
    if bare in (b"ping", b"PING"):
        return b"pong" if bare == b"ping" else b"PONG"
    if not any(word in bare for word in (b'"ping"', b"heartbeat")):
        return None
    try:
        obj = _read_json(bare)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    answer = _answer(obj) if isinstance(obj, dict) else None
    return None if answer is None else _write_json(answer)


def _may_ask(messages: Sequence[bytes]) -> bool:
    """Whether any of a batch may ask for an answer: told of all at once, for hundreds of thousands
    come a second.
    """
    text = b"\n".join(messages)
    return any(word in text for word in _ASKING)


def _answer(obj: dict[str, Any]) -> dict[str, Any] | None:
    if "ping" in obj:
        return {"pong": obj["ping"]}
    for name in ("action", "op", "type", "event", "method"):
        if obj.get(name) == "ping":
            return {**obj, name: "pong"}
    if obj.get("method") == "public/heartbeat":  # Crypto.com
        return {"id": obj.get("id"), "method": "public/respond-heartbeat"}
    if obj.get("method") == "heartbeat" and obj.get("params") == {"type": "test_request"}:
        return {"jsonrpc": "2.0", "id": 0, "method": "public/test", "params": {}}  # Deribit
    return None


class Dialogue:
    """One connection's: what is sent at its opening, and what later.

    opening: messages to send first. ping: what to send every ping_s seconds, "" for nothing.

    >>> dialogue = Dialogue(("hello",), "ping", 20.0)
    >>> dialogue.opened(0.0), dialogue.due(19.0, []), dialogue.due(20.0, [b'{"ping":7}'])
    ([b'hello'], [], [b'{"pong":7}', b'ping'])
    """

    def __init__(self, opening: Sequence[str] = (), ping: str = "", ping_s: float = 0.0) -> None:
        self._opening = [message.encode() for message in opening]
        self._ping = ping.encode()
        self._ping_s = ping_s
        self._pinged_s = 0.0

    def opened(self, now_s: float) -> list[bytes]:
        """What is to be sent on a connection that has just opened."""
        self._pinged_s = now_s
        return list(self._opening)

    def due(self, now_s: float, messages: Sequence[bytes]) -> list[bytes]:
        """What is to be sent now, after these messages came."""
        answers: list[bytes] = []
        if _may_ask(messages):
            found = map(answer_to, messages)
            answers = [answer for answer in found if answer is not None][-MOST_ANSWERS:]
        if self._ping and now_s - self._pinged_s >= self._ping_s:
            self._pinged_s = now_s
            answers.append(self._ping)
        return answers
