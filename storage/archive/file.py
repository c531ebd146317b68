"""An archive in one SQLite file: created, locked, checked, set aside when it cannot be used.

In WAL mode a reader in a notebook blocks nobody, and a killed process loses nothing that was
acknowledged. A file that is damaged, or that another version or program wrote, is renamed, never
deleted. Rules, alerts and views that can still be read from a damaged file go on in the new one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage.archive import schema
from storage.archive.lock import FileLock, InodeLock, make_private
from storage.archive.store import ArchiveError, ArchiveInUse, error_text

BUSY_TIMEOUT_MS = 5_000
#: A file up to this size is checked when it is opened; a larger one later, in the background.
QUICK_BYTES = 64 << 20
#: Size to which the journal is cut once its content is in the file.
JOURNAL_BYTES = 16 << 20
#: Pages of the journal from which a commit itself moves them; `settle` does so earlier.
JOURNAL_PAGES = 16_384
#: "SprA", which marks a file of this program.
APPLICATION_ID = 0x53707241

_CARRIED = (
    schema.rules,
    schema.events,
    schema.rule_states,
    schema.deliveries,
    schema.views,
    schema.watchlist,
    schema.markets,
)
_COUNTED = (schema.rules, schema.events, schema.views)
_NOT_ALLOWED = (errno.EROFS, errno.EACCES, errno.EPERM)


class SqliteStore:
    """A `storage.archive.store.Store` in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.where = str(path.absolute())
        self.engine = _engine(path)
        self._lock = FileLock(path)
        self._file_lock = InodeLock(path)

    def hold(self) -> None:
        """Take the file's lock. Raises ArchiveInUse, or ArchiveError for an unusable folder."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            try:
                self._file_lock.acquire()
            except ArchiveInUse:
                self._lock.release()
                raise
        except OSError as error:
            if error.errno not in _NOT_ALLOWED:  # then nobody else can write there either
                raise ArchiveError(
                    f"cannot open the archive {self.name}: {error_text(error)}"
                ) from error

    def open(self) -> str | None:
        """Create or check the file; what was set aside and why, None for nothing."""
        self.hold()
        try:
            self._create_file()
            self._file_lock.acquire()
            for suffix in ("", "-wal", "-shm"):
                make_private(self.path.with_name(self.name + suffix))
            mismatch = self._check()
            if mismatch is not None:
                return self._begin_anew(mismatch)
            self._add_later_tables()
            return None
        except (OSError, sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            raise ArchiveError(
                f"cannot open the archive {self.name}: {error_text(error)}"
            ) from error

    def lost(self) -> str | None:
        """Why the file is no longer the one that was opened, None while it is."""
        locked = self._file_lock.identity()
        if locked is None:
            return None
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return "its file was deleted or moved away"
        except OSError:
            return None  # its folder cannot be looked into now
        same = (status.st_dev, status.st_ino) == locked
        return None if same else "another file was put in its place"

    def problem(self) -> str | None:
        """What SQLite's quick check finds wrong in the whole file, None for nothing."""
        try:
            with self.engine.connect() as connection:
                verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        except (sqlite3.Error, sa.exc.DBAPIError) as error:
            return f"it is damaged ({error_text(error)})" if is_damage(error) else None
        return None if verdict == "ok" else f"it is damaged ({verdict})"

    def set_aside(self, problem: str) -> str:
        """Rename the file and begin a new one with the rules and alerts that can be read."""
        try:
            if self.lost() is not None:
                return self._begin_again(problem)
            return self._begin_anew(schema.Mismatch("corrupt", problem))
        except (OSError, sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            raise ArchiveError(f"cannot begin {self.name} anew: {error_text(error)}") from error

    def insert_blocks(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store blocks."""
        connection.execute(sa.insert(schema.blocks), [dict(row) for row in rows])

    def reclaim(self) -> None:
        """Return free pages to the file system."""
        with self.engine.execution_options(writes=True).begin() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA incremental_vacuum").fetchall()  # a step a page

    def settle(self) -> None:
        """Move the journal's content to the file while writers go on: a disk may take seconds to
        sync, and no commit must wait for that.
        """
        with contextlib.closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the file and release its lock."""
        self.engine.dispose()
        self._file_lock.release()
        self._lock.release()

    def _create_file(self) -> None:
        """Create the file where there is none, under another name until it is complete."""
        if self.path.exists():
            return
        _rename_journals(self.path, self.path.with_name(f"{self.name}.orphan-{_timestamp()}"))
        unfinished = self.path.with_name(f"{self.name}.new")
        for name in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
            name.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        engine = _engine(unfinished, "DELETE")
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
                connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
                schema.create(connection)
        finally:
            engine.dispose()
        unfinished.rename(self.path)
        _sync_names(self.path.parent)

    def _add_later_tables(self) -> None:
        """Make what a file of before lacks; one that is whole is not written to."""
        if set(sa.inspect(self.engine).get_table_names()) >= schema.LATER:
            return
        with self.engine.execution_options(writes=True).begin() as connection:
            schema.add_later(connection)

    def _check(self) -> schema.Mismatch | None:
        """Why the file cannot be used as an archive, None if it can. The file is only read: it
        may be another program's.
        """
        size = self.path.stat().st_size
        if not size:
            return schema.Mismatch("corrupt", "it is empty")
        try:
            with contextlib.closing(_open_read_only(self.path)) as reader:
                mismatch = _schema_mismatch(reader)
                if mismatch is not None:
                    return mismatch
                verdict = _quick_check(reader) if size <= QUICK_BYTES else "ok"
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            verdict = error_text(error)
        if verdict != "ok":
            return schema.Mismatch("corrupt", f"it is damaged ({verdict})")
        return None

    def _begin_anew(self, mismatch: schema.Mismatch) -> str:
        carried = _readable_rows(self.path) if mismatch.kind == "corrupt" else {}
        target = self.path.with_name(f"{self.name}.{mismatch.kind}-{_timestamp()}")
        self._begin_file(target)
        with self.engine.execution_options(writes=True).begin() as connection:
            for table, rows in carried.items():
                connection.execute(sa.insert(table), rows)
        kept = sum(len(rows) for table, rows in carried.items() if table in _COUNTED)
        also = f" with the {kept} rules, alerts and views of the old one" if kept else ""
        return (
            f"the archive {self.name} could not be used: {mismatch.problem}; it was set aside as "
            f"{target.name} and a new one was begun{also}"
        )

    def _begin_again(self, problem: str) -> str:
        """Begin a new file where the one that was open is gone; what took its place is kept."""
        target, aside = None, ""
        if self.path.exists():
            target = self.path.with_name(f"{self.name}.replaced-{_timestamp()}")
            aside = f", which was set aside as {target.name}"
        self._begin_file(target)
        return (
            f"the archive {self.name} was lost while it was open: {problem}{aside}; a new one "
            "was begun with what memory holds"
        )

    def _begin_file(self, target: Path | None) -> None:
        """Begin a new file; the one at the path gets the name `target`, None where none is."""
        self.engine.dispose()
        self._file_lock.release()
        if target is not None:
            self.path.rename(target)
            _rename_journals(self.path, target)
        self._create_file()
        self.engine.dispose()  # who read meanwhile may have opened the old one once more
        self._file_lock.acquire()


def _engine(path: Path, journal: str = "WAL") -> sa.Engine:
    """Connections to a file that is there: who reads while a new one takes a damaged one's place
    must not make an empty one meanwhile.
    """
    query = {"mode": "rw", "uri": "true"}
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=path.absolute().as_uri(), query=query)
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # so that BEGIN below also covers CREATE TABLE
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint={JOURNAL_PAGES}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        level = "NORMAL" if options.get("relaxed") else "FULL"
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def _sync_names(folder: Path) -> None:
    """Sync the names in a folder, so that they outlive a power failure."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder, and syncs names by itself
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot change the file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _quick_check(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])


def _schema_mismatch(connection: sqlite3.Connection) -> schema.Mismatch | None:
    """What is wrong with the tables of a file, or with their version; None for nothing."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {name for (name,) in connection.execute(query)}
    version = None
    if "meta" in tables:
        query = "SELECT value FROM meta WHERE name = 'schema_version'"
        (version,) = connection.execute(query).fetchone() or (None,)
    return schema.mismatch(tables, version)


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is bad, rather than its surroundings."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None) or 0
    return (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _readable_rows(path: Path) -> dict[sa.Table, list[dict[str, Any]]]:
    """The rows of rules, alerts and views, of each table that can be read from end to end."""
    rows_of: dict[sa.Table, list[dict[str, Any]]] = {}
    if not path.stat().st_size:
        return rows_of
    for table in _CARRIED:
        names = table.columns.keys()
        with (
            contextlib.suppress(sqlite3.Error, UnicodeError),
            contextlib.closing(_open_read_only(path)) as connection,
        ):
            rows = connection.execute(f"SELECT {', '.join(names)} FROM {table.name}").fetchall()
            if rows:
                rows_of[table] = [dict(zip(names, row, strict=True)) for row in rows]
    return rows_of


def _rename_journals(path: Path, target: Path) -> None:
    """Rename the journals with their file; empty ones are removed."""
    journal, index = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    if journal.exists() and journal.stat().st_size:
        journal.rename(target.with_name(f"{target.name}-wal"))
    journal.unlink(missing_ok=True)
    index.unlink(missing_ok=True)  # SQLite creates it again from the journal


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
