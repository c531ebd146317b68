"""Large arrays handed from one process to another without copies of them.

They stand in a file in shared memory where there is room for it, else in the folder for temporary
files; the other process maps it. Beside them go JSON values. The name is gone as soon as the file
is taken.
"""

from __future__ import annotations

import contextlib
import json
import math
import mmap
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

#: Where files stay in memory, on Linux.
_SHARED = Path("/dev/shm")
_ALIGNED = 64
PREFIX = "spreadscope-scan-"
#: So many seconds the clock of files may be behind the clock: some milliseconds on Linux.
_BEHIND_S = 1.0

Arrays = Mapping[str, np.ndarray]


def put(head: Mapping[str, Any], arrays: Arrays, owner: int | None = None) -> str:
    """Write JSON values and arrays of numbers to a file that this user alone can read; its path.

    owner: number of the process whose end makes it worthless, this one where None. Raises
    OSError where no folder has room for it.
    """
    prefix = f"{PREFIX}{os.getpid() if owner is None else owner}-"
    try:
        return _write(_SHARED, prefix, head, arrays)
    except OSError:  # no such folder, or a small one, as in a container
        return _write(Path(tempfile.gettempdir()), prefix, head, arrays)


def _write(folder: Path, prefix: str, head: Mapping[str, Any], arrays: Arrays) -> str:
    number, path = tempfile.mkstemp(prefix=prefix, dir=folder)
    try:
        with os.fdopen(number, "wb") as file:
            columns = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
            described = json.dumps({"head": dict(head), "arrays": columns}).encode()
            file.write(len(described).to_bytes(8, "little"))
            file.write(described)
            for array in arrays.values():
                file.write(b"\0" * (-file.tell() % _ALIGNED))
                if array.size:
                    file.write(np.ascontiguousarray(array).data.cast("B"))
    except OSError:
        discard(path)
        raise
    return path


def take(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `put` wrote; the arrays are read-only and live in the file, whose name is removed.

    Raises OSError where the file is not there.
    """
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    discard(path)
    at = 8 + int.from_bytes(mapped[:8], "little")
    described = json.loads(mapped[8:at])
    arrays = {}
    for name, (kind, shape) in described["arrays"].items():
        at += -at % _ALIGNED
        dtype, count = np.dtype(kind), int(np.prod(shape))
        arrays[name] = (
            np.frombuffer(mapped, dtype, count, at) if count else np.empty(0, dtype)
        ).reshape(shape)
        at += dtype.itemsize * count
    return described["head"], arrays


def discard(path: str) -> None:
    """Remove a file that nobody takes."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def sweep(began_s: float = math.inf) -> None:
    """Remove what this process, or one that is no more, left behind when it was killed.

    began_s: Unix time in s; what bears this process's number and is newer stays, since it is in
    use. An older one may be of a process before that had the same number.
    """
    for folder in (_SHARED, Path(tempfile.gettempdir())):
        for path in folder.glob(f"{PREFIX}*"):
            owner = path.name.removeprefix(PREFIX).partition("-")[0]
            own = owner == str(os.getpid()) and _written_s(path) < began_s - _BEHIND_S
            if own or (owner.isdigit() and not _alive(int(owner))):
                discard(str(path))


def _written_s(path: Path) -> float:
    """When a file was written, Unix time in s; that of one that is gone is over."""
    try:
        return path.stat().st_mtime
    except OSError:
        return math.inf


def _alive(number: int) -> bool:
    """Whether there is a process of this number, as far as can be known."""
    if sys.platform == "win32":  # where signal 0 ends a process
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
