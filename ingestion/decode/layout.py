"""A stream repeats itself: the layout of its last good message, as a typed decoder.

A `Layout` decodes and validates a message in one call of msgspec, at several times the
speed of `ingestion.decode.fields`, and takes only messages with exactly the keys, the kinds of
value and the events it was learnt from. Whatever differs raises, and goes the thorough
road; so a layout decides nothing that the thorough road would decide otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from analytics.model import NO_TRADE_ID
from ingestion.decode.fields import Roles, find_roles, read_row
from ingestion.decode.kinds import KIND_NAMES, OTHER_KINDS, TRADE_EVENTS
from ingestion.decode.rows import MAX_TRADE_ID, PRICE_END, SIZE_END, Context, Row, trade_id
from ingestion.decode.times import END_S, FIRST_S, UNITS, unit_of

MAX_KEYS = 40

_PRICE = Annotated[float, msgspec.Meta(gt=0, lt=PRICE_END)]
_SIZE = Annotated[float, msgspec.Meta(gt=0, lt=SIZE_END)]
_ID = Annotated[int, msgspec.Meta(ge=0, le=MAX_TRADE_ID)]
_TEXT = Annotated[str, msgspec.Meta(max_length=64)]
#: What says the kind of a message: no other kind than a trade, and a text or none for all.
_KIND = Annotated[str, msgspec.Meta(pattern=rf"(?is)\A(?!.*(?:{OTHER_KINDS}))")]
_NO_TEXT = int | float | bool | None | list[Any] | dict[str, Any]

#: Begins a key that no source writes: stands for a part that a layout lacks.
_ABSENT = "\x7f"
#: A key that no layout can have.
_ODD_KEY = re.compile(r'[\x00-\x1f"\\\x7f]')


class Layout:
    """`decode(message)` -> an object with the fields of a `Row`.

    time is epoch s, ms, us or ns, or a text (of a number or of ISO 8601). decode raises
    msgspec.MsgspecError, UnicodeDecodeError or RecursionError for a message of any other layout.
    """

    def __init__(self, decode: Callable[[Any], Any], text_time: bool) -> None:
        self.decode = decode
        self.text_time = text_time


def learn(obj: Any, default_symbol: str | None) -> Layout | None:
    """The layout of one good message, None where it is not worth or not possible.

    >>> layout = learn({"s": "BTCUSDT", "T": 1723161256322, "p": "5.0", "q": "1"}, None)
    >>> row = layout.decode(b'{"s":"ETHUSDT","T":1723161256322,"p":"7.5","q":"2"}')
    >>> row.symbol, row.price, row.id
    ('ETHUSDT', 7.5, -1)
    """
    if not isinstance(obj, dict) or not _has_plain_keys(obj):
        return None
    inner = obj.get("data")
    if "stream" not in obj or not isinstance(inner, dict):
        struct, text_time = _row_struct(obj, default_symbol)
        return None if struct is None else Layout(_decoder(struct), text_time)
    return _learn_envelope(obj, inner)


def _has_plain_keys(obj: dict[str, Any]) -> bool:
    return len(obj) <= MAX_KEYS and not any(map(_ODD_KEY.search, obj))


def _learn_envelope(obj: dict[str, Any], inner: dict[str, Any]) -> Layout | None:
    if len(obj) != 2 or not _has_plain_keys(inner) or inner.get("e") not in TRADE_EVENTS:
        return None
    struct, text_time = _row_struct(inner, None)
    if struct is None:
        return None
    fields = [("stream", str), ("data", struct)]
    outer = msgspec.defstruct("Envelope", fields, forbid_unknown_fields=True, gc=False)
    decode = _decoder(outer)
    return Layout(lambda message: decode(message).data, text_time)


def _decoder(struct: type) -> Callable[[Any], Any]:
    # strict=False reads "61800.30" as a number, by JSON's grammar alone: no "nan" within
    # the bounds, no "1_000", no blanks, no digits but ASCII's.
    return msgspec.json.Decoder(struct, strict=False).decode


def _row_struct(obj: dict[str, Any], default_symbol: str | None) -> tuple[type | None, bool]:
    roles = find_roles(obj)
    row = read_row(obj, Context(default_symbol))
    if None in (roles.time, roles.price, roles.size) or not isinstance(row, Row) or row.key:
        return None, False
    time_type = _time_type(obj[roles.time])  # type: ignore[index]
    id_usable = roles.id is None or trade_id(obj[roles.id]) != NO_TRADE_ID
    if time_type is None or not id_usable:
        return None, False
    fields, names = _fields(obj, roles, time_type, default_symbol)
    struct = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)
    return struct, time_type is _TEXT


def _fields(
    obj: dict[str, Any], roles: Roles, time_type: Any, default_symbol: str | None
) -> tuple[list[Any], dict[str, str]]:
    """Required fields first, as msgspec wants them; then the parts that are absent."""
    ids = {"id": _ID, "first": _ID, "last": _ID}
    types = {"symbol": _TEXT, "time": time_type, "price": _PRICE, "size": _SIZE, **ids}
    defaults = {"symbol": default_symbol, "id": NO_TRADE_ID, "first": 0, "last": 0}
    if roles.first is None and roles.last is not None:
        defaults["first"] = 1
    part_of = {key: part for part, key in roles._asdict().items() if key is not None}
    required: list[Any] = []
    names: dict[str, str] = {}
    for position, (key, value) in enumerate(obj.items()):
        part = part_of.get(key, f"other_{position}")
        names[part] = key
        required.append((part, types.get(part) or _other_type(key, value)))
    absent = [part for part in defaults if part not in part_of.values()]
    names.update({part: _ABSENT + part for part in absent})
    return required + [(part, types[part], defaults[part]) for part in absent], names


def _other_type(key: str, value: Any) -> Any:
    if key == "e" and value in TRADE_EVENTS:
        return Literal[value]
    if key == "X":
        return Literal["MARKET"]
    if key in KIND_NAMES:
        return _KIND if isinstance(value, str) else _NO_TEXT
    if key in ("e", "stream"):
        return Literal[value] if isinstance(value, str) else None
    return Any


def _time_type(value: Any) -> Any:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, int) and not isinstance(value, bool):
        unit = unit_of(value)
        per_second = UNITS[unit] if unit else 0
        return Annotated[int, msgspec.Meta(ge=FIRST_S * per_second, lt=END_S * per_second)]
    return None
