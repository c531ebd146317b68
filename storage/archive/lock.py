"""Locks of an archive: on a file beside it, and on the file itself, by whatever name it is opened.

Both end with the process that holds them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from storage.archive.store import ArchiveInUse


class FileLock:
    """The lock beside an archive's file. Taking or releasing it twice does nothing.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> first, second = (FileLock(Path(folder.name) / "a.sqlite") for _ in range(2))
    >>> first.acquire()
    >>> try:
    ...     second.acquire()
    ... except ArchiveInUse:
    ...     print("in use")
    in use
    >>> first.release(), second.acquire(), second.release(), folder.cleanup()
    (None, None, None, None)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises ArchiveInUse where another process holds it, OSError where no file
        can be created there.
        """
        if self._descriptor is not None:
            return
        path = self._path.with_name(f"{self._path.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        make_private(path)
        try:
            _lock(descriptor)
        except OSError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            process = f" (process {holder})" if holder.isdigit() else ""
            raise ArchiveInUse(
                f"the archive {self._path} is in use by another Spreadscope{process}"
            ) from None
        self._descriptor = descriptor
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        except OSError:
            return  # the disk is full: the lock holds without its holder's name

    def release(self) -> None:
        """Release the lock. The file stays: removing it could release another process's lock."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class InodeLock:
    """The lock of a file itself, which a symbolic or a hard link to it shares.

    SQLite locks bytes of the file, this the whole of it in another way: they do not meet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock of the file that is there now; nothing where none is, or it is held.

        Raises ArchiveInUse where another process holds it.
        """
        if self._descriptor is not None or sys.platform == "win32":
            return
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError:
            return  # there is none, or whoever opens it will say what is wrong
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise ArchiveInUse(
                f"the archive {self._path} is in use by another Spreadscope, under this name or "
                "another"
            ) from None
        self._descriptor = descriptor

    def identity(self) -> tuple[int, int] | None:
        """Device and inode of the file that is locked; None for none."""
        if self._descriptor is None:
            return None
        status = os.fstat(self._descriptor)
        return status.st_dev, status.st_ino

    def release(self) -> None:
        """Release it. Call once no connection of SQLite to the file is open in this process."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def make_private(path: Path) -> None:
    """Let only the owner read a file; as it is where that cannot be, or there is none."""
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond the name, which stays readable
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
