"""Reads ticks and bars from the archive, in the order in which they were stored.

A row of a series has a place, counted from its first row, which merges do not change. So a reader
that goes on from a place needs no long transaction, and misses nothing while the writer merges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from analytics.model import Bars, Ticks
from storage.archive.blocks import Damaged, decode
from storage.archive.schema import BLOCK_ROWS, blocks, series

Read = Callable[[], AbstractContextManager[sa.Connection]]
OnDamage = Callable[[Mapping[str, Any]], None]

#: How many blocks with their payloads a reader has in memory.
READ_AT_ONCE = 64

#: The columns of a block without its payload.
_HEAD = ("id", "first_row", "n", "first_id", "last_id", "numbering")
HEADS = sa.select(*(blocks.c[name] for name in _HEAD))


def series_id_of(
    connection: sa.Connection, market: str, kind: str, symbol: str, timeframe: str
) -> int | None:
    """The id of a series, None where nothing of it was stored."""
    query = sa.select(series.c.id).where(
        series.c.market == market,
        series.c.kind == kind,
        series.c.symbol == symbol,
        series.c.timeframe == timeframe,
    )
    return connection.execute(query).scalar()


@dataclass(frozen=True)
class Stretch:
    """The rows to read of a series: from `first_row` on, with start_ms <= ts_ms < end_ms."""

    market: str
    kind: str
    symbol: str
    timeframe: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    first_row: int = 0


def read(
    connect: Read, stretch: Stretch, on_damage: OnDamage
) -> Iterator[tuple[int, Ticks | Bars]]:
    """The rows of a stretch in the order in which they were stored, in chunks of at most
    BLOCK_ROWS, each with its numbering. Damaged blocks are left out, after on_damage(block).
    """
    place = stretch.first_row
    while True:
        with connect() as connection:
            next_blocks = _next_blocks(connection, stretch, place)
        if not next_blocks:
            return
        numbering, parts = next_blocks[0]["numbering"], []
        for block in next_blocks:
            skip = max(place - block["first_row"], 0)
            place = block["first_row"] + block["n"]
            try:
                columns = decode(block, stretch.kind)
            except Damaged:
                on_damage(block)
                continue
            parts.append([column[skip:] for column in columns])
        if parts:
            rows = _within(joined(stretch.symbol, stretch.kind, parts, stretch.timeframe), stretch)
            if len(rows):
                yield numbering, rows


def _next_blocks(
    connection: sa.Connection, stretch: Stretch, place: int
) -> Sequence[Mapping[str, Any]]:
    """The next blocks, as many as make one chunk."""
    key = (stretch.market, stretch.kind, stretch.symbol, stretch.timeframe)
    series_id = series_id_of(connection, *key)
    wanted = [blocks.c.series_id == series_id, blocks.c.first_row > place - BLOCK_ROWS]
    wanted.append(blocks.c.first_row + blocks.c.n > place)
    if stretch.start_ms is not None:
        wanted.append(blocks.c.last_ts_ms >= stretch.start_ms)
    if stretch.end_ms is not None:
        wanted.append(blocks.c.first_ts_ms < stretch.end_ms)
    query = HEADS.where(*wanted).order_by(blocks.c.first_row).limit(READ_AT_ONCE)
    rows = connection.execute(query).all()
    return whole_blocks(connection, _fitting(rows))


def whole_blocks(connection: sa.Connection, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The blocks with these ids and their payloads, in the order of their rows."""
    query = sa.select(blocks).where(blocks.c.id.in_([row.id for row in rows]))
    ordered = connection.execute(query.order_by(blocks.c.first_row)).all()
    return [row._asdict() for row in ordered]


def _fitting(rows: Sequence[Any]) -> Sequence[Any]:
    """The first of these blocks, as many as make at most one chunk of one numbering."""
    total = 0
    for count, row in enumerate(rows):
        total += row.n
        if count and (total > BLOCK_ROWS or row.numbering != rows[0].numbering):
            return rows[:count]
    return rows


def joined(
    symbol: str, kind: str, parts: Sequence[Sequence[np.ndarray]], timeframe: str = ""
) -> Ticks | Bars:
    """Columns of several blocks as one batch."""
    columns = [
        pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        for pieces in zip(*parts, strict=True)
    ]
    return Ticks(symbol, *columns) if kind == "ticks" else Bars(symbol, timeframe, *columns)


def _within(rows: Ticks | Bars, stretch: Stretch) -> Ticks | Bars:
    if not len(rows) or (stretch.start_ms is None and stretch.end_ms is None):
        return rows
    inside = np.ones(len(rows), np.bool_)
    if stretch.start_ms is not None:
        inside &= rows.ts_ms >= stretch.start_ms
    if stretch.end_ms is not None:
        inside &= rows.ts_ms < stretch.end_ms
    return rows if inside.all() else rows[inside]
