"""How a file writes its lines of trades: the texts around the values, learnt from one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ingestion.decode.fields import find_roles, walk, with_plain_names
from ingestion.decode.kinds import KIND_NAMES
from ingestion.decode.rows import Row
from ingestion.files.line_values import (
    FIXED,
    MOMENT,
    NAME,
    NUMBER,
    TEXT,
    WHOLE,
    WORD,
    Around,
    around,
)

_MAX_LENGTH = 2_048
_PART = re.compile(
    rb'(?P<before>.*"(?P<key>[^"\\]+)"[ \t]*:[ \t]*(?P<quote>"?))'
    rb'(?P<value>[^"{}\[\]]*)(?P<after>"?[ \t}\]]*)'
)
_CLOCK = re.compile(r"(.*?\d:\d\d(?::\d\d)?)(\.\d+)?(\D.*)?", re.ASCII)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
#: A time that is read with the line, and how the values of a part are written, if not as digits.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_WRITTEN = {
    "fixed": FIXED,
    "symbol": NAME,
    "kind": TEXT,
    "text": TEXT,
    "word": WORD,
    "price": NUMBER,
    "size": NUMBER,
    "number": NUMBER,
}
#: Keys whose values name the kind of a message and its symbol, and the mark between these.
_KIND_AND_SYMBOL = {"stream": "@", "topic": "."}

_read_json = msgspec.json.Decoder().decode


class Part(NamedTuple):
    """A line between two commas: the texts around its value, and what the value is.

    kind: "symbol", "time", "price", "size", "id", or "number", "word" and "text" for values that
    are not needed, "kind" for one whose kind stays the same. sample: the value that was learnt.
    """

    before: bytes
    after: bytes
    kind: str
    key: str
    sample: str


def learn(line: bytes, default: str | None) -> list[Part] | None:
    """The parts of a line of one trade, None where it is not like others to come.

    >>> line = b'{"s": "BTCUSDT", "T": 1723161256322, "p": "5.0", "q": "1", "m": true}'
    >>> [part.kind for part in learn(line, None)]
    ['symbol', 'time', 'price', 'size', 'word']
    >>> learn(b'{"s": "BTCUSDT"}', None) is None
    True
    """
    start = line.find(b"{")
    if len(line) > _MAX_LENGTH or start < 0 or not line.isascii() or b"\\" in line:
        return None
    try:
        obj = _read_json(line[start:])
    except (msgspec.MsgspecError, RecursionError):
        return None
    trades = list(walk(obj, default))
    inner = _trade_in(obj)
    if len(trades) != 1 or not isinstance(trades[0], Row) or trades[0].key or inner is None:
        return None
    roles = find_roles(inner)
    if None in (roles.time, roles.price, roles.size) or not _settled(inner, roles):
        return None
    meanings = {key: role for role, key in roles._asdict().items() if key is not None}
    parts = [_part(text, meanings) for text in line.split(b",")]
    known = [part for part in parts if part is not None]
    keys = [part.key for part in known]
    if len(known) < len(parts) or any(keys.count(key) != 1 for key in meanings):
        return None
    return known


def _trade_in(obj: Any) -> dict[str, Any] | None:
    """The object that is the trade, where a message holds one alone."""
    for _ in range(4):
        if isinstance(obj, list) and len(obj) == 1:
            obj = obj[0]
        if not isinstance(obj, dict):
            return None
        if find_roles(obj).price is not None:
            return obj
        inner = [value for value in obj.values() if isinstance(value, dict | list) and value]
        if len(inner) != 1:
            return None
        obj = inner[0]
    return None


def _settled(obj: dict[str, Any], roles: Any) -> bool:
    """Whether another spelling of the keys would not name a symbol where none is named."""
    return roles.symbol is not None or find_roles(with_plain_names(obj)) == roles


def _part(text: bytes, meanings: dict[str, str]) -> Part | None:
    found = _PART.fullmatch(text)
    if found is None or found["quote"] != found["after"][: len(found["quote"])]:
        return None
    key, value = found["key"].decode(), found["value"]
    if key in ("e", "X") or (key in KIND_NAMES and key not in _KIND_AND_SYMBOL):
        return Part(text, b"", "fixed", key, "")  # it decides whether this is a trade
    quoted, number = bool(found["quote"]), _NUMBER.fullmatch(value) is not None
    kind = "kind" if key in _KIND_AND_SYMBOL else meanings.get(key, "")
    if not kind:
        kind = "text" if quoted else "number" if number else "word"
    good = {
        "symbol": quoted,
        "kind": quoted,
        "time": quoted or value.isdigit(),
        "id": value.isdigit(),
        "word": value in (b"true", b"false", b"null"),
    }
    if not good.get(kind, number or kind == "text"):
        return None
    return Part(found["before"], found["after"], kind, key, value.decode())


def line_of(parts: Sequence[Part]) -> Around:
    """The texts around the values of lines like the one that was learnt."""
    return around([(part.before, part.after, _written_as(part)) for part in parts])


def _written_as(part: Part) -> int:
    """What the values of a part are written as."""
    if part.kind == "time" and not part.sample.isdigit():
        return MOMENT if _MOMENT.fullmatch(part.sample) else TEXT
    return _WRITTEN.get(part.kind, WHOLE)


def kind_in(key: str, text: str) -> str:
    """What a stream's name says of the kind of its messages."""
    first, _, last = text.partition(_KIND_AND_SYMBOL[key])
    return last if key == "stream" else first


def times_like(sample: str) -> str:
    """The pattern of times that are written as one is, with any number of decimals and what
    stands behind them, as a zone, the same.

    >>> pattern = times_like("2024-08-08 23:54:16.5-05:00")
    >>> [re.fullmatch(pattern, f"2025-01-01 00:00:00.123{zone}") is not None
    ...  for zone in ("-05:00", "-99:00")]
    [True, False]
    """
    clock = _CLOCK.fullmatch(sample)
    digits, decimals, behind = clock.groups("") if clock else (sample, "", "")
    shape = re.sub(r"\d", r"\\d", _plain(digits))
    return f"^{shape}" + r"\.\d+" * bool(decimals) + f"{_plain(behind)}$"


def _plain(text: str) -> str:
    """The pattern of a text, for `re` as for Arrow, to which a blank is plain."""
    return re.escape(text).replace("\\ ", " ")
