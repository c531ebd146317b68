"""One trade as read from a message: its values checked, or the reason why it is none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from analytics.model import NO_TRADE_ID
from ingestion.decode.times import parse_time

#: Prices from here on are no prices; sizes likewise.
PRICE_END = 1e12
SIZE_END = 1e18
MAX_TRADE_ID = 2**63 - 1
MAX_EXACT = 2**53
#: Letters of an id that is a text; a longer one is none.
MAX_KEY = 128

# Possessive, so that a megabyte of digits is read once and not once for each of them.
_NUMBER = re.compile(r"[+-]?(\d++(\.\d*+)?|\.\d++)([eE][+-]?\d++)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)


class Row(NamedTuple):
    """One trade as read: the symbol as written, the time in epoch ms.

    first, last: ids of the trades that an aggregate holds, both 0 for a trade of its own.
    key: its id where that is no number in a sequence, "" for none. again: whether the same key
    may be that of another trade, unless past trades are sent anew.
    """

    symbol: str
    time: int
    price: float
    size: float
    id: int
    first: int = 0
    last: int = 0
    key: str = ""
    again: bool = False


class Refusal(NamedTuple):
    """Why a value gave no trade. symbol, id: of a print that used up a trade id."""

    reason: str
    symbol: str = ""
    id: int = NO_TRADE_ID


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around a trade in its message and says something of it.

    symbol: for a trade that names none. stream: the name of an exchange's stream. time: for
    one that has none. trades: whether it is said to be one. listed: whether it stands in a list
    of trades, of a channel or by its name. signed: whether its size is below 0 where the taker
    sold. snapshot: whether it is of the past, and may have come before. whole: whether all that
    it says is its id.
    """

    symbol: str | None
    stream: str = ""
    time: Any = None
    trades: bool = False
    listed: bool = False
    signed: bool = False
    snapshot: bool = False
    whole: bool = False

    def of(self, **changes: Any) -> Context:
        """The same but for some parts."""
        return replace(self, **changes)


def number(value: object) -> float | None:
    """A finite float from a JSON number or an ASCII text of one; None otherwise.

    >>> number("61800.30"), number(5), number("1_000"), number("nan"), number(True)
    (61800.3, 5.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def trade_id(value: object) -> int:
    """A trade id that fits int64, NO_TRADE_ID for anything else.

    A float is one up to 2**53: beyond, neighbours are the same float.

    >>> trade_id("17"), trade_id(17.0), trade_id(-4), trade_id("b1f0"), trade_id(1e18)
    (17, 17, -1, -1, -1)
    """
    if isinstance(value, str):
        value = int(value) if _WHOLE.fullmatch(value) else number(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return NO_TRADE_ID
    return value if 0 <= value <= MAX_TRADE_ID else NO_TRADE_ID


def key_of(value: object) -> str:
    """An id that is no number of a sequence: a text, or digits beyond int64; "" for none.

    >>> key_of("b1f0"), key_of(137005445109359286410323766), key_of(""), key_of(-4), key_of(1.5)
    ('b1f0', '137005445109359286410323766', '', '', '')
    """
    if isinstance(value, str):
        return value.strip() if len(value) <= MAX_KEY else ""
    if isinstance(value, int) and MAX_TRADE_ID < value < 10**MAX_KEY:
        return str(value)
    return ""


def fault_of(price: float | None, size: float | None, kind: object = "MARKET") -> str:
    """What is wrong with a print, "" for a trade of the market. kind: an exchange's `X`.

    >>> fault_of(5.0, 1.0), fault_of(0.0, 0.0), fault_of(5.0, -1.0), fault_of(5.0, 1.0, "NA")
    ('', 'zero-print', 'size', 'zero-print')
    """
    if price is None:
        return "price"
    if size is None:
        return "size"
    if kind == "NA" or (price == 0 and (size == 0 or kind != "MARKET")):
        return "zero-print"
    if kind != "MARKET":
        return "insurance-print"
    if not 0 < price < PRICE_END:
        return "price"
    return "" if 0 < size < SIZE_END else "size"


def row_of(
    symbol: str | None,
    time: object,
    price: object,
    size: object,
    identity: object = None,
    *,
    signed: bool = False,
) -> Row | Refusal:
    """The trade that some values make, or why they make none.

    identity: its id, None for none. signed: whether the size may be below 0.

    >>> row_of("BTCUSD", 1574694478808, 7245.3, -0.005, 401597395, signed=True).size
    0.005
    >>> row_of("BTCUSD", 1574694478808, 7245.3, -0.005, 401597395).reason
    'size'
    """
    if symbol is None:
        return Refusal("symbol")
    paid, traded = number(price), number(size)
    if signed and traded is not None:
        traded = abs(traded)
    known = trade_id(identity)
    reason = fault_of(paid, traded)
    if reason:
        return Refusal(reason, symbol, known)
    moment = parse_time(time)
    if moment is None:
        return Refusal("time", symbol, known)
    assert paid is not None
    assert traded is not None
    key = key_of(identity) if known == NO_TRADE_ID else ""
    return Row(symbol, moment, paid, traded, known, key=key)
