"""An open archive as a place: its one writer, its readers, what they say when they fail."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from storage.archive.file import is_damage
from storage.archive.series import SeriesWriter
from storage.archive.store import ArchiveError, Store, words


class ArchiveBase:
    """What every archive is, whatever is in it.

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
        self._writing = threading.Lock()
        self._closed = False
        self._bad: dict[tuple[int, int], int] = {}
        self._series = SeriesWriter(store.insert_blocks, self._note_damage)

    @property
    def name(self) -> str:
        """What messages call it: the file's name, or the URL without its password."""
        return self._store.name

    @property
    def where(self) -> str:
        """Its whole path, or the URL without its password."""
        return self._store.where

    @property
    def damage(self) -> tuple[int, int]:
        """Blocks whose check sum was found wrong, and the rows in them: they are left out."""
        return len(self._bad), sum(self._bad.values())

    def problem(self) -> str | None:
        """What a thorough look finds to be damaged, None if nothing; takes its time."""
        return self._store.problem()

    def begin_anew(self, problem: str) -> str:
        """Set the archive aside and begin a new one in its place; the words for it."""
        with self._writing:
            self._check_open()
            self._series.reset()
            self.warning = self._store.set_aside(problem)
            self.renewals += 1
            return self.warning

    def settle(self) -> None:
        """Bring what was committed to its place on the disk; the writer goes on meanwhile."""
        with self._told():
            self._store.settle()

    def reclaim(self) -> None:
        """Give room that was freed back to the system."""
        with self._writing, self._told():
            self._store.reclaim()

    def close(self) -> None:
        """Close it after the write that is under way. Closing twice does nothing."""
        with self._writing:
            if not self._closed:
                self._closed = True
                self._store.close()

    @contextmanager
    def _write(self, relaxed: bool = False) -> Iterator[sa.Connection]:
        """A transaction of the one writer. relaxed: a power failure may undo it."""
        if self._read_only:
            raise ArchiveError(f"the archive {self.name} was opened for reading alone")
        with self._writing:
            try:
                with self._told():
                    self._store.hold()
                    engine = self._store.engine.execution_options(writes=True, relaxed=relaxed)
                    with engine.begin() as connection:
                        yield connection
            except BaseException:
                self._series.reset()
                raise

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._told(), self._store.engine.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database says, as an ArchiveError; of values it cannot hold, a ValueError."""
        self._check_open()
        try:
            yield
        except (sa.exc.DataError, sa.exc.IntegrityError, OverflowError) as error:
            raise ValueError(f"the archive cannot hold this: {words(error)}") from error
        except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            made = ArchiveError(f"the archive {self.name} failed: {words(error)}")
            made.damaged = is_damage(error)
            raise made from error

    def _check_open(self) -> None:
        if self._closed:
            raise ArchiveError(f"the archive {self.name} is closed")

    def _note_damage(self, block: Mapping[str, Any]) -> None:
        self._bad[block["series_id"], block["first_row"]] = block["n"]
