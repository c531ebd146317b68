"""JSON values -> rows of cells: lists of objects or of arrays, arrays a column, pandas' forms.

A reply wraps its rows in objects: they are looked for in all of it, and what stands beside them
or above them tells the symbol. `SHAPES` has an example of each shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ingestion.decode.databento import plain_record
from ingestion.decode.kinds import OTHER_KINDS, is_other_kind
from ingestion.decode.symbols import proper_symbol, symbol_in_name, word_set
from ingestion.files.names import NAMES, canonical, rank
from ingestion.files.timeforms import form_of

#: Shape -> an example with the symbol and the number of rows that come out of it.
SHAPES: dict[str, str] = {
    "objects in a list (pandas orient=records, CCXT, REST replies)":
        '[{"timestamp":1735689600000,"symbol":"BTCUSDT","price":93576.1,"amount":0.012}]',
    "arrays in a list (CCXT, freqtrade, Binance klines)":
        '[[1735689600000,93576,93600,93500,93550,10.5],[1735689660000,93550,93590,93540,93580,9.1]]',
    "a list in an object, at any depth (Bybit, OKX, Deribit, CryptoCompare)":
        '{"code":"0","data":[["1735689600000","5","6","4","5.5","10","55","55","1"],'
        '["1735689660000","5.5","6","5","5.6","10","56","56","1"]]}',
    "a list under its symbol (Kraken, Alpaca)":
        '{"bars":{"AAPL":[{"t":"2025-01-02T14:30:00Z","o":5,"h":6,"l":4,"c":5.5,"v":10},'
        '{"t":"2025-01-02T14:31:00Z","o":5.5,"h":6,"l":5,"c":5.6,"v":9}]}}',
    "the symbol beside the list (Polygon, Twelve Data)":
        '{"ticker":"AAPL","results":[{"v":10,"o":5,"c":5.5,"h":6,"l":4,"t":1735828200000},'
        '{"v":9,"o":5.5,"c":5.6,"h":6,"l":5,"t":1735828260000}]}',
    "an array a column (TradingView, Finnhub, Deribit, Yahoo's chart)":
        '{"s":"ok","t":[1735689600,1735689660],"o":[5,5.5],"h":[6,6],"l":[4,5],"c":[5.5,5.6],'
        '"v":[10,9]}',
    "an object a time (Alpha Vantage, pandas orient=index)":
        '{"Meta Data":{"2. Symbol":"IBM"},"Time Series (1min)":{"2025-01-02 19:59:00":'
        '{"1. open":"5","2. high":"6","3. low":"4","4. close":"5.5","5. volume":"10"},'
        '"2025-01-02 20:00:00":{"1. open":"5","2. high":"6","3. low":"4","4. close":"5.6",'
        '"5. volume":"9"}}}',
    "an object a column (pandas' own)":
        '{"timestamp":{"0":1735689600000,"1":1735689660000},"close":{"0":5.5,"1":5.6}}',
    "columns and rows apart (pandas orient=split)":
        '{"columns":["open","high","low","close"],"index":[1735689600000,1735689660000],'
        '"data":[[5,6,4,5.5],[5.5,6,5,5.6]]}',
    "a header in each row, prices in billionths or as they are (Databento)":
        '[{"hd":{"ts_event":"1735689600000000000","rtype":33,"publisher_id":1,"instrument_id":5482},'
        '"open":"5000000000","high":"6000000000","low":"4000000000","close":"5500000000",'
        '"volume":"10","symbol":"ESH5"},{"hd":{"ts_event":"1735689660000000000","rtype":33,'
        '"publisher_id":1,"instrument_id":5482},"open":"5500000000","high":"6000000000",'
        '"low":"5000000000","close":"5600000000","volume":"9","symbol":"ESH5"}]',
    "closed bars of a stream of candles":
        '{"e":"kline","s":"BTCUSDT","k":{"t":1735689600000,"o":"5","h":"6","l":"4","c":"5.5",'
        '"v":"10","x":true}}',
}  # fmt: skip

#: Keys of what wraps rows, and is no symbol.
_WRAPPERS = word_set(
    "data result results list rows row trades ticks values value candles candle bars bar klines "
    "kline k items item records payload response body content chart quote quotes history events "
    "event prices ohlc ohlcv output series tick message params aggs"
)
#: Keys under which no trades stand.
_NO_TRADES = word_set(
    "bids asks orders orderbook book market_caps total_volumes liquidations errors"
)
#: Kinds of messages that hold neither trades nor bars.
_NO_ROWS = re.compile(OTHER_KINDS.replace("kline|candle|ohlc|", ""), re.IGNORECASE)
#: Events of an exchange that are orders, accounts, books or quotes.
_OTHER_EVENTS = re.compile(
    r"order|executionreport|liststatus|account|balance|position|margin|depth|bookticker|24hr"
    r"|markprice|liquidat",
    re.IGNORECASE,
)
#: Keys of what is said about rows beside them.
_ABOUT = word_set("meta metadata arg query parameters")
_TELLING = ("time", "open", "close", "price")
_MAX_DEPTH = 8
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
#: A time as .NET writes it: /Date(1735689600000)/.
_EPOCH_OF_NET = re.compile(r"/Date\((\d+)(?:[+-]0000)?\)/")

Row = list[str]


@dataclass(frozen=True)
class Found:
    """Rows of cells that belong together. names: of the columns, none where nothing names them.

    zone: what is said of the zone of their times, and the name under which it is said.
    """

    names: tuple[str, ...]
    rows: list[Row]
    symbol: str | None = None
    zone: tuple[str, str] | None = None


def tables_in(value: Any) -> list[Found]:
    """All tables in a JSON value.

    >>> tables_in({"result": {"XBTUSD": [["5.1", "1", 1735689600.5]]}})
    [Found(names=(), rows=[['5.1', '1', '1735689600.5']], symbol='XBTUSD', zone=None)]
    """
    zone = _zone_beside(value)
    found = list(_walk(value, None, 0))
    return found if zone is None else [replace(one, zone=zone) for one in found]


def _zone_beside(value: Any) -> tuple[str, str] | None:
    """What an object says beside its rows of the zone of their times."""
    if not isinstance(value, dict):
        return None
    for key, inner in value.items():
        if isinstance(inner, str) and canonical(key) in ("timezone", "exchangetimezone"):
            return key, inner
    about = (_zone_beside(inner) for key, inner in value.items() if canonical(key) in _ABOUT)
    return next(filter(None, about), None)


def _walk(value: Any, symbol: str | None, depth: int, listed: bool = False) -> Iterator[Found]:
    """listed: whether the value is called trades."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        yield from _of_list(value, symbol, depth, listed)
    elif isinstance(value, dict):
        if is_other_kind(value, _NO_ROWS) or _is_other_event(value):
            return
        symbol = _symbol_beside(value) or symbol
        found = _of_object(value, symbol)
        if found is not None:
            yield found
            return
        for key, inner in value.items():
            if (
                isinstance(inner, dict | list)
                and canonical(key) not in _NO_TRADES
                and key not in _NO_TRADES
            ):
                symbols = _symbol_of_key(key, inner) or symbol
                yield from _walk(inner, symbols, depth + 1, canonical(key) == "trades")


def _is_other_event(value: Mapping[str, Any]) -> bool:
    """Whether an exchange's event is neither a trade nor a candle, but an order, say."""
    event = value.get("e")
    return isinstance(event, str) and _OTHER_EVENTS.search(event) is not None


def _of_list(values: list[Any], symbol: str | None, depth: int, listed: bool) -> Iterator[Found]:
    lists = [one for one in values if isinstance(one, list)]
    if lists and not any(isinstance(cell, dict | list) for cell in lists[0]):
        yield Found((), [[cell_of(cell) for cell in row] for row in lists], symbol)
        return
    batches: dict[tuple[str, ...], list[Row]] = {}
    for one in values:
        other = isinstance(one, dict) and is_other_kind(one, _NO_ROWS, listed=listed)
        plain = _flat(one) if isinstance(one, dict) and not other else {}
        if _is_row(plain):
            names = tuple(plain)
            batches.setdefault(names, []).append([cell_of(cell) for cell in plain.values()])
        elif isinstance(one, dict | list):
            yield from _walk(one, symbol, depth + 1)
    for names, rows in batches.items():
        yield Found(names, rows, symbol)


def _of_object(value: Mapping[str, Any], symbol: str | None) -> Found | None:
    """A table that the object itself is."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        index = value.get("index") or [""] * len(value["data"])
        rows = [
            [cell_of(at), *map(cell_of, row)] for at, row in zip(index, value["data"], strict=False)
        ]
        return Found(("", *map(_column_name, value["columns"])), rows, symbol)
    if list(value) == ["columns"] and isinstance(value["columns"], list):
        value = _of_polars(value["columns"]) or value
    inner = list(value.values())
    if len(inner) >= 1 and all(isinstance(one, dict) and _is_flat(one) for one in inner):
        return _of_objects(value, symbol)
    arrays = _arrays(value)
    if len(arrays) >= 2:
        return Found(
            tuple(arrays),
            [list(map(cell_of, row)) for row in zip(*arrays.values(), strict=True)],
            symbol,
        )
    plain = _flat(dict(value))
    if not _is_row(plain):
        return None
    return Found(tuple(plain), [list(map(cell_of, plain.values()))], symbol)


def _of_polars(columns: list[Any]) -> dict[str, Any] | None:
    """The arrays of columns that stand with their names in objects, as polars once wrote them."""
    good = [one for one in columns if isinstance(one, dict) and {"name", "values"} <= one.keys()]
    return {str(one["name"]): one["values"] for one in good} if len(good) == len(columns) else None


def _column_name(column: Any) -> str:
    """The name of a column, which may stand in an object, as in the tables of Nasdaq Data Link."""
    return str(column.get("name", "")) if isinstance(column, dict) else str(column)


def _of_objects(value: Mapping[str, Mapping[str, Any]], symbol: str | None) -> Found | None:
    """Objects in an object: a column each, or a row each."""
    first = next(iter(value.values()))
    if len(first) >= 1 and (_are_times(first) or (_known(value) >= 2 and len(first) > 1)):
        keys = list(first)
        named = tuple(value) if not _are_times(first) else ("", *value)
        rows = [[cell_of(column.get(key)) for column in value.values()] for key in keys]
        if _are_times(first):
            rows = [[key, *row] for key, row in zip(keys, rows, strict=True)]
        return Found(named, rows, symbol)
    if _are_times(value) or (_known(first) >= 2 and all(key.isdigit() for key in value)):
        names = tuple(first)
        rows = [[key, *(cell_of(row.get(name)) for name in names)] for key, row in value.items()]
        return Found(("", *names), rows, symbol)
    return None


def _arrays(value: Any, depth: int = 0) -> dict[str, list[Any]]:
    """The arrays of a length that stand beside one another, such as times and prices."""
    found: dict[str, list[Any]] = {}
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or depth > 3:
        return found
    for key, inner in value.items():
        if (
            isinstance(inner, list)
            and inner
            and not any(isinstance(one, dict | list) for one in inner)
        ):
            found["timestamp" if key == "ticks" else key] = inner
    if depth == 0 and not any(rank(key, "time") is not None for key in found):
        return {}
    for inner in value.values():
        if isinstance(inner, dict | list):
            found |= {k: v for k, v in _arrays(inner, depth + 1).items() if k not in found}
    longest = max(map(len, found.values()), default=0)
    return {key: inner for key, inner in found.items() if len(inner) == longest}


def _is_flat(value: Mapping[str, Any]) -> bool:
    return bool(value) and not any(isinstance(one, dict | list) for one in value.values())


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """An object with what it wraps in another: prices, as OANDA's candles do; Databento's time."""
    record = plain_record(value)
    if record is not None:
        return record
    for name in ("mid", "bid", "ask"):
        inner = value.get(name)
        if isinstance(inner, dict) and {"o", "h", "l", "c"} <= inner.keys():
            return {key: one for key, one in value.items() if key != name} | inner
    return value


def _is_row(value: Mapping[str, Any]) -> bool:
    """Whether an object is a row: it has a time and a price, or figures and no rows inside."""
    flat = [
        key for key, one in value.items() if not isinstance(one, dict | list) or _is_wrapped(one)
    ]
    known = {meaning for key in flat for meaning in _TELLING if rank(key, meaning) is not None}
    if flat and canonical(flat[0]) == "index" and _DATE.match(cell_of(value[flat[0]])):
        known.add("time")
    if {"open", "close"} <= known or ("time" in known and known & {"price", "close"}):
        return True
    numbers = [
        key for key in flat if isinstance(value[key], int | float) and rank(key, "time") is None
    ]
    return "time" in known and bool(numbers) and len(flat) == len(value)


def _is_wrapped(value: Any) -> bool:
    """Whether a value is one that MongoDB wraps, such as {"$date": "..."}."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$")


def _known(value: Mapping[str, Any]) -> int:
    return sum(any(rank(key, meaning) is not None for meaning in NAMES) for key in value)


def _are_times(value: Mapping[str, Any]) -> bool:
    keys = list(value)[:5]
    return bool(keys) and all(form_of(key) is not None and len(key) >= 8 for key in keys)


def _symbol_beside(value: Mapping[str, Any]) -> str | None:
    for key, inner in value.items():
        named = isinstance(inner, str) and (len(inner) > 2 or inner.isupper())  # "s": "ok"
        if named and rank(key, "symbol") is not None:
            return proper_symbol(inner)
        if isinstance(inner, str) and key in ("ch", "topic", "stream", "channel"):
            found = symbol_in_name(inner)
            if found is not None:
                return found
        if canonical(key) in ("meta", "metadata", "arg", "query", "parameters") and isinstance(
            inner, dict
        ):
            found = _symbol_beside(inner)
            if found is not None:
                return found
    return None


def _symbol_of_key(key: str, inner: Any) -> str | None:
    if canonical(key) in _WRAPPERS or rank(key, "time") is not None:
        return None
    if not isinstance(inner, list) and not any(isinstance(one, list) for one in inner.values()):
        return None
    written = proper_symbol(key) is not None and not any(map(str.islower, key))
    return proper_symbol(key) if written or symbol_in_name(key) is not None else None


def cell_of(value: Any) -> str:
    """A value of JSON as the cell of a table, "" for none and for one that holds others.

    >>> cell_of(1.5), cell_of(True), cell_of(None), cell_of({"$numberDecimal": "7.1"})
    ('1.5', 'true', '', '7.1')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        wrapped = _EPOCH_OF_NET.fullmatch(value)
        return wrapped[1] if wrapped is not None else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and _is_wrapped(value):
        return cell_of(next(iter(value.values())))
    return "" if isinstance(value, dict | list) else repr(value)
