"""The archive's small tables: rules, alerts, views, markets, readings; and sums over blocks.

Every function takes a connection that is inside a transaction of the caller.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.archive.schema import (
    blocks,
    events,
    insert_into,
    markets,
    meta,
    now_ms,
    pairs,
    readings,
    rules,
    series,
)

#: The figures of a reading, in the order of its columns.
READING_FIELDS: tuple[str, ...] = ("hedge_ratio", "spread", "z", "correlation", "adf_pvalue")


@dataclass(frozen=True)
class StoredSeries:
    """What the archive has of one series: a symbol's ticks, or its bars of one timeframe.

    kind: ticks or bars. timeframe: None for ticks. title: the market's. bytes: size of the
    payloads as stored. stored_ms: when the newest of its rows was stored.
    """

    market: str
    kind: str
    symbol: str
    timeframe: str | None
    first_ts_ms: int
    last_ts_ms: int
    rows: int
    bytes: int
    title: str = ""
    stored_ms: int = 0


@dataclass(frozen=True)
class MarketRecord:
    """A market in the archive. kind: live or upload."""

    id: str
    title: str
    kind: str
    created_ms: int


def encode(mapping: Mapping[str, Any]) -> str:
    """The mapping as JSON. Raises ValueError on NaN and infinity, TypeError on other types."""
    return json.dumps(dict(mapping), allow_nan=False, separators=(",", ":"))


def required_field(mapping: Mapping[str, Any], name: str, kind: type) -> Any:
    """The value of a field. Raises ValueError where it is absent or of another type."""
    value = mapping.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected {kind.__name__}")
    return value


def put_body(connection: sa.Connection, table: sa.Table, key: str, name: str, body: str) -> None:
    """Store a body under its name, in place of one that is there."""
    change = insert_into(connection, table).values({key: name, "body": body})
    connection.execute(change.on_conflict_do_update(index_elements=[key], set_={"body": body}))


def put_note(connection: sa.Connection, name: str, value: str) -> None:
    """Store a note on the archive itself, in place of one of its name."""
    change = insert_into(connection, meta).values(name=name, value=value)
    connection.execute(change.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def note(connection: sa.Connection, name: str) -> str | None:
    """A note on the archive itself, None where there is none."""
    return connection.execute(sa.select(meta.c.value).where(meta.c.name == name)).scalar()


def files_note(market: str) -> str:
    """The name of the note on the files that made a market."""
    return f"files of {market}"


def save_rule(connection: sa.Connection, rule: Mapping[str, Any]) -> None:
    """Store a rule, in place of one with its id. Raises ValueError without a text id."""
    put_body(connection, rules, "id", required_field(rule, "id", str), encode(rule))


def all_rules(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every rule, in the order of first saving."""
    bodies = connection.execute(sa.select(rules.c.body).order_by(rules.c.seq)).scalars()
    return [json.loads(body) for body in bodies]


def event_rows(mappings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Events as rows of the table. Raises ValueError for one without a required field."""
    return [
        {
            "id": required_field(event, "id", str),
            "ts_ms": required_field(event, "ts_ms", int),
            "market": required_field(event, "market", str),
            "body": encode(event),
        }
        for event in mappings
    ]


def add_events(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add the events whose ids are not there yet; how many."""
    added = 0
    for row in rows:
        change = insert_into(connection, events).values(row)
        change = change.on_conflict_do_nothing(index_elements=["id"])
        added += len(connection.execute(change.returning(events.c.seq)).all())
    return added


def update_event(connection: sa.Connection, event: Mapping[str, Any]) -> bool:
    """Replace the event with the same id; False where there is none."""
    change = sa.update(events).where(events.c.id == required_field(event, "id", str))
    return connection.execute(change.values(body=encode(event))).rowcount > 0


def newest_events(
    connection: sa.Connection, market: str | None, since_ms: int, limit: int
) -> list[dict[str, Any]]:
    """The newest `limit` events of a market (None: of all) from `since_ms` on, newest first."""
    query = sa.select(events.c.body).where(events.c.ts_ms >= since_ms)
    if market is not None:
        query = query.where(events.c.market == market)
    query = query.order_by(events.c.ts_ms.desc(), events.c.seq.desc()).limit(max(limit, 0))
    return [json.loads(body) for body in connection.execute(query).scalars()]


def all_bodies(connection: sa.Connection, table: sa.Table, key: str) -> dict[str, dict[str, Any]]:
    """Every body of a table by its name; in the order of saving where the table has one."""
    order = table.c.seq if "seq" in table.c else table.c[key]
    rows = connection.execute(sa.select(table.c[key], table.c.body).order_by(order)).all()
    return {name: json.loads(body) for name, body in rows}


def delete_named(connection: sa.Connection, table: sa.Table, key: str, name: str) -> bool:
    """Delete a row by its name; False where there was none."""
    return connection.execute(sa.delete(table).where(table.c[key] == name)).rowcount > 0


def put_market(
    connection: sa.Connection, market: str, title: str, kind: str, loading: bool
) -> None:
    """Store a market's title and kind; its creation time is that of the first call."""
    fields = {"title": title, "kind": kind, "loading": int(loading)}
    row = {"id": market, "created_ms": now_ms(), **fields}
    change = insert_into(connection, markets).values(row)
    connection.execute(change.on_conflict_do_update(index_elements=["id"], set_=fields))


def complete_markets(connection: sa.Connection) -> list[MarketRecord]:
    """Markets that are complete, oldest first."""
    query = (
        sa.select(markets.c.id, markets.c.title, markets.c.kind, markets.c.created_ms)
        .where(markets.c.loading == 0)
        .order_by(markets.c.created_ms, markets.c.id)
    )
    return [MarketRecord(*row) for row in connection.execute(query).all()]


def incomplete_markets(connection: sa.Connection) -> list[str]:
    """Markets whose file was not read to its end."""
    return list(connection.execute(sa.select(markets.c.id).where(markets.c.loading == 1)).scalars())


def stored_series(connection: sa.Connection) -> list[StoredSeries]:
    """Every series, by market and in the order in which its symbols came; markets that are
    still loading are left out.
    """
    rows, size = sa.func.sum(blocks.c.n), sa.func.sum(blocks.c.bytes)
    query = (
        sa.select(
            series.c.market,
            series.c.kind,
            series.c.symbol,
            series.c.timeframe,
            sa.func.min(blocks.c.first_ts_ms),
            sa.func.max(blocks.c.last_ts_ms),
            rows,
            size,
            sa.func.coalesce(markets.c.title, series.c.market),
            sa.func.max(blocks.c.stored_ms),
        )
        .join(blocks, blocks.c.series_id == series.c.id)
        .join(markets, markets.c.id == series.c.market, isouter=True)
        .where(sa.func.coalesce(markets.c.loading, 0) == 0)
        .group_by(series.c.id, markets.c.title)
        .order_by(series.c.market, series.c.id)
    )
    return [
        StoredSeries(market, kind, symbol, timeframe or None, first, last, int(n), int(size), *rest)
        for market, kind, symbol, timeframe, first, last, n, size, *rest in connection.execute(
            query
        ).all()
    ]


def place_from_end(connection: sa.Connection, market: str, symbol: str, count: int) -> int:
    """The place from which the blocks with a symbol's newest `count` ticks are read."""
    chosen = (series.c.market == market) & (series.c.symbol == symbol) & (series.c.kind == "ticks")
    query = (
        sa.select(blocks.c.first_row, blocks.c.n)
        .join(series, series.c.id == blocks.c.series_id)
        .where(chosen)
        .order_by(blocks.c.first_row.desc())
    )
    place = 0
    for first_row, rows in connection.execute(query).all():
        place, count = first_row, count - rows
        if count <= 0:
            break
    return place


def delete_market(connection: sa.Connection, market: str, symbol: str | None) -> int:
    """Delete a market, or one symbol of it; how many rows were deleted."""
    chosen = series.c.market == market
    if symbol is not None:
        chosen &= series.c.symbol == symbol
    of_series = blocks.c.series_id.in_(sa.select(series.c.id).where(chosen))
    count = connection.execute(sa.select(sa.func.sum(blocks.c.n)).where(of_series)).scalar()
    connection.execute(sa.delete(blocks).where(of_series))
    connection.execute(sa.delete(series).where(chosen))
    left = connection.execute(
        sa.select(sa.func.count()).select_from(series).where(series.c.market == market)
    ).scalar()
    if not left:
        connection.execute(sa.delete(markets).where(markets.c.id == market))
        connection.execute(sa.delete(meta).where(meta.c.name == files_note(market)))
        of_pairs = readings.c.pair_id.in_(sa.select(pairs.c.id).where(pairs.c.market == market))
        connection.execute(sa.delete(readings).where(of_pairs))
        connection.execute(sa.delete(pairs).where(pairs.c.market == market))
    return int(count or 0)


def prune(connection: sa.Connection, before_ms: int) -> int:
    """Delete ticks of live markets, and readings, stored before a time; how many ticks."""
    live = (
        sa.select(series.c.id)
        .join(markets, markets.c.id == series.c.market)
        .where(markets.c.kind == "live", series.c.kind == "ticks")
    )
    old = blocks.c.series_id.in_(live) & (blocks.c.stored_ms < before_ms)
    count = connection.execute(sa.select(sa.func.sum(blocks.c.n)).where(old)).scalar()
    if count:
        connection.execute(sa.delete(blocks).where(old))
    connection.execute(sa.delete(readings).where(readings.c.stored_ms < before_ms))
    return int(count or 0)


def newest_ms(connection: sa.Connection) -> int:
    """When the newest tick of a live market came, 0 for none: by the clock of this computer or by
    the exchange's, whichever was behind.
    """
    came_ms = sa.case(
        (blocks.c.stored_ms < blocks.c.last_ts_ms, blocks.c.stored_ms),
        else_=blocks.c.last_ts_ms,
    )
    live = sa.select(series.c.id).join(markets, markets.c.id == series.c.market)
    query = sa.select(sa.func.max(came_ms)).where(
        blocks.c.series_id.in_(live.where(markets.c.kind == "live", series.c.kind == "ticks"))
    )
    return int(connection.execute(query).scalar() or 0)


def append_readings(
    connection: sa.Connection,
    market: str,
    params: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> int:
    """Add readings of a pair; a time that is there already keeps its reading."""
    key = {"market": market, "params": json.dumps(dict(params), sort_keys=True)}
    chosen = (pairs.c.market == market) & (pairs.c.params == key["params"])
    pair_id = connection.execute(sa.select(pairs.c.id).where(chosen)).scalar()
    if pair_id is None:
        new_pair = insert_into(connection, pairs).values(key).returning(pairs.c.id)
        pair_id = connection.execute(new_pair).scalar_one()
    added = 0
    for row in rows:
        values = {
            "pair_id": pair_id,
            "ts_ms": required_field(row, "ts_ms", int),
            "stored_ms": now_ms(),
        }
        values |= {name: _finite(row.get(name)) for name in READING_FIELDS}
        change = insert_into(connection, readings).values(values)
        change = change.on_conflict_do_nothing(index_elements=["pair_id", "ts_ms"])
        added += len(connection.execute(change.returning(readings.c.ts_ms)).all())
    return added


def read_readings(connection: sa.Connection, market: str, since_ms: int) -> list[dict[str, Any]]:
    """Readings of the pairs of a market from a time on, oldest first, each with its `params`."""
    query = (
        sa.select(pairs.c.params, *(readings.c[name] for name in ("ts_ms", *READING_FIELDS)))
        .join(readings, readings.c.pair_id == pairs.c.id)
        .where(pairs.c.market == market, readings.c.ts_ms >= since_ms)
        .order_by(readings.c.ts_ms, pairs.c.id)
    )
    return [
        {**row, "params": json.loads(row["params"])}
        for row in connection.execute(query).mappings().all()
    ]


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
