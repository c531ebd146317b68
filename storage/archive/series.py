"""Writes ticks and bars into the archive as blocks, and merges small blocks.

Every method takes a connection that is inside a transaction of the caller. Live ticks make many
small blocks; a merge makes one block of many, and the rows keep their places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from analytics.model import Bars, Ticks
from storage.archive.blocks import Damaged, decode, encode
from storage.archive.reader import HEADS, OnDamage, joined, series_id_of, whole_blocks
from storage.archive.schema import BLOCK_ROWS, DAMAGED, FULL, blocks, insert_into, now_ms, series
from storage.market.seen_ids import SeenIds

InsertBlocks = Callable[[sa.Connection, Sequence[Mapping[str, Any]]], None]

#: How many blocks of one level are merged at once, unless fewer fill a block.
MERGED_AT_ONCE = 64


@dataclass
class _Tail:
    """The end of a series, which the writer must know to append to it.

    seen: the stored ids of its newest numbering.
    """

    series_id: int
    next_row: int
    numbering: int
    last_ts_ms: int
    seen: SeenIds = field(default_factory=SeenIds)


class SeriesWriter:
    """Appends and merges; one thread at a time. Call `reset` after a failed transaction."""

    def __init__(self, insert_blocks: InsertBlocks, on_damage: OnDamage) -> None:
        self._insert_blocks = insert_blocks
        self._on_damage = on_damage
        self._tails: dict[tuple[str, str, str, str], _Tail] = {}
        self._due: list[tuple[int, int]] = []

    def reset(self) -> None:
        """Forget the ends of all series; they are read again when needed."""
        self._tails.clear()
        self._due.clear()

    def append_ticks(self, connection: sa.Connection, market: str, ticks: Ticks) -> int:
        """Store ticks without an id, and those whose ids are not stored yet; how many."""
        tail = self._tail(connection, market, "ticks", ticks.symbol, "")
        has_id = ticks.trade_id >= 0
        if has_id.any():
            fresh = ~has_id
            fresh[has_id] = tail.seen.take(ticks.trade_id[has_id])
            ticks = ticks if fresh.all() else ticks[fresh]
        self._insert(connection, tail, ticks)
        return len(ticks)

    def renumber(self, connection: sa.Connection, market: str, symbol: str) -> None:
        """The source numbers a symbol's trades anew: ids may come again."""
        tail = self._tail(connection, market, "ticks", symbol, "")
        tail.numbering += 1
        tail.seen = SeenIds()

    def append_bars(self, connection: sa.Connection, market: str, bars: Bars) -> None:
        """Store bars; each replaces a stored bar of the same time."""
        if not len(bars):
            return
        tail = self._tail(connection, market, "bars", bars.symbol, bars.timeframe)
        if int(bars.ts_ms[0]) <= tail.last_ts_ms:
            bars = self._take_overlap(connection, tail, bars)
        self._insert(connection, tail, bars)

    def merge(self, connection: sa.Connection) -> bool:
        """Merge one run of small blocks into a larger one; False where there is none.

        Which series have some is looked for in the whole table, so once for many of these calls.
        """
        looked = False
        while True:
            while self._due:
                series_id, level = self._due[-1]
                for run in _runs(connection, series_id, level):
                    self._merge(connection, series_id, level, run)
                    return True
                self._due.pop()
            if looked:
                return False
            self._due, looked = _with_small_blocks(connection), True

    def _merge(
        self, connection: sa.Connection, series_id: int, level: int, run: Sequence[Any]
    ) -> None:
        kind = connection.execute(sa.select(series.c.kind).where(series.c.id == series_id)).scalar()
        run_blocks = whole_blocks(connection, run)
        parts = []
        for block in run_blocks:
            try:
                parts.append(decode(block, kind or "ticks"))
            except Damaged:
                self._on_damage(block)
                of_block = sa.update(blocks).where(blocks.c.id == block["id"])
                connection.execute(of_block.values(level=DAMAGED))
                return
        merged = joined("", kind or "ticks", parts)
        block = encode(merged, run_blocks[0]["first_row"], run_blocks[0]["numbering"], squeeze=True)
        connection.execute(sa.delete(blocks).where(blocks.c.id.in_([row.id for row in run])))
        raised = FULL if block["n"] >= BLOCK_ROWS // 2 else level + 1
        of_series = {"series_id": series_id, "level": raised}
        stored = {"stored_ms": max(block["stored_ms"] for block in run_blocks)}
        self._insert_blocks(connection, [{**block, **of_series, **stored}])

    def _insert(self, connection: sa.Connection, tail: _Tail, rows: Ticks | Bars) -> None:
        new_blocks = []
        of_series = {"series_id": tail.series_id, "stored_ms": now_ms()}
        for start in range(0, len(rows), BLOCK_ROWS):
            part = rows[start : start + BLOCK_ROWS]
            level = FULL if len(part) >= BLOCK_ROWS // 2 else 0
            block = encode(part, tail.next_row, tail.numbering)
            new_blocks.append({**block, **of_series, "level": level})
            tail.next_row += len(part)
            tail.last_ts_ms = max(tail.last_ts_ms, block["last_ts_ms"])
        if new_blocks:
            self._insert_blocks(connection, new_blocks)

    def _take_overlap(self, connection: sa.Connection, tail: _Tail, bars: Bars) -> Bars:
        """Delete the blocks that overlap these bars; their bars and these, where these win."""
        reaching = (blocks.c.series_id == tail.series_id) & (
            blocks.c.last_ts_ms >= int(bars.ts_ms[0])
        )
        overlapping = whole_blocks(
            connection, connection.execute(sa.select(blocks.c.id).where(reaching)).all()
        )
        parts = [bars]
        for block in overlapping:
            try:
                parts.append(Bars(bars.symbol, bars.timeframe, *decode(block, "bars")))
            except Damaged:
                self._on_damage(block)
        connection.execute(sa.delete(blocks).where(reaching))
        tail.next_row = overlapping[0]["first_row"]
        both = Bars.concat(parts)
        _, newest = np.unique(both.ts_ms, return_index=True)
        return both[newest]

    def _tail(
        self, connection: sa.Connection, market: str, kind: str, symbol: str, timeframe: str
    ) -> _Tail:
        key = (market, kind, symbol, timeframe)
        if key not in self._tails:
            self._tails[key] = self._read_tail(connection, key)
        return self._tails[key]

    def _read_tail(self, connection: sa.Connection, key: tuple[str, str, str, str]) -> _Tail:
        fields = dict(zip(("market", "kind", "symbol", "timeframe"), key, strict=True))
        series_id = series_id_of(connection, *key)
        if series_id is None:
            change = insert_into(connection, series).values(fields).returning(series.c.id)
            return _Tail(connection.execute(change).scalar_one(), 0, 0, -1)
        whole = sa.select(
            sa.func.max(blocks.c.first_row + blocks.c.n),
            sa.func.max(blocks.c.numbering),
            sa.func.max(blocks.c.last_ts_ms),
        ).where(blocks.c.series_id == series_id)
        end, numbering, last_ts_ms = connection.execute(whole).one()
        if end is None:
            return _Tail(series_id, 0, 0, -1)
        tail = _Tail(series_id, end, numbering, last_ts_ms)
        if key[1] == "ticks":
            self._mark_seen(connection, tail)
        return tail

    def _mark_seen(self, connection: sa.Connection, tail: _Tail) -> None:
        """Mark the stored ids: of most blocks from their first and last, else by reading them."""
        of_numbering = (
            HEADS.where(blocks.c.series_id == tail.series_id)
            .where(blocks.c.numbering == tail.numbering)
            .where(blocks.c.last_id >= 0)
            .order_by(blocks.c.first_row)
        )
        for row in connection.execute(of_numbering).all():
            if row.first_id >= 0 and row.last_id - row.first_id + 1 == row.n:
                tail.seen.take(np.arange(row.first_id, row.last_id + 1))
                continue
            (block,) = whole_blocks(connection, [row])
            try:
                ids = decode(block, "ticks")[3]
            except Damaged:
                continue  # its ticks are lost, and may be stored again
            tail.seen.take(ids[ids >= 0])


def _with_small_blocks(connection: sa.Connection) -> list[tuple[int, int]]:
    """Series, and levels, of which so many blocks are small that a merge may be worth it."""
    counted = (
        sa.select(blocks.c.series_id, blocks.c.level)
        .where(blocks.c.level < FULL)
        .group_by(blocks.c.series_id, blocks.c.level)
        .having((sa.func.count() >= MERGED_AT_ONCE) | (sa.func.sum(blocks.c.n) >= BLOCK_ROWS))
    )
    return [(row.series_id, row.level) for row in connection.execute(counted).all()]


def _runs(connection: sa.Connection, series_id: int, level: int) -> Iterator[Sequence[Any]]:
    """Runs of consecutive blocks of one level that are worth a merge."""
    query = (
        HEADS.where(blocks.c.series_id == series_id, blocks.c.level == level)
        .order_by(blocks.c.first_row)
        .limit(4 * MERGED_AT_ONCE)
    )
    run: list[Any] = []
    for row in connection.execute(query).all():
        last = run[-1] if run else None
        follows = last is not None and (last.first_row + last.n, last.numbering) == (
            row.first_row,
            row.numbering,
        )
        fits = sum(block.n for block in run) + row.n <= BLOCK_ROWS
        if run and not (follows and fits):
            if len(run) > 1 and follows:
                yield run
            run = []
        run.append(row)
        if len(run) == MERGED_AT_ONCE:
            yield run
            run = []
