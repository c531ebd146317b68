"""An archive on a PostgreSQL server, in a schema of its own. Needs psycopg.

The tables and the statements are those of the SQLite file; blocks come in by COPY. Where the
database has the extension TimescaleDB, the table of blocks is a hypertable by time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from storage.archive import schema
from storage.archive.store import ArchiveError, ArchiveInUse, error_text

CONNECT_S = 5
SCHEMA = "spreadscope"
#: Length of a hypertable's chunk.
CHUNK_MS = 86_400_000

_COLUMN_TYPES = {
    "series_id": "int4",
    "first_row": "int8",
    "n": "int4",
    "first_ts_ms": "int8",
    "last_ts_ms": "int8",
    "first_id": "int8",
    "last_id": "int8",
    "numbering": "int4",
    "level": "int4",
    "codec": "text",
    "crc32": "int8",
    "bytes": "int4",
    "stored_ms": "int8",
    "payload": "bytea",
}
_COPY = f"COPY blocks ({', '.join(_COLUMN_TYPES)}) FROM STDIN (FORMAT BINARY)"


class PostgresStore:
    """A `storage.archive.store.Store` on a server. url: postgresql://user:password@host/database.

    address: gives the address of the host, at each connection; the system's own look-up for None.
    Raises ArchiveError where psycopg is not installed.
    """

    def __init__(self, url: str, address: Callable[[], str] | None = None) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        plain = sa.URL.create(
            "postgresql", host=self._url.host, port=self._url.port, database=self._url.database
        )
        self.name = self.where = plain.render_as_string()
        self._lock: sa.Connection | None = None
        try:
            self.engine = _engine(self._url, address)
        except ModuleNotFoundError:
            raise ArchiveError(
                "an archive on PostgreSQL needs psycopg: pip install 'psycopg[binary]'"
            ) from None

    def hold(self) -> None:
        """Take the advisory lock, which ends with its connection. Raises ArchiveInUse."""
        with self._database_errors("cannot open"):
            if self._lock is not None:
                with contextlib.suppress(sa.exc.SQLAlchemyError):
                    self._lock.exec_driver_sql("SELECT 1")
                    return
                self._release()
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            taken = connection.exec_driver_sql(
                f"SELECT pg_try_advisory_lock(hashtext('{SCHEMA}'))"
            ).scalar()
            if not taken:
                connection.close()
                raise ArchiveInUse(f"the archive {self.name} is in use by another Spreadscope")
            connection.detach()
            self._lock = connection

    def open(self) -> str | None:
        """Create or check the schema; what was set aside and why, None for nothing."""
        self.hold()
        with self._database_errors("cannot open"):
            with self.engine.begin() as connection:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                mismatch = _create_or_check(connection)
            return None if mismatch is None else self._begin_anew(mismatch)

    def lost(self) -> str | None:
        """None: nobody takes a schema away unseen, its errors say so."""
        return None

    def problem(self) -> str | None:
        """None: the server checks its own pages, and each block has its check sum."""
        return None

    def set_aside(self, problem: str) -> str:
        """Rename the schema and begin a new one."""
        with self._database_errors("cannot begin anew:"):
            return self._begin_anew(schema.Mismatch("corrupt", problem))

    def insert_blocks(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store blocks by COPY."""
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(list(_COLUMN_TYPES.values()))
            for row in rows:
                copy.write_row([row[name] for name in _COLUMN_TYPES])

    def reclaim(self) -> None:
        """Nothing: autovacuum does that."""

    def settle(self) -> None:
        """Nothing: the server does that."""

    def close(self) -> None:
        """Close every connection, the lock's too."""
        self._release()
        self.engine.dispose()

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                lock.close()

    def _begin_anew(self, mismatch: schema.Mismatch) -> str:
        aside = f"{SCHEMA}_{mismatch.kind}_{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%fZ').lower()}"
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER SCHEMA {SCHEMA} RENAME TO {aside}")
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
            _create_or_check(connection)
        return (
            f"the archive {self.name} could not be used: {mismatch.problem}; "
            f"it was set aside as the schema {aside} and a new one was begun"
        )

    @contextlib.contextmanager
    def _database_errors(self, action: str) -> Iterator[None]:
        """Raise errors of the database as ArchiveError. action: such as "cannot open"."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise ArchiveError(f"{action} the archive {self.name}: {error_text(error)}") from error


def _engine(url: sa.URL, address: Callable[[], str] | None) -> sa.Engine:
    options = {"connect_timeout": CONNECT_S, "options": f"-csearch_path={SCHEMA}"}
    engine = sa.create_engine(url, connect_args=options, pool_pre_ping=True)

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        if address is not None:
            try:
                options["hostaddr"] = address()
            except (OSError, ValueError) as error:
                raise ArchiveError(f"the archive's server cannot be reached: {error}") from error

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("relaxed"):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    return engine


def _create_or_check(connection: sa.Connection) -> schema.Mismatch | None:
    """Create the tables of an empty schema, or check those that are there; what is wrong."""
    names = set(sa.inspect(connection).get_table_names(schema=SCHEMA))
    if not names:
        schema.create(connection)
        _make_hypertable(connection)
        return None
    version = schema.version(connection) if "meta" in names else None
    mismatch = schema.mismatch(names, version)
    if mismatch is None:
        schema.add_later(connection)
    return mismatch


def _make_hypertable(connection: sa.Connection) -> None:
    """Make the table of blocks a hypertable, where the extension for it is installed."""
    query = "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"
    if not connection.exec_driver_sql(query).scalar():
        return
    # A unique index of a hypertable must contain its time; the one writer keeps ids and places
    # unique without one.
    for statement in (
        "ALTER TABLE blocks DROP CONSTRAINT blocks_pkey",
        "DROP INDEX blocks_in_order",
        "CREATE INDEX blocks_in_order ON blocks (series_id, first_row)",
        "CREATE INDEX blocks_by_id ON blocks (id)",
        f"SELECT public.create_hypertable('{SCHEMA}.blocks', 'first_ts_ms', "
        f"chunk_time_interval => {CHUNK_MS}::bigint)",
    ):
        connection.exec_driver_sql(statement)
