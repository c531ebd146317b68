"""Trades that come as arrays: the columns are known by place, and by what stands around them.

Kraken's first interface and Bitfinex send arrays alone; Bitget's first one has arrays in an
object. A channel of Bitfinex is a number, and only its answer says of what.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from analytics.model import NO_TRADE_ID
from ingestion.decode.notices import Notice
from ingestion.decode.recent import RecentTrades
from ingestion.decode.rows import MAX_KEY, Context, Refusal, Row, number, row_of
from ingestion.decode.times import parse_time, unit_of

#: Columns of a trade in an array.
KRAKEN = ("price", "size", "time", "side")
BITGET = ("time", "price", "size", "side")
PHEMEX = ("time", "side", "price", "size")
COINCHECK = ("time", "id", "symbol", "price", "size", "side")
#: Tiingo's trades of crypto and of stocks.
TIINGO = ("kind", "symbol", "time", "exchange", "size", "price")
TIINGO_IEX = ("kind", "text", "time", "symbol", *"abcde", "price", "size")
BITFINEX = ("id", "time", "size", "price")
BITFINEX_V1 = ("id", "time", "price", "size")
MAX_CHANNELS = 1_000
_SIDES = ("buy", "sell", "b", "s")

Item = Row | Refusal | Notice


class Channels:
    """Numbers of channels, as the answers to subscriptions told them: kind and symbol.

    trades: the ids of the newest trades that Bitfinex told.
    """

    def __init__(self) -> None:
        self.trades = RecentTrades()
        self._known: dict[int, tuple[str, str]] = {}

    def note(self, obj: dict[str, Any]) -> None:
        """Remember what an answer says, such as {"event":"subscribed","chanId":5,...}."""
        number, channel = obj.get("chanId"), obj.get("channel")
        if obj.get("event") == "subscribed" and isinstance(number, int) and channel:
            symbol = obj.get("pair") or obj.get("symbol") or obj.get("currency") or ""
            if str(obj.get("symbol", ""))[:1] == "f" and "pair" not in obj:
                channel = "funding"
            if len(self._known) >= MAX_CHANNELS:
                self._known.clear()
            self._known[number] = (str(channel), str(symbol))

    def about(self, number: int) -> tuple[str, str]:
        """The kind and the symbol of a channel, both "" where nothing told them."""
        return self._known.get(number, ("", ""))


def read_array(value: Sequence[Any], context: Context, channels: Channels) -> Iterator[Item] | None:
    """What an array of an exchange holds, None for one that is none of those known."""
    if _are_of_coincheck(value):
        return iter([_row(row, COINCHECK, context.of(symbol=row[2])) for row in value])
    named = len(value) >= 4 and isinstance(value[-1], str) and isinstance(value[-2], str)
    if named and isinstance(value[1], (list, dict)) and isinstance(value[0], int):
        return _kraken(value, context)
    if len(value) >= 2 and isinstance(value[0], int) and not isinstance(value[0], bool):
        if isinstance(value[1], str) and value[1].isalpha():
            return _bitfinex(value, context, channels)
        if isinstance(value[1], list) and len(value) == 2:
            return _bitfinex_snapshot(value, context, channels)
    return None


def read_cells(value: Sequence[Any], context: Context) -> Item | None:
    """The trade of an array within an envelope that says that it holds trades."""
    if len(value) == 4 and value[3] in _SIDES and parse_time(value[0]) is not None:
        return _row(value, BITGET, context)
    if len(value) == 4 and isinstance(value[2], str) and str(value[1]).lower() in _SIDES:
        return _row(value, PHEMEX, context)
    return None


def read_tiingo(obj: dict[str, Any], context: Context) -> Item | None:
    """What a message of Tiingo holds, None for any other.

    >>> data = ["T", "btcusd", "2024-08-08T23:54:16.322+00:00", "gdax", 0.5, 61800.3]
    >>> read_tiingo({"service": "crypto_data", "messageType": "A", "data": data}, Context(None))[:4]
    ('btcusd', 1723161256322, 61800.3, 0.5)
    """
    value, service = obj.get("data"), obj.get("service")
    if service not in ("crypto_data", "iex") or not isinstance(value, list) or len(value) < 6:
        return None
    if value[0] != "T":
        return Refusal("event")
    columns = TIINGO if service == "crypto_data" else TIINGO_IEX
    symbol = value[columns.index("symbol")]
    return _row(value, columns, context.of(symbol=symbol if isinstance(symbol, str) else None))


def _are_of_coincheck(value: Sequence[Any]) -> bool:
    """Whether arrays are Coincheck's trades: texts, of which the third is a pair."""
    return bool(value) and all(
        isinstance(row, list)
        and len(row) >= len(COINCHECK)
        and all(isinstance(cell, str) for cell in row[:6])
        and "_" in row[2]
        and row[5] in _SIDES
        for row in value
    )


def _kraken(value: Sequence[Any], context: Context) -> Iterator[Item]:
    if value[-2] != "trade":
        yield Refusal("event")
        return
    inner = context.of(symbol=value[-1], whole=True)
    for cells in value[1] if isinstance(value[1], list) else ():
        good = isinstance(cells, list) and len(cells) >= 3
        yield _row(cells, KRAKEN, inner) if good else Refusal("schema")


def _bitfinex(value: Sequence[Any], context: Context, channels: Channels) -> Iterator[Item]:
    kind, symbol = channels.about(value[0])
    if value[1] not in ("te", "tu"):
        yield Refusal("control" if value[1] == "hb" else "event")
        return
    if kind not in ("", "trades"):
        yield Refusal("event")
        return
    inner = context.of(symbol=symbol or context.symbol, signed=True)
    if len(value) == 3 and isinstance(value[2], list) and len(value[2]) >= 4:
        row = _row(value[2], BITFINEX, inner)
        told = isinstance(row, Row) and not channels.trades.take(symbol, row.id)
        # `te` tells a trade first, `tu` once more under the same id.
        yield Refusal("duplicate") if told and value[1] == "tu" else row
    elif value[1] == "te" and len(value) == 6:
        yield _row(value[2:], BITFINEX_V1, inner)
    elif value[1] == "tu" and len(value) == 7:
        # The trade that `te` told, once more: both have the sequence's name.
        yield _row([value[2], *value[4:]], BITFINEX_V1, inner)
    else:
        yield Refusal("schema")


def _bitfinex_snapshot(
    value: Sequence[Any], context: Context, channels: Channels
) -> Iterator[Item]:
    kind, symbol = channels.about(value[0])
    rows = value[1]
    first = rows[0] if rows and isinstance(rows[0], list) else []
    trades = len(first) == 4 and parse_time(first[1]) is not None
    if kind not in ("", "trades") or not trades:
        yield Refusal("event" if kind or rows else "control")
        return
    inner = context.of(symbol=symbol or context.symbol, signed=True)
    columns = BITFINEX_V1 if unit_of(number(first[1]) or 0) == "s" else BITFINEX
    good = (isinstance(cells, list) and len(cells) == 4 for cells in rows)
    yield from oldest_first(
        [
            _row(c, columns, inner) if fits else Refusal("schema")
            for c, fits in zip(rows, good, strict=True)
        ]
    )


def oldest_first(items: list[Item]) -> list[Item]:
    """The items of one message in the order of their time, where it has the newest first."""
    times = [item.time for item in items if isinstance(item, Row)]
    falls = len(times) > 1 and times[0] > times[-1]
    if falls and all(one >= other for one, other in itertools.pairwise(times)):
        return items[::-1]
    return items


def _row(cells: Sequence[Any], columns: Sequence[str], context: Context) -> Row | Refusal:
    """The trade in some cells, of which each has a meaning by its place."""
    values = dict(zip(columns, cells, strict=False))
    row = row_of(
        context.symbol,
        values["time"],
        values["price"],
        values["size"],
        values.get("id"),
        signed=context.signed,
    )
    if isinstance(row, Row) and row.id == NO_TRADE_ID and not row.key:
        again = not (context.whole or context.snapshot)
        return row._replace(key="|".join(map(str, cells))[:MAX_KEY], again=again)
    return row
