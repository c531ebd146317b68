"""The interface of an archive's database, whichever it is, and the errors of an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa


class ArchiveError(Exception):
    """The archive could not be opened, read or written: closed, locked, full, read-only.

    damaged: whether the file itself is bad, rather than its surroundings.
    """

    damaged = False


class ArchiveInUse(ArchiveError):
    """Another Spreadscope writes to this archive."""


class Store(Protocol):
    """A database that holds an archive: a SQLite file, or a PostgreSQL server.

    name: as messages name it. where: its whole path or URL. Neither contains a secret. engine:
    its connections, while it is open; a power failure may undo a transaction with the execution
    option `relaxed`.
    """

    name: str
    where: str
    engine: sa.Engine

    def hold(self) -> None:
        """Lock other writers out. Raises ArchiveInUse where there is one."""

    def open(self) -> str | None:
        """Create it, or check it and set it aside where it cannot be used.

        Returns what was set aside and why, None for nothing.
        """

    def lost(self) -> str | None:
        """Why it is no longer what was opened, None while it is. Quick."""

    def problem(self) -> str | None:
        """What a thorough check finds damaged, None for nothing; it may take a while."""

    def set_aside(self, problem: str) -> str:
        """Rename the damaged archive and begin a new one; a sentence that says so."""

    def insert_blocks(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store blocks in the fastest way that the database has."""

    def reclaim(self) -> None:
        """Return freed space to the system, as far as that is quick."""

    def settle(self) -> None:
        """Move committed data to its final place on the disk; writers and readers go on."""

    def close(self) -> None:
        """Close every connection and release the lock."""


def error_text(error: BaseException) -> str:
    """What went wrong according to the database, without the statement and its parameters."""
    original = getattr(error, "orig", None) or error
    text = getattr(original, "strerror", None) or str(original)
    return text.strip().splitlines()[0] if text.strip() else type(original).__name__
