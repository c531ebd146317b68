"""A lock file beside the archive: the lock ends with the process that holds it."""

from __future__ import annotations

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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
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
