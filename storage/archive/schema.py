"""The archive's tables, the same in SQLite and in PostgreSQL.

Ticks and bars are stored in blocks of columns, one row for up to BLOCK_ROWS of them; rules,
alerts, views, readings and the rest are one row each. `storage.archive.blocks` describes the
payload of a block.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

#: Version of the tables below; a database of another version is set aside.
SCHEMA_VERSION = 1
#: Rows that a block is merged up to.
BLOCK_ROWS = 65_536
#: Level of a block that is not merged any more; new blocks have level 0.
FULL = 9
#: Level of a block whose check sum is wrong; it stays as it is.
DAMAGED = 10

# Of all types in SQLite only INTEGER PRIMARY KEY numbers its rows by itself.
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
#: The state of a rule between readings, so that a restart fires nothing twice.
rule_states = sa.Table(
    "rule_states",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
#: Alerts that a webhook has not taken yet. id: the alert's. body: what is posted, to the letter.
#: created_ms: when it fired, by the machine's clock. tries: how often it was posted.
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
#: loading: 1 while its file is being read; the next start deletes such a market.
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
#: first_row: place of the block's first row in its series, which merges do not change.
#: first_ts_ms, last_ts_ms, first_id, last_id: smallest and largest in the block; ids are -1 where
#: a tick has none. numbering: goes up when the source numbers its trades anew. bytes: size of the
#: payload. stored_ms: when the newest of the rows was stored, whatever their own times.
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
#: The pairs of the watchlist, in the order in which they came. body: the pair as JSON.
watchlist = sa.Table(
    "watchlist",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)
#: Scans, in the order in which they ended. record: what the history shows of it. result: of the
#: newest of a market, "" of those before.
scans = sa.Table(
    "scans",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("scans_by_market", "market", "seq"),
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

#: The names of all tables of an archive.
TABLES = frozenset(metadata.tables)
#: Tables that came later: an archive of before gets them when it is opened.
LATER = frozenset({"watchlist", "scans"})
#: A database without these is another program's.
_MARKERS = frozenset({"meta", "alert_rules", "alert_events"})


@dataclass(frozen=True)
class Mismatch:
    """Why a database cannot be used as an archive of SCHEMA_VERSION.

    kind: `foreign` (of another program or version) or `corrupt`; part of the name that the
    database gets when it is set aside.
    """

    kind: Literal["foreign", "corrupt"]
    problem: str


def mismatch(tables: Collection[str], version: str | None) -> Mismatch | None:
    """What is wrong with a database of these tables and this version; None for nothing.

    >>> mismatch(TABLES, str(SCHEMA_VERSION)) is None
    True
    >>> mismatch(TABLES, "99").problem
    'its schema version is 99, expected 1'
    """
    if not set(tables) >= _MARKERS:
        return Mismatch("foreign", "it is not an archive of this program")
    if version != str(SCHEMA_VERSION):
        return Mismatch("foreign", f"its schema version is {version}, expected {SCHEMA_VERSION}")
    if not set(tables) >= TABLES - LATER:
        return Mismatch("corrupt", "it is damaged (tables are missing)")
    return None


def create(connection: sa.Connection) -> None:
    """Make every table, and write down the version of them."""
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        # Payloads are compressed: the server must not try it again.
        connection.exec_driver_sql("ALTER TABLE blocks ALTER payload SET STORAGE EXTERNAL")
    row = {"name": "schema_version", "value": str(SCHEMA_VERSION)}
    connection.execute(sa.insert(meta).values(row))


def add_later(connection: sa.Connection) -> None:
    """Make the tables that an archive of before lacks."""
    metadata.create_all(connection, tables=[metadata.tables[name] for name in sorted(LATER)])


def version(connection: sa.Connection) -> str | None:
    """The version that the database itself states; None where it states none."""
    return connection.execute(
        sa.select(meta.c.value).where(meta.c.name == "schema_version")
    ).scalar()


def insert_into(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """The INSERT of the connection's own dialect, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def now_ms() -> int:
    """The machine's time, epoch ms."""
    return time.time_ns() // 1_000_000
