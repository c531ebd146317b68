"""Records of Databento as lines of JSON: a header within, prices as billionths or as they are."""

from __future__ import annotations

import re
from typing import Any

#: What counts billionths: a text of a whole number, of as many digits as 64 bits hold.
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_PRICES = ("price", "open", "high", "low", "close")
_OTHERS = ("size", "volume", "side")
_UNDEFINED = 2**63 - 1
#: The kinds of records: trades, and bars by their timeframe.
_TRADES, _BARS = 0, {32: "1s", 33: "1m", 34: "1h", 35: "1d"}
#: Kinds that tell of orders and of books, some of them of the same trades once more.
_OF_BOOKS = (1, 10, 160)


def plain_record(obj: dict[str, Any]) -> dict[str, Any] | None:
    """A record's trade or bar in plain names, None for what is no record of theirs.

    What is done to an order, and no trade, says that it is one.

    >>> about = {"ts_event": "1735689600000000000", "rtype": 0, "instrument_id": 5482}
    >>> plain_record({"hd": about, "action": "T", "price": "3720250000000", "size": 5})["price"]
    3720.25
    >>> plain_record({"hd": about, "action": "A", "price": "3720.250000000", "size": 5})
    {'type': 'order'}
    """
    about = obj.get("hd")
    if not isinstance(about, dict) or "ts_event" not in about:
        return None
    kind = about.get("rtype")
    if type(kind) is not int or kind not in (_TRADES, *_BARS, *_OF_BOOKS):
        return None
    if kind in _OF_BOOKS or obj.get("action", "T") != "T":
        return {"type": "order"}
    symbol = obj.get("symbol", about.get("instrument_id"))
    plain: dict[str, Any] = {"timestamp": about["ts_event"]}
    if symbol is not None:
        plain["symbol"] = str(symbol)
    if kind in _BARS:
        plain["timeframe"] = _BARS[kind]
    prices = {name: _price(obj[name]) for name in _PRICES if name in obj}
    return plain | prices | {name: obj[name] for name in _OTHERS if name in obj}


def _price(value: Any) -> Any:
    """A price as it is; None for one that is none."""
    if not isinstance(value, str) or "." in value:
        return value
    whole = int(value) if _WHOLE.fullmatch(value) else _UNDEFINED
    return None if whole == _UNDEFINED else whole / 1e9
