"""Messages of sources that name or nest their trades in a way of their own, in plain names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ingestion.decode.databento import plain_record

#: Sources whose short names mean something else than elsewhere: what tells them, a pattern of
#: its value, and the plain names of theirs. Upbit's short form; Polygon's and Alpaca's trades;
#: those of MEXC, dYdX, Bitso and CryptoCompare.
SPELLINGS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "ty",
        ".*",
        {
            **{"ty": "type", "cd": "code", "tp": "trade_price", "tv": "trade_volume"},
            **{"ttms": "trade_timestamp", "sid": "sequential_id"},
        },
    ),
    ("ev", "T", {"sym": "symbol", "s": "size", "t": "timestamp", "q": "sequence"}),
    ("ev", "XT", {"pair": "symbol", "s": "size", "t": "timestamp"}),
    ("T", "t", {"T": "kind", "S": "symbol", "s": "size", "t": "timestamp"}),
    ("c", r"spot@public\.deals\..*", {"c": "topic", "d": "data", "s": "symbol"}),
    ("channel", "v4_trades", {"id": "symbol", "contents": "data"}),
    (
        "mo",
        ".*",
        {"i": "id", "a": "size", "r": "price", "x": "timestamp", "v": "value", "t": "side"},
    ),
    ("TYPE", "0", {"P": "price", "Q": "size", "TS": "timestamp", "ID": "id"}),
)
#: The zone of the clock that LBank's messages bear without naming it.
_LBANK_ZONE = "+08:00"
#: Names that HitBTC gives the parts of a trade.
_HITBTC = {"t": "timestamp", "i": "id", "p": "price", "q": "size", "s": "side"}


def spelt_out(obj: dict[str, Any]) -> dict[str, Any]:
    """An object with plain names, where its source is known by the names that it has.

    >>> spelt_out({"ch": "trades", "update": {"A": [{"t": 5, "i": 7, "p": "1", "q": "2"}]}})["data"]
    [{'symbol': 'A', 'timestamp': 5, 'id': 7, 'price': '1', 'size': '2'}]
    """
    for telling, spell in _NESTED.items():
        if telling in obj and (known := spell(obj)) is not None:
            return known
    for telling, values, names in SPELLINGS:
        word = obj.get(telling)
        if isinstance(word, str) and re.fullmatch(values, word):
            named = {names.get(key, key): value for key, value in obj.items()}
            pair = [obj[name] for name in ("FSYM", "TSYM") if isinstance(obj.get(name), str)]
            return named | {"symbol": "-".join(pair)} if len(pair) == 2 else named
    return obj


def has_scaled_prices(obj: dict[str, Any]) -> bool:
    """Whether an object holds trades of Phemex with whole numbers for prices.

    Each symbol has a scale of its own, which no message tells.

    >>> has_scaled_prices({"trades": [[1594390930808411757, "Sell", 92410000, 1]], "sequence": 1})
    True
    """
    rows = obj.get("trades")
    if rows is None or "sequence" not in obj or not isinstance(rows, list) or not rows:
        return False
    cells = rows[0]
    if not isinstance(cells, list) or len(cells) != 4 or cells[1] not in ("Buy", "Sell"):
        return False
    return all(type(cells[at]) is int for at in (0, 2, 3))


def _of_whitebit(obj: dict[str, Any]) -> dict[str, Any] | None:
    params = obj.get("params")
    if obj.get("method") == "trades_update" and isinstance(params, list) and len(params) > 1:
        return {"channel": "trades", "symbol": params[0], "data": params[1]}
    return None


def _of_hitbtc(obj: dict[str, Any]) -> dict[str, Any] | None:
    """Trades by their symbols, those of the past as a snapshot."""
    kind = "snapshot" if "snapshot" in obj else "update"
    lists = obj.get(kind)
    if obj["ch"] != "trades" or not isinstance(lists, dict):
        return None
    data = [
        {"symbol": symbol, **{_HITBTC.get(str(name), name): one[name] for name in one}}
        for symbol, trades in lists.items()
        for one in (trades if isinstance(trades, list) else ())
        if isinstance(one, dict)
    ]
    return {"channel": "trades", "action": kind, "data": data}


def _of_lbank(obj: dict[str, Any]) -> dict[str, Any] | None:
    """A trade, whose amount is its turnover and whose clock is that of China."""
    trade = obj.get("trade")
    if obj.get("type") != "trade" or not isinstance(trade, dict):
        return None
    moment = trade.get("TS")
    if isinstance(moment, str) and re.fullmatch(r"[\d-]{10}T[\d:.]+", moment):
        moment += _LBANK_ZONE
    row = {"price": trade.get("price"), "size": trade.get("volume"), "timestamp": moment}
    return {"channel": "trades", "symbol": obj.get("pair"), "data": [row]}


#: What an object has that nests its trades, and what spells them out.
_NESTED: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "method": _of_whitebit,
    "ch": _of_hitbtc,
    "SERVER": _of_lbank,
    "hd": plain_record,
}
