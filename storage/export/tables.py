"""Tables of an export, and how ticks, bars and series become tables.

A table is a mapping of column names to equally long columns; a long export comes as many
tables with the same columns, so that its length costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analytics.model import (
    BAR_COLUMNS,
    NO_TRADE_ID,
    UNKNOWN_TRADES,
    Bars,
    BoolArray,
    IntArray,
    Ticks,
)

#: A column: an array (masked where a value is missing), a sequence of cells, or one text
#: that every row shares.
Column = np.ndarray | Sequence[Any] | str
Table = Mapping[str, Column]


def ticks_table(ticks: Ticks) -> dict[str, Column]:
    """Ticks as a table: time (ISO, UTC), ts_ms, symbol, price, size, trade_id, and trades:
    how many an aggregate holds.

    >>> list(ticks_table(Ticks("ETHUSDT", [0], [2.5], [1.0], [-1])))
    ['time', 'ts_ms', 'symbol', 'price', 'size', 'trade_id', 'trades']
    """
    return {
        "time": _moments(ticks.ts_ms),
        "ts_ms": ticks.ts_ms,
        "symbol": ticks.symbol,
        "price": ticks.price,
        "size": ticks.size,
        "trade_id": np.ma.masked_equal(ticks.trade_id, NO_TRADE_ID),
        "trades": ticks.trades,
    }


def bars_table(
    bars: Bars, gap: BoolArray | None = None, kline: BoolArray | None = None
) -> dict[str, Column]:
    """Bars as a table: time (ISO, UTC), symbol, timeframe, their columns, `gap` and `kline`.

    gap: shape (n,), which of them miss trades; kline: which are the exchange's own, not made of
    ticks; None where that is not known.

    >>> bar = Bars("ETHUSDT", "1m", [0], [1], [2], [1], [2], [3], [-1], [1.5])
    >>> bars_table(bar)["symbol"], bars_table(bar)["trades"].tolist()
    ('ETHUSDT', [None])
    """
    table: dict[str, Column] = {
        "time": _moments(bars.ts_ms),
        "ts_ms": bars.ts_ms,
        "symbol": bars.symbol,
        "timeframe": bars.timeframe,
    }
    table.update({name: getattr(bars, name) for name in BAR_COLUMNS if name != "ts_ms"})
    table["trades"] = np.ma.masked_equal(bars.trades, UNKNOWN_TRADES)
    for name, flags in (("gap", gap), ("kline", kline)):
        table[name] = np.ma.masked_all(len(bars), np.bool_) if flags is None else flags
    return table


def series_table(ts_ms: IntArray, series: Mapping[str, Column]) -> dict[str, Column]:
    """Series that share their times as a table: time (ISO, UTC), ts_ms, then each of them."""
    return {"time": _moments(ts_ms), "ts_ms": ts_ms, **series}


def rows_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Column]:
    """Rows of cells (text, numbers, None) as a table; ValueError for a row too long or short.

    >>> rows_table(["symbol", "last"], [["BTCUSDT", 1.5], ["=1+1", None]])
    {'symbol': ['BTCUSDT', '=1+1'], 'last': [1.5, None]}
    """
    columns: dict[str, list[Any]] = {name: [] for name in header}
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} cells, expected {len(columns)}")
        for cells, cell in zip(columns.values(), row, strict=True):
            cells.append(cell)
    return dict(columns)


def _moments(ts_ms: IntArray) -> np.ndarray:
    return np.asarray(ts_ms, np.int64).astype("datetime64[ms]")


def length_of(table: Table) -> int:
    """How many rows a table has. Raises ValueError for columns of different lengths."""
    lengths = {name: len(c) for name, c in table.items() if not isinstance(c, str)}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the table has columns of lengths {lengths}, expected one length")
    return next(iter(lengths.values()))


def chunks(table: Table, size: int) -> Iterator[tuple[int, dict[str, Column]]]:
    """A table in pieces of at most `size` rows: how many rows, and their columns."""
    rows = length_of(table)
    for begin in range(0, rows, size):
        end = min(begin + size, rows)
        piece = {n: c if isinstance(c, str) else c[begin:end] for n, c in table.items()}
        yield end - begin, piece


def same_columns(tables: Iterable[Table]) -> Iterator[tuple[bool, Table]]:
    """Each table, and whether it is the first; ValueError when columns differ between them."""
    names: list[str] | None = None
    for table in tables:
        first = names is None
        if names is None:
            names = list(table)
        elif list(table) != names:
            raise ValueError(f"a table has columns {list(table)}, expected {names}")
        yield first, table
