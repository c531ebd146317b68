"""How a file writes its lines, learnt from one of them, for the scan of its bytes.

A template is what stands between the values of a flat object, to the byte: the keys in their
order, the blanks, the quotes. What `ingestion.decode.fields` would find in the line decides which
value plays which part, so that a line which fits can only mean what the decoder would read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ingestion.decode.fields import KIND_NAMES, Roles, Row, find_roles, read_row, with_plain_names
from ingestion.files.scankernel import (
    EPOCH,
    ID,
    ISO,
    NUMBER,
    PRICE,
    SIZE,
    SPREAD,
    SPREAD_SHIFT,
    SYMBOL,
    SYMBOL_WORDS,
    TABLE,
    TEXT,
    WORD,
)

MAX_MEMBERS = 24
MAX_LENGTH = 2_048
#: Symbols that the scan knows at once; the others go the decoder's way.
MAX_NAMES = TABLE // 2

_MEMBER = re.compile(
    rb'[ \t]*"(?P<key>[\x20-\x21\x23-\x5b\x5d-\x7e]*)"[ \t]*:[ \t]*'
    rb'(?:"(?P<text>[\x20-\x21\x23-\x5b\x5d-\x7e]*)"|(?P<plain>-?\d+(?:\.\d+)?|true|false|null))'
    rb"[ \t]*(?P<end>[,}])"
)
_ISO = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|\+00:00|)")

_read_json = msgspec.json.Decoder().decode


class Template(NamedTuple):
    """kinds of the fields; words, masks and bounds of the literals (see `scankernel.scan`).

    names_symbol, has_id: whether a line says what it is of, and its trade id.
    """

    kinds: np.ndarray
    words: np.ndarray
    masks: np.ndarray
    bounds: np.ndarray
    names_symbol: bool
    has_id: bool


def learn_template(line: bytes, default_symbol: str | None) -> Template | None:
    """The template of one line of ticks, None where the scan could not read such lines.

    >>> line = b'{"s": "BTCUSDT", "T": 1723161256322, "p": "5.0", "q": "1", "m": true}'
    >>> learn_template(line, None).kinds.tolist() == [SYMBOL, EPOCH, PRICE, SIZE, WORD]
    True
    >>> learn_template(b'{"s": "BTCUSDT"}', None) is None
    True
    """
    if len(line) > MAX_LENGTH or not line.isascii():
        return None
    try:
        obj = _read_json(line)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not isinstance(obj, dict) or "stream" in obj or len(obj) > MAX_MEMBERS:
        return None
    if not isinstance(read_row(obj, default_symbol), Row):
        return None
    roles = find_roles(obj)
    if None in (roles.time, roles.price, roles.size) or not _settled(obj, roles):
        return None
    cut = _cut(line, roles, len(obj))
    return None if cut is None else _template(*cut)


def _settled(obj: dict[str, Any], roles: Roles) -> bool:
    """Whether another spelling of the keys would not name a symbol where none is named."""
    return roles.symbol is not None or find_roles(with_plain_names(obj)) == roles


def _cut(line: bytes, roles: Roles, members: int) -> tuple[list[int], list[bytes]] | None:
    """The kinds of a line's fields and the literals around them."""
    parts = {key: part for part, key in roles._asdict().items() if key is not None}
    at = line.index(b"{") + 1
    kinds: list[int] = []
    literals: list[bytes] = []
    done, end = 0, b","
    for _ in range(members):
        member = _MEMBER.match(line, at)
        if member is None or end != b",":
            return None
        at, end = member.end(), member["end"]
        key = member["key"].decode()
        if key in ("e", "X") or key.lower() in KIND_NAMES:
            continue  # it decides whether this is a trade: its value must stay what it was
        field = _field(parts.get(key), member)
        if field is None:
            return None
        kind, start, stop = field
        kinds.append(kind)
        literals.append(line[done:start])
        done = stop
    literals.append(line[done:].rstrip(b"\r\n"))
    return (kinds, literals) if end == b"}" else None


def _field(part: str | None, member: re.Match[bytes]) -> tuple[int, int, int] | None:
    """A value's kind, and where it begins and ends; None for one that cannot be scanned."""
    name = "text" if member["text"] is not None else "plain"
    value, start, stop = member[name], member.start(name), member.end(name)
    number = re.fullmatch(rb"\d+(\.\d+)?", value) is not None
    if part == "symbol":
        return (SYMBOL, start, stop) if name == "text" else None
    if part == "time":
        iso = _ISO.fullmatch(value) if name == "text" else None
        if iso is not None:
            return ISO, start, start + len(iso[1])
        return (EPOCH, start, stop) if value.isdigit() else None
    if part == "id":
        return (ID, start, stop) if value.isdigit() else None
    if part is not None:
        kind = PRICE if part == "price" else SIZE
        return (kind, start, stop) if number else None
    if name == "text":
        return TEXT, start, stop
    return (WORD if value.isalpha() else NUMBER), start, stop


def _template(kinds: list[int], literals: list[bytes]) -> Template:
    words, masks, lengths = _words(literals)
    counts = [-(-len(one) // 8) for one in literals]
    stops = np.cumsum(counts)
    bounds = np.stack((stops - counts, stops, lengths), axis=1).astype(np.int64)
    return Template(np.array(kinds, np.int64), words, masks, bounds, SYMBOL in kinds, ID in kinds)


def _words(literals: Iterable[bytes]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Texts as words of eight bytes, with masks of the bytes that count."""
    words, masks, lengths = bytearray(), bytearray(), []
    for one in literals:
        room = -len(one) % 8
        words += one + b"\x00" * room
        masks += b"\xff" * len(one) + b"\x00" * room
        lengths.append(len(one))
    return np.frombuffer(words, np.uint64), np.frombuffer(masks, np.uint64), lengths


def name_table(names: Iterable[str]) -> tuple[np.ndarray, ...]:
    """Words, masks and lengths of symbols as written, and the table that finds them."""
    spelt = [name.encode() for name in names]
    room = 8 * SYMBOL_WORDS
    words = b"".join((name + b'"').ljust(room, b"\x00") for name in spelt)
    masks = b"".join((b"\xff" * (len(name) + 1)).ljust(room, b"\x00") for name in spelt)
    table = np.full(TABLE, -1, np.int64)
    for number, name in enumerate(spelt):
        start = np.frombuffer(name[:8].ljust(8, b"\x00"), np.uint64)
        slot = int((start * SPREAD)[0] >> SPREAD_SHIFT)
        while table[slot] >= 0:
            slot = (slot + 1) % TABLE
        table[slot] = number
    lengths = np.array([len(name) for name in spelt], np.int64)
    return np.frombuffer(words, np.uint64), np.frombuffer(masks, np.uint64), lengths, table
