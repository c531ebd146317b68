"""The archive: what outlives the process, in one SQLite file, through SQLAlchemy Core.

Alert rules and the history of alerts, as plain dicts. One writer at a time: writes of this
process queue on a lock, each is one transaction and durable when the call returns (WAL; a
killed process loses nothing that was acknowledged, a reader in a notebook blocks nobody).
The calls block for milliseconds and may come from any thread: an asyncio program makes them
through `asyncio.to_thread`.

A file that is damaged, or that another version or program wrote, is renamed, never
deleted, and a fresh archive is begun in its place.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

#: Version of the tables below. A file with any other is set aside.
SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 5_000

_metadata = sa.MetaData()
_meta = sa.Table(
    "meta",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
_rules = sa.Table(
    "alert_rules",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)
_events = sa.Table(
    "alert_events",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("ts_ms", sa.BigInteger, nullable=False),
    sa.Column("market", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("alert_events_by_market", "market", "ts_ms"),
    sa.Index("alert_events_by_time", "ts_ms"),
)


class ArchiveError(Exception):
    """The archive could not be opened, read or written: closed, locked, full, read-only."""


class Archive:
    """An open archive. Made by `Archive.open`.

    warning: what was set aside when it was opened and why, None if nothing was.
    """

    def __init__(self, path: Path, engine: sa.Engine, warning: str | None = None) -> None:
        self.path = path
        self.warning = warning
        self._engine = engine
        self._writing = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Archive:
        """Open the archive at `path`, making it and its folder where there is none.

        Raises ArchiveError where the place cannot be used (a folder, no permission, held by
        another program); a file that cannot be read as an archive is set aside instead.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = Archive.open(Path(folder) / "spreadscope.db")
        ...     archive.save_rule({"id": "r1", "threshold": 2.0})
        ...     print(archive.rules(), archive.warning)
        ...     archive.close()
        [{'id': 'r1', 'threshold': 2.0}] None
        """
        place = Path(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            problem = _prepare(place)
            warning = None
            if problem is not None:
                warning = _set_aside(place, problem)
                problem = _prepare(place)
        except (OSError, sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            raise ArchiveError(f"cannot open the archive {place.name}: {_words(error)}") from error
        if problem is not None:
            raise ArchiveError(f"cannot open the archive {place.name}: {problem}")
        return cls(place, _engine(place), warning)

    def save_rule(self, rule: Mapping[str, Any]) -> None:
        """Keep a rule, in place of the one with its id. Needs a text `id`; JSON values only."""
        row = {"id": _field(rule, "id", str), "body": _encode(rule)}
        change = insert(_rules).values(row)
        change = change.on_conflict_do_update(index_elements=["id"], set_={"body": row["body"]})
        with self._write() as connection:
            connection.execute(change)

    def delete_rule(self, rule_id: str) -> bool:
        """Remove a rule; False where there was none. Its history stays."""
        with self._write() as connection:
            return connection.execute(sa.delete(_rules).where(_rules.c.id == rule_id)).rowcount > 0

    def rules(self) -> list[dict[str, Any]]:
        """All rules, in the order in which they were first saved."""
        with self._read() as connection:
            bodies = connection.execute(sa.select(_rules.c.body).order_by(_rules.c.seq)).scalars()
            return [json.loads(body) for body in bodies]

    def add_events(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Add alerts to the history, in one transaction; how many were new.

        Each needs a text `id`, an integer `ts_ms` and a text `market`. An id that is already
        there is left as it is, so the same batch may be given twice.
        """
        rows = [
            {
                "id": _field(event, "id", str),
                "ts_ms": _field(event, "ts_ms", int),
                "market": _field(event, "market", str),
                "body": _encode(event),
            }
            for event in events
        ]
        added = 0
        with self._write() as connection:
            for row in rows:
                change = insert(_events).values(row).on_conflict_do_nothing(index_elements=["id"])
                added += connection.execute(change).rowcount
        return added

    def update_event(self, event: Mapping[str, Any]) -> bool:
        """Put an alert in place of the one with its id; False where there is none."""
        change = sa.update(_events).where(_events.c.id == _field(event, "id", str))
        with self._write() as connection:
            return connection.execute(change.values(body=_encode(event))).rowcount > 0

    def events(
        self, market: str | None = None, since_ms: int = 0, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """The newest `limit` alerts of a market (None: of all) from `since_ms` on, newest first."""
        query = sa.select(_events.c.body).where(_events.c.ts_ms >= since_ms)
        if market is not None:
            query = query.where(_events.c.market == market)
        query = query.order_by(_events.c.ts_ms.desc(), _events.c.seq.desc()).limit(max(limit, 0))
        with self._read() as connection:
            return [json.loads(body) for body in connection.execute(query).scalars()]

    def clear_events(self) -> int:
        """Empty the history; how many alerts went. Rules stay."""
        with self._write() as connection:
            return connection.execute(sa.delete(_events)).rowcount

    def close(self) -> None:
        """Close the file after the write that is under way. Closing twice does nothing."""
        with self._writing:
            if not self._closed:
                self._closed = True
                self._engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        """A transaction of the one writer."""
        with self._writing, self._read() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        if self._closed:
            raise ArchiveError(f"the archive {self.path.name} is closed")
        try:
            with self._engine.begin() as connection:
                yield connection
        except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            raise ArchiveError(f"the archive {self.path.name} failed: {_words(error)}") from error


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # so that BEGIN below also covers the making of tables
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _prepare(path: Path) -> str | None:
    """Make the tables in a new file, check those of an old one; what is wrong with it."""
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            names = sa.inspect(connection).get_table_names()
            if names:
                return _problem(connection, names)
            _metadata.create_all(connection)
            version = {"name": "schema_version", "value": str(SCHEMA_VERSION)}
            connection.execute(sa.insert(_meta).values(version))
            return None
    except (sqlite3.DatabaseError, sa.exc.DBAPIError) as error:
        if not _is_damage(error):
            raise
        return f"it is damaged ({_words(error)})"
    finally:
        engine.dispose()


def _problem(connection: sa.Connection, names: Sequence[str]) -> str | None:
    if not set(_metadata.tables) <= set(names):
        return "it is not an archive of this program"
    query = sa.select(_meta.c.value).where(_meta.c.name == "schema_version")
    version = connection.execute(query).scalar()
    if version != str(SCHEMA_VERSION):
        return f"its schema version is {version}, expected {SCHEMA_VERSION}"
    for name in _metadata.tables:
        verdict = connection.exec_driver_sql(f"PRAGMA quick_check('{name}')").scalar()
        if verdict != "ok":
            return f"it is damaged ({verdict})"
    return None


def _is_damage(error: Exception) -> bool:
    """Whether SQLite says that the file itself is bad, rather than its surroundings."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None) or 0
    return (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _set_aside(path: Path, problem: str) -> str:
    """Rename the file and its journals; the message for the user."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(target.with_name(target.name + suffix))
    return (
        f"the archive {path.name} could not be used: {problem}; "
        f"it was set aside as {target.name} and a new one was begun"
    )


def _words(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return getattr(original, "strerror", None) or str(original)


def _field(mapping: Mapping[str, Any], name: str, kind: type) -> Any:
    value = mapping.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected {kind.__name__}")
    return value


def _encode(mapping: Mapping[str, Any]) -> str:
    """The mapping as JSON. Raises ValueError on NaN and infinity, TypeError on other types."""
    return json.dumps(dict(mapping), allow_nan=False, separators=(",", ":"))
