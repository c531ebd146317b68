"""What the two kinds of archive have in common: their errors, and what each must be able to do."""

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
    """A database that can hold an archive: a file of SQLite, or a server of PostgreSQL.

    name: what messages call it. where: its whole path or URL. Neither holds a secret. engine:
    its connections, while it is open; a transaction with the execution option `relaxed` may
    be lost when the power fails.
    """

    name: str
    where: str
    engine: sa.Engine

    def hold(self) -> None:
        """Keep other writers out. Raises ArchiveInUse where one is there."""

    def open(self) -> str | None:
        """Make it ready: new, migrated, or begun anew; then what was set aside and why."""

    def problem(self) -> str | None:
        """What a thorough look finds to be damaged; it may take a while."""

    def set_aside(self, problem: str) -> str:
        """Give the damaged archive another name and begin a new one; the words for it."""

    def insert_blocks(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store blocks, the fastest way there is."""

    def reclaim(self) -> None:
        """Give room that was freed back, as far as that is quick."""

    def settle(self) -> None:
        """Bring what was committed to its place on the disk, beside writers and readers."""

    def close(self) -> None:
        """Close every connection and let other writers in."""


def words(error: BaseException) -> str:
    """What went wrong, without the statement and its parameters."""
    original = getattr(error, "orig", None) or error
    text = getattr(original, "strerror", None) or str(original)
    return text.strip().splitlines()[0] if text.strip() else type(original).__name__
