"""JSON values -> rows of cells: lists of objects or of arrays, arrays a column, pandas' forms.

A reply wraps its rows in objects: they are looked for in all of it, and what stands beside them
or above them tells the symbol. `SHAPES` has an example of each shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from analytics.model import Bars, Rejected, Ticks
from ingestion.decode.decoder import JSON_ERRORS, sample
from ingestion.decode.symbols import proper_symbol, symbol_in_name
from ingestion.files.cells import Lines, Rows
from ingestion.files.errors import LEGAL, Answers, QuestionOpen, UploadError
from ingestion.files.names import NAMES, canonical, rank
from ingestion.files.naming import Naming
from ingestion.files.plan import Sample, plan_of
from ingestion.files.report import HOPELESS, Tally
from ingestion.files.tables import Table
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
    "closed bars of a stream of candles": 
        '{"e":"kline","s":"BTCUSDT","k":{"t":1735689600000,"o":"5","h":"6","l":"4","c":"5.5",'
        '"v":"10","x":true}}',
}  # fmt: skip

#: Keys of what wraps rows, and is no symbol.
_WRAPPERS = frozenset(
    "data result results list rows row trades ticks values value candles candle bars bar klines "
    "kline k items item records payload response body content chart quote quotes history events "
    "event prices ohlc ohlcv output series tick message params aggs".split()
)
#: Keys under which no trades stand.
_NO_TRADES = frozenset(
    "bids asks orders orderbook book market_caps total_volumes liquidations errors".split()
)
_TELLING = ("time", "open", "close", "price")
_MAX_DEPTH = 8
_MAX_SIGNATURES = 16

_read_json = msgspec.json.Decoder().decode
Row = list[str]


@dataclass(frozen=True)
class Found:
    """Rows of cells that belong together. names: of the columns, none where nothing names them."""

    names: tuple[str, ...]
    rows: list[Row]
    symbol: str | None = None


def tables_in(value: Any) -> list[Found]:
    """All tables in a JSON value.

    >>> tables_in({"result": {"XBTUSD": [["5.1", "1", 1735689600.5]]}})
    [Found(names=(), rows=[['5.1', '1', '1735689600.5']], symbol='XBTUSD')]
    """
    return list(_walk(value, None, 0))


def _walk(value: Any, symbol: str | None, depth: int) -> Iterator[Found]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        yield from _of_list(value, symbol, depth)
    elif isinstance(value, dict):
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
                yield from _walk(inner, _symbol_of_key(key, inner) or symbol, depth + 1)


def _of_list(values: list[Any], symbol: str | None, depth: int) -> Iterator[Found]:
    lists = [one for one in values if isinstance(one, list)]
    if lists and not any(isinstance(cell, dict | list) for cell in lists[0]):
        yield Found((), [[_text(cell) for cell in row] for row in lists], symbol)
        return
    batches: dict[tuple[str, ...], list[Row]] = {}
    for one in values:
        plain = _flat(one) if isinstance(one, dict) else {}
        if _is_row(plain):
            names = tuple(plain)
            batches.setdefault(names, []).append([_text(cell) for cell in plain.values()])
        elif isinstance(one, dict | list):
            yield from _walk(one, symbol, depth + 1)
    for names, rows in batches.items():
        yield Found(names, rows, symbol)


def _of_object(value: Mapping[str, Any], symbol: str | None) -> Found | None:
    """A table that the object itself is."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        index = value.get("index") or [""] * len(value["data"])
        rows = [
            [_text(at), *map(_text, row)] for at, row in zip(index, value["data"], strict=False)
        ]
        return Found(("", *map(str, value["columns"])), rows, symbol)
    inner = list(value.values())
    if len(inner) >= 1 and all(isinstance(one, dict) and _is_flat(one) for one in inner):
        return _of_objects(value, symbol)
    arrays = _arrays(value)
    if len(arrays) >= 2:
        return Found(
            tuple(arrays),
            [list(map(_text, row)) for row in zip(*arrays.values(), strict=True)],
            symbol,
        )
    plain = _flat(dict(value))
    return (
        Found(tuple(plain), [list(map(_text, plain.values()))], symbol) if _is_row(plain) else None
    )


def _of_objects(value: Mapping[str, Mapping[str, Any]], symbol: str | None) -> Found | None:
    """Objects in an object: a column each, or a row each."""
    first = next(iter(value.values()))
    if len(first) >= 1 and (_are_times(first) or (_known(value) >= 2 and len(first) > 1)):
        keys = list(first)
        named = tuple(value) if not _are_times(first) else ("", *value)
        rows = [[_text(column.get(key)) for column in value.values()] for key in keys]
        if _are_times(first):
            rows = [[key, *row] for key, row in zip(keys, rows, strict=True)]
        return Found(named, rows, symbol)
    if _are_times(value) or (_known(first) >= 2 and all(key.isdigit() for key in value)):
        names = tuple(first)
        rows = [[key, *(_text(row.get(name)) for name in names)] for key, row in value.items()]
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
    """An object with the prices that it wraps in another, as OANDA's candles do."""
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
        if isinstance(inner, str) and rank(key, "symbol") is not None and len(inner) > 2:
            return proper_symbol(inner)
        if isinstance(inner, str) and key in ("ch", "topic", "stream", "channel"):
            found = symbol_in_name(inner)
            if found is not None:
                return found
        if canonical(key) in ("meta", "metadata", "arg", "meta_data") and isinstance(inner, dict):
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


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and _is_wrapped(value):
        return _text(next(iter(value.values())))
    return "" if isinstance(value, dict | list) else repr(value)


class JsonTables:
    """JSON values in, Ticks or Bars out: a table a set of names.

    file: its name.
    """

    def __init__(self, file: str, answers: Answers, naming: Naming, tally: Tally) -> None:
        self._file = file
        self._answers = answers
        self._naming = naming
        self._tally = tally
        self._tables: dict[tuple[str, ...], Table | None] = {}

    @property
    def kinds(self) -> set[str]:
        """The kinds of the tables so far."""
        return {table.plan.kind for table in self._tables.values() if table is not None}

    def take(self, found: Sequence[tuple[Found, int]]) -> list[Ticks | Bars]:
        """Read tables, each with the number of the line or element of its first row."""
        out: list[Ticks | Bars] = []
        batches: dict[tuple[str, ...], tuple[list[Row], list[int]]] = {}
        for one, number in found:
            names, rows = one.names, one.rows
            if one.symbol is not None and not any(rank(name, "symbol") == 0 for name in names):
                rows = [[*row, one.symbol] for row in rows]
                names = (*names, "symbol") if names else (str(len(rows[0])), "symbol of rows")
            key = names or (str(len(rows[0])),)
            held, numbers = batches.setdefault(key, ([], []))
            held += rows
            numbers += range(number, number + len(rows)) if len(rows) > 1 else [number]
        for key, (rows, numbers) in batches.items():
            out += self._take(key, rows, numbers)
        return out

    def finish(self) -> list[Ticks | Bars]:
        """The rows that are left."""
        tables = [table for table in self._tables.values() if table is not None]
        return [batch for table in tables for batch in table.finish()]

    def _take(
        self, key: tuple[str, ...], rows: list[Row], numbers: list[int]
    ) -> list[Ticks | Bars]:
        if key not in self._tables:
            self._tables[key] = self._table(key, rows)
        table = self._tables[key]
        if table is None:
            self._tally.reject(
                Rejected("schema", ", ".join(row)[:200], at)
                for row, at in zip(rows, numbers, strict=True)
            )
            return []
        width = table.plan.width
        kept = [(row, at) for row, at in zip(rows, numbers, strict=True) if len(row) == width]
        if len(kept) < len(rows):
            self._tally.reject(
                Rejected("columns", ", ".join(row)[:200], at)
                for row, at in zip(rows, numbers, strict=True)
                if len(row) != width
            )
        columns = {
            position: pa.array([row[position] for row, _ in kept], pa.string())
            for position in table.plan.wanted
        }
        return table.take(Rows(columns, np.array([at for _, at in kept], np.int64)))

    def _table(self, key: tuple[str, ...], rows: list[Row]) -> Table | None:
        """The table of these names; None where its rows are no market data, but others are."""
        if len(self._tables) >= _MAX_SIGNATURES:
            return None
        bare = len(key) == 1 and key[0] == str(len(rows[0]))
        behind = key[-1] == "symbol of rows"
        try:
            if behind:
                plan = plan_of(
                    Sample([], [row[:-1] for row in rows[:500]], self._file, self._answers)
                )
                plan = replace(plan, symbol=plan.width, width=plan.width + 1)
            else:
                names = [] if bare else [(name,) for name in key]
                plan = plan_of(Sample(names, rows[:500], self._file, self._answers))
        except QuestionOpen:
            raise
        except UploadError:
            if not self.kinds and not self._tables:
                raise
            return None
        return Table(plan, self._naming, self._tally)


class JsonLines:
    """Blocks of whole lines of JSON in, Ticks or Bars out, where lines are rows of tables."""

    def __init__(self, tables: JsonTables, tally: Tally) -> None:
        self.line = 0
        self._tables = tables
        self._tally = tally

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return not self._tables.kinds and self._tally.rows >= HOPELESS

    def scan(self, block: bytes) -> list[Ticks | Bars]:
        """Read a block of whole lines, the last line break with them."""
        lines = Lines(block, self.line + 1)
        self.line += len(lines)
        found: list[tuple[Found, int]] = []
        for number in lines.numbers.tolist():
            text = lines[number]
            if not text.strip():
                continue
            try:
                value = _read_json(text)
            except JSON_ERRORS:
                self._tally.reject([Rejected("json", sample(text), number)])
                self._tally.look_for_bytes(text, number)
                continue
            tables = tables_in([value] if isinstance(value, list) else value)
            if not tables:
                self._tally.reject([Rejected("schema", sample(text), number)])
            found += [(one, number) for one in tables]
        return self._tables.take(found) if found else []

    def finish(self) -> list[Ticks | Bars]:
        """The rows that are left."""
        return self._tables.finish()


class Document:
    """One JSON value in any number of blocks, read when it is whole."""

    MOST = 64 << 20

    def __init__(self, tables: JsonTables) -> None:
        self.text = b""
        self._tables = tables

    def read(self) -> list[Ticks | Bars]:
        """The rows of the document. Raises UploadError, and as msgspec does for no JSON."""
        found = tables_in(_read_json(self.text))
        if not found:
            raise UploadError(
                f'a JSON document that begins "{sample(self.text)[:80]}"',
                "no list of trades or bars is in it",
                LEGAL,
            )
        number, numbered = 1, []
        for one in found:
            numbered.append((one, number))
            number += len(one.rows)
        return [*self._tables.take(numbered), *self._tables.finish()]
