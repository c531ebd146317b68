"""What a message of unknown making may give: by the specification, with the standard library.

It reads a text as generously as the specification allows and no further: each object of the
message names its candidates for symbol, time, price, size and id, and a tick that is none of
their combinations is an invalid one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

SYMBOL_KEYS = {
    *("symbol", "s", "pair", "instrument", "instid", "product_id", "sym", "ticker"),
    *("instrument_name", "currency_pair", "coin", "code", "market", "contract"),
}
TIME_KEYS = {
    *("T", "t", "E", "ts", "timestamp", "time", "datetime", "trade_time", "created_at"),
    *("trade_timestamp", "microtimestamp", "create_time_ms", "create_time"),
}
PRICE_KEYS = {"price", "p", "last", "px", "trade_price"}
SIZE_KEYS = {"size", "qty", "quantity", "q", "amount", "volume", "sz", "v", "trade_volume"}
ID_KEYS = {
    *("trade_id", "tradeid", "trade-id", "trdmatchid", "sequential_id", "event_id", "id", "tid"),
    *("t", "a", "d", "i"),
}
PRICE_END, SIZE_END = Decimal(10) ** 12, Decimal(10) ** 18
SPAN_MS = (946_684_800_000, 4_102_444_800_000)

_SYMBOL = re.compile(r"(?:[A-Z0-9._/^=:-]|[^\W\x00-\x7f]){1,64}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_ISO = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[Tt ]([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"(Z| UTC|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
#: What a logger writes before a frame: it has a time or a mark in it.
_STAMP = re.compile(rb"(?=[^{\"]*(?:[0-9]{4}|[:<>|=\]]))[^{\"]*[ \t:=,|>](?=[{\[])")


def objects(message: bytes) -> list[dict[str, Any]]:
    """Every object anywhere in a message, and in each line of it."""
    found: list[dict[str, Any]] = []
    for text in (message, *message.splitlines()):
        for part in (text, _STAMP.sub(b"", text, count=1)):
            try:
                value = _load(part)
            except (ValueError, RecursionError, ArithmeticError):
                continue
            found.extend(_objects(value, {"\0stream": "", "\0symbol": None}))
    return found


def parts(message: bytes) -> int | None:
    """How many elements a plain message has; None where that needs an opinion."""
    try:
        value = _load(message)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    items = value if isinstance(value, list) else [value]
    if not any(isinstance(one, dict) for one in items):
        return 1 if not any(isinstance(one, list) for one in items) else None
    envelopes = {"data", "trades", "ticks", "payload", "result", "events", "tick", "params"}
    if any(
        isinstance(one, list) or (isinstance(one, dict) and envelopes & set(one)) for one in items
    ):
        return None
    return len(items)


def allows(found: list[dict[str, Any]], tick: tuple[str, int, float, float, int]) -> bool:
    """Whether one of the objects means this tick."""
    return any(_means(obj, *tick) for obj in found)


def _load(text: bytes) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(word)

    def real(word: str) -> Decimal:
        return Decimal(word) if math.isfinite(float(word)) else Decimal("Infinity")

    def whole(word: str) -> int | Decimal:
        return int(word) if len(word) < 4_000 else Decimal("Infinity")

    hooks = {"parse_float": real, "parse_int": whole, "parse_constant": refuse}
    return json.loads(text.decode("utf-8"), **hooks)


def _objects(value: Any, around: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Objects with what those around them say for all: the stream, and a symbol."""
    if isinstance(value, list):
        for one in value:
            yield from _objects(one, around)
    elif isinstance(value, dict):
        stream = value["stream"] if isinstance(value.get("stream"), str) else around["\0stream"]
        around = {"\0stream": stream, "\0symbol": value.get("symbol", around["\0symbol"])}
        yield {**value, **around}
        for one in value.values():
            yield from _objects(one, around)


def _means(
    obj: dict[str, Any], symbol: str, ts_ms: int, price: float, size: float, number: int
) -> bool:
    kind = obj.get("X", "MARKET")
    event = obj.get("e", "trade")
    if kind != "MARKET" or (isinstance(event, str) and event not in ("trade", "aggTrade")):
        return False
    values = [(key if len(key) == 1 else key.lower(), one) for key, one in obj.items()]

    def of(names: set[str]) -> list[Any]:
        return [one for key, one in values if key in names]

    named = [_symbol(one) for one in of(SYMBOL_KEYS)]
    names = named or [_symbol(obj["\0stream"].partition("@")[0]), _symbol(obj["\0symbol"])]
    return (
        symbol in names
        and any(_time_is(one, ts_ms) for one in of(TIME_KEYS))
        and any(_number_is(one, price, PRICE_END) for one in of(PRICE_KEYS))
        and any(_number_is(one, size, SIZE_END) for one in of(SIZE_KEYS))
        and (number == -1 or any(_id_is(one, number) for one in of(ID_KEYS)))
    )


def _symbol(value: Any) -> str | None:
    if not isinstance(value, str) or ".." in value or "//" in value or value[:1] in ("=", "/"):
        return None
    name = "".join(letter.upper() if letter.isascii() else letter for letter in value)
    return name if _SYMBOL.fullmatch(name) else None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        return Decimal(value)
    except ArithmeticError:
        return None


def _number_is(value: Any, got: float, end: Decimal) -> bool:
    read = _decimal(value)
    return (
        read is not None
        and 0 < read < end
        and math.isfinite(got)
        and got > 0
        and got == float(read)
    )


def _id_is(value: Any, got: int) -> bool:
    read = _decimal(value)
    exact = isinstance(value, int) or (isinstance(value, str) and value.isdigit())
    return read is not None and (read if exact else float(read)) == got and 0 <= got < 2**63


def _time_is(value: Any, got: int) -> bool:
    if not SPAN_MS[0] <= got < SPAN_MS[1]:
        return False
    read = _decimal(value)
    if read is not None:
        return any(
            SPAN_MS[0] <= read * 1_000 / per_s < SPAN_MS[1]
            and -1 <= got - read * 1_000 / per_s <= 1
            for per_s in (1, 10**3, 10**6, 10**9)
        )
    return isinstance(value, str) and _iso(value) == got


def _iso(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(one or 0) for one in match.groups()[:6])
    sign, hours, minutes = match.group(9), int(match.group(10) or 0), int(match.group(11) or 0)
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        return None
    whole = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000
    return whole + int((match.group(7) or "").ljust(3, "0")[:3] or 0)
