"""Objects with large arrays handed from one process to another without copies of them.

The arrays stand in a file in shared memory where there is room for it, else in the folder for
temporary files; the other process maps it. The name is gone as soon as it is taken.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

#: Where files stay in memory, on Linux.
_SHARED = Path("/dev/shm")
_ALIGNED = 64
PREFIX = "spreadscope-scan-"


def put(value: Any) -> str:
    """Write an object to a file of its own, readable by this user alone; its path.

    Raises OSError where no folder has room for it.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    try:
        return _write(_SHARED, head, buffers)
    except OSError:  # no such folder, or a small one, as in a container
        return _write(Path(tempfile.gettempdir()), head, buffers)


def _write(folder: Path, head: bytes, buffers: list[pickle.PickleBuffer]) -> str:
    number, path = tempfile.mkstemp(prefix=PREFIX, dir=folder)
    try:
        with os.fdopen(number, "wb") as file:
            parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
            sizes = [part.nbytes for part in parts]
            file.write(len(sizes).to_bytes(8, "little"))
            for size in sizes:
                file.write(size.to_bytes(8, "little"))
            for part in parts:
                file.write(b"\0" * (-file.tell() % _ALIGNED))
                file.write(part)
    except OSError:
        discard(path)
        raise
    return path


def take(path: str) -> Any:
    """The object that `put` wrote; its arrays are read-only and live in the file, whose name is
    removed. Raises OSError where the file is not there.
    """
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    discard(path)
    view = memoryview(mapped)
    count = int.from_bytes(view[:8], "little")
    ends = [8 * (i + 1) for i in range(count + 1)]
    sizes = [int.from_bytes(view[a : a + 8], "little") for a in ends[:count]]
    at, parts = ends[count], []
    for size in sizes:
        at += -at % _ALIGNED
        parts.append(view[at : at + size])
        at += size
    # Written by our own other process, into a file that only this user can write.
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301


def discard(path: str) -> None:
    """Remove a file that nobody takes."""
    with contextlib.suppress(OSError):
        os.unlink(path)
