"""The archive's tables, and the steps from one version of them to the next.

The same tables in SQLite and in PostgreSQL. Ticks and bars are blocks of columns, one row
for up to BLOCK_ROWS of them; what is few and small (rules, alerts, views, readings) is a row
each. `storage.archive.blocks` says what a block's payload is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

#: Version of the tables below. One step to it from each older version, in MIGRATIONS.
SCHEMA_VERSION = 4
#: Rows that a block is merged up to.
BLOCK_ROWS = 65_536
#: Level of a block that is merged no more; new ones are of level 0.
FULL = 9
#: Level of a block whose check sum is wrong: it is left as it is.
DAMAGED = 10

# Alone of all types in SQLite, INTEGER PRIMARY KEY numbers its rows by itself.
_Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData()
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
rules = sa.Table(
    "alert_rules",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)
events = sa.Table(
    "alert_events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("ts_ms", sa.BigInteger, nullable=False),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("alert_events_by_market", "market", "ts_ms"),
    sa.Index("alert_events_by_time", "ts_ms"),
)
#: What is remembered of a rule between readings, so that a restart fires nothing twice.
rule_states = sa.Table(
    "rule_states",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
#: Alerts that a webhook has not taken yet. id: the alert's. body: what is posted, to the letter.
#: created_ms: when it fired, by the machine's clock. tries: how many were made.
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
)
views = sa.Table(
    "saved_views",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)
#: loading: 1 while its file is on its way in; such a market is swept away at the next start.
markets = sa.Table(
    "markets",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("loading", sa.Integer, nullable=False),
)
#: kind: ticks or bars. timeframe: "" for ticks.
series = sa.Table(
    "series",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.UniqueConstraint("market", "kind", "symbol", "timeframe", name="series_once"),
)
#: first_row: place in its series of the block's first row; it outlives merges. first_ts_ms,
#: last_ts_ms, first_id, last_id: least and greatest in the block, the ids -1 where a tick
#: has none. numbering: goes up when the source begins to number its trades anew. bytes: the
#: payload's. stored_ms: when the newest of the rows was stored, whatever their own times are.
blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("series_id", sa.Integer, nullable=False),
    sa.Column("first_row", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("first_ts_ms", sa.BigInteger, nullable=False),
    sa.Column("last_ts_ms", sa.BigInteger, nullable=False),
    sa.Column("first_id", sa.BigInteger, nullable=False),
    sa.Column("last_id", sa.BigInteger, nullable=False),
    sa.Column("numbering", sa.Integer, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("codec", sa.Text, nullable=False),
    sa.Column("crc32", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("stored_ms", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Index("blocks_in_order", "series_id", "first_row", unique=True),
    sa.Index("blocks_by_level", "level", "series_id"),
)
pairs = sa.Table(
    "watched_pairs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("params", sa.Text, nullable=False),
    sa.UniqueConstraint("market", "params", name="pair_once"),
)
readings = sa.Table(
    "readings",
    metadata,
    sa.Column("pair_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ts_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hedge_ratio", sa.Double),
    sa.Column("spread", sa.Double),
    sa.Column("z", sa.Double),
    sa.Column("correlation", sa.Double),
    sa.Column("adf_pvalue", sa.Double),
    sa.Column("stored_ms", sa.BigInteger, nullable=False),
)

#: What an archive of each version had; a file with less is another program's.
TABLES = {
    1: frozenset({"meta", "alert_rules", "alert_events"}),
    2: frozenset(metadata.tables) - {"deliveries"},
    3: frozenset(metadata.tables) - {"deliveries"},
    4: frozenset(metadata.tables),
}


def create(connection: sa.Connection) -> None:
    """Make every table that is not there, and say of which version they are."""
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        # Payloads are compressed: the server need not try it once more.
        connection.exec_driver_sql("ALTER TABLE blocks ALTER payload SET STORAGE EXTERNAL")
    set_version(connection, SCHEMA_VERSION)


def version(connection: sa.Connection) -> str | None:
    """The version that the archive says it is of."""
    return connection.execute(
        sa.select(meta.c.value).where(meta.c.name == "schema_version")
    ).scalar()


def set_version(connection: sa.Connection, number: int) -> None:
    """Write down of which version the tables are."""
    row = {"name": "schema_version", "value": str(number)}
    change = insert_into(connection, meta).values(row)
    connection.execute(
        change.on_conflict_do_update(index_elements=["name"], set_={"value": row["value"]})
    )


def insert_into(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """The INSERT of the connection's own dialect, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def now_ms() -> int:
    """The machine's time, epoch ms."""
    return time.time_ns() // 1_000_000


def _note_when_stored(connection: sa.Connection) -> None:
    """Blocks and readings say when they were stored; those that are there came now.

    A default that is a constant costs nothing, however large the archive.
    """
    for table in (blocks, readings):
        names = {one["name"] for one in sa.inspect(connection).get_columns(table.name)}
        if "stored_ms" not in names:  # version 1 had no such table: it was made whole
            connection.exec_driver_sql(
                f"ALTER TABLE {table.name} ADD COLUMN stored_ms BIGINT NOT NULL DEFAULT {now_ms()}"
            )


def _make_deliveries(connection: sa.Connection) -> None:
    deliveries.create(connection, checkfirst=True)


#: Version -> the step to the next one, inside the caller's transaction.
MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {
    1: create,
    2: _note_when_stored,
    3: _make_deliveries,
}


def migrate(connection: sa.Connection, held: int) -> None:
    """Bring the tables from an older version to this one, in the caller's transaction."""
    for number in range(held, SCHEMA_VERSION):
        MIGRATIONS[number](connection)
        set_version(connection, number + 1)
