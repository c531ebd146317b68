"""Transactions of an open archive: one writer, many readers, their errors and its lifetime."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from storage.archive.file import is_damage
from storage.archive.series import SeriesWriter
from storage.archive.store import ArchiveError, Store, error_text
from storage.archive.turns import Turns


class ArchiveBase:
    """The lifetime and the transactions of an archive, whatever its tables hold.

    warning: what was set aside when it was opened or since, and why; None if nothing was.
    renewals: how often it was begun anew since it was opened.
    """

    def __init__(
        self, store: Store, warning: str | None = None, *, read_only: bool = False
    ) -> None:
        self.warning = warning
        self._read_only = read_only
        self.renewals = 0
        self._store = store
        self._writing = Turns()
        self._closed = False
        self._damaged_rows: dict[tuple[int, int], int] = {}
        self._series = SeriesWriter(store.insert_blocks, self._note_damage)

    @property
    def name(self) -> str:
        """As messages name it: the file's name, or the URL without its password."""
        return self._store.name

    @property
    def where(self) -> str:
        """Its whole path, or the URL without its password."""
        return self._store.where

    @property
    def damage(self) -> tuple[int, int]:
        """How many blocks had a wrong check sum, and the rows in them, which are left out."""
        return len(self._damaged_rows), sum(self._damaged_rows.values())

    def lost(self) -> str | None:
        """Why the archive is no longer what was opened, None while it is."""
        return None if self._closed else self._store.lost()

    def problem(self) -> str | None:
        """What a thorough check finds damaged, None for nothing; it may take a while."""
        return self._store.problem()

    def begin_anew(self, problem: str) -> str:
        """Set the archive aside and begin a new one in its place; a sentence that says so."""
        with self._writing:
            self._check_open()
            self._series.reset()
            self.warning = self._store.set_aside(problem)
            self.renewals += 1
            return self.warning

    def settle(self) -> None:
        """Move committed data to its final place on the disk; the writer goes on meanwhile."""
        with self._database_errors():
            self._store.settle()

    def reclaim(self) -> None:
        """Return freed space to the system."""
        with self._writing, self._database_errors():
            self._store.reclaim()

    def close(self) -> None:
        """Close it after the current write. Closing twice does nothing."""
        with self._writing:
            if not self._closed:
                self._closed = True
                self._store.close()

    @contextmanager
    def _write(self, relaxed: bool = False) -> Iterator[sa.Connection]:
        """A transaction of the writer. relaxed: a power failure may undo it."""
        if self._read_only:
            raise ArchiveError(f"the archive {self.name} was opened for reading alone")
        with self._writing:
            try:
                with self._database_errors():
                    self._store.hold()
                    engine = self._store.engine.execution_options(writes=True, relaxed=relaxed)
                    with engine.begin() as connection:
                        yield connection
            except BaseException:
                self._series.reset()
                raise

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._database_errors(), self._store.engine.begin() as connection:
            yield connection

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        """Raise errors of the database as ArchiveError, of values that it cannot hold as
        ValueError.
        """
        self._check_open()
        try:
            yield
        except (sa.exc.DataError, sa.exc.IntegrityError, OverflowError) as error:
            raise ValueError(f"the archive cannot hold this: {error_text(error)}") from error
        except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            failure = ArchiveError(f"the archive {self.name} failed: {error_text(error)}")
            failure.damaged = is_damage(error)
            raise failure from error

    def _check_open(self) -> None:
        if self._closed:
            raise ArchiveError(f"the archive {self.name} is closed")

    def _note_damage(self, block: Mapping[str, Any]) -> None:
        self._damaged_rows[block["series_id"], block["first_row"]] = block["n"]
